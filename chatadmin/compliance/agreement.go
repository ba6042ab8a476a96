package compliance

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

// Agreement is an agreement with all that has happened to it.
type Agreement struct {
	ID chatadmin.ID
	// Form is the request. Its Price is the one that was acknowledged.
	Form    Form
	Old     chatadmin.ID // the domain before; "" if the customer had none
	New     chatadmin.ID // the domain that Provision makes
	By      chatadmin.ID // who requested it: a user of the old domain, or the host
	At      time.Time
	State   State
	Changed time.Time // when it came into its state
	Next    Step      // "" at the end
	Steps   []Made    // in their order
	// Doing is a step that was begun, and is under way or was interrupted.
	Doing *Doing
	// Problem is why the last step that was tried failed; "" if it did not.
	Problem string
	Closing chatadmin.ID // the run that deletes the old domain, once it has begun
	Mail    MailState
}

// Made is a step that was made.
type Made struct {
	Step Step         `json:"step"`
	By   chatadmin.ID `json:"by"` // a user of Domain, or chatadmin.HostActor
	// Domain is that of the user who made it; "" for the host.
	Domain   chatadmin.ID `json:"domain,omitempty"`
	At       time.Time    `json:"at"`
	Document string       `json:"document,omitempty"` // a reference
	Funds    Funds        `json:"funds,omitempty"`
}

// Doing is a step that was begun.
type Doing struct {
	Step  Step         `json:"step"`
	By    chatadmin.ID `json:"by"`
	Since time.Time    `json:"since"`
	// Until is how long nobody else makes the step.
	Until time.Time `json:"until"`
}

// Ended reports whether no step follows.
func (a Agreement) Ended() bool { return a.Next == "" }

// request is an Agreement as it is kept. It belongs to the host.
type request struct {
	ID      chatadmin.ID `json:"id"`
	Old     chatadmin.ID `json:"old,omitempty"`
	New     chatadmin.ID `json:"new"`
	Domain  string       `json:"domain,omitempty"` // the name of the old one
	Name    string       `json:"name"`             // of the new one
	Admin   string       `json:"admin"`            // addresses
	Signer  string       `json:"signer"`
	Seats   int          `json:"seats"`
	Plan    string       `json:"plan,omitempty"`
	Price   string       `json:"price"`
	By      chatadmin.ID `json:"by"`
	At      time.Time    `json:"at"`
	State   State        `json:"state"`
	Changed time.Time    `json:"changed"`
	Steps   []Made       `json:"steps,omitempty"`
	Doing   *doing       `json:"doing,omitempty"`
	Problem string       `json:"problem,omitempty"`
	Closing chatadmin.ID `json:"closing,omitempty"`
}

// doing is a claim: one call carries out a step meanwhile.
type doing struct {
	Doing
	Domain  chatadmin.ID `json:"domain,omitempty"` // of the actor
	Attempt chatadmin.ID `json:"attempt"`
	Input   Input        `json:"input"`
}

var requests = chatadmin.RecordKind[request]{Name: "baa", Page: 100,
	ID: func(r *request) chatadmin.ID { return r.ID },
	Check: func(r *request) error {
		if !slices.Contains(States(), r.State) || r.New == "" || r.Seats < 1 || r.Seats > mostSeats || chatadmin.CheckEmail(r.Admin) != nil || chatadmin.CheckEmail(r.Signer) != nil {
			return errors.New("it holds values that no agreement has")
		}
		steps := make([]Step, 0, len(r.Steps)+1)
		for _, m := range r.Steps {
			steps = append(steps, m.Step)
		}
		if r.Doing != nil {
			steps = append(steps, r.Doing.Step)
		}
		for _, s := range steps {
			if _, err := find(s); err != nil {
				return err
			}
		}
		return nil
	}}

// link names an agreement in its old and in its new domain, under its ID. It
// goes with the domain.
type link struct {
	Agreement chatadmin.ID `json:"agreement"`
	Guards    bool         `json:"guards,omitempty"` // the new domain: it keeps messages for MaxDays at most
}

var links = chatadmin.RecordKind[link]{Name: "baa-domain", ID: func(l *link) chatadmin.ID { return l.Agreement }}

func (r *request) form() Form {
	return Form{r.Domain, r.Name, r.Admin, r.Signer, r.Seats, r.Plan, "Yes", r.Price}
}

// agreement is what is shown of a request and its mail.
func (r *request) agreement(m MailState) Agreement {
	a := Agreement{ID: r.ID, Form: r.form(), Old: r.Old, New: r.New, By: r.By, At: r.At, State: r.State, Changed: r.Changed,
		Next: next(r.State, r.Old != ""), Steps: slices.Clone(r.Steps), Problem: r.Problem, Closing: r.Closing, Mail: m}
	if r.Doing != nil {
		d := r.Doing.Doing
		a.Doing = &d
	}
	return a
}

// has reports whether a step was made.
func (r *request) has(s Step) bool {
	return slices.ContainsFunc(r.Steps, func(m Made) bool { return m.Step == s })
}

// Agreement reads one agreement. It needs chatadmin.PermDomain.
func (x *Agreements) Agreement(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID) (Agreement, error) {
	if err := view(ctx, s); err != nil {
		return Agreement{}, err
	}
	e, err := load(ctx, x.admin.Store(), s, id)
	if err != nil {
		return Agreement{}, err
	}
	all, err := x.shown(ctx, []chatadmin.Entry[request]{e})
	if err != nil {
		return Agreement{}, err
	}
	return all[0], nil
}

// shown adds to agreements what became of their mails.
func (x *Agreements) shown(ctx context.Context, entries []chatadmin.Entry[request]) ([]Agreement, error) {
	ids := make([]string, len(entries))
	for i, e := range entries {
		ids[i] = e.ID
	}
	sent, err := mails.GetMany(ctx, x.admin.Store(), "", ids...)
	if err != nil {
		return nil, err
	}
	all := make([]Agreement, len(entries))
	for i, e := range entries {
		all[i] = e.Value.agreement(cmp.Or(sent[e.ID].Value.State, MailUnknown))
	}
	return all, nil
}
