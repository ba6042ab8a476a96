package signin

import (
	"context"
	"errors"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// IdleResult is what a run of ApplyIdle keeps: what was planned, and what came
// of it so far. Deactivated and Skipped together are how many of the users, in
// their order, are done.
type IdleResult struct {
	Users       []chatadmin.ID `json:"users"`
	Before      time.Time      `json:"before"`
	Deactivated int64          `json:"deactivated"`
	// Skipped users have come meanwhile, are gone or deactivated already, have
	// risen above the actor, or are the last administrator.
	Skipped int64 `json:"skipped"`
}

// IdleRun is a run that deactivates idle users.
type IdleRun = chatadmin.RunOf[IdleResult]

// idleBatch is how many users one transaction deactivates.
const idleBatch = 500

// idleKind declares the runs of ApplyIdle.
func (g *Gate) idleKind() chatadmin.RunKind[IdleResult] {
	return chatadmin.RunKind[IdleResult]{
		Name:  "deactivation of idle users",
		Need:  chatadmin.PermUsersEdit,
		Check: (*IdleResult).check,
		Step: func(_ context.Context, _ *chatadmin.Scope, run *IdleRun, _ int) (chatadmin.RunStep[IdleResult], error) {
			// an admin may be among them, and the last one must stay
			op := chatadmin.Op{Kind: chatadmin.KindUserDeactivate, Need: chatadmin.PermUsersEdit, Fence: storage.Exclusive, Targets: run.Data.next()}
			return chatadmin.RunStep[IdleResult]{Op: op, Do: idleStep}, nil
		},
		// Who was deactivated stays so, and can be activated again.
		Cancel: func(context.Context, *chatadmin.Writer, *IdleRun) error { return nil },
	}
}

// check refuses what no version of the library writes.
func (x *IdleResult) check() error {
	n := int64(len(x.Users))
	if x.Deactivated < 0 || x.Deactivated > n || x.Skipped < 0 || x.Skipped > n-x.Deactivated {
		return errors.New("it has counts that cannot be")
	}
	return checkIdle(x.Users)
}

// next are the users of the next batch.
func (x *IdleResult) next() []chatadmin.ID {
	left := x.Users[x.Deactivated+x.Skipped:]
	return left[:min(len(left), idleBatch)]
}

// idleStep deactivates the next users of a run.
func idleStep(ctx context.Context, w *chatadmin.Writer, run *IdleRun) error {
	part := run.Data.next()
	us, err := w.Users(ctx, w.Domain.ID, part)
	if err != nil {
		return err
	}
	texts := make([]string, len(part))
	for i, id := range part {
		texts[i] = string(id)
	}
	seen, err := activities.GetMany(ctx, w, w.Domain.ID, texts...)
	if err != nil {
		return err
	}
	us = slices.DeleteFunc(us, func(u chatadmin.User) bool {
		e, recorded := seen[string(u.ID)]
		came := recorded && (e.Damaged != nil || e.Value.last().After(run.Data.Before))
		return came || u.Deleting || u.Status == chatadmin.Deactivated || u.ID == w.Actor.ID || w.MayActOn(&u) != nil
	})
	slices.SortFunc(us, func(a, b chatadmin.User) int { return slices.Index(part, a.ID) - slices.Index(part, b.ID) })
	if us, err = leaveAdmin(ctx, w, us); err != nil {
		return err
	}
	writes := make([]chatadmin.UserWrite, len(us))
	for i, u := range us {
		if writes[i], err = chatadmin.TransitionWrite(u, chatadmin.Deactivate); err != nil {
			return err
		}
	}
	if err := w.WriteUsers(ctx, chatadmin.KindUserDeactivate, writes); err != nil {
		return err
	}
	run.Data.Deactivated += int64(len(us))
	run.Data.Skipped += int64(len(part) - len(us))
	run.Done = run.Data.Deactivated + run.Data.Skipped
	if len(run.Data.next()) == 0 {
		run.State = chatadmin.RunDone
	}
	return nil
}

// leaveAdmin leaves the last of the administrators out if there is no other.
func leaveAdmin(ctx context.Context, w *chatadmin.Writer, us []chatadmin.User) ([]chatadmin.User, error) {
	admins, last := map[chatadmin.ID]bool{}, -1
	for i := range us {
		if us[i].AdminInForce() {
			admins[us[i].ID], last = true, i
		}
	}
	if last < 0 {
		return us, nil
	}
	another, err := adminBeside(ctx, w, w.Domain.ID, admins)
	if err == nil && !another {
		us = slices.Delete(us, last, last+1)
	}
	return us, err
}

// without leaves out one user.
func without(users []chatadmin.ID, user chatadmin.ID) []chatadmin.ID {
	return slices.DeleteFunc(users, func(id chatadmin.ID) bool { return id == user })
}

// ResumeIdle continues what ApplyIdle began, in the name of the actor who began
// it or has taken it over; see chatadmin.Scope.TakeOverRun. progress may be
// nil. It needs chatadmin.PermUsersEdit.
func (g *Gate) ResumeIdle(ctx context.Context, s *chatadmin.Scope, run chatadmin.ID, progress func(chatadmin.Progress)) (*IdleRun, error) {
	if err := named(s); err != nil {
		return nil, err
	}
	return g.idle.Resume(ctx, s, run, progress)
}

// IdleRun reads a run of ApplyIdle. It needs chatadmin.PermUsersEdit, or to
// have begun it. Scope.Runs lists them.
func (g *Gate) IdleRun(ctx context.Context, s *chatadmin.Scope, run chatadmin.ID) (*IdleRun, error) {
	if err := named(s); err != nil {
		return nil, err
	}
	return g.idle.Get(ctx, s, run)
}
