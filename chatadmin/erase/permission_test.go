package erase_test

import (
	"context"
	"errors"
	"os"
	"reflect"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/erase"
)

// target is what a call is about: a plan of the host's, and deletions that are
// scheduled, done and interrupted.
type target struct {
	d                     *erase.Deletions
	user                  chatadmin.ID
	plan                  *erase.Plan
	scheduled, done, left chatadmin.ID
}

// line is a call with what it needs.
type line struct {
	need     chatadmin.Permission
	noTarget bool
	do       func(ctx context.Context, s *chatadmin.Scope, on *target) error
}

func matrix() map[string]line {
	const need = chatadmin.PermUsersDelete
	return map[string]line{
		"Plan": {need, false, func(ctx context.Context, s *chatadmin.Scope, on *target) error {
			_, err := on.d.Plan(ctx, s, []chatadmin.ID{on.user}, nil)
			return err
		}},
		"Apply": {need, false, func(ctx context.Context, s *chatadmin.Scope, on *target) error {
			p := *on.plan
			p.Actor = s.Actor()
			_, err := on.d.Apply(ctx, s, &p, reason, nil)
			if errors.Is(err, chatadmin.ErrPlanStale) {
				// the plan is bound to who made it, which is looked at after
				// the right
				err = nil
			}
			return err
		}},
		"Resume": {need, false, func(ctx context.Context, s *chatadmin.Scope, on *target) error {
			_, err := on.d.Resume(ctx, s, on.done, nil)
			return err
		}},
		"Cancel": {need, false, func(ctx context.Context, s *chatadmin.Scope, on *target) error {
			_, err := on.d.Cancel(ctx, s, on.scheduled)
			return err
		}},
		"TakeOver": {need, false, func(ctx context.Context, s *chatadmin.Scope, on *target) error {
			_, err := on.d.TakeOver(ctx, s, on.left)
			return err
		}},
		"Run": {need, false, func(ctx context.Context, s *chatadmin.Scope, on *target) error {
			_, err := on.d.Run(ctx, s, on.done)
			return err
		}},
		"Runs": {need, true, func(ctx context.Context, s *chatadmin.Scope, on *target) error {
			for _, err := range on.d.Runs(ctx, s) {
				if err != nil {
					return err
				}
			}
			return nil
		}},
		"Scheduled": {chatadmin.PermUsersRead, true, func(ctx context.Context, s *chatadmin.Scope, on *target) error {
			_, err := on.d.Scheduled(ctx, s, on.user)
			return err
		}},
		"Policy": {need, true, func(ctx context.Context, s *chatadmin.Scope, on *target) error {
			_, err := on.d.Policy(ctx, s)
			return err
		}},
		"SetPolicy": {chatadmin.PermDomain, true, func(ctx context.Context, s *chatadmin.Scope, on *target) error {
			return on.d.SetPolicy(ctx, s, erase.Policy{GraceDays: 7})
		}},
	}
}

func TestPermissions(t *testing.T) {
	calls := matrix()
	typ := reflect.TypeFor[*erase.Deletions]()
	for i := range typ.NumMethod() {
		if name := typ.Method(i).Name; name != "RunDue" { // which takes no scope: only the host can call it
			require.Contains(t, calls, name, "it has no line in the matrix")
		}
	}
	for name, c := range calls {
		t.Run(name, func(t *testing.T) {
			var on *target
			chatadmintest.Authorise(t, chatadmintest.Call{Need: c.need, NoTarget: c.noTarget,
				Open: func(t *testing.T) (*chatadmin.Admin, chatadmin.ID) {
					w := newWorld(t, memory())
					on = w.target()
					return w.Admin, w.Domain
				},
				Do: func(ctx context.Context, s *chatadmin.Scope) error { return c.do(ctx, s, on) }})
		})
	}
}

func (w *world) target() *target {
	w.T.Helper()
	on := &target{d: w.d}
	apply := func(d *erase.Deletions, c context.Context, login string) chatadmin.ID {
		p, err := d.Plan(ctx, w.Host, []chatadmin.ID{w.user(login).ID}, nil)
		require.NoError(w.T, err)
		r, err := d.Apply(c, w.Host, p, reason, nil)
		if c == ctx {
			require.NoError(w.T, err)
		}
		return r.ID
	}
	on.done = apply(w.d, ctx, "done")
	graceful, err := erase.New(w.Admin, &erase.Options{Grace: time.Hour})
	require.NoError(w.T, err)
	on.scheduled = apply(graceful, ctx, "scheduled")
	on.left = w.interrupted("left")
	on.user = w.user("target").ID
	on.plan, err = w.d.Plan(ctx, w.Host, []chatadmin.ID{on.user}, nil)
	require.NoError(w.T, err)
	return on
}

// interrupted is a deletion that the host has begun and not brought to its end.
func (w *world) interrupted(login string) chatadmin.ID {
	w.T.Helper()
	p, err := w.d.Plan(ctx, w.Host, []chatadmin.ID{w.user(login).ID}, nil)
	require.NoError(w.T, err)
	c, cancel := context.WithCancel(ctx)
	r, err := w.d.Apply(c, w.Host, p, reason, func(chatadmin.Progress) { cancel() })
	require.ErrorIs(w.T, err, context.Canceled)
	require.Equal(w.T, chatadmin.RunRunning, r.State)
	return r.ID
}

// Whoever may not any more stops at the next batch; whoever may takes over, and
// nobody else goes on.
func TestTakeOver(t *testing.T) {
	w := newWorld(t, memory())
	second, third := w.user("second", admin), w.user("third", admin)
	ann := w.crowd()
	p, err := w.d.Plan(ctx, w.As(second), []chatadmin.ID{ann.ID}, nil)
	require.NoError(t, err)
	before := w.everything()
	r, err := w.d.Apply(ctx, w.As(second), p, reason, func(p chatadmin.Progress) {
		_, err := w.S.AssignRole(ctx, chatadmin.RoleMember, second.ID)
		require.NoError(t, err)
	})
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	require.Equal(t, chatadmin.RunRunning, r.State)
	_, err = w.d.Resume(ctx, w.As(third), r.ID, nil)
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	require.ErrorContains(t, err, "somebody else")
	_, err = w.d.TakeOver(ctx, w.As(ann), r.ID)
	require.ErrorIs(t, err, chatadmin.ErrForbidden, "she has no access any more")
	_, err = w.d.TakeOver(ctx, w.As(third), r.ID)
	require.NoError(t, err)
	r, err = w.d.Resume(ctx, w.As(third), r.ID, nil)
	require.NoError(t, err)
	require.Equal(t, third.ID, r.By)
	require.Equal(t, some(r.Data.Removed), w.gone(before))
	w.noTrace(ann.ID)
}

// Who was only asleep does not go on when somebody else has taken over.
func TestTakenOverMeanwhile(t *testing.T) {
	w := newWorld(t, memory())
	second := w.user("second", admin)
	ann := w.crowd()
	p, err := w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID}, nil)
	require.NoError(t, err)
	taken := false
	r, err := w.d.Apply(ctx, w.S, p, reason, func(p chatadmin.Progress) {
		require.False(t, taken, "another batch")
		taken = true
		for r, err := range w.d.Runs(ctx, w.S) {
			require.NoError(t, err)
			_, err = w.d.TakeOver(ctx, w.As(second), r.ID)
			require.NoError(t, err)
		}
	})
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	require.ErrorContains(t, err, "taken over")
	require.Equal(t, chatadmin.RunRunning, r.State)
	r, err = w.d.Resume(ctx, w.As(second), r.ID, nil)
	require.NoError(t, err)
	require.Equal(t, second.ID, r.By)
}

// The table in the package documentation is the one that is tested.
func TestPermissionTable(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	listed := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^//\t([a-z]+(?:\.[a-z]+)?) {2,}((?:[A-Z]\w+(?:, )?)+)`).FindAllStringSubmatch(string(text), -1) {
		for _, word := range regexp.MustCompile(`[A-Z]\w+`).FindAllString(m[2], -1) {
			listed[word] = m[1]
		}
	}
	for name, c := range matrix() {
		require.Equal(t, string(c.need), listed[name], "%s in doc.go", name)
	}
}
