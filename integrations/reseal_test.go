package integrations_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/integrationstest"
	"chatadmin.example/sdk/integrations/slack"
	"chatadmin.example/sdk/integrations/slack/slacktest"
)

// resealWorld is a world whose processes have rings of the test's choice, with
// two keys.
func resealWorld(t *testing.T) (w *integrationstest.World, srv *slacktest.Server, open func(current keyring.Key, others ...keyring.Key) *integrations.Integrations, keys []keyring.Key) {
	t.Helper()
	srv = slacktest.NewServer()
	t.Cleanup(srv.Close)
	svc, err := slack.New(srv.Options())
	require.NoError(t, err)
	w = integrationstest.New(t, nil, svc)
	srv.Now = w.Clock.Now
	keys = []keyring.Key{{ID: "old", Secret: secret.HideBytes(bytes.Repeat([]byte{1}, keyring.KeySize))}, {ID: "new", Secret: secret.HideBytes(bytes.Repeat([]byte("n"), keyring.KeySize))}}
	open = func(current keyring.Key, others ...keyring.Key) *integrations.Integrations {
		ring, err := keyring.New(rand.Reader, current, others...)
		require.NoError(t, err)
		admin := chatadmintest.Must(chatadmin.New(w.Store, &chatadmin.Options{Now: w.Clock.Now}))
		x, err := integrations.New(admin, &integrations.Options{Keys: ring, Groups: w.Groups, Services: []integrations.Service{svc},
			PublicURL: w.HTTP.URL, SignedIn: integrationstest.SignedIn})
		require.NoError(t, err)
		w.Host = admin.AsHost(w.Domain)
		return x
	}
	w.X = open(keys[0])
	return w, srv, open, keys
}

// Sealed anew, neither a connection nor one that is still to be ended at the
// provider needs the old key any more.
func TestReseal(t *testing.T) {
	ctx := t.Context()
	w, srv, open, keys := resealWorld(t)
	groups := []chatadmin.ID{w.Group, w.NewGroup("Other")}
	for _, g := range groups {
		w.Group = g
		w.Connect(w.Of("slack"), srv.Authorise)
	}
	require.NoError(t, w.X.Disconnect(ctx, w.Ann, w.Of("slack")))

	x := open(keys[1])
	run, err := x.Reseal(ctx, w.Host, nil)
	require.ErrorIs(t, err, keyring.ErrUnknownKey)
	both := open(keys[1], keys[0])
	run, err = both.ResumeReseal(ctx, w.Host, run.ID, nil)
	require.NoError(t, err)
	require.Equal(t, []any{int64(3), int64(0), chatadmin.RunDone}, []any{run.Data.Sealed, run.Data.Unopened, run.State}, "two connections, one of them without an account, and the end of that")
	again, err := both.Reseal(ctx, w.Host, nil)
	require.NoError(t, err)
	require.Zero(t, again.Data.Sealed)
	same, err := both.ResumeReseal(ctx, w.Host, run.ID, nil)
	require.NoError(t, err)
	require.Equal(t, run.Data, same.Data, "done is done")

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
	require.Equal(t, 2, events, "one of each run")
}

// A run that dies is listed, and continues where it was; what cannot be read is
// counted and left alone. Nobody but the host may begin one.
func TestResealGoesOn(t *testing.T) {
	ctx := t.Context()
	w, _, open, keys := resealWorld(t)
	require.NoError(t, w.X.EnableService(ctx, w.Boss, "slack", nil))
	for n := range 250 {
		w.Group = w.NewGroup(fmt.Sprint("group ", n))
		_, err := w.X.Draft(ctx, w.Ann, w.Of("slack"))
		require.NoError(t, err)
	}
	damage(t, w, "integration", w.Group, `{"v":1,"stat`)
	for _, s := range []*chatadmin.Scope{w.Ann, w.Boss} {
		_, err := w.X.Reseal(ctx, s, nil)
		require.ErrorIs(t, err, chatadmin.ErrForbidden)
	}

	both := open(keys[1], keys[0])
	dead, cancel := context.WithCancel(ctx)
	run, err := both.Reseal(dead, w.Host, func(p chatadmin.Progress) {
		assert.EqualValues(t, 100, p.Done)
		cancel()
	})
	require.ErrorIs(t, err, context.Canceled)
	var listed []chatadmin.Run
	for r, err := range w.Host.Runs(ctx, chatadmin.RunQuery{}) {
		require.NoError(t, err)
		listed = append(listed, r)
	}
	require.Len(t, listed, 1)
	require.Equal(t, run.ID, listed[0].ID)

	process := open(keys[1], keys[0])
	done, err := w.Host.ResumeRun(ctx, run.ID, nil)
	require.NoError(t, err)
	require.Equal(t, chatadmin.RunDone, done.State)
	run, err = process.ResumeReseal(ctx, w.Host, run.ID, nil)
	require.NoError(t, err)
	require.Equal(t, []int64{249, 1, 250}, []int64{run.Data.Sealed, run.Data.Unopened, run.Done})
}
