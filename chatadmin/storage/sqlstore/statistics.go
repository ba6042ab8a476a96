package sqlstore

import (
	"context"
	"math/bits"
	"sync"
	"time"
)

// firstAnalyze is after how many inserted rows a table is analysed first.
//
// PostgreSQL plans by what it knows of a table, and keeps a prepared statement's plan until it learns more. Autovacuum looks once a minute: by then an import has written a million
// rows with plans made for an empty table, each batch slower than the one before. So the store has tables analysed itself as the rows it has inserted grow: at 2^12, 2^15, 2^18 and so on,
// a tenth of a second each. Below, no plan is bad enough to matter.
const firstAnalyze = 1 << 12

// growth counts the rows that a store has inserted, by table.
type growth struct {
	mu   sync.Mutex
	rows map[string]int64
}

// add counts rows that were committed, and returns the tables to analyse.
func (g *growth) add(inserted map[string]int64) (grown []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.rows == nil {
		g.rows = map[string]int64{}
	}
	for name, n := range inserted {
		was := g.rows[name]
		g.rows[name] += n
		if is := was + n; is >= firstAnalyze && eights(is) > eights(was) {
			grown = append(grown, name)
		}
	}
	return grown
}

// eights grows by one whenever n has grown eightfold, and does so at firstAnalyze.
func eights(n int64) int { return (bits.Len64(uint64(n)) + 2) / 3 }

// analyze renews what the database knows of tables that have grown. It never waits for a lock, and is no reason to fail: a role that may not do it is only warned.
func (s *Store) analyze(ctx context.Context, c conn, inserted map[string]int64) {
	if s.d != PostgreSQL {
		return
	}
	for _, name := range s.growth.add(inserted) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		_, _ = c.ExecContext(ctx, s.sql("ANALYZE (SKIP_LOCKED) {{p}}"+name))
		cancel()
	}
}
