package support_test

import (
	"context"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/support"
)

// target is what a call is about: Ann, a report of hers that was sent, and one
// that is ready.
type target struct {
	*world
	id     chatadmin.ID
	bundle *support.Bundle
}

func (on *target) draft() support.Draft {
	d := draft()
	d.User = on.ann.Actor()
	return d
}

func (on *target) client() support.Client {
	return support.Client{User: on.ann.Actor(), Platform: support.IOS, ID: "phone"}
}

// line is a call, the permission that it needs, and whether it names nothing
// that another domain could have.
type line struct {
	need     chatadmin.Permission
	noTarget bool
	do       func(ctx context.Context, s *chatadmin.Scope, on *target) error
}

func matrix() map[string]line {
	need := chatadmin.PermSupport
	return map[string]line{
		"Levels": {"", true, func(ctx context.Context, s *chatadmin.Scope, on *target) error {
			_, err := on.x.Levels(ctx, s)
			return err
		}},
		"SetLevel": {need, true, func(ctx context.Context, s *chatadmin.Scope, on *target) error {
			_, err := on.x.SetLevel(ctx, s, support.IOS, support.Debug)
			return err
		}},
		"Level": {need, true, func(ctx context.Context, s *chatadmin.Scope, on *target) error {
			_, err := on.x.Level(ctx, s, on.client())
			return err
		}},
		"SetClientLevel": {need, false, func(ctx context.Context, s *chatadmin.Scope, on *target) error {
			_, err := on.x.SetClientLevel(ctx, s, on.client(), support.Debug)
			return err
		}},
		"Prepare": {need, false, func(ctx context.Context, s *chatadmin.Scope, on *target) error {
			_, err := on.x.Prepare(ctx, s, on.draft())
			return err
		}},
		"Send": {need, false, func(ctx context.Context, s *chatadmin.Scope, on *target) error {
			_, err := on.x.Send(ctx, s, on.bundle)
			return err
		}},
		"Acknowledge": {need, false, func(ctx context.Context, s *chatadmin.Scope, on *target) error {
			_, err := on.x.Acknowledge(ctx, s, on.id)
			return err
		}},
		"SetState": {need, false, func(ctx context.Context, s *chatadmin.Scope, on *target) error {
			_, err := on.x.SetState(ctx, s, on.id, support.Sent)
			return err
		}},
		"Report": {need, false, func(ctx context.Context, s *chatadmin.Scope, on *target) error {
			_, err := on.x.Report(ctx, s, on.id)
			return err
		}},
		"ReportsPage": {need, true, func(ctx context.Context, s *chatadmin.Scope, on *target) error {
			_, _, err := on.x.ReportsPage(ctx, s, support.Query{}, chatadmin.Page{Limit: 10})
			return err
		}},
		"Reports": {need, true, func(ctx context.Context, s *chatadmin.Scope, on *target) error {
			for _, err := range on.x.Reports(ctx, s, support.Query{User: on.ann.Actor()}) {
				return err
			}
			return nil
		}},
	}
}

// elsewhere take no scope.
var elsewhere = []string{"Deliver", "Handler"}

func TestPermissions(t *testing.T) {
	calls := matrix()
	typ := reflect.TypeFor[*support.Support]()
	for i := range typ.NumMethod() {
		if name := typ.Method(i).Name; !slices.Contains(elsewhere, name) {
			require.Contains(t, calls, name, "it has no line in the matrix")
		}
	}
	doc, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	for name, c := range calls {
		require.Contains(t, string(doc), name, "the package documentation does not say who may do it")
		t.Run(name, func(t *testing.T) {
			var on *target
			chatadmintest.Authorise(t, chatadmintest.Call{Need: c.need, NoTarget: c.noTarget,
				Open: func(t *testing.T) (*chatadmin.Admin, chatadmin.ID) {
					w := newWorld(t)
					on = &target{world: w, id: w.sent().ID}
					var err error
					on.bundle, err = w.x.Prepare(ctx, w.Host, on.draft())
					require.NoError(t, err)
					return w.Admin, w.Domain
				},
				Do: func(ctx context.Context, s *chatadmin.Scope) error { return c.do(ctx, s, on) }})
		})
	}
}

// What concerns themselves, users do without a permission.
func TestOwn(t *testing.T) {
	for name, c := range matrix() {
		w := newWorld(t)
		on := &target{world: w, id: w.sent().ID}
		var err error
		on.bundle, err = w.x.Prepare(ctx, w.ann, on.draft())
		require.NoError(t, err)
		err = c.do(ctx, w.ann, on)
		if slices.Contains(strings.Fields("SetLevel Acknowledge SetState ReportsPage"), name) {
			require.ErrorIs(t, err, chatadmin.ErrForbidden, name)
		} else {
			require.NoError(t, err, name)
		}
	}
}

// Support reports for nobody with more power.
func TestPower(t *testing.T) {
	w := newWorld(t)
	d := draft()
	d.User = w.S.Actor()
	b, err := w.x.Prepare(ctx, w.S, d)
	require.NoError(t, err)
	_, err = w.x.Send(ctx, w.desk, b)
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	_, err = w.x.SetClientLevel(ctx, w.desk, support.Client{User: w.S.Actor(), Platform: support.IOS, ID: "p"}, support.None)
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
}
