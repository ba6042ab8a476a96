package csvimport_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/csvimport"
)

// interrupted is a store in which something happens before a lookup of users by
// login.
type interrupted struct {
	chatadmin.Store
	lookups int
	before  func(lookup int)
}

func (s *interrupted) UsersByLogin(ctx context.Context, domain chatadmin.ID, keys []string) ([]chatadmin.User, error) {
	s.lookups++
	if s.before != nil {
		s.before(s.lookups)
	}
	return s.Store.UsersByLogin(ctx, domain, keys)
}

// Who reports to whom is read batch by batch. Turned round meanwhile, it seems
// to be a circle that no link of the file is part of: planning ends all the
// same.
func TestManagersAreTurnedRoundWhileTheFileIsRead(t *testing.T) {
	store := &interrupted{Store: memstore.New(nil)}
	w := newWorldOn(t, store, chatadmin.OfficeChat)
	y := w.User("y@acme.example")
	x := w.User("x@acme.example", func(n *chatadmin.NewUser) { n.Manager = y.ID })
	w.User("first@acme.example")
	w.User("last@acme.example")
	var file strings.Builder
	file.WriteString("login,manager\nfirst@acme.example,x@acme.example\n")
	for i := range 1200 {
		fmt.Fprintf(&file, "new%d@acme.example,\n", i)
	}
	file.WriteString("last@acme.example,y@acme.example\n")
	store.lookups = 0
	store.before = func(lookup int) {
		if lookup != 2 { // that of the second batch
			return
		}
		store.before = nil
		none := chatadmin.ID("")
		_, err := w.Host.EditUser(ctx, x.ID, chatadmin.UserEdit{Manager: &none})
		require.NoError(t, err)
		_, err = w.Host.EditUser(ctx, y.ID, chatadmin.UserEdit{Manager: &x.ID})
		require.NoError(t, err)
	}
	p, err := csvimport.ImportsOf(w.S).Plan(ctx, w.S, strings.NewReader(file.String()), csvimport.UpdateExisting, nil)
	require.NoError(t, err)
	require.Nil(t, store.before, "it happened")
	require.EqualValues(t, 2, p.Counts.Updated)
	require.Zero(t, p.Counts.Warnings)
}

// reorganised is a file in which everybody gets a manager anew: one who comes
// before them in a random order, and the lines are in another one.
func reorganised(r *rand.Rand, users int) (file string, managers map[string]string) {
	managers = map[string]string{}
	var b strings.Builder
	b.WriteString("login,manager\n")
	above := r.Perm(users)
	lines := make([]string, users)
	for i, n := range above {
		login, manager := fmt.Sprintf("u%04d@acme.example", n), "boss@acme.example"
		if i > 0 {
			manager = fmt.Sprintf("u%04d@acme.example", above[max(0, i-1-r.IntN(20))])
		}
		managers[login] = manager
		lines[i] = login + "," + manager + "\n"
	}
	r.Shuffle(users, func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	b.WriteString(strings.Join(lines, ""))
	return b.String(), managers
}

// Managers are set some thousand at a time. However a company is turned round,
// and however often the import is interrupted, in the end everybody has the
// manager of the file, as planned, and importing it again changes nothing.
func TestReorganisations(t *testing.T) {
	const users = 2300
	r := rand.New(rand.NewPCG(1, 2))
	w := newWorld(t, chatadmin.OfficeChat)
	passes, rounds := 0, 6
	if testing.Short() {
		rounds = 3
	}
	for round := range rounds {
		file, managers := reorganised(r, users)
		p, err := csvimport.ImportsOf(w.S).Plan(ctx, w.S, strings.NewReader(file), csvimport.UpdateExisting, nil)
		require.NoError(t, err)
		require.Zero(t, p.Counts.Warnings)
		var c context.Context
		stop := func() {}
		// steps until it is interrupted, those that are prepared anew among
		// them
		left := 6 + round
		o := &csvimport.ImportOptions{Progress: func(chatadmin.Progress) {
			if left--; left == 0 {
				stop()
			}
		}}
		c, stop = context.WithCancel(ctx)
		res, err := csvimport.ImportsOf(w.S).Apply(c, w.S, p, strings.NewReader(file), o)
		id := res.ImportID
		for err != nil {
			require.ErrorIs(t, err, context.Canceled)
			left = 6 + round
			c, stop = context.WithCancel(ctx)
			res, err = csvimport.ImportsOf(w.S).Resume(c, w.S, id, strings.NewReader(file), o)
		}
		stop()
		require.Equal(t, p.Counts, res.Counts)
		logins := map[chatadmin.ID]string{}
		for u, err := range w.Host.Users(ctx, chatadmin.UserQuery{}) {
			require.NoError(t, err)
			logins[u.ID] = u.Login
		}
		for u, err := range w.Host.Users(ctx, chatadmin.UserQuery{}) {
			require.NoError(t, err)
			require.Equal(t, managers[u.Login], logins[u.Manager], u.Login)
		}
		again, err := csvimport.ImportsOf(w.S).Import(ctx, w.S, strings.NewReader(file), csvimport.UpdateExisting, nil)
		require.NoError(t, err)
		require.EqualValues(t, users, again.Counts.Unchanged)
		_, report, err := w.S.Run(ctx, res.ImportID)
		require.NoError(t, err)
		var kept struct{ At struct{ Pass int } }
		require.NoError(t, json.Unmarshal(report, &kept))
		passes += kept.At.Pass
	}
	require.Positive(t, passes, "some could only be set after others")
}

// A circle that somebody else's change makes while the managers are set costs
// one of them, which is said of its line; who merely stands below it is not
// touched.
func TestCircleMeanwhile(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	x, y := w.User("x@acme.example"), w.User("y@acme.example")
	w.User("below@acme.example")
	file := "login,manager\nbelow@acme.example,x@acme.example\nx@acme.example,y@acme.example\n"
	for range 10 { // whichever of them is looked at first
		r, err := w.meanwhile(w.S, file, csvimport.UpdateExisting, csvimport.ImportOptions{}, func() {
			_, err := w.Host.EditUser(ctx, y.ID, chatadmin.UserEdit{Manager: &x.ID})
			require.NoError(t, err)
		})
		require.NoError(t, err)
		require.Equal(t, []string{"2 updated", "3 updated manager_circle"}, outcomes(t, r.Outcomes, w.S, file))
		require.EqualValues(t, 1, r.Counts.Warnings)
		require.Equal(t, x.ID, w.is("below@acme.example").Manager)
		require.Empty(t, w.is("x@acme.example").Manager)
		none := chatadmin.ID("")
		for _, login := range []string{"below@acme.example", "y@acme.example"} {
			_, err := w.Host.EditUser(ctx, w.is(login).ID, chatadmin.UserEdit{Manager: &none})
			require.NoError(t, err)
		}
	}
}
