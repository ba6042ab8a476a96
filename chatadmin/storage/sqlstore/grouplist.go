package sqlstore

import (
	"context"

	"chatadmin.example/sdk/chatadmin/storage"
)

// groupConditions are what a query asks for besides the domain, the deletion
// and the prefix. Those come first that mostly hold for the fewest.
func (r reader) groupConditions(q storage.GroupQuery, by search) []condition {
	var cs []condition
	indexed := func(wanted bool, index, text string, args ...any) {
		if wanted {
			cs = append(cs, condition{where: r.where(text, args...), index: index, ordered: index != ""})
		}
	}
	indexed(q.DefaultOnly, "groups_default", "is_default")
	indexed(q.Creator != "", "groups_creator", "creator <> '' AND creator = ?", string(q.Creator))
	if q.Search != "" {
		cs = append(cs, r.searched(groups, q.Search, by))
	}
	indexed(q.ArchivedOnly, "groups_archived", "archived")
	indexed(q.NotArchived, "", "NOT archived")
	return cs
}

// ListGroups implements storage.Reader.
func (r reader) ListGroups(ctx context.Context, q storage.GroupQuery, p storage.Page) ([]storage.Group, storage.Cursor, error) {
	by, err := r.searchingFor(ctx, groups, q.Search)
	if err != nil {
		return nil, "", err
	}
	n := narrowed{domain: q.Domain, deleting: q.WithDeleting, order: []string{"name_key", "id"}, ordered: true, prefix: q.Prefix}
	return narrowedList(ctx, r, groupRows, n, r.groupConditions(q, by), p)
}
