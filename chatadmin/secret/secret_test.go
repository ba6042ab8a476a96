package secret_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/secret"
)

func TestValue(t *testing.T) {
	v := secret.Hide("pass")
	require.Equal(t, []any{"pass", []byte("pass"), false, "***"}, []any{v.Reveal(), v.Bytes(), v.IsZero(), v.String()})
	require.True(t, v.Equal(secret.HideBytes([]byte("pass"))))
	require.False(t, v.Equal(secret.Hide("past")))
	require.False(t, v.Equal(secret.Value{}))
	for _, zero := range []secret.Value{{}, secret.Hide(""), secret.HideBytes(nil)} {
		require.Equal(t, []any{"", []byte(nil), true, ""}, []any{zero.Reveal(), zero.Bytes(), zero.IsZero(), zero.String()})
		require.True(t, zero.Equal(secret.Value{}))
	}
	b := []byte("pass")
	v = secret.HideBytes(b)
	b[0], v.Bytes()[0] = 'x', 'y'
	require.Equal(t, "pass", v.Reveal(), "it is a copy")
}

// What hides in JSON is not read back from there by accident; what is for the
// wire goes there and back.
func TestJSON(t *testing.T) {
	b, err := json.Marshal(map[string]any{"v": secret.Hide("pass"), "zero": secret.Value{}})
	require.NoError(t, err)
	require.JSONEq(t, `{"v":"***","zero":""}`, string(b))
	var v secret.Value
	//lint:ignore SA9005 that it cannot be read is what is tested
	require.Error(t, json.Unmarshal([]byte(`"***"`), &v))

	type reply struct {
		Token secret.Wire `json:"token,omitzero"`
	}
	b, err = json.Marshal(reply{secret.Wire{Value: secret.Hide("pass")}})
	require.NoError(t, err)
	require.JSONEq(t, `{"token":"pass"}`, string(b))
	var r reply
	require.NoError(t, json.Unmarshal(b, &r))
	require.Equal(t, "pass", r.Token.Reveal())
	b, err = json.Marshal(reply{})
	require.NoError(t, err)
	require.JSONEq(t, `{}`, string(b))
	err = json.Unmarshal([]byte(`{"token":["pass"]}`), &r)
	require.Error(t, err)
	require.NotContains(t, err.Error(), "pass")
}
