package sqlstore

import (
	"context"
	"slices"

	"chatadmin.example/sdk/chatadmin/storage"
)

// userConditions are what a query asks for besides the domain and the deletion, but
// for a prefix of the key that the list is ordered by. Those come first that
// mostly hold for the fewest.
func (r reader) userConditions(q storage.UserQuery, by search) []condition {
	var cs []condition
	indexed := func(wanted bool, index string, ordered bool, text string, args ...any) {
		if wanted {
			cs = append(cs, condition{where: r.where(text, args...), index: index, ordered: ordered})
		}
	}
	plain := func(wanted bool, text string, args ...any) { indexed(wanted, "", false, text, args...) }
	indexed(q.Manager != "", "users_manager", true, "manager <> '' AND manager = ?", string(q.Manager))
	indexed(q.AdminOnly, "users_admin", true, "admin = true")
	indexed(q.DeniedOnly, "users_denied", true, "denied = true")
	indexed(q.Role != "" && q.Role != commonRole, "users_role", true, "role <> '"+commonRole+"' AND role = ?", q.Role)
	guests := len(q.Kinds) == 1 && q.Kinds[0] == storage.Guest
	indexed(guests, "users_guest", true, "kind = 2")
	if q.Search != "" {
		cs = append(cs, r.searched(users, q.Search, by))
	}
	if q.MemberOf != "" {
		cs = append(cs, condition{
			where: r.where("EXISTS (SELECT 1 FROM {{p}}memberships m WHERE m.grp = ? AND m.usr = id LIMIT 1 OFFSET 0)", string(q.MemberOf)),
			find:  r.where("SELECT usr FROM {{p}}memberships WHERE grp = ? ORDER BY grp, usr", string(q.MemberOf)),
		})
	}
	indexed(q.Department != "", "users_department", true, "department <> '' AND department = ?", q.Department)
	inactive := len(q.Statuses) > 0 && !slices.Contains(q.Statuses, storage.Active)
	indexed(inactive, "users_inactive", len(q.Statuses) == 1, "status <> 2 AND status IN ("+numbers(q.Statuses)+")")
	if q.Newest && q.Prefix != "" {
		cs = append(cs, condition{where: (&query{d: r.s.d}).prefix("login_key", q.Prefix), index: "users_login"})
	}
	plain(q.Role == commonRole, "role = '"+commonRole+"'")
	plain(len(q.Kinds) > 0 && !guests, "kind IN ("+numbers(q.Kinds)+")")
	plain(len(q.Statuses) > 0 && !inactive, "status IN ("+numbers(q.Statuses)+")")
	plain(q.NotMemberOf != "", "NOT EXISTS (SELECT 1 FROM {{p}}memberships m WHERE m.grp = ? AND m.usr = id LIMIT 1 OFFSET 0)", string(q.NotMemberOf))
	return cs
}

// commonRole is the role of nearly everybody, for which an index would be of no
// use.
const commonRole = "member"

// users are the conditions of a query as a whole.
func (r reader) users(q storage.UserQuery) *query {
	w := r.where("domain = ?", string(q.Domain)).and(!q.WithDeleting, "NOT deleting")
	for _, c := range r.userConditions(q, search{}) {
		w.add(" AND ").append(c.where)
	}
	if q.Prefix != "" && !q.Newest {
		w.add(" AND ").prefix(userOrder(q)[0], q.Prefix)
	}
	return w
}

// userOrder are the columns that order a list. A login key is unique in a
// domain.
func userOrder(q storage.UserQuery) []string {
	switch {
	case q.Newest:
		return []string{"created", "id"}
	case q.ByName:
		return []string{"name_key", "id"}
	}
	return []string{"login_key"}
}

// ListUsers implements storage.Reader.
func (r reader) ListUsers(ctx context.Context, q storage.UserQuery, p storage.Page) ([]storage.User, storage.Cursor, error) {
	n := narrowed{domain: q.Domain, deleting: q.WithDeleting, order: userOrder(q), desc: q.Newest}
	// of several columns, no index of one condition has the list in its order
	n.ordered = len(n.order) == 1
	if !q.Newest {
		n.prefix = q.Prefix
	}
	by, err := r.searchingFor(ctx, users, q.Search)
	if err != nil {
		return nil, "", err
	}
	return narrowedList(ctx, r, userRows, n, r.userConditions(q, by), p)
}
