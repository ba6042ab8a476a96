package retention_test

import (
	"context"
	"os"
	"reflect"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/retention"
)

// target is what a call is about: a plan of the host's, and a run that has
// ended.
type target struct {
	r    *retention.Retention
	plan *retention.Plan
	done chatadmin.ID
}

// line is a call, and whether it names nothing that another domain could have.
type line struct {
	noTarget bool
	do       func(ctx context.Context, s *chatadmin.Scope, on *target) error
}

func matrix() map[string]line {
	return map[string]line{
		"SetDays": {true, func(ctx context.Context, s *chatadmin.Scope, on *target) error { return on.r.SetDays(ctx, s, 60) }},
		"Policy": {true, func(ctx context.Context, s *chatadmin.Scope, on *target) error {
			_, err := on.r.Policy(ctx, s)
			return err
		}},
		"Plan": {true, func(ctx context.Context, s *chatadmin.Scope, on *target) error {
			_, err := on.r.Plan(ctx, s, 30)
			return err
		}},
		"Apply": {false, func(ctx context.Context, s *chatadmin.Scope, on *target) error {
			p := *on.plan
			p.Actor = s.Actor()
			_, err := on.r.Apply(ctx, s, &p, nil)
			return err
		}},
		"Resume": {false, func(ctx context.Context, s *chatadmin.Scope, on *target) error {
			_, err := on.r.Resume(ctx, s, on.done, nil)
			return err
		}},
		"Run": {false, func(ctx context.Context, s *chatadmin.Scope, on *target) error {
			_, err := on.r.Run(ctx, s, on.done)
			return err
		}},
		"Runs": {true, func(ctx context.Context, s *chatadmin.Scope, on *target) error {
			for _, err := range on.r.Runs(ctx, s) {
				if err != nil {
					return err
				}
			}
			return nil
		}},
	}
}

// hostOnly calls take no scope: only the host can make them.
var hostOnly = []string{"RunDue", "SetLimit", "FixLimit"}

func TestPermissions(t *testing.T) {
	calls := matrix()
	typ := reflect.TypeFor[*retention.Retention]()
	for i := range typ.NumMethod() {
		if name := typ.Method(i).Name; !slices.Contains(hostOnly, name) {
			require.Contains(t, calls, name, "it has no line in the matrix")
		}
	}
	for name, c := range calls {
		t.Run(name, func(t *testing.T) {
			var on *target
			chatadmintest.Authorise(t, chatadmintest.Call{Need: chatadmin.PermHolds, NoTarget: c.noTarget,
				Open: func(t *testing.T) (*chatadmin.Admin, chatadmin.ID) {
					w := newWorld(t, memory())
					w.crowd()
					w.days(90)
					rep, err := w.r.Apply(ctx, w.Host, w.plan(w.Host), nil)
					require.NoError(t, err)
					w.wrote(w.sales, w.ann, 100*day, 2, 0)
					on = &target{w.r, w.plan(w.Host), rep.ID}
					return w.Admin, w.Domain
				},
				Do: func(ctx context.Context, s *chatadmin.Scope) error { return c.do(ctx, s, on) }})
		})
	}
}

// The table in the package documentation is the one that is tested.
func TestPermissionTable(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	m := regexp.MustCompile(`(?m)^//\tholds {2,}(.*)$`).FindStringSubmatch(string(text))
	require.NotNil(t, m)
	listed := regexp.MustCompile(`, `).Split(m[1], -1)
	for name := range matrix() {
		require.Contains(t, listed, name)
	}
	require.Len(t, listed, len(matrix()))
}

// Whoever may not any more stops at the next batch, and nobody but the host
// goes on in their place.
func TestDemotedMeanwhile(t *testing.T) {
	w := newWorld(t, memory(), hasty)
	w.wrote(w.sales, w.ann, 100*day, 6000, 0)
	w.days(90)
	demoted := false
	rep, err := w.r.Apply(ctx, w.second, w.plan(w.second), func(chatadmin.Progress) {
		if !demoted {
			_, err := w.S.AssignRole(ctx, chatadmin.RoleMember, w.second.Actor())
			require.NoError(t, err)
			demoted = true
		}
	})
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	require.Equal(t, chatadmin.RunRunning, rep.State)
	require.Equal(t, rep.Data.Removed.Messages, 6000-w.all().Messages)
	require.Positive(t, rep.Data.Removed.Messages)
	_, err = w.r.Resume(ctx, w.S, rep.ID, nil)
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	require.ErrorContains(t, err, "somebody else")
}

// A run that was taken over while its process slept does not go on in that
// process.
func TestTakenOver(t *testing.T) {
	w := newWorld(t, memory(), hasty)
	w.wrote(w.sales, w.ann, 100*day, 6000, 0)
	w.days(90)
	slept := false
	rep, err := w.r.Apply(ctx, w.S, w.plan(w.S), func(chatadmin.Progress) {
		if slept {
			return
		}
		slept = true
		w.Clock.Advance(day)
		c, cancel := context.WithCancel(ctx)
		batches := 0
		w.before = func(chatadmin.Intent) error {
			if batches++; batches == 3 { // one takes it over, one deletes
				cancel()
			}
			return nil
		}
		run, err := w.Host.TakeOverRun(ctx, w.reports()[0].ID)
		require.NoError(t, err)
		_, err = w.r.Resume(c, w.Host, run.ID, nil)
		require.ErrorIs(t, err, context.Canceled)
		w.before = nil
	})
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	require.ErrorContains(t, err, "taken over")
	require.Equal(t, []any{chatadmin.RunRunning, chatadmin.HostActor}, []any{rep.State, rep.By})
	require.Positive(t, w.all().Messages)
	rep, err = w.r.Resume(ctx, w.Host, rep.ID, nil)
	require.NoError(t, err)
	require.Equal(t, retention.Counts{Messages: 6000}, rep.Data.Removed)
}
