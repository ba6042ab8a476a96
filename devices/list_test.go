package devices_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/devices"
)

func (w *world) keys(q devices.Query, limit int) []string {
	w.T.Helper()
	var keys []string
	for p := (chatadmin.Page{Limit: limit}); ; {
		ds, next, err := w.r.DevicesPage(ctx, w.S, q, p)
		require.NoError(w.T, err)
		require.LessOrEqual(w.T, len(ds), limit)
		for _, d := range ds {
			keys = append(keys, d.Key)
		}
		if next == "" {
			return keys
		}
		p.After = next
	}
}

// Searches by device id, login and name, filters by status and type, and pages
// of every size.
func TestList(t *testing.T) {
	w := newWorld(t)
	// Mary's phone is called like Ann's login, and Ann Mary's name begins like
	// Mary's.
	mary, err := w.Host.CreateUser(ctx, chatadmin.NewUser{Login: "mary@acme.example", DisplayName: "Mary Jones", NoInvitation: true})
	require.NoError(t, err)
	zoe, err := w.Host.CreateUser(ctx, chatadmin.NewUser{Login: "zoe@acme.example", DisplayName: "Mary-Zoe Änn", NoInvitation: true})
	require.NoError(t, err)
	register := func(u chatadmin.User, key string, typ devices.Type) chatadmin.ID {
		out, err := w.r.Register(ctx, w.Host, u.ID, devices.Registration{Key: key, Type: typ, Version: "2", Name: "N"})
		require.NoError(t, err)
		return out.Device.ID
	}
	register(w.ann, "b-1", devices.IOS)
	off := register(w.ann, "mary-2", devices.Android)
	register(mary, "a-3", devices.IOS)
	register(mary, "mary-4", devices.Windows)
	register(zoe, "c-5", devices.IOS)
	register(zoe, "b-1", devices.Mac)
	_, err = w.r.Disable(ctx, w.S, devices.These(off))
	require.NoError(t, err)
	for name, c := range chatadmintest.InOrder(map[string]struct {
		q    devices.Query
		want []string
	}{
		"all":              {devices.Query{}, []string{"a-3", "b-1", "b-1", "c-5", "mary-2", "mary-4"}},
		"user":             {devices.Query{User: zoe.ID}, []string{"b-1", "c-5"}},
		"key":              {devices.Query{Key: "b-1"}, []string{"b-1", "b-1"}},
		"key and user":     {devices.Query{Key: "b-1", User: zoe.ID}, []string{"b-1"}},
		"type":             {devices.Query{Type: devices.IOS}, []string{"a-3", "b-1", "c-5"}},
		"status":           {devices.Query{Status: devices.Disabled}, []string{"mary-2"}},
		"search":           {devices.Query{Search: " MARY"}, []string{"mary-2", "mary-4", "a-3", "b-1", "c-5"}},
		"search a part":    {devices.Query{Search: "ry-"}, []string{"mary-2", "mary-4", "b-1", "c-5"}},
		"search a name":    {devices.Query{Search: "nes"}, []string{"a-3", "mary-4"}},
		"search a label":   {devices.Query{Search: "n", Key: "b-1"}, []string{"b-1", "b-1"}},
		"search, accents":  {devices.Query{Search: "zoe anN"}, []string{"b-1", "c-5"}},
		"search, filtered": {devices.Query{Search: "mary", Type: devices.IOS}, []string{"a-3", "c-5"}},
		"search an e-mail": {devices.Query{Search: "ann@ac"}, []string{"b-1", "mary-2"}},
		"search of a user": {devices.Query{Search: "mary", User: mary.ID}, []string{"mary-4"}},
		"nothing":          {devices.Query{Search: "nobody"}, nil},
		"no pattern":       {devices.Query{Search: "mary%"}, nil},
	}) {
		for limit := 1; limit < 8; limit++ {
			require.Equal(t, c.want, w.keys(c.q, limit), "%s by pages of %d", name, limit)
		}
	}
	ds, _, err := w.r.DevicesPage(ctx, w.S, devices.Query{User: mary.ID}, chatadmin.Page{Limit: 1})
	require.NoError(t, err)
	require.Equal(t, []any{"mary@acme.example", "Mary Jones", "a-3", devices.IOS, "2", "N", w.Clock.Now()}, []any{ds[0].Login, ds[0].UserName, ds[0].Key, ds[0].Type, ds[0].Version, ds[0].Name, ds[0].LastSeen})
	_, _, err = w.r.DevicesPage(ctx, w.S, devices.Query{}, chatadmin.Page{Limit: -1})
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	for _, cursor := range []chatadmin.Cursor{"x", "e30x", "eyJsIjo5fQ"} {
		_, _, err := w.r.DevicesPage(ctx, w.S, devices.Query{Search: "x"}, chatadmin.Page{After: cursor, Limit: 1})
		require.ErrorIs(t, err, chatadmin.ErrInvalid)
	}
}

// A search that finds more users than one page holds finds the devices of all
// of them.
func TestSearchManyUsers(t *testing.T) {
	w := newWorld(t)
	var want []string
	for n := range 2100 {
		u := w.user(fmt.Sprintf("u%04d@acme.example", n))
		if n%300 == 0 {
			key := fmt.Sprintf("phone-%04d", n)
			w.register(u, key)
			want = append(want, key)
		}
	}
	got := w.keys(devices.Query{Search: "U"}, 3)
	slices.Sort(got)
	require.Equal(t, want, got)
}

// shy is a store whose lists begin with an empty page.
type shy struct{ chatadmin.Store }

type shyTx struct{ storage.Tx }

func shyly[T any](p chatadmin.Page, list func(chatadmin.Page) ([]T, chatadmin.Cursor, error)) ([]T, chatadmin.Cursor, error) {
	if p.After == "" {
		return nil, "shy:", nil
	}
	p.After = chatadmin.Cursor(strings.TrimPrefix(string(p.After), "shy:"))
	rows, next, err := list(p)
	if next != "" {
		next = "shy:" + next
	}
	return rows, next, err
}

func (s shy) ListDevices(ctx context.Context, q storage.DeviceQuery, p chatadmin.Page) ([]storage.Device, chatadmin.Cursor, error) {
	return shyly(p, func(p chatadmin.Page) ([]storage.Device, chatadmin.Cursor, error) {
		return s.Store.ListDevices(ctx, q, p)
	})
}

func (s shy) ListRecords(ctx context.Context, q storage.RecordQuery, p chatadmin.Page) ([]storage.Record, chatadmin.Cursor, error) {
	return shyly(p, func(p chatadmin.Page) ([]storage.Record, chatadmin.Cursor, error) {
		return s.Store.ListRecords(ctx, q, p)
	})
}

func (s shyTx) ListDevices(ctx context.Context, q storage.DeviceQuery, p chatadmin.Page) ([]storage.Device, chatadmin.Cursor, error) {
	return shyly(p, func(p chatadmin.Page) ([]storage.Device, chatadmin.Cursor, error) {
		return s.Tx.ListDevices(ctx, q, p)
	})
}

func (s shyTx) ListRecords(ctx context.Context, q storage.RecordQuery, p chatadmin.Page) ([]storage.Record, chatadmin.Cursor, error) {
	return shyly(p, func(p chatadmin.Page) ([]storage.Record, chatadmin.Cursor, error) {
		return s.Tx.ListRecords(ctx, q, p)
	})
}

func (s shy) Update(ctx context.Context, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	return s.Store.Update(ctx, fence, func(ctx context.Context, tx storage.Tx) error { return f(ctx, shyTx{tx}) })
}

// A page may be short, or empty, although more follow.
func TestShortPages(t *testing.T) {
	store := memstore.New(nil)
	w := newWorldOn(t, shy{store}, func(_ *chatadmin.Options, o *devices.Options) { o.MaxPerUser = 2 })
	out := w.register(w.ann, "phone")
	again := w.register(w.ann, "phone")
	require.Equal(t, []any{out.Device.ID, int64(2)}, []any{again.Device.ID, again.Device.Generation})
	w.register(w.ann, "second")
	_, err := w.r.Register(ctx, w.Host, w.ann.ID, devices.Registration{Key: "third", Type: devices.IOS})
	require.ErrorIs(t, err, devices.ErrTooMany)
	_, err = w.r.Disable(ctx, w.S, devices.These(out.Device.ID))
	require.NoError(t, err)
	ok, err := w.r.DeviceAllowed(ctx, w.Domain, w.ann.ID, "phone")
	require.NoError(t, err)
	require.False(t, ok, "disabled")
	command := w.wipe(out.Device.ID)
	n, err := w.r.SendPushes(ctx, w.Domain)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	w.checkIn(again)
	require.NoError(t, w.ack(again, command.ID))
	require.NoError(t, w.r.Remove(ctx, w.S, devices.These(out.Device.ID)))
	rs, _, err := store.ListRecords(ctx, storage.RecordQuery{Domain: w.Domain, Owner: out.Device.ID}, chatadmin.Page{Limit: 10})
	require.NoError(t, err)
	require.Empty(t, rs)
}

// strict is a store that takes no text which PostgreSQL would not take.
type strict struct {
	chatadmin.Store
	t *testing.T
}

func (s strict) ListDevices(ctx context.Context, q storage.DeviceQuery, p chatadmin.Page) ([]storage.Device, chatadmin.Cursor, error) {
	s.takes(fmt.Sprint(q))
	return s.Store.ListDevices(ctx, q, p)
}

func (s strict) ListUsers(ctx context.Context, q chatadmin.UserQuery, p chatadmin.Page) ([]chatadmin.User, chatadmin.Cursor, error) {
	s.takes(fmt.Sprint(q))
	return s.Store.ListUsers(ctx, q, p)
}

func (s strict) Devices(ctx context.Context, domain chatadmin.ID, ids []chatadmin.ID) ([]storage.Device, error) {
	s.takes(fmt.Sprint(ids))
	return s.Store.Devices(ctx, domain, ids)
}

func (s strict) Records(ctx context.Context, keys []storage.Key) ([]storage.Record, error) {
	s.takes(fmt.Sprint(keys))
	return s.Store.Records(ctx, keys)
}

func (s strict) takes(text string) {
	s.t.Helper()
	require.True(s.t, utf8.ValidString(text) && !strings.Contains(text, "\x00"), "%q", text)
}

// What no device, user or name can be called is not there, and no store is
// asked about it.
func TestOddText(t *testing.T) {
	w := newWorldOn(t, strict{memstore.New(nil), t})
	w.register(w.ann, "phone")
	for _, odd := range []string{"a\x00", "a\xff", "\x00"} {
		id := chatadmin.ID(odd)
		for _, q := range []devices.Query{{Search: odd}, {Key: odd}, {User: id}, {User: w.ann.ID, Search: odd}} {
			require.Empty(t, w.keys(q, 10), "%+v", q)
		}
		_, _, err := w.r.DevicesPage(ctx, w.Admin.As(w.Domain, w.ann.ID), devices.Query{Search: odd}, chatadmin.Page{Limit: 1})
		require.ErrorIs(t, err, chatadmin.ErrForbidden, "authorised all the same")
		for _, c := range []struct{ user, key string }{{string(w.ann.ID), odd}, {odd, "phone"}, {string(w.ann.ID), strings.Repeat("x", 129)}} {
			ok, err := w.r.DeviceAllowed(ctx, w.Domain, chatadmin.ID(c.user), c.key)
			require.NoError(t, err)
			require.True(t, ok, "not registered")
		}
		_, err = w.r.Register(ctx, w.Host, id, devices.Registration{Key: "x", Type: devices.IOS})
		require.ErrorIs(t, err, chatadmin.ErrNotFound)
		for _, sel := range []devices.Selection{devices.These(id), devices.Of(id), {Users: []chatadmin.ID{w.ann.ID, id}}} {
			_, err = w.r.Disable(ctx, w.S, sel)
			require.ErrorIs(t, err, chatadmin.ErrNotFound)
			_, err = w.r.PlanWipe(ctx, w.S, sel)
			require.ErrorIs(t, err, chatadmin.ErrNotFound)
			_, err = w.r.Disable(ctx, w.Admin.As(w.Domain, w.ann.ID), sel)
			require.ErrorIs(t, err, chatadmin.ErrForbidden)
		}
		_, err = w.r.CancelWipe(ctx, w.S, id)
		require.ErrorIs(t, err, chatadmin.ErrNotFound)
		_, err = w.r.History(ctx, w.S, id)
		require.ErrorIs(t, err, chatadmin.ErrNotFound)
	}
}
