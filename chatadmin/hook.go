package chatadmin

import (
	"context"
	"encoding/json"
)

// Preference is how a package owns a name in Attributes.Preferences.
type Preference struct {
	Name string
	// Diff says what differs between two values (nil: none), for the audit
	// event. It never shows a secret.
	Diff func(was, now json.RawMessage) []FieldChange
}

// DeviceRegistration is a device that a user registers.
type DeviceRegistration struct {
	User   User
	Device ID
	Name   string // the client's own device id, devices.Device.Key
	Type   string // such as "ios"
}

// DeviceFunc runs in the transaction in which a device registers, before it is
// written. An error refuses the registration. It is not called for a device
// that stays shut out.
type DeviceFunc func(context.Context, *Writer, DeviceRegistration) error

// DeviceRegistered calls what packages do when a device registers. Package
// devices calls it.
func (w *Writer) DeviceRegistered(ctx context.Context, r DeviceRegistration) error {
	for _, f := range w.scope.admin.onDevice {
		if err := f(ctx, w, r); err != nil {
			return err
		}
	}
	return nil
}

// diffPreferences appends what differs between what packages keep in the
// attributes of a user.
func (a *Admin) diffPreferences(d []FieldChange, was, now *User) []FieldChange {
	if len(a.preferences) == 0 || string(was.Attrs) == string(now.Attrs) {
		return d
	}
	before, _ := AttributesOf(*was) // attributes that cannot be read have nothing to compare
	after, _ := AttributesOf(*now)
	for _, p := range a.preferences {
		if w, n := before.Preferences[p.Name], after.Preferences[p.Name]; p.Diff != nil && string(w) != string(n) {
			d = append(d, p.Diff(w, n)...)
		}
	}
	return d
}
