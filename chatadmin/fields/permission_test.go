package fields_test

import (
	"context"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/fields"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// Each call that takes a scope has a line here, and is made by an actor of every
// sort.
func TestPermissions(t *testing.T) {
	type target struct {
		w    *world
		plan *fields.Plan
		done chatadmin.ID
	}
	type line struct {
		need     chatadmin.Permission
		noTarget bool
		do       func(ctx context.Context, s *chatadmin.Scope, on target) error
	}
	matrix := map[string]line{
		"List": {"", true, func(ctx context.Context, s *chatadmin.Scope, on target) error {
			_, err := on.w.f.List(ctx, s)
			return err
		}},
		"Declare": {chatadmin.PermDomain, true, func(ctx context.Context, s *chatadmin.Scope, on target) error {
			_, err := on.w.f.Declare(ctx, s, fields.Field{Name: "Team", Kind: fields.Text}, nil)
			return err
		}},
		"Plan": {chatadmin.PermDomain, false, func(ctx context.Context, s *chatadmin.Scope, on target) error {
			_, err := on.w.f.Plan(ctx, s, "Cost centre")
			return err
		}},
		"Apply": {chatadmin.PermDomain, true, func(ctx context.Context, s *chatadmin.Scope, on target) error {
			p := *on.plan
			p.Actor = s.Actor()
			_, err := on.w.f.Apply(ctx, s, &p, nil)
			return err
		}},
		"Resume": {chatadmin.PermDomain, false, func(ctx context.Context, s *chatadmin.Scope, on target) error {
			_, err := on.w.f.Resume(ctx, s, on.done, nil)
			return err
		}},
		"Run": {chatadmin.PermDomain, false, func(ctx context.Context, s *chatadmin.Scope, on target) error {
			_, err := on.w.f.Run(ctx, s, on.done)
			return err
		}},
		"Find": {chatadmin.PermUsersRead, false, func(ctx context.Context, s *chatadmin.Scope, on target) error {
			for _, err := range on.w.f.Find(ctx, s, "Cost centre", "1") {
				if err != nil {
					return err
				}
			}
			return nil
		}},
		"FindPage": {chatadmin.PermUsersRead, false, func(ctx context.Context, s *chatadmin.Scope, on target) error {
			_, _, err := on.w.f.FindPage(ctx, s, "Cost centre", "1", chatadmin.Page{Limit: 1})
			return err
		}},
	}
	of := reflect.TypeFor[*fields.Fields]()
	for i := range of.NumMethod() {
		m := of.Method(i)
		scoped := slices.ContainsFunc(slices.Collect(m.Type.Ins()), func(in reflect.Type) bool { return in == reflect.TypeFor[*chatadmin.Scope]() })
		_, listed := matrix[m.Name]
		require.Equal(t, scoped, listed, m.Name)
	}
	for name, l := range matrix {
		t.Run(name, func(t *testing.T) {
			var on target
			chatadmintest.Authorise(t, chatadmintest.Call{Need: l.need, NoTarget: l.noTarget,
				Open: func(t *testing.T) (*chatadmin.Admin, chatadmin.ID) {
					on.w = newWorldOn(t, memstore.New(nil))
					run, err := on.w.f.Declare(ctx, on.w.Host, centre(), nil)
					require.NoError(t, err)
					on.done = run.ID
					on.plan, err = on.w.f.Plan(ctx, on.w.Host, "Cost centre")
					require.NoError(t, err)
					return on.w.Admin, on.w.Domain
				},
				Do: func(ctx context.Context, s *chatadmin.Scope) error { return l.do(ctx, s, on) }})
		})
	}
}
