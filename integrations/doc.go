// Package integrations connects the groups and users of a chat product to
// services of the outside, such as Slack, Mailchimp and AFAS. Each service is a
// package below this one, with a fake provider for tests beside it; ADDING.md
// shows how another one is written.
//
// # How to use it
//
//	slack, err := slack.New(&slack.Options{ClientID: …, ClientSecret: integrations.Hide(…), SigningSecret: integrations.Hide(…)})
//	x, err := integrations.New(admin, ring, groups, &integrations.Options{PublicURL: "https://chat.example.com/integrations", SignedIn: session}, slack)
//	mux.Handle("/integrations/", x.Handler()) // webhooks and OAuth callbacks
//
//	// In a worker, every second or so:
//	err = x.Deliver(ctx)
//
//	// Wherever the host posts, edits or deletes a message of a group:
//	_, err = x.Tell(ctx, domain, integrations.Message{Op: integrations.Posted, Group: group, ID: id, Author: "Ann", Text: "…", Origin: origin})
//
// [Groups] is what the host implements: posting, editing and deleting in a
// group. A domain admin enables a service ([Integrations.EnableService]); then
// an admin of a group makes a draft ([Integrations.Draft], which shows the
// webhook's address), authenticates with the provider ([Integrations.Connect]),
// chooses ([Integrations.Choices]) and saves ([Integrations.Save]). Services of
// users are connected by each user in the same way.
//
// # What holds
//
//   - Nothing is accepted or sent while the domain has the service disabled, is
//     suspended, or the settings are a draft. Settings survive.
//   - A request from outside is kept in one transaction before it is answered,
//     once per event, however often and in whatever form the provider tells it;
//     what a stranger sends is refused before that.
//   - Messages wait in order per connection: those of the group as they were
//     told of, over whatever processes and clocks, those from the provider by
//     [Event].Key. After a failure the connection pauses, twice as long each
//     time up to a quarter of an hour, or as long as the provider wishes, at
//     most a day; the others go on. A message that is delivered ends the row of
//     failures, so that a limit of one message a second is met by one message a
//     second. What is refused for good, or fails for a day in which the queue
//     delivers nothing, becomes a dead letter, which an admin can look at,
//     retry and discard, for 30 days. A message that is deleted before it has
//     gone out is kept no longer, nor is what a deleted user wrote, where the
//     host says who did ([Message].AuthorID).
//   - Outgoing messages arrive at least once, and once where the provider lets
//     a lost answer be looked up (Slack does). Incoming ones are posted at
//     least once under the same [Post].Key: a host that posts once per key has
//     each once.
//   - Whatever is not carried is logged and counted by its reason, see
//     [Status].Ignored.
//   - A clock that was ahead and is put right halts nothing: pauses, leases,
//     sign-ins and due times from it are not believed. Deliver looks for them
//     when it is first called, when the clock goes back, and every hour.
//   - A record that cannot be read carries nothing, and keeps nothing else from
//     being carried. EnableService, Disconnect and Discard repair it.
//   - Nothing echoes: [Message].Origin, the provider's own marks, and the map
//     of messages each suffice.
//   - An OAuth state works once, for ten minutes, for one actor in their own
//     browser, one connection and one provider; whoever was demoted meanwhile
//     is refused. Tokens are sealed by the key ring, bound to their connection,
//     and erased when it is disconnected, when its group is deleted, or when
//     the user who authorised it is; then the admins of the group are told, and
//     the provider's side is ended by Deliver. Secrets that do not open,
//     because their key is gone, keep nothing from being ended here. Reseal is
//     what lets a key go.
//   - Requests leave only for hosts that the service lists, over https, without
//     redirects, with limits on time and size. No secret stands in errors,
//     logs, events or formatted values ([Secret]).
//
// # Who may do what
//
//	(none)        Services, which shows to who lacks integrations only what is enabled
//	integrations  EnableService, DisableService
//	groups        Draft, Status, Choices, Connect, Save, Disconnect, DeadLetters, Retry, Discard; an admin of the group may too, and for a service of users only that user
//	(oneself)     Link
//	(host)        Deliver, Handler, Reseal, ResumeReseal, Tell
package integrations
