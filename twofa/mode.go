package twofa

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

// ModePlan says what a policy would do before it is in force. Counts are of users who can come in (pending and active, and not denied):
//
//	network, guests   who they are
//	affected          of those, who would be asked for a code where they were not, or for another kind of code
//	cannot_pass       who would be asked for a code by e-mail and have no usable address
//	administrators    administrators in force
//	administrators_out  of those, who are among cannot_pass
//	to_enrol          who would set up an authenticator when they sign in next
//	forgotten         remembered clients that would be asked again
//	interrupted       sign-ins under way that would have to begin anew
type ModePlan struct {
	chatadmin.Plan
	Was Policy `json:"was"`
	Now Policy `json:"now"`
	// CannotPass names the first hundred of those who could not pass.
	CannotPass []chatadmin.ID `json:"cannot_pass,omitempty"`
}

const maxNamed = 100

// PlanMode counts what a policy would do, and changes nothing. It needs chatadmin.PermTwoFactor. It reads all users of the domain, page by page.
func (t *Service) PlanMode(ctx context.Context, s *chatadmin.Scope, p Policy) (*ModePlan, error) {
	d, set, err := s.View(ctx, chatadmin.PermTwoFactor)
	if err != nil {
		return nil, err
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	was, err := decodePolicy(set.Policies[policyName])
	if err != nil {
		return nil, err
	}
	plan := &ModePlan{Was: was.policy(), Now: p, Plan: chatadmin.Plan{Kind: KindMode, Domain: s.Domain(), Actor: s.Actor(), Made: t.admin.Now(), DomainRev: d.Rev, Subject: d.ID, Rev: d.Rev, Name: d.Name,
		Counts: map[string]int64{"network": 0, "guests": 0, "affected": 0, "cannot_pass": 0, "administrators": 0, "administrators_out": 0, "to_enrol": 0, "forgotten": 0, "interrupted": 0}}}
	c := counting{plan: plan, was: was, now: was.become(p, plan.Made)}
	q := chatadmin.UserQuery{Domain: s.Domain(), Statuses: []chatadmin.Status{chatadmin.Pending, chatadmin.Active}}
	for page := (chatadmin.Page{Limit: chatadmin.MaxBatch}); ; {
		users, next, err := t.admin.Store().ListUsers(ctx, q, page)
		if err == nil {
			err = c.users(ctx, t.admin.Store(), users)
		}
		if err != nil {
			return nil, err
		}
		if page.After = next; next == "" {
			break
		}
	}
	c.warn(t.admin.Options().Mailer != nil)
	return plan, nil
}

// counting fills a plan.
type counting struct {
	plan     *ModePlan
	was, now stored
}

func (c *counting) users(ctx context.Context, r chatadmin.Reader, users []chatadmin.User) error {
	if len(users) == 0 {
		return nil
	}
	keys := make([]chatadmin.Key, len(users))
	for i := range users {
		keys[i] = stateKey(users[i].Domain, users[i].ID)
	}
	rs, err := r.Records(ctx, keys)
	if err != nil {
		return err
	}
	enrolled := make(map[string]bool, len(rs))
	for _, r := range rs {
		st, err := decodeState(r)
		if err != nil {
			continue // who has it cannot pass, and setting it up anew is what a reset comes to
		}
		enrolled[r.ID] = st.enrolled()
		c.outstanding(&st)
	}
	n := c.plan.Counts
	for i := range users {
		u := &users[i]
		if u.Denied {
			continue
		}
		if u.Kind == chatadmin.Guest {
			n["guests"]++
		} else {
			n["network"]++
		}
		if c.now.Mode != c.was.Mode && c.now.Mode != Off {
			n["affected"]++
		}
		if c.now.Mode == Authenticator && !enrolled[string(u.ID)] {
			n["to_enrol"]++
		}
		if u.AdminInForce() {
			n["administrators"]++
		}
		if c.now.Mode.passes(u) {
			continue
		}
		n["cannot_pass"]++
		if u.AdminInForce() {
			n["administrators_out"]++
		}
		if len(c.plan.CannotPass) < maxNamed {
			c.plan.CannotPass = append(c.plan.CannotPass, u.ID)
		}
	}
	return nil
}

// passes reports whether there is a way to a code for a user.
func (m Mode) passes(u *chatadmin.User) bool {
	return m != Email || chatadmin.CheckEmail(u.Email) == nil
}

// outstanding counts what the change would end.
func (c *counting) outstanding(st *state) {
	at := c.plan.Made
	for i := range st.Remembered {
		if r := &st.Remembered[i]; !c.was.until(r, at).IsZero() && c.now.until(r, at).IsZero() {
			c.plan.Counts["forgotten"]++
		}
	}
	if c.now.Epoch != c.was.Epoch {
		for i := range st.Challenges {
			if ch := &st.Challenges[i]; ch.Epoch == c.was.Epoch && at.Before(ch.Expires) {
				c.plan.Counts["interrupted"]++
			}
		}
	}
}

func (c *counting) warn(mailer bool) {
	warn := func(format string, args ...any) {
		c.plan.Warnings = append(c.plan.Warnings, fmt.Sprintf(format, args...))
	}
	if n := c.plan.Counts["cannot_pass"]; n > 0 {
		warn("%d users have no usable e-mail address and could not sign in by password", n)
	}
	if n := c.plan.Counts["administrators_out"]; n > 0 && n == c.plan.Counts["administrators"] {
		warn("no administrator could sign in by password: give one an e-mail address first")
	}
	if c.now.Mode == Email && !mailer {
		warn("this program has no Mailer: it cannot send codes")
	}
}

// SetMode puts a plan in force. What is outstanding ends in the same transaction: challenges of another mode, and remembered clients that the new mode or validity period would not have. Enrolled
// authenticators stay, for when the domain returns to them. It refuses a plan of somebody else or for something else (chatadmin.ErrInvalid), and one made before the domain's settings changed
// or an administrator lost the address that a code would go to (chatadmin.ErrPlanStale). It needs chatadmin.PermTwoFactor.
func (t *Service) SetMode(ctx context.Context, s *chatadmin.Scope, plan *ModePlan) error {
	if _, _, err := s.View(ctx, chatadmin.PermTwoFactor); err != nil {
		return err
	}
	if plan == nil || plan.Kind != KindMode || plan.Domain != s.Domain() || plan.Actor != s.Actor() {
		return fmt.Errorf("this plan was made for something else or by somebody else: %w", chatadmin.ErrInvalid)
	}
	p := plan.Now
	if err := p.check(); err != nil {
		return err
	}
	return s.SetPolicy(ctx, KindMode, chatadmin.PermTwoFactor, policyName, func(w *chatadmin.Work, was json.RawMessage) (json.RawMessage, []chatadmin.FieldChange, error) {
		before, err := decodePolicy(was)
		if err != nil || before.policy() == p {
			return was, nil, err
		}
		if w.Domain.Rev != plan.DomainRev {
			return nil, nil, fmt.Errorf("the domain's settings have changed since: %w", chatadmin.ErrPlanStale)
		}
		if err := plan.stillPass(ctx, w); err != nil {
			return nil, nil, err
		}
		if before.Mode == Off { // whoever is signed in has given no code
			if err := w.End(ctx, chatadmin.CauseTwoFactorOn, time.Time{}); err != nil {
				return nil, nil, err
			}
		}
		data, err := json.Marshal(before.become(p, w.Now()))
		return data, before.policy().diff(p), err
	})
}

// stillPass refuses a plan by which administrators would be shut out whom it did not count, or all where some could pass: nobody might be left to take it back.
func (p *ModePlan) stillPass(ctx context.Context, w *chatadmin.Work) error {
	if p.Now.Mode != Email {
		return nil
	}
	ids, err := w.AdminsInForce(ctx)
	if err != nil {
		return err
	}
	admins, err := w.Users(ctx, w.Domain.ID, ids)
	if err != nil {
		return err
	}
	out := 0
	for i := range admins {
		if !p.Now.Mode.passes(&admins[i]) {
			out++
		}
	}
	planned := p.Counts["administrators_out"]
	if int64(out) > planned || out > 0 && out == len(admins) && planned < p.Counts["administrators"] {
		return fmt.Errorf("%d of %d administrators could not sign in by password any more; plan it anew: %w", out, len(admins), chatadmin.ErrPlanStale)
	}
	return nil
}

func (p Policy) diff(now Policy) []chatadmin.FieldChange {
	var fields []chatadmin.FieldChange
	for _, f := range []chatadmin.FieldChange{{Field: "mode", Before: string(p.Mode), After: string(now.Mode)}, {Field: "validity", Before: p.Validity.String(), After: now.Validity.String()},
		{Field: "recovery", Before: strconv.FormatBool(p.Recovery), After: strconv.FormatBool(now.Recovery)}} {
		if f.Before != f.After {
			fields = append(fields, f)
		}
	}
	return fields
}
