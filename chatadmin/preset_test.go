package chatadmin_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
)

func TestPresets(t *testing.T) {
	u := func(login, email, first, last string) chatadmin.User {
		return chatadmin.User{Login: login, Email: email, FirstName: first, LastName: last}
	}
	for _, c := range []struct {
		preset chatadmin.Preset
		user   chatadmin.User
		wrong  string // "field code" of each fault
	}{
		{chatadmin.OfficeChat, u("ann@acme.example", "", "", ""), ""},
		{chatadmin.OfficeChat, u("", "ann@acme.example", "", ""), ""},
		{chatadmin.OfficeChat, u("ann", "", "", ""), "email bad_email"},
		{chatadmin.OfficeChat, u("", "", "", ""), "login missing"},
		{chatadmin.OfficeChat, u("ann@acme.example", "bob@acme.example", "", ""), "email bad_email"},
		{chatadmin.OfficeChat, u("Ann <ann@acme.example>", "", "", ""), "email bad_email"},
		{chatadmin.OfficeChat, u("ann@acme.example\r\nBcc: x@y.example", "", "", ""), "login bad_text"},
		{chatadmin.OfficeChat, u("a\u200dnn@acme.example", "", "", ""), "login bad_text"},
		{chatadmin.OfficeChat, u("ann@acme\ufe0f.example", "", "", ""), "login bad_text"},
		{chatadmin.ESChat, u("a.b", "", "A", "O'Neil"), ""},
		{chatadmin.ESChat, u("John.Smith", "john@x.example", "Mary Ann", "Depp"), ""},
		{chatadmin.ESChat, u("Ömer.9", "", "Ö", "Yıl"), ""},
		{chatadmin.ESChat, u("ab", "", "A", "Bcd"), "login bad_login"},
		{chatadmin.ESChat, u(strings.Repeat("a", 24), "", "A", "Bcd"), ""},
		{chatadmin.ESChat, u(strings.Repeat("a", 25), "", "A", "Bcd"), "login bad_login"},
		{chatadmin.ESChat, u(strings.Repeat("ö", 24), "", "A", "Bcd"), ""},
		{chatadmin.ESChat, u("john_smith", "", "A", "Bcd"), "login bad_login"},
		{chatadmin.ESChat, u("john smith", "", "A", "Bcd"), "login bad_login"},
		{chatadmin.ESChat, u("john", "", "", "Bcd"), "first_name missing"},
		{chatadmin.ESChat, u("john", "", "A", "Bc"), "last_name bad_name"},
		{chatadmin.ESChat, u("john", "", "-", "---"), "first_name bad_name, last_name bad_name"},
		{chatadmin.ESChat, u("john", "not an address", "A", "Bcd"), "email bad_email"},
		{chatadmin.Engage, u("any thing/at all", "a@x.example", "A", "B"), ""},
		{chatadmin.Engage, u("ann", "a@x.example", "क्\u200dष", "B 👩\u200d👧\ufe0f"), ""},
		{chatadmin.Engage, u("a\u200cnn", "a@x.example", "A", "B"), "login bad_text"},
		{chatadmin.Engage, u("a\u3164nn", "a@x.example", "A", "B"), "login bad_text"},
		{chatadmin.Engage, u("a\u00a0nn", "a@x.example", "A", "B"), "login bad_text"},
		{chatadmin.Engage, u("ann", "a\u200d@x.example", "A", "B"), "email bad_text"},
		{chatadmin.Engage, u("ann", "", "", ""), "email missing, first_name missing, last_name missing"},
		{chatadmin.Engage, u("", "a@x.example", "A", "B"), "login missing"},
		{chatadmin.Engage, u(strings.Repeat("x", 101), "a@x.example", "A", "B"), "login bad_login"},
	} {
		set, err := chatadmin.NewSettings(c.preset)
		require.NoError(t, err)
		_, wrong := set.Prepare(c.user)
		var got []string
		for _, f := range wrong {
			got = append(got, f.Field+" "+f.Code)
			require.NotEmpty(t, f.Reason)
		}
		slices.Sort(got)
		require.Equal(t, c.wrong, strings.Join(got, ", "), "%s: %+v", c.preset, c.user)
	}
	_, err := chatadmin.NewSettings("other")
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
}

// An address in a mail's header or in a host's own form is no look-alike
// either.
func TestCheckEmail(t *testing.T) {
	for _, good := range []string{"ann@acme.example", "zoë@acme.example", "ann@bücher.example"} {
		require.NoError(t, chatadmin.CheckEmail(good), good)
	}
	for _, bad := range []string{"a\u200dnn@acme.example", "a\u200cnn@acme.example", "ann\u00a0@acme.example", "ann@ac\u200dme.example", "ann@acme\ufe0f.example"} {
		require.ErrorIs(t, chatadmin.CheckEmail(bad), chatadmin.ErrInvalid, "%q", bad)
	}
}

// Who is there already with a login that is refused by now is kept out all the
// same.
func TestStricterRules(t *testing.T) {
	w := newWorld(t, chatadmin.Engage)
	u, err := w.S.CreateUser(ctx, chatadmin.NewUser{Login: "ann", Email: "ann@x.example", FirstName: "A", LastName: "B"})
	require.NoError(t, err)
	w.PutUser(u.ID, func(u *chatadmin.User) { u.Login, u.LoginKey = "b\u200doss", "b\u200doss" })
	title := "Head"
	_, err = w.S.EditUser(ctx, u.ID, chatadmin.UserEdit{Title: &title})
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	for _, f := range []func(context.Context, ...chatadmin.ID) ([]chatadmin.User, error){w.S.DenyAccess, w.S.GrantAccess, w.S.DeactivateUsers, w.S.ActivateUsers} {
		_, err := f(ctx, u.ID)
		require.NoError(t, err)
	}
}

func TestASCIILogins(t *testing.T) {
	set, err := chatadmin.NewSettings(chatadmin.ESChat)
	require.NoError(t, err)
	set.Login.ASCII = true
	_, wrong := set.Prepare(chatadmin.User{Login: "ömer", FirstName: "Ö", LastName: "Yıl"})
	require.Len(t, wrong, 1)
	require.Equal(t, chatadmin.CodeBadLogin, wrong[0].Code)
}

// Logins that differ in case, space, or Unicode form are the same.
func TestNoTwins(t *testing.T) {
	for preset, logins := range map[chatadmin.Preset][2]string{
		chatadmin.OfficeChat: {"zoë@acme.example", " ZOE\u0308@Acme.Example"},
		chatadmin.ESChat:     {"Zoë.1", "zOE\u0308.1"},
		chatadmin.Engage:     {"straße", "STRASSE"},
	} {
		w := newWorld(t, preset)
		n := chatadmin.NewUser{Login: logins[0], Email: "zoe@acme.example", FirstName: "Zoë", LastName: "Smith"}
		if preset == chatadmin.OfficeChat {
			n.Login, n.Email = "zoe@acme.example", ""
			logins[1] = " ZOE@Acme.Example"
		}
		u, err := w.S.CreateUser(ctx, n)
		require.NoError(t, err)
		n.Login = logins[1]
		_, err = w.S.CreateUser(ctx, n)
		require.ErrorIs(t, err, chatadmin.ErrExists, "%s", preset)
		var field *chatadmin.FieldError
		require.True(t, errors.As(err, &field))
		require.Equal(t, chatadmin.CodeTaken, field.Code)
		found, err := w.S.UserByLogin(ctx, logins[1])
		require.NoError(t, err)
		require.Equal(t, u.ID, found.ID)
	}
}

func TestImmutableLogin(t *testing.T) {
	w := newWorld(t, chatadmin.Engage)
	u, err := w.S.CreateUser(ctx, chatadmin.NewUser{Login: "ann", Email: "ann@x.example", FirstName: "A", LastName: "B"})
	require.NoError(t, err)
	for _, login := range []string{"bob", "Ann"} {
		_, err = w.S.EditUser(ctx, u.ID, chatadmin.UserEdit{Login: &login})
		var field *chatadmin.FieldError
		require.True(t, errors.As(err, &field), "%v", err)
		require.Equal(t, chatadmin.CodeImmutable, field.Code)
	}
	same := "ann"
	_, err = w.S.EditUser(ctx, u.ID, chatadmin.UserEdit{Login: &same})
	require.NoError(t, err)
}
