package sqlstore

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"chatadmin.example/sdk/chatadmin/storage"
)

// table says how the rows of one type are kept. Its columns begin with those of
// the primary key.
type table[T any] struct {
	name   string
	what   string // in errors
	keys   int    // how many columns the primary key has
	names  []string
	fields func(*T, []any) []any // appends pointers to the values of the columns
	unique []string              // the further unique key, if any
	field  string                // how conflicts over it call it
	domain string                // the column of the domain; "" where it is the key itself
	// the columns that an update writes; nil: all but the keys and the domain
	writes []string
	// how many columns at the end follow from the others, and are not read
	derived int
	parent  func(*T) (domain, id storage.ID, alive bool) // of what others belong to

	// the columns by which a row is found: the key and the domain
	own                                    []string
	reads, selects, insert, update, delete string
}

// prepared fills in what follows from the rest.
func prepared[T any](t table[T]) *table[T] {
	if t.own = t.names[:t.keys:t.keys]; t.domain != "" {
		t.own = append(t.own, t.domain)
	}
	if t.writes == nil {
		t.writes = slices.DeleteFunc(slices.Clone(t.names), func(name string) bool { return slices.Contains(t.own, name) })
	}
	t.reads = strings.Join(t.names[:len(t.names)-t.derived], ", ")
	t.selects = "SELECT " + t.reads + " FROM {{p}}" + t.name
	t.insert = fmt.Sprintf("INSERT INTO {{p}}%s (%s) VALUES (?%s) ON CONFLICT DO NOTHING", t.name, strings.Join(t.names, ", "), strings.Repeat(",?", len(t.names)-1))
	t.update = fmt.Sprintf(" {{p}}%s SET %s = ? WHERE %s AND rev = ?", t.name, strings.Join(t.writes, " = ?, "), equal(t.own))
	t.delete = fmt.Sprintf("DELETE FROM {{p}}%s WHERE %s AND rev = ?", t.name, equal(t.own))
	return &t
}

func (t *table[T]) from() string { return "{{p}}" + t.name }

// equal is "a = ? AND b = ?".
func equal(names []string) string { return strings.Join(names, " = ? AND ") + " = ?" }

// args are the values of a row as the database takes them.
func (t *table[T]) args(row *T) []any {
	args := t.fields(row, make([]any, 0, len(t.names)))
	for i, field := range args {
		args[i] = value(field)
	}
	return args
}

// dest are the places that a row is scanned into.
func (t *table[T]) dest(row *T) []any {
	dest := t.fields(row, make([]any, 0, len(t.names)))
	dest = dest[:len(dest)-t.derived]
	for i, field := range dest {
		switch p := field.(type) {
		case *[]byte:
			dest[i] = blob{p}
		case *time.Time:
			dest[i] = at{p}
		case *[]storage.ID:
			dest[i] = idList{p}
		}
	}
	return dest
}

// pick takes the arguments of some columns.
func (t *table[T]) pick(args []any, names []string) []any {
	picked := make([]any, len(names), len(names)+4)
	for i, name := range names {
		picked[i] = args[slices.Index(t.names, name)]
	}
	return picked
}

// value is what a field holds, as the database takes it.
func value(field any) any {
	switch p := field.(type) {
	case *string:
		return *p
	case *bool:
		return *p
	case *[]byte:
		return bytes(*p)
	case *[]storage.ID:
		return joinIDs(*p)
	}
	return number(field)
}

func number(field any) int64 {
	switch p := field.(type) {
	case *int64:
		return *p
	case *uint8:
		return int64(*p)
	case *time.Time:
		return millis(*p)
	}
	panic(fmt.Sprintf("sqlstore: no column holds %T", field))
}

var domainRows = prepared(table[storage.Domain]{
	name: "domains", what: "domains", keys: 1, names: strings.Fields("id rev fence name data"), writes: []string{"rev", "name", "data"},
	fields: func(d *storage.Domain, f []any) []any {
		return append(f, (*string)(&d.ID), (*int64)(&d.Rev), (*int64)(&d.Fence), &d.Name, &d.Data)
	},
})

var userRows = prepared(table[storage.User]{
	name: "users", what: "users", keys: 1, domain: "domain", unique: []string{"domain", "login_key"}, field: "login_key",
	names:   strings.Fields("id domain rev login_key name_key login email display_name first_name last_name title department phone phone_e164 role manager kind status admin denied deleting attrs created search"),
	derived: 1,
	fields: func(u *storage.User, f []any) []any {
		search := u.SearchText()
		return append(f, (*string)(&u.ID), (*string)(&u.Domain), (*int64)(&u.Rev), &u.LoginKey, &u.NameKey, &u.Login, &u.Email, &u.DisplayName, &u.FirstName, &u.LastName, &u.Title,
			&u.Department, &u.Phone, &u.PhoneE164, &u.Role, (*string)(&u.Manager), (*uint8)(&u.Kind), (*uint8)(&u.Status), &u.Admin, &u.Denied, &u.Deleting, &u.Attrs, &u.Created, &search)
	},
	parent: func(u *storage.User) (storage.ID, storage.ID, bool) { return u.Domain, u.ID, !u.Deleting },
})

var groupRows = prepared(table[storage.Group]{
	name: "groups", what: "groups", keys: 1, domain: "domain",
	names:   strings.Fields("id domain rev creator name name_key is_default shipped deleting data archived search"),
	derived: 1,
	fields: func(g *storage.Group, f []any) []any {
		search := g.SearchText()
		return append(f, (*string)(&g.ID), (*string)(&g.Domain), (*int64)(&g.Rev), (*string)(&g.Creator), &g.Name, &g.NameKey, &g.Default, &g.Shipped, &g.Deleting, &g.Data,
			&g.Archived, &search)
	},
	parent: func(g *storage.Group) (storage.ID, storage.ID, bool) { return g.Domain, g.ID, !g.Deleting },
})

var memberRows = prepared(table[storage.Membership]{
	name: "memberships", what: "memberships", keys: 2, domain: "domain", names: strings.Fields("grp usr domain rev admin"),
	fields: func(m *storage.Membership, f []any) []any {
		return append(f, (*string)(&m.Group), (*string)(&m.User), (*string)(&m.Domain), (*int64)(&m.Rev), &m.Admin)
	},
})

var deviceRows = prepared(table[storage.Device]{
	name: "devices", what: "devices", keys: 1, domain: "domain", unique: []string{"domain", "usr", "device_key"}, field: "key",
	names:   strings.Fields("id domain rev usr device_key name version secret data type status generation last_seen search"),
	derived: 1,
	fields: func(d *storage.Device, f []any) []any {
		search := d.SearchText()
		return append(f, (*string)(&d.ID), (*string)(&d.Domain), (*int64)(&d.Rev), (*string)(&d.User), &d.Key, &d.Name, &d.Version, &d.Secret, &d.Data, &d.Type, &d.Status,
			&d.Generation, &d.LastSeen, &search)
	},
	parent: func(d *storage.Device) (storage.ID, storage.ID, bool) { return d.Domain, d.ID, true },
})

var recordRows = prepared(table[storage.Record]{
	name: "records", what: "records", keys: 3, names: strings.Fields("kind domain id rev owner due data"),
	fields: func(r *storage.Record, f []any) []any {
		return append(f, &r.Kind, (*string)(&r.Domain), &r.ID, (*int64)(&r.Rev), (*string)(&r.Owner), &r.Due, &r.Data)
	},
})

var eventRows = prepared(table[storage.Event]{
	name: "events", what: "audit events", keys: 1, domain: "domain", writes: []string{"rev", "data"},
	names: strings.Fields("id domain rev actor kind at targets data"),
	fields: func(e *storage.Event, f []any) []any {
		return append(f, (*string)(&e.ID), (*string)(&e.Domain), (*int64)(&e.Rev), (*string)(&e.Actor), &e.Kind, &e.At, &e.Targets, &e.Data)
	},
})

// contentRows: a chat lies in itself, so that one column finds what is in it.
var contentRows = prepared(table[storage.Content]{
	name: "content", what: "content", keys: 1, domain: "domain", names: strings.Fields("id domain container author peer kind at blob"),
	writes: []string{"id"}, // never updated
	fields: func(c *storage.Content, f []any) []any {
		container := &c.Container
		if c.Kind == storage.Chat {
			container = &c.ID
		}
		return append(f, (*string)(&c.ID), (*string)(&c.Domain), (*string)(container), (*string)(&c.Author), (*string)(&c.Peer), (*uint8)(&c.Kind), &c.At, &c.Blob)
	},
})

// joinIDs writes IDs as lines, with a line break at both ends, so that one of
// them can be searched for.
func joinIDs(ids []storage.ID) string {
	if len(ids) == 0 {
		return ""
	}
	return "\n" + strings.Join(strs(ids), "\n") + "\n"
}

type idList struct{ ids *[]storage.ID }

func (l idList) Scan(src any) error {
	text, ok := src.(string)
	if b, isBytes := src.([]byte); isBytes {
		text, ok = string(b), true
	}
	if !ok {
		return fmt.Errorf("IDs are stored as %T", src)
	}
	*l.ids = nil
	if text = strings.Trim(text, "\n"); text != "" {
		for id := range strings.SplitSeq(text, "\n") {
			*l.ids = append(*l.ids, storage.ID(id))
		}
	}
	return nil
}
