package chatadmin_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/nyaruka/phonenumbers"
	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
)

func TestPhoneE164(t *testing.T) {
	for _, c := range []struct{ typed, region, want string }{
		{"", "US", ""},
		{"(+91)1234123411", "", "+911234123411"},
		{"+48 22 123 45 67", "", "+48221234567"},
		{"+31 (0)6 1234-5678", "", "+31612345678"},
		{"06 12345678", "NL", "+31612345678"},
		{"06 12345678", "nl", "+31612345678"},
		{"06 12345678", "", ""},
		{"+39 06 698 12345", "", "+390669812345"},
		{"(415) 555-2671", "US", "+14155552671"},
		{"0049 30 901820", "NL", "+4930901820"},
		{"+1 415", "", ""},
		{"+999 1234567", "", ""},
		{"call me", "US", ""},
		{"+", "", ""},
		{"+1 415 555 2671 ext. 5", "US", ""},
		{"++31612345678+", "", ""},
		{"+031612345678", "", ""},
		{"+316123456781234567890", "", ""},
	} {
		require.Equal(t, c.want, chatadmin.PhoneE164(c.typed, c.region), "%q in %q", c.typed, c.region)
	}
}

// The short way must never say anything else than the full parser.
func TestPhoneShortcutAgreesWithTheParser(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	codes := phonenumbers.GetSupportedCallingCodes()
	for code := range codes {
		for range 200 {
			typed := fmt.Sprintf("+%d", code)
			for range 3 + rnd.IntN(13) {
				typed += string("0123456789 -.()"[rnd.IntN(15)])
			}
			want := ""
			if n, err := phonenumbers.Parse(typed, ""); err == nil && phonenumbers.IsPossibleNumberWithReason(n) == phonenumbers.IS_POSSIBLE {
				want = phonenumbers.Format(n, phonenumbers.E164)
			}
			require.Equal(t, want, chatadmin.PhoneE164(typed, ""), typed)
		}
	}
}

func BenchmarkPhoneE164(b *testing.B) {
	b.Run("plain", func(b *testing.B) {
		for b.Loop() {
			chatadmin.PhoneE164("+31 6 1234 5678", "NL")
		}
	})
	b.Run("national", func(b *testing.B) {
		for b.Loop() {
			chatadmin.PhoneE164("06 1234 5678", "NL")
		}
	})
}
