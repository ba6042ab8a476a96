package csvimport_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/csvimport"
)

// badges is a package that keeps a badge and a floor of each user, in domains
// of the ESChat preset. A badge belongs to one user.
type badges struct {
	looked map[string]bool // what is taken in the store
	taken  map[string]bool // by rows before
	badge  string          // of the last row
	whole  func(context.Context, storage.Reader) (map[string]bool, error)
}

const badgeName = "badges"

type badgeOf struct {
	Badge string `json:"badge,omitempty"`
	Floor string `json:"floor,omitempty"`
}

func readBadge(u *chatadmin.User) (b badgeOf) {
	a, _ := chatadmin.AttributesOf(*u)
	_ = json.Unmarshal(a.Preferences[badgeName], &b)
	return b
}

func (b *badges) Look(ctx context.Context, r storage.Reader, rows []chatadmin.ColumnRow) (err error) {
	b.looked, err = b.whole(ctx, r)
	return err
}

func (b *badges) Set(row *chatadmin.ColumnRow, now *chatadmin.User) (wrong []*chatadmin.FieldError) {
	is := readBadge(now)
	b.badge = ""
	if c := row.Cells[0]; c != nil && *c != is.Badge {
		switch {
		case *c != "" && !strings.HasPrefix(*c, "B"):
			wrong = append(wrong, &chatadmin.FieldError{Field: "badge_number", Code: "bad_badge", Reason: "a badge begins with B"})
		case *c != "" && (b.looked[*c] || b.taken[*c]):
			wrong = append(wrong, &chatadmin.FieldError{Field: "badge_number", Code: chatadmin.CodeTaken, Reason: "another user has this badge"})
		}
		is.Badge, b.badge = *c, *c
	}
	if c := row.Cells[1]; c != nil {
		is.Floor = *c
	}
	if row.Was == nil && is.Floor == "9" && row.Department != "Roof" {
		wrong = append(wrong, &chatadmin.FieldError{Field: "department", Code: "bad_floor", Reason: "only the roof is on the ninth floor"})
	}
	a, err := chatadmin.AttributesOf(*now)
	if err != nil {
		return append(wrong, &chatadmin.FieldError{Field: "floor", Code: "unreadable"})
	}
	data, _ := json.Marshal(is)
	if a.Preferences = map[string]json.RawMessage{badgeName: data}; is == (badgeOf{}) {
		a.Preferences = nil
	}
	_ = chatadmin.SetAttributes(now, a)
	return wrong
}

func (b *badges) Accept() {
	if b.badge != "" {
		b.taken[b.badge] = true
	}
}

// wearBadges adds the package to a world.
func wearBadges(w *world) {
	whole := func(ctx context.Context, r storage.Reader) (map[string]bool, error) {
		all := map[string]bool{}
		for p := (chatadmin.Page{Limit: 100}); ; {
			us, next, err := r.ListUsers(ctx, chatadmin.UserQuery{Domain: w.Domain}, p)
			if err != nil {
				return nil, err
			}
			for i := range us {
				all[readBadge(&us[i]).Badge] = true
			}
			if p.After = next; next == "" {
				return all, nil
			}
		}
	}
	w.Admin.Extend(chatadmin.Extension{
		Columns: chatadmin.Columns{
			Of: func(set *chatadmin.Settings) []chatadmin.Column {
				if set.Preset != chatadmin.ESChat {
					return nil
				}
				return []chatadmin.Column{{Name: "badge number", Aliases: []string{"badge", "Ausweis"}}, {Name: "floor"}}
			},
			Reader: func(*chatadmin.Scope, *chatadmin.Settings) chatadmin.ColumnReader {
				return &badges{taken: map[string]bool{}, whole: whole}
			},
			Cells: func(_ *chatadmin.Settings, u *chatadmin.User) []string {
				b := readBadge(u)
				return []string{b.Badge, b.Floor}
			},
		},
		Preference: chatadmin.Preference{Name: badgeName, Diff: func(was, now json.RawMessage) []chatadmin.FieldChange {
			return []chatadmin.FieldChange{{Field: "badge", Before: string(was), After: string(now)}}
		}},
	})
}

// The columns of a package are read, checked beside the others, told at their
// columns, kept, cleared and exported.
func TestAddedColumns(t *testing.T) {
	w := newWorld(t, chatadmin.ESChat)
	wearBadges(w)
	file := "login,first name,last name,department,Badge,floor\n" +
		"ann,Ann,Smith,Roof,B1,9\n" +
		"bob,Bob,Smith,Cellar,B2,9\n" + // the department is wrong for the floor
		"cid,Cid,,Roof,X3,\n" + // two faults of one row
		"dora,Dora,Smith,Roof,B1,1\n" + // taken by ann's row
		"emil,Emil,Smith,Roof,B2,1\n" + // bob's row is not imported
		"fay,Fay,Smith,Roof,,\n"
	r, lines := w.run(w.S, file, csvimport.UpdateExisting, nil)
	require.Equal(t, []string{"2 created", "3 failed bad_floor", "4 failed bad_badge missing", "5 failed taken", "6 created", "7 created"}, lines)
	require.Equal(t, badgeOf{"B1", "9"}, readBadge(new(w.is("ann"))))
	require.Equal(t, badgeOf{}, readBadge(new(w.is("fay"))))
	var columns []string
	require.NoError(t, r.Outcomes(ctx, w.S, strings.NewReader(file), func(o csvimport.Outcome) error {
		for _, n := range o.Notes {
			columns = append(columns, n.Column+"="+n.Value)
		}
		return nil
	}))
	require.Equal(t, []string{"department=Cellar", "Badge=X3", "last name=", "Badge=B1"}, columns)

	_, lines = w.run(w.S, "login,Ausweis\nann,\nemil,B9\n", csvimport.UpdateExisting, nil)
	require.Equal(t, []string{"2 unchanged", "3 updated"}, lines, "a blank cell keeps the badge")
	r, lines = w.run(w.S, "login,badge\nann,\nfay,B2\n", csvimport.UpdateExisting, &csvimport.ImportOptions{ClearBlanks: true})
	require.Equal(t, []string{"2 updated", "3 updated"}, lines)
	require.Zero(t, r.Counts.KeptBlanks)
	require.Equal(t, badgeOf{"", "9"}, readBadge(new(w.is("ann"))))
	r, _ = w.run(w.S, "login,badge,floor\nfay,,\nann,,\n", csvimport.UpdateExisting, nil)
	require.EqualValues(t, 2, r.Counts.KeptBlanks, "fay's badge and ann's floor")

	for e, err := range w.Host.Events(ctx, chatadmin.EventQuery{Kind: csvimport.KindImport, Target: w.is("fay").ID}) {
		require.NoError(t, err)
		require.Contains(t, fmt.Sprint(e.Changes), "B2")
		break
	}

	var b bytes.Buffer
	_, err := csvimport.Export(ctx, w.S, &b, csvimport.ImportFormat, nil)
	require.NoError(t, err)
	require.Contains(t, b.String(), ",language,badge number,floor\n")
	before := w.everybody()
	_, lines = w.run(w.S, b.String(), csvimport.UpdateExisting, nil)
	for _, line := range lines {
		require.Contains(t, line, "unchanged")
	}
	require.Equal(t, before, w.everybody())
}

// Elsewhere the headings are unknown, the host's own fields go first, and a
// name can be given by the administrator.
func TestAddedHeadings(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	wearBadges(w)
	p, err := csvimport.ImportsOf(w.S).Plan(ctx, w.S, strings.NewReader("login,badge\nann@acme.example,X\n"), csvimport.UpdateExisting, nil)
	require.NoError(t, err)
	require.Equal(t, "", p.Columns[1].Field)

	w = newWorld(t, chatadmin.ESChat)
	wearBadges(w)
	o := &csvimport.ImportOptions{Fields: []string{"floor"}, Columns: map[string]string{"no.": "badge number"}}
	p, err = csvimport.ImportsOf(w.S).Plan(ctx, w.S, strings.NewReader("login,first name,last name,No.,floor\nann,Ann,Smith,X,9\n"), csvimport.UpdateExisting, o)
	require.NoError(t, err)
	require.Equal(t, "badge number", p.Columns[3].Field)
	require.Equal(t, "floor", p.Columns[4].Field)
	require.EqualValues(t, 1, p.Counts.Failed)

	data, err := json.Marshal(p)
	require.NoError(t, err)
	var again csvimport.Plan
	require.NoError(t, json.Unmarshal(data, &again))
	require.Equal(t, p.Settings, again.Settings)
	again.Settings.Added[0].Name = ""
	_, err = csvimport.ImportsOf(w.S).Apply(ctx, w.S, &again, strings.NewReader(""), nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
}

// Rows of different batches are decided by one reader in a plan, and by one for
// each transaction in an import: to the same end, also when resumed.
func TestAddedColumnsOverBatches(t *testing.T) {
	w := newWorld(t, chatadmin.ESChat)
	wearBadges(w)
	var b strings.Builder
	b.WriteString("login,first name,last name,badge\n")
	for i := range 2100 {
		fmt.Fprintf(&b, "user.%d,A,Smith,B%d\n", i, i%1050)
	}
	stopped, stop := context.WithCancel(ctx)
	r, err := csvimport.ImportsOf(w.S).Import(stopped, w.S, strings.NewReader(b.String()), csvimport.UpdateExisting, &csvimport.ImportOptions{Progress: func(chatadmin.Progress) { stop() }})
	require.ErrorIs(t, err, context.Canceled)
	r, err = csvimport.ImportsOf(w.S).Resume(ctx, w.S, r.ImportID, strings.NewReader(b.String()), nil)
	require.NoError(t, err)
	require.EqualValues(t, 1050, r.Counts.Created)
	require.EqualValues(t, 1050, r.Counts.Failed)
}
