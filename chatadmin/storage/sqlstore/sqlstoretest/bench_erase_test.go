package sqlstoretest

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
)

var eraseRows = flag.Int("messages", 20000, "messages of the user whom benchmarks delete; the figures of MEASUREMENTS.md have 1000000")

// BenchmarkErase deletes a user with -messages messages and a tenth as many
// files, in a hundredth as many groups, a tenth of which the user created, next
// to as many messages of others in the same groups. Floors are the same rows
// deleted by hand: by one statement for each table, all in one transaction; and
// in batches of 10,000 by place.
func BenchmarkErase(b *testing.B) {
	for _, c := range []struct {
		name  string
		empty func(testing.TB) database
	}{{"SQLite", sqliteFile}, {"PostgreSQL", postgresPrefix}} {
		b.Run(c.name, func(b *testing.B) {
			for range b.N {
				once := newHoard(b, c.empty(b)).timed(b, (*hoard).deleteAtOnce)
				batches := newHoard(b, c.empty(b)).timed(b, (*hoard).deleteBatches)
				h := newHoard(b, c.empty(b))
				h.erase(b, once, batches)
			}
		})
	}
}

// hoard is a database with somebody in it who has a lot.
type hoard struct {
	db          database
	pool        *sql.DB
	store       *sqlstore.Store
	s           *chatadmin.Scope
	user, other storage.ID
}

func newHoard(b testing.TB, db database) *hoard {
	b.Helper()
	h := &hoard{db: db, pool: db.pool(b), store: db.open(b)}
	a := chatadmintest.Must(chatadmin.New(h.store, nil))
	d, boss, err := a.CreateDomain(b.Context(), chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example", NoInvitation: true}})
	require.NoError(b, err)
	h.s = a.As(d.ID, boss.ID)
	for login, id := range map[string]*storage.ID{"ann": &h.user, "bob": &h.other} {
		u, err := h.s.CreateUser(b.Context(), chatadmin.NewUser{Login: login + "@acme.example", NoInvitation: true})
		require.NoError(b, err)
		*id = u.ID
	}
	n, groups := *eraseRows, max(*eraseRows/100, 2)
	h.fill(b, groups, `INSERT INTO {{p}}groups (id, domain, rev, creator, name, name_key, is_default, shipped, deleting, data)
		SELECT {{id g}}, '{{d}}', 1, CASE WHEN i % 10 = 0 THEN '{{u}}' ELSE '{{o}}' END, {{id g}}, {{id g}}, {{no}}, {{no}}, {{no}}, '' FROM {{seq}}`)
	for _, u := range []storage.ID{h.user, h.other} {
		h.fill(b, groups, `INSERT INTO {{p}}memberships (grp, usr, domain, rev, admin) SELECT {{id g}}, '`+string(u)+`', '{{d}}', 1, {{no}} FROM {{seq}}`)
	}
	// Hers and those of others come by turns, and the groups, too.
	h.fill(b, 2*n+n/5, fmt.Sprintf(`INSERT INTO {{p}}content (id, domain, container, author, peer, kind, at, blob)
		SELECT {{id c}}, '{{d}}', {{id g %d}}, CASE WHEN i %% 2 = 0 THEN '{{u}}' ELSE '{{o}}' END, '', CASE WHEN i %% 22 < 2 THEN 3 ELSE 2 END, 1700000000000 + i, CASE WHEN i %% 22 < 2 THEN {{id b}} ELSE '' END FROM {{seq}}`, groups))
	if db.d == sqlstore.PostgreSQL {
		for _, table := range []string{"groups", "memberships", "content"} {
			h.exec(b, "VACUUM ANALYZE {{p}}"+table)
		}
		h.exec(b, "CHECKPOINT")
	} else {
		h.exec(b, "PRAGMA wal_checkpoint(TRUNCATE)")
	}
	return h
}

// fill makes rows, numbered from 0.
func (h *hoard) fill(b testing.TB, n int, text string) {
	b.Helper()
	for {
		before, rest, found := strings.Cut(text, "{{id ")
		if !found {
			break
		}
		what, rest, _ := strings.Cut(rest, "}}")
		kind, mod, spread := strings.Cut(what, " ")
		number := "i"
		if spread { // a prime spreads them
			number = "(i / 2 * 7919 % " + mod + ")"
		}
		if h.db.d == sqlstore.PostgreSQL {
			text = before + "'0190b" + kind + "00-0000-7000-8000-' || lpad((" + number + ")::text, 12, '0')" + rest
		} else {
			text = before + "printf('0190b" + kind + "00-0000-7000-8000-%012d', " + number + ")" + rest
		}
	}
	seq, no := fmt.Sprintf("generate_series(0::bigint, %d) AS i", n-1), "false"
	if h.db.d == sqlstore.SQLite {
		seq, no = fmt.Sprintf("(WITH RECURSIVE seq(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM seq WHERE i < %d) SELECT i FROM seq)", n-1), "0"
	}
	h.exec(b, strings.NewReplacer("{{d}}", string(h.s.Domain()), "{{u}}", string(h.user), "{{o}}", string(h.other), "{{seq}}", seq, "{{no}}", no).Replace(text))
}

func (h *hoard) exec(b testing.TB, text string) {
	b.Helper()
	_, err := h.pool.ExecContext(b.Context(), h.db.sql(text))
	require.NoError(b, err)
}

func (h *hoard) timed(b *testing.B, f func(*hoard, *testing.B)) time.Duration {
	start := time.Now()
	f(h, b)
	return time.Since(start)
}

// what are the rows of each table, children first.
func (h *hoard) what() [][2]string {
	hers := fmt.Sprintf("SELECT id FROM {{p}}groups WHERE domain = '%s' AND creator = '%s'", h.s.Domain(), h.user)
	domain := "domain = '" + string(h.s.Domain()) + "' AND "
	return [][2]string{{"content", domain + "author = '" + string(h.user) + "'"}, {"content", domain + "container IN (" + hers + ")"}, {"memberships", "grp IN (" + hers + ")"},
		{"memberships", domain + "usr = '" + string(h.user) + "'"}, {"groups", domain + "creator = '" + string(h.user) + "'"}}
}

func (h *hoard) deleteAtOnce(b *testing.B) {
	tx, err := h.pool.BeginTx(b.Context(), nil)
	require.NoError(b, err)
	for _, w := range h.what() {
		_, err := tx.Exec(h.db.sql("DELETE FROM {{p}}" + w[0] + " WHERE " + w[1]))
		require.NoError(b, err)
	}
	require.NoError(b, tx.Commit())
}

func (h *hoard) deleteBatches(b *testing.B) {
	place, from, to := "rowid", "IN (", ")"
	if h.db.d == sqlstore.PostgreSQL {
		place, from, to = "ctid", "= ANY(ARRAY(", "))"
	}
	for _, w := range h.what() {
		place := place
		if h.db.d == sqlstore.SQLite && w[0] == "memberships" { // without rowid
			place = "grp, usr"
		}
		for n := int64(1); n > 0; {
			res, err := h.pool.ExecContext(b.Context(), h.db.sql(fmt.Sprintf("DELETE FROM {{p}}%s WHERE (%s) %s SELECT %s FROM {{p}}%[1]s WHERE %[5]s LIMIT 10000%[6]s", w[0], place, from, place, w[1], to)))
			require.NoError(b, err)
			n, err = res.RowsAffected()
			require.NoError(b, err)
		}
	}
}

// erase deletes the user through the library.
func (h *hoard) erase(b *testing.B, once, batches time.Duration) {
	ctx := context.Background()
	s := &slowest{Store: h.store}
	a := chatadmintest.Must(chatadmin.New(s, nil))
	scope := a.As(h.s.Domain(), h.s.Actor())
	d, err := erase.New(a, nil)
	require.NoError(b, err)
	start := time.Now()
	p, err := d.Plan(ctx, scope, []storage.ID{h.user}, nil)
	require.NoError(b, err)
	plan := time.Since(start)
	before := resident()
	peak := before
	start = time.Now()
	r, err := d.Apply(ctx, scope, p, "benchmark", func(chatadmin.Progress) { peak = max(peak, resident()) })
	require.NoError(b, err)
	took := time.Since(start)
	for kind, n := range p.Counts {
		require.Equal(b, n, r.Data.Removed[kind], kind)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(once.Seconds(), "s-one-delete")
	b.ReportMetric(batches.Seconds()/once.Seconds(), "raw-batches/one-delete")
	b.ReportMetric(took.Seconds()/once.Seconds(), "erase/one-delete")
	b.ReportMetric(took.Seconds()/batches.Seconds(), "erase/raw-batches")
	b.ReportMetric(plan.Seconds()/took.Seconds(), "plan/erase")
	b.ReportMetric(s.longest.Seconds(), "s-longest-transaction")
	b.ReportMetric(float64(s.n), "transactions")
	b.ReportMetric(peak-before, "MiB-grown")
}

// slowest is a store that knows its longest transaction.
type slowest struct {
	*sqlstore.Store
	longest time.Duration
	n       int
}

func (s *slowest) Update(ctx context.Context, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	start := time.Now()
	defer func() { s.longest, s.n = max(s.longest, time.Since(start)), s.n+1 }()
	return s.Store.Update(ctx, fence, f)
}

// resident is the memory of this process, in MiB.
func resident() float64 {
	text, _ := os.ReadFile("/proc/self/statm")
	var size, pages float64
	_, _ = fmt.Sscan(string(text), &size, &pages)
	return pages * float64(os.Getpagesize()) / (1 << 20)
}
