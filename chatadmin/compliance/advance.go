package compliance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

// lease is how long one call may take for a step before another one makes it
// again.
const lease = 5 * time.Minute

// Input is what an actor says of a step.
type Input struct {
	// Document is a reference to the document that Send, Sign and Countersign
	// are about, such as the ID of an envelope: 1 to 250 bytes without blanks. It
	// is shown, so it must not be a link that lets anybody in. Host.Do may give
	// it instead. Other steps can have one, too.
	Document string `json:"document,omitempty"`
	// Funds is what became of them, for Settle.
	Funds Funds `json:"funds,omitempty"`
}

// faults are all that is wrong with the input of a step.
func (in Input) faults(m move, host bool) error {
	var wrong []*chatadmin.FieldError
	add := func(field, value, code, reason string) {
		wrong = append(wrong, &chatadmin.FieldError{Field: field, Value: chatadmin.Cut(value), Code: code, Reason: reason})
	}
	switch {
	case in.Document == "" && m.document && !host:
		add("document", "", chatadmin.CodeMissing, "give a reference to the document, such as its ID")
	case !reference(in.Document):
		why := texts.NewMessage("why.document", maxText)
		add("document", in.Document, CodeBadDocument, why.Text)
		wrong[len(wrong)-1].Detail = why
	}
	funds := in.Funds == Transferred || in.Funds == Refunded || in.Funds == NoFunds
	switch {
	case m.step == Settle && !funds:
		add("funds", string(in.Funds), CodeBadFunds, "say what became of what was paid: transferred, refunded, or none if nothing was left")
	case m.step != Settle && in.Funds != "":
		add("funds", string(in.Funds), CodeNotOfThisStep, "only the step settle is about funds")
	}
	if len(wrong) > 0 {
		return &chatadmin.FieldErrors{Fields: wrong}
	}
	return nil
}

// reference reports whether a text can be a reference to a document, or is "".
func reference(s string) bool {
	return len(s) <= maxText && printable(s) && !strings.Contains(s, " ")
}

// Advance makes a step of an agreement: its side effect first, and then it is
// written down with its actor. Repeating the step that was made last does
// nothing.
//
// It returns a *StepError if the step is not the next one, ErrUnderWay if
// somebody else makes it, and what Host.Do has said if that failed: then the
// agreement is in its state as before, and Agreement.Problem says why. See the
// package documentation for who may make which step.
func (x *Agreements) Advance(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID, step Step, in Input) (Agreement, error) {
	m, err := find(step)
	if err != nil {
		return Agreement{}, err
	}
	claimed, err := x.claim(ctx, s, id, m, in)
	if err == nil && claimed != nil {
		err = x.carryOut(ctx, s, claimed)
	}
	if err != nil {
		return Agreement{}, err
	}
	return x.Agreement(ctx, s, id)
}

// may refuses actors who may not make a step.
func (m move) may(s *chatadmin.Scope, r *request) error {
	switch {
	case s.Actor() == chatadmin.HostActor:
	case m.customer && s.Domain() == r.New, m.step == Cancel && s.Domain() == r.Old && r.State == Requested:
	case m.customer:
		return texts.Explain(fmt.Errorf("the step %q is made by an administrator of the new domain: %w", m.step, chatadmin.ErrForbidden), "why.step_customer")
	default:
		return texts.Explain(fmt.Errorf("the step %q is made by the application itself: %w", m.step, chatadmin.ErrForbidden), "why.step_application")
	}
	return nil
}

// claim begins a step, and returns the agreement with the claim. It returns nil
// if the step was made before.
func (x *Agreements) claim(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID, m move, in Input) (claimed *request, err error) {
	attempt := x.admin.NewID()
	err = x.change(ctx, s, id, m.step, func(ctx context.Context, w *chatadmin.Writer, e *chatadmin.Entry[request]) error {
		claimed = nil
		r := &e.Value
		if err := m.may(s, r); err != nil {
			return err
		}
		again := r.State == m.to && r.repeats(in)
		if again && m.step != Close {
			return nil
		}
		if err := in.faults(m, x.o.Host != nil); err != nil {
			return err
		}
		switch now := w.Now(); {
		case !again && !m.follows(r.State, r.Old != ""):
			return &StepError{r.ID, r.State, m.step, next(r.State, r.Old != "")}
		// A claim that lasts longer was written by a clock that was wrong. This
		// transaction may have waited for that of the claim, and clocks differ.
		case r.Doing != nil && r.Doing.Until.After(now) && !r.Doing.Until.After(now.Add(2*lease)):
			return texts.Explain(fmt.Errorf("%q was begun at %s: %w", r.Doing.Step, r.Doing.Since.Format(time.RFC3339), ErrUnderWay), "why.step_begun", r.Doing.Since)
		default:
			r.Doing = &doing{Doing: Doing{m.step, s.Actor(), now, now.Add(lease)}, Domain: s.Domain(), Attempt: attempt, Input: in}
		}
		if s.Actor() == chatadmin.HostActor {
			r.Doing.Domain = ""
		}
		e.Due = r.Doing.Until
		claimed = r
		return requests.Put(ctx, w, e)
	})
	return claimed, err
}

// repeats reports whether an input says nothing else than that of the step that
// was made last.
func (r *request) repeats(in Input) bool {
	if len(r.Steps) == 0 {
		return false
	}
	last := r.Steps[len(r.Steps)-1]
	return (in.Document == "" || in.Document == last.Document) && (in.Funds == "" || in.Funds == last.Funds)
}

// carryOut makes a step that was claimed, and writes it down.
func (x *Agreements) carryOut(ctx context.Context, s *chatadmin.Scope, r *request) error {
	d := r.Doing
	m, err := find(d.Step)
	if err != nil {
		return err
	}
	document, err := x.do(ctx, r)
	if err == nil {
		d.Input.Document = cmp.Or(document, d.Input.Document)
		err = d.Input.faults(m, false)
	}
	closing := r.Closing
	if err == nil {
		closing, err = x.own(ctx, r)
	}
	// What was done is written down whatever becomes of the caller.
	written := x.change(context.WithoutCancel(ctx), s, r.ID, d.Step, func(ctx context.Context, w *chatadmin.Writer, e *chatadmin.Entry[request]) error {
		r := &e.Value
		if r.Doing == nil || r.Doing.Attempt != d.Attempt { // it took too long, and another call has made the step
			if r.State == m.to {
				return nil
			}
			return ErrUnderWay
		}
		r.Doing = nil
		if err != nil {
			r.Problem, e.Due = chatadmin.Cut(err.Error()), r.look(w.Now())
			return requests.Put(ctx, w, e)
		}
		was := r.State
		r.Problem, r.Closing = "", closing
		if was != m.to {
			r.State, r.Changed = m.to, w.Now()
			r.Steps = append(slices.Clip(r.Steps), Made{d.Step, d.By, d.Domain, w.Now(), d.Input.Document, d.Input.Funds})
			x.audit(w, r, d, was)
		}
		e.Due = r.look(w.Now())
		if m.step == Provision {
			l, err := links.Get(ctx, w, r.New, e.ID)
			if err != nil && l.Damaged == nil && !errors.Is(err, chatadmin.ErrNotFound) {
				return err
			}
			l.Value, l.Due = link{r.ID, true}, w.Now().Add(guarded)
			if err := links.Put(ctx, w, &l); err != nil {
				return err
			}
		}
		return requests.Put(ctx, w, e)
	})
	return errors.Join(err, written)
}

func (x *Agreements) audit(w *chatadmin.Writer, r *request, d *doing, was State) {
	if w.Domain.ID == "" { // there is no domain, and no log, before Provision
		return
	}
	note := map[string]string{"agreement": string(r.ID)}
	for name, value := range map[string]string{"document": d.Input.Document, "funds": string(d.Input.Funds)} {
		if value != "" {
			note[name] = value
		}
	}
	w.Audit(KindStep+string(d.Step), []chatadmin.ID{w.Domain.ID}, map[chatadmin.ID][]chatadmin.FieldChange{
		w.Domain.ID: {{Field: "state", Before: string(was), After: string(r.State)}}}, note)
}

// change changes an agreement in one transaction. That of a user is authorised
// in their domain. That of the host is audited in the new domain or, where that
// is not there, in the old one.
func (x *Agreements) change(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID, step Step,
	f func(context.Context, *chatadmin.Writer, *chatadmin.Entry[request]) error) error {
	do := func(ctx context.Context, w *chatadmin.Writer) error {
		e, err := load(ctx, w, s, id)
		if err != nil {
			return err
		}
		return f(ctx, w, &e)
	}
	in := s
	if s.Actor() == chatadmin.HostActor {
		if !operator(s) {
			if _, _, err := s.View(ctx, ""); err != nil {
				return err
			}
		}
		e, err := load(ctx, x.admin.Store(), s, id)
		if err != nil {
			return err
		}
		if in, err = x.log(ctx, &e.Value); err != nil {
			return err
		}
		if in == nil {
			return x.admin.Bookkeep(ctx, "", do)
		}
	}
	op := chatadmin.Op{Kind: KindStep + string(step), Need: chatadmin.PermDomain, Fence: storage.Shared, Targets: []chatadmin.ID{in.Domain()}}
	return in.Change(ctx, op, do)
}

// log is the host's scope of the domain in whose audit log the steps of an
// agreement are, or nil.
func (x *Agreements) log(ctx context.Context, r *request) (*chatadmin.Scope, error) {
	for _, domain := range []chatadmin.ID{r.New, r.Old} {
		there, err := x.domain(ctx, domain)
		if err != nil {
			return nil, err
		}
		if there.State == chatadmin.DomainActive || there.State == chatadmin.DomainSuspended {
			return x.admin.AsHost(domain), nil
		}
	}
	return nil, nil
}

// domain are the settings of a domain; the zero value if it is not there.
func (x *Agreements) domain(ctx context.Context, id chatadmin.ID) (chatadmin.Settings, error) {
	if id == "" {
		return chatadmin.Settings{}, nil
	}
	there, err := x.admin.Store().Domains(ctx, []chatadmin.ID{id})
	if err != nil || len(there) == 0 {
		return chatadmin.Settings{}, err
	}
	return chatadmin.SettingsOf(there[0])
}
