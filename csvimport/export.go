package csvimport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"chatadmin.example/sdk/chatadmin"
)

// Format is what an export looks like.
type Format string

const (
	// ImportFormat has the columns that an import reads: importing it again changes nothing.
	ImportFormat Format = "import"
	// Overview has nine columns to look at: username, first name, last name, e-mail, mobile, status, role, role level, and whether two-factor
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
	// Excel is what most Excels outside of English-speaking countries open by a
	// double click: a byte-order mark, semicolons unless Separator says otherwise, and
	// line ends of Windows.
	Excel bool
	// Unguarded writes cells that a spreadsheet would run as a formula, or take for
	// nothing, as they are: only for files that a program reads. When such a file is
	// imported, a cell that looks guarded although it is not (such as '=1) loses its
	// apostrophe, one in typographic quotes loses them, and NULL counts as blank.
	Unguarded bool
}

// Export streams the users of a domain as CSV, by login, and returns how many. Users being deleted are left out. Create the file with mode 0600. It needs chatadmin.PermUsersRead.
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
	e := exporter{scope: s, set: set, out: out, format: f, unguarded: o.Unguarded}
	head := headings(set.Login.IsEmail)
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
	if c := column(i); !e.set.Login.IsEmail || c < colEmail {
		return c
	}
	return column(i) + 1
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
			Manager: logins[u.Manager], Enabled: "TRUE", Role: u.Role, Department: u.Department, Kind: u.Kind.String()}
		if u.Status == chatadmin.Deactivated {
			r.Enabled = "FALSE"
		}
		for c := range columns {
			cell := r.cell(c)
			if !e.set.Login.IsEmail || c != colEmail {
				rows[i] = append(rows[i], *cell)
			}
		}
	}
	return rows, nil
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
