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
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/fields"
	"chatadmin.example/sdk/chatadmin/storage"
)

var ctx = context.Background()

// world is a store with one domain in it.
type world struct {
	*chatadmintest.World
	f      *fields.Fields
	before func(chatadmin.Intent) error // looks at what is about to be done
}

func newWorld(t testing.TB) *world { return newWorldOn(t, nil) }

func newWorldOn(t testing.TB, store chatadmin.Store) *world {
	t.Helper()
	w := &world{}
	w.World = chatadmintest.NewWorld(t, &chatadmintest.WorldOptions{Store: store, Admin: func(o *chatadmin.Options) {
		o.Before = func(_ context.Context, i chatadmin.Intent) error {
			if w.before == nil {
				return nil
			}
			return w.before(i)
		}
	}, Extend: func(a *chatadmin.Admin) { w.f = chatadmintest.Must(fields.New(a, nil)) }})
	return w
}

// user creates a user with values: name, value, ….
func (w *world) user(login string, pairs ...string) chatadmin.User {
	w.T.Helper()
	u, err := w.create(login, pairs...)
	require.NoError(w.T, err)
	return u
}

func (w *world) create(login string, pairs ...string) (chatadmin.User, error) {
	return w.S.CreateUser(ctx, chatadmin.NewUser{Login: login + "@acme.example", NoInvitation: true, Parts: []chatadmin.UserPart{w.f.Part(values(pairs...))}})
}

func (w *world) edit(id chatadmin.ID, pairs ...string) error {
	_, err := w.S.EditUser(ctx, id, chatadmin.UserEdit{Parts: []chatadmin.UserPart{w.f.Part(values(pairs...))}})
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
	w.T.Helper()
	for i := range n {
		id := chatadmin.ID(fmt.Sprintf("raw%05d", i))
		ids = append(ids, id)
		require.NoError(w.T, w.Host.Change(ctx, chatadmin.Op{Kind: "test", Fence: storage.Shared}, func(ctx context.Context, x *chatadmin.Writer) error {
			u := chatadmin.User{ID: id, Login: string(id) + "@acme.example"}
			a := chatadmin.Attributes{Fields: map[string]string{name: value(i)}}
			if err := chatadmin.SetAttributes(&u, a); err != nil {
				return err
			}
			p, wrong := x.Settings.Prepare(u)
			require.Empty(w.T, wrong)
			return x.WriteUsers(ctx, chatadmin.KindUserCreate, []chatadmin.UserWrite{{Now: p.As(id, "")}})
		}))
	}
	return ids
}

func (w *world) declare(f fields.Field) *fields.Run {
	w.T.Helper()
	run, err := w.f.Declare(ctx, w.S, f, nil)
	require.NoError(w.T, err)
	return run
}

// found are the logins of the users who have a value, without the domain.
func (w *world) found(field, value string) []string {
	w.T.Helper()
	all := []string{}
	for u, err := range w.f.Find(ctx, w.S, field, value) {
		require.NoError(w.T, err)
		all = append(all, strings.TrimSuffix(u.Login, "@acme.example"))
	}
	return slices.Sorted(slices.Values(all))
}

func (w *world) value(id chatadmin.ID, name string) string {
	w.T.Helper()
	_, set, err := w.Host.View(ctx, "")
	require.NoError(w.T, err)
	u := w.Row(id)
	all, err := w.f.Values(&set, &u)
	require.NoError(w.T, err)
	return all[name]
}

// records are how many records of the index there are.
func (w *world) records() (n int) {
	w.T.Helper()
	for p := (chatadmin.Page{Limit: 1000}); ; {
		rs, next, err := w.Store.ListRecords(ctx, storage.RecordQuery{Domain: w.Domain}, p)
		require.NoError(w.T, err)
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
