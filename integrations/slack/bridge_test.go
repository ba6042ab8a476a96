package slack_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
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

// Two groups and two channels, ten thousand messages, and everything goes wrong
// now and then: limits, outages, lost answers on both sides, repeated events, a
// store that re-runs and loses sight of its commits, a second worker. In the
// end each message is on the other side exactly once, in the right thread, with
// its last text, and nothing has come back.
func TestBridgeUnderFaults(t *testing.T) {
	total := 10000
	if testing.Short() {
		total = 1000
	}
	rnd := rand.New(rand.NewPCG(7, 1))
	store := memstore.New(&memstore.Options{Chaos: &memstore.Chaos{Seed: 7, Rerun: 0.02, UnknownKept: 0.01, UnknownLost: 0.005}})
	w := newWorld(t, &integrationstest.Options{Store: store})
	groups := []chatadmin.ID{w.Group, w.NewGroup("Second")}
	channels := []string{"C0GENERAL", "C0RANDOM"}
	of := integrations.Of{Service: "slack", Owner: groups[1]}
	st := w.Connect(of, w.slack.Authorise)
	_, err := w.X.Save(t.Context(), w.Ann, of, []byte(`{"channel":"random","name":"Second feed"}`))
	require.NoError(t, err)
	w.slack.Subscribe(w.hook)
	w.slack.Subscribe(st.Webhook.Reveal())
	w.slack.Webhook(w.hook, "C0GENERAL", "aaaaBBBBcccc111122223333") // both forms at once for one of them
	svc, err := slack.New(w.slack.Options())
	require.NoError(t, err)
	second := w.Integrations(chatadmintest.Must(chatadmin.New(store.Handle(nil), &chatadmin.Options{Now: w.Clock.Now})), svc)

	quiet := false
	w.slack.SetFault(func(method string) slacktest.Fault {
		if quiet || !strings.HasPrefix(method, "chat.") && !strings.HasPrefix(method, "conversations.") && method != "event" {
			return slacktest.Fault{}
		}
		switch n := rnd.IntN(100); {
		case n < 2:
			return slacktest.Fault{Lost: true}
		case n < 3:
			return slacktest.Fault{Status: 503}
		case n < 4 && method != "event":
			return slacktest.Fault{Status: 429, RetryAfter: 3}
		case n < 5 && method != "event":
			return slacktest.Fault{Error: "internal_error"}
		}
		return slacktest.Fault{}
	})
	w.Groups.Fault = func(string) (before, after error) {
		switch n := rnd.IntN(200); {
		case quiet || n > 1:
			return nil, nil
		case n == 0:
			return errors.New("the database is down"), nil
		}
		return nil, errors.New("the answer was lost")
	}

	type said struct{ side, text, thread string }
	fromSlack, fromGroup := []map[string]said{{}, {}}, []map[string]said{{}, {}}
	slackTS, groupIDs := [][]string{{}, {}}, [][]string{{}, {}}
	edited := 0
	pick := func(ids []string) string {
		if len(ids) == 0 || rnd.IntN(4) > 0 {
			return ""
		}
		return ids[rnd.IntN(len(ids))]
	}
	for n := range total {
		side := rnd.IntN(2)
		text := fmt.Sprintf("message %d <&> @channel", n)
		if rnd.IntN(2) == 0 {
			thread := pick(slackTS[side])
			ts := w.slack.Say(channels[side], "U0ALICE", thread, slack.Escape(text))
			if thread == "" {
				slackTS[side] = append(slackTS[side], ts)
			}
			fromSlack[side][ts] = said{"slack", text, thread}
		} else {
			id, thread := fmt.Sprintf("g%d", n), pick(groupIDs[side])
			m := integrations.Message{Op: integrations.Posted, Group: groups[side], ID: chatadmin.ID(id), Thread: chatadmin.ID(thread), Author: "Ann", Text: text}
			w.tell(m)
			if thread == "" {
				groupIDs[side] = append(groupIDs[side], id)
			}
			fromGroup[side][id] = said{"group", text, thread}
			if rnd.IntN(20) == 0 {
				w.tell(m) // told twice
			}
		}
		if ts := pick(slackTS[side]); ts != "" && rnd.IntN(10) == 0 {
			edited++
			s := fromSlack[side][ts]
			s.text = fmt.Sprintf("edited %d", n)
			fromSlack[side][ts] = s
			w.slack.Edit(channels[side], ts, s.text)
		}
		if id := pick(groupIDs[side]); id != "" && rnd.IntN(10) == 0 {
			s := fromGroup[side][id]
			s.text = fmt.Sprintf("edited %d", n)
			fromGroup[side][id] = s
			w.tell(integrations.Message{Op: integrations.Edited, Group: groups[side], ID: chatadmin.ID(id), Author: "Ann", Text: s.text})
		}
		if n%25 == 0 {
			w.slack.Deliver(t.Context())
			w.Deliver()
			require.NoError(t, second.Deliver(t.Context()))
			w.Clock.Advance(time.Second)
		}
	}
	quiet = true
	for range 40 {
		w.slack.Deliver(t.Context())
		w.Deliver()
		w.Clock.Advance(time.Minute)
	}

	require.Empty(t, w.dead())
	require.Greater(t, edited, total/500)
	lost, origins := 0, map[string]bool{}
	for side, group := range groups {
		byText := map[string]int{}
		ids := map[chatadmin.ID]string{} // the group's ID → its text
		for _, m := range w.Groups.Messages(group) {
			byText[m.Text]++
			ids[m.ID] = m.Text
			origins[m.Post.Origin] = true
			require.True(t, strings.HasPrefix(m.Text, "message ") || strings.HasPrefix(m.Text, "edited "), m.Text)
		}
		answers := map[string]string{} // text → the text of what it answers
		for _, m := range w.Groups.Messages(group) {
			answers[m.Text] = ids[m.Post.Thread]
		}
		for ts, s := range fromSlack[side] {
			if s.thread != "" {
				require.Equal(t, fromSlack[side][s.thread].text, answers[s.text], "thread of %s", ts)
			}
			if byText[s.text] == 0 {
				lost++ // an event that Slack itself gave up after four attempts
			}
			require.LessOrEqual(t, byText[s.text], 1, "%q is in the group once", s.text)
		}
		require.LessOrEqual(t, len(w.Groups.Messages(group)), len(fromSlack[side]), "nothing has come back")
		posted := map[string]int{}
		bots := 0
		byTS := map[string]slacktest.Message{}
		for _, m := range w.slack.Messages(channels[side]) {
			if byTS[m.TS] = m; m.Bot {
				bots++
				posted[slack.Plain(m.Text, slack.Names{})]++
			}
		}
		for id, s := range fromGroup[side] {
			require.Equal(t, 1, posted["Ann: "+s.text], "%s is in the channel once", id)
		}
		parents := map[string]string{} // text → the text of what it answers
		for _, m := range byTS {
			if m.Bot && m.Thread != "" {
				parents[slack.Plain(m.Text, slack.Names{})] = slack.Plain(byTS[m.Thread].Text, slack.Names{})
			}
		}
		for id, s := range fromGroup[side] {
			if s.thread != "" {
				require.Equal(t, "Ann: "+fromGroup[side][s.thread].text, parents["Ann: "+s.text], "thread of %s", id)
			}
		}
		require.Equal(t, len(fromGroup[side]), bots, "nothing has come back")
	}
	require.Len(t, origins, 2)
	require.Zero(t, lost)
}

func (w *world) tell(m integrations.Message) {
	w.t.Helper()
	_, err := w.X.Tell(w.t.Context(), w.Domain, m)
	require.NoError(w.t, err)
}
