package erase_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/storage"
)

// belongs checks whose group it is, and how much of what others wrote is in it.
func (w *world) belongs(g chatadmin.Group, to chatadmin.ID, messages int64) {
	w.T.Helper()
	gs, err := w.Store.Groups(ctx, w.Domain, []chatadmin.ID{g.ID})
	require.NoError(w.T, err)
	require.Len(w.T, gs, 1)
	require.Equal(w.T, []any{to, false}, []any{gs[0].Creator, gs[0].Deleting})
	ms, err := w.Store.Memberships(ctx, w.Domain, []storage.Pair{{Group: g.ID, User: to}})
	require.NoError(w.T, err)
	require.Len(w.T, ms, 1)
	require.True(w.T, ms[0].Admin)
	n, err := w.Store.CountContent(ctx, storage.ContentQuery{Domain: w.Domain, Containers: []chatadmin.ID{g.ID}})
	require.NoError(w.T, err)
	require.Equal(w.T, messages, n.Messages)
}

// Groups are handed over one by one, or all: they stay, with what others wrote
// in them; what the user wrote goes.
func TestHandOver(t *testing.T) {
	for name, c := range map[string]struct {
		single, all bool
		grace       int
	}{"one": {true, false, 0}, "all": {false, true, 0}, "one to one, the others to another": {true, true, 0}, "when it is due": {true, true, 3}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, memory())
			require.NoError(t, w.d.SetPolicy(ctx, w.S, erase.Policy{GraceDays: c.grace}))
			ann, bob, cat := w.user("ann"), w.user("bob"), w.user("cat")
			sales, news := w.group(w.As(ann), "Sales", bob), w.group(w.As(ann), "News", bob)
			for _, g := range []chatadmin.Group{sales, news} {
				w.insert(w.message(g.ID, ann), w.message(g.ID, bob), w.message(g.ID, bob), w.file(g.ID, ann))
			}
			choice, transferred := &erase.Choice{}, 0
			if c.single {
				choice.Transfer = map[chatadmin.ID]chatadmin.ID{sales.ID: bob.ID}
				transferred++
			}
			if c.all {
				choice.TransferAll = cat.ID
				transferred = 2
			}
			p, err := w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID}, choice)
			require.NoError(t, err)
			require.Empty(t, p.Blockers)
			require.Len(t, p.Transferred, transferred)
			require.Len(t, p.Groups, 2-transferred)
			for _, g := range p.Transferred {
				want := cat.ID
				if c.single && g.ID == sales.ID {
					want = bob.ID
				}
				require.Equal(t, want, g.To)
			}
			require.EqualValues(t, 2-transferred, p.Counts[erase.Groups])
			run, err := w.d.Apply(ctx, w.S, p, reason, nil)
			require.NoError(t, err)
			w.daily(c.grace)
			run, err = w.d.Run(ctx, w.S, run.ID)
			require.NoError(t, err)
			require.Equal(t, p.Counts, run.Data.Removed)
			w.noTrace(ann.ID)
			switch {
			case c.single && c.all:
				w.belongs(sales, bob.ID, 2)
				w.belongs(news, cat.ID, 2)
			case c.single:
				w.belongs(sales, bob.ID, 2)
			default:
				w.belongs(sales, cat.ID, 2)
				w.belongs(news, cat.ID, 2)
			}
		})
	}
}

// Default groups go to whom they are given one by one, else to TransferTo, else
// to TransferAll where that is a domain admin; shipped ones likewise.
func TestHandOverDefault(t *testing.T) {
	for name, c := range map[string]struct {
		choice  func(first, second, member, group chatadmin.ID) *erase.Choice
		to      string // "": it stands in the way; "gone": it is deleted
		refused bool
	}{
		"nothing":            {func(_, _, _, _ chatadmin.ID) *erase.Choice { return nil }, "", false},
		"all to an admin":    {func(a, _, _, _ chatadmin.ID) *erase.Choice { return &erase.Choice{TransferAll: a} }, "first", false},
		"all to a member":    {func(_, _, m, _ chatadmin.ID) *erase.Choice { return &erase.Choice{TransferAll: m} }, "", false},
		"default and all":    {func(a, b, _, _ chatadmin.ID) *erase.Choice { return &erase.Choice{TransferTo: b, TransferAll: a} }, "second", false},
		"to a member":        {func(_, _, m, _ chatadmin.ID) *erase.Choice { return &erase.Choice{TransferTo: m} }, "", true},
		"itself to a member": {func(_, _, m, g chatadmin.ID) *erase.Choice { return &erase.Choice{Transfer: single(g, m)} }, "", true},
		"itself to an admin": {func(a, b, _, g chatadmin.ID) *erase.Choice {
			return &erase.Choice{Transfer: single(g, a), TransferTo: b}
		}, "first", false},
		"itself, not deleted": {func(a, _, _, g chatadmin.ID) *erase.Choice {
			return &erase.Choice{Transfer: single(g, a), DeleteDefault: true}
		}, "first", false},
		"deleted, not all": {func(a, _, _, _ chatadmin.ID) *erase.Choice { return &erase.Choice{TransferAll: a, DeleteDefault: true} }, "gone", false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, memory())
			ann, first, second, member := w.user("ann"), w.user("first", admin), w.user("second", admin), w.user("member")
			g := w.group(w.As(ann), "Everybody")
			w.mark(g)
			choice := c.choice(first.ID, second.ID, member.ID, g.ID)
			p, err := w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID}, choice)
			if c.refused {
				require.ErrorIs(t, err, chatadmin.ErrInvalid)
				return
			}
			require.NoError(t, err)
			if c.to == "" {
				w.blocked(w.S, choice, "default_group", chatadmin.ErrDefaultGroup, ann.ID)
				return
			}
			run, err := w.d.Apply(ctx, w.S, p, reason, nil)
			require.NoError(t, err)
			require.Equal(t, p.Counts, run.Data.Removed)
			w.noTrace(ann.ID)
			if to, ok := map[string]chatadmin.ID{"first": first.ID, "second": second.ID}[c.to]; ok {
				w.belongs(g, to, 0)
			} else {
				require.EqualValues(t, 1, run.Data.Removed[erase.Groups])
			}
		})
	}
}

func single(group, to chatadmin.ID) map[chatadmin.ID]chatadmin.ID {
	return map[chatadmin.ID]chatadmin.ID{group: to}
}

// Nobody gets groups who could not have them, and nothing is handed over that
// is not theirs.
func TestHandOverRefused(t *testing.T) {
	w := newWorld(t, memory())
	ann, bob := w.user("ann"), w.user("bob")
	guest := w.user("guest", func(n *chatadmin.NewUser) { n.Kind = chatadmin.Guest })
	off, denied := w.user("off"), w.user("denied")
	_, err := w.S.DeactivateUsers(ctx, off.ID)
	require.NoError(t, err)
	_, err = w.S.DenyAccess(ctx, denied.ID)
	require.NoError(t, err)
	hers, his := w.group(w.As(ann), "Hers"), w.group(w.As(bob), "His")
	many := map[chatadmin.ID]chatadmin.ID{}
	for n := range chatadmin.MaxBatch + 1 {
		many[chatadmin.ID(fmt.Sprint("g", n))] = bob.ID
	}
	for name, c := range chatadmintest.InOrder(map[string]struct {
		choice erase.Choice
		want   error
	}{
		"the user":             {erase.Choice{TransferAll: ann.ID}, chatadmin.ErrInvalid},
		"a guest":              {erase.Choice{TransferAll: guest.ID}, chatadmin.ErrInvalid},
		"somebody deactivated": {erase.Choice{TransferAll: off.ID}, chatadmin.ErrInvalid},
		"somebody denied":      {erase.Choice{Transfer: single(hers.ID, denied.ID)}, chatadmin.ErrInvalid},
		"nobody":               {erase.Choice{TransferAll: "nobody"}, chatadmin.ErrNotFound},
		"nobody for one":       {erase.Choice{Transfer: single(hers.ID, "nobody")}, chatadmin.ErrNotFound},
		"another's group":      {erase.Choice{Transfer: single(his.ID, bob.ID)}, chatadmin.ErrNotFound},
		"no group":             {erase.Choice{Transfer: single("none", bob.ID)}, chatadmin.ErrNotFound},
		"without a group":      {erase.Choice{Transfer: single("", bob.ID)}, chatadmin.ErrInvalid},
		"without a user":       {erase.Choice{Transfer: single(hers.ID, "")}, chatadmin.ErrInvalid},
		"too many":             {erase.Choice{Transfer: many}, chatadmin.ErrInvalid},
	}) {
		_, err := w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID}, &c.choice)
		require.ErrorIs(t, err, c.want, name)
	}
	// A plan that was made says nothing about who is there now, or about who
	// gets it.
	p, err := w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID}, &erase.Choice{TransferAll: bob.ID})
	require.NoError(t, err)
	forged := *p
	forged.Choice.TransferAll = w.Boss.ID
	_, err = w.d.Apply(ctx, w.S, &forged, reason, nil)
	require.ErrorIs(t, err, chatadmin.ErrPlanStale)
	_, err = w.S.DeactivateUsers(ctx, bob.ID)
	require.NoError(t, err)
	_, err = w.d.Apply(ctx, w.S, p, reason, nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
}

// Whoever was to get groups and is gone when the deletion is due keeps it from
// beginning: nothing vanishes that was to be handed over.
func TestHandOverHeirGone(t *testing.T) {
	w := newWorld(t, memory())
	require.NoError(t, w.d.SetPolicy(ctx, w.S, erase.Policy{GraceDays: 3}))
	ann, bob := w.user("ann"), w.user("bob")
	g := w.group(w.As(ann), "Hers")
	p, err := w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID}, &erase.Choice{TransferAll: bob.ID})
	require.NoError(t, err)
	run, err := w.d.Apply(ctx, w.S, p, reason, nil)
	require.NoError(t, err)
	_, err = w.S.DeactivateUsers(ctx, bob.ID)
	require.NoError(t, err)
	w.daily(2)
	w.Clock.Advance(days)
	_, err = w.d.RunDue(ctx, w.Domain)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	require.Equal(t, chatadmin.Deactivated, w.Row(ann.ID).Status)
	_, err = w.S.ActivateUsers(ctx, bob.ID)
	require.NoError(t, err)
	_, err = w.d.Resume(ctx, w.S, run.ID, nil)
	require.NoError(t, err)
	w.noTrace(ann.ID)
	w.belongs(g, bob.ID, 0)
}

// Many groups are handed over together, before anything else happens.
func TestHandOverMany(t *testing.T) {
	w := newWorld(t, memory())
	ann, bob := w.user("ann"), w.user("bob")
	var rows []storage.Write[chatadmin.Group]
	for n := range 2500 {
		name := fmt.Sprintf("g%05d", n)
		rows = append(rows, storage.Write[chatadmin.Group]{Row: chatadmin.Group{ID: w.id("group"), Domain: w.Domain, Creator: ann.ID, Rev: 1, Name: name, NameKey: name}})
	}
	for batch := range slices.Chunk(rows, chatadmin.MaxBatch) {
		w.update(func(tx storage.Tx) ([]storage.Conflict, error) { return tx.ChangeGroups(ctx, batch) })
	}
	p, err := w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID}, &erase.Choice{TransferAll: bob.ID})
	require.NoError(t, err)
	require.Len(t, p.Transferred, 2500)
	_, err = w.d.Apply(ctx, w.S, p, reason, nil)
	require.NoError(t, err)
	w.noTrace(ann.ID)
	for _, n := range []int{0, 1999, 2000, 2499} {
		w.belongs(rows[n].Row, bob.ID, 0)
	}
}
