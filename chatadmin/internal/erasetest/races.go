package erasetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Races tries with a hundred goroutines over two handles on one database, which
// open opens empty, what must hold when things happen at once.
func Races(t *testing.T, open func(*testing.T) [2]chatadmin.Store) {
	t.Run("children", func(t *testing.T) { raceChildren(newWorld(t, open(t))) })
	t.Run("last admin", func(t *testing.T) { raceLastAdmin(newWorld(t, open(t))) })
	t.Run("many workers", func(t *testing.T) { raceWorkers(newWorld(t, open(t))) })
	t.Run("shared contents", func(t *testing.T) { raceBlobs(newWorld(t, open(t))) })
	t.Run("shared chats", func(t *testing.T) { raceShared(newWorld(t, open(t))) })
	t.Run("closing", func(t *testing.T) { raceClosing(t, open(t)) })
}

// world is a domain, seen by two processes.
type world struct {
	*testing.T
	admins [2]*chatadmin.Admin
	stores [2]chatadmin.Store
	d      [2]*erase.Deletions
	domain chatadmin.ID
	boss   chatadmin.User
}

func newWorld(t *testing.T, stores [2]chatadmin.Store) *world {
	w := &world{T: t, stores: stores}
	for i, s := range stores {
		w.admins[i] = chatadmintest.Must(chatadmin.New(s, nil))
		d, err := erase.New(w.admins[i], nil)
		require.NoError(t, err)
		w.d[i] = d
	}
	d, boss, err := w.admins[0].CreateDomain(t.Context(), chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example", NoInvitation: true}})
	require.NoError(t, err)
	w.domain, w.boss = d.ID, boss
	return w
}

func (w *world) host(n int) *chatadmin.Scope { return w.admins[n%2].AsHost(w.domain) }

func (w *world) as(n int, u chatadmin.User) *chatadmin.Scope { return w.admins[n%2].As(w.domain, u.ID) }

func (w *world) user(login, role string) chatadmin.User {
	w.Helper()
	u, err := w.host(0).CreateUser(w.Context(), chatadmin.NewUser{Login: login + "@acme.example", Role: role, NoInvitation: true})
	require.NoError(w, err)
	return u
}

// write adds rows past the library, under the fence that the contract asks for.
func (w *world) write(n int, f func(context.Context, storage.Tx) ([]storage.Conflict, error)) error {
	return w.stores[n%2].Update(w.Context(), storage.Fence{Domain: w.domain, Mode: storage.Shared}, func(ctx context.Context, tx storage.Tx) error {
		cs, err := f(ctx, tx)
		if err == nil && len(cs) > 0 {
			err = errRefused
		}
		return err
	})
}

var errRefused = errors.New("refused")

func (w *world) content(n int, rows ...storage.Content) error {
	for i := range rows {
		rows[i].Domain, rows[i].At = w.domain, time.UnixMilli(1700000000000).UTC()
		if rows[i].ID == "" {
			rows[i].ID = w.admins[0].NewID()
		}
	}
	return w.write(n, func(ctx context.Context, tx storage.Tx) ([]storage.Conflict, error) {
		return tx.InsertContent(ctx, rows)
	})
}

// chat makes a private chat with n messages.
func (w *world) chat(a, b chatadmin.User, n int) {
	w.Helper()
	id := w.admins[0].NewID()
	require.NoError(w, w.content(0, storage.Content{ID: id, Author: a.ID, Peer: b.ID, Kind: storage.Chat}))
	for n > 0 {
		rows := make([]storage.Content, min(n, chatadmin.MaxBatch))
		for i := range rows {
			rows[i] = storage.Content{Container: id, Author: []chatadmin.ID{a.ID, b.ID}[i%2], Kind: storage.Message}
		}
		require.NoError(w, w.content(0, rows...))
		n -= len(rows)
	}
}

// remove deletes a user in the name of s, and plans anew as long as the plan is
// overtaken.
func (w *world) remove(n int, s *chatadmin.Scope, u chatadmin.User) (*erase.Run, error) {
	for {
		p, err := w.d[n%2].Plan(w.Context(), s, []chatadmin.ID{u.ID}, &erase.Choice{TransferTo: w.boss.ID})
		if err != nil {
			return nil, err
		}
		r, err := w.d[n%2].Apply(w.Context(), s, p, "race", nil)
		if !errors.Is(err, chatadmin.ErrPlanStale) && !errors.Is(err, chatadmin.ErrBusy) {
			return r, err
		}
		for errors.Is(err, chatadmin.ErrBusy) && r != nil {
			r, err = w.d[n%2].Resume(w.Context(), s, r.ID, nil)
		}
		if err == nil {
			return r, nil
		}
	}
}

// raceChildren: rows of every kind come while their parents are deleted: each
// is refused, or goes with them.
func raceChildren(w *world) {
	ann, bob := w.user("ann", ""), w.user("bob", "")
	hers, err := w.as(0, ann).CreateGroup(w.Context(), "Hers")
	require.NoError(w, err)
	theirs, err := w.as(0, bob).CreateGroup(w.Context(), "Theirs")
	require.NoError(w, err)
	chat, device := w.admins[0].NewID(), w.admins[0].NewID()
	require.NoError(w, w.content(0, storage.Content{ID: chat, Author: ann.ID, Peer: bob.ID, Kind: storage.Chat}))
	require.NoError(w, w.write(0, func(ctx context.Context, tx storage.Tx) ([]storage.Conflict, error) {
		return tx.ChangeDevices(ctx, []storage.Write[storage.Device]{{Row: storage.Device{ID: device, Domain: w.domain, User: ann.ID, Rev: 1, Key: "first"}}})
	}))
	record := func(n int, owner chatadmin.ID) error {
		return w.write(n, func(ctx context.Context, tx storage.Tx) ([]storage.Conflict, error) {
			return tx.ChangeRecords(ctx, []storage.Write[storage.Record]{{Row: storage.Record{Key: storage.Key{Kind: "thing", Domain: w.domain, ID: string(w.admins[0].NewID())}, Owner: owner, Rev: 1, Data: []byte("{}")}}})
		})
	}
	children := []func(n int) error{
		func(n int) error {
			return w.content(n, storage.Content{Container: theirs.ID, Author: ann.ID, Kind: storage.Message})
		},
		func(n int) error {
			return w.content(n, storage.Content{Container: hers.ID, Author: bob.ID, Kind: storage.File, Blob: "b"})
		},
		func(n int) error {
			return w.content(n, storage.Content{Container: chat, Author: bob.ID, Kind: storage.Message})
		},
		func(n int) error {
			return w.content(n, storage.Content{Author: bob.ID, Peer: ann.ID, Kind: storage.Chat})
		},
		func(n int) error { return record(n, ann.ID) },
		func(n int) error { return record(n, hers.ID) },
		func(n int) error { return record(n, device) },
		func(n int) error {
			_, err := w.host(n).AddMembers(w.Context(), theirs.ID, ann.ID)
			return err
		},
		func(n int) error {
			_, err := w.host(n).AddMembers(w.Context(), hers.ID, bob.ID)
			return err
		},
		func(n int) error {
			return w.write(n, func(ctx context.Context, tx storage.Tx) ([]storage.Conflict, error) {
				id := w.admins[0].NewID()
				return tx.ChangeDevices(ctx, []storage.Write[storage.Device]{{Row: storage.Device{ID: id, Domain: w.domain, User: ann.ID, Rev: 1, Key: string(id)}}})
			})
		},
		func(n int) error {
			_, err := w.as(n, ann).CreateGroup(w.Context(), "New")
			return err
		},
		func(n int) error {
			_, err := w.host(n).EditUser(w.Context(), bob.ID, chatadmin.UserEdit{Manager: &ann.ID})
			return err
		},
		func(n int) error {
			p, err := w.host(n).PlanDefaultGroup(w.Context(), hers.ID)
			if err == nil {
				_, err = w.host(n).ApplyDefaultGroup(w.Context(), p, nil)
			}
			return err
		},
		func(n int) error {
			_, err := w.host(n).CreateUser(w.Context(), chatadmin.NewUser{Login: fmt.Sprintf("new%d@acme.example", n), Manager: ann.ID, NoInvitation: true})
			return err
		},
	}
	came := 0
	for n, err := range chatadmintest.AtOnce(100, func(n int) error {
		if n == 37 {
			_, err := w.remove(n, w.host(n), ann)
			return err
		}
		for range 3 { // some before, some during, some after
			if err := children[n%len(children)](n); err != nil {
				return err
			}
		}
		return nil
	}) {
		if n == 37 {
			require.NoError(w, err)
		} else if err == nil {
			came++
		}
	}
	w.Logf("%d of 99 came in time", came)
	NoTrace(w, w.stores[1], w.domain, ann.ID)
}

// raceLastAdmin: of two administrators each wants to delete the other; one
// stays.
func raceLastAdmin(w *world) {
	second := w.user("second", chatadmin.RoleAdmin)
	pair := [2]chatadmin.User{w.boss, second}
	for _, err := range chatadmintest.AtOnce(100, func(n int) error {
		p, err := w.d[n%2].Plan(w.Context(), w.as(n, pair[n/2%2]), []chatadmin.ID{pair[1-n/2%2].ID}, nil)
		if err == nil {
			_, err = w.d[n%2].Apply(w.Context(), w.as(n, pair[n/2%2]), p, "race", nil)
		}
		return err
	}) {
		ok := err == nil
		for _, want := range []error{chatadmin.ErrForbidden, chatadmin.ErrTransition, chatadmin.ErrPlanStale, chatadmin.ErrNotFound, chatadmin.ErrLastAdmin, chatadmin.ErrBusy} {
			ok = ok || errors.Is(err, want)
		}
		require.True(w, ok, "%v", err)
	}
	for _, r := range w.unfinished() {
		_, err := w.d[0].TakeOver(w.Context(), w.host(0), r.ID)
		require.NoError(w, err)
		_, err = w.d[0].Resume(w.Context(), w.host(0), r.ID, nil)
		require.NoError(w, err)
	}
	left, err := w.host(1).AdminsInForce(w.Context())
	require.NoError(w, err)
	require.Len(w, left, 1)
	for _, u := range pair {
		if u.ID != left[0] {
			NoTrace(w, w.stores[1], w.domain, u.ID)
		}
	}
}

func (w *world) unfinished() (all []*erase.Run) {
	for r, err := range w.d[0].Runs(w.Context(), w.host(0)) {
		require.NoError(w, err)
		if r.State != chatadmin.RunDone {
			all = append(all, r)
		}
	}
	return all
}

// raceWorkers: many processes carry out one deletion; each row is counted once.
func raceWorkers(w *world) {
	ann, bob := w.user("ann", ""), w.user("bob", "")
	w.chat(ann, bob, 3000)
	p, err := w.d[0].Plan(w.Context(), w.host(0), []chatadmin.ID{ann.ID}, nil)
	require.NoError(w, err)
	ctx, cancel := context.WithCancel(w.Context())
	r, err := w.d[0].Apply(ctx, w.host(0), p, "race", func(chatadmin.Progress) { cancel() })
	require.ErrorIs(w, err, context.Canceled)
	done := 0
	for _, err := range chatadmintest.AtOnce(100, func(n int) error {
		if n >= 20 {
			return chatadmin.ErrBusy
		}
		_, err := w.d[n%2].Resume(w.Context(), w.host(n), r.ID, nil)
		return err
	}) {
		if err == nil {
			done++
		} else {
			require.ErrorIs(w, err, chatadmin.ErrBusy)
		}
	}
	require.Positive(w, done)
	r, err = w.d[1].Run(w.Context(), w.host(1), r.ID)
	require.NoError(w, err)
	require.Equal(w, p.Counts, r.Data.Removed)
	NoTrace(w, w.stores[1], w.domain, ann.ID)
}

// raceShared: two users are deleted at once who have a chat with each other;
// each of its rows is counted by one of the two.
func raceShared(w *world) {
	ann, bob := w.user("ann", ""), w.user("bob", "")
	const n = 25000
	w.chat(ann, bob, n)
	w.chat(bob, w.boss, 10)
	var sum [2]*erase.Run
	for i, err := range chatadmintest.AtOnce(100, func(n int) (err error) {
		if n < 2 {
			sum[n], err = w.remove(n, w.host(n), []chatadmin.User{ann, bob}[n])
		}
		return err
	}) {
		require.NoError(w, err, "%d", i)
	}
	require.EqualValues(w, n+10, sum[0].Data.Removed[erase.Messages]+sum[1].Data.Removed[erase.Messages])
	require.EqualValues(w, 2, sum[0].Data.Removed[erase.Chats]+sum[1].Data.Removed[erase.Chats])
	NoTrace(w, w.stores[1], w.domain, ann.ID, bob.ID)
}
