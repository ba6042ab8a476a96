package sqlstoretest

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
	"chatadmin.example/sdk/csvimport"
	"chatadmin.example/sdk/twofa"
)

// joining runs f in a transaction of the host's, and ends that.
func (h *house) joining(db database, end func(*sql.Tx) error, f func(*chatadmin.Admin, *chatadmin.Scope)) {
	h.t.Helper()
	tx, err := db.pool(h.t).Begin()
	require.NoError(h.t, err)
	store, err := sqlstore.Join(tx, db.d, &db.options)
	require.NoError(h.t, err)
	joined, err := h.admins[0].Join(store)
	require.NoError(h.t, err)
	f(joined, joined.AsHost(h.domain))
	require.NoError(h.t, end(tx))
}

// Remembered clients and the authenticator of a user end within the host's
// transaction as they do outside: with its commit, and not with its rollback.
func TestJoinSecondFactor(t *testing.T) {
	for name, act := range map[string]struct {
		do       func(context.Context, *house, *chatadmin.Admin, *chatadmin.Scope) error
		enrolled bool // afterwards
	}{
		"deactivated": {func(ctx context.Context, h *house, _ *chatadmin.Admin, s *chatadmin.Scope) error {
			_, err := s.DeactivateUsers(ctx, h.ann.ID)
			return err
		}, true},
		"denied": {func(ctx context.Context, h *house, _ *chatadmin.Admin, s *chatadmin.Scope) error {
			_, err := s.DenyAccess(ctx, h.ann.ID)
			return err
		}, true},
		"password of the host's": {func(ctx context.Context, h *house, joined *chatadmin.Admin, _ *chatadmin.Scope) error {
			return joined.PasswordChanged(ctx, h.domain, h.ann.ID)
		}, true},
		"clients revoked": {func(ctx context.Context, h *house, _ *chatadmin.Admin, s *chatadmin.Scope) error {
			return h.both[0].RevokeAllTrusted(ctx, s, h.ann.ID)
		}, true},
		"factor reset": {func(ctx context.Context, h *house, _ *chatadmin.Admin, s *chatadmin.Scope) error {
			return h.both[0].Reset(ctx, s, h.ann.ID)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			databases(t, func(t *testing.T, db database) {
				h := newHouse(t, db, twofa.Policy{Mode: twofa.Authenticator, Validity: 24 * time.Hour})
				asked := h.ask(h.both[0], "").Challenge
				answer, err := h.answer(h.both[0], asked.ID, h.code(asked.Enrolment.Secret.Reveal()))
				require.NoError(t, err)
				require.False(t, answer.Trust.IsZero())
				has := func(s *chatadmin.Scope) [2]bool {
					e, err := h.both[0].Explain(t.Context(), s, h.ann.ID, signin.Web, signin.Password)
					require.NoError(t, err)
					return [2]bool{e.Enrolled, !e.TrustedUntil.IsZero()}
				}
				host := h.admins[0].AsHost(h.domain)
				do := func(joined *chatadmin.Admin, s *chatadmin.Scope) {
					require.NoError(t, act.do(t.Context(), h, joined, s))
					require.Equal(t, [2]bool{act.enrolled, false}, has(s), "within the transaction")
				}
				require.Equal(t, [2]bool{true, true}, has(host))
				h.joining(db, (*sql.Tx).Rollback, do)
				require.Equal(t, [2]bool{true, true}, has(host))
				h.joining(db, (*sql.Tx).Commit, do)
				require.Equal(t, [2]bool{act.enrolled, false}, has(host))
			})
		})
	}
}

// An import has several transactions: it is refused within one of the host's,
// while a plan sees what that has written.
func TestJoinImport(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		h := newHouse(t, db, twofa.Policy{Mode: twofa.Off})
		imports := chatadmintest.Must(csvimport.New(h.admins[0], nil))
		const file = "login,title\nnew@acme.example,Clerk\n"
		for _, end := range []func(*sql.Tx) error{(*sql.Tx).Rollback, (*sql.Tx).Commit} {
			h.joining(db, end, func(_ *chatadmin.Admin, s *chatadmin.Scope) {
				_, err := s.CreateUser(t.Context(), chatadmin.NewUser{Login: "new@acme.example", NoInvitation: true})
				require.NoError(t, err)
				plan, err := imports.Plan(t.Context(), s, strings.NewReader(file), csvimport.UpdateExisting, nil)
				require.NoError(t, err)
				require.EqualValues(t, 1, plan.Counts.Updated)
				_, err = imports.Apply(t.Context(), s, plan, strings.NewReader(file), nil)
				require.ErrorIs(t, err, chatadmin.ErrJoined)
				_, err = imports.Import(t.Context(), s, strings.NewReader(file), csvimport.UpdateExisting, nil)
				require.ErrorIs(t, err, chatadmin.ErrJoined)
			})
		}
		result, err := imports.Import(t.Context(), h.admins[0].AsHost(h.domain), strings.NewReader(file), csvimport.UpdateExisting, nil)
		require.NoError(t, err)
		require.EqualValues(t, 1, result.Counts.Updated)
	})
}
