package devices_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/devices"
)

// What earlier versions have written of devices, letter by letter, is read.
func TestOldData(t *testing.T) {
	w := newWorld(t)
	hash := base64.StdEncoding.EncodeToString(make([]byte, sha256.Size))
	rows := []storage.Device{
		{ID: "in", Status: 1, Data: []byte(`{"v":1,"push":"push-in","wipe":"` + hash + `"}`)},
		{ID: "out", Status: 2, Data: []byte(`{"v":1,"disabled_by":"admin,user,owner","wipe":"` + hash + `"}`)},
		{ID: "wiping", Status: 2, Data: []byte(`{"v":1,"disabled_by":"wipe","push":"push-wiping","wipe":"` + hash + `"}`)},
		{ID: "wiped", Status: 2, Data: []byte(`{"v":1,"disabled_by":"wiped","wipe":"` + hash + `"}`)},
	}
	require.NoError(t, w.Store.Update(ctx, storage.Fence{Domain: w.Domain, Mode: storage.Shared}, func(ctx context.Context, tx storage.Tx) error {
		for i := range rows {
			d := &rows[i]
			d.Domain, d.User, d.Key, d.Type, d.Generation, d.Rev = w.Domain, w.ann.ID, string(d.ID), 1, 1, storage.NextRev(0, w.Clock.Now(), uint16(i))
			cs, err := tx.ChangeDevices(ctx, []storage.Write[storage.Device]{{Row: *d}})
			if err != nil || len(cs) > 0 {
				return fmt.Errorf("%v %w", cs, err)
			}
		}
		return nil
	}))
	record := func(kind, id, data string, owner chatadmin.ID) {
		r := storage.Record{Key: storage.Key{Kind: kind, Domain: w.Domain, ID: id}, Owner: owner, Data: []byte(data)}
		if kind == "device.push" || owner == "" {
			r.Due = w.Clock.Now()
		}
		w.PutRecord(r)
	}
	record("device.command", "wiping", `{"v":1,"id":"c1","device":"wiping","generation":1,"state":"requested","asked":"2026-01-02T03:04:05Z","asked_by":"host","hash":"`+hash+`"}`, "")
	record("device.command", "gone", `{"v":1,"id":"c2","device":"gone","generation":3,"state":"delivered","asked":"2026-01-02T03:04:05Z","asked_by":"u","delivered":"2026-01-02T03:04:06Z","hash":"`+hash+`"}`, "")
	record("device.command", "wiped", `{"v":1,"id":"c3","device":"wiped","generation":1,"state":"acknowledged","asked":"2026-01-02T03:04:05Z","asked_by":"u","delivered":"2026-01-02T03:04:06Z","ended":"2026-01-02T03:04:07Z","hash":"`+hash+`"}`, "wiped")
	record("device.history", "c3", `{"v":1,"id":"c3","device":"wiped","generation":1,"state":"acknowledged","asked":"2026-01-02T03:04:05Z","asked_by":"u","delivered":"2026-01-02T03:04:06Z","ended":"2026-01-02T03:04:07Z","hash":null}`, "wiped")
	record("device.push", "c1", `{"v":1,"device":"wiping","tries":2}`, "wiping")
	record("device.removed", string(w.ann.ID)+".gone", `{"v":1,"device":"gone"}`, w.ann.ID)
	record("device.user", string(w.ann.ID), `{"v":1}`, w.ann.ID)

	require.Empty(t, w.Damaged())
	require.Equal(t, devices.ByAdmin|devices.ByUser|devices.ByOwner, w.device("out").Reasons)
	require.Equal(t, devices.Acknowledged, w.device("wiped").Wipe)
	require.ElementsMatch(t, []chatadmin.ID{"wiping", "gone"}, ids(w.pending(0)))
	history, err := w.r.History(ctx, w.S, "wiped")
	require.NoError(t, err)
	require.Len(t, history, 1)
	did, err := w.Admin.Work(ctx)
	require.NoError(t, err)
	require.Equal(t, 1, did["device pushes"])
	back := w.register(w.ann, "gone")
	require.Equal(t, []any{chatadmin.ID("gone"), int64(3), devices.Delivered}, []any{back.Device.ID, back.Device.Generation, back.Device.Wipe})
	require.True(t, w.authorized(w.register(w.ann, "wiped")))
	require.True(t, w.authorized(w.register(w.ann, "in")))
}
