package signin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// ended is a batch of users whose sessions the host has to end, as a Record
// that outlives them.
type ended struct {
	Users    []chatadmin.ID `json:"users,omitempty"`
	Everyone bool           `json:"everyone,omitempty"` // in the domain
	// Before is when what ends them has happened. The zero time, of records of
	// before, ends all.
	Before time.Time `json:"before,omitzero"`
	Again  bool      `json:"again,omitempty"` // was told once
}

// endings are the records of what EndSessions has to tell. One that cannot be
// read may be about anybody.
var endings = chatadmin.RecordKind[ended]{Name: "session-end", Check: func(e *ended) error {
	if len(e.Users) == 0 && !e.Everyone {
		return errors.New("it names nobody")
	}
	return nil
}}

const (
	// afterglow is when the host is told once more, or after Options.ReservationLife if
	// that is longer: a session that was being made meanwhile is there by then.
	afterglow = time.Minute
)

// AllSessions is the time before which sessions end of users who have no
// access: whatever clock has stamped them, they began before it.
var AllSessions = time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)

// end is the OnEnd of the gate: sessions end after the commit of what ends them,
// and never without it. Attempts under way while a password changes let nobody
// in, since they may have seen the old one.
func (g *Gate) end(ctx context.Context, w *chatadmin.Writer, endings []chatadmin.Ending) error {
	var users, passwords []chatadmin.ID
	everyone, at := false, time.Time{}
	for i := range endings {
		e := &endings[i]
		if e.Sessions != chatadmin.Ends {
			continue
		}
		at = e.At // of all alike
		switch {
		case e.User == "":
			everyone = true
		case e.Cause == chatadmin.CausePassword:
			passwords = append(passwords, e.User)
		default:
			users = append(users, e.User)
		}
	}
	changed, err := g.voidAttempts(ctx, w, passwords)
	if err != nil {
		return err
	}
	if users = append(users, changed...); !everyone && len(users) == 0 {
		return nil
	}
	if at.IsZero() {
		// now, after the attempts, and one that ended in this very millisecond
		// began before
		at = g.admin.Now().Add(time.Millisecond)
	}
	return g.queueSessions(ctx, w, ended{Users: users, Everyone: everyone, Before: at})
}

func (g *Gate) queueSessions(ctx context.Context, w *chatadmin.Writer, e ended) error {
	if g.o.Sessions == nil {
		return nil
	}
	rev, err := w.NextRev()
	if err != nil {
		return err
	}
	queued := endings.New(w.Domain.ID, fmt.Sprintf("%016x", int64(rev)), "", e)
	queued.Due = w.Now()
	return endings.Put(ctx, w, &queued)
}

// voidAttempts makes the attempts of users that are under way let nobody in.
// The record of each is written in any case: an attempt that begins meanwhile
// loses its race against it, or begins after it. It returns which of the users
// may have sessions: nobody has who is pending.
func (g *Gate) voidAttempts(ctx context.Context, w *chatadmin.Writer, users []chatadmin.ID) ([]chatadmin.ID, error) {
	if len(users) == 0 {
		return nil, nil
	}
	owners, err := w.Users(ctx, w.Domain.ID, users)
	if err != nil {
		return nil, err
	}
	owners = slices.DeleteFunc(owners, func(u chatadmin.User) bool { return u.Deleting }) // they come in no more
	states, err := g.statesOf(ctx, w, owners)
	if err != nil {
		return nil, err
	}
	var in []chatadmin.ID
	for _, u := range owners {
		e := states[u.ID]
		s := &e.Value
		s.Changed, s.Held = true, slices.Clone(s.Held)
		for i := range s.Held {
			s.Held[i].Void = true
		}
		ok, err := write(ctx, w, &e)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, storage.ErrRetry
		}
		if u.Status != chatadmin.Pending {
			in = append(in, u.ID)
		}
	}
	return in, nil
}

// EndSessions tells Options.Sessions whose sessions to end, in each domain in
// the order of what ended them, and returns how many users it named; a whole
// domain counts as one. Each is named at least once, and once more after a
// minute: so a session is caught that was being made meanwhile. Call it in a
// worker of the host, or after whatever ends access; several may run at once.
// What fails stays queued, the others go on, and the errors are returned
// together. Without Options.Sessions it does nothing.
func (g *Gate) EndSessions(ctx context.Context) (int, error) {
	if g.o.Sessions == nil {
		return 0, nil
	}
	return g.endIn(ctx, "")
}

// dueNow reports whether the host is to be told now. What waits for longer than
// anything does was queued by a clock that was wrong.
func (g *Gate) dueNow(e *chatadmin.Entry[ended]) bool {
	wait := e.Due.Sub(g.admin.Now())
	return wait <= 0 || wait > g.afterglow()+skew
}

// endIn is EndSessions for one domain, or for all with "".
func (g *Gate) endIn(ctx context.Context, domain chatadmin.ID) (total int, err error) {
	var errs []error
	for e, err := range endings.Each(ctx, g.admin.Store(), storage.RecordQuery{Domain: domain}) {
		if err != nil && e.Damaged == nil {
			return total, errors.Join(append(errs, err)...)
		}
		if !g.dueNow(&e) {
			continue
		}
		n, err := g.endSessions(ctx, &e)
		if total += n; err != nil {
			errs = append(errs, err)
		}
		if err := ctx.Err(); err != nil {
			return total, errors.Join(append(errs, err)...)
		}
	}
	return total, errors.Join(errs...)
}

func (g *Gate) afterglow() time.Duration { return max(afterglow, g.o.ReservationLife) }

// endSessions tells the host of one record.
func (g *Gate) endSessions(ctx context.Context, e *chatadmin.Entry[ended]) (int, error) {
	if e.Damaged != nil {
		// Nobody knows who has lost access: everybody in the domain signs in
		// again.
		g.admin.Options().Logger.ErrorContext(ctx, "whose sessions are to end cannot be read: those of everybody in the domain end",
			"domain", e.Domain, "record", e.ID, "error", e.Damaged)
		e.Value = ended{Everyone: true, Before: g.admin.Now()}
	}
	n, err := g.tell(ctx, e.Domain, &e.Value)
	if err != nil {
		return 0, fmt.Errorf("ending the sessions of %d users: %w", len(e.Value.Users), err)
	}
	// What cannot be written down now is told again; another worker may have
	// been faster.
	return n, g.admin.Bookkeep(context.WithoutCancel(ctx), e.Domain, func(ctx context.Context, w *chatadmin.Writer) error {
		next := *e
		if e.Value.Again {
			_, err := endings.TryDelete(ctx, w, &next)
			return err
		}
		next.Value.Again, next.Due = true, g.admin.Now().Add(g.afterglow())
		_, err := endings.TryPut(ctx, w, &next)
		return err
	})
}

// tell names the users to the host: those who have no access with all their
// sessions, the others with those that began before what has ended them. It
// returns how many it named.
func (g *Gate) tell(ctx context.Context, domain chatadmin.ID, e *ended) (int, error) {
	if e.Everyone {
		return 1, g.o.Sessions.EndSessions(ctx, domain, nil, e.Before)
	}
	us, err := g.admin.Store().Users(ctx, domain, e.Users)
	if err != nil {
		return 0, err
	}
	access := map[chatadmin.ID]bool{}
	for _, u := range us {
		access[u.ID] = u.Status != chatadmin.Deactivated && !u.Denied && !u.Deleting
	}
	var in, out []chatadmin.ID
	for _, id := range e.Users {
		switch {
		case !access[id]:
			out = append(out, id)
		case !e.Before.IsZero():
			in = append(in, id)
		case !e.Again: // by an earlier version, which did not say before when
			out = append(out, id)
		}
	}
	if len(out) > 0 {
		if err := g.o.Sessions.EndSessions(ctx, domain, out, AllSessions); err != nil {
			return 0, err
		}
	}
	if len(in) > 0 {
		if err := g.o.Sessions.EndSessions(ctx, domain, in, e.Before); err != nil {
			return 0, err
		}
	}
	return len(in) + len(out), nil
}
