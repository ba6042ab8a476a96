// Package slack bridges a group and a channel of Slack: messages, threads,
// edits and deletions go both ways. It is a service for the integrations
// package.
//
//	service, err := slack.New(&slack.Options{ClientID: …, ClientSecret: integrations.Hide(…), SigningSecret: integrations.Hide(…)})
//	x, err := integrations.New(admin, ring, groups, options, service)
//
// The host has a Slack app (https://api.slack.com/apps) with
// [integrations.Options].PublicURL + "/callback/slack" among its redirect URLs,
// and the bot scopes channels:history, channels:read, groups:history,
// groups:read, chat:write, chat:write.customize and users:read. An admin of a
// group makes a draft, which shows the webhook's address, authenticates,
// chooses a channel and saves. What Slack is to send there comes in one of two
// forms, or both: the Events API (message.channels and message.groups, with the
// address as request URL; save first, for Slack looks whether it answers), or a
// legacy outgoing webhook, which knows no edits. An app has one request URL
// only: where the same app serves several groups, one of them can have the
// events, and the others take outgoing webhooks.
//
// # Settings
//
//	{"channel": "general", "name": "Group feed", "bots": false}
//
// Channel is a channel's ID or name ([integrations.Integrations.Choices] lists
// them); all others are ignored. Name is what messages are posted as, in the
// group and in Slack, by default "Slack". With bots, messages of other apps
// come into the group as well; those of this app never do.
//
// # Rules
//
//   - Events are accepted only with Slack's signature over the body as it came,
//     at most five minutes off. Of outgoing webhooks the team is checked, and
//     the token that the first one brings is the only one accepted from then
//     on, until somebody authenticates again.
//   - A message is brought in once, by whichever form it comes first, and
//     however often Slack repeats it.
//   - Nothing echoes: messages of this app are told by its app, bot and user
//     IDs, and by the map of messages.
//   - Outgoing messages carry a key in their metadata, by which one whose
//     answer was lost is found in the channel's history instead of being posted
//     twice.
//   - What members write is escaped ([Escape]): nobody pings a channel or a
//     person, or makes a link with another name. Slack's markup becomes plain
//     text ([Plain]).
//   - In a channel that workspaces share (Slack Connect) messages of all of
//     them come in.
//   - A message without text is shown by what it holds: forwarded messages,
//     attachments, blocks, a line for each file; or by a line that says that
//     there is one.
//   - An edit is cut to the 4,000 bytes that Slack takes, and says so at its
//     end.
//   - A look-up that is limited goes on where it was.
//   - Limits (Retry-After) and outages are waited for; what an admin can mend,
//     such as a channel that the app was not invited to, too. An edit or
//     deletion in a channel chosen earlier waits for nothing.
//   - Of whom one message mentions, the names of 50 people at most are asked
//     for.
//
// Its calls are those of [integrations.Integrations]; they need
// chatadmin.PermGroups or to be an admin of the group.
package slack
