package compliance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

const (
	looked  = time.Hour      // until it is looked again whether the old domain is gone
	guarded = 24 * time.Hour // until a new domain is looked after again
	// farAhead is later than anything here is put off: a wrong clock has
	// written it.
	farAhead = 25 * time.Hour
)

var endOfTime = time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)

// due reports whether something is due.
func due(at, now time.Time) bool {
	return !at.IsZero() && (!at.After(now) || at.After(now.Add(farAhead)))
}

// look is when a worker looks at an agreement of which no step is under way.
func (r *request) look(now time.Time) time.Time {
	if r.State != OldClosing {
		return time.Time{}
	}
	return now.Add(looked)
}

// work continues steps that were interrupted, and finishes agreements whose old
// domain is gone.
func (x *Agreements) work(ctx context.Context, _ chatadmin.ID) (did int, err error) {
	now := x.admin.Now()
	var all []chatadmin.Entry[request]
	for e, err := range requests.Each(ctx, x.admin.Store(), storage.RecordQuery{DueBy: endOfTime}) {
		if err != nil && e.Damaged == nil {
			return 0, err
		}
		if e.Damaged == nil && due(e.Due, now) {
			all = append(all, e)
		}
	}
	var errs []error
	for _, e := range all {
		ok, err := x.proceed(ctx, &e.Value)
		if ok {
			did++
		}
		if ctx.Err() != nil {
			return did, errors.Join(append(errs, ctx.Err())...)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("agreement %s: %w", e.ID, err))
		}
	}
	return did, errors.Join(errs...)
}

// proceed makes the step that an agreement waits for, and reports whether it
// did.
func (x *Agreements) proceed(ctx context.Context, r *request) (bool, error) {
	host := x.admin.AsHost("")
	step := Finish
	if r.Doing != nil {
		step = r.Doing.Step
	} else if err := x.closed(ctx, r); errors.Is(err, chatadmin.ErrTransition) { // not yet
		return false, x.later(ctx, r.ID, errors.Is(err, errStopped))
	}
	var claimed *request
	err := x.change(ctx, host, r.ID, step, func(ctx context.Context, w *chatadmin.Writer, e *chatadmin.Entry[request]) error {
		claimed = nil
		now := w.Now()
		switch is := &e.Value; {
		case !due(e.Due, now): // somebody was faster
			return nil
		case is.Doing != nil:
			is.Doing.Attempt, is.Doing.Until = x.admin.NewID(), now.Add(lease)
		case next(is.State, is.Old != "") == Finish:
			is.Doing = &doing{Doing: Doing{Finish, chatadmin.HostActor, now, now.Add(lease)}, Attempt: x.admin.NewID()}
		default:
			e.Due = time.Time{}
			return requests.Put(ctx, w, e)
		}
		e.Due = e.Value.Doing.Until
		claimed = &e.Value
		return requests.Put(ctx, w, e)
	})
	if err != nil || claimed == nil {
		return false, err
	}
	err = x.carryOut(ctx, host, claimed)
	return err == nil, err
}

// later has a worker look again after a while whether the old domain is gone,
// and notes that nobody deletes it any more.
func (x *Agreements) later(ctx context.Context, id chatadmin.ID, stopped bool) error {
	err := x.admin.Bookkeep(ctx, "", func(ctx context.Context, w *chatadmin.Writer) error {
		e, err := requests.Get(ctx, w, "", string(id))
		if err != nil || e.Value.Doing != nil {
			return err
		}
		if e.Due = e.Value.look(w.Now()); stopped {
			e.Value.Problem = chatadmin.Cut(errStopped.Error())
		}
		return requests.Put(ctx, w, &e)
	})
	if errors.Is(err, chatadmin.ErrCommitUnknown) {
		return nil
	}
	return err
}

// guard sees to it once a day that a new domain keeps messages for seven days at
// most, and returns how often it had to say so again. Nothing but a repair of
// damaged settings can have changed that.
func (x *Agreements) guard(ctx context.Context, domain chatadmin.ID) (did int, err error) {
	for e, err := range links.Each(ctx, x.admin.Store(), storage.RecordQuery{Domain: domain}) {
		if err != nil && e.Damaged == nil {
			return did, err
		}
		if !due(e.Due, x.admin.Now()) {
			continue
		}
		guards := e.Value.Guards
		if e.Damaged != nil {
			if guards, err = x.isNew(ctx, domain, e.ID); err != nil {
				return did, err
			}
		}
		if !guards {
			continue
		}
		limited, err := x.limit(ctx, domain)
		if limited {
			did++
		}
		if err != nil {
			return did, err
		}
		err = x.admin.Bookkeep(ctx, domain, func(ctx context.Context, w *chatadmin.Writer) error {
			e, err := links.Get(ctx, w, domain, e.ID)
			if err != nil {
				return err
			}
			e.Due = w.Now().Add(guarded)
			return links.Put(ctx, w, &e)
		})
		if err != nil && !errors.Is(err, chatadmin.ErrCommitUnknown) && !errors.Is(err, chatadmin.ErrNotFound) && !errors.Is(err, chatadmin.ErrDamaged) {
			return did, err
		}
	}
	return did, nil
}

// isNew reports whether a domain is the new one of an agreement that can be
// read.
func (x *Agreements) isNew(ctx context.Context, domain chatadmin.ID, id string) (bool, error) {
	e, err := requests.Get(ctx, x.admin.Store(), "", id)
	if e.Damaged != nil || errors.Is(err, chatadmin.ErrNotFound) {
		err = nil
	}
	return e.Value.New == domain, err
}
