package chatadmin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin/storage"
)

// Op describes one change: what it is, what it needs, and how much of the
// domain it must have to itself.
type Op struct {
	Kind    string     // of its audit event
	Need    Permission // "": every user who has access may, for themselves
	Fence   storage.Mode
	Targets []ID // shown to Options.Before
	// Settings, where the host acts without a fence, are what it has read of
	// the domain a moment before: the transaction decides by them, reads the
	// domain no more, and of Writer.Domain only the ID is known. Otherwise they
	// are not looked at.
	Settings *Settings

	// closes: goes on in a domain that is closing
	closes bool
}

// Writer is one transaction of one actor: the store's Tx, what the domain has
// decided, and what the actor may do. Packages with further policies write
// through it, so that no change goes without authorisation, veto, audit and
// outbox.
type Writer struct {
	storage.Tx
	Domain   Domain
	Settings Settings
	Actor    User              // zero for the host
	Role     Role              // the actor's
	Note     map[string]string // goes into every audit event of this transaction

	scope  *Scope
	mode   storage.Mode
	closes bool // of Op
	now    time.Time
	rev    storage.Rev // the highest given out
	events []Event
	// the first one: where there is no event, it tells whether the transaction
	// was committed
	wrote storage.Record
	ids   func(n int) ID
}

// Change runs f as one authorised, audited transaction. It is how every change
// is made, here and in other packages. f may run several times; it gathers its
// results in variables that it sets anew each time. An error of f is returned
// as it is and nothing is kept. A commit that the store did not confirm is
// looked up by its audit event, or by a record it wrote, and, where it did not
// happen, tried again. A domain that is closing is changed by nothing else:
// ErrClosing.
func (s *Scope) Change(ctx context.Context, op Op, f func(context.Context, *Writer) error) error {
	if f == nil {
		return missing("a function that makes the change")
	}
	if err := s.admin.checkUse(); err != nil {
		return err
	}
	if err := s.veto(ctx, op.Kind, op.Targets); err != nil {
		return err
	}
	begin := s.begin(op.Fence)
	var did *Writer
	run := func(ctx context.Context, tx storage.Tx) error {
		w := begin(tx)
		if op.Settings != nil && op.Fence == storage.NoFence && s.actor == HostActor {
			w.Domain, w.Settings, w.Role = Domain{ID: s.domain}, *op.Settings, hostRole()
		} else if err := w.enter(ctx, op.Need); err != nil {
			return err
		}
		if w.closes = op.closes; w.Settings.State == DomainClosing && !op.closes {
			return fmt.Errorf("domain %s: %w", Cut(string(s.domain)), ErrClosing)
		}
		if err := f(ctx, w); err != nil {
			return err
		}
		did = w
		return w.flush(ctx)
	}
	for attempt := 1; ; attempt++ {
		err := s.admin.store.Update(ctx, storage.Fence{Domain: s.domain, Mode: op.Fence}, run)
		switch {
		case errors.Is(err, storage.ErrNoDomain):
			return fmt.Errorf("domain %s: %w", Cut(string(s.domain)), ErrNotFound)
		case !errors.Is(err, ErrCommitUnknown) || did == nil:
			return err
		}
		switch kept, lookErr := s.kept(ctx, did); {
		case kept:
			return nil
		case lookErr != nil || attempt == 8:
			return errors.Join(err, lookErr)
		}
	}
}

// Bookkeep runs f in one unfenced transaction on the library's own behalf: for
// what it counts, claims and stores in records, such as failed sign-ins.
// Nothing is authorised or shown to Options.Before, and neither Domain nor
// Settings are read. Events of f are written in the name of the host. f must
// not change users or groups. If the store does not confirm the commit,
// Bookkeep returns ErrCommitUnknown: look for what was written, or call it
// again where that is safe.
func (a *Admin) Bookkeep(ctx context.Context, domain ID, f func(context.Context, *Writer) error) error {
	if f == nil {
		return missing("a function that makes the change")
	}
	begin := a.AsHost(domain).begin(storage.NoFence)
	return a.store.Update(ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
		w := begin(tx)
		if err := f(ctx, w); err != nil {
			return err
		}
		return w.flush(ctx)
	})
}

// begin makes the Writer of each run of one change: all of them have one time and
// one set of event IDs.
func (s *Scope) begin(mode storage.Mode) func(storage.Tx) *Writer {
	first, now := s.admin.NewID(), s.admin.Now()
	return func(tx storage.Tx) *Writer {
		return &Writer{Tx: tx, scope: s, mode: mode, now: now, ids: func(n int) ID {
			if n == 0 {
				return first
			}
			return ID(fmt.Sprintf("%s-%d", first, n))
		}}
	}
}

// kept looks whether a transaction was committed. Running f again where it was
// not is safe even if the lost commit still arrives: revisions, unique keys and
// the event's ID let only one of the two through.
func (s *Scope) kept(ctx context.Context, w *Writer) (bool, error) {
	if len(w.events) == 0 {
		if w.wrote.Rev == 0 {
			return false, nil
		}
		rs, err := s.admin.store.Records(ctx, []storage.Key{w.wrote.Key})
		return len(rs) > 0 && rs[0].Rev == w.wrote.Rev, err
	}
	e, p := w.events[0], Page{Limit: MaxBatch}
	for {
		page, next, err := s.admin.store.ListEvents(ctx, EventQuery{Domain: s.domain, Actor: e.Actor, Kind: e.Kind, From: e.At, To: e.At.Add(time.Millisecond)}, p)
		if err != nil || slices.ContainsFunc(page, func(o Event) bool { return o.ID == e.ID }) {
			return err == nil, err
		}
		if next == "" {
			return false, nil
		}
		p.After = next
	}
}

func (s *Scope) veto(ctx context.Context, kind string, targets []ID) error {
	if s.admin.o.Before == nil {
		return nil
	}
	if err := s.admin.o.Before(ctx, Intent{s.domain, s.actor, kind, targets}); err != nil {
		return fmt.Errorf("%s: %w: %w", kind, ErrVetoed, err)
	}
	return nil
}

// enter reads the domain and the actor and authorises them.
func (w *Writer) enter(ctx context.Context, need Permission) (err error) {
	w.Domain, w.Settings, w.Actor, w.Role, err = w.scope.authorize(ctx, w.Tx, need)
	return err
}

// Require refuses with ErrForbidden where the actor lacks a further permission.
func (w *Writer) Require(p Permission) error { return require(w.Role, p) }

// Now is the time of this change.
func (w *Writer) Now() time.Time { return w.now }

// Mode is the fence of this transaction.
func (w *Writer) Mode() storage.Mode { return w.mode }

// NextRev makes a revision for rows whose stored revisions are was, greater
// than every other one given out in this transaction. An event has the revision
// made last before Record was called: so the events about a row leave in the
// order of its changes.
func (w *Writer) NextRev(was ...storage.Rev) (storage.Rev, error) {
	var err error
	w.rev, err = w.scope.admin.nextRev(slices.Max(append(was, w.rev)), w.now)
	return w.rev, err
}

// flush writes the events gathered and queues them for delivery.
func (w *Writer) flush(ctx context.Context) error {
	if len(w.events) == 0 {
		return nil
	}
	changes := make([]storage.Write[Event], len(w.events))
	var queued []storage.Write[storage.Record]
	for i, e := range w.events {
		if e.Rev == 0 { // nothing was written before it
			var err error
			if e.Rev, err = w.NextRev(); err != nil {
				return err
			}
		}
		changes[i].Row = e
		if w.scope.admin.o.Outbox {
			queued = append(queued, storage.Write[storage.Record]{Row: outboxRecord(e)})
		}
	}
	if err := noConflict(w.ChangeEvents(ctx, changes)); err != nil {
		return err
	}
	return w.PutRecords(ctx, queued)
}

// PutRecords writes records in as many calls as needed, gives those without a
// Rev a new one, and loses the race (ErrRetry) on any conflict but a missing
// owner, which is ErrNotFound.
func (w *Writer) PutRecords(ctx context.Context, c []storage.Write[storage.Record]) error {
	for batch := range slices.Chunk(c, MaxBatch) {
		if err := w.newRevs(batch); err != nil {
			return err
		}
		for i := range batch {
			w.wroteFirst(&batch[i])
		}
		if err := noConflict(w.ChangeRecords(ctx, batch)); err != nil {
			return err
		}
	}
	return nil
}

// newRevs gives records without a new revision one.
func (w *Writer) newRevs(c []storage.Write[storage.Record]) (err error) {
	for i := range c {
		if row := &c[i].Row; row.Rev == 0 || row.Rev == c[i].Was {
			if row.Rev, err = w.NextRev(c[i].Was); err != nil {
				return err
			}
		}
	}
	return nil
}

// wroteFirst remembers the first record that the transaction writes.
func (w *Writer) wroteFirst(c *storage.Write[storage.Record]) {
	if w.wrote.Rev == 0 && !c.Delete {
		w.wrote = c.Row
	}
}

// noConflict turns conflicts into an error: a missing parent is ErrNotFound,
// everything else a lost race.
func noConflict(cs []storage.Conflict, err error) error {
	switch {
	case err != nil || len(cs) == 0:
		return err
	case cs[0].Reason == storage.NoParent:
		return fmt.Errorf("%s: %w", cs[0].Field, ErrNotFound)
	}
	return storage.ErrRetry
}
