// Package afas puts messages into the dossiers of AFAS Profit. It is a service
// of users for package integrations: the domain enables it, and each user
// connects an account of their own.
//
//	service, err := afas.New(nil)
//	x, err := integrations.New(admin, options) // service is one of its Services
//	err = x.EnableService(ctx, boss, "afas",
//		[]byte(`{"environment": "12345", "kind": "production"}`))
//
// A user connects in two steps ([integrations.Integrations.Connect]). With the
// API key and the environment key of an app connector, and the user's name at
// AFAS, a code is requested, which AFAS mails. With the code a token is
// requested, which is kept sealed. The keys are kept, sealed, until the code is
// redeemed, for an hour at most. An account that was connected before goes on
// working meanwhile.
//
// [integrations.Integrations.Choices] lists the types of dossier items, and
// [integrations.Integrations.Link] makes a dossier item of a message:
//
//	of := integrations.Of{Service: "afas", Owner: s.Actor()}
//	m := integrations.Message{Author: "Ann", Text: text}
//	id, err := x.Link(ctx, s, of, "message-4711", m, map[string]string{
//		"type": "27", "subject": "Chat: Sales / Acme",
//		"link_type": "17", "link_id": "000256",
//	})
//
// # Settings
//
// Of the domain: environment, the number before .rest.afas.online, and kind:
// production, test or accept. Of the user: {"type": "27"}, the type of dossier
// items if Link names none; saving is optional.
//
// # Rules
//
//   - Requests go to <number>.rest.afas.online, .resttest.afas.online or
//     .restaccept.afas.online, by the domain's settings, and nowhere else.
//   - AFAS's own words reach the user. If it asks to wait, in a header or, during
//     maintenance, in the body (retry_after), the error says so.
//   - A message becomes one dossier item for each key. If an answer is lost, the
//     key is used up: [integrations.ErrUnsure].
//
// Each user makes the calls of [integrations.Integrations] for their own
// account. EnableService needs chatadmin.PermServices.
package afas
