package chatadmin_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/class"
)

// told are the fields of an error, each with its code, sorted.
func told(t *testing.T, err error) (fields []string) {
	t.Helper()
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	var many *chatadmin.FieldErrors
	var one *chatadmin.FieldError
	switch {
	case errors.As(err, &many):
		for _, f := range many.Fields {
			fields = append(fields, f.Field+" "+f.Code)
		}
		if len(many.Fields) > 1 {
			require.Equal(t, class.Of(err).ErrorCode(), chatadmin.Code(err), "as its HTTP status")
		}
	case errors.As(err, &one):
		fields = []string{one.Field + " " + one.Code}
	default:
		require.Fail(t, "no fields", "%v", err)
	}
	return slices.Sorted(slices.Values(fields))
}

// faulty are ways to fill in a form of a user wrongly, by the fault they are.
func faulty(w *world) map[string]func(*chatadmin.NewUser) {
	return map[string]func(*chatadmin.NewUser){
		"login missing":        func(n *chatadmin.NewUser) { n.Login = " " },
		"login bad_login":      func(n *chatadmin.NewUser) { n.Login = "a_b" },
		"login bad_text":       func(n *chatadmin.NewUser) { n.Login = "a\x00b" },
		"login too_long":       func(n *chatadmin.NewUser) { n.Login = strings.Repeat("x", 300) },
		"login taken":          func(n *chatadmin.NewUser) { n.Login = "BOSS" },
		"email bad_email":      func(n *chatadmin.NewUser) { n.Email = "nowhere" },
		"email bad_text":       func(n *chatadmin.NewUser) { n.Email = "a\u200bb@acme.example" },
		"name bad_text":        func(n *chatadmin.NewUser) { n.DisplayName = "a\nb" },
		"first_name missing":   func(n *chatadmin.NewUser) { n.FirstName = "" },
		"first_name bad_text":  func(n *chatadmin.NewUser) { n.FirstName = "\xff" },
		"last_name bad_name":   func(n *chatadmin.NewUser) { n.LastName = "..." },
		"last_name too_long":   func(n *chatadmin.NewUser) { n.LastName = strings.Repeat("x", 300) },
		"title too_long":       func(n *chatadmin.NewUser) { n.Title = strings.Repeat("x", 300) },
		"department bad_text":  func(n *chatadmin.NewUser) { n.Department = "a\tb" },
		"mobile too_long":      func(n *chatadmin.NewUser) { n.Phone = strings.Repeat("1", 65) },
		"kind bad_kind":        func(n *chatadmin.NewUser) { n.Kind = 7 },
		"role bad_role":        func(n *chatadmin.NewUser) { n.Role = "no such role" },
		"manager bad_manager":  func(n *chatadmin.NewUser) { n.Manager = "nobody" },
		"manager bad_manager ": func(n *chatadmin.NewUser) { n.Manager = w.leaving().ID },
	}
}

// leaving is a user who is being deleted, made once.
func (w *world) leaving() chatadmin.User {
	if us, _ := w.Store.UsersByLogin(ctx, w.Domain, []string{"leaving"}); len(us) > 0 {
		return us[0]
	}
	u := w.User("leaving", func(n *chatadmin.NewUser) { n.FirstName, n.LastName = "Some", "Body" })
	w.PutUser(u.ID, func(u *chatadmin.User) { u.Deleting = true })
	return u
}

// Every two faults of a form are told together, whatever kinds they are of,
// when a user is created and when one is edited.
func TestAllFaultsOfAUser(t *testing.T) {
	w := newWorld(t, chatadmin.ESChat)
	ann := w.User("ann", func(n *chatadmin.NewUser) { n.FirstName, n.LastName = "Ann", "Smith" })
	all := faulty(w)
	names := slices.Sorted(maps.Keys(all))
	for i, a := range names {
		for _, b := range names[i:] {
			fieldA, fieldB := strings.Fields(a)[0], strings.Fields(b)[0]
			if fieldA == fieldB && a != b {
				continue // one field can be wrong in one way at a time
			}
			n := chatadmin.NewUser{Login: "new", Email: "new@acme.example", FirstName: "New", LastName: "Comer", NoInvitation: true}
			all[a](&n)
			all[b](&n)
			want := slices.Compact(slices.Sorted(slices.Values([]string{strings.TrimSpace(a), strings.TrimSpace(b)})))
			_, err := w.S.CreateUser(ctx, n)
			require.Equal(t, want, told(t, err), "creating")
			if slices.Contains(want, "login taken") {
				require.ErrorIs(t, err, chatadmin.ErrExists)
			}
			if fieldA == "role" || fieldB == "role" || n.Kind == 0 && fieldA == "kind" {
				continue // not in this form
			}
			edit := chatadmin.UserEdit{Login: &n.Login, Email: &n.Email, DisplayName: &n.DisplayName, FirstName: &n.FirstName, LastName: &n.LastName,
				Title: &n.Title, Department: &n.Department, Phone: &n.Phone, Manager: &n.Manager}
			if n.Kind != 0 {
				edit.Kind = &n.Kind
			}
			_, err = w.S.EditUser(ctx, ann.ID, edit)
			require.Equal(t, want, told(t, err), "editing")
			require.Equal(t, ann, w.Row(ann.ID))
		}
	}
	// Circles, and what cannot be changed.
	boss := w.Boss.ID
	_, err := w.S.EditUser(ctx, boss, chatadmin.UserEdit{Manager: &ann.ID})
	require.NoError(t, err)
	long := strings.Repeat("x", 300)
	_, err = w.S.EditUser(ctx, ann.ID, chatadmin.UserEdit{Title: &long, Manager: &boss})
	require.Equal(t, []string{"manager bad_manager", "title too_long"}, told(t, err))
	engage := newWorld(t, chatadmin.Engage)
	login, email := "renamed", "nowhere"
	_, err = engage.S.EditUser(ctx, engage.Boss.ID, chatadmin.UserEdit{Login: &login, Email: &email})
	require.Equal(t, []string{"email bad_email", "login immutable"}, told(t, err))
}

// The forms of domains, roles and settings tell all that is wrong as well.
func TestAllFaultsOfOtherForms(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	_, _, err := w.Admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "a\nb", Preset: "none", Subscription: chatadmin.Subscription{Plan: "gold"},
		DefaultGroups: [2]string{"All", "ALL"}, Admin: chatadmin.NewUser{Login: "x", Email: "nowhere", Title: "a\nb", Manager: "nobody"},
		Settings: func(s *chatadmin.Settings) {
			s.DefaultCountry, s.State = "Netherlands", "asleep"
			s.Policies = map[string]json.RawMessage{"signin": []byte("1"), "acme": []byte("{")}
		}})
	require.Equal(t, []string{"default_country bad_text", "default_groups taken", "domain_name bad_text", "email bad_email", "manager bad_manager", "policies bad_policy",
		"policies bad_policy", "preset bad_preset", "state bad_text", "subscription bad_text", "title bad_text"}, told(t, err))
	_, _, err = w.Admin.CreateDomain(ctx, chatadmin.NewDomain{Name: " ", Preset: chatadmin.ESChat, DefaultGroups: [2]string{"", "all of us"}, Admin: chatadmin.NewUser{Login: "x"}})
	require.Equal(t, []string{"default_groups taken", "domain_name bad_text", "first_name missing", "last_name missing", "login bad_login"}, told(t, err))

	_, err = w.S.CreateRole(ctx, chatadmin.Role{Name: "Admin", Level: 100, Permissions: []chatadmin.Permission{"everything", chatadmin.PermAudit, "nothing"}})
	require.Equal(t, []string{"level bad_role", "permissions bad_role", "permissions bad_role", "role bad_role"}, told(t, err))

	_, err = w.Host.ChangeSettings(ctx, func(s *chatadmin.Settings) error {
		s.DefaultCountry, s.State, s.Subscription.Plan, s.Version = "N", "asleep", "gold", 9
		s.Policies = map[string]json.RawMessage{"acme": []byte("{")}
		return nil
	})
	require.Equal(t, []string{"default_country bad_text", "policies bad_policy", "settings bad_version", "state bad_text", "subscription bad_text"}, told(t, err))
}

// A display name that was derived follows first and last name, or the login;
// one that was given stays.
func TestDerivedDisplayName(t *testing.T) {
	ptr := func(s string) *string { return &s }
	for i, c := range []struct {
		n    chatadmin.NewUser
		e    chatadmin.UserEdit
		want string
	}{
		{chatadmin.NewUser{FirstName: "Ann", LastName: "Smith"}, chatadmin.UserEdit{LastName: ptr("Jones")}, "Ann Jones"},
		{chatadmin.NewUser{FirstName: "Ann", LastName: "Smith"}, chatadmin.UserEdit{FirstName: ptr("Anna")}, "Anna Smith"},
		{chatadmin.NewUser{FirstName: "Ann", LastName: "Smith", DisplayName: "Annie"}, chatadmin.UserEdit{LastName: ptr("Jones")}, "Annie"},
		{chatadmin.NewUser{FirstName: "Ann", LastName: "Smith"}, chatadmin.UserEdit{LastName: ptr("Jones"), DisplayName: ptr("Ann Smith")}, "Ann Smith"},
		{chatadmin.NewUser{FirstName: "Ann", LastName: "Smith"}, chatadmin.UserEdit{FirstName: ptr(""), LastName: ptr("")}, "LOGIN"},
		{chatadmin.NewUser{}, chatadmin.UserEdit{Login: ptr("other@acme.example")}, "other@acme.example"},
		{chatadmin.NewUser{}, chatadmin.UserEdit{Email: ptr("mail@acme.example")}, "mail@acme.example"},
		{chatadmin.NewUser{}, chatadmin.UserEdit{FirstName: ptr("Ann")}, "Ann"},
		{chatadmin.NewUser{DisplayName: "Annie"}, chatadmin.UserEdit{Login: ptr("third@acme.example")}, "Annie"},
		{chatadmin.NewUser{DisplayName: "Annie", FirstName: "Ann"}, chatadmin.UserEdit{DisplayName: ptr("")}, "Ann"},
		{chatadmin.NewUser{FirstName: strings.Repeat("é", 100), LastName: strings.Repeat("x", 200)}, chatadmin.UserEdit{Title: ptr("Head")},
			strings.Repeat("é", 100) + " " + strings.Repeat("x", 49)},
		{chatadmin.NewUser{FirstName: strings.Repeat("é", 100), LastName: strings.Repeat("x", 200)}, chatadmin.UserEdit{FirstName: ptr("Ann")},
			"Ann " + strings.Repeat("x", 200)},
	} {
		w := newWorld(t, chatadmin.OfficeChat)
		c.n.Login, c.n.NoInvitation = fmt.Sprintf("ann%d@acme.example", i), true
		u, err := w.S.CreateUser(ctx, c.n)
		require.NoError(t, err)
		u, err = w.S.EditUser(ctx, u.ID, c.e)
		require.NoError(t, err)
		require.Equal(t, strings.Replace(c.want, "LOGIN", c.n.Login, 1), u.DisplayName, "%d", i)
		require.Equal(t, chatadmin.Fold(u.DisplayName), u.NameKey)
	}
}

// A name that an earlier version derived and stored too long keeps nobody from
// being edited.
func TestLongDerivedNameOfBefore(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	long, title := strings.Repeat("x", 200), "Head"
	u := w.User("ann@acme.example", func(n *chatadmin.NewUser) { n.FirstName, n.LastName = long, long })
	w.PutUser(u.ID, func(u *chatadmin.User) { u.DisplayName = long + " " + long })
	u, err := w.S.EditUser(ctx, u.ID, chatadmin.UserEdit{Title: &title})
	require.NoError(t, err)
	require.Len(t, u.DisplayName, 250)
}
