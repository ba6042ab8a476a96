package integrations_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/integrationstest"
	"chatadmin.example/sdk/integrations/slack/slacktest"
)

// damage replaces the data of all records of a kind and an owner.
func damage(t testing.TB, w *integrationstest.World, kind string, owner chatadmin.ID, data string) int {
	t.Helper()
	n := 0
	require.NoError(t, w.Host.Change(t.Context(), chatadmin.Op{Kind: "test", Fence: storage.Shared}, func(ctx context.Context, k *chatadmin.Writer) error {
		n = 0
		rs, _, err := k.ListRecords(ctx, storage.RecordQuery{Kind: kind, Domain: w.Domain}, chatadmin.Page{Limit: 1000})
		if err != nil {
			return err
		}
		var changes []storage.Write[storage.Record]
		for _, r := range rs {
			if r.Owner == owner {
				was := r.Rev
				r.Data = []byte(data)
				changes = append(changes, storage.Write[storage.Record]{Row: r, Was: was})
			}
		}
		n = len(changes)
		return k.PutRecords(ctx, changes)
	}))
	return n
}

// twoBridges are two groups with a channel each, a message that waits in either
// direction in both, a dead letter in the first, and a pause.
func twoBridges(t *testing.T) (w *integrationstest.World, srv *slacktest.Server, other chatadmin.ID) {
	w, srv = savedSlack(t, nil)
	first := w.Group
	w.Say("dead", "", "refused")
	srv.SetFault(func(string) slacktest.Fault { return slacktest.Fault{Error: "no_text"} })
	w.Deliver()
	srv.SetFault(func(string) slacktest.Fault { return slacktest.Fault{Error: "is_archived"} })
	w.Say("m1", "", "of the first")
	w.Deliver()
	srv.SetFault(nil)
	other = w.NewGroup("Other")
	w.Group = other
	st := w.Connect(w.Of("slack"), srv.Authorise)
	_, err := w.X.Save(t.Context(), w.Ann, w.Of("slack"), []byte(`{"channel":"random"}`))
	require.NoError(t, err)
	srv.Subscribe(st.Webhook.Reveal())
	w.Group = first
	return w, srv, other
}

// Whatever a record of one bridge says, nobody panics, the other bridge goes
// on, and an admin can repair or discard it.
func TestDamagedRecords(t *testing.T) {
	for _, kind := range []string{"integration", "integration.out", "integration.in", "integration.line", "integration.map", "integration.dead", "integration.turn", "integration.tally"} {
		for _, data := range []string{`{"v":1,"stat`, `{}`, `null`, `[]`, `{"v":1,"state":7,"op":7,"data":7,"leased":7,"o":7,"reasons":7,"kind":7,"done":7}`, `{"v":1,"op":"explode","state":"force","kind":"integration"}`, `{"v":99}`} {
			t.Run(kind+" "+data, func(t *testing.T) {
				w, srv, other := twoBridges(t)
				damaged := damage(t, w, kind, w.Group, data)
				require.True(t, damaged > 0 || kind == "integration.in")
				w.Clock.Advance(time.Minute)
				first := w.Group
				w.Group = other
				srv.Say("C0RANDOM", "U0ALICE", "", "in")
				require.Zero(t, srv.Deliver(t.Context()))
				w.Say("m2", "", "out")
				for range 3 {
					require.NoError(t, w.X.Deliver(t.Context()))
					w.Clock.Advance(time.Minute)
				}
				require.Len(t, w.Groups.Messages(other), 1)
				require.Len(t, srv.Messages("C0RANDOM"), 2)
				w.Group = first
				if kind == "integration" || kind == "integration.out" {
					require.Empty(t, srv.Messages("C0GENERAL"), "it fails closed")
				}
				_, err := w.X.Tell(t.Context(), w.Domain, integrations.Message{Op: integrations.Posted, Group: first, ID: "m3", Text: "x"})
				require.NoError(t, err)
				repair(t, w)
			})
		}
	}
}

// repair ends a connection and makes it anew, and discards all dead letters.
func repair(t *testing.T, w *integrationstest.World) {
	t.Helper()
	letters, err := w.X.DeadLetters(t.Context(), w.Ann, w.Of("slack"))
	require.NoError(t, err)
	require.NotEmpty(t, letters)
	for _, l := range letters {
		require.NoError(t, w.X.Discard(t.Context(), w.Ann, l.ID))
	}
	require.NoError(t, w.X.Disconnect(t.Context(), w.Ann, w.Of("slack")))
	st, err := w.X.Status(t.Context(), w.Ann, w.Of("slack"))
	require.NoError(t, err)
	require.Equal(t, []any{"draft", false}, []any{st.State, st.Connected})
	require.False(t, st.Webhook.IsZero())
}

// A dead letter comes from the store: it is queued again only where it belongs.
func TestRetryChecksTheLetter(t *testing.T) {
	w, _, other := twoBridges(t)
	letters, err := w.X.DeadLetters(t.Context(), w.Ann, w.Of("slack"))
	require.NoError(t, err)
	require.Len(t, letters, 1)
	good := records(t, w, "integration.dead")[0].Data
	for name, change := range chatadmintest.InOrder(map[string]map[string]any{
		"another kind of record": {"kind": "integration"},
		"a legal hold":           {"kind": "hold", "id": "x"},
		"another group":          {"id": "slack/" + string(other) + "/1"},
		"another service":        {"service": "mailchimp"},
		"no data":                {"data": nil},
		"data of another form":   {"data": []int{1}},
	}) {
		var fields map[string]any
		require.NoError(t, json.Unmarshal(good, &fields))
		for k, v := range change {
			fields[k] = v
		}
		data, err := json.Marshal(fields)
		require.NoError(t, err)
		damage(t, w, "integration.dead", w.Group, string(data))
		require.Error(t, w.X.Retry(t.Context(), w.Ann, letters[0].ID), name)
		require.Len(t, records(t, w, "integration.dead"), 1, name)
	}
	damage(t, w, "integration.dead", w.Group, string(good))
	require.NoError(t, w.X.Retry(t.Context(), w.Ann, letters[0].ID))
}

// What a domain has decided about a service is off while it cannot be read, and
// enabling the service repairs it.
func TestDamagedService(t *testing.T) {
	for _, data := range []string{`{"v":1,"on":tr`, `{}`, `null`, `[]`, `{"v":1,"on":"yes"}`} {
		t.Run(data, func(t *testing.T) {
			w, srv := savedSlack(t, nil)
			require.Equal(t, 1, damage(t, w, "integration.service", "", data))
			list, err := w.X.Services(t.Context(), w.Boss)
			require.NoError(t, err)
			require.False(t, list[0].Enabled)
			n, err := w.X.Tell(t.Context(), w.Domain, integrations.Message{Op: integrations.Posted, Group: w.Group, ID: "m1", Text: "x"})
			require.NoError(t, err)
			require.Zero(t, n)
			require.NoError(t, w.X.EnableService(t.Context(), w.Boss, "slack", nil))
			w.Say("m2", "", "again")
			w.Deliver()
			require.Len(t, srv.Messages("C0GENERAL"), 1)
		})
	}
}

// What waits to be ended at a provider that this process does not know is kept
// for a process that does.
func TestReleaseOfUnknownService(t *testing.T) {
	w, srv := savedSlack(t, nil)
	require.NoError(t, w.X.Disconnect(t.Context(), w.Ann, w.Of("slack")))
	x := w.Integrations(chatadmintest.Must(chatadmin.New(w.Store, &chatadmin.Options{Now: w.Clock.Now})))
	require.NoError(t, x.Deliver(t.Context()))
	require.Len(t, records(t, w, "integration.release"), 1)
	w.Clock.Advance(time.Minute)
	w.Deliver()
	require.Zero(t, srv.Tokens())
}

// Saving changes only what is given; null resets a field.
func TestSaveKeepsWhatIsNotGiven(t *testing.T) {
	w, _ := savedSlack(t, nil)
	for _, c := range []struct{ given, want string }{
		{`{"name":"Feed","bots":true}`, `{"channel":"C0GENERAL","channel_name":"general","name":"Feed","bots":true}`},
		{`{"channel":"random"}`, `{"channel":"C0RANDOM","channel_name":"random","name":"Feed","bots":true}`},
		{`{}`, `{"channel":"C0RANDOM","channel_name":"random","name":"Feed","bots":true}`},
		{`{"name":null,"bots":false}`, `{"channel":"C0RANDOM","channel_name":"random","name":"Slack"}`},
	} {
		st, err := w.X.Save(t.Context(), w.Ann, w.Of("slack"), []byte(c.given))
		require.NoError(t, err, c.given)
		require.JSONEq(t, c.want, string(st.Settings), c.given)
	}
	for _, bad := range []string{`{"channel":null}`, `{"webhook":"x"}`, `null`, `[]`, ``} {
		_, err := w.X.Save(t.Context(), w.Ann, w.Of("slack"), []byte(bad))
		require.ErrorIs(t, err, chatadmin.ErrInvalid, fmt.Sprintf("%q", bad))
	}
}
