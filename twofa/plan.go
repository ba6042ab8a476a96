package twofa

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

// Plan says what a policy would do before it is in force. Counts are of users
// who can come in: pending and active ones who are not denied.
//
//	network, guests     by their kind
//	affected            are asked for a code where they were not, or for another kind
//	cannot_pass         have no usable e-mail address although codes go there, or a
//	                    two-factor state that cannot be read
//	administrators      administrators in force
//	administrators_out  of those, the ones among cannot_pass
//	to_enrol            set up an authenticator when they sign in next
//	forgotten           remembered clients that are asked again
//	interrupted         sign-ins under way that must begin anew
type Plan struct {
	chatadmin.PlanHeader
	Counts   map[string]int64 `json:"counts"`
	Warnings []texts.Message  `json:"warnings,omitempty"`
	Was      Policy           `json:"was"`
	Now      Policy           `json:"now"`
	// CannotPass names the first hundred users who could not pass.
	CannotPass []chatadmin.ID `json:"cannot_pass,omitempty"`
	// Blockers stand in the way: Apply refuses while there are any.
	Blockers []Blocker `json:"blockers,omitempty"`
}

// Blocker is a reason why a policy cannot be put in force.
type Blocker struct {
	Code    string `json:"code"` // "no_admin" or "no_mailer"
	Message string `json:"message"`
}

// BlockedError is the error of Apply for a policy that would shut the
// domain out. errors.Is finds chatadmin.ErrLastAdmin in it if no administrator
// could sign in any more, and ErrNoMailer if this program has no Mailer for the
// codes.
type BlockedError struct{ Blockers []Blocker }

// Error implements error.
func (e *BlockedError) Error() string {
	all := make([]string, len(e.Blockers))
	for i, b := range e.Blockers {
		all[i] = b.Message
	}
	return strings.Join(all, "; ")
}

// Unwrap returns the errors of the blockers.
func (e *BlockedError) Unwrap() []error {
	var errs []error
	for _, b := range e.Blockers {
		switch b.Code {
		case blockerNoAdmin:
			errs = append(errs, chatadmin.ErrLastAdmin)
		case blockerNoMailer:
			errs = append(errs, ErrNoMailer)
		}
	}
	return errs
}

const (
	blockerNoAdmin  = "no_admin"
	blockerNoMailer = "no_mailer"
)

// blockers lists the reasons against a mode, given the number of administrators
// in force and of those among them who could not sign in.
func (t *Service) blockers(m Mode, admins, out int64) []Blocker {
	var all []Blocker
	if m != Off && out > 0 && out >= admins {
		message := "no administrator could sign in by password any more: reset the two-factor authentication of one first"
		if m == Email {
			message = "no administrator could sign in by password any more: give one a working e-mail address first"
		}
		all = append(all, Blocker{blockerNoAdmin, message})
	}
	if m == Email && t.admin.Options().Mailer == nil {
		all = append(all, Blocker{blockerNoMailer, "this program has no Mailer and cannot send codes: set chatadmin.Options.Mailer first"})
	}
	return all
}

const maxNamed = 100

// modeCounts are the names of all counts of a Plan.
var modeCounts = []string{"network", "guests", "affected", "cannot_pass", "administrators", "administrators_out", "to_enrol", "forgotten", "interrupted"}

// Plan counts what a policy would do, and changes nothing. It needs
// chatadmin.PermTwoFactor. It reads all users of the domain, page by page.
func (t *Service) Plan(ctx context.Context, s *chatadmin.Scope, p Policy) (*Plan, error) {
	if err := scoped(s); err != nil {
		return nil, err
	}
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
	plan := &Plan{PlanHeader: s.PlanHeader(KindMode, planBasis(d)), Was: was.policy(), Now: p, Counts: map[string]int64{}}
	for _, name := range modeCounts {
		plan.Counts[name] = 0
	}
	c := counting{plan: plan, was: was, now: was.become(p, plan.Made)}
	q := chatadmin.UserQuery{Domain: s.Domain(), Statuses: []chatadmin.Status{chatadmin.Pending, chatadmin.Active}}
	for page := (chatadmin.Page{Limit: chatadmin.MaxBatch}); ; {
		users, next, err := s.Admin().Store().ListUsers(ctx, q, page)
		if err == nil {
			err = c.users(ctx, s.Admin().Store(), users)
		}
		if err != nil {
			return nil, err
		}
		if page.After = next; next == "" {
			break
		}
	}
	if n := plan.Counts["cannot_pass"]; n > 0 {
		code := "warn.twofa_damaged"
		if p.Mode == Email {
			code = "warn.twofa_email"
		}
		plan.Warnings = append(plan.Warnings, texts.NewMessage(code, n))
	}
	plan.Blockers = t.blockers(p.Mode, plan.Counts["administrators"], plan.Counts["administrators_out"])
	return plan, nil
}

// planBasis names the state of the domain's settings that a plan rests on.
func planBasis(d chatadmin.Domain) string { return strconv.FormatInt(int64(d.Rev), 10) }

// counting fills a plan.
type counting struct {
	plan     *Plan
	was, now stored
}

func (c *counting) users(ctx context.Context, r storage.Reader, users []chatadmin.User) error {
	if len(users) == 0 {
		return nil
	}
	keys := make([]storage.Key, len(users))
	for i := range users {
		keys[i] = stateKey(users[i].Domain, users[i].ID)
	}
	rs, err := r.Records(ctx, keys)
	if err != nil {
		return err
	}
	enrolled, broken := make(map[string]bool, len(rs)), map[string]bool{}
	for _, r := range rs {
		st, err := decodeState(r)
		if err != nil {
			// who has it cannot pass, and setting it up anew is what a reset
			// comes to
			broken[r.ID] = true
			continue
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
		if c.now.Mode.passes(u, broken[string(u.ID)]) {
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

// passes reports whether there is a way to a code for a user. A broken state is
// one that cannot be read: it lets nobody in until a reset.
func (m Mode) passes(u *chatadmin.User, broken bool) bool {
	return m == Off || !broken && (m != Email || chatadmin.CheckEmail(u.Email) == nil)
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

// Apply puts a plan in force. What is outstanding ends in the same
// transaction: challenges of another mode, and remembered clients that the new
// mode or validity period would not have. Enrolled authenticators stay, for
// when the domain returns to them. It needs chatadmin.PermTwoFactor.
//
// It returns chatadmin.ErrInvalid for a plan of somebody else, for something
// else, or with values that no plan has; chatadmin.ErrPlanStale for one made
// before the domain's settings changed, or before administrators lost the way
// to a code; and a *BlockedError if no administrator could then sign in, or if
// this program has no Mailer and the mode needs one.
func (t *Service) Apply(ctx context.Context, s *chatadmin.Scope, plan *Plan) error {
	if err := scoped(s); err != nil {
		return err
	}
	if _, _, err := s.View(ctx, chatadmin.PermTwoFactor); err != nil {
		return err
	}
	if err := plan.check(s); err != nil {
		return err
	}
	p := plan.Now
	return s.SetPolicy(ctx, KindMode, chatadmin.PermTwoFactor, policyName, func(w *chatadmin.Writer, was json.RawMessage) (json.RawMessage, []chatadmin.FieldChange, error) {
		before, err := decodePolicy(was)
		if err != nil || before.policy() == p {
			return was, nil, err
		}
		if err := plan.Stale(planBasis(w.Domain), "the domain's settings"); err != nil {
			return nil, nil, err
		}
		if before.policy() != plan.Was {
			return nil, nil, fmt.Errorf("the domain's policy changed after the plan was made: %w", chatadmin.ErrPlanStale)
		}
		if err := t.stillPass(ctx, w, plan); err != nil {
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

// check refuses a plan that Plan cannot have made for this scope: it comes from
// outside.
func (p *Plan) check(s *chatadmin.Scope) error {
	var h *chatadmin.PlanHeader
	if p != nil {
		h = &p.PlanHeader
	}
	if err := h.Check(s, KindMode); err != nil {
		return err
	}
	if err := p.Now.check(); err != nil {
		return err
	}
	if err := p.Was.check(); err != nil {
		return fmt.Errorf("the policy before: %w", err)
	}
	if err := chatadmin.Counts(p.Counts).CheckPlan(modeCounts...); err != nil {
		return err
	}
	if len(p.Counts) != len(modeCounts) || len(p.CannotPass) > maxNamed {
		return fmt.Errorf("this plan has other counts than it was made with: make it again: %w", chatadmin.ErrInvalid)
	}
	n := p.Counts
	all := n["network"] + n["guests"]
	if n["administrators"] > all || n["administrators_out"] > n["administrators"] || n["cannot_pass"] > all || n["affected"] > all || n["to_enrol"] > all {
		return fmt.Errorf("the counts of this plan contradict each other: make it again: %w", chatadmin.ErrInvalid)
	}
	return nil
}

// stillPass refuses a plan if more administrators would be shut out than it
// counted, or all of them: nobody might be left to take it back.
func (t *Service) stillPass(ctx context.Context, w *chatadmin.Writer, p *Plan) error {
	if p.Now.Mode == Off {
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
	broken, err := brokenStates(ctx, w, ids)
	if err != nil {
		return err
	}
	out := int64(0)
	for i := range admins {
		if !p.Now.Mode.passes(&admins[i], broken[admins[i].ID]) {
			out++
		}
	}
	planned := p.Counts["administrators_out"]
	if out > planned || out > 0 && out == int64(len(admins)) && planned < p.Counts["administrators"] {
		return texts.Explain(fmt.Errorf("%d of %d administrators could not sign in by password any more; plan it anew: %w", out, len(admins), chatadmin.ErrPlanStale),
			"why.admins_out", out, len(admins))
	}
	if all := t.blockers(p.Now.Mode, int64(len(admins)), out); len(all) > 0 {
		return &BlockedError{all}
	}
	return nil
}

// brokenStates finds those of at most chatadmin.MaxBatch users whose state
// cannot be read.
func brokenStates(ctx context.Context, w *chatadmin.Writer, users []chatadmin.ID) (map[chatadmin.ID]bool, error) {
	broken := map[chatadmin.ID]bool{}
	if len(users) == 0 {
		return broken, nil
	}
	keys := make([]storage.Key, len(users))
	for i, u := range users {
		keys[i] = stateKey(w.Domain.ID, u)
	}
	rs, err := w.Records(ctx, keys)
	for _, r := range rs {
		if _, err := decodeState(r); err != nil {
			broken[chatadmin.ID(r.ID)] = true
		}
	}
	return broken, err
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
