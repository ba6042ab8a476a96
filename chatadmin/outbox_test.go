package chatadmin_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

func outbox(o *chatadmin.Options) { o.Outbox = true }

// Every audit event leaves, in the order of the changes, and then it is gone.
func TestOutbox(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat, outbox)
	ann := w.User("ann@acme.example")
	for range 150 {
		// more than one lease covers; the clock stands still, so only revisions
		// order them
		_, err := w.S.DenyAccess(ctx, ann.ID)
		require.NoError(t, err)
		_, err = w.S.GrantAccess(ctx, ann.ID)
		require.NoError(t, err)
	}
	var got []chatadmin.OutboxEvent
	deliver := func(_ context.Context, e chatadmin.OutboxEvent) error { got = append(got, e); return nil }
	require.NoError(t, w.Admin.DeliverEvents(ctx, deliver))
	var kinds []string
	for _, e := range got {
		if e.Kind == chatadmin.KindUserDeny || e.Kind == chatadmin.KindUserGrant {
			kinds = append(kinds, e.Kind)
			require.Equal(t, []chatadmin.ID{ann.ID}, e.Targets)
			require.Equal(t, w.Boss.ID, e.Actor)
			require.Equal(t, w.Domain, e.Domain)
		}
	}
	require.Len(t, kinds, 300)
	for i, k := range kinds {
		require.Equal(t, []string{chatadmin.KindUserDeny, chatadmin.KindUserGrant}[i%2], k)
	}
	audited := map[chatadmin.ID]bool{}
	for _, e := range w.Events("") {
		audited[e.ID] = true
	}
	require.Len(t, audited, len(got))
	for _, e := range got {
		require.True(t, audited[e.ID])
	}
	got = nil
	require.NoError(t, w.Admin.DeliverEvents(ctx, deliver))
	require.Empty(t, got)
}

// A receiver that fails gets the event again, and those behind it wait; other
// domains' events leave.
func TestOutboxFailure(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat, outbox)
	var others []chatadmin.ID
	for n := range 40 {
		d, _ := w.Open(fmt.Sprintf("Domain %d", n), chatadmin.OfficeChat)
		others = append(others, d)
	}
	ann := w.User("ann@acme.example")
	down := errors.New("receiver down")
	fail := true
	got := map[chatadmin.ID]int{}
	var order []string
	deliver := func(_ context.Context, e chatadmin.OutboxEvent) error {
		if e.Domain == w.Domain {
			if fail && slices.Contains(e.Targets, ann.ID) {
				return down
			}
			order = append(order, e.Kind)
		}
		got[e.Domain]++
		return nil
	}
	require.ErrorIs(t, w.Admin.DeliverEvents(ctx, deliver), down)
	reached := 0
	for _, d := range others {
		if got[d] > 0 {
			reached++
		}
	}
	require.Greater(t, reached, 20, "other lanes went on")
	_, err := w.S.DenyAccess(ctx, ann.ID)
	require.NoError(t, err)
	fail, order = false, nil
	require.NoError(t, w.Admin.DeliverEvents(ctx, deliver))
	require.Equal(t, []string{chatadmin.KindUserCreate, chatadmin.KindUserDeny}, order)
	for _, d := range others {
		require.Equal(t, 4, got[d])
	}
}

// Many workers share the lanes: nothing is lost, and each user's events come in
// order, although events may come twice.
func TestOutboxWorkers(t *testing.T) {
	store := memstore.New(nil)
	w := newWorldOn(t, store, chatadmin.OfficeChat, outbox)
	ids := w.users(20)
	second := chatadmintest.Must(chatadmin.New(store.Handle(nil), &chatadmin.Options{Now: w.Clock.Now, Outbox: true}))
	var mu sync.Mutex
	got := map[chatadmin.ID][]chatadmin.OutboxEvent{}
	seen := map[chatadmin.ID]bool{}
	deliver := func(_ context.Context, e chatadmin.OutboxEvent) error {
		mu.Lock()
		defer mu.Unlock()
		if !seen[e.ID] && len(e.Targets) == 1 {
			seen[e.ID] = true
			got[e.Targets[0]] = append(got[e.Targets[0]], e)
		}
		return nil
	}
	errs := chatadmintest.AtOnce(100, func(n int) error {
		switch {
		case n%5 > 0:
			a := w.Admin
			if n%2 == 0 {
				a = second
			}
			return a.DeliverEvents(ctx, deliver)
		default:
			s := second.As(w.Domain, w.Boss.ID)
			id := ids[n/5]
			for range 5 {
				_, err1 := s.DenyAccess(ctx, id)
				_, err2 := s.GrantAccess(ctx, id)
				if err := errors.Join(err1, err2); err != nil {
					return err
				}
			}
			return nil
		}
	})
	for _, err := range errs {
		require.NoError(t, err)
	}
	require.NoError(t, w.Admin.DeliverEvents(ctx, deliver))
	for _, id := range ids {
		require.Len(t, got[id], 11)
		for i, e := range got[id][1:] {
			require.Equal(t, []string{chatadmin.KindUserDeny, chatadmin.KindUserGrant}[i%2], e.Kind)
		}
	}
}

// A worker that dies while it holds a lane keeps the others out until its lease
// has run out; then what it had not finished comes again.
func TestOutboxLease(t *testing.T) {
	store := memstore.New(nil)
	w := newWorldOn(t, store, chatadmin.OfficeChat, outbox)
	ann := w.User("ann@acme.example")
	var got []chatadmin.ID
	func() {
		defer func() { require.NotNil(t, recover()) }()
		_ = w.Admin.DeliverEvents(ctx, func(context.Context, chatadmin.OutboxEvent) error { panic("the process dies") })
	}()
	deliver := func(_ context.Context, e chatadmin.OutboxEvent) error { got = append(got, e.Targets...); return nil }
	require.NoError(t, w.Admin.DeliverEvents(ctx, deliver))
	require.Empty(t, got)
	w.Clock.Advance(31 * time.Second)
	require.NoError(t, w.Admin.DeliverEvents(ctx, deliver))
	require.Contains(t, got, ann.ID)
}

// hesitant is a store whose lists begin with a page without rows and go on with
// pages of one row, as the contract allows.
type hesitant struct{ chatadmin.Store }

func (s hesitant) ListRecords(ctx context.Context, q storage.RecordQuery, p chatadmin.Page) ([]storage.Record, chatadmin.Cursor, error) {
	return hesitate(ctx, s.Store.ListRecords, q, p)
}

func (s hesitant) Update(ctx context.Context, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	return s.Store.Update(ctx, fence, func(ctx context.Context, tx storage.Tx) error { return f(ctx, hesitantTx{tx}) })
}

type hesitantTx struct{ storage.Tx }

func (x hesitantTx) ListMemberships(ctx context.Context, q storage.MemberQuery, p chatadmin.Page) ([]chatadmin.Membership, chatadmin.Cursor, error) {
	return hesitate(ctx, x.Tx.ListMemberships, q, p)
}

func (x hesitantTx) ListRecords(ctx context.Context, q storage.RecordQuery, p chatadmin.Page) ([]storage.Record, chatadmin.Cursor, error) {
	return hesitate(ctx, x.Tx.ListRecords, q, p)
}

func (x hesitantTx) DeleteContent(ctx context.Context, q storage.ContentQuery, p chatadmin.Page) (storage.ContentCount, []string, chatadmin.Cursor, error) {
	if p.After == "" {
		return storage.ContentCount{}, nil, "start", nil
	}
	if p.After == "start" {
		p.After = ""
	}
	return x.Tx.DeleteContent(ctx, q, p)
}

func hesitate[Q, T any](ctx context.Context, list func(context.Context, Q, chatadmin.Page) ([]T, chatadmin.Cursor, error), q Q, p chatadmin.Page) ([]T, chatadmin.Cursor, error) {
	switch p.After {
	case "":
		return nil, "start", nil
	case "start":
		p.After = ""
	}
	p.Limit = 1
	return list(ctx, q, p)
}

// A page without rows is not the end: invitations, events and file contents
// behind it are found.
func TestHesitantStore(t *testing.T) {
	w := newWorldOn(t, hesitant{memstore.New(nil)}, chatadmin.OfficeChat, outbox)
	ann, bob := w.newcomer("ann@acme.example"), w.newcomer("bob@acme.example")
	require.Equal(t, 2, w.send())
	g := w.Group("G")
	_, err := w.S.AddMembers(ctx, g.ID, ann, bob)
	require.NoError(t, err)
	w.content(g.ID, ann, 7)
	var got []chatadmin.ID
	require.NoError(t, w.Admin.DeliverEvents(ctx, func(_ context.Context, e chatadmin.OutboxEvent) error { got = append(got, e.ID); return nil }))
	require.Len(t, got, len(w.Events("")))

	p, err := w.S.PlanDeleteGroup(ctx, g.ID)
	require.NoError(t, err)
	job, err := w.S.ApplyDeleteGroup(ctx, p, nil)
	require.NoError(t, err)
	require.Equal(t, chatadmin.RunDone, job.State)
	require.EqualValues(t, 3+7, job.Done)
	n, err := w.Admin.ReleaseBlobs(ctx, w.Domain)
	require.NoError(t, err)
	require.Equal(t, 3, n)
}

// A worker whose clock was wrong dies while it holds a lane: the lane waits no
// longer than for another one's.
func TestOutboxLeaseFromTheFuture(t *testing.T) {
	for ahead, held := range map[time.Duration]bool{20 * time.Second: true, 365 * 24 * time.Hour: false} {
		w := newWorld(t, chatadmin.OfficeChat, outbox)
		w.Clock.Advance(ahead)
		func() {
			defer func() { require.NotNil(t, recover()) }()
			_ = w.Admin.DeliverEvents(ctx, func(context.Context, chatadmin.OutboxEvent) error { panic("the process dies") })
		}()
		w.Clock.Advance(-ahead)
		n := 0
		require.NoError(t, w.Admin.DeliverEvents(ctx, func(context.Context, chatadmin.OutboxEvent) error { n++; return nil }))
		require.Equal(t, held, n == 0, "a clock that is a little ahead still holds its lane")
	}
}

// An event that cannot be read is put aside, and those behind it leave.
func TestOutboxUnreadable(t *testing.T) {
	var log strings.Builder
	w := newWorld(t, chatadmin.OfficeChat, outbox, func(o *chatadmin.Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	deliver := func(context.Context, chatadmin.OutboxEvent) error { return nil }
	require.NoError(t, w.Admin.DeliverEvents(ctx, deliver))
	lane := func(n int) string { return fmt.Sprintf("outbox/%02d", n) }
	for n := range 16 {
		w.put(lane(n), w.Domain, "0000000000000001-bad", `{`, time.Time{})
	}
	ann := w.User("ann@acme.example")
	var got []chatadmin.ID
	require.NoError(t, w.Admin.DeliverEvents(ctx, func(_ context.Context, e chatadmin.OutboxEvent) error { got = append(got, e.Targets...); return nil }))
	require.Contains(t, got, ann.ID)
	for n := range 16 {
		left, _, err := w.Store.ListRecords(ctx, storage.RecordQuery{Kind: lane(n)}, chatadmin.Page{Limit: 10})
		require.NoError(t, err)
		require.Empty(t, left)
		aside, _, err := w.Store.ListRecords(ctx, storage.RecordQuery{Kind: "unreadable/" + lane(n)}, chatadmin.Page{Limit: 10})
		require.NoError(t, err)
		require.Len(t, aside, 1)
		require.Equal(t, "{", string(aside[0].Data))
	}
	require.NoError(t, w.Admin.DeliverEvents(ctx, deliver))
	require.Equal(t, 16, strings.Count(log.String(), "cannot be read"))
}
