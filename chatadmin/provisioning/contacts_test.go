package provisioning_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/provisioning"
)

// Contacts are symmetric, complete and without oneself, whatever has happened.
func TestContactsAfterAnything(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 17))
		w := newWorld(t)
		eraser, err := erase.New(w.Admin, nil)
		require.NoError(t, err)
		departments := []provisioning.Department{w.department("Buses"), w.department("Trams"), w.department("Ferries")}
		type person struct {
			department      int
			off, away, gone bool
		}
		people := map[chatadmin.ID]*person{}
		var ids []chatadmin.ID
		check := func(what string) {
			t.Helper()
			logins := map[chatadmin.ID]string{}
			for id, p := range people {
				if !p.gone {
					logins[id] = w.is(id).Login
				}
			}
			for id, p := range chatadmintest.InOrder(people) {
				if p.gone {
					continue
				}
				var want []string
				for other, o := range people {
					if other != id && !p.off && !p.away && !o.off && !o.away && !o.gone && o.department == p.department {
						want = append(want, logins[other])
					}
				}
				got := w.contacts(id)
				slices.Sort(want)
				slices.Sort(got)
				require.Equal(t, want, got, "seed %d: %s of %s", seed, what, logins[id])
			}
		}
		for step := range 40 {
			what := "join"
			switch n := r.IntN(9); {
			case len(ids) < 4 || n == 0:
				d := r.IntN(3)
				off := r.IntN(4) == 0
				u := w.user(fmt.Sprintf("user.%d", step), in(departments[d].Name), func(n *provisioning.NewUser) { n.Contacts = to(!off) })
				people[u.ID] = &person{department: d, off: off}
				ids = append(ids, u.ID)
			default:
				id := ids[r.IntN(len(ids))]
				p := people[id]
				if p.gone {
					continue
				}
				switch n {
				case 1, 2:
					what, p.department = "move", r.IntN(3)
					_, err := w.p.EditUser(ctx, w.S, id, provisioning.UserEdit{UserEdit: chatadmin.UserEdit{Department: &departments[p.department].Name}})
					require.NoError(t, err)
				case 3, 4:
					what, p.off = "switch", !p.off
					_, err := w.p.EditUser(ctx, w.S, id, provisioning.UserEdit{Fields: provisioning.Fields{Contacts: to(!p.off)}})
					require.NoError(t, err)
				case 5:
					what, p.away = "deactivation", true
					_, err := w.S.DeactivateUsers(ctx, id)
					require.NoError(t, err)
				case 6:
					what, p.away = "activation", false
					_, err := w.S.ActivateUsers(ctx, id)
					require.NoError(t, err)
				case 7:
					what, p.gone = "deletion", true
					plan, err := eraser.Plan(ctx, w.S, []chatadmin.ID{id}, nil)
					require.NoError(t, err)
					_, err = eraser.Apply(ctx, w.S, plan, "left the company", nil)
					require.NoError(t, err)
				case 8:
					what = "rename"
					d := &departments[p.department]
					_, err := w.p.RenameDepartment(ctx, w.S, d.ID, fmt.Sprintf("Department %d", step), nil)
					require.NoError(t, err)
					d.Name = fmt.Sprintf("Department %d", step)
				}
			}
			check(what)
		}
	}
}

// Nothing of a deleted user is left: their phone, code and login are free.
func TestNothingIsLeft(t *testing.T) {
	w := newWorld(t)
	eraser, err := erase.New(w.Admin, nil)
	require.NoError(t, err)
	phone := func(n *provisioning.NewUser) { n.IMEI = to("1234567890123") }
	u := w.user("ann", phone)
	v := w.user("bob")
	w.Work()
	plan, err := eraser.Plan(ctx, w.S, []chatadmin.ID{u.ID, v.ID}, nil)
	require.NoError(t, err)
	_, err = eraser.Apply(ctx, w.S, plan, "left the company", nil)
	require.NoError(t, err)
	for _, kind := range []string{"imei", "activation"} {
		rs, _, err := w.Store.ListRecords(ctx, recordsOf(kind, w.Domain), chatadmin.Page{Limit: 10})
		require.NoError(t, err)
		require.Empty(t, rs, kind)
	}
	for e, err := range w.S.Events(ctx, chatadmin.EventQuery{Target: u.ID}) {
		require.NoError(t, err)
		require.NotContains(t, fmt.Sprint(e.Changes), "1234567890123", e.Kind)
	}
	w.user("ann", phone)
}

// A page costs what it says, and its cursor is checked.
func TestContactsPage(t *testing.T) {
	w := newWorld(t)
	w.department("Buses")
	var ids []chatadmin.ID
	for i := range 25 {
		ids = append(ids, w.user(fmt.Sprintf("user.%02d", i)).ID)
	}
	var got []string
	pages := 0
	for p := (chatadmin.Page{Limit: 10}); ; pages++ {
		all, next, err := w.p.ContactsPage(ctx, w.S, ids[3], p)
		require.NoError(t, err)
		for _, c := range all {
			require.NotEmpty(t, c.Name)
			got = append(got, c.Login)
		}
		if p.After = next; next == "" {
			break
		}
	}
	require.Equal(t, 2, pages)
	require.Len(t, got, 24)
	require.True(t, slices.IsSorted(got))
	_, _, err := w.p.ContactsPage(ctx, w.S, ids[3], chatadmin.Page{After: "x", Limit: 10})
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	_, _, err = w.p.ContactsPage(ctx, w.Admin.As(w.Domain, ids[3]), ids[3], chatadmin.Page{Limit: 10})
	require.NoError(t, err, "their own")
	_, _, err = w.p.ContactsPage(ctx, w.Admin.As(w.Domain, ids[3]), ids[4], chatadmin.Page{Limit: 10})
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
}
