package mailchimp_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/mailchimp/mailchimptest"
)

func (w *world) status() integrations.Status {
	w.t.Helper()
	st, err := w.X.Status(w.t.Context(), w.Ann, w.Of("mailchimp"))
	require.NoError(w.t, err)
	return st
}

func (w *world) mended() (n int) {
	w.t.Helper()
	for _, err := range w.Host.Events(w.t.Context(), chatadmin.EventQuery{Kind: integrations.KindMend}) {
		require.NoError(w.t, err)
		n++
	}
	return n
}

func (w *world) rev() storage.Rev {
	w.t.Helper()
	rs, err := w.Store.Records(w.t.Context(), []storage.Key{{Kind: "integration", Domain: w.Domain, ID: "mailchimp/" + string(w.Group)}})
	require.NoError(w.t, err)
	require.Len(w.t, rs, 1)
	return rs[0].Rev
}

// nextDay lets a day go by.
func (w *world) nextDay() {
	w.t.Helper()
	w.Clock.Advance(24*time.Hour + time.Minute)
	_, err := w.Admin.Work(w.t.Context())
	require.NoError(w.t, err)
}

// A webhook that somebody has removed is made again within a day, with the
// secret by which the new one signs. While nothing is missing nothing is
// written.
func TestWebhookIsMadeAgain(t *testing.T) {
	for _, signing := range []bool{false, true} {
		w := newWorld(t, func(s *mailchimptest.Server) { s.Signing = signing })
		require.NoError(t, w.save(`{"audiences":["a6b5da1054"]}`))
		w.Deliver()
		saved := w.rev()
		w.nextDay()
		require.Equal(t, []any{saved, 0}, []any{w.rev(), w.mended()})
		checked := w.status().Checked
		require.WithinDuration(t, w.Clock.Now(), checked, time.Minute)

		w.srv.RemoveWebhooks(list)
		w.fireNobody()
		w.nextDay()
		require.Len(t, w.srv.Webhooks(list), 1)
		require.Positive(t, w.mended())
		require.True(t, w.status().Checked.After(checked))
		require.Empty(t, w.status().Problem)
		w.fire(fixture(t, "webhook_subscribe.form"))
		w.Deliver()
		require.Len(t, w.texts(), 1)
	}
}

func (w *world) fireNobody() {
	w.t.Helper()
	codes, err := w.srv.Fire(w.t.Context(), list, fixture(w.t, "webhook_subscribe.form"))
	require.NoError(w.t, err)
	require.Empty(w.t, codes)
}

// Enabling a service compares all its connections at once: while it was
// disabled the provider may have removed what did not answer. Nothing is
// compared meanwhile.
func TestEnablingCompares(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.save(`{"audiences":["a6b5da1054"]}`))
	w.Deliver()
	require.NoError(t, w.X.DisableService(t.Context(), w.Boss, "mailchimp"))
	w.srv.RemoveWebhooks(list)
	calls := w.srv.Calls("GET /lists")
	w.nextDay()
	w.nextDay()
	require.Equal(t, calls, w.srv.Calls("GET /lists"))
	require.NoError(t, w.X.EnableService(t.Context(), w.Boss, "mailchimp", nil))
	w.Deliver()
	w.Deliver()
	require.Len(t, w.srv.Webhooks(list), 1)
}

// What only an admin can put right is told once by mail, and shown until the
// provider agrees again.
func TestProblemIsShown(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.save(`{"audiences":["a6b5da1054"]}`))
	w.Deliver()
	w.srv.RemoveWebhooks(list)
	w.srv.RevokeAll()
	for range 3 {
		w.nextDay()
		w.Deliver()
	}
	require.Contains(t, w.status().Problem, "authenticate")
	require.Len(t, w.Mail.Mails(), 1)
	require.Contains(t, w.Mail.Mails()[0].Text, "do not agree")
	w.Connect(w.Of("mailchimp"), w.srv.Authorise)
	require.NoError(t, w.save(`{}`))
	require.Empty(t, w.status().Problem)
	require.Len(t, w.srv.Webhooks(list), 1)
}

// An outage is no problem of the admin's until it lasts.
func TestOutageWhileComparing(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.save(`{"audiences":["a6b5da1054"]}`))
	w.Deliver()
	w.srv.SetFault(func(string) mailchimptest.Fault { return mailchimptest.Fault{Status: 503} })
	w.nextDay()
	w.Deliver()
	require.Empty(t, w.status().Problem)
	for range 40 {
		w.Clock.Advance(16 * time.Minute)
		w.Deliver()
	}
	require.NotEmpty(t, w.status().Problem)
	w.srv.SetFault(nil)
	w.Clock.Advance(16 * time.Minute)
	w.Deliver()
	require.Empty(t, w.status().Problem)
}
