package erase

import (
	"context"
	"fmt"
	"strings"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// place is how far a deletion is.
type place struct {
	Stage stage            `json:"stage"`
	N     int              `json:"n,omitempty"`     // which user, which of the host's kinds, or whose events
	After chatadmin.Cursor `json:"after,omitempty"` // within a list
	Found int64            `json:"found,omitempty"` // of the host's kind, before anything of it went
	Gone  int64            `json:"gone,omitempty"`  // of it, so far
	// Seen is 1 and what was gone when the last look found something left; 0:
	// none did.
	Seen int64 `json:"seen,omitempty"`
}

// stage is a part of a deletion. Children go before their parents, and the
// users last.
type stage int

const (
	markGroups  stage = iota // those that were too many for the first transaction
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

// batch is one step of a deletion: what it reads and changes of the run.
type batch struct {
	*Receipt
	d     *Deletions
	id    chatadmin.ID // of the run
	limit int
	going map[chatadmin.ID]bool // the users
}

func (d *Deletions) batch(run *Run, limit int) *batch {
	b := &batch{Receipt: &run.Data, d: d, id: run.ID, limit: limit, going: map[chatadmin.ID]bool{}}
	for _, id := range b.Users {
		b.going[id] = true
	}
	if b.At.Found < 0 || b.At.Gone < 0 { // an Eraser was believed: its kind is counted anew
		b.At.Found, b.At.Gone = 0, 0
	}
	return b
}

// next goes to the next stage.
func (b *batch) next() { b.to(b.At.Stage+1, 0) }

// to goes to the beginning of a part of a stage.
func (b *batch) to(s stage, n int) { b.At = place{Stage: s, N: n, Seen: b.At.Seen} }

// action makes the changes of a step.
type action func(*batch, context.Context, *chatadmin.Writer, *Run) error

// step prepares the next transaction.
func (d *Deletions) step(ctx context.Context, s *chatadmin.Scope, run *Run, limit int) (step, error) {
	if run.State == chatadmin.RunScheduled {
		return d.start(s, run), nil
	}
	now := d.batch(run, limit)
	// Shared: no hold comes while a batch is deleting.
	op := chatadmin.Op{Kind: KindDelete, Need: chatadmin.PermUsersDelete, Fence: storage.Shared, Targets: now.Users}
	do, err := action((*batch).rows), error(nil)
	switch now.At.Stage {
	case markGroups:
		op.Fence, do = storage.Exclusive, (*batch).markGroups
	case hostStage:
		do, err = now.hostKinds(ctx, s.Domain())
	case reports:
		do = (*batch).reports
	case users:
		do, err = now.last(ctx, s.Domain())
	}
	if err != nil {
		return step{}, err
	}
	return step{Op: op, Do: func(ctx context.Context, w *chatadmin.Writer, run *Run) error {
		b := d.batch(run, limit)
		w.Note = map[string]string{"deletion": string(run.ID), "reason": b.Reason}
		if err := do(b, ctx, w, run); err != nil {
			return err
		}
		run.Done = total(b.Removed)
		return nil
	}}, nil
}

// last looks through everything once more, and returns what deletes the users,
// or goes round again if something is left.
func (b *batch) last(ctx context.Context, domain chatadmin.ID) (action, error) {
	left, err := b.scan(ctx, domain)
	switch {
	case err != nil:
		return nil, err
	case len(left) == 0:
		return (*batch).users, nil
	}
	if err := b.stuck(left); err != nil {
		return nil, err
	}
	return func(b *batch, _ context.Context, _ *chatadmin.Writer, _ *Run) error {
		b.to(hostStage, 0)
		b.At.Seen = 1 + b.removed()
		return nil
	}, nil
}

// removed is how much is gone of all kinds together.
func (b *batch) removed() (n int64) {
	for _, count := range b.Removed {
		n += count
	}
	return n
}

// stuck refuses another round where the last one has removed nothing.
func (b *batch) stuck(left []string) error {
	if b.At.Seen != 1+b.removed() {
		return nil
	}
	for _, k := range b.d.hosts {
		if left[0] == HostKind(k.name) {
			return &EraserError{k.name, fmt.Sprintf("deletion %s finds some left at the end, but none to erase", b.id)}
		}
	}
	return fmt.Errorf("deletion %s: %s are left, and another round has removed none", b.id, strings.Join(left, ", "))
}

// markGroups marks the next of the groups that the first transaction left.
func (b *batch) markGroups(ctx context.Context, w *chatadmin.Writer, _ *Run) error {
	for ; b.At.N < len(b.Users); b.At.N++ {
		v := survey{r: w, domain: w.Domain, choice: b.Choice, ids: b.Users}
		if err := v.readHeirs(ctx); err != nil {
			return err
		}
		q := chatadmin.GroupQuery{Domain: w.Domain.ID, Creator: b.Users[b.At.N]}
		page, _, err := storage.FirstPage(ctx, w.ListGroups, q, chatadmin.MaxBatch)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			continue
		}
		// A group that has become default since goes like the others, unless it
		// can be transferred.
		for _, g := range page {
			if to := v.heir(g); v.admins[to] {
				v.stay = append(v.stay, g)
			} else {
				v.vanish = append(v.vanish, g)
			}
		}
		ids := groupIDs(v.vanish)
		if err := b.held(ctx, w, w.Domain.ID, ids); err != nil {
			return err
		}
		before, err := owned(ctx, w, w.Domain.ID, nil, ids)
		if err != nil {
			return err
		}
		if err := b.d.transfer(ctx, w, &v); err != nil {
			return err
		}
		if err := w.BeginGroupDeletion(ctx, v.vanish); err != nil {
			return err
		}
		after, err := owned(ctx, w, w.Domain.ID, nil, ids)
		b.Removed[Records] += before.records - after.records
		return err
	}
	b.next()
	return nil
}

// hostKinds erases the next batch of what the host keeps, and returns what
// writes that down.
func (b *batch) hostKinds(ctx context.Context, domain chatadmin.ID) (action, error) {
	if b.At.N >= len(b.d.hosts) {
		return func(b *batch, _ context.Context, _ *chatadmin.Writer, _ *Run) error {
			b.next()
			return nil
		}, nil
	}
	// What is under way when a hold is placed may still go.
	if err := b.held(ctx, b.d.admin.Store(), domain, nil); err != nil {
		return nil, err
	}
	k := b.d.hosts[b.At.N]
	n, err := k.count(ctx, domain, b.Users)
	var gone int64
	if err == nil && n > 0 && b.At.Found > 0 {
		gone, err = k.erase(ctx, domain, b.Users, n)
	}
	if err != nil {
		return nil, err
	}
	return func(b *batch, _ context.Context, _ *chatadmin.Writer, _ *Run) error {
		switch {
		case n == 0: // what a crash kept from being counted had been found
			b.Removed[HostKind(k.name)] += max(b.At.Found, b.At.Gone)
			b.to(hostStage, b.At.N+1)
		case b.At.Found == 0:
			b.At.Found = n
		default:
			b.At.Gone += gone
		}
		return nil
	}, nil
}

// reports takes the manager from those who stay.
func (b *batch) reports(ctx context.Context, w *chatadmin.Writer, _ *Run) error {
	for ; b.At.N < len(b.Users); b.to(reports, b.At.N+1) {
		q := chatadmin.UserQuery{Domain: w.Domain.ID, Manager: b.Users[b.At.N], WithDeleting: true}
		page, next, err := w.ListUsers(ctx, q, chatadmin.Page{After: b.At.After, Limit: chatadmin.MaxBatch})
		if err != nil {
			return err
		}
		var stay []chatadmin.User
		for _, u := range page {
			if !b.going[u.ID] {
				stay = append(stay, u)
			}
		}
		if err := w.ClearManagers(ctx, chatadmin.KindUserEdit, stay); err != nil {
			return err
		}
		b.Removed[Reports] += int64(len(stay))
		if b.At.After = next; next != "" {
			return nil
		}
	}
	b.next()
	return nil
}
