package preferences_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/preferences"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

var ctx = context.Background()

// world is a help desk with its administrator and Ann.
type world struct {
	t       testing.TB
	store   chatadmin.Store
	admin   *chatadmin.Admin
	p       *preferences.Preferences
	domain  chatadmin.ID
	s, host *chatadmin.Scope
	ann     chatadmin.ID
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, store: memstore.New(nil)}

	admin, err := chatadmin.New(w.store, nil)
	require.NoError(t, err)
	w.admin = admin
	p, err := preferences.New(w.admin, &preferences.Options{
		Pages:     []preferences.Page{{Name: "home"}, {Name: "webcare", Module: "webcare"}, {Name: "publishing", Module: "publishing"}},
		Platforms: []preferences.Platform{preferences.Twitter, preferences.Facebook, "whatsapp"},
		NoReply:   "noreply@desk.example",
	})
	require.NoError(t, err)
	w.p = p
	d, boss, err := w.admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.Engage, Admin: person("boss"),
		Settings: func(set *chatadmin.Settings) { set.Modules = []string{"webcare"}; set.DefaultCountry = "NL" }})
	require.NoError(t, err)
	w.domain, w.s, w.host = d.ID, w.admin.As(d.ID, boss.ID), w.admin.AsHost(d.ID)
	w.ann = w.user("ann", "")
	return w
}

// person is somebody whom the Engage preset takes.
func person(login string) chatadmin.NewUser {
	return chatadmin.NewUser{Login: login, Email: login + "@acme.example", FirstName: "A", LastName: "Person", Phone: "0612345678", NoInvitation: true}
}

func (w *world) user(login, role string) chatadmin.ID {
	w.t.Helper()
	n := person(login)
	n.Role = role
	u, err := w.host.CreateUser(ctx, n)
	require.NoError(w.t, err)
	return u.ID
}

func (w *world) row(id chatadmin.ID) chatadmin.User {
	w.t.Helper()
	us, err := w.store.Users(ctx, w.domain, []chatadmin.ID{id})
	require.NoError(w.t, err)
	require.Len(w.t, us, 1)
	return us[0]
}

func (w *world) settings() *chatadmin.Settings {
	w.t.Helper()
	_, set, err := w.host.View(ctx, "")
	require.NoError(w.t, err)
	return &set
}

func (w *world) modules(modules ...string) {
	w.t.Helper()
	_, err := w.host.ChangeSettings(ctx, func(set *chatadmin.Settings) error { set.Modules = modules; return nil })
	require.NoError(w.t, err)
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
	w.t.Helper()
	is, err := w.p.Of(ctx, w.s, w.ann)
	require.NoError(w.t, err)
	return is
}

func (w *world) events(kind string) (all []chatadmin.AuditEvent) {
	w.t.Helper()
	for e, err := range w.host.Events(ctx, chatadmin.EventQuery{Kind: kind}) {
		require.NoError(w.t, err)
		all = append(all, e)
	}
	return all
}
