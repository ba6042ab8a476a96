package erase_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/erase"
)

// No call writes a grace period that would overflow, or nonsense, and with a
// policy that was damaged in the store nothing is deleted.
func TestPolicyIsOwned(t *testing.T) {
	w := newWorld(t, memory())
	ann := w.user("ann")
	bad := []string{`{"v":1,"grace_days":-1}`, `{"v":1,"grace_days":366}`, `{"v":1,"grace_days":1000000}`, `{"v":1,"grace_days":9223372036854775807}`, `{"v":1,"grace_days":"ten"}`}
	chatadmintest.CheckPolicy(t, w.Admin, w.Store, w.Domain, "erase", `{"v":1,"grace_days":10}`, bad, func() error {
		_, err := w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID}, nil)
		return err
	})
	for _, days := range []int{-1, 366, 1e6} {
		require.ErrorIs(t, w.d.SetPolicy(ctx, w.S, erase.Policy{GraceDays: days}), chatadmin.ErrInvalid)
	}
}

// The grace period of the program is bounded like that of a domain.
func TestGraceOfTheProgram(t *testing.T) {
	w := newWorld(t, memory())
	for _, grace := range []time.Duration{-1, 366 * 24 * time.Hour, 1<<63 - 1} {
		_, err := erase.New(w.Admin, &erase.Options{Grace: grace})
		require.ErrorIs(t, err, chatadmin.ErrInvalid, "%s", grace)
	}
}
