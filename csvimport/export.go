package csvimport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Format is what an export looks like.
type Format string

const (
	// ImportFormat has the columns that an import reads: importing it again
	// changes nothing.
	ImportFormat Format = "import"
	// Overview has nine columns to look at: username, first name, last name,
	// e-mail, mobile, status, role, role level, and whether two-factor
	// authentication is on for the user.
	Overview Format = "overview"
)

// ExportOptions of an export. The zero value is a file in UTF-8, separated by
// commas, with line feeds.
type ExportOptions struct {
	// Separator is ',', ';', a tab or '|'; 0 is a comma, for Excel a semicolon.
	Separator rune
	// ByteOrderMark begins the file with one, by which spreadsheets know UTF-8.
	ByteOrderMark bool
	// Excel makes a file that Excel opens by a double click in most countries:
	// a byte-order mark, semicolons unless Separator is set, and CRLF line
	// ends.
	Excel bool
	// Unguarded writes cells as they are, even if a spreadsheet would run them
	// as a formula. Set it only for files that a program reads. Importing such
	// a file changes some cells: '=1 loses its apostrophe, a cell in
	// typographic quotes loses them, and NULL counts as blank.
	Unguarded bool
	// Groups adds the column groups to the import format: the groups of each
	// user, without the default ones. It costs a query for each user. A group
	// whose name has ";" or "|" is left out.
	Groups bool
	// Fields adds columns of the host's own to the import format; see
	// Options.Fields.
	Fields []string
}

// Export streams the users of a domain as CSV, by login, and returns how many.
// Users who are being deleted are left out. Create the file with mode 0600. It
// needs chatadmin.PermUsersRead.
func Export(ctx context.Context, s *chatadmin.Scope, w io.Writer, f Format, o *ExportOptions) (int, error) {
	if err := errors.Join(given("scope", s), given("writer", w)); err != nil {
		return 0, err
	}
	if f != ImportFormat && f != Overview {
		return 0, fmt.Errorf("format %q: choose %q or %q: %w", f, ImportFormat, Overview, chatadmin.ErrInvalid)
	}
	_, set, err := s.View(ctx, chatadmin.PermUsersRead)
	if err != nil {
		return 0, err
	}
	if o == nil {
		o = &ExportOptions{}
	}
	out, err := o.writer(w)
	if err != nil {
		return 0, err
	}
	if err := checkFields(o.Fields); err != nil {
		return 0, err
	}
	e := exporter{scope: s, set: set, out: out, format: f, unguarded: o.Unguarded, fields: o.Fields}
	head := e.importHead(o)
	if f == Overview {
		head = []string{"username", "first name", "last name", "e-mail", "mobile", "status", "role", "role level", "TFA enabled"}
	}
	if err := e.write(head); err != nil {
		return 0, err
	}
	batch := make([]chatadmin.User, 0, chatadmin.MaxBatch)
	for u, err := range s.Users(ctx, chatadmin.UserQuery{}) {
		if err != nil {
			return e.n, err
		}
		if batch = append(batch, u); len(batch) == cap(batch) {
			if err := e.users(ctx, batch); err != nil {
				return e.n, err
			}
			batch = batch[:0]
		}
	}
	if err := e.users(ctx, batch); err != nil {
		return e.n, err
	}
	return e.n, e.out.close()
}

// writer begins a file.
func (o *ExportOptions) writer(w io.Writer) (*csvWriter, error) {
	separator, end := o.Separator, "\n"
	if o.Excel {
		end = "\r\n"
	}
	switch separator {
	case ',', ';', '\t', '|':
	case 0:
		if separator = ','; o.Excel {
			separator = ';'
		}
	default:
		return nil, fmt.Errorf("the separator %q: choose a comma, a semicolon, a tab or a bar: %w", separator, chatadmin.ErrInvalid)
	}
	out := newCSVWriter(w, byte(separator), end)
	if o.Excel || o.ByteOrderMark {
		out.put("\ufeff")
	}
	return out, nil
}

type exporter struct {
	scope     *chatadmin.Scope
	set       chatadmin.Settings
	out       *csvWriter
	format    Format
	unguarded bool
	columns   []column // of the import format
	own       int      // how many of them are no package's
	fields    []string
	parts     []exportedPart // of packages
	n         int
}

func (e *exporter) users(ctx context.Context, us []chatadmin.User) error {
	if len(us) == 0 {
		return nil
	}
	lines := e.importLines
	if e.format == Overview {
		lines = e.overviewLines
	}
	rows, err := lines(ctx, us)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := e.write(row); err != nil {
			return err
		}
		e.n++
	}
	return nil
}

func (e *exporter) write(cells []string) error {
	if !e.unguarded {
		for i := range cells {
			cells[i] = escaped(e.column(i), cells[i])
		}
	}
	return e.out.write(cells)
}

// column is what a cell of a line means.
func (e *exporter) column(i int) column {
	if e.format == Overview {
		return [...]column{colLogin, colFirstName, colLastName, colEmail, colMobile, colEnabled, colRole, colRole, colEnabled}[i]
	}
	return e.columns[i]
}

func (e *exporter) importLines(ctx context.Context, us []chatadmin.User) ([][]string, error) {
	var ids []chatadmin.ID
	logins := map[chatadmin.ID]string{}
	for _, u := range us {
		if u.Manager != "" && logins[u.Manager] == "" {
			ids = append(ids, u.Manager)
			logins[u.Manager] = "?"
		}
	}
	if len(ids) > 0 {
		managers, err := e.scope.Admin().Store().Users(ctx, e.scope.Domain(), ids)
		if err != nil {
			return nil, err
		}
		clear(logins)
		for _, m := range managers {
			logins[m.ID] = m.Login
		}
	}
	rows := make([][]string, len(us))
	for i, u := range us {
		r := row{Name: u.DisplayName, FirstName: u.FirstName, LastName: u.LastName, Login: u.Login, Email: u.Email, Title: u.Title, Mobile: u.Phone,
			Manager: logins[u.Manager], Enabled: "TRUE", Role: u.Role, Department: u.Department, Kind: u.Kind.String(), Language: exportedAttributes(&u).Language}
		if u.Status == chatadmin.Deactivated {
			r.Enabled = "FALSE"
		}
		for _, name := range e.fields {
			r.fields = append(r.fields, cellText{text: exportedAttributes(&u).Fields[name]})
		}
		if slices.Contains(e.columns, colGroups) {
			var err error
			if r.Groups, err = e.groupsOf(ctx, u.ID); err != nil {
				return nil, err
			}
		}
		for _, c := range e.columns[:e.own] {
			rows[i] = append(rows[i], r.text(c))
		}
		rows[i] = append(rows[i], e.addedCells(&u)...)
	}
	return rows, nil
}

// importHead chooses the columns of the import format, and returns their
// headings.
func (e *exporter) importHead(o *ExportOptions) []string {
	for _, c := range exported {
		if c != colEmail || !e.set.Login.IsEmail {
			e.columns = append(e.columns, c)
		}
	}
	head := headings(e.set.Login.IsEmail)
	if o.Groups {
		e.columns, head = append(e.columns, colGroups), append(head, titles[colGroups])
	}
	for i, name := range o.Fields {
		e.columns, head = append(e.columns, firstField+column(i)), append(head, name)
	}
	e.own = len(e.columns)
	return e.addedHead(head)
}

// groupsOf lists the groups of a user that a file can name.
func (e *exporter) groupsOf(ctx context.Context, user chatadmin.ID) (string, error) {
	var names []string
	store, domain := e.scope.Admin().Store(), e.scope.Domain()
	for p := (chatadmin.Page{Limit: chatadmin.MaxBatch}); ; {
		ms, next, err := store.ListMemberships(ctx, storage.MemberQuery{Domain: domain, User: user}, p)
		if err != nil {
			return "", err
		}
		ids := make([]chatadmin.ID, len(ms))
		for i, m := range ms {
			ids[i] = m.Group
		}
		groups := []chatadmin.Group(nil)
		if len(ids) > 0 {
			if groups, err = store.Groups(ctx, domain, ids); err != nil {
				return "", err
			}
		}
		for _, g := range groups {
			if !g.Default && !g.Deleting && !strings.ContainsAny(g.Name, ";|") {
				names = append(names, g.Name)
			}
		}
		if p.After = next; next == "" {
			slices.Sort(names)
			return strings.Join(names, ";"), nil
		}
	}
}

func (e *exporter) overviewLines(ctx context.Context, us []chatadmin.User) ([][]string, error) {
	tfa := make([]bool, len(us))
	if t := e.scope.Admin().Options().TwoFactor; t != nil {
		var err error
		if tfa, err = t.TwoFactorEnabled(ctx, e.scope.Domain(), us); err != nil {
			return nil, err
		}
		if len(tfa) != len(us) {
			return nil, fmt.Errorf("two-factor authentication answered for %d of %d users", len(tfa), len(us))
		}
	}
	rows := make([][]string, len(us))
	for i, u := range us {
		status := "inactive"
		if u.Status == chatadmin.Active && !u.Denied {
			status = "active"
		}
		role, _ := e.set.Role(u.Role)
		rows[i] = []string{u.Login, u.FirstName, u.LastName, u.Email, u.Phone, status, role.Name, strconv.Itoa(role.Level), yesNo(tfa[i])}
	}
	return rows, nil
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
