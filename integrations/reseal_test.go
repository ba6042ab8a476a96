package integrations_test

import (
	"bytes"
	"crypto/rand"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/integrationstest"
	"chatadmin.example/sdk/integrations/slack"
	"chatadmin.example/sdk/integrations/slack/slacktest"
)

// Sealed anew, neither a connection nor one that is still to be ended at the provider needs the old key any more.
func TestReseal(t *testing.T) {
	ctx := t.Context()
	srv := slacktest.NewServer()
	defer srv.Close()
	svc, err := slack.New(srv.Options())
	require.NoError(t, err)
	w := integrationstest.New(t, nil, svc)
	srv.Now = w.Clock.Now
	keys := []keyring.Key{{ID: "old", Secret: secret.HideBytes(bytes.Repeat([]byte{1}, keyring.KeySize))}, {ID: "new", Secret: secret.HideBytes(bytes.Repeat([]byte("n"), keyring.KeySize))}}
	open := func(current keyring.Key, others ...keyring.Key) *integrations.Integrations {
		ring, err := keyring.New(rand.Reader, current, others...)
		require.NoError(t, err)
		x, err := integrations.New(chatadmin.New(w.Store, &chatadmin.Options{Now: w.Clock.Now}), ring, w.Groups, integrations.Options{PublicURL: w.HTTP.URL, SignedIn: integrationstest.SignedIn}, svc)
		require.NoError(t, err)
		return x
	}
	w.X = open(keys[0])
	groups := []chatadmin.ID{w.Group, w.NewGroup("Other")}
	for _, g := range groups {
		w.Group = g
		w.Connect(w.Of("slack"), srv.Authorise)
	}
	require.NoError(t, w.X.Disconnect(ctx, w.Ann, w.Of("slack")))

	_, err = open(keys[1]).Reseal(ctx, w.Domain)
	require.ErrorIs(t, err, keyring.ErrUnknownKey)
	both := open(keys[1], keys[0])
	n, err := both.Reseal(ctx, w.Domain)
	require.NoError(t, err)
	require.Equal(t, integrations.Resealed{Sealed: 3}, n, "two connections, one of them without an account, and the end of that")
	n, err = both.Reseal(ctx, w.Domain)
	require.NoError(t, err)
	require.Zero(t, n)

	w.X = open(keys[1])
	st, err := w.X.Status(ctx, w.Ann, integrations.Of{Service: "slack", Owner: groups[0]})
	require.NoError(t, err)
	require.True(t, st.Connected)
	w.Deliver()
	require.Empty(t, records(t, w, "integration.release"))
	require.Equal(t, 1, srv.Tokens(), "the workspace is connected in the other group")
	events := 0
	for _, err := range w.Host.Events(ctx, chatadmin.EventQuery{Kind: integrations.KindReseal}) {
		require.NoError(t, err)
		events++
	}
	require.Equal(t, 2, events, "for the connections, and for those that end")
}
