package sqlstoretest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore/internal/schema"
)

// The index of targets is filled from old events in transactions of two hundred
// events; what was done stays when one of them fails, and is not done again.
func TestMigrateFillsTargets(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		plain := db.pool(t)
		_, err := db.stepTo(t, plain, upTo(t, 2))
		require.NoError(t, err)
		numbers, lf := "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 1150) SELECT n FROM s) AS s", "char(10)"
		if db.d == sqlstore.PostgreSQL {
			numbers, lf = "generate_series(1, 1150) AS s(n)", "chr(10)"
		}
		_, err = plain.Exec(db.sql(strings.NewReplacer("{{n}}", numbers, "{{lf}}", lf, "{{many}}", strings.Repeat("more\n", 14)).Replace(
			"INSERT INTO {{p}}events SELECT 'event-' || (10000 + n), 'acme', 1, 'host', 'test', n, CASE WHEN n % 10 = 0 THEN '' ELSE {{lf}} || 'all' || {{lf}} || 'u-' || n || {{lf}} || 'all' || {{lf}} || CASE WHEN n % 100 = 1 THEN '{{many}}' ELSE '' END END, '{}' FROM {{n}}")))
		require.NoError(t, err)
		pool, w := db.watched(t, nil)
		fills := 0
		w.before = func(s statement) error {
			if strings.HasPrefix(s.text, "INSERT INTO "+db.sql("{{p}}event_targets")) && strings.Contains(s.text, "BETWEEN") {
				if fills++; fills == 4 {
					return errors.New("the power is gone")
				}
			}
			return nil
		}
		_, err = sqlstore.Open(t.Context(), pool, db.d, &db.options)
		require.ErrorContains(t, err, "the power is gone")
		rows := func(text string) (n int) {
			require.NoError(t, plain.QueryRow(db.sql(text)).Scan(&n))
			return n
		}
		require.Equal(t, 2, rows("SELECT max(version) FROM {{p}}schema"), "not there yet")
		require.Equal(t, 3*180*2-3*2, rows("SELECT count(*) FROM {{p}}event_targets"), "three batches are kept, six events among them with many targets")
		s, err := sqlstore.Open(t.Context(), pool, db.d, &db.options)
		require.NoError(t, err)
		require.Equal(t, 1+6, fills, "1,150 events are six batches")
		require.Equal(t, 1035*2-12, rows("SELECT count(*) FROM {{p}}event_targets"))
		require.Equal(t, schema.Steps{Files: schema.Files, Dialect: db.d.String()}.Version(), rows("SELECT max(version) FROM {{p}}schema"))
		_, err = plain.Exec(db.sql("SELECT * FROM {{p}}event_fill"))
		require.Error(t, err, "nothing is left of the filling")
		all := 0
		p := storage.Page{Limit: 100}
		for {
			es, next, err := s.ListEvents(t.Context(), storage.EventQuery{Domain: "acme", Target: "all"}, p)
			require.NoError(t, err)
			all += len(es)
			if p.After = next; next == "" {
				break
			}
		}
		require.Equal(t, 1035, all)
	})
}

// The events of a thousand targets are two statements a page, however many
// targets and events there are. Writing an event is one more than without.
func TestStatementsOfTargets(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		c, w := watchedCompany(t, db)
		s := c.store
		targets := make([]storage.ID, storage.MaxBatch)
		for i := range targets {
			targets[i] = storage.ID(fmt.Sprint("target-", i))
		}
		write := func(id storage.ID, about []storage.ID) []statement {
			return w.during(func() {
				require.NoError(t, s.Update(t.Context(), storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
					e := storage.Event{ID: id, Domain: c.domain, Actor: "host", Rev: 1, Kind: "test", Targets: about, Data: []byte("{}")}
					_, err := tx.ChangeEvents(ctx, []storage.Write[storage.Event]{{Row: e}})
					return err
				}))
			})
		}
		none, one, many := write("none", nil), write("one", targets[:1]), write("many", targets)
		require.Len(t, one, len(none)+1)
		sameForAnySize(t, db, "targets", one, many, 0)
		for _, n := range []int{1, 2, len(targets)} {
			all := w.during(func() {
				es, _, err := s.ListEvents(t.Context(), storage.EventQuery{Domain: c.domain, Targets: targets[:n]}, storage.Page{Limit: 100})
				require.NoError(t, err)
				require.Len(t, es, 2)
			})
			require.Len(t, all, 2, "%v", roundTrips(all))
		}
	})
}
