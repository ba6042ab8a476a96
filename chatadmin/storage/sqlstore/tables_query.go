package sqlstore

import (
	"fmt"
	"regexp"
	"strconv"
	"time"

	"chatadmin.example/sdk/chatadmin/storage"
)

var uuidText = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// holds reports whether a column can hold an ID, exactly as it is written.
func (f idForm) holds(id string) bool {
	switch f {
	case uuidID:
		return uuidText.MatchString(id)
	case numberID:
		n, err := strconv.ParseInt(id, 10, 64)
		return err == nil && strconv.FormatInt(n, 10) == id
	}
	return true
}

// column is a column of a table, with its type.
type column struct {
	name string // as it stands in statements
	of   string // its type
}

func (t *mapped) column(alias, name string) column {
	return column{alias + "." + quoted(name), t.types[name]}
}

// one is what a column is compared with, for one ID that it can hold.
func (c column) one(d Dialect) string {
	if d == SQLite || c.of == "text" || c.of == "varchar" {
		return "?"
	}
	return "(?::text)::" + c.of
}

// many is an array of what a column is compared with.
func (c column) many() string {
	if c.of == "text" || c.of == "varchar" {
		return "?::text[]"
	}
	return "(?::text[])::" + c.of + "[]"
}

// possible are those IDs that a column can hold.
func (c column) possible(ids []storage.ID) []string {
	all := make([]string, 0, len(ids))
	for _, id := range distinct(ids) {
		if idForms[c.of].holds(string(id)) {
			all = append(all, string(id))
		}
	}
	return all
}

// among appends "the column is one of the IDs".
func (q *query) among(c column, ids []storage.ID) *query {
	values := c.possible(ids)
	switch {
	case len(values) == 0:
		return q.add("1 = 0")
	case len(values) == 1:
		return q.add(c.name+" = "+c.one(q.d), values[0])
	case q.d == PostgreSQL:
		return q.add(c.name+" = ANY("+c.many()+")", values)
	}
	return q.in(c.name, values)
}

// is appends "the column holds the domain", and reports whether the table has
// rows of it at all.
func (t *mapped) domain(q *query, alias string, domain storage.ID) bool {
	if t.Table.Domain == "" {
		q.add("1 = 1")
		return domain == t.of
	}
	c := t.column(alias, t.Table.Domain)
	q.among(c, []storage.ID{domain})
	return idForms[c.of].holds(string(domain))
}

// private appends that a row of the table of chats is a private chat.
func (t *mapped) private(q *query, alias string) {
	if t.own.Type != "" {
		q.add(" AND "+alias+"."+quoted(t.own.Type)+" = ?", t.own.Is)
	}
}

// memberColumn is a column of the table of members.
func (t *mapped) memberColumn(name string) column {
	return column{"mm." + quoted(name), t.others[name]}
}

// with appends that a chat k has one of the users on either side.
func (t *mapped) with(q *query, users []storage.ID) {
	if t.own.Members == "" {
		q.add("(").among(t.column("k", t.own.Sides[0]), users).add(" OR ").among(t.column("k", t.own.Sides[1]), users).add(")")
		return
	}
	chat := t.memberColumn(t.own.MemberChat)
	q.add("EXISTS (SELECT 1 FROM "+quoted(t.own.Members)+" mm WHERE "+chat.name+" = k."+quoted(t.own.ID)+" AND ").
		among(t.memberColumn(t.own.MemberUser), users).add(")")
}

// chatsOf appends a selection of the chats of users, found by their sides; one
// of two of them may come twice.
func (t *mapped) chatsOf(q *query, domain storage.ID, users []storage.ID) {
	id := "k." + quoted(t.own.ID)
	from := " FROM " + quoted(t.own.Table) + " k"
	if t.own.Members != "" {
		q.add("SELECT " + id + " FROM " + quoted(t.own.Members) + " mm JOIN " + quoted(t.own.Table) + " k ON " + id + " = " + t.memberColumn(t.own.MemberChat).name + " WHERE ")
		q.among(t.memberColumn(t.own.MemberUser), users).add(" AND ")
		t.domain(q, "k", domain)
		t.private(q, "k")
		return
	}
	for i, side := range t.own.Sides {
		if i > 0 {
			q.add(" UNION ALL ")
		}
		q.add("SELECT "+id+from+" WHERE ").among(t.column("k", side), users).add(" AND ")
		t.domain(q, "k", domain)
		t.private(q, "k")
	}
}

// unmarked appends that a row is not marked as deleted.
func (t *mapped) unmarked(q *query) {
	switch mark := "m." + quoted(t.Mark); {
	case t.Mark == "":
	case t.types[t.Mark] == "bool":
		q.add(" AND " + mark + " IS NOT TRUE")
	case idForms[t.types[t.Mark]] == numberID:
		q.add(" AND (" + mark + " IS NULL OR " + mark + " = 0)")
	default:
		q.add(" AND " + mark + " IS NULL")
	}
}

// time is a time as a column holds it, for rows that are earlier.
func (t *mapped) time(at time.Time, d Dialect) any {
	switch {
	case t.Time == Milliseconds:
		return at.UnixMilli()
	case t.Time == Seconds:
		return at.Add(time.Second - 1).Unix()
	case d == SQLite:
		return at.UTC().Format("2006-01-02 15:04:05.999")
	}
	return at.UTC()
}

// where appends the condition of a query for rows m of the table, and reports
// whether any row can meet it.
func (t *mapped) where(q *query, cq storage.ContentQuery) bool {
	// Without statistics SQLite takes the domain for as narrow as an author, and
	// an index that begins with it would be read through for each page.
	narrow := q.d == SQLite && t.Table.Domain != "" && len(cq.Containers)+len(cq.Authors)+len(cq.ChatsOf) > 0
	if narrow {
		q.add("likelihood(")
	}
	if !t.domain(q, "m", cq.Domain) {
		return false
	}
	if narrow {
		q.add(", 0.99)")
	}
	lacks := func(column string, asked bool) bool { return asked && column == "" }
	if lacks(t.Author, len(cq.Authors) > 0) || lacks(t.Container, len(cq.Containers) > 0) || lacks(t.At, !cq.Before.IsZero()) ||
		len(cq.ChatsOf) > 0 && t.chats == nil {
		return false
	}
	if t.own != nil {
		t.private(q, "m")
	}
	t.unmarked(q)
	if !cq.Before.IsZero() {
		q.add(" AND m."+quoted(t.At)+" < ?", t.time(cq.Before, q.d))
	}
	if len(cq.Containers) > 0 {
		q.add(" AND ").among(t.column("m", t.Container), cq.Containers)
	}
	if len(cq.Authors) > 0 {
		q.add(" AND ").among(t.column("m", t.Author), cq.Authors)
	}
	if len(cq.ChatsOf) > 0 {
		q.add(" AND m." + quoted(t.Container) + " IN (")
		t.chats.chatsOf(q, cq.Domain, cq.ChatsOf)
		q.add(")")
	}
	t.except(q, cq)
	return true
}

// except leaves out what is held. A row without an author or a place is not.
func (t *mapped) except(q *query, cq storage.ContentQuery) {
	if len(cq.ExceptContainers) > 0 && t.Container != "" {
		q.add(" AND (").among(t.column("m", t.Container), cq.ExceptContainers).add(") IS NOT TRUE")
	}
	if len(cq.ExceptUsers) == 0 {
		return
	}
	if t.Author != "" {
		q.add(" AND (").among(t.column("m", t.Author), cq.ExceptUsers).add(") IS NOT TRUE")
	}
	if t.chats != nil { // looked up row by row: they may have a million chats
		q.add(fmt.Sprintf(" AND NOT EXISTS (SELECT 1 FROM %s k WHERE k.%s = m.%s", quoted(t.chats.own.Table), quoted(t.chats.own.ID), quoted(t.Container)))
		t.chats.private(q, "k")
		q.add(" AND ")
		t.chats.with(q, cq.ExceptUsers)
		q.add(")")
	}
}
