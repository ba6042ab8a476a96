package chatadmin_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

var ctx = context.Background()

// world is a store with one domain in it, and everything that is faked around
// it.
type world struct {
	t      testing.TB
	store  chatadmin.Store
	admin  *chatadmin.Admin
	clock  *chatadmintest.Clock
	mail   *chatadmintest.Mailbox
	blobs  *chatadmintest.Blobs
	domain chatadmin.ID
	boss   chatadmin.User
	host   *chatadmin.Scope // of the host
	s      *chatadmin.Scope // of the boss
}

// newWorld opens a domain with the given preset. o adds to the options.
func newWorld(t testing.TB, preset chatadmin.Preset, o ...func(*chatadmin.Options)) *world {
	return newWorldOn(t, memstore.New(nil), preset, o...)
}

func newWorldOn(t testing.TB, store chatadmin.Store, preset chatadmin.Preset, o ...func(*chatadmin.Options)) *world {
	t.Helper()
	w := &world{t: t, store: store, clock: chatadmintest.NewClock(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)), mail: &chatadmintest.Mailbox{}, blobs: &chatadmintest.Blobs{}}
	options := &chatadmin.Options{Now: w.clock.Now, Mailer: w.mail, Blobs: w.blobs, LinkBase: "https://chat.example/admin/"}
	for _, f := range o {
		f(options)
	}
	w.admin = chatadmintest.Must(chatadmin.New(store, options))
	w.domain, w.boss = w.open("Acme", preset)
	w.host, w.s = w.admin.AsHost(w.domain), w.admin.As(w.domain, w.boss.ID)
	return w
}

// open creates a further domain.
func (w *world) open(name string, preset chatadmin.Preset) (chatadmin.ID, chatadmin.User) {
	w.t.Helper()
	login := "boss@acme.example"
	if preset != chatadmin.OfficeChat {
		login = "boss"
	}
	d, boss, err := w.admin.CreateDomain(ctx, chatadmin.NewDomain{Name: name, Preset: preset,
		Admin: chatadmin.NewUser{Login: login, Email: "boss@acme.example", FirstName: "The", LastName: "Boss", NoInvitation: true}})
	require.NoError(w.t, err)
	return d.ID, boss
}

// user creates a user by the host.
func (w *world) user(login string, change ...func(*chatadmin.NewUser)) chatadmin.User {
	w.t.Helper()
	n := chatadmin.NewUser{Login: login, NoInvitation: true}
	for _, f := range change {
		f(&n)
	}
	u, err := w.host.CreateUser(ctx, n)
	require.NoError(w.t, err)
	return u
}

func (w *world) users(n int) []chatadmin.ID {
	ids := make([]chatadmin.ID, n)
	for i := range ids {
		ids[i] = w.user(fmt.Sprintf("user%d@acme.example", i)).ID
	}
	return ids
}

func withRole(role string) func(*chatadmin.NewUser) {
	return func(n *chatadmin.NewUser) { n.Role = role }
}

func guest(n *chatadmin.NewUser) { n.Kind = chatadmin.Guest }

// as is the scope of a user.
func (w *world) as(u chatadmin.User) *chatadmin.Scope { return w.admin.As(u.Domain, u.ID) }

// role defines a custom role and returns its ID.
func (w *world) role(name string, level int, ps ...chatadmin.Permission) string {
	w.t.Helper()
	r, err := w.host.SetRole(ctx, chatadmin.Role{Name: name, Level: level, Permissions: ps})
	require.NoError(w.t, err)
	return r.ID
}

// mark makes a group default.
func (w *world) mark(group chatadmin.ID) {
	w.t.Helper()
	p, err := w.s.PlanDefaultGroup(ctx, group)
	require.NoError(w.t, err)
	_, err = w.s.ApplyDefaultGroup(ctx, p, nil)
	require.NoError(w.t, err)
}

func (w *world) group(name string) chatadmin.Group {
	w.t.Helper()
	g, err := w.s.CreateGroup(ctx, name)
	require.NoError(w.t, err)
	return g
}

func (w *world) shipped() []chatadmin.Group {
	return collect(w.t, func() ([]chatadmin.Group, error) {
		return all(w.host.Groups(ctx, chatadmin.GroupQuery{DefaultOnly: true}))
	})
}

// members are the users of a group, sorted.
func (w *world) members(group chatadmin.ID) []chatadmin.ID {
	ms := collect(w.t, func() ([]chatadmin.Membership, error) { return all(w.host.Members(ctx, group)) })
	ids := make([]chatadmin.ID, len(ms))
	for i, m := range ms {
		ids[i] = m.User
	}
	return ids
}

// events are the audit events of a kind, newest first.
func (w *world) events(kind string) []chatadmin.AuditEvent {
	return collect(w.t, func() ([]chatadmin.AuditEvent, error) {
		return all(w.host.Events(ctx, chatadmin.EventQuery{Kind: kind}))
	})
}

// write changes the stored row of a user past the library: states that no call
// of it makes yet.
func (w *world) write(id chatadmin.ID, f func(*chatadmin.User)) {
	w.t.Helper()
	require.NoError(w.t, w.store.Update(ctx, storage.Fence{Domain: w.domain, Mode: storage.Exclusive}, func(ctx context.Context, tx storage.Tx) error {
		us, err := tx.Users(ctx, w.domain, []chatadmin.ID{id})
		if err != nil || len(us) == 0 {
			return fmt.Errorf("no user: %w", err)
		}
		c := storage.Write[chatadmin.User]{Row: us[0], Was: us[0].Rev}
		c.Row.Rev++
		f(&c.Row)
		conflicts, err := tx.ChangeUsers(ctx, []storage.Write[chatadmin.User]{c})
		if len(conflicts) > 0 {
			return fmt.Errorf("%v", conflicts)
		}
		return err
	}))
}

// row is a user as stored.
func (w *world) row(id chatadmin.ID) chatadmin.User {
	w.t.Helper()
	us, err := w.store.Users(ctx, w.domain, []chatadmin.ID{id})
	require.NoError(w.t, err)
	require.Len(w.t, us, 1)
	return us[0]
}

func all[T any](seq func(func(T, error) bool)) ([]T, error) {
	var vs []T
	for v, err := range seq {
		if err != nil {
			return nil, err
		}
		vs = append(vs, v)
	}
	return vs, nil
}

func collect[T any](t testing.TB, f func() ([]T, error)) []T {
	t.Helper()
	vs, err := f()
	require.NoError(t, err)
	return vs
}

// sorted is a set in order, for comparing.
func sorted(ids ...chatadmin.ID) []chatadmin.ID {
	set := map[chatadmin.ID]bool{}
	for _, id := range ids {
		set[id] = true
	}
	return slices.Sorted(maps.Keys(set))
}
