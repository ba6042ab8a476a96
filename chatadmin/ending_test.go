package chatadmin_test

import (
	"context"
	"crypto/rand"
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/password"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/devices"
	"chatadmin.example/sdk/twofa"
)

// sessions are those of a host: when each user's began.
type sessions struct {
	mu sync.Mutex
	by map[chatadmin.ID][]time.Time
}

func (s *sessions) start(d signin.Decision) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by == nil {
		s.by = map[chatadmin.ID][]time.Time{}
	}
	s.by[d.User.ID] = append(s.by[d.User.ID], d.Began)
}

func (s *sessions) of(u chatadmin.ID) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.by[u])
}

// EndSessions implements signin.Sessions.
func (s *sessions) EndSessions(_ context.Context, _ chatadmin.ID, users []chatadmin.ID, before time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for u, began := range s.by {
		if users == nil || slices.Contains(users, u) {
			s.by[u] = slices.DeleteFunc(began, func(t time.Time) bool { return t.Before(before) })
		}
	}
	return nil
}

const typed = "correct horse"

// access is a domain with every package that lets somebody in, in which Ann has
// obtained one of everything, and Pat has been invited.
type access struct {
	*world
	sessions  *sessions
	gate      *signin.Gate
	passwords *password.Passwords
	second    *twofa.Service
	devices   *devices.Registry

	ann, pat  chatadmin.User
	trust     string // of Ann's remembered client
	challenge string // that waits for Ann
	code      string // its answer
	link      string // Pat's
	token     string // of Ann's device
	undo      func()
}

func newAccess(t *testing.T) *access {
	t.Helper()
	a := &access{world: newWorld(t, chatadmin.ESChat), sessions: &sessions{}}
	ring, err := keyring.New(rand.Reader, keyring.Key{ID: "1", Secret: secret.HideBytes([]byte("thirty-two bytes of a secret key"))})
	require.NoError(t, err)
	a.second, a.devices = chatadmintest.Must(twofa.New(a.Admin, &twofa.Options{Keys: ring})), chatadmintest.Must(devices.New(a.Admin, nil))
	a.passwords, err = password.New(a.Admin, &password.Options{Params: password.Params{Memory: 8, Time: 1, Threads: 1}})
	require.NoError(t, err)
	a.gate, err = signin.New(a.Admin, &signin.Options{Sessions: a.sessions, SecondFactor: a.second, Devices: a.devices})
	require.NoError(t, err)
	a.mode(twofa.Email)

	a.ann = a.User("ann", withRole(a.Role("clerk", 50, chatadmin.PermUsersRead)), named("Ann"))
	require.NoError(t, a.passwords.Set(ctx, a.ann, typed))
	a.Clock.Advance(time.Second)
	a.trust = a.complete(a.signIn("").Challenge.ID, a.mailed())
	a.challenge = a.signIn("").Challenge.ID
	a.code = a.mailed()
	reg, err := a.devices.Register(ctx, a.As(a.ann), a.ann.ID, devices.Registration{Key: "phone", Type: devices.IOS, Name: "Ann's"})
	require.NoError(t, err)
	a.token = reg.Token.Plain()

	a.pat = a.User("pat", withRole(a.ann.Role), named("Pat"), func(n *chatadmin.NewUser) { n.NoInvitation = false })
	_, err = a.Admin.SendInvitations(ctx, a.Domain)
	require.NoError(t, err)
	a.link = regexp.MustCompile(`token=(\S+)`).FindStringSubmatch(a.Mail.To("pat@acme.example")[0].Text)[1]
	_, err = a.gate.EndSessions(ctx)
	require.NoError(t, err)
	a.Clock.Advance(2 * time.Second)
	return a
}

// named gives a user the names and the address that they need.
func named(first string) func(*chatadmin.NewUser) {
	return func(n *chatadmin.NewUser) {
		n.FirstName, n.LastName, n.Email = first, "Lee", n.Login+"@acme.example"
	}
}

func (a *access) mode(m twofa.Mode) {
	a.T.Helper()
	p := twofa.Policy{Mode: m}
	if m != twofa.Off {
		p.Validity = 24 * time.Hour
	}
	plan, err := a.second.Plan(ctx, a.Host, p)
	require.NoError(a.T, err)
	require.NoError(a.T, a.second.Apply(ctx, a.Host, plan))
}

// signIn is Ann at a browser.
func (a *access) signIn(trust string) signin.Decision {
	a.T.Helper()
	us, err := a.Store.Users(ctx, a.Domain, []chatadmin.ID{a.ann.ID})
	require.NoError(a.T, err)
	at := signin.Attempt{Login: us[0].Login, Client: signin.Web, Trust: secret.Hide(trust)}
	d, err := a.gate.SignIn(ctx, a.Domain, at, func(context.Context, chatadmin.User) (bool, error) { return true, nil })
	require.NoError(a.T, err)
	if d.Allowed() {
		a.sessions.start(d)
	}
	return d
}

func (a *access) complete(challenge, code string) string {
	a.T.Helper()
	d, err := a.gate.Complete(ctx, a.Domain, challenge, code, true)
	require.NoError(a.T, err)
	if d.Allowed() {
		a.sessions.start(d)
	}
	return d.Trust.Reveal()
}

func (a *access) mailed() string {
	a.T.Helper()
	mails := a.Mail.To("ann@acme.example")
	return regexp.MustCompile(`(?m)^\d{6}$`).FindString(mails[len(mails)-1].Text)
}

// table is what the documentation says.
const table = `
password set                 sessions remembered challenges links signed-out
second factor reset          sessions remembered challenges -     -
two-factor authentication on sessions remembered challenges -     -
address changed              sessions remembered challenges links signed-out
login changed                sessions remembered challenges links signed-out
role lowered                 sessions remembered challenges -     -
turned guest                 sessions remembered challenges -     -
denied                       sessions remembered challenges links disabled
deactivated                  sessions remembered challenges links disabled
deleted                      sessions remembered challenges links wiped
domain suspended             sessions (remembered) (challenges) (links) disabled
signed out                   sessions remembered challenges -     signed-out
`

// line is a line of the table; what is in brackets pauses.
func line(c chatadmin.Cause) string {
	e := c.Consequences()
	words := []string{c.String()}
	for _, x := range []struct {
		name   string
		effect chatadmin.Effect
	}{{"sessions", e.Sessions}, {"remembered", e.Remembered}, {"challenges", e.Challenges}, {"links", e.Links}} {
		words = append(words, []string{"-", "(" + x.name + ")", x.name}[x.effect])
	}
	return strings.Join(append(words, []string{"-", "signed-out", "disabled", "wiped"}[e.Devices]), " ")
}

// does are the causes: what brings each about for a user, or for the domain
// where the user is the zero one, and what takes the state back that it leaves.
var does = map[chatadmin.Cause]struct {
	user   func(*access, chatadmin.User) error
	domain func(*access) error
	undo   func(*access) error
}{
	chatadmin.CausePassword:       {user: func(a *access, u chatadmin.User) error { return a.passwords.Set(ctx, u, "another horse") }},
	chatadmin.CauseTwoFactorReset: {user: func(a *access, u chatadmin.User) error { return a.second.Reset(ctx, a.Host, u.ID) }},
	chatadmin.CauseTwoFactorOn: {domain: func(a *access) error {
		a.mode(twofa.Off)
		a.signIn("") // without a code
		a.Clock.Advance(time.Second)
		a.mode(twofa.Email)
		return nil
	}},
	chatadmin.CauseAddress: {user: func(a *access, u chatadmin.User) error {
		email := "new." + u.Email
		return errOf(a.Host.EditUser(ctx, u.ID, chatadmin.UserEdit{Email: &email}))
	}},
	chatadmin.CauseLogin: {user: func(a *access, u chatadmin.User) error {
		login := "new." + u.Login
		return errOf(a.Host.EditUser(ctx, u.ID, chatadmin.UserEdit{Login: &login}))
	}},
	chatadmin.CauseRoleLowered: {user: func(a *access, u chatadmin.User) error {
		return errOf(a.Host.AssignRole(ctx, chatadmin.RoleMember, u.ID))
	}},
	chatadmin.CauseGuest: {user: func(a *access, u chatadmin.User) error {
		kind := chatadmin.Guest
		return errOf(a.Host.EditUser(ctx, u.ID, chatadmin.UserEdit{Kind: &kind}))
	}},
	chatadmin.CauseSignedOut: {user: func(a *access, u chatadmin.User) error { return a.Host.SignOutUsers(ctx, u.ID) }},
	chatadmin.CauseDenied: {
		user: func(a *access, u chatadmin.User) error { return errOf(a.Host.DenyAccess(ctx, u.ID)) },
		undo: func(a *access) error { return errOf(a.Host.GrantAccess(ctx, a.ann.ID, a.pat.ID)) },
	},
	chatadmin.CauseDeactivated: {
		user: func(a *access, u chatadmin.User) error { return errOf(a.Host.DeactivateUsers(ctx, u.ID)) },
		undo: func(a *access) error { return errOf(a.Host.ActivateUsers(ctx, a.ann.ID, a.pat.ID)) },
	},
	chatadmin.CauseDeleting: {
		user: func(a *access, u chatadmin.User) error { return a.transition(u.ID, chatadmin.BeginDeletion) },
		undo: func(a *access) error {
			return errors.Join(a.transition(a.ann.ID, chatadmin.CancelDeletion), a.transition(a.pat.ID, chatadmin.CancelDeletion))
		},
	},
	chatadmin.CauseDomainSuspended: {
		domain: func(a *access) error { return a.state(chatadmin.DomainSuspended) },
		undo:   func(a *access) error { return a.state(chatadmin.DomainActive) },
	},
}

func (a *access) state(state chatadmin.DomainState) error {
	return errOf(a.Host.ChangeSettings(ctx, func(s *chatadmin.Settings) error { s.State = state; return nil }))
}

func (a *access) transition(id chatadmin.ID, e chatadmin.StatusEvent) error {
	return a.Host.Change(ctx, chatadmin.Op{Kind: "test", Fence: storage.Exclusive}, func(ctx context.Context, w *chatadmin.Writer) error {
		us, err := w.Users(ctx, a.Domain, []chatadmin.ID{id})
		if err != nil {
			return err
		}
		write, err := chatadmin.TransitionWrite(us[0], e)
		if err != nil {
			return err
		}
		return w.WriteUsers(ctx, "test", []chatadmin.UserWrite{write})
	})
}

// happen brings a cause about for Ann and Pat.
func (a *access) happen(c chatadmin.Cause) {
	a.T.Helper()
	if does[c].domain != nil {
		require.NoError(a.T, does[c].domain(a))
		return
	}
	for _, u := range []chatadmin.User{a.ann, a.pat} {
		require.NoError(a.T, does[c].user(a, u))
	}
}

// Every cause is brought about by the call that administrators and users make.
// What it ends, of what somebody has obtained from the real packages, is what
// the table says, neither less nor more.
func TestWhichChangeEndsWhat(t *testing.T) {
	require.Len(t, does, len(chatadmin.Causes()))
	var lines []string
	for _, cause := range chatadmin.Causes() {
		lines = append(lines, line(cause))
	}
	require.Equal(t, strings.TrimSpace(regexp.MustCompile(` +`).ReplaceAllString(table, " ")), strings.Join(lines, "\n"))
	for _, cause := range chatadmin.Causes() {
		for _, column := range []string{"sessions", "remembered", "challenges", "links", "devices"} {
			t.Run(cause.String()+"/"+column, func(t *testing.T) {
				a, want := newAccess(t), cause.Consequences()
				a.happen(cause)
				check := map[string]func(chatadmin.Consequences){"sessions": a.checkSessions, "remembered": a.checkRemembered, "challenges": a.checkChallenge,
					"links": a.checkLink, "devices": a.checkDevice}[column]
				undo := func() {
					if does[cause].undo != nil {
						require.NoError(t, does[cause].undo(a))
					}
				}
				a.undo = undo
				check(want)
			})
		}
	}
}

// effect is how often something worked: while the state lasted, and after.
func (a *access) effect(works func() bool) chatadmin.Effect {
	meanwhile := works()
	a.undo()
	switch {
	case meanwhile:
		return chatadmin.Stays
	case works():
		return chatadmin.Pauses
	}
	return chatadmin.Ends
}

func (a *access) checkSessions(want chatadmin.Consequences) {
	require.NotZero(a.T, a.sessions.of(a.ann.ID))
	_, err := a.gate.EndSessions(ctx)
	require.NoError(a.T, err)
	require.Equal(a.T, want.Sessions == chatadmin.Ends, a.sessions.of(a.ann.ID) == 0)
}

func (a *access) checkRemembered(want chatadmin.Consequences) {
	require.Equal(a.T, want.Remembered, a.effect(func() bool { return a.signIn(a.trust).Allowed() }))
}

func (a *access) checkChallenge(want chatadmin.Consequences) {
	require.Equal(a.T, want.Challenges, a.effect(func() bool {
		d, err := a.gate.Complete(ctx, a.Domain, a.challenge, a.code, false)
		require.NoError(a.T, err)
		return d.Allowed()
	}))
}

func (a *access) checkLink(want chatadmin.Consequences) {
	require.Equal(a.T, want.Links, a.effect(func() bool {
		_, err := a.Admin.Invited(ctx, a.link)
		return err == nil
	}))
}

func (a *access) checkDevice(want chatadmin.Consequences) {
	in := func() bool {
		a.Clock.Advance(10 * time.Second) // what Authorize knows of the domain is old
		_, err := a.devices.Authorize(ctx, a.token)
		return err == nil
	}
	may := func() bool {
		ok, err := a.devices.DeviceAllowed(ctx, a.Domain, a.ann.ID, "phone")
		require.NoError(a.T, err)
		return ok
	}
	wipes := 0
	for d, err := range a.devices.Devices(ctx, a.Host, devices.Query{}) {
		require.NoError(a.T, err)
		if d.Wipe.Pending() {
			wipes++
		}
	}
	require.Equal(a.T, want.Devices == chatadmin.DevicesStay, in())
	require.Equal(a.T, want.Devices == chatadmin.DevicesToBeWiped, wipes > 0)
	if want.Devices < chatadmin.DevicesDisabled {
		require.True(a.T, may())
	}
	a.undo()
	require.Equal(a.T, want.Devices != chatadmin.DevicesToBeWiped, may())
}
