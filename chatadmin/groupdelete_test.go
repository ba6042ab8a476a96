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
)

// A plan comes from outside: what it says is checked before anything happens.
func TestGroupDeletePlanFromOutside(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	g := w.group("G")
	w.content(g.ID, w.boss.ID, 4)
	second := w.group("Second")
	for name, change := range map[string]func(p *chatadmin.Plan){
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
	} {
		p, err := w.s.PlanDeleteGroup(ctx, g.ID)
		require.NoError(t, err)
		data, err := json.Marshal(p)
		require.NoError(t, err)
		var from chatadmin.Plan
		require.NoError(t, json.Unmarshal(data, &from))
		change(&from)
		job, err := w.s.ApplyDeleteGroup(ctx, &from, nil)
		require.Error(t, err, name)
		require.Empty(t, job.ID, name)
	}
	_, err := w.s.ApplyDeleteGroup(ctx, nil, nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	_, err = w.s.ApplyDeleteGroup(ctx, &chatadmin.Plan{}, nil)
	require.Error(t, err)
	for _, id := range []chatadmin.ID{g.ID, second.ID} {
		_, err = w.s.Group(ctx, id)
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
	g, live := w.group("G"), w.group("Live")
	w.content(g.ID, w.boss.ID, 4)
	w.content(live.ID, w.boss.ID, 4)
	p, err := w.s.PlanDeleteGroup(ctx, g.ID)
	require.NoError(t, err)
	run, err := w.s.ApplyDeleteGroup(ctx, p, nil)
	require.ErrorIs(t, err, no)
	rs, err := w.store.Records(ctx, []chatadmin.Key{{Kind: "run", Domain: w.domain, ID: string(run.ID)}})
	require.NoError(t, err)
	for _, data := range []string{`null`, `""`, `7`, `{}`, `["x"]`, fmt.Sprintf(`{"group":%q}`, live.ID)} {
		var bad map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(rs[0].Data, &bad))
		bad["data"] = json.RawMessage(data)
		text, err := json.Marshal(bad)
		require.NoError(t, err)
		w.put("run", w.domain, string(run.ID), string(text), w.clock.Now())
		_, err = w.s.ResumeDeleteGroup(ctx, run.ID, nil)
		require.Error(t, err, data)
		for still, err := range w.s.Runs(ctx, chatadmin.RunQuery{}) {
			require.NoError(t, err)
			require.Equal(t, chatadmin.RunRunning, still.State, data)
		}
	}
	left, err := w.store.CountContent(ctx, chatadmin.ContentQuery{Domain: w.domain, Containers: []chatadmin.ID{live.ID}})
	require.NoError(t, err)
	require.NotZero(t, left)
}
