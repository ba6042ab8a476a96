package chatadmin_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
)

// A plan comes from outside: what it says is checked before anything happens.
func TestGroupDeletePlanFromOutside(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	g := w.Group("G")
	w.content(g.ID, w.Boss.ID, 4)
	second := w.Group("Second")
	for name, change := range chatadmintest.InOrder(map[string]func(p *chatadmin.Plan){
		"negative":        func(p *chatadmin.Plan) { p.Counts["messages"] = -1 },
		"absurd":          func(p *chatadmin.Plan) { p.Counts["files"] = math.MaxInt64 },
		"unknown count":   func(p *chatadmin.Plan) { p.Counts["users"] = 1 },
		"another kind":    func(p *chatadmin.Plan) { p.Kind = chatadmin.KindGroupEdit },
		"no kind":         func(p *chatadmin.Plan) { p.Kind = "" },
		"another domain":  func(p *chatadmin.Plan) { p.Domain = "elsewhere" },
		"another actor":   func(p *chatadmin.Plan) { p.Actor = chatadmin.HostActor },
		"another group":   func(p *chatadmin.Plan) { p.Subject = second.ID },
		"another state":   func(p *chatadmin.Plan) { p.Basis += "0" },
		"no state":        func(p *chatadmin.Plan) { p.Basis = "" },
		"no group at all": func(p *chatadmin.Plan) { p.Subject = "" },
	}) {
		p, err := w.S.PlanDeleteGroup(ctx, g.ID)
		require.NoError(t, err)
		data, err := json.Marshal(p)
		require.NoError(t, err)
		var from chatadmin.Plan
		require.NoError(t, json.Unmarshal(data, &from))
		change(&from)
		job, err := w.S.ApplyDeleteGroup(ctx, &from, nil)
		require.Error(t, err, name)
		require.Empty(t, job.ID, name)
	}
	_, err := w.S.ApplyDeleteGroup(ctx, nil, nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	_, err = w.S.ApplyDeleteGroup(ctx, &chatadmin.Plan{}, nil)
	require.Error(t, err)
	for _, id := range []chatadmin.ID{g.ID, second.ID} {
		_, err = w.S.Group(ctx, id)
		require.NoError(t, err)
	}
}

// A run's record that is damaged, or names a group that is not being deleted,
// deletes nothing and does not end as done.
func TestGroupDeletionDamaged(t *testing.T) {
	deletions, no := 0, errors.New("not now")
	w := newWorld(t, chatadmin.OfficeChat, func(o *chatadmin.Options) {
		o.Before = func(_ context.Context, i chatadmin.Intent) error {
			if i.Kind == chatadmin.KindGroupDelete {
				if deletions++; deletions == 2 {
					return no
				}
			}
			return nil
		}
	})
	g, live := w.Group("G"), w.Group("Live")
	w.content(g.ID, w.Boss.ID, 4)
	w.content(live.ID, w.Boss.ID, 4)
	p, err := w.S.PlanDeleteGroup(ctx, g.ID)
	require.NoError(t, err)
	run, err := w.S.ApplyDeleteGroup(ctx, p, nil)
	require.ErrorIs(t, err, no)
	rs, err := w.Store.Records(ctx, []storage.Key{{Kind: "run", Domain: w.Domain, ID: string(run.ID)}})
	require.NoError(t, err)
	for _, data := range []string{`null`, `""`, `7`, `{}`, `["x"]`, fmt.Sprintf(`{"group":%q}`, live.ID)} {
		var bad map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(rs[0].Data, &bad))
		bad["data"] = json.RawMessage(data)
		text, err := json.Marshal(bad)
		require.NoError(t, err)
		w.put("run", w.Domain, string(run.ID), string(text), w.Clock.Now())
		_, err = w.S.ResumeDeleteGroup(ctx, run.ID, nil)
		require.Error(t, err, data)
		for still, err := range w.S.Runs(ctx, chatadmin.RunQuery{}) {
			require.NoError(t, err)
			require.Equal(t, chatadmin.RunRunning, still.State, data)
		}
	}
	left, err := w.Store.CountContent(ctx, storage.ContentQuery{Domain: w.Domain, Containers: []chatadmin.ID{live.ID}})
	require.NoError(t, err)
	require.NotZero(t, left)
}

// A group whose deletion was lost with its damaged record is planned anew by a
// domain admin, once, and nothing of it is left.
func TestGroupDeletionLost(t *testing.T) {
	deletions, no := 0, errors.New("not now")
	w := newWorld(t, chatadmin.OfficeChat, func(o *chatadmin.Options) {
		o.Before = func(_ context.Context, i chatadmin.Intent) error {
			if i.Kind == chatadmin.KindGroupDelete {
				if deletions++; deletions == 2 || deletions == 4 {
					return no
				}
			}
			return nil
		}
	})
	clerk, err := w.Host.CreateRole(ctx, chatadmin.Role{Name: "Clerk", Level: 10, Permissions: []chatadmin.Permission{chatadmin.PermGroups}})
	require.NoError(t, err)
	cleo := w.User("cleo@acme.example", func(n *chatadmin.NewUser) { n.Role = clerk.ID })
	g := w.Group("G")
	w.content(g.ID, w.Boss.ID, 4)
	plan := func(s *chatadmin.Scope, want error) *chatadmin.Plan {
		t.Helper()
		p, err := s.PlanDeleteGroup(ctx, g.ID)
		require.ErrorIs(t, err, want)
		return p
	}
	run, err := w.S.ApplyDeleteGroup(ctx, plan(w.S, nil), nil)
	require.ErrorIs(t, err, no)
	plan(w.S, chatadmin.ErrNotFound)
	w.put("run", w.Domain, string(run.ID), "{}", w.Clock.Now())
	plan(w.As(cleo), chatadmin.ErrNotFound)
	plan(w.S, chatadmin.ErrTransition)

	require.NoError(t, w.S.Repair(ctx, "run", string(run.ID)))
	plan(w.As(cleo), chatadmin.ErrNotFound)
	p := plan(w.S, nil)
	require.Positive(t, p.Counts["messages"])
	_, err = w.S.ApplyDeleteGroup(ctx, p, nil)
	require.ErrorIs(t, err, no)
	_, err = w.S.ApplyDeleteGroup(ctx, p, nil)
	require.ErrorIs(t, err, chatadmin.ErrNotFound, "once more")
	for run, err := range w.S.Runs(ctx, chatadmin.RunQuery{}) {
		require.NoError(t, err)
		_, err = w.S.ResumeDeleteGroup(ctx, run.ID, nil)
		require.NoError(t, err)
	}
	gs, err := w.Store.Groups(ctx, w.Domain, []chatadmin.ID{g.ID})
	require.NoError(t, err)
	require.Empty(t, gs)
	left, err := w.Store.CountContent(ctx, storage.ContentQuery{Domain: w.Domain, Containers: []chatadmin.ID{g.ID}})
	require.NoError(t, err)
	require.Zero(t, left)
}

// A deletion that an earlier version has begun is no lost one.
func TestOldGroupDeletionIsNotLost(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	g := w.Group("G")
	require.NoError(t, w.S.Change(ctx, chatadmin.Op{Kind: "test", Fence: storage.Exclusive}, func(ctx context.Context, work *chatadmin.Writer) error {
		gs, err := work.Groups(ctx, w.Domain, []chatadmin.ID{g.ID})
		if err != nil {
			return err
		}
		return work.BeginGroupDeletion(ctx, gs)
	}))
	w.put("job", w.Domain, "j1", fmt.Sprintf(`{"v":1,"id":"j1","kind":"delete group","actor":%q,"state":"running","total":2,"started":"2026-01-01T10:00:00Z","params":%q,"cursor":null}`, w.Boss.ID, g.ID), w.Clock.Now())
	_, err := w.S.PlanDeleteGroup(ctx, g.ID)
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
	_, err = w.S.ResumeDeleteGroup(ctx, "j1", nil)
	require.NoError(t, err)
	gs, err := w.Store.Groups(ctx, w.Domain, []chatadmin.ID{g.ID})
	require.NoError(t, err)
	require.Empty(t, gs)
}
