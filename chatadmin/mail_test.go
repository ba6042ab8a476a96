package chatadmin_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
)

// Whoever logs a mail does not log what it lets in.
func TestNothingPrintsTheTextOfAMail(t *testing.T) {
	m := chatadmin.Mail{ID: "code-1", To: "ann@acme.example", Subject: "Your code", Text: "It is 271828.\n"}
	var out bytes.Buffer
	for _, v := range []any{m, &m} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			require.Equal(t, "mail code-1 to ann@acme.example: Your code", fmt.Sprintf(verb, v), verb)
		}
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "mail", v)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "mail", v)
	}
	fmt.Fprintf(&out, "%+v %#v %x", []chatadmin.Mail{m}, []*chatadmin.Mail{&m}, []chatadmin.Mail{m})
	require.Contains(t, out.String(), "code-1")
	require.NotContains(t, out.String(), "271828")
	require.NotContains(t, out.String(), hex.EncodeToString([]byte("271828")))
}
