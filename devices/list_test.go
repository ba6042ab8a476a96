package devices_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/devices"
)

func (w *world) keys(q devices.Query, limit int) []string {
	w.t.Helper()
	var keys []string
	for p := (chatadmin.Page{Limit: limit}); ; {
		ds, next, err := w.r.List(ctx, w.s, q, p)
		require.NoError(w.t, err)
		require.LessOrEqual(w.t, len(ds), limit)
		for _, d := range ds {
			keys = append(keys, d.Key)
		}
		if next == "" {
			return keys
		}
		p.After = next
	}
}

// Searches by device id, login and name, filters by status and type, and pages of every size.
func TestList(t *testing.T) {
	w := newWorld(t)
	// Mary's phone is called like Ann's login, and Ann Mary's name begins like Mary's.
	mary, err := w.host.CreateUser(ctx, chatadmin.NewUser{Login: "mary@acme.example", DisplayName: "Mary Jones", NoInvitation: true})
	require.NoError(t, err)
	zoe, err := w.host.CreateUser(ctx, chatadmin.NewUser{Login: "zoe@acme.example", DisplayName: "Mary-Zoe Änn", NoInvitation: true})
	require.NoError(t, err)
	register := func(u chatadmin.User, key string, typ devices.Type) chatadmin.ID {
		out, err := w.r.Register(ctx, w.host, u.ID, devices.Registration{Key: key, Type: typ, Version: "2", Name: "N"})
		require.NoError(t, err)
		return out.Device.ID
	}
	register(w.ann, "b-1", devices.IOS)
	off := register(w.ann, "mary-2", devices.Android)
	register(mary, "a-3", devices.IOS)
	register(mary, "mary-4", devices.Windows)
	register(zoe, "c-5", devices.IOS)
	register(zoe, "b-1", devices.Mac)
	_, err = w.r.Disable(ctx, w.s, devices.These(off))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		q    devices.Query
		want []string
	}{
		"all":              {devices.Query{}, []string{"a-3", "b-1", "b-1", "c-5", "mary-2", "mary-4"}},
		"user":             {devices.Query{User: zoe.ID}, []string{"b-1", "c-5"}},
		"key":              {devices.Query{Key: "b-1"}, []string{"b-1", "b-1"}},
		"key and user":     {devices.Query{Key: "b-1", User: zoe.ID}, []string{"b-1"}},
		"type":             {devices.Query{Type: devices.IOS}, []string{"a-3", "b-1", "c-5"}},
		"status":           {devices.Query{Status: devices.Disabled}, []string{"mary-2"}},
		"search":           {devices.Query{Search: " mary"}, []string{"mary-2", "mary-4", "a-3", "b-1", "c-5"}},
		"search, exactly":  {devices.Query{Search: "MARY"}, []string{"a-3", "mary-4", "b-1", "c-5"}},
		"search, filtered": {devices.Query{Search: "mary", Type: devices.IOS}, []string{"a-3", "c-5"}},
		"search a login":   {devices.Query{Search: "ann@"}, []string{"b-1", "mary-2"}},
		"search of a user": {devices.Query{Search: "mary", User: mary.ID}, []string{"mary-4"}},
		"nothing":          {devices.Query{Search: "nobody"}, nil},
		"no pattern":       {devices.Query{Search: "mary%"}, nil},
	} {
		for limit := 1; limit < 8; limit++ {
			require.Equal(t, c.want, w.keys(c.q, limit), "%s by pages of %d", name, limit)
		}
	}
	ds, _, err := w.r.List(ctx, w.s, devices.Query{User: mary.ID}, chatadmin.Page{Limit: 1})
	require.NoError(t, err)
	require.Equal(t, []any{"mary@acme.example", "Mary Jones", "a-3", devices.IOS, "2", "N", w.clock.Now()}, []any{ds[0].Login, ds[0].UserName, ds[0].Key, ds[0].Type, ds[0].Version, ds[0].Name, ds[0].LastSeen})
	for _, limit := range []int{0, -1, 1001} {
		_, _, err := w.r.List(ctx, w.s, devices.Query{}, chatadmin.Page{Limit: limit})
		require.ErrorIs(t, err, chatadmin.ErrBatch)
	}
	for _, cursor := range []chatadmin.Cursor{"x", "e30x", "eyJsIjo5fQ"} {
		_, _, err := w.r.List(ctx, w.s, devices.Query{Search: "x"}, chatadmin.Page{After: cursor, Limit: 1})
		require.ErrorIs(t, err, chatadmin.ErrInvalid)
	}
}

// A search that finds more users than one page holds finds the devices of all of them.
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
