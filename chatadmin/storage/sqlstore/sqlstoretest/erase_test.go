package sqlstoretest

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/internal/erasetest"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
)

func TestEraseRaces(t *testing.T) {
	t.Parallel()
	databases(t, func(t *testing.T, _ database) {
		t.Parallel()
		kind := t.Name()
		erasetest.Races(t, func(t *testing.T) [2]storage.Store {
			db := sqliteFile(t)
			if strings.Contains(kind, "postgresql") {
				db = postgresPrefix(t)
			}
			return [2]storage.Store{db.open(t), db.open(t)}
		})
	})
}

const eraserArg = "-eraser"

// eraser is the process that is killed: it begins a deletion, or resumes one.
// Its clock runs so fast that batches seem slow and become small.
func eraser(args []string) int {
	err := func() error {
		store, err := mortal(args, args[6])
		if err != nil {
			return err
		}
		ctx := context.Background()
		now := time.Now()
		a := chatadmintest.Must(chatadmin.New(store, &chatadmin.Options{Now: func() time.Time { now = now.Add(250 * time.Millisecond); return now }}))
		s := a.As(storage.ID(args[3]), storage.ID(args[4]))
		d, err := erase.New(a, nil)
		if err != nil {
			return err
		}
		for r, err := range d.Runs(ctx, s) {
			if err != nil {
				return err
			}
			if r, err = d.Resume(ctx, s, r.ID, nil); err != nil {
				return err
			}
			fmt.Println("done", r.ID)
			return nil
		}
		p, err := d.Plan(ctx, s, []storage.ID{storage.ID(args[5])}, nil)
		if err != nil {
			return err
		}
		r, err := d.Apply(ctx, s, p, "killed", nil)
		if err == nil {
			fmt.Println("done", r.ID)
		}
		return err
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// The deleting process is killed at many points, and a new one resumes: in the
// end nothing is left, and the receipt counts exactly what has gone.
func TestKilledErase(t *testing.T) {
	t.Parallel()
	databases(t, func(t *testing.T, db database) {
		t.Parallel()
		h := newHoard(t, db)
		d, err := erase.New(chatadmintest.Must(chatadmin.New(h.store, nil)), nil)
		require.NoError(t, err)
		s := chatadmintest.Must(chatadmin.New(h.store, nil)).As(h.s.Domain(), h.s.Actor())
		p, err := d.Plan(t.Context(), s, []storage.ID{h.user}, nil)
		require.NoError(t, err)
		steps := 60
		if db.d == sqlstore.SQLite {
			if steps = 8; slow {
				steps = 2
			}
		}
		done, kills := db.killed(t, 10, func(n int) int { return n + 1 + n/steps }, eraserArg, h.s.Domain(), h.s.Actor(), h.user)
		require.Greater(t, kills, 5)
		r, err := d.Run(t.Context(), s, done)
		require.NoError(t, err)
		require.Equal(t, chatadmin.RunDone, r.State)
		require.Equal(t, p.Counts, r.Data.Removed)
		erasetest.NoTrace(t, db.open(t), h.s.Domain(), h.user)
	})
}
