// Package secret holds passwords, keys and tokens in memory such that nothing
// prints them by accident: neither fmt with whatever verb, nor log/slog, nor
// encoding/json, nor any of these for a value that lies deep within another
// one, in an unexported field for example. All packages of this library hold
// their secrets so.
package secret

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
)

// Value is a secret. Reveal and Bytes are the only ways to what it holds. The
// zero Value holds nothing. Two Values are compared by Equal, not by ==.
type Value struct {
	// fmt follows no pointer below the first level, whatever the verb
	p *string
}

// Hide makes a Value of a string. Of "" it makes the zero Value.
func Hide(s string) Value {
	if s == "" {
		return Value{}
	}
	return Value{&s}
}

// HideBytes makes a Value of bytes, which it copies.
func HideBytes(b []byte) Value { return Hide(string(b)) }

// Reveal returns the secret, for the request or the form that needs it.
func (v Value) Reveal() string {
	if v.p == nil {
		return ""
	}
	return *v.p
}

// Bytes returns a copy of the secret, or nil if there is none.
func (v Value) Bytes() []byte {
	if v.p == nil {
		return nil
	}
	return []byte(*v.p)
}

// IsZero reports whether v holds nothing.
func (v Value) IsZero() bool { return v.p == nil }

// Equal reports whether both hold the same. It takes the same time wherever
// they differ.
func (v Value) Equal(o Value) bool {
	return subtle.ConstantTimeCompare([]byte(v.Reveal()), []byte(o.Reveal())) == 1
}

// String tells only whether there is a secret: "***" or "".
func (v Value) String() string {
	if v.p == nil {
		return ""
	}
	return "***"
}

// Format prints String whatever the verb.
func (v Value) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, v.String()) }

// LogValue is String.
func (v Value) LogValue() slog.Value { return slog.StringValue(v.String()) }

// MarshalJSON writes String. A secret that belongs into JSON is revealed by
// whoever writes it.
func (v Value) MarshalJSON() ([]byte, error) { return json.Marshal(v.String()) }

// MarshalText writes String, for other encodings.
func (v Value) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// Wire is a Value that JSON carries in the clear: for the fields of a request
// or an answer that exist to hand a secret over. Everything else hides it as
// well.
type Wire struct{ Value }

// MarshalJSON writes the secret itself.
func (w Wire) MarshalJSON() ([]byte, error) { return json.Marshal(w.Reveal()) }

// UnmarshalJSON reads it.
func (w *Wire) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return errors.New("a secret must be a JSON string") // whatever it is stays out of errors
	}
	w.Value = Hide(s)
	return nil
}
