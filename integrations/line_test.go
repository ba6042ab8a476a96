package integrations_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/memstore"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/integrationstest"
	"chatadmin.example/sdk/integrations/slack"
	"chatadmin.example/sdk/integrations/slack/slacktest"
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

// savedSlack is a group that is bridged to #general.
func savedSlack(t *testing.T, o *integrationstest.Options) (*integrationstest.World, *slacktest.Server) {
	w, srv, back := slackWorld(t, o)
	code, _ := w.Browser(w.Ann, back)
	require.Equal(t, 200, code)
	_, err := w.X.Save(t.Context(), w.Ann, w.Of("slack"), []byte(`{"channel":"general"}`))
	require.NoError(t, err)
	return w, srv
}

// A post waits a second after a failure; what is told within that second stays behind it.
func TestOrderAfterPause(t *testing.T) {
	for _, op := range []integrations.Op{integrations.Edited, integrations.Deleted} {
		t.Run(string(op), func(t *testing.T) {
			w, srv := savedSlack(t, nil)
			srv.Fault = func(string) slacktest.Fault { return slacktest.Fault{Error: "ratelimited"} }
			w.Say("m1", "", "old")
			w.Deliver()
			srv.Fault = nil
			w.Clock.Advance(500 * time.Millisecond)
			_, err := w.X.Tell(t.Context(), w.Domain, integrations.Message{Op: op, Group: w.Group, ID: "m1", Author: "Ann", Text: "new"})
			require.NoError(t, err)
			w.Clock.Advance(600 * time.Millisecond)
			for range 5 {
				w.Deliver()
				w.Clock.Advance(time.Minute)
			}
			ms := srv.Messages("C0GENERAL")
			if op == integrations.Deleted {
				require.Empty(t, ms, "it had certainly not arrived")
				require.Empty(t, records(t, w, "integration.out"))
				return
			}
			require.Len(t, ms, 1)
			require.Equal(t, "Ann: new", ms[0].Text)
		})
	}
	t.Run("two posts", func(t *testing.T) {
		w, srv := savedSlack(t, nil)
		srv.Fault = func(string) slacktest.Fault { return slacktest.Fault{Error: "ratelimited"} }
		w.Say("m1", "", "first")
		w.Deliver()
		srv.Fault = nil
		w.Clock.Advance(500 * time.Millisecond)
		w.Say("m2", "", "second")
		w.Clock.Advance(600 * time.Millisecond)
		w.Deliver()
		ms := srv.Messages("C0GENERAL")
		require.Len(t, ms, 2)
		require.Equal(t, "Ann: first", ms[0].Text)
	})
}

// The same on the way in.
func TestOrderAfterPauseIncoming(t *testing.T) {
	w, srv := savedSlack(t, nil)
	st, err := w.X.Status(t.Context(), w.Ann, w.Of("slack"))
	require.NoError(t, err)
	srv.Subscribe(st.Webhook.Reveal())
	down := true
	w.Groups.Fault = func(string) (error, error) {
		if down {
			return errors.New("the host is down"), nil
		}
		return nil, nil
	}
	ts := srv.Say("C0GENERAL", "U0ALICE", "", "secret")
	require.Zero(t, srv.Deliver(t.Context()))
	w.Deliver()
	w.Clock.Advance(500 * time.Millisecond)
	srv.Delete("C0GENERAL", ts)
	require.Zero(t, srv.Deliver(t.Context()))
	w.Clock.Advance(600 * time.Millisecond)
	down = false
	for range 5 {
		w.Deliver()
		w.Clock.Advance(time.Minute)
	}
	ms := w.Groups.Messages(w.Group)
	require.Len(t, ms, 1)
	require.True(t, ms[0].Deleted)
}

// Two processes whose clocks differ by 200 ms: what is told later goes out later.
func TestOrderOverTwoClocks(t *testing.T) {
	store := memstore.New(nil)
	w, srv := savedSlack(t, &integrationstest.Options{Store: store})
	svc, err := slack.New(srv.Options())
	require.NoError(t, err)
	second := w.Integrations(chatadmin.New(store.Handle(nil), &chatadmin.Options{Now: func() time.Time { return w.Clock.Now().Add(-200 * time.Millisecond) }}), svc)
	w.Say("m1", "", "oops")
	w.Clock.Advance(100 * time.Millisecond)
	_, err = second.Tell(t.Context(), w.Domain, integrations.Message{Op: integrations.Deleted, Group: w.Group, ID: "m1"})
	require.NoError(t, err)
	w.Clock.Advance(time.Second)
	w.Deliver()
	ms := srv.Messages("C0GENERAL")
	require.Empty(t, ms)
	w.Say("m2", "", "one")
	_, err = second.Tell(t.Context(), w.Domain, integrations.Message{Op: integrations.Posted, Group: w.Group, ID: "m3", Text: "two"})
	require.NoError(t, err)
	_, err = second.Tell(t.Context(), w.Domain, integrations.Message{Op: integrations.Edited, Group: w.Group, ID: "m2", Text: "one, edited"})
	require.NoError(t, err)
	w.Clock.Advance(time.Second)
	w.Deliver()
	ms = srv.Messages("C0GENERAL")
	require.Len(t, ms, 2)
	require.Equal(t, []string{"one, edited", "two"}, []string{ms[0].Text, ms[1].Text})
}

// A process whose clock is most of a day ahead dies while it holds the lease: that does not hold for so long.
func TestLeaseOfAWrongClock(t *testing.T) {
	store := memstore.New(nil)
	pager, err := NewPager("http://127.0.0.1:1")
	require.NoError(t, err)
	w := integrationstest.New(t, &integrationstest.Options{Store: store}, pager)
	ahead := w.Integrations(chatadmin.New(store.Handle(nil), &chatadmin.Options{Now: func() time.Time { return w.Clock.Now().Add(20 * time.Hour) }}), pager)
	require.NoError(t, w.X.EnableService(t.Context(), w.Boss, "pager", nil))
	ready(t, w)
	require.Equal(t, 200, postAlarm(t, w, "1"))
	w.Groups.Fault = func(string) (error, error) { panic("the process dies") }
	require.Panics(t, func() { _ = ahead.Deliver(t.Context()) })
	w.Groups.Fault = nil
	for range 60 {
		w.Clock.Advance(time.Minute)
		w.Deliver()
	}
	require.Len(t, w.Groups.Messages(w.Group), 1)
}

// The admin has chosen another channel; somebody edits a message in the one before, where the app is no more. What comes after it does not wait.
func TestEditInAnOldChannel(t *testing.T) {
	w, srv := savedSlack(t, nil)
	w.Say("m1", "", "in general")
	w.Deliver()
	_, err := w.X.Save(t.Context(), w.Ann, w.Of("slack"), []byte(`{"channel":"random"}`))
	require.NoError(t, err)
	srv.Fault = func(method string) slacktest.Fault {
		if method == "chat.update" {
			return slacktest.Fault{Error: "is_archived"}
		}
		return slacktest.Fault{}
	}
	_, err = w.X.Tell(t.Context(), w.Domain, integrations.Message{Op: integrations.Edited, Group: w.Group, ID: "m1", Author: "Ann", Text: "late correction"})
	require.NoError(t, err)
	w.Clock.Advance(time.Second)
	w.Say("m2", "", "urgent")
	for range 6 * 60 {
		w.Deliver()
		w.Clock.Advance(time.Minute)
	}
	require.Len(t, srv.Messages("C0RANDOM"), 1, "after six hours")
}

// What waits because the provider has asked for an hour counts as waiting.
func TestWaitingIsCounted(t *testing.T) {
	w, srv, back := slackWorld(t, nil)
	code, _ := w.Browser(w.Ann, back)
	require.Equal(t, 200, code)
	st, err := w.X.Save(t.Context(), w.Ann, w.Of("slack"), []byte(`{"channel":"general"}`))
	require.NoError(t, err)
	srv.Subscribe(st.Webhook.Reveal())
	srv.Fault = func(method string) slacktest.Fault {
		if method == "users.info" {
			return slacktest.Fault{Status: 429, RetryAfter: 3600}
		}
		return slacktest.Fault{}
	}
	srv.Say("C0GENERAL", "U0ALICE", "", "hello")
	require.Zero(t, srv.Deliver(t.Context()))
	w.Deliver()
	st, err = w.X.Status(t.Context(), w.Ann, w.Of("slack"))
	require.NoError(t, err)
	require.Contains(t, st.Problem, "too many requests")
	require.Equal(t, 1, st.Waiting)
}

// Who authenticates again does not wait for the end of a pause, however long the provider has asked for.
func TestPauseEndsWithAuthentication(t *testing.T) {
	w, srv := savedSlack(t, nil)
	fault := slacktest.Fault{Status: 429, RetryAfter: 3600}
	srv.Fault = func(string) slacktest.Fault { return fault }
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
	require.NoError(t, w.Host.Change(t.Context(), chatadmin.Op{Kind: "test", Fence: chatadmin.Shared}, func(ctx context.Context, k *chatadmin.Work) error {
		rs, err := k.Records(ctx, []chatadmin.Key{{Kind: "integration", Domain: w.Domain, ID: "slack/" + string(w.Group)}})
		if err != nil {
			return err
		}
		was := rs[0].Rev
		rs[0].Data = bytes.Replace(rs[0].Data, []byte(`"id":"`+slacktest.Team), []byte(`"id":"T0OTHER`), 1) // as if it had been connected to another one
		return k.PutRecords(ctx, []chatadmin.Change[chatadmin.Record]{{Row: rs[0], Was: was}})
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
