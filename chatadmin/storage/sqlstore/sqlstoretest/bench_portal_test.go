package sqlstoretest

import (
	"context"
	"fmt"
	"html"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/portal"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
	"chatadmin.example/sdk/csvimport"
)

// BenchmarkPortal: pages of the list of users among -rows of them, against the
// bare statements that the page makes, through the same pool in the same run
// (x-select); how many of them are served in a second, by as many clients as
// there are processors; and what the upload of a file of 100 MB holds.
func BenchmarkPortal(b *testing.B) {
	for name, empty := range map[string]func(testing.TB) database{"sqlite": sqliteFile, "postgresql": postgresPrefix} {
		b.Run(name, func(b *testing.B) {
			w := &world{b: b, empty: func() database { return empty(b) }, file: generate(b, *benchRows, "Head")}
			w.importFirst(b)
			site := w.site(b, w.store)
			after := regexp.MustCompile(`href="(/admin/users\?[^"]*after=[^"]*)"`).FindStringSubmatch(get(b, site, "/admin/users"))
			require.NotNil(b, after, "there is a second page")
			for page, at := range map[string]string{
				"first":  "/admin/users",
				"second": html.UnescapeString(after[1]),
				"search": "/admin/users?q=" + fmt.Sprintf("%07d", *benchRows/2),
				"user":   "/admin/users/" + string(w.scope.Actor()),
			} {
				b.Run(page, func(b *testing.B) { w.benchSite(b, site, at) })
			}
			b.Run("upload", func(b *testing.B) { benchUpload(b, site) })
		})
	}
}

// site is a portal over a store, for the administrator.
func (w *world) site(b *testing.B, store *sqlstore.Store) *portal.Portal {
	a := chatadmintest.Must(chatadmin.New(store, &chatadmin.Options{LinkBase: "https://chat.example/admin"}))
	return chatadmintest.Must(portal.New(a, &portal.Options{
		Authenticate: func(*http.Request) (chatadmin.ID, chatadmin.ID, error) { return w.scope.Domain(), w.scope.Actor(), nil },
		Gate:         chatadmintest.Must(signin.New(a, nil)),
		Imports:      chatadmintest.Must(csvimport.New(a, nil)),
		Spool:        chatadmintest.Must(portal.NewDir(b.TempDir())),
	}))
}

// get reads a page. Another answer fails the benchmark, from each goroutine.
func get(b *testing.B, site http.Handler, at string) string {
	rec := httptest.NewRecorder()
	site.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, at, nil))
	if rec.Code != http.StatusOK {
		b.Error(at, rec.Code, rec.Body)
	}
	return rec.Body.String()
}

func (w *world) benchSite(b *testing.B, site http.Handler, at string) {
	// what the page asks of the database is seen once, over another pool
	pool, watch := w.db.watched(b, nil)
	seen := w.site(b, chatadmintest.Must(sqlstore.Open(context.Background(), pool, w.db.d, &w.db.options)))
	get(b, seen, at)
	reads := watch.during(func() { get(b, seen, at) })
	require.NotEmpty(b, reads)

	var took, bare time.Duration
	for b.Loop() {
		for range 50 {
			start := time.Now()
			get(b, site, at)
			middle := time.Now()
			for _, s := range reads {
				w.replay(b, s)
			}
			took, bare = took+middle.Sub(start), bare+time.Since(middle)
		}
	}
	const clients, each = 2, 200
	var wait sync.WaitGroup
	var served atomic.Int64
	start := time.Now()
	for range clients {
		wait.Go(func() {
			for range each {
				get(b, site, at)
				served.Add(1)
			}
		})
	}
	wait.Wait()
	b.ReportMetric(took.Seconds()/bare.Seconds(), "x-select")
	b.ReportMetric(float64(len(reads)), "statements")
	b.ReportMetric(float64(served.Load())/time.Since(start).Seconds(), "pages/s")
}

// replay makes a statement again, and reads all of its rows as they come.
func (w *world) replay(b *testing.B, s statement) {
	if !strings.HasPrefix(strings.TrimSpace(s.text), "SELECT") && !strings.HasPrefix(strings.TrimSpace(s.text), "WITH") {
		b.Fatal("a page writes: ", s.text)
	}
	args := make([]any, len(s.args))
	for i, a := range s.args {
		args[i] = a.Value
	}
	rows, err := w.pool.QueryContext(context.Background(), s.text, args...)
	require.NoError(b, err)
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	require.NoError(b, err)
	values := make([]any, len(columns))
	for i := range values {
		values[i] = new(any)
	}
	for rows.Next() {
		if err := rows.Scan(values...); err != nil {
			b.Fatal(err)
		}
	}
	require.NoError(b, rows.Err())
}

// benchUpload sends a file of 100 MB over a connection, and reports the most
// that the process holds meanwhile, beyond what it held before.
func benchUpload(b *testing.B, site http.Handler) {
	const size = 100_000_000
	server := httptest.NewServer(site)
	defer server.Close()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	var most float64
	for b.Loop() {
		before := live()
		r, body := io.Pipe()
		form := multipart.NewWriter(body)
		go func() {
			_ = form.WriteField("mode", "update")
			part, err := form.CreateFormFile("file", "large.csv")
			for n := 0; n < size && err == nil; {
				var wrote int
				wrote, err = fmt.Fprintf(part, "Somebody Else,somebody.else%d@acme.example\n", n)
				if n/(10<<20) != (n+wrote)/(10<<20) { // each 10 MiB
					most = max(most, live()-before)
				}
				n += wrote
			}
			if err == nil {
				err = form.Close()
			}
			_ = body.CloseWithError(err)
		}()
		answer, err := client.Post(server.URL+"/admin/imports", form.FormDataContentType(), r)
		require.NoError(b, err)
		_ = answer.Body.Close()
		require.Equal(b, http.StatusSeeOther, answer.StatusCode)
		most = max(most, live()-before)
	}
	b.ReportMetric(most, "MiB-held")
	b.ReportMetric(size/1e6*float64(b.N)/b.Elapsed().Seconds(), "MB/s")
}

// live is the memory in use after a collection, in MiB.
func live() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / (1 << 20)
}
