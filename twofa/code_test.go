package twofa

import (
	"bytes"
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/secret"
)

var rfcSeed = base32.StdEncoding.EncodeToString([]byte("12345678901234567890"))

// RFC 4226, appendix D: the counter is our time step.
func TestHOTPVectors(t *testing.T) {
	for step, code := range []string{"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"} {
		got, ok := matchStep(rfcSeed, code, time.Unix(int64(step)*30, 0), int64(step)-1)
		require.True(t, ok, code)
		require.EqualValues(t, step, got)
	}
}

// RFC 6238, appendix B, SHA-1: the last six of its eight digits.
func TestTOTPVectors(t *testing.T) {
	for unix, code := range map[int64]string{59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130"} {
		step, ok := matchStep(rfcSeed, code[2:], time.Unix(unix, 0), 0)
		require.True(t, ok, code)
		require.Equal(t, unix/30, step)
	}
}

// One step each way and no further; only six ASCII digits; and only above the
// last step used.
func TestMatchStep(t *testing.T) {
	now := time.Unix(1_700_000_010, 0)
	current := now.Unix() / 30
	at := func(step int64) string {
		code, err := totp.GenerateCode(rfcSeed, time.Unix(step*30, 0))
		require.NoError(t, err)
		return code
	}
	for d := int64(-3); d <= 3; d++ {
		step, ok := matchStep(rfcSeed, at(current+d), now, 0)
		require.Equal(t, d >= -1 && d <= 1, ok, "%d", d)
		if ok {
			require.Equal(t, current+d, step, "the step of the code, not of the clock")
		}
	}
	for last := current - 3; last <= current+3; last++ {
		for d := int64(-1); d <= 1; d++ {
			_, ok := matchStep(rfcSeed, at(current+d), now, last)
			require.Equal(t, current+d > last, ok, "code of %d after %d", d, last-current)
		}
	}
	code := at(current)
	for _, bad := range []string{"", " " + code, code + " ", code + "\n", code[:5], code + "0", "0" + code, " " + code[1:], "+" + code[1:], "-" + code[1:], code[:3] + " " + code[3:],
		strings.NewReplacer("0", "٠", "1", "١", "2", "٢", "3", "٣", "4", "٤", "5", "٥", "6", "٦", "7", "٧", "8", "٨", "9", "٩").Replace(code), "１２３４５６", "½23456", code + "\x00", strings.Repeat("0", 1<<20)} {
		_, ok := matchStep(rfcSeed, bad, now, 0)
		require.False(t, ok, "%.20q", bad)
	}
	_, ok := matchStep("not base32!", code, now, 0)
	require.False(t, ok)
	for _, old := range []time.Time{{}, time.Unix(-1, 0), time.Unix(0, 0)} {
		_, ok := matchStep(rfcSeed, code, old, 0)
		require.False(t, ok)
	}
}

// What is mailed is as likely to be one code as any other, and keeps its
// leading zeros.
func TestMailCodes(t *testing.T) {
	seen := map[byte]int{}
	for range 5000 {
		code, err := newMailCode(rand.Reader)
		require.NoError(t, err)
		require.True(t, isCode(code), code)
		seen[code[0]]++
	}
	for d := byte('0'); d <= '9'; d++ {
		require.InDelta(t, 500, seen[d], 150)
	}
	// 4,294,000,000 and above would make the first codes likelier.
	code, err := newMailCode(strings.NewReader("\xff\xff\xff\xff\xff\xf1\x3d\x80\x00\x00\x00\x2a"))
	require.NoError(t, err)
	require.Equal(t, "000042", code)
	_, err = newMailCode(strings.NewReader("\xff\xff\xff\xff"))
	require.Error(t, err)
}

func TestRecoveryCodeIsForgivingInForm(t *testing.T) {
	for range 100 {
		code, err := newRecoveryCode(rand.Reader)
		require.NoError(t, err)
		require.NotContains(t, code, "0")
		bare := strings.ReplaceAll(code, "-", "")
		for _, typed := range []string{code, bare, strings.ToLower(code), " " + code + " ", strings.ReplaceAll(code, "-", " ")} {
			got, ok := parseRecoveryCode(typed)
			require.True(t, ok, typed)
			require.Equal(t, bare, got)
		}
		for _, bad := range []string{"", code[1:], code + "A", strings.Replace(bare, bare[:1], "1", 1), bare[:15] + "\n", strings.Repeat("A", 1<<20)} {
			_, ok := parseRecoveryCode(bad)
			require.False(t, ok, "%.30q", bad)
		}
	}
}

// What hashes are bound to cannot be shifted from one word to the next.
func TestHashIsBound(t *testing.T) {
	tok, err := newToken(rand.Reader, "")
	require.NoError(t, err)
	require.Regexp(t, `^[0-9a-f]{20}\.[A-Za-z0-9_-]{32}$`, tok.plain())
	h := tok.hash("acme", "ann", 1, "web")
	require.True(t, equal(h, tok.hash("acme", "ann", 1, "web")))
	for name, other := range map[string][]byte{"domain": tok.hash("acm", "ann", 1, "web"), "shifted": tok.hash("acm", "eann", 1, "web"), "user": tok.hash("acme", "bob", 1, "web"),
		"generation": tok.hash("acme", "ann", 2, "web"), "client": tok.hash("acme", "ann", 1, "desktop"), "nothing": nil, "selector": token{"other", tok.verifier}.hash("acme", "ann", 1, "web")} {
		require.False(t, equal(h, other), name)
	}
	require.False(t, equal(nil, nil))
	st := state{Seed: tok.verifier.Bytes()}
	for _, v := range []string{fmt.Sprint(st), fmt.Sprintf("%+v", st), fmt.Sprintf("%#v", st), fmt.Sprint(&st), fmt.Sprint(tok), fmt.Sprintf("%+v", tok), fmt.Sprintf("%#v", tok)} {
		require.NotContains(t, v, tok.verifier.Reveal())
	}
}

func FuzzCode(f *testing.F) {
	f.Add("287082")
	f.Add("٢٨٧٠٨٢")
	f.Add(" 287\u00a0082\r\n")
	f.Add("287-082-")
	f.Add("ABCD-EFGH-JKLM-NPQR")
	f.Fuzz(func(t *testing.T, s string) {
		if step, ok := matchStep(rfcSeed, s, time.Unix(59, 0), 0); ok {
			want, err := totp.GenerateCode(rfcSeed, time.Unix(step*30, 0))
			require.NoError(t, err)
			require.Equal(t, want, s)
		}
		if code := typed(s); isCode(code) { // whatever was left out, no digit was
			only := strings.Map(func(r rune) rune {
				if unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) {
					return -1
				}
				return r
			}, s)
			require.Equal(t, only, code)
			require.Equal(t, code, typed(code))
		}
		if code, ok := parseRecoveryCode(s); ok {
			require.False(t, isCode(s))
			require.Len(t, code, recoveryDigits)
			again, ok := parseRecoveryCode(code)
			require.True(t, ok)
			require.Equal(t, code, again)
		}
	})
}

// A token or challenge that is taken is exactly one that was made: nothing else
// spells it.
func FuzzToken(f *testing.F) {
	tok, _ := newToken(rand.Reader, "")
	id, _ := newChallengeID(rand.Reader, "0195-ann")
	f.Add(tok.plain())
	f.Add(id)
	f.Add("a.b")
	f.Add(".")
	f.Fuzz(func(t *testing.T, s string) {
		if tok := parseToken(s); tok != (token{}) {
			require.Equal(t, s, tok.plain())
			require.Len(t, s, selectorSize*2+1+secretSize*4/3)
		}
		if user, err := parseChallenge(s); err == nil {
			require.NotEmpty(t, user)
			require.True(t, strings.HasPrefix(s, string(user)+"."))
			require.Len(t, s, len(user)+1+secretSize*4/3)
		}
	})
}

// benchmarks of checking a code against the same work by the otp library alone,
// in one run; ratio is ours to theirs. Sealed adds opening the seed, as each
// answer does.
func BenchmarkMatch(b *testing.B) {
	seed, err := newSeed(rand.Reader)
	require.NoError(b, err)
	ring, err := keyring.New(rand.Reader, keyring.Key{ID: "k", Secret: secret.HideBytes(bytes.Repeat([]byte{1}, keyring.KeySize))})
	require.NoError(b, err)
	words := belongs("seed", "acme", "ann", 1)
	sealed, err := ring.Seal([]byte(seed), words...)
	require.NoError(b, err)
	st := state{Generation: 1, Seed: sealed}
	data, err := json.Marshal(&st)
	require.NoError(b, err)
	now := time.Unix(1_700_000_010, 0)
	hit, err := totp.GenerateCode(seed, now)
	require.NoError(b, err)
	miss := "000000"
	for _, ok := matchStep(seed, miss, now, 0); ok; _, ok = matchStep(seed, miss, now, 0) {
		miss = "111111"
	}
	opts := totp.ValidateOpts{Period: 30, Skew: 1, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1}
	for name, code := range map[string]string{"hit": hit, "miss": miss} {
		want := name == "hit"
		floor := func() {
			if ok, _ := totp.ValidateCustom(code, seed, now, opts); ok != want {
				b.Fatal(name)
			}
		}
		for kind, ours := range map[string]func(){
			"": func() {
				if _, ok := matchStep(seed, code, now, 0); ok != want {
					b.Fatal(name)
				}
			},
			"-sealed": func() {
				var st state
				if err := json.Unmarshal(data, &st); err != nil {
					b.Fatal(err)
				}
				open, _, err := ring.Open(st.Seed, words...)
				if err != nil {
					b.Fatal(err)
				}
				if _, ok := matchStep(string(open), code, now, st.Step); ok != want {
					b.Fatal(name)
				}
			},
		} {
			b.Run(name+kind, func(b *testing.B) {
				var a, z time.Duration
				for b.Loop() {
					// long enough for the clock, short enough to share the
					// machine's moods
					const turns = 50
					begin := time.Now()
					for range turns {
						floor()
					}
					mid := time.Now()
					for range turns {
						ours()
					}
					a, z = a+mid.Sub(begin), z+time.Since(mid)
				}
				b.ReportMetric(float64(z)/float64(a), "ratio")
				b.ReportMetric(float64(z.Nanoseconds())/float64(b.N)/50, "ns/code")
			})
		}
	}
}

func BenchmarkQR(b *testing.B) {
	uri, err := URI("Acme Chat", "ann@acme.example", rfcSeed)
	require.NoError(b, err)
	for b.Loop() {
		if _, err := qrPNG(uri); err != nil {
			b.Fatal(err)
		}
	}
}
