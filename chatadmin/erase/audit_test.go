package erase_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/csvimport"
)

// What the audit log says about somebody is blanked, that it says something is
// not; what it says about others stays, in the same event, too. One user, or so
// many that all events are looked through.
func TestAuditBlanked(t *testing.T) {
	for _, extra := range []int{0, 12} {
		t.Run(fmt.Sprint(extra), func(t *testing.T) {
			w := newWorld(t, memory())
			var file strings.Builder
			file.WriteString("login,title\n")
			for n := range 400 {
				fmt.Fprintf(&file, "user%d@acme.example,Secret title %d\n", n, n)
			}
			_, err := chatadmintest.Must(csvimport.New(w.Admin, nil)).Import(ctx, w.Host, strings.NewReader(file.String()), csvimport.SkipExisting, nil)
			require.NoError(t, err)
			var ids []chatadmin.ID
			for n := range extra + 1 {
				u, err := w.Host.UserByLogin(ctx, fmt.Sprintf("user%d@acme.example", 7+n))
				require.NoError(t, err)
				for range 30 { // more events than one page of them
					for _, title := range []string{"Chief", "Clerk"} {
						_, err := w.Host.EditUser(ctx, u.ID, chatadmin.UserEdit{Title: &title})
						require.NoError(t, err)
					}
				}
				ids = append(ids, u.ID)
			}
			other, err := w.Host.UserByLogin(ctx, "user300@acme.example")
			require.NoError(t, err)
			device := w.device(chatadmin.User{ID: ids[0]})
			require.NoError(t, w.Host.Change(ctx, chatadmin.Op{Kind: "device.rename", Need: chatadmin.PermDevices}, func(_ context.Context, x *chatadmin.Writer) error {
				x.Audit("device.rename", []chatadmin.ID{device}, map[chatadmin.ID][]chatadmin.FieldChange{device: {{Field: "name", Before: "Ann's phone", After: "x"}}}, nil)
				return nil
			}))
			before := w.Events("")

			p, err := w.d.Plan(ctx, w.S, ids, nil)
			require.NoError(t, err)
			_, err = w.d.Apply(ctx, w.S, p, reason, nil)
			require.NoError(t, err)
			after := w.Events("")
			require.Equal(t, []string{erase.KindDeleted, erase.KindDelete}, []string{after[0].Kind, after[1].Kind})
			require.Equal(t, ids, after[0].Targets)
			require.Equal(t, reason, after[1].Note["reason"])
			after = after[2:]
			require.Len(t, after, len(before))
			said := 0
			for i, e := range after {
				require.Equal(t, before[i].ID, e.ID)
				require.Equal(t, before[i].Targets, e.Targets)
				for _, id := range append(ids, device) {
					require.NotContains(t, e.Changes, id)
					said += len(before[i].Changes[id])
				}
				require.Equal(t, before[i].Changes[other.ID], e.Changes[other.ID])
			}
			require.Greater(t, said, 60)
			w.noTrace(ids...)
		})
	}
}

// The host is told, in order.
func TestOutbox(t *testing.T) {
	w := newWorld(t, memory(), func(o *chatadmin.Options) { o.Outbox = true })
	ann := w.crowd()
	p, err := w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID}, nil)
	require.NoError(t, err)
	deliver := func() (kinds []string) {
		require.NoError(t, w.Admin.DeliverEvents(ctx, func(_ context.Context, e chatadmin.OutboxEvent) error {
			kinds = append(kinds, e.Kind)
			return nil
		}))
		return kinds
	}
	deliver()
	_, err = w.d.Apply(ctx, w.S, p, reason, nil)
	require.NoError(t, err)
	require.Equal(t, []string{erase.KindDelete, chatadmin.KindGroupDelete, chatadmin.KindUserEdit, erase.KindDeleted}, deliver())
}

// The host may refuse before anything happens.
func TestVeto(t *testing.T) {
	w := newWorld(t, memory(), func(o *chatadmin.Options) {
		o.Before = func(_ context.Context, i chatadmin.Intent) error {
			if i.Kind == erase.KindDelete {
				return fmt.Errorf("she still has the keys")
			}
			return nil
		}
	})
	ann := w.user("ann")
	p, err := w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID}, nil)
	require.NoError(t, err)
	_, err = w.d.Apply(ctx, w.S, p, reason, nil)
	require.ErrorIs(t, err, chatadmin.ErrVetoed)
	require.Equal(t, chatadmin.Pending, w.Row(ann.ID).Status)
}
