// Package devices knows the native clients of a domain's users: which are
// registered, which are let in, when they were active last, and which are to
// remove all of the network's content. It answers each request of a device with
// one indexed read.
//
// # Wiring
//
//	admin := chatadmin.New(store, &chatadmin.Options{…})
//	registry := devices.New(admin, &devices.Options{Pusher: pusher}) // from now on devices follow their users
//	http.Handle("/devices/", http.StripPrefix("/devices", registry.Handler(whoIsIt, nil)))
//
//	// In front of every request of a native client:
//	session, err := registry.Authorize(r.Context(), devices.Bearer(r))
//	if err != nil { … 401 … }
//
//	// In the host's worker, about every minute:
//	registry.FlushActivity(ctx)
//	registry.SendPushes(ctx, domain)
//
//	// In the admin pages, in the name of whoever is signed in:
//	s := admin.As(domain, boss)
//	page, next, err := registry.List(ctx, s, devices.Query{Search: "ann"}, chatadmin.Page{Limit: 50})
//	registry.Wipe(ctx, s, page[0].ID)
//
// A Registry is also what the sign-in gate asks about devices: see
// [Registry.DeviceAllowed].
//
// # What happens to a device
//
// A device is registered for a user, by the client's own device id: two people
// who share a phone have two. Each registration that lets it in is a new
// generation, with two new credentials. The session token is for
// [Registry.Authorize], and is dead for good as soon as the device is disabled.
// The wipe token is for [Registry.CheckIn] and [Registry.Acknowledge] alone; it
// lives as long as the generation, so that a device that is locked out can
// still be told what to do, even after the device or its user were deleted:
// then nothing is kept but the device's ID, the generation, the command and the
// hash of the wipe token, until the device has answered. A device that was
// removed before it answered does not get round the wipe by registering again:
// whose it was is known as long as the user is there.
//
// A wipe is a command that waits until it is answered: requested, delivered,
// acknowledged or failed; or cancelled, before it is delivered. Asking for it
// disables the device at once. A device whose wipe is pending cannot be
// enabled, and cannot become a new generation, without cancelling or answering
// it. It is delivered to the generation it was asked for, as the same command
// again and again until it is answered: a client carries it out, and then
// answers; if it crashes in between, it does so again. Answers to earlier
// commands, by earlier credentials, or a second time change nothing.
//
// Deactivating or denying a user disables their devices in the same
// transaction, whoever does it: a call, an import, a sign-in. When the access
// comes back, those not disabled by something else are enabled, and must
// register again. Deleting a user asks for the wipe of all their devices.
// README.md beside this file has the tables of all states and events, made from
// the code.
//
// # Who may do what
//
// A call needs the permission in its line, and power over the users whose
// devices it changes: see chatadmin.Work.MayActOn. Taking back a wipe needs
// power over the user who asked for it, too; if the host asked for it, or
// somebody who was deleted since, it takes the host or a domain admin. An ID of
// another domain behaves like one that does not exist.
//
//	devices   List, All, Pending, History, Disable, Enable, Wipe, CancelWipe, Remove, PlanWipe, ApplyWipe, ResumeWipe (and to have begun the job)
//	(none)    List, All and Disable, for one's own devices; Register, for oneself or by the host
//
// The device itself calls Authorize, CheckIn and Acknowledge, by its
// credentials. DeviceAllowed, FlushActivity, SendPushes and Handler are the
// host's.
//
// Audit events have the kinds device.register, device.disable, device.enable,
// device.remove, device.wipe, device.wipe.cancel, device.wipe.deliver and
// device.wipe.answer. Options.Before of the Admin is shown each of them first,
// with the devices as targets (registering: the user), and may refuse it;
// FlushActivity and SendPushes are shown as device.seen and device.push, and
// leave no event. Devices that follow their users are part of the change of the
// user, which it is shown.
//
// # Bounds
//
// A call changes up to 500 devices, in one transaction; wiping more is planned,
// and runs as a job. A user has at most Options.MaxPerUser devices (20); those
// that the user has disabled do not count, and are at most as many once another
// one is registered; those that an administrator has had wiped do not count
// either. This bounds what deactivating a thousand users at once has to write:
// usually two or three devices each, 40,000 at the very worst, and what was
// wiped.
//
// # The device side
//
// [Registry.Handler] answers POST requests with JSON objects of at most 8 KiB,
// which must have Content-Type: application/json, no fields beside these, none
// twice, and strings only. [Client] speaks it in Go.
//
//	POST register      authenticated by the host
//	    {"device_id": "…", "type": "ios|android|windows|mac|linux|other", "name": "…", "version": "…", "push_token": "…"}
//	    → {"device": ID, "generation": 1, "status": "enabled|disabled", "wipe": "none|requested|delivered|…", "token": "…", "wipe_token": "…"}
//	      A disabled device gets no "token". Where the wipe is pending: check in at once. Keep the wipe token in place of the one before.
//	POST checkin       Authorization: Bearer WIPE_TOKEN
//	    {}
//	    → {"commands": [{"id": "…", "kind": "wipe"}]}
//	      When woken by a push, now and then, and whenever a request of the device was refused.
//	POST acknowledge   Authorization: Bearer WIPE_TOKEN
//	    {"command": ID, "outcome": "done|failed", "detail": "…"}
//	    → {"state": "acknowledged|failed"}
//	      After it was carried out. Of the detail, which is what went wrong, 64 bytes are kept. Repeat it until there is an answer; what was said first counts.
//
// Errors are {"error": {"code", "message"}}: 400 invalid, 401 refused (a
// credential that is not that of the present registration, or nothing is left
// to do for a device that was deleted: register again), 403 forbidden, 404
// not_found, 405 method, 409 stale or too_many_devices, 413 too_long, 415
// media_type, 429 too_many and 503 unavailable (both with Retry-After).
package devices
