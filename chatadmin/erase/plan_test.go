package erase_test

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/erase"
)

// A plan comes from outside: what it says is checked before anything happens.
func TestPlanFromOutside(t *testing.T) {
	w := newWorld(t, memory())
	ann, bob, second := w.user("ann"), w.user("bob"), w.user("second", admin)
	before := w.everything()
	for name, change := range map[string]func(p *erase.Plan){
		"version":          func(p *erase.Plan) { p.Version = 2 },
		"no version":       func(p *erase.Plan) { p.Version = 0 },
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
		"fingerprint":      func(p *erase.Plan) { p.Fingerprint = "" },
		"negative":         func(p *erase.Plan) { p.Counts[erase.Messages] = -1 },
		"absurd":           func(p *erase.Plan) { p.Counts["x"] = math.MaxInt64 },
		"no counts":        func(p *erase.Plan) { p.Counts = nil },
		"everything":       func(p *erase.Plan) { *p = erase.Plan{} },
	} {
		p, err := w.d.Plan(ctx, w.s, []chatadmin.ID{ann.ID}, nil)
		require.NoError(t, err)
		data, err := json.Marshal(p)
		require.NoError(t, err)
		var from erase.Plan
		require.NoError(t, json.Unmarshal(data, &from))
		change(&from)
		_, err = w.d.Apply(ctx, w.s, &from, reason, nil)
		require.Error(t, err, name)
		require.Equal(t, before, w.everything(), name)
	}
	_, err := w.d.Apply(ctx, w.s, nil, reason, nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)

	// Hiding what stands in the way helps nobody.
	p, err := w.d.Plan(ctx, w.s, []chatadmin.ID{w.boss.ID}, nil)
	require.NoError(t, err)
	p.Blockers = nil
	_, err = w.d.Apply(ctx, w.s, p, reason, nil)
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

// A job's record that is damaged ends with an error: no panic, no endless round, and
// nothing is told as done.
func TestJobDamaged(t *testing.T) {
	w := newWorld(t, memory())
	id := w.interrupted("left")
	key := chatadmin.Key{Kind: "job", Domain: w.domain, ID: string(id)}
	rs, err := w.store.Records(ctx, []chatadmin.Key{key})
	require.NoError(t, err)
	whole, rev := rs[0].Data, rs[0].Rev
	for _, c := range []struct{ field, value string }{
		{"params", `null`}, {"params", `{}`}, {"params", `{"users":[]}`}, {"params", `7`},
		{"cursor", `{"stage":99}`}, {"cursor", `{"stage":-1}`}, {"cursor", `{"stage":2,"n":-1}`}, {"cursor", `{"stage":11}`}, {"cursor", `{"stage":2,"n":1000000000}`}, {"cursor", `[]`},
		{"result", `null`}, {"result", `{"messages":-1}`}, {"result", `{"messages":9223372036854775807}`}, {"result", `"x"`},
	} {
		var job map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(whole, &job))
		job[c.field] = json.RawMessage(c.value)
		row := rs[0]
		row.Data, err = json.Marshal(job)
		require.NoError(t, err)
		row.Rev = rev + 1
		w.update(func(tx chatadmin.Tx) ([]chatadmin.Conflict, error) {
			return tx.ChangeRecords(ctx, []chatadmin.Change[chatadmin.Record]{{Row: row, Was: rev}})
		})
		rev++
		r, err := w.d.Resume(ctx, w.host, id, nil)
		require.Error(t, err, "%s %s", c.field, c.value)
		require.NotEqual(t, erase.Done, r.State)
		require.NotErrorIs(t, err, chatadmin.ErrBusy)
	}
}
