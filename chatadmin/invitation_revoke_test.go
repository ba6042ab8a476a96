package chatadmin_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// An invitation ends whatever it has come to, once; only a password that was
// set by it stays.
func TestRevokeInvitations(t *testing.T) {
	t.Parallel()
	w := newWorld(t, chatadmin.OfficeChat)
	sent, used, refused := w.newcomer("sent@acme.example"), w.newcomer("used@acme.example"), w.newcomer("refused@acme.example")
	w.Mail.FailNext(nil, nil, chatadmin.ErrMailRefused)
	require.Equal(t, 2, w.send())
	link := w.link("sent@acme.example")
	_, err := w.Admin.AcceptInvitation(ctx, w.link("used@acme.example"), setNothing)
	require.NoError(t, err)
	w.Clock.Advance(8 * 24 * time.Hour)
	fresh := w.newcomer("fresh@acme.example")
	require.Equal(t, 1, w.send())
	freshLink := w.link("fresh@acme.example")
	queued, never := w.newcomer("queued@acme.example"), w.User("never@acme.example").ID
	require.Equal(t, map[string]chatadmin.InvitationState{"sent@acme.example": "expired", "fresh@acme.example": "sent", "queued@acme.example": "queued",
		"refused@acme.example": "failed", "never@acme.example": "none", "boss@acme.example": "none"}, without(w.invited(), "used@acme.example"))

	all := []chatadmin.ID{sent, used, refused, fresh, queued, never, queued}
	revoked, err := w.S.RevokeInvitations(ctx, all...)
	require.NoError(t, err)
	open := []chatadmin.ID{sent, refused, fresh, queued}
	require.Equal(t, open, revoked)
	require.ElementsMatch(t, open, w.Events(chatadmin.KindUserRevoke)[0].Targets)
	for login, state := range w.invited() {
		require.Equal(t, login == "used@acme.example", state == "used", login)
		require.Equal(t, login != "used@acme.example", state == "none", login)
	}
	for _, dead := range []string{link, freshLink} {
		_, err = w.Admin.Invited(ctx, dead)
		require.ErrorIs(t, err, chatadmin.ErrLink)
	}
	require.Zero(t, w.send())
	revoked, err = w.S.RevokeInvitations(ctx, all...)
	require.NoError(t, err)
	require.Empty(t, revoked)
	require.Len(t, w.Events(chatadmin.KindUserRevoke), 1)

	invited, err := w.S.InviteUsers(ctx, queued)
	require.NoError(t, err)
	require.Len(t, invited, 1, "anew, by somebody who wants it")
	require.Equal(t, 1, w.send())
	require.ErrorIs(t, second(w.S.RevokeInvitations(ctx, make([]chatadmin.ID, chatadmin.MaxBatch+1)...)), chatadmin.ErrInvalid)
}

func without(m map[string]chatadmin.InvitationState, login string) map[string]chatadmin.InvitationState {
	delete(m, login)
	return m
}

// What a release has queued it does not queue again, sent or not.
func TestRevokedReleaseStaysRevoked(t *testing.T) {
	t.Parallel()
	for _, sent := range []bool{false, true} {
		w := newWorld(t, chatadmin.OfficeChat)
		ann := w.User("ann@acme.example").ID
		w.queue(ann, "import-1")
		if sent {
			require.Equal(t, 1, w.send())
		}
		revoked, err := w.S.RevokeInvitations(ctx, ann)
		require.NoError(t, err)
		require.Len(t, revoked, 1)
		w.queue(ann, "import-1")
		require.Zero(t, w.send())
		w.queue(ann, "import-2")
		require.Equal(t, 1, w.send())
	}
}

// A veto keeps every invitation, and so does one user on whom the actor may not
// act.
func TestRevokeNothing(t *testing.T) {
	t.Parallel()
	veto := errors.New("not today")
	w := newWorld(t, chatadmin.OfficeChat, func(o *chatadmin.Options) {
		o.Before = func(_ context.Context, i chatadmin.Intent) error {
			if i.Kind == chatadmin.KindUserRevoke && i.Actor == chatadmin.HostActor {
				return veto
			}
			return nil
		}
	})
	ann := w.newcomer("ann@acme.example")
	clerk := w.As(w.User("clerk@acme.example", withRole(w.Role("clerk", 1, chatadmin.PermUsersEdit))))
	require.ErrorIs(t, second(w.Host.RevokeInvitations(ctx, ann)), veto)
	require.ErrorIs(t, second(clerk.RevokeInvitations(ctx, ann, w.Boss.ID)), chatadmin.ErrForbidden)
	require.ErrorIs(t, second(w.S.RevokeInvitations(ctx, ann, "nobody")), chatadmin.ErrNotFound)
	require.Empty(t, w.Events(chatadmin.KindUserRevoke))
	require.Equal(t, 1, w.send())
}

// A hundred calls at once, while mails are sent: no link works afterwards, and
// each invitation was revoked once.
func TestRevokeRace(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, memstore.New(&memstore.Options{Chaos: &memstore.Chaos{Seed: 5, Rerun: 0.2}}), chatadmin.OfficeChat)
	ids := make([]chatadmin.ID, 10)
	for i := range ids {
		ids[i] = w.newcomer(string(rune('a'+i)) + "@acme.example")
	}
	for _, err := range chatadmintest.AtOnce(100, func(n int) error {
		if n%2 == 0 {
			return second(w.Admin.SendInvitations(ctx, w.Domain))
		}
		return second(w.S.RevokeInvitations(ctx, ids...))
	}) {
		require.NoError(t, err)
	}
	for _, u := range ids {
		require.ErrorIs(t, second(w.S.Invitation(ctx, u)), chatadmin.ErrNotFound)
	}
	targets := 0
	for _, e := range w.Events(chatadmin.KindUserRevoke) {
		targets += len(e.Targets)
	}
	require.Equal(t, len(ids), targets)
	require.Zero(t, w.send())
}
