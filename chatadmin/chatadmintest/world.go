package chatadmintest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// WorldOptions configure NewWorld. The zero value of each field is a working
// default.
type WorldOptions struct {
	// Store is the store under test; default: a new one in memory.
	Store chatadmin.Store
	// Preset is that of the domain; default: chatadmin.OfficeChat.
	Preset chatadmin.Preset
	// Admin changes the options that the Admin is made with, before it is made.
	Admin func(*chatadmin.Options)
	// Extend is called with each new Admin, the first time before the domain is
	// created. It constructs the packages under test.
	Extend func(*chatadmin.Admin)
	// Domain changes each domain before it is created.
	Domain func(*chatadmin.NewDomain)
}

// World is one domain, Acme, with a first administrator, a clock that is set by
// hand, and fakes of all that is outside. It fails the test if one of its
// methods does. Tests of a package embed it in a type of their own.
type World struct {
	T      testing.TB
	Store  chatadmin.Store
	Admin  *chatadmin.Admin
	Clock  *Clock // begins at 9:00 UTC on 1 March 2026
	Mail   *Mailbox
	Blobs  *Blobs
	Pushes *Pushes

	Domain chatadmin.ID
	Boss   chatadmin.User   // the first administrator
	Host   *chatadmin.Scope // of the host
	S      *chatadmin.Scope // of the administrator
	ctx    context.Context  // of every call; never ends
	o      WorldOptions
}

// NewWorld makes the world of one test. A nil o means the defaults.
func NewWorld(t testing.TB, o *WorldOptions) *World {
	t.Helper()
	if o == nil {
		o = &WorldOptions{}
	}
	w := &World{T: t, Store: o.Store, Clock: NewClock(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)), Mail: &Mailbox{}, Blobs: &Blobs{}, Pushes: &Pushes{},
		ctx: context.Background(), o: *o}
	if w.Store == nil {
		w.Store = memstore.New(nil)
	}
	if w.o.Preset == "" {
		w.o.Preset = chatadmin.OfficeChat
	}
	w.Restart()
	w.Domain, w.Boss = w.Open("Acme", w.o.Preset)
	w.Host, w.S = w.Admin.AsHost(w.Domain), w.Admin.As(w.Domain, w.Boss.ID)
	return w
}

// Restart makes Admin, Host and S anew over Store, as a program does when it
// starts again: by the functions of the WorldOptions, then by change. The clock
// and the fakes stay as they are. A test may set Store before, such as to one
// that fails no more.
func (w *World) Restart(change ...func(*chatadmin.Options)) {
	w.T.Helper()
	o := &chatadmin.Options{Now: w.Clock.Now, Mailer: w.Mail, Blobs: w.Blobs, LinkBase: "https://chat.example/admin/"}
	if w.o.Admin != nil {
		w.o.Admin(o)
	}
	for _, f := range change {
		f(o)
	}
	var err error
	w.Admin, err = chatadmin.New(w.Store, o)
	require.NoError(w.T, err)
	if w.o.Extend != nil {
		w.o.Extend(w.Admin)
	}
	w.Host, w.S = w.Admin.AsHost(w.Domain), w.Admin.As(w.Domain, w.Boss.ID)
}

// Open creates a further domain. Its administrator is boss@acme.example with
// chatadmin.OfficeChat, and boss with another preset.
func (w *World) Open(name string, preset chatadmin.Preset) (chatadmin.ID, chatadmin.User) {
	w.T.Helper()
	login := "boss"
	if preset == chatadmin.OfficeChat {
		login = "boss@acme.example"
	}
	n := chatadmin.NewDomain{Name: name, Preset: preset,
		Admin: chatadmin.NewUser{Login: login, Email: "boss@acme.example", FirstName: "The", LastName: "Boss", NoInvitation: true}}
	if w.o.Domain != nil {
		w.o.Domain(&n)
	}
	d, boss, err := w.Admin.CreateDomain(w.ctx, n)
	require.NoError(w.T, err)
	return d.ID, boss
}

// Work has Admin do what is due, once, and returns how much was done by the
// names of the workers. Quiesce goes on until nothing is left.
func (w *World) Work() map[string]int {
	w.T.Helper()
	did, err := w.Admin.Work(w.ctx)
	require.NoError(w.T, err)
	return did
}

// User has the host create a user, who is not invited.
func (w *World) User(login string, change ...func(*chatadmin.NewUser)) chatadmin.User {
	w.T.Helper()
	n := chatadmin.NewUser{Login: login, NoInvitation: true}
	for _, f := range change {
		f(&n)
	}
	u, err := w.Host.CreateUser(w.ctx, n)
	require.NoError(w.T, err)
	return u
}

// As is the scope of a user.
func (w *World) As(u chatadmin.User) *chatadmin.Scope { return w.Admin.As(u.Domain, u.ID) }

// Role defines a custom role, or changes it, and returns its ID.
func (w *World) Role(name string, level int, ps ...chatadmin.Permission) string {
	w.T.Helper()
	r, err := w.Host.CreateRole(w.ctx, chatadmin.Role{Name: name, Level: level, Permissions: ps})
	if errors.Is(err, chatadmin.ErrExists) {
		r, err = w.Host.EditRole(w.ctx, name, chatadmin.RoleEdit{Level: &level, Permissions: &ps})
	}
	require.NoError(w.T, err)
	return r.ID
}

// Group has the administrator create a group.
func (w *World) Group(name string) chatadmin.Group {
	w.T.Helper()
	g, err := w.S.CreateGroup(w.ctx, name)
	require.NoError(w.T, err)
	return g
}

// Members are the users of a group, in the order of their IDs.
func (w *World) Members(group chatadmin.ID) []chatadmin.ID {
	w.T.Helper()
	var ids []chatadmin.ID
	for m, err := range w.Host.Members(w.ctx, group) {
		require.NoError(w.T, err)
		ids = append(ids, m.User)
	}
	return ids
}

// Events are the audit events of a kind, newest first; "" is every kind.
func (w *World) Events(kind string) []chatadmin.AuditEvent {
	w.T.Helper()
	return w.events(chatadmin.EventQuery{Kind: kind})
}

func (w *World) events(q chatadmin.EventQuery) (all []chatadmin.AuditEvent) {
	w.T.Helper()
	for e, err := range w.Host.Events(w.ctx, q) {
		require.NoError(w.T, err)
		all = append(all, e)
	}
	return all
}

// EventsOf are the audit events of a kind that have a target, newest first.
func (w *World) EventsOf(target chatadmin.ID, kind string) []chatadmin.AuditEvent {
	w.T.Helper()
	return w.events(chatadmin.EventQuery{Target: target, Kind: kind})
}

// Settings are those of the domain.
func (w *World) Settings() *chatadmin.Settings {
	w.T.Helper()
	_, set, err := w.Host.View(w.ctx, "")
	require.NoError(w.T, err)
	return &set
}

// Damaged lists what cannot be read in the domain, each by kind and ID.
func (w *World) Damaged() (found []string) {
	w.T.Helper()
	for bad, err := range w.Host.Damaged(w.ctx) {
		require.NoError(w.T, err)
		found = append(found, bad.Kind+" "+bad.ID)
	}
	return found
}

// Row is a user as stored.
func (w *World) Row(id chatadmin.ID) chatadmin.User {
	w.T.Helper()
	us, err := w.Store.Users(w.ctx, w.Domain, []chatadmin.ID{id})
	require.NoError(w.T, err)
	require.Len(w.T, us, 1)
	return us[0]
}

// PutUser changes the stored row of a user past the library, as somebody with
// access to the database could.
func (w *World) PutUser(id chatadmin.ID, f func(*chatadmin.User)) {
	w.T.Helper()
	fence := storage.Fence{Domain: w.Domain, Mode: storage.Exclusive}
	require.NoError(w.T, w.Store.Update(w.ctx, fence, func(ctx context.Context, tx storage.Tx) error {
		us, err := tx.Users(ctx, w.Domain, []chatadmin.ID{id})
		if err != nil || len(us) == 0 {
			return fmt.Errorf("no user: %w", err)
		}
		c := storage.Write[chatadmin.User]{Row: us[0], Was: us[0].Rev}
		c.Row.Rev++
		f(&c.Row)
		conflicts, err := tx.ChangeUsers(ctx, []storage.Write[chatadmin.User]{c})
		return conflicted(conflicts, err)
	}))
}

// PutRecord writes a record past the library.
func (w *World) PutRecord(r storage.Record) {
	w.T.Helper()
	require.NoError(w.T, w.Store.Update(w.ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
		rs, err := tx.Records(ctx, []storage.Key{r.Key})
		if err != nil {
			return err
		}
		c := storage.Write[storage.Record]{Row: r}
		if len(rs) > 0 {
			c.Was = rs[0].Rev
		}
		c.Row.Rev = storage.NextRev(c.Was, w.Clock.Now(), 1)
		conflicts, err := tx.ChangeRecords(ctx, []storage.Write[storage.Record]{c})
		return conflicted(conflicts, err)
	}))
}

func conflicted(conflicts []storage.Conflict, err error) error {
	if len(conflicts) > 0 {
		return fmt.Errorf("%v", conflicts)
	}
	return err
}
