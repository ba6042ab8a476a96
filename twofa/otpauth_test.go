package twofa

import (
	"bytes"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"image"
	"image/png"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/pquerna/otp"
	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
)

// See testdata/README.md.
func TestKeyURIVectors(t *testing.T) {
	data, err := os.ReadFile("testdata/key_uri_vectors.json")
	require.NoError(t, err)
	var vectors []struct {
		Issuer, Account, URI string
		SecretHex            string `json:"secret_hex"`
		Must                 string `json:"must_contain"`
		MustNot              string `json:"must_not_contain"`
		Expect               string
	}
	require.NoError(t, json.Unmarshal(data, &vectors))
	require.Len(t, vectors, 5)
	for _, v := range vectors {
		secret := rfcSeed
		if v.SecretHex != "" {
			raw, err := hex.DecodeString(v.SecretHex)
			require.NoError(t, err)
			secret = base32.StdEncoding.EncodeToString(raw)
		} else if v.URI != "" {
			u, err := url.Parse(v.URI)
			require.NoError(t, err)
			secret = u.Query().Get("secret")
		}
		uri, err := URI(v.Issuer, v.Account, secret)
		if v.Expect != "" {
			require.ErrorIs(t, err, chatadmin.ErrInvalid, v.Expect)
			continue
		}
		require.NoError(t, err)
		// the first vector leaves the parameters out that have defaults
		require.True(t, strings.HasPrefix(uri, v.URI), "%s\n%s", uri, v.URI)
		require.Contains(t, uri, v.Must)
		if v.MustNot != "" {
			require.NotContains(t, uri, v.MustNot)
		}
	}
}

var awkward = []string{"Acme", "A b", "R&D", "a=b", "A+B", "50%", "%41", "Müller & Söhne", "株式会社", "👩‍🚀 chat", "a/b?c#d", `"q"`, "ann+tag@acme.example", "a;b,c", "~.-_", "'", "@", strings.Repeat("ü", 125)}

func TestURISurvives(t *testing.T) {
	for _, issuer := range awkward {
		for _, account := range awkward {
			roundTrip(t, issuer, account)
		}
	}
	for _, bad := range []string{"", "a:b", ":", "a\nb", "a\x00", "\xff", strings.Repeat("x", maxLabel+1), "\u0085"} {
		_, err := URI(bad, "ann", rfcSeed)
		require.ErrorIs(t, err, chatadmin.ErrInvalid, "%q", bad)
		_, err = URI("Acme", bad, rfcSeed)
		require.ErrorIs(t, err, chatadmin.ErrInvalid, "%q", bad)
	}
}

func TestLabel(t *testing.T) {
	for in, want := range map[string]string{"Acme": "Acme", "": "chat", " : ": "chat", "a:b": "a b", "a\x00\nb": "a b", "\xff\xfeok": "ok", "  wide   open ": "wide open", strings.Repeat("ü", 200): strings.Repeat("ü", 125)} {
		require.Equal(t, want, label(in, "chat"), "%q", in)
	}
}

// roundTrip builds a URI and takes it apart by two parsers.
func roundTrip(t *testing.T, issuer, account string) {
	t.Helper()
	uri, err := URI(issuer, account, rfcSeed)
	require.NoError(t, err)
	for i := range len(uri) {
		require.True(t, uri[i] > ' ' && uri[i] < 0x7f, "ASCII only: %q", uri)
	}
	u, err := url.Parse(uri)
	require.NoError(t, err)
	require.Equal(t, "otpauth", u.Scheme)
	require.Equal(t, "totp", u.Host)
	require.Equal(t, "/"+issuer+":"+account, u.Path)
	require.Equal(t, url.Values{"secret": {rfcSeed}, "issuer": {issuer}, "algorithm": {"SHA1"}, "digits": {"6"}, "period": {"30"}}, u.Query())
	key, err := otp.NewKeyFromURL(uri)
	require.NoError(t, err)
	require.Equal(t, []string{issuer, account, rfcSeed}, []string{key.Issuer(), key.AccountName(), key.Secret()})
	require.EqualValues(t, 30, key.Period())
	require.Equal(t, otp.DigitsSix, key.Digits())
}

func FuzzURI(f *testing.F) {
	for _, s := range awkward {
		f.Add(s, "ann@acme.example")
	}
	f.Add("a:b", "c")
	f.Fuzz(func(t *testing.T, issuer, account string) {
		if _, err := URI(issuer, account, rfcSeed); err == nil {
			roundTrip(t, issuer, account)
		} else {
			require.ErrorIs(t, err, chatadmin.ErrInvalid)
		}
		_, err := URI(label(issuer, "chat"), label(account, "user"), rfcSeed)
		require.NoError(t, err, "what a domain or user is called keeps nobody out")
		require.True(t, utf8.ValidString(label(issuer, "chat")))
		require.False(t, strings.ContainsFunc(label(account, "user"), unicode.IsControl))
	})
}

// tool finds a program that a test needs, and skips where it is not installed;
// in CI it must be.
func tool(t *testing.T, name, debian string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("%s is needed (Debian: apt-get install %s)", name, debian)
		}
		t.Skipf("%s is not installed (Debian: apt-get install %s)", name, debian)
	}
	return path
}

// A scanner reads what we draw, at the size we draw it.
func TestScannerReadsQR(t *testing.T) {
	zbarimg := tool(t, "zbarimg", "zbar-tools")
	for _, names := range [][2]string{{"Acme", "ann@acme.example"}, {"Müller & Söhne + Co", "ann=50%@acme.example"}, {"👩‍🚀 chat", "株式会社"}, {strings.Repeat("ü", 125), strings.Repeat("é", 125)}} {
		uri, err := URI(names[0], names[1], rfcSeed)
		require.NoError(t, err)
		data, err := qrPNG(uri)
		require.NoError(t, err)
		img, err := png.Decode(bytes.NewReader(data))
		require.NoError(t, err)
		paletted, ok := img.(*image.Paletted)
		require.True(t, ok)
		require.Len(t, paletted.Palette, 2)
		if len(names[0]) < 30 {
			require.LessOrEqual(t, img.Bounds().Dx(), 240)
			require.Less(t, len(data), 1600)
		}
		require.GreaterOrEqual(t, img.Bounds().Dx(), 200)
		path := filepath.Join(t.TempDir(), "qr.png")
		require.NoError(t, os.WriteFile(path, data, 0o600))
		out, err := exec.Command(zbarimg, "--raw", "-q", path).Output()
		require.NoError(t, err)
		require.Equal(t, uri, strings.TrimSpace(string(out)))
	}
}

// Codes of another program are right.
func TestCodesOfAnotherProgram(t *testing.T) {
	oathtool := tool(t, "oathtool", "oathtool")
	for _, at := range []string{"2026-03-01 09:00:00 UTC", "2038-01-19 03:14:08 UTC", "2005-03-18 01:58:29 UTC"} {
		out, err := exec.Command(oathtool, "--totp", "-b", "-N", at, rfcSeed).Output()
		require.NoError(t, err)
		now, err := parseUTC(at)
		require.NoError(t, err)
		step, ok := matchStep(rfcSeed, strings.TrimSpace(string(out)), now, 0)
		require.True(t, ok)
		require.Equal(t, now.Unix()/30, step)
	}
}

func parseUTC(s string) (time.Time, error) { return time.Parse("2006-01-02 15:04:05 MST", s) }
