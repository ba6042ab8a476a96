package chatadmin_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// A store that re-runs transactions, commits without saying so, and loses
// commits: the same three hundred operations end as on a reliable one, and
// every change is audited once.
func TestUnreliableStore(t *testing.T) {
	for seed := range uint64(4) {
		plain := operations(t, memstore.New(nil), seed)
		for name, c := range map[string]memstore.Chaos{
			"re-run":         {Rerun: 0.5},
			"commit unknown": {UnknownKept: 0.3, UnknownLost: 0.03},
			"short pages":    {ShortPage: 0.5},
			"everything":     {Rerun: 0.3, UnknownKept: 0.1, UnknownLost: 0.03, ShortPage: 0.2},
		} {
			c.Seed = seed
			require.Equal(t, plain, operations(t, memstore.New(&memstore.Options{Chaos: &c}), seed), "%s, seed %d", name, seed)
		}
	}
}

// A domain is created although its commit was not confirmed, whether it was
// kept or not.
func TestDomainOnUnreliableStore(t *testing.T) {
	for seed := range uint64(30) {
		store := memstore.New(&memstore.Options{Chaos: &memstore.Chaos{Seed: seed, Rerun: 0.3, UnknownKept: 0.4, UnknownLost: 0.2}})
		w := newWorldOn(t, store, chatadmin.OfficeChat)
		require.Equal(t, w.Boss, w.Row(w.Boss.ID))
		require.Len(t, w.shipped(), 2)
		require.Len(t, w.Events(chatadmin.KindDomainCreate), 1)
	}
}

// operations carries out three hundred random operations, checks what must
// hold, and describes the end.
func operations(t *testing.T, store chatadmin.Store, seed uint64) []string {
	rnd := rand.New(rand.NewPCG(seed, 1))
	w := newWorldOn(t, store, chatadmin.OfficeChat)
	ids := []chatadmin.ID{w.Boss.ID}
	var groups []chatadmin.ID
	for _, g := range w.shipped() {
		groups = append(groups, g.ID)
	}
	var log []string
	do := func(what string, err error) {
		outcome := "done"
		if err != nil {
			require.NotErrorIs(t, err, chatadmin.ErrCommitUnknown)
			outcome = "refused"
		}
		log = append(log, what+" "+outcome)
	}
	for n := range 300 {
		u, other := ids[rnd.IntN(len(ids))], ids[rnd.IntN(len(ids))]
		g := groups[rnd.IntN(len(groups))]
		name := fmt.Sprintf("n%d", rnd.IntN(60))
		switch rnd.IntN(12) {
		case 0, 1:
			kind := []chatadmin.Kind{chatadmin.Network, chatadmin.Guest}[rnd.IntN(2)]
			created, err := w.Host.CreateUser(ctx, chatadmin.NewUser{Login: name + "@acme.example", Kind: kind, NoInvitation: true})
			if do("create", err); err == nil {
				ids = append(ids, created.ID)
			}
		case 2:
			_, err := w.Host.DeactivateUsers(ctx, u, other)
			do("deactivate", err)
		case 3:
			_, err := w.Host.ActivateUsers(ctx, u)
			do("activate", err)
		case 4:
			_, err := w.Host.AssignRole(ctx, []string{chatadmin.RoleAdmin, chatadmin.RoleMember}[rnd.IntN(2)], u)
			do("role", err)
		case 5:
			_, err := w.Host.EditUser(ctx, u, chatadmin.UserEdit{Manager: &other, Title: &name})
			do("edit", err)
		case 6:
			created, err := w.Host.CreateGroup(ctx, name)
			if do("group", err); err == nil {
				groups = append(groups, created.ID)
			}
		case 7:
			_, err := w.Host.AddMembers(ctx, g, u, other)
			do("add", err)
		case 8:
			_, err := w.Host.RemoveMembers(ctx, g, u)
			do("remove", err)
		case 9:
			if p, err := w.Host.PlanDefaultGroup(ctx, g); err == nil {
				_, err = w.Host.ApplyDefaultGroup(ctx, p, nil)
				do("mark", err)
			}
		case 10:
			if n%3 == 0 {
				_, err := w.Host.UnmarkDefaultGroup(ctx, g)
				do("unmark", err)
			}
		case 11:
			_, err := w.Host.DenyAccess(ctx, u)
			do("deny", err)
			_, err = w.Host.GrantAccess(ctx, other)
			do("grant", err)
		}
		if n%10 == 0 {
			w.holds()
		}
	}
	for _, id := range ids {
		u := w.Row(id)
		log = append(log, fmt.Sprintf("%s %s %s %v %s %d", u.Login, u.Status, u.Role, u.Denied, u.Title, slices.Index(ids, u.Manager)))
	}
	for _, g := range groups {
		var in []int
		for _, id := range w.Members(g) {
			in = append(in, slices.Index(ids, id))
		}
		slices.Sort(in)
		log = append(log, fmt.Sprint(in))
	}
	return append(log, fmt.Sprintf("%d events", len(w.Events(""))))
}

// holds checks what must hold at every moment: somebody administers the domain,
// and every network user who is not deactivated is in every default group.
func (w *world) holds() {
	w.T.Helper()
	admins, err := w.Host.AdminsInForce(ctx)
	require.NoError(w.T, err)
	require.NotEmpty(w.T, admins)
	users := collect(w.T, func() ([]chatadmin.User, error) {
		return all(w.Host.Users(ctx, chatadmin.UserQuery{Kinds: []chatadmin.Kind{chatadmin.Network}, Statuses: []chatadmin.Status{chatadmin.Pending, chatadmin.Active}}))
	})
	for _, g := range w.shipped() {
		in := w.Members(g.ID)
		for _, u := range users {
			require.Contains(w.T, in, u.ID, "group %s", g.Name)
		}
	}
}
