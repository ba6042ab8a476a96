package twofa

import (
	"chatadmin.example/sdk/chatadmin/signin"
)

// Rule is why a code is asked for, or not: the first rule of the list that
// applies.
type Rule string

// The rules, in the order in which they are tried.
const (
	RuleOff       Rule = "off"       // the domain has it switched off
	RuleFederated Rule = "federated" // Google and SAML do their own checks
	RuleMobile    Rule = "mobile"    // native clients on iOS and Android are not asked
	// the browser or desktop client has passed, and is remembered
	RuleTrusted Rule = "trusted"
	RuleAsked   Rule = "asked" // everything else, and whatever is not known
)

// String returns the rule as a sentence for the administrator.
func (r Rule) String() string {
	switch r {
	case RuleOff:
		return "two-factor authentication is off in this domain"
	case RuleFederated:
		return "who signs in by Google or SAML is checked there"
	case RuleMobile:
		return "native mobile clients are not asked"
	case RuleTrusted:
		return "this client has passed before and is remembered"
	}
	return "a code is asked for"
}

// Decide returns the rule by which a sign-in is asked for a code. Remembered
// clients are looked at afterwards. Network users and guests are treated alike.
// An unknown client or method is treated like a browser and a password.
func Decide(p Policy, client signin.Client, method signin.Method) Rule {
	switch {
	case p.Mode == Off:
		return RuleOff
	case method == signin.Google || method == signin.SAML:
		return RuleFederated
	case client == signin.IOS || client == signin.Android:
		return RuleMobile
	}
	return RuleAsked
}

// rememberable reports whether a client of this kind may be remembered: a
// browser or a desktop client, if it is known to be one.
func rememberable(c signin.Client) bool {
	return c == signin.Web || c == signin.Desktop || c == signin.Mac
}
