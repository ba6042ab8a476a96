package chatadmin_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
)

// setPolicy writes a policy as a package does.
func setPolicy(s *chatadmin.Scope, name, value string) error {
	return s.SetPolicy(ctx, "policy.set", chatadmin.PermDomain, name, func(*chatadmin.Writer, json.RawMessage) (json.RawMessage, []chatadmin.FieldChange, error) {
		return json.RawMessage(value), nil, nil
	})
}

// changePolicy writes a policy with the settings.
func changePolicy(s *chatadmin.Scope, name, value string) error {
	return second(s.ChangeSettings(ctx, func(set *chatadmin.Settings) error {
		if set.Policies == nil {
			set.Policies = map[string]json.RawMessage{}
		}
		set.Policies[name] = json.RawMessage(value)
		return nil
	}))
}

// The names of the library's packages are taken in a program that does not use
// the package, whoever asks by whatever call; others are the host's.
func TestPolicyNames(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	for _, name := range []string{"signin", "erase", "retention", "twofa", "devices", "integrations", "", strings.Repeat("x", 65), "a\nb"} {
		for _, s := range []*chatadmin.Scope{w.S, w.Host} {
			require.ErrorIs(t, changePolicy(s, name, `{"v":1}`), chatadmin.ErrInvalid, name)
			require.ErrorIs(t, setPolicy(s, name, `{"v":1}`), chatadmin.ErrInvalid, name)
		}
		_, _, err := w.Admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "B", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "a@b.example"},
			Settings: func(s *chatadmin.Settings) { s.Policies = map[string]json.RawMessage{name: []byte(`{"v":1}`)} }})
		require.ErrorIs(t, err, chatadmin.ErrInvalid, name)
	}
	require.Empty(t, collectSettings(t, w).Policies)
	require.NoError(t, changePolicy(w.S, "acme.opening-hours", `{"from":9}`))
	require.NoError(t, setPolicy(w.S, "acme.colours", `["red"]`))
	require.ErrorIs(t, changePolicy(w.S, "acme.opening-hours", `{"from":`), chatadmin.ErrInvalid, "not JSON")
	require.NoError(t, setPolicy(w.S, "acme.colours", ""))
	require.Equal(t, map[string]json.RawMessage{"acme.opening-hours": []byte(`{"from":9}`)}, collectSettings(t, w).Policies)
}

// A policy is checked by its package when it is written, also where a second
// one registers the name as well: that takes nothing away.
func TestPolicyIsChecked(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	reason := errors.New("not a number")
	w.Admin.Extend(chatadmin.Extension{Policy: chatadmin.Policy{Name: "signin", Check: func(p json.RawMessage) error {
		var n int
		if json.Unmarshal(p, &n) != nil {
			return reason
		}
		return nil
	}}})
	w.Admin.Extend(chatadmin.Extension{Policy: chatadmin.Policy{Name: "signin", Check: func(json.RawMessage) error { return nil }}})
	require.NoError(t, setPolicy(w.S, "signin", "3"))
	err := setPolicy(w.S, "signin", `"three"`)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	require.ErrorContains(t, err, reason.Error())
	var field *chatadmin.FieldError
	require.ErrorAs(t, err, &field)
	require.Equal(t, "signin", field.Value)
	_, _, err = w.Admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "B", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "a@b.example"},
		Settings: func(s *chatadmin.Settings) { s.Policies = map[string]json.RawMessage{"signin": []byte(`"three"`)} }})
	require.ErrorContains(t, err, reason.Error())
	// What was damaged in the store keeps nobody from changing anything else,
	// and is repaired by the host.
	require.ErrorIs(t, w.Admin.RepairPolicy(ctx, w.Domain, "signin", []byte("4")), chatadmin.ErrTransition, "in order")
	require.ErrorIs(t, w.Admin.RepairPolicy(ctx, w.Domain, "none", []byte("4")), chatadmin.ErrNotFound)
	chatadmintest.PutSettings(t, w.Store, w.Domain, func(s *chatadmin.Settings) { s.Policies["signin"] = []byte(`"damaged"`) })
	w.User("ann@acme.example")
	require.NoError(t, changePolicy(w.S, "acme.colours", "1"))
	require.ErrorIs(t, w.Admin.RepairPolicy(ctx, w.Domain, "signin", []byte(`"again"`)), chatadmin.ErrInvalid)
	require.NoError(t, w.Admin.RepairPolicy(ctx, w.Domain, "signin", []byte("4")))
	require.Equal(t, "4", string(collectSettings(t, w).Policies["signin"]))
	chatadmintest.PutSettings(t, w.Store, w.Domain, func(s *chatadmin.Settings) { s.Policies["signin"] = []byte(`"damaged"`) })
	require.NoError(t, w.Admin.RepairPolicy(ctx, w.Domain, "signin", nil))
	require.NotContains(t, collectSettings(t, w).Policies, "signin")
}

// A package can refuse a change of its policy, by whatever call, and nothing
// else is refused for it.
func TestPolicyChange(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	var seen []string
	w.Admin.Extend(chatadmin.Extension{Policy: chatadmin.Policy{Name: "signin", Change: func(was, now json.RawMessage) error {
		seen = append(seen, string(was)+" to "+string(now))
		if string(was) == "2" {
			return errors.New("two is for good")
		}
		return nil
	}}})
	require.NoError(t, setPolicy(w.S, "signin", "1"))
	require.NoError(t, setPolicy(w.S, "signin", "1"))
	require.NoError(t, setPolicy(w.S, "signin", ""))
	require.NoError(t, setPolicy(w.S, "signin", "2"))
	require.NoError(t, setPolicy(w.S, "acme.colours", "1"))
	require.Equal(t, []string{" to 1", "1 to ", " to 2"}, seen)
	for _, s := range []*chatadmin.Scope{w.S, w.Host} {
		for _, now := range []string{"3", ""} {
			err := setPolicy(s, "signin", now)
			require.ErrorIs(t, err, chatadmin.ErrInvalid)
			require.ErrorContains(t, err, "two is for good")
		}
	}
	require.Equal(t, "2", string(collectSettings(t, w).Policies["signin"]))
}

// Settings have a size, whichever call makes them grow. Older ones that are
// larger can shrink step by step.
func TestSettingsHaveASize(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	text := func(n int) string { return `"` + strings.Repeat("x", n) + `"` }
	require.NoError(t, changePolicy(w.S, "acme", text(chatadmin.MaxSettings-1000)))
	for name, err := range map[string]error{
		"ChangeSettings": changePolicy(w.S, "acme", text(chatadmin.MaxSettings)),
		"SetPolicy":      setPolicy(w.S, "other", text(1000)),
		"modules": second(w.Host.ChangeSettings(ctx, func(s *chatadmin.Settings) error {
			s.Modules = []string{text(2000)}
			return nil
		})),
		"CreateDomain": func() error {
			_, _, err := w.Admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "B", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "a@b.example"},
				Settings: func(s *chatadmin.Settings) {
					s.Policies = map[string]json.RawMessage{"acme": []byte(text(chatadmin.MaxSettings))}
				}})
			return err
		}(),
		"CreateRole": func() (err error) {
			for i := 0; err == nil && i < 100; i++ {
				_, err = w.S.CreateRole(ctx, chatadmin.Role{Name: fmt.Sprintf("role %d", i), Permissions: chatadmin.Permissions()})
			}
			return err
		}(),
	} {
		require.ErrorIs(t, err, chatadmin.ErrInvalid, name)
		var field *chatadmin.FieldError
		require.ErrorAs(t, err, &field, name)
		require.Equal(t, chatadmin.CodeTooLong, field.Code, name)
	}
	chatadmintest.PutSettings(t, w.Store, w.Domain, func(s *chatadmin.Settings) { s.Policies["acme"] = []byte(text(3 * chatadmin.MaxSettings)) })
	require.Error(t, changePolicy(w.S, "other", "1"))
	require.NoError(t, changePolicy(w.S, "acme", text(2*chatadmin.MaxSettings)))
	require.NoError(t, changePolicy(w.S, "acme", "1"))
	require.NoError(t, changePolicy(w.S, "other", "1"))
}
