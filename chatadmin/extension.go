package chatadmin

import (
	"context"
	"encoding/json"
	"slices"
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

// Extension is how a further policy takes part in what the library does. Nil
// fields take no part.
type Extension struct {
	// OnUserChange runs after Options.OnUserChange, in the same transaction.
	OnUserChange UserChangeFunc
	// OnGroupDelete runs in the transaction that begins the deletion of groups,
	// at most MaxBatch, so that what hangs on them ends with it. An error keeps
	// the groups.
	OnGroupDelete func(context.Context, *Writer, []Group) error
	// OnEnd runs in each transaction that ends what users have obtained, for at
	// most MaxBatch users, after their rows were written. An error keeps
	// everything as it was. It may be called twice for a user in one transaction.
	OnEnd func(context.Context, *Writer, []Ending) error
	// OnGrant runs in the transaction that grants access to users, at most
	// MaxBatch, and lifts what else keeps them out: also of those to whom it was
	// never denied.
	OnGrant func(context.Context, *Writer, []User) error
	// TwoFactor takes the place of Options.TwoFactor.
	TwoFactor TwoFactor
	// Records are the kinds of records that the package keeps, each a
	// *RecordKind. A *DamageSource tells of other data.
	Records []Damageable
	// Workers are what the package does periodically.
	Workers []Worker
	// Policy is what the package keeps in the settings of each domain.
	Policy Policy
	// Columns are what the package adds to the CSV format.
	Columns Columns
	// Preference is what the package keeps in the attributes of users.
	Preference Preference
	// OnInvite runs in each transaction that queues invitations of pending
	// users, at most MaxBatch. It queues what it sends in another way than by
	// the mailed link, and returns the other users and how many it has queued.
	// The same release, unless it is "", never invites a user twice.
	OnInvite func(ctx context.Context, w *Writer, users []User, release string) (rest []User, queued int, err error)
	// OnRevoke runs in each transaction that revokes invitations, of at most
	// MaxBatch users. It ends what OnInvite has queued for them and returns for
	// whom there was something to end.
	OnRevoke func(context.Context, *Writer, []User) ([]ID, error)
	// OnDevice runs in each transaction in which a device registers.
	OnDevice DeviceFunc
	// Language is the language of people in a domain who prefer none: a BCP 47
	// tag, or "".
	Language func(*Settings) string
}

// Extend adds an extension. The constructors of the packages that hold further
// policies call it, so that no host can forget to; call it while setting up,
// before the Admin is used. An Admin of [Admin.Join] is not extended: from then
// on it changes nothing any more.
func (a *Admin) Extend(e Extension) {
	if a.joined { // it would take no part in the host's other transactions
		a.misused = true
		return
	}
	if e.OnUserChange != nil {
		a.o.OnUserChange = append(slices.Clip(a.o.OnUserChange), e.OnUserChange)
	}
	if e.OnGroupDelete != nil {
		a.onGroupDelete = append(a.onGroupDelete, e.OnGroupDelete)
	}
	if e.OnEnd != nil {
		a.onEnd = append(a.onEnd, e.OnEnd)
	}
	if e.OnGrant != nil {
		a.onGrant = append(a.onGrant, e.OnGrant)
	}
	if e.TwoFactor != nil {
		a.o.TwoFactor = e.TwoFactor
	}
	if e.Columns.Of != nil {
		a.columns = append(a.columns, e.Columns)
	}
	if e.Preference.Name != "" {
		a.preferences = append(a.preferences, e.Preference)
	}
	if e.OnInvite != nil {
		a.onInvite = append(a.onInvite, e.OnInvite)
	}
	if e.OnRevoke != nil {
		a.onRevoke = append(a.onRevoke, e.OnRevoke)
	}
	if e.OnDevice != nil {
		a.onDevice = append(a.onDevice, e.OnDevice)
	}
	if e.Language != nil {
		a.language = append(a.language, e.Language)
	}
	a.workers = append(a.workers, e.Workers...)
	for _, k := range e.Records {
		a.damageable = append(a.damageable, k.damage())
	}
	if name := e.Policy.Name; name != "" {
		if a.policies == nil {
			a.policies = map[string][]func(json.RawMessage) error{}
		}
		if _, ok := a.policies[name]; !ok {
			a.policies[name] = nil
		}
		if e.Policy.Check != nil {
			// with several all must agree, so that none takes the place of
			// another
			a.policies[name] = append(a.policies[name], e.Policy.Check)
		}
		if e.Policy.Change != nil {
			a.policyChanges = append(a.policyChanges, policyChange{name, e.Policy.Change})
		}
	}
}
