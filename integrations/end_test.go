package integrations_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/integrationstest"
	"chatadmin.example/sdk/integrations/slack/slacktest"
)

// Disconnecting erases the token here at once and at the provider by Deliver;
// where that does not answer it is tried again, and given up after three days.
func TestDisconnect(t *testing.T) {
	w, srv, back := slackWorld(t, nil)
	code, _ := w.Browser(w.Ann, back)
	require.Equal(t, 200, code)
	st, err := w.X.Save(t.Context(), w.Ann, w.Of("slack"), []byte(`{"channel":"general"}`))
	require.NoError(t, err)
	require.Equal(t, 1, srv.Tokens())
	require.NoError(t, w.X.Disconnect(t.Context(), w.Ann, w.Of("slack")))
	require.NoError(t, w.X.Disconnect(t.Context(), w.Ann, w.Of("slack")))
	require.Equal(t, 1, srv.Tokens(), "the transaction might be the host's, and be undone")
	w.Deliver()
	require.Zero(t, srv.Tokens())
	require.Empty(t, records(t, w, "integration.release"))
	now, err := w.X.Status(t.Context(), w.Ann, w.Of("slack"))
	require.NoError(t, err)
	require.Equal(t, "draft", now.State)
	require.False(t, now.Connected)
	require.Equal(t, st.Webhook.Reveal(), now.Webhook.Reveal(), "the address never changes")
	require.Equal(t, 404, post(t, w.X, st.Webhook.Reveal(), "{}").Code)

	code, _ = w.Browser(w.Ann, journey(t, w, srv))
	require.Equal(t, 200, code)
	srv.Close()
	require.NoError(t, w.X.Disconnect(t.Context(), w.Ann, w.Of("slack")))
	require.Len(t, records(t, w, "integration.release"), 1)
	for range 80 {
		w.Clock.Advance(time.Hour)
		w.Deliver()
	}
	require.Empty(t, records(t, w, "integration.release"))
}

// One workspace, two groups: the token, which is one and the same, is revoked
// with the last of them. A connection that was made anew survives what still
// ends its predecessor.
func TestSharedAccount(t *testing.T) {
	w, srv, back := slackWorld(t, nil)
	code, _ := w.Browser(w.Ann, back)
	require.Equal(t, 200, code)
	other := integrations.Of{Service: "slack", Owner: w.NewGroup("Other")}
	w.Connect(other, srv.Authorise)
	require.NoError(t, w.X.Disconnect(t.Context(), w.Ann, w.Of("slack")))
	w.Deliver()
	require.Equal(t, 1, srv.Tokens())
	down := true
	srv.SetFault(func(method string) slacktest.Fault {
		if down && method == "auth.revoke" {
			return slacktest.Fault{Status: 503}
		}
		return slacktest.Fault{}
	})
	require.NoError(t, w.X.Disconnect(t.Context(), w.Ann, other))
	w.Deliver()
	require.Equal(t, 1, srv.Tokens())
	w.Connect(other, srv.Authorise)
	down = false
	w.Clock.Advance(time.Hour)
	w.Deliver()
	require.Empty(t, records(t, w, "integration.release"))
	require.Equal(t, 1, srv.Tokens())
	require.NoError(t, w.X.Disconnect(t.Context(), w.Ann, other))
	w.Deliver()
	require.Zero(t, srv.Tokens())
}

func records(t testing.TB, w *integrationstest.World, kind string) []storage.Record {
	t.Helper()
	rs, _, err := w.Store.ListRecords(t.Context(), storage.RecordQuery{Kind: kind}, chatadmin.Page{Limit: 1000})
	require.NoError(t, err)
	return rs
}

// The group goes: so does everything of its integrations, at the provider too.
func TestGroupDeleted(t *testing.T) {
	w, srv, back := slackWorld(t, nil)
	code, _ := w.Browser(w.Ann, back)
	require.Equal(t, 200, code)
	st, err := w.X.Save(t.Context(), w.Ann, w.Of("slack"), []byte(`{"channel":"general"}`))
	require.NoError(t, err)
	w.Say("m1", "", "waits")
	plan, err := w.Ann.PlanDeleteGroup(t.Context(), w.Group)
	require.NoError(t, err)
	_, err = w.Ann.ApplyDeleteGroup(t.Context(), plan, nil)
	require.NoError(t, err)
	require.Equal(t, 404, post(t, w.X, st.Webhook.Reveal(), "{}").Code)
	w.Deliver()
	require.Zero(t, srv.Tokens())
	require.Empty(t, srv.Messages("C0GENERAL"))
	rs, _, err := w.Store.ListRecords(t.Context(), storage.RecordQuery{Domain: w.Domain}, chatadmin.Page{Limit: 1000})
	require.NoError(t, err)
	for _, r := range rs {
		require.True(t, !strings.HasPrefix(r.Kind, "integration") || r.Kind == "integration.service", "%+v", r.Key)
	}
}

// The user who authorised goes: the token goes, and the group's admins are
// told. Their own accounts go as well.
func TestAuthoriserDeleted(t *testing.T) {
	w, srv, back := slackWorld(t, nil)
	code, _ := w.Browser(w.Ann, back)
	require.Equal(t, 200, code)
	st, err := w.X.Save(t.Context(), w.Ann, w.Of("slack"), []byte(`{"channel":"general"}`))
	require.NoError(t, err)
	bob := w.User("bob@acme.example")
	_, err = w.Ann.AddMembers(t.Context(), w.Group, bob.ID)
	require.NoError(t, err)
	require.NoError(t, w.Ann.SetGroupAdmin(t.Context(), w.Group, true, bob.ID))
	beginDeletion(t, w.Host, w.Ann.Actor())
	require.Equal(t, 404, post(t, w.X, st.Webhook.Reveal(), "{}").Code)
	w.Deliver()
	require.Zero(t, srv.Tokens())
	mails := w.Mail.To("bob@acme.example")
	require.Len(t, mails, 1)
	require.Contains(t, mails[0].Text, "Authenticate again")
	require.Empty(t, w.Mail.To("ann@acme.example"))
	now, err := w.X.Status(t.Context(), w.Boss, w.Of("slack"))
	require.NoError(t, err)
	require.Contains(t, now.Problem, "was deleted")
	require.False(t, now.Connected)
	require.Equal(t, st.Webhook.Reveal(), now.Webhook.Reveal(), "the address never changes")
	require.JSONEq(t, string(st.Settings), string(now.Settings))
}

func beginDeletion(t testing.TB, s *chatadmin.Scope, user chatadmin.ID) {
	t.Helper()
	require.NoError(t, s.Change(t.Context(), chatadmin.Op{Kind: "test.delete", Fence: storage.Exclusive}, func(ctx context.Context, w *chatadmin.Writer) error {
		us, err := w.Users(ctx, s.Domain(), []chatadmin.ID{user})
		if err != nil {
			return err
		}
		now, err := chatadmin.Transition(us[0], chatadmin.BeginDeletion)
		if err != nil {
			return err
		}
		p, wrong := w.Settings.Prepare(now)
		if len(wrong) > 0 {
			return wrong[0]
		}
		return w.WriteUsers(ctx, "test.delete", []chatadmin.UserWrite{{Was: us[0], Now: p}})
	}))
}

func TestUsersOwnAccountDeleted(t *testing.T) {
	w := pagerWorld(t)
	of := integrations.Of{Service: "diary", Owner: w.Ann.Actor()}
	_, err := w.X.Draft(t.Context(), w.Ann, of)
	require.NoError(t, err)
	_, err = w.X.Connect(t.Context(), w.Ann, of, key)
	require.NoError(t, err)
	for range 3 {
		id, err := w.X.Link(t.Context(), w.Ann, of, "m1", integrations.Message{Text: "x"}, nil)
		require.NoError(t, err)
		require.Equal(t, "page", id)
	}
	_, err = w.X.Status(t.Context(), w.Boss, of)
	require.ErrorIs(t, err, chatadmin.ErrNotFound, "an account is its user's own")
	beginDeletion(t, w.Host, w.Ann.Actor())
	for _, r := range records(t, w, "integration") {
		require.NotContains(t, r.ID, w.Ann.Actor())
	}
}

// The key that sealed it was taken from the ring: who authorised it can be
// deleted all the same.
func TestKeyGone(t *testing.T) {
	pager, err := NewPager("http://127.0.0.1:1")
	require.NoError(t, err)
	store := memstore.New(nil)
	w := integrationstest.New(t, &integrationstest.Options{Store: store}, pager)
	require.NoError(t, w.X.EnableService(t.Context(), w.Boss, "pager", nil))
	ready(t, w)
	ring, err := keyring.New(strings.NewReader(strings.Repeat("x", 1000)), keyring.Key{ID: "new", Secret: secret.HideBytes(bytes.Repeat([]byte("n"), keyring.KeySize))})
	require.NoError(t, err)
	admin := chatadmintest.Must(chatadmin.New(store, &chatadmin.Options{Now: w.Clock.Now}))
	_, err = integrations.New(admin, &integrations.Options{Keys: ring, Groups: w.Groups, Services: []integrations.Service{pager},
		PublicURL: "https://chat.example", SignedIn: integrationstest.SignedIn})
	require.NoError(t, err)
	beginDeletion(t, admin.AsHost(w.Domain), w.Ann.Actor())
}

// A connection that a newer version has written keeps no user from being
// deleted who has nothing to do with it.
func TestNewerConnection(t *testing.T) {
	w, _ := savedSlack(t, nil)
	other := w.NewGroup("Other")
	require.NoError(t, w.Host.Change(t.Context(), chatadmin.Op{Kind: "test", Fence: storage.Shared}, func(ctx context.Context, k *chatadmin.Writer) error {
		return k.PutRecords(ctx, []storage.Write[storage.Record]{{Row: storage.Record{Key: storage.Key{Kind: "integration", Domain: w.Domain, ID: "slack/" + string(other)}, Owner: other, Data: []byte(`{"v":2}`)}}})
	}))
	beginDeletion(t, w.Host, w.User("bob@acme.example").ID)
}

// An integration that ends with who authorised it leaves an event on its group.
func TestEndIsAudited(t *testing.T) {
	w, _, back := slackWorld(t, nil)
	code, _ := w.Browser(w.Ann, back)
	require.Equal(t, 200, code)
	beginDeletion(t, w.Host, w.Ann.Actor())
	found := 0
	for e, err := range w.Host.Events(t.Context(), chatadmin.EventQuery{Target: w.Group}) {
		require.NoError(t, err)
		if e.Kind == integrations.KindDisconnect {
			found++
		}
	}
	require.Equal(t, 1, found)
}
