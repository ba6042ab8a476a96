package sqlstoretest

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/storage"
)

// The trigger that the page for hosts recommends on PostgreSQL: what is written
// by hand gets a new revision, an admin less changes the fence, and the
// library's own changes stay as they are.
func TestPageTrigger(t *testing.T) {
	page, err := os.ReadFile("../../storetest/IMPLEMENTING.md")
	require.NoError(t, err)
	_, text, found := strings.Cut(string(page), "```sql\nCREATE FUNCTION")
	require.True(t, found)
	text, _, found = strings.Cut("CREATE FUNCTION"+text, "\n```")
	require.True(t, found)

	db := postgresPrefix(t)
	c := newCompany(t, db, 0)
	pool := db.pool(t)
	_, err = pool.Exec(strings.ReplaceAll(text, "chatadmin_", db.options.Prefix))
	require.NoError(t, err)
	look := func() (storage.User, storage.Rev) {
		us, err := c.store.Users(t.Context(), c.domain, c.admins[1:])
		require.NoError(t, err)
		ds, err := c.store.Domains(t.Context(), []storage.ID{c.domain})
		require.NoError(t, err)
		return us[0], ds[0].Fence
	}
	before, fence := look()
	_, err = pool.Exec(db.sql("UPDATE {{p}}users SET title = 'King' WHERE id = $1"), string(c.admins[1]))
	require.NoError(t, err)
	now, same := look()
	require.Equal(t, "King", now.Title)
	require.Greater(t, now.Rev, before.Rev)
	require.Equal(t, fence, same)

	mine := now
	mine.Rev, mine.Title = storage.NextRev(now.Rev, time.Now(), 0), "Queen"
	for _, change := range []struct {
		was  storage.Rev
		want []storage.Conflict
	}{{before.Rev, []storage.Conflict{{Reason: storage.Stale}}}, {now.Rev, nil}} {
		require.NoError(t, c.store.Update(t.Context(), storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
			conflicts, err := tx.ChangeUsers(ctx, []storage.Write[storage.User]{{Row: mine, Was: change.was}})
			require.Equal(t, change.want, conflicts)
			return err
		}))
	}
	now, same = look()
	require.Equal(t, mine, now, "the library's revision is kept")
	require.Equal(t, fence, same)

	_, err = pool.Exec(db.sql("UPDATE {{p}}users SET admin = false WHERE id = $1"), string(c.admins[1]))
	require.NoError(t, err)
	_, other := look()
	require.NotEqual(t, fence, other)
}
