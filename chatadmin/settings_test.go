package chatadmin_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Settings that cannot be read let nobody do anything in their domain, leave
// other domains alone, and are repaired by the host.
func TestDamagedSettings(t *testing.T) {
	for _, damage := range []string{``, `{`, `{}`, `null`, `[]`, `"x"`, `7`, `{"v":2,"state":"active"}`, `{"v":0,"state":"active"}`, `{"v":-1,"state":"active"}`,
		`{"v":1}`, `{"v":1,"state":"asleep"}`, `{"v":"1","state":"active"}`, `{"v":1,"state":"active","roles":7}`} {
		w := newWorld(t, chatadmin.ESChat)
		other, _ := w.open("Other", chatadmin.ESChat)
		set := collectSettings(t, w)
		require.ErrorIs(t, w.admin.RepairSettings(ctx, w.domain, set), chatadmin.ErrTransition, "in order")
		require.NoError(t, w.store.Update(ctx, storage.Fence{Domain: w.domain, Mode: storage.Exclusive}, func(ctx context.Context, tx storage.Tx) error {
			ds, err := tx.Domains(ctx, []chatadmin.ID{w.domain})
			if err != nil {
				return err
			}
			row := ds[0]
			row.Rev, row.Data = row.Rev+1, []byte(damage)
			_, err = tx.ChangeDomains(ctx, []storage.Write[chatadmin.Domain]{{Row: row, Was: ds[0].Rev}})
			return err
		}))
		for _, s := range []*chatadmin.Scope{w.s, w.host} {
			require.Error(t, second(s.CreateGroup(ctx, "G")), damage)
			require.Error(t, second(s.ChangeSettings(ctx, func(*chatadmin.Settings) error { return nil })), damage)
			require.Error(t, second(s.User(ctx, w.boss.ID)), damage)
		}
		require.NoError(t, second(w.admin.AsHost(other).CreateGroup(ctx, "G")), damage)
		require.ErrorIs(t, w.admin.RepairSettings(ctx, w.domain, chatadmin.Settings{}), chatadmin.ErrInvalid)
		require.ErrorIs(t, w.admin.RepairSettings(ctx, "no-such-domain", set), chatadmin.ErrNotFound)
		require.NoError(t, w.admin.RepairSettings(ctx, w.domain, set))
		require.Equal(t, set, collectSettings(t, w))
		require.Len(t, w.events(chatadmin.KindDomainEdit), 1)
		require.NoError(t, second(w.s.CreateGroup(ctx, "G")), damage)
	}
}
