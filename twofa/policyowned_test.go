package twofa_test

import (
	"testing"
	"time"

	"chatadmin.example/sdk/chatadmin/chatadmintest"
)

// No call writes a policy that is none. One that was damaged in the store lets
// nobody in, and keeps nobody from being changed.
func TestPolicyIsOwned(t *testing.T) {
	w := newWorld(t, byMail)
	bad := []string{`{"v":1}`, `{"v":1,"mode":"none"}`, `{"v":1,"mode":"email","validity":-1}`, `{"v":1,"mode":"email","validity":99999999}`, `{"mode":"off"}`}
	chatadmintest.CheckPolicy(t, w.Admin, w.Store, w.Domain, "twofa", `{"v":1,"mode":"email"}`, bad, func() error {
		w.Clock.Advance(time.Hour) // codes go out at a limited rate
		_, err := w.ask(w.Boss, "")
		return err
	})
}
