package twofa_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/twofa"
)

// A call without a scope, a plan, settings or an ID is refused, and does not
// panic.
func TestNothingGiven(t *testing.T) {
	w := newWorld(t, byApp)
	f := w.twofa
	for _, s := range []*chatadmin.Scope{nil, {}} {
		for name, call := range map[string]func() error{
			"Plan":             func() error { _, err := f.Plan(ctx, s, byMail); return err },
			"Policy":           func() error { _, err := f.Policy(ctx, s); return err },
			"Apply":            func() error { return f.Apply(ctx, s, w.plan(w.S, byMail)) },
			"Reset":            func() error { return f.Reset(ctx, s, w.Boss.ID) },
			"Explain":          func() error { _, err := f.Explain(ctx, s, w.Boss.ID, signin.Web, signin.Password); return err },
			"Trusted":          func() error { _, err := f.Trusted(ctx, s, w.Boss.ID); return err },
			"RevokeTrusted":    func() error { return f.RevokeTrusted(ctx, s, w.Boss.ID) },
			"RevokeAllTrusted": func() error { return f.RevokeAllTrusted(ctx, s, w.Boss.ID) },
			"RecoveryCodes":    func() error { _, err := f.RecoveryCodes(ctx, s, w.Boss.ID); return err },
			"Reseal":           func() error { _, err := f.Reseal(ctx, s, nil); return err },
			"ResumeReseal":     func() error { _, err := f.ResumeReseal(ctx, s, "x", nil); return err },
		} {
			require.NotPanics(t, func() { require.ErrorIs(t, call(), chatadmin.ErrForbidden, name) }, name)
		}
	}
	require.NotPanics(t, func() {
		require.ErrorIs(t, f.Apply(ctx, w.S, nil), chatadmin.ErrInvalid)
		_, err := f.Ask(ctx, nil, w.Boss, signin.Attempt{})
		require.ErrorIs(t, err, chatadmin.ErrInvalid)
		_, err = f.Ask(ctx, w.Settings(), chatadmin.User{}, signin.Attempt{})
		require.ErrorIs(t, err, chatadmin.ErrNotFound)
		_, err = f.Open(ctx, "", "")
		require.ErrorIs(t, err, chatadmin.ErrNotFound)
		_, err = f.Answer(ctx, signin.Open{}, "", false)
		require.ErrorIs(t, err, chatadmin.ErrNotFound)
		_, err = f.Challenge(ctx, "", "")
		require.ErrorIs(t, err, chatadmin.ErrNotFound)
		_, err = f.Resend(ctx, "", "")
		require.ErrorIs(t, err, chatadmin.ErrNotFound)
		_, err = f.SendNotices(ctx, "")
		require.ErrorIs(t, err, nil)
		_, err = twofa.PolicyOf(nil)
		require.ErrorIs(t, err, chatadmin.ErrInvalid)
		require.ErrorIs(t, f.Reset(ctx, w.S, ""), chatadmin.ErrNotFound)
	})

	// Without a ring nobody signs in, and nothing else is refused.
	_, none := w.process(w.Store, nil, nil)
	_, err := none.Ask(ctx, w.Settings(), w.Boss, attempt(""))
	require.ErrorIs(t, err, twofa.ErrNoKeys)
	_, err = none.Answer(ctx, signin.Open{}, "123456", false)
	require.ErrorIs(t, err, twofa.ErrNoKeys)
	_, err = none.Reseal(ctx, w.Host, nil)
	require.ErrorIs(t, err, twofa.ErrNoKeys)
}
