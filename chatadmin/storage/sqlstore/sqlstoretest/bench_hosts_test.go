package sqlstoretest

import (
	"context"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/closing"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/retention"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
)

// BenchmarkHosted deletes -messages of ten times as many messages, a tenth of
// them files, that a host keeps in a table of its own: those of a user, the
// oldest, and those of a domain that is closed. The floor of each is one DELETE
// of as many rows that lie in the same table in the same way.
func BenchmarkHosted(b *testing.B) {
	for _, c := range []struct {
		name  string
		empty func(testing.TB) database
	}{{"SQLite", sqliteFile}, {"PostgreSQL", postgresSchema}} {
		b.Run(c.name, func(b *testing.B) {
			for range b.N {
				h := newBenchHost(b, c.empty(b))
				h.erase()
				h.retain()
				h.close()
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(h.store.longest.Seconds(), "s-longest-transaction")
				b.ReportMetric(float64(h.most), "rows-largest-batch")
			}
		})
	}
}

// benchHost is a host whose messages belong to a large company and two small
// ones, one for the floor. They come by turns.
type benchHost struct {
	*chatHost
	b            *testing.B
	store        *slowest
	admin        *chatadmin.Admin
	large, small storage.ID // domains; the third is "floor"
	user         storage.ID // whose are as many as those of "floor"
	most         int64      // rows in one call
}

// sent is when a message of a number was sent: one follows each second.
func (h *benchHost) sent(n int) time.Time {
	return time.UnixMilli(1700000000000).Add(time.Duration(n) * time.Second).UTC()
}

// oldest is how many messages there are among which -messages are of the large
// company, after two users of it are gone: six of ten are left to it.
func (h *benchHost) oldest() int { return *eraseRows * 10 / 6 }

func newBenchHost(b *testing.B, db database) *benchHost {
	h := &benchHost{chatHost: newChatHost(b, db), b: b}
	h.store = &slowest{Store: h.chatHost.store}
	sources, err := h.sources(b.Context(), true)
	require.NoError(b, err)
	for i := range sources {
		sources[i].Inside = largest{sources[i].Inside, &h.most}
	}
	n := *eraseRows
	began := time.Now()
	now := func() time.Time { return h.sent(2*h.oldest()).AddDate(0, 0, 7).Add(time.Since(began)) }
	h.admin, err = chatadmin.New(h.store, &chatadmin.Options{Now: now, Sources: sources, NoContent: true, Blobs: noBlobs{}})
	require.NoError(b, err)
	for name, id := range map[string]*storage.ID{"Large": &h.large, "Small": &h.small} {
		d, _, err := h.admin.CreateDomain(b.Context(), chatadmin.NewDomain{Name: name, Preset: chatadmin.OfficeChat,
			Admin: chatadmin.NewUser{Login: "boss@acme.example", NoInvitation: true}})
		require.NoError(b, err)
		*id = d.ID
	}
	u, err := h.admin.AsHost(h.large).CreateUser(b.Context(), chatadmin.NewUser{Login: "ann@acme.example", NoInvitation: true})
	require.NoError(b, err)
	h.user = u.ID
	// Indexes come last: with them, each of ten million rows changes a page of its
	// own in each.
	indexes := regexp.MustCompile(`CREATE INDEX (messages_\w+)[^;]*`).FindAllStringSubmatch(chatDDL, -1)
	for _, index := range indexes {
		h.exec("DROP INDEX " + index[1])
	}
	fill := &hoard{db: db, pool: h.pool, s: h.admin.AsHost(h.large), user: h.user, other: h.small}
	fill.fill(b, 10*n, `INSERT INTO messages (id, company_id, channel_id, author_id, sent_at, attachment)
		SELECT {{id c}}, CASE i % 10 WHEN 0 THEN '{{o}}' WHEN 1 THEN 'floor' ELSE '{{d}}' END, {{id g 1000}},
			CASE i % 10 WHEN 2 THEN '{{u}}' WHEN 3 THEN 'floor' ELSE 'user-' || (i % 997) END, 1700000000000 + i * 1000,
			CASE WHEN i % 11 = 0 THEN {{id b}} END FROM {{seq}}`)
	for _, index := range indexes {
		h.exec(index[0])
	}
	h.settle()
	return h
}

func (h *benchHost) exec(text string) {
	h.b.Helper()
	_, err := h.pool.ExecContext(h.b.Context(), text)
	require.NoError(h.b, err)
}

// settle has the database end what earlier work left to it.
func (h *benchHost) settle() {
	h.b.Helper()
	statements := []string{"PRAGMA wal_checkpoint(TRUNCATE)"}
	if h.db.d == sqlstore.PostgreSQL {
		statements = []string{"VACUUM ANALYZE messages", "VACUUM ANALYZE chatadmin_records", "CHECKPOINT"}
	}
	for _, text := range statements {
		h.exec(text)
	}
}

// compare measures a deletion by the library against one statement, and returns
// how many rows it has deleted.
func (h *benchHost) compare(name, floor string, run func() int64) {
	h.b.Helper()
	start := time.Now()
	res, err := h.pool.ExecContext(h.b.Context(), floor)
	once := time.Since(start)
	require.NoError(h.b, err)
	want, err := res.RowsAffected()
	require.NoError(h.b, err)
	h.settle()
	start = time.Now()
	n := run()
	took := time.Since(start)
	require.InEpsilon(h.b, want, n, 0.01, "as many rows as the floor")
	h.b.ReportMetric(took.Seconds()/once.Seconds(), name+"/one-delete")
	h.b.Logf("%s: %d rows in %v, one DELETE %v; longest transaction so far %v", name, n, took, once, h.store.longest)
	h.settle()
}

func (h *benchHost) erase() {
	ctx, s := h.b.Context(), h.admin.AsHost(h.large)
	d, err := erase.New(h.admin, nil)
	require.NoError(h.b, err)
	p, err := d.Plan(ctx, s, []storage.ID{h.user}, nil)
	require.NoError(h.b, err)
	h.compare("erase", "DELETE FROM messages WHERE company_id = '"+string(h.large)+"' AND author_id = 'floor'", func() int64 {
		r, err := d.Apply(ctx, s, p, "benchmark", nil)
		require.NoError(h.b, err)
		return r.Data.Removed["host.posts"]
	})
}

func (h *benchHost) retain() {
	ctx, s := h.b.Context(), h.admin.AsHost(h.large)
	r, err := retention.New(h.admin, nil)
	require.NoError(h.b, err)
	require.NoError(h.b, r.SetDays(ctx, s, 7))
	h.compare("retention", fmt.Sprintf("DELETE FROM messages WHERE company_id = '%s' AND sent_at < %d", h.large, h.sent(h.oldest()).UnixMilli()), func() int64 {
		p, err := r.Plan(ctx, s, 0)
		require.NoError(h.b, err)
		run, err := r.Apply(ctx, s, p, nil)
		require.NoError(h.b, err)
		return run.Data.Removed.Sources["host.posts"]
	})
}

func (h *benchHost) close() {
	ctx, s := h.b.Context(), h.admin.AsHost(h.small)
	c, err := closing.New(h.admin, nil)
	require.NoError(h.b, err)
	p, err := c.Plan(ctx, s, closing.AtOnce)
	require.NoError(h.b, err)
	h.compare("closing", "DELETE FROM messages WHERE company_id = 'floor'", func() int64 {
		r, err := c.Apply(ctx, s, p, "benchmark", nil)
		require.NoError(h.b, err)
		receipt, err := c.Receipt(ctx, r.ID)
		require.NoError(h.b, err)
		return receipt.Removed["host.posts"]
	})
}

// largest is a source that knows the most rows of one call.
type largest struct {
	storage.Inside
	most *int64
}

func (c largest) Delete(ctx context.Context, tx storage.Tx, q storage.ContentQuery, p storage.Page) (int64, []string, storage.Cursor, error) {
	n, blobs, next, err := c.Inside.Delete(ctx, tx, q, p)
	*c.most = max(*c.most, n)
	return n, blobs, next, err
}
