package preferences

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"chatadmin.example/sdk/chatadmin"
)

// ErrChooseAccount is returned by Reply if neither the message, nor the user,
// nor a default says which account replies.
var ErrChooseAccount = chatadmin.ErrInvalid.New("choose_account", "choose the account that replies")

// Reply is an answer to a customer's message.
type Reply struct {
	Platform Platform
	Text     string
	// Mentioned is the account that the customer has written to; "" if they
	// have mentioned none.
	Mentioned string
	// Chosen is the account that the user has picked for this reply; "" if
	// they have picked none.
	Chosen string
}

// Reply returns the account that sends a reply, and its text with the user's
// suffix. The account that the customer has mentioned always replies. Without
// one it is the account chosen for this reply, else the user's default on the
// platform. It returns ErrChooseAccount if there is none.
func (v *Values) Reply(r Reply) (account, text string, err error) {
	switch {
	case r.Mentioned != "":
		account = r.Mentioned
	case r.Chosen != "":
		account = r.Chosen
	default:
		account = v.Account[r.Platform]
	}
	if account == "" {
		return "", "", fmt.Errorf("no account of %q is the default: %w", chatadmin.Cut(string(r.Platform)), ErrChooseAccount)
	}
	return account, WithSuffix(r.Text, v.Suffix[r.Platform]), nil
}

// WithSuffix ends text with a suffix, once: a text that ends with it already, in
// whatever Unicode form, stays as it is, but for spaces at its end. A blank text
// becomes the suffix alone, which is what an empty field for a reply begins
// with.
func WithSuffix(text, suffix string) string {
	suffix = strings.TrimSpace(suffix)
	if suffix == "" {
		return text
	}
	text = strings.TrimRightFunc(text, unicode.IsSpace)
	switch {
	case text == "":
		return suffix
	case endsWith(norm.NFC.String(text), norm.NFC.String(suffix)):
		return text
	}
	return text + " " + suffix
}

// endsWith reports whether the last words of text are the suffix: "BAR" does not
// end with the suffix "AR".
func endsWith(text, suffix string) bool {
	rest, ok := strings.CutSuffix(text, suffix)
	if !ok {
		return false
	}
	last, _ := utf8.DecodeLastRuneInString(rest)
	first, _ := utf8.DecodeRuneInString(suffix)
	word := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) }
	return rest == "" || !word(last) || !word(first)
}
