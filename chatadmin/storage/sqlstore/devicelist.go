package sqlstore

import (
	"context"
	"fmt"

	"chatadmin.example/sdk/chatadmin/storage"
)

// deviceConditions are what a query asks for besides the domain and the users.
// Those come first that mostly hold for the fewest.
func (r reader) deviceConditions(q storage.DeviceQuery, by search) []condition {
	var cs []condition
	add := func(wanted bool, index string, text string, args ...any) {
		if wanted {
			cs = append(cs, condition{where: r.where(text, args...), index: index, ordered: index != ""})
		}
	}
	add(q.Key != "", "devices_list", "device_key = ?", q.Key)
	if q.Search != "" {
		cs = append(cs, r.searched(devices, q.Search, by))
	}
	add(q.Status != 0, "devices_status", "status = ?", int64(q.Status))
	add(q.Type != 0, "", "type = ?", int64(q.Type))
	return cs
}

// ListDevices implements storage.Reader.
func (r reader) ListDevices(ctx context.Context, q storage.DeviceQuery, p storage.Page) ([]storage.Device, storage.Cursor, error) {
	if len(q.Users) > storage.MaxBatch {
		return nil, "", r.fail(ctx, "listing devices", fmt.Errorf("of %d users: %w", len(q.Users), storage.ErrBatch))
	}
	order := []string{"device_key", "id"}
	if len(q.Users) == 0 && q.Search != "" {
		by, err := r.searchingFor(ctx, devices, q.Search)
		if err != nil {
			return nil, "", err
		}
		n := narrowed{domain: q.Domain, deleting: true, order: order, ordered: true}
		return narrowedList(ctx, r, deviceRows, n, r.deviceConditions(q, by), p)
	}
	w := r.where("domain = ?", string(q.Domain))
	if len(q.Users) > 0 {
		// not by an index of the domain, which would have the order and every
		// device
		w = r.where("domain || '' = ? AND ", string(q.Domain)).in("usr", strs(q.Users))
	}
	for _, c := range r.deviceConditions(q, search{}) {
		w.add(" AND ").append(c.where)
	}
	if len(q.Users) == 1 {
		order = order[:1] // unique to a user
	}
	return list(ctx, r, deviceRows, listing{where: w, order: order}, p)
}
