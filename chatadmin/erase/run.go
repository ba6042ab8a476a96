package erase

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// place is how far a deletion is.
type place struct {
	Stage   stage                  `json:"stage"`
	N       int                    `json:"n,omitempty"`     // which user, which part of a stage, or whose events
	After   chatadmin.Cursor       `json:"after,omitempty"` // within a list
	Outside chatadmin.OutsidePlace `json:"outside,omitzero"`
	// Seen is 1 and what was gone when the last look found something left; 0:
	// none did. Looks counts those that did.
	Seen  int64 `json:"seen,omitempty"`
	Looks int   `json:"looks,omitempty"`
}

// stage is a part of a deletion. Children go before their parents, and the
// users last.
type stage int

const (
	markGroups  stage = iota // those that were too many for the first transaction
	outside                  // what the host keeps outside the store's database
	reports                  // lose their manager
	chats                    // with all that lies in them
	written                  // by the users, elsewhere
	groups                   // with all that lies in them
	memberships              // in groups that stay
	events                   // are blanked
	devices
	records
	users // if nothing is left; else once more from outside
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
	return b
}

// next goes to the next stage.
func (b *batch) next() { b.to(b.At.Stage+1, 0) }

// to goes to the beginning of a part of a stage.
func (b *batch) to(s stage, n int) { b.At = place{Stage: s, N: n, Seen: b.At.Seen, Looks: b.At.Looks} }

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
	case outside:
		do, err = now.outside(ctx, s)
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
		return nil, errors.Join(err, b.d.roundAgain(ctx, domain, b.id))
	}
	return func(b *batch, _ context.Context, _ *chatadmin.Writer, _ *Run) error {
		b.to(outside, 0)
		b.At.Seen, b.At.Looks = 1+b.removed(), b.At.Looks+1
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

// maxLooks is how often something may be left at the end. Rows that came while
// the deletion began are found by the first look.
const maxLooks = 20

// stuck refuses another round where the last one has removed nothing, or where
// each removes something and yet it does not come to an end.
func (b *batch) stuck(left []string) error {
	if b.At.Seen != 1+b.removed() && b.At.Looks < maxLooks {
		return nil
	}
	if name, ok := strings.CutPrefix(left[0], "host."); ok {
		return &chatadmin.SourceError{Name: strings.TrimSuffix(name, ".marked"),
			Reason: fmt.Sprintf("deletion %s finds some left at the end, but none to delete", b.id)}
	}
	return fmt.Errorf("deletion %s: %s are left, and another round has removed none", b.id, strings.Join(left, ", "))
}

// roundAgain has the next Resume of a deletion that is stuck go round once more:
// whatever was in its way may be mended then.
func (d *Deletions) roundAgain(ctx context.Context, domain, id chatadmin.ID) error {
	return d.keep(ctx, domain, func(ctx context.Context, w *chatadmin.Writer) error {
		_, err := d.runs.Amend(ctx, w, id, func(run *Run) error {
			if run.Data.At.Stage == users {
				run.Data.At = place{Stage: outside}
			}
			return nil
		})
		return err
	})
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

// outside deletes the next page of what lies outside the store's database, and
// returns what writes that down: first the users' chats, then what they have
// written, then what lies in the groups of one user after the other.
func (b *batch) outside(ctx context.Context, s *chatadmin.Scope) (action, error) {
	if !b.d.admin.HasOutside() || b.At.N >= 2+len(b.Users) {
		return func(b *batch, _ context.Context, _ *chatadmin.Writer, _ *Run) error {
			b.next()
			return nil
		}, nil
	}
	if _, _, err := s.View(ctx, chatadmin.PermUsersDelete); err != nil {
		return nil, err
	}
	st := b.d.admin.Store()
	// What is under way when a hold is placed may still go.
	if err := b.held(ctx, st, s.Domain(), nil); err != nil {
		return nil, err
	}
	q, after := storage.ContentQuery{Domain: s.Domain()}, chatadmin.Cursor("")
	switch b.At.N {
	case 0:
		q.ChatsOf = b.Users
	case 1:
		q.Authors = b.Users
	default:
		theirs := chatadmin.GroupQuery{Domain: s.Domain(), Creator: b.Users[b.At.N-2], WithDeleting: true}
		page, next, err := st.ListGroups(ctx, theirs, chatadmin.Page{After: b.At.After, Limit: chatadmin.MaxBatch})
		if err != nil {
			return nil, err
		}
		after = next
		for _, g := range page {
			if g.Deleting {
				q.Containers = append(q.Containers, g.ID)
			}
		}
	}
	var n map[string]int64
	at := chatadmin.OutsidePlace{Done: true}
	if len(q.ChatsOf)+len(q.Authors)+len(q.Containers) > 0 {
		var err error
		if n, at, err = b.d.admin.DeleteOutside(ctx, q, b.At.Outside, b.limit); err != nil {
			return nil, err
		}
	}
	return func(b *batch, _ context.Context, _ *chatadmin.Writer, _ *Run) error {
		chatadmin.Counts(b.Removed).Add(n)
		switch {
		case !at.Done:
			b.At.Outside = at
		case after != "":
			b.At.Outside, b.At.After = chatadmin.OutsidePlace{}, after
		default:
			b.to(outside, b.At.N+1)
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
