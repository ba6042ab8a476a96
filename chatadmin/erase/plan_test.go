package erase_test

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/erase"
)

// A plan comes from outside: what it says is checked before anything happens.
func TestPlanFromOutside(t *testing.T) {
	w := newWorld(t, memory())
	ann, bob, second := w.user("ann"), w.user("bob"), w.user("second", admin)
	before := w.everything()
	for name, change := range chatadmintest.InOrder(map[string]func(p *erase.Plan){
		"another kind":     func(p *erase.Plan) { p.Kind = erase.KindSchedule },
		"no kind":          func(p *erase.Plan) { p.Kind = "" },
		"domain":           func(p *erase.Plan) { p.Domain = "elsewhere" },
		"actor":            func(p *erase.Plan) { p.Actor = chatadmin.HostActor },
		"another user":     func(p *erase.Plan) { p.Users[0].ID = bob.ID },
		"an admin":         func(p *erase.Plan) { p.Users = append(p.Users, erase.PlannedUser{ID: second.ID}) },
		"nobody":           func(p *erase.Plan) { p.Users = nil },
		"too many":         func(p *erase.Plan) { p.Users = many(chatadmin.MaxBatch + 1) },
		"choice":           func(p *erase.Plan) { p.Choice.DeleteDefault = true },
		"transfer":         func(p *erase.Plan) { p.Choice.TransferTo = second.ID },
		"transfer to none": func(p *erase.Plan) { p.Choice.TransferTo = "none" },
		"grace":            func(p *erase.Plan) { p.Grace = 1 },
		"negative grace":   func(p *erase.Plan) { p.Grace = math.MinInt64 },
		"basis":            func(p *erase.Plan) { p.Basis = "" },
		"negative":         func(p *erase.Plan) { p.Counts[erase.Messages] = -1 },
		"absurd":           func(p *erase.Plan) { p.Counts["x"] = math.MaxInt64 },
		"no counts":        func(p *erase.Plan) { p.Counts = nil },
		"everything":       func(p *erase.Plan) { *p = erase.Plan{} },
	}) {
		p, err := w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID}, nil)
		require.NoError(t, err)
		data, err := json.Marshal(p)
		require.NoError(t, err)
		var from erase.Plan
		require.NoError(t, json.Unmarshal(data, &from))
		change(&from)
		_, err = w.d.Apply(ctx, w.S, &from, reason, nil)
		require.Error(t, err, name)
		require.Equal(t, before, w.everything(), name)
	}
	_, err := w.d.Apply(ctx, w.S, nil, reason, nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)

	// Hiding what stands in the way helps nobody.
	p, err := w.d.Plan(ctx, w.S, []chatadmin.ID{w.Boss.ID}, nil)
	require.NoError(t, err)
	p.Blockers = nil
	_, err = w.d.Apply(ctx, w.S, p, reason, nil)
	var blocked *erase.BlockedError
	require.ErrorAs(t, err, &blocked)

	for _, e := range []*erase.BlockedError{{}, {Blockers: []erase.Blocker{{Code: "unheard of", Message: "no"}}}} {
		require.NotEmpty(t, e.Error())
	}
	require.ErrorIs(t, &erase.BlockedError{Blockers: []erase.Blocker{{Code: "unheard of"}}}, chatadmin.ErrInvalid)
}

func many(n int) (users []erase.PlannedUser) {
	for i := range n {
		users = append(users, erase.PlannedUser{ID: chatadmin.ID(fmt.Sprint("user-", i))})
	}
	return users
}

// A run's record that is damaged ends with an error: no panic, no endless
// round, and nothing is told as done. It is listed, and can be repaired.
func TestRunDamaged(t *testing.T) {
	for _, c := range []struct{ field, value string }{
		{"users", `null`}, {"users", `[]`}, {"users", `7`},
		{"at", `{"stage":99}`}, {"at", `{"stage":-1}`}, {"at", `{"stage":2,"n":-1}`}, {"at", `{"stage":11}`}, {"at", `{"stage":2,"n":1000000000}`}, {"at", `[]`},
		{"removed", `null`}, {"removed", `{"messages":-1}`}, {"removed", `{"messages":9223372036854775807}`}, {"removed", `"x"`},
	} {
		w := newWorld(t, memory())
		id := w.interrupted("left")
		w.damage(id, func(e map[string]any) { e["data"].(map[string]any)[c.field] = json.RawMessage(c.value) })
		_, err := w.d.Resume(ctx, w.Host, id, nil)
		require.ErrorIs(t, err, chatadmin.ErrDamaged, "%s %s", c.field, c.value)
		require.Equal(t, []string{string(id)}, w.damaged())
		require.NoError(t, w.Host.Repair(ctx, "run", string(id)))
		require.Empty(t, w.damaged())
	}
}
