package redact

import "bytes"

// name is what is known of a name before a value.
type name struct {
	kind  Kind
	line  bool // a header: the value is the rest of the line
	query bool // only in the query of a URL
}

// endings are the ends of names whose values are secret, in lower case and
// without hyphens and underscores.
var endings = []struct {
	end string
	name
}{
	{"pwd", name{kind: Password}}, {"passcode", name{kind: Password}}, {"passwd", name{kind: Password}}, {"pincode", name{kind: Password}},
	{"passphrase", name{kind: Password}},
	{"token", name{kind: Token}}, {"apikey", name{kind: Token}}, {"accesskey", name{kind: Token}}, {"secretkey", name{kind: Token}},
	{"privatekey", name{kind: Token}}, {"signingkey", name{kind: Token}}, {"encryptionkey", name{kind: Token}}, {"environmentkey", name{kind: Token}},
	{"accountkey", name{kind: Token}}, {"authkey", name{kind: Token}}, {"masterkey", name{kind: Token}}, {"licensekey", name{kind: Token}},
	{"verificationcode", name{kind: Token}}, {"onetimecode", name{kind: Token}}, {"recoverycode", name{kind: Token}}, {"authcode", name{kind: Token}},
	{"authorizationcode", name{kind: Token}}, {"logincode", name{kind: Token}}, {"mfacode", name{kind: Token}}, {"2facode", name{kind: Token}},
	{"otpcode", name{kind: Token}}, {"backupcode", name{kind: Token}}, {"activationcode", name{kind: Token}}, {"totp", name{kind: Token}},
	{"sessionid", name{kind: Token}}, {"sessid", name{kind: Token}}, {"sessionkey", name{kind: Token}}, {"signature", name{kind: Token}},
	{"codeverifier", name{kind: Token}}, {"csrf", name{kind: Token}}, {"xsrf", name{kind: Token}}, {"jwt", name{kind: Token}},
	{"samlresponse", name{kind: Token}}, {"clientassertion", name{kind: Token}},
	{"authorization", name{kind: Token, line: true}}, {"cookie", name{kind: Cookie, line: true}}, {"cookies", name{kind: Cookie, line: true}},
}

// parts make a name secret wherever they stand in it.
var parts = []struct {
	part string
	name
}{{"password", name{kind: Password}}, {"secret", name{kind: Token}}, {"credential", name{kind: Token}}}

// whole are names that are secret as they are.
var whole = map[string]name{
	"pin": {kind: Password}, "pass": {kind: Password}, "pw": {kind: Password}, "otp": {kind: Token}, "seed": {kind: Token}, "auth": {kind: Token},
	"sid": {kind: Token}, "session": {kind: Token}, "bearer": {kind: Token}, "webhookurl": {kind: Token},
	"code": {kind: Token, query: true}, "state": {kind: Token, query: true}, "key": {kind: Token, query: true}, "sig": {kind: Token, query: true},
	"nonce": {kind: Token, query: true}, "ticket": {kind: Token, query: true}, "assertion": {kind: Token, query: true}, "k": {kind: Token, query: true},
}

// phones are the ends of names of phone numbers.
var phones = []string{"phone", "phonenumber", "mobile", "msisdn", "telephone", "cell", "fax"}

// longestName is how much of the end of a name is looked at.
const longestName = 48

// lookup tells what the value of a name is, by the end of the text before it.
func (s *scanner) lookup(text []byte) (name, bool) {
	var b [longestName]byte
	at := len(b)
	for i := len(text) - 1; i >= 0 && at > 0; i-- {
		c := text[i]
		switch class := classes[c]; {
		case c == '_' || c == '-':
			continue
		case class&alnum == 0: // / or +
			i = 0
			continue
		case class&upper != 0:
			c += 'a' - 'A'
		}
		at--
		b[at] = c
	}
	n := b[at:]
	if w, ok := whole[string(n)]; ok {
		return w, true
	}
	if len(n) < 3 {
		return name{}, false
	}
	for i := range endings {
		if e := &endings[i]; n[len(n)-1] == e.end[len(e.end)-1] && bytes.HasSuffix(n, []byte(e.end)) {
			return e.name, true
		}
	}
	if last := n[len(n)-1]; '0' <= last && last <= '9' { // token2
		if bytes.HasSuffix(bytes.TrimRight(n, "0123456789"), []byte("token")) {
			return name{kind: Token}, true
		}
	}
	for i := range parts {
		if bytes.Contains(n, []byte(parts[i].part)) {
			return parts[i].name, true
		}
	}
	if s.o.Phones {
		for _, p := range phones {
			if bytes.HasSuffix(n, []byte(p)) {
				return name{kind: Phone}, true
			}
		}
	}
	return name{}, false
}
