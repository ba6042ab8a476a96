package chatadmin_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

func TestCreateAndEditUser(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	u, err := w.S.CreateUser(ctx, chatadmin.NewUser{Login: " Ann@Acme.example ", FirstName: " Ann ", LastName: "Smith", Title: "Head", Department: "R&D",
		Phone: " +31 6 12345678 ", Avatar: "avatars/1", Manager: w.Boss.ID, NoInvitation: true})
	require.NoError(t, err)
	require.Equal(t, "Ann@Acme.example", u.Login)
	require.Equal(t, "Ann@Acme.example", u.Email)
	require.Equal(t, "ann@acme.example", u.LoginKey)
	require.Equal(t, "Ann Smith", u.DisplayName)
	require.Equal(t, "ann smith", u.NameKey)
	require.Equal(t, "+31 6 12345678", u.Phone)
	require.Equal(t, "+31612345678", u.PhoneE164)
	require.Equal(t, chatadmin.Pending, u.Status)
	require.Equal(t, chatadmin.Network, u.Kind)
	require.Equal(t, w.Clock.Now(), u.Created)
	read, err := w.S.User(ctx, u.ID)
	require.NoError(t, err)
	require.Equal(t, u, read)
	attrs, err := chatadmin.AttributesOf(u)
	require.NoError(t, err)
	require.Equal(t, "avatars/1", attrs.Avatar)

	email, empty, phone := "ann2@acme.example", "", "call me"
	nobody := chatadmin.ID("")
	u, err = w.S.EditUser(ctx, u.ID, chatadmin.UserEdit{Email: &email, Title: &empty, Phone: &phone, Avatar: &empty, Manager: &nobody})
	require.NoError(t, err)
	require.Equal(t, email, u.Login, "where the login is the address, one stands for both")
	require.Empty(t, u.Title)
	require.Empty(t, u.PhoneE164)
	require.Equal(t, "call me", u.Phone, "what was typed is kept")
	require.Empty(t, u.Manager)
	require.Empty(t, u.Attrs)
	rev, before := u.Rev, len(w.Events(""))
	u, err = w.S.EditUser(ctx, u.ID, chatadmin.UserEdit{Email: &email})
	require.NoError(t, err)
	require.Equal(t, rev, u.Rev, "nothing to write")
	require.Len(t, w.Events(""), before)

	bad, long := "x", string(make([]byte, 300))
	_, err = w.S.EditUser(ctx, u.ID, chatadmin.UserEdit{Email: &bad, Title: &long})
	var fields *chatadmin.FieldErrors
	require.True(t, errors.As(err, &fields))
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	for _, kind := range []chatadmin.Kind{3, 9, 255} {
		_, err = w.S.EditUser(ctx, u.ID, chatadmin.UserEdit{Kind: &kind})
		_, err2 := w.S.CreateUser(ctx, chatadmin.NewUser{Login: "new@acme.example", Kind: kind})
		for _, err := range []error{err, err2} {
			require.ErrorAs(t, err, &fields)
			require.Equal(t, chatadmin.CodeBadKind, fields.Fields[0].Code)
		}
	}
	taken := "BOSS@acme.example"
	_, err = w.S.EditUser(ctx, u.ID, chatadmin.UserEdit{Login: &taken})
	require.ErrorIs(t, err, chatadmin.ErrExists)
	for _, ids := range [][]chatadmin.ID{nil, make([]chatadmin.ID, chatadmin.MaxBatch+1)} {
		_, err = w.S.DeactivateUsers(ctx, ids...)
		require.ErrorIs(t, err, chatadmin.ErrInvalid)
	}
}

// A domain that reads numbers in another way has changed none of its users; who
// changes is read anew.
func TestPhoneAfterDefaultCountry(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	u := w.User("ann@acme.example", func(n *chatadmin.NewUser) { n.Phone = "06 12345678" })
	require.Empty(t, u.PhoneE164)
	_, err := w.S.ChangeSettings(ctx, func(s *chatadmin.Settings) error { s.DefaultCountry = "NL"; return nil })
	require.NoError(t, err)
	before, phone, title := len(w.Events("")), u.Phone, "Head"
	same, err := w.S.EditUser(ctx, u.ID, chatadmin.UserEdit{Phone: &phone})
	require.NoError(t, err)
	require.Equal(t, u, same)
	require.Len(t, w.Events(""), before)
	u, err = w.S.EditUser(ctx, u.ID, chatadmin.UserEdit{Title: &title})
	require.NoError(t, err)
	require.Equal(t, "+31612345678", u.PhoneE164)
}

func TestManagers(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	ids := w.users(6)
	other, boss := w.Open("Other", chatadmin.OfficeChat)
	_ = other
	set := func(user, manager chatadmin.ID) error {
		_, err := w.S.EditUser(ctx, user, chatadmin.UserEdit{Manager: &manager})
		return err
	}
	for i := range 5 {
		require.NoError(t, set(ids[i], ids[i+1]))
	}
	for name, err := range map[string]error{
		"oneself":                     set(ids[0], ids[0]),
		"a circle of two":             set(ids[1], ids[0]),
		"a circle of six":             set(ids[5], ids[0]),
		"nobody":                      set(ids[0], "nobody"),
		"somebody of another company": set(ids[0], boss.ID),
	} {
		var field *chatadmin.FieldError
		require.True(t, errors.As(err, &field), "%s: %v", name, err)
		require.Equal(t, chatadmin.CodeBadManager, field.Code, name)
	}
	gone := w.User("gone@acme.example")
	w.PutUser(gone.ID, func(u *chatadmin.User) { u.Deleting = true })
	require.ErrorIs(t, set(ids[5], gone.ID), chatadmin.ErrInvalid)
	_, err := w.S.CreateUser(ctx, chatadmin.NewUser{Login: "new@acme.example", Manager: "nobody"})
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	reports := collect(t, func() ([]chatadmin.User, error) { return all(w.S.Users(ctx, chatadmin.UserQuery{Manager: ids[3]})) })
	require.Len(t, reports, 1)
	require.Equal(t, ids[2], reports[0].ID)
}

// A hundred changes of managers at once, any of which may close a circle: in
// the end there is none.
func TestManagerRace(t *testing.T) {
	store := memstore.New(nil)
	w := newWorldOn(t, store, chatadmin.OfficeChat)
	other := chatadmintest.Must(chatadmin.New(store.Handle(nil), nil)).AsHost(w.Domain)
	ids := w.users(10)
	refused := 0
	for n, err := range chatadmintest.AtOnce(100, func(n int) error {
		s := w.Host
		if n%2 == 0 {
			s = other
		}
		manager := ids[(n*3+1)%10]
		_, err := s.EditUser(ctx, ids[n%10], chatadmin.UserEdit{Manager: &manager})
		return err
	}) {
		if err != nil {
			require.ErrorIs(t, err, chatadmin.ErrInvalid, "%d", n)
			refused++
		}
	}
	require.Positive(t, refused)
	for _, id := range ids {
		at := id
		for n := 0; at != ""; n++ {
			require.Less(t, n, 11, "a circle of managers")
			at = w.Row(at).Manager
		}
	}
}

// One login, a hundred creations, over two handles: one user.
func TestCreateRace(t *testing.T) {
	store := memstore.New(nil)
	w := newWorldOn(t, store, chatadmin.OfficeChat)
	other := chatadmintest.Must(chatadmin.New(store.Handle(nil), nil)).As(w.Domain, w.Boss.ID)
	created := 0
	for n, err := range chatadmintest.AtOnce(100, func(n int) error {
		s := w.S
		if n%2 == 0 {
			s = other
		}
		_, err := s.CreateUser(ctx, chatadmin.NewUser{Login: fmt.Sprintf("%*s@acme.example", n%3, "ann"), NoInvitation: true})
		return err
	}) {
		if err == nil {
			created++
		} else {
			require.ErrorIs(t, err, chatadmin.ErrExists, "%d", n)
		}
	}
	require.Equal(t, 1, created)
	users := collect(t, func() ([]chatadmin.User, error) { return all(w.S.Users(ctx, chatadmin.UserQuery{})) })
	require.Len(t, users, 2)
	for _, g := range w.shipped() {
		require.Len(t, w.Members(g.ID), 2)
	}
}
