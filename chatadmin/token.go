package chatadmin

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"log/slog"
	"strings"

	"chatadmin.example/sdk/chatadmin/secret"
)

// Token is what a mailed link carries: whom it belongs to, and 256 random bits.
// Only its hash is stored.
type Token struct {
	Domain, Subject ID
	secret          secret.Value
}

// NewToken makes a token about a subject of a domain, such as a user or an
// import.
func (a *Admin) NewToken(domain, subject ID) (Token, error) {
	if domain == "" || subject == "" {
		return Token{}, missing("a domain and a subject for the token")
	}
	b, err := a.random(32)
	if err != nil {
		return Token{}, err
	}
	return Token{domain, subject, secret.Hide(base64.RawURLEncoding.EncodeToString(b))}, nil
}

// Plain is the token as it stands in a link. It is for the mail alone.
func (t Token) Plain() string {
	return string(t.Domain) + "." + string(t.Subject) + "." + t.secret.Reveal()
}

// String hides the secret, so that no log shows it.
func (t Token) String() string { return string(t.Domain) + "." + string(t.Subject) + ".***" }

// Format prints String whatever the verb.
func (t Token) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, t.String()) }

// LogValue is String.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// Hash is what is stored. A token made for one purpose does not serve another.
func (t Token) Hash(purpose string) []byte {
	h := t.hash(purpose)
	return h[:]
}

// hash is Hash without an allocation: each request of a device needs one.
func (t *Token) hash(purpose string) [sha256.Size]byte {
	b := append(make([]byte, 0, 320), purpose...)
	for _, part := range [...]string{"\x00", string(t.Domain), ".", string(t.Subject), ".", t.secret.Reveal()} {
		b = append(b, part...)
	}
	return sha256.Sum256(b)
}

// Matches compares with a stored hash, in constant time.
func (t Token) Matches(purpose string, hash []byte) bool {
	h := t.hash(purpose)
	return len(hash) > 0 && subtle.ConstantTimeCompare(h[:], hash) == 1
}

// ParseToken takes a token apart. Whether it is valid is seen only when its
// hash is compared.
func ParseToken(s string) (Token, error) {
	parts := strings.Split(strings.TrimSpace(s), ".")
	if len(parts) != 3 || len(s) > 256 || parts[0] == "" || parts[1] == "" || len(parts[2]) != 43 {
		return Token{}, fmt.Errorf("this is not a link or token of ours; copy it whole from the mail: %w", ErrInvalid)
	}
	return Token{ID(parts[0]), ID(parts[1]), secret.Hide(parts[2])}, nil
}
