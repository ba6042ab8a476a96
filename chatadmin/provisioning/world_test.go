package provisioning_test

import (
	"context"
	"errors"
	"iter"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/provisioning"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/csvimport"
	"chatadmin.example/sdk/devices"
)

var ctx = context.Background()

// world is a push-to-talk company in the Netherlands.
type world struct {
	*chatadmintest.World
	p       *provisioning.Provisioning
	devices *devices.Registry
	imports *csvimport.Imports
	phones  *chatadmintest.Phones
	dies    bool // the process, while it sends a text message
}

func newWorld(t testing.TB) *world { return newWorldOn(t, nil) }

func newWorldOn(t testing.TB, store chatadmin.Store) *world {
	t.Helper()
	w := &world{phones: &chatadmintest.Phones{}}
	w.World = chatadmintest.NewWorld(t, &chatadmintest.WorldOptions{Store: store, Preset: chatadmin.ESChat, Extend: func(a *chatadmin.Admin) {
		w.devices, w.imports = chatadmintest.Must(devices.New(a, nil)), chatadmintest.Must(csvimport.New(a, nil))
		w.p = chatadmintest.Must(provisioning.New(a, &provisioning.Options{SMS: sender{w}}))
	}, Domain: func(n *chatadmin.NewDomain) {
		n.Settings = func(set *chatadmin.Settings) { set.DefaultCountry = "NL" }
	}})
	return w
}

// sender sends text messages to the phones of a world.
type sender struct{ w *world }

func (s sender) SendSMS(ctx context.Context, m chatadmin.SMS) error {
	if s.w.dies {
		panic("the process dies")
	}
	return s.w.phones.SendSMS(ctx, m)
}

func (w *world) policy(p provisioning.Policy) {
	w.T.Helper()
	require.NoError(w.T, w.p.SetPolicy(ctx, w.S, p))
}

func (w *world) department(name string) provisioning.Department {
	w.T.Helper()
	d, err := w.p.CreateDepartment(ctx, w.S, name)
	require.NoError(w.T, err)
	return d
}

// form is a user who is right, but for what change makes of them.
func form(login string, change ...func(*provisioning.NewUser)) provisioning.NewUser {
	n := provisioning.NewUser{NewUser: chatadmin.NewUser{Login: login, FirstName: "John", LastName: "Smith", Email: "john@metro.example"}}
	for _, f := range change {
		f(&n)
	}
	return n
}

func (w *world) user(login string, change ...func(*provisioning.NewUser)) chatadmin.User {
	w.T.Helper()
	u, err := w.p.CreateUser(ctx, w.S, form(login, change...))
	require.NoError(w.T, err)
	return u
}

func in(department string) func(*provisioning.NewUser) {
	return func(n *provisioning.NewUser) { n.Department = department }
}

func (w *world) is(id chatadmin.ID) chatadmin.User {
	w.T.Helper()
	u, err := w.S.User(ctx, id)
	require.NoError(w.T, err)
	return u
}

func (w *world) profile(id chatadmin.ID) provisioning.Profile {
	w.T.Helper()
	p, err := w.p.Profile(ctx, w.S, id)
	require.NoError(w.T, err)
	return p
}

// codes are what is wrong by an error: "field code" of each.
func codes(t testing.TB, err error) (all []string) {
	t.Helper()
	var many *chatadmin.FieldErrors
	var one *chatadmin.FieldError
	switch {
	case err == nil:
	case errors.As(err, &many):
		for _, f := range many.Fields {
			require.NotEmpty(t, f.Reason)
			all = append(all, f.Field+" "+f.Code)
		}
	case errors.As(err, &one):
		all = append(all, one.Field+" "+one.Code)
	default:
		all = append(all, err.Error())
	}
	return all
}

func list[T any](t testing.TB, seq iter.Seq2[T, error]) (all []T) {
	t.Helper()
	for x, err := range seq {
		require.NoError(t, err)
		all = append(all, x)
	}
	return all
}

func (w *world) contacts(user chatadmin.ID) (logins []string) {
	w.T.Helper()
	for _, c := range list(w.T, w.p.Contacts(ctx, w.S, user)) {
		logins = append(logins, c.Login)
	}
	return logins
}

func to[T any](v T) *T { return &v }

func recordsOf(kind string, domain chatadmin.ID) storage.RecordQuery {
	return storage.RecordQuery{Kind: kind, Domain: domain}
}
