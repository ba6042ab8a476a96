package provisioning_test

import (
	"context"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/provisioning"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/csvimport"
	"chatadmin.example/sdk/devices"
)

var ctx = context.Background()

// world is a push-to-talk company in the Netherlands.
type world struct {
	t       testing.TB
	store   chatadmin.Store
	admin   *chatadmin.Admin
	p       *provisioning.Provisioning
	devices *devices.Registry
	imports *csvimport.Imports
	clock   *chatadmintest.Clock
	mail    *chatadmintest.Mailbox
	phones  *chatadmintest.Phones
	dies    bool // the process, while it sends a text message
	domain  chatadmin.ID
	boss    chatadmin.User
	s       *chatadmin.Scope // of the boss
}

func newWorld(t testing.TB) *world { return newWorldOn(t, memstore.New(nil)) }

func newWorldOn(t testing.TB, store chatadmin.Store) *world {
	t.Helper()
	w := &world{t: t, store: store, clock: chatadmintest.NewClock(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)),
		mail: &chatadmintest.Mailbox{}, phones: &chatadmintest.Phones{}}
	w.open()
	d, boss, err := w.admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Metro", Preset: chatadmin.ESChat,
		Admin: chatadmin.NewUser{Login: "boss", FirstName: "The", LastName: "Boss", NoInvitation: true}})
	require.NoError(t, err)
	w.domain, w.boss, w.s = d.ID, boss, w.admin.As(d.ID, boss.ID)
	_, err = w.s.ChangeSettings(ctx, func(set *chatadmin.Settings) error { set.DefaultCountry = "NL"; return nil })
	require.NoError(t, err)
	return w
}

// open constructs the library over the store, as each process does.
func (w *world) open() {
	var err error
	w.admin, err = chatadmin.New(w.store, &chatadmin.Options{Now: w.clock.Now, Mailer: w.mail})
	require.NoError(w.t, err)
	w.devices, err = devices.New(w.admin, nil)
	require.NoError(w.t, err)
	w.imports, err = csvimport.New(w.admin, nil)
	require.NoError(w.t, err)
	w.p, err = provisioning.New(w.admin, &provisioning.Options{SMS: sender{w}})
	require.NoError(w.t, err)
	if w.domain != "" {
		w.s = w.admin.As(w.domain, w.boss.ID)
	}
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
	w.t.Helper()
	require.NoError(w.t, w.p.SetPolicy(ctx, w.s, p))
}

func (w *world) department(name string) provisioning.Department {
	w.t.Helper()
	d, err := w.p.CreateDepartment(ctx, w.s, name)
	require.NoError(w.t, err)
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
	w.t.Helper()
	u, err := w.p.CreateUser(ctx, w.s, form(login, change...))
	require.NoError(w.t, err)
	return u
}

func in(department string) func(*provisioning.NewUser) {
	return func(n *provisioning.NewUser) { n.Department = department }
}

func (w *world) is(id chatadmin.ID) chatadmin.User {
	w.t.Helper()
	u, err := w.s.User(ctx, id)
	require.NoError(w.t, err)
	return u
}

func (w *world) profile(id chatadmin.ID) provisioning.Profile {
	w.t.Helper()
	p, err := w.p.Profile(ctx, w.s, id)
	require.NoError(w.t, err)
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
	w.t.Helper()
	for _, c := range list(w.t, w.p.Contacts(ctx, w.s, user)) {
		logins = append(logins, c.Login)
	}
	return logins
}

// work does everything periodic.
func (w *world) work() {
	w.t.Helper()
	_, err := w.admin.Work(ctx)
	require.NoError(w.t, err)
}

func to[T any](v T) *T { return &v }

func recordsOf(kind string, domain chatadmin.ID) storage.RecordQuery {
	return storage.RecordQuery{Kind: kind, Domain: domain}
}
