package signin_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

var ctx = context.Background()

// world is a domain behind a gate. Everybody's password is "right".
type world struct {
	t        testing.TB
	store    chatadmin.Store
	clock    *chatadmintest.Clock
	mail     *chatadmintest.Mailbox
	admin    *chatadmin.Admin
	gate     *signin.Gate
	sessions *sessions
	domain   chatadmin.ID
	boss     chatadmin.User
	host     *chatadmin.Scope
	mu       sync.Mutex
	// how often somebody's password was looked at; "" is nobody's
	verified map[chatadmin.ID]int
}

func newWorld(t testing.TB, preset chatadmin.Preset, change ...func(*signin.Options)) *world {
	return newWorldOn(t, memstore.New(nil), preset, change...)
}

func newWorldOn(t testing.TB, store chatadmin.Store, preset chatadmin.Preset, change ...func(*signin.Options)) *world {
	t.Helper()
	w := &world{t: t, store: store, clock: chatadmintest.NewClock(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)), mail: &chatadmintest.Mailbox{}, sessions: &sessions{},
		verified: map[chatadmin.ID]int{}}
	w.admin = chatadmintest.Must(chatadmin.New(store, &chatadmin.Options{Now: w.clock.Now, Mailer: w.mail, LinkBase: "https://chat.example"}))
	o := &signin.Options{Sessions: w.sessions}
	for _, f := range change {
		f(o)
	}
	var err error
	w.gate, err = signin.New(w.admin, o)
	require.NoError(t, err)
	w.domain, w.boss = w.open("Acme", preset)
	w.host = w.admin.AsHost(w.domain)
	return w
}

func (w *world) open(name string, preset chatadmin.Preset) (chatadmin.ID, chatadmin.User) {
	w.t.Helper()
	d, boss, err := w.admin.CreateDomain(ctx, chatadmin.NewDomain{Name: name, Preset: preset,
		Admin: chatadmin.NewUser{Login: login(preset, "boss"), Email: "boss@acme.example", FirstName: "The", LastName: "Boss", NoInvitation: true}})
	require.NoError(w.t, err)
	return d.ID, boss
}

func login(preset chatadmin.Preset, name string) string {
	if preset == chatadmin.OfficeChat {
		return name + "@acme.example"
	}
	return name
}

// user creates a user of an OfficeChat domain.
func (w *world) user(name string) chatadmin.User {
	w.t.Helper()
	u, err := w.host.CreateUser(ctx, chatadmin.NewUser{Login: name + "@acme.example", NoInvitation: true})
	require.NoError(w.t, err)
	return u
}

func (w *world) row(id chatadmin.ID) chatadmin.User {
	w.t.Helper()
	us, err := w.store.Users(ctx, w.domain, []chatadmin.ID{id})
	require.NoError(w.t, err)
	require.Len(w.t, us, 1)
	return us[0]
}

// verify compares a password.
func (w *world) verify(password string) signin.Verify {
	return func(_ context.Context, u chatadmin.User) (bool, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.verified[u.ID]++
		return password == "right", nil // also for nobody: the gate does not ask then
	}
}

func (w *world) looked(id chatadmin.ID) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.verified[id]
}

// try signs in, and wants a reason; "" is in.
func (w *world) try(login, password string, want signin.Reason) signin.Decision {
	w.t.Helper()
	d, err := w.gate.SignIn(ctx, w.domain, signin.Attempt{Login: login, Client: signin.Web}, w.verify(password))
	require.NoError(w.t, err)
	require.Equal(w.t, want, d.Reason())
	require.Equal(w.t, want == "", d.Allowed())
	return d
}

func (w *world) lock(id chatadmin.ID) signin.Lock {
	w.t.Helper()
	ls, err := w.gate.Locks(ctx, w.host, id)
	require.NoError(w.t, err)
	return ls[id]
}

func (w *world) events(kind string) []chatadmin.AuditEvent {
	w.t.Helper()
	var all []chatadmin.AuditEvent
	for e, err := range w.host.Events(ctx, chatadmin.EventQuery{Kind: kind}) {
		require.NoError(w.t, err)
		all = append(all, e)
	}
	return all
}

// records counts what is kept about sign-ins in the domain.
func (w *world) records() int {
	w.t.Helper()
	n := 0
	for p := (chatadmin.Page{Limit: chatadmin.MaxBatch}); ; {
		rs, next, err := w.store.ListRecords(ctx, storage.RecordQuery{Kind: "lock", Domain: w.domain}, p)
		require.NoError(w.t, err)
		n += len(rs)
		if p.After = next; next == "" {
			return n
		}
	}
}

// sessions remembers whose sessions were ended, in order.
type sessions struct {
	mu    sync.Mutex
	ended []chatadmin.ID
	told  []told // how it was told, call by call
	fail  error
}

// told is one call of EndSessions.
type told struct {
	users  []chatadmin.ID
	before time.Time
}

func (s *sessions) EndSessions(_ context.Context, _ chatadmin.ID, users []chatadmin.ID, before time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	s.ended = append(s.ended, users...)
	s.told = append(s.told, told{users, before})
	return nil
}

// codes is a second factor whose right code is "123456". It asks everybody who
// has no trust token.
type codes struct {
	mu      sync.Mutex
	open    map[string]signin.Open
	answers int
	fail    error
}

func (c *codes) Ask(_ context.Context, set *chatadmin.Settings, u chatadmin.User, a signin.Attempt) (signin.Asked, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fail != nil {
		return signin.Asked{}, c.fail
	}
	if a.Trust.Reveal() == "trusted" {
		return signin.Asked{Trust: secret.Hide("rotated")}, nil
	}
	if c.open == nil {
		c.open = map[string]signin.Open{}
	}
	id := fmt.Sprintf("challenge%d", len(c.open))
	c.open[id] = signin.Open{Challenge: id, Domain: u.Domain, User: u.ID, Client: a.Client, Method: a.Method, Device: a.Device}
	return signin.Asked{Challenge: &signin.Challenge{ID: id, Kind: "authenticator"}}, nil
}

func (c *codes) Open(_ context.Context, _ chatadmin.ID, challenge string) (signin.Open, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o, ok := c.open[challenge]
	if !ok {
		return o, chatadmin.ErrNotFound
	}
	return o, nil
}

func (c *codes) Answer(_ context.Context, o signin.Open, code string, remember bool) (signin.Answer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers++
	if c.fail != nil {
		return signin.Answer{Right: true}, c.fail
	}
	if code != "123456" {
		return signin.Answer{}, nil
	}
	delete(c.open, o.Challenge)
	a := signin.Answer{Right: true}
	if remember {
		a.Trust = secret.Hide("trusted")
	}
	return a, nil
}

// doorman lets every device in but one.
type doorman struct{ err error }

func (d doorman) DeviceAllowed(_ context.Context, _, _ chatadmin.ID, device string) (bool, error) {
	return device != "stolen", d.err
}

var errDown = errors.New("the database is down")
