// Package texts has what the library says to people: the mails and text
// messages that it composes, the warnings of plans, and what is wrong with a
// field or a row of a file. Other errors are not among it: they stay English.
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
// It prints as English, and a [Printer] says it in another language. What is
// wrong with a field is said by the code of its chatadmin.FieldError:
//
//	words.Sprintf("fault." + wrong.Code)
package texts
