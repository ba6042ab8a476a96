package portal

import (
	"context"
	"errors"
	"strings"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// pageSize is how many rows a list shows.
const pageSize = 50

// paging is where a list stands, for the template "pager".
type paging struct {
	Next  string // the cursor of the next page; "" is the end
	Later bool   // it is not the first page
}

// page is the page of a list that the request asks for.
func (v *view) page(limit int) chatadmin.Page {
	return chatadmin.Page{After: chatadmin.Cursor(v.r.URL.Query().Get("after")), Limit: limit}
}

func (v *view) paging(next chatadmin.Cursor) paging {
	return paging{string(next), v.r.URL.Query().Get("after") != ""}
}

// usersPage is a page of the users of the domain.
func usersPage(ctx context.Context, s *chatadmin.Scope, q chatadmin.UserQuery, p chatadmin.Page) ([]chatadmin.User, chatadmin.Cursor, error) {
	if _, _, err := s.View(ctx, chatadmin.PermUsersRead); err != nil {
		return nil, "", err
	}
	q.Domain, q.Prefix = s.Domain(), chatadmin.Fold(q.Prefix)
	return fill(p, func(p chatadmin.Page) ([]chatadmin.User, chatadmin.Cursor, error) {
		return s.Admin().Store().ListUsers(ctx, q, p)
	})
}

// groupsPage is a page of the groups of the domain.
func groupsPage(ctx context.Context, s *chatadmin.Scope, q chatadmin.GroupQuery, p chatadmin.Page) ([]chatadmin.Group, chatadmin.Cursor, error) {
	if _, _, err := s.View(ctx, chatadmin.PermUsersRead); err != nil {
		return nil, "", err
	}
	q.Domain, q.Prefix = s.Domain(), chatadmin.Fold(q.Prefix)
	return fill(p, func(p chatadmin.Page) ([]chatadmin.Group, chatadmin.Cursor, error) {
		return s.Admin().Store().ListGroups(ctx, q, p)
	})
}

// membersPage is a page of the members of a group.
func membersPage(ctx context.Context, s *chatadmin.Scope, group chatadmin.ID, p chatadmin.Page) ([]chatadmin.Membership, chatadmin.Cursor, error) {
	if _, err := s.Group(ctx, group); err != nil {
		return nil, "", err
	}
	q := storage.MemberQuery{Domain: s.Domain(), Group: group}
	return fill(p, func(p chatadmin.Page) ([]chatadmin.Membership, chatadmin.Cursor, error) {
		return s.Admin().Store().ListMemberships(ctx, q, p)
	})
}

// fill makes one page of several that the store ended early.
func fill[T any](p chatadmin.Page, list func(chatadmin.Page) ([]T, chatadmin.Cursor, error)) ([]T, chatadmin.Cursor, error) {
	var rows []T
	for limit := p.Limit; ; {
		part, next, err := list(p)
		rows, p.After, p.Limit = append(rows, part...), next, limit-len(rows)-len(part)
		if err != nil || next == "" || p.Limit <= 0 {
			return rows, next, err
		}
	}
}

// people reads users of the domain by their IDs, at most MaxBatch, in one call.
// Those who are missing, or are being deleted, have no name.
func (v *view) people(ids ...chatadmin.ID) (map[chatadmin.ID]chatadmin.User, error) {
	found := map[chatadmin.ID]chatadmin.User{}
	var wanted []chatadmin.ID
	for _, id := range ids {
		if id != "" && id != chatadmin.HostActor {
			wanted = append(wanted, id)
		}
	}
	if len(wanted) == 0 {
		return found, nil
	}
	if _, _, err := v.s.View(v.r.Context(), chatadmin.PermUsersRead); err != nil {
		return nil, err
	}
	us, err := v.p.admin.Store().Users(v.r.Context(), v.s.Domain(), wanted)
	if err != nil {
		return nil, err
	}
	for _, u := range us {
		if !u.Deleting || v.May(chatadmin.PermUsersDelete) {
			found[u.ID] = u
		}
	}
	return found, nil
}

// query is a parameter of the address, trimmed and cut.
func (v *view) query(name string) string {
	s := strings.ToValidUTF8(strings.TrimSpace(v.r.URL.Query().Get(name)), "")
	if len(s) > 250 {
		s = strings.ToValidUTF8(s[:250], "")
	}
	return strings.ReplaceAll(s, "\x00", "")
}

// runsPage is a page of the runs that the reader may see, the open ones first.
func runsPage(ctx context.Context, s *chatadmin.Scope, q chatadmin.RunQuery, p chatadmin.Page) (all []chatadmin.Run, next chatadmin.Cursor, err error) {
	for run, err := range s.Runs(ctx, q) {
		if errors.Is(err, chatadmin.ErrDamaged) {
			continue
		}
		if err != nil {
			return nil, "", err
		}
		if all = append(all, run); len(all) == p.Limit {
			break
		}
	}
	return all, "", nil
}

// eventsPage is a page of the audit log, the newest first.
func eventsPage(ctx context.Context, s *chatadmin.Scope, q chatadmin.EventQuery, p chatadmin.Page) (all []chatadmin.AuditEvent, next chatadmin.Cursor, err error) {
	for e, err := range s.Events(ctx, q) {
		if err != nil && !errors.Is(err, chatadmin.ErrDamaged) {
			return nil, "", err
		}
		if all = append(all, e); len(all) == p.Limit {
			break
		}
	}
	return all, "", nil
}
