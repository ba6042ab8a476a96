package sqlstoretest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/storage"
)

// userColumns are those of the table, for bare statements.
const userColumns = "id, domain, rev, login_key, name_key, login, email, display_name, first_name, last_name, title, department, phone, phone_e164, role, manager, kind, status, admin, denied, " +
	"deleting, attrs, created"

// bare runs a statement through the same pool and scans what comes.
func (w *world) bare(b *testing.B, query string, args ...any) int {
	rows, err := w.pool.QueryContext(context.Background(), query, args...)
	require.NoError(b, err)
	defer func() { _ = rows.Close() }()
	n := 0
	for ; rows.Next(); n++ {
		var u storage.User
		var created int64
		if err := rows.Scan(&u.ID, &u.Domain, &u.Rev, &u.LoginKey, &u.NameKey, &u.Login, &u.Email, &u.DisplayName, &u.FirstName, &u.LastName, &u.Title, &u.Department, &u.Phone, &u.PhoneE164,
			&u.Role, &u.Manager, &u.Kind, &u.Status, &u.Admin, &u.Denied, &u.Deleting, &u.Attrs, &created); err != nil {
			b.Fatal(err)
		}
	}
	require.NoError(b, rows.Err())
	return n
}

// pace runs two ways of the same work in turns, a thousand times each, for the same users, and reports the ratio of their times.
func (w *world) pace(b *testing.B, ours, floor func(i int)) {
	var took, bare time.Duration
	n := 0
	for b.Loop() {
		for i := range 1200 {
			at := (n + i) * 6151 % *benchRows
			start := time.Now()
			ours(at)
			middle := time.Now()
			floor(at)
			if i >= 200 { // both are warm
				took, bare = took+middle.Sub(start), bare+time.Since(middle)
			}
		}
		n += 1000
	}
	b.ReportMetric(took.Seconds()/bare.Seconds(), "x-select")
	b.ReportMetric(float64(took.Nanoseconds())/float64(n), "ns/read")
}

// benchLogin reads one user by login. Its floor is the bare statement through the same pool.
func (w *world) benchLogin(b *testing.B) {
	w.need(b)
	ctx, domain := context.Background(), w.scope.Domain()
	query := w.db.sql("SELECT " + userColumns + " FROM {{p}}users WHERE domain = $1 AND login_key = $2")
	login := func(i int) string { return fmt.Sprintf("user.%07d@company%d.example", i, i%37) }
	w.pace(b, func(i int) {
		us, err := w.store.UsersByLogin(ctx, domain, []string{login(i)})
		require.NoError(b, err)
		require.Len(b, us, 1)
	}, func(i int) {
		require.Equal(b, 1, w.bare(b, query, string(domain), login(i)))
	})
}

// benchPage reads a page of 100 users whose login begins with what somebody types. Its floor is the bare statement through the same pool.
func (w *world) benchPage(b *testing.B) {
	w.need(b)
	ctx, domain := context.Background(), w.scope.Domain()
	query := w.db.sql("SELECT " + userColumns + " FROM {{p}}users WHERE domain = $1 AND login_key >= $2 AND login_key < $3 AND NOT deleting ORDER BY login_key LIMIT 101")
	prefix := func(i int) string { return fmt.Sprintf("user.%04d", i/1000) } // of a thousand
	w.pace(b, func(i int) {
		us, _, err := w.store.ListUsers(ctx, storage.UserQuery{Domain: domain, Prefix: prefix(i)}, storage.Page{Limit: 100})
		require.NoError(b, err)
		require.Len(b, us, 100)
	}, func(i int) {
		require.Equal(b, 101, w.bare(b, query, string(domain), prefix(i), prefix(i)+"a"))
	})
}
