package chatadmin_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/password"
	"chatadmin.example/sdk/chatadmin/retention"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/csvimport"
	"chatadmin.example/sdk/devices"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/twofa"
)

// Where nothing is given, an error says what is missing: nothing panics, and
// nothing is changed.
func TestNothingGiven(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	g := w.Group("G")
	writes := func(x chatadmin.UserWrite) error {
		op := chatadmin.Op{Kind: "host.write", Fence: storage.Exclusive}
		return w.Host.Change(ctx, op, func(ctx context.Context, work *chatadmin.Writer) error {
			return work.WriteUsers(ctx, "host.write", []chatadmin.UserWrite{x})
		})
	}
	set := collectSettings(t, w)
	nobody, wrong := set.Prepare(chatadmin.User{Login: "new@acme.example"})
	require.Empty(t, wrong)
	before := len(w.Events(""))
	for name, call := range map[string]func() error{
		"ApplyDefaultGroup": func() error { return second(w.S.ApplyDefaultGroup(ctx, nil, nil)) },
		"ApplyDefaultGroup, zero": func() error {
			return second(w.S.ApplyDefaultGroup(ctx, &chatadmin.Plan{}, nil))
		},
		"ApplyDeleteGroup":       func() error { return second(w.S.ApplyDeleteGroup(ctx, nil, nil)) },
		"ApplyDeleteGroup, zero": func() error { return second(w.S.ApplyDeleteGroup(ctx, &chatadmin.Plan{Subject: g.ID}, nil)) },
		"ChangeSettings":         func() error { return second(w.S.ChangeSettings(ctx, nil)) },
		"SetPolicy":              func() error { return w.S.SetPolicy(ctx, "k", chatadmin.PermDomain, "acme", nil) },
		"SetPolicy, name": func() error {
			return w.S.SetPolicy(ctx, "k", chatadmin.PermDomain, "", func(*chatadmin.Writer, json.RawMessage) (json.RawMessage, []chatadmin.FieldChange, error) {
				return []byte("1"), nil, nil
			})
		},
		"Change":            func() error { return w.S.Change(ctx, chatadmin.Op{}, nil) },
		"Bookkeep":          func() error { return w.Admin.Bookkeep(ctx, w.Domain, nil) },
		"AcceptInvitation":  func() error { return second(w.Admin.AcceptInvitation(ctx, "", nil)) },
		"DeliverEvents":     func() error { return w.Admin.DeliverEvents(ctx, nil) },
		"NewToken":          func() error { return second(w.Admin.NewToken("", "")) },
		"WriteUsers, no ID": func() error { return writes(chatadmin.UserWrite{Now: nobody}) },
		"WriteUsers, another": func() error {
			return writes(chatadmin.UserWrite{Was: w.Boss, Now: nobody.As("somebody-else", "")})
		},
		"Set, settings": func() error { return wrongOf(new(chatadmin.PreparedUser).Set(nil, &w.Boss)) },
		"Set, user":     func() error { return wrongOf(new(chatadmin.PreparedUser).Set(&set, nil)) },
		"CreateDomain": func() error {
			_, _, err := w.Admin.CreateDomain(ctx, chatadmin.NewDomain{})
			return err
		},
		"CreateUser":        func() error { return second(w.S.CreateUser(ctx, chatadmin.NewUser{})) },
		"CreateGroup":       func() error { return second(w.S.CreateGroup(ctx, "")) },
		"CreateRole":        func() error { return second(w.S.CreateRole(ctx, chatadmin.Role{})) },
		"AddHold":           func() error { return second(w.S.AddHold(ctx, chatadmin.Hold{})) },
		"AddMembers":        func() error { return second(w.S.AddMembers(ctx, g.ID)) },
		"DeactivateUsers":   func() error { return second(w.S.DeactivateUsers(ctx)) },
		"RevokeInvitations": func() error { return second(w.S.RevokeInvitations(ctx)) },
		"SignOutUsers":      func() error { return w.S.SignOutUsers(ctx) },
		"New":               func() error { return second(chatadmin.New(nil, nil)) },
		"devices.New":       func() error { return second(devices.New(nil, nil)) },
		"twofa.New":         func() error { return second(twofa.New(nil, nil)) },
		"csvimport.New":     func() error { return second(csvimport.New(nil, nil)) },
		"retention.New":     func() error { return second(retention.New(nil, nil)) },
		"erase.New":         func() error { return second(erase.New(nil, nil)) },
		"signin.New":        func() error { return second(signin.New(nil, nil)) },
		"password.New":      func() error { return second(password.New(nil, nil)) },
		"integrations.New":  func() error { return second(integrations.New(nil, nil)) },
	} {
		t.Run(name, func(t *testing.T) {
			require.NotPanics(t, func() { require.ErrorIs(t, call(), chatadmin.ErrInvalid) })
		})
	}
	for name, call := range map[string]func() error{
		"EditUser":          func() error { return second(w.S.EditUser(ctx, "", chatadmin.UserEdit{})) },
		"ResendInvitation":  func() error { return w.S.ResendInvitation(ctx, "") },
		"RevokeInvitations": func() error { return second(w.S.RevokeInvitations(ctx, "")) },
		"SignOutUsers":      func() error { return w.S.SignOutUsers(ctx, "") },
		"AddMembers":        func() error { return second(w.S.AddMembers(ctx, "", w.Boss.ID)) },
		"AddMembers, user":  func() error { return second(w.S.AddMembers(ctx, g.ID, "")) },
		"RenameGroup":       func() error { return second(w.S.RenameGroup(ctx, "", "New")) },
		"PlanDefaultGroup":  func() error { return second(w.S.PlanDefaultGroup(ctx, "")) },
		"ReleaseHold":       func() error { return second(w.S.ReleaseHold(ctx, "")) },
		"Run":               func() error { _, _, err := w.S.Run(ctx, ""); return err },
		"DeleteRole":        func() error { return w.S.DeleteRole(ctx, "") },
		"User":              func() error { return second(w.S.User(ctx, "")) },
		"Group":             func() error { return second(w.S.Group(ctx, "")) },
		"no domain":         func() error { return second(w.Admin.AsHost("").CreateGroup(ctx, "G")) },
	} {
		require.ErrorIs(t, call(), chatadmin.ErrNotFound, name)
	}
	require.Len(t, w.Events(""), before)
	// A function that is nil among those of the options takes no part.
	none := chatadmintest.Must(chatadmin.New(w.Store, &chatadmin.Options{Now: w.Clock.Now, OnUserChange: []chatadmin.UserChangeFunc{nil}}))
	none.Extend(chatadmin.Extension{})
	_, err := none.AsHost(w.Domain).CreateUser(ctx, chatadmin.NewUser{Login: "last@acme.example"})
	require.NoError(t, err)
}

func wrongOf(wrong []*chatadmin.FieldError) error { return &chatadmin.FieldErrors{Fields: wrong} }

// What a plan says has been outside: nothing of it is believed.
func TestDefaultGroupPlanIsInput(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	w.users(3)
	g, other := w.Group("G"), w.Group("Other")
	for name, change := range chatadmintest.InOrder(map[string]func(*chatadmin.Plan){
		"kind":          func(p *chatadmin.Plan) { p.Kind = chatadmin.KindGroupDelete },
		"unknown kind":  func(p *chatadmin.Plan) { p.Kind = "xx" },
		"actor":         func(p *chatadmin.Plan) { p.Actor = chatadmin.HostActor },
		"no actor":      func(p *chatadmin.Plan) { p.Actor = "" },
		"domain":        func(p *chatadmin.Plan) { p.Domain = "another" },
		"no group":      func(p *chatadmin.Plan) { p.Subject = "" },
		"no counts":     func(p *chatadmin.Plan) { p.Counts = nil },
		"below zero":    func(p *chatadmin.Plan) { p.Counts["added"] = -1 },
		"other counts":  func(p *chatadmin.Plan) { p.Counts = map[string]int64{"members": 1, "files": 1} },
		"further count": func(p *chatadmin.Plan) { p.Counts["files"] = 1 },
		"another group": func(p *chatadmin.Plan) { p.Subject = other.ID },
		"another state": func(p *chatadmin.Plan) { p.Basis += "0" },
		"no state":      func(p *chatadmin.Plan) { p.Basis = "" },
	}) {
		p, err := w.S.PlanDefaultGroup(ctx, g.ID)
		require.NoError(t, err)
		text, err := json.Marshal(p)
		require.NoError(t, err)
		var back chatadmin.Plan
		require.NoError(t, json.Unmarshal(text, &back))
		change(&back)
		_, err = w.S.ApplyDefaultGroup(ctx, &back, nil)
		require.Error(t, err, name)
	}
	for _, id := range []chatadmin.ID{g.ID, other.ID} {
		group, err := w.S.Group(ctx, id)
		require.NoError(t, err)
		require.False(t, group.Default)
		require.Equal(t, sorted(w.Boss.ID), w.Members(id))
	}
}

// A run whose record does not say which group it fills does not end as if it
// were done.
func TestDamagedDefaultGroupRun(t *testing.T) {
	for _, damage := range []string{`{}`, `null`, `{"group":""}`, `[]`, `"x"`, `{"group":7}`} {
		w := newWorld(t, chatadmin.OfficeChat)
		w.users(3)
		g := w.Group("G")
		p, err := w.S.PlanDefaultGroup(ctx, g.ID)
		require.NoError(t, err)
		c, cancel := context.WithCancel(ctx)
		cut := chatadmintest.Must(chatadmin.New(&afterCommit{w.Store, func() error { cancel(); return nil }}, &chatadmin.Options{Now: w.Clock.Now}))
		job, err := cut.As(w.Domain, w.Boss.ID).ApplyDefaultGroup(c, p, nil)
		require.ErrorIs(t, err, context.Canceled)
		require.NoError(t, w.Store.Update(ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
			rs, err := tx.Records(ctx, []storage.Key{{Kind: "run", Domain: w.Domain, ID: string(job.ID)}})
			if err != nil {
				return err
			}
			var run map[string]json.RawMessage
			if err := json.Unmarshal(rs[0].Data, &run); err != nil {
				return err
			}
			run["data"] = []byte(damage)
			row := rs[0]
			row.Rev++
			if row.Data, err = json.Marshal(run); err != nil {
				return err
			}
			_, err = tx.ChangeRecords(ctx, []storage.Write[storage.Record]{{Row: row, Was: rs[0].Rev}})
			return err
		}))
		done, err := w.S.ResumeDefaultGroup(ctx, job.ID, nil)
		require.Error(t, err, damage)
		require.NotEqual(t, chatadmin.RunDone, done.State)
	}
}
