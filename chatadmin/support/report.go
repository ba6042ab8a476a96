package support

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

// State is how far a report is.
type State string

// The states of a report.
const (
	Waiting State = "waiting" // for Deliver to send it
	// Failed: the mail server refused it for good, or was away for hours.
	Failed   State = "failed"
	Sent     State = "sent"     // to support
	Received State = "received" // support has it, and its sender was told
	InWork   State = "in_work"  // somebody looks into it
	Solved   State = "solved"
)

// States lists the states, in their order.
func States() []State { return []State{Waiting, Failed, Sent, Received, InWork, Solved} }

// moves are the states to which support moves a report from each state.
// Deliver alone moves it from waiting, and Acknowledge from sent.
var moves = map[State][]State{
	Received: {InWork, Solved},
	InWork:   {Received, Solved},
	Solved:   {InWork},
}

// Report is a problem report.
type Report struct {
	ID          chatadmin.ID
	User        chatadmin.ID // who has reported the problem
	Platform    Platform
	From        string // the address for answers
	To          string // the recipient
	Ticket      string
	Client      string
	Description string
	Files       []File
	Size        int64 // of the zip
	State       State
	Problem     string // why it was not sent
	At          time.Time
	Changed     time.Time // when it came into its state
}

// report is a Report as it is kept. Its user owns it.
type report struct {
	ID          chatadmin.ID `json:"id"`
	Platform    Platform     `json:"platform"`
	From        string       `json:"from"`
	To          string       `json:"to"`
	Ticket      string       `json:"ticket,omitempty"`
	Client      string       `json:"client,omitempty"`
	Description string       `json:"description,omitempty"`
	Subject     string       `json:"subject"`
	Text        string       `json:"text"`
	Files       []File       `json:"files,omitempty"`
	Size        int64        `json:"size,omitempty"`
	Pieces      int          `json:"pieces,omitempty"` // of its zip, until it was sent
	State       State        `json:"state"`
	Problem     string       `json:"problem,omitempty"`
	At          time.Time    `json:"at"`
	Changed     time.Time    `json:"changed"`
	Tries       int          `json:"tries,omitempty"` // of the mail that is due
}

var reports = chatadmin.RecordKind[report]{Name: "report", Need: chatadmin.PermSupport, Page: 100,
	ID: func(r *report) chatadmin.ID { return r.ID },
	Check: func(r *report) error {
		if !slices.Contains(States(), r.State) || chatadmin.CheckEmail(r.From) != nil || chatadmin.CheckEmail(r.To) != nil || r.Pieces < 0 || r.Pieces > mostPieces || r.Size < 0 || r.Size > chatadmin.MaxAttachments {
			return errors.New("it holds values that no report has")
		}
		return r.Platform.check()
	}}

// mostPieces are those of the largest zip.
const mostPieces = chatadmin.MaxAttachments/pieceSize + 1

// part is a piece of the zip of a report that waits to be sent.
type part struct {
	Data []byte `json:"data"`
}

var parts = chatadmin.RecordKind[part]{Name: "report-part", Need: chatadmin.PermSupport, Page: 4}

func partID(report chatadmin.ID, n int) string { return fmt.Sprintf("%s.%d", report, n) }

func (r *report) report(user chatadmin.ID) Report {
	return Report{r.ID, user, r.Platform, r.From, r.To, r.Ticket, r.Client, r.Description, r.Files, r.Size, r.State, r.Problem, r.At, r.Changed}
}

// Acknowledge notes that support has received a report, and queues the mail
// that tells its sender so, and that the problem will be investigated. It does
// nothing to a report that was acknowledged before. It returns ErrState if the
// report was not sent. It needs chatadmin.PermSupport.
func (x *Support) Acknowledge(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID) (Report, error) {
	return x.move(ctx, s, KindAcknowledge, id, func(e *chatadmin.Entry[report], now time.Time) (State, error) {
		r := &e.Value
		switch r.State {
		case Sent:
			r.Tries, e.Due = 0, now // its mail is due
			return Received, nil
		case Received, InWork, Solved:
			return r.State, nil
		}
		return "", texts.Explain(fmt.Errorf("report %s was not sent, it is %q: %w", r.ID, r.State, ErrState), "why.report_unsent")
	})
}

// SetState says how far support is with a report: InWork, Solved, or Received
// again. It returns ErrState if the report was not acknowledged, or cannot go
// there from its state. It needs chatadmin.PermSupport.
func (x *Support) SetState(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID, to State) (Report, error) {
	if !slices.Contains(States(), to) {
		return Report{}, fmt.Errorf("there is no state %q: choose in_work, solved or received: %w", chatadmin.Cut(string(to)), chatadmin.ErrInvalid)
	}
	return x.move(ctx, s, KindState, id, func(e *chatadmin.Entry[report], _ time.Time) (State, error) {
		r := &e.Value
		switch {
		case r.State == to, slices.Contains(moves[r.State], to):
			return to, nil
		case r.State == Sent:
			return "", texts.Explain(fmt.Errorf("report %s was not acknowledged yet: acknowledge it first: %w", r.ID, ErrState), "why.report_acknowledge")
		}
		return "", texts.Explain(fmt.Errorf("report %s is %q and cannot become %q: %w", r.ID, r.State, to, ErrState), "why.report_moved")
	})
}

func (x *Support) move(ctx context.Context, s *chatadmin.Scope, kind string, id chatadmin.ID, to func(*chatadmin.Entry[report], time.Time) (State, error)) (moved Report, err error) {
	op := chatadmin.Op{Kind: kind, Need: chatadmin.PermSupport, Fence: storage.Shared, Targets: []chatadmin.ID{id}}
	err = s.Change(ctx, op, func(ctx context.Context, w *chatadmin.Writer) error {
		e, err := reports.Get(ctx, w, s.Domain(), string(id))
		if err != nil {
			return err
		}
		was := e.Value.State
		now, err := to(&e, w.Now())
		moved = e.Value.report(e.Owner)
		if err != nil || now == was {
			return err
		}
		e.Value.State, e.Value.Changed = now, w.Now()
		if err := reports.Put(ctx, w, &e); err != nil {
			return err
		}
		moved = e.Value.report(e.Owner)
		w.Audit(kind, []chatadmin.ID{e.Owner}, map[chatadmin.ID][]chatadmin.FieldChange{e.Owner: {{Field: "state", Before: string(was), After: string(now)}}}, map[string]string{"report": string(id)})
		return nil
	})
	if err != nil {
		return Report{}, err
	}
	return moved, nil
}
