package integrations_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/integrations/integrationstest"
	"chatadmin.example/sdk/integrations/slack/slacktest"
)

// An answer is lost, then Slack is down for a day; the retried dead letter is
// found in the channel, not posted again.
func TestRetryFindsWhatArrived(t *testing.T) {
	w, srv, back := slackWorld(t, nil)
	code, _ := w.Browser(w.Ann, back)
	require.Equal(t, 200, code)
	_, err := w.X.Save(t.Context(), w.Ann, w.Of("slack"), []byte(`{"channel":"general"}`))
	require.NoError(t, err)
	posts, down := 0, false
	srv.SetFault(func(method string) slacktest.Fault {
		switch {
		case down:
			return slacktest.Fault{Status: 503}
		case method == "chat.postMessage":
			if posts++; posts == 1 {
				down = true
				return slacktest.Fault{Lost: true}
			}
		}
		return slacktest.Fault{}
	})
	w.Say("m1", "", "only once")
	w.Deliver()
	require.Len(t, srv.Messages("C0GENERAL"), 1, "it has arrived")
	for range 30 {
		w.Clock.Advance(time.Hour)
		w.Deliver()
	}
	dead, err := w.X.DeadLetters(t.Context(), w.Ann, w.Of("slack"))
	require.NoError(t, err)
	require.Len(t, dead, 1)
	down = false
	require.NoError(t, w.X.Retry(t.Context(), w.Ann, dead[0].ID))
	w.Clock.Advance(time.Hour)
	w.Deliver()
	require.Len(t, srv.Messages("C0GENERAL"), 1)
}

// Whatever text Tell accepts makes no record of more than 1 MiB.
func TestTellKeepsToTheContract(t *testing.T) {
	st := &sized{Store: memstore.New(nil)}
	w, _, back := slackWorld(t, &integrationstest.Options{Store: st})
	code, _ := w.Browser(w.Ann, back)
	require.Equal(t, 200, code)
	_, err := w.X.Save(t.Context(), w.Ann, w.Of("slack"), []byte(`{"channel":"general"}`))
	require.NoError(t, err)
	w.Say("m1", "", strings.Repeat("<", 250<<10))
	require.LessOrEqual(t, st.most, 1<<20)
}

type sized struct {
	chatadmin.Store
	most int
}

func (s *sized) Update(ctx context.Context, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	return s.Store.Update(ctx, fence, func(ctx context.Context, tx storage.Tx) error { return f(ctx, sizedTx{tx, s}) })
}

type sizedTx struct {
	storage.Tx
	s *sized
}

func (s sizedTx) ChangeRecords(ctx context.Context, cs []storage.Write[storage.Record]) ([]storage.Conflict, error) {
	for _, c := range cs {
		s.s.most = max(s.s.most, len(c.Row.Data))
	}
	return s.Tx.ChangeRecords(ctx, cs)
}

// Dead letters are forgotten after thirty days on which somebody looked. A
// clock that jumps ahead, whether it is put right or not, deletes none; nor is
// one deleted that cannot be read.
func TestDeadLettersExpire(t *testing.T) {
	for _, ahead := range []time.Duration{0, 29 * 24 * time.Hour, 2 * year, 70 * year} {
		for _, back := range []bool{true, false} {
			w, srv := savedSlack(t, nil)
			srv.SetFault(func(string) slacktest.Fault { return slacktest.Fault{Error: "msg_too_long"} })
			w.Say("m1", "", "too long")
			w.Deliver()
			w.Clock.Advance(ahead)
			for range 3 {
				w.Deliver()
				w.Clock.Advance(time.Minute)
			}
			require.Len(t, records(t, w, "integration.dead"), 1)
			if back {
				w.Clock.Advance(-ahead)
				w.Deliver()
			}
			days := 0
			for len(records(t, w, "integration.dead")) > 0 && days < 100 {
				w.Clock.Advance(24*time.Hour + time.Minute)
				w.Deliver()
				days++
			}
			require.InDelta(t, 30, days, 1, "%s %v", ahead, back)
		}
	}
	w, srv := savedSlack(t, nil)
	srv.SetFault(func(string) slacktest.Fault { return slacktest.Fault{Error: "msg_too_long"} })
	w.Say("m1", "", "too long")
	w.Deliver()
	damage(t, w, "integration.dead", w.Group, `{"v":1,"serv`)
	for range 40 {
		w.Clock.Advance(25 * time.Hour)
		w.Deliver()
	}
	require.Len(t, records(t, w, "integration.dead"), 1)
}

// A letter that an earlier version has buried is kept for at least as long as
// it said.
func TestEarlierDeadLetters(t *testing.T) {
	w, srv := savedSlack(t, nil)
	srv.SetFault(func(string) slacktest.Fault { return slacktest.Fault{Error: "msg_too_long"} })
	w.Say("m1", "", "too long")
	w.Deliver()
	r := records(t, w, "integration.dead")[0]
	r.Due = w.Clock.Now().Add(30 * 24 * time.Hour)
	put(t, w, r)
	w.Clock.Advance(30*24*time.Hour + time.Minute)
	w.Deliver()
	require.Len(t, records(t, w, "integration.dead"), 1)
	list, err := w.X.DeadLetters(t.Context(), w.Ann, w.Of("slack"))
	require.NoError(t, err)
	require.Len(t, list, 1)
}
