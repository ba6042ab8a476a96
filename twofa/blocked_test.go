package twofa_test

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/twofa"
)

// A mode by which no administrator could then sign in, or that needs a Mailer
// where there is none, is a blocker of the plan, and is not put in force, also
// by the host.
func TestModeThatShutsOut(t *testing.T) {
	w, _ := gated(t, twofa.Policy{})
	second, err := w.Host.CreateUser(ctx, func() chatadmin.NewUser {
		u := radio("second", "second@radio.example")
		u.Role = chatadmin.RoleAdmin
		return u
	}())
	require.NoError(t, err)
	address := func(u chatadmin.User, email string) {
		_, err := w.Host.EditUser(ctx, u.ID, chatadmin.UserEdit{Email: &email})
		require.NoError(t, err)
	}
	silent, silently := w.process(w.Store, ringOf(t, "k1"), nil, func(o *chatadmin.Options) { o.Mailer = nil })
	for name, c := range map[string]struct {
		addresses int // of the two administrators
		mode      twofa.Mode
		mailer    bool
		want      []string
	}{
		"both have one":     {2, twofa.Email, true, nil},
		"one has one":       {1, twofa.Email, true, nil},
		"nobody has one":    {0, twofa.Email, true, []string{"no_admin"}},
		"no Mailer":         {2, twofa.Email, false, []string{"no_mailer"}},
		"neither":           {0, twofa.Email, false, []string{"no_admin", "no_mailer"}},
		"app, no addresses": {0, twofa.Authenticator, true, nil},
		"app, no Mailer":    {0, twofa.Authenticator, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			address(w.Boss, map[bool]string{true: "boss@radio.example"}[c.addresses > 0])
			address(second, map[bool]string{true: "second@radio.example"}[c.addresses > 1])
			f, host := w.twofa, w.Host
			if !c.mailer {
				f, host = silently, silent.AsHost(w.Domain)
			}
			plan, err := f.Plan(ctx, host, twofa.Policy{Mode: c.mode})
			require.NoError(t, err)
			var codes []string
			for _, b := range plan.Blockers {
				codes = append(codes, b.Code)
				require.NotEmpty(t, b.Message)
			}
			require.Equal(t, c.want, codes)
			plan.Blockers = nil // whoever takes them out of the plan gains nothing
			err = f.Apply(ctx, host, plan)
			if c.want == nil {
				require.NoError(t, err)
			} else {
				var blocked *twofa.BlockedError
				require.ErrorAs(t, err, &blocked)
				for _, code := range c.want {
					require.ErrorIs(t, err, map[string]error{"no_admin": chatadmin.ErrLastAdmin, "no_mailer": twofa.ErrNoMailer}[code])
				}
				now, err := twofa.PolicyOf(w.Settings())
				require.NoError(t, err)
				require.Equal(t, twofa.Off, now.Mode)
			}
			w.mode(twofa.Policy{Mode: twofa.Off})
		})
	}
}

// An administrator whose state cannot be read cannot sign in, in neither mode.
// Switching off is always possible.
func TestModeWithAnUnreadableAdministrator(t *testing.T) {
	for _, data := range []string{`{"v":2}`, `{`, `{}`, `null`, `{"v":1,"lost":true}`} {
		w := newWorld(t, byApp)
		w.enrol(w.Boss)
		bad := w.record(w.Boss)
		bad.Data = []byte(data)
		w.PutRecord(bad)
		for _, p := range []twofa.Policy{byMail, {Mode: twofa.Authenticator, Validity: days}} {
			plan := w.plan(w.Host, p)
			require.Equal(t, []int64{1, 1, 1}, []int64{plan.Counts["cannot_pass"], plan.Counts["administrators"], plan.Counts["administrators_out"]}, data)
			require.Len(t, plan.Blockers, 1)
			require.ErrorIs(t, w.twofa.Apply(ctx, w.Host, plan), chatadmin.ErrLastAdmin)
		}
		off := w.plan(w.Host, twofa.Policy{Mode: twofa.Off})
		require.Empty(t, off.Blockers)
		require.NoError(t, w.twofa.Apply(ctx, w.Host, off))
	}
}

// A plan comes back from outside: whatever it says that no plan says is
// refused, and what it says of users is not believed.
func TestForgedModePlan(t *testing.T) {
	w := newWorld(t, twofa.Policy{})
	good, err := json.Marshal(w.plan(w.S, byApp))
	require.NoError(t, err)
	forge := func(change func(p map[string]any)) *twofa.Plan {
		var p map[string]any
		d := json.NewDecoder(bytes.NewReader(good))
		d.UseNumber() // revisions are longer than a float64 holds
		require.NoError(t, d.Decode(&p))
		change(p)
		data, err := json.Marshal(p)
		require.NoError(t, err)
		var plan twofa.Plan
		require.NoError(t, json.Unmarshal(data, &plan))
		return &plan
	}
	policy := func(which, field string, value any) func(map[string]any) {
		return func(p map[string]any) { p[which].(map[string]any)[field] = value }
	}
	count := func(name string, n any) func(map[string]any) { return policy("counts", name, n) }
	for name, change := range chatadmintest.InOrder(map[string]func(map[string]any){
		"no mode":                func(p map[string]any) { p["now"] = map[string]any{} },
		"null":                   func(p map[string]any) { p["now"] = nil; p["was"] = nil },
		"mode":                   policy("now", "mode", "xx"),
		"mode in capitals":       policy("now", "mode", "OFF"),
		"validity":               policy("now", "validity", int64(91*days)),
		"negative validity":      policy("now", "validity", -1),
		"recovery without app":   func(p map[string]any) { p["now"] = map[string]any{"mode": "email", "recovery": true} },
		"mode before":            policy("was", "mode", "xx"),
		"kind":                   func(p map[string]any) { p["kind"] = "twofa.reset" },
		"basis and counts":       func(p map[string]any) { p["basis"], p["counts"] = "", map[string]any{} },
		"actor":                  func(p map[string]any) { p["actor"] = "host" },
		"no counts":              func(p map[string]any) { p["counts"] = nil },
		"a count is missing":     func(p map[string]any) { delete(p["counts"].(map[string]any), "administrators_out") },
		"an unknown count":       count("xx", 1),
		"a negative count":       count("administrators_out", -1),
		"more out than there":    count("administrators_out", 2),
		"more admins than users": count("administrators", 99),
		"more out than users":    count("cannot_pass", 99),
		"a huge count":           count("network", int64(math.MinInt64)),
		"too many names":         func(p map[string]any) { p["cannot_pass"] = make([]string, 101) },
	}) {
		require.ErrorIs(t, w.twofa.Apply(ctx, w.S, forge(change)), chatadmin.ErrInvalid, name)
	}
	for name, change := range chatadmintest.InOrder(map[string]func(map[string]any){
		"policy before": policy("was", "mode", "authenticator"),
		"an older one":  func(p map[string]any) { p["basis"] = "7" },
		"no basis":      func(p map[string]any) { delete(p, "basis") },
	}) {
		require.ErrorIs(t, w.twofa.Apply(ctx, w.S, forge(change)), chatadmin.ErrPlanStale, name)
	}
	other := forge(func(p map[string]any) { p["domain"] = "other" })
	require.ErrorIs(t, w.twofa.Apply(ctx, w.S, other), chatadmin.ErrNotFound, "another domain looks like none")
	require.ErrorIs(t, w.twofa.Apply(ctx, w.S, nil), chatadmin.ErrInvalid)
	require.ErrorIs(t, w.twofa.Apply(ctx, w.S, &twofa.Plan{}), chatadmin.ErrInvalid)
	now, err := twofa.PolicyOf(w.Settings())
	require.NoError(t, err)
	require.Equal(t, twofa.Off, now.Mode)
	require.NoError(t, w.twofa.Apply(ctx, w.S, forge(func(map[string]any) {})), "as it was made")
}

// A stored policy with values that no policy has lets nobody in without a code:
// it is refused, and not read as "off".
func TestForgedPolicy(t *testing.T) {
	for _, data := range []string{`{}`, `null`, `[]`, `{"v":1}`, `{"v":0,"mode":"off"}`, `{"v":2,"mode":"off"}`, `{"v":1,"mode":"xx"}`, `{"v":1,"mode":"off","validity":-1}`,
		`{"v":1,"mode":"email","validity":18446744074}`, `{"v":1,"mode":"email","validity":9223372036854775807}`, `{"v":-1,"mode":"email"}`} {
		set := chatadmin.Settings{Policies: map[string]json.RawMessage{"twofa": json.RawMessage(data)}}
		p, err := twofa.PolicyOf(&set)
		require.Error(t, err, data)
		require.NotEqual(t, twofa.Off, p.Mode, data)
	}
	_, err := twofa.PolicyOf(nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	w := newWorld(t, byApp)
	_, err = w.twofa.Ask(ctx, nil, w.Boss, attempt(""))
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
}
