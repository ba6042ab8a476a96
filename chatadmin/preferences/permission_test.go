package preferences_test

import (
	"context"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/preferences"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// Each call that takes a scope has a line here, and is made by an actor of every
// sort.
func TestPermissions(t *testing.T) {
	type line struct {
		need     chatadmin.Permission
		noTarget bool
		do       func(ctx context.Context, p *preferences.Preferences, s *chatadmin.Scope, user chatadmin.ID) error
	}
	matrix := map[string]line{
		"Edit": {chatadmin.PermUsersEdit, false, func(ctx context.Context, p *preferences.Preferences, s *chatadmin.Scope, user chatadmin.ID) error {
			_, err := p.Edit(ctx, s, user, setter("language", "de"))
			return err
		}},
		"Of": {chatadmin.PermUsersRead, false, func(ctx context.Context, p *preferences.Preferences, s *chatadmin.Scope, user chatadmin.ID) error {
			_, err := p.Of(ctx, s, user)
			return err
		}},
		"Policy": {"", true, func(ctx context.Context, p *preferences.Preferences, s *chatadmin.Scope, _ chatadmin.ID) error {
			_, err := p.Policy(ctx, s)
			return err
		}},
		"SetDefaults": {chatadmin.PermDomain, true, func(ctx context.Context, p *preferences.Preferences, s *chatadmin.Scope, _ chatadmin.ID) error {
			_, err := p.SetDefaults(ctx, s, setter("language", "de"))
			return err
		}},
	}
	of := reflect.TypeFor[*preferences.Preferences]()
	for i := range of.NumMethod() {
		m := of.Method(i)
		scoped := slices.ContainsFunc(slices.Collect(m.Type.Ins()), func(in reflect.Type) bool { return in == reflect.TypeFor[*chatadmin.Scope]() })
		_, listed := matrix[m.Name]
		require.Equal(t, scoped, listed, m.Name)
	}
	for name, l := range matrix {
		t.Run(name, func(t *testing.T) {
			var p *preferences.Preferences
			var user chatadmin.ID
			chatadmintest.Authorise(t, chatadmintest.Call{Need: l.need, NoTarget: l.noTarget,
				Open: func(t *testing.T) (*chatadmin.Admin, chatadmin.ID) {
					admin, err := chatadmin.New(memstore.New(nil), nil)
					require.NoError(t, err)
					p, err = preferences.New(admin, nil)
					require.NoError(t, err)
					d, _, err := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example", NoInvitation: true}})
					require.NoError(t, err)
					u, err := admin.AsHost(d.ID).CreateUser(ctx, chatadmin.NewUser{Login: "ann@acme.example", NoInvitation: true})
					require.NoError(t, err)
					user = u.ID
					return admin, d.ID
				},
				Do: func(ctx context.Context, s *chatadmin.Scope) error { return l.do(ctx, p, s, user) }})
		})
	}
}

// Nobody sets the preferences of a user above them.
func TestAbove(t *testing.T) {
	w := newWorld(t)
	role, err := w.Host.CreateRole(ctx, chatadmin.Role{Name: "lead", Level: 10, Permissions: []chatadmin.Permission{chatadmin.PermUsersEdit}})
	require.NoError(t, err)
	lead := w.Admin.As(w.Domain, w.user("lead", role.ID))
	_, err = w.p.Edit(ctx, lead, w.S.Actor(), setter("language", "de"))
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	require.NoError(t, w.set(lead, "language", "de", "forward", "own_client"))
}
