package csvimport

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// many is a file of 1,500 users.
func many(name string) string {
	var b strings.Builder
	b.WriteString("login,manager\n")
	for n := range 1500 {
		fmt.Fprintf(&b, "%s%d@acme.example,\n", name, n)
	}
	return b.String()
}

// overwrite replaces a record.
func (o *office) overwrite(t *testing.T, k storage.Key, data string) {
	t.Helper()
	ctx := t.Context()
	require.NoError(t, o.store.Update(ctx, storage.Fence{Domain: o.host.Domain(), Mode: storage.Shared}, func(ctx context.Context, tx storage.Tx) error {
		rs, err := tx.Records(ctx, []storage.Key{k})
		if err != nil || len(rs) != 1 {
			return errors.Join(err, errors.New("one record is damaged"))
		}
		now := rs[0]
		now.Data, now.Rev = []byte(data), now.Rev+1
		_, err = tx.ChangeRecords(ctx, []storage.Write[storage.Record]{{Row: now, Was: rs[0].Rev}})
		return err
	}))
}

// damaged lists what cannot be read.
func damaged(t *testing.T, s *chatadmin.Scope) (all []string) {
	t.Helper()
	for bad, err := range s.Damaged(t.Context()) {
		require.NoError(t, err)
		all = append(all, bad.Kind+" "+bad.ID)
	}
	return all
}

// A damaged record of what became of some rows stops its own import until it is
// repaired; others go on. Of its rows nothing is known then.
func TestDamagedRows(t *testing.T) {
	for _, data := range []string{`{"v":1,"l":"`, `{"v":9,"l":"c"}`, `{"v":1,"l":7}`, `{"v":1}`, ``} {
		t.Run(data, func(t *testing.T) {
			o := newOffice(t)
			x, ctx := ImportsOf(o.clerk), t.Context()
			stopped, stop := context.WithCancel(ctx)
			r, err := x.Import(stopped, o.clerk, strings.NewReader(many("u")), SkipExisting, &ImportOptions{Progress: func(chatadmin.Progress) { stop() }})
			require.ErrorIs(t, err, context.Canceled)
			k := chunkKey(chunkKind, o.host.Domain(), r.ImportID, 0)
			o.overwrite(t, k, data)
			_, err = x.Resume(ctx, o.clerk, r.ImportID, strings.NewReader(many("u")), nil)
			require.ErrorIs(t, err, chatadmin.ErrDamaged)
			other, err := x.Import(ctx, o.clerk, strings.NewReader(many("other")), SkipExisting, nil)
			require.NoError(t, err)
			require.EqualValues(t, 1500, other.Counts.Created)

			require.Equal(t, []string{chunkKind + " " + k.ID}, damaged(t, o.host))
			require.NoError(t, o.host.Repair(ctx, chunkKind, k.ID))
			require.Empty(t, damaged(t, o.host))
			r, err = x.Resume(ctx, o.clerk, r.ImportID, strings.NewReader(many("u")), nil)
			require.NoError(t, err)
			require.EqualValues(t, 1500, r.Counts.Created, "what was counted is known")
			n := map[Status]int{}
			require.NoError(t, r.Outcomes(ctx, o.clerk, strings.NewReader(many("u")), func(out Outcome) error {
				n[out.Status]++
				if out.Status == Unknown {
					require.Equal(t, CodeLost, out.Notes[0].Code)
				}
				return nil
			}))
			require.Equal(t, map[Status]int{Unknown: 1000, Created: 500}, n)
		})
	}
}

// A damaged list of whom a batch has created keeps nobody else from being
// invited, repaired or not.
func TestDamagedListOfCreated(t *testing.T) {
	for _, repaired := range []bool{false, true} {
		o := newOffice(t)
		x, ctx := ImportsOf(o.clerk), t.Context()
		r, err := x.Import(ctx, o.clerk, strings.NewReader(many("u")), SkipExisting, nil)
		require.NoError(t, err)
		k := chunkKey(createdKind, o.host.Domain(), r.ImportID, 0)
		o.overwrite(t, k, `{"v":1,"ids":7}`)
		require.Equal(t, []string{createdKind + " " + k.ID}, damaged(t, o.host))
		if repaired {
			require.NoError(t, o.host.Repair(ctx, createdKind, k.ID))
		}
		_, err = x.ReleaseImport(ctx, o.clerk, r.ImportID)
		require.NoError(t, err)
		invited := 0
		for i := range 1500 {
			u, err := o.host.UserByLogin(ctx, fmt.Sprintf("u%d@acme.example", i))
			require.NoError(t, err)
			rs, err := o.store.Records(ctx, []storage.Key{{Kind: "invitation", Domain: o.host.Domain(), ID: string(u.ID)}})
			require.NoError(t, err)
			invited += len(rs)
		}
		require.Equal(t, 500, invited)
	}
}
