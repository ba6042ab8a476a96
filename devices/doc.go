// Package devices keeps the native clients of a domain's users: which of them
// are registered, which are let in, when they were active last, and which must
// remove all of the network's content. It answers each request of a device with
// one indexed read.
//
// # Wiring
//
//	admin, err := chatadmin.New(store, &chatadmin.Options{…})
//	// From now on devices follow their users.
//	registry, err := devices.New(admin, &devices.Options{Pusher: pusher})
//	handler := registry.Handler(whoIsIt, nil)
//	http.Handle("/devices/", http.StripPrefix("/devices", handler))
//
//	// In front of every request of a native client:
//	session, err := registry.Authorize(r.Context(), devices.Bearer(r))
//	if err != nil { … 401 … }
//
//	// In the host's worker, about every minute:
//	admin.Work(ctx)
//
//	// In the admin pages, in the name of the user who is signed in:
//	s := admin.As(domain, boss)
//	q, p := devices.Query{Search: "ann"}, chatadmin.Page{Limit: 50}
//	page, next, err := registry.DevicesPage(ctx, s, q, p)
//	registry.Wipe(ctx, s, page[0].ID)
//
// The sign-in gate asks a Registry about devices, too: see
// [Registry.DeviceAllowed].
//
// # What happens to a device
//
// A device is registered for a user, by the client's own device id: two people
// who share a phone have two devices. Each registration that lets it in begins
// a new generation, with two new credentials. The session token is for
// [Registry.Authorize]; it is dead for good as soon as the device is disabled.
// The wipe token is for [Registry.CheckIn] and [Registry.Acknowledge] alone. It
// lives as long as the generation, so that a device that is locked out still
// learns what to do, even after it or its user was deleted. Until it has
// answered, its ID, its generation, the command and the hash of the wipe token
// are kept. Registering again does not evade a pending wipe: as long as the
// user is there, a device that was removed is found again.
//
// A wipe is a command that waits until it is answered. It is requested, then
// delivered, then acknowledged or failed; before the delivery it can be
// cancelled. Asking for it disables the device at once. A device whose wipe is
// pending cannot be enabled and begins no new generation. The same command is
// delivered again until it is answered: a client carries it out and then
// answers; if it crashes in between, it does so again. Answers to earlier
// commands, with earlier credentials, or a second time change nothing.
//
// Deactivating or denying a user disables their devices in the same
// transaction, whatever does it: a call, an import, a sign-in. When the access
// comes back, devices that nothing else has disabled are enabled, and must
// register again. Deleting a user asks for the wipe of all their devices.
// README.md beside this file has the tables of all states and events, made from
// the code.
//
// # Who may do what
//
// A call needs the permission in its line, and power over the users whose
// devices it changes: see chatadmin.Writer.MayActOn. Taking back a wipe needs
// power over the user who asked for it, too. If the host asked for it, or a
// user who was deleted since, only the host and domain admins can take it back.
// An ID of another domain behaves like one that does not exist.
//
//	devices   Devices, DevicesPage, Pending, History, Disable, Enable, Wipe,
//	          CancelWipe, Remove, PlanWipe, ApplyWipe, ResumeWipe, WipeRun,
//	          WipeRuns
//	(none)    Devices, DevicesPage and Disable for one's own devices; Register
//	          for oneself or by the host; WipeRun for one's own runs
//
// A run continues in the name of the actor who began it. An actor with the
// permission takes it over, or cancels it, by chatadmin.Scope.TakeOverRun and
// CancelRun, with the same power as for taking back a wipe. Cancelling a run
// ends it; wipes that it has asked for stay pending.
//
// The device itself calls Authorize, CheckIn and Acknowledge, by its
// credentials. DeviceAllowed, FlushActivity, SendPushes and Handler are for the
// host.
//
// Audit events have the kinds device.register, device.disable, device.enable,
// device.remove, device.wipe, device.wipe.cancel, device.wipe.deliver and
// device.wipe.answer. Options.Before of the Admin is shown each change first,
// with the devices as targets (registering: the user), and may refuse it.
// FlushActivity and SendPushes are shown as device.seen and device.push, and
// leave no event. Devices that follow their users are part of the change of the
// user.
//
// # Bounds
//
// A call changes up to 500 devices, in one transaction. Wiping more is planned,
// and is a run. A user has at most Options.MaxPerUser devices (20). Devices
// that the user has disabled do not count, and are at most as many once another
// one is registered. Devices that an administrator has had wiped do not count.
// This bounds what deactivating a thousand users at once must write: usually
// two or three devices each, at worst 40,000, and the wiped ones. Of the
// commands of a device the last hundred are kept. What leads to a device that
// was removed goes a month or two after its wipe was answered.
//
// # Damaged data
//
// A device whose data cannot be read, because of a fault or a newer version of
// this library, is not let in and cannot register. Its user can still be
// deactivated, denied and deleted, and other devices are not affected. A
// command that cannot be read counts as a pending wipe if it may have been one:
// the device gets the order under a new ID, and only the host and domain admins
// can cancel it. While the way to a removed device cannot be read, no device
// registers under its device id. A damaged push is put off; a damaged line of
// the history is left out.
//
// chatadmin.Scope.Damaged lists all of this, and chatadmin.Scope.Repair repairs
// it, with the permission devices: a device is then disabled, as by an
// administrator; a command that may be a pending wipe becomes one; anything
// else is deleted.
//
// # The device side
//
// [Registry.Handler] answers POST requests with JSON objects of at most 8 KiB.
// They need Content-Type: application/json, and hold the fields below alone,
// each once, as strings. [Client] speaks the protocol in Go.
//
//	POST register      authenticated by the host
//	    {"device_id": "…", "type": "ios|android|windows|mac|linux|other",
//	     "name": "…", "version": "…", "push_token": "…"}
//	    → {"device": ID, "generation": 1, "status": "enabled|disabled",
//	       "wipe": "none|requested|delivered|…",
//	       "token": "…", "wipe_token": "…"}
//	POST checkin       Authorization: Bearer WIPE_TOKEN
//	    {}
//	    → {"commands": [{"id": "…", "kind": "wipe"}]}
//	POST acknowledge   Authorization: Bearer WIPE_TOKEN
//	    {"command": ID, "outcome": "done|failed", "detail": "…"}
//	    → {"state": "acknowledged|failed"}
//
// A disabled device gets no "token" when it registers. It keeps the wipe token
// in place of the one before; if the wipe is pending, it checks in at once. A
// device also checks in when a push wakes it, now and then, and if a request of
// it was refused. It acknowledges a command after carrying it out, and repeats
// that until there is an answer; what it said first counts. "detail" says what
// went wrong; its first 64 bytes are kept.
//
// Errors are {"error": {"code", "message"}}:
//
//	400 invalid
//	401 refused            not the present credential, or nothing is left to do
//	                       for a device that was deleted: register again
//	403 forbidden
//	404 not_found
//	405 method
//	409 stale, too_many_devices
//	413 too_long
//	415 media_type
//	429 too_many           with Retry-After
//	503 unavailable        with Retry-After
package devices
