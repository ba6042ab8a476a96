package integrations_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/integrationstest"
	"chatadmin.example/sdk/integrations/slack"
	"chatadmin.example/sdk/integrations/slack/slacktest"
)

// A post waits a second after a failure; what is told within that second stays
// behind it.
func TestOrderAfterPause(t *testing.T) {
	for _, op := range []integrations.Op{integrations.Edited, integrations.Deleted} {
		t.Run(string(op), func(t *testing.T) {
			w, srv := savedSlack(t, nil)
			srv.SetFault(func(string) slacktest.Fault { return slacktest.Fault{Error: "ratelimited"} })
			w.Say("m1", "", "old")
			w.Deliver()
			srv.SetFault(nil)
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
		srv.SetFault(func(string) slacktest.Fault { return slacktest.Fault{Error: "ratelimited"} })
		w.Say("m1", "", "first")
		w.Deliver()
		srv.SetFault(nil)
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

// Two processes whose clocks differ by 200 ms: what is told later goes out
// later.
func TestOrderOverTwoClocks(t *testing.T) {
	store := memstore.New(nil)
	w, srv := savedSlack(t, &integrationstest.Options{Store: store})
	svc, err := slack.New(srv.Options())
	require.NoError(t, err)
	second := w.Integrations(chatadmintest.Must(chatadmin.New(store.Handle(nil), &chatadmin.Options{Now: func() time.Time { return w.Clock.Now().Add(-200 * time.Millisecond) }})), svc)
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

// A process whose clock is most of a day ahead dies while it holds the lease:
// that does not hold for so long.
func TestLeaseOfAWrongClock(t *testing.T) {
	store := memstore.New(nil)
	pager, err := NewPager("http://127.0.0.1:1")
	require.NoError(t, err)
	w := integrationstest.New(t, &integrationstest.Options{Store: store}, pager)
	ahead := w.Integrations(chatadmintest.Must(chatadmin.New(store.Handle(nil), &chatadmin.Options{Now: func() time.Time { return w.Clock.Now().Add(20 * time.Hour) }})), pager)
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

// The admin has chosen another channel; somebody edits a message in the one
// before, where the app is no more. What comes after it does not wait.
func TestEditInAnOldChannel(t *testing.T) {
	w, srv := savedSlack(t, nil)
	w.Say("m1", "", "in general")
	w.Deliver()
	_, err := w.X.Save(t.Context(), w.Ann, w.Of("slack"), []byte(`{"channel":"random"}`))
	require.NoError(t, err)
	srv.SetFault(func(method string) slacktest.Fault {
		if method == "chat.update" {
			return slacktest.Fault{Error: "is_archived"}
		}
		return slacktest.Fault{}
	})
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
