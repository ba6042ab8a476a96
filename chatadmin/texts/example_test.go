package texts_test

import (
	"fmt"

	"chatadmin.example/sdk/chatadmin/texts"
)

// A host replaces a text. What the library says to people is said in the
// language that is wished for.
func Example() {
	c, err := texts.New([]texts.Language{{Tag: "nl", Texts: map[string]texts.Text{"invite.subject": {"": "Welkom bij %s"}}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Printer("nl-BE").Sprintf("invite.subject", "Acme"))
	warning := texts.NewMessage("warn.erase_reports", 2)
	fmt.Println(warning)
	fmt.Println(c.Printer("de", "en").Message(warning))
	// Output:
	// Welkom bij Acme
	// 2 people will have no manager
	// 2 Personen werden keine vorgesetzte Person mehr haben
}
