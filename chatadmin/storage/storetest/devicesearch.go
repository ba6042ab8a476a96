package storetest

import (
	"context"
	"fmt"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/storage"
)

func deviceID(d storage.Device) storage.ID { return d.ID }

// foundDevices wants a list of devices to be these, in order, whatever the size
// of a page.
func (w *world) foundDevices(name string, q storage.DeviceQuery, want ...storage.Device) {
	w.Helper()
	q.Domain = w.a
	for _, limit := range []int{1, 2, 3, 100} {
		got := pages(w, limit, func(p storage.Page) ([]storage.Device, storage.Cursor, error) {
			return w.other.ListDevices(w.ctx, q, p)
		})
		require.Equal(w, ids(want, deviceID), ids(got, deviceID), "%s, pages of %d", name, limit)
	}
}

// A search finds devices by any part of their name or device id, however short,
// and nothing else.
func testDeviceSearch(w *world) {
	ann, bob, far := w.user(w.a, "ann"), w.user(w.a, "bob"), w.user(w.b, "far")
	mk := func(u storage.User, key, name string, f func(*storage.Device)) storage.Device {
		d := storage.Device{ID: w.id("device"), Domain: u.Domain, User: u.ID, Rev: 1, Key: key, Name: name, Type: 1, Status: 1, Version: "9.9", Data: []byte("phone")}
		if f != nil {
			f(&d)
		}
		change(w, devices, put(d, 0))
		return d
	}
	phone := mk(ann, "A-35 7001", "José's Phone", nil)
	tablet := mk(bob, "B-35 7002", "Tablet 50%_", func(d *storage.Device) { d.Type, d.Status = 2, 2 })
	other := mk(bob, "C-99", "phone", func(d *storage.Device) { d.Status = 2 })
	mk(far, "D-35 7003", "Phone", nil)

	type Q = storage.DeviceQuery
	for text, want := range inOrder(map[string][]storage.Device{
		"phone":        {phone, other},
		"hon":          {phone, other},
		"jose":         {phone}, // without its accent
		"se's p":       {phone},
		"35 7":         {phone, tablet},
		"a-35":         {phone}, // whatever its case
		"7002":         {tablet},
		"99":           {other},
		"%":            {tablet},
		"_":            {tablet},
		"50%_":         {tablet},
		"phone a-35":   nil, // not across fields
		"35%7":         nil,
		"35_7001":      nil,
		"José":         nil, // the library folds what it searches for
		"9.9":          nil,
		"d-35":         nil,
		"ann":          nil, // its user is searched apart
		"phone tablet": nil,
	}) {
		w.foundDevices("search "+text, Q{Search: text}, want...)
	}
	// with other conditions
	w.foundDevices("search, user", Q{Search: "35", Users: []storage.ID{bob.ID}}, tablet)
	w.foundDevices("search, users", Q{Search: "phone", Users: []storage.ID{ann.ID, bob.ID}}, phone, other)
	w.foundDevices("search, status", Q{Search: "phone", Status: 2}, other)
	w.foundDevices("search, type", Q{Search: "35 7", Type: 2}, tablet)
	w.foundDevices("search, key", Q{Search: "phone", Key: "C-99"}, other)
	w.foundDevices("search, another key", Q{Search: "tablet", Key: "C-99"})

	// what changes is found by what it is now
	now := other
	now.Rev, now.Name, now.Key = 2, "Desk", "Z-1"
	change(w, devices, put(now, other.Rev))
	w.foundDevices("search, the old name", Q{Search: "phone"}, phone)
	w.foundDevices("search, the new name", Q{Search: "esk"}, now)
	w.foundDevices("search, the new key", Q{Search: "z-1"}, now)
	change(w, devices, del(now, 2))
	w.foundDevices("search, deleted", Q{Search: "esk"})

	// many, of which some match; and what is undone is not found
	var match []storage.Device
	for i := range 60 {
		key := fmt.Sprintf("room %02d", i)
		if i%3 == 0 {
			key = "common " + key
		}
		if d := mk(ann, key, "", nil); i%3 == 0 {
			match = append(match, d)
		}
	}
	w.foundDevices("search many", Q{Search: "ommon roo"}, match...)
	w.foundDevices("search many by two letters", Q{Search: "mm"}, match...)
	undone := storage.Device{ID: w.id("device"), Domain: w.a, User: ann.ID, Rev: 1, Key: "common undone"}
	require.ErrorIs(w, w.s.Update(w.ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
		conflicts, err := tx.ChangeDevices(ctx, []storage.Write[storage.Device]{put(undone, 0)})
		require.NoError(w, err)
		require.Empty(w, conflicts)
		found, _, err := tx.ListDevices(ctx, Q{Domain: w.a, Search: "common un"}, storage.Page{Limit: 100})
		require.NoError(w, err)
		require.Len(w, found, 1, "a transaction finds what it has written")
		return errMine
	}), errMine)
	w.foundDevices("search, undone", Q{Search: "common un"})
}
