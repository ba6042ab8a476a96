package compliance

import (
	"fmt"
	"slices"

	"chatadmin.example/sdk/chatadmin"
)

// State is how far an agreement is.
type State string

// The states of an agreement.
const (
	Requested     State = "requested"
	Provisioned   State = "provisioned"     // the new domain is there
	StaffInvited  State = "staff_invited"   // to the new domain
	OldSuspended  State = "old_suspended"   // nobody gets into the old domain
	BillingOnFile State = "billing_on_file" // it is known how the customer pays
	Sent          State = "sent"            // to the signer
	Signed        State = "signed"          // by the customer
	Countersigned State = "countersigned"   // by the vendor
	Delivered     State = "delivered"       // a copy, to the customer
	FundsSettled  State = "funds_settled"   // of the old domain
	OldClosing    State = "old_closing"     // the old domain is being deleted
	OldClosed     State = "old_closed"      // it is gone
	Cancelled     State = "cancelled"
)

// Step is what leads from one state to another.
type Step string

// The steps.
const (
	Provision   Step = "provision"   // the new domain is made
	Invite      Step = "invite"      // the staff was invited to it
	Suspend     Step = "suspend"     // the old domain is suspended
	Bill        Step = "bill"        // how the customer pays is on file
	Send        Step = "send"        // the agreement was sent to the signer
	Sign        Step = "sign"        // the customer has signed it
	Countersign Step = "countersign" // the vendor has signed it
	Deliver     Step = "deliver"     // a copy was delivered
	Settle      Step = "settle"      // funds were transferred or refunded
	Close       Step = "close"       // the old domain is being deleted
	Finish      Step = "finish"      // it is gone
	Cancel      Step = "cancel"      // nothing comes of it
)

// move is a step with the state that it leads to.
type move struct {
	step     Step
	to       State
	customer bool // an administrator of the new domain may make it
	old      bool // only if there is an old domain
	document bool // the document that it is about has a reference
}

// moves are the way from Requested to the end.
var moves = []move{
	{step: Provision, to: Provisioned},
	{step: Invite, to: StaffInvited, customer: true},
	{step: Suspend, to: OldSuspended, old: true},
	{step: Bill, to: BillingOnFile, customer: true},
	{step: Send, to: Sent, document: true},
	{step: Sign, to: Signed, customer: true, document: true},
	{step: Countersign, to: Countersigned, document: true},
	{step: Deliver, to: Delivered},
	{step: Settle, to: FundsSettled, old: true},
	{step: Close, to: OldClosing, old: true},
	{step: Finish, to: OldClosed, old: true},
}

// cancelling is the one step beside the way.
var cancelling = move{step: Cancel, to: Cancelled}

// States lists the states, in their order.
func States() []State {
	all := []State{Requested}
	for _, m := range moves {
		all = append(all, m.to)
	}
	return append(all, Cancelled)
}

// Steps lists the steps, in their order.
func Steps() (all []Step) {
	for _, m := range moves {
		all = append(all, m.step)
	}
	return append(all, Cancel)
}

// find is the move of a step.
func find(step Step) (move, error) {
	for _, m := range append(moves, cancelling) {
		if m.step == step {
			return m, nil
		}
	}
	return move{}, fmt.Errorf("there is no step %q: choose one of %v: %w", chatadmin.Cut(string(step)), Steps(), chatadmin.ErrInvalid)
}

// next is the step that follows a state, or "" at the end.
func next(state State, old bool) Step {
	if state == Cancelled {
		return ""
	}
	at := slices.IndexFunc(moves, func(m move) bool { return m.to == state }) // -1: Requested
	for _, m := range moves[at+1:] {
		if old || !m.old {
			return m.step
		}
	}
	return ""
}

// cancellable reports whether an agreement in this state can be cancelled:
// before the customer has signed.
func (s State) cancellable() bool {
	all := States()
	return slices.Index(all, s) < slices.Index(all, Signed)
}

// follows reports whether a step is possible in a state.
func (m move) follows(state State, old bool) bool {
	if m.step == Cancel {
		return state.cancellable()
	}
	return next(state, old) == m.step
}

// Customer reports whether the step is one of the customer: an administrator of
// the new domain may make it.
func (s Step) Customer() bool {
	m, err := find(s)
	return err == nil && m.customer
}

// Funds is what became of what was paid for the old domain.
type Funds string

// What becomes of funds.
const (
	Transferred Funds = "transferred" // to the new domain
	Refunded    Funds = "refunded"
	NoFunds     Funds = "none" // nothing was left
)

// StepError says that a step is not possible in the state of an agreement. It
// wraps ErrStep.
type StepError struct {
	Agreement chatadmin.ID
	State     State
	Step      Step
	Next      Step // that is possible; "" at the end
}

func (e *StepError) Error() string {
	then := "nothing follows any more"
	if e.Next != "" {
		then = fmt.Sprintf("the next step is %q", e.Next)
	}
	return fmt.Sprintf("the step %q is not possible, since agreement %s is %q: %s", e.Step, e.Agreement, e.State, then)
}

// Unwrap is ErrStep.
func (e *StepError) Unwrap() error { return ErrStep }
