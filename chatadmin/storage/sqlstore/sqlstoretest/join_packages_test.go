package sqlstoretest

import (
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
	"chatadmin.example/sdk/devices"
	"chatadmin.example/sdk/twofa"
)

// A user who is deactivated within the host's transaction loses devices,
// sessions, open challenges and invitation with its commit, and nothing with
// its rollback; activating them takes them out of a scheduled deletion.
func TestJoinTakesPackagesAlong(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		h := newHouse(t, db, twofa.Policy{Mode: twofa.Email})
		admin, second := h.admins[0], h.both[0]
		registry, err := devices.New(admin, nil)
		require.NoError(t, err)
		deletions, err := erase.New(admin, &erase.Options{Grace: 48 * 60 * 60 * 1e9})
		require.NoError(t, err)
		sessions := &told{}
		gate, err := signin.New(admin, &signin.Options{SecondFactor: second, Devices: registry, Sessions: sessions})
		require.NoError(t, err)
		host := admin.AsHost(h.domain)
		phone, err := registry.Register(t.Context(), host, h.ann.ID, devices.Registration{Key: "phone", Type: devices.IOS, Push: secret.Hide("p")})
		require.NoError(t, err)
		_, err = host.InviteUsers(t.Context(), h.ann.ID)
		require.NoError(t, err)
		challenge := h.ask(second, "").Challenge.ID

		within := func(end func(*sql.Tx) error, do func(*chatadmin.Admin, *chatadmin.Scope)) {
			tx, err := db.pool(t).Begin()
			require.NoError(t, err)
			store, err := sqlstore.Join(tx, db.d, &db.options)
			require.NoError(t, err)
			joined, err := admin.Join(store)
			require.NoError(t, err)
			do(joined, joined.AsHost(h.domain))
			require.NoError(t, end(tx))
		}
		stands := func(is bool) {
			t.Helper()
			_, err := registry.Authorize(t.Context(), phone.Token.Plain())
			require.Equal(t, is, err == nil, "device: %v", err)
			_, err = second.Open(t.Context(), h.domain, challenge)
			require.Equal(t, is, err == nil, "challenge: %v", err)
			_, err = host.Invitation(t.Context(), h.ann.ID)
			require.Equal(t, is, err == nil, "invitation: %v", err)
			n, err := gate.EndSessions(t.Context())
			require.NoError(t, err)
			require.Equal(t, is, n == 0, "sessions")
		}
		deactivate := func(_ *chatadmin.Admin, s *chatadmin.Scope) {
			_, err := s.DeactivateUsers(t.Context(), h.ann.ID)
			require.NoError(t, err)
			_, err = registry.Authorize(t.Context(), phone.Token.Plain())
			if db.d == sqlstore.PostgreSQL {
				require.NoError(t, err, "not committed yet")
			}
			ds, _, err := registry.DevicesPage(t.Context(), s, devices.Query{}, chatadmin.Page{Limit: 10})
			require.NoError(t, err)
			require.Equal(t, devices.Disabled, ds[0].Status, "the packages read what the transaction has written")
		}
		stands(true)
		within((*sql.Tx).Rollback, deactivate)
		stands(true)
		within((*sql.Tx).Commit, deactivate)
		stands(false)

		_, err = host.ActivateUsers(t.Context(), h.ann.ID)
		require.NoError(t, err)
		plan, err := deletions.Plan(t.Context(), host, []storage.ID{h.ann.ID}, nil)
		require.NoError(t, err)
		run, err := deletions.Apply(t.Context(), host, plan, "left", nil)
		require.NoError(t, err)
		within((*sql.Tx).Commit, func(joined *chatadmin.Admin, s *chatadmin.Scope) {
			_, err := s.ActivateUsers(t.Context(), h.ann.ID)
			require.NoError(t, err)
			// What has several transactions, or effects beyond them, is refused.
			plan, err := deletions.Plan(t.Context(), s, []storage.ID{h.ann.ID}, nil)
			require.NoError(t, err)
			_, err = deletions.Apply(t.Context(), s, plan, "left", nil)
			require.ErrorIs(t, err, chatadmin.ErrJoined)
			_, err = deletions.Resume(t.Context(), s, run.ID, nil)
			require.ErrorIs(t, err, chatadmin.ErrJoined)
			_, err = deletions.Cancel(t.Context(), s, run.ID)
			require.ErrorIs(t, err, chatadmin.ErrJoined)
			_, err = joined.Work(t.Context())
			require.ErrorIs(t, err, chatadmin.ErrJoined)
			_, err = joined.SendInvitations(t.Context(), h.domain)
			require.ErrorIs(t, err, chatadmin.ErrJoined)
			_, err = joined.ReleaseBlobs(t.Context(), h.domain)
			require.ErrorIs(t, err, chatadmin.ErrJoined)
		})
		run, err = deletions.Run(t.Context(), host, run.ID)
		require.NoError(t, err)
		require.Equal(t, chatadmin.RunCancelled, run.State)

		// An Admin without its packages would leave gaps, and so would packages
		// that only one transaction knows.
		within((*sql.Tx).Rollback, func(joined *chatadmin.Admin, s *chatadmin.Scope) {
			_, err := devices.New(joined, nil)
			require.NoError(t, err)
			_, err = s.DeactivateUsers(t.Context(), h.ann.ID)
			require.ErrorIs(t, err, chatadmin.ErrJoined)
		})
		tx, err := db.pool(t).Begin()
		require.NoError(t, err)
		defer func() { _ = tx.Rollback() }()
		store, err := sqlstore.Join(tx, db.d, &db.options)
		require.NoError(t, err)
		_, err = chatadmin.New(store, nil)
		require.ErrorIs(t, err, chatadmin.ErrJoined)
		_, err = admin.Join(db.open(t))
		require.ErrorIs(t, err, chatadmin.ErrInvalid)
	})
}
