package sqlstore

import (
	"context"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"chatadmin.example/sdk/chatadmin/storage"
)

// A list of users is one of three, all in the same order and with the same
// cursors, so that each page may be another one:
//
//   - If one condition alone narrows the list, and an index has it in the order
//     of the list, the list is a part of that index.
//   - If a condition with an index holds for few users, those are read by it,
//     sorted, and narrowed by the other conditions.
//   - Otherwise the list is looked through in its order, searchRows rows for
//     each page. Where no condition holds for few, many of them fit.

// fewUsers is how many users are read and sorted for one page.
const fewUsers = 10000

// condition is one condition of a query for users, and what finds those for
// whom it holds, if anything does: an index of the table, or another table.
type condition struct {
	where *query // without the domain
	index string // its name
	// whether the index has them by login key
	ordered bool
	// what selects their IDs from another table, in all domains
	find *query
}

// conditions are what a query asks for besides the domain and the deletion, but
// for a prefix of the key that the list is ordered by. Those come first that
// mostly hold for the fewest.
func (r reader) conditions(q storage.UserQuery, by search) []condition {
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
		cs = append(cs, r.searched(q.Search, by))
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

// minSearch is the shortest text that an index of trigrams finds.
const minSearch = 3

// searched finds users by a part of their text.
func (r reader) searched(text string, by search) condition {
	if r.s.d == SQLite {
		c := condition{where: r.where("instr(search, ?) > 0", text)}
		if by.index && utf8.RuneCountInString(text) >= minSearch {
			phrase := `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
			c.find = r.where("SELECT m.usr FROM {{p}}users_search s JOIN {{p}}user_numbers m ON m.n = s.rowid WHERE s.search MATCH ?", phrase)
		}
		return c
	}
	c := condition{where: r.where("strpos(search, ?) > 0", text)}
	if by.index && trigrams(text, by.letters) {
		pattern := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text)
		c.where, c.index = r.where("search LIKE ?", "%"+pattern+"%"), "users_search"
	}
	return c
}

// trigrams reports whether pg_trgm finds a trigram in a text that may stand
// anywhere: three letters or digits in a row. In a database with the locale C
// it knows none beyond ASCII.
func trigrams(text string, letters bool) bool {
	run := 0
	for _, c := range text {
		if run++; !unicode.IsLetter(c) && !unicode.IsDigit(c) || c >= utf8.RuneSelf && !letters {
			run = 0
		}
		if run == minSearch {
			return true
		}
	}
	return false
}

// users are the conditions of a query as a whole.
func (r reader) users(q storage.UserQuery) *query {
	w := r.where("domain = ?", string(q.Domain)).and(!q.WithDeleting, "NOT deleting")
	for _, c := range r.conditions(q, search{}) {
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
	l := listing{order: userOrder(q), desc: q.Newest}
	l.where = r.where("domain = ?", string(q.Domain)).and(!q.WithDeleting, "NOT deleting")
	if q.Prefix != "" && !q.Newest {
		l.where.add(" AND ").prefix(l.order[0], q.Prefix)
	}
	by, err := search{}, error(nil)
	if q.Search != "" {
		if by, err = r.searching(ctx); err != nil {
			return nil, "", err
		}
	}
	all := r.conditions(q, by)
	rest := all
	if i := slices.IndexFunc(all, func(c condition) bool { return c.ordered }); i >= 0 && len(l.order) == 1 {
		l.where.add(" AND ").append(all[i].where)
		rest = slices.Delete(slices.Clone(all), i, i+1)
	}
	if len(rest) == 0 {
		return list(ctx, r, userRows, l, p)
	}
	// An index that has the list in its order is not sorted for conditions that
	// only narrow it.
	narrower := slices.ContainsFunc(rest, func(c condition) bool { return c.index != "" || c.find != nil })
	for i := 0; narrower && i < len(all); i++ {
		few, err := r.few(ctx, q.Domain, &all[i])
		if err != nil {
			return nil, "", err
		}
		if few {
			return list(ctx, r, userRows, r.fewListed(q, l, all, i), p)
		}
	}
	l.search = func(w *query) {
		for _, c := range rest {
			w.add(" AND ").append(c.where)
		}
	}
	return list(ctx, r, userRows, l, p)
}

// few reports whether a condition holds for at most fewUsers, as far as its
// index tells.
func (r reader) few(ctx context.Context, domain storage.ID, c *condition) (bool, error) {
	q := r.where("SELECT count(*) FROM (")
	switch {
	case c.find != nil:
		q.append(c.find)
	case c.index != "":
		q.add("SELECT 1 FROM {{p}}users WHERE domain = ? AND ", string(domain)).append(c.where)
	default:
		return false, nil
	}
	n, err := fetch(ctx, r, "listing users", q.add(" LIMIT ?) c", fewUsers+1), func(n *int64) []any { return []any{n} })
	return err == nil && n[0] <= fewUsers, err
}

// fewListed is the list that reads all users of one condition, narrows them by
// the others, and sorts them.
func (r reader) fewListed(q storage.UserQuery, l listing, all []condition, by int) listing {
	c := &all[by]
	l.few = true
	l.where = r.where("domain = ?", string(q.Domain))
	if c.find != nil {
		l.where = r.where("domain || '' = ? AND id IN (", string(q.Domain)).append(c.find).add(")") // by no index of the domain
	}
	l.where.and(!q.WithDeleting, "NOT deleting")
	for i := range all {
		if i != by || c.find == nil {
			l.where.add(" AND ").append(all[i].where)
		}
	}
	if q.Prefix != "" && !q.Newest {
		l.where.add(" AND ").prefix(l.order[0]+" || ''", q.Prefix)
	}
	return l
}
