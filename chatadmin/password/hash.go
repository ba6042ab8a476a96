package password

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"

	"chatadmin.example/sdk/chatadmin"
)

// Params are the costs of argon2id (RFC 9106 section 3.1). The zero Params are DefaultParams.
type Params struct {
	Memory  uint32 // KiB: 8 to 1 Mi (1 GiB), and at least 8 for each thread
	Time    uint32 // passes over the memory: 1 to 64
	Threads uint8  // 1 to 64
}

// DefaultParams is the second recommended option of RFC 9106 section 4, for where memory is limited: 64 MiB, 3 passes, 4 threads.
var DefaultParams = Params{Memory: 64 << 10, Time: 3, Threads: 4}

const (
	saltSize = 16
	keySize  = 32
)

// ErrHash is a stored hash that this package has not made, or that asks for more than it allows.
var ErrHash = chatadmin.ErrInvalid.New("password_hash", "not a password hash that can be checked")

// allowed reports whether the costs are within their limits.
func (p Params) allowed() bool {
	return p.Memory >= 8*uint32(p.Threads) && p.Memory <= 1<<20 && p.Time >= 1 && p.Time <= 64 && p.Threads >= 1 && p.Threads <= 64
}

func (p Params) String() string {
	return fmt.Sprintf("argon2id with %d KiB, %d passes and %d threads", p.Memory, p.Time, p.Threads)
}

// below reports whether some cost of p is lower than that of o. The threads alone make nothing dearer for who guesses.
func (p Params) below(o Params) bool { return p.Memory < o.Memory || p.Time < o.Time }

// hashed is a hash with all that is needed to compute it again.
type hashed struct {
	Params
	salt, key []byte
}

func (p Params) hash(password, salt []byte) hashed {
	return hashed{p, salt, argon2.IDKey(password, salt, p.Time, p.Memory, p.Threads, keySize)}
}

// matches computes the hash of a password and compares in constant time.
func (h hashed) matches(password []byte) bool {
	key := argon2.IDKey(password, h.salt, h.Time, h.Memory, h.Threads, uint32(len(h.key)))
	return subtle.ConstantTimeCompare(key, h.key) == 1
}

// encode is the PHC string.
func (h hashed) encode() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.Memory, h.Time, h.Threads, b64.EncodeToString(h.salt), b64.EncodeToString(h.key))
}

// parse takes a PHC string apart. It accepts one spelling only, so that encode gives the same string back.
func parse(s string) (hashed, error) {
	parts := strings.Split(s, "$")
	if len(s) > 512 || len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return hashed{}, ErrHash
	}
	var h hashed
	costs := strings.Split(parts[3], ",")
	if len(costs) != 3 {
		return hashed{}, ErrHash
	}
	var n [3]uint64
	for i, prefix := range []string{"m=", "t=", "p="} {
		digits, ok := strings.CutPrefix(costs[i], prefix)
		v, err := strconv.ParseUint(digits, 10, []int{32, 32, 8}[i])
		if !ok || err != nil || strconv.FormatUint(v, 10) != digits {
			return hashed{}, ErrHash
		}
		n[i] = v
	}
	h.Params = Params{uint32(n[0]), uint32(n[1]), uint8(n[2])}
	if !h.allowed() {
		return hashed{}, fmt.Errorf("%s: %w", h.Params, ErrHash)
	}
	var errs [2]error
	b64 := base64.RawStdEncoding.Strict()
	h.salt, errs[0] = b64.DecodeString(parts[4])
	h.key, errs[1] = b64.DecodeString(parts[5])
	if errors.Join(errs[:]...) != nil || len(h.salt) < 8 || len(h.salt) > 64 || len(h.key) < 16 || len(h.key) > 64 || h.encode() != s {
		return hashed{}, ErrHash
	}
	return h, nil
}
