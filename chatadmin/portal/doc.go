// Package portal is the Admin Portal: the pages of this library, as one
// http.Handler that a host mounts under any path. It has no pages that need
// JavaScript, and no request of it leaves the host.
//
//	pages, err := portal.New(admin, &portal.Options{
//		Authenticate: signedIn, // tells who is signed in with the host
//		Path:         "/admin",
//		Imports:      imports,
//		Spool:        spool,
//		Deletions:    deletions,
//		TwoFactor:    second,
//		Devices:      registry,
//		Gate:         gate, // and others: see Options
//	})
//	mux.Handle("/admin/", pages)
//
// # What is shown
//
// A page shows what its reader may do. A package that is not given in Options
// has no pages, and a button that its reader lacks the permission for is not
// there. The library refuses it all the same: every page and every action is a
// call of a chatadmin.Scope in the name of the reader, who is looked up anew in
// each request. The file docs/pages.md lists the pages, with the option and the
// permission that give each.
//
// A GET changes nothing. An action is a POST, is refused if it comes from
// another site, and is answered by a redirect, so that reloading repeats
// nothing. What cannot be undone is reviewed first: the page shows the plan of
// the package, and applies the plan that was shown.
//
// # Long operations
//
// No operation lasts as long as its request. Applying a plan begins a run, and
// chatadmin.Admin.Work continues it; the page of the run shows how far it is.
// An uploaded file lies in a Spool until its import has ended. The host calls
// Admin.Work anyway, and Options.Wake tells it that there is something to do.
//
// # Mails
//
// The portal answers the links of mails: activate sets the first password, and
// import invites the people of an import. They are found if
// chatadmin.Options.LinkBase is the address of the portal.
//
// # Panels
//
// Options.Panels add parts of the host's own to the page of a user, to that of
// a group, and to the first page. One that fails leaves the page as it is. See
// [Panel] and its example.
//
// # Texts
//
// All texts are in files in the folder texts, one for each language, with the
// plural forms of the language: English, French, German, Spanish and Dutch. The
// language of the user decides, then that of the browser, then that of the
// domain. Options.Texts adds languages and replaces texts; what the library says
// is in package texts.
package portal
