package signin

import (
	"context"
	"errors"
	"slices"

	"chatadmin.example/sdk/chatadmin"
)

// ending is what became of an attempt.
type ending uint8

const (
	kept   ending = iota // neither a failure nor a success
	failed               // counts, and may lock
	passed               // takes the failures back
)

// settle gives an attempt's place back and counts. It returns why the user cannot come in after all. It goes on although whoever asked has gone: a wrong guess counts
// even if the guesser hangs up.
func (g *Gate) settle(ctx context.Context, t *Try, end ending) (Reason, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), g.o.Hold)
	defer cancel()
	defer g.doors.free(t.place.Key)
	var reason Reason
	var user chatadmin.User
	first := false
	run := func(ctx context.Context, w *chatadmin.Work) error {
		reason, first = "", false
		us, err := w.Users(ctx, t.domain, []chatadmin.ID{t.user.ID}) // of nobody too, for the clock
		if err != nil {
			return err
		}
		user = chatadmin.User{}
		if len(us) > 0 {
			user = us[0]
		}
		end := end
		if end == passed {
			if user.ID == "" {
				reason = Deleting
			} else {
				reason = standing(&t.set, &user) // since the attempt began
			}
			if reason != "" {
				end = kept
			} else if first = user.Status == chatadmin.Pending; first && w.Mode() == chatadmin.NoFence {
				return nil // users are written behind a fence
			}
		}
		why, err := g.leave(ctx, w, t, end)
		if err != nil || why != "" {
			reason, first = why, false
			return err
		}
		if first {
			return activate(ctx, w, &user)
		}
		return nil
	}
	err := g.keep(ctx, t.domain, run)
	if err == nil && first {
		err = g.admin.As(t.domain, t.user.ID).Change(ctx, chatadmin.Op{Kind: KindUserSignIn, Fence: chatadmin.Shared, Targets: []chatadmin.ID{t.user.ID}}, run)
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

// refusal is why a first sign-in was refused while it was written.
func refusal(err error) Reason {
	switch {
	case errors.Is(err, chatadmin.ErrVetoed):
		return Vetoed
	case errors.Is(err, chatadmin.ErrSuspended):
		return NoDomain
	case errors.Is(err, chatadmin.ErrForbidden):
		return NoAccess
	}
	return ""
}

// activate makes a pending user active.
func activate(ctx context.Context, w *chatadmin.Work, user *chatadmin.User) error {
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
func (g *Gate) leave(ctx context.Context, w *chatadmin.Work, t *Try, end ending) (Reason, error) {
	p := &t.place
	if p.pretended {
		_, err := p.write(ctx, w, state{}, p.rev)
		return "", err
	}
	var reason Reason
	late := !w.Now().Before(p.until)
	switch {
	case !late || end == failed:
	case t.held && end == passed:
		end, reason = kept, Expired
	case !t.held:
		end, reason = failed, Expired
	}
	s, was := p.state, p.rev
	for again := false; ; again = true {
		i := s.find(p.id)
		if i < 0 {
			if late {
				return Expired, nil
			}
			if end == passed && s.Locked {
				return Locked, nil // by the clock of another process the place had expired
			}
			return "", nil // an earlier run did it, whose commit was kept without being confirmed
		}
		s.Held = slices.Delete(slices.Clone(s.Held), i, i+1)
		before := s.Locked
		switch {
		case end == failed:
			s.fail(w.Now(), t.policy)
		case end == passed && s.Locked:
			reason = Locked // the limit was lowered meanwhile
		case end == passed:
			s.Failures = 0
		}
		rev, err := p.write(ctx, w, s, was)
		if err != nil {
			return "", err
		}
		if rev != 0 {
			if s.Locked && !before {
				t.locked(w, s)
			}
			return reason, nil
		}
		if again {
			return "", chatadmin.ErrRetry
		}
		if s, was, err = readState(ctx, w, p.Key); err != nil {
			return "", err
		}
	}
}
