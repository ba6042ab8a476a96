package chatadmin_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
)

// Who is being deleted is hidden from every list, count and look-up, but from
// actors who may delete users.
func TestDeletingIsHidden(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	gone := w.User("gone@acme.example")
	ann := w.User("ann@acme.example", func(n *chatadmin.NewUser) { n.Manager = gone.ID })
	g := w.Group("G")
	_, err := w.S.AddMembers(ctx, g.ID, gone.ID, ann.ID)
	require.NoError(t, err)
	_, err = w.Host.CreateUser(ctx, chatadmin.NewUser{Login: "invited@acme.example"})
	require.NoError(t, err)
	_, err = w.S.EditUser(ctx, gone.ID, chatadmin.UserEdit{})
	require.NoError(t, err)
	require.NoError(t, w.S.ResendInvitation(ctx, gone.ID))
	w.PutUser(gone.ID, func(u *chatadmin.User) { u.Deleting = true })

	reading := []chatadmin.Permission{chatadmin.PermUsersRead, chatadmin.PermUsersEdit, chatadmin.PermUsersAccess, chatadmin.PermRoles, chatadmin.PermGroups, chatadmin.PermHolds}
	reader := w.As(w.User("reader@acme.example", withRole(w.Role("reader", 50, reading...))))
	eraser := w.As(w.User("eraser@acme.example", withRole(w.Role("eraser", 50, append(reading, chatadmin.PermUsersDelete)...))))
	title := "x"
	for name, look := range map[string]func(s *chatadmin.Scope) error{
		"User":        func(s *chatadmin.Scope) error { return second(s.User(ctx, gone.ID)) },
		"UserByLogin": func(s *chatadmin.Scope) error { return second(s.UserByLogin(ctx, gone.Login)) },
		"Invitation":  func(s *chatadmin.Scope) error { return second(s.Invitation(ctx, gone.ID)) },
		"GroupsOf": func(s *chatadmin.Scope) error {
			ms, err := all(s.GroupsOf(ctx, gone.ID))
			return found(len(ms), err)
		},
		"the manager of": func(s *chatadmin.Scope) error {
			u, err := s.User(ctx, ann.ID)
			require.NoError(t, err)
			return found(len(u.Manager), nil)
		},
		"the manager in the list": func(s *chatadmin.Scope) error {
			us, err := all(s.Users(ctx, chatadmin.UserQuery{Prefix: "ann@"}))
			require.NoError(t, err)
			return found(len(us[0].Manager), nil)
		},
	} {
		require.ErrorIs(t, look(reader), chatadmin.ErrNotFound, name)
		require.NoError(t, look(eraser), name)
		require.NoError(t, look(w.Host), name)
	}
	for name, change := range map[string]func(s *chatadmin.Scope) error{
		"EditUser": func(s *chatadmin.Scope) error {
			return second(s.EditUser(ctx, gone.ID, chatadmin.UserEdit{Title: &title}))
		},
		"DeactivateUsers":   func(s *chatadmin.Scope) error { return second(s.DeactivateUsers(ctx, gone.ID)) },
		"DenyAccess":        func(s *chatadmin.Scope) error { return second(s.DenyAccess(ctx, gone.ID)) },
		"AssignRole":        func(s *chatadmin.Scope) error { return second(s.AssignRole(ctx, "reader", gone.ID)) },
		"ResendInvitation":  func(s *chatadmin.Scope) error { return s.ResendInvitation(ctx, gone.ID) },
		"RevokeInvitations": func(s *chatadmin.Scope) error { return second(s.RevokeInvitations(ctx, gone.ID)) },
		"SignOutUsers":      func(s *chatadmin.Scope) error { return s.SignOutUsers(ctx, gone.ID) },
		"AddMembers":        func(s *chatadmin.Scope) error { return second(s.AddMembers(ctx, g.ID, gone.ID)) },
	} {
		require.ErrorIs(t, change(reader), chatadmin.ErrNotFound, name)
		require.ErrorIs(t, change(eraser), chatadmin.ErrTransition, name)
	}
	_, err = reader.AddHold(ctx, chatadmin.Hold{User: gone.ID, Reason: "lawsuit"})
	require.NoError(t, err, "a hold stops a deletion, whoever may place it")

	// Lists and counts are the same for everybody, page by page.
	for _, s := range []*chatadmin.Scope{reader, eraser, w.As(ann), w.Host} {
		ms, err := all(s.Members(ctx, g.ID))
		require.NoError(t, err)
		require.Len(t, ms, 2)
		n, err := s.CountMembers(ctx, g.ID)
		require.NoError(t, err)
		require.EqualValues(t, 2, n)
	}
	us, err := all(reader.Users(ctx, chatadmin.UserQuery{Prefix: "gone"}))
	require.NoError(t, err)
	require.Empty(t, us)
	_, err = all(reader.Users(ctx, chatadmin.UserQuery{WithDeleting: true}))
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	us, err = all(eraser.Users(ctx, chatadmin.UserQuery{WithDeleting: true, Prefix: "gone"}))
	require.NoError(t, err)
	require.Len(t, us, 1)
}

// A large group is counted without those who are being deleted, too.
func TestCountOfALargeGroup(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	ids := w.users(1205)
	g := w.Group("G")
	for _, part := range [][]chatadmin.ID{ids[:1000], ids[1000:1200]} {
		_, err := w.S.AddMembers(ctx, g.ID, part...)
		require.NoError(t, err)
	}
	for _, id := range append(ids[10:20:20], ids[1201:]...) { // within and without
		w.PutUser(id, func(u *chatadmin.User) { u.Deleting = true })
	}
	n, err := w.S.CountMembers(ctx, g.ID)
	require.NoError(t, err)
	require.EqualValues(t, 1+1200-10, n)
	require.Len(t, w.Members(g.ID), int(n))
}

// Case, Unicode variants and leading space of a prefix do not matter.
func TestPrefixIsFolded(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	w.User("Éva.Straße@acme.example", func(n *chatadmin.NewUser) { n.DisplayName = "Éva van Straße" })
	w.User("evan@acme.example", func(n *chatadmin.NewUser) { n.DisplayName = "Evan" })
	w.Group("Größe A")
	w.Group("Größer")
	for prefix, want := range chatadmintest.InOrder(map[string]int{"ÉVA": 1, "E\u0301va": 1, " éva.STRASSE@": 1, "EVAN": 1, "ev": 1, "": 3, "nobody": 0}) {
		us, err := all(w.S.Users(ctx, chatadmin.UserQuery{Prefix: prefix}))
		require.NoError(t, err)
		require.Len(t, us, want, "%q", prefix)
	}
	for prefix, want := range chatadmintest.InOrder(map[string]int{"ÉVA VAN": 1, "éva ": 1, "Evan ": 0, "EV": 1}) {
		us, err := all(w.S.Users(ctx, chatadmin.UserQuery{Prefix: prefix, ByName: true}))
		require.NoError(t, err)
		require.Len(t, us, want, "%q", prefix)
	}
	for prefix, want := range chatadmintest.InOrder(map[string]int{"GRÖSSE": 2, "größe ": 1, "Größe a": 1, "GROSSE": 0}) {
		gs, err := all(w.S.Groups(ctx, chatadmin.GroupQuery{Prefix: prefix}))
		require.NoError(t, err)
		require.Len(t, gs, want, "%q", prefix)
	}
}
