package compliance_test

import (
	"context"
	"os"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/compliance"
)

// line is a call, the state in which it finds an agreement, and who may make it.
type line struct {
	state          compliance.State // "" for no agreement
	inNew          bool             // in the new domain
	host, noTarget bool
	do             func(ctx context.Context, s *chatadmin.Scope, w *world, id chatadmin.ID) error
}

func matrix() map[string]line {
	all := map[string]line{
		"Form": {noTarget: true, do: func(ctx context.Context, s *chatadmin.Scope, w *world, _ chatadmin.ID) error {
			_, err := w.x.Form(ctx, s)
			return err
		}},
		"Request": {noTarget: true, do: func(ctx context.Context, s *chatadmin.Scope, w *world, _ chatadmin.ID) error {
			f := form()
			f.AdminEmail = "boss@acme.example"
			_, err := w.x.Request(ctx, s, f)
			return err
		}},
		"Agreement": {state: compliance.Requested, do: func(ctx context.Context, s *chatadmin.Scope, w *world, id chatadmin.ID) error {
			_, err := w.x.Agreement(ctx, s, id)
			return err
		}},
		"AgreementsPage": {state: compliance.Requested, noTarget: true, do: func(ctx context.Context, s *chatadmin.Scope, w *world, _ chatadmin.ID) error {
			_, _, err := w.x.AgreementsPage(ctx, s, compliance.Query{}, chatadmin.Page{})
			return err
		}},
		"Agreements": {state: compliance.Requested, noTarget: true, do: func(ctx context.Context, s *chatadmin.Scope, w *world, _ chatadmin.ID) error {
			for _, err := range w.x.Agreements(ctx, s, compliance.Query{}) {
				return err
			}
			return nil
		}},
		"Forget": {state: compliance.Cancelled, host: true, do: func(ctx context.Context, s *chatadmin.Scope, w *world, id chatadmin.ID) error {
			return w.x.Forget(ctx, s, id)
		}},
	}
	advance := func(step compliance.Step) func(context.Context, *chatadmin.Scope, *world, chatadmin.ID) error {
		return func(ctx context.Context, s *chatadmin.Scope, w *world, id chatadmin.ID) error {
			_, err := w.x.Advance(ctx, s, id, step, input(step))
			return err
		}
	}
	for _, from := range ways[true][:10] { // a worker finishes
		all["Advance "+string(from.step)] = line{state: from.state, inNew: from.state != compliance.Requested, host: !from.step.Customer(), do: advance(from.step)}
	}
	all["Advance cancel"] = line{state: compliance.Requested, do: advance(compliance.Cancel)}
	all["Advance cancel later"] = line{state: compliance.Provisioned, inNew: true, host: true, do: advance(compliance.Cancel)}
	return all
}

// elsewhere take no scope.
var elsewhere = []string{"Prices", "Mail", "Deliver"}

func TestPermissions(t *testing.T) {
	calls := matrix()
	typ := reflect.TypeFor[*compliance.Agreements]()
	for i := range typ.NumMethod() {
		if name := typ.Method(i).Name; !slices.Contains(elsewhere, name) && name != "Advance" {
			require.Contains(t, calls, name, "it has no line in the matrix")
		}
	}
	doc, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	for i := range typ.NumMethod() {
		if name := typ.Method(i).Name; name != "Mail" {
			require.Contains(t, string(doc), name, "the package documentation does not say who may do it")
		}
	}
	for name, c := range calls {
		t.Run(name, func(t *testing.T) {
			var w *world
			var id chatadmin.ID
			need := chatadmin.PermDomain
			if c.host {
				need = ""
			}
			chatadmintest.Authorise(t, chatadmintest.Call{Need: need, HostOnly: c.host, NoTarget: c.noTarget,
				Open: func(t *testing.T) (*chatadmin.Admin, chatadmin.ID) {
					w = newWorld(t)
					if c.state == "" {
						return w.Admin, w.Domain
					}
					a := w.in(c.state, true)
					if id = a.ID; c.inNew {
						return w.Admin, a.New
					}
					return w.Admin, w.Domain
				},
				Do: func(ctx context.Context, s *chatadmin.Scope) error { return c.do(ctx, s, w, id) }})
		})
	}
}

// The steps of the customer are made from the new domain, not from the old one,
// and the host without a domain is not somebody else's scope.
func TestOtherDomain(t *testing.T) {
	w := newWorld(t)
	a := w.in(compliance.Provisioned, true)
	_, err := w.x.Advance(ctx, w.S, a.ID, compliance.Invite, compliance.Input{})
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	_, err = w.x.Agreement(ctx, w.S, a.ID)
	require.NoError(t, err)
	for _, s := range []*chatadmin.Scope{w.Admin.As("", chatadmin.HostActor), w.Admin.As("", w.S.Actor()), w.Admin.AsHost("no-such-domain")} {
		_, err = w.x.Agreement(ctx, s, a.ID)
		require.Error(t, err)
		_, err = w.x.Advance(ctx, s, a.ID, compliance.Invite, compliance.Input{})
		require.Error(t, err)
		require.Error(t, w.x.Forget(ctx, s, a.ID))
	}
	require.Equal(t, a, w.agreement(a.ID))
}

// The actor who was demoted while a step was carried out does not write it down;
// a worker does, in the name of the host.
func TestDemotedMeanwhile(t *testing.T) {
	w := newWorld(t)
	a := w.in(compliance.OldSuspended, true)
	s := w.newBoss(a)
	w.effects.meet = func(compliance.Effect) {
		host := w.Admin.AsHost(a.New)
		_, err := host.CreateUser(ctx, chatadmin.NewUser{Login: "second@new.example", Role: chatadmin.RoleAdmin, NoInvitation: true})
		require.NoError(t, err)
		_, err = host.AssignRole(ctx, chatadmin.RoleMember, s.Actor())
		require.NoError(t, err)
	}
	_, err := w.x.Advance(ctx, s, a.ID, compliance.Bill, compliance.Input{})
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	require.Equal(t, compliance.OldSuspended, w.agreement(a.ID).State)
	w.effects.meet = nil
	w.Clock.Advance(lease)
	require.Equal(t, 1, w.Work()["agreements"])
	a = w.agreement(a.ID)
	require.Equal(t, compliance.BillingOnFile, a.State)
	require.Equal(t, s.Actor(), a.Steps[len(a.Steps)-1].By, "who began it")
}
