package erase

import (
	"context"
	"fmt"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

// schedule deactivates the users until the deletion is due.
func (d *Deletions) schedule(ctx context.Context, w *chatadmin.Work, v *survey, e *entry) error {
	w.Note = map[string]string{"deletion": string(e.ID), "reason": e.Reason, "due": e.Due.Format(time.RFC3339)}
	writes := make([]chatadmin.UserWrite, len(v.users))
	var err error
	for i, u := range v.users {
		if writes[i], err = chatadmin.TransitionWrite(u, chatadmin.Deactivate); err != nil {
			return err
		}
		if writes[i].Changes() {
			e.Deactivated = append(e.Deactivated, u.ID)
		}
	}
	if err := w.WriteUsers(ctx, KindSchedule, writes); err != nil {
		return err
	}
	if len(e.Deactivated) == 0 { // they were all deactivated before
		w.Record(KindSchedule, v.ids, nil, nil)
	}
	e.State = Scheduled
	return e.put(ctx, w)
}

// activated takes users who are activated again out of deletions that are scheduled: should they be deactivated later, that is for another reason.
func activated(ctx context.Context, w *chatadmin.Work, changes []chatadmin.UserChange) error {
	back := map[chatadmin.ID]bool{}
	for i := range changes {
		if c := &changes[i]; c.Was.Status == chatadmin.Deactivated && c.Now.Status != chatadmin.Deactivated {
			back[c.Now.ID] = true
		}
	}
	if len(back) == 0 {
		return nil
	}
	var scheduled []entry
	for p := (chatadmin.Page{Limit: chatadmin.MaxBatch}); ; {
		page, next, err := w.ListRecords(ctx, chatadmin.RecordQuery{Kind: entryKind, Domain: w.Domain.ID, DueBy: forever}, p)
		if err != nil {
			return err
		}
		for _, rec := range page {
			e, err := decode(rec)
			if err != nil {
				continue // nobody is deleted by it; RunDue tells of it
			}
			if e.State == Scheduled && slices.ContainsFunc(e.Users, func(id chatadmin.ID) bool { return back[id] }) {
				scheduled = append(scheduled, e)
			}
		}
		if p.After = next; next == "" {
			break
		}
	}
	for _, e := range scheduled {
		goes := func(id chatadmin.ID) bool { return back[id] }
		if left := slices.DeleteFunc(slices.Clone(e.Users), goes); len(left) > 0 {
			e.Users, e.Deactivated = left, slices.DeleteFunc(e.Deactivated, goes)
		} else {
			e.State, e.Ended, e.Deactivated = Cancelled, w.Now(), nil
			w.Record(KindCancel, e.Users, nil, map[string]string{"deletion": string(e.ID), "reason": again})
		}
		if err := e.put(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

const again = "they were activated again"

// Cancel ends a scheduled deletion before it has begun. The users whom the
// scheduling has deactivated are as before. It needs chatadmin.PermUsersDelete, and
// an actor who may act on each of the users, else it returns chatadmin.ErrForbidden.
// A deletion that has begun cannot be cancelled: chatadmin.ErrTransition.
func (d *Deletions) Cancel(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID) (Receipt, error) {
	var e entry
	err := s.Change(ctx, chatadmin.Op{Kind: KindCancel, Need: chatadmin.PermUsersDelete, Fence: chatadmin.Shared, Targets: []chatadmin.ID{id}}, func(ctx context.Context, w *chatadmin.Work) (err error) {
		if e, err = readEntry(ctx, w, s.Domain(), id); err != nil {
			return err
		}
		switch {
		case e.State == Cancelled:
			return nil
		case e.State != Scheduled:
			return fmt.Errorf("deletion %s has begun, there is no way back: %w", id, chatadmin.ErrTransition)
		}
		if err := mayActOn(ctx, w, e.Users); err != nil {
			return err
		}
		deactivated := e.Deactivated
		e.State, e.Ended, e.Deactivated = Cancelled, w.Now(), nil
		if err := e.put(ctx, w); err != nil { // first: from then on nobody is taken out of it
			return err
		}
		w.Note = map[string]string{"deletion": string(id)}
		users, err := w.Users(ctx, s.Domain(), deactivated)
		if err != nil {
			return err
		}
		var writes []chatadmin.UserWrite
		for _, u := range users {
			x, err := chatadmin.TransitionWrite(u, chatadmin.Activate)
			if err != nil {
				return err
			}
			writes = append(writes, x)
		}
		if err := w.WriteUsers(ctx, KindCancel, writes); err != nil {
			return err
		}
		if !slices.ContainsFunc(writes, func(x chatadmin.UserWrite) bool { return x.Changes() }) {
			w.Record(KindCancel, e.Users, nil, nil)
		}
		return nil
	})
	if err != nil {
		return Receipt{}, err
	}
	return e.Receipt, nil
}

// mayActOn refuses an actor who may not act on one of the users. Users who are gone
// stand in nobody's way.
func mayActOn(ctx context.Context, w *chatadmin.Work, ids []chatadmin.ID) error {
	users, err := w.Users(ctx, w.Domain.ID, ids)
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
// interrupted, in the place of the actor who asked for it and perhaps may not go on.
// Resume continues it, and so does RunDue: a scheduled one when it is due, one that
// has begun within ten minutes.
//
// It needs what beginning the deletion would need: chatadmin.PermUsersDelete, an
// actor who may act on each of the users and is none of them, and
// chatadmin.PermDefault where default groups are deleted. So a deletion that is
// taken over can be carried out.
func (d *Deletions) TakeOver(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID) (Receipt, error) {
	var e entry
	op := chatadmin.Op{Kind: KindTakeOver, Need: chatadmin.PermUsersDelete, Fence: chatadmin.Shared, Targets: []chatadmin.ID{id}}
	err := s.Change(ctx, op, func(ctx context.Context, w *chatadmin.Work) (err error) {
		if e, err = readEntry(ctx, w, s.Domain(), id); err != nil {
			return err
		}
		if e.By == s.Actor() || e.State != Scheduled && e.State != Running {
			return nil
		}
		if slices.Contains(e.Users, s.Actor()) {
			return fmt.Errorf("nobody deletes themselves: %w", chatadmin.ErrInvalid)
		}
		if err := mayActOn(ctx, w, e.Users); err != nil {
			return err
		}
		if e.Choice.DeleteDefault {
			if err := w.Require(chatadmin.PermDefault); err != nil {
				return err
			}
		}
		if e.State == Running {
			job, err := w.Job(ctx, id)
			if err != nil {
				return err
			}
			job.Actor = s.Actor()
			if err := w.PutJob(ctx, &job); err != nil {
				return err
			}
		}
		e.By = s.Actor()
		if err := e.put(ctx, w); err != nil {
			return err
		}
		w.Record(KindTakeOver, e.Users, nil, map[string]string{"deletion": string(id)})
		return nil
	})
	if err != nil {
		return Receipt{}, err
	}
	return e.Receipt, nil
}
