package integrations_test

import (
	"fmt"
	"net/http"
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

const year = 365 * 24 * time.Hour

// A clock that was ahead and is put right halts nothing, in the same process or
// in the next one.
func TestClockAhead(t *testing.T) {
	for _, ahead := range []time.Duration{10 * time.Minute, 6 * time.Hour, 48 * time.Hour, 70 * year} {
		for _, again := range []bool{false, true} {
			for name, meanwhile := range map[string]func(*integrationstest.World, *slacktest.Server){
				"told of": func(w *integrationstest.World, _ *slacktest.Server) { w.Say("m1", "", "hello") },
				"refused": func(w *integrationstest.World, srv *slacktest.Server) {
					srv.SetFault(func(string) slacktest.Fault { return slacktest.Fault{Status: 429, RetryAfter: 7200} })
					w.Say("m1", "", "hello")
					w.Deliver()
				},
				"lost": func(w *integrationstest.World, srv *slacktest.Server) {
					srv.SetFault(func(string) slacktest.Fault { return slacktest.Fault{Lost: true} })
					w.Say("m1", "", "hello")
					w.Deliver()
				},
				"refused for long": func(w *integrationstest.World, srv *slacktest.Server) {
					srv.SetFault(func(string) slacktest.Fault { return slacktest.Fault{Error: "is_archived"} })
					w.Say("m1", "", "hello")
					for range 12 {
						w.Deliver()
						w.Clock.Advance(time.Minute)
					}
					w.Clock.Advance(-12 * time.Minute)
				},
				"disabled": func(w *integrationstest.World, _ *slacktest.Server) {
					w.Say("m1", "", "hello")
					require.NoError(w.T, w.X.DisableService(w.T.Context(), w.Boss, "slack"))
					w.Deliver()
					require.NoError(w.T, w.X.EnableService(w.T.Context(), w.Boss, "slack", nil))
				},
			} {
				t.Run(fmt.Sprintf("%s %s ahead, another process %v", name, ahead, again), func(t *testing.T) {
					store := memstore.New(nil)
					w, srv := savedSlack(t, &integrationstest.Options{Store: store})
					w.Deliver()
					w.Clock.Advance(ahead)
					meanwhile(w, srv)
					srv.SetFault(nil)
					w.Clock.Advance(-ahead)
					x := w.X
					if again {
						svc, err := slack.New(srv.Options())
						require.NoError(t, err)
						x = w.Integrations(chatadmintest.Must(chatadmin.New(store.Handle(nil), &chatadmin.Options{Now: w.Clock.Now})), svc)
					}
					for range 4 {
						require.NoError(t, x.Deliver(t.Context()))
						w.Clock.Advance(time.Minute)
					}
					require.Len(t, srv.Messages("C0GENERAL"), 1)
				})
			}
		}
	}
}

// What came in while the clock was ahead is brought in, and what it waited for
// is not waited for.
func TestClockAheadOfEvents(t *testing.T) {
	for _, ahead := range []time.Duration{6 * time.Hour, 70 * year} {
		w := pagerWorld(t)
		w.Deliver()
		w.Clock.Advance(ahead)
		require.Equal(t, 200, postAlarm(t, w, "1"))
		failing := fmt.Errorf("the host is down")
		w.Groups.Fault = func(string) (error, error) { return failing, nil }
		w.Deliver()
		w.Groups.Fault = nil
		w.Clock.Advance(-ahead)
		w.Deliver()
		require.Len(t, w.Groups.Messages(w.Group), 1)
		require.Equal(t, 200, postAlarm(t, w, "1"))
		w.Deliver()
		require.Equal(t, 1, w.Groups.Messages(w.Group)[0].Posts, "it is remembered against repetition")
		for _, r := range records(t, w, "integration.in") {
			require.False(t, r.Due.After(w.Clock.Now().Add(25*time.Hour)))
		}
	}
}

// A sign-in that was begun by a clock ahead is over once it is put right, and
// what ends at the provider ends.
func TestClockAheadOfSignIn(t *testing.T) {
	w, srv, _ := slackWorld(t, nil)
	w.Clock.Advance(70 * year)
	next, err := w.X.Connect(t.Context(), w.Ann, w.Of("slack"), nil)
	require.NoError(t, err)
	back, err := srv.Authorise(next.URL.Reveal())
	require.NoError(t, err)
	w.Clock.Advance(-70 * year)
	code, _ := w.Browser(w.Ann, back)
	require.Equal(t, http.StatusBadRequest, code)
	w.Deliver()
	for range 20 {
		w.Clock.Advance(time.Minute)
		w.Deliver()
	}
	require.Empty(t, records(t, w, "integration.state"))

	w, srv = savedSlack(t, nil)
	w.Clock.Advance(70 * year)
	srv.SetFault(func(string) slacktest.Fault { return slacktest.Fault{Status: 503} })
	require.NoError(t, w.X.Disconnect(t.Context(), w.Ann, w.Of("slack")))
	w.Deliver()
	srv.SetFault(nil)
	w.Clock.Advance(-70 * year)
	w.Deliver()
	require.Zero(t, srv.Tokens())
	require.Empty(t, records(t, w, "integration.release"))
}

// What is not carried is counted, and shown to the admin.
func TestIgnoredIsCounted(t *testing.T) {
	w := pagerWorld(t)
	w.Say("m1", "", "no answer to anything")
	w.Deliver()
	st, err := w.X.Status(t.Context(), w.Ann, w.Of("pager"))
	require.NoError(t, err)
	require.Empty(t, st.Ignored)
	require.Equal(t, 200, postAlarm(t, w, "1"))
	w.Groups.Fault = func(string) (error, error) { return chatadmin.ErrInvalid, nil }
	w.Deliver()
	_, err = w.X.Tell(t.Context(), w.Domain, integrations.Message{Op: integrations.Edited, Group: w.Group, ID: "m1", Text: "x"})
	require.NoError(t, err)
	w.Deliver()
	st, err = w.X.Status(t.Context(), w.Ann, w.Of("pager"))
	require.NoError(t, err)
	require.Equal(t, []integrations.Ignored{{Why: "edit or deletion of a message that never arrived", Count: 1, Last: w.Clock.Now()}, {Why: "given up: see the dead letters", Count: 1, Last: w.Clock.Now()}}, st.Ignored)
}
