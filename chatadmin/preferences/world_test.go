package preferences_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/preferences"
)

var ctx = context.Background()

// world is a help desk with its administrator and Ann.
type world struct {
	*chatadmintest.World
	p   *preferences.Preferences
	ann chatadmin.ID
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{}
	w.World = chatadmintest.NewWorld(t, &chatadmintest.WorldOptions{Preset: chatadmin.Engage, Extend: func(a *chatadmin.Admin) {
		w.p = chatadmintest.Must(preferences.New(a, &preferences.Options{
			Pages:     []preferences.Page{{Name: "home"}, {Name: "webcare", Module: "webcare"}, {Name: "publishing", Module: "publishing"}},
			Platforms: []preferences.Platform{preferences.Twitter, preferences.Facebook, "whatsapp"},
			NoReply:   "noreply@desk.example",
		}))
	}})
	_, err := w.Host.ChangeSettings(ctx, func(set *chatadmin.Settings) error {
		set.Modules, set.DefaultCountry = []string{"webcare"}, "NL"
		return nil
	})
	require.NoError(t, err)
	w.ann = w.user("ann", "")
	return w
}

// person is somebody whom the Engage preset takes.
func person(login string) chatadmin.NewUser {
	return chatadmin.NewUser{Login: login, Email: login + "@acme.example", FirstName: "A", LastName: "Person", Phone: "0612345678", NoInvitation: true}
}

func (w *world) user(login, role string) chatadmin.ID {
	w.T.Helper()
	n := person(login)
	n.Role = role
	u, err := w.Host.CreateUser(ctx, n)
	require.NoError(w.T, err)
	return u.ID
}

func (w *world) modules(modules ...string) {
	w.T.Helper()
	_, err := w.Host.ChangeSettings(ctx, func(set *chatadmin.Settings) error { set.Modules = modules; return nil })
	require.NoError(w.T, err)
}

// set edits Ann's values in the name of s.
func (w *world) set(s *chatadmin.Scope, pairs ...string) error {
	_, err := w.p.Edit(ctx, s, w.ann, setter(pairs...))
	return err
}

func setter(pairs ...string) func(*preferences.Values) {
	return func(v *preferences.Values) {
		for i := 0; i < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
	}
}

func (w *world) shown() preferences.Shown {
	w.T.Helper()
	is, err := w.p.Of(ctx, w.S, w.ann)
	require.NoError(w.T, err)
	return is
}
