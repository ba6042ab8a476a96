package csvimport_test

import (
	"context"
	"encoding/csv"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/csvimport"
)

func (w *world) export(f csvimport.Format, o *csvimport.ExportOptions) string {
	w.T.Helper()
	var out strings.Builder
	_, err := csvimport.Export(ctx, w.S, &out, f, o)
	require.NoError(w.T, err)
	return out.String()
}

// Importing an export changes nothing, and brings the users into an empty
// domain as they were.
func TestExportImport(t *testing.T) {
	for _, preset := range []chatadmin.Preset{chatadmin.OfficeChat, chatadmin.ESChat, chatadmin.Engage} {
		for _, unguarded := range []bool{false, true} {
			w := newWorld(t, preset)
			fill := func(n int) chatadmin.User {
				return w.User(map[bool]string{true: fmt.Sprintf("user%d@acme.example", n), false: fmt.Sprintf("user.%d", n)}[preset == chatadmin.OfficeChat],
					func(u *chatadmin.NewUser) {
						u.Email = fmt.Sprintf("user%d@acme.example", n)
						u.FirstName, u.LastName, u.Title, u.Phone, u.Manager = "Zoë \"Z\"", "O'Neil; Jr.", "=1+1", "+48 600 100 200", w.Boss.ID
						u.DisplayName = []string{"@all", "-minus", "'quoted", map[bool]string{true: "x", false: "''=x"}[unguarded], "plain, with comma", "\u00a0nbsp",
							"x;=cmd|' /C calc'!A0", "Smith, -J", "x;" + map[bool]string{true: "y", false: "'=y"}[unguarded], "a;\"=b\"", "＝1; ＠x", "a|+b"}[n%12]
					})
			}
			var ids []chatadmin.ID
			for n := range 12 {
				ids = append(ids, fill(n).ID)
			}
			_, err := w.Host.DeactivateUsers(ctx, ids[3], ids[4])
			require.NoError(t, err)
			_, err = w.Host.DenyAccess(ctx, ids[5])
			require.NoError(t, err)
			state := w.dump()
			text := w.export(csvimport.ImportFormat, &csvimport.ExportOptions{Unguarded: unguarded})
			if !unguarded {
				require.Contains(t, text, "'=1+1")
				require.Contains(t, text, "'+48 600 100 200")
			}
			r, _ := w.run(w.S, text, csvimport.UpdateExisting, nil)
			require.Equal(t, csvimport.Counts{Rows: 13, Unchanged: 13}, csvimport.Counts{Rows: r.Counts.Rows, Unchanged: r.Counts.Unchanged, Warnings: r.Counts.Warnings}, "%s", preset)
			require.Equal(t, state, w.dump())
			require.Equal(t, text, w.export(csvimport.ImportFormat, &csvimport.ExportOptions{Unguarded: unguarded}))

			empty := newWorld(t, preset)
			r, err = csvimport.ImportsOf(empty.Host).Import(ctx, empty.Host, strings.NewReader(text), csvimport.SkipExisting, nil)
			require.NoError(t, err)
			require.EqualValues(t, 10, r.Counts.Created, "two were deactivated, one is the boss")
		}
	}
}

type twoFactor map[string]bool

func (f twoFactor) TwoFactorEnabled(_ context.Context, _ chatadmin.ID, users []chatadmin.User) ([]bool, error) {
	on := make([]bool, len(users))
	for i, u := range users {
		on[i] = f[u.Login]
	}
	return on, nil
}

func TestOverview(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat, func(o *chatadmin.Options) { o.TwoFactor = twoFactor{"active@acme.example": true} })
	for _, login := range []string{"active", "denied", "away", "pending"} {
		u := w.User(login+"@acme.example", func(n *chatadmin.NewUser) { n.FirstName, n.LastName, n.Phone = "A", "B", "+31612345678" })
		if login != "pending" {
			w.signIn(u.ID)
		}
	}
	_, err := w.S.DenyAccess(ctx, w.is("denied@acme.example").ID)
	require.NoError(t, err)
	_, err = w.S.DeactivateUsers(ctx, w.is("away@acme.example").ID)
	require.NoError(t, err)
	rows, err := csv.NewReader(strings.NewReader(w.export(csvimport.Overview, nil))).ReadAll()
	require.NoError(t, err)
	require.Equal(t, [][]string{
		{"username", "first name", "last name", "e-mail", "mobile", "status", "role", "role level", "TFA enabled"},
		{"active@acme.example", "A", "B", "active@acme.example", "'+31612345678", "active", "Member", "0", "yes"},
		{"away@acme.example", "A", "B", "away@acme.example", "'+31612345678", "inactive", "Member", "0", "no"},
		{"boss@acme.example", "The", "Boss", "boss@acme.example", "", "inactive", "Domain admin", "100", "no"},
		{"denied@acme.example", "A", "B", "denied@acme.example", "'+31612345678", "inactive", "Member", "0", "no"},
		{"pending@acme.example", "A", "B", "pending@acme.example", "'+31612345678", "inactive", "Member", "0", "no"},
	}, rows)
	_, err = csvimport.Export(ctx, w.S, &strings.Builder{}, "other", nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	_, err = csvimport.Export(ctx, w.Admin.As(w.Domain, w.is("pending@acme.example").ID), &strings.Builder{}, csvimport.Overview, nil)
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
}

// A thousand and more users go out page by page.
func TestExportPages(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	_, err := csvimport.ImportsOf(w.S).Import(ctx, w.S, strings.NewReader(file(2345)), csvimport.SkipExisting, nil)
	require.NoError(t, err)
	var out strings.Builder
	n, err := csvimport.Export(ctx, w.S, &out, csvimport.ImportFormat, nil)
	require.NoError(t, err)
	require.Equal(t, 2346, n)
	require.Equal(t, 2347, strings.Count(out.String(), "\n"))
}
