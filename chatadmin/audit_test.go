package chatadmin_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
)

// Every change leaves one event that says who did what to whom, with each field
// before and after.
func TestAudit(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	title, none := "Head", ""
	w.Clock.Advance(time.Minute)
	u, err := w.S.CreateUser(ctx, chatadmin.NewUser{Login: "ann@acme.example", FirstName: "Ann", LastName: "Smith", Phone: "+31 6 1234 5678", NoInvitation: true})
	require.NoError(t, err)
	w.Role("Clerk", 10)
	g := w.Group("G")
	for _, c := range []struct {
		kind    string
		do      func() error
		targets []chatadmin.ID
		changes []chatadmin.FieldChange // of the last target
		note    map[string]string
	}{
		{chatadmin.KindUserCreate, func() error { return nil }, []chatadmin.ID{u.ID}, []chatadmin.FieldChange{{"email", "", "ann@acme.example"}, {"first_name", "", "Ann"},
			{"kind", "", "network"}, {"last_name", "", "Smith"}, {"login", "", "ann@acme.example"}, {"mobile", "", "+31 6 1234 5678"}, {"name", "", "Ann Smith"},
			{"role", "", "member"}, {"status", "", "pending"}}, nil},
		{chatadmin.KindUserEdit, func() error {
			_, err := w.S.EditUser(ctx, u.ID, chatadmin.UserEdit{Title: &title, LastName: &none})
			return err
		},
			[]chatadmin.ID{u.ID}, []chatadmin.FieldChange{{"last_name", "Smith", ""}, {"name", "Ann Smith", "Ann"}, {"title", "", "Head"}}, nil},
		{chatadmin.KindUserRole, func() error { _, err := w.S.AssignRole(ctx, "Clerk", u.ID); return err },
			[]chatadmin.ID{u.ID}, []chatadmin.FieldChange{{"role", "member", "clerk"}}, nil},
		{chatadmin.KindUserDeny, func() error { _, err := w.S.DenyAccess(ctx, u.ID); return err },
			[]chatadmin.ID{u.ID}, []chatadmin.FieldChange{{"denied", "false", "true"}}, nil},
		{chatadmin.KindUserGrant, func() error { _, err := w.S.GrantAccess(ctx, u.ID); return err },
			[]chatadmin.ID{u.ID}, []chatadmin.FieldChange{{"denied", "true", "false"}}, nil},
		{chatadmin.KindUserDeactivate, func() error { _, err := w.S.DeactivateUsers(ctx, u.ID); return err },
			[]chatadmin.ID{u.ID}, []chatadmin.FieldChange{{"status", "pending", "deactivated"}}, nil},
		{chatadmin.KindUserActivate, func() error { _, err := w.S.ActivateUsers(ctx, u.ID); return err },
			[]chatadmin.ID{u.ID}, []chatadmin.FieldChange{{"status", "deactivated", "pending"}}, nil},
		{chatadmin.KindGroupCreate, func() error { return nil }, []chatadmin.ID{g.ID}, []chatadmin.FieldChange{{"name", "", "G"}}, nil},
		{chatadmin.KindGroupEdit, func() error { _, err := w.S.RenameGroup(ctx, g.ID, "H"); return err },
			[]chatadmin.ID{g.ID}, []chatadmin.FieldChange{{"name", "G", "H"}}, nil},
		{chatadmin.KindGroupEdit, func() error { _, err := w.S.SetPosting(ctx, g.ID, chatadmin.AdminsPost); return err },
			[]chatadmin.ID{g.ID}, []chatadmin.FieldChange{{"posting", "everybody", "admins"}}, nil},
		{chatadmin.KindMemberAdd, func() error { _, err := w.S.AddMembers(ctx, g.ID, u.ID); return err }, []chatadmin.ID{g.ID, u.ID}, nil, nil},
		{chatadmin.KindMemberAdmin, func() error { return w.S.SetGroupAdmin(ctx, g.ID, true, u.ID) }, []chatadmin.ID{g.ID, u.ID}, nil, map[string]string{"admin": "true"}},
		{chatadmin.KindMemberRemove, func() error { _, err := w.S.RemoveMembers(ctx, g.ID, u.ID); return err }, []chatadmin.ID{g.ID, u.ID}, nil, nil},
		{chatadmin.KindMemberLeave, func() error { return w.S.Leave(ctx, g.ID) }, []chatadmin.ID{g.ID, w.Boss.ID}, nil, nil},
		{chatadmin.KindGroupDefault, func() error { w.mark(g.ID); return nil }, []chatadmin.ID{g.ID}, []chatadmin.FieldChange{{"default", "false", "true"}}, nil},
		{chatadmin.KindGroupUndefault, func() error { _, err := w.S.UnmarkDefaultGroup(ctx, g.ID); return err },
			[]chatadmin.ID{g.ID}, []chatadmin.FieldChange{{"default", "true", "false"}}, nil},
		{chatadmin.KindRoleSet, func() error { _, err := w.S.CreateRole(ctx, chatadmin.Role{Name: "Night Watch", Level: 3}); return err },
			[]chatadmin.ID{w.Domain}, []chatadmin.FieldChange{{"role", "", "Night Watch (level 3) []"}}, nil},
		{chatadmin.KindRoleDelete, func() error { return w.S.DeleteRole(ctx, "Night Watch") },
			[]chatadmin.ID{w.Domain}, []chatadmin.FieldChange{{"role", "Night Watch (level 3) []", ""}}, nil},
	} {
		w.Clock.Advance(time.Minute)
		before := len(w.Events(c.kind))
		require.NoError(t, c.do(), c.kind)
		events := w.Events(c.kind)
		require.NotEmpty(t, events, c.kind)
		e := events[0]
		require.LessOrEqual(t, len(events)-before, 1, c.kind)
		require.Equal(t, w.S.Actor(), map[bool]chatadmin.ID{true: e.Actor, false: w.S.Actor()}[len(events) > before], c.kind)
		require.Equal(t, c.targets, e.Targets, c.kind)
		require.Equal(t, c.note, e.Note, c.kind)
		require.Equal(t, c.changes, e.Changes[c.targets[len(c.targets)-1]], c.kind)
		if len(events) > before {
			require.Equal(t, w.Clock.Now(), e.At, c.kind)
		}
	}
}

// Whatever a host calls its fields, kinds of notes and values, the log can be
// read.
func TestAuditOfTheHost(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	for _, odd := range []string{`the "custom" field`, `back\slash`, "line\nbreak", "\x00", "ünïcode \u2028", ""} {
		want := []chatadmin.FieldChange{{Field: odd, Before: odd, After: odd + "x"}}
		err := w.Host.Change(ctx, chatadmin.Op{Kind: "host.custom"}, func(_ context.Context, k *chatadmin.Writer) error {
			k.Audit("host.custom", []chatadmin.ID{w.Boss.ID}, map[chatadmin.ID][]chatadmin.FieldChange{w.Boss.ID: want}, map[string]string{odd: odd})
			return nil
		})
		require.NoError(t, err)
		e := w.Events("host.custom")[0]
		require.Equal(t, want, e.Changes[w.Boss.ID], "%q", odd)
		require.Equal(t, map[string]string{odd: odd}, e.Note, "%q", odd)
		w.Clock.Advance(time.Second)
	}
}

// The log is listed newest first, by page, and filtered by actor, target, kind
// and time.
func TestAuditList(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	ann, bob := w.User("ann@acme.example"), w.User("bob@acme.example")
	for range 1100 { // more than one page
		w.Clock.Advance(time.Second)
		for _, f := range []func(context.Context, ...chatadmin.ID) ([]chatadmin.User, error){w.S.DenyAccess, w.S.GrantAccess} {
			_, err := f(ctx, ann.ID)
			require.NoError(t, err)
		}
	}
	w.Clock.Advance(time.Hour)
	from := w.Clock.Now()
	_, err := w.Host.DenyAccess(ctx, bob.ID)
	require.NoError(t, err)
	count := func(q chatadmin.EventQuery) int {
		es := collect(t, func() ([]chatadmin.AuditEvent, error) { return all(w.S.Events(ctx, q)) })
		for i := 1; i < len(es); i++ {
			require.False(t, es[i-1].At.Before(es[i].At), "newest first")
		}
		return len(es)
	}
	require.Equal(t, 2200, count(chatadmin.EventQuery{Actor: w.Boss.ID}))
	require.Equal(t, 2201, count(chatadmin.EventQuery{Target: ann.ID}))
	require.Equal(t, 1101, count(chatadmin.EventQuery{Kind: chatadmin.KindUserDeny}))
	require.Equal(t, 2204, count(chatadmin.EventQuery{Kind: "user."}))
	require.Equal(t, 1, count(chatadmin.EventQuery{From: from}))
	require.Equal(t, 0, count(chatadmin.EventQuery{Kind: chatadmin.KindUserDeny, Actor: w.Boss.ID, Target: bob.ID}))
	n := 0
	for _, err := range w.S.Events(ctx, chatadmin.EventQuery{}) {
		require.NoError(t, err)
		if n++; n == 3 {
			break
		}
	}
	require.Equal(t, 3, n)
}

// A host may refuse any change; it sees what is about to happen, and nothing
// happens.
func TestVeto(t *testing.T) {
	var intents []chatadmin.Intent
	no := errors.New("not on a Friday")
	refuse := false
	w := newWorld(t, chatadmin.OfficeChat, func(o *chatadmin.Options) {
		o.Before = func(_ context.Context, i chatadmin.Intent) error {
			if intents = append(intents, i); refuse {
				return no
			}
			return nil
		}
	})
	ids := w.users(2)
	g := w.Group("G")
	plan, err := w.S.PlanDefaultGroup(ctx, g.ID)
	require.NoError(t, err)
	deletion, err := w.S.PlanDeleteGroup(ctx, g.ID)
	require.NoError(t, err)
	refuse = true
	before := len(w.Events(""))
	title := "x"
	for kind, do := range map[string]func() error{
		chatadmin.KindUserCreate:     func() error { _, err := w.S.CreateUser(ctx, chatadmin.NewUser{Login: "x@acme.example"}); return err },
		chatadmin.KindUserEdit:       func() error { _, err := w.S.EditUser(ctx, ids[0], chatadmin.UserEdit{Title: &title}); return err },
		chatadmin.KindUserDeactivate: func() error { _, err := w.S.DeactivateUsers(ctx, ids...); return err },
		chatadmin.KindUserRole:       func() error { _, err := w.S.AssignRole(ctx, chatadmin.RoleAdmin, ids[0]); return err },
		chatadmin.KindGroupDefault:   func() error { _, err := w.S.ApplyDefaultGroup(ctx, plan, nil); return err },
		chatadmin.KindGroupDelete:    func() error { _, err := w.S.ApplyDeleteGroup(ctx, deletion, nil); return err },
		chatadmin.KindMemberAdd:      func() error { _, err := w.S.AddMembers(ctx, g.ID, ids...); return err },
		chatadmin.KindDomainEdit: func() error {
			_, err := w.S.ChangeSettings(ctx, func(*chatadmin.Settings) error { return nil })
			return err
		},
	} {
		intents = nil
		err := do()
		require.ErrorIs(t, err, chatadmin.ErrVetoed, kind)
		require.ErrorIs(t, err, no, kind)
		require.Len(t, intents, 1)
		require.Equal(t, chatadmin.Intent{Domain: w.Domain, Actor: w.Boss.ID, Kind: kind, Targets: intents[0].Targets}, intents[0])
		if kind == chatadmin.KindUserDeactivate {
			require.Equal(t, ids, intents[0].Targets)
		}
	}
	require.Len(t, w.Events(""), before)
	_, _, err = w.Admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "B", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "b@b.example"}})
	require.ErrorIs(t, err, chatadmin.ErrVetoed)
}

// Wherever a transaction fails, nothing of it remains, the audit event
// included.
func TestNothingHalfWritten(t *testing.T) {
	fail := fmt.Errorf("the host's own table is locked")
	broken := false
	w := newWorld(t, chatadmin.OfficeChat, func(o *chatadmin.Options) {
		o.Outbox = true
		o.OnUserChange = []chatadmin.UserChangeFunc{func(context.Context, *chatadmin.Writer, []chatadmin.UserChange) error {
			if broken {
				return fail
			}
			return nil
		}}
	})
	broken = true
	before := len(w.Events(""))
	_, err := w.S.CreateUser(ctx, chatadmin.NewUser{Login: "ann@acme.example"})
	require.ErrorIs(t, err, fail)
	require.Len(t, w.Events(""), before)
	_, err = w.S.UserByLogin(ctx, "ann@acme.example")
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
	for _, g := range w.shipped() {
		require.Len(t, w.Members(g.ID), 1)
	}
	broken = false
	_, err = w.S.CreateUser(ctx, chatadmin.NewUser{Login: "ann@acme.example"})
	require.NoError(t, err)
}
