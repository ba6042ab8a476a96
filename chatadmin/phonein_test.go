package chatadmin_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
)

func TestPhoneIn(t *testing.T) {
	for _, c := range []struct {
		number, region string
		want           bool
	}{
		{"+31612345678", "NL", true}, {"+31612345678", "nl", true}, {"+31612345678", "DE", false}, {"+31612345678", "", false}, {"+31612345678", "XX", false},
		{"+12125550100", "US", true}, {"+14165550100", "US", false}, {"+14165550100", "CA", true}, // New York, Toronto
		{"+911234123411", "IN", true}, // possible, and nobody's
		{"+441534123456", "GB", false}, {"+441534123456", "JE", true},
		{"", "NL", false}, {"0612345678", "NL", false},
	} {
		require.Equal(t, c.want, chatadmin.PhoneIn(c.number, c.region), "%s in %s", c.number, c.region)
	}
}
