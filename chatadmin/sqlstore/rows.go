package sqlstore

import (
	"fmt"
	"strings"

	"chatadmin.example/sdk/chatadmin"
)

// table says how the rows of one type are kept. Its columns begin with those of the primary key.
type table[T any] struct {
	name    string
	columns []column
	keys    int      // how many columns the primary key has
	unique  []string // the further unique key, if any
	field   string   // how conflicts over it call it
	domain  string   // the column of the domain; "" where it is the key itself
	writes  []string // the columns that an update writes; nil: all but the keys and the domain
	args    func(*T) []any
	dest    func(*T) []any
	rev     func(*T) chatadmin.Rev
	what    string // in errors

	selects, insert, update, delete string // made by prepare
}

// column is one column, and the kind of array that holds many of its values.
type column struct {
	name string
	kind string // "text", "bigint", "boolean", "bytea"
}

// cols makes columns of "name:kind", text being the default.
func cols(spec string) []column {
	var all []column
	for _, f := range strings.Fields(spec) {
		name, kind, found := strings.Cut(f, ":")
		if !found {
			kind = "text"
		}
		all = append(all, column{name, kind})
	}
	return all
}

func (t *table[T]) names() []string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	return names
}

// index is the place of a column.
func (t *table[T]) index(name string) int {
	for i, c := range t.columns {
		if c.name == name {
			return i
		}
	}
	panic("sqlstore: no column " + name)
}

// written are the columns that an update writes.
func (t *table[T]) written() []string {
	if t.writes != nil {
		return t.writes
	}
	var names []string
	for _, c := range t.columns[t.keys:] {
		if c.name != t.domain {
			names = append(names, c.name)
		}
	}
	return names
}

// own is the condition that a row has the key and belongs to the domain.
func (t *table[T]) own() []string {
	conds := t.names()[:t.keys]
	if t.domain != "" {
		conds = append(append([]string(nil), conds...), t.domain)
	}
	return conds
}

// equal is "a = ? AND b = ?".
func equal(names []string) string { return strings.Join(names, " = ? AND ") + " = ?" }

// prepared fills in the statements.
func prepared[T any](t table[T]) *table[T] {
	t.selects = "SELECT " + strings.Join(t.names(), ", ") + " FROM {{p}}" + t.name
	t.insert = fmt.Sprintf("INSERT INTO {{p}}%s (%s) VALUES (?%s) ON CONFLICT DO NOTHING", t.name, strings.Join(t.names(), ", "), strings.Repeat(",?", len(t.columns)-1))
	t.update = fmt.Sprintf(" {{p}}%s SET %s = ? WHERE %s AND rev = ?", t.name, strings.Join(t.written(), " = ?, "), equal(t.own()))
	t.delete = fmt.Sprintf("DELETE FROM {{p}}%s WHERE %s AND rev = ?", t.name, equal(t.own()))
	return &t
}

var domainRows = prepared(table[chatadmin.Domain]{
	name: "domains", what: "domains", keys: 1, columns: cols("id rev:bigint fence:bigint name data:bytea"), writes: []string{"rev", "name", "data"},
	args: func(d *chatadmin.Domain) []any {
		return []any{string(d.ID), int64(d.Rev), int64(d.Fence), d.Name, bytes(d.Data)}
	},
	dest: func(d *chatadmin.Domain) []any {
		return []any{(*string)(&d.ID), (*int64)(&d.Rev), (*int64)(&d.Fence), &d.Name, blob{&d.Data}}
	},
	rev: func(d *chatadmin.Domain) chatadmin.Rev { return d.Rev },
})

var userRows = prepared(table[chatadmin.User]{
	name: "users", what: "users", keys: 1, domain: "domain", unique: []string{"domain", "login_key"}, field: "login_key",
	columns: cols("id domain rev:bigint login_key name_key login email display_name first_name last_name title department phone phone_e164 role manager " +
		"kind:bigint status:bigint admin:boolean denied:boolean deleting:boolean attrs:bytea created:bigint"),
	args: func(u *chatadmin.User) []any {
		return []any{string(u.ID), string(u.Domain), int64(u.Rev), u.LoginKey, u.NameKey, u.Login, u.Email, u.DisplayName, u.FirstName, u.LastName, u.Title, u.Department, u.Phone,
			u.PhoneE164, u.Role, string(u.Manager), int64(u.Kind), int64(u.Status), u.Admin, u.Denied, u.Deleting, bytes(u.Attrs), millis(u.Created)}
	},
	dest: func(u *chatadmin.User) []any {
		return []any{(*string)(&u.ID), (*string)(&u.Domain), (*int64)(&u.Rev), &u.LoginKey, &u.NameKey, &u.Login, &u.Email, &u.DisplayName, &u.FirstName, &u.LastName, &u.Title,
			&u.Department, &u.Phone, &u.PhoneE164, &u.Role, (*string)(&u.Manager), (*uint8)(&u.Kind), (*uint8)(&u.Status), &u.Admin, &u.Denied, &u.Deleting, blob{&u.Attrs}, at{&u.Created}}
	},
	rev: func(u *chatadmin.User) chatadmin.Rev { return u.Rev },
})

var groupRows = prepared(table[chatadmin.Group]{
	name: "groups", what: "groups", keys: 1, domain: "domain",
	columns: cols("id domain rev:bigint creator name name_key is_default:boolean shipped:boolean deleting:boolean data:bytea"),
	args: func(g *chatadmin.Group) []any {
		return []any{string(g.ID), string(g.Domain), int64(g.Rev), string(g.Creator), g.Name, g.NameKey, g.Default, g.Shipped, g.Deleting, bytes(g.Data)}
	},
	dest: func(g *chatadmin.Group) []any {
		return []any{(*string)(&g.ID), (*string)(&g.Domain), (*int64)(&g.Rev), (*string)(&g.Creator), &g.Name, &g.NameKey, &g.Default, &g.Shipped, &g.Deleting, blob{&g.Data}}
	},
	rev: func(g *chatadmin.Group) chatadmin.Rev { return g.Rev },
})

var memberRows = prepared(table[chatadmin.Membership]{
	name: "memberships", what: "memberships", keys: 2, domain: "domain", columns: cols("grp usr domain rev:bigint admin:boolean"),
	args: func(m *chatadmin.Membership) []any {
		return []any{string(m.Group), string(m.User), string(m.Domain), int64(m.Rev), m.Admin}
	},
	dest: func(m *chatadmin.Membership) []any {
		return []any{(*string)(&m.Group), (*string)(&m.User), (*string)(&m.Domain), (*int64)(&m.Rev), &m.Admin}
	},
	rev: func(m *chatadmin.Membership) chatadmin.Rev { return m.Rev },
})

var deviceRows = prepared(table[chatadmin.Device]{
	name: "devices", what: "devices", keys: 1, domain: "domain", unique: []string{"domain", "usr", "device_key"}, field: "key",
	columns: cols("id domain rev:bigint usr device_key name version secret:bytea data:bytea type:bigint status:bigint generation:bigint last_seen:bigint"),
	args: func(d *chatadmin.Device) []any {
		return []any{string(d.ID), string(d.Domain), int64(d.Rev), string(d.User), d.Key, d.Name, d.Version, bytes(d.Secret), bytes(d.Data), int64(d.Type), int64(d.Status),
			d.Generation, millis(d.LastSeen)}
	},
	dest: func(d *chatadmin.Device) []any {
		return []any{(*string)(&d.ID), (*string)(&d.Domain), (*int64)(&d.Rev), (*string)(&d.User), &d.Key, &d.Name, &d.Version, blob{&d.Secret}, blob{&d.Data}, &d.Type, &d.Status,
			&d.Generation, at{&d.LastSeen}}
	},
	rev: func(d *chatadmin.Device) chatadmin.Rev { return d.Rev },
})

var recordRows = prepared(table[chatadmin.Record]{
	name: "records", what: "records", keys: 3, columns: cols("kind domain id rev:bigint owner due:bigint data:bytea"),
	args: func(r *chatadmin.Record) []any {
		return []any{r.Kind, string(r.Domain), r.ID, int64(r.Rev), string(r.Owner), millis(r.Due), bytes(r.Data)}
	},
	dest: func(r *chatadmin.Record) []any {
		return []any{&r.Kind, (*string)(&r.Domain), &r.ID, (*int64)(&r.Rev), (*string)(&r.Owner), at{&r.Due}, blob{&r.Data}}
	},
	rev: func(r *chatadmin.Record) chatadmin.Rev { return r.Rev },
})

var eventRows = prepared(table[chatadmin.Event]{
	name: "events", what: "audit events", keys: 1, domain: "domain", writes: []string{"rev", "data"},
	columns: cols("id domain rev:bigint actor kind at:bigint targets data:bytea"),
	args: func(e *chatadmin.Event) []any {
		return []any{string(e.ID), string(e.Domain), int64(e.Rev), string(e.Actor), e.Kind, millis(e.At), joinIDs(e.Targets), bytes(e.Data)}
	},
	dest: func(e *chatadmin.Event) []any {
		return []any{(*string)(&e.ID), (*string)(&e.Domain), (*int64)(&e.Rev), (*string)(&e.Actor), &e.Kind, at{&e.At}, idList{&e.Targets}, blob{&e.Data}}
	},
	rev: func(e *chatadmin.Event) chatadmin.Rev { return e.Rev },
})

// contentRows: a chat lies in itself, so that one column finds what is in it.
var contentRows = prepared(table[chatadmin.Content]{
	name: "content", what: "content", keys: 1, domain: "domain", columns: cols("id domain container author peer kind:bigint at:bigint blob"),
	writes: []string{"id"}, // never updated
	args: func(c *chatadmin.Content) []any {
		container := c.Container
		if c.Kind == chatadmin.Chat {
			container = c.ID
		}
		return []any{string(c.ID), string(c.Domain), string(container), string(c.Author), string(c.Peer), int64(c.Kind), millis(c.At), c.Blob}
	},
	rev: func(*chatadmin.Content) chatadmin.Rev { return 0 },
})

// joinIDs writes IDs as lines, with a line break at both ends, so that one of them can be searched for.
func joinIDs(ids []chatadmin.ID) string {
	if len(ids) == 0 {
		return ""
	}
	return "\n" + strings.Join(strs(ids), "\n") + "\n"
}

type idList struct{ ids *[]chatadmin.ID }

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
			*l.ids = append(*l.ids, chatadmin.ID(id))
		}
	}
	return nil
}
