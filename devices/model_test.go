package devices_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/devices"
)

// phone is what the simple model knows of one device. It has no table: what
// must hold is written down once more, in other words.
type phone struct {
	user, id     chatadmin.ID
	key          string
	admin, wiped bool
	wipe         devices.Wipe
	generation   int64
	session      int // which of the credentials is let in; -1: none
	wipeCred     int // and which may fetch and answer
	creds        []devices.Registered
	commands     []chatadmin.ID // the last one is the present one
	gone         bool
}

func (p *phone) command() chatadmin.ID {
	if len(p.commands) == 0 {
		return "none"
	}
	return p.commands[len(p.commands)-1]
}

// model is the world with phones beside it.
type model struct {
	*world
	rnd    *rand.Rand
	users  []chatadmin.ID
	out    map[chatadmin.ID]int // deactivated: 1, denied: 2
	phones []*phone             // those gone stay, to try their credentials
	chaos  *memstore.Chaos
	right  *memstore.Store
	made   int
}

// Random sequences of what administrators, phones and restarts do: after each
// step everything is as the simple model says, on a store that is reliable and
// on one that runs functions again, commits without saying so and loses
// commits.
func TestModel(t *testing.T) {
	for seed := range uint64(12) {
		chaos := map[string]*memstore.Chaos{"reliable": nil, "chaos": {Seed: seed, Rerun: 0.3, UnknownKept: 0.1, UnknownLost: 0.03, ShortPage: 0.2}}
		for name, c := range chaos {
			t.Run(fmt.Sprint(name, seed), func(t *testing.T) {
				m := newModel(t, seed, c)
				for range 400 {
					what := m.step()
					m.check(what)
				}
				m.delivered()
			})
		}
	}
}

func newModel(t *testing.T, seed uint64, c *memstore.Chaos) *model {
	right := memstore.New(nil)
	m := &model{rnd: rand.New(rand.NewPCG(seed, 7)), out: map[chatadmin.ID]int{}, chaos: c, right: right}
	m.world = newWorldOn(t, right)
	m.users = []chatadmin.ID{m.ann.ID, m.user("bob@acme.example").ID}
	m.restart()
	return m
}

// restart begins anew over the same data, as another process.
func (m *model) restart() {
	if m.chaos != nil {
		m.chaos.Seed++
	}
	m.Store = m.right.Handle(&memstore.Options{Chaos: m.chaos})
	m.Admin = chatadmintest.Must(chatadmin.New(m.Store, &chatadmin.Options{Now: m.Clock.Now}))
	m.r = chatadmintest.Must(devices.New(m.Admin, &devices.Options{Pusher: m.Pushes}))
	m.Host, m.S = m.Admin.AsHost(m.Domain), m.Admin.As(m.Domain, m.Boss.ID)
}

func (m *model) find(user chatadmin.ID, key string) *phone {
	for _, p := range m.phones {
		if !p.gone && p.user == user && p.key == key {
			return p
		}
	}
	return nil
}

// enabled: an administrator, its user's state, a pending wipe or a done one
// each keep it out.
func (m *model) enabled(p *phone) bool {
	return !p.gone && !p.admin && !p.wiped && !p.wipe.Pending() && m.out[p.user] == 0
}

func (m *model) step() string {
	m.Clock.Advance(1e9)
	user := m.users[m.rnd.IntN(len(m.users))]
	if n := m.rnd.IntN(16); n < 3 || len(m.phones) == 0 {
		return m.stepRegister(user, fmt.Sprint("phone", m.rnd.IntN(3)))
	} else if n == 3 {
		return m.stepUser(user)
	} else if n == 4 && m.rnd.IntN(4) == 0 {
		m.restart()
		return "restart"
	}
	p := m.phones[m.rnd.IntN(len(m.phones))]
	if p.gone && m.rnd.IntN(8) == 0 {
		return m.stepCancel(p)
	}
	if p.gone || m.rnd.IntN(2) == 0 {
		return m.stepPhone(p)
	}
	return m.stepAdmin(p)
}

func (m *model) stepRegister(user chatadmin.ID, key string) string {
	out, err := m.r.Register(ctx, m.Host, user, devices.Registration{Key: key, Type: devices.IOS, Push: secret.Hide("p")})
	if m.out[user] != 0 {
		require.ErrorIs(m.T, err, chatadmin.ErrForbidden)
		return "register refused"
	}
	require.NoError(m.T, err)
	p := m.find(user, key)
	if p == nil {
		p = m.takeBack(user, key)
	}
	if p == nil {
		p = &phone{user: user, id: out.Device.ID, key: key, session: -1}
		m.phones = append(m.phones, p)
	}
	p.creds = append(p.creds, out)
	p.wipeCred = len(p.creds) - 1
	if !p.admin && !p.wipe.Pending() {
		p.wiped, p.wipe, p.session = false, devices.None, len(p.creds)-1
		p.generation++
	}
	require.Equal(m.T, p.session == p.wipeCred, out.Device.Status == devices.Enabled)
	return "register"
}

// takeBack is the phone of a user that was removed before it answered its wipe:
// it comes back with it, and with nothing else.
func (m *model) takeBack(user chatadmin.ID, key string) *phone {
	for _, p := range m.phones {
		if p.gone && p.user == user && p.key == key && p.wipe.Pending() {
			p.gone, p.admin = false, false
			return p
		}
	}
	return nil
}

func (m *model) stepUser(user chatadmin.ID) string {
	bit := 1 + m.rnd.IntN(2)
	call := map[int]func(...chatadmin.ID) ([]chatadmin.User, error){
		1: func(ids ...chatadmin.ID) ([]chatadmin.User, error) { return m.S.DeactivateUsers(ctx, ids...) }, 2: func(ids ...chatadmin.ID) ([]chatadmin.User, error) { return m.S.DenyAccess(ctx, ids...) },
		-1: func(ids ...chatadmin.ID) ([]chatadmin.User, error) { return m.S.ActivateUsers(ctx, ids...) }, -2: func(ids ...chatadmin.ID) ([]chatadmin.User, error) { return m.S.GrantAccess(ctx, ids...) }}
	if m.out[user]&bit != 0 {
		_, err := call[-bit](user)
		require.NoError(m.T, err)
		m.out[user] &^= bit
		return "user in"
	}
	if m.rnd.IntN(4) == 0 { // deleted for good; another user takes the place
		m.deleting(user, chatadmin.BeginDeletion)
		for _, p := range m.phones {
			if p.user == user && !p.gone {
				if !p.wipe.Pending() && p.wipe != devices.Acknowledged {
					p.wipe = devices.Requested
					p.commands = append(p.commands, m.device(p.id).Command.ID)
				}
				p.gone, p.session = true, -1
			}
		}
		m.erase(m.right, user)
		m.made++
		for i := range m.users {
			if m.users[i] == user {
				m.users[i] = m.user(fmt.Sprintf("next%d@acme.example", m.made)).ID
			}
		}
		return "user deleted"
	}
	_, err := call[bit](user)
	require.NoError(m.T, err)
	m.out[user] |= bit
	for _, p := range m.phones {
		if p.user == user {
			p.session = -1
		}
	}
	return "user out"
}

func (m *model) stepAdmin(p *phone) string {
	sel := devices.These(p.id)
	switch m.rnd.IntN(5) {
	case 0:
		_, err := m.r.Disable(ctx, m.S, sel)
		require.NoError(m.T, err)
		p.admin, p.session = true, -1
		return "disable"
	case 1:
		cancel := m.rnd.IntN(2) == 0
		_, err := m.r.Enable(ctx, m.S, sel, &devices.EnableOptions{CancelWipe: cancel})
		if p.wipe.Pending() && (!cancel || p.wipe == devices.Delivered) || m.out[p.user] != 0 {
			require.ErrorIs(m.T, err, devices.ErrState)
			if p.wipe.Pending() && m.out[p.user] == 0 {
				require.ErrorIs(m.T, err, devices.ErrWipePending)
			}
			return "enable refused"
		}
		require.NoError(m.T, err)
		if p.wipe == devices.Requested {
			p.wipe = devices.Cancelled
		}
		p.admin, p.wiped = false, false
		return "enable"
	case 2:
		d, err := m.r.Wipe(ctx, m.S, p.id)
		require.NoError(m.T, err)
		if !p.wipe.Pending() && p.wipe != devices.Acknowledged {
			p.wipe, p.session = devices.Requested, -1
			require.NotContains(m.T, p.commands, d.Command.ID)
			p.commands = append(p.commands, d.Command.ID)
		}
		require.Equal(m.T, devices.Disabled, d.Status, "at once")
		p.wiped = p.wipe == devices.Acknowledged
		return "wipe"
	case 3:
		return m.stepCancel(p)
	}
	if m.rnd.IntN(3) == 0 {
		return "nothing"
	}
	require.NoError(m.T, m.r.Remove(ctx, m.S, sel))
	p.gone, p.session = true, -1
	return "remove"
}

// stepCancel takes back a wipe, of a phone that is gone too, as long as there
// is one.
func (m *model) stepCancel(p *phone) string {
	_, err := m.r.CancelWipe(ctx, m.S, p.id)
	switch {
	case p.gone && !p.wipe.Pending():
		require.ErrorIs(m.T, err, chatadmin.ErrNotFound)
		return "nothing to cancel"
	case p.wipe != devices.Requested && p.wipe != devices.Cancelled:
		require.ErrorIs(m.T, err, devices.ErrState)
		return "cancel refused"
	}
	require.NoError(m.T, err)
	if p.wipe == devices.Requested {
		p.wipe, p.admin = devices.Cancelled, true
	}
	return "cancel"
}

// stepPhone: a phone checks in or answers, sometimes by an old credential or to
// an old command, sometimes again.
func (m *model) stepPhone(p *phone) string {
	cred := p.wipeCred
	if m.rnd.IntN(4) == 0 {
		cred = m.rnd.IntN(len(p.creds))
	}
	token := p.creds[cred].WipeToken.Plain()
	valid := cred == p.wipeCred && (!p.gone || p.wipe.Pending())
	if m.rnd.IntN(2) == 0 {
		got, err := m.r.CheckIn(ctx, token)
		if !valid {
			require.ErrorIs(m.T, err, devices.ErrRefused)
			return "check-in refused"
		}
		require.NoError(m.T, err)
		if !p.wipe.Pending() {
			require.Empty(m.T, got)
			return "check-in"
		}
		require.Len(m.T, got, 1)
		require.Equal(m.T, []any{p.command(), p.generation}, []any{got[0].ID, got[0].Generation}, "of this generation alone")
		p.wipe = devices.Delivered
		return "delivery"
	}
	command := p.command()
	if m.rnd.IntN(4) == 0 && len(p.commands) > 0 {
		command = p.commands[m.rnd.IntN(len(p.commands))]
	}
	failed := m.rnd.IntN(4) == 0
	_, err := m.r.Acknowledge(ctx, token, command, devices.Outcome{Failed: failed})
	switch {
	case !valid:
		require.ErrorIs(m.T, err, devices.ErrRefused)
	case p.wipe == devices.None || command != p.command():
		require.ErrorIs(m.T, err, devices.ErrStale)
	case p.wipe == devices.Requested || p.wipe == devices.Cancelled:
		require.ErrorIs(m.T, err, devices.ErrState)
	default:
		require.NoError(m.T, err)
		if p.wipe == devices.Delivered && failed {
			p.wipe, p.admin = devices.Failed, true
		} else if p.wipe == devices.Delivered {
			p.wipe, p.wiped = devices.Acknowledged, true
		}
		return "answer"
	}
	return "answer refused"
}

// check compares everything that can be seen with the model.
func (m *model) check(what string) {
	m.T.Helper()
	listed, err := all(m.r.Devices(ctx, m.Host, devices.Query{}))
	require.NoError(m.T, err)
	byID := map[chatadmin.ID]devices.Device{}
	for _, d := range listed {
		byID[d.ID] = d
	}
	pending := map[chatadmin.ID]bool{}
	for _, d := range m.pending(0) {
		pending[d.ID] = true
	}
	there := 0
	for _, p := range m.phones {
		require.Equal(m.T, p.wipe.Pending(), pending[p.id], "%s: a wipe that is asked for is never lost", what)
		for i, c := range p.creds {
			if c.Device.Status == devices.Enabled {
				_, err := m.r.Authorize(ctx, c.Token.Plain())
				require.True(m.T, err == nil || errors.Is(err, devices.ErrRefused))
				require.Equal(m.T, i == p.session && m.enabled(p), err == nil, "%s: who is let in", what)
			}
		}
		if p.gone {
			continue
		}
		there++
		d := byID[p.id]
		require.Equal(m.T, []any{p.generation, p.wipe, m.enabled(p)}, []any{d.Generation, d.Wipe, d.Status == devices.Enabled}, what)
		if p.wipe != devices.None {
			require.Equal(m.T, p.command(), d.Command.ID)
		}
	}
	require.Len(m.T, listed, there, what)
}

// delivered: no command was delivered twice as far as the log knows, and none
// was asked for or answered twice.
func (m *model) delivered() {
	for _, kind := range []string{devices.KindDeliverWipe, devices.KindAnswerWipe, devices.KindWipe} {
		seen := map[string]bool{}
		for _, e := range m.Events(kind) {
			for target, changes := range e.Changes {
				for _, c := range changes {
					if c.Field == "wipe" {
						key := fmt.Sprint(target, e.At, c.After)
						require.False(m.T, seen[key], "%s %s", kind, key)
						seen[key] = true
					}
				}
			}
		}
	}
}
