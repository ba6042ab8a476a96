package integrations_test

import (
	"context"
	"strings"
	"sync/atomic"
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

// A message that was given up and then deleted in its group is kept no longer,
// and cannot be retried.
func TestDeletedMessageIsNotRetried(t *testing.T) {
	w, srv, back := slackWorld(t, nil)
	code, _ := w.Browser(w.Ann, back)
	require.Equal(t, 200, code)
	_, err := w.X.Save(t.Context(), w.Ann, w.Of("slack"), []byte(`{"channel":"general"}`))
	require.NoError(t, err)
	srv.SetFault(func(string) slacktest.Fault { return slacktest.Fault{Error: "msg_too_long"} })
	w.Say("m1", "", "I should not have said that")
	w.Deliver()
	srv.SetFault(nil)
	_, err = w.X.Tell(t.Context(), w.Domain, integrations.Message{Op: integrations.Deleted, Group: w.Group, ID: "m1"})
	require.NoError(t, err)
	dead, err := w.X.DeadLetters(t.Context(), w.Ann, w.Of("slack"))
	require.NoError(t, err)
	require.Empty(t, dead)
	w.Deliver()
	require.Empty(t, srv.Messages("C0GENERAL"))
}

// A user is deleted: what they wrote and is still on its way, or was given up,
// goes with them; nobody else's does.
func TestErasedUserInQueues(t *testing.T) {
	w, srv := savedSlack(t, nil)
	carl := w.User("carl@acme.example")
	tell := func(id chatadmin.ID, author string, authorID chatadmin.ID) {
		_, err := w.X.Tell(t.Context(), w.Domain, integrations.Message{Op: integrations.Posted, Group: w.Group, ID: id, Author: author, AuthorID: authorID, Text: "words of " + author})
		require.NoError(t, err)
	}
	srv.SetFault(func(string) slacktest.Fault { return slacktest.Fault{Error: "msg_too_long"} })
	tell("m1", "Carl Private", carl.ID)
	tell("m2", "Ann", w.Ann.Actor())
	w.Deliver()
	tell("m3", "Carl Private", carl.ID)
	tell("m4", "Ann", w.Ann.Actor())
	beginDeletion(t, w.Host, carl.ID)
	all := ""
	for _, kind := range []string{"integration.dead", "integration.out"} {
		for _, r := range records(t, w, kind) {
			all += string(r.Data)
		}
	}
	require.NotContains(t, all, "Carl Private")
	require.Equal(t, 2, strings.Count(all, "words of Ann"))
	srv.SetFault(nil)
	w.Deliver()
	require.Len(t, srv.Messages("C0GENERAL"), 1)
}

// A message that is deleted while its answer is missing may have arrived: then
// the deletion follows it.
func TestDeletedWhileUnsure(t *testing.T) {
	w, srv := savedSlack(t, nil)
	lost := true
	srv.SetFault(func(method string) slacktest.Fault {
		if lost && method == "chat.postMessage" {
			lost = false
			return slacktest.Fault{Lost: true}
		}
		return slacktest.Fault{}
	})
	w.Say("m1", "", "oops")
	w.Deliver()
	_, err := w.X.Tell(t.Context(), w.Domain, integrations.Message{Op: integrations.Deleted, Group: w.Group, ID: "m1"})
	require.NoError(t, err)
	w.Clock.Advance(time.Minute)
	w.Deliver()
	ms := srv.Messages("C0GENERAL")
	require.Len(t, ms, 1)
	require.True(t, ms[0].Deleted)
}

// Deleted while the service is disabled or the domain suspended: what waited
// does not go out afterwards.
func TestDeletedWhileDisabled(t *testing.T) {
	for name, switched := range map[string][2]func(*integrationstest.World) error{
		"disabled": {func(w *integrationstest.World) error {
			return w.X.DisableService(context.Background(), w.Boss, "slack")
		},
			func(w *integrationstest.World) error {
				return w.X.EnableService(context.Background(), w.Boss, "slack", nil)
			}},
		"suspended": {func(w *integrationstest.World) error { return state(w, chatadmin.DomainSuspended) }, func(w *integrationstest.World) error { return state(w, chatadmin.DomainActive) }},
	} {
		t.Run(name, func(t *testing.T) {
			w, srv := savedSlack(t, nil)
			w.Say("m1", "", "arrives")
			w.Deliver()
			w.Say("m2", "", "oops")
			require.NoError(t, switched[0](w))
			for _, id := range []chatadmin.ID{"m1", "m2"} {
				_, err := w.X.Tell(t.Context(), w.Domain, integrations.Message{Op: integrations.Deleted, Group: w.Group, ID: id})
				require.NoError(t, err)
			}
			require.Empty(t, records(t, w, "integration.out"))
			require.NoError(t, switched[1](w))
			w.Deliver()
			require.Len(t, srv.Messages("C0GENERAL"), 1)
		})
	}
}

// midst does something once, when a worker has just looked up what is known of
// a message.
type midst struct {
	chatadmin.Store
	once func()
}

func (m *midst) Records(ctx context.Context, keys []storage.Key) ([]storage.Record, error) {
	rs, err := m.Store.Records(ctx, keys)
	if f := m.once; f != nil && keys[0].Kind == "integration.map" {
		m.once = nil
		f()
	}
	return rs, err
}

// A message, or its author, is deleted while a worker is at it: the queue goes
// on, nothing is left of it, and what has arrived is known.
func TestDeletedInTheMidst(t *testing.T) {
	st := &midst{Store: memstore.New(nil)}
	w, srv := savedSlack(t, &integrationstest.Options{Store: st})
	deleted := func(id chatadmin.ID) {
		_, err := w.X.Tell(t.Context(), w.Domain, integrations.Message{Op: integrations.Deleted, Group: w.Group, ID: id})
		require.NoError(t, err)
	}
	w.Say("m1", "", "oops")
	w.Say("m2", "", "goes on")
	st.once = func() { deleted("m1") }
	w.Deliver()
	require.Nil(t, st.once)
	require.Len(t, srv.Messages("C0GENERAL"), 1)

	for login, fault := range chatadmintest.InOrder(map[string]slacktest.Fault{"carl@acme.example": {Error: "msg_too_long"}, "dora@acme.example": {}}) {
		carl := w.User(login)
		id := chatadmin.ID("by-" + carl.ID)
		_, err := w.X.Tell(t.Context(), w.Domain, integrations.Message{Op: integrations.Posted, Group: w.Group, ID: id, AuthorID: carl.ID, Text: "carl's"})
		require.NoError(t, err)
		if fault.Error != "" { // after an attempt of which nobody knows the outcome
			srv.SetFault(func(string) slacktest.Fault { return slacktest.Fault{Status: 503} })
			w.Deliver()
			w.Clock.Advance(time.Minute)
		}
		var begun atomic.Bool
		srv.SetFault(func(method string) slacktest.Fault {
			if method == "chat.postMessage" && begun.CompareAndSwap(false, true) {
				beginDeletion(t, w.Host, carl.ID)
				return fault
			}
			return slacktest.Fault{}
		})
		w.Deliver()
		require.True(t, begun.Load())
		require.Empty(t, records(t, w, "integration.out"))
		require.Empty(t, records(t, w, "integration.dead"))
		deleted(id)
		w.Deliver()
	}
	ms := srv.Messages("C0GENERAL")
	require.Len(t, ms, 2)
	require.True(t, ms[1].Deleted)
	stat, err := w.X.Status(t.Context(), w.Ann, w.Of("slack"))
	require.NoError(t, err)
	require.Empty(t, stat.Problem)
}
