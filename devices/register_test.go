package devices_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/devices"
)

const disabled, enabled = devices.Disabled, devices.Enabled

func TestRegister(t *testing.T) {
	w := newWorld(t)
	one := w.register(w.ann, "phone")
	require.True(t, w.authorized(one))
	require.Equal(t, []any{enabled, int64(1), devices.None}, []any{one.Device.Status, one.Device.Generation, one.Device.Wipe})
	got, err := w.r.Authorize(ctx, one.Token.Plain())
	require.NoError(t, err)
	require.Equal(t, devices.Session{Domain: w.Domain, User: w.ann.ID, Device: one.Device.ID, Key: "phone", Type: devices.IOS, Generation: 1}, got)

	// Two people may share a phone.
	shared := w.register(w.Boss, "phone")
	require.NotEqual(t, one.Device.ID, shared.Device.ID)

	// Registering anew is a new generation, and the credentials of the one
	// before are dead.
	again := w.register(w.ann, "phone")
	require.Equal(t, one.Device.ID, again.Device.ID)
	require.EqualValues(t, 2, again.Device.Generation)
	require.False(t, w.authorized(one))
	require.True(t, w.authorized(again) && w.authorized(shared))
	_, err = w.r.CheckIn(ctx, one.WipeToken.Plain())
	require.ErrorIs(t, err, devices.ErrRefused)

	// One credential does not serve as the other.
	_, err = w.r.Authorize(ctx, again.WipeToken.Plain())
	require.ErrorIs(t, err, devices.ErrRefused)
	_, err = w.r.CheckIn(ctx, again.Token.Plain())
	require.ErrorIs(t, err, devices.ErrRefused)

	for _, bad := range []devices.Registration{
		{}, {Key: "x"}, {Key: "a b", Type: devices.IOS}, {Key: "ü", Type: devices.IOS}, {Key: strings.Repeat("x", 129), Type: devices.IOS}, {Key: "x", Type: 99}, {Key: "x\x00", Type: devices.IOS},
		{Key: "x", Type: devices.IOS, Name: "a\nb"}, {Key: "x", Type: devices.IOS, Name: "\xff"}, {Key: "x", Type: devices.IOS, Name: strings.Repeat("n", 101)},
		{Key: "x", Type: devices.IOS, Version: strings.Repeat("1", 51)}, {Key: "x", Type: devices.IOS, Push: secret.Hide(strings.Repeat("p", 1025))}, {Key: "x", Type: devices.IOS, Push: secret.Hide("a b")},
	} {
		_, err := w.r.Register(ctx, w.Host, w.ann.ID, bad)
		require.ErrorIs(t, err, chatadmin.ErrInvalid, "%+v", bad)
		var field *chatadmin.FieldError
		require.ErrorAs(t, err, &field)
	}
	_, err = w.r.Register(ctx, w.Host, "nobody", devices.Registration{Key: "x", Type: devices.IOS})
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
}

func TestSecretsStayHidden(t *testing.T) {
	w := newWorld(t)
	out := w.register(w.ann, "phone")
	w.wipe(out.Device.ID)
	rows, err := w.Store.Devices(ctx, w.Domain, []chatadmin.ID{out.Device.ID})
	require.NoError(t, err)
	records, _, err := w.Store.ListRecords(ctx, storage.RecordQuery{Domain: w.Domain}, chatadmin.Page{Limit: 1000})
	require.NoError(t, err)
	events, _, err := w.Store.ListEvents(ctx, chatadmin.EventQuery{Domain: w.Domain}, chatadmin.Page{Limit: 1000})
	require.NoError(t, err)
	text := fmt.Sprintf("%+v %#v %s", out, out, must(json.Marshal([]any{rows, records, events, out})))
	for _, r := range records {
		text += string(r.Data)
	}
	for _, e := range events {
		text += string(e.Data)
	}
	for _, token := range []chatadmin.Token{out.Token, out.WipeToken} {
		secret := token.Plain()[strings.LastIndexByte(token.Plain(), '.')+1:]
		require.Len(t, secret, 43)
		require.NotContains(t, text, secret)
	}
	require.NotContains(t, text, "push-phone", "push tokens stand in the row alone")
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestLimitPerUser(t *testing.T) {
	w := newWorld(t, func(_ *chatadmin.Options, o *devices.Options) { o.MaxPerUser = 3 })
	for n := range 3 {
		w.register(w.ann, fmt.Sprint("phone", n))
	}
	_, err := w.r.Register(ctx, w.Host, w.ann.ID, devices.Registration{Key: "phone3", Type: devices.IOS})
	require.ErrorIs(t, err, devices.ErrTooMany)
	again := w.register(w.ann, "phone1")
	require.NoError(t, w.r.Remove(ctx, w.S, devices.These(again.Device.ID)))
	w.register(w.ann, "phone3")
}

func TestRaceLimit(t *testing.T) {
	w := newWorld(t, func(_ *chatadmin.Options, o *devices.Options) { o.MaxPerUser = 5 })
	done := 0
	for _, err := range chatadmintest.AtOnce(100, func(n int) error {
		_, err := w.r.Register(ctx, w.Host, w.ann.ID, devices.Registration{Key: fmt.Sprint("phone", n), Type: devices.IOS})
		return err
	}) {
		if err == nil {
			done++
		} else {
			require.True(t, errors.Is(err, devices.ErrTooMany) || errors.Is(err, chatadmin.ErrBusy), "%v", err)
		}
	}
	ds, err := all(w.r.Devices(ctx, w.Host, devices.Query{}))
	require.NoError(t, err)
	require.Len(t, ds, done)
	require.LessOrEqual(t, done, 5)
	require.Positive(t, done)
}
