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
	*chatadmintest.World
	gate     *signin.Gate
	sessions *sessions
	mu       sync.Mutex
	// how often somebody's password was looked at; "" is nobody's
	verified map[chatadmin.ID]int
}

func newWorld(t testing.TB, preset chatadmin.Preset, change ...func(*signin.Options)) *world {
	return newWorldOn(t, memstore.New(nil), preset, change...)
}

func newWorldOn(t testing.TB, store chatadmin.Store, preset chatadmin.Preset, change ...func(*signin.Options)) *world {
	t.Helper()
	w := &world{sessions: &sessions{}, verified: map[chatadmin.ID]int{}}
	o := &signin.Options{Sessions: w.sessions}
	for _, f := range change {
		f(o)
	}
	w.World = chatadmintest.NewWorld(t, &chatadmintest.WorldOptions{Store: store, Preset: preset, Extend: func(a *chatadmin.Admin) {
		w.gate = chatadmintest.Must(signin.New(a, o))
	}})
	return w
}

// user creates a user of an OfficeChat domain.
func (w *world) user(name string) chatadmin.User {
	w.T.Helper()
	u, err := w.Host.CreateUser(ctx, chatadmin.NewUser{Login: name + "@acme.example", NoInvitation: true})
	require.NoError(w.T, err)
	return u
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
	w.T.Helper()
	d, err := w.gate.SignIn(ctx, w.Domain, signin.Attempt{Login: login, Client: signin.Web}, w.verify(password))
	require.NoError(w.T, err)
	require.Equal(w.T, want, d.Reason())
	require.Equal(w.T, want == "", d.Allowed())
	return d
}

func (w *world) lock(id chatadmin.ID) signin.Lock {
	w.T.Helper()
	ls, err := w.gate.Locks(ctx, w.Host, id)
	require.NoError(w.T, err)
	return ls[id]
}

// records counts what is kept about sign-ins in the domain.
func (w *world) records() int {
	w.T.Helper()
	n := 0
	for p := (chatadmin.Page{Limit: chatadmin.MaxBatch}); ; {
		rs, next, err := w.Store.ListRecords(ctx, storage.RecordQuery{Kind: "lock", Domain: w.Domain}, p)
		require.NoError(w.T, err)
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
