package integrations_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/integrationstest"
	"chatadmin.example/sdk/integrations/slack/slacktest"
)

// While one worker talks to the provider another one leaves the connection
// alone; once the first has been silent for a minute, it takes over.
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
		if err := second.Deliver(context.Background()); err != nil {
			t.Error(err)
		}
	}))
	defer fake.Close()
	pager, err := NewPager(fake.URL)
	require.NoError(t, err)
	w = integrationstest.New(t, &integrationstest.Options{Store: store}, pager)
	second = w.Integrations(chatadmintest.Must(chatadmin.New(store.Handle(nil), &chatadmin.Options{Now: w.Clock.Now})), pager)
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

// Disabled while a worker is in the midst of a queue: the next message is not
// sent any more. So with a domain that is suspended.
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
			if err := stop(w); err != nil {
				t.Error(err)
			}
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

func (b *between) ListRecords(ctx context.Context, q storage.RecordQuery, p chatadmin.Page) ([]storage.Record, chatadmin.Cursor, error) {
	rs, next, err := b.Store.ListRecords(ctx, q, p)
	if f := b.once; f != nil && len(rs) > 0 && q.Kind == "integration.in" {
		b.once = nil
		f()
	}
	return rs, next, err
}

func (b *between) Records(ctx context.Context, keys []storage.Key) ([]storage.Record, error) {
	rs, err := b.Store.Records(ctx, keys)
	if f := b.once; f != nil && len(rs) == 1 && rs[0].Kind == "integration.state" {
		b.once = nil
		f()
	}
	return rs, err
}

// Two callbacks have both read the state before either has used it up: one of
// them exchanges.
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

// A worker whose list is out of date does nothing again, and forgets nothing
// too early.
func TestListOutOfDate(t *testing.T) {
	store := memstore.New(nil)
	first := &between{Store: store}
	pager, err := NewPager("http://127.0.0.1:1")
	require.NoError(t, err)
	w := integrationstest.New(t, &integrationstest.Options{Store: first}, pager)
	second := w.Integrations(chatadmintest.Must(chatadmin.New(store.Handle(nil), &chatadmin.Options{Now: w.Clock.Now})), pager)
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

// savedSlack is a group that is bridged to #general.
func savedSlack(t *testing.T, o *integrationstest.Options) (*integrationstest.World, *slacktest.Server) {
	w, srv, back := slackWorld(t, o)
	code, _ := w.Browser(w.Ann, back)
	require.Equal(t, 200, code)
	_, err := w.X.Save(t.Context(), w.Ann, w.Of("slack"), []byte(`{"channel":"general"}`))
	require.NoError(t, err)
	return w, srv
}

// What waits because the provider has asked for an hour counts as waiting.
func TestWaitingIsCounted(t *testing.T) {
	w, srv, back := slackWorld(t, nil)
	code, _ := w.Browser(w.Ann, back)
	require.Equal(t, 200, code)
	st, err := w.X.Save(t.Context(), w.Ann, w.Of("slack"), []byte(`{"channel":"general"}`))
	require.NoError(t, err)
	srv.Subscribe(st.Webhook.Reveal())
	srv.SetFault(func(method string) slacktest.Fault {
		if method == "users.info" {
			return slacktest.Fault{Status: 429, RetryAfter: 3600}
		}
		return slacktest.Fault{}
	})
	srv.Say("C0GENERAL", "U0ALICE", "", "hello")
	require.Zero(t, srv.Deliver(t.Context()))
	w.Deliver()
	st, err = w.X.Status(t.Context(), w.Ann, w.Of("slack"))
	require.NoError(t, err)
	require.Contains(t, st.Problem, "too many requests")
	require.Equal(t, 1, st.Waiting)
}

// Who authenticates again does not wait for the end of a pause, however long
// the provider has asked for.
func TestPauseEndsWithAuthentication(t *testing.T) {
	w, srv := savedSlack(t, nil)
	fault := slacktest.Fault{Status: 429, RetryAfter: 3600}
	srv.SetFault(func(string) slacktest.Fault { return fault })
	for _, id := range []chatadmin.ID{"m1", "m2", "m3"} {
		w.Say(id, "", string(id))
	}
	w.Deliver()
	fault = slacktest.Fault{}
	w.Deliver()
	require.Empty(t, srv.Messages("C0GENERAL"))
	w.Connect(w.Of("slack"), srv.Authorise)
	w.Deliver()
	require.Len(t, srv.Messages("C0GENERAL"), 3)
}

// Messages of another workspace are not edited with the token of this one.
func TestAnotherAccountForgetsTheMap(t *testing.T) {
	w, srv := savedSlack(t, nil)
	w.Say("m1", "", "in the old one")
	w.Deliver()
	require.NoError(t, w.Host.Change(t.Context(), chatadmin.Op{Kind: "test", Fence: storage.Shared}, func(ctx context.Context, k *chatadmin.Writer) error {
		rs, err := k.Records(ctx, []storage.Key{{Kind: "integration", Domain: w.Domain, ID: "slack/" + string(w.Group)}})
		if err != nil {
			return err
		}
		was := rs[0].Rev
		// as if it had been connected to another one
		rs[0].Data = bytes.Replace(rs[0].Data, []byte(`"id":"`+slacktest.Team), []byte(`"id":"T0OTHER`), 1)
		return k.PutRecords(ctx, []storage.Write[storage.Record]{{Row: rs[0], Was: was}})
	}))
	_, err := w.X.Tell(t.Context(), w.Domain, integrations.Message{Op: integrations.Edited, Group: w.Group, ID: "m1", Text: "edited"})
	require.NoError(t, err)
	w.Say("m2", "m1", "an answer")
	w.Deliver()
	require.Zero(t, srv.Calls("chat.update"))
	ms := srv.Messages("C0GENERAL")
	require.Len(t, ms, 2)
	require.Empty(t, ms[1].Thread)
}
