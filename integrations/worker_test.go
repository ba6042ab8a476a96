package integrations_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/integrationstest"
	"chatadmin.example/sdk/integrations/slack/slacktest"
)

// ours counts the lists of this package's records, and the transactions.
type ours struct {
	chatadmin.Store
	lists, transactions int
}

func (o *ours) ListRecords(ctx context.Context, q storage.RecordQuery, p chatadmin.Page) ([]storage.Record, chatadmin.Cursor, error) {
	if strings.HasPrefix(q.Kind, "integration") {
		o.lists++
	}
	return o.Store.ListRecords(ctx, q, p)
}

func (o *ours) Update(ctx context.Context, f storage.Fence, do func(context.Context, storage.Tx) error) error {
	o.transactions++
	return o.Store.Update(ctx, f, do)
}

// work calls Admin.Work, and returns what the integrations did.
func doWork(t *testing.T, w *integrationstest.World) int {
	t.Helper()
	did, err := w.Admin.Work(t.Context())
	require.NoError(t, err)
	return did["integrations"]
}

// Admin.Work does everything that Deliver does.
func TestWorkDelivers(t *testing.T) {
	w, srv, other := twoBridges(t)
	srv.Say("C0RANDOM", "U0ALICE", "", "in")
	require.Zero(t, srv.Deliver(t.Context()))
	first := w.Group
	w.Group = other
	w.Say("m2", "", "out")
	require.NoError(t, w.X.Disconnect(t.Context(), w.Ann, integrations.Of{Service: "slack", Owner: first}))
	_, err := w.X.Connect(t.Context(), w.Ann, w.Of("slack"), nil) // a sign-in that nobody ends
	require.NoError(t, err)
	require.Positive(t, doWork(t, w))
	require.Len(t, w.Groups.Messages(other), 1)
	require.Len(t, srv.Messages("C0RANDOM"), 2)
	require.Empty(t, records(t, w, "integration.release"))
	w.Clock.Advance(11 * time.Minute)
	doWork(t, w)
	require.Empty(t, records(t, w, "integration.state"))
	for range 35 {
		w.Clock.Advance(25 * time.Hour)
		doWork(t, w)
	}
	require.Empty(t, records(t, w, "integration.dead"))
}

// With nothing due, a round reads as much for many domains as for one, and
// writes nothing.
func TestIdleWorkIsCheap(t *testing.T) {
	store := &ours{Store: memstore.New(nil)}
	w, _ := savedSlack(t, &integrationstest.Options{Store: store})
	doWork(t, w)
	w.Clock.Advance(time.Minute)
	doWork(t, w)
	count := func() []int {
		w.Clock.Advance(time.Minute)
		store.lists, store.transactions = 0, 0
		doWork(t, w)
		return []int{store.lists, store.transactions}
	}
	one := count()
	require.LessOrEqual(t, one[0], 10)
	for n := range 100 {
		d, boss, err := w.Admin.CreateDomain(t.Context(), chatadmin.NewDomain{Name: fmt.Sprint("domain ", n), Preset: chatadmin.OfficeChat,
			Admin: chatadmin.NewUser{Login: fmt.Sprintf("boss%d@acme.example", n), NoInvitation: true}})
		require.NoError(t, err)
		s := w.Admin.As(d.ID, boss.ID)
		require.NoError(t, w.X.EnableService(t.Context(), s, "slack", nil))
		g, err := s.CreateGroup(t.Context(), "Sales")
		require.NoError(t, err)
		_, err = w.X.Draft(t.Context(), s, integrations.Of{Service: "slack", Owner: g.ID})
		require.NoError(t, err)
	}
	doWork(t, w)
	require.Equal(t, one, count())
}

// A queue that is refilled as fast as it is emptied keeps nothing else in Work
// waiting for more than a minute.
func TestWorkGoesOn(t *testing.T) {
	w, srv := savedSlack(t, nil)
	n := 0
	srv.SetFault(func(method string) slacktest.Fault {
		if method == "chat.postMessage" {
			n++
			w.Clock.Advance(time.Second)
			w.Say(chatadmin.ID(fmt.Sprint("more", n)), "", "and another one")
		}
		return slacktest.Fault{}
	})
	w.Say("m", "", "the first")
	require.Positive(t, doWork(t, w))
	require.Less(t, n, 120)
}
