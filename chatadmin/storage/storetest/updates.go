package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/storage"
)

// testPages: lists go on behind what they have shown, whatever is inserted or
// deleted meanwhile, and ties are neither lost nor repeated.
func testPages(w *world) {
	var want []storage.ID
	for i := range 25 {
		u := storage.User{ID: w.id("user"), Domain: w.a, Rev: 1, LoginKey: fmt.Sprintf("u%02d", i), NameKey: fmt.Sprintf("n%d", i/10)}
		change(w, users, put(u, 0))
		want = append(want, u.ID)
	}
	for _, byName := range []bool{false, true} {
		for _, limit := range []int{1, 3, 7, 24, 25, 26} {
			got := pages(w, limit, func(p storage.Page) ([]storage.User, storage.Cursor, error) {
				return w.s.ListUsers(w.ctx, storage.UserQuery{Domain: w.a, ByName: byName}, p)
			})
			require.Equal(w, want, ids(got, userID), "pages of %d", limit)
		}
	}
	rows, next, err := w.s.ListUsers(w.ctx, storage.UserQuery{Domain: w.a}, storage.Page{Limit: 10})
	require.NoError(w, err)
	require.Len(w, rows, 10)
	change(w, users, del(storage.User{ID: rows[9].ID, Domain: w.a}, 1), // the very row of the cursor
		put(storage.User{ID: w.id("user"), Domain: w.a, Rev: 1, LoginKey: "a"}, 0), put(storage.User{ID: w.id("user"), Domain: w.a, Rev: 1, LoginKey: "b"}, 0),
		put(storage.User{ID: "user-new", Domain: w.a, Rev: 1, LoginKey: "u10x"}, 0))
	rest := pages(w, 4, func(p storage.Page) ([]storage.User, storage.Cursor, error) {
		if p.After == "" {
			p.After = next
		}
		return w.other.ListUsers(w.ctx, storage.UserQuery{Domain: w.a}, p)
	})
	require.Equal(w, append([]storage.ID{want[10], "user-new"}, want[11:]...), ids(rest, userID), "the list goes on behind what it has shown")
	_, _, err = w.s.ListUsers(w.ctx, storage.UserQuery{Domain: w.a}, storage.Page{After: "no cursor", Limit: 1})
	require.Error(w, err)
}

func testLimits(w *world) {
	g := w.group(w.a, "g")
	for _, limit := range []int{0, -1, storage.MaxBatch + 1} {
		_, _, err := w.s.ListUsers(w.ctx, storage.UserQuery{Domain: w.a}, storage.Page{Limit: limit})
		require.ErrorIs(w, err, storage.ErrBatch, "a page of %d", limit)
	}
	many := make([]storage.ID, storage.MaxBatch+1)
	keys := make([]string, len(many))
	for i := range many {
		many[i] = storage.ID(fmt.Sprint("x", i))
		keys[i] = fmt.Sprint("x", i)
	}
	_, err := w.s.Users(w.ctx, w.a, many)
	require.ErrorIs(w, err, storage.ErrBatch)
	_, err = w.s.UsersByLogin(w.ctx, w.a, keys)
	require.ErrorIs(w, err, storage.ErrBatch)
	_, err = w.s.CountContent(w.ctx, storage.ContentQuery{Domain: w.a, Authors: many})
	require.ErrorIs(w, err, storage.ErrBatch)
	_, _, err = w.s.ListDevices(w.ctx, storage.DeviceQuery{Domain: w.a, Users: many}, storage.Page{Limit: 1})
	require.ErrorIs(w, err, storage.ErrBatch)
	_, _, err = w.s.ListMemberships(w.ctx, storage.MemberQuery{Domain: w.a}, storage.Page{Limit: 1})
	require.ErrorIs(w, err, storage.ErrBatch)
	_, _, err = w.s.ListMemberships(w.ctx, storage.MemberQuery{Domain: w.a, Groups: many}, storage.Page{Limit: 1})
	require.ErrorIs(w, err, storage.ErrBatch)
	_, _, err = w.s.ListRecords(w.ctx, storage.RecordQuery{Domain: w.a, Owners: many}, storage.Page{Limit: 1})
	require.ErrorIs(w, err, storage.ErrBatch)
	_, err = w.s.CountMembers(w.ctx, w.a, many)
	require.ErrorIs(w, err, storage.ErrBatch)
	err = w.s.Update(w.ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
		_, err := tx.ChangeUsers(ctx, make([]storage.Write[storage.User], storage.MaxBatch+1))
		return err
	})
	require.ErrorIs(w, err, storage.ErrBatch)
	err = w.s.Update(w.ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
		_, _, _, err := tx.DeleteContent(ctx, storage.ContentQuery{Domain: w.a}, storage.Page{Limit: 1})
		return err
	})
	require.ErrorIs(w, err, storage.ErrBatch, "nothing deletes a whole domain by accident")

	// A full batch, twice in one transaction, and a full page.
	w.update(func(tx storage.Tx) {
		for half := range 2 {
			us := make([]storage.Write[storage.User], storage.MaxBatch)
			ms := make([]storage.Write[storage.Membership], storage.MaxBatch)
			for i := range us {
				id := storage.ID(fmt.Sprintf("bulk-%d-%04d", half, (i*617)%storage.MaxBatch)) // any order
				us[i] = put(storage.User{ID: id, Domain: w.a, Rev: 1, LoginKey: string(id)}, 0)
				ms[i] = put(storage.Membership{Domain: w.a, Group: g.ID, User: id, Rev: 1}, 0)
			}
			conflicts, err := tx.ChangeUsers(w.ctx, us)
			require.NoError(w, err)
			require.Empty(w, conflicts)
			conflicts, err = tx.ChangeMemberships(w.ctx, ms)
			require.NoError(w, err)
			require.Empty(w, conflicts)
		}
	})
	n, err := w.other.CountMemberships(w.ctx, storage.MemberQuery{Domain: w.a, Group: g.ID})
	require.NoError(w, err)
	require.EqualValues(w, 2*storage.MaxBatch, n, "members written in two calls")
	page, _, err := w.other.ListUsers(w.ctx, storage.UserQuery{Domain: w.a}, storage.Page{Limit: storage.MaxBatch})
	require.NoError(w, err)
	require.Len(w, page, storage.MaxBatch)
	got, err := w.other.Users(w.ctx, w.a, ids(page, userID))
	require.NoError(w, err)
	require.Len(w, got, storage.MaxBatch)
	all := w.group(w.a, "all")
	w.update(func(tx storage.Tx) {
		var added []storage.ID
		for p := (storage.Page{Limit: storage.MaxBulk}); ; {
			ids, next, err := tx.AddMembers(w.ctx, storage.UserQuery{Domain: w.a}, storage.Membership{Domain: w.a, Group: all.ID, Rev: 1}, p)
			require.NoError(w, err)
			added = append(added, ids...)
			if p.After = next; next == "" {
				break
			}
		}
		require.Len(w, added, 2*storage.MaxBatch, "members whose rows no call has carried")
		require.True(w, slices.IsSorted(added))
	})
	err = w.s.Update(w.ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
		_, _, err := tx.AddMembers(ctx, storage.UserQuery{Domain: w.a}, storage.Membership{Domain: w.a, Group: all.ID, Rev: 1}, storage.Page{Limit: storage.MaxBulk + 1})
		return err
	})
	require.ErrorIs(w, err, storage.ErrBatch)
	for _, empty := range []func() (int, error){
		func() (int, error) { r, err := w.s.Users(w.ctx, w.a, nil); return len(r), err },
		func() (int, error) { r, err := w.s.Records(w.ctx, nil); return len(r), err },
		func() (int, error) { r, err := w.s.Memberships(w.ctx, w.a, nil); return len(r), err },
	} {
		n, err := empty()
		require.NoError(w, err)
		require.Zero(w, n)
	}
}

var errMine = errors.New("mine")

// testRollback: nothing is kept of a function that fails or panics.
func testRollback(w *world) {
	u, g := w.user(w.a, "u"), w.group(w.a, "g")
	m := w.member(g, u)
	content(w, storage.Content{ID: "c", Container: g.ID, Author: u.ID, Kind: storage.Message, At: date(1)})
	mess := func(ctx context.Context, tx storage.Tx) {
		now := u
		now.Rev, now.LoginKey = 2, "other"
		_, err := tx.ChangeUsers(ctx, []storage.Write[storage.User]{put(now, 1), put(storage.User{ID: "new", Domain: w.a, Rev: 1, LoginKey: "new"}, 0)})
		require.NoError(w, err)
		_, err = tx.ChangeMemberships(ctx, []storage.Write[storage.Membership]{del(m, 1)})
		require.NoError(w, err)
		_, err = tx.ChangeRecords(ctx, []storage.Write[storage.Record]{put(storage.Record{Key: storage.Key{Kind: "k", ID: "1"}, Rev: 1, Data: []byte("{}")}, 0)})
		require.NoError(w, err)
		_, err = tx.ChangeEvents(ctx, []storage.Write[storage.Event]{put(storage.Event{ID: "e", Domain: w.a, Actor: "x", Rev: 1, Kind: "k", At: date(1), Data: []byte("{}")}, 0)})
		require.NoError(w, err)
		_, _, _, err = tx.DeleteContent(ctx, storage.ContentQuery{Domain: w.a, Authors: []storage.ID{u.ID}}, storage.Page{Limit: 10})
		require.NoError(w, err)
		_, _, err = tx.AddMembers(ctx, storage.UserQuery{Domain: w.a}, storage.Membership{Domain: w.a, Group: g.ID, Rev: 5}, storage.Page{Limit: 10})
		require.NoError(w, err)
		own, err := tx.UsersByLogin(ctx, w.a, []string{"other", "new", "u"})
		require.NoError(w, err)
		require.Len(w, own, 2, "a transaction sees its own writes")
	}
	intact := func(what string) {
		us, err := w.other.UsersByLogin(w.ctx, w.a, []string{"u", "other", "new"})
		require.NoError(w, err)
		require.Equal(w, []storage.User{u}, us, what)
		ms, _, err := w.other.ListMemberships(w.ctx, storage.MemberQuery{Domain: w.a, Group: g.ID}, storage.Page{Limit: 10})
		require.NoError(w, err)
		require.Equal(w, []storage.Membership{m}, ms, what)
		rs, err := w.other.Records(w.ctx, []storage.Key{{Kind: "k", ID: "1"}})
		require.NoError(w, err)
		require.Empty(w, rs, what)
		es, _, err := w.other.ListEvents(w.ctx, storage.EventQuery{Domain: w.a}, storage.Page{Limit: 10})
		require.NoError(w, err)
		require.Empty(w, es, what)
		n, err := w.other.CountContent(w.ctx, storage.ContentQuery{Domain: w.a, Authors: []storage.ID{u.ID}})
		require.NoError(w, err)
		require.Equal(w, count(0, 1, 0), n, what)
	}
	err := w.s.Update(w.ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error { mess(ctx, tx); return errMine })
	require.Equal(w, errMine, err, "the function's error comes back as it is")
	intact("after an error")
	require.PanicsWithValue(w, "mine", func() {
		_ = w.s.Update(w.ctx, storage.Fence{Domain: w.a, Mode: storage.Exclusive}, func(ctx context.Context, tx storage.Tx) error { mess(ctx, tx); panic("mine") })
	})
	intact("after a panic")
	w.fenced(storage.Fence{Domain: w.a, Mode: storage.Exclusive}, func(storage.Tx) {}) // the fence was given back
}

// testRetry: ErrRetry runs the function again on a clean slate, and not for
// ever.
func testRetry(w *world) {
	u := w.user(w.a, "u")
	runs := 0
	err := w.s.Update(w.ctx, storage.Fence{Domain: w.a, Mode: storage.Shared}, func(ctx context.Context, tx storage.Tx) error {
		runs++
		us, err := tx.Users(ctx, w.a, []storage.ID{u.ID})
		require.NoError(w, err)
		require.Equal(w, u, us[0], "run %d begins anew", runs)
		us[0].Rev, us[0].Title = storage.Rev(10+runs), "changed"
		_, err = tx.ChangeUsers(ctx, []storage.Write[storage.User]{put(us[0], u.Rev)})
		require.NoError(w, err)
		if runs < 3 {
			return fmt.Errorf("wrapped: %w", storage.ErrRetry)
		}
		return nil
	})
	require.NoError(w, err, "ErrRetry runs the function again")
	require.Equal(w, 3, runs)
	us, err := w.other.Users(w.ctx, w.a, []storage.ID{u.ID})
	require.NoError(w, err)
	require.EqualValues(w, 13, us[0].Rev)
	err = w.s.Update(w.ctx, storage.Fence{}, func(context.Context, storage.Tx) error { return storage.ErrRetry })
	require.ErrorIs(w, err, storage.ErrBusy)
}

func testNested(w *world) {
	for name, call := range inOrder(map[string]func(context.Context) error{
		"read": func(ctx context.Context) error { _, err := w.s.Users(ctx, w.a, nil); return err },
		"list": func(ctx context.Context) error {
			_, _, err := w.s.ListDomains(ctx, storage.Page{Limit: 1})
			return err
		},
		"update": func(ctx context.Context) error {
			return w.s.Update(ctx, storage.Fence{}, func(context.Context, storage.Tx) error { return nil })
		},
	}) {
		err := w.s.Update(w.ctx, storage.Fence{}, func(ctx context.Context, _ storage.Tx) error { return call(ctx) })
		require.ErrorIs(w, err, storage.ErrNested, name)
	}
	var late storage.Tx
	w.update(func(tx storage.Tx) { late = tx })
	_, err := late.ChangeUsers(w.ctx, nil)
	require.Error(w, err, "a transaction is over when Update returns")
}

func testCancel(w *world) {
	ctx, cancel := context.WithCancel(w.ctx)
	err := w.s.Update(ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
		_, err := tx.ChangeUsers(ctx, []storage.Write[storage.User]{put(storage.User{ID: "late", Domain: w.a, Rev: 1, LoginKey: "late"}, 0)})
		cancel()
		return err
	})
	require.ErrorIs(w, err, context.Canceled, "of a context that is cancelled while f runs")
	us, err := w.other.Users(w.ctx, w.a, []storage.ID{"late"})
	require.NoError(w, err)
	require.Empty(w, us, "what was cancelled is not kept")
	ran := false
	err = w.s.Update(ctx, storage.Fence{}, func(context.Context, storage.Tx) error { ran = true; return nil })
	require.ErrorIs(w, err, context.Canceled)
	require.False(w, ran)
	_, err = w.s.Users(ctx, w.a, []storage.ID{"late"})
	require.ErrorIs(w, err, context.Canceled)
}

func testFences(w *world) {
	fence := func() storage.Rev {
		ds, err := w.other.Domains(w.ctx, []storage.ID{w.a})
		require.NoError(w, err)
		return ds[0].Fence
	}
	seen := []storage.Rev{fence()}
	for range 3 {
		w.fenced(storage.Fence{Domain: w.a, Mode: storage.Exclusive}, func(storage.Tx) {})
		seen = append(seen, fence())
	}
	require.Len(w, slices.Compact(slices.Sorted(slices.Values(seen))), 4, "a committed Exclusive has changed Domain.Fence to what it never was")
	_ = w.s.Update(w.ctx, storage.Fence{Domain: w.a, Mode: storage.Exclusive}, func(context.Context, storage.Tx) error { return errMine })
	w.fenced(storage.Fence{Domain: w.a, Mode: storage.Shared}, func(storage.Tx) {})
	w.fenced(storage.Fence{Domain: w.b, Mode: storage.Exclusive}, func(storage.Tx) {})
	require.Equal(w, seen[3], fence(), "nothing else changes the fence")
	for _, mode := range []storage.Mode{storage.Shared, storage.Exclusive} {
		err := w.s.Update(w.ctx, storage.Fence{Domain: "none", Mode: mode}, func(context.Context, storage.Tx) error { return nil })
		require.ErrorIs(w, err, storage.ErrNoDomain, "the fence of a domain that is not there")
	}
}

// testFencesAnew: a domain that is deleted and made anew has none of the fences
// that it had before.
func testFencesAnew(w *world) {
	d := storage.Domain{ID: "anew", Rev: 1, Data: []byte("{}")}
	fence := func() storage.Rev {
		ds, err := w.other.Domains(w.ctx, []storage.ID{d.ID})
		require.NoError(w, err)
		if len(ds) == 0 {
			return 0
		}
		return ds[0].Fence
	}
	seen := map[storage.Rev]bool{}
	for range 3 {
		w.domain(d)
		for n := range 4 {
			f := fence()
			require.NotContains(w, seen, f, "a fence that the domain had before it was made anew")
			if seen[f] = true; n < 3 {
				w.fenced(storage.Fence{Domain: d.ID, Mode: storage.Exclusive}, func(storage.Tx) {})
			}
		}
		change(w, domains, del(d, 1))
		require.Zero(w, fence(), "the domain is deleted")
	}
}

// testRevisions: a change that was prepared for a row does not meet the row
// that was made anew in its place.
func testRevisions(w *world) {
	u := w.user(w.a, "u")
	old := u
	change(w, users, del(u, 1))
	u.Rev = storage.NextRev(1, date(0), 3)
	change(w, users, put(u, 0))
	old.Rev, old.Title = 2, "stale"
	require.Equal(w, []storage.Conflict{stale(0)}, conflicts(w, users, put(old, 1)), "a change prepared for the row that was there before")
	got, err := w.other.Users(w.ctx, w.a, []storage.ID{u.ID})
	require.NoError(w, err)
	require.Equal(w, []storage.User{u}, got)
}
