package chatadmin_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// countingStore counts the calls of a store.
type countingStore struct {
	chatadmin.Store
	lists, transactions atomic.Int64
}

func (s *countingStore) ListRecords(ctx context.Context, q storage.RecordQuery, p chatadmin.Page) ([]storage.Record, chatadmin.Cursor, error) {
	s.lists.Add(1)
	return s.Store.ListRecords(ctx, q, p)
}

func (s *countingStore) ListDomains(ctx context.Context, p chatadmin.Page) ([]chatadmin.Domain, chatadmin.Cursor, error) {
	s.lists.Add(1)
	return s.Store.ListDomains(ctx, p)
}

func (s *countingStore) Update(ctx context.Context, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	s.transactions.Add(1)
	return s.Store.Update(ctx, fence, f)
}

// A round of Work with nothing due makes as many calls for a thousand domains
// as for one, and opens no transaction.
func TestWorkWithNothingDue(t *testing.T) {
	var calls []int64
	for _, domains := range []int{1, 1000} {
		store := &countingStore{Store: memstore.New(nil)}
		w := newWorldOn(t, store, chatadmin.OfficeChat)
		for n := range domains - 1 {
			w.Open(fmt.Sprintf("Domain %d", n), chatadmin.OfficeChat)
		}
		_, err := w.Admin.Work(ctx) // walks through the domains, as it does once a day
		require.NoError(t, err)
		store.lists.Store(0)
		store.transactions.Store(0)
		did, err := w.Admin.Work(ctx)
		require.NoError(t, err)
		require.Empty(t, did)
		require.Zero(t, store.transactions.Load())
		calls = append(calls, store.lists.Load())
	}
	require.Equal(t, calls[0], calls[1])
	require.Less(t, calls[0], int64(15))
}

// What one domain needs is done whatever fails in another.
func TestWorkOfManyDomains(t *testing.T) {
	var delivered []string
	w := newWorld(t, chatadmin.OfficeChat, func(o *chatadmin.Options) {
		o.Deliver = func(_ context.Context, e chatadmin.OutboxEvent) error {
			delivered = append(delivered, e.Kind)
			return nil
		}
	})
	other, _ := w.Open("Other", chatadmin.OfficeChat)
	for _, s := range []*chatadmin.Scope{w.Host, w.Admin.AsHost(other)} {
		_, err := s.CreateUser(ctx, chatadmin.NewUser{Login: "ann@acme.example"})
		require.NoError(t, err)
	}
	delivered = nil
	did, err := w.Admin.Work(ctx)
	require.NoError(t, err)
	require.Equal(t, 2, did["invitations"])
	require.Len(t, w.Mail.To("ann@acme.example"), 2)
	require.Contains(t, delivered, chatadmin.KindUserCreate)
	require.Equal(t, len(delivered), did["events"])
	did, err = w.Admin.Work(ctx)
	require.NoError(t, err)
	require.NotContains(t, did, "invitations")
}

// Audit events are pruned by each domain's policy, once a day.
func TestPrunedEvents(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	other, _ := w.Open("Other", chatadmin.OfficeChat)
	_, err := w.Host.ChangeSettings(ctx, func(s *chatadmin.Settings) error { s.Pruning.AuditDays = 3; return nil })
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	_, err = w.Host.ChangeSettings(ctx, func(s *chatadmin.Settings) error { s.Pruning.AuditDays = 30; return nil })
	require.NoError(t, err)
	w.users(30)
	old := len(w.Events(""))
	w.Clock.Advance(20 * 24 * time.Hour)
	w.User("young@acme.example")
	did, err := w.Admin.Work(ctx)
	require.NoError(t, err)
	require.Zero(t, did["pruned events"])
	w.Clock.Advance(15 * 24 * time.Hour)
	did, err = w.Admin.Work(ctx)
	require.NoError(t, err)
	require.Equal(t, old, did["pruned events"])
	left := w.Events("")
	require.Len(t, left, 2, "the young one, and what tells of the pruning")
	require.Equal(t, chatadmin.KindPrune, left[0].Kind)
	require.Equal(t, fmt.Sprint(old), left[0].Note["events"])
	theirs := collect(t, func() ([]chatadmin.AuditEvent, error) {
		return all(w.Admin.AsHost(other).Events(ctx, chatadmin.EventQuery{}))
	})
	require.NotEmpty(t, theirs, "the other domain keeps its log for ever")
}

// What is due far ahead was written by a clock that was wrong: workers of all
// domains find it all the same.
func TestWorkOfAWrongClock(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	w.Clock.Advance(5 * 365 * 24 * time.Hour)
	w.newcomer("ann@acme.example")
	w.Clock.Advance(-5 * 365 * 24 * time.Hour)
	require.Equal(t, map[string]int{"invitations": 1}, chatadmintest.Quiesce(t, w.Admin))
	require.Len(t, w.Mail.To("ann@acme.example"), 1)
	w.newcomer("bob@acme.example")
	require.Equal(t, map[string]int{"invitations": 1}, chatadmintest.Quiesce(t, w.Admin))
	require.Empty(t, chatadmintest.Quiesce(t, w.Admin))
}
