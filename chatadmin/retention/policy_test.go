package retention_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/retention"
)

func (w *world) policy() retention.Policy {
	w.T.Helper()
	p, err := w.r.Policy(ctx, w.S)
	require.NoError(w.T, err)
	return p
}

func TestPolicy(t *testing.T) {
	w := newWorld(t, memory())
	require.Zero(t, w.policy(), "everything is kept until somebody decides")
	for _, days := range []int{-1, retention.MaxDays + 1} {
		require.ErrorIs(t, w.r.SetDays(ctx, w.S, days), chatadmin.ErrInvalid)
		require.ErrorIs(t, w.r.SetLimit(ctx, w.Domain, days), chatadmin.ErrInvalid)
	}
	require.Empty(t, w.Events("retention."))
	w.days(0) // as it is
	require.Empty(t, w.Events("retention."))
	w.days(retention.MaxDays)
	w.days(90)
	w.days(90)
	require.Equal(t, retention.Policy{Version: 1, Days: 90}, w.policy())
	events := w.Events(retention.KindSet)
	require.Len(t, events, 2)
	require.Equal(t, []chatadmin.FieldChange{{Field: "retention_days", Before: "36500", After: "90"}}, events[0].Changes[w.Domain])
	require.Equal(t, w.S.Actor(), events[0].Actor)
	w.days(0)
	require.Equal(t, []chatadmin.FieldChange{{Field: "retention_days", Before: "90", After: ""}}, w.Events(retention.KindSet)[0].Changes[w.Domain])
}

// The host's limit brings down what is longer, and keeps it down.
func TestLimit(t *testing.T) {
	for _, c := range []struct{ days, limit, want int }{{0, 7, 7}, {90, 7, 7}, {3, 7, 3}, {7, 7, 7}, {90, 0, 90}, {0, 0, 0}} {
		w := newWorld(t, memory())
		w.days(c.days)
		require.NoError(t, w.r.SetLimit(ctx, w.Domain, c.limit))
		require.Equal(t, []int{c.want, c.limit}, []int{w.policy().Days, w.policy().Limit})
	}
	w := newWorld(t, memory())
	require.NoError(t, w.r.SetLimit(ctx, w.Domain, 7))
	require.NoError(t, w.r.SetLimit(ctx, w.Domain, 7))
	events := w.Events(retention.KindLimit)
	require.Len(t, events, 1)
	require.Equal(t, chatadmin.HostActor, events[0].Actor)
	require.Equal(t, []chatadmin.FieldChange{{Field: "retention_days", Before: "", After: "7"}, {Field: "retention_limit", Before: "", After: "7"}}, events[0].Changes[w.Domain])
	for _, days := range []int{0, 8, retention.MaxDays} {
		for _, s := range []*chatadmin.Scope{w.S, w.Host} {
			err := w.r.SetDays(ctx, s, days)
			require.ErrorIs(t, err, chatadmin.ErrForbidden)
			require.ErrorContains(t, err, "at most 7 days")
		}
	}
	w.days(3)
	require.NoError(t, w.r.SetLimit(ctx, w.Domain, 30))
	require.Equal(t, 3, w.policy().Days)
	w.days(30)
	require.NoError(t, w.r.SetLimit(ctx, w.Domain, 0))
	require.Equal(t, retention.Policy{Version: 1, Days: 30}, w.policy())
	w.days(0)
	require.ErrorIs(t, w.r.SetLimit(ctx, "no-such-domain", 7), chatadmin.ErrNotFound)
}

// No call makes a final limit longer. It can become shorter.
func TestFinalLimit(t *testing.T) {
	w := newWorld(t, memory())
	require.ErrorIs(t, w.r.FixLimit(ctx, w.Domain, 0), chatadmin.ErrInvalid)
	require.ErrorIs(t, w.r.FixLimit(ctx, w.Domain, retention.MaxDays+1), chatadmin.ErrInvalid)
	require.ErrorIs(t, w.r.FixLimit(ctx, "no-such-domain", 7), chatadmin.ErrNotFound)
	w.days(90)
	require.NoError(t, w.r.FixLimit(ctx, w.Domain, 7))
	require.NoError(t, w.r.FixLimit(ctx, w.Domain, 7))
	final := retention.Policy{Version: 2, Days: 7, Limit: 7, Final: true}
	require.Equal(t, final, w.policy())
	events := w.Events(retention.KindLimit)
	require.Len(t, events, 1)
	require.Contains(t, events[0].Changes[w.Domain], chatadmin.FieldChange{Field: "retention_limit_final", Before: "", After: "yes"})

	for _, days := range []int{0, 8, retention.MaxDays} {
		for name, err := range map[string]error{"admin": w.r.SetDays(ctx, w.S, days), "host": w.r.SetDays(ctx, w.Host, days), "limit": w.r.SetLimit(ctx, w.Domain, days)} {
			require.ErrorIs(t, err, chatadmin.ErrForbidden, "%s %d", name, days)
			require.ErrorContains(t, err, "7 days for good", "%s %d", name, days)
		}
	}
	for _, policy := range []string{``, `{"v":1,"days":0}`, `{"v":1,"days":7,"limit":7}`, `{"v":2,"days":8,"limit":8,"final":true}`} {
		for _, s := range []*chatadmin.Scope{w.S, w.Host} {
			err := s.SetPolicy(ctx, "host.policy", chatadmin.PermHolds, "retention", func(*chatadmin.Writer, json.RawMessage) (json.RawMessage, []chatadmin.FieldChange, error) {
				return json.RawMessage(policy), nil, nil
			})
			require.ErrorIs(t, err, chatadmin.ErrInvalid, policy)
			require.ErrorContains(t, err, "for good", policy)
		}
		require.ErrorIs(t, w.Admin.RepairPolicy(ctx, w.Domain, "retention", json.RawMessage(policy)), chatadmin.ErrTransition, policy)
	}
	require.Equal(t, final, w.policy())

	require.NoError(t, w.r.FixLimit(ctx, w.Domain, 30), "the shorter limit stays")
	require.Equal(t, final, w.policy())
	require.NoError(t, w.r.SetLimit(ctx, w.Domain, 5))
	w.days(2)
	require.Equal(t, retention.Policy{Version: 2, Days: 2, Limit: 5, Final: true}, w.policy())
	require.ErrorIs(t, w.r.SetLimit(ctx, w.Domain, 7), chatadmin.ErrForbidden)
}

// Nobody goes round SetDays by changing the settings.
func TestPolicyIsOwned(t *testing.T) {
	w := newWorld(t, memory())
	require.NoError(t, w.r.SetLimit(ctx, w.Domain, 7))
	for _, s := range []*chatadmin.Scope{w.S, w.Host} {
		for _, policy := range []string{`{"v":1,"days":0}`, ``} {
			_, err := s.ChangeSettings(ctx, func(set *chatadmin.Settings) error {
				set.Policies["retention"] = json.RawMessage(policy)
				if policy == "" {
					delete(set.Policies, "retention")
				}
				return nil
			})
			require.Error(t, err)
		}
	}
	require.Equal(t, 7, w.policy().Days)
}

// No call writes a policy that is none, and with one that was damaged in the
// store nothing is deleted.
func TestPolicyIsChecked(t *testing.T) {
	w := newWorld(t, memory())
	bad := []string{`{"v":1,"days":-1}`, `{"v":1,"days":36501}`, `{"v":1,"days":1000000}`, `{"v":1,"days":"ten"}`, `{"v":1,"days":0,"limit":7}`, `{"v":1,"days":8,"limit":7}`, `{"v":1,"limit":-7}`, `{"v":2,"final":true}`, `{"v":3}`}
	chatadmintest.CheckPolicy(t, w.Admin, w.Store, w.Domain, "retention", `{"v":1,"days":10}`, bad, func() error {
		_, err := w.r.Plan(ctx, w.S, 0)
		return err
	})
}
