package integrations_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/integrationstest"
)

// kinds are all kinds of records that the package keeps.
var kinds = []string{"integration.service", "integration", "integration.state", "integration.step", "integration.in", "integration.out",
	"integration.turn", "integration.line", "integration.map", "integration.dead", "integration.release", "integration.notice", "integration.check", "integration.tally"}

// damagedOf lists what Scope.Damaged says, by kind.
func damagedOf(t *testing.T, w *integrationstest.World) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for bad, err := range w.Boss.Damaged(t.Context()) {
		require.NoError(t, err)
		found[bad.Kind] = append(found[bad.Kind], bad.ID)
	}
	return found
}

// put writes a record as it is.
func put(t *testing.T, w *integrationstest.World, r storage.Record) {
	t.Helper()
	require.NoError(t, w.Host.Change(t.Context(), chatadmin.Op{Kind: "test", Fence: storage.Shared}, func(ctx context.Context, k *chatadmin.Writer) error {
		r.Domain = w.Domain
		rs, err := k.Records(ctx, []storage.Key{r.Key})
		if err != nil {
			return err
		}
		c := storage.Write[storage.Record]{Row: r}
		if len(rs) > 0 {
			c.Was = rs[0].Rev
		}
		return k.PutRecords(ctx, []storage.Write[storage.Record]{c})
	}))
}

// Whatever cannot be read is listed by Damaged, affects nobody else, and is
// repaired by Repair, once; afterwards the group can use the service again.
func TestDamagedIsListedAndRepaired(t *testing.T) {
	for _, kind := range kinds {
		for _, data := range []string{`{"v":1,"stat`, `[]`, `null`, `{"v":99}`, `{"v":1,"on":7,"state":7,"op":7,"data":7,"leased":7,"o":7,"reasons":7,"kind":7,"sealed":7,"service":7,"text":7,"done":7,"tries":"x"}`} {
			t.Run(kind+" "+data, func(t *testing.T) {
				w, srv, other := twoBridges(t)
				require.Empty(t, damagedOf(t, w))
				r := storage.Record{Key: storage.Key{Kind: kind, ID: "x"}, Data: []byte(data), Due: w.Clock.Now()}
				switch kind {
				case "integration.service", "integration.turn":
					r.ID = "slack"
				case "integration.state", "integration.notice":
					r.Owner = w.Group
				case "integration.release":
				case "integration.in", "integration.out", "integration.map":
					r.ID, r.Owner = "slack/"+string(w.Group)+"/0", w.Group
				case "integration.line":
					r.ID, r.Owner = "integration.out/slack/"+string(w.Group), w.Group
				default:
					r.ID, r.Owner = "slack/"+string(w.Group), w.Group
				}
				put(t, w, r)
				if listed := damagedOf(t, w); kind != "integration.turn" || len(listed) > 0 {
					// only the revision of a turn counts
					require.Equal(t, map[string][]string{kind: {r.ID}}, listed)
				}
				require.NoError(t, w.X.Deliver(t.Context()))
				w.Clock.Advance(time.Minute)
				require.NoError(t, w.X.Deliver(t.Context()))
				for kind, ids := range damagedOf(t, w) {
					for _, id := range ids {
						require.ErrorIs(t, w.Ann.Repair(t.Context(), kind, id), chatadmin.ErrForbidden)
						require.NoError(t, w.Boss.Repair(t.Context(), kind, id))
						if err := w.Boss.Repair(t.Context(), kind, id); err != nil {
							require.ErrorIs(t, err, chatadmin.ErrNotFound, "repaired is repaired")
						}
					}
				}
				require.Empty(t, damagedOf(t, w))
				require.NoError(t, w.X.EnableService(t.Context(), w.Boss, "slack", nil))
				st := w.Connect(w.Of("slack"), srv.Authorise)
				_, err := w.X.Save(t.Context(), w.Ann, w.Of("slack"), []byte(`{"channel":"general"}`))
				require.NoError(t, err)
				require.False(t, st.Webhook.IsZero())
				for range 5 {
					w.Clock.Advance(time.Minute)
					w.Deliver()
				}
				before := len(srv.Messages("C0GENERAL"))
				w.Say("after", "", "after the repair")
				w.Deliver()
				require.Len(t, srv.Messages("C0GENERAL"), before+1)
				n, err := w.X.Tell(t.Context(), w.Domain, integrations.Message{Op: integrations.Posted, Group: other, ID: "o", Text: "x"})
				require.NoError(t, err)
				require.Equal(t, 1, n)
			})
		}
	}
}
