// Package fields lets a domain declare fields of its own for its users, such as
// a cost centre or the date of hiring.
//
//	f, err := fields.New(admin, nil)
//	run, err := f.Declare(ctx, s, fields.Field{Name: "Cost centre", Kind: fields.Number}, nil)
//	user, err := s.CreateUser(ctx, chatadmin.NewUser{Login: "ann",
//		Parts: []chatadmin.UserPart{f.Part(map[string]string{"Cost centre": "4711"})}})
//	for user, err := range f.Find(ctx, s, "cost centre", "4711") { … }
//
// # Values
//
// A field is a text, a number, a date, or one of several choices. Values are
// checked and brought into one form wherever they come from: the form of a user,
// or a CSV file, whose columns have the names of the fields. They are exported,
// appear in the audit log, and are deleted with the user.
//
//	Kind    takes                                     kept as
//	Text    at most 250 bytes on one line             it is given, without spaces around
//	Number  digits, "." and a sign, 40 at most        1.5 for +01.50
//	Date    a day of the years 1 to 9999, as ISO 8601 2026-03-01
//	Choice  one of Field.Choices, in any case         the choice as it was declared
//
// A declaration says what new values must be. Values that are there already stay
// as they are until somebody changes them.
//
// # Search
//
// Find lists the users who have a value, by one indexed read a page. Texts are
// compared without regard to case and Unicode form. For each value of a user
// there is one record, whose kind is a hash of field and value and which the
// user owns. So the deletion of the user deletes it, and what is searched for
// appears in no key.
//
// # Declaring and removing
//
// Declare is a run: it looks for values that the domain's users have under that
// name already, and makes them searchable. Meanwhile the field is in use, but
// Find returns ErrState. Removing a field deletes its values. It is planned
// first, and a run too. See chatadmin.Run for what interrupts runs and how they
// continue.
//
// # Who may do what
//
//	domain      Declare, Plan, Apply, Resume, Run
//	users.read  Find, FindPage
//	(none)      List
//
// Values of users need what creating, editing and importing users needs.
package fields
