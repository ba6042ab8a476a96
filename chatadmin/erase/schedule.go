package erase

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/internal/clockmark"
)

// schedule deactivates the users until the deletion is due.
func (d *Deletions) schedule(ctx context.Context, w *chatadmin.Writer, v *survey, run *Run, grace time.Duration) error {
	run.State, run.Due = chatadmin.RunScheduled, w.Now().Add(grace)
	w.Note = map[string]string{"deletion": string(run.ID), "reason": run.Data.Reason, "due": run.Due.Format(time.RFC3339)}
	writes := make([]chatadmin.UserWrite, len(v.users))
	var err error
	for i, u := range v.users {
		if writes[i], err = chatadmin.TransitionWrite(u, chatadmin.Deactivate); err != nil {
			return err
		}
		if writes[i].Changes() {
			run.Data.Deactivated = append(run.Data.Deactivated, u.ID)
		}
	}
	if err := w.WriteUsers(ctx, KindSchedule, writes); err != nil {
		return err
	}
	if len(run.Data.Deactivated) == 0 { // they were all deactivated before
		w.Audit(KindSchedule, v.ids, nil, nil)
	}
	return clockmark.Announce(ctx, w, v.domain.ID, clockTask)
}

// activated takes users who are activated again out of deletions that are
// scheduled: should they be deactivated later, that is for another reason.
func (d *Deletions) activated(ctx context.Context, w *chatadmin.Writer, changes []chatadmin.UserChange) error {
	back := map[chatadmin.ID]bool{}
	for i := range changes {
		if c := &changes[i]; c.Was.Status == chatadmin.Deactivated && c.Now.Status != chatadmin.Deactivated {
			back[c.Now.ID] = true
		}
	}
	if len(back) == 0 {
		return nil
	}
	goes := func(id chatadmin.ID) bool { return back[id] }
	var scheduled []chatadmin.ID
	for run, err := range d.runs.Open(ctx, w, w.Domain.ID) {
		switch {
		case errors.Is(err, chatadmin.ErrDamaged): // nobody is deleted by it
		case err != nil:
			return err
		case run.ID == ctx.Value(cancelling{}):
		case run.State == chatadmin.RunScheduled && slices.ContainsFunc(run.Data.Users, goes):
			scheduled = append(scheduled, run.ID)
		}
	}
	for _, id := range scheduled {
		_, err := d.runs.Amend(ctx, w, id, func(run *Run) error {
			if left := slices.DeleteFunc(slices.Clone(run.Data.Users), goes); len(left) > 0 {
				run.Data.Users, run.Data.Deactivated = left, slices.DeleteFunc(run.Data.Deactivated, goes)
				return nil
			}
			w.Audit(KindCancel, run.Data.Users, nil, map[string]string{"deletion": string(run.ID), "reason": activatedAgain})
			run.State, run.Ended, run.Data.Deactivated = chatadmin.RunCancelled, w.Now(), nil
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Scheduled returns when the deletions begin that are scheduled of some users;
// users of whom none is scheduled are left out. It needs
// chatadmin.PermUsersRead.
func (d *Deletions) Scheduled(ctx context.Context, s *chatadmin.Scope, users ...chatadmin.ID) (map[chatadmin.ID]time.Time, error) {
	if _, _, err := s.View(ctx, chatadmin.PermUsersRead); err != nil {
		return nil, err
	}
	due := map[chatadmin.ID]time.Time{}
	for run, err := range d.runs.Open(ctx, d.admin.Store(), s.Domain()) {
		switch {
		case errors.Is(err, chatadmin.ErrDamaged): // nobody is deleted by it
		case err != nil:
			return nil, err
		case run.State == chatadmin.RunScheduled:
			for _, id := range users {
				if slices.Contains(run.Data.Users, id) && (due[id].IsZero() || run.Due.Before(due[id])) {
					due[id] = run.Due
				}
			}
		}
	}
	return due, nil
}

// cancelling marks a context in which the deletion whose ID is the value is
// being cancelled.
type cancelling struct{}

const activatedAgain = "they were activated again"

// Cancel ends a scheduled deletion before it has begun. The users whom the
// scheduling has deactivated are as before. It needs chatadmin.PermUsersDelete,
// and an actor who may act on each of the users, else it returns
// chatadmin.ErrForbidden. A deletion that has begun cannot be cancelled:
// chatadmin.ErrTransition. Cancelling twice is once.
func (d *Deletions) Cancel(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID) (*Run, error) {
	return d.runs.Cancel(ctx, s, id)
}

// cancel activates the users whom the scheduling has deactivated.
func cancel(ctx context.Context, w *chatadmin.Writer, run *Run) error {
	if run.State != chatadmin.RunScheduled {
		return fmt.Errorf("deletion %s has begun, there is no way back: %w", run.ID, chatadmin.ErrTransition)
	}
	w.Note = map[string]string{"deletion": string(run.ID)}
	users, err := w.Users(ctx, w.Domain.ID, run.Data.Deactivated)
	if err != nil {
		return err
	}
	run.Data.Deactivated = nil
	var writes []chatadmin.UserWrite
	for _, u := range users {
		x, err := chatadmin.TransitionWrite(u, chatadmin.Activate)
		if err != nil {
			return err
		}
		writes = append(writes, x)
	}
	if err := w.WriteUsers(context.WithValue(ctx, cancelling{}, run.ID), KindCancel, writes); err != nil {
		return err
	}
	if !slices.ContainsFunc(writes, func(x chatadmin.UserWrite) bool { return x.Changes() }) {
		w.Audit(KindCancel, run.Data.Users, nil, nil)
	}
	return nil
}

// mayChange refuses an actor who may not act on one of the users. Users who are
// gone stand in nobody's way.
func mayChange(ctx context.Context, w *chatadmin.Writer, run *Run) error {
	users, err := w.Users(ctx, w.Domain.ID, run.Data.Users)
	if err != nil {
		return err
	}
	for i := range users {
		if err := w.MayActOn(&users[i]); err != nil {
			return err
		}
	}
	return nil
}

// TakeOver puts the actor in charge of a deletion that is scheduled or was
// interrupted, in the place of an actor who perhaps may not continue it. Resume
// continues it then, and so does a worker: a scheduled one when it is due, one
// that has begun within ten minutes.
//
// It needs what beginning the deletion would need: chatadmin.PermUsersDelete,
// an actor who may act on each of the users and is none of them, and
// chatadmin.PermDefault where default groups are deleted. So a deletion that is
// taken over can be carried out.
func (d *Deletions) TakeOver(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID) (*Run, error) {
	return d.runs.TakeOver(ctx, s, id)
}

// takeOver refuses an actor who could not begin the deletion.
func takeOver(_ context.Context, w *chatadmin.Writer, run *Run) error {
	if slices.Contains(run.Data.Users, w.Actor.ID) {
		return fmt.Errorf("nobody deletes themselves: %w", chatadmin.ErrInvalid)
	}
	if run.Data.Choice.DeleteDefault {
		if err := w.Require(chatadmin.PermDefault); err != nil {
			return err
		}
	}
	w.Audit(KindTakeOver, run.Data.Users, nil, map[string]string{"deletion": string(run.ID)})
	return nil
}
