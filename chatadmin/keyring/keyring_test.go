package keyring_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/secret"
)

func key(id string, fill byte) keyring.Key {
	return keyring.Key{ID: id, Secret: secret.HideBytes(bytes.Repeat([]byte{fill}, keyring.KeySize))}
}

func ring(t testing.TB, current keyring.Key, old ...keyring.Key) *keyring.Ring {
	t.Helper()
	r, err := keyring.New(rand.Reader, current, old...)
	require.NoError(t, err)
	return r
}

// A key is replaced: what the old one sealed still opens, and is known to be
// old.
func Example() {
	// from the host's secret store
	old := keyring.Key{ID: "2025", Secret: secret.HideBytes(bytes.Repeat([]byte{1}, keyring.KeySize))}
	before, _ := keyring.New(rand.Reader, old)
	sealed, _ := before.Seal([]byte("a seed"), "totp", "acme", "ann", "3")

	after, _ := keyring.New(rand.Reader, keyring.Key{ID: "2026", Secret: secret.HideBytes(bytes.Repeat([]byte{2}, keyring.KeySize))}, old)
	secret, isOld, err := after.Open(sealed, "totp", "acme", "ann", "3")
	fmt.Println(string(secret), isOld, err)
	_, _, err = after.Open(sealed, "totp", "acme", "bob", "3")
	fmt.Println(err)
	// Output:
	// a seed true <nil>
	// the sealed secret does not open here
}

func TestSealedSecretOpensOnlyWhereItBelongs(t *testing.T) {
	r := ring(t, key("a", 1))
	sealed, err := r.Seal([]byte("secret"), "totp", "acme", "ann", "1")
	require.NoError(t, err)
	require.NotContains(t, string(sealed), "secret")
	secret, old, err := r.Open(sealed, "totp", "acme", "ann", "1")
	require.NoError(t, err)
	require.False(t, old)
	require.Equal(t, "secret", string(secret))
	for _, words := range [][]string{{}, {"totp", "acme", "ann"}, {"totp", "acme", "ann", "2"}, {"totp", "other", "ann", "1"}, {"totp", "acme", "bob", "1"}, {"totpacme", "ann", "1"},
		{"totp", "acme", "an", "n1"}, {"totp", "acmeann", "1"}, {"totp", "acme", "ann", "1", ""}} {
		_, _, err := r.Open(sealed, words...)
		require.ErrorIs(t, err, keyring.ErrOpen, "%q", words)
	}
	again, err := r.Seal([]byte("secret"), "totp", "acme", "ann", "1")
	require.NoError(t, err)
	require.NotEqual(t, sealed, again, "each has a nonce of its own")
}

func TestEveryChangedBitIsSeen(t *testing.T) {
	r := ring(t, key("a", 1))
	sealed, err := r.Seal([]byte("secret"), "x")
	require.NoError(t, err)
	for n := range sealed {
		changed := bytes.Clone(sealed)
		changed[n] ^= 1
		_, _, err := r.Open(changed, "x")
		require.Error(t, err, "byte %d", n)
		_, _, err = r.Open(sealed[:n], "x")
		require.Error(t, err, "cut at %d", n)
	}
}

func TestKeys(t *testing.T) {
	before := ring(t, key("a", 1))
	sealed, err := before.Seal([]byte("secret"))
	require.NoError(t, err)
	_, _, err = ring(t, key("b", 2)).Open(sealed)
	require.ErrorIs(t, err, keyring.ErrUnknownKey)
	_, _, err = ring(t, key("a", 2)).Open(sealed)
	require.ErrorIs(t, err, keyring.ErrOpen, "another key under the same ID")
	for _, bad := range [][]keyring.Key{{{ID: "", Secret: secret.HideBytes(bytes.Repeat([]byte{1}, keyring.KeySize))}}, {{ID: "a", Secret: secret.HideBytes(bytes.Repeat([]byte{1}, 16))}}, {{ID: "a"}}, {key("a", 0)}, {key("a", 1), key("b", 0)}, {key("a", 1), key("a", 2)}} {
		_, err := keyring.New(rand.Reader, bad[0], bad[1:]...)
		require.ErrorIs(t, err, keyring.ErrKey)
	}
	_, err = keyring.New(nil, key("a", 1))
	require.ErrorIs(t, err, keyring.ErrKey, "no randomness")
	_, err = ringWith(t, errReader{}).Seal([]byte("x"))
	require.ErrorIs(t, err, errNoRandom)
}

func TestNothingPrintsTheSecret(t *testing.T) {
	k := key("a", 'S')
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		require.Equal(t, "key a", fmt.Sprintf(verb, k), verb)
		require.Equal(t, "key a", fmt.Sprintf(verb, &k), verb)
	}
	for _, v := range []any{k, &k, []keyring.Key{k}} {
		var out bytes.Buffer
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "key", v)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "key", v)
		b, err := json.Marshal(v)
		require.NoError(t, err)
		out.Write(b)
		require.NotContains(t, out.String(), "SSS")
		require.NotContains(t, out.String(), "U1NT", "in base64")
		require.NotContains(t, out.String(), "83 83")
	}
}

var errNoRandom = errors.New("no randomness")

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errNoRandom }

func ringWith(t testing.TB, r errReader) *keyring.Ring {
	t.Helper()
	k, err := keyring.New(r, key("a", 1))
	require.NoError(t, err)
	return k
}

type sameNonce struct{}

func (sameNonce) Read(p []byte) (int, error) { return len(p), nil }

// Every process of the fuzzer seals the same, so that the one secret that opens
// is known to all.
func FuzzOpen(f *testing.F) {
	r, err := keyring.New(sameNonce{}, key("a", 1))
	if err != nil {
		f.Fatal(err)
	}
	good, err := r.Seal([]byte("x"), "w")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte{1, 255})
	f.Add(append([]byte{1, 254}, make([]byte, 300)...))
	f.Add(append([]byte{1, 255}, make([]byte, 300)...))
	f.Fuzz(func(t *testing.T, sealed []byte) {
		secret, _, err := r.Open(sealed, "w")
		if err == nil && !bytes.Equal(sealed, good) {
			t.Fatalf("opened to %q", secret)
		}
	})
}

// A secret that was allocated and never filled is no key.
func TestZeroKey(t *testing.T) {
	good := keyring.Key{ID: "good", Secret: secret.HideBytes(append(make([]byte, keyring.KeySize-1), 1))}
	zero := keyring.Key{ID: "zero", Secret: secret.HideBytes(make([]byte, keyring.KeySize))}
	for _, keys := range [][2]keyring.Key{{zero, good}, {good, zero}} {
		_, err := keyring.New(rand.Reader, keys[0], keys[1])
		require.ErrorIs(t, err, keyring.ErrKey)
		require.ErrorContains(t, err, `"zero"`)
	}
	_, err := keyring.New(rand.Reader, good)
	require.NoError(t, err)
}
