package twofa_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/csvimport"
	"chatadmin.example/sdk/twofa"
)

// The plan counts who is concerned and who could not pass, and changes nothing;
// what is applied is what was planned.
func TestPlanMode(t *testing.T) {
	w := newWorld(t, twofa.Policy{})
	admin, f := w.process(w.Store, ringOf(t, "k1"), nil)
	d, boss, err := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Radio", Preset: chatadmin.ESChat, Admin: chatadmin.NewUser{Login: "boss", FirstName: "The", LastName: "Boss", NoInvitation: true}})
	require.NoError(t, err)
	host := admin.AsHost(d.ID)
	var without []chatadmin.ID
	for n := range 1203 { // more than one page
		u := chatadmin.NewUser{Login: fmt.Sprintf("radio%d", n), FirstName: "Ann", LastName: "Smith", NoInvitation: true}
		if n%3 > 0 {
			u.Email = fmt.Sprintf("radio%d@acme.example", n)
		}
		if n%10 == 0 {
			u.Kind = chatadmin.Guest
		}
		created, err := host.CreateUser(ctx, u)
		require.NoError(t, err)
		if u.Email == "" {
			without = append(without, created.ID)
		}
	}
	_, err = host.DeactivateUsers(ctx, without[0])
	require.NoError(t, err)
	events := len(w.Events(""))
	p, err := f.Plan(ctx, host, byMail)
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"network": 1083, "guests": 120, "affected": 1203, "cannot_pass": 401, "administrators": 1, "administrators_out": 1, "to_enrol": 0, "forgotten": 0, "interrupted": 0}, p.Counts)
	require.Len(t, p.CannotPass, 100)
	require.Len(t, p.Warnings, 1)
	require.Contains(t, p.Warnings[0].Text, "401 users")
	require.Len(t, p.Blockers, 1)
	require.Contains(t, p.Blockers[0].Message, "no administrator")
	require.Len(t, w.Events(""), events)
	data, err := json.Marshal(p)
	require.NoError(t, err)
	var kept twofa.Plan
	require.NoError(t, json.Unmarshal(data, &kept))
	require.Equal(t, *p, kept, "a plan can be kept as JSON")

	p, err = f.Plan(ctx, host, byApp)
	require.NoError(t, err)
	require.EqualValues(t, 1203, p.Counts["to_enrol"])
	require.Empty(t, p.CannotPass)
	require.Empty(t, p.Warnings)
	p, err = f.Plan(ctx, host, twofa.Policy{Mode: twofa.Off})
	require.NoError(t, err)
	require.Zero(t, p.Counts["affected"])

	// An address for the administrator: one blocker less. Without a Mailer: one
	// more.
	email := "boss@acme.example"
	_, err = host.EditUser(ctx, boss.ID, chatadmin.UserEdit{Email: &email})
	require.NoError(t, err)
	silent := chatadmintest.Must(chatadmin.New(w.Store, &chatadmin.Options{Now: w.Clock.Now}))
	p, err = chatadmintest.Must(twofa.New(silent, nil)).Plan(ctx, silent.AsHost(d.ID), byMail)
	require.NoError(t, err)
	require.Len(t, p.Warnings, 1)
	require.Equal(t, "no_mailer", p.Blockers[0].Code)
	require.Contains(t, p.Blockers[0].Message, "no Mailer")
}

// What a change would end is counted, and ends with it.
func TestPlanCountsWhatEnds(t *testing.T) {
	w := newWorld(t, monthly)
	ann, bob := w.User("ann@acme.example"), w.User("bob@acme.example")
	sa, sb := w.enrol(ann), w.enrol(bob)
	w.right(w.challenged(ann).ID, w.code(sa), true)
	w.Clock.Advance(5 * days)
	w.right(w.challenged(bob).ID, w.code(sb), true)
	w.challenged(ann)
	for _, c := range []struct {
		p           twofa.Policy
		forgotten   int64
		interrupted int64
	}{{monthly, 0, 0}, {twofa.Policy{Mode: twofa.Authenticator, Validity: 90 * days}, 0, 0}, {twofa.Policy{Mode: twofa.Authenticator, Validity: 5 * days}, 1, 0}, {byApp, 2, 1}, {byMail, 2, 1}, {twofa.Policy{Mode: twofa.Off}, 2, 1}} {
		p, err := w.twofa.Plan(ctx, w.S, c.p)
		require.NoError(t, err)
		require.Equal(t, []int64{c.forgotten, c.interrupted}, []int64{p.Counts["forgotten"], p.Counts["interrupted"]}, "%+v", c.p)
	}
	require.NoError(t, w.twofa.Apply(ctx, w.S, w.plan(w.S, twofa.Policy{Mode: twofa.Authenticator, Validity: 5 * days})))
	for u, n := range chatadmintest.InOrder(map[chatadmin.ID]int{ann.ID: 0, bob.ID: 1}) {
		cs, err := w.twofa.Trusted(ctx, w.S, u)
		require.NoError(t, err)
		require.Len(t, cs, n)
	}
}

func (w *world) plan(s *chatadmin.Scope, p twofa.Policy) *twofa.Plan {
	w.T.Helper()
	plan, err := w.twofa.Plan(ctx, s, p)
	require.NoError(w.T, err)
	return plan
}

func TestSetMode(t *testing.T) {
	w := newWorld(t, twofa.Policy{})
	for _, bad := range []twofa.Policy{{}, {Mode: "sms"}, {Mode: twofa.Email, Validity: -time.Second}, {Mode: twofa.Email, Validity: 90*days + time.Second}, {Mode: twofa.Email, Validity: time.Millisecond},
		{Mode: twofa.Email, Recovery: true}, {Mode: twofa.Off, Recovery: true}} {
		_, err := w.twofa.Plan(ctx, w.S, bad)
		require.ErrorIs(t, err, chatadmin.ErrInvalid, "%+v", bad)
		forged := w.plan(w.S, byApp)
		forged.Now = bad
		require.ErrorIs(t, w.twofa.Apply(ctx, w.S, forged), chatadmin.ErrInvalid, "%+v", bad)
	}
	p := w.plan(w.S, twofa.Policy{Mode: twofa.Authenticator, Validity: 90 * days, Recovery: true})
	require.ErrorIs(t, w.twofa.Apply(ctx, w.Host, p), chatadmin.ErrInvalid, "of another actor")
	require.ErrorIs(t, w.twofa.Apply(ctx, w.S, nil), chatadmin.ErrInvalid)
	other := *p
	other.Kind = chatadmin.KindGroupDefault
	require.ErrorIs(t, w.twofa.Apply(ctx, w.S, &other), chatadmin.ErrInvalid)
	require.NoError(t, w.twofa.Apply(ctx, w.S, p))
	require.NoError(t, w.twofa.Apply(ctx, w.S, p), "again: nothing to do")
	got, err := twofa.PolicyOf(w.Settings())
	require.NoError(t, err)
	require.Equal(t, p.Now, got)
	es := w.Events(twofa.KindMode)
	require.Len(t, es, 1)
	require.Equal(t, []chatadmin.FieldChange{{Field: "mode", Before: "off", After: "authenticator"}, {Field: "recovery", Before: "false", After: "true"}, {Field: "validity", Before: "0s", After: "2160h0m0s"}}, es[0].Changes[w.Domain])

	stale := w.plan(w.S, byMail)
	_, err = w.S.ChangeSettings(ctx, func(s *chatadmin.Settings) error { s.DefaultCountry = "NL"; return nil })
	require.NoError(t, err)
	require.ErrorIs(t, w.twofa.Apply(ctx, w.S, stale), chatadmin.ErrPlanStale)
}

// Between the plan and its use administrators lose their addresses: what was
// planned shut nobody out, so it is not applied. Whoever was counted as shut
// out is no reason to refuse.
func TestPlanIsStaleForAdministrators(t *testing.T) {
	w := newWorld(t, twofa.Policy{})
	d, boss, err := w.Admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Radio", Preset: chatadmin.ESChat, Admin: chatadmin.NewUser{Login: "boss", Email: "boss@radio.example", FirstName: "The", LastName: "Boss", NoInvitation: true}})
	require.NoError(t, err)
	s := w.Admin.AsHost(d.ID)
	second, err := s.CreateUser(ctx, chatadmin.NewUser{Login: "second", FirstName: "The", LastName: "Second", Role: boss.Role, NoInvitation: true})
	require.NoError(t, err)
	third, err := s.CreateUser(ctx, chatadmin.NewUser{Login: "third", Email: "third@radio.example", FirstName: "The", LastName: "Third", Role: boss.Role, NoInvitation: true})
	require.NoError(t, err)
	none, some := "", "boss@radio.example"
	address := func(u chatadmin.User, a *string) {
		_, err := s.EditUser(ctx, u.ID, chatadmin.UserEdit{Email: a})
		require.NoError(t, err)
	}

	p := w.plan(s, byMail)
	require.EqualValues(t, 3, p.Counts["administrators"])
	require.EqualValues(t, 1, p.Counts["administrators_out"])
	address(boss, &none)
	require.ErrorIs(t, w.twofa.Apply(ctx, s, p), chatadmin.ErrPlanStale, "two instead of one")
	_, err = s.DeactivateUsers(ctx, second.ID, third.ID)
	require.NoError(t, err)
	require.ErrorIs(t, w.twofa.Apply(ctx, s, p), chatadmin.ErrPlanStale, "one of one instead of three")
	address(boss, &some)
	require.NoError(t, w.twofa.Apply(ctx, s, p))

	address(boss, &none)
	require.NoError(t, w.twofa.Apply(ctx, s, w.plan(s, twofa.Policy{Mode: twofa.Off})))
	p = w.plan(s, byMail)
	require.Len(t, p.Blockers, 1)
	require.ErrorIs(t, w.twofa.Apply(ctx, s, p), chatadmin.ErrLastAdmin, "nobody could take it back")
}

// Who is denied access cannot come in, and is counted when they can.
func TestPlanLeavesOutDenied(t *testing.T) {
	w := newWorld(t, twofa.Policy{})
	ann := w.User("ann@acme.example")
	_, err := w.Host.DenyAccess(ctx, ann.ID)
	require.NoError(t, err)
	for want := range int64(2) {
		p := w.plan(w.Host, byApp)
		require.Equal(t, []int64{1 + want, 1 + want, 1 + want}, []int64{p.Counts["network"], p.Counts["affected"], p.Counts["to_enrol"]})
		_, _ = w.Host.GrantAccess(ctx, ann.ID)
	}
}

// A policy that changes while a code is on its way comes after that sign-in:
// the code counts, what it leaves behind does not. What was not read a moment
// before is read.
func TestSetModeWhileACodeIsOnItsWay(t *testing.T) {
	byAppFor := twofa.Policy{Mode: twofa.Authenticator, Validity: 30 * days}
	w := newWorld(t, byAppFor)
	ann := w.User("ann@acme.example")
	secret := w.enrol(ann)
	w.Clock.Advance(time.Minute)
	first, second := w.challenged(ann), w.challenged(ann)
	o, err := w.twofa.Open(ctx, w.Domain, first.ID)
	require.NoError(t, err)
	late, err := w.twofa.Open(ctx, w.Domain, second.ID)
	require.NoError(t, err)
	w.mode(byMail)
	a, err := w.twofa.Answer(ctx, o, w.code(secret), true)
	require.NoError(t, err)
	require.True(t, a.Right)
	require.False(t, a.Trust.IsZero())
	cs, err := w.twofa.Trusted(ctx, w.S, ann.ID)
	require.NoError(t, err)
	require.Empty(t, cs, "remembered by the policy before")
	asked, err := w.ask(ann, a.Trust.Reveal())
	require.NoError(t, err)
	require.NotNil(t, asked.Challenge)
	w.mode(byAppFor)
	cs, err = w.twofa.Trusted(ctx, w.S, ann.ID)
	require.NoError(t, err)
	require.Empty(t, cs, "nothing brings it back")

	w.Clock.Advance(time.Minute)
	_, err = w.twofa.Open(ctx, w.Domain, second.ID)
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
	late.Settings = nil
	_, err = w.twofa.Answer(ctx, late, w.code(secret), true)
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
}

// Exports tell who has it.
func TestExportTellsWhoHasIt(t *testing.T) {
	w := newWorld(t, twofa.Policy{})
	ann := w.User("ann@acme.example")
	w.User("bob@acme.example")
	column := func() map[string]string {
		var b bytes.Buffer
		_, err := csvimport.Export(ctx, w.S, &b, csvimport.Overview, nil)
		require.NoError(t, err)
		got := map[string]string{}
		for _, line := range bytes.Split(bytes.TrimSpace(b.Bytes()), []byte("\n"))[1:] {
			cells := bytes.Split(line, []byte(","))
			got[string(cells[0])] = string(bytes.ToLower(bytes.TrimSpace(cells[len(cells)-1])))
		}
		return got
	}
	off := column()["ann@acme.example"]
	w.mode(byMail)
	on := column()["ann@acme.example"]
	require.NotEqual(t, off, on)
	require.Equal(t, map[string]string{"boss@acme.example": on, "ann@acme.example": on, "bob@acme.example": on}, column())
	w.mode(byApp)
	w.enrol(ann)
	require.Equal(t, map[string]string{"boss@acme.example": off, "ann@acme.example": on, "bob@acme.example": off}, column())
}

// A veto of the host holds for the mode too, and for answers, which use nothing
// up then.
func TestVeto(t *testing.T) {
	w := newWorld(t, byApp)
	ann := w.User("ann@acme.example")
	secret := w.enrol(ann)
	w.Clock.Advance(time.Minute)
	c := w.challenged(ann)
	admin, f := w.process(w.Store, ringOf(t, "k1"), nil, func(o *chatadmin.Options) {
		o.Before = func(_ context.Context, i chatadmin.Intent) error {
			if i.Kind == twofa.KindMode || i.Kind == twofa.KindReset || i.Kind == twofa.KindAnswer {
				return fmt.Errorf("not today")
			}
			return nil
		}
	})
	host := admin.AsHost(w.Domain)
	p, err := f.Plan(ctx, host, byMail)
	require.NoError(t, err)
	require.ErrorIs(t, f.Apply(ctx, host, p), chatadmin.ErrVetoed)
	require.ErrorIs(t, f.Reset(ctx, host, w.Boss.ID), chatadmin.ErrVetoed)
	_, err = answer(f, w.Domain, c.ID, w.code(secret))
	require.ErrorIs(t, err, chatadmin.ErrVetoed)
	a, err := w.answer(c.ID, w.code(secret))
	require.NoError(t, err)
	require.True(t, a.Right)
}

// Two-factor authentication that is switched on while a password is verified is
// asked for.
func TestSwitchedOnWhileVerifying(t *testing.T) {
	w := newWorld(t, twofa.Policy{})
	ann := w.User("ann@acme.example")
	g, err := signin.New(w.Admin, &signin.Options{SecondFactor: w.twofa})
	require.NoError(t, err)
	d, err := g.SignIn(ctx, w.Domain, signin.Attempt{Login: ann.Login, Client: signin.Web}, func(context.Context, chatadmin.User) (bool, error) {
		w.Clock.Advance(2 * time.Second)
		w.mode(byMail)
		return true, nil
	})
	require.NoError(t, err)
	require.Equal(t, signin.Challenged, d.Outcome)
}
