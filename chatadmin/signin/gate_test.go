package signin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Every refusal has its reason for the log, and looks the same to the world,
// the host's verifier called once in each case.
func TestDecisions(t *testing.T) {
	w := newWorld(t, chatadmin.Engage, func(o *signin.Options) { o.Devices = doorman{} })
	create := func(name string) chatadmin.ID {
		u, err := w.Host.CreateUser(ctx, chatadmin.NewUser{Login: name, Email: name + "@acme.example", FirstName: "A", LastName: "B", NoInvitation: true})
		require.NoError(t, err)
		return u.ID
	}
	require.NotEmpty(t, create("Ann"))
	deactivated, denied, deleting := create("deactivated"), create("denied"), create("deleting")
	_, err := w.Host.DeactivateUsers(ctx, deactivated)
	require.NoError(t, err)
	_, err = w.Host.DenyAccess(ctx, denied)
	require.NoError(t, err)
	w.erase(deleting)
	other, _ := w.Open("Other", chatadmin.Engage)
	_, err = w.Admin.AsHost(other).CreateUser(ctx, chatadmin.NewUser{Login: "theirs", Email: "t@other.example", FirstName: "A", LastName: "B", NoInvitation: true})
	require.NoError(t, err)
	locked := create("locked")
	for range 3 {
		w.try("locked", "wrong", signin.Wrong)
	}
	for _, c := range []struct {
		login, password, device string
		want                    signin.Reason
		counts                  bool
	}{
		{"nobody", "right", "", signin.Unknown, false},
		{"", "right", "", signin.Unknown, false},
		{strings.Repeat("x", 5000) + "\x00\xff", "right", "", signin.Unknown, false},
		{"theirs", "right", "", signin.Unknown, false},
		{"deactivated", "right", "", signin.Deactivated, false},
		{"denied", "right", "", signin.NoAccess, false},
		{"deleting", "right", "", signin.Deleting, false},
		{"locked", "right", "", signin.Locked, false},
		{"ann", "right", "", signin.Spelling, true},
		{"ANN", "wrong", "", signin.Spelling, true},
		{" Ann ", "right", "", "", false},
		{"Ann", "wrong", "", signin.Wrong, true},
		{"Ann", "right", "stolen", signin.NoDevice, false},
		{"Ann", "right", "own", "", false},
	} {
		t.Run(fmt.Sprintf("%s, %s, %s", chatadmin.Cut(c.login), c.password, c.device), func(t *testing.T) {
			before, calls := w.failures("Ann"), 0
			d, err := w.gate.SignIn(ctx, w.Domain, signin.Attempt{Login: c.login, Client: signin.IOS, Device: c.device}, func(_ context.Context, u chatadmin.User) (bool, error) {
				calls++
				switch c.want {
				case "", signin.Wrong, signin.NoDevice:
					require.NotEmpty(t, u.ID)
				default:
					require.Zero(t, u)
				}
				return c.password == "right", nil
			})
			require.NoError(t, err)
			require.Equal(t, 1, calls, "similar work")
			require.Equal(t, c.want, d.Reason())
			if c.counts {
				require.Equal(t, before+1, w.failures("Ann"))
			}
			if c.want == "" {
				require.True(t, d.Allowed())
				require.Equal(t, []any{"Ann", signin.IOS, signin.Password}, []any{d.User.Login, d.Client, d.Method})
				require.Empty(t, d.Message())
				return
			}
			text, err := json.Marshal(d)
			require.NoError(t, err)
			refused, err := json.Marshal(signin.Decision{Client: signin.IOS, Method: signin.Password})
			require.NoError(t, err)
			require.Equal(t, string(refused), string(text), "nothing of the reason is seen")
			require.Equal(t, "denied denied denied", fmt.Sprintf("%v %+v %#v", d, d, d))
			require.Equal(t, signin.Decision{}.Message(), d.Message())
			require.NotEmpty(t, d.Message())
			require.Zero(t, d.User)
		})
	}
	require.Equal(t, locked, w.try("locked", "right", signin.Locked).Subject())

	_, err = w.Host.ChangeSettings(ctx, func(set *chatadmin.Settings) error { set.State = chatadmin.DomainSuspended; return nil })
	require.NoError(t, err)
	w.try("Ann", "right", signin.NoDomain)
	_, err = w.gate.SignIn(ctx, "no-such-domain", signin.Attempt{Login: "Ann"}, w.verify("right"))
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
	require.ErrorContains(t, err, "no-such-domain")
	_, err = w.gate.SignIn(ctx, w.Domain, signin.Attempt{Login: "Ann", Method: "magic"}, w.verify("right"))
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	require.ErrorContains(t, err, "google or saml")
}

func (w *world) failures(login string) int {
	us, err := w.Store.UsersByLogin(ctx, w.Domain, []string{chatadmin.Fold(login)})
	require.NoError(w.T, err)
	return w.lock(us[0].ID).Failures
}

// erase begins the deletion of a user.
func (w *world) erase(id chatadmin.ID) {
	w.T.Helper()
	w.change(id, "test.delete", func(u chatadmin.User) (chatadmin.User, error) {
		return chatadmin.Transition(u, chatadmin.BeginDeletion)
	})
}

func (w *world) change(id chatadmin.ID, kind string, f func(chatadmin.User) (chatadmin.User, error)) {
	w.T.Helper()
	require.NoError(w.T, w.Host.Change(ctx, chatadmin.Op{Kind: kind, Fence: storage.Exclusive}, func(ctx context.Context, work *chatadmin.Writer) error {
		us, err := work.Users(ctx, w.Domain, []chatadmin.ID{id})
		if err != nil {
			return err
		}
		now, err := f(us[0])
		if err != nil {
			return err
		}
		p, wrong := work.Settings.Prepare(now)
		require.Empty(w.T, wrong)
		return work.WriteUsers(ctx, kind, []chatadmin.UserWrite{{Was: us[0], Now: p}})
	}))
}

// The first sign-in makes a pending user active, once, and in their own name.
func TestFirstSignIn(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	u := w.user("ann")
	require.Equal(t, chatadmin.Pending, u.Status)
	w.try("ann@acme.example", "wrong", signin.Wrong)
	require.Equal(t, chatadmin.Pending, w.Row(u.ID).Status)
	for _, err := range chatadmintest.AtOnce(100, func(int) error {
		d, err := w.gate.SignIn(ctx, w.Domain, signin.Attempt{Login: "ANN@acme.example"}, w.verify("right"))
		if err == nil && (!d.Allowed() || d.User.Status != chatadmin.Active) {
			err = fmt.Errorf("%s, %s", d.Reason(), d.User.Status)
		}
		return err
	}) {
		require.NoError(t, err)
	}
	events := w.Events(signin.KindUserSignIn)
	require.Len(t, events, 1)
	require.Equal(t, u.ID, events[0].Actor)
	require.Equal(t, []chatadmin.FieldChange{{Field: "status", Before: "pending", After: "active"}}, events[0].Changes[u.ID])
	require.Zero(t, w.records())
}

// Whoever loses access while their password is being verified does not come in.
func TestAccessEndsDuringVerification(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(*world, chatadmin.ID) error
		want signin.Reason
	}{
		"deactivated": {func(w *world, id chatadmin.ID) error { _, err := w.Host.DeactivateUsers(ctx, id); return err }, signin.Deactivated},
		"denied":      {func(w *world, id chatadmin.ID) error { _, err := w.Host.DenyAccess(ctx, id); return err }, signin.NoAccess},
		"deleting":    {func(w *world, id chatadmin.ID) error { w.erase(id); return nil }, signin.Deleting},
	} {
		for _, status := range []chatadmin.Status{chatadmin.Pending, chatadmin.Active} {
			w := newWorld(t, chatadmin.OfficeChat)
			u := w.user("ann")
			if status == chatadmin.Active {
				w.try("ann@acme.example", "right", "")
			}
			d, err := w.gate.SignIn(ctx, w.Domain, signin.Attempt{Login: "ann@acme.example"}, func(context.Context, chatadmin.User) (bool, error) {
				return true, c.end(w, u.ID)
			})
			require.NoError(t, err)
			require.False(t, d.Allowed(), "%s, %s", name, status)
			require.Equal(t, c.want, d.Reason())
			if status == chatadmin.Pending {
				require.NotEqual(t, chatadmin.Active, w.Row(u.ID).Status)
			}
			require.Zero(t, w.records(), "the place was given back")
		}
	}
}

// What fails is no decision: nobody comes in, nothing is counted, and the place
// is given back.
func TestErrorsDecideNothing(t *testing.T) {
	second := &codes{}
	d := &doorman{}
	w := newWorld(t, chatadmin.OfficeChat, func(o *signin.Options) { o.SecondFactor, o.Devices = second, d })
	u := w.user("ann")
	attempt := signin.Attempt{Login: "ann@acme.example", Device: "own"}
	for range 5 {
		got, err := w.gate.SignIn(ctx, w.Domain, attempt, func(context.Context, chatadmin.User) (bool, error) { return true, errDown })
		require.ErrorIs(t, err, errDown)
		require.False(t, got.Allowed())
	}
	d.err = errDown
	got, err := w.gate.SignIn(ctx, w.Domain, attempt, w.verify("right"))
	require.ErrorIs(t, err, errDown)
	require.Equal(t, signin.Failed, got.Reason())
	d.err, second.fail = nil, errDown
	_, err = w.gate.SignIn(ctx, w.Domain, attempt, w.verify("right"))
	require.ErrorIs(t, err, errDown)
	second.fail = nil
	got, err = w.gate.SignIn(ctx, w.Domain, attempt, w.verify("right"))
	require.NoError(t, err)
	second.fail = errDown
	got, err = w.gate.Complete(ctx, w.Domain, got.Challenge.ID, "123456", true)
	require.ErrorIs(t, err, errDown, "a code that could not be consumed lets nobody in")
	require.False(t, got.Allowed())
	require.True(t, got.Trust.IsZero())
	require.Equal(t, signin.Lock{}, w.lock(u.ID))
	require.Zero(t, w.records())
	require.Equal(t, chatadmin.Pending, w.Row(u.ID).Status)

	gone, cancel := context.WithCancel(ctx)
	cancel()
	_, err = w.gate.SignIn(gone, w.Domain, attempt, w.verify("right"))
	require.ErrorIs(t, err, context.Canceled)
}

// A first sign-in that cannot be written lets nobody in, counts as nothing, and
// is done when it can be.
func TestFirstSignInFails(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	u := w.user("ann")
	var fail error
	w.Admin.Extend(chatadmin.Extension{OnUserChange: func(context.Context, *chatadmin.Writer, []chatadmin.UserChange) error { return fail }})
	fail = errDown
	for range 5 {
		d, err := w.gate.SignIn(ctx, w.Domain, signin.Attempt{Login: "ann@acme.example"}, w.verify("right"))
		require.ErrorIs(t, err, errDown)
		require.Equal(t, signin.Failed, d.Reason())
	}
	require.Equal(t, chatadmin.Pending, w.Row(u.ID).Status)
	require.Zero(t, w.records())
	fail = nil
	w.try("ann@acme.example", "right", "")
	require.Equal(t, chatadmin.Active, w.Row(u.ID).Status)
}

// Hanging up does not take a wrong guess back.
func TestHangingUpCounts(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	u := w.user("ann")
	for n := range 3 {
		c, cancel := context.WithCancel(ctx)
		d, err := w.gate.SignIn(c, w.Domain, signin.Attempt{Login: "ann@acme.example"}, func(context.Context, chatadmin.User) (bool, error) {
			cancel()
			return false, nil
		})
		require.NoError(t, err)
		require.Equal(t, signin.Wrong, d.Reason())
		require.Equal(t, n+1, w.lock(u.ID).Failures)
	}
	require.True(t, w.lock(u.ID).Locked)
}

// A host that refuses the first sign-in by its veto is heard, and the user may
// try again.
func TestVeto(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	veto := true
	admin := chatadmintest.Must(chatadmin.New(w.Store, &chatadmin.Options{Now: w.Clock.Now, Before: func(_ context.Context, i chatadmin.Intent) error {
		if veto && i.Kind == signin.KindUserSignIn {
			return errDown
		}
		return nil
	}}))
	gate, err := signin.New(admin, nil)
	require.NoError(t, err)
	w.user("ann")
	d, err := gate.SignIn(ctx, w.Domain, signin.Attempt{Login: "ann@acme.example"}, w.verify("right"))
	require.NoError(t, err)
	require.Equal(t, signin.Vetoed, d.Reason())
	require.Zero(t, w.records())
	veto = false
	d, err = gate.SignIn(ctx, w.Domain, signin.Attempt{Login: "ann@acme.example"}, w.verify("right"))
	require.NoError(t, err)
	require.True(t, d.Allowed())
}

// Begin and Finish are SignIn in two steps, once each.
func TestBeginFinish(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	u := w.user("ann")
	attempt := signin.Attempt{Login: "ann@acme.example", Client: "a strange one"}
	for _, held := range []bool{false, true} {
		try, err := w.gate.Begin(ctx, w.Domain, attempt)
		require.NoError(t, err)
		require.Equal(t, u.ID, try.User.ID)
		d, err := w.gate.Finish(ctx, try, held)
		require.NoError(t, err)
		require.Equal(t, held, d.Allowed())
		require.Equal(t, signin.UnknownClient, d.Client)
		d, err = w.gate.Finish(ctx, try, true)
		require.ErrorIs(t, err, signin.ErrOver)
		require.False(t, d.Allowed())
		require.ErrorIs(t, w.gate.Cancel(ctx, try), signin.ErrOver)
	}
	try, err := w.gate.Begin(ctx, w.Domain, signin.Attempt{Login: "nobody@acme.example"})
	require.NoError(t, err)
	require.Zero(t, try.User)
	d, err := w.gate.Finish(ctx, try, true)
	require.NoError(t, err)
	require.Equal(t, signin.Unknown, d.Reason(), "nobody comes in, whatever the host says")
}

// No way of printing what goes through the gate shows a trust token or a seed.
func TestSecretsStayHidden(t *testing.T) {
	e := &signin.Enrolment{URI: secret.Hide("hush"), Secret: secret.Hide("hush"), QR: secret.Hide("hush")}
	for _, v := range []any{signin.Attempt{Trust: secret.Hide("hush")}, signin.Asked{Trust: secret.Hide("hush"), Challenge: &signin.Challenge{Enrolment: e}}, signin.Answer{Trust: secret.Hide("hush")}, *e,
		signin.Decision{Trust: secret.Hide("hush"), Challenge: &signin.Challenge{Enrolment: e}}} {
		encoded, err := json.Marshal(v)
		require.NoError(t, err)
		for _, text := range []string{fmt.Sprint(v), fmt.Sprintf("%+v", v), fmt.Sprintf("%#v", v), string(encoded)} {
			require.NotContains(t, text, "hush", "%T", v)
		}
	}
}

// A sign-in with a second factor: the challenge, what it takes, and the trust
// token.
func TestSecondFactor(t *testing.T) {
	second := &codes{}
	w := newWorld(t, chatadmin.OfficeChat, func(o *signin.Options) { o.SecondFactor, o.Devices = second, doorman{} })
	u := w.user("ann")
	attempt := signin.Attempt{Login: "ann@acme.example", Client: signin.Desktop}
	ask := func() string {
		d, err := w.gate.SignIn(ctx, w.Domain, attempt, w.verify("right"))
		require.NoError(t, err)
		require.Equal(t, "challenge", d.String())
		require.False(t, d.Allowed())
		require.Equal(t, u.ID, d.User.ID)
		return d.Challenge.ID
	}
	id := ask()
	require.Equal(t, chatadmin.Pending, w.Row(u.ID).Status, "half a sign-in is none")
	other, _ := w.Open("Other", chatadmin.OfficeChat)
	for _, c := range []struct {
		domain    chatadmin.ID
		challenge string
		code      string
		want      signin.Reason
		retry     bool
	}{
		{w.Domain, "nonsense", "123456", signin.NoChallenge, false},
		{other, id, "123456", signin.NoChallenge, false},
		{w.Domain, id, "000000", signin.WrongCode, true},
		{w.Domain, id, "123456", "", false},
		{w.Domain, id, "123456", signin.NoChallenge, false},
	} {
		d, err := w.gate.Complete(ctx, c.domain, c.challenge, c.code, true)
		require.NoError(t, err)
		require.Equal(t, c.want, d.Reason())
		require.Equal(t, c.retry, d.Retry)
		if c.want == "" {
			require.Equal(t, []any{true, "trusted", signin.Desktop, chatadmin.Active}, []any{d.Allowed(), d.Trust.Reveal(), d.Client, d.User.Status})
		} else {
			require.True(t, d.Trust.IsZero())
		}
	}
	attempt.Trust = secret.Hide("trusted")
	d, err := w.gate.SignIn(ctx, w.Domain, attempt, w.verify("right"))
	require.NoError(t, err)
	require.True(t, d.Allowed())
	require.Equal(t, "rotated", d.Trust.Reveal())

	// Whoever loses access, or their device, while the challenge is open does
	// not come in.
	attempt.Trust = secret.Value{}
	for reason, change := range chatadmintest.InOrder(map[signin.Reason]func(on bool) error{
		signin.NoAccess: func(on bool) error {
			if on {
				_, err := w.Host.DenyAccess(ctx, u.ID)
				return err
			}
			_, err := w.Host.GrantAccess(ctx, u.ID)
			return err
		},
		signin.Deactivated: func(on bool) error {
			if on {
				_, err := w.Host.DeactivateUsers(ctx, u.ID)
				return err
			}
			_, err := w.Host.ActivateUsers(ctx, u.ID)
			return err
		},
	}) {
		id := ask()
		require.NoError(t, change(true))
		answers := second.answers
		d, err := w.gate.Complete(ctx, w.Domain, id, "123456", true)
		require.NoError(t, err)
		require.Equal(t, reason, d.Reason())
		require.Equal(t, answers, second.answers, "the code is not even looked at")
		require.NoError(t, change(false))
	}
	id = ask()
	second.open[id] = signin.Open{Challenge: id, Domain: w.Domain, User: u.ID, Device: "stolen"}
	d, err = w.gate.Complete(ctx, w.Domain, id, "123456", true)
	require.NoError(t, err)
	require.Equal(t, signin.NoDevice, d.Reason())
	none := newWorld(t, chatadmin.OfficeChat)
	d, err = none.gate.Complete(ctx, none.Domain, id, "123456", true)
	require.NoError(t, err)
	require.Equal(t, signin.NoChallenge, d.Reason())
}

// The log has the reason, and neither the password nor what was typed as a
// login.
func TestLog(t *testing.T) {
	var log bytes.Buffer
	w := newWorld(t, chatadmin.OfficeChat)
	w.Admin = chatadmintest.Must(chatadmin.New(w.Store, &chatadmin.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}))
	var err error
	w.gate, err = signin.New(w.Admin, nil)
	require.NoError(t, err)
	w.try("my-pa55word-by-mistake", "secret", signin.Unknown)
	u := w.user("ann")
	w.try("ann@acme.example", "secret", signin.Wrong)
	require.Contains(t, log.String(), "decision.reason=unknown")
	require.Contains(t, log.String(), "decision.reason=wrong decision.user="+string(u.ID))
	require.NotContains(t, log.String(), "pa55word")
	require.NotContains(t, log.String(), "secret")
}

func TestOptions(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	for _, o := range []signin.Options{{ReservationLife: -1}, {Wait: -time.Second}, {Policy: signin.Policy{Limit: -1}}, {Policy: signin.Policy{Limit: 101}}, {Policy: signin.Policy{UnlockAfter: time.Millisecond}},
		{Policy: signin.Policy{UnlockAfter: -2}}, {Policy: signin.Policy{UnlockAfter: 400 * 24 * time.Hour}}} {
		_, err := signin.New(w.Admin, &o)
		require.ErrorIs(t, err, chatadmin.ErrInvalid, "%+v", o)
	}
	require.Equal(t, "enrolment (secret)", fmt.Sprint(signin.Enrolment{Secret: secret.Hide("JBSWY3DP")}))
}
