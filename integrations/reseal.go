package integrations

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/storage"
)

// resealBatch is how many records one transaction of Reseal seals.
const resealBatch = 100

// resealed are the kinds of records with secrets, in the order of Reseal.
var resealed = []string{kindConn, kindRelease, kindStep}

// Resealed is what Reseal has done.
type Resealed struct {
	// Sealed counts the connections whose secrets were sealed anew, with those
	// that have ended and that the provider does not know of yet.
	Sealed int64 `json:"sealed"`
	// Unopened counts those that cannot be read, or whose secrets do not open
	// although their key is there. They were damaged or tampered with:
	// disconnect or repair them.
	Unopened int64 `json:"unopened"`

	Kind  string           `json:"kind,omitempty"`  // where the run is
	After chatadmin.Cursor `json:"after,omitempty"` // in that kind
}

// ResealRun is a run of Reseal.
type ResealRun = chatadmin.RunOf[Resealed]

// resealKind declares the runs of Reseal.
func (x *Integrations) resealKind() chatadmin.RunKind[Resealed] {
	return chatadmin.RunKind[Resealed]{
		Name: "re-sealing of integration secrets",
		May: func(_ context.Context, w *chatadmin.Writer, _ *ResealRun) error {
			return onlyHost(w.Actor.ID == "")
		},
		Check: func(d *Resealed) error { return must(d.Kind == "" || slices.Contains(resealed, d.Kind)) },
		Step:  x.resealStep,
	}
}

func onlyHost(host bool) error {
	if !host {
		return fmt.Errorf("only the application itself changes keys: %w", chatadmin.ErrForbidden)
	}
	return nil
}

func hostScope(ctx context.Context, s *chatadmin.Scope) error {
	if _, _, err := s.View(ctx, ""); err != nil {
		return err
	}
	return onlyHost(s.Actor() == chatadmin.HostActor)
}

// Reseal seals with the ring's current key whatever an old key of it has
// sealed, of all connections of a domain, so that the old key can be taken out
// of the ring. Interrupted, it is continued by ResumeReseal or by a worker. The
// run's Total is 0 until it is done.
//
// It returns keyring.ErrUnknownKey if a key is missing in the ring: put it back
// and resume. Only the host may call it. progress may be nil.
func (x *Integrations) Reseal(ctx context.Context, s *chatadmin.Scope, progress func(chatadmin.Progress)) (*ResealRun, error) {
	if err := hostScope(ctx, s); err != nil {
		return nil, err
	}
	return x.reseals.Apply(ctx, s, chatadmin.Op{Kind: KindReseal}, progress, func(_ context.Context, w *chatadmin.Writer, run *ResealRun) error {
		run.Data.Kind = resealed[0]
		w.Audit(KindReseal, []chatadmin.ID{s.Domain()}, nil, nil)
		return nil
	})
}

// ResumeReseal continues what Reseal began.
func (x *Integrations) ResumeReseal(ctx context.Context, s *chatadmin.Scope, run chatadmin.ID, progress func(chatadmin.Progress)) (*ResealRun, error) {
	if err := hostScope(ctx, s); err != nil {
		return nil, err
	}
	return x.reseals.Resume(ctx, s, run, progress)
}

// resealStep seals the secrets of the next records.
func (x *Integrations) resealStep(ctx context.Context, s *chatadmin.Scope, run *ResealRun, _ int) (chatadmin.RunStep[Resealed], error) {
	var step chatadmin.RunStep[Resealed]
	if err := hostScope(ctx, s); err != nil {
		return step, err
	}
	at := max(slices.Index(resealed, run.Data.Kind), 0)
	q := storage.RecordQuery{Kind: resealed[at], Domain: s.Domain()}
	listed, next, err := s.Admin().Store().ListRecords(ctx, q, chatadmin.Page{After: run.Data.After, Limit: resealBatch})
	if err != nil {
		return step, err
	}
	step.Op = chatadmin.Op{Kind: KindReseal}
	step.Do = func(ctx context.Context, w *chatadmin.Writer, run *ResealRun) error {
		if err := x.resealBatch(ctx, w, &run.Data, listed); err != nil {
			return err
		}
		run.Done += int64(len(listed))
		switch run.Data.Kind, run.Data.After = resealed[at], next; {
		case next != "":
		case at+1 < len(resealed):
			run.Data.Kind = resealed[at+1]
		default:
			run.State, run.Total = chatadmin.RunDone, run.Done
		}
		return nil
	}
	return step, nil
}

func (x *Integrations) resealBatch(ctx context.Context, w *chatadmin.Writer, n *Resealed, listed []storage.Record) error {
	rs, err := again(ctx, w, listed)
	if err != nil {
		return err
	}
	var changes []storage.Write[storage.Record]
	for _, r := range rs {
		data, err := x.reseal(r)
		switch {
		case errors.Is(err, keyring.ErrOpen), errors.Is(err, chatadmin.ErrDamaged):
			n.Unopened++
		case err != nil:
			return err
		case data != nil:
			n.Sealed++
			was := r.Rev
			r.Data = data
			changes = append(changes, storage.Write[storage.Record]{Row: r, Was: was})
		}
	}
	return w.PutRecords(ctx, changes)
}

// reseal returns the data of a record with its secrets sealed by the current
// key, or nil if they are already.
func (x *Integrations) reseal(r storage.Record) ([]byte, error) {
	of := ofItem(r)
	switch r.Kind {
	case kindRelease:
		return resealRecord(x, &releaseRecords, r, func(d *releaseData) *[]byte { return &d.Conn.Sealed }, releaseWords(r.Key))
	case kindStep:
		return resealRecord(x, &stepRecords, r, func(d *stepData) *[]byte { return &d.Sealed }, stepWords(r.Domain, of))
	}
	c := Connection{Domain: r.Domain, Owner: of.Owner, service: of.Service}
	return resealRecord(x, &connRecords, r, func(d *connData) *[]byte { return &d.Sealed }, c.words())
}

func resealRecord[T any](x *Integrations, kind *chatadmin.RecordKind[T], r storage.Record, sealed func(*T) *[]byte, words []string) ([]byte, error) {
	d, err := kind.Decode(r)
	if err != nil {
		return nil, err
	}
	at := sealed(&d)
	if len(*at) == 0 {
		return nil, nil
	}
	plain, old, err := x.ring.Open(*at, words...)
	if err != nil || !old {
		return nil, err
	}
	if *at, err = x.ring.Seal(plain, words...); err != nil {
		return nil, err
	}
	return kind.Encode(&d)
}
