package chatadmintest

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
)

// CheckPolicy tests how a package keeps the policy of a name: no call writes
// one of bad. One that stands in the store nevertheless keeps nobody from
// changing users, fails closed, which is an error of protects, and is repaired
// by good.
func CheckPolicy(t *testing.T, admin *chatadmin.Admin, store chatadmin.Store, domain chatadmin.ID, name, good string, bad []string, protects func() error) {
	t.Helper()
	ctx, host := t.Context(), admin.AsHost(domain)
	bad = append([]string{``, `null`, `{}`, `[]`, `"text"`, `1`, `{"v":1`, `{"v":99}`, `{"v":0}`, `{"v":-1}`}, bad...)
	for i, policy := range bad {
		if policy != "" {
			// nothing takes the policy away: that is a call of the package
			require.ErrorIs(t, host.SetPolicy(ctx, "policy.set", "", name, func(*chatadmin.Writer, json.RawMessage) (json.RawMessage, []chatadmin.FieldChange, error) {
				return json.RawMessage(policy), nil, nil
			}), chatadmin.ErrInvalid, policy)
		}
		put := func(set *chatadmin.Settings) {
			if set.Policies == nil {
				set.Policies = map[string]json.RawMessage{}
			}
			set.Policies[name] = json.RawMessage(policy)
		}
		_, err := host.ChangeSettings(ctx, func(set *chatadmin.Settings) error { put(set); return nil })
		require.ErrorIs(t, err, chatadmin.ErrInvalid, policy)
		_, _, err = admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Other", Preset: chatadmin.OfficeChat,
			Admin: chatadmin.NewUser{Login: "boss@other.example", NoInvitation: true}, Settings: put})
		require.ErrorIs(t, err, chatadmin.ErrInvalid, policy)
		if policy == "" || !json.Valid(json.RawMessage(policy)) {
			continue // the settings as a whole could not be stored
		}
		PutSettings(t, store, domain, put)
		u, err := host.CreateUser(ctx, chatadmin.NewUser{Login: fmt.Sprintf("policy%d@acme.example", i), NoInvitation: true})
		require.NoError(t, err, policy)
		title := "Head"
		_, err = host.EditUser(ctx, u.ID, chatadmin.UserEdit{Title: &title})
		require.NoError(t, err, policy)
		_, err = host.DeactivateUsers(ctx, u.ID)
		require.NoError(t, err, policy)
		require.Error(t, protects(), policy)
		require.NoError(t, admin.RepairPolicy(ctx, domain, name, json.RawMessage(good)), policy)
		require.NoError(t, protects(), good)
	}
}
