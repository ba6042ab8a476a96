package sqlstoretest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
)

// gatehouse is a domain behind two gates, each over a store of its own, as two
// processes have. Everybody's password is "right".
type gatehouse struct {
	t      testing.TB
	clock  *chatadmintest.Clock
	mail   *chatadmintest.Mailbox
	stores [2]*sqlstore.Store
	admins [2]*chatadmin.Admin
	gates  [2]*signin.Gate
	domain storage.ID
	looked atomic.Int64 // how often somebody's password was verified
}

func newGatehouse(t testing.TB, db database) *gatehouse {
	t.Helper()
	g := &gatehouse{t: t, clock: chatadmintest.NewClock(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)), mail: &chatadmintest.Mailbox{}}
	for n := range g.gates {
		g.stores[n] = db.open(t)
		g.admins[n] = chatadmintest.Must(chatadmin.New(g.stores[n], &chatadmin.Options{Now: g.clock.Now, Mailer: g.mail}))
		var err error
		g.gates[n], err = signin.New(g.admins[n], &signin.Options{Wait: time.Minute})
		require.NoError(t, err)
	}
	d, _, err := g.admins[0].CreateDomain(t.Context(), chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example", NoInvitation: true}})
	require.NoError(t, err)
	g.domain = d.ID
	return g
}

func (g *gatehouse) host() *chatadmin.Scope { return g.admins[0].AsHost(g.domain) }

func (g *gatehouse) user(name string) storage.ID {
	g.t.Helper()
	u, err := g.host().CreateUser(g.t.Context(), chatadmin.NewUser{Login: name + "@acme.example", NoInvitation: true})
	require.NoError(g.t, err)
	return u.ID
}

func (g *gatehouse) signIn(n int, login, password string) (signin.Decision, error) {
	return g.gates[n%2].SignIn(g.t.Context(), g.domain, signin.Attempt{Login: login}, func(_ context.Context, u storage.User) (bool, error) {
		if u.ID != "" {
			g.looked.Add(1)
		}
		return password == "right", nil
	})
}

// rush makes a hundred attempts at once and counts their reasons.
func (g *gatehouse) rush(f func(n int) (signin.Decision, error)) map[signin.Reason]int {
	g.t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	found := map[signin.Reason]int{}
	for n := range 100 {
		wg.Go(func() {
			d, err := f(n)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				g.t.Error(err)
			}
			found[d.Reason()]++
		})
	}
	wg.Wait()
	return found
}

// A hundred right passwords at once over two handles all come in, and the first
// of them makes the user active; of a hundred wrong ones three are verified.
func TestSignInRace(t *testing.T) {
	run := func(t *testing.T, db database) {
		g := newGatehouse(t, db)
		id := g.user("ann")
		spellings := []string{"ann@acme.example", "ANN@acme.example", " Ann@Acme.Example"}
		require.Equal(t, map[signin.Reason]int{"": 100}, g.rush(func(n int) (signin.Decision, error) { return g.signIn(n, spellings[n%3], "right") }))
		require.EqualValues(t, 100, g.looked.Swap(0))
		require.Equal(t, map[signin.Reason]int{signin.Wrong: 3, signin.Locked: 97}, g.rush(func(n int) (signin.Decision, error) { return g.signIn(n, spellings[n%3], "wrong") }))
		require.EqualValues(t, 3, g.looked.Swap(0))
		for kind, want := range map[string]int{signin.KindUserSignIn: 1, signin.KindUserLock: 1} {
			n := 0
			for _, err := range g.host().Events(t.Context(), storage.EventQuery{Kind: kind}) {
				require.NoError(t, err)
				n++
			}
			require.Equal(t, want, n, kind)
		}
		// Opening the store anew forgets nothing; granting access does.
		again, err := signin.New(chatadmintest.Must(chatadmin.New(db.open(t), &chatadmin.Options{Now: g.clock.Now})), nil)
		require.NoError(t, err)
		locks, err := again.Locks(t.Context(), g.host(), id)
		require.NoError(t, err)
		require.Equal(t, signin.Lock{Failures: 3, Locked: true, Until: g.clock.Now().Add(15 * time.Minute)}, locks[id])
		_, err = g.host().GrantAccess(t.Context(), id)
		require.NoError(t, err)
		d, err := g.signIn(0, "ann@acme.example", "right")
		require.NoError(t, err)
		require.True(t, d.Allowed())
		require.Equal(t, map[signin.Reason]int{signin.Unknown: 100}, g.rush(func(n int) (signin.Decision, error) { return g.signIn(n, fmt.Sprintf("nobody%d", n), "right") }))
	}
	databases(t, run)
	t.Run("postgresql at SERIALIZABLE", func(t *testing.T) {
		db := postgresPrefix(t)
		db.options.Serializable = true
		run(t, db)
	})
}

// A host that rolls its own transaction back takes no failure back, and a
// process that dies between reserving and deciding leaves one.
func TestSignInCannotBeUndone(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		g := newGatehouse(t, db)
		id := g.user("ann")
		pool := db.pool(t)
		for range 2 {
			d, err := g.gates[0].SignIn(t.Context(), g.domain, signin.Attempt{Login: "ann@acme.example"}, func(ctx context.Context, _ storage.User) (bool, error) {
				tx, err := pool.BeginTx(ctx, nil) // the host's own work around the password
				if err != nil {
					return false, err
				}
				return false, tx.Rollback()
			})
			require.NoError(t, err)
			require.Equal(t, signin.Wrong, d.Reason())
		}
		_, err := g.gates[0].Begin(t.Context(), g.domain, signin.Attempt{Login: "ann@acme.example"})
		require.NoError(t, err)
		g.clock.Advance(time.Minute)
		d, err := g.signIn(1, "ann@acme.example", "right")
		require.NoError(t, err)
		require.Equal(t, signin.Locked, d.Reason())
		locks, err := g.gates[1].Locks(t.Context(), g.host(), id)
		require.NoError(t, err)
		require.Equal(t, 3, locks[id].Failures)
	})
}

// Deactivating and signing in at the same moment, over two handles: whoever was
// let in was so before; afterwards nobody is, and the host hears of it.
func TestDeactivationRace(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		g := newGatehouse(t, db)
		var ids []storage.ID
		for n := range 25 {
			ids = append(ids, g.user(fmt.Sprintf("user%d", n)))
		}
		g.rush(func(n int) (signin.Decision, error) {
			if n < len(ids) {
				_, err := g.admins[n%2].AsHost(g.domain).DeactivateUsers(t.Context(), ids[n])
				return signin.Decision{}, err
			}
			return g.signIn(n, fmt.Sprintf("user%d@acme.example", n%len(ids)), "right")
		})
		for n, id := range ids {
			d, err := g.signIn(n, fmt.Sprintf("user%d@acme.example", n), "right")
			require.NoError(t, err)
			require.Equal(t, signin.Deactivated, d.Reason())
			rs, err := g.stores[0].Records(t.Context(), []storage.Key{{Kind: "lock", Domain: g.domain, ID: string(id)}})
			require.NoError(t, err)
			require.Empty(t, rs, "no place is left over")
		}
	})
}

// A hundred people follow one activation link at once: one sets a password.
func TestActivationRace(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		g := newGatehouse(t, db)
		_, err := g.host().CreateUser(t.Context(), chatadmin.NewUser{Login: "ann@acme.example"})
		require.NoError(t, err)
		_, err = g.admins[0].SendInvitations(t.Context(), g.domain)
		require.NoError(t, err)
		words := strings.Fields(g.mail.To("ann@acme.example")[0].Text)
		token := words[len(words)-1]
		var set, done atomic.Int64
		g.rush(func(n int) (signin.Decision, error) {
			_, err := g.admins[n%2].AcceptInvitation(t.Context(), token, func(context.Context, storage.User) error { set.Add(1); return nil })
			if err == nil {
				done.Add(1)
			}
			if errors.Is(err, chatadmin.ErrLink) || errors.Is(err, chatadmin.ErrLinkBusy) {
				err = nil
			}
			return signin.Decision{}, err
		})
		require.EqualValues(t, 1, set.Load())
		require.EqualValues(t, 1, done.Load())
	})
}

// What a sign-in costs: six statements, of which two write, in two
// transactions, and a third one writes once a minute; and one read less where
// nobody comes in.
func TestSignInStatements(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		g := newGatehouse(t, db)
		g.user("ann")
		pool, watch := db.watched(t, nil)
		store, err := sqlstore.Open(t.Context(), pool, db.d, &db.options)
		require.NoError(t, err)
		gate, err := signin.New(chatadmintest.Must(chatadmin.New(store, nil)), nil)
		require.NoError(t, err)
		attempt := func(login string, right bool, want signin.Reason) (verbs []string) {
			all := watch.during(func() {
				d, err := gate.SignIn(t.Context(), g.domain, signin.Attempt{Login: login}, func(context.Context, storage.User) (bool, error) { return right, nil })
				require.NoError(t, err)
				require.Equal(t, want, d.Reason())
			})
			for _, s := range all {
				verb, _, _ := strings.Cut(strings.TrimSpace(s.text), " ")
				verbs = append(verbs, verb)
			}
			return verbs
		}
		attempt("ann@acme.example", true, "") // the first one makes the user active
		take, settle := []string{"SELECT", "SELECT", "BEGIN", "INSERT", "COMMIT"}, []string{"BEGIN", "SELECT", "UPDATE", "COMMIT"}
		require.Equal(t, append(take, "BEGIN", "SELECT", "SELECT", "DELETE", "COMMIT"), attempt("ann@acme.example", true, ""))
		require.Equal(t, append(take, settle...), attempt("nobody@acme.example", true, signin.Unknown))
		require.Equal(t, append(take, settle...), attempt("ann@acme.example", false, signin.Wrong))
	})
}

// An allowed sign-in, without the password, against its floor: one indexed read
// and one transaction that writes one row.
func BenchmarkSignIn(b *testing.B) {
	for name, open := range map[string]func(testing.TB) database{"sqlite": sqliteFile, "postgresql": postgresPrefix} {
		b.Run(name, func(b *testing.B) {
			g := newGatehouse(b, open(b))
			id := g.user("ann")
			allowed := func() {
				if d, err := g.signIn(0, "ann@acme.example", "right"); err != nil || !d.Allowed() {
					b.Fatal(d.Reason(), err)
				}
			}
			rev := storage.Rev(0)
			floor := func() {
				if _, err := g.stores[0].Users(b.Context(), g.domain, []storage.ID{id}); err != nil {
					b.Fatal(err)
				}
				err := g.stores[0].Update(b.Context(), storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
					row := storage.Record{Key: storage.Key{Kind: "floor", Domain: g.domain, ID: "row"}, Rev: rev + 1, Data: []byte("{}")}
					conflicts, err := tx.ChangeRecords(ctx, []storage.Write[storage.Record]{{Row: row, Was: rev}})
					if len(conflicts) > 0 {
						b.Fatal(conflicts)
					}
					return err
				})
				if rev++; err != nil {
					b.Fatal(err)
				}
			}
			allowed()
			floor()
			var gate, least time.Duration
			n := 0
			for b.Loop() { // in turns, so that a busy machine slows both
				begin := time.Now()
				allowed()
				middle := time.Now()
				floor()
				gate, least, n = gate+middle.Sub(begin), least+time.Since(middle), n+1
			}
			b.ReportMetric(float64(gate)/float64(least), "x-floor")
			b.ReportMetric(float64(gate.Microseconds())/float64(n), "µs/sign-in")
		})
	}
}
