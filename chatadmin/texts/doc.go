// Package texts has what the library says to people: the mails and text
// messages that it composes, the warnings of plans, what is wrong with a field
// or a row of a file, and what other errors are about. Error() itself stays
// English.
//
//	_, settings, err := s.View(ctx, "")
//	words := admin.Speak(&settings, &user) // in the language of the user
//	words.Sprintf("invite.subject", domain.Name)
//	for _, w := range plan.Warnings {
//		fmt.Println(words.Message(w))
//	}
//
// # Languages
//
// The texts of each language are in a JSON file in the folder lang: English,
// French, German, Spanish and Dutch. A text has a key, the verbs %d and %s of
// package fmt for its values, and as many plural forms as the language has
// (CLDR); the first value decides which. Numbers are written as the language
// writes them. A host replaces texts, and adds languages, by
// chatadmin.Options.Texts; package portal has texts of its own in the same form.
//
// # Messages
//
// A [Message] is a sentence with the code and the values that it was made of.
// It prints as English, and a [Printer] says it in another language. A
// chatadmin.FieldError has one, and so have errors that name something, such as
// a user, a group or a limit:
//
//	words.Message(wrong.Message())
//	if m, ok := texts.Explanation(err); ok {
//		fmt.Println(words.Message(m))
//	}
//
// Any other error is said by its code: words.Sprintf("fault." + chatadmin.Code(err)).
package texts
