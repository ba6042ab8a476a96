// Package mailchimp reports in a group what happens in the audiences of a
// Mailchimp account: subscriptions, changes of profile or address, addresses
// that are removed, and campaigns that are sent. It is a service for package
// integrations.
//
//	service, err := mailchimp.New(&mailchimp.Options{ClientID: id,
//		ClientSecret: secret})
//	x, err := integrations.New(admin, options) // service is one of its Services
//
// An admin of a group authenticates by OAuth 2, chooses at least one audience,
// and saves. Saving makes a webhook at each audience, with an address of its
// own; nothing is set up by hand at Mailchimp. Webhooks are compared once a
// day, and when the domain enables the service: a missing one is made again.
// Audiences that are no longer chosen lose their webhook. Disconnecting, or
// deleting the group, removes all of them.
//
// # Settings
//
//	{"audiences": ["a6b5da1054"], "name": "Mailchimp"}
//
// Audiences are IDs ([integrations.Integrations.Choices] lists them). Name is
// the name that messages are posted under; the default is "Mailchimp".
//
// # Rules
//
//   - Requests go to login.mailchimp.com and to the data centre of the account's
//     metadata, such as us21, and nowhere else.
//   - If Mailchimp told the secret of a webhook, requests need its signature, at
//     most two hours old. Otherwise the 256 random bits of the address protect
//     it.
//   - An event is posted once, however often Mailchimp repeats it. A change of
//     address and the change of profile that comes with it are one message; so a
//     changed profile waits for half a minute.
//   - Mailchimp's own words reach the admin. Limits (429 with Retry-After, and a
//     bare 403) and outages are waited for.
//   - Nothing is sent to Mailchimp but requests that make and remove webhooks.
//
// The calls are those of [integrations.Integrations]. They need
// chatadmin.PermGroups; an admin of the group needs no permission.
package mailchimp
