package csvimport_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/csvimport"
)

var ctx = context.Background()

// world is a store with one domain in it.
type world struct{ *chatadmintest.World }

func newWorld(t testing.TB, preset chatadmin.Preset, o ...func(*chatadmin.Options)) *world {
	return newWorldOn(t, memstore.New(nil), preset, o...)
}

func newWorldOn(t testing.TB, store chatadmin.Store, preset chatadmin.Preset, o ...func(*chatadmin.Options)) *world {
	t.Helper()
	return &world{chatadmintest.NewWorld(t, &chatadmintest.WorldOptions{Store: store, Preset: preset, Admin: func(ao *chatadmin.Options) {
		for _, f := range o {
			f(ao)
		}
	}})}
}

func withRole(role string) func(*chatadmin.NewUser) {
	return func(n *chatadmin.NewUser) { n.Role = role }
}

// is is a user as stored.
func (w *world) is(login string) chatadmin.User {
	w.T.Helper()
	u, err := w.Host.UserByLogin(ctx, login)
	require.NoError(w.T, err)
	return u
}

// dump describes every user, with managers by login, and the members of each
// group.
func (w *world) dump() []string {
	w.T.Helper()
	var lines []string
	logins := map[chatadmin.ID]string{}
	for u, err := range w.Host.Users(ctx, chatadmin.UserQuery{}) {
		require.NoError(w.T, err)
		logins[u.ID] = u.Login
	}
	for u, err := range w.Host.Users(ctx, chatadmin.UserQuery{}) {
		require.NoError(w.T, err)
		lines = append(lines, fmt.Sprintf("%s|%s|%s|%s|%s|%s|%s|%s|%s|%s|%v", u.Login, u.Email, u.DisplayName, u.FirstName, u.LastName, u.Title, u.Phone, logins[u.Manager],
			u.Role, u.Status, u.Denied))
	}
	for g, err := range w.Host.Groups(ctx, chatadmin.GroupQuery{}) {
		require.NoError(w.T, err)
		n, err := w.Host.CountMembers(ctx, g.ID)
		require.NoError(w.T, err)
		lines = append(lines, fmt.Sprintf("%s: %d", g.Name, n))
	}
	return lines
}

// eventCount is how many audit events there are.
func (w *world) eventCount(kind string) (n int) {
	w.T.Helper()
	for _, err := range w.Host.Events(ctx, chatadmin.EventQuery{Kind: kind}) {
		require.NoError(w.T, err)
		n++
	}
	return n
}

// outcomes describes what became of each row: "login status code,code".
func outcomes(t testing.TB, list func(context.Context, *chatadmin.Scope, io.ReadSeeker, func(csvimport.Outcome) error) error, s *chatadmin.Scope, file string) []string {
	t.Helper()
	var lines []string
	require.NoError(t, list(ctx, s, strings.NewReader(file), func(o csvimport.Outcome) error {
		line := fmt.Sprintf("%d %s", o.Line, o.Status)
		if o.Activated {
			line += "+activated"
		}
		if o.Deactivated {
			line += "+deactivated"
		}
		for _, n := range o.Notes {
			line += " " + n.Code
			require.NotEmpty(t, n.Message)
		}
		lines = append(lines, line)
		return nil
	}))
	return lines
}

// run plans an import, imports, checks that the plan had told exactly what
// happened, and returns the outcomes.
func (w *world) run(s *chatadmin.Scope, file string, mode csvimport.Mode, o *csvimport.ImportOptions) (*csvimport.Result, []string) {
	w.T.Helper()
	before, events := w.dump(), w.eventCount("")
	p, err := csvimport.ImportsOf(s).Plan(ctx, s, strings.NewReader(file), mode, o)
	require.NoError(w.T, err)
	planned := outcomes(w.T, p.Outcomes, s, file)
	require.Equal(w.T, before, w.dump(), "a plan writes nothing")
	require.Equal(w.T, events, w.eventCount(""))
	r, err := csvimport.ImportsOf(s).Apply(ctx, s, p, strings.NewReader(file), o)
	require.NoError(w.T, err)
	lines := outcomes(w.T, r.Outcomes, s, file)
	require.Equal(w.T, planned, lines, "the plan tells what the import does")
	require.Equal(w.T, p.Counts, r.Counts)
	require.Equal(w.T, p.Warnings, r.Warnings)
	c := r.Counts
	require.Equal(w.T, c.Rows, c.Created+c.Updated+c.Unchanged+c.Skipped+c.Failed)
	return r, lines
}

// The sample of the help page: typographic quotes, a space before the last
// field, and a manager who stands on a later line and is not created.
func TestHelpPageSample(t *testing.T) {
	text, err := os.ReadFile("internal/csvfile/testdata/help-page-sample.csv")
	require.NoError(t, err)
	w := newWorld(t, chatadmin.OfficeChat)
	r, lines := w.run(w.S, string(text), csvimport.UpdateExisting, nil)
	require.Equal(t, csvimport.Counts{Rows: 2, Created: 1, Skipped: 1, Warnings: 1}, r.Counts)
	require.Equal(t, []string{"2 created no_manager", "3 skipped not_created"}, lines)
	will := w.is("willsmith@gmail.com")
	require.Equal(t, "Director", will.Title)
	require.Equal(t, "+911234123411", will.PhoneE164)
	require.Empty(t, will.Manager)
}

// What Enabled does, for every state of a user, every spelling, and both modes.
func TestEnabled(t *testing.T) {
	const head = "email/login,Enabled\n"
	for _, c := range []struct {
		cells                                []string
		unknown, pending, active, away       string // in update mode
		skipPending, skipActive, skipAway    string
		isUnknown, isPending, isActive, isIn chatadmin.Status // afterwards, in update mode
	}{
		{[]string{"TRUE", "true", " True ", "yes", "1", "wahr", "VRAI", "ИСТИНА", "Active", "ja", "Sí"}, "created", "unchanged", "unchanged", "updated+activated",
			"skipped exists", "skipped exists", "skipped exists enabled_ignored", chatadmin.Pending, chatadmin.Pending, chatadmin.Active, chatadmin.Active},
		{[]string{"FALSE", "false", "\tFalse ", "no", "0", "FALSCH", "faux", "ЛОЖЬ", "Deactivated", "nein", "Suspended"}, "skipped not_created", "updated+deactivated", "updated+deactivated", "unchanged",
			"skipped exists enabled_ignored", "skipped exists enabled_ignored", "skipped exists", 0, chatadmin.Deactivated, chatadmin.Deactivated, chatadmin.Deactivated},
		{[]string{"", "  "}, "created", "unchanged", "unchanged", "unchanged",
			"skipped exists", "skipped exists", "skipped exists", chatadmin.Pending, chatadmin.Pending, chatadmin.Active, chatadmin.Deactivated},
		{[]string{"perhaps", "2", "TRUE.", "yes no", "x", "Bot"}, "failed bad_enabled", "failed bad_enabled", "failed bad_enabled", "failed bad_enabled",
			"failed bad_enabled", "failed bad_enabled", "failed bad_enabled", 0, chatadmin.Pending, chatadmin.Active, chatadmin.Deactivated},
	} {
		for _, cell := range c.cells {
			for _, mode := range []csvimport.Mode{csvimport.UpdateExisting, csvimport.SkipExisting} {
				t.Run(fmt.Sprintf("%s %q", mode, cell), func(t *testing.T) {
					w := newWorld(t, chatadmin.OfficeChat)
					for _, login := range []string{"pending", "active", "away"} {
						u := w.User(login + "@acme.example")
						if login != "pending" {
							w.signIn(u.ID)
						}
						if login == "away" {
							_, err := w.Host.DeactivateUsers(ctx, u.ID)
							require.NoError(t, err)
						}
					}
					file := head
					for _, login := range []string{"unknown", "pending", "active", "away"} {
						file += login + "@acme.example," + cell + "\n"
					}
					_, lines := w.run(w.S, file, mode, nil)
					want := []string{"2 " + c.unknown, "3 " + c.pending, "4 " + c.active, "5 " + c.away}
					states := []chatadmin.Status{c.isUnknown, c.isPending, c.isActive, c.isIn}
					if mode == csvimport.SkipExisting {
						want = []string{"2 " + c.unknown, "3 " + c.skipPending, "4 " + c.skipActive, "5 " + c.skipAway}
						states = []chatadmin.Status{c.isUnknown, chatadmin.Pending, chatadmin.Active, chatadmin.Deactivated}
					}
					require.Equal(t, want, lines)
					for i, login := range []string{"unknown", "pending", "active", "away"} {
						u, err := w.Host.UserByLogin(ctx, login+"@acme.example")
						if states[i] == 0 {
							require.ErrorIs(t, err, chatadmin.ErrNotFound)
							continue
						}
						require.NoError(t, err)
						require.Equal(t, states[i], u.Status, login)
					}
				})
			}
		}
	}
}

// signIn makes a user active, as the first sign-in does.
func (w *world) signIn(id chatadmin.ID) {
	w.T.Helper()
	require.NoError(w.T, w.Host.Change(ctx, chatadmin.Op{Kind: "test.signin", Fence: storage.Shared}, func(ctx context.Context, work *chatadmin.Writer) error {
		us, err := work.Users(ctx, w.Domain, []chatadmin.ID{id})
		if err != nil {
			return err
		}
		now, err := chatadmin.Transition(us[0], chatadmin.SignedIn)
		if err != nil {
			return err
		}
		p, _ := work.Settings.Prepare(now)
		return work.WriteUsers(ctx, "test.signin", []chatadmin.UserWrite{{Was: us[0], Now: p}})
	}))
}

func TestModeMustBeChosen(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	for _, mode := range []csvimport.Mode{"", "Update", "both"} {
		_, err := csvimport.ImportsOf(w.S).Plan(ctx, w.S, strings.NewReader("login\na@b.example\n"), mode, nil)
		require.ErrorIs(t, err, chatadmin.ErrInvalid)
		_, err = csvimport.ImportsOf(w.S).Import(ctx, w.S, strings.NewReader("login\na@b.example\n"), mode, nil)
		require.ErrorIs(t, err, chatadmin.ErrInvalid)
	}
}

// A column that is absent changes nothing, and neither does a blank cell unless
// it is to clear.
func TestUpdate(t *testing.T) {
	before := func(w *world) {
		w.User("ann@acme.example", func(n *chatadmin.NewUser) {
			n.FirstName, n.LastName, n.Title, n.Phone, n.Manager = "Ann", "Smith", "Head", "+31612345678", w.Boss.ID
		})
	}
	for name, c := range map[string]struct {
		file  string
		clear bool
		want  string // of Ann
		out   string
		kept  int64
	}{
		"new values":                      {"login,title,mobile,firstname,lastname,name\nANN@acme.example,Chief,+31687654321,Anne,Jones,AJ\n", false, "AJ|Anne|Jones|Chief|+31687654321|boss@acme.example", "2 updated", 0},
		"absent columns":                  {"login\nann@acme.example\n", false, "Ann Smith|Ann|Smith|Head|+31612345678|boss@acme.example", "2 unchanged", 0},
		"absent, clearing":                {"login\nann@acme.example\n", true, "Ann Smith|Ann|Smith|Head|+31612345678|boss@acme.example", "2 unchanged", 0},
		"blank cells":                     {"login,title,mobile,manager\nann@acme.example,, ,\n", false, "Ann Smith|Ann|Smith|Head|+31612345678|boss@acme.example", "2 unchanged", 3},
		"blank, clearing":                 {"login,title,mobile,manager\nann@acme.example,, ,\n", true, "Ann Smith|Ann|Smith|||", "2 updated", 0},
		"the same values":                 {"login,title,manager\nann@acme.example,Head,BOSS@acme.example\n", false, "Ann Smith|Ann|Smith|Head|+31612345678|boss@acme.example", "2 unchanged", 0},
		"a name that was derived follows": {"login,lastname\nann@acme.example,Jones\n", false, "Ann Jones|Ann|Jones|Head|+31612345678|boss@acme.example", "2 updated", 0},
		"a name that is given stays":      {"login,name,lastname\nann@acme.example,Ann Smith,Jones\n", false, "Ann Smith|Ann|Jones|Head|+31612345678|boss@acme.example", "2 updated", 0},
		"one blank":                       {"login,title,mobile\nann@acme.example,Chief,\n", false, "Ann Smith|Ann|Smith|Chief|+31612345678|boss@acme.example", "2 updated", 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, chatadmin.OfficeChat)
			before(w)
			o := &csvimport.ImportOptions{ClearBlanks: c.clear}
			r, lines := w.run(w.S, c.file, csvimport.UpdateExisting, o)
			u := w.is("ann@acme.example")
			manager := ""
			if u.Manager == w.Boss.ID {
				manager = w.Boss.Login
			}
			require.Equal(t, c.want, strings.Join([]string{u.DisplayName, u.FirstName, u.LastName, u.Title, u.Phone, manager}, "|"))
			require.Equal(t, []string{c.out}, lines)
			require.Equal(t, c.kept, r.Counts.KeptBlanks)
			require.Equal(t, "ann@acme.example", u.Login, "the spelling of a login stays")

			state, events := w.dump(), w.eventCount(csvimport.KindImport)
			_, lines = w.run(w.S, c.file, csvimport.UpdateExisting, o)
			require.Equal(t, []string{"2 unchanged"}, lines, "importing the same again")
			require.Equal(t, state, w.dump())
			require.Equal(t, events, w.eventCount(csvimport.KindImport))
		})
	}
}

// Blank cells on a new user are just blank, and mandatory fields of the preset
// hold.
func TestCreateByPreset(t *testing.T) {
	for _, c := range []struct {
		preset chatadmin.Preset
		file   string
		want   []string
	}{
		{chatadmin.OfficeChat, "name,email\n,a@b.example\n,not an address\n", []string{"2 created", "3 failed bad_email"}},
		{chatadmin.ESChat, "username,firstname,lastname,email\njohn.doe,John,Doe,\nab,A,Bcd,\njane,,Doe,\njim,Jim,Do,\njoe,Joe,Doe,x\n",
			[]string{"2 created", "3 failed bad_login", "4 failed missing", "5 failed bad_name", "6 failed bad_email"}},
		{chatadmin.Engage, "login,first name,last name,e-mail\njohn doe,John,Doe,j@b.example\njane,,,\n", []string{"2 created", "3 failed missing missing missing"}},
	} {
		w := newWorld(t, c.preset)
		_, lines := w.run(w.S, c.file, csvimport.SkipExisting, nil)
		require.Equal(t, c.want, lines, "%s", c.preset)
	}
}

// Every created user is in every default group, and each batch leaves one event
// that names its users with what changed.
func TestImportIsAudited(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	var file strings.Builder
	file.WriteString("login,title\n")
	for n := range 2500 {
		fmt.Fprintf(&file, "user%d@acme.example,T%d\n", n, n)
	}
	var progress []int64
	r, err := csvimport.ImportsOf(w.S).Import(ctx, w.S, strings.NewReader(file.String()), csvimport.SkipExisting, &csvimport.ImportOptions{FileName: "users.csv",
		Progress: func(p chatadmin.Progress) { progress = append(progress, p.Done); require.EqualValues(t, 2500, p.Total) }})
	require.NoError(t, err)
	require.EqualValues(t, 2500, r.Counts.Created)
	require.Equal(t, []int64{1000, 2000, 2500, 2500}, progress)
	named := map[chatadmin.ID]bool{}
	for e, err := range w.Host.Events(ctx, chatadmin.EventQuery{Kind: csvimport.KindImport}) {
		require.NoError(t, err)
		require.Equal(t, map[string]string{"import": string(r.ImportID)}, e.Note)
		require.Equal(t, w.Boss.ID, e.Actor)
		for _, id := range e.Targets {
			named[id] = true
			require.NotEmpty(t, e.Changes[id])
		}
	}
	require.Len(t, named, 2500)
	require.Equal(t, 3, w.eventCount(csvimport.KindImport))
	require.Equal(t, 1, w.eventCount(csvimport.KindImportBegin))
	require.Equal(t, 1, w.eventCount(csvimport.KindImportEnd))
	require.Equal(t, []string{"Admin Announcements: 2501", "All Of Us: 2501"}, w.dump()[2501:])
}
