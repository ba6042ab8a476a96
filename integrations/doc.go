// Package integrations connects the groups and users of a chat product to
// outside services such as Slack, Mailchimp and AFAS. Each service is a package
// below this one, with a fake provider for tests beside it. ADDING.md shows how
// to write another one.
//
// # How to use it
//
//	sl, err := slack.New(&slack.Options{ClientID: id, ClientSecret: secret,
//		SigningSecret: signing})
//	x, err := integrations.New(admin, &integrations.Options{
//		Keys:      ring,
//		Groups:    groups,
//		Services:  []integrations.Service{sl},
//		PublicURL: "https://chat.example.com/integrations",
//		SignedIn:  session,
//	})
//	mux.Handle("/integrations/", x.Handler())
//
//	// In a worker, every minute or so. It does everything periodic.
//	_, err = admin.Work(ctx)
//
//	// In a worker, every second or so, for messages to go out at once.
//	err = x.Deliver(ctx)
//
//	// Wherever the host posts, edits or deletes a message of a group.
//	_, err = x.Tell(ctx, domain, integrations.Message{Op: integrations.Posted,
//		Group: group, ID: id, Author: "Ann", Text: text, Origin: origin})
//
// The host implements [Groups]: posting, editing and deleting in a group.
//
// A domain admin enables a service ([Integrations.EnableService]). An admin of
// a group then makes a draft ([Integrations.Draft], which shows the webhook's
// address), authenticates with the provider ([Integrations.Connect]), chooses
// ([Integrations.Choices]) and saves ([Integrations.Save]). Users connect
// services of their own in the same way.
//
// # Requests from providers
//
//   - Each connection of a service with a hook has an address of its own, with
//     256 random bits in its path.
//   - One address, PublicURL + "/events/slack", serves all events of a Slack
//     app. An event goes to every group that has saved its channel. See
//     [Router].
//   - A request is kept in one transaction before it is answered, once per
//     event. Requests of strangers are refused before that.
//   - Nothing is accepted or sent while the domain has disabled the service, is
//     suspended, or the settings are a draft. The settings are kept.
//
// # Delivery
//
//   - Messages wait in order per connection: those of a group in the order of
//     the calls of Tell, those of a provider by [Event].Key.
//   - After a failure a connection pauses: first a second, then twice as long
//     each time, at most 15 minutes. If the provider asks for a longer pause, it
//     gets it, up to a day. Other connections go on.
//   - A delivered message resets the pause. A limit of one message a second is
//     met by one message a second.
//   - A message becomes a dead letter if it is refused for good, or if its queue
//     delivers nothing for a day. An admin can look at it, retry and discard it
//     for 30 days.
//   - Outgoing messages arrive at least once; exactly once if the provider can
//     look up a message whose answer was lost, as Slack can. Incoming messages
//     are posted at least once under the same [Post].Key.
//   - Nothing echoes: [Message].Origin, the provider's own marks and the map of
//     messages each prevent it.
//   - A message that is deleted before it goes out is deleted from the queue.
//     Messages of a deleted user go with the user, if the host sets
//     [Message].AuthorID.
//   - What is not carried is logged and counted by its reason: see
//     [Status].Ignored.
//
// # Accounts
//
//   - An OAuth state works once, for ten minutes, for one actor in their own
//     browser, one connection and one provider. An actor who was demoted in the
//     meantime is refused.
//   - Tokens are sealed by the key ring and bound to their connection.
//     Disconnecting erases them, as does deleting the group or the user who
//     authorised them; then the admins of the group are told. Deliver ends the
//     account at the provider.
//   - Tokens that expire are renewed before they do, once for all connections of
//     one account. See [Renewer].
//   - What is configured is compared with the provider once a day, when it is
//     saved, and when the domain enables the service. A webhook that is gone is
//     made again. If an admin must act, [Status].Problem says so, and the admins
//     are told once by mail. See [Status].Checked.
//   - Reseal lets a key of the ring go.
//   - Requests go only to hosts that the service lists, over https, without
//     redirects, with limits on time and size. Errors, logs, events and
//     formatted values hold no secret ([Secret]).
//
// # Damage and clocks
//
//   - A record that cannot be read carries nothing and delays nobody else.
//     [chatadmin.Scope.Damaged] lists it and [chatadmin.Scope.Repair] repairs
//     it; EnableService, Disconnect and Discard repair what they are called for.
//   - A clock that was ahead and is put right stops nothing. Pauses, leases,
//     sign-ins and due times written by it are ignored. Deliver looks for them in
//     its first call, when the clock goes back, and every hour. No clock that
//     jumps ahead deletes a dead letter: its days are counted one by one.
//
// # Permissions
//
//	(none)        Services, which lists to others only the enabled ones
//	integrations  EnableService, DisableService
//	groups        Draft, Status, Choices, Connect, Save, Disconnect
//	groups        DeadLetters, Retry, Discard
//	(oneself)     Link
//	(host)        Deliver, Form, Handler, Reseal, ResumeReseal, Tell
//
// An admin of a group needs no permission for that group. For a service of
// users, only the user may make the calls of "groups".
package integrations
