package twofa

import (
	"context"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/signin"
)

// Explanation says what a user would be asked for, and why.
type Explanation struct {
	Asks bool // a code is asked for, but of a remembered client
	// why; RuleTrusted where a client of this kind is remembered
	Rule Rule
	// what is asked for: Email or Authenticator; "" where nothing is
	Kind     Mode
	Enrolled bool // the user has an authenticator
	Recovery int  // recovery codes left that the domain allows
	Codes    bool // the domain allows recovery codes: see RecoveryCodes
	// CannotPass is why a user who is asked could not answer: ErrNoAddress,
	// ErrTooMany, or nil.
	CannotPass error
	// TrustedUntil is until when the client of this kind that is remembered
	// longest is not asked; zero where none is.
	TrustedUntil time.Time
}

// Explain returns what a user would be asked for with a client and a method, by
// which rule, and until when a client of this kind is remembered. It changes
// nothing. It needs chatadmin.PermTwoFactor; users need no permission for
// themselves.
func (t *Service) Explain(ctx context.Context, s *chatadmin.Scope, user chatadmin.ID, client signin.Client, method signin.Method) (Explanation, error) {
	v, err := t.look(ctx, s, user)
	if err != nil {
		return Explanation{}, err
	}
	now := t.admin.Now()
	e := Explanation{Rule: Decide(v.policy.policy(), client, method), Enrolled: v.state.enrolled(), Recovery: len(v.state.recovery(v.policy)), Codes: v.policy.policy().Recovery}
	if e.Rule != RuleAsked {
		return e, nil
	}
	e.Asks, e.Kind = true, v.policy.Mode
	e.CannotPass = v.state.mayAnswer(now)
	if e.Kind == Email {
		switch {
		case chatadmin.CheckEmail(v.user.Email) != nil:
			e.CannotPass = ErrNoAddress
		case e.CannotPass == nil:
			e.CannotPass = v.state.mayMail(now)
		}
	}
	for _, c := range v.clients(now) {
		if c.Client == client && c.Until.After(e.TrustedUntil) {
			e.Rule, e.TrustedUntil = RuleTrusted, c.Until
		}
	}
	return e, nil
}
