package provisioning_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/provisioning"
	"chatadmin.example/sdk/devices"
)

var codeForm = regexp.MustCompile(`[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}`)

func texting(n *provisioning.NewUser) { n.SendText, n.Phone = to(true), "06 12345678" }

// code is the one that was sent last, by whichever way.
func (w *world) code() string {
	w.T.Helper()
	w.Work()
	if all := w.phones.Messages(); len(all) > 0 {
		return codeForm.FindString(all[len(all)-1].Text)
	}
	all := w.Mail.Mails()
	require.NotEmpty(w.T, all)
	return codeForm.FindString(all[len(all)-1].Text)
}

// sign registers a device by what proves who the user is.
func (w *world) sign(key string, typ devices.Type, u chatadmin.User, proof chatadmin.DeviceFunc, err error) (devices.Registered, error) {
	if err != nil {
		return devices.Registered{}, err
	}
	return w.devices.Register(ctx, w.Host, u.ID, devices.Registration{Key: key, Type: typ, Proof: proof})
}

func (w *world) byCode(key, login, code string) error {
	u, proof, err := w.p.ByCode(ctx, w.Domain, login, code)
	_, err = w.sign(key, devices.Android, u, proof, err)
	return err
}

func (w *world) byIMEI(key, imei string) error {
	u, proof, err := w.p.ByIMEI(ctx, w.Domain, imei)
	_, err = w.sign(key, devices.Android, u, proof, err)
	return err
}

// A code comes by text message, works once, and makes the user trusted.
func TestActivationByText(t *testing.T) {
	w := newWorld(t)
	w.policy(provisioning.Policy{AcceptTexts: true})
	u := w.user("john.smith", texting)
	require.False(t, w.profile(u.ID).Trusted)
	code := w.code()
	require.Empty(t, w.Mail.Mails(), "one way is enough")
	sms := w.phones.Messages()[0]
	require.Equal(t, "+31612345678", sms.To)
	require.LessOrEqual(t, len(sms.Text), 160)
	require.Contains(t, sms.Text, "john.smith")
	w.Work()
	require.Len(t, w.phones.Messages(), 1)

	for _, wrong := range [][2]string{{"john.smith", "0000-0000-0000"}, {"john.smith", ""}, {"boss", code}, {"nobody", code}, {"", ""}} {
		require.ErrorIs(t, w.byCode("radio", wrong[0], wrong[1]), provisioning.ErrCode)
	}
	require.Equal(t, chatadmin.Pending, w.is(u.ID).Status)
	require.NoError(t, w.byCode("radio", "JOHN.SMITH", strings.ToLower(strings.ReplaceAll(code, "-", " "))))
	require.Equal(t, provisioning.Profile{Version: 1, SendText: true, Trusted: true, Client: provisioning.Android}, w.profile(u.ID))
	require.Equal(t, chatadmin.Active, w.is(u.ID).Status)
	require.ErrorIs(t, w.byCode("other", "john.smith", code), provisioning.ErrCode, "it was used")
	state, err := w.p.Activation(ctx, w.S, u.ID)
	require.NoError(t, err)
	require.Equal(t, provisioning.ActivationUsed, state.State)
	require.ErrorIs(t, w.p.ResendActivation(ctx, w.S, u.ID), chatadmin.ErrTransition)
}

// Otherwise it comes by e-mail; a new one kills the old one, and so do time, a
// changed phone and lost access.
func TestCodesDie(t *testing.T) {
	w := newWorld(t)
	w.policy(provisioning.Policy{AcceptTexts: true})
	u := w.user("john")
	old := w.code()
	require.Empty(t, w.phones.Messages())
	require.Contains(t, w.Mail.Mails()[0].Text, "john")
	require.ErrorIs(t, w.byCode("x", "john", old+"0"), provisioning.ErrCode)

	w.Clock.Advance(2 * time.Minute)
	require.NoError(t, w.p.ResendActivation(ctx, w.S, u.ID))
	fresh := w.code()
	require.NotEqual(t, old, fresh)
	require.ErrorIs(t, w.byCode("radio", "john", old), provisioning.ErrCode)
	w.Clock.Advance(7 * 24 * time.Hour)
	require.ErrorIs(t, w.byCode("radio", "john", fresh), provisioning.ErrCode, "it has expired")

	_, err := w.p.EditUser(ctx, w.S, u.ID, provisioning.UserEdit{UserEdit: chatadmin.UserEdit{Phone: to("0612345678")}, Fields: provisioning.Fields{SendText: to(true)}})
	require.NoError(t, err)
	require.NoError(t, w.p.ResendActivation(ctx, w.S, u.ID))
	code := w.code()
	require.Len(t, w.phones.Messages(), 1)
	_, err = w.p.EditUser(ctx, w.S, u.ID, provisioning.UserEdit{UserEdit: chatadmin.UserEdit{Phone: to("0687654321")}})
	require.NoError(t, err)
	require.ErrorIs(t, w.byCode("radio", "john", code), provisioning.ErrCode, "it went to a phone that is not theirs any more")

	w.Clock.Advance(25 * time.Hour)
	require.NoError(t, w.p.ResendActivation(ctx, w.S, u.ID))
	code = w.code()
	revoked, err := w.S.RevokeInvitations(ctx, u.ID)
	require.NoError(t, err)
	require.Equal(t, []chatadmin.ID{u.ID}, revoked)
	require.ErrorIs(t, w.byCode("radio", "john", code), provisioning.ErrCode, "it was taken back")
	revoked, err = w.S.RevokeInvitations(ctx, u.ID)
	require.NoError(t, err)
	require.Empty(t, revoked)

	w.Clock.Advance(25 * time.Hour)
	require.NoError(t, w.p.ResendActivation(ctx, w.S, u.ID))
	code = w.code()
	_, err = w.S.DenyAccess(ctx, u.ID)
	require.NoError(t, err)
	_, err = w.S.GrantAccess(ctx, u.ID)
	require.NoError(t, err)
	require.ErrorIs(t, w.byCode("radio", "john", code), provisioning.ErrCode)
}

// A proof is for the user whom it was made for, and used up by a registration
// that succeeds alone.
func TestProofs(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.user("ann"), w.user("bob")
	w.Work()
	byLogin := map[string]string{}
	for _, m := range w.Mail.Mails() {
		for _, login := range []string{"ann", "bob"} {
			if strings.Contains(m.Text, "login  "+login) {
				byLogin[login] = codeForm.FindString(m.Text)
			}
		}
	}
	_, proof, err := w.p.ByCode(ctx, w.Domain, "ann", byLogin["ann"])
	require.NoError(t, err)
	_, err = w.sign("radio", devices.IOS, bob, proof, nil)
	require.ErrorIs(t, err, provisioning.ErrCode)
	_, err = w.devices.Register(ctx, w.Host, ann.ID, devices.Registration{Key: "", Type: devices.IOS, Proof: proof})
	require.ErrorIs(t, err, chatadmin.ErrInvalid)

	// A hundred radios with one code: one comes in.
	wins := chatadmintest.AtOnce(100, func(i int) error {
		return w.byCode(fmt.Sprint("radio ", i)[:5]+fmt.Sprint(i), "ann", byLogin["ann"])
	})
	in := 0
	for _, err := range wins {
		if err == nil {
			in++
		} else if !errors.Is(err, provisioning.ErrCode) {
			t.Error(err)
		}
	}
	require.Equal(t, 1, in)
	all, _, err := w.devices.DevicesPage(ctx, w.S, devices.Query{}, chatadmin.Page{Limit: 200})
	require.NoError(t, err)
	require.Len(t, all, 1)
}

// An IMEI activates one phone, for one user of the domain.
func TestActivationByIMEI(t *testing.T) {
	const imei = "490154203237518"
	w := newWorld(t)
	u := w.user("john", func(n *provisioning.NewUser) { n.IMEI, n.Email = to(imei), "" })
	w.Work()
	require.Empty(t, w.Mail.Mails(), "nothing is sent")
	require.ErrorIs(t, w.byIMEI("radio", "490154203237519"), provisioning.ErrCode)
	require.ErrorIs(t, w.byIMEI("radio", "49"), provisioning.ErrCode)
	require.NoError(t, w.byIMEI("radio", "49-015420-323751-8"))
	require.True(t, w.profile(u.ID).Trusted)
	require.NoError(t, w.byIMEI("radio", imei), "the same phone may register again")
	require.ErrorIs(t, w.byIMEI("clone", imei), provisioning.ErrCode)
	require.NoError(t, w.p.ResendActivation(ctx, w.S, u.ID))
	require.NoError(t, w.byIMEI("repaired", imei))
	require.ErrorIs(t, w.byIMEI("radio", imei), provisioning.ErrCode)

	// Another domain has phones of its own.
	_, boss := w.Open("Taxi", chatadmin.ESChat)
	_, err := w.p.CreateUser(ctx, w.As(boss), form("john", func(n *provisioning.NewUser) { n.IMEI = to(imei) }))
	require.NoError(t, err)

	// A hundred users with one phone: one wins.
	in := 0
	for _, err := range chatadmintest.AtOnce(100, func(i int) error {
		_, err := w.p.CreateUser(ctx, w.S, form(fmt.Sprintf("driver.%d", i), func(n *provisioning.NewUser) { n.IMEI = to("1234567890123") }))
		return err
	}) {
		if err == nil {
			in++
		} else if !errors.Is(err, chatadmin.ErrExists) {
			t.Error(err)
		}
	}
	require.Equal(t, 1, in)
	in = 0
	for _, err := range chatadmintest.AtOnce(100, func(i int) error { return w.byIMEI(fmt.Sprint("handset", i), "1234567890123") }) {
		if err == nil {
			in++
		} else if !errors.Is(err, provisioning.ErrCode) {
			t.Error(err)
		}
	}
	require.Equal(t, 1, in)
}

// An RTP gateway is chosen, stays chosen, and is no phone.
func TestGateway(t *testing.T) {
	w := newWorld(t)
	u := w.user("gate", func(n *provisioning.NewUser) { n.Client, n.Email = to(provisioning.RTPGateway), "" })
	w.Work()
	require.Empty(t, w.Mail.Mails())
	for _, typ := range []devices.Type{devices.IOS, devices.Android} {
		_, err := w.sign("phone", typ, u, nil, nil)
		require.ErrorIs(t, err, provisioning.ErrGateway)
	}
	require.False(t, w.profile(u.ID).Trusted)
	_, err := w.sign("box", devices.OtherType, u, nil, nil)
	require.NoError(t, err)
	require.Equal(t, provisioning.Profile{Version: 1, Client: provisioning.RTPGateway, Trusted: true}, w.profile(u.ID))
}

// What a sender refuses is tried again, and given up in the end. A code that is
// in flight when the process dies is not sent twice.
func TestSending(t *testing.T) {
	w := newWorld(t)
	w.policy(provisioning.Policy{AcceptTexts: true})
	u := w.user("john", texting)
	busy := errors.New("the network is busy")
	state := func() provisioning.ActivationState {
		t.Helper()
		s, err := w.p.Activation(ctx, w.S, u.ID)
		require.NoError(t, err)
		require.Empty(t, s.Hash)
		return s.State
	}
	require.Equal(t, provisioning.ActivationQueued, state())
	for i := range 8 {
		require.Equal(t, provisioning.ActivationQueued, state(), i)
		w.phones.FailNext(busy)
		_, err := w.Admin.Work(ctx)
		require.ErrorIs(t, err, busy)
		_, err = w.Admin.Work(ctx)
		require.NoError(t, err, "not before its time")
		w.Clock.Advance(5 * time.Hour)
	}
	require.Equal(t, provisioning.ActivationFailed, state())
	require.NoError(t, w.p.ResendActivation(ctx, w.S, u.ID))
	w.Work()
	require.Equal(t, provisioning.ActivationSent, state())

	v := w.user("dead", texting)
	w.dies = true
	require.Panics(t, func() { _, _ = w.p.SendActivations(ctx, w.Domain) })
	w.dies = false
	w.Clock.Advance(24 * time.Hour)
	sent := len(w.phones.Messages())
	w.Work()
	require.Len(t, w.phones.Messages(), sent)
	s, err := w.p.Activation(ctx, w.S, v.ID)
	require.NoError(t, err)
	require.Equal(t, provisioning.ActivationSending, s.State)

	// One release invites nobody twice.
	x := w.user("rita", texting, func(n *provisioning.NewUser) { n.NoInvitation = true })
	for range 2 {
		require.NoError(t, w.S.Change(ctx, chatadmin.Op{Kind: chatadmin.KindUserInvite, Need: chatadmin.PermUsersEdit, Fence: 1}, func(ctx context.Context, c *chatadmin.Writer) error {
			return c.QueueInvitations(ctx, []chatadmin.User{x}, "release 1")
		}))
		w.Work()
	}
	require.Len(t, w.phones.Messages(), sent+1)
}

// A call that knows nothing of the form cannot give a user the phone of another
// one either: it copies a profile from one to the other.
func TestIMEIOfAnotherByOtherCalls(t *testing.T) {
	const imei = "490154203237518"
	w := newWorld(t)
	john, mary := w.user("john", func(n *provisioning.NewUser) { n.IMEI = to(imei) }), w.user("mary")
	profile, err := chatadmin.AttributesOf(w.is(john.ID))
	require.NoError(t, err)
	stolen := func(_ *chatadmin.Settings, _ *chatadmin.User, a *chatadmin.Attributes) []*chatadmin.FieldError {
		a.Preferences = profile.Preferences
		return nil
	}
	_, err = w.S.EditUser(ctx, mary.ID, chatadmin.UserEdit{Parts: []chatadmin.UserPart{stolen}})
	require.ErrorIs(t, err, chatadmin.ErrExists)
	_, err = w.S.CreateUser(ctx, chatadmin.NewUser{Login: "eve", FirstName: "Eve", LastName: "Ash", NoInvitation: true, Parts: []chatadmin.UserPart{stolen}})
	require.ErrorIs(t, err, chatadmin.ErrExists)
	require.NoError(t, w.byIMEI("radio", imei))
	u, _, err := w.p.ByIMEI(ctx, w.Domain, imei)
	require.NoError(t, err)
	require.Equal(t, john.ID, u.ID)
}
