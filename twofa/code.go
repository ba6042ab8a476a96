package twofa

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/secret"
)

const (
	digits   = 6
	period   = 30 // seconds
	seedSize = 20 // bytes, as RFC 4226, section 4, recommends
)

// newSeed makes the secret of an authenticator, in base32.
func newSeed(rand io.Reader) (string, error) {
	// the names matter to its URI alone
	key, err := totp.Generate(totp.GenerateOpts{Issuer: "-", AccountName: "-", SecretSize: seedSize, Rand: rand})
	if err != nil {
		return "", fmt.Errorf("randomness: %w", err)
	}
	return key.Secret(), nil
}

// isCode reports whether s is exactly six ASCII digits.
func isCode(s string) bool {
	if len(s) != digits {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// maxTyped is the longest code in bytes as somebody may type it, with all
// blanks and separators.
const maxTyped = 64

// typed brings a code as a person typed or copied it into the form without
// blanks around it, and without the spaces and hyphens that apps and mails show
// within. What is too long, or has a hyphen at an end, is no code and becomes
// "".
func typed(code string) string {
	if len(code) > maxTyped {
		return ""
	}
	code = strings.TrimFunc(code, unicode.IsSpace)
	hyphen := func(r rune) bool { return unicode.Is(unicode.Pd, r) }
	if strings.TrimFunc(code, hyphen) != code {
		return ""
	}
	return strings.Map(func(r rune) rune {
		if hyphen(r) || unicode.Is(unicode.Zs, r) {
			return -1
		}
		return r
	}, code)
}

// matchStep finds the time step (RFC 6238) of a code: the present one, the next
// or the one before, if it is greater than the last one used. It is not
// totp.ValidateCustom, which does not tell the step: a code must not work
// again, and "now" may be a step later than the code.
func matchStep(seed, code string, now time.Time, last int64) (step int64, ok bool) {
	if !isCode(code) {
		return 0, false
	}
	current := now.Unix() / period
	for _, step := range [...]int64{current, current + 1, current - 1} {
		if step <= last || step < 0 {
			continue
		}
		want, err := hotp.GenerateCodeCustom(seed, uint64(step), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			return step, true
		}
	}
	return 0, false
}

// newMailCode makes a code that goes by mail: six digits, each code as likely
// as any other.
func newMailCode(rand io.Reader) (string, error) {
	const codes = 1_000_000
	var b [4]byte
	for {
		if _, err := io.ReadFull(rand, b[:]); err != nil {
			return "", fmt.Errorf("randomness: %w", err)
		}
		if n := binary.BigEndian.Uint32(b[:]); n < (1<<32)/codes*codes {
			return fmt.Sprintf("%06d", n%codes), nil
		}
	}
}

// keyedHash is what is kept of a code sent by mail: six digits could be guessed
// from a plain hash.
func keyedHash(key []byte, challenge, code string) []byte {
	m := hmac.New(sha256.New, key)
	_, _ = io.WriteString(m, challenge+"\x00"+code)
	return m.Sum(nil)
}

// hash is what is kept of a secret that is random enough by itself. It is bound
// to a purpose and what the secret belongs to.
func hash(secret string, belongsTo ...string) []byte {
	m := sha256.New()
	for _, word := range append(belongsTo, secret) {
		_, _ = m.Write(binary.AppendUvarint(nil, uint64(len(word))))
		_, _ = io.WriteString(m, word)
	}
	return m.Sum(nil)
}

func equal(a, b []byte) bool { return len(a) > 0 && subtle.ConstantTimeCompare(a, b) == 1 }

// secretSize is the length in bytes of what a client must not be able to guess.
const secretSize = 24

func newSecret(rand io.Reader, size int) (string, error) {
	b := make([]byte, size)
	if _, err := io.ReadFull(rand, b); err != nil {
		return "", fmt.Errorf("randomness: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// parseSecret refuses what newSecret cannot have made.
func parseSecret(s string, size int) bool {
	if len(s) != base64.RawURLEncoding.EncodedLen(size) {
		return false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(b) == size // less where there are line breaks, which decoding skips
}

// newChallengeID makes the ID of a challenge from its user and a secret.
func newChallengeID(rand io.Reader, user chatadmin.ID) (string, error) {
	secret, err := newSecret(rand, secretSize)
	return string(user) + "." + secret, err
}

// parseChallenge returns the user in the ID of a challenge.
func parseChallenge(id string) (user chatadmin.ID, err error) {
	name, secret, ok := strings.Cut(id, ".")
	if !ok || name == "" || len(name) > 64 || !parseSecret(secret, secretSize) {
		return "", errNoChallenge
	}
	return chatadmin.ID(name), nil
}

var errNoChallenge = fmt.Errorf("this sign-in is over or was never begun, sign in anew: %w", chatadmin.ErrNotFound)

func challengeHash(domain chatadmin.ID, id string) []byte {
	return hash(id, "challenge", string(domain))
}

const (
	recoveryCodes  = 10
	recoveryDigits = 16 // base32: 80 bits
)

// no I, O, 0 and 1: they are read wrongly
var recoveryEncoding = base32.NewEncoding("ABCDEFGHJKLMNPQRSTUVWXYZ23456789").WithPadding(base32.NoPadding)

// newRecoveryCode makes a code such as ABCD-EFGH-JKLM-NPQR.
func newRecoveryCode(rand io.Reader) (string, error) {
	b := make([]byte, recoveryDigits*5/8)
	if _, err := io.ReadFull(rand, b); err != nil {
		return "", fmt.Errorf("randomness: %w", err)
	}
	s := recoveryEncoding.EncodeToString(b)
	return s[:4] + "-" + s[4:8] + "-" + s[8:12] + "-" + s[12:], nil
}

// parseRecoveryCode brings a code as a person typed it (see typed), in any
// case, into the one form that is hashed.
func parseRecoveryCode(s string) (code string, ok bool) {
	s = typed(s)
	if len(s) != recoveryDigits || strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) {
		return "", false
	}
	s = strings.ToUpper(s)
	_, err := recoveryEncoding.DecodeString(s)
	return s, err == nil && !strings.ContainsAny(s, "\r\n")
}

func recoveryHash(code string, domain, user chatadmin.ID, generation int64) []byte {
	return hash(code, belongs("recovery", domain, user, generation)...)
}

// token is what a remembered client holds: a selector, by which it is found,
// and a verifier, of which only the hash is kept.
type token struct {
	selector string
	verifier secret.Value
}

// bytes; in hexadecimal, so that no command line takes it for a flag
const selectorSize = 10

// newToken makes a token of a client that is remembered from now on, or, with
// its selector, the next one of a client.
func newToken(rand io.Reader, selector string) (token, error) {
	if selector == "" {
		b := make([]byte, selectorSize)
		if _, err := io.ReadFull(rand, b); err != nil {
			return token{}, fmt.Errorf("randomness: %w", err)
		}
		selector = hex.EncodeToString(b)
	}
	verifier, err := newSecret(rand, secretSize)
	return token{selector, secret.Hide(verifier)}, err
}

// parseToken takes a token apart; what newToken cannot have made is the zero
// token, which nobody has.
func parseToken(s string) token {
	selector, verifier, _ := strings.Cut(s, ".")
	if len(selector) != 2*selectorSize || strings.Trim(selector, "0123456789abcdef") != "" || !parseSecret(verifier, secretSize) {
		return token{}
	}
	return token{selector, secret.Hide(verifier)}
}

// plain is the token as the client keeps it.
func (t token) plain() string { return t.selector + "." + t.verifier.Reveal() }

// String hides the verifier.
func (t token) String() string { return t.selector + ".***" }

// GoString hides it too.
func (t token) GoString() string { return t.String() }

func (t token) hash(domain, user chatadmin.ID, generation int64, client string) []byte {
	return hash(t.verifier.Reveal(), append(belongs("remembered", domain, user, generation), t.selector, client)...)
}
