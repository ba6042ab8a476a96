package erase_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/internal/erasetest"
	"chatadmin.example/sdk/chatadmin/internal/hostrows"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/csvimport"
)

// TestProperties carries out random operations and checks after each deletion,
// and now and then, what must hold at every moment: somebody administers the
// domain and can sign in; every network user with access is in every default
// group; no row refers to somebody deleted; and receipts count exactly what has
// gone.
func TestProperties(t *testing.T) {
	deleted, crashes, refused, checked, transferred := 0, 0, 0, 0, 0
	for seed := range uint64(14) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			c := &erasetest.Crashing{Store: memory()}
			g := &game{world: newWorld(t, c, hasty, withRows), c: c, rnd: rand.New(rand.NewPCG(seed, 7))}
			_, err := g.Host.ChangeSettings(ctx, func(s *chatadmin.Settings) error { s.GuestsCreateGroups = true; return nil })
			require.NoError(t, err)
			for n := range 270 {
				g.step()
				if n%10 == 0 {
					g.invariants()
				}
			}
			g.invariants()
			deleted, crashes, refused, checked = deleted+len(g.deleted), crashes+g.crashes, refused+g.refused, checked+g.checked
			transferred += g.transferred
		})
	}
	for what, n := range map[string]int{"deleted": deleted, "crashes": crashes, "refused": refused, "default memberships": checked} {
		require.Greater(t, n, 100, what)
	}
	require.Greater(t, transferred, 10)
}

// game is a world in which things happen at random.
type game struct {
	*world
	c                *erasetest.Crashing
	rnd              *rand.Rand
	deleted          []chatadmin.ID
	crashes, refused int
	checked          int // memberships in default groups
	transferred      int // groups
	groups           int // that somebody tried to create
}

func (g *game) any() chatadmin.User {
	users := erasetest.List(g.T, chatadmin.UserQuery{Domain: g.Domain}, g.Store.ListUsers)
	return users[g.rnd.IntN(len(users))]
}

func (g *game) anyGroup() chatadmin.Group {
	groups := erasetest.List(g.T, chatadmin.GroupQuery{Domain: g.Domain}, g.Store.ListGroups)
	return groups[g.rnd.IntN(len(groups))]
}

// step does something. What the library refuses is as good as what it does, as
// long as everything holds.
func (g *game) step() {
	u, other := g.any(), g.any()
	login := fmt.Sprintf("n%d@acme.example", g.rnd.IntN(80))
	switch g.rnd.IntN(16) {
	case 0, 1:
		kind := []chatadmin.Kind{chatadmin.Network, chatadmin.Network, chatadmin.Guest}[g.rnd.IntN(3)]
		_, _ = g.Host.CreateUser(ctx, chatadmin.NewUser{Login: login, Kind: kind})
	case 2:
		var rows strings.Builder
		rows.WriteString("login,title,manager,enabled\n")
		for range 1 + g.rnd.IntN(8) {
			fmt.Fprintf(&rows, "n%d@acme.example,T%d,%s,%s\n", g.rnd.IntN(80), g.rnd.IntN(9), u.Login, []string{"TRUE", "TRUE", "FALSE", ""}[g.rnd.IntN(4)])
		}
		_, err := chatadmintest.Must(csvimport.New(g.Admin, nil)).Import(ctx, g.Host, strings.NewReader(rows.String()), csvimport.UpdateExisting, nil)
		require.NoError(g.T, err)
	case 3:
		_, _ = g.Host.DeactivateUsers(ctx, u.ID)
	case 4:
		_, _ = g.Host.ActivateUsers(ctx, u.ID, other.ID)
	case 5:
		_, _ = g.Host.DenyAccess(ctx, u.ID)
		_, _ = g.Host.GrantAccess(ctx, other.ID)
	case 6:
		_, _ = g.Host.AssignRole(ctx, []string{chatadmin.RoleAdmin, chatadmin.RoleMember}[g.rnd.IntN(2)], u.ID)
	case 7:
		_, _ = g.Host.EditUser(ctx, u.ID, chatadmin.UserEdit{Manager: &other.ID})
	case 8:
		g.groups++
		if made, err := g.As(u).CreateGroup(ctx, fmt.Sprintf("G%d", g.groups)); err == nil {
			_, _ = g.Host.AddMembers(ctx, made.ID, other.ID, g.any().ID)
			g.insert(g.message(made.ID, other), g.file(made.ID, u), g.message(made.ID, g.any()))
			g.put(hostrows.Row{Container: made.ID, Author: other.ID}, hostrows.Row{Container: made.ID, Author: u.ID, Blob: "b"})
			g.record(made.ID)
		}
	case 9:
		if p, err := g.Host.PlanDefaultGroup(ctx, g.anyGroup().ID); err == nil {
			_, _ = g.Host.ApplyDefaultGroup(ctx, p, nil)
		}
	case 10:
		_, _ = g.Host.UnmarkDefaultGroup(ctx, g.anyGroup().ID)
	case 11:
		g.chat(u, other, g.rnd.IntN(5))
		talk := g.id("talk")
		g.put(hostrows.Row{ID: talk, Author: u.ID, Peer: other.ID}, hostrows.Row{Container: talk, Author: u.ID}, hostrows.Row{Container: talk, Author: other.ID},
			hostrows.Row{Container: g.anyGroup().ID, Author: g.any().ID})
		g.insert(g.message(g.anyGroup().ID, u))
		g.record(u.ID)
		g.record(g.device(u))
		g.posts.add(u, int64(g.rnd.IntN(4)))
	case 12:
		if h, err := g.S.AddHold(ctx, chatadmin.Hold{User: u.ID, Reason: "case"}); err == nil && g.rnd.IntN(5) > 0 {
			_, _ = g.S.ReleaseHold(ctx, h.ID)
		}
		for h, err := range g.Host.Holds(ctx) {
			require.NoError(g.T, err)
			if g.rnd.IntN(3) == 0 {
				_, _ = g.Host.ReleaseHold(ctx, h.ID)
			}
		}
	case 13, 14, 15:
		g.delete(u.ID, other.ID, g.any().ID)
	}
}

// delete deletes one to three users, in the name of the host or of somebody,
// with crashes.
func (g *game) delete(ids ...chatadmin.ID) {
	ids = ids[:1+g.rnd.IntN(3)]
	s := g.Host
	if g.rnd.IntN(3) == 0 {
		s = g.As(g.any())
	}
	choice := &erase.Choice{DeleteDefault: g.rnd.IntN(3) == 0}
	if heir := g.any(); g.rnd.IntN(3) == 0 && heir.AdminInForce() && !slices.Contains(ids, heir.ID) {
		choice.TransferTo = heir.ID
	}
	if heir := g.any(); g.rnd.IntN(3) > 0 && heir.Kind == chatadmin.Network && heir.Status != chatadmin.Deactivated && !heir.Denied && !slices.Contains(ids, heir.ID) {
		choice.TransferAll = heir.ID
	}
	p, err := g.d.Plan(ctx, s, ids, choice)
	if err != nil {
		require.ErrorIs(g.T, err, chatadmin.ErrForbidden)
		return
	}
	before := g.everything()
	joins := g.joins(p)
	if len(p.Blockers) > 0 {
		_, err := g.d.Apply(ctx, s, p, reason, nil)
		var blocked *erase.BlockedError
		require.ErrorAs(g.T, err, &blocked)
		require.Equal(g.T, before, g.everything())
		g.refused++
		return
	}
	if g.rnd.IntN(2) == 0 {
		g.c.In(1 + g.rnd.IntN(60))
	}
	r := g.finish(s, p, func(int) {
		g.crashes++
		g.c.In([]int{0, 15 + g.rnd.IntN(30)}[g.rnd.IntN(2)])
	})
	g.c.In(0)
	confirmed(g.T, p.Counts, r.Data.Removed, "as planned: nothing else went on")
	want := maps.Clone(r.Data.Removed)
	want[erase.Memberships] -= joins
	confirmed(g.T, g.gone(before), want, "as told")
	g.handedOver(p)
	for _, u := range p.Users {
		g.deleted = append(g.deleted, u.ID)
	}
	g.invariants()
}

// joins is how many memberships the people get to whom groups are transferred.
func (g *game) joins(p *erase.Plan) (n int64) {
	g.T.Helper()
	for _, t := range p.Transferred {
		ms, err := g.Store.Memberships(ctx, g.Domain, []storage.Pair{{Group: t.ID, User: t.To}})
		require.NoError(g.T, err)
		n += 1 - int64(len(ms))
	}
	return n
}

// handedOver checks that groups that were to be transferred are whose they
// should be.
func (g *game) handedOver(p *erase.Plan) {
	g.T.Helper()
	for _, t := range p.Transferred {
		gs, err := g.Store.Groups(ctx, g.Domain, []chatadmin.ID{t.ID})
		require.NoError(g.T, err)
		require.Len(g.T, gs, 1)
		require.Equal(g.T, []any{t.To, false}, []any{gs[0].Creator, gs[0].Deleting})
		g.transferred++
	}
}

func (g *game) invariants() {
	g.T.Helper()
	admins, err := g.Host.AdminsInForce(ctx)
	require.NoError(g.T, err)
	require.NotEmpty(g.T, admins)
	admin := erasetest.List(g.T, chatadmin.UserQuery{Domain: g.Domain, AdminOnly: true}, g.Store.ListUsers)
	require.True(g.T, slices.ContainsFunc(admin, func(u chatadmin.User) bool {
		_, err := chatadmin.Transition(u, chatadmin.SignedIn)
		return err == nil
	}), "an admin who can sign in")
	people := erasetest.List(g.T, chatadmin.UserQuery{Domain: g.Domain, Kinds: []chatadmin.Kind{chatadmin.Network}, Statuses: []chatadmin.Status{chatadmin.Pending, chatadmin.Active}}, g.Store.ListUsers)
	defaults := erasetest.List(g.T, chatadmin.GroupQuery{Domain: g.Domain, DefaultOnly: true}, g.Store.ListGroups)
	for _, d := range defaults {
		in := map[chatadmin.ID]bool{}
		for _, m := range erasetest.List(g.T, storage.MemberQuery{Domain: g.Domain, Group: d.ID}, g.Store.ListMemberships) {
			in[m.User] = true
		}
		for _, u := range people {
			g.checked++
			require.True(g.T, in[u.ID], "%s is not in %s", u.Login, d.Name)
		}
	}
	for _, d := range g.deleted {
		us, err := g.Store.Users(ctx, g.Domain, []chatadmin.ID{d})
		require.NoError(g.T, err)
		require.Empty(g.T, us)
	}
	g.noTrace(g.deleted...)
	rows, err := hostrows.All(ctx, g.Store, g.Domain)
	require.NoError(g.T, err)
	there := map[chatadmin.ID]bool{}
	for _, gr := range erasetest.List(g.T, chatadmin.GroupQuery{Domain: g.Domain}, g.Store.ListGroups) {
		there[gr.ID] = true
	}
	for _, r := range rows {
		there[r.ID] = r.Peer != ""
	}
	for _, r := range rows {
		require.NotContains(g.T, g.deleted, r.Author)
		require.NotContains(g.T, g.deleted, r.Peer)
		require.True(g.T, r.Peer != "" || there[r.Container], "a row lies in what is gone")
	}
}

func TestRaces(t *testing.T) {
	erasetest.Races(t, func(*testing.T) [2]chatadmin.Store {
		m := memstore.New(nil)
		return [2]chatadmin.Store{m, m.Handle(nil)}
	})
}

// What a host keeps of its own, in records of the store in memory.
func TestHosted(t *testing.T) {
	erasetest.Hosted(t, func(*testing.T) erasetest.Host {
		m := memstore.New(nil)
		return erasetest.Host{Store: m, Sources: hostrows.Sources(),
			Put: func(r hostrows.Row) (bool, error) {
				n, err := hostrows.Insert(ctx, m, r.Domain, r)
				return n == 1, err
			},
			All: func(domain chatadmin.ID) ([]hostrows.Row, error) { return hostrows.All(ctx, m, domain) }}
	}, 4, 150)
}
