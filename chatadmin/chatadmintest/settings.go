package chatadmintest

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// PutSettings changes the stored settings of a domain past the library: states
// that no call of it makes, such as a damaged policy.
func PutSettings(t testing.TB, store chatadmin.Store, domain chatadmin.ID, change func(*chatadmin.Settings)) {
	t.Helper()
	fence := storage.Fence{Domain: domain, Mode: storage.Exclusive}
	require.NoError(t, store.Update(t.Context(), fence, func(ctx context.Context, tx storage.Tx) error {
		ds, err := tx.Domains(ctx, []chatadmin.ID{domain})
		if err != nil || len(ds) == 0 {
			return fmt.Errorf("domain %s is not there: %w", domain, err)
		}
		set, err := chatadmin.SettingsOf(ds[0])
		if err != nil {
			return err
		}
		if set.Policies == nil {
			set.Policies = map[string]json.RawMessage{}
		}
		change(&set)
		c := storage.Write[chatadmin.Domain]{Row: ds[0], Was: ds[0].Rev}
		c.Row.Rev++
		if c.Row.Data, err = json.Marshal(set); err != nil {
			return err
		}
		conflicts, err := tx.ChangeDomains(ctx, []storage.Write[chatadmin.Domain]{c})
		if len(conflicts) > 0 {
			return storage.ErrRetry
		}
		return err
	}))
}
