package integrations_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/integrations/integrationstest"
	"chatadmin.example/sdk/integrations/slack"
	"chatadmin.example/sdk/integrations/slack/slacktest"
)

// Two processes deliver at once: each admin gets one mail.
func TestNoticeOnce(t *testing.T) {
	n := &nosy{}
	store := memstore.New(nil)
	w, srv, back := slackWorld(t, &integrationstest.Options{Store: store, Admin: func(o *chatadmin.Options) { n.Mailer = o.Mailer; o.Mailer = n }})
	code, _ := w.Browser(w.Ann, back)
	require.Equal(t, 200, code)
	svc, err := slack.New(srv.Options())
	require.NoError(t, err)
	second := w.Integrations(chatadmintest.Must(chatadmin.New(store.Handle(nil), &chatadmin.Options{Now: w.Clock.Now, Mailer: w.Mail})), svc)
	bob := w.User("bob@acme.example")
	_, err = w.Ann.AddMembers(t.Context(), w.Group, bob.ID)
	require.NoError(t, err)
	require.NoError(t, w.Ann.SetGroupAdmin(t.Context(), w.Group, true, bob.ID))
	n.once = func() { _ = second.Deliver(t.Context()) }
	beginDeletion(t, w.Host, w.Ann.Actor())
	w.Deliver()
	require.Len(t, w.Mail.To("bob@acme.example"), 1)
}

// nosy delivers elsewhere while it sends.
type nosy struct {
	chatadmin.Mailer
	once func()
}

func (n *nosy) Send(ctx context.Context, m chatadmin.Mail) error {
	if f := n.once; f != nil {
		n.once = nil
		f()
	}
	return n.Mailer.Send(ctx, m)
}

// Where no admin of the group can be told any more, it is the domain's affair.
func TestNoticeReachesSomebody(t *testing.T) {
	for name, gone := range map[string]func(w *integrationstest.World, srv *slacktest.Server){
		"deleted": func(w *integrationstest.World, _ *slacktest.Server) { beginDeletion(t, w.Host, w.Ann.Actor()) },
		"deactivated, then the token is revoked": func(w *integrationstest.World, srv *slacktest.Server) {
			_, err := w.Boss.DeactivateUsers(t.Context(), w.Ann.Actor())
			require.NoError(t, err)
			srv.RevokeAll()
			w.Say("m1", "", "hello")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, srv := savedSlack(t, nil)
			gone(w, srv)
			w.Deliver()
			require.Len(t, w.Mail.To("boss@acme.example"), 1)
		})
	}
}
