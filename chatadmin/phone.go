package chatadmin

import (
	"strings"
	"sync"

	"github.com/nyaruka/phonenumbers"
)

// PhoneE164 turns a phone number as people type it into E.164 ("+" and digits),
// or returns "" where it is not a possible number. Possible means that its
// length fits its country, not that somebody has it. A number without "+" is
// read as one of region, an ISO 3166 code such as "NL"; with region "" it needs
// the "+".
func PhoneE164(typed, region string) string {
	if typed == "" {
		return ""
	}
	if e164, sure := plainInternational(typed); sure {
		return e164
	}
	n, err := phonenumbers.Parse(typed, strings.ToUpper(region))
	if err != nil || phonenumbers.IsPossibleNumberWithReason(n) != phonenumbers.IS_POSSIBLE || n.GetExtension() != "" {
		return ""
	}
	return phonenumbers.Format(n, phonenumbers.E164)
}

// plainInternational answers for numbers such as "+31 6 1234-5678" or
// "(+91)1234123411" from a small table, which costs a hundredth of parsing with
// the full metadata. sure is false where only the full parser can tell.
func plainInternational(typed string) (e164 string, sure bool) {
	var buf [1 + 15]byte
	n := 0
	for i := 0; i < len(typed); i++ {
		switch c := typed[i]; {
		case '0' <= c && c <= '9':
			if n == 0 || n == len(buf) || n == 1 && c == '0' {
				return "", false
			}
			buf[n] = c
			n++
		case c == '+':
			if n > 0 {
				return "", false
			}
			buf[0], n = '+', 1
		case c == ' ' || c == '-' || c == '.' || c == '(' || c == ')':
		default:
			return "", false
		}
	}
	digits := buf[1:max(n, 1)]
	rules, code := phoneRules(), 0
	for i := 0; i < len(digits) && i < 3; i++ {
		code = code*10 + int(digits[i]-'0')
		rule := &rules[code]
		if rule.lengths == 0 {
			continue
		}
		national := digits[i+1:]
		if !rule.plain || len(national) == 0 || national[0] == '0' || rule.trunk != "" && strings.HasPrefix(string(national), rule.trunk) ||
			rule.lengths&(1<<len(national)) == 0 {
			return "", false
		}
		return string(buf[:n]), true
	}
	return "", false
}

type phoneRule struct {
	// nothing but a fixed trunk prefix is ever taken off a national number
	plain   bool
	trunk   string // that prefix, often "0"
	lengths uint32 // bit n: a national number may have n digits
}

// phoneRules condenses the metadata to what plainInternational asks, by country
// calling code. A code that is not given to a country has no lengths.
var phoneRules = sync.OnceValue(func() *[1000]phoneRule {
	rules := &[1000]phoneRule{}
	all, err := phonenumbers.MetadataCollection()
	if err != nil {
		return rules // every number takes the long way
	}
	for _, m := range all.GetMetadata() {
		code := int(m.GetCountryCode())
		if region := phonenumbers.GetRegionCodeForCountryCode(code); region != m.GetId() || region == "001" {
			continue
		}
		rule := phoneRule{plain: true, trunk: m.GetNationalPrefixForParsing()}
		for _, c := range []byte(rule.trunk) {
			rule.plain = rule.plain && '0' <= c && c <= '9'
		}
		for _, n := range m.GetGeneralDesc().GetPossibleLength() {
			if 0 < n && n < 16 {
				rule.lengths |= 1 << n
			}
		}
		rules[code] = rule
	}
	return rules
})

// PhoneIn reports whether a number in E.164 belongs to a country, an ISO 3166
// code such as "NL". Countries that share a calling code, such as the United
// States and Canada, are told apart where the number is in use there.
func PhoneIn(e164, region string) bool {
	region = strings.ToUpper(region)
	n, err := phonenumbers.Parse(e164, "")
	if err != nil || region == "" || int(n.GetCountryCode()) != phonenumbers.GetCountryCodeForRegion(region) {
		return false
	}
	is := phonenumbers.GetRegionCodeForNumber(n)
	return is == region || is == "" || is == "ZZ"
}
