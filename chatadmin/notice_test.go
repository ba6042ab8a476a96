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
	w.T.Helper()
	u := w.User(login)
	var now chatadmin.User
	require.NoError(w.T, w.As(u).Change(ctx, chatadmin.Op{Kind: "test", Fence: storage.Shared}, func(ctx context.Context, work *chatadmin.Writer) error {
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
	w.T.Helper()
	_, err := w.Host.EditUser(ctx, u.ID, chatadmin.UserEdit{Email: &email})
	require.NoError(w.T, err)
}

func (w *world) notices(want int) {
	w.T.Helper()
	n, err := w.Admin.SendNotices(ctx, w.Domain)
	require.NoError(w.T, err)
	require.Equal(w.T, want, n)
}

// queued counts the notices that are kept.
func (w *world) queued() int {
	w.T.Helper()
	rs, _, err := w.Store.ListRecords(ctx, storage.RecordQuery{Kind: "notice", Domain: w.Domain}, chatadmin.Page{Limit: 100})
	require.NoError(w.T, err)
	return len(rs)
}

// Whoever has signed in is told at the old address that it was changed, each
// time; case alone is no change, and who was never here is told nothing.
func TestNoticeOfAddress(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	ann, pat := w.active("ann@acme.example"), w.User("pat@acme.example")
	w.address(pat, "patricia@acme.example")
	w.address(ann, "ANN@acme.example")
	w.notices(0)
	w.address(ann, "ann@new.example")
	w.address(ann, "eve@evil.example")
	w.notices(2)
	for _, to := range []string{"ANN@acme.example", "ann@new.example"} {
		require.Len(t, w.Mail.To(to), 1)
		require.Equal(t, "Your e-mail address was changed: Acme", w.Mail.To(to)[0].Subject)
		require.NotContains(t, w.Mail.To(to)[0].Text, "evil.example")
	}
	require.Empty(t, w.Mail.To("eve@evil.example"))
	w.notices(0)
	require.Zero(t, w.queued())
}

// A password that the host keeps itself: the user is told, it is audited, and
// an unknown user is not found.
func TestPasswordChanged(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	ann := w.active("ann@acme.example")
	require.NoError(t, w.Admin.PasswordChanged(ctx, w.Domain, ann.ID))
	require.Len(t, w.Events(chatadmin.KindUserPassword), 1)
	require.ErrorIs(t, w.Admin.PasswordChanged(ctx, w.Domain, "nobody"), chatadmin.ErrNotFound)
	w.notices(1)

	// By an activation link it follows by itself.
	pat := w.User("pat@acme.example", func(n *chatadmin.NewUser) { n.NoInvitation = false })
	_, err := w.Admin.AcceptInvitation(ctx, w.link(pat.Email), setNothing)
	require.NoError(t, err)
	w.notices(1)
	require.Equal(t, "Your password was changed: Acme", w.Mail.To("pat@acme.example")[1].Subject)
}

// A function that is missing is refused, also where there would be nothing to
// do.
func TestNilFunctions(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	require.ErrorIs(t, w.Admin.DeliverEvents(ctx, nil), chatadmin.ErrInvalid)
	_, err := w.Admin.AcceptInvitation(ctx, "", nil)
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
	require.NoError(t, w.Admin.PasswordChanged(ctx, w.Domain, ann.ID))
	w.Mail.FailNext(down)
	w.notices(0)
	w.notices(0)
	w.Clock.Advance(2 * time.Minute)
	w.notices(1)
	require.Zero(t, w.queued())

	require.NoError(t, w.Admin.PasswordChanged(ctx, w.Domain, ann.ID))
	w.Mail.FailNext(chatadmin.ErrMailRefused)
	w.notices(0)
	require.Zero(t, w.queued())

	require.NoError(t, w.Admin.PasswordChanged(ctx, w.Domain, ann.ID))
	for range 8 {
		w.Mail.FailNext(down)
		w.notices(0)
		w.Clock.Advance(5 * time.Hour)
	}
	require.Zero(t, w.queued(), "given up")

	w.Clock.Advance(1000 * time.Hour)
	require.NoError(t, w.Admin.PasswordChanged(ctx, w.Domain, ann.ID))
	w.Mail.FailNext(down)
	w.notices(0)
	w.Clock.Advance(-1000 * time.Hour)
	w.notices(1)
}

// A hundred workers at once, over two handles: each notice is sent once.
func TestNoticesRace(t *testing.T) {
	store := memstore.New(nil)
	w := newWorldOn(t, store, chatadmin.OfficeChat)
	for n, id := range w.users(30) {
		require.NoError(t, w.Admin.PasswordChanged(ctx, w.Domain, id), "%d", n)
	}
	admins := []*chatadmin.Admin{w.Admin, chatadmintest.Must(chatadmin.New(store.Handle(nil), &chatadmin.Options{Now: w.Clock.Now, Mailer: w.Mail}))}
	for _, err := range chatadmintest.AtOnce(100, func(n int) error { return errOf(admins[n%2].SendNotices(ctx, w.Domain)) }) {
		require.NoError(t, err)
	}
	require.Len(t, w.Mail.Mails(), 30)
	require.Zero(t, w.queued())
}

// An invitation that a clock ahead has queued, or put off, goes out when the
// clock is put right, and a link that it has made does not live until then.
func TestInvitationsOfAClockAhead(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"two days": 48 * time.Hour, "a year": 365 * 24 * time.Hour, "seventy years": 70 * 365 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, chatadmin.OfficeChat)
			invite := func(n *chatadmin.NewUser) { n.NoInvitation = false }
			w.Clock.Advance(ahead)
			made := w.link(w.User("ann@acme.example", invite).Email)
			w.User("bob@acme.example", invite)
			w.Mail.FailNext(errors.New("try later"))
			n, err := w.Admin.SendInvitations(ctx, w.Domain)
			require.NoError(t, err)
			require.Zero(t, n)
			w.User("eve@acme.example", invite)
			w.Clock.Advance(-ahead)
			n, err = w.Admin.SendInvitations(ctx, w.Domain)
			require.NoError(t, err)
			require.Equal(t, 2, n)
			_, err = w.Admin.Invited(ctx, made)
			require.ErrorIs(t, err, chatadmin.ErrLinkExpired)
			_, err = w.Admin.AcceptInvitation(ctx, made, setNothing)
			require.ErrorIs(t, err, chatadmin.ErrLinkExpired)
		})
	}
}
