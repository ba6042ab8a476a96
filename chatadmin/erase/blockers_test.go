package erase_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/storage"
)

func admin(n *chatadmin.NewUser) { n.Role = chatadmin.RoleAdmin }

func (w *world) mark(g chatadmin.Group) {
	w.t.Helper()
	p, err := w.s.PlanDefaultGroup(ctx, g.ID)
	require.NoError(w.t, err)
	_, err = w.s.ApplyDefaultGroup(ctx, p, nil)
	require.NoError(w.t, err)
}

// blocked plans, expects a blocker, and expects that applying refuses with the
// same.
func (w *world) blocked(s *chatadmin.Scope, c *erase.Choice, code string, want error, users ...chatadmin.ID) {
	w.t.Helper()
	p, err := w.d.Plan(ctx, s, users, c)
	require.NoError(w.t, err)
	require.Len(w.t, p.Blockers, 1)
	require.Equal(w.t, code, p.Blockers[0].Code)
	require.NotEmpty(w.t, p.Blockers[0].Message)
	before := w.everything()
	_, err = w.d.Apply(ctx, s, p, reason, nil)
	var blocked *erase.BlockedError
	require.ErrorAs(w.t, err, &blocked)
	require.ErrorIs(w.t, err, want)
	require.Equal(w.t, p.Blockers, blocked.Blockers)
	require.Equal(w.t, before, w.everything())
}

func TestBlockers(t *testing.T) {
	w := newWorld(t, memory())
	ann, bob := w.user("ann"), w.user("bob")
	w.blocked(w.host, nil, "last_admin", chatadmin.ErrLastAdmin, w.boss.ID, ann.ID)
	clerk, err := w.host.SetRole(ctx, chatadmin.Role{Name: "Clerk", Level: 10, Permissions: []chatadmin.Permission{chatadmin.PermUsersDelete, chatadmin.PermDefault}})
	require.NoError(t, err)
	cleo := w.user("cleo", func(n *chatadmin.NewUser) { n.Role = clerk.ID })
	second := w.user("second", admin)
	w.blocked(w.s, nil, "self", chatadmin.ErrInvalid, w.boss.ID, ann.ID)
	w.blocked(w.as(cleo), nil, "above", chatadmin.ErrForbidden, second.ID)

	// A hold on the user, on somebody they have a chat with, on somebody who
	// wrote in their group, on a group they wrote in.
	w.chat(ann, bob, 1)
	hers := w.group(w.as(ann), "Hers", bob)
	w.insert(w.message(hers.ID, second))
	theirs := w.group(w.as(bob), "Theirs", ann)
	w.insert(w.message(theirs.ID, ann))
	for name, h := range map[string]chatadmin.Hold{"user": {User: ann.ID}, "chat": {User: bob.ID}, "writer": {User: second.ID}, "group": {Group: hers.ID}, "other group": {Group: theirs.ID}} {
		h.Reason = name
		h, err := w.s.AddHold(ctx, h)
		require.NoError(t, err)
		w.blocked(w.s, nil, "hold", chatadmin.ErrHeld, ann.ID)
		_, err = w.s.ReleaseHold(ctx, h.ID)
		require.NoError(t, err)
	}
	// One that covers nothing of hers is no obstacle; one placed between plan
	// and apply is.
	_, err = w.s.AddHold(ctx, chatadmin.Hold{User: cleo.ID, Reason: "another case"})
	require.NoError(t, err)
	p, err := w.d.Plan(ctx, w.s, []chatadmin.ID{ann.ID}, nil)
	require.NoError(t, err)
	require.Empty(t, p.Blockers)
	_, err = w.s.AddHold(ctx, chatadmin.Hold{User: ann.ID, Reason: "lawsuit"})
	require.NoError(t, err)
	_, err = w.d.Apply(ctx, w.s, p, reason, nil)
	require.ErrorIs(t, err, chatadmin.ErrHeld)
}

func TestDefaultGroups(t *testing.T) {
	w := newWorld(t, memory())
	ann, bob := w.user("ann"), w.user("bob")
	second := w.user("second", admin)
	clerk, err := w.host.SetRole(ctx, chatadmin.Role{Name: "Clerk", Level: 10, Permissions: []chatadmin.Permission{chatadmin.PermUsersDelete}})
	require.NoError(t, err)
	cleo := w.user("cleo", func(n *chatadmin.NewUser) { n.Role = clerk.ID })
	g, plain := w.group(w.as(ann), "Everybody"), w.group(w.as(ann), "Plain")
	w.mark(g)
	w.insert(w.message(g.ID, bob), w.message(g.ID, ann), w.message(plain.ID, bob))
	w.blocked(w.s, nil, "default_group", chatadmin.ErrDefaultGroup, ann.ID)

	for name, c := range map[string]struct {
		to   chatadmin.ID
		want error
	}{"nobody": {"no-such-user", chatadmin.ErrNotFound}, "no admin": {bob.ID, chatadmin.ErrInvalid}, "who goes": {ann.ID, chatadmin.ErrInvalid}} {
		_, err := w.d.Plan(ctx, w.s, []chatadmin.ID{ann.ID}, &erase.Choice{TransferTo: c.to})
		require.ErrorIs(t, err, c.want, name)
	}
	p, err := w.d.Plan(ctx, w.as(cleo), []chatadmin.ID{ann.ID}, &erase.Choice{DeleteDefault: true})
	require.NoError(t, err)
	_, err = w.d.Apply(ctx, w.as(cleo), p, reason, nil)
	require.ErrorIs(t, err, chatadmin.ErrForbidden, "deleting a default group needs more")

	// Transferred: it stays as it is.
	p, err = w.d.Plan(ctx, w.s, []chatadmin.ID{ann.ID}, &erase.Choice{TransferTo: second.ID})
	require.NoError(t, err)
	require.Equal(t, []erase.PlannedGroup{{ID: g.ID, Name: "Everybody", Members: 5, To: second.ID}}, p.Transferred)
	before := w.everything()
	r, err := w.d.Apply(ctx, w.s, p, reason, nil)
	require.NoError(t, err)
	require.Equal(t, p.Counts, r.Data.Removed)
	require.Equal(t, some(r.Data.Removed), w.gone(before))
	gs, err := w.store.Groups(ctx, w.domain, []chatadmin.ID{g.ID})
	require.NoError(t, err)
	require.Equal(t, second.ID, gs[0].Creator)
	require.True(t, gs[0].Default)
	ms, err := w.store.Memberships(ctx, w.domain, []storage.Pair{{Group: g.ID, User: second.ID}})
	require.NoError(t, err)
	require.True(t, ms[0].Admin)
	w.noTrace(ann.ID)

	// Deleted, with everything in it: bob's default group.
	b := w.group(w.as(bob), "Bob's")
	w.mark(b)
	w.blocked(w.s, nil, "default_group", chatadmin.ErrDefaultGroup, bob.ID)
	p, err = w.d.Plan(ctx, w.s, []chatadmin.ID{bob.ID}, &erase.Choice{DeleteDefault: true})
	require.NoError(t, err)
	_, err = w.d.Apply(ctx, w.s, p, reason, nil)
	require.NoError(t, err)
	w.noTrace(bob.ID)
	w.user("new") // joins what is left

	// A shipped group that somebody is the creator of, as a host may have it.
	cat := w.user("cat")
	w.update(func(tx storage.Tx) ([]storage.Conflict, error) {
		return tx.ChangeGroups(ctx, []storage.Write[chatadmin.Group]{{Row: chatadmin.Group{ID: "shipped", Domain: w.domain, Creator: cat.ID, Rev: 1, Name: "Shipped", NameKey: "shipped", Default: true, Shipped: true}}})
	})
	w.blocked(w.s, &erase.Choice{DeleteDefault: true}, "shipped_group", chatadmin.ErrShippedGroup, cat.ID)
	p, err = w.d.Plan(ctx, w.s, []chatadmin.ID{cat.ID}, &erase.Choice{TransferTo: second.ID})
	require.NoError(t, err)
	_, err = w.d.Apply(ctx, w.s, p, reason, nil)
	require.NoError(t, err)
	w.noTrace(cat.ID)
}

func TestStalePlan(t *testing.T) {
	title := "Head"
	for name, c := range map[string]struct {
		change func(w *world, ann chatadmin.User)
		stale  bool
	}{
		"nothing": {func(*world, chatadmin.User) {}, false},
		"the user": {func(w *world, ann chatadmin.User) {
			_, err := w.s.EditUser(ctx, ann.ID, chatadmin.UserEdit{Title: &title})
			require.NoError(w.t, err)
		}, true},
		"a group": {func(w *world, ann chatadmin.User) { w.group(w.as(ann), "New") }, true},
		"the settings": {func(w *world, _ chatadmin.User) {
			require.NoError(w.t, w.d.SetPolicy(ctx, w.s, erase.Policy{GraceDays: 1}))
		}, true},
		"a message":   {func(w *world, ann chatadmin.User) { w.chat(ann, w.boss, 1) }, false},
		"a colleague": {func(w *world, _ chatadmin.User) { w.user("bob") }, false},
		"another's hold": {func(w *world, _ chatadmin.User) {
			_, err := w.s.AddHold(ctx, chatadmin.Hold{User: w.user("bob").ID, Reason: "x"})
			require.NoError(w.t, err)
		}, false},
		"a month": {func(w *world, _ chatadmin.User) { w.clock.Advance(30 * 24 * time.Hour) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, memory())
			ann := w.user("ann")
			w.group(w.as(ann), "Hers")
			p, err := w.d.Plan(ctx, w.s, []chatadmin.ID{ann.ID}, nil)
			require.NoError(t, err)
			c.change(w, ann)
			before := w.everything()
			r, err := w.d.Apply(ctx, w.s, p, reason, nil)
			if c.stale {
				require.ErrorIs(t, err, chatadmin.ErrPlanStale)
				require.Equal(t, before, w.everything())
				return
			}
			require.NoError(t, err)
			require.Equal(t, some(r.Data.Removed), w.gone(before), "what has come since goes as well, and is counted")
		})
	}
}

func TestBadInput(t *testing.T) {
	w := newWorld(t, memory())
	ann, second := w.user("ann"), w.user("second", admin)
	many := make([]chatadmin.ID, chatadmin.MaxBatch+1)
	for i := range many {
		many[i] = w.id("x")
	}
	d, boss, err := w.admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Other", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@other.example", NoInvitation: true}})
	require.NoError(t, err)
	for name, c := range map[string]struct {
		users []chatadmin.ID
		want  error
	}{"nobody": {nil, chatadmin.ErrInvalid}, "too many": {many, chatadmin.ErrInvalid}, "unknown": {[]chatadmin.ID{ann.ID, "no-such-user"}, chatadmin.ErrNotFound},
		"of another domain": {[]chatadmin.ID{boss.ID}, chatadmin.ErrNotFound}} {
		_, err := w.d.Plan(ctx, w.s, c.users, nil)
		require.ErrorIs(t, err, c.want, name)
	}
	twice, err := w.d.Plan(ctx, w.s, []chatadmin.ID{ann.ID, ann.ID}, nil)
	require.NoError(t, err)
	require.Len(t, twice.Users, 1)

	p, err := w.d.Plan(ctx, w.s, []chatadmin.ID{ann.ID}, nil)
	require.NoError(t, err)
	_, err = w.d.Apply(ctx, w.s, p, "", nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	require.ErrorContains(t, err, "reason")
	_, err = w.d.Apply(ctx, w.s, nil, reason, nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	_, err = w.d.Apply(ctx, w.as(second), p, reason, nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid, "somebody else's plan")
	_, err = w.d.Apply(ctx, w.admin.As(d.ID, boss.ID), p, reason, nil)
	require.ErrorIs(t, err, chatadmin.ErrNotFound, "another domain's plan")
	forged := *p
	forged.Users = []erase.PlannedUser{{ID: second.ID}}
	_, err = w.d.Apply(ctx, w.s, &forged, reason, nil)
	require.ErrorIs(t, err, chatadmin.ErrPlanStale)

	left := w.interrupted("left")
	again, err := w.host.UserByLogin(ctx, "left@acme.example")
	require.NoError(t, err)
	w.blocked(w.s, nil, "deleting", chatadmin.ErrTransition, again.ID)
	twice, err = w.d.Plan(ctx, w.s, []chatadmin.ID{again.ID}, nil)
	require.NoError(t, err)
	require.Contains(t, twice.Blockers[0].Message, left)

	r, err := w.d.Apply(ctx, w.s, p, reason, nil)
	require.NoError(t, err)
	_, err = w.d.Apply(ctx, w.s, p, reason, nil)
	require.ErrorIs(t, err, chatadmin.ErrNotFound, "once more")
	same, err := w.d.Resume(ctx, w.s, r.ID, nil)
	require.NoError(t, err)
	require.Equal(t, r, same, "a finished one is as it is")
	_, err = w.d.Resume(ctx, w.s, "no-such-deletion", nil)
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
	_, err = w.d.Cancel(ctx, w.s, r.ID)
	require.ErrorIs(t, err, chatadmin.ErrTransition)
	require.ErrorContains(t, err, "has ended")
	for _, days := range []int{-1, 366} {
		require.ErrorIs(t, w.d.SetPolicy(ctx, w.s, erase.Policy{GraceDays: days}), chatadmin.ErrInvalid)
	}
}
