package slack_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/slack/slacktest"
)

// drain delivers every second of the clock until nothing waits, and returns how
// long that took.
func (w *world) drain(most time.Duration) time.Duration {
	w.t.Helper()
	begin := w.Clock.Now()
	for i := 0; w.Clock.Now().Sub(begin) < most; i++ {
		w.Deliver()
		if i%10 != 0 { // to look takes longer than to deliver
			w.Clock.Advance(time.Second)
			continue
		}
		st, err := w.X.Status(w.t.Context(), w.Ann, w.Of("slack"))
		require.NoError(w.t, err)
		if st.Waiting == 0 {
			break
		}
		w.Clock.Advance(time.Second)
	}
	return w.Clock.Now().Sub(begin)
}

// Under Slack's limit of one message a second a queue takes a second for each
// message, and gives none up.
func TestOneMessageASecond(t *testing.T) {
	for _, n := range []int{100, 1100} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			w := newWorld(t, nil)
			w.slack.PostEvery = time.Second
			for i := range n {
				w.Say(chatID(i), "", fmt.Sprint(i))
			}
			took := w.drain(30 * time.Hour)
			require.LessOrEqual(t, took, time.Duration(n+n/20+10)*time.Second)
			require.Empty(t, w.dead())
			ms := w.slack.Messages("C0GENERAL")
			require.Len(t, ms, n)
			for i, m := range ms {
				require.Equal(t, fmt.Sprintf("Ann: %d", i), m.Text)
			}
		})
	}
}

// A backlog of more than a day is delivered as long as the queue moves.
func TestBacklogOfDays(t *testing.T) {
	w := newWorld(t, nil)
	w.slack.PostEvery = time.Hour
	for i := range 60 {
		w.Say(chatID(i), "", "x")
	}
	for range 70 {
		w.Deliver()
		w.Clock.Advance(time.Hour)
	}
	require.Empty(t, w.dead())
	require.Len(t, w.slack.Messages("C0GENERAL"), 60)
}

// The look-up after a lost answer reads each page of the history once, however
// often it is limited, and posts nothing twice.
func TestLookUpKeepsItsPlace(t *testing.T) {
	for _, thread := range []bool{false, true} {
		t.Run(fmt.Sprintf("thread %v", thread), func(t *testing.T) {
			w := newWorld(t, nil)
			parent := ""
			if thread {
				w.Say("m0", "", "parent")
				w.Deliver()
				parent = w.slack.Messages("C0GENERAL")[0].TS
				w.Say("m1", "m0", "once")
			} else {
				w.Say("m1", "", "once")
			}
			w.slack.HistoryEvery, w.slack.HistoryLimit = time.Minute, 15
			lost := true
			w.slack.SetFault(func(m string) slacktest.Fault {
				if m == "chat.postMessage" && lost {
					lost = false
					return slacktest.Fault{Lost: true}
				}
				return slacktest.Fault{}
			})
			w.Deliver()
			for range 300 { // twenty pages of what others have said since
				w.slack.Say("C0GENERAL", "U0BOB", parent, "talk")
			}
			took := w.drain(24 * time.Hour)
			require.Less(t, took, 45*time.Minute)
			n := 0
			for _, m := range w.slack.Messages("C0GENERAL") {
				if m.Text == "Ann: once" {
					n++
				}
			}
			require.Equal(t, 1, n)
			require.Empty(t, w.dead())
		})
	}
}

// An edit that chat.update does not take whole is cut, and says so.
func TestLongEdit(t *testing.T) {
	for _, text := range []string{strings.Repeat("x", 5000), strings.Repeat("é", 3000), strings.Repeat("<&>", 2000), strings.Repeat("x", 3995)} {
		w := newWorld(t, nil)
		w.Say("m1", "", "short")
		w.Deliver()
		_, err := w.X.Tell(t.Context(), w.Domain, integrations.Message{Op: integrations.Edited, Group: w.Group, ID: "m1", Author: "Ann", Text: text})
		require.NoError(t, err)
		w.Deliver()
		require.Empty(t, w.dead())
		got := w.slack.Messages("C0GENERAL")[0]
		require.Equal(t, 1, got.Edits)
		require.LessOrEqual(t, len(got.Text), 4000)
		require.Greater(t, len(got.Text), 3900)
		require.Equal(t, len(text) > 4000-5, strings.Contains(got.Text, "too long for Slack"))
	}
}

func chatID(i int) chatadmin.ID { return chatadmin.ID(fmt.Sprintf("m%d", i)) }
