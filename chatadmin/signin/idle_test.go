package signin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/signin"
)

// id is the ID of a user by the first part of their login.
func (w *world) id(name string) chatadmin.ID {
	w.T.Helper()
	u, err := w.Host.UserByLogin(ctx, name+"@acme.example")
	require.NoError(w.T, err)
	return u.ID
}

// status are the users of a status, by login.
func (w *world) status(s chatadmin.Status) (names []string) {
	w.T.Helper()
	for u, err := range w.Host.Users(ctx, chatadmin.UserQuery{Statuses: []chatadmin.Status{s}}) {
		require.NoError(w.T, err)
		names = append(names, u.Login[:len(u.Login)-len("@acme.example")])
	}
	return names
}

func TestIdlePlan(t *testing.T) {
	w := idlers(t)
	for name, c := range map[string]struct {
		idle   signin.Idle
		users  []string
		counts map[string]int64
	}{
		"for 30 days":     {signin.Idle{For: 30 * day}, []string{"early", "middle", "guest"}, map[string]int64{"users": 3, "never": 0, "guests": 1, "left_alone": 0}},
		"never too":       {signin.Idle{For: 30 * day, WithUnused: true}, []string{"never", "early", "middle", "guest"}, map[string]int64{"users": 4, "never": 1, "guests": 1, "left_alone": 0}},
		"network users":   {signin.Idle{For: 30 * day, Kinds: []chatadmin.Kind{chatadmin.Network}}, []string{"early", "middle"}, map[string]int64{"users": 2, "never": 0, "guests": 0, "left_alone": 0}},
		"nobody":          {signin.Idle{For: 300 * day, WithUnused: true}, nil, map[string]int64{"users": 0, "never": 0, "guests": 0, "left_alone": 0}},
		"everybody there": {signin.Idle{For: day}, []string{"early", "middle", "guest", "late"}, map[string]int64{"users": 4, "never": 0, "guests": 1, "left_alone": 0}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := w.gate.PlanIdle(ctx, w.S, c.idle)
			require.NoError(t, err)
			var want []chatadmin.ID
			for _, name := range c.users {
				want = append(want, w.id(name))
			}
			require.Equal(t, want, p.Users)
			require.Equal(t, c.counts, p.Counts)
			require.Empty(t, p.Warnings)
		})
	}
	_, err := w.gate.PlanIdle(ctx, w.S, signin.Idle{For: day - time.Second})
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	require.Equal(t, []string{"off"}, w.status(chatadmin.Deactivated), "a plan changes nothing")
}

func TestIdleRun(t *testing.T) {
	w := idlers(t)
	p, err := w.gate.PlanIdle(ctx, w.S, signin.Idle{For: 30 * day, WithUnused: true})
	require.NoError(t, err)
	text, err := json.Marshal(p)
	require.NoError(t, err)
	var kept signin.IdlePlan
	require.NoError(t, json.Unmarshal(text, &kept))

	w.in("middle", signin.Web) // comes back
	run, err := w.gate.ApplyIdle(ctx, w.S, &kept, nil)
	require.NoError(t, err)
	require.Equal(t, chatadmin.RunDone, run.State)
	require.Equal(t, []int64{3, 1, 4, 4}, []int64{run.Data.Deactivated, run.Data.Skipped, run.Done, run.Total})
	require.Equal(t, []string{"early", "guest", "never", "off"}, w.status(chatadmin.Deactivated))
	e := w.Events(chatadmin.KindUserDeactivate)[0]
	require.Equal(t, w.Boss.ID, e.Actor)
	require.ElementsMatch(t, []chatadmin.ID{w.id("early"), w.id("guest"), w.id("never")}, e.Targets)
	require.Equal(t, signin.NoAccess, w.refused("early"))

	// reactivating brings them back as they were, and then they are not idle at
	// once when they come
	_, err = w.S.ActivateUsers(ctx, w.id("early"), w.id("never"))
	require.NoError(t, err)
	w.in("early", signin.Web)
	require.Contains(t, w.status(chatadmin.Pending), "never")

	read, err := w.gate.IdleRun(ctx, w.S, run.ID)
	require.NoError(t, err)
	require.Equal(t, run.Data, read.Data)
	again, err := w.gate.ResumeIdle(ctx, w.S, run.ID, nil)
	require.NoError(t, err)
	require.Equal(t, run.Data, again.Data)
	member := w.Admin.As(w.Domain, w.id("late"))
	_, err = w.gate.IdleRun(ctx, member, run.ID)
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	_, err = w.gate.ResumeIdle(ctx, member, run.ID, nil)
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	_, err = w.gate.PlanIdle(ctx, nil, signin.Idle{})
	require.ErrorIs(t, err, chatadmin.ErrActor)
}

// refused is why somebody with the right password does not come in.
func (w *world) refused(name string) signin.Reason {
	w.T.Helper()
	d, err := w.gate.SignIn(ctx, w.Domain, signin.Attempt{Login: name + "@acme.example"}, w.verify("right"))
	require.NoError(w.T, err)
	require.False(w.T, d.Allowed())
	if d.Reason() == signin.Deactivated {
		return signin.NoAccess
	}
	return d.Reason()
}

// Whoever stands above the actor is left alone, when the plan is made and when
// it is applied.
func TestIdlePower(t *testing.T) {
	w := idlers(t)
	clerk := w.Role("clerk", 10, chatadmin.PermUsersRead, chatadmin.PermUsersEdit)
	chief := w.Role("chief", 20, chatadmin.PermUsersRead, chatadmin.PermUsersEdit, chatadmin.PermAudit)
	_, err := w.Host.AssignRole(ctx, clerk, w.id("new"))
	require.NoError(t, err)
	_, err = w.Host.AssignRole(ctx, chief, w.id("early"))
	require.NoError(t, err)
	s := w.Admin.As(w.Domain, w.id("new"))
	p, err := w.gate.PlanIdle(ctx, s, signin.Idle{For: 30 * day})
	require.NoError(t, err)
	require.Equal(t, []chatadmin.ID{w.id("middle"), w.id("guest")}, p.Users)
	require.Equal(t, map[string]int64{"users": 2, "never": 0, "guests": 1, "left_alone": 1}, p.Counts)
	_, err = w.Host.AssignRole(ctx, chief, w.id("middle"))
	require.NoError(t, err)
	run, err := w.gate.ApplyIdle(ctx, s, p, nil)
	require.NoError(t, err)
	require.Equal(t, []int64{1, 1}, []int64{run.Data.Deactivated, run.Data.Skipped})
	require.Equal(t, []string{"guest", "off"}, w.status(chatadmin.Deactivated))
}

// One administrator stays: the actor, or whoever came last.
func TestIdleLastAdmin(t *testing.T) {
	w := idlers(t)
	_, err := w.Host.AssignRole(ctx, chatadmin.RoleAdmin, w.id("early"), w.id("middle"))
	require.NoError(t, err)
	w.Clock.Advance(100 * day)
	p, err := w.gate.PlanIdle(ctx, w.S, signin.Idle{For: 30 * day})
	require.NoError(t, err)
	require.NotContains(t, p.Users, w.Boss.ID)
	require.Contains(t, p.Users, w.id("middle"))
	require.EqualValues(t, 1, p.Counts["left_alone"], "the actor")
	require.Empty(t, p.Warnings)

	p, err = w.gate.PlanIdle(ctx, w.Host, signin.Idle{For: 30 * day})
	require.NoError(t, err)
	require.NotContains(t, p.Users, w.Boss.ID)
	require.EqualValues(t, len(p.Users), p.Counts["users"])
	require.EqualValues(t, 1, p.Counts["left_alone"])
	require.Len(t, p.Warnings, 1)
	require.Contains(t, p.Warnings[0].Text, w.Boss.Login)
	_, err = w.Host.DenyAccess(ctx, w.Boss.ID) // meanwhile: the others are the last ones
	require.NoError(t, err)
	run, err := w.gate.ApplyIdle(ctx, w.Host, p, nil)
	require.NoError(t, err)
	require.EqualValues(t, 1, run.Data.Skipped)
	require.NotContains(t, w.status(chatadmin.Deactivated), "middle", "who came last of the administrators in force")
	require.Contains(t, w.status(chatadmin.Deactivated), "early")
}

func TestIdlePlanForged(t *testing.T) {
	w := idlers(t)
	for name, forge := range map[string]func(*signin.IdlePlan){
		"another actor": func(p *signin.IdlePlan) { p.Actor = "x" },
		"another kind":  func(p *signin.IdlePlan) { p.Kind = "x" },
		"twice":         func(p *signin.IdlePlan) { p.Users = append(p.Users, p.Users[0]); p.Counts["users"]++ },
		"no user":       func(p *signin.IdlePlan) { p.Users[0] = "" },
		"the host":      func(p *signin.IdlePlan) { p.Users[0] = chatadmin.HostActor },
		"too many": func(p *signin.IdlePlan) {
			p.Users = nil
			for n := range signin.MaxIdlePlan + 1 {
				p.Users = append(p.Users, chatadmin.ID(fmt.Sprint("u", n)))
			}
			p.Counts["users"] = int64(len(p.Users))
		},
		"too few counted": func(p *signin.IdlePlan) { p.Counts["users"]-- },
		"another count":   func(p *signin.IdlePlan) { p.Counts["x"] = 1 },
		"no count":        func(p *signin.IdlePlan) { delete(p.Counts, "never") },
		"a later time":    func(p *signin.IdlePlan) { p.Before = w.Clock.Now().Add(time.Hour) },
		"no time":         func(p *signin.IdlePlan) { p.Before = time.Time{} },
	} {
		t.Run(name, func(t *testing.T) {
			p, err := w.gate.PlanIdle(ctx, w.S, signin.Idle{For: 30 * day})
			require.NoError(t, err)
			forge(p)
			_, err = w.gate.ApplyIdle(ctx, w.S, p, nil)
			require.ErrorIs(t, err, chatadmin.ErrInvalid)
		})
	}
	_, err := w.gate.ApplyIdle(ctx, w.S, nil, nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	p, err := w.gate.PlanIdle(ctx, w.S, signin.Idle{For: 30 * day})
	require.NoError(t, err)
	_, err = w.Host.ChangeSettings(ctx, func(set *chatadmin.Settings) error { set.DefaultCountry = "NL"; return nil })
	require.NoError(t, err)
	_, err = w.gate.ApplyIdle(ctx, w.S, p, nil)
	require.ErrorIs(t, err, chatadmin.ErrPlanStale)
	require.Equal(t, []string{"off"}, w.status(chatadmin.Deactivated))
}

// More than a batch, cancelled after the first: what is done stays done.
func TestIdleRunCancelled(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	for n := range 700 {
		w.user(fmt.Sprintf("u%03d", n))
	}
	w.Clock.Advance(50 * day)
	p, err := w.gate.PlanIdle(ctx, w.S, signin.Idle{For: 30 * day, WithUnused: true})
	require.NoError(t, err)
	require.Len(t, p.Users, 700)
	c, stop := context.WithCancel(ctx)
	run, err := w.gate.ApplyIdle(c, w.S, p, func(p chatadmin.Progress) {
		if p.Done > 0 {
			stop()
		}
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, w.status(chatadmin.Deactivated), 500)
	_, err = w.S.CancelRun(ctx, run.ID)
	require.NoError(t, err)
	require.Len(t, w.status(chatadmin.Deactivated), 500)
	_, err = w.gate.ApplyIdle(ctx, w.S, p, nil)
	require.NoError(t, err, "the plan goes on where it was, and skips who is deactivated")
	require.Len(t, w.status(chatadmin.Deactivated), 700)
}
