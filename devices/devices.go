package devices

import (
	"context"
	"fmt"
	"sync"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/signin"
)

// The errors of this package. Those of chatadmin come as well: ErrNotFound,
// ErrForbidden, ErrInvalid, ErrVetoed, ErrPlanStale, …
var (
	// ErrRefused is returned to a device that is not let in, whatever the
	// reason: it does not exist, it is disabled, its data cannot be read, or
	// its credential is not the present one.
	ErrRefused = chatadmin.ErrActor.New("device_refused", "the device is not let in: register it again, or check in to learn what there is to do")
	// ErrState is returned if the device's state rules out the change.
	ErrState = chatadmin.ErrState.New("device_state", "not possible in the device's present state")
	// ErrWipePending is returned by Enable for a device whose wipe is pending.
	// It is also an ErrState.
	ErrWipePending error = wipePending{}
	// ErrStale is returned for an answer to a command that is not the device's
	// last one. The answer changes nothing.
	ErrStale = chatadmin.ErrState.New("device_stale", "this is not the device's present command; nothing was changed")
	// ErrTooMany is returned for a registration beyond Options.MaxPerUser.
	ErrTooMany = chatadmin.ErrLimited.New("too_many_devices", "the user has too many devices: disable or remove one first")
)

type wipePending struct{}

func (wipePending) Error() string {
	return "a wipe of this device is pending: cancel it in the same call, which is possible until it is delivered, or wait until the device has answered"
}

// Unwrap is ErrState.
func (wipePending) Unwrap() error { return ErrState }

// ErrorCode is "wipe_pending".
func (wipePending) ErrorCode() string { return "wipe_pending" }

// Kinds of audit events. Each names the devices and their users.
const (
	KindRegister    = "device.register"
	KindDisable     = "device.disable"
	KindEnable      = "device.enable"
	KindRemove      = "device.remove"
	KindSignOut     = "device.signout" // its user's password, login or address changed
	KindWipe        = "device.wipe"    // asked for
	KindCancelWipe  = "device.wipe.cancel"
	KindDeliverWipe = "device.wipe.deliver"
	KindAnswerWipe  = "device.wipe.answer" // acknowledged or failed
)

// Options configure a Registry. The zero value of each field is a working
// default.
type Options struct {
	// Pusher wakes devices that have a command to fetch. Without one they learn
	// of it when they next check in.
	Pusher chatadmin.Pusher
	// MaxPerUser is how many devices a user may have; default 20. Devices that
	// are being wiped, were wiped, or were disabled by their user do not count.
	// Of the last kind at most MaxPerUser are kept beside the others when a new
	// device registers. It bounds what deactivating a user must change at once.
	MaxPerUser int
	// SeenEvery is how old the time of a device's last activity may become
	// before a request renews it; default 5 minutes.
	SeenEvery time.Duration
	// DomainEvery is how long Authorize believes that a domain is active;
	// default 5 seconds.
	DomainEvery time.Duration
}

// Registry knows the devices of all domains. It is safe for many goroutines and
// starts none.
type Registry struct {
	admin   *chatadmin.Admin
	o       Options
	wipes   *chatadmin.Runs[WipeResult]
	seen    activity
	domains sync.Map // chatadmin.ID -> domainState
	swept   sync.Map // chatadmin.ID -> when SendPushes last looked at all pushes
}

var _ signin.Devices = (*Registry)(nil)

// New returns the registry over an Admin, and makes the Admin disable and wipe
// devices with their users. Call it once for each Admin while setting up, in
// every process that changes users. With nil options the defaults hold.
func New(admin *chatadmin.Admin, o *Options) (*Registry, error) {
	if admin == nil {
		return nil, fmt.Errorf("a Registry needs an Admin: %w", chatadmin.ErrInvalid)
	}
	r := &Registry{admin: admin}
	if o != nil {
		r.o = *o
	}
	if r.o.MaxPerUser <= 0 {
		r.o.MaxPerUser = 20
	}
	if r.o.SeenEvery <= 0 {
		r.o.SeenEvery = 5 * time.Minute
	}
	if r.o.DomainEvery <= 0 {
		r.o.DomainEvery = 5 * time.Second
	}
	r.wipes = chatadmin.NewRuns(admin, r.wipeKind())
	e := chatadmin.Extension{
		OnUserChange: r.usersChanged,
		OnEnd:        r.signOut,
		Records:      r.damageable(),
		Workers: []chatadmin.Worker{
			{Name: "device activity", Do: func(ctx context.Context, _ chatadmin.ID) (int, error) { return r.FlushActivity(ctx) }},
			{Name: "removed devices", Due: admin.DueDomains(tombstoneKind), Do: r.pruneTombstones},
		},
	}
	if r.o.Pusher != nil {
		e.Workers = append(e.Workers, chatadmin.Worker{Name: "device pushes", Due: admin.DueDomains(pushKind), Do: r.SendPushes})
	}
	admin.Extend(e)
	return r, nil
}
