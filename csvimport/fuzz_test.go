package csvimport

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/csvimport/internal/csvfile"
)

// Whatever the headings are: no panic, every meaning at most once, and each
// column of the file has at most one.
func FuzzHeader(f *testing.F) {
	for _, s := range []string{"name,firstname,lastname,email/login,title,mobile,manager,Enabled", "LOGIN, E-Mail", "_line,login", "", "login,login", "email/login\x00,manager", "ﬁrstname,ＬＯＧＩＮ"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, line string, isEmail bool) {
		names := strings.Split(line, ",")
		h, err := readHeader(names, chatadmin.LoginPolicy{IsEmail: isEmail}, settings{})
		if err != nil {
			require.ErrorIs(t, err, chatadmin.ErrInvalid)
			return
		}
		require.True(t, h.has(colLogin))
		seen := map[int]bool{}
		for _, i := range h.at {
			require.Less(t, i, len(names))
			require.False(t, i >= 0 && seen[i])
			seen[i] = true
		}
		if isEmail {
			require.False(t, h.has(colEmail))
		}
		again, err := readHeader(headings(isEmail), chatadmin.LoginPolicy{IsEmail: isEmail}, settings{})
		require.NoError(t, err)
		require.Empty(t, again.unknown)
	})
}

// Whatever stands in a file: the rows that the reader passes come out of the
// decoder with the cells that the reader saw, but for the space and the guard
// around them.
func FuzzRows(f *testing.F) {
	for _, s := range []string{"name,login\nAnn,ann@acme.example\n", "login;title\na@b.example;\"x\"\"y\nz\"\n", "login,mobile\na@b.example,'+48 1\n", "login\n\"\n\n\x00\n", "login,x\na,b,c\n \" a\",\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		src, err := open(t.Context(), bytes.NewReader(file), chatadmin.LoginPolicy{IsEmail: true}, settings{}, csvfile.Format{})
		if err != nil {
			return
		}
		lines, err := open(t.Context(), bytes.NewReader(file), chatadmin.LoginPolicy{IsEmail: true}, settings{}, csvfile.Format{})
		require.NoError(t, err)
		line := 0
		for {
			rows, err := src.read(t.Context())
			require.NoError(t, err)
			if len(rows) == 0 {
				_, err := lines.entry()
				require.Equal(t, io.EOF, err)
				return
			}
			for _, e := range rows {
				require.Greater(t, e.line, line, "lines ascend")
				line = e.line
				if e.bad != nil {
					require.NotEmpty(t, e.bad.Code)
				}
				want, err := lines.entry()
				require.NoError(t, err)
				require.Equal(t, want.line, e.line)
				require.Equal(t, *want.row, *e.row)
			}
		}
	})
}

// Whatever the file: the plan tells exactly what the import does, and importing
// it again changes nothing.
func FuzzImport(f *testing.F) {
	for _, s := range []string{"login,manager,enabled,role\na@b.example,c@d.example,TRUE,\nc@d.example,a@b.example,,admin\n", "login,name\na@b.example,=1\nA@B.example,x\n",
		"login,enabled,manager\nboss@acme.example,FALSE,boss@acme.example\nx@y.example,FALSE,\n", "login,title\nex@acme.example,\n"} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, file []byte, update bool) {
		ctx := t.Context()
		a := chatadmintest.Must(chatadmin.New(memstore.New(nil), nil))
		d, boss, err := a.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example"}})
		require.NoError(t, err)
		s, mode := a.As(d.ID, boss.ID), SkipExisting
		if update {
			mode = UpdateExisting
		}
		_, err = s.CreateUser(ctx, chatadmin.NewUser{Login: "ex@acme.example", Title: "T", Manager: boss.ID})
		require.NoError(t, err)
		p, err := ImportsOf(s).Plan(ctx, s, bytes.NewReader(file), mode, nil)
		if err != nil {
			require.ErrorIs(t, err, chatadmin.ErrInvalid)
			return
		}
		r, err := ImportsOf(s).Apply(ctx, s, p, bytes.NewReader(file), nil)
		require.NoError(t, err)
		require.Equal(t, p.Counts, r.Counts)
		c := r.Counts
		require.Equal(t, c.Rows, c.Created+c.Updated+c.Unchanged+c.Skipped+c.Failed)
		require.NoError(t, r.WriteCSV(ctx, s, bytes.NewReader(file), io.Discard))
		again, err := ImportsOf(s).Import(ctx, s, bytes.NewReader(file), UpdateExisting, nil)
		require.NoError(t, err)
		if update {
			require.Zero(t, again.Counts.Created+again.Counts.Updated, "%+v", again.Counts)
		}
	})
}
