package chatadmin

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"chatadmin.example/sdk/chatadmin/storage"
)

// Worker is periodic work of a package. [Admin.Work] calls it.
type Worker struct {
	// Name is how Work counts what was done, such as "invitations".
	Name string
	// Due yields the domains that have something due, by a few indexed reads
	// however many domains there are; see DueDomains. nil: Do is called once,
	// with "".
	Due func(context.Context) iter.Seq2[ID, error]
	// Do does what is due in a domain, and returns how much it has done. It is
	// safe in many processes at once.
	Do func(ctx context.Context, domain ID) (int, error)
}

// dueSweep is how often each process looks for what is due far ahead: a clock
// that was wrong has written it, and it must not wait until that time.
const (
	dueSweep = time.Hour
	farAhead = 25 * time.Hour
)

// DueDomains yields each domain that has a record of one of the kinds whose Due
// has come. Once an hour it yields those as well that have one far ahead, for
// the worker to judge.
func (a *Admin) DueDomains(kinds ...string) func(context.Context) iter.Seq2[ID, error] {
	return func(ctx context.Context) iter.Seq2[ID, error] {
		return func(yield func(ID, error) bool) {
			seen := map[ID]bool{}
			now := a.Now()
			for _, kind := range kinds {
				q := storage.RecordQuery{Kind: kind, DueBy: now}
				if last, ok := a.swept.Load(kind); !ok || !lasts(last.(time.Time), dueSweep, now) {
					a.swept.Store(kind, now)
					q.DueBy = endOfTime
				}
				for rec, err := range eachRecord(ctx, a.store, q) {
					if err != nil {
						yield("", err)
						return
					}
					if seen[rec.Domain] || rec.Due.After(now) && !rec.Due.After(now.Add(farAhead)) {
						continue
					}
					seen[rec.Domain] = true
					if !yield(rec.Domain, nil) {
						return
					}
				}
			}
		}
	}
}

// Work does everything periodic, of the library and of all packages that were
// constructed over this Admin, in all domains that have something due: it sends
// invitations and notices, ends sessions, delivers events, releases file
// contents, continues runs that are due or were interrupted, prunes. Call it
// every minute or so, from one process or from many at once. With nothing due
// it makes a few indexed reads.
//
// It returns how much was done, by the names of the workers. What fails does
// not keep the rest from being done; the errors are joined. It ends early when
// ctx does.
func (a *Admin) Work(ctx context.Context) (map[string]int, error) {
	if err := a.alone("Work cannot run"); err != nil {
		return nil, err
	}
	did := map[string]int{}
	var errs []error
	for _, w := range append(a.ownWorkers(), a.workers...) {
		if err := a.work(ctx, w, did); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", w.Name, err))
		}
	}
	// Runs come last: one of them can take hours.
	n, err := a.workRuns(ctx)
	if err != nil {
		errs = append(errs, fmt.Errorf("runs: %w", err))
	}
	if n > 0 {
		did["runs"] += n
	}
	return did, errors.Join(errs...)
}

func (a *Admin) work(ctx context.Context, w Worker, did map[string]int) error {
	due := w.Due
	if due == nil {
		due = func(context.Context) iter.Seq2[ID, error] {
			return func(yield func(ID, error) bool) { yield("", nil) }
		}
	}
	var errs []error
	for domain, err := range due(ctx) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return errors.Join(append(errs, err)...)
		}
		n, err := w.Do(ctx, domain)
		if n > 0 {
			did[w.Name] += n
		}
		if errors.Is(err, ErrClosing) { // what it was to do goes with the domain
			continue
		}
		if err != nil && domain != "" {
			err = fmt.Errorf("domain %s: %w", domain, err)
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// ownWorkers is what this package does periodically.
func (a *Admin) ownWorkers() []Worker {
	ws := []Worker{
		{Name: "upgraded", Due: a.oldRunDomains, Do: func(ctx context.Context, domain ID) (int, error) { return 0, a.upgradeRuns(ctx, domain) }},
		{Name: "pruned events", Do: a.pruneDaily},
	}
	if a.o.Mailer != nil {
		ws = append(ws, Worker{Name: "invitations", Due: a.DueDomains(invitations.Name), Do: a.SendInvitations},
			Worker{Name: "notices", Due: a.DueDomains(notices.Name), Do: a.SendNotices})
	}
	if a.o.Blobs != nil {
		ws = append(ws, Worker{Name: "blobs", Due: a.DueDomains(blobRecords.Name), Do: a.ReleaseBlobs})
	}
	if a.o.Deliver != nil {
		ws = append(ws, Worker{Name: "events", Do: a.deliverAll})
	}
	return ws
}

// deliverAll hands every queued event to the host.
func (a *Admin) deliverAll(ctx context.Context, _ ID) (n int, err error) {
	err = a.DeliverEvents(ctx, func(ctx context.Context, e OutboxEvent) error {
		err := a.o.Deliver(ctx, e)
		if err == nil {
			n++
		}
		return err
	})
	return n, err
}

// oldRunDomains yields the domains with jobs of an earlier version.
func (a *Admin) oldRunDomains(ctx context.Context) iter.Seq2[ID, error] {
	kinds := []string{oldJobKind}
	for _, k := range a.runKinds {
		if _, record := k.oldKinds(); record != "" {
			kinds = append(kinds, record)
		}
	}
	return func(yield func(ID, error) bool) {
		last := ID("")
		for _, kind := range kinds {
			for rec, err := range eachRecord(ctx, a.store, storage.RecordQuery{Kind: kind}) {
				if err != nil {
					yield("", err)
					return
				}
				if rec.Domain != last && !yield(rec.Domain, nil) {
					return
				}
				last = rec.Domain
			}
		}
	}
}

// eachRecord yields the records of q.
func eachRecord(ctx context.Context, r storage.Reader, q storage.RecordQuery) iter.Seq2[storage.Record, error] {
	return func(yield func(storage.Record, error) bool) {
		for p := (Page{Limit: MaxBatch}); ; {
			rs, next, err := r.ListRecords(ctx, q, p)
			if err != nil {
				yield(storage.Record{}, err)
				return
			}
			for _, rec := range rs {
				if !yield(rec, nil) {
					return
				}
			}
			if p.After = next; next == "" {
				return
			}
		}
	}
}
