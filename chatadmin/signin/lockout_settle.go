package signin

import (
	"context"
	"errors"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// ending is what became of an attempt.
type ending uint8

const (
	kept   ending = iota // neither a failure nor a success
	failed               // counts, and may lock
	passed               // takes the failures back
)

// settle gives an attempt's place back and counts. It returns why the user
// cannot come in after all. It goes on although whoever asked has gone: a wrong
// guess counts even if the guesser hangs up.
func (g *Gate) settle(ctx context.Context, t *Try, end ending) (Reason, error) {
	t.settled = true
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), g.o.ReservationLife)
	defer cancel()
	defer g.queues.free(t.place.entry.Key)
	var reason Reason
	var user chatadmin.User
	first, link, fenced := false, false, false
	run := func(ctx context.Context, w *chatadmin.Writer) error {
		reason, first, link, fenced = "", false, false, false
		us, err := w.Users(ctx, t.domain, []chatadmin.ID{t.user.ID}) // of nobody too, for the clock
		if err != nil {
			return err
		}
		user = chatadmin.User{}
		if len(us) > 0 {
			user = us[0]
		}
		end := end
		var last chatadmin.Entry[lastActivity]
		if end == passed {
			if user.ID == "" {
				reason = Deleting
			} else {
				reason = standing(&t.set, &user) // since the attempt began
			}
			if reason != "" {
				end = kept
			} else {
				first, link = user.Status == chatadmin.Pending, t.unlinked
				if last, err = readActivity(ctx, w, t.domain, user.ID); err != nil {
					return err
				}
				if fenced = first || link || !last.Stored(); fenced && w.Mode() == storage.NoFence {
					return nil // users, and what they own, are written behind a fence
				}
			}
		}
		why, err := g.leave(ctx, w, t, end)
		if err != nil || why != "" {
			reason, first, link, fenced = why, false, false, false
			return err
		}
		if end == passed {
			if err := g.signedIn(ctx, w, t, &last); err != nil {
				return err
			}
		}
		return g.welcome(ctx, w, t, &user, first, link)
	}
	err := g.keep(ctx, t.domain, run)
	if err == nil && fenced {
		kind := KindUserSignIn
		if !first && link {
			kind = KindUserLink
		}
		op := chatadmin.Op{Kind: kind, Fence: storage.Shared, Targets: []chatadmin.ID{t.user.ID}}
		err = g.admin.As(t.domain, t.user.ID).Change(ctx, op, run)
		if err != nil {
			if reason = refusal(err); reason != "" {
				err = nil
			}
			_, settled := g.settle(ctx, t, kept)
			return reason, errors.Join(err, settled)
		}
	}
	if err == nil && end == passed && reason == "" {
		t.user = user
	}
	return reason, err
}

// welcome does what a first sign-in does: it makes a pending user active, and
// links the account of an assertion.
func (g *Gate) welcome(ctx context.Context, w *chatadmin.Writer, t *Try, user *chatadmin.User, first, link bool) error {
	if link {
		if err := g.link(ctx, w, t); err != nil {
			return err
		}
	}
	if first {
		return activate(ctx, w, user)
	}
	return nil
}

// refusal is why a first sign-in was refused while it was written.
func refusal(err error) Reason {
	switch {
	case errors.Is(err, chatadmin.ErrVetoed):
		return Vetoed
	case errors.Is(err, chatadmin.ErrSuspended):
		return NoDomain
	case errors.Is(err, chatadmin.ErrForbidden):
		return NoAccess
	case errors.Is(err, errOtherAccount):
		return OtherAccount
	}
	return ""
}

// activate makes a pending user active.
func activate(ctx context.Context, w *chatadmin.Writer, user *chatadmin.User) error {
	write, err := chatadmin.TransitionWrite(*user, chatadmin.SignedIn)
	if err != nil {
		return err
	}
	writes := []chatadmin.UserWrite{write}
	if err := w.WriteUsers(ctx, KindUserSignIn, writes); err != nil {
		return err
	}
	*user = writes[0].Now.User()
	return nil
}

// leave writes the state without the attempt's place.
func (g *Gate) leave(ctx context.Context, w *chatadmin.Writer, t *Try, end ending) (Reason, error) {
	p := &t.place
	e := p.entry
	if p.pretended {
		e.Value = state{}
		_, err := write(ctx, w, &e)
		return "", err
	}
	reason := Reason("")
	if !w.Now().Before(p.until) && end == passed {
		end, reason = kept, Busy // late, which is never a failure
	}
	for again := false; ; again = true {
		before := e.Value.Locked
		why, changed := e.Value.settle(p.id, end, w.Now(), t.policy)
		if why != "" {
			reason = why
		}
		if !changed {
			return reason, nil
		}
		after := e.Value
		ok, err := write(ctx, w, &e)
		if err != nil {
			return "", err
		}
		if ok {
			switch {
			case after.Locked && !before:
				return reason, t.locked(ctx, w, after)
			case before && !after.Locked:
				t.unlocked(w)
			}
			return reason, nil
		}
		if again {
			return "", storage.ErrRetry
		}
		if e, err = g.readState(ctx, w, &p.entry); err != nil {
			return "", err
		}
	}
}

// settle counts what became of the attempt that had a place. It returns why
// somebody who would come in does not, and whether the state has changed.
func (s *state) settle(id chatadmin.ID, end ending, now time.Time, p Policy) (why Reason, changed bool) {
	i := s.find(id)
	if i < 0 {
		switch {
		case slices.Contains(s.Lapsed, id) && end == failed:
			return "", false // counted already
		case s.takeBack(id, p):
			if end == passed { // by another clock it took too long
				why = Busy
			}
			return why, true
		case end == passed && s.Locked:
			return Locked, false
		}
		// an earlier run did it, whose commit was kept without being confirmed
		return "", false
	}
	void := s.Held[i].Void
	s.Held = slices.Delete(slices.Clone(s.Held), i, i+1)
	switch {
	case end == failed:
		s.fail(now, p)
	case end == passed && void:
		why = Changed
	case end == passed && s.Locked:
		why = Locked // the limit was lowered meanwhile
	case end == passed:
		s.Failures, s.Lapsed, s.Changed = 0, nil, false
	}
	return why, true
}
