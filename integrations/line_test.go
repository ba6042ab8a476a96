package integrations_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/memstore"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/integrationstest"
)

// While one worker talks to the provider another one leaves the connection alone; once the first has been silent for a minute, it takes over.
func TestOneWorkerAtATime(t *testing.T) {
	store := memstore.New(nil)
	var second *integrations.Integrations
	var w *integrationstest.World
	requests, late := 0, false
	fake := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if requests++; requests > 1 {
			return
		}
		if late {
			w.Clock.Advance(2 * time.Minute)
		}
		require.NoError(t, second.Deliver(context.Background()))
	}))
	defer fake.Close()
	pager, err := NewPager(fake.URL)
	require.NoError(t, err)
	w = integrationstest.New(t, &integrationstest.Options{Store: store}, pager)
	second = w.Integrations(chatadmin.New(store.Handle(nil), &chatadmin.Options{Now: w.Clock.Now}), pager)
	require.NoError(t, w.X.EnableService(t.Context(), w.Boss, "pager", nil))
	ready(t, w)
	require.Equal(t, 200, postAlarm(t, w, "1"))
	w.Deliver()
	parent := w.Groups.Messages(w.Group)[0].ID
	w.Say("m1", parent, "once")
	w.Deliver()
	require.Equal(t, 1, requests)
	requests, late = 0, true
	w.Say("m2", parent, "taken over")
	w.Deliver()
	require.Equal(t, 2, requests)
	w.Deliver()
	require.Equal(t, 2, requests)
}

// Disabled while a worker is in the midst of a queue: the next message is not sent any more. So with a domain that is suspended.
func TestDisabledInTheMidst(t *testing.T) {
	for _, stop := range []func(*integrationstest.World) error{
		func(w *integrationstest.World) error {
			return w.X.DisableService(context.Background(), w.Boss, "pager")
		},
		func(w *integrationstest.World) error { return state(w, chatadmin.DomainSuspended) },
	} {
		requests := 0
		var w *integrationstest.World
		fake := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			requests++
			require.NoError(t, stop(w))
		}))
		pager, err := NewPager(fake.URL)
		require.NoError(t, err)
		w = integrationstest.New(t, nil, pager)
		require.NoError(t, w.X.EnableService(t.Context(), w.Boss, "pager", nil))
		ready(t, w)
		require.Equal(t, 200, postAlarm(t, w, "1"))
		w.Deliver()
		parent := w.Groups.Messages(w.Group)[0].ID
		w.Say("m1", parent, "one")
		w.Say("m2", parent, "two")
		w.Deliver()
		require.Equal(t, 1, requests)
		fake.Close()
	}
}

// between runs something after a list was read, as if it happened just then.
type between struct {
	chatadmin.Store
	once func()
}

func (b *between) ListRecords(ctx context.Context, q chatadmin.RecordQuery, p chatadmin.Page) ([]chatadmin.Record, chatadmin.Cursor, error) {
	rs, next, err := b.Store.ListRecords(ctx, q, p)
	if f := b.once; f != nil && len(rs) > 0 && q.Kind == "integration.in" {
		b.once = nil
		f()
	}
	return rs, next, err
}

func (b *between) Records(ctx context.Context, keys []chatadmin.Key) ([]chatadmin.Record, error) {
	rs, err := b.Store.Records(ctx, keys)
	if f := b.once; f != nil && len(rs) == 1 && rs[0].Kind == "integration.state" {
		b.once = nil
		f()
	}
	return rs, err
}

// Two callbacks have both read the state before either has used it up: one of them exchanges.
func TestStateReadByTwo(t *testing.T) {
	store := memstore.New(nil)
	first := &between{Store: store}
	w, srv, back := slackWorld(t, &integrationstest.Options{Store: first})
	codes := []int{0}
	first.once = func() {
		code, _ := w.Browser(w.Ann, back)
		codes = append(codes, code)
	}
	codes[0], _ = w.Browser(w.Ann, back)
	require.Equal(t, []int{http.StatusBadRequest, http.StatusOK}, codes)
	require.Equal(t, 1, srv.Calls("oauth.v2.access"))
}

// A worker whose list is out of date does nothing again, and forgets nothing too early.
func TestListOutOfDate(t *testing.T) {
	store := memstore.New(nil)
	first := &between{Store: store}
	pager, err := NewPager("http://127.0.0.1:1")
	require.NoError(t, err)
	w := integrationstest.New(t, &integrationstest.Options{Store: first}, pager)
	second := w.Integrations(chatadmin.New(store.Handle(nil), &chatadmin.Options{Now: w.Clock.Now}), pager)
	require.NoError(t, w.X.EnableService(t.Context(), w.Boss, "pager", nil))
	ready(t, w)
	require.Equal(t, 200, postAlarm(t, w, "1"))
	first.once = func() { require.NoError(t, second.Deliver(t.Context())) }
	w.Deliver()
	require.Nil(t, first.once)
	require.Len(t, records(t, w, "integration.in"), 1, "it is still remembered")
	require.Equal(t, 200, postAlarm(t, w, "1"))
	w.Deliver()
	require.Len(t, w.Groups.Messages(w.Group), 1)
	require.Equal(t, 1, w.Groups.Messages(w.Group)[0].Posts)
}
