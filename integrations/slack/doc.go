// Package slack bridges a group and a channel of Slack: messages, threads,
// edits and deletions go both ways. It is a service for package integrations.
//
//	service, err := slack.New(&slack.Options{ClientID: id,
//		ClientSecret: secret, SigningSecret: signing})
//	x, err := integrations.New(admin, options) // service is one of its Services
//
// # The app
//
// The host has a Slack app (https://api.slack.com/apps). It needs:
//
//   - the redirect URL [integrations.Options].PublicURL + "/callback/slack";
//   - the bot scopes channels:history, channels:read, groups:history,
//     groups:read, chat:write, chat:write.customize and users:read;
//   - Event Subscriptions with the request URL PublicURL + "/events/slack", for
//     the bot events message.channels and message.groups. This one address
//     serves all groups of all workspaces.
//
// Token rotation may be on: tokens are renewed before they end.
//
// An admin of a group makes a draft, authenticates, chooses a channel and
// saves. The draft also shows an address of the group's own. A legacy outgoing
// webhook, which knows no edits, can post to it, as can an app that serves this
// group alone. Events that come both ways are brought in once.
//
// # Settings
//
//	{"channel": "general", "name": "Group feed", "bots": false}
//
// Channel is a channel's ID or name ([integrations.Integrations.Choices] lists
// them). Other channels are ignored. Name is the name that messages are posted
// under, in the group and in Slack; the default is "Slack". With bots, messages
// of other apps come into the group as well. Those of this app never do.
//
// # Rules
//
//   - Events need Slack's signature over the body as it came, at most five
//     minutes old. For outgoing webhooks the team is checked, and the token of
//     the first request is the only one accepted until somebody authenticates
//     again.
//   - A message is brought in once, in whichever form it comes first and however
//     often Slack repeats it.
//   - Nothing echoes: messages of this app are known by its app, bot and user
//     IDs, and by the map of messages.
//   - Outgoing messages carry a key in their metadata. If an answer is lost, the
//     message is looked up by this key instead of being posted twice.
//   - Text of members is escaped ([Escape]): nobody can ping a channel or a
//     person, or disguise a link. Slack's markup becomes plain text ([Plain]).
//   - In a channel that workspaces share (Slack Connect), messages of all of
//     them come in.
//   - A message without text is shown by what it holds: forwarded messages,
//     attachments, blocks, a line for each file. If nothing can be shown, a line
//     says so.
//   - An edit is cut to the 4,000 bytes that Slack takes, and says so at its
//     end.
//   - Limits (Retry-After) and outages are waited for, as is anything that an
//     admin can mend, such as a channel that the app was not invited to. A
//     look-up that is limited continues where it was. An edit or deletion in a
//     channel chosen earlier waits for nothing.
//   - At most 50 names are looked up for the people mentioned in one message.
//
// The calls are those of [integrations.Integrations]. They need
// chatadmin.PermGroups; an admin of the group needs no permission.
package slack
