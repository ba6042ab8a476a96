package chatadmin_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// active is a user who has signed in.
func (w *world) active(login string) chatadmin.User {
	w.t.Helper()
	u := w.user(login)
	var now chatadmin.User
	require.NoError(w.t, w.as(u).Change(ctx, chatadmin.Op{Kind: "test", Fence: storage.Shared}, func(ctx context.Context, work *chatadmin.Writer) error {
		write, err := chatadmin.TransitionWrite(u, chatadmin.SignedIn)
		if err != nil {
			return err
		}
		writes := []chatadmin.UserWrite{write}
		err = work.WriteUsers(ctx, "test", writes)
		now = writes[0].Now.User()
		return err
	}))
	return now
}

func (w *world) address(u chatadmin.User, email string) {
	w.t.Helper()
	_, err := w.host.EditUser(ctx, u.ID, chatadmin.UserEdit{Email: &email})
	require.NoError(w.t, err)
}

func (w *world) notices(want int) {
	w.t.Helper()
	n, err := w.admin.SendNotices(ctx, w.domain)
	require.NoError(w.t, err)
	require.Equal(w.t, want, n)
}

// queued counts the notices that are kept.
func (w *world) queued() int {
	w.t.Helper()
	rs, _, err := w.store.ListRecords(ctx, storage.RecordQuery{Kind: "notice", Domain: w.domain}, chatadmin.Page{Limit: 100})
	require.NoError(w.t, err)
	return len(rs)
}

// Whoever has signed in is told at the old address that it was changed, each
// time; case alone is no change, and who was never here is told nothing.
func TestNoticeOfAddress(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	ann, pat := w.active("ann@acme.example"), w.user("pat@acme.example")
	w.address(pat, "patricia@acme.example")
	w.address(ann, "ANN@acme.example")
	w.notices(0)
	w.address(ann, "ann@new.example")
	w.address(ann, "eve@evil.example")
	w.notices(2)
	for _, to := range []string{"ANN@acme.example", "ann@new.example"} {
		require.Len(t, w.mail.To(to), 1)
		require.Equal(t, "Your e-mail address was changed: Acme", w.mail.To(to)[0].Subject)
		require.NotContains(t, w.mail.To(to)[0].Text, "evil.example")
	}
	require.Empty(t, w.mail.To("eve@evil.example"))
	w.notices(0)
	require.Zero(t, w.queued())
}

// A password that the host keeps itself: the user is told, it is audited, and
// an unknown user is not found.
func TestPasswordChanged(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	ann := w.active("ann@acme.example")
	require.NoError(t, w.admin.PasswordChanged(ctx, w.domain, ann.ID))
	require.Len(t, w.events(chatadmin.KindUserPassword), 1)
	require.ErrorIs(t, w.admin.PasswordChanged(ctx, w.domain, "nobody"), chatadmin.ErrNotFound)
	w.notices(1)

	// By an activation link it follows by itself.
	pat := w.user("pat@acme.example", func(n *chatadmin.NewUser) { n.NoInvitation = false })
	_, err := w.admin.AcceptInvitation(ctx, w.link(pat.Email), setNothing)
	require.NoError(t, err)
	w.notices(1)
	require.Equal(t, "Your password was changed: Acme", w.mail.To("pat@acme.example")[1].Subject)
}

// A function that is missing is refused, also where there would be nothing to
// do.
func TestNilFunctions(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	require.ErrorIs(t, w.admin.DeliverEvents(ctx, nil), chatadmin.ErrInvalid)
	_, err := w.admin.AcceptInvitation(ctx, "", nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
}

// Without a Mailer nothing is queued that nobody would send.
func TestNoMailerNoNotices(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat, func(o *chatadmin.Options) { o.Mailer = nil })
	w.address(w.active("ann@acme.example"), "new@acme.example")
	require.Zero(t, w.queued())
	w.notices(0)
}

// What the mail server refuses for now is tried again, and what it refuses for
// good is given up; a clock that was wrong puts nothing off for long.
func TestNoticesTriedAgain(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	down := errors.New("try later")
	ann := w.active("ann@acme.example")
	require.NoError(t, w.admin.PasswordChanged(ctx, w.domain, ann.ID))
	w.mail.FailNext(down)
	w.notices(0)
	w.notices(0)
	w.clock.Advance(2 * time.Minute)
	w.notices(1)
	require.Zero(t, w.queued())

	require.NoError(t, w.admin.PasswordChanged(ctx, w.domain, ann.ID))
	w.mail.FailNext(chatadmin.ErrMailRefused)
	w.notices(0)
	require.Zero(t, w.queued())

	require.NoError(t, w.admin.PasswordChanged(ctx, w.domain, ann.ID))
	for range 8 {
		w.mail.FailNext(down)
		w.notices(0)
		w.clock.Advance(5 * time.Hour)
	}
	require.Zero(t, w.queued(), "given up")

	w.clock.Advance(1000 * time.Hour)
	require.NoError(t, w.admin.PasswordChanged(ctx, w.domain, ann.ID))
	w.mail.FailNext(down)
	w.notices(0)
	w.clock.Advance(-1000 * time.Hour)
	w.notices(1)
}

// A hundred workers at once, over two handles: each notice is sent once.
func TestNoticesRace(t *testing.T) {
	store := memstore.New(nil)
	w := newWorldOn(t, store, chatadmin.OfficeChat)
	for n, id := range w.users(30) {
		require.NoError(t, w.admin.PasswordChanged(ctx, w.domain, id), "%d", n)
	}
	admins := []*chatadmin.Admin{w.admin, chatadmintest.Must(chatadmin.New(store.Handle(nil), &chatadmin.Options{Now: w.clock.Now, Mailer: w.mail}))}
	for _, err := range chatadmintest.AtOnce(100, func(n int) error { return errOf(admins[n%2].SendNotices(ctx, w.domain)) }) {
		require.NoError(t, err)
	}
	require.Len(t, w.mail.Mails(), 30)
	require.Zero(t, w.queued())
}

// An invitation that a clock ahead has queued, or put off, goes out when the
// clock is put right, and a link that it has made does not live until then.
func TestInvitationsOfAClockAhead(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"two days": 48 * time.Hour, "a year": 365 * 24 * time.Hour, "seventy years": 70 * 365 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, chatadmin.OfficeChat)
			invite := func(n *chatadmin.NewUser) { n.NoInvitation = false }
			w.clock.Advance(ahead)
			made := w.link(w.user("ann@acme.example", invite).Email)
			w.user("bob@acme.example", invite)
			w.mail.FailNext(errors.New("try later"))
			n, err := w.admin.SendInvitations(ctx, w.domain)
			require.NoError(t, err)
			require.Zero(t, n)
			w.user("eve@acme.example", invite)
			w.clock.Advance(-ahead)
			n, err = w.admin.SendInvitations(ctx, w.domain)
			require.NoError(t, err)
			require.Equal(t, 2, n)
			_, err = w.admin.Invited(ctx, made)
			require.ErrorIs(t, err, chatadmin.ErrLinkExpired)
			_, err = w.admin.AcceptInvitation(ctx, made, setNothing)
			require.ErrorIs(t, err, chatadmin.ErrLinkExpired)
		})
	}
}
