package redact_test

import (
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/unicode"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/support/redact"
)

// What is taken out of a line, and what stays around it.
func TestString(t *testing.T) {
	for text, want := range map[string]string{
		// forms and queries
		"GET /?token=abc&x=1 HTTP/1.1":             "GET /?token=[redacted]&x=1 HTTP/1.1",
		"password=a%26b&user=ann":                  "password=[redacted]&user=ann",
		"password=a&b!":                            "password=[redacted]",
		"user[password]=hunter2&x=y":               "user[password]=[redacted]&x=y",
		"/cb?code=123&state=456#x":                 "/cb?code=[redacted]&state=[redacted]",
		"exit code=3 state=4":                      "exit code=3 state=4",
		"x=1%26password%3Dhunter2%26y%3D2":         "x=1%26password%3D[redacted]%26y%3D2",
		"a%252526pwd%25253Dhunter2%252526b":        "a%252526pwd%25253D[redacted]%252526b",
		"name=\"password\"\r\n\r\nhunter 2\r\n--b": "name=\"password\"\r\n\r\n[redacted]\r\n--b",
		"password=\nnext":                          "password=\nnext",
		"https://x/?a=1&amp;token=abc&amp;b=2":     "https://x/?a=1&amp;token=[redacted]&amp;b=2",
		"https://x/hook?sig=abc':":                 "https://x/hook?sig=[redacted]':",
		// JSON, and JSON in JSON
		`{"password":"hunter2","user":"ann"}`:                             `{"password":"[redacted]","user":"ann"}`,
		`{"password": "hun\"ter2\\", "user":1}`:                           `{"password": "[redacted]", "user":1}`,
		`{"body":"{\"password\":\"hun\\\"ter\\\\\",\"user\":1}","x":2}`:   `{"body":"{\"password\":\"[redacted]\",\"user\":1}","x":2}`,
		`"{\"a\":\"{\\\"pin\\\":\\\"12\\\\\\\"34\\\",\\\"b\\\":1}\"}"`:    `"{\"a\":\"{\\\"pin\\\":\\\"[redacted]\\\",\\\"b\\\":1}\"}"`,
		`{"x":"{\u0022password\u0022:\u0022hunter2\u0022,\u0022b\u0022"}`: `{"x":"{\u0022password\u0022:\u0022[redacted]\u0022,\u0022b\u0022"}`,
		`{"url":"https:\/\/ann:x@h\/p?token=abc"}`:                        `{"url":"https:\/\/[redacted]@h\/p?token=[redacted]"}`,
		`{"url":"/?a=1\u0026token=abc\u0026b=2"}`:                         `{"url":"/?a=1\u0026token=[redacted]\u0026b=2"}`,
		`{"password":null,"secret":false,"pin":1234,"u":"x"}`:             `{"password":null,"secret":false,"pin":[redacted],"u":"x"}`,
		`{"credentials":{"user":"ann","x":["a]","b}"]},"u":1}`:            `{"credentials":{[redacted]},"u":1}`,
		`{"name":"Authorization", "value":"Bearer x"}`:                    `{"name":"Authorization", "value":"[redacted]"}`,
		`{"msg":"a\npassword: hunter2\nb"}`:                               `{"msg":"a\npassword: [redacted]\nb"}`,
		`%7B%22password%22%3A%22hun%5C%22ter%22%2C%22user%22`:             `%7B%22password%22%3A%22[redacted]%22%2C%22user%22`,
		`{"token":""}`: `{"token":""}`,
		// headers
		"Authorization: Bearer abc.def":                         "Authorization: [redacted]",
		"proxy-authorization:Digest username=\"a\", response=":  "proxy-authorization:[redacted]",
		"Cookie: a=\"b\"; c=d\r\nHost: x":                       "Cookie: [redacted]\r\nHost: x",
		"Set-Cookie: a=b; HttpOnly\nHost: x":                    "Set-Cookie: [redacted]\nHost: x",
		"curl -H 'Cookie: a=b; c=d' https://x":                  "curl -H 'Cookie: [redacted]' https://x",
		`h="Authorization: Bearer abc" n=1`:                     `h="Authorization: [redacted]" n=1`,
		"map[Authorization:[Bearer x] Cookie:[a=b; c=d] H:[x]]": "map[Authorization:[[redacted]] Cookie:[[redacted]] H:[x]]",
		`"Set-Cookie":["a=b","c]d"],"x":1`:                      `"Set-Cookie":[[redacted]],"x":1`,
		"with Bearer+abc123 and bearer%20abc123":                "with Bearer+[redacted] and bearer%20[redacted]",
		"Basic dXNlcjpwYXNz.":                                   "Basic [redacted]",
		"basic usage, a Bearer token, Digest authentication":    "basic usage, a Bearer token, Digest authentication",
		"X-Api-Key: abc def":                                    "X-Api-Key: [redacted] def",
		// other notations
		"password = hunter2, next":                      "password = [redacted], next",
		"{Password:hunter2 Name:x}":                     "{Password:[redacted] Name:x}",
		`level=INFO msg=x client_secret="a b" user=1`:   `level=INFO msg=x client_secret="[redacted]" user=1`,
		"<password>a b</password> &lt;pin&gt;1&lt;/pin": "<password>[redacted]</password> &lt;pin&gt;[redacted]&lt;/pin",
		"tool --password hunter2 --token=abc -v":        "tool --password [redacted] --token=[redacted] -v",
		`password => "a", pin := 1`:                     `password => "[redacted]", pin := [redacted]`,
		`DOMAIN\token=abc`:                              `DOMAIN\token=[redacted]`,
		"pwd: don't tell, x":                            "pwd: [redacted] tell, x",
		"max_tokens=100 monkey=1 token_type=Bearer":     "max_tokens=100 monkey=1 token_type=Bearer",
		"password=[redacted] token=\"[redacted]\" x":    "password=[redacted] token=\"[redacted]\" x",
		"password=[redacted]hunter2":                    "password=[redacted]",
		// URLs
		"https://ann:p%40ss@example.com/x":                            "https://[redacted]@example.com/x",
		"postgres://user:pa/ss@db:5432/x":                             "postgres://[redacted]@db:5432/x",
		"http://localhost:8080/a@b http://h/@":                        "http://localhost:8080/a@b http://h/@",
		"https%3A%2F%2Fann%3Ax%40h%2Fp":                               "https%3A%2F%2F[redacted]%40h%2Fp",
		"see otpauth://totp/A:b?secret=JBSW&issuer=A now":             "see otpauth://[redacted] now",
		"otpauth-migration%3A%2F%2Foffline%3Fdata%3DAA":               "otpauth-migration%3A%2F%2F[redacted]",
		"https://hooks.slack.com/services/T0000000/B0000000/XXXXXXXX": "https://hooks.slack.com/services/[redacted]",
		// private keys
		"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIIE\nQw==\n-----END RSA PRIVATE KEY-----\nnext": "-----BEGIN RSA PRIVATE KEY-----[redacted]\nnext",
		`{"k":"-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n","x":1}`:                               `{"k":"-----BEGIN PRIVATE KEY-----[redacted]\n","x":1}`,
		"-----BEGIN+PRIVATE+KEY-----%0AMIIE%0A-----END+PRIVATE+KEY-----&x=1":                                         "-----BEGIN+PRIVATE+KEY-----[redacted]&x=1",
		"-----BEGIN EC PRIVATE KEY-----\nMIIE\n2026-01-02 cut off\n":                                                 "-----BEGIN EC PRIVATE KEY-----[redacted]\n2026-01-02 cut off\n",
		"-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----":                                               "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
		// by their looks
		"key 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 end":           "key [redacted] end",
		"xxxx9f86d081884c7d659a2feaa0c55ad015":                                               "[redacted]",
		"x /files/q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=/list y":                       "x [redacted] y",
		"data:;base64,q83vEjRWeJCrze8S%2BFZ4kKvN7xI0VniQq83vEjRWeJA%3D%3D":                   "data:;base64,[redacted]",
		"seed JBSWY3DPEHPK3PXPJBSWY3DPEH":                                                    "seed [redacted]",
		"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc,":                                          "[redacted],",
		"xoxb-12345-abcdefg12 ghp_abcdefgh12345678":                                          "[redacted] [redacted]",
		"go /activate/0190a.0190b.abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ/x":             "go /activate/0190a.0190b.[redacted]",
		"550e8400-e29b-41d4-a716-446655440000.u.abcdefghijklmnopqrstuvwxyzabcdefghijklmnopq": "550e8400-e29b-41d4-a716-446655440000.u.[redacted]",
	} {
		require.Equal(t, want, redact.Default().String(text), "%s", text)
		require.Equal(t, want, redact.Default().String(redact.Default().String(text)), "twice: %s", text)
	}
}

// What is no secret stays as it is.
func TestStays(t *testing.T) {
	for _, text := range []string{
		"", "a", "user 550e8400-e29b-41d4-a716-446655440000 deleted 3 messages",
		"/v1/domains/550e8400-e29b-41d4-a716-446655440000/users/0190f1e2-0000-7000-8000-00000000000a/devices",
		"/var/mobile/Containers/Data/Application/E4B1A0C2-D1D2-41D4-A716-446655440000/Library/Caches/com.mangoapps.officechat/log",
		"NSURLSessionConfigurationIdentifierForBackgroundUploads failed in /usr/lib/x86_64-linux-gnu/libc-2.31.so",
		"ERR_CONNECTION_REFUSED_BY_THE_REMOTE_HOST --------------------------------------------",
		"2026-01-02T15:04:05.000Z INFO the password was changed; the token is valid for 15 minutes",
		"ann@example.com called +49 171 1234567", "C:\\Users\\ann\\AppData\\Roaming\\Office Chat\\Logs\\new.log",
		"100% of \\d+ and &c. %zz \\", "00000000000000000000000000000000000000000000000000", "Grüße aus Köln, 日本語のログ",
	} {
		require.Equal(t, text, redact.Default().String(text))
	}
}

func TestPersonal(t *testing.T) {
	r, err := redact.New(&redact.Options{Emails: true, Phones: true})
	require.NoError(t, err)
	for text, want := range map[string]string{
		"to ann.lee+x@mail.example.com, bob@x":             "to [redacted], bob@x",
		"user=ann%40example.com&x=1":                       "user=[redacted]&x=1",
		`{"mail":"zoë@exämple.de"}`:                        `{"mail":"[redacted]"}`,
		"call +49 171 1234567 or (+91)1234123411 at 10:00": "call [redacted] or ([redacted] at 10:00",
		"tel:0049-171-1234567.":                            "tel:[redacted].",
		`{"mobile":"0171 1234567","phone":1}`:              `{"mobile":"[redacted]","phone":[redacted]}`,
		"2026-01-02 15:04:05.000+0100 took 1767323045000":  "2026-01-02 15:04:05.000+0100 took 1767323045000",
	} {
		require.Equal(t, want, r.String(text), text)
	}
}

func TestRules(t *testing.T) {
	for _, rule := range []redact.Rule{{Kind: "x"}, {Pattern: regexp.MustCompile("x")}} {
		_, err := redact.New(&redact.Options{Rules: []redact.Rule{rule}})
		require.ErrorIs(t, err, chatadmin.ErrInvalid)
	}
	r, err := redact.New(&redact.Options{Rules: []redact.Rule{
		{Kind: "patient", Pattern: regexp.MustCompile(`\bPN-\d{6}\b`)},
		{Kind: "room", Pattern: regexp.MustCompile(`room (\d+)`)},
	}})
	require.NoError(t, err)
	require.Equal(t, "[redacted] in room [redacted], XPN-123456, pin=[redacted]", r.String("PN-123456 in room 12, XPN-123456, pin=1"))
	empty, err := redact.New(&redact.Options{Rules: []redact.Rule{{Kind: "nothing", Pattern: regexp.MustCompile(`z*`)}}})
	require.NoError(t, err)
	require.Equal(t, "a[redacted]b", empty.String("azzb"))
	for shift := range 60 { // over the borders of the buffers
		text := strings.Repeat("x ", (64<<10-30+shift)/2) + strings.Repeat("y", shift%2) + " PN-123456 in room 12 " + strings.Repeat("x ", 40<<10)
		clean := r.Reader(iotest.HalfReader(strings.NewReader(text)))
		out, err := io.ReadAll(clean)
		require.NoError(t, err)
		require.Contains(t, string(out), " [redacted] in room [redacted] ", shift)
		require.Equal(t, map[redact.Kind]int{"patient": 1, "room": 1}, clean.Found())
		require.Len(t, out, len(text)+2*len(redact.Mark)-len("PN-123456")-len("12"))
	}
}

func TestUTF16(t *testing.T) {
	const text = "2026-01-02 INFO password=hunter2\r\nGrüße\r\n"
	for name, enc := range map[string]unicode.BOMPolicy{"with a mark": unicode.UseBOM, "without": unicode.IgnoreBOM} {
		for _, endian := range []unicode.Endianness{unicode.LittleEndian, unicode.BigEndian} {
			wide, err := unicode.UTF16(endian, enc).NewEncoder().String(text)
			require.NoError(t, err)
			out, err := io.ReadAll(redact.Default().Reader(strings.NewReader(wide)))
			require.NoError(t, err)
			require.Equal(t, strings.Replace(text, "hunter2", redact.Mark, 1), string(out), name)
		}
	}
	for _, odd := range []string{"\xff\xfe password=hunter2 and more", "plain text, then p\x00a\x00s\x00s\x00w\x00o\x00r\x00d\x00=\x00hunter2"} {
		out, err := io.ReadAll(redact.Default().Reader(strings.NewReader(odd)))
		require.NoError(t, err)
		require.Contains(t, string(out), "password=[redacted]")
	}
}

// A source that fails gives what was read before, then its error.
func TestFails(t *testing.T) {
	broken := errors.New("disk")
	for n := range 40 {
		text := strings.Repeat("words ", n*40)
		out, err := io.ReadAll(redact.Default().Reader(io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken))))
		require.ErrorIs(t, err, broken)
		require.Equal(t, text, string(out))
	}
	_, err := io.ReadAll(redact.Default().Reader(stuck{}))
	require.ErrorIs(t, err, io.ErrNoProgress)
	_, err = redact.Default().Reader(strings.NewReader("pin=1")).WriteTo(full{})
	require.ErrorIs(t, err, errFull)
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

var errFull = errors.New("full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestFound(t *testing.T) {
	r := redact.Default().Reader(strings.NewReader(`password=a token=b token=c Cookie: d=e` + "\n" + `otpauth://f ` + strings.Repeat("0a", 16)))
	_, err := io.Copy(io.Discard, r)
	require.NoError(t, err)
	require.Equal(t, map[redact.Kind]int{redact.Password: 1, redact.Token: 2, redact.Cookie: 1, redact.OTPAuth: 1, redact.LongValue: 1}, r.Found())
}
