package chatadmin_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
)

// colour is a part of the form: a package keeps a colour, which needs a phone.
func colour(name string) chatadmin.UserPart {
	return func(_ *chatadmin.Settings, u *chatadmin.User, a *chatadmin.Attributes) []*chatadmin.FieldError {
		if u.PhoneE164 == "" {
			return []*chatadmin.FieldError{{Field: "colour", Value: name, Code: "bad_colour", Reason: "a colour needs a phone"}}
		}
		data, _ := json.Marshal(map[string]any{"v": 1, "colour": name, "shades": map[string]any{"light": name + "ish", "n": 2}})
		a.Preferences = map[string]json.RawMessage{"preferences": data}
		a.Prior = chatadmin.Deactivated
		return nil
	}
}

func TestUserParts(t *testing.T) {
	w := newWorld(t, chatadmin.Engage)
	n := chatadmin.NewUser{Login: "ann", Email: "ann@acme.example", FirstName: "Ann", LastName: "Ames", Phone: " +31 20 123 4567 ",
		NoInvitation: true, Parts: []chatadmin.UserPart{nil, colour("red")}}
	bad := n
	bad.Email, bad.Phone = "nowhere", ""
	_, err := w.S.CreateUser(ctx, bad)
	require.Equal(t, []string{"colour bad_colour", "email bad_email"}, told(t, err), "all at once")

	u, err := w.S.CreateUser(ctx, n)
	require.NoError(t, err)
	a, err := chatadmin.AttributesOf(w.Row(u.ID))
	require.NoError(t, err)
	require.JSONEq(t, `{"v":1,"colour":"red","shades":{"light":"redish","n":2}}`, string(a.Preferences["preferences"]))
	require.Zero(t, a.Prior, "a part does not change it")

	_, err = w.S.EditUser(ctx, u.ID, chatadmin.UserEdit{Parts: []chatadmin.UserPart{colour("blue")}})
	require.NoError(t, err)
	a, err = chatadmin.AttributesOf(w.Row(u.ID))
	require.NoError(t, err)
	require.Contains(t, string(a.Preferences["preferences"]), "blueish")
	require.Len(t, w.Events(chatadmin.KindUserEdit), 1)
	_, err = w.S.EditUser(ctx, u.ID, chatadmin.UserEdit{Parts: []chatadmin.UserPart{colour("blue")}})
	require.NoError(t, err)
	require.Len(t, w.Events(chatadmin.KindUserEdit), 1, "twice is once")

	// The first admin of a domain has them too.
	first := chatadmin.NewDomain{Name: "Bolt", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@bolt.example", Parts: []chatadmin.UserPart{colour("red")}}}
	_, _, err = w.Admin.CreateDomain(ctx, first)
	require.Equal(t, []string{"colour bad_colour"}, told(t, err))
	first.Admin.Phone = "+31201234567"
	_, boss, err := w.Admin.CreateDomain(ctx, first)
	require.NoError(t, err)
	require.Contains(t, string(boss.Attrs), "redish")
}

// Attributes that cannot be read are not overwritten by a form.
func TestUserPartsOfDamagedUser(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	u := w.User("ann@acme.example")
	w.PutUser(u.ID, func(u *chatadmin.User) { u.Attrs = []byte(`{"v":1,"fields`) })
	phone := "+31201234567"
	_, err := w.S.EditUser(ctx, u.ID, chatadmin.UserEdit{Phone: &phone, Parts: []chatadmin.UserPart{colour("red")}})
	require.ErrorIs(t, err, chatadmin.ErrDamaged)
	require.Equal(t, `{"v":1,"fields`, string(w.Row(u.ID).Attrs))
}
