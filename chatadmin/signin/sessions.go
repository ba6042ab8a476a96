package signin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

// ended is a batch of users whose sessions the host has to end, as a Record
// that outlives them.
type ended struct {
	Version  int            `json:"v"`
	Users    []chatadmin.ID `json:"users,omitempty"`
	Everyone bool           `json:"everyone,omitempty"` // in the domain
	// Before is when what ends them has happened. The zero time, of records of
	// before, ends all.
	Before time.Time `json:"before,omitzero"`
	Again  bool      `json:"again,omitempty"` // was told once
}

const (
	endedKind = "session-end"
	// afterglow is when the host is told once more, or after Options.Hold if that
	// is longer: a session that was being made meanwhile is there by then.
	afterglow  = time.Minute
	endedBatch = 100
)

// AllSessions is the time before which sessions end of users who have no
// access: whatever clock has stamped them, they began before it.
var AllSessions = time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)

// end is a chatadmin.EndFunc: sessions end after the commit of what ends them,
// and never without it. Attempts under way while a password changes let nobody
// in, since they may have seen the old one.
func (g *Gate) end(ctx context.Context, w *chatadmin.Work, endings []chatadmin.Ending) error {
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
	changed, err := voidAttempts(ctx, w, passwords)
	if err != nil {
		return err
	}
	if users = append(users, changed...); !everyone && len(users) == 0 {
		return nil
	}
	if at.IsZero() { // now, after the attempts, and one that ended in this very millisecond began before
		at = g.admin.Now().Add(time.Millisecond)
	}
	return g.queueSessions(ctx, w, ended{Users: users, Everyone: everyone, Before: at})
}

func (g *Gate) queueSessions(ctx context.Context, w *chatadmin.Work, e ended) error {
	if g.o.Sessions == nil {
		return nil
	}
	rev, err := w.NextRev()
	if err != nil {
		return err
	}
	e.Version = 1
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	key := chatadmin.Key{Kind: endedKind, Domain: w.Domain.ID, ID: fmt.Sprintf("%016x", int64(rev))}
	return w.PutRecords(ctx, []chatadmin.Change[chatadmin.Record]{{Row: chatadmin.Record{Key: key, Due: w.Now(), Rev: rev, Data: data}}})
}

// voidAttempts makes the attempts of users that are under way let nobody in.
// The record of each is written in any case: an attempt that begins meanwhile
// loses its race against it, or begins after it. It returns which of the users
// may have sessions: nobody has who is pending.
func voidAttempts(ctx context.Context, w *chatadmin.Work, users []chatadmin.ID) ([]chatadmin.ID, error) {
	if len(users) == 0 {
		return nil, nil
	}
	owners, err := w.Users(ctx, w.Domain.ID, users)
	if err != nil {
		return nil, err
	}
	owners = slices.DeleteFunc(owners, func(u chatadmin.User) bool { return u.Deleting }) // they come in no more
	states, err := statesOf(ctx, w, owners)
	if err != nil {
		return nil, err
	}
	var in []chatadmin.ID
	for _, u := range owners {
		s := states[u.ID]
		s.Changed, s.Held = true, slices.Clone(s.Held)
		for i := range s.Held {
			s.Held[i].Void = true
		}
		p := place{Key: lockKey(u.Domain, u.ID), owner: u.ID}
		rev, err := p.write(ctx, w, s.state, s.rev)
		if err != nil {
			return nil, err
		}
		if rev == 0 {
			return nil, chatadmin.ErrRetry
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
	total := 0
	var errs []error
	for p := (chatadmin.Page{Limit: endedBatch}); ; {
		queued, next, err := g.admin.Store().ListRecords(ctx, chatadmin.RecordQuery{Kind: endedKind}, p)
		if err != nil {
			return total, errors.Join(append(errs, err)...)
		}
		for _, r := range queued {
			// What waits for longer than anything does was queued by a clock that was
			// wrong.
			if wait := r.Due.Sub(g.admin.Now()); wait > 0 && wait <= g.afterglow()+skew {
				continue
			}
			n, err := g.endSessions(ctx, r)
			if total += n; err != nil {
				errs = append(errs, err)
			}
			if err := ctx.Err(); err != nil {
				return total, errors.Join(append(errs, err)...)
			}
		}
		if next == "" {
			return total, errors.Join(errs...)
		}
		p.After = next
	}
}

func (g *Gate) afterglow() time.Duration { return max(afterglow, g.o.Hold) }

func (g *Gate) endSessions(ctx context.Context, r chatadmin.Record) (int, error) {
	var e ended
	if err := json.Unmarshal(r.Data, &e); err != nil {
		return 0, fmt.Errorf("sessions to end, %s: %w", r.ID, err)
	}
	n, err := g.tell(ctx, r.Domain, &e)
	if err != nil {
		return 0, fmt.Errorf("ending the sessions of %d users: %w", len(e.Users), err)
	}
	done := chatadmin.Change[chatadmin.Record]{Row: r, Was: r.Rev, Delete: e.Again}
	if !e.Again {
		e.Again = true
		data, err := json.Marshal(e)
		if err != nil {
			return 0, err
		}
		done.Row.Data, done.Row.Due = data, g.admin.Now().Add(g.afterglow())
	}
	// What cannot be written down now is told again.
	return n, g.admin.Keep(context.WithoutCancel(ctx), r.Domain, func(ctx context.Context, w *chatadmin.Work) error {
		rev, err := w.NextRev(r.Rev)
		if err != nil {
			return err
		}
		done.Row.Rev = rev
		_, err = w.ChangeRecords(ctx, []chatadmin.Change[chatadmin.Record]{done}) // another worker may have been faster
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
