package twofa_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/twofa"
)

// Each call that acts on somebody follows the one rule of who may act on whom.
func TestPowerOverUsers(t *testing.T) {
	const own = 40
	for name, target := range map[string]chatadmin.Role{
		"below":                 {Level: own - 1, Permissions: []chatadmin.Permission{chatadmin.PermTwoFactor}},
		"the same":              {Level: own, Permissions: []chatadmin.Permission{chatadmin.PermTwoFactor}},
		"with more permissions": {Level: own, Permissions: []chatadmin.Permission{chatadmin.PermTwoFactor, chatadmin.PermAudit}},
		"below, with more":      {Level: 0, Permissions: []chatadmin.Permission{chatadmin.PermUsersEdit}},
		"above":                 {Level: own + 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, twofa.Policy{Mode: twofa.Authenticator, Recovery: true, Validity: days})
			clerk, err := w.Host.CreateRole(ctx, chatadmin.Role{Name: "clerk", Level: own, Permissions: []chatadmin.Permission{chatadmin.PermTwoFactor}})
			require.NoError(t, err)
			target.Name = "target"
			role, err := w.Host.CreateRole(ctx, target)
			require.NoError(t, err)
			u := w.User("bob@acme.example", func(n *chatadmin.NewUser) { n.Role = role.ID })
			w.enrol(u)
			s := w.Admin.As(w.Domain, w.User("clerk@acme.example", func(n *chatadmin.NewUser) { n.Role = clerk.ID }).ID)
			may := name == "below" || name == "the same"
			for n, err := range []error{
				func() error { _, err := w.twofa.RecoveryCodes(ctx, s, u.ID); return err }(),
				w.twofa.RevokeTrusted(ctx, s, u.ID),
				w.twofa.RevokeAllTrusted(ctx, s, u.ID),
				w.twofa.Reset(ctx, s, u.ID),
			} {
				if may {
					require.NoError(t, err, "call %d", n)
				} else {
					require.ErrorIs(t, err, chatadmin.ErrForbidden, "call %d", n)
				}
			}
		})
	}
}
