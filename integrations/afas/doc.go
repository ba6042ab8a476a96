// Package afas puts messages into the dossiers of AFAS Profit. It is a service
// for the integrations package, and one of users: the domain enables it, each
// user connects their own account.
//
//	service, err := afas.New(nil)
//	x, err := integrations.New(admin, ring, groups, options, service)
//	err = x.EnableService(ctx, boss, "afas", []byte(`{"environment": "12345", "kind": "production"}`))
//
// A user then connects in two steps ([integrations.Integrations.Connect]): with
// the API key and the environment key of an app connector, and the user's name
// at AFAS, a code is requested, which AFAS mails; with the code a token is
// requested, which is kept sealed. The keys are kept, sealed, for an hour at
// most, until the code is redeemed; an account that was connected before goes
// on working meanwhile. [integrations.Integrations.Choices] lists the types of
// dossier items, and [integrations.Integrations.Link] makes a dossier item of a
// message:
//
//	id, err := x.Link(ctx, s, integrations.Of{Service: "afas", Owner: s.Actor()}, "message-4711", integrations.Message{Author: "Ann", Text: "…"},
//		map[string]string{"type": "27", "subject": "Chat: Sales / Acme", "link_type": "17", "link_id": "000256"})
//
// # Settings
//
// Of the domain: environment, the number before .rest.afas.online, and kind:
// production, test or accept. Of the user: {"type": "27"}, the type of dossier
// items where Link names none; saving is optional.
//
// # Rules
//
//   - Requests go to <number>.rest.afas.online, .resttest.afas.online or
//     .restaccept.afas.online, by the domain's settings, and nowhere else.
//   - AFAS's own words reach the user. Where it asks to wait, be it in a header
//     or, as in maintenance, in the body (retry_after), the error says so.
//   - A message becomes one dossier item for each key. Where an answer was
//     lost, nobody knows, and the key is used up: [integrations.ErrUnsure].
//
// Its calls are those of [integrations.Integrations], made by the user whose
// account it is; EnableService needs chatadmin.PermServices.
package afas
