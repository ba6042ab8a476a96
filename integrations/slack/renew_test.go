package slack_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/integrationstest"
	"chatadmin.example/sdk/integrations/slack"
	"chatadmin.example/sdk/integrations/slack/slacktest"
)

// rotating is a world whose app has token rotation.
func rotating(t *testing.T, o *integrationstest.Options) *world {
	t.Helper()
	srv := slacktest.NewServer()
	t.Cleanup(srv.Close)
	srv.Rotate = true
	svc, err := slack.New(srv.Options())
	require.NoError(t, err)
	w := &world{World: integrationstest.New(t, o, svc), slack: srv, t: t}
	srv.Now = w.Clock.Now
	w.Connect(w.Of("slack"), srv.Authorise)
	w.save(`{"channel":"general"}`)
	return w
}

func (w *world) sayIn(group, id chatadmin.ID) {
	w.t.Helper()
	_, err := w.X.Tell(w.t.Context(), w.Domain, integrations.Message{Op: integrations.Posted, Group: group, ID: id, Author: "Ann", Text: "hello"})
	require.NoError(w.t, err)
}

// Tokens that end are renewed, for all groups that are connected to a
// workspace, and no record shows one.
func TestTokensAreRenewed(t *testing.T) {
	w := rotating(t, nil)
	w.Clock.Advance(5 * time.Hour)
	random := w.bridge("Random", "random")
	const n = 20
	for i := range n {
		w.Clock.Advance(7 * time.Hour)
		w.sayIn(w.Group, chatadmin.ID(fmt.Sprint("a", i)))
		w.sayIn(random, chatadmin.ID(fmt.Sprint("b", i)))
		w.Deliver()
	}
	require.Len(t, w.slack.Messages("C0GENERAL"), n)
	require.Len(t, w.slack.Messages("C0RANDOM"), n)
	require.LessOrEqual(t, w.slack.Calls("oauth.v2.access"), 2+n, "one for both groups")
	rs, _, err := w.Store.ListRecords(t.Context(), storage.RecordQuery{Domain: w.Domain}, chatadmin.Page{Limit: 1000})
	require.NoError(t, err)
	for _, r := range rs {
		require.NotContains(t, string(r.Data), "xoxe")
	}
	// At rest for long, and then used in every way.
	w.Clock.Advance(20 * 24 * time.Hour)
	_, err = w.X.Choices(t.Context(), w.Ann, w.Of("slack"))
	require.NoError(t, err)
	w.Clock.Advance(20 * 24 * time.Hour)
	w.save(`{"channel":"random"}`)
	w.Clock.Advance(20 * 24 * time.Hour)
	w.slack.Say("C0RANDOM", "U0BOB", "", "in")
	w.slack.Subscribe(w.HTTP.URL + "/chat/integrations/events/slack")
	w.slack.Say("C0RANDOM", "U0BOB", "", "in")
	require.Zero(t, w.slack.Deliver(t.Context()))
	w.Deliver()
	require.Equal(t, "bob", w.Groups.Messages(random)[0].Post.Author)
}

// Of many processes one renews.
func TestOneProcessRenews(t *testing.T) {
	store := memstore.New(nil)
	w := rotating(t, &integrationstest.Options{Store: store})
	w.bridge("Random", "random")
	svc, err := slack.New(w.slack.Options())
	require.NoError(t, err)
	other := w.Integrations(chatadmintest.Must(chatadmin.New(store.Handle(nil), &chatadmin.Options{Now: w.Clock.Now})), svc)
	w.Clock.Advance(13 * time.Hour)
	before := w.slack.Calls("oauth.v2.access")
	errs := make([]error, 50)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			x := []*integrations.Integrations{w.X, other}[i%2]
			_, errs[i] = x.Choices(t.Context(), w.Ann, w.Of("slack"))
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			require.ErrorContains(t, err, "being renewed")
		}
	}
	require.Equal(t, before+1, w.slack.Calls("oauth.v2.access"))
}

// While Slack cannot renew a token that is still valid, messages go on; a
// refresh token that is used up asks the admins to authenticate again, once.
func TestRenewalFails(t *testing.T) {
	w := rotating(t, nil)
	fault := slacktest.Fault{Status: 503}
	w.slack.SetFault(func(method string) slacktest.Fault {
		if method == "oauth.v2.access" {
			return fault
		}
		return slacktest.Fault{}
	})
	w.Clock.Advance(11*time.Hour + 45*time.Minute)
	w.sayIn(w.Group, "a")
	w.Deliver()
	require.Len(t, w.slack.Messages("C0GENERAL"), 1)
	w.Clock.Advance(time.Hour)
	w.sayIn(w.Group, "b")
	w.Deliver()
	require.Len(t, w.slack.Messages("C0GENERAL"), 1)
	fault = slacktest.Fault{}
	w.Clock.Advance(time.Minute)
	w.Deliver()
	require.Len(t, w.slack.Messages("C0GENERAL"), 2)

	fault = slacktest.Fault{Lost: true}
	w.Clock.Advance(13 * time.Hour)
	w.sayIn(w.Group, "c")
	w.Deliver()
	fault = slacktest.Fault{}
	for range 3 {
		w.Clock.Advance(5 * time.Minute)
		w.Deliver()
	}
	st, err := w.X.Status(t.Context(), w.Ann, w.Of("slack"))
	require.NoError(t, err)
	require.Contains(t, st.Problem, "authenticate with Slack again")
	told := 0
	for _, m := range w.Mail.Mails() {
		if strings.Contains(m.Text, "uthenticate") {
			told++
		}
	}
	require.Equal(t, 1, told)
	w.Connect(w.Of("slack"), w.slack.Authorise)
	w.Deliver()
	require.Len(t, w.slack.Messages("C0GENERAL"), 3)
}

// What is disconnected after its token has ended is revoked all the same.
func TestDisconnectRenews(t *testing.T) {
	w := rotating(t, nil)
	w.Clock.Advance(13 * time.Hour)
	require.NoError(t, w.X.Disconnect(t.Context(), w.Ann, w.Of("slack")))
	w.Deliver()
	require.Equal(t, 1, w.slack.Calls("auth.revoke"))
	require.Equal(t, 1, w.slack.Tokens(), "the one that has ended")
}
