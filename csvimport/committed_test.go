package csvimport_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/csvimport"
)

// What a batch has committed is what counts for the managers that are set when
// all rows are in, in whichever run.

// whileRunning lets something happen behind the first transaction of an import:
// in one run, or before it is resumed.
func (w *world) whileRunning(s *chatadmin.Scope, file string, mode csvimport.Mode, stops bool, happens func()) *csvimport.Result {
	w.T.Helper()
	c, cancel := context.WithCancel(ctx)
	defer cancel()
	done := false
	r, err := csvimport.ImportsOf(s).Import(c, s, strings.NewReader(file), mode, &csvimport.ImportOptions{Progress: func(chatadmin.Progress) {
		switch {
		case stops:
			cancel()
		case !done:
			done = true
			happens()
		}
	}})
	if stops {
		require.ErrorIs(w.T, err, context.Canceled)
		happens()
		r, err = csvimport.ImportsOf(s).Resume(ctx, s, r.ImportID, strings.NewReader(file), nil)
	}
	require.NoError(w.T, err)
	return r
}

func TestManagersBehindTheRows(t *testing.T) {
	rename := func(w *world, login, to string) {
		_, err := w.Host.EditUser(ctx, w.is(login).ID, chatadmin.UserEdit{Login: &to, Email: &to})
		require.NoError(w.T, err)
	}
	two := "login,title,manager\nann@acme.example,B,boss@acme.example\nbob@acme.example,C,boss@acme.example\n"
	for name, c := range map[string]struct {
		mode    csvimport.Mode
		file    string
		prepare []string
		happens func(w *world)
		want    []string
		manager string // of Ann
	}{
		"the manager is renamed": {csvimport.UpdateExisting, "login,manager\nann@acme.example,bob@acme.example\n", []string{"ann", "bob"},
			func(w *world) { rename(w, "bob@acme.example", "robert@acme.example") }, []string{"2 updated no_manager"}, ""},
		"the manager is created": {csvimport.SkipExisting, "login,manager\nann@acme.example,bob@acme.example\n", nil,
			func(w *world) { w.User("bob@acme.example") }, []string{"2 created no_manager"}, ""},
		"somebody else sets another one": {csvimport.SkipExisting, "login,manager\nann@acme.example,boss@acme.example\n", []string{"cat"},
			func(w *world) {
				cat := w.is("cat@acme.example").ID
				_, err := w.Host.EditUser(ctx, w.is("ann@acme.example").ID, chatadmin.UserEdit{Manager: &cat})
				require.NoError(w.T, err)
			}, []string{"2 created"}, "cat@acme.example"},
		"the user comes to stand above the importer": {csvimport.UpdateExisting, two, []string{"ann", "bob"},
			func(w *world) { w.promote(w.is("ann@acme.example"))() }, []string{"2 updated manager_forbidden", "3 updated"}, ""},
	} {
		for _, stops := range []bool{false, true} {
			t.Run(fmt.Sprint(name, stops), func(t *testing.T) {
				w := newWorld(t, chatadmin.OfficeChat)
				s := w.importer()
				for _, login := range c.prepare {
					w.User(login + "@acme.example")
				}
				r := w.whileRunning(s, c.file, c.mode, stops, func() { c.happens(w) })
				require.Equal(t, c.want, outcomes(t, r.Outcomes, s, c.file))
				manager := ""
				for u, err := range w.Host.Users(ctx, chatadmin.UserQuery{}) {
					require.NoError(t, err)
					if u.ID == w.is("ann@acme.example").Manager {
						manager = u.Login
					}
				}
				require.Equal(t, c.manager, manager)
			})
		}
	}
}

// rolledBack is a store that undoes a function and runs it again, once, with
// something happening in between.
type rolledBack struct {
	chatadmin.Store
	between func()
}

func (s *rolledBack) Update(ctx context.Context, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	if between := s.between; between != nil {
		undone := errors.New("undone")
		err := s.Store.Update(ctx, fence, func(ctx context.Context, tx storage.Tx) error {
			if err := f(ctx, tx); err != nil {
				return err
			}
			return undone
		})
		if !errors.Is(err, undone) {
			return err
		}
		s.between = nil
		between()
	}
	return s.Store.Update(ctx, fence, f)
}

// What a function has found in a run that was undone does not count: the
// manager, who is renamed in between, stands on a later line as well and is set
// in the end; or nowhere, and is missed.
func TestManagersOfAFunctionThatIsRunAgain(t *testing.T) {
	for last, want := range map[string]string{"bob@acme.example,\n": "2 created", "": "2 created no_manager"} {
		store := &rolledBack{Store: memstore.New(nil)}
		w := newWorldOn(t, store, chatadmin.OfficeChat)
		bob := w.User("bob@acme.example")
		var b strings.Builder
		b.WriteString("login,manager\nann@acme.example,bob@acme.example\n")
		for i := range 1000 {
			fmt.Fprintf(&b, "n%d@acme.example,\n", i)
		}
		b.WriteString(last)
		r, err := w.meanwhile(w.S, b.String(), csvimport.UpdateExisting, csvimport.ImportOptions{}, func() {
			store.between = func() {
				to := "robert@acme.example"
				_, err := w.Host.EditUser(ctx, bob.ID, chatadmin.UserEdit{Login: &to, Email: &to})
				require.NoError(t, err)
			}
		})
		require.NoError(t, err)
		require.Equal(t, want, outcomes(t, r.Outcomes, w.S, b.String())[0])
		if manager := w.is("ann@acme.example").Manager; last != "" {
			require.Equal(t, w.is("bob@acme.example").ID, manager)
		} else {
			require.Empty(t, manager)
		}
	}
}

// A plan that was reviewed as changing a title alone does not take away a
// manager who was set since.
func TestPlanIsStaleByManager(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	ann := w.User("ann@acme.example", func(n *chatadmin.NewUser) { n.Manager = w.Boss.ID })
	cat := w.User("cat@acme.example")
	file := "login,title,manager\nann@acme.example,B,boss@acme.example\n"
	p, err := csvimport.ImportsOf(w.S).Plan(ctx, w.S, strings.NewReader(file), csvimport.UpdateExisting, nil)
	require.NoError(t, err)
	_, err = w.Host.EditUser(ctx, ann.ID, chatadmin.UserEdit{Manager: &cat.ID})
	require.NoError(t, err)
	_, err = csvimport.ImportsOf(w.S).Apply(ctx, w.S, p, strings.NewReader(file), nil)
	require.ErrorIs(t, err, chatadmin.ErrPlanStale)
	require.Equal(t, cat.ID, w.is("ann@acme.example").Manager)
}

// Whom the host's own column does not take is found by their ID, all of a batch
// at once, and counts as nobody for the rows behind them.
func TestUniqueColumnOfManyRows(t *testing.T) {
	taken := func(u chatadmin.User) bool { return strings.HasPrefix(u.Title, "taken") }
	store := &unique{Store: memstore.New(nil), taken: taken}
	w := newWorldOn(t, store, chatadmin.OfficeChat)
	w.User("ann@acme.example")
	long := "someone@" + strings.Repeat("sub.", 16)
	var b strings.Builder
	fmt.Fprintf(&b, "login,title,role,Enabled\nANN@acme.example,taken,,\n%sgood.example,,,\n%sbad.example,taken,,\nnew@acme.example,taken,admin,\nboss@acme.example,,,FALSE\n", long, long)
	for i := range 300 {
		fmt.Fprintf(&b, "u%d@acme.example,taken,,\n", i)
	}
	before := store.calls
	r, err := csvimport.ImportsOf(w.Host).Import(ctx, w.Host, strings.NewReader(b.String()), csvimport.UpdateExisting, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"2 failed taken", "3 created", "4 failed taken", "5 failed taken", "6 failed last_admin", "7 failed taken"}, outcomes(t, r.Outcomes, w.Host, b.String())[:6])
	require.EqualValues(t, 304, r.Counts.Failed)
	require.Less(t, store.calls-before, 10)
}

// away is a store that confirms no commit and answers no question about it.
type away struct {
	chatadmin.Store
	on bool
}

func (s *away) Update(ctx context.Context, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	err := s.Store.Update(ctx, fence, f)
	if err == nil && s.on {
		err = chatadmin.ErrCommitUnknown
	}
	return err
}

func (s *away) ListEvents(ctx context.Context, q chatadmin.EventQuery, p chatadmin.Page) ([]chatadmin.Event, chatadmin.Cursor, error) {
	if s.on {
		return nil, "", errors.New("the database is away")
	}
	return s.Store.ListEvents(ctx, q, p)
}

// An import of which nobody knows whether it has begun can be resumed if it
// has.
func TestBeginningIsNotConfirmed(t *testing.T) {
	store := &away{Store: memstore.New(nil)}
	w := newWorldOn(t, store, chatadmin.OfficeChat)
	store.on = true
	file := "login\nann@acme.example\n"
	r, err := csvimport.ImportsOf(w.S).Import(ctx, w.S, strings.NewReader(file), csvimport.SkipExisting, nil)
	require.ErrorIs(t, err, chatadmin.ErrCommitUnknown)
	store.on = false
	r, err = csvimport.ImportsOf(w.S).Resume(ctx, w.S, r.ImportID, strings.NewReader(file), nil)
	require.NoError(t, err)
	require.EqualValues(t, 1, r.Counts.Created)
}
