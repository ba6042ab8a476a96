package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/storage"
)

// testDeadlock: two transactions change the same two rows, in two calls each
// and the other way round, and meet between their calls. A store that locks
// rows undoes one of them and runs it again: both are kept in the end.
func testDeadlock(w *world) {
	keys := [2]storage.Key{{Kind: "deadlock", Domain: w.a, ID: "a"}, {Kind: "deadlock", Domain: w.a, ID: "b"}}
	for _, k := range keys {
		change(w, records, put(storage.Record{Key: k, Rev: 1, Data: []byte("0")}, 0))
	}
	var done sync.WaitGroup
	inside := [2]chan struct{}{make(chan struct{}), make(chan struct{})}
	for n, s := range []storage.Store{w.s, w.other} {
		enter := sync.OnceFunc(func() { close(inside[n]) })
		done.Go(func() {
			assert.NoError(w, s.Update(w.ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
				if err := addOne(ctx, tx, keys[n]); err != nil {
					return err
				}
				enter()
				select {
				case <-inside[1-n]:
				case <-time.After(meeting):
				}
				return addOne(ctx, tx, keys[1-n])
			}), "a transaction that has met another one")
		})
	}
	done.Wait()
	rs, err := w.other.Records(w.ctx, keys[:])
	require.NoError(w, err)
	require.Len(w, rs, 2)
	for _, r := range rs {
		require.Equal(w, "2", string(r.Data), "each transaction has added one to %s", r.ID)
	}
}

// addOne adds one to the number in a record.
func addOne(ctx context.Context, tx storage.Tx, key storage.Key) error {
	rs, err := tx.Records(ctx, []storage.Key{key})
	if err != nil {
		return err
	}
	var n int
	if _, err := fmt.Sscan(string(rs[0].Data), &n); err != nil {
		return err
	}
	now := rs[0]
	now.Rev, now.Data = now.Rev+1, []byte(fmt.Sprint(n+1))
	conflicts, err := tx.ChangeRecords(ctx, []storage.Write[storage.Record]{put(now, rs[0].Rev)})
	if err == nil && len(conflicts) > 0 {
		err = storage.ErrRetry
	}
	return err
}

// testKeyOrder: a call locks its rows in the order of their keys. One
// transaction keeps the middle row of each table. Others write the last row and
// the middle one, in this order, by one call: they must wait without having
// locked the last row, so that it can be written meanwhile. Stores that let
// nobody else write meanwhile, or that lock nothing, have no order to keep.
func testKeyOrder(w *world) {
	tables := lockedTables(w)
	var others sync.WaitGroup
	ran := false
	err := w.s.Update(w.ctx, storage.Fence{}, func(_ context.Context, tx storage.Tx) error {
		for name, write := range inOrder(tables) {
			if err := write(w.ctx, tx, 1); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		if ran {
			// this transaction has lost a race against one of the others
			return nil
		}
		ran = true
		free := func(write writeRows, row int, wait time.Duration) bool {
			written := make(chan error, 1)
			var runs atomic.Int64
			others.Go(func() {
				written <- w.other.Update(w.ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
					runs.Add(1)
					return write(ctx, tx, row)
				})
			})
			select {
			case err := <-written:
				return errors.Is(err, storage.ErrBusy) || assert.NoError(w, err)
			case <-time.After(wait):
				return runs.Load() > 1 // it loses races, and waits for no lock
			}
		}
		if !free(tables["records"], 3, meeting) {
			return nil // this store has one writer at a time
		}
		for name, write := range inOrder(tables) {
			called := make(chan struct{})
			call := sync.OnceFunc(func() { close(called) })
			others.Go(func() {
				err := w.other.Update(w.ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
					call()
					return write(ctx, tx, 2, 1)
				})
				if !errors.Is(err, storage.ErrBusy) {
					assert.NoError(w, err, name)
				}
			})
			<-called
			for until := time.Now().Add(meeting / 3); time.Now().Before(until); {
				if !assert.True(w, free(write, 2, 5*meeting), "%s: a row is locked by a call that waits for a row before it", name) {
					return nil
				}
			}
		}
		return nil
	})
	others.Wait()
	if !errors.Is(err, storage.ErrBusy) {
		require.NoError(w, err)
	}
}

// writeRows writes rows of a table by one call, whatever their revisions; what
// is in conflict stays as it is.
type writeRows func(ctx context.Context, tx storage.Tx, rows ...int) error

// lockedTables makes four rows in each table whose rows are changed, and
// returns what writes them.
func lockedTables(w *world) map[string]writeRows {
	name := func(n int) storage.ID { return storage.ID(fmt.Sprintf("locked-%d", n)) }
	tables := map[string]writeRows{
		"domains": writer(domains, func(ctx context.Context, r storage.Reader, n int) (storage.Domain, error) {
			ds, err := r.Domains(ctx, []storage.ID{name(n)})
			return first(ds, storage.Domain{ID: name(n)}, err)
		}, func(d *storage.Domain) *storage.Rev { return &d.Rev }),
		"users": writer(users, func(ctx context.Context, r storage.Reader, n int) (storage.User, error) {
			us, err := r.Users(ctx, w.a, []storage.ID{name(n)})
			return first(us, storage.User{ID: name(n), Domain: w.a, LoginKey: string(name(n))}, err)
		}, func(u *storage.User) *storage.Rev { return &u.Rev }),
		"groups": writer(groups, func(ctx context.Context, r storage.Reader, n int) (storage.Group, error) {
			gs, err := r.Groups(ctx, w.a, []storage.ID{name(n)})
			return first(gs, storage.Group{ID: name(n), Domain: w.a}, err)
		}, func(g *storage.Group) *storage.Rev { return &g.Rev }),
		"memberships": writer(members, func(ctx context.Context, r storage.Reader, n int) (storage.Membership, error) {
			ms, err := r.Memberships(ctx, w.a, []storage.Pair{{Group: name(n), User: name(n)}})
			return first(ms, storage.Membership{Domain: w.a, Group: name(n), User: name(n)}, err)
		}, func(m *storage.Membership) *storage.Rev { return &m.Rev }),
		"devices": writer(devices, func(ctx context.Context, r storage.Reader, n int) (storage.Device, error) {
			ds, err := r.Devices(ctx, w.a, []storage.ID{name(n)})
			return first(ds, storage.Device{ID: name(n), Domain: w.a, User: name(n), Key: "k"}, err)
		}, func(d *storage.Device) *storage.Rev { return &d.Rev }),
		"records": writer(records, func(ctx context.Context, r storage.Reader, n int) (storage.Record, error) {
			key := storage.Key{Kind: "locked", Domain: w.a, ID: string(name(n))}
			rs, err := r.Records(ctx, []storage.Key{key})
			return first(rs, storage.Record{Key: key, Data: []byte("{}")}, err)
		}, func(r *storage.Record) *storage.Rev { return &r.Rev }),
		"events": writer(events, func(ctx context.Context, r storage.Reader, n int) (storage.Event, error) {
			es, _, err := r.ListEvents(ctx, storage.EventQuery{Domain: w.a, Target: name(n)}, storage.Page{Limit: 1})
			return first(es, storage.Event{ID: name(n), Domain: w.a, Actor: "host", Kind: "locked", At: date(n), Targets: []storage.ID{name(n)}, Data: []byte("{}")}, err)
		}, func(e *storage.Event) *storage.Rev { return &e.Rev }),
	}
	w.update(func(tx storage.Tx) {
		for _, table := range []string{"domains", "users", "groups", "memberships", "devices", "records", "events"} {
			// parents first
			require.NoError(w, tables[table](w.ctx, tx, 0, 1, 2, 3))
		}
	})
	return tables
}

func first[T any](rows []T, fresh T, err error) (T, error) {
	if err != nil || len(rows) == 0 {
		return fresh, err
	}
	return rows[0], nil
}

// writer reads rows one by one and writes them by one call.
func writer[T any](table func(storage.Tx) func(context.Context, []storage.Write[T]) ([]storage.Conflict, error),
	read func(context.Context, storage.Reader, int) (T, error), rev func(*T) *storage.Rev) writeRows {
	return func(ctx context.Context, tx storage.Tx, rows ...int) error {
		changes := make([]storage.Write[T], len(rows))
		for i, n := range rows {
			row, err := read(ctx, tx, n)
			if err != nil {
				return err
			}
			changes[i].Was = *rev(&row)
			*rev(&row)++
			changes[i].Row = row
		}
		_, err := table(tx)(ctx, changes)
		return err
	}
}
