package sqlstoretest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/csvimport"
)

// rival is a company seen through two handles, each with a pool of its own, as
// by two processes.
type rival struct {
	*company
	admins [2]*chatadmin.Admin
	mail   *chatadmintest.Mailbox
}

// rivals runs a race everywhere.
func rivals(t *testing.T, f func(t *testing.T, r *rival)) {
	everywhere(t, func(t *testing.T, open func(t *testing.T) database) {
		db := open(t)
		r := &rival{company: newCompany(t, db, 0), mail: &chatadmintest.Mailbox{}}
		for i := range r.admins {
			r.admins[i] = chatadmintest.Must(chatadmin.New(db.open(t), &chatadmin.Options{Mailer: r.mail}))
		}
		f(t, r)
	})
}

// host is the host's scope over one of the handles.
func (r *rival) host(n int) *chatadmin.Scope { return r.admins[n%2].AsHost(r.domain) }

// race runs f a hundred times at once, each with its number and the handle of
// its turn. What gave up because of the others is run again.
func (r *rival) race(t *testing.T, f func(n int, s *chatadmin.Scope) error) []error {
	return chatadmintest.AtOnce(100, func(n int) (err error) {
		for range 50 {
			if err = f(n, r.host(n)); !errors.Is(err, storage.ErrBusy) {
				break
			}
		}
		return err
	})
}

func (r *rival) create(t *testing.T, name string, n int, change func(*chatadmin.NewUser)) []storage.ID {
	t.Helper()
	ids := make([]storage.ID, n)
	for i := range ids {
		u := chatadmin.NewUser{Login: fmt.Sprintf("%s%d@acme.example", name, i), NoInvitation: true}
		if change != nil {
			change(&u)
		}
		made, err := r.host(0).CreateUser(t.Context(), u)
		require.NoError(t, err)
		ids[i] = made.ID
	}
	return ids
}

// A hundred admins are removed at the same moment, in every way: one remains.
// Then two, again and again.
func TestLastAdminRace(t *testing.T) {
	rivals(t, func(t *testing.T, r *rival) {
		ways := []func(*chatadmin.Scope, storage.ID) error{
			func(s *chatadmin.Scope, id storage.ID) error {
				_, err := s.DeactivateUsers(t.Context(), id)
				return err
			},
			func(s *chatadmin.Scope, id storage.ID) error { _, err := s.DenyAccess(t.Context(), id); return err },
			func(s *chatadmin.Scope, id storage.ID) error {
				_, err := s.AssignRole(t.Context(), chatadmin.RoleMember, id)
				return err
			},
			func(s *chatadmin.Scope, id storage.ID) error {
				us, err := s.User(t.Context(), id)
				if err != nil {
					return err
				}
				result, err := importFile(t.Context(), s, strings.NewReader("login,enabled\n"+us.Login+",FALSE\n"), csvimport.UpdateExisting, nil)
				if err == nil && result.Counts.Failed > 0 {
					err = chatadmin.ErrLastAdmin
				}
				return err
			},
		}
		ids := append(r.create(t, "admin", 98, func(u *chatadmin.NewUser) { u.Role = chatadmin.RoleAdmin }), r.company.admins[:]...)
		refused := 0
		for _, err := range r.race(t, func(n int, s *chatadmin.Scope) error { return ways[n%len(ways)](s, ids[n]) }) {
			if err != nil {
				require.ErrorIs(t, err, chatadmin.ErrLastAdmin)
				refused++
			}
		}
		require.Equal(t, 1, refused)
		for range 2 {
			left, err := r.host(0).AdminsInForce(t.Context())
			require.NoError(t, err)
			require.Len(t, left, 1)
			other := ids[0]
			if other == left[0] {
				other = ids[1]
			}
			_, err = r.host(0).GrantAccess(t.Context(), other)
			require.NoError(t, err)
			_, err = r.host(0).ActivateUsers(t.Context(), other)
			require.NoError(t, err)
			_, err = r.host(0).AssignRole(t.Context(), chatadmin.RoleAdmin, other)
			require.NoError(t, err)
			both := append(left, other)
			done := 0
			for n, err := range r.race(t, func(n int, s *chatadmin.Scope) error { return ways[n%2](s, both[n%2]) }) {
				if err != nil {
					require.ErrorIs(t, err, chatadmin.ErrLastAdmin, "%d", n)
				} else {
					done++
				}
			}
			require.Equal(t, 50, done, "removing the one who is removed already changes nothing")
		}
	})
}

// Groups are marked as default while users join in every way: nobody is missed.
func TestMarkingRace(t *testing.T) {
	rivals(t, func(t *testing.T, r *rival) {
		away := r.create(t, "away", 20, nil)
		guests := r.create(t, "guest", 20, func(u *chatadmin.NewUser) { u.Kind = storage.Guest })
		_, err := r.host(0).DeactivateUsers(t.Context(), away...)
		require.NoError(t, err)
		groups := make([]storage.ID, 20)
		for n := range groups {
			g, err := r.host(0).CreateGroup(t.Context(), fmt.Sprintf("G%d", n))
			require.NoError(t, err)
			groups[n] = g.ID
		}
		kind := storage.Network
		for n, err := range r.race(t, func(n int, s *chatadmin.Scope) error {
			switch i := n / 5; n % 5 {
			case 0:
				_, err := s.CreateUser(t.Context(), chatadmin.NewUser{Login: fmt.Sprintf("new%d@acme.example", n), NoInvitation: true})
				return err
			case 1:
				_, err := s.ActivateUsers(t.Context(), away[i])
				return err
			case 2:
				_, err := s.EditUser(t.Context(), guests[i], chatadmin.UserEdit{Kind: &kind})
				return err
			case 3:
				file := "login\n"
				for row := range 10 {
					file += fmt.Sprintf("row%d.%d@acme.example\n", n, row)
				}
				_, err := importFile(t.Context(), s, strings.NewReader(file), csvimport.SkipExisting, nil)
				return err
			default:
				p, err := s.PlanDefaultGroup(t.Context(), groups[i])
				if err != nil {
					return err
				}
				job, err := s.ApplyDefaultGroup(t.Context(), p, nil)
				for errors.Is(err, storage.ErrBusy) && job.ID != "" {
					job, err = s.ResumeDefaultGroup(t.Context(), job.ID, nil)
				}
				return err
			}
		}) {
			require.NoError(t, err, "%d", n)
		}
		const users = 2 + 20 + 20 + 20 + 200
		marked := 0
		for g, err := range r.host(0).Groups(t.Context(), storage.GroupQuery{DefaultOnly: true}) {
			require.NoError(t, err)
			marked++
			n, err := r.host(1).CountMembers(t.Context(), g.ID)
			require.NoError(t, err)
			require.EqualValues(t, users, n, g.Name)
		}
		require.Equal(t, 22, marked)
	})
}

// Two admins import one file, twenty times at once, with invitations, and a
// hundred workers send them: each user is created once and invited once.
func TestImportRace(t *testing.T) {
	rivals(t, func(t *testing.T, r *rival) {
		const users = 100
		var file strings.Builder
		file.WriteString("login,manager\n")
		for i := range users {
			fmt.Fprintf(&file, "user%04d@acme.example,user%04d@acme.example\n", i, (i+60)%users)
		}
		created := make([]int64, 100)
		for n, err := range r.race(t, func(n int, _ *chatadmin.Scope) error {
			if n%5 > 0 {
				_, err := r.admins[n%2].SendInvitations(t.Context(), r.domain)
				return err
			}
			s := r.admins[n%2].As(r.domain, r.company.admins[n%2])
			res, err := importFile(t.Context(), s, strings.NewReader(file.String()), csvimport.UpdateExisting, &csvimport.ImportOptions{SendInvitations: true})
			for errors.Is(err, storage.ErrBusy) && res != nil {
				res, err = resumeFile(t.Context(), s, res.ImportID, strings.NewReader(file.String()), nil)
			}
			if err == nil {
				created[n] = res.Counts.Created
			}
			return err
		}) {
			require.NoError(t, err, "%d", n)
		}
		total := int64(0)
		for _, n := range created {
			total += n
		}
		require.EqualValues(t, users, total)
		for _, err := range r.race(t, func(n int, _ *chatadmin.Scope) error {
			_, err := r.admins[n%2].SendInvitations(t.Context(), r.domain)
			return err
		}) {
			require.NoError(t, err)
		}
		for i := range users {
			require.Len(t, r.mail.To(fmt.Sprintf("user%04d@acme.example", i)), 1)
		}
		for g, err := range r.host(0).Groups(t.Context(), storage.GroupQuery{DefaultOnly: true}) {
			require.NoError(t, err)
			n, err := r.host(0).CountMembers(t.Context(), g.ID)
			require.NoError(t, err)
			require.EqualValues(t, users+2, n, g.Name)
		}
	})
}
