package signin_test

import (
	"testing"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/signin"
)

// No call writes a policy that the gate could not read, and one that was
// damaged in the store lets nobody in until it is repaired.
func TestPolicyIsOwned(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	bad := []string{`{"v":1,"limit":-4}`, `{"v":1,"limit":101}`, `{"v":1,"limit":"three"}`, `{"v":1,"unlock_after":-7}`,
		`{"v":1,"unlock_after":9223372037}`, `{"v":1,"unlock_after":18446744074}`, `{"v":1,"unlock_after":1e6}`, `{"v":1,"unlock_after":999999999999}`}
	chatadmintest.CheckPolicy(t, w.Admin, w.Store, w.Domain, "signin", `{"v":1,"limit":5}`, bad, func() error {
		_, err := w.gate.SignIn(t.Context(), w.Domain, signin.Attempt{Login: "boss@acme.example"}, w.verify("right"))
		return err
	})
}
