package erase

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

// cursor is how far a deletion is.
type cursor struct {
	Stage stage            `json:"stage"`
	N     int              `json:"n,omitempty"`     // which user, which of the host's kinds, or whose events
	After chatadmin.Cursor `json:"after,omitempty"` // within a list
	Found int64            `json:"found,omitempty"` // of the host's kind, before anything of it went
	Gone  int64            `json:"gone,omitempty"`  // of it, so far
	Seen  int64            `json:"seen,omitempty"`  // 1 and what was gone when the last look found something left; 0: none did
}

// stage is a part of a deletion. Children go before their parents, and the users last.
type stage int

const (
	markGroups  stage = iota // those of the users' groups that were too many for the first transaction
	hostStage                // the host's own kinds
	reports                  // lose their manager
	chats                    // with all that lies in them
	written                  // by the users, elsewhere
	groups                   // with all that lies in them
	memberships              // in groups that stay
	events                   // are blanked
	devices
	records
	users // if nothing is left; else once more from hostStage
)

// Resume continues a deletion to its end, and returns its receipt. A receipt of a
// deletion that has ended is returned as it is. A scheduled deletion that is due is
// begun, although RunDue has not done so; before its time it is
// chatadmin.ErrTransition. Resume needs chatadmin.PermUsersDelete, and goes on only
// in the name of the actor who asked for the deletion or has taken it over: see
// TakeOver. With an error the receipt says how far it came, where that could be
// read. progress may be nil.
func (d *Deletions) Resume(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID, progress func(chatadmin.Progress)) (Receipt, error) {
	if _, _, err := s.View(ctx, chatadmin.PermUsersDelete); err != nil {
		return Receipt{ID: id}, err
	}
	e, err := readEntry(ctx, d.admin.Store(), s.Domain(), id)
	switch {
	case err != nil:
		return Receipt{ID: id}, err
	case e.State == Scheduled && e.Due.After(d.admin.Now()):
		return e.Receipt, notYet(&e)
	case e.State == Scheduled && e.By != s.Actor():
		return e.Receipt, fmt.Errorf("deletion %s was asked for by somebody else: take it over first: %w", id, chatadmin.ErrForbidden)
	case e.State == Scheduled:
		if err := d.start(ctx, s, id, e.Users, true); err != nil {
			return e.Receipt, err
		}
	case e.State != Running:
		return e.Receipt, nil
	}
	var pace chatadmin.Pace
	_, err = s.RunJob(ctx, id, func(ctx context.Context, job *chatadmin.Job) (chatadmin.Step, error) {
		return d.step(ctx, s, job, pace.Next(d.admin.Options().Now()))
	}, progress)
	r, readErr := d.receipt(context.WithoutCancel(ctx), s, id)
	if err == nil {
		err = readErr
	}
	if readErr != nil {
		return e.Receipt, err
	}
	return r, err
}

func notYet(e *entry) error {
	return fmt.Errorf("deletion %s is scheduled for %s: %w", e.ID, e.Due.Format(time.RFC3339), chatadmin.ErrTransition)
}

// run is one step of a deletion.
type run struct {
	d     *Deletions
	task  task
	at    cursor
	gone  map[string]int64
	limit int
	going map[chatadmin.ID]bool // the users
}

func (d *Deletions) load(job *chatadmin.Job, limit int) (*run, error) {
	r := &run{d: d, limit: limit, going: map[chatadmin.ID]bool{}}
	if job.Kind != jobKind {
		return nil, fmt.Errorf("job %s is another kind of job: %w", job.ID, chatadmin.ErrInvalid)
	}
	for _, part := range []struct {
		data json.RawMessage
		into any
	}{{job.Params, &r.task}, {job.Cursor, &r.at}, {job.Result, &r.gone}} {
		if err := json.Unmarshal(part.data, part.into); err != nil {
			return nil, fmt.Errorf("job %s: %w", job.ID, err)
		}
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("job %s cannot be read: %w", job.ID, err)
	}
	for _, id := range r.task.Users {
		r.going[id] = true
	}
	return r, nil
}

// check refuses what no version of the library writes.
func (r *run) check() error {
	_, err := named(r.task.Users)
	switch {
	case err != nil:
		return err
	case r.at.Stage < markGroups || r.at.Stage > users || r.at.N < 0 || r.at.N > chatadmin.MaxBulk:
		return fmt.Errorf("it stands at a stage that does not exist: %w", chatadmin.ErrInvalid)
	}
	if err := checkCounts(r.gone); err != nil {
		return err
	}
	if r.at.Found < 0 || r.at.Gone < 0 { // an Eraser was believed: its kind is counted anew
		r.at.Found, r.at.Gone = 0, 0
	}
	return nil
}

// checkCounts refuses counts that cannot be. Nil is none at all.
func checkCounts(counts map[string]int64) error {
	if counts == nil {
		return fmt.Errorf("it has no counts: %w", chatadmin.ErrInvalid)
	}
	for kind, n := range counts {
		if n < 0 || n > chatadmin.MaxCount {
			return fmt.Errorf("it counts %d %s, which cannot be: %w", n, chatadmin.Cut(kind), chatadmin.ErrInvalid)
		}
	}
	return nil
}

// save writes down how far the job is.
func (r *run) save(job *chatadmin.Job) (err error) {
	if job.Cursor, err = json.Marshal(r.at); err != nil {
		return err
	}
	job.Done = total(r.gone)
	job.Result, err = json.Marshal(r.gone)
	return err
}

// next goes to the next stage.
func (r *run) next() { r.to(r.at.Stage+1, 0) }

// to goes to the beginning of a part of a stage.
func (r *run) to(s stage, n int) { r.at = cursor{Stage: s, N: n, Seen: r.at.Seen} }

// step prepares the next transaction.
func (d *Deletions) step(ctx context.Context, s *chatadmin.Scope, job *chatadmin.Job, limit int) (chatadmin.Step, error) {
	now, err := d.load(job, limit)
	if err != nil {
		return chatadmin.Step{}, err
	}
	op := chatadmin.Op{Kind: KindDelete, Need: chatadmin.PermUsersDelete, Fence: chatadmin.Shared, Targets: now.task.Users} // no hold comes while a batch is deleting
	do := (*run).rows
	switch now.at.Stage {
	case markGroups:
		op.Fence, do = chatadmin.Exclusive, (*run).markGroups
	case hostStage:
		if do, err = now.hostKinds(ctx, s.Domain(), job.ID); err != nil {
			return chatadmin.Step{}, err
		}
	case reports:
		do = (*run).reports
	case users:
		left, err := now.scan(ctx, s.Domain())
		if err == nil && len(left) > 0 {
			err = now.stuck(job.ID, left)
		}
		if err != nil {
			return chatadmin.Step{}, err
		}
		do = (*run).users
		if len(left) > 0 {
			do = func(r *run, _ context.Context, _ *chatadmin.Work, _ *chatadmin.Job) error {
				r.to(hostStage, 0)
				r.at.Seen = 1 + r.removed()
				return nil
			}
		}
	}
	return chatadmin.Step{Op: op, Do: func(ctx context.Context, w *chatadmin.Work, job *chatadmin.Job) error {
		r, err := d.load(job, limit) // anew: this may run several times
		if err != nil {
			return err
		}
		w.Note = map[string]string{"deletion": string(job.ID), "reason": r.task.Reason}
		if err := do(r, ctx, w, job); err != nil {
			return err
		}
		return r.save(job)
	}}, nil
}

// removed is how much is gone of all kinds together.
func (r *run) removed() (n int64) {
	for _, count := range r.gone {
		n += count
	}
	return n
}

// stuck refuses another round where the last one has removed nothing.
func (r *run) stuck(deletion chatadmin.ID, left []string) error {
	if r.at.Seen != 1+r.removed() {
		return nil
	}
	for _, k := range r.d.hosts {
		if left[0] == HostKind(k.name) {
			return &EraserError{k.name, fmt.Sprintf("deletion %s finds some left at the end, but none to erase", deletion)}
		}
	}
	return fmt.Errorf("deletion %s: %s are left, and another round has removed none", deletion, strings.Join(left, ", "))
}

// markGroups marks the next of the groups that the first transaction left.
func (r *run) markGroups(ctx context.Context, w *chatadmin.Work, job *chatadmin.Job) error {
	for ; r.at.N < len(r.task.Users); r.at.N++ {
		v := survey{r: w, domain: w.Domain, choice: r.task.Choice}
		page, _, err := chatadmin.FirstPage(ctx, w.ListGroups, chatadmin.GroupQuery{Domain: w.Domain.ID, Creator: r.task.Users[r.at.N]}, chatadmin.MaxBatch)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			continue
		}
		for _, g := range page { // a group that has become default since goes like the others, unless it can be transferred
			if g.Default && r.task.Choice.TransferTo != "" {
				v.stay = append(v.stay, g)
			} else {
				v.vanish = append(v.vanish, g)
			}
		}
		ids := groupIDs(v.vanish)
		if err := r.held(ctx, w, w.Domain.ID, job.ID, ids); err != nil {
			return err
		}
		before, err := owned(ctx, w, w.Domain.ID, nil, ids)
		if err != nil {
			return err
		}
		if err := r.d.transfer(ctx, w, &v); err != nil {
			return err
		}
		if err := w.BeginGroupDeletion(ctx, v.vanish); err != nil {
			return err
		}
		after, err := owned(ctx, w, w.Domain.ID, nil, ids)
		r.gone[Records] += before.records - after.records
		return err
	}
	r.next()
	return nil
}

// hostKinds erases the next batch of what the host keeps, and returns what writes that down.
func (r *run) hostKinds(ctx context.Context, domain, deletion chatadmin.ID) (func(*run, context.Context, *chatadmin.Work, *chatadmin.Job) error, error) {
	if r.at.N >= len(r.d.hosts) {
		return func(r *run, _ context.Context, _ *chatadmin.Work, _ *chatadmin.Job) error {
			r.next()
			return nil
		}, nil
	}
	if err := r.held(ctx, r.d.admin.Store(), domain, deletion, nil); err != nil { // what is under way when a hold is placed may still go
		return nil, err
	}
	k := r.d.hosts[r.at.N]
	n, err := k.count(ctx, domain, r.task.Users)
	var gone int64
	if err == nil && n > 0 && r.at.Found > 0 {
		gone, err = k.erase(ctx, domain, r.task.Users, n)
	}
	if err != nil {
		return nil, err
	}
	return func(r *run, _ context.Context, _ *chatadmin.Work, _ *chatadmin.Job) error {
		switch {
		case n == 0: // what a crash kept from being counted was there in the beginning
			r.gone[HostKind(k.name)] += max(r.at.Found, r.at.Gone)
			r.to(hostStage, r.at.N+1)
		case r.at.Found == 0:
			r.at.Found = n
		default:
			r.at.Gone += gone
		}
		return nil
	}, nil
}

// reports takes the manager from those who stay.
func (r *run) reports(ctx context.Context, w *chatadmin.Work, _ *chatadmin.Job) error {
	for ; r.at.N < len(r.task.Users); r.to(reports, r.at.N+1) {
		q := chatadmin.UserQuery{Domain: w.Domain.ID, Manager: r.task.Users[r.at.N], WithDeleting: true}
		page, next, err := w.ListUsers(ctx, q, chatadmin.Page{After: r.at.After, Limit: chatadmin.MaxBatch})
		if err != nil {
			return err
		}
		var stay []chatadmin.User
		for _, u := range page {
			if !r.going[u.ID] {
				stay = append(stay, u)
			}
		}
		if err := w.ClearManagers(ctx, chatadmin.KindUserEdit, stay); err != nil {
			return err
		}
		r.gone[Reports] += int64(len(stay))
		if r.at.After = next; next != "" {
			return nil
		}
	}
	r.next()
	return nil
}
