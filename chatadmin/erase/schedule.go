package erase

import (
	"context"
	"errors"
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
				return err
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

// Cancel ends a scheduled deletion before it has begun. Whom the scheduling deactivated is as before. It needs chatadmin.PermUsersDelete. What has begun cannot be cancelled:
// chatadmin.ErrTransition.
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

// RunDue carries out the scheduled deletions of a domain that are due, each in the name of who asked for it, and takes up those that have been running for ten minutes or were
// interrupted. Call it from a worker of the host, now and then. It returns the receipts of what it finished; what cannot go on (who asked for it may not any more, a hold) does
// not keep the others, and its error is in the one returned. Who was activated again meanwhile is left out.
func (d *Deletions) RunDue(ctx context.Context, domain chatadmin.ID) ([]Receipt, error) {
	var done []Receipt
	var errs []error
	for p := (chatadmin.Page{Limit: chatadmin.MaxBatch}); ; {
		page, next, err := d.admin.Store().ListRecords(ctx, chatadmin.RecordQuery{Kind: entryKind, Domain: domain, DueBy: d.admin.Now()}, p)
		if err != nil {
			return done, errors.Join(append(errs, err)...)
		}
		for _, rec := range page {
			e, err := decode(rec)
			var r Receipt
			if err == nil {
				r, err = d.runDue(ctx, domain, e)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("deletion %s: %w", rec.ID, err))
			} else {
				done = append(done, r)
			}
			if ctx.Err() != nil {
				return done, errors.Join(errs...)
			}
		}
		if p.After = next; next == "" {
			return done, errors.Join(errs...)
		}
	}
}

func (d *Deletions) runDue(ctx context.Context, domain chatadmin.ID, e entry) (Receipt, error) {
	s := d.admin.As(domain, e.By)
	if e.By == chatadmin.HostActor {
		s = d.admin.AsHost(domain)
	}
	if e.State == Scheduled {
		if err := d.start(ctx, s, e.ID, e.Users); err != nil {
			return Receipt{}, err
		}
	}
	return d.Resume(ctx, s, e.ID, nil)
}

// start begins a scheduled deletion.
func (d *Deletions) start(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID, ids []chatadmin.ID) error {
	op := chatadmin.Op{Kind: KindDelete, Need: chatadmin.PermUsersDelete, Fence: chatadmin.Exclusive, Targets: ids}
	return s.Change(ctx, op, func(ctx context.Context, w *chatadmin.Work) error {
		e, err := readEntry(ctx, w, s.Domain(), id)
		if err != nil || e.State != Scheduled { // another worker was faster
			return err
		}
		e.State = Cancelled // unless somebody is left
		if err := e.put(ctx, w); err != nil {
			return err
		}
		found, err := w.Users(ctx, s.Domain(), e.Users)
		if err != nil {
			return err
		}
		e.Users = nil
		for _, u := range found {
			if u.Status == chatadmin.Deactivated && !u.Deleting {
				e.Users = append(e.Users, u.ID)
			}
		}
		if len(e.Users) == 0 {
			w.Record(KindCancel, ids, nil, map[string]string{"deletion": string(id), "reason": again})
			e.Ended, e.Users = w.Now(), ids
			return e.put(ctx, w)
		}
		slices.Sort(e.Users)
		v := survey{r: w, actor: s.Actor(), domain: w.Domain, settings: w.Settings, role: w.Role, choice: e.Choice, due: true}
		if _, err := d.admit(ctx, w, &v, e.Users); err != nil {
			return err
		}
		return d.begin(ctx, w, &v, &e)
	})
}

// TakeOver puts the actor in charge of a deletion that is scheduled or was interrupted, in the place of who asked for it: the way on where they may not go on any more. Resume continues
// it. It needs chatadmin.PermUsersDelete.
func (d *Deletions) TakeOver(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID) (Receipt, error) {
	var e entry
	err := s.Change(ctx, chatadmin.Op{Kind: KindTakeOver, Need: chatadmin.PermUsersDelete, Targets: []chatadmin.ID{id}}, func(ctx context.Context, w *chatadmin.Work) (err error) {
		if e, err = readEntry(ctx, w, s.Domain(), id); err != nil {
			return err
		}
		if e.By == s.Actor() || e.State != Scheduled && e.State != Running {
			return nil
		}
		if slices.Contains(e.Users, s.Actor()) {
			return fmt.Errorf("nobody deletes themselves: %w", chatadmin.ErrInvalid)
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
