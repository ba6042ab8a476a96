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
// Its clock runs so fast that batches seem slow and become small. What is
// written lies in the store, or in the tables of a host, as the last but one
// argument says.
func eraser(args []string) int {
	err := func() error {
		store, err := mortal(args, args[7])
		if err != nil {
			return err
		}
		ctx := context.Background()
		now := time.Now()
		o := &chatadmin.Options{Now: func() time.Time { now = now.Add(250 * time.Millisecond); return now }}
		if args[6] != "" {
			h := &chatHost{db: database{d: sqlstore.SQLite}, store: store}
			if args[0] == sqlstore.PostgreSQL.String() {
				h.db.d = sqlstore.PostgreSQL
			}
			if o.Sources, err = h.sources(ctx, args[6] == "mapped"); err != nil {
				return err
			}
		}
		a := chatadmintest.Must(chatadmin.New(store, o))
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
		killErase(t, newHoard(t, db), "", nil)
	})
}

// The same, of what a host keeps in tables of its own.
func TestKilledHostedErase(t *testing.T) {
	t.Parallel()
	owned(t, func(t *testing.T, open func(testing.TB) database) {
		for _, how := range []string{"mapped", "by interface"} {
			t.Run(how, func(t *testing.T) {
				t.Parallel()
				h := newHoard(t, open(t))
				host := newChatHost(t, h.db)
				for _, text := range []string{"INSERT INTO messages SELECT id, domain, container, author, at, blob FROM chatadmin_content",
					"DELETE FROM chatadmin_content", "INSERT INTO chats VALUES ('talk', '" + string(h.s.Domain()) + "', '" + string(h.other) + "', '" + string(h.user) + "')",
					"UPDATE messages SET channel_id = 'talk' WHERE id IN (SELECT id FROM messages LIMIT 999)"} {
					h.exec(t, text)
				}
				host.triggers(t)
				sources, err := host.sources(t.Context(), how == "mapped")
				require.NoError(t, err)
				killErase(t, h, storage.ID(how), sources)
				all, err := host.all(h.s.Domain())
				require.NoError(t, err)
				require.NotEmpty(t, all)
				for _, r := range all {
					require.Equal(t, h.other, r.Author, "%+v", r)
					require.NotEqual(t, storage.ID("talk"), r.Container)
				}
			})
		}
	})
}

func killErase(t *testing.T, h *hoard, how storage.ID, sources []storage.Source) {
	a := chatadmintest.Must(chatadmin.New(h.store, &chatadmin.Options{Sources: sources}))
	d, err := erase.New(a, nil)
	require.NoError(t, err)
	s := a.As(h.s.Domain(), h.s.Actor())
	p, err := d.Plan(t.Context(), s, []storage.ID{h.user}, nil)
	require.NoError(t, err)
	steps := 60
	if h.db.d == sqlstore.SQLite {
		if steps = 8; slow {
			steps = 2
		}
	}
	done, kills := h.db.killed(t, 10, func(n int) int { return n + 1 + n/steps }, eraserArg, h.s.Domain(), h.s.Actor(), h.user, how)
	require.Greater(t, kills, 5)
	r, err := d.Run(t.Context(), s, done)
	require.NoError(t, err)
	require.Equal(t, chatadmin.RunDone, r.State)
	require.Equal(t, p.Counts, r.Data.Removed)
	erasetest.NoTrace(t, h.db.open(t), h.s.Domain(), h.user)
}
