// Package mailchimp reports what happens in the audiences of a Mailchimp
// account in a group: people who subscribe, unsubscribe, change their profile
// or their address, addresses that are removed, campaigns that are sent. It is
// a service for the integrations package.
//
//	service, err := mailchimp.New(&mailchimp.Options{ClientID: …, ClientSecret: integrations.Hide(…)})
//	x, err := integrations.New(admin, ring, groups, options, service)
//
// An admin of a group authenticates by OAuth 2, chooses at least one audience,
// and saves. That makes a webhook at each audience, with an address of its own;
// nothing is set up by hand at Mailchimp. Saving again mends what was changed
// there, audiences that are no longer chosen lose their webhook, and
// disconnecting or deleting the group removes all.
//
// # Settings
//
//	{"audiences": ["a6b5da1054", …], "name": "Mailchimp"}
//
// Audiences are given by ID ([integrations.Integrations.Choices] lists them);
// name is what messages are posted as, by default "Mailchimp".
//
// # Rules
//
//   - Requests go to login.mailchimp.com and to the data centre that the
//     account's metadata name, in the form us21, and nowhere else.
//   - A webhook whose secret Mailchimp has told is accepted only with its
//     signature, at most two hours old. Otherwise the 256 random bits of its
//     address are what protects it.
//   - An event is posted once, however often Mailchimp repeats it. A change of
//     address and the change of profile that comes with it are one message; so
//     a changed profile waits for half a minute.
//   - Mailchimp's own words reach the admin; limits (429 with Retry-After, and
//     a bare 403) and outages are waited for.
//   - Nothing is sent to Mailchimp but what makes and removes webhooks.
//
// Its calls are those of [integrations.Integrations]; they need
// chatadmin.PermGroups or to be an admin of the group.
package mailchimp
