package chatadmin

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"chatadmin.example/sdk/chatadmin/texts"
)

// Preset names a set of login rules and the mails that go with them.
type Preset string

const (
	OfficeChat Preset = "officechat" // the login is the e-mail address
	ESChat     Preset = "eschat"     // short logins of letters, digits and dots; e-mail optional
	// any username, never changed and spelled exactly when signing in; e-mail
	// and names mandatory
	Engage Preset = "engage"
)

// LoginPolicy is what a domain demands of logins and names. In every policy two
// logins are the same if Fold makes them the same.
type LoginPolicy struct {
	IsEmail       bool `json:"is_email,omitempty"`       // login and e-mail are one field
	MinLength     int  `json:"min_length,omitempty"`     // in characters; of the login
	MaxLength     int  `json:"max_length,omitempty"`     // in characters; 0: 100
	LettersDigits bool `json:"letters_digits,omitempty"` // the login has letters, digits and "." only
	// letters and digits of the login are a-z, A-Z, 0-9 instead of Unicode's
	ASCII         bool `json:"ascii,omitempty"`
	Immutable     bool `json:"immutable,omitempty"`      // the login is never changed once saved
	Exact         bool `json:"exact,omitempty"`          // signing in needs the exact spelling
	EmailRequired bool `json:"email_required,omitempty"` // implied by IsEmail
	MinFirstName  int  `json:"min_first_name,omitempty"` // in characters; 0: optional
	MinLastName   int  `json:"min_last_name,omitempty"`  // in characters; 0: optional
	SeparateMails bool `json:"separate_mails,omitempty"` // welcome by two mails: the username, then the link
}

// LoginPolicy returns the rules of the preset.
func (p Preset) LoginPolicy() (LoginPolicy, error) {
	switch p {
	case OfficeChat:
		return LoginPolicy{IsEmail: true, EmailRequired: true, MaxLength: 254}, nil
	case ESChat:
		return LoginPolicy{MinLength: 3, MaxLength: 24, LettersDigits: true, MinFirstName: 1, MinLastName: 3}, nil
	case Engage:
		return LoginPolicy{MinLength: 1, Immutable: true, Exact: true, EmailRequired: true, MinFirstName: 1, MinLastName: 1, SeparateMails: true}, nil
	}
	return LoginPolicy{}, fmt.Errorf("preset %q: choose officechat, eschat or engage: %w", Cut(string(p)), ErrInvalid)
}

// Codes of what can be wrong with a user's fields.
const (
	CodeMissing    = "missing"     // a mandatory field is blank
	CodeBadEmail   = "bad_email"   // not one bare e-mail address
	CodeBadLogin   = "bad_login"   // the domain's login rules
	CodeBadName    = "bad_name"    // the domain's rules for first and last names
	CodeTooLong    = "too_long"    // more than the field holds
	CodeBadText    = "bad_text"    // control or invisible characters, or invalid UTF-8
	CodeBadRole    = "bad_role"    // no such role
	CodeBadKind    = "bad_kind"    // neither network nor guest
	CodeTaken      = "taken"       // somebody else has the login
	CodeImmutable  = "immutable"   // the login cannot be changed
	CodeBadManager = "bad_manager" // unknown, the user themselves, or a circle
	CodeBadPolicy  = "bad_policy"  // of a package, in the settings
	CodeBadPreset  = "bad_preset"  // no such set of login rules
	CodeBadVersion = "bad_version" // written by a later version of the library
)

// checkLogin returns what is wrong with a trimmed, non-empty login.
func (p LoginPolicy) checkLogin(login string) (why texts.Message) {
	if p.IsEmail {
		return why // checked as an e-mail address
	}
	n, longest := utf8.RuneCountInString(login), p.MaxLength
	if longest == 0 {
		longest = 100
	}
	switch {
	case n < p.MinLength || n > longest:
		return texts.NewMessage("why.login_length", p.MinLength, longest)
	case p.LettersDigits && strings.ContainsFunc(login, func(r rune) bool { return r != '.' && !p.letterOrDigit(r) }):
		return texts.Message{Text: `a login has letters, digits and "." only, such as John.Smith`}
	}
	return why
}

func (p LoginPolicy) letterOrDigit(r rune) bool {
	if r < utf8.RuneSelf {
		return letterOrDigit(byte(r))
	}
	return !p.ASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r))
}

// checkName returns what is wrong with a first or last name that must have
// least characters.
func checkName(s string, least int) (code string, why texts.Message) {
	switch {
	case least == 0:
	case s == "":
		return CodeMissing, texts.Message{Text: "this field is mandatory"}
	case utf8.RuneCountInString(s) < least:
		return CodeBadName, texts.NewMessage("why.at_least_characters", least)
	case !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }):
		return CodeBadName, texts.Message{Text: "at least one letter or digit is needed"}
	}
	return "", why
}
