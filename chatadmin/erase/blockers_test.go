package erase_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/storage"
)

func admin(n *chatadmin.NewUser) { n.Role = chatadmin.RoleAdmin }

func (w *world) mark(g chatadmin.Group) {
	w.T.Helper()
	p, err := w.S.PlanDefaultGroup(ctx, g.ID)
	require.NoError(w.T, err)
	_, err = w.S.ApplyDefaultGroup(ctx, p, nil)
	require.NoError(w.T, err)
}

// blocked plans, expects a blocker, and expects that applying refuses with the
// same.
func (w *world) blocked(s *chatadmin.Scope, c *erase.Choice, code string, want error, users ...chatadmin.ID) {
	w.T.Helper()
	p, err := w.d.Plan(ctx, s, users, c)
	require.NoError(w.T, err)
	require.Len(w.T, p.Blockers, 1)
	require.Equal(w.T, code, p.Blockers[0].Code)
	require.NotEmpty(w.T, p.Blockers[0].Message)
	before := w.everything()
	_, err = w.d.Apply(ctx, s, p, reason, nil)
	var blocked *erase.BlockedError
	require.ErrorAs(w.T, err, &blocked)
	require.ErrorIs(w.T, err, want)
	require.Equal(w.T, p.Blockers, blocked.Blockers)
	require.Equal(w.T, before, w.everything())
}

func TestBlockers(t *testing.T) {
	w := newWorld(t, memory())
	ann, bob := w.user("ann"), w.user("bob")
	w.blocked(w.Host, nil, "last_admin", chatadmin.ErrLastAdmin, w.Boss.ID, ann.ID)
	clerk, err := w.Host.CreateRole(ctx, chatadmin.Role{Name: "Clerk", Level: 10, Permissions: []chatadmin.Permission{chatadmin.PermUsersDelete, chatadmin.PermDefault}})
	require.NoError(t, err)
	cleo := w.user("cleo", func(n *chatadmin.NewUser) { n.Role = clerk.ID })
	second := w.user("second", admin)
	w.blocked(w.S, nil, "self", chatadmin.ErrInvalid, w.Boss.ID, ann.ID)
	w.blocked(w.As(cleo), nil, "above", chatadmin.ErrForbidden, second.ID)

	// A hold on the user, on somebody they have a chat with, on somebody who
	// wrote in their group, on a group they wrote in.
	w.chat(ann, bob, 1)
	hers := w.group(w.As(ann), "Hers", bob)
	w.insert(w.message(hers.ID, second))
	theirs := w.group(w.As(bob), "Theirs", ann)
	w.insert(w.message(theirs.ID, ann))
	for name, h := range chatadmintest.InOrder(map[string]chatadmin.Hold{"user": {User: ann.ID}, "chat": {User: bob.ID}, "writer": {User: second.ID}, "group": {Group: hers.ID}, "other group": {Group: theirs.ID}}) {
		h.Reason = name
		h, err := w.S.AddHold(ctx, h)
		require.NoError(t, err)
		w.blocked(w.S, nil, "hold", chatadmin.ErrHeld, ann.ID)
		_, err = w.S.ReleaseHold(ctx, h.ID)
		require.NoError(t, err)
	}
	// One that covers nothing of hers is no obstacle; one placed between plan
	// and apply is.
	_, err = w.S.AddHold(ctx, chatadmin.Hold{User: cleo.ID, Reason: "another case"})
	require.NoError(t, err)
	p, err := w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID}, nil)
	require.NoError(t, err)
	require.Empty(t, p.Blockers)
	_, err = w.S.AddHold(ctx, chatadmin.Hold{User: ann.ID, Reason: "lawsuit"})
	require.NoError(t, err)
	_, err = w.d.Apply(ctx, w.S, p, reason, nil)
	require.ErrorIs(t, err, chatadmin.ErrHeld)
}

func TestDefaultGroups(t *testing.T) {
	w := newWorld(t, memory())
	ann, bob := w.user("ann"), w.user("bob")
	second := w.user("second", admin)
	clerk, err := w.Host.CreateRole(ctx, chatadmin.Role{Name: "Clerk", Level: 10, Permissions: []chatadmin.Permission{chatadmin.PermUsersDelete}})
	require.NoError(t, err)
	cleo := w.user("cleo", func(n *chatadmin.NewUser) { n.Role = clerk.ID })
	g, plain := w.group(w.As(ann), "Everybody"), w.group(w.As(ann), "Plain")
	w.mark(g)
	w.insert(w.message(g.ID, bob), w.message(g.ID, ann), w.message(plain.ID, bob))
	w.blocked(w.S, nil, "default_group", chatadmin.ErrDefaultGroup, ann.ID)

	for name, c := range chatadmintest.InOrder(map[string]struct {
		to   chatadmin.ID
		want error
	}{"nobody": {"no-such-user", chatadmin.ErrNotFound}, "no admin": {bob.ID, chatadmin.ErrInvalid}, "who goes": {ann.ID, chatadmin.ErrInvalid}}) {
		_, err := w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID}, &erase.Choice{TransferTo: c.to})
		require.ErrorIs(t, err, c.want, name)
	}
	p, err := w.d.Plan(ctx, w.As(cleo), []chatadmin.ID{ann.ID}, &erase.Choice{DeleteDefault: true})
	require.NoError(t, err)
	_, err = w.d.Apply(ctx, w.As(cleo), p, reason, nil)
	require.ErrorIs(t, err, chatadmin.ErrForbidden, "deleting a default group needs more")

	// Transferred: it stays as it is.
	p, err = w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID}, &erase.Choice{TransferTo: second.ID})
	require.NoError(t, err)
	require.Equal(t, []erase.PlannedGroup{{ID: g.ID, Name: "Everybody", Members: 5, To: second.ID}}, p.Transferred)
	before := w.everything()
	r, err := w.d.Apply(ctx, w.S, p, reason, nil)
	require.NoError(t, err)
	require.Equal(t, p.Counts, r.Data.Removed)
	require.Equal(t, some(r.Data.Removed), w.gone(before))
	gs, err := w.Store.Groups(ctx, w.Domain, []chatadmin.ID{g.ID})
	require.NoError(t, err)
	require.Equal(t, second.ID, gs[0].Creator)
	require.True(t, gs[0].Default)
	ms, err := w.Store.Memberships(ctx, w.Domain, []storage.Pair{{Group: g.ID, User: second.ID}})
	require.NoError(t, err)
	require.True(t, ms[0].Admin)
	w.noTrace(ann.ID)

	// Deleted, with everything in it: bob's default group.
	b := w.group(w.As(bob), "Bob's")
	w.mark(b)
	w.blocked(w.S, nil, "default_group", chatadmin.ErrDefaultGroup, bob.ID)
	p, err = w.d.Plan(ctx, w.S, []chatadmin.ID{bob.ID}, &erase.Choice{DeleteDefault: true})
	require.NoError(t, err)
	_, err = w.d.Apply(ctx, w.S, p, reason, nil)
	require.NoError(t, err)
	w.noTrace(bob.ID)
	w.user("new") // joins what is left

	// A shipped group that somebody is the creator of, as a host may have it.
	cat := w.user("cat")
	w.update(func(tx storage.Tx) ([]storage.Conflict, error) {
		return tx.ChangeGroups(ctx, []storage.Write[chatadmin.Group]{{Row: chatadmin.Group{ID: "shipped", Domain: w.Domain, Creator: cat.ID, Rev: 1, Name: "Shipped", NameKey: "shipped", Default: true, Shipped: true}}})
	})
	w.blocked(w.S, &erase.Choice{DeleteDefault: true}, "shipped_group", chatadmin.ErrShippedGroup, cat.ID)
	p, err = w.d.Plan(ctx, w.S, []chatadmin.ID{cat.ID}, &erase.Choice{TransferTo: second.ID})
	require.NoError(t, err)
	_, err = w.d.Apply(ctx, w.S, p, reason, nil)
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
			_, err := w.S.EditUser(ctx, ann.ID, chatadmin.UserEdit{Title: &title})
			require.NoError(w.T, err)
		}, true},
		"a group": {func(w *world, ann chatadmin.User) { w.group(w.As(ann), "New") }, true},
		"the settings": {func(w *world, _ chatadmin.User) {
			require.NoError(w.T, w.d.SetPolicy(ctx, w.S, erase.Policy{GraceDays: 1}))
		}, true},
		"a message":   {func(w *world, ann chatadmin.User) { w.chat(ann, w.Boss, 1) }, false},
		"a colleague": {func(w *world, _ chatadmin.User) { w.user("bob") }, false},
		"another's hold": {func(w *world, _ chatadmin.User) {
			_, err := w.S.AddHold(ctx, chatadmin.Hold{User: w.user("bob").ID, Reason: "x"})
			require.NoError(w.T, err)
		}, false},
		"a month": {func(w *world, _ chatadmin.User) { w.Clock.Advance(30 * 24 * time.Hour) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, memory())
			ann := w.user("ann")
			w.group(w.As(ann), "Hers")
			p, err := w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID}, nil)
			require.NoError(t, err)
			c.change(w, ann)
			before := w.everything()
			r, err := w.d.Apply(ctx, w.S, p, reason, nil)
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
	_, boss := w.Open("Other", chatadmin.OfficeChat)
	for name, c := range chatadmintest.InOrder(map[string]struct {
		users []chatadmin.ID
		want  error
	}{"nobody": {nil, chatadmin.ErrInvalid}, "too many": {many, chatadmin.ErrInvalid}, "unknown": {[]chatadmin.ID{ann.ID, "no-such-user"}, chatadmin.ErrNotFound},
		"of another domain": {[]chatadmin.ID{boss.ID}, chatadmin.ErrNotFound}}) {
		_, err := w.d.Plan(ctx, w.S, c.users, nil)
		require.ErrorIs(t, err, c.want, name)
	}
	twice, err := w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID, ann.ID}, nil)
	require.NoError(t, err)
	require.Len(t, twice.Users, 1)

	p, err := w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID}, nil)
	require.NoError(t, err)
	_, err = w.d.Apply(ctx, w.S, p, "", nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	require.ErrorContains(t, err, "reason")
	_, err = w.d.Apply(ctx, w.S, nil, reason, nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	_, err = w.d.Apply(ctx, w.As(second), p, reason, nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid, "somebody else's plan")
	_, err = w.d.Apply(ctx, w.As(boss), p, reason, nil)
	require.ErrorIs(t, err, chatadmin.ErrNotFound, "another domain's plan")
	forged := *p
	forged.Users = []erase.PlannedUser{{ID: second.ID}}
	_, err = w.d.Apply(ctx, w.S, &forged, reason, nil)
	require.ErrorIs(t, err, chatadmin.ErrPlanStale)

	left := w.interrupted("left")
	again, err := w.Host.UserByLogin(ctx, "left@acme.example")
	require.NoError(t, err)
	w.blocked(w.S, nil, "deleting", chatadmin.ErrTransition, again.ID)
	twice, err = w.d.Plan(ctx, w.S, []chatadmin.ID{again.ID}, nil)
	require.NoError(t, err)
	require.Contains(t, twice.Blockers[0].Message, left)

	r, err := w.d.Apply(ctx, w.S, p, reason, nil)
	require.NoError(t, err)
	_, err = w.d.Apply(ctx, w.S, p, reason, nil)
	require.ErrorIs(t, err, chatadmin.ErrNotFound, "once more")
	same, err := w.d.Resume(ctx, w.S, r.ID, nil)
	require.NoError(t, err)
	require.Equal(t, r, same, "a finished one is as it is")
	_, err = w.d.Resume(ctx, w.S, "no-such-deletion", nil)
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
	_, err = w.d.Cancel(ctx, w.S, r.ID)
	require.ErrorIs(t, err, chatadmin.ErrTransition)
	require.ErrorContains(t, err, "has ended")
	for _, days := range []int{-1, 366} {
		require.ErrorIs(t, w.d.SetPolicy(ctx, w.S, erase.Policy{GraceDays: days}), chatadmin.ErrInvalid)
	}
}
