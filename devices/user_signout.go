package devices

import (
	"context"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// signOut is the OnEnd of the registry: it ends the sessions of devices whose users
// must sign in again. The devices stay as they are otherwise, and register
// again; what can fetch a wipe goes on working. A device that registers at the
// same time loses its race or comes after.
func (r *Registry) signOut(ctx context.Context, w *chatadmin.Writer, endings []chatadmin.Ending) error {
	var users []chatadmin.ID
	for i := range endings {
		if e := &endings[i]; e.User != "" && e.Devices == chatadmin.DevicesSignedOut {
			users = append(users, e.User)
		}
	}
	if len(users) == 0 {
		return nil
	}
	if err := guard(ctx, w, users); err != nil {
		return err
	}
	for p := (chatadmin.Page{Limit: chatadmin.MaxBatch}); ; {
		rows, next, err := w.ListDevices(ctx, storage.DeviceQuery{Domain: w.Domain.ID, Users: users}, p)
		if err != nil {
			return err
		}
		hs := loadRows(rows)
		for _, h := range hs {
			h.row.Secret = nil
		}
		if err := write(ctx, w, KindSignOut, hs); err != nil {
			return err
		}
		if p.After = next; next == "" {
			return nil
		}
	}
}
