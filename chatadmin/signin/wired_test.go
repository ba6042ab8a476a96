package signin_test

import (
	"bytes"
	"crypto/rand"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/devices"
	"chatadmin.example/sdk/twofa"
)

// wired is a world whose second factor and devices are the real ones.
type wired struct {
	*world
	second  *twofa.Service
	devices *devices.Registry
}

func newWired(t *testing.T, mode twofa.Mode) *wired {
	t.Helper()
	w := &wired{world: newWorld(t, chatadmin.OfficeChat)}
	ring, err := keyring.New(rand.Reader, keyring.Key{ID: "1", Secret: secret.HideBytes(bytes.Repeat([]byte{1}, keyring.KeySize))})
	require.NoError(t, err)
	w.second, w.devices = chatadmintest.Must(twofa.New(w.Admin, &twofa.Options{Keys: ring})), chatadmintest.Must(devices.New(w.Admin, nil))
	w.gate, err = signin.New(w.Admin, &signin.Options{Sessions: w.sessions, SecondFactor: w.second, Devices: w.devices})
	require.NoError(t, err)
	plan, err := w.second.Plan(ctx, w.Host, twofa.Policy{Mode: mode, Validity: 24 * time.Hour})
	require.NoError(t, err)
	require.NoError(t, w.second.Apply(ctx, w.Host, plan))
	return w
}

func (w *wired) signIn(a signin.Attempt) signin.Decision {
	w.T.Helper()
	d, err := w.gate.SignIn(ctx, w.Domain, a, w.verify("right"))
	require.NoError(w.T, err)
	return d
}

func (w *wired) complete(challenge, code string) signin.Decision {
	w.T.Helper()
	d, err := w.gate.Complete(ctx, w.Domain, challenge, code, true)
	require.NoError(w.T, err)
	return d
}

// mailed is the last code that was mailed.
func (w *wired) mailed() string {
	w.T.Helper()
	mails := w.Mail.To("ann@acme.example")
	require.NotEmpty(w.T, mails)
	m := regexp.MustCompile(`(?m)^\d{6}$`).FindString(mails[len(mails)-1].Text)
	require.NotEmpty(w.T, m)
	return m
}

// other is a code that is not the right one.
func other(code string) string {
	if code == "000000" {
		return "111111"
	}
	return "000000"
}

// A sign-in with a code by mail, from guessing it to being remembered and
// forgotten.
func TestMailedCodes(t *testing.T) {
	w := newWired(t, twofa.Email)
	u := w.user("ann")
	web := signin.Attempt{Login: "ann@acme.example", Client: signin.Web}
	d := w.signIn(web)
	require.Equal(t, []any{signin.Challenged, "email"}, []any{d.Outcome, d.Challenge.Kind})
	code := w.mailed()
	require.Equal(t, signin.WrongCode, w.complete(d.Challenge.ID, other(code)).Reason())
	require.Equal(t, 1, w.lock(u.ID).Failures)
	odd := w.complete(d.Challenge.ID, "12345")
	require.Equal(t, []any{signin.NotACode, true}, []any{odd.Reason(), odd.Retry})
	require.Equal(t, 1, w.lock(u.ID).Failures, "what cannot be a code is no failure")
	require.Equal(t, signin.WrongCode, w.complete(d.Challenge.ID, other(code)).Reason())
	require.Equal(t, signin.Challenged, w.signIn(web).Outcome, "a right password takes nothing back")
	code = w.mailed()
	third := w.complete(d.Challenge.ID, other(code))
	require.Equal(t, signin.WrongCode, third.Reason())
	require.True(t, w.lock(u.ID).Locked)
	require.Equal(t, signin.Locked, w.complete(d.Challenge.ID, code).Reason())
	require.NoError(t, w.gate.Unlock(ctx, w.Host, u.ID))

	w.Clock.Advance(16 * time.Minute)
	id := w.signIn(web).Challenge.ID
	code = w.mailed()
	var mu sync.Mutex
	var allowed []signin.Decision
	for _, err := range chatadmintest.AtOnce(100, func(int) error {
		d, err := w.gate.Complete(ctx, w.Domain, id, code, true)
		if d.Allowed() {
			mu.Lock()
			defer mu.Unlock()
			allowed = append(allowed, d)
		}
		return err
	}) {
		require.NoError(t, err)
	}
	require.Len(t, allowed, 1, "a code works once")
	require.False(t, w.lock(u.ID).Locked, "pressing the button often locks nobody")

	web.Trust = allowed[0].Trust
	require.NotEmpty(t, web.Trust.Reveal())
	d = w.signIn(web)
	require.True(t, d.Allowed())
	require.NotEqual(t, web.Trust.Reveal(), d.Trust.Reveal(), "rotated")
	web.Trust = d.Trust
	_, err := w.Host.DeactivateUsers(ctx, u.ID)
	require.NoError(t, err)
	require.Equal(t, signin.Deactivated, w.signIn(web).Reason())
	_, err = w.Host.ActivateUsers(ctx, u.ID)
	require.NoError(t, err)
	require.Equal(t, signin.Challenged, w.signIn(web).Outcome, "who was shut out is remembered no more")
}

// Who is asked for a second factor: everybody but native clients on phones and
// who comes by Google or SAML. What is not known for sure is asked.
func TestWhoIsAsked(t *testing.T) {
	w := newWired(t, twofa.Authenticator)
	w.user("ann")
	for _, client := range []signin.Client{signin.Web, signin.Desktop, signin.Mac, signin.UnknownClient, "", "toaster", signin.IOS, signin.Android} {
		for _, method := range []signin.Method{"", signin.Password, signin.Google, signin.SAML} {
			d := w.signIn(signin.Attempt{Login: "ann@acme.example", Client: client, Method: method})
			asked := client != signin.IOS && client != signin.Android && method != signin.Google && method != signin.SAML
			require.Equal(t, asked, d.Outcome == signin.Challenged, "%q %q", client, method)
			require.Equal(t, !asked, d.Allowed())
			if asked {
				require.NotNil(t, d.Challenge.Enrolment)
			}
		}
	}
}

// A device that an administrator has disabled lets nobody in; deactivating its
// user and activating them again brings it back.
func TestDisabledDevices(t *testing.T) {
	w := newWired(t, twofa.Authenticator)
	u := w.user("ann")
	phone := signin.Attempt{Login: "ann@acme.example", Client: signin.Android, Device: "phone-1"}
	require.True(t, w.signIn(phone).Allowed())
	_, err := w.devices.Register(ctx, w.Admin.As(w.Domain, u.ID), u.ID, devices.Registration{Key: "phone-1", Type: devices.Android, Name: "Ann's phone"})
	require.NoError(t, err)
	require.True(t, w.signIn(phone).Allowed())
	_, err = w.Host.DeactivateUsers(ctx, u.ID)
	require.NoError(t, err)
	require.Equal(t, signin.Deactivated, w.signIn(phone).Reason())
	_, err = w.Host.ActivateUsers(ctx, u.ID)
	require.NoError(t, err)
	require.True(t, w.signIn(phone).Allowed())
	_, err = w.devices.Disable(ctx, w.Host, devices.Of(u.ID))
	require.NoError(t, err)
	require.Equal(t, signin.NoDevice, w.signIn(phone).Reason())
	require.Zero(t, w.lock(u.ID), "which counts as nothing")
	phone.Device = "phone-2"
	require.True(t, w.signIn(phone).Allowed())
}
