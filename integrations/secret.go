package integrations

import (
	"encoding/json"
	"fmt"
)

// Secret holds a token, a key or an address with a secret in it. Whatever prints it, also as a part of something else, prints nothing of it; Reveal is the
// only way to its value. The zero Secret is empty.
type Secret struct {
	p *string // fmt follows no pointer below the first level, whatever the verb
}

// Hide makes a Secret.
func Hide(s string) Secret {
	if s == "" {
		return Secret{}
	}
	return Secret{&s}
}

// Reveal is the value, for the request that needs it.
func (s Secret) Reveal() string {
	if s.p == nil {
		return ""
	}
	return *s.p
}

// IsZero reports that there is none.
func (s Secret) IsZero() bool { return s.p == nil }

// String tells only whether there is one.
func (s Secret) String() string {
	if s.p == nil {
		return ""
	}
	return "***"
}

// Format prints String whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, s.String()) }

// MarshalJSON writes String: secrets are stored sealed, never like this.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }
