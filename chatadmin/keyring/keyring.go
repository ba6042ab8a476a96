// Package keyring seals secrets that the library has to read again, such as the seeds of authenticators and the tokens of other services, before they are stored: AES-256-GCM under
// a key of the host, bound to what the secret belongs to, so that a sealed secret that is copied to another place does not open there. Keys have IDs: a new one
// takes over while the old ones still open what they have sealed.
package keyring

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"

	"chatadmin.example/sdk/chatadmin/class"
	"chatadmin.example/sdk/chatadmin/secret"
)

// KeySize is the length of a key in bytes.
const KeySize = 32

// Key is a key of the host, from its secret store. ID (1 to 64 bytes) is stored beside what the key has sealed, and is no secret.
type Key struct {
	ID     string
	Secret secret.Value // KeySize random bytes
}

// String hides the secret.
func (k Key) String() string { return "key " + k.ID }

// Format prints String whatever the verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, k.String()) }

// LogValue is String.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// Ring seals with one key and opens with several. It is safe for many goroutines.
type Ring struct {
	rand    io.Reader
	current string
	keys    map[string]cipher.AEAD
}

var (
	// ErrKey is returned for a key of a wrong length, of zero bytes, without an
	// ID, or given twice, and for a ring without randomness.
	ErrKey = class.Invalid.New("key", "not usable as a key")
	// ErrUnknownKey is a secret sealed by a key that is not in the ring: keep old keys until everything is sealed anew.
	ErrUnknownKey = class.Unavailable.New("unknown_key", "sealed by a key that is not in the ring")
	// ErrOpen is a secret that was changed, or belongs to something else.
	ErrOpen = class.Unavailable.New("not_open", "the sealed secret does not open here")
)

// New returns a ring that seals with current, and opens what current and the old ones have sealed. Nonces are read from rand, such as crypto/rand.Reader.
func New(rand io.Reader, current Key, old ...Key) (*Ring, error) {
	if rand == nil {
		return nil, fmt.Errorf("no source of randomness: give crypto/rand.Reader: %w", ErrKey)
	}
	r := &Ring{rand: rand, current: current.ID, keys: map[string]cipher.AEAD{}}
	for _, k := range append([]Key{current}, old...) {
		key := k.Secret.Bytes()
		if len(k.ID) < 1 || len(k.ID) > 64 || len(key) != KeySize || r.keys[k.ID] != nil {
			return nil, fmt.Errorf("key %.64q: give it an ID of its own, of 1 to 64 bytes, and a secret of %d bytes: %w", k.ID, KeySize, ErrKey)
		}
		if zero(key) {
			return nil, fmt.Errorf("key %.64q: its secret is all zero bytes: give %d random bytes: %w", k.ID, KeySize, ErrKey)
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, err
		}
		if r.keys[k.ID], err = cipher.NewGCM(block); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// zero reports whether a secret was allocated and never filled.
func zero(secret []byte) bool { return bytes.Equal(secret, make([]byte, len(secret))) }

// version is the first byte of what is sealed: then come the length of the key's ID, the ID, the nonce and the ciphertext.
const version = 1

// Seal seals a secret for what it belongs to, such as a purpose, a domain, a user and a generation. Opening needs the same words in the same order.
func (r *Ring) Seal(secret []byte, belongsTo ...string) ([]byte, error) {
	aead := r.keys[r.current]
	sealed := append([]byte{version, byte(len(r.current))}, r.current...)
	n := len(sealed)
	sealed = append(sealed, make([]byte, aead.NonceSize())...)
	if _, err := io.ReadFull(r.rand, sealed[n:]); err != nil {
		return nil, fmt.Errorf("randomness: %w", err)
	}
	return aead.Seal(sealed, sealed[n:], secret, bound(belongsTo)), nil
}

// Open opens what Seal has sealed for the same words. old reports that it was sealed by an old key: seal it anew when it is written next.
func (r *Ring) Open(sealed []byte, belongsTo ...string) (secret []byte, old bool, err error) {
	if len(sealed) < 2 || sealed[0] != version || len(sealed) < 2+int(sealed[1]) {
		return nil, false, fmt.Errorf("%w: it was not sealed by this library", ErrOpen)
	}
	end := 2 + int(sealed[1])
	id, rest := string(sealed[2:end]), sealed[end:]
	aead := r.keys[id]
	if aead == nil {
		return nil, false, fmt.Errorf("key %.64q: %w", id, ErrUnknownKey)
	}
	if len(rest) < aead.NonceSize() {
		return nil, false, fmt.Errorf("%w: it was cut off", ErrOpen)
	}
	secret, err = aead.Open(nil, rest[:aead.NonceSize()], rest[aead.NonceSize():], bound(belongsTo))
	if err != nil {
		return nil, false, ErrOpen
	}
	return secret, id != r.current, nil
}

// bound joins the words so that no two lists of words are joined to the same bytes.
func bound(words []string) []byte {
	var b []byte
	for _, w := range words {
		b = append(binary.AppendUvarint(b, uint64(len(w))), w...)
	}
	return b
}
