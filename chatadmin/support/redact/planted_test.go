package redact

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var long = flag.Bool("long", false, "plant secrets in a log of 100 MB, and cut them everywhere")

// plant is a text with a secret in it; parts of it must arrive nowhere.
type plant struct {
	name, text string
	secrets    []string
}

// random bytes, the same for the same seed.
func randomBytes(seed uint64, n int) []byte {
	r, b := rand.New(rand.NewPCG(seed, 1)), make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// plants has a secret of each kind, in each of several notations.
func plants(seed uint64) []plant {
	raw := randomBytes(seed, 32)
	b64, hx, b32 := base64.StdEncoding.EncodeToString(raw), hex.EncodeToString(raw), base32.StdEncoding.EncodeToString(raw[:20])
	url64 := base64.RawURLEncoding.EncodeToString(raw)
	pass := fmt.Sprintf("Tr0ub4dor&%d", seed)
	body := base64.StdEncoding.EncodeToString(randomBytes(seed+1, 150))
	pem := "-----BEGIN PRIVATE KEY-----\n" + body[:64] + "\n" + body[64:128] + "\n" + body[128:] + "\n-----END PRIVATE KEY-----\n"
	inJSON := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return string(b)
	}
	form := url.Values{"user": {"ann"}, "password": {pass}}.Encode()
	all := []plant{
		{"bearer", "Authorization: Bearer " + url64, []string{url64}},
		{"bearer in prose", "used Bearer " + hx[:20] + " for it", []string{hx[:20]}},
		{"cookie", "Cookie: theme=dark; sid=" + hx[:16] + "; x=" + pass, []string{hx[:16], pass}},
		{"password in a URL", "https://ann:" + url.QueryEscape(pass) + "@chat.example/x", []string{url.QueryEscape(pass)}},
		{"password in a form", form, []string{url.QueryEscape(pass)}},
		{"otpauth", "otpauth://totp/Acme:ann?secret=" + b32[:16] + "&issuer=Acme", []string{b32[:16]}},
		{"own token", "0190f1e2-0000-7000-8000-00000000000a.0190f1e2-0000-7000-8000-00000000000b." + url64, []string{url64}},
		{"private key", pem, []string{body[:64], body[64:128], body[128:]}},
		{"base64", b64, []string{b64}}, {"base64url", url64, []string{url64}},
		{"hex", hx, []string{hx}}, {"hex of 128 bits", hx[:32], []string{hx[:32]}}, {"base32", b32, []string{b32}},
		{"service key", "xoxb-" + hx[:20], []string{hx[:20]}},
		{"JSON Web Token", "eyJhbGciOiJub25lIn0." + url64[:20] + "." + url64[20:], []string{url64[:20], url64[20:]}},
		{"client secret", "client_secret=" + hx[:12], []string{hx[:12]}},
	}
	for _, p := range all[:len(all):len(all)] {
		all = append(all,
			plant{p.name + " in JSON", inJSON(map[string]any{"msg": p.text, "n": 1}), inner(p.secrets, inJSON)},
			plant{p.name + " in JSON in JSON", inJSON(map[string]string{"body": inJSON(map[string]string{"msg": p.text})}), inner(p.secrets, inJSON)},
			plant{p.name + " in a URL", "/log?msg=" + url.QueryEscape(p.text) + "&n=1", inner(p.secrets, url.QueryEscape)})
	}
	for name, v := range map[string]string{"password": pass, "api_key": hx[:10], "refreshToken": url64} {
		object := inJSON(map[string]any{name: v, "user": "ann"})
		all = append(all,
			plant{name + " as JSON", object, inner([]string{v}, inJSON)},
			plant{name + " as JSON in JSON", inJSON(map[string]string{"body": object}), inner([]string{v}, inJSON)},
			plant{name + " as JSON in a URL", "/x?body=" + url.QueryEscape(object), inner([]string{v}, url.QueryEscape)})
	}
	return all
}

// inner are secrets as an encoding writes them, without the quotes around them.
func inner[T any](secrets []string, enc func(T) string) (out []string) {
	for _, s := range secrets {
		e := strings.Trim(enc(any(s).(T)), `"`)
		out = append(out, e)
	}
	return out
}

func (p *plant) absent(t *testing.T, out []byte, where ...any) {
	t.Helper()
	for _, s := range p.secrets {
		if bytes.Contains(out, []byte(s)) {
			t.Fatalf("%s: %q arrived in %q (%v)", p.name, s, out[max(0, bytes.Index(out, []byte(s))-60):], where)
		}
	}
}

func TestPlanted(t *testing.T) {
	for seed := range uint64(30) {
		for _, p := range plants(seed) {
			for _, around := range []string{"%s", "2026-01-02 INFO %s\nnext", "\"%s\"", "[%s]", "(%s), x", "x=%s", "\t%s\r\n"} {
				out := Default().String(fmt.Sprintf(around, p.text))
				p.absent(t, []byte(out), around, seed)
			}
		}
	}
}

// small cuts the text into pieces of n bytes as if the buffer were no larger.
func small(r *Redactor, text []byte, n int) []byte {
	reader := r.Reader(bytes.NewReader(text))
	reader.s.buf = make([]byte, 0, n)
	out, err := io.ReadAll(reader)
	if err != nil {
		panic(err)
	}
	return out
}

const smallest = 18 << 10 // more than what any decision looks at

// A secret that lies across the border of two pieces does not arrive, wherever
// it is cut.
func TestPlantedAcrossBorders(t *testing.T) {
	filler := bytes.Repeat([]byte("2026-01-02T15:04:05Z INFO a line of the log, as there are many\n"), smallest/60)
	for _, p := range plants(7) {
		whole := append(append([]byte("\n"), p.text...), "\nand the log goes on\n"...)
		want := Default().String(string(whole))
		step := 1 + len(whole)/60
		if *long {
			step = 1
		}
		for before := smallest - len(whole); before <= smallest; before += step {
			text := append(append([]byte{}, filler[len(filler)-before:]...), whole...)
			out := small(Default(), text, smallest)
			p.absent(t, out, before)
			if !bytes.HasSuffix(out, []byte(want)) {
				t.Fatalf("%s, cut at %d: %q, not %q", p.name, smallest-before, out[max(0, len(out)-len(want)):], want)
			}
		}
	}
}

// Secrets of each kind in a log of 100 MB (-long) or 2 MB, before each of many
// lines, so that they come to lie everywhere in the buffer.
func TestPlantedInLog(t *testing.T) {
	size := 2 << 20
	if *long {
		size = 100 << 20
	}
	var all []plant
	for seed := range uint64(4) {
		all = append(all, plants(seed)...)
	}
	var forbidden [][]byte
	for _, p := range all {
		for _, s := range p.secrets {
			forbidden = append(forbidden, []byte(s))
		}
	}
	pr, pw := io.Pipe()
	go func() {
		r := rand.New(rand.NewPCG(3, 4))
		for n := 0; n < size; {
			k, err := fmt.Fprintf(pw, "2026-01-02T15:04:05Z INFO line %d%s of the log\n%s\n", r.IntN(1e6), strings.Repeat("x", r.IntN(40)), all[r.IntN(len(all))].text)
			if err != nil {
				return
			}
			n += k
		}
		_ = pw.Close()
	}()
	out := Default().Reader(pr)
	piece, total := make([]byte, 0, 1<<20), 0
	for done := false; !done; {
		keep := copy(piece[:cap(piece)], piece[max(0, len(piece)-4096):]) // what may be cut
		n, err := io.ReadFull(out, piece[keep:cap(piece)])
		piece, total = piece[:keep+n], total+n
		done = err != nil
		for _, s := range forbidden {
			if k := bytes.Index(piece, s); k >= 0 {
				t.Fatalf("%q arrived in %q", s, piece[max(0, k-100):k+len(s)])
			}
		}
	}
	require.Greater(t, total, size/4)
	for _, k := range []Kind{Password, Token, Cookie, OTPAuth, PrivateKey, LongValue} {
		require.Positive(t, out.Found()[k], k)
	}
}

// Whatever stands around a secret, it does not arrive; and what comes out does
// not depend on how the text is cut.
func FuzzRedact(f *testing.F) {
	for _, p := range plants(1) {
		f.Add([]byte(p.text), []byte(p.text), uint8(3), false)
	}
	f.Add([]byte(`password="`), []byte(`"`), uint8(0), true)
	f.Add([]byte("\\\\\\%25%2522&quot;"), []byte("://:@"), uint8(9), true)
	all := plants(2)
	personal, err := New(&Options{Emails: true, Phones: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, before, after []byte, which uint8, all2 bool) {
		r := Default()
		if all2 {
			r = personal
		}
		p := all[int(which)%len(all)]
		text := append(append(append(bytes.Clone(before), '\n'), p.text...), '\n')
		text = append(text, after...)
		if ok := !bytes.ContainsRune(before, 0) && !bytes.HasPrefix(before, []byte{0xff, 0xfe}) && !bytes.HasPrefix(before, []byte{0xfe, 0xff}); !ok {
			_ = small(r, text, smallest)
			return
		}
		out, err := io.ReadAll(r.Reader(bytes.NewReader(text)))
		if err != nil {
			t.Fatal(err)
		}
		clean := bytes.ReplaceAll(before, []byte("\n"), nil)
		for _, s := range p.secrets {
			if bytes.Contains(out, []byte(s)) && !bytes.Contains(clean, []byte(s)) && !bytes.Contains(after, []byte(s)) {
				t.Fatalf("%s: %q arrived in %q", p.name, s, out)
			}
		}
		shifted := append(bytes.Repeat([]byte("line\n"), (smallest-len(before))/5+1), text...)
		if got := small(r, shifted, smallest); !bytes.HasSuffix(got, out) {
			t.Fatalf("cut: %q, whole: %q", got[max(0, len(got)-len(out)):], out)
		}
	})
}
