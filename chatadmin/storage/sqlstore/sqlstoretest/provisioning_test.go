package sqlstoretest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/provisioning"
	"chatadmin.example/sdk/devices"
)

// radios is one process of a push-to-talk host.
type radios struct {
	admin    *chatadmin.Admin
	registry *devices.Registry
	p        *provisioning.Provisioning
	s        *chatadmin.Scope // of the first administrator
}

// newRadios opens two processes over one database, with a domain in it.
func newRadios(t testing.TB, db database) (all [2]radios, domain chatadmin.ID) {
	t.Helper()
	for i := range all {
		a := chatadmintest.Must(chatadmin.New(db.open(t), &chatadmin.Options{Mailer: &chatadmintest.Mailbox{}}))
		all[i] = radios{admin: a, registry: chatadmintest.Must(devices.New(a, nil)), p: chatadmintest.Must(provisioning.New(a, nil))}
	}
	d, boss, err := all[0].admin.CreateDomain(t.Context(), chatadmin.NewDomain{Name: "Metro", Preset: chatadmin.ESChat,
		Admin: chatadmin.NewUser{Login: "boss", FirstName: "The", LastName: "Boss", NoInvitation: true}})
	require.NoError(t, err)
	for i := range all {
		all[i].s = all[i].admin.As(d.ID, boss.ID)
	}
	return all, d.ID
}

func (r radios) driver(t testing.TB, n int, department, imei string) chatadmin.User {
	t.Helper()
	form := provisioning.NewUser{NewUser: chatadmin.NewUser{Login: fmt.Sprintf("driver.%05d", n), FirstName: "John", LastName: "Smith", Department: department, NoInvitation: true}}
	if imei != "" {
		form.IMEI = &imei
	}
	u, err := r.p.CreateUser(t.Context(), r.s, form)
	require.NoError(t, err)
	return u
}

// won counts those that succeeded. All others must have failed as expected.
func won(t *testing.T, errs []error, lost ...error) int {
	t.Helper()
	n := 0
	for _, err := range errs {
		if err == nil {
			n++
			continue
		}
		expected := false
		for _, l := range lost {
			expected = expected || errors.Is(err, l)
		}
		require.True(t, expected, "%v", err)
	}
	return n
}

// On every database a hundred at once, over two processes, want one name of a
// department and one phone; and contacts are complete and symmetric after a
// department was renamed while its members moved.
func TestProvisioningRace(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		const imei = "490154203237518"
		two, domain := newRadios(t, db)
		require.Equal(t, 1, won(t, chatadmintest.AtOnce(100, func(n int) error {
			r := two[n%2]
			_, err := r.p.CreateDepartment(t.Context(), r.s, []string{"Buses", "BUSES"}[n/2%2])
			return err
		}), chatadmin.ErrExists))
		trams, err := two[0].p.CreateDepartment(t.Context(), two[0].s, "Trams")
		require.NoError(t, err)
		require.Equal(t, 1, won(t, chatadmintest.AtOnce(100, func(n int) error {
			r := two[n%2]
			phone := imei
			_, err := r.p.CreateUser(t.Context(), r.s, provisioning.NewUser{
				NewUser: chatadmin.NewUser{Login: fmt.Sprintf("first.%d", n), FirstName: "John", LastName: "Smith", Department: "Trams", NoInvitation: true},
				Fields:  provisioning.Fields{IMEI: &phone}})
			return err
		}), chatadmin.ErrExists))
		require.Equal(t, 1, won(t, chatadmintest.AtOnce(100, func(n int) error {
			r := two[n%2]
			u, proof, err := r.p.ByIMEI(t.Context(), domain, imei)
			if err == nil {
				_, err = r.registry.Register(t.Context(), r.admin.AsHost(domain), u.ID,
					devices.Registration{Key: fmt.Sprint("handset", n), Type: devices.Android, Proof: proof})
			}
			return err
		}), provisioning.ErrCode))

		var people []chatadmin.ID
		for n := range 40 {
			people = append(people, two[n%2].driver(t, n, []string{"Buses", "Trams"}[n%2], "").ID)
		}
		for _, err := range chatadmintest.AtOnce(len(people)+1, func(n int) error {
			r := two[n%2]
			if n == len(people) {
				_, err := r.p.RenameDepartment(t.Context(), r.s, trams.ID, "Light Rail", nil)
				return err
			}
			// Whoever is a member of one moves to the other. A name that a
			// renaming has just ended is taken anew.
			to := []string{"Trams", "Buses"}[n%2]
			_, err := r.p.EditUser(t.Context(), r.s, people[n], provisioning.UserEdit{UserEdit: chatadmin.UserEdit{Department: &to}})
			if err != nil && to == "Trams" {
				to = "Light Rail"
				_, err = r.p.EditUser(t.Context(), r.s, people[n], provisioning.UserEdit{UserEdit: chatadmin.UserEdit{Department: &to}})
			}
			return err
		}) {
			require.NoError(t, err)
		}
		for n, id := range people {
			found := map[chatadmin.ID]bool{}
			for c, err := range two[0].p.Contacts(t.Context(), two[0].s, id) {
				require.NoError(t, err)
				require.False(t, found[c.ID], "twice")
				found[c.ID] = true
			}
			for m, other := range people {
				require.Equal(t, n != m && n%2 == m%2, found[other], "%d and %d", n, m)
			}
		}
	})
}
