package chatadmin_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// invited are the logins of users by the state of their invitation.
func (w *world) invited(states ...chatadmin.InvitationState) map[string]chatadmin.InvitationState {
	w.T.Helper()
	found := map[string]chatadmin.InvitationState{}
	for u, err := range w.S.Invitations(ctx, chatadmin.InvitationQuery{States: states}) {
		require.NoError(w.T, err)
		require.Empty(w.T, u.Invitation.Hash)
		found[u.User.Login] = u.State
	}
	return found
}

// Whoever was created and has not come in is found, with how far their
// invitation is, and can be invited.
func TestInvitations(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	none, held := w.User("none@acme.example"), w.User("held@acme.example")
	sent, used, denied := w.newcomer("sent@acme.example"), w.newcomer("used@acme.example"), w.newcomer("denied@acme.example")
	w.Mail.FailNext(nil, nil, nil, chatadmin.ErrMailRefused)
	refused := w.newcomer("refused@acme.example")
	require.Equal(t, 3, w.send())
	_, err := w.Admin.AcceptInvitation(ctx, w.link("used@acme.example"), setNothing)
	require.NoError(t, err)
	_, err = w.S.DenyAccess(ctx, denied)
	require.NoError(t, err)
	w.newcomer("queued@acme.example")
	require.Equal(t, map[string]chatadmin.InvitationState{"boss@acme.example": "none", "none@acme.example": "none", "held@acme.example": "none", "sent@acme.example": "sent",
		"used@acme.example": "used", "denied@acme.example": "none", "refused@acme.example": "failed", "queued@acme.example": "queued"}, w.invited())
	w.PutUser(used, func(u *chatadmin.User) { u.Status = chatadmin.Active })
	require.NotContains(t, w.invited(), "used@acme.example", "one who has signed in")
	require.Equal(t, map[string]chatadmin.InvitationState{"used@acme.example": "used"}, w.invited(chatadmin.InvitationUsed))
	require.Equal(t, map[string]chatadmin.InvitationState{"refused@acme.example": "failed"}, w.invited(chatadmin.InvitationFailed))
	require.ErrorIs(t, second(all(w.S.Invitations(ctx, chatadmin.InvitationQuery{States: []chatadmin.InvitationState{"ended"}}))), chatadmin.ErrInvalid)

	w.Clock.Advance(8 * 24 * time.Hour)
	require.Equal(t, map[string]chatadmin.InvitationState{"sent@acme.example": "expired"}, w.invited(chatadmin.InvitationExpired))
	ids := []chatadmin.ID{none.ID, held.ID, sent, used, denied, refused}
	invited, err := w.S.InviteUsers(ctx, ids...)
	require.NoError(t, err)
	require.ElementsMatch(t, []chatadmin.ID{none.ID, held.ID, sent, refused}, invited)
	require.ElementsMatch(t, invited, w.Events(chatadmin.KindUserResend)[0].Targets)
	invited, err = w.S.InviteUsers(ctx, ids...)
	require.NoError(t, err)
	require.Empty(t, invited, "they are")
	require.Equal(t, 5, w.send())
	require.Len(t, w.Mail.To("sent@acme.example"), 2)

	// As many as ResendInvitation sends, and no more.
	for range 4 {
		_, err = w.S.DenyAccess(ctx, none.ID)
		require.NoError(t, err)
		_, err = w.S.GrantAccess(ctx, none.ID)
		require.NoError(t, err)
		invited, err := w.S.InviteUsers(ctx, none.ID)
		require.NoError(t, err)
		require.Empty(t, invited, "within a minute")
		w.Clock.Advance(time.Minute)
		invited, err = w.S.InviteUsers(ctx, none.ID)
		require.NoError(t, err)
		require.Len(t, invited, 1)
		w.send()
	}
	_, err = w.S.DenyAccess(ctx, none.ID)
	require.NoError(t, err)
	_, err = w.S.GrantAccess(ctx, none.ID)
	require.NoError(t, err)
	w.Clock.Advance(time.Hour)
	invited, err = w.S.InviteUsers(ctx, none.ID)
	require.NoError(t, err)
	require.Empty(t, invited, "five in 24 hours")
	require.ErrorIs(t, second(w.S.InviteUsers(ctx)), chatadmin.ErrInvalid)
	require.ErrorIs(t, second(w.S.InviteUsers(ctx, "nobody")), chatadmin.ErrNotFound)
}

// The list comes in pages, and more users than one transaction holds are
// invited.
func TestInviteMany(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	ids := w.users(chatadmin.MaxBatch + 5)
	seen := map[chatadmin.ID]bool{}
	for p := (chatadmin.Page{Limit: 300}); ; {
		page, next, err := w.S.InvitationsPage(ctx, chatadmin.InvitationQuery{States: []chatadmin.InvitationState{chatadmin.InvitationNone}}, p)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page), 300)
		for _, u := range page {
			seen[u.User.ID] = true
		}
		if p.After = next; next == "" {
			break
		}
	}
	require.Len(t, seen, len(ids)+1, "with the boss")
	invited, err := w.S.InviteUsers(ctx, ids...)
	require.NoError(t, err)
	require.ElementsMatch(t, ids, invited)
	require.Equal(t, len(ids), w.send())
}

// A hundred administrators invite the same people at once: each gets one mail.
func TestInviteUsersRace(t *testing.T) {
	w := newWorldOn(t, memstore.New(&memstore.Options{Chaos: &memstore.Chaos{Seed: 3, Rerun: 0.2}}), chatadmin.OfficeChat)
	ids := w.users(20)
	other := chatadmintest.Must(chatadmin.New(w.Store, &chatadmin.Options{Now: w.Clock.Now, Mailer: w.Mail, LinkBase: "https://chat.example"}))
	for _, err := range chatadmintest.AtOnce(100, func(n int) error {
		admin := []*chatadmin.Admin{w.Admin, other}[n%2]
		if _, err := admin.As(w.Domain, w.Boss.ID).InviteUsers(ctx, ids...); err != nil {
			return err
		}
		_, err := admin.SendInvitations(ctx, w.Domain)
		return err
	}) {
		require.NoError(t, err)
	}
	w.send()
	for n := range ids {
		require.Len(t, w.Mail.To(fmt.Sprintf("user%d@acme.example", n)), 1)
	}
}
