package chatadmin_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
)

// A form of a package authorises in its own way, completes what is given, and
// tells its faults with the others.
func TestUserForms(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	clerk := w.User("clerk@acme.example")
	s := w.Admin.As(w.Domain, clerk.ID)
	may := error(nil)
	form := chatadmin.UserForm{
		May: func(_ context.Context, _ *chatadmin.Writer, _, given *chatadmin.User) error {
			given.Title = "Driver"
			return may
		},
		Set: func(_ context.Context, _ *chatadmin.Writer, was, given *chatadmin.User) (wrong []*chatadmin.FieldError, _ error) {
			if given.Department = "Buses"; was != nil && was.Department != "Buses" {
				return nil, chatadmin.ErrNotFound
			}
			if given.Phone == "none" {
				wrong = append(wrong, &chatadmin.FieldError{Field: "mobile", Code: "bad_mobile", Reason: "a bus has a radio"})
			}
			return wrong, nil
		},
	}
	_, err := s.CreateUserBy(ctx, chatadmin.NewUser{Login: "bus@acme.example"}, chatadmin.UserForm{})
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	_, err = s.CreateUserBy(ctx, chatadmin.NewUser{Login: "nowhere", Phone: "none"}, form)
	require.Equal(t, []string{"email bad_email", "mobile bad_mobile"}, told(t, err))
	u, err := s.CreateUserBy(ctx, chatadmin.NewUser{Login: "bus@acme.example", NoInvitation: true}, form)
	require.NoError(t, err)
	require.Equal(t, "Driver", u.Title)
	require.Equal(t, "Buses", u.Department)

	name := "Bus 57"
	u, err = s.EditUserBy(ctx, u.ID, chatadmin.UserEdit{DisplayName: &name}, form)
	require.NoError(t, err)
	require.Equal(t, name, u.DisplayName)
	_, err = s.EditUserBy(ctx, w.Boss.ID, chatadmin.UserEdit{DisplayName: &name}, form)
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
	may = chatadmin.ErrForbidden
	_, err = s.EditUserBy(ctx, u.ID, chatadmin.UserEdit{DisplayName: &name}, form)
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
}
