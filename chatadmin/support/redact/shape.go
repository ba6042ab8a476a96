package redact

import (
	"bytes"
	"math/bits"
)

const (
	// A value of so many random hexadecimal digits has 128 bits, the least that
	// services use for secrets; as base32 it has 26 characters.
	longHex    = 32
	longBase32 = 26
	window     = 32 // of base64: 24 bytes

	ownToken = 43 // the length of the secret part of chatadmin.Token
)

// keyPrefixes begin the keys of well-known services, as those document them.
var keyPrefixes = []string{
	"xoxb-", "xoxp-", "xoxa-", "xoxe-", "xoxr-", "xoxs-", "xapp-", // Slack
	"ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", // GitHub, GitLab
	"sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_", // Stripe
	"AKIA", "ASIA", "AIza", "ya29", // Amazon, Google
	"npm_", "pypi-", "dop_v1_", "shpat_", "sk-ant-", "sk-proj-", "sq0atp-", "xkeysib-", "NRAK-", "AGE-SECRET-KEY-",
}

// shortestKey is the least length of a run with one of keyPrefixes.
const shortestKey = 16

// shape takes out a run that is a secret by its looks.
func (s *scanner) shape(r run) (decision, bool) {
	if len(r.text) < shortestKey {
		return decision{}, false
	}
	take := func(from int, k Kind, dots bool) (decision, bool) {
		return decision{kind: k, from: r.place(from), to: r.stop, mode: mode{ends: endOfRun, dots: dots}}, true
	}
	if bytes.HasPrefix(r.text, []byte("eyJ")) { // {" in base64: a JSON Web Token
		return take(0, Token, true)
	}
	for _, p := range keyPrefixes {
		if r.text[0] == p[0] && bytes.HasPrefix(r.text, []byte(p)) {
			return take(0, Token, true)
		}
	}
	if len(r.text) < longBase32 {
		return decision{}, false
	}
	if s.isOwnToken(r) {
		return take(0, Token, false)
	}
	if k := bytes.Index(r.text, []byte("services/T")); k >= 0 { // a webhook of Slack
		return take(k+len("services/"), Token, false)
	}
	if k := random(r.text); k >= 0 {
		return take(k, LongValue, false)
	}
	return decision{}, false
}

// isOwnToken reports whether a run is the secret of a chatadmin.Token, which
// stands behind two IDs and dots.
func (s *scanner) isOwnToken(r run) bool {
	if len(r.text) < ownToken || len(r.text) > ownToken && r.text[ownToken] != '/' || !s.before(r.start, ".") && !s.before(r.start, "%2E") && !s.before(r.start, "%2e") {
		return false
	}
	return bytes.IndexByte(r.text[:ownToken], '/') < 0 && bytes.IndexByte(r.text[:ownToken], '+') < 0
}

// random returns where in a text something random begins, or -1. Letters and
// digits alternate in it far more often than they do in words, paths and
// names made of words.
func random(text []byte) int {
	var changes, digits, letters uint32 // of the last 32 characters, a bit each
	var hex, hexDigits, hexLetters, b32, n int
	var b32Seen uint32 // the letters of base32, and its digits as one more
	last := uint8(0)
	from := 0 // behind the last UUID
	for k := 0; k < len(text); k++ {
		c := classes[text[k]]
		if c&inHex != 0 && (k == 0 || last == 0) && isUUID(text[k:]) {
			k += uuidLength - 1
			hex, hexDigits, hexLetters, b32, b32Seen, n, changes, digits, letters, last = 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
			from = k + 1
			continue
		}
		kind := c & alnum
		changes <<= 1
		if kind != 0 && last != 0 && kind != last {
			changes |= 1
		}
		digits, letters = digits<<1, letters<<1
		if kind == digit {
			digits |= 1
		} else if kind != 0 {
			letters |= 1
		}
		last = kind
		n++
		switch {
		case c&inHex == 0:
			hex, hexDigits, hexLetters = 0, 0, 0
		default:
			hex++
			if kind == digit {
				hexDigits++
			} else {
				hexLetters++
			}
		}
		switch {
		case c&inBase32 == 0:
			b32, b32Seen = 0, 0
		case kind == digit:
			b32++
			b32Seen |= 1
		default:
			b32++
			b32Seen |= 2 << (text[k] - 'A')
		}
		found := -1
		switch {
		case hex >= longHex && hexDigits > 0 && hexLetters > 0:
			found = k - hex + 1
		case b32 >= longBase32 && (b32Seen&1 != 0 && b32Seen > 1 || bits.OnesCount32(b32Seen) >= 10):
			found = k - b32 + 1
		case n >= window:
			if many := bits.OnesCount32(changes); many >= 13 || many >= 9 && digits != 0 && letters != 0 {
				found = k - window + 1
			}
		}
		if found >= 0 {
			return max(from, bytes.LastIndexByte(text[:found], '/')+1)
		}
	}
	return -1
}

const uuidLength = 36

// isUUID reports whether a text begins with a UUID.
func isUUID(text []byte) bool {
	if len(text) < uuidLength || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return false
	}
	for k, c := range text[:uuidLength] {
		if c != '-' && classes[c]&inHex == 0 || c == '-' && k != 8 && k != 13 && k != 18 && k != 23 {
			return false
		}
	}
	return len(text) == uuidLength || classes[text[uuidLength]]&alnum == 0
}
