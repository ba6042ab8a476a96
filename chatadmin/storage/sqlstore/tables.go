package sqlstore

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"chatadmin.example/sdk/chatadmin/class"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Tables map tables that the host has in the store's database: messages, files,
// private chats, whatever belongs to users or lies in groups. Nothing of them is
// changed but that rows are deleted. See Store.Map.
//
// Names of tables and columns are those of the catalog, with their case; a table
// may be "schema.table". They have letters, digits, "_" and "$".
type Tables struct {
	// Rows are the tables of messages, files and the like, in the order in which
	// they are to be emptied: first what refers to others.
	Rows []Table
	// Chats is where private chats lie; nil if there are none, or none in a
	// table of the host's. Its rows go after those of all other tables.
	Chats *Chats
	// Domain is the one domain that all rows belong to of tables without a
	// column for it.
	Domain storage.ID
}

// Table is one table or view. Its columns may be text, uuid or integers, if the
// library's IDs are of that form: an ID that a column cannot hold selects
// nothing. Of Author, Container, At and Domain there must be an index on each
// that is named, or each batch reads the whole table.
type Table struct {
	Name  string // of the source, such as "messages": see storage.Source
	Table string

	Author    string // column with the user who has written the row; "" if there is none
	Container string // column with the group or private chat that it lies in; ""
	At        string // column with the time when it was written; ""
	Time      Time   // the form of At
	Blob      string // column with the key of a file's contents; ""
	Domain    string // column with the domain; "" where all rows belong to Tables.Domain

	// ID is a column that is unique in the table. Only views, partitioned and
	// inherited tables, and tables WITHOUT ROWID need it, since their rows are
	// not found by their place.
	ID string
	// Mark is a column that is set instead of deleting the row, and is NULL,
	// false or 0 in others: a boolean is set to true, a timestamp or an integer
	// to the time, in the form of Time. What is written in the row stays, so the
	// receipt counts it apart. A table with many marked rows needs indexes that
	// leave them out (WHERE deleted_at IS NULL).
	Mark string
}

// Chats are private chats: rows with two sides, or, where Members is named,
// channels with a table of members. Rows of Tables.Rows lie in them by Container.
type Chats struct {
	Name  string // of the source, such as "chats"
	Table string
	ID    string // the column that Container names; unique
	// Sides are the columns of the two users.
	Sides [2]string
	// Members has a row for each side: MemberChat and MemberUser are its
	// columns. Its rows go with the chat.
	Members, MemberChat, MemberUser string
	// Type and Is say which channels are private chats: the column and its
	// value, such as "type" and "D". "" if all are.
	Type, Is string
	Domain   string // column; "" where all chats belong to Tables.Domain
}

// Time is the form in which a column holds a time.
type Time uint8

// Timestamps are timestamptz or timestamp in UTC on PostgreSQL, and on SQLite
// text in UTC as CURRENT_TIMESTAMP writes it ("2006-01-02 15:04:05").
const (
	Milliseconds Time = iota // integer, since 1970
	Seconds                  // integer, since 1970
	Timestamps
)

// ErrMapping is returned by Store.Map for tables that cannot be mapped.
var ErrMapping = class.Invalid.New("mapping", "a table of the host cannot be mapped")

func mapping(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrMapping, fmt.Errorf(format, args...))
}

// Mapping are tables that were found to be as they are mapped.
type Mapping struct {
	s     *Store
	rows  []*mapped
	chats *mapped // nil if there are none
}

// Map looks whether tables are as they are said to be, and makes sources of
// them. Sources are for chatadmin.Options.Sources.
func (s *Store) Map(ctx context.Context, t Tables) (*Mapping, error) {
	m := &Mapping{s: s}
	if t.Chats != nil {
		m.chats = newMappedChats(t.Chats, t.Domain)
		if err := m.chats.check(ctx, s); err != nil {
			return nil, err
		}
	}
	for i := range t.Rows {
		r := &mapped{Table: t.Rows[i], of: t.Domain}
		if r.chats = m.chats; r.Container == "" {
			r.chats = nil
		}
		if err := r.check(ctx, s); err != nil {
			return nil, err
		}
		m.rows = append(m.rows, r)
	}
	return m, nil
}

// Sources are the tables, in the order in which they are emptied.
func (m *Mapping) Sources() []storage.Source {
	var all []storage.Source
	for _, t := range slices.Concat(m.rows, []*mapped{m.chats}) {
		if t != nil {
			all = append(all, storage.Source{Name: t.Name, Inside: &tableSource{m.s, t}, Marks: t.Mark != ""})
		}
	}
	return all
}

// mapped is a table with what was found out about it.
type mapped struct {
	Table
	of    storage.ID // without a column for the domain
	chats *mapped    // that rows may lie in; itself where these are the chats
	own   *Chats     // where these are the chats

	types  map[string]string // by column
	others map[string]string // by column of the table of members
	place  string            // what finds a row: "ctid", "rowid", or the quoted column of its ID
	placed bool              // by place, not by ID
	view   bool
}

// newMappedChats is the table of chats: each lies in itself.
func newMappedChats(c *Chats, of storage.ID) *mapped {
	t := &mapped{Table: Table{Name: c.Name, Table: c.Table, Container: c.ID, Domain: c.Domain, ID: c.ID}, of: of, own: c}
	t.chats = t
	return t
}

var identifier = regexp.MustCompile(`^[\p{L}_][\p{L}\p{N}_$]{0,62}$`)

// quoted is an identifier, or "schema.table", for a statement.
func quoted(name string) string {
	return `"` + strings.ReplaceAll(name, ".", `"."`) + `"`
}

// columns are those that the mapping names, in the table itself.
func (t *mapped) columns() []string {
	all := []string{t.Author, t.Container, t.At, t.Blob, t.Table.Domain, t.Table.ID, t.Mark}
	if t.own != nil {
		all = append(all, t.own.Sides[0], t.own.Sides[1], t.own.Type)
	}
	all = slices.DeleteFunc(all, func(name string) bool { return name == "" })
	slices.Sort(all)
	return slices.Compact(all)
}

// check looks at the table in the catalog.
func (t *mapped) check(ctx context.Context, s *Store) error {
	if t.Table.Domain == "" && t.of == "" {
		return mapping("table %q has no column for the domain: name it, or Tables.Domain", t.Table.Table)
	}
	if t.own != nil {
		sides, members := t.own.Sides[0] != "" && t.own.Sides[1] != "", t.own.Members != "" && t.own.MemberChat != "" && t.own.MemberUser != ""
		if t.own.ID == "" || sides == members {
			return mapping("the chats in %q: name the column of their ID, and either the two sides or the table of members with its columns", t.Table.Table)
		}
	}
	columns, kind, err := s.described(ctx, t.Table.Table)
	if err != nil {
		return err
	}
	t.types = columns
	for _, name := range t.columns() {
		if !identifier.MatchString(name) {
			return mapping("column %q of table %q: a name has letters, digits, _ and $", name, t.Table.Table)
		}
		if _, ok := columns[name]; !ok {
			return mapping("table %q has no column %q", t.Table.Table, name)
		}
	}
	if err := t.checkTypes(s.d); err != nil {
		return err
	}
	if t.own != nil && t.own.Members != "" {
		if err := t.checkMembers(ctx, s); err != nil {
			return err
		}
	}
	t.view = kind == "view"
	switch {
	case kind == "table" && !s.serializable && t.own == nil:
		t.place, t.placed = map[Dialect]string{PostgreSQL: "ctid", SQLite: "rowid"}[s.d], true
	case t.Table.ID == "":
		return mapping("rows of %q are not found by their place, since it is a view, is partitioned or has no rowid: name a unique column as its ID", t.Table.Table)
	default:
		t.place = quoted(t.Table.ID)
	}
	return nil
}

// checkMembers looks at the table of the members of chats.
func (t *mapped) checkMembers(ctx context.Context, s *Store) error {
	columns, _, err := s.described(ctx, t.own.Members)
	if err != nil {
		return err
	}
	t.others = columns
	for _, name := range []string{t.own.MemberChat, t.own.MemberUser} {
		switch of, ok := columns[name]; {
		case !identifier.MatchString(name) || !ok:
			return mapping("table %q has no column %q", t.own.Members, name)
		case idForms[of] == noID:
			return mapping("column %q of table %q has the type %s, which holds no IDs", name, t.own.Members, of)
		}
	}
	return nil
}

// described are the columns of a table with their types, and "table" if its
// rows are found by their place, "view", or "other".
func (s *Store) described(ctx context.Context, name string) (columns map[string]string, kind string, err error) {
	parts := strings.Split(name, ".")
	if len(parts) > 2 || slices.ContainsFunc(parts, func(p string) bool { return !identifier.MatchString(p) }) {
		return nil, "", mapping("table %q: give a table, or a schema and a table, with letters, digits, _ and $", name)
	}
	type column struct{ name, of string }
	q := &query{d: s.d}
	if s.d == PostgreSQL {
		q.add(`SELECT a.attname, coalesce(b.typname, t.typname) FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid `+
			`LEFT JOIN pg_type b ON b.oid = t.typbasetype WHERE a.attrelid = to_regclass(?) AND a.attnum > 0 AND NOT a.attisdropped`, quoted(name))
	} else {
		q.add("SELECT name, lower(type) FROM pragma_table_xinfo(?)", parts[len(parts)-1])
		if len(parts) == 2 {
			q = (&query{d: s.d}).add("SELECT name, lower(type) FROM pragma_table_xinfo(?, ?)", parts[1], parts[0])
		}
	}
	const what = "looking at the tables of the host"
	found, err := fetch(ctx, s.reader, what, q, func(c *column) []any { return []any{&c.name, &c.of} })
	if err == nil && len(found) == 0 {
		err = mapping("there is no table %q", name)
	}
	if err != nil {
		return nil, "", err
	}
	columns = map[string]string{}
	for _, c := range found {
		if columns[c.name] = c.of; s.d == SQLite {
			columns[c.name] = affinity(c.of)
		}
	}
	kinds, err := fetch(ctx, s.reader, what, s.kindOf(parts), func(k *string) []any { return []any{k} })
	if err != nil {
		return nil, "", err
	}
	return columns, strings.Join(kinds, ""), nil
}

// kindOf asks for the kind of a table.
func (s *Store) kindOf(parts []string) *query {
	q := &query{d: s.d}
	if s.d == PostgreSQL {
		return q.add(`SELECT CASE WHEN relkind = 'v' THEN 'view' WHEN relkind = 'r' AND NOT relhassubclass THEN 'table' ELSE 'other' END `+
			`FROM pg_class WHERE oid = to_regclass(?)`, quoted(strings.Join(parts, ".")))
	}
	q.add("SELECT CASE WHEN type = 'table' AND wr = 0 THEN 'table' WHEN type = 'view' THEN 'view' ELSE 'other' END FROM pragma_table_list WHERE name = ?", parts[len(parts)-1])
	if len(parts) == 2 {
		q.add(" AND schema = ?", parts[0])
	}
	return q.add(" LIMIT 1")
}

// The forms of IDs that columns hold.
type idForm uint8

const (
	noID idForm = iota
	textID
	uuidID
	numberID
)

// idForms are those of the types of PostgreSQL, and those that SQLite's mean.
var idForms = map[string]idForm{"text": textID, "varchar": textID, "bpchar": textID, "uuid": uuidID, "int2": numberID, "int4": numberID, "int8": numberID}

// checkTypes looks whether the columns hold what they are named for.
func (t *mapped) checkTypes(d Dialect) error {
	ids := []string{t.Author, t.Container, t.Table.Domain, t.Table.ID}
	if t.own != nil {
		ids = append(ids, t.own.Sides[:]...)
	}
	for _, name := range ids {
		if name != "" && idForms[t.types[name]] == noID {
			return mapping("column %q of table %q has the type %s, which holds no IDs: map a view that makes text of it", name, t.Table.Table, t.types[name])
		}
	}
	number := idForms[t.types[t.At]] == numberID
	switch {
	case t.At == "" || number && t.Time != Timestamps:
	case number || t.Time != Timestamps || !timestamp(t.types[t.At], d):
		return mapping("column %q of table %q has the type %s: say by Time how it holds times", t.At, t.Table.Table, t.types[t.At])
	}
	if t.Blob != "" && idForms[t.types[t.Blob]] != textID {
		return mapping("column %q of table %q has the type %s: keys of file contents are text", t.Blob, t.Table.Table, t.types[t.Blob])
	}
	if of := t.types[t.Mark]; t.Mark != "" && of != "bool" && idForms[of] != numberID && !timestamp(of, d) {
		return mapping("column %q of table %q has the type %s: rows are marked by a boolean, an integer or a time", t.Mark, t.Table.Table, of)
	}
	return nil
}

func timestamp(of string, d Dialect) bool {
	return of == "timestamptz" || of == "timestamp" || d == SQLite && of == "text"
}

// affinity is the type of PostgreSQL that a declared type of SQLite comes to.
func affinity(declared string) string {
	switch of := declared; {
	case strings.Contains(of, "bool"):
		return "bool"
	case strings.Contains(of, "int"):
		return "int8"
	case strings.Contains(of, "char"), strings.Contains(of, "clob"), strings.Contains(of, "text"), of == "uuid", of == "":
		return "text"
	case strings.HasPrefix(of, "datetime"), strings.HasPrefix(of, "timestamp"):
		return "timestamp"
	}
	return declared
}
