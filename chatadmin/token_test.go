package chatadmin_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// A token that is printed shows nothing of its secret, whatever the verb, also
// as a part of something else.
func TestTokenPrinted(t *testing.T) {
	token, err := chatadmintest.Must(chatadmin.New(memstore.New(nil), nil)).NewToken("acme", "ann")
	require.NoError(t, err)
	secret := token.Plain()[strings.LastIndex(token.Plain(), ".")+1:]
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		require.Contains(t, fmt.Sprintf(verb, token), "acme.ann.***", verb)
		require.NotContains(t, fmt.Sprintf(verb, struct{ Token chatadmin.Token }{token}), secret, verb)
	}
}
