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
	w.clock.Advance(time.Minute)
	u, err := w.s.CreateUser(ctx, chatadmin.NewUser{Login: "ann@acme.example", FirstName: "Ann", LastName: "Smith", Phone: "+31 6 1234 5678", NoInvitation: true})
	require.NoError(t, err)
	w.role("Clerk", 10)
	g := w.group("G")
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
			_, err := w.s.EditUser(ctx, u.ID, chatadmin.UserEdit{Title: &title, LastName: &none})
			return err
		},
			[]chatadmin.ID{u.ID}, []chatadmin.FieldChange{{"last_name", "Smith", ""}, {"name", "Ann Smith", "Ann"}, {"title", "", "Head"}}, nil},
		{chatadmin.KindUserRole, func() error { _, err := w.s.AssignRole(ctx, "Clerk", u.ID); return err },
			[]chatadmin.ID{u.ID}, []chatadmin.FieldChange{{"role", "member", "clerk"}}, nil},
		{chatadmin.KindUserDeny, func() error { _, err := w.s.DenyAccess(ctx, u.ID); return err },
			[]chatadmin.ID{u.ID}, []chatadmin.FieldChange{{"denied", "false", "true"}}, nil},
		{chatadmin.KindUserGrant, func() error { _, err := w.s.GrantAccess(ctx, u.ID); return err },
			[]chatadmin.ID{u.ID}, []chatadmin.FieldChange{{"denied", "true", "false"}}, nil},
		{chatadmin.KindUserDeactivate, func() error { _, err := w.s.DeactivateUsers(ctx, u.ID); return err },
			[]chatadmin.ID{u.ID}, []chatadmin.FieldChange{{"status", "pending", "deactivated"}}, nil},
		{chatadmin.KindUserActivate, func() error { _, err := w.s.ActivateUsers(ctx, u.ID); return err },
			[]chatadmin.ID{u.ID}, []chatadmin.FieldChange{{"status", "deactivated", "pending"}}, nil},
		{chatadmin.KindGroupCreate, func() error { return nil }, []chatadmin.ID{g.ID}, []chatadmin.FieldChange{{"name", "", "G"}}, nil},
		{chatadmin.KindGroupEdit, func() error { _, err := w.s.RenameGroup(ctx, g.ID, "H"); return err },
			[]chatadmin.ID{g.ID}, []chatadmin.FieldChange{{"name", "G", "H"}}, nil},
		{chatadmin.KindGroupEdit, func() error { _, err := w.s.SetPosting(ctx, g.ID, chatadmin.AdminsPost); return err },
			[]chatadmin.ID{g.ID}, []chatadmin.FieldChange{{"posting", "everybody", "admins"}}, nil},
		{chatadmin.KindMemberAdd, func() error { _, err := w.s.AddMembers(ctx, g.ID, u.ID); return err }, []chatadmin.ID{g.ID, u.ID}, nil, nil},
		{chatadmin.KindMemberAdmin, func() error { return w.s.SetGroupAdmin(ctx, g.ID, true, u.ID) }, []chatadmin.ID{g.ID, u.ID}, nil, map[string]string{"admin": "true"}},
		{chatadmin.KindMemberRemove, func() error { _, err := w.s.RemoveMembers(ctx, g.ID, u.ID); return err }, []chatadmin.ID{g.ID, u.ID}, nil, nil},
		{chatadmin.KindMemberLeave, func() error { return w.s.Leave(ctx, g.ID) }, []chatadmin.ID{g.ID, w.boss.ID}, nil, nil},
		{chatadmin.KindGroupDefault, func() error { w.mark(g.ID); return nil }, []chatadmin.ID{g.ID}, []chatadmin.FieldChange{{"default", "false", "true"}}, nil},
		{chatadmin.KindGroupUndefault, func() error { _, err := w.s.UnmarkDefaultGroup(ctx, g.ID); return err },
			[]chatadmin.ID{g.ID}, []chatadmin.FieldChange{{"default", "true", "false"}}, nil},
		{chatadmin.KindRoleSet, func() error { _, err := w.s.SetRole(ctx, chatadmin.Role{Name: "Night Watch", Level: 3}); return err },
			[]chatadmin.ID{w.domain}, []chatadmin.FieldChange{{"role", "", "Night Watch (level 3) []"}}, nil},
		{chatadmin.KindRoleDelete, func() error { return w.s.DeleteRole(ctx, "Night Watch") },
			[]chatadmin.ID{w.domain}, []chatadmin.FieldChange{{"role", "Night Watch (level 3) []", ""}}, nil},
	} {
		w.clock.Advance(time.Minute)
		before := len(w.events(c.kind))
		require.NoError(t, c.do(), c.kind)
		events := w.events(c.kind)
		require.NotEmpty(t, events, c.kind)
		e := events[0]
		require.LessOrEqual(t, len(events)-before, 1, c.kind)
		require.Equal(t, w.s.Actor(), map[bool]chatadmin.ID{true: e.Actor, false: w.s.Actor()}[len(events) > before], c.kind)
		require.Equal(t, c.targets, e.Targets, c.kind)
		require.Equal(t, c.note, e.Note, c.kind)
		require.Equal(t, c.changes, e.Changes[c.targets[len(c.targets)-1]], c.kind)
		if len(events) > before {
			require.Equal(t, w.clock.Now(), e.At, c.kind)
		}
	}
}

// Whatever a host calls its fields, kinds of notes and values, the log can be
// read.
func TestAuditOfTheHost(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	for _, odd := range []string{`the "custom" field`, `back\slash`, "line\nbreak", "\x00", "ünïcode \u2028", ""} {
		want := []chatadmin.FieldChange{{Field: odd, Before: odd, After: odd + "x"}}
		err := w.host.Change(ctx, chatadmin.Op{Kind: "host.custom"}, func(_ context.Context, k *chatadmin.Writer) error {
			k.Audit("host.custom", []chatadmin.ID{w.boss.ID}, map[chatadmin.ID][]chatadmin.FieldChange{w.boss.ID: want}, map[string]string{odd: odd})
			return nil
		})
		require.NoError(t, err)
		e := w.events("host.custom")[0]
		require.Equal(t, want, e.Changes[w.boss.ID], "%q", odd)
		require.Equal(t, map[string]string{odd: odd}, e.Note, "%q", odd)
		w.clock.Advance(time.Second)
	}
}

// The log is listed newest first, by page, and filtered by actor, target, kind
// and time.
func TestAuditList(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	ann, bob := w.user("ann@acme.example"), w.user("bob@acme.example")
	for range 1100 { // more than one page
		w.clock.Advance(time.Second)
		for _, f := range []func(context.Context, ...chatadmin.ID) ([]chatadmin.User, error){w.s.DenyAccess, w.s.GrantAccess} {
			_, err := f(ctx, ann.ID)
			require.NoError(t, err)
		}
	}
	w.clock.Advance(time.Hour)
	from := w.clock.Now()
	_, err := w.host.DenyAccess(ctx, bob.ID)
	require.NoError(t, err)
	count := func(q chatadmin.EventQuery) int {
		es := collect(t, func() ([]chatadmin.AuditEvent, error) { return all(w.s.Events(ctx, q)) })
		for i := 1; i < len(es); i++ {
			require.False(t, es[i-1].At.Before(es[i].At), "newest first")
		}
		return len(es)
	}
	require.Equal(t, 2200, count(chatadmin.EventQuery{Actor: w.boss.ID}))
	require.Equal(t, 2201, count(chatadmin.EventQuery{Target: ann.ID}))
	require.Equal(t, 1101, count(chatadmin.EventQuery{Kind: chatadmin.KindUserDeny}))
	require.Equal(t, 2204, count(chatadmin.EventQuery{Kind: "user."}))
	require.Equal(t, 1, count(chatadmin.EventQuery{From: from}))
	require.Equal(t, 0, count(chatadmin.EventQuery{Kind: chatadmin.KindUserDeny, Actor: w.boss.ID, Target: bob.ID}))
	n := 0
	for _, err := range w.s.Events(ctx, chatadmin.EventQuery{}) {
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
	g := w.group("G")
	plan, err := w.s.PlanDefaultGroup(ctx, g.ID)
	require.NoError(t, err)
	deletion, err := w.s.PlanDeleteGroup(ctx, g.ID)
	require.NoError(t, err)
	refuse = true
	before := len(w.events(""))
	title := "x"
	for kind, do := range map[string]func() error{
		chatadmin.KindUserCreate:     func() error { _, err := w.s.CreateUser(ctx, chatadmin.NewUser{Login: "x@acme.example"}); return err },
		chatadmin.KindUserEdit:       func() error { _, err := w.s.EditUser(ctx, ids[0], chatadmin.UserEdit{Title: &title}); return err },
		chatadmin.KindUserDeactivate: func() error { _, err := w.s.DeactivateUsers(ctx, ids...); return err },
		chatadmin.KindUserRole:       func() error { _, err := w.s.AssignRole(ctx, chatadmin.RoleAdmin, ids[0]); return err },
		chatadmin.KindGroupDefault:   func() error { _, err := w.s.ApplyDefaultGroup(ctx, plan, nil); return err },
		chatadmin.KindGroupDelete:    func() error { _, err := w.s.ApplyDeleteGroup(ctx, deletion, nil); return err },
		chatadmin.KindMemberAdd:      func() error { _, err := w.s.AddMembers(ctx, g.ID, ids...); return err },
		chatadmin.KindDomainEdit: func() error {
			_, err := w.s.ChangeSettings(ctx, func(*chatadmin.Settings) error { return nil })
			return err
		},
	} {
		intents = nil
		err := do()
		require.ErrorIs(t, err, chatadmin.ErrVetoed, kind)
		require.ErrorIs(t, err, no, kind)
		require.Len(t, intents, 1)
		require.Equal(t, chatadmin.Intent{Domain: w.domain, Actor: w.boss.ID, Kind: kind, Targets: intents[0].Targets}, intents[0])
		if kind == chatadmin.KindUserDeactivate {
			require.Equal(t, ids, intents[0].Targets)
		}
	}
	require.Len(t, w.events(""), before)
	_, _, err = w.admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "B", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "b@b.example"}})
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
	before := len(w.events(""))
	_, err := w.s.CreateUser(ctx, chatadmin.NewUser{Login: "ann@acme.example"})
	require.ErrorIs(t, err, fail)
	require.Len(t, w.events(""), before)
	_, err = w.s.UserByLogin(ctx, "ann@acme.example")
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
	for _, g := range w.shipped() {
		require.Len(t, w.members(g.ID), 1)
	}
	broken = false
	_, err = w.s.CreateUser(ctx, chatadmin.NewUser{Login: "ann@acme.example"})
	require.NoError(t, err)
}
