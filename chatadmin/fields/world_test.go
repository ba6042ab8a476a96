package fields_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/fields"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

var ctx = context.Background()

// world is a store with one domain in it.
type world struct {
	t       testing.TB
	store   chatadmin.Store
	admin   *chatadmin.Admin
	f       *fields.Fields
	domain  chatadmin.ID
	s, host *chatadmin.Scope
	before  func(chatadmin.Intent) error // looks at what is about to be done
}

func newWorld(t testing.TB) *world { return newWorldOn(t, memstore.New(nil)) }

func newWorldOn(t testing.TB, store chatadmin.Store) *world {
	t.Helper()
	w := &world{t: t, store: store}
	admin, err := chatadmin.New(store, &chatadmin.Options{Before: func(_ context.Context, i chatadmin.Intent) error {
		if w.before == nil {
			return nil
		}
		return w.before(i)
	}})
	require.NoError(t, err)
	w.admin = admin
	w.f, err = fields.New(admin, nil)
	require.NoError(t, err)
	d, boss, err := w.admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example", NoInvitation: true}})
	require.NoError(t, err)
	w.domain, w.s, w.host = d.ID, w.admin.As(d.ID, boss.ID), w.admin.AsHost(d.ID)
	return w
}

// user creates a user with values: name, value, ….
func (w *world) user(login string, pairs ...string) chatadmin.User {
	w.t.Helper()
	u, err := w.create(login, pairs...)
	require.NoError(w.t, err)
	return u
}

func (w *world) create(login string, pairs ...string) (chatadmin.User, error) {
	return w.s.CreateUser(ctx, chatadmin.NewUser{Login: login + "@acme.example", NoInvitation: true, Parts: []chatadmin.UserPart{w.f.Part(values(pairs...))}})
}

func (w *world) edit(id chatadmin.ID, pairs ...string) error {
	_, err := w.s.EditUser(ctx, id, chatadmin.UserEdit{Parts: []chatadmin.UserPart{w.f.Part(values(pairs...))}})
	return err
}

func values(pairs ...string) map[string]string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}

// raw creates users whom no declaration has checked, as an import of the host's
// own columns does.
func (w *world) raw(n int, name string, value func(int) string) (ids []chatadmin.ID) {
	w.t.Helper()
	for i := range n {
		id := chatadmin.ID(fmt.Sprintf("raw%05d", i))
		ids = append(ids, id)
		require.NoError(w.t, w.host.Change(ctx, chatadmin.Op{Kind: "test", Fence: storage.Shared}, func(ctx context.Context, x *chatadmin.Writer) error {
			u := chatadmin.User{ID: id, Login: string(id) + "@acme.example"}
			a := chatadmin.Attributes{Fields: map[string]string{name: value(i)}}
			if err := chatadmin.SetAttributes(&u, a); err != nil {
				return err
			}
			p, wrong := x.Settings.Prepare(u)
			require.Empty(w.t, wrong)
			return x.WriteUsers(ctx, chatadmin.KindUserCreate, []chatadmin.UserWrite{{Now: p.As(id, "")}})
		}))
	}
	return ids
}

func (w *world) declare(f fields.Field) *fields.Run {
	w.t.Helper()
	run, err := w.f.Declare(ctx, w.s, f, nil)
	require.NoError(w.t, err)
	return run
}

// found are the logins of the users who have a value, without the domain.
func (w *world) found(field, value string) []string {
	w.t.Helper()
	all := []string{}
	for u, err := range w.f.Find(ctx, w.s, field, value) {
		require.NoError(w.t, err)
		all = append(all, strings.TrimSuffix(u.Login, "@acme.example"))
	}
	return slices.Sorted(slices.Values(all))
}

func (w *world) value(id chatadmin.ID, name string) string {
	w.t.Helper()
	us, err := w.store.Users(ctx, w.domain, []chatadmin.ID{id})
	require.NoError(w.t, err)
	_, set, err := w.host.View(ctx, "")
	require.NoError(w.t, err)
	all, err := w.f.Values(&set, &us[0])
	require.NoError(w.t, err)
	return all[name]
}

// records are how many records of the index there are.
func (w *world) records() (n int) {
	w.t.Helper()
	for p := (chatadmin.Page{Limit: 1000}); ; {
		rs, next, err := w.store.ListRecords(ctx, storage.RecordQuery{Domain: w.domain}, p)
		require.NoError(w.t, err)
		for _, r := range rs {
			if strings.HasPrefix(r.Kind, "field.") {
				n++
			}
		}
		if p.After = next; next == "" {
			return n
		}
	}
}

// told are the wrong fields of an error, each with its code.
func told(t *testing.T, err error) (all []string) {
	t.Helper()
	var many *chatadmin.FieldErrors
	var one *chatadmin.FieldError
	switch {
	case errors.As(err, &many):
		for _, f := range many.Fields {
			require.NotEmpty(t, f.Reason)
			all = append(all, f.Field+" "+f.Code)
		}
	case errors.As(err, &one):
		all = []string{one.Field + " " + one.Code}
	default:
		require.Fail(t, "no fields", "%v", err)
	}
	return slices.Sorted(slices.Values(all))
}

func centre() fields.Field { return fields.Field{Name: "Cost centre", Kind: fields.Number} }
