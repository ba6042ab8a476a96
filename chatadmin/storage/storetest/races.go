package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/storage"
)

const goroutines = 100

// parallel runs f in n goroutines at once, every other one on the second
// handle.
func (w *world) parallel(n int, f func(i int, s storage.Store)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		s := w.s
		if i%2 == 1 {
			s = w.other
		}
		wg.Go(func() {
			<-start
			f(i, s)
		})
	}
	close(start)
	wg.Wait()
}

// raceLastAdmin: in each of many domains two transactions look whether another
// admin is left and then remove one each.
func raceLastAdmin(w *world) {
	const n = goroutines / 2
	for i := range n {
		d := storage.ID(fmt.Sprintf("race-%03d", i))
		w.domain(storage.Domain{ID: d, Rev: 1})
		for j := range 2 {
			change(w, users, put(storage.User{ID: storage.ID(fmt.Sprintf("%s-%d", d, j)), Domain: d, Rev: 1, LoginKey: fmt.Sprint(j), Admin: true}, 0))
		}
	}
	errLast := errors.New("last admin")
	w.parallel(2*n, func(i int, s storage.Store) {
		d := storage.ID(fmt.Sprintf("race-%03d", i/2))
		err := s.Update(w.ctx, storage.Fence{Domain: d, Mode: storage.Exclusive}, func(ctx context.Context, tx storage.Tx) error {
			us, _, err := tx.ListUsers(ctx, storage.UserQuery{Domain: d, AdminOnly: true}, storage.Page{Limit: 10})
			if err != nil {
				return err
			}
			if len(us) < 2 {
				return errLast
			}
			u := us[0]
			for _, o := range us {
				if o.LoginKey == fmt.Sprint(i%2) {
					u = o
				}
			}
			was := u.Rev
			u.Rev, u.Admin = was+1, false
			c, err := tx.ChangeUsers(ctx, []storage.Write[storage.User]{put(u, was)})
			if err == nil && len(c) > 0 {
				err = storage.ErrRetry
			}
			return err
		})
		if err != nil {
			assert.ErrorIs(w, err, errLast)
		}
	})
	for i := range n {
		d := storage.ID(fmt.Sprintf("race-%03d", i))
		left, err := w.s.CountUsers(w.ctx, storage.UserQuery{Domain: d, AdminOnly: true})
		require.NoError(w, err)
		require.EqualValues(w, 1, left, "admins of %s", d)
	}
}

// raceCounter: increments by revision, none lost.
func raceCounter(w *world) {
	key := storage.Key{Kind: "counter", ID: "n"}
	change(w, records, put(storage.Record{Key: key, Rev: 1, Data: []byte("0")}, 0))
	var done atomic.Int64
	w.parallel(goroutines, func(_ int, s storage.Store) {
		for range 1000 {
			rs, err := s.Records(w.ctx, []storage.Key{key})
			if !assert.NoError(w, err) || !assert.Len(w, rs, 1) {
				return
			}
			runtime.Gosched() // let others read the same
			won := false
			err = s.Update(w.ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
				var n int
				if _, err := fmt.Sscan(string(rs[0].Data), &n); err != nil {
					return err
				}
				now := rs[0]
				now.Rev, now.Data = rs[0].Rev+1, []byte(fmt.Sprint(n+1))
				c, err := tx.ChangeRecords(ctx, []storage.Write[storage.Record]{put(now, rs[0].Rev)})
				won = len(c) == 0
				return err
			})
			if err != nil && !errors.Is(err, storage.ErrBusy) {
				assert.NoError(w, err)
				return
			}
			if err == nil && won {
				done.Add(1)
				return
			}
		}
	})
	rs, err := w.other.Records(w.ctx, []storage.Key{key})
	require.NoError(w, err)
	require.Equal(w, fmt.Sprint(done.Load()), string(rs[0].Data), "as many increments as were confirmed")
	require.EqualValues(w, goroutines, done.Load())
}

// raceLogin: a hundred users with one login, one of them is made.
func raceLogin(w *world) {
	var made atomic.Int64
	w.parallel(goroutines, func(i int, s storage.Store) {
		var conflicts []storage.Conflict
		err := s.Update(w.ctx, storage.Fence{Domain: w.a, Mode: storage.Shared}, func(ctx context.Context, tx storage.Tx) (err error) {
			u := storage.User{ID: storage.ID(fmt.Sprintf("one-%03d", i)), Domain: w.a, Rev: 1, LoginKey: "one"}
			conflicts, err = tx.ChangeUsers(ctx, []storage.Write[storage.User]{put(u, 0)})
			return err
		})
		if assert.NoError(w, err) && len(conflicts) == 0 {
			made.Add(1)
		}
	})
	require.EqualValues(w, 1, made.Load())
}

// raceDefaultGroup: a group is changed five times, and marked as default the
// last time, while eight others keep creating users. The exclusive fence is
// granted each time, and nobody is missed. A user who has missed an earlier
// mark would be found by the members added afterwards.
func raceDefaultGroup(w *world) {
	const rounds = 5
	g := w.group(w.a, "g")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var made atomic.Int64
	for i := range 8 {
		s := w.s
		if i%2 == 1 {
			s = w.other
		}
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				id := storage.ID(fmt.Sprintf("join-%d-%06d", i, n))
				err := s.Update(w.ctx, storage.Fence{Domain: w.a, Mode: storage.Shared}, func(ctx context.Context, tx storage.Tx) error {
					gs, err := tx.Groups(ctx, w.a, []storage.ID{g.ID})
					if err != nil {
						return err
					}
					if _, err := tx.ChangeUsers(ctx, []storage.Write[storage.User]{put(storage.User{ID: id, Domain: w.a, Rev: 1, LoginKey: string(id)}, 0)}); err != nil {
						return err
					}
					if gs[0].Default {
						_, err = tx.ChangeMemberships(ctx, []storage.Write[storage.Membership]{put(storage.Membership{Domain: w.a, Group: g.ID, User: id, Rev: 1}, 0)})
					}
					return err
				})
				if err == nil {
					made.Add(1)
				} else if !errors.Is(err, storage.ErrBusy) {
					assert.NoError(w, err)
					return
				}
			}
		})
	}
	for made.Load() < 50 && w.ctx.Err() == nil {
		_, err := w.s.Domains(w.ctx, []storage.ID{w.a})
		require.NoError(w, err)
	}
	overtaken := int64(math.MaxInt64)
	for round := range rounds { // a waiting Exclusive goes before later Shared ones
		at := made.Load()
		err := w.other.Update(w.ctx, storage.Fence{Domain: w.a, Mode: storage.Exclusive}, func(ctx context.Context, tx storage.Tx) error {
			now := g
			now.Rev, now.Default = g.Rev+1, round == rounds-1
			_, err := tx.ChangeGroups(ctx, []storage.Write[storage.Group]{put(now, g.Rev)})
			return err
		})
		if !assert.NoError(w, err) {
			break
		}
		// the best round: in another one the machine may have left us waiting
		// before we asked
		overtaken = min(overtaken, made.Load()-at)
		g.Rev++
	}
	assert.Less(w, overtaken, int64(2000), "the exclusive fence was starved by shared ones in every round")
	p := storage.Page{Limit: 50}
	for {
		err := w.s.Update(w.ctx, storage.Fence{Domain: w.a, Mode: storage.Shared}, func(ctx context.Context, tx storage.Tx) error {
			_, next, err := tx.AddMembers(ctx, storage.UserQuery{Domain: w.a, NotMemberOf: g.ID}, storage.Membership{Domain: w.a, Group: g.ID, Rev: 2}, p)
			p.After = next
			return err
		})
		require.NoError(w, err)
		if p.After == "" {
			break
		}
	}
	close(stop)
	wg.Wait()
	missed, err := w.s.CountUsers(w.ctx, storage.UserQuery{Domain: w.a, NotMemberOf: g.ID})
	require.NoError(w, err)
	require.Zero(w, missed, "users who are not in the default group")
}

// raceParent: a group is marked Deleting while others put members into it, and
// emptied afterwards: nothing is left behind.
func raceParent(w *world) {
	g, u := w.group(w.a, "g"), make([]storage.User, goroutines)
	for i := range u {
		u[i] = w.user(w.a, fmt.Sprintf("u%03d", i))
	}
	w.parallel(goroutines, func(i int, s storage.Store) {
		if i != goroutines/2 {
			_ = s.Update(w.ctx, storage.Fence{Domain: w.a, Mode: storage.Shared}, func(ctx context.Context, tx storage.Tx) error {
				_, err := tx.ChangeMemberships(ctx, []storage.Write[storage.Membership]{put(storage.Membership{Domain: w.a, Group: g.ID, User: u[i].ID, Rev: 1}, 0)})
				return err
			})
			return
		}
		assert.NoError(w, s.Update(w.ctx, storage.Fence{Domain: w.a, Mode: storage.Exclusive}, func(ctx context.Context, tx storage.Tx) error {
			now := g
			now.Rev, now.Deleting = 2, true
			_, err := tx.ChangeGroups(ctx, []storage.Write[storage.Group]{put(now, 1)})
			return err
		}))
		assert.NoError(w, s.Update(w.ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
			ms, _, err := tx.ListMemberships(ctx, storage.MemberQuery{Domain: w.a, Group: g.ID}, storage.Page{Limit: 1000})
			if err != nil {
				return err
			}
			var c []storage.Write[storage.Membership]
			for _, m := range ms {
				c = append(c, del(m, m.Rev))
			}
			if _, err = tx.ChangeMemberships(ctx, c); err != nil {
				return err
			}
			_, err = tx.ChangeGroups(ctx, []storage.Write[storage.Group]{del(g, 2)})
			return err
		}))
	})
	n, err := w.other.CountMemberships(w.ctx, storage.MemberQuery{Domain: w.a, Group: g.ID})
	require.NoError(w, err)
	require.Zero(w, n, "members of a group that is gone")
}
