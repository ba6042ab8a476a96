package erasetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/closing"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Everything is how many rows of each kind a domain has, in all tables.
func Everything(t testing.TB, s chatadmin.Store, domain chatadmin.ID) map[string]int64 {
	t.Helper()
	ctx := context.Background()
	content, err := s.CountContent(ctx, storage.ContentQuery{Domain: domain, Before: time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)})
	require.NoError(t, err)
	n := map[string]int64{closing.Messages: content.Messages, closing.Files: content.Files, closing.Chats: 0}
	var ids []chatadmin.ID
	for _, u := range List(t, chatadmin.UserQuery{Domain: domain, WithDeleting: true}, s.ListUsers) {
		ids = append(ids, u.ID)
	}
	for batch := range slices.Chunk(ids, chatadmin.MaxBatch) {
		theirs, err := s.CountContent(ctx, storage.ContentQuery{Domain: domain, Authors: batch})
		require.NoError(t, err)
		n[closing.Chats] += theirs.Chats
	}
	n[closing.Users] = int64(len(ids))
	n[closing.Memberships], err = s.CountMemberships(ctx, storage.MemberQuery{Domain: domain})
	require.NoError(t, err)
	n[closing.Groups] = int64(len(List(t, chatadmin.GroupQuery{Domain: domain, WithDeleting: true}, s.ListGroups)))
	n[closing.Devices] = int64(len(List(t, storage.DeviceQuery{Domain: domain}, s.ListDevices)))
	n[closing.Records] = int64(len(List(t, storage.RecordQuery{Domain: domain}, s.ListRecords)))
	n[closing.Events] = int64(len(List(t, chatadmin.EventQuery{Domain: domain}, s.ListEvents)))
	return n
}

// raceClosing: rows of every kind come while their domain is closed by several
// processes: each is refused, or goes with it. What is written without the
// domain's fence may come late, and is swept away.
func raceClosing(t *testing.T, stores [2]chatadmin.Store) {
	clock := chatadmintest.NewClock(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC))
	w := &world{T: t, stores: stores}
	var closings [2]*closing.Closings
	for i, s := range stores {
		w.admins[i] = chatadmintest.Must(chatadmin.New(s, &chatadmin.Options{Now: clock.Now, Blobs: &chatadmintest.Blobs{}}))
		var err error
		closings[i], err = closing.New(w.admins[i], nil)
		require.NoError(t, err)
	}
	d, boss, err := w.admins[0].CreateDomain(t.Context(), chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat,
		Admin: chatadmin.NewUser{Login: "boss@acme.example", NoInvitation: true}})
	require.NoError(t, err)
	w.domain, w.boss = d.ID, boss
	ann := w.user("ann", "")
	group, err := w.as(0, ann).CreateGroup(t.Context(), "Hers")
	require.NoError(t, err)
	w.chat(ann, boss, 2000)
	p, err := closings[0].Plan(t.Context(), w.host(0), closing.AtOnce)
	require.NoError(t, err)
	record := func(n int, owner chatadmin.ID, fence storage.Mode) error {
		key := storage.Key{Kind: "thing", Domain: w.domain, ID: string(w.admins[0].NewID())}
		return w.stores[n%2].Update(t.Context(), storage.Fence{Domain: w.domain, Mode: fence}, func(ctx context.Context, tx storage.Tx) error {
			cs, err := tx.ChangeRecords(ctx, []storage.Write[storage.Record]{{Row: storage.Record{Key: key, Owner: owner, Rev: 1, Data: []byte("{}")}}})
			if err == nil && len(cs) > 0 {
				err = errRefused
			}
			return err
		})
	}
	rows := []func(n int) error{
		func(n int) error {
			return w.content(n, storage.Content{Container: group.ID, Author: ann.ID, Kind: storage.Message})
		},
		func(n int) error {
			return w.content(n, storage.Content{Author: boss.ID, Peer: ann.ID, Kind: storage.Chat})
		},
		func(n int) error { return record(n, ann.ID, storage.Shared) },
		func(n int) error { return record(n, group.ID, storage.Shared) },
		func(n int) error { return record(n, "", storage.NoFence) },
		func(n int) error {
			return w.write(n, func(ctx context.Context, tx storage.Tx) ([]storage.Conflict, error) {
				id := w.admins[0].NewID()
				return tx.ChangeDevices(ctx, []storage.Write[storage.Device]{{Row: storage.Device{ID: id, Domain: w.domain, User: ann.ID, Rev: 1, Key: string(id)}}})
			})
		},
		func(n int) error { return errOf(w.as(n, ann).CreateGroup(w.Context(), fmt.Sprint("New ", n))) },
		func(n int) error {
			return errOf(w.host(n).CreateUser(w.Context(), chatadmin.NewUser{Login: fmt.Sprintf("new%d@acme.example", n), NoInvitation: true}))
		},
	}
	var run *closing.Run
	for n, err := range chatadmintest.AtOnce(100, func(n int) (err error) {
		switch {
		case n == 37:
			run, err = closings[1].Apply(w.Context(), w.host(1), p, "race", nil)
			for run != nil && errors.Is(err, chatadmin.ErrBusy) {
				run, err = closings[1].Resume(w.Context(), w.host(1), run.ID, nil)
			}
			return err
		default: // some before, some during, some after
			for i := range 6 {
				if err := rows[(n+i)%len(rows)](n); err != nil {
					return err
				}
			}
		}
		return nil
	}) {
		if n == 37 {
			require.NoError(t, err)
		}
	}
	require.Equal(t, chatadmin.RunDone, run.State)
	left := Everything(t, stores[0], w.domain)
	t.Logf("late: %d", left[closing.Records])
	left[closing.Records] = 0
	for kind, n := range left {
		require.Zero(t, n, kind)
	}
	clock.Advance(time.Hour)
	_, err = w.admins[0].Work(w.Context())
	require.NoError(t, err)
	for kind, n := range Everything(t, stores[1], w.domain) {
		require.Zero(t, n, kind)
	}
}

func errOf[T any](_ T, err error) error { return err }
