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
		other, _ := w.Open("Other", chatadmin.ESChat)
		set := collectSettings(t, w)
		require.ErrorIs(t, w.Admin.RepairSettings(ctx, w.Domain, set), chatadmin.ErrTransition, "in order")
		require.NoError(t, w.Store.Update(ctx, storage.Fence{Domain: w.Domain, Mode: storage.Exclusive}, func(ctx context.Context, tx storage.Tx) error {
			ds, err := tx.Domains(ctx, []chatadmin.ID{w.Domain})
			if err != nil {
				return err
			}
			row := ds[0]
			row.Rev, row.Data = row.Rev+1, []byte(damage)
			_, err = tx.ChangeDomains(ctx, []storage.Write[chatadmin.Domain]{{Row: row, Was: ds[0].Rev}})
			return err
		}))
		for _, s := range []*chatadmin.Scope{w.S, w.Host} {
			require.Error(t, second(s.CreateGroup(ctx, "G")), damage)
			require.Error(t, second(s.ChangeSettings(ctx, func(*chatadmin.Settings) error { return nil })), damage)
			require.Error(t, second(s.User(ctx, w.Boss.ID)), damage)
		}
		require.NoError(t, second(w.Admin.AsHost(other).CreateGroup(ctx, "G")), damage)
		require.ErrorIs(t, w.Admin.RepairSettings(ctx, w.Domain, chatadmin.Settings{}), chatadmin.ErrInvalid)
		require.ErrorIs(t, w.Admin.RepairSettings(ctx, "no-such-domain", set), chatadmin.ErrNotFound)
		require.NoError(t, w.Admin.RepairSettings(ctx, w.Domain, set))
		require.Equal(t, set, collectSettings(t, w))
		require.Len(t, w.Events(chatadmin.KindDomainEdit), 1)
		require.NoError(t, second(w.S.CreateGroup(ctx, "G")), damage)
	}
}
