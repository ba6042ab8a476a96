package integrations_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
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

// vetoes refuses traffic of some targets; "*" of all.
func vetoes(frozen *atomic.Value) func(*chatadmin.Options) {
	return func(o *chatadmin.Options) {
		o.Before = func(_ context.Context, i chatadmin.Intent) error {
			on, _ := frozen.Load().(string)
			if i.Kind == integrations.KindTraffic && (on == "*" || len(i.Targets) > 0 && on == string(i.Targets[0])) {
				return errors.New("frozen by the host")
			}
			return nil
		}
	}
}

// What cannot be claimed, here because the host vetoes all traffic, is tried
// once by each Deliver, which says so.
func TestDeliverEnds(t *testing.T) {
	var frozen atomic.Value
	w, srv, back := slackWorld(t, &integrationstest.Options{Admin: vetoes(&frozen)})
	code, _ := w.Browser(w.Ann, back)
	require.Equal(t, 200, code)
	frozen.Store("*")
	require.NoError(t, w.X.Disconnect(t.Context(), w.Ann, w.Of("slack")))
	require.Len(t, records(t, w, "integration.release"), 1)
	require.ErrorIs(t, soon(t, w.X), chatadmin.ErrVetoed)
	frozen.Store("")
	w.Deliver()
	require.Zero(t, srv.Tokens())
}

// soon delivers, in much less time than it is given.
func soon(t *testing.T, x *integrations.Integrations) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	err := x.Deliver(ctx)
	require.NoError(t, ctx.Err(), "it goes on until its context ends")
	return err
}

// So is what a newer version of the library has written, during a rolling
// update: it is left alone, and stays for the process that can read it.
func TestDeliverEndsOverNewerRecord(t *testing.T) {
	w, _, _ := slackWorld(t, nil)
	require.NoError(t, w.Host.Change(t.Context(), chatadmin.Op{Kind: "test"}, func(ctx context.Context, k *chatadmin.Writer) error {
		return k.PutRecords(ctx, []storage.Write[storage.Record]{{Row: storage.Record{Key: storage.Key{Kind: "integration.release", Domain: w.Domain, ID: "x"}, Due: k.Now(), Data: []byte(`{"v":2}`)}}})
	}))
	require.NoError(t, soon(t, w.X))
	require.Len(t, records(t, w, "integration.release"), 1)
}

// The domain was deleted while an OAuth journey was under way.
func TestStatesOfADeletedDomain(t *testing.T) {
	w, _, _ := slackWorld(t, nil)
	require.NoError(t, w.Store.Update(t.Context(), storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
		ds, err := tx.Domains(ctx, []chatadmin.ID{w.Domain})
		if err != nil {
			return err
		}
		_, err = tx.ChangeDomains(ctx, []storage.Write[chatadmin.Domain]{{Row: ds[0], Was: ds[0].Rev, Delete: true}})
		return err
	}))
	w.Clock.Advance(time.Hour)
	require.NoError(t, soon(t, w.X))
	require.Empty(t, records(t, w, "integration.state"))
}

// A group whose traffic the host vetoes holds up no other one.
func TestOneVetoStopsNobodyElse(t *testing.T) {
	var frozen atomic.Value
	pager, err := NewPager("http://127.0.0.1:1")
	require.NoError(t, err)
	w := integrationstest.New(t, &integrationstest.Options{Admin: vetoes(&frozen)}, pager)
	require.NoError(t, w.X.EnableService(t.Context(), w.Boss, "pager", nil))
	groups := []chatadmin.ID{w.Group, w.NewGroup("Other")}
	for i, g := range groups {
		w.Group = g
		ready(t, w)
		require.Equal(t, 200, postAlarm(t, w, fmt.Sprint(i)))
		w.Clock.Advance(time.Second)
	}
	frozen.Store(string(groups[0]))
	require.ErrorIs(t, w.X.Deliver(t.Context()), chatadmin.ErrVetoed)
	require.Empty(t, w.Groups.Messages(groups[0]))
	require.Len(t, w.Groups.Messages(groups[1]), 1)
	frozen.Store("")
	w.Deliver()
	require.Len(t, w.Groups.Messages(groups[0]), 1)
}

// A connection that does not open, because its row was damaged, holds up
// nobody: others go on, it can be disconnected, and its group can be deleted.
func TestOneBrokenConnection(t *testing.T) {
	pager, err := NewPager("http://127.0.0.1:1")
	require.NoError(t, err)
	store := memstore.New(nil)
	w := integrationstest.New(t, &integrationstest.Options{Store: store}, pager)
	require.NoError(t, w.X.EnableService(t.Context(), w.Boss, "pager", nil))
	groups := []chatadmin.ID{w.Group, w.NewGroup("Other")}
	for i, g := range groups {
		w.Group = g
		ready(t, w)
		require.Equal(t, 200, postAlarm(t, w, fmt.Sprint(i)))
		w.Clock.Advance(time.Second)
	}
	// damage the first
	require.NoError(t, w.Host.Change(t.Context(), chatadmin.Op{Kind: "test", Fence: storage.Shared}, func(ctx context.Context, k *chatadmin.Writer) error {
		rs, err := k.Records(ctx, []storage.Key{{Kind: "integration", Domain: w.Domain, ID: "pager/" + string(groups[0])}})
		if err != nil {
			return err
		}
		was := rs[0].Rev
		rs[0].Data = bytes.Replace(rs[0].Data, []byte(`"sealed":"`), []byte(`"sealed":"AAAA`), 1)
		return k.PutRecords(ctx, []storage.Write[storage.Record]{{Row: rs[0], Was: was}})
	}))
	t.Run("others go on", func(t *testing.T) {
		w.Deliver()
		require.Len(t, w.Groups.Messages(groups[1]), 1)
	})
	t.Run("its messages wait", func(t *testing.T) {
		n, err := w.X.Tell(t.Context(), w.Domain, integrations.Message{Op: integrations.Posted, Group: groups[0], ID: "m1", Text: "waits"})
		require.NoError(t, err)
		require.Equal(t, 1, n)
		w.Deliver()
		require.Len(t, records(t, w, "integration.in"), 2, "the one that waits, and the one that is remembered")
		require.Len(t, records(t, w, "integration.out"), 1)
		require.Empty(t, w.Groups.Messages(groups[0]))
	})
	t.Run("it can be disconnected", func(t *testing.T) {
		require.NoError(t, w.X.Disconnect(t.Context(), w.Ann, integrations.Of{Service: "pager", Owner: groups[0]}))
	})
	t.Run("its group can be deleted", func(t *testing.T) {
		plan, err := w.Ann.PlanDeleteGroup(t.Context(), groups[0])
		require.NoError(t, err)
		_, err = w.Ann.ApplyDeleteGroup(t.Context(), plan, nil)
		require.NoError(t, err)
	})
}

// Every transaction runs twice, as the contract allows; or is committed without
// confirmation.
func TestChaos(t *testing.T) {
	for name, c := range map[string]func(s *memstore.Store) chatadmin.Store{
		"rerun": func(s *memstore.Store) chatadmin.Store {
			return s.Handle(&memstore.Options{Chaos: &memstore.Chaos{Rerun: 1}})
		},
		"unknown kept": func(s *memstore.Store) chatadmin.Store { return &everySecond{Store: s} },
	} {
		t.Run(name, func(t *testing.T) {
			store := memstore.New(nil)
			w, srv := savedSlack(t, &integrationstest.Options{Store: store})
			svc, err := slack.New(srv.Options())
			require.NoError(t, err)
			admin := chatadmintest.Must(chatadmin.New(c(store), &chatadmin.Options{Now: w.Clock.Now, Mailer: w.Mail}))
			x := w.Integrations(admin, svc)
			ann := admin.As(w.Domain, w.Ann.Actor())
			deliver := func(t *testing.T) { require.NoError(t, soon(t, x)) }
			tell := func(op integrations.Op, text string) {
				_, err := x.Tell(t.Context(), w.Domain, integrations.Message{Op: op, Group: w.Group, ID: "m1", Author: "Ann", Text: text})
				require.NoError(t, err)
			}
			st, err := x.Status(t.Context(), ann, w.Of("slack"))
			require.NoError(t, err)
			t.Run("out", func(t *testing.T) {
				tell(integrations.Posted, "one")
				deliver(t)
				tell(integrations.Edited, "two")
				deliver(t)
				ms := srv.Messages("C0GENERAL")
				require.Len(t, ms, 1)
				require.Equal(t, "Ann: two", ms[0].Text)
				require.Equal(t, 1, ms[0].Edits)
			})
			t.Run("in", func(t *testing.T) {
				srv.Subscribe(st.Webhook.Reveal())
				ts := srv.Say("C0GENERAL", "U0ALICE", "", "hello")
				srv.Edit("C0GENERAL", ts, "hello!")
				require.Zero(t, srv.Deliver(t.Context()))
				deliver(t)
				ms := w.Groups.Messages(w.Group)
				require.Len(t, ms, 1)
				require.Equal(t, []any{"hello!", 1, 1}, []any{ms[0].Text, ms[0].Posts, ms[0].Edits})
			})
			t.Run("dead", func(t *testing.T) {
				srv.SetFault(func(string) slacktest.Fault { return slacktest.Fault{Error: "msg_too_long"} })
				_, err := x.Tell(t.Context(), w.Domain, integrations.Message{Op: integrations.Posted, Group: w.Group, ID: "m2", Author: "Ann", Text: "three"})
				require.NoError(t, err)
				deliver(t)
				srv.SetFault(nil)
				dead, err := x.DeadLetters(t.Context(), ann, w.Of("slack"))
				require.NoError(t, err)
				require.Len(t, dead, 1)
				require.NoError(t, x.Retry(t.Context(), ann, dead[0].ID))
				deliver(t)
				n := 0
				for _, m := range srv.Messages("C0GENERAL") {
					if m.Text == "Ann: three" {
						n++
					}
				}
				require.Equal(t, 1, n)
			})
			t.Run("again", func(t *testing.T) {
				next, err := x.Connect(t.Context(), ann, w.Of("slack"), nil)
				require.NoError(t, err)
				back, err := srv.Authorise(next.URL.Reveal())
				require.NoError(t, err)
				require.Equal(t, 200, browse(x, ann, back).Code)
			})
			t.Run("disconnect", func(t *testing.T) {
				require.NoError(t, x.Disconnect(t.Context(), ann, w.Of("slack")))
				require.Len(t, records(t, w, "integration.release"), 1)
				deliver(t)
				require.Empty(t, records(t, w, "integration.release"))
				require.Zero(t, srv.Tokens())
			})
		})
	}
}

// everySecond does not confirm every second commit.
type everySecond struct {
	chatadmin.Store
	n atomic.Int64
}

func (e *everySecond) Update(ctx context.Context, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	err := e.Store.Update(ctx, fence, f)
	if err == nil && e.n.Add(1)%2 == 1 {
		return chatadmin.ErrCommitUnknown
	}
	return err
}

// hesitant answers the first call of every list with an empty page that more
// may follow, as a store may.
type hesitant struct{ chatadmin.Store }

func (h hesitant) ListRecords(ctx context.Context, q storage.RecordQuery, p chatadmin.Page) ([]storage.Record, chatadmin.Cursor, error) {
	switch p.After {
	case "":
		return nil, "really", nil
	case "really":
		p.After = ""
	}
	return h.Store.ListRecords(ctx, q, p)
}

// An empty page is not the end of a list.
func TestEmptyPages(t *testing.T) {
	store := memstore.New(nil)
	w, srv := savedSlack(t, &integrationstest.Options{Store: store})
	svc, err := slack.New(srv.Options())
	require.NoError(t, err)
	x := w.Integrations(chatadmintest.Must(chatadmin.New(hesitant{store}, &chatadmin.Options{Now: w.Clock.Now, Mailer: w.Mail})), svc)
	journey(t, w, srv)
	w.Say("m1", "", "hello")
	st, err := x.Status(t.Context(), w.Ann, w.Of("slack"))
	require.NoError(t, err)
	require.Equal(t, 1, st.Waiting)
	require.NoError(t, x.Deliver(t.Context()))
	require.Len(t, srv.Messages("C0GENERAL"), 1)
	beginDeletion(t, w.Host, w.Ann.Actor())
	w.Clock.Advance(time.Hour)
	require.NoError(t, x.Deliver(t.Context()))
	for _, kind := range []string{"integration.release", "integration.notice", "integration.state", "integration.out"} {
		require.Empty(t, records(t, w, kind))
	}
	require.Zero(t, srv.Tokens())
	require.Len(t, w.Mail.To("boss@acme.example"), 1)
}
