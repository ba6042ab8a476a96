package csvimport

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/csvimport/internal/formula"
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

// ExportOptions of an export.
type ExportOptions struct {
	// Unguarded writes cells that begin with = + - @, tab or CR as they are. A spreadsheet may run them as formulas: only for files that a program reads. A cell that looks
	// guarded although it is not (such as '=1) loses its apostrophe when such a file is imported.
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
	e := exporter{scope: s, set: set, out: csv.NewWriter(w), format: f, unguarded: o != nil && o.Unguarded}
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
	e.out.Flush()
	return e.n, e.out.Error()
}

type exporter struct {
	scope     *chatadmin.Scope
	set       chatadmin.Settings
	out       *csv.Writer
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
			cells[i] = formula.Guard(cells[i])
		}
	}
	return e.out.Write(cells)
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
		r := row{u.DisplayName, u.FirstName, u.LastName, u.Login, u.Email, u.Title, u.Phone, logins[u.Manager], "TRUE", u.Role}
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
