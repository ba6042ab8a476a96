package chatadmin_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// link sends what is queued and takes the token out of the last mail to an
// address.
func (w *world) link(addr string) string {
	w.T.Helper()
	w.send()
	mails := w.Mail.To(addr)
	require.NotEmpty(w.T, mails)
	m := regexp.MustCompile(`https://chat\.example/admin/activate\?token=(\S+)`).FindStringSubmatch(mails[len(mails)-1].Text)
	require.NotNil(w.T, m, "the link begins as configured")
	return m[1]
}

func setNothing(context.Context, chatadmin.User) error { return nil }

// The link is used up by setting a password and by nothing else.
func TestAcceptInvitation(t *testing.T) {
	for _, preset := range []chatadmin.Preset{chatadmin.OfficeChat, chatadmin.ESChat, chatadmin.Engage} {
		w := newWorld(t, preset)
		login := "ann"
		if preset == chatadmin.OfficeChat {
			login = "ann@acme.example"
		}
		u, err := w.S.CreateUser(ctx, chatadmin.NewUser{Login: login, Email: "ann@acme.example", FirstName: "Ann", LastName: "Smith"})
		require.NoError(t, err)
		token := w.link("ann@acme.example")
		for range 3 { // a mail scanner looks, too
			seen, err := w.Admin.Invited(ctx, token)
			require.NoError(t, err)
			require.Equal(t, u.ID, seen.ID)
		}
		refused := errors.New("choose a longer password")
		_, err = w.Admin.AcceptInvitation(ctx, token, func(context.Context, chatadmin.User) error { return refused })
		require.ErrorIs(t, err, refused)
		require.Empty(t, w.Events(chatadmin.KindUserAccept))
		var set chatadmin.User
		got, err := w.Admin.AcceptInvitation(ctx, token, func(_ context.Context, u chatadmin.User) error { set = u; return nil })
		require.NoError(t, err)
		require.Equal(t, []chatadmin.ID{u.ID, u.ID}, []chatadmin.ID{got.ID, set.ID})
		require.Equal(t, chatadmin.InvitationUsed, w.invitation(u.ID).State)
		events := w.Events(chatadmin.KindUserAccept)
		require.Len(t, events, 1)
		require.Equal(t, u.ID, events[0].Actor)
		require.NotContains(t, string(events[0].Data), token[len(token)-43:])
		for range 2 {
			_, err = w.Admin.AcceptInvitation(ctx, token, func(context.Context, chatadmin.User) error { t.Fatal("used"); return nil })
			require.ErrorIs(t, err, chatadmin.ErrLink)
			_, err = w.Admin.Invited(ctx, token)
			require.ErrorIs(t, err, chatadmin.ErrLink)
		}
		w.Clock.Advance(30 * 24 * time.Hour)
		require.Zero(t, w.send(), "used is used")
	}
}

// What kills a link, before it is followed and while a password is being set.
func TestDeadLinks(t *testing.T) {
	address := "new@acme.example"
	for name, c := range map[string]struct {
		kill func(w *world, id chatadmin.ID) error
		// of a link that is followed afterwards; and of one by which a password
		// is being set, but for what is below
		want error
	}{
		"resend":     {func(w *world, id chatadmin.ID) error { return w.S.ResendInvitation(ctx, id) }, chatadmin.ErrLink},
		"deactivate": {func(w *world, id chatadmin.ID) error { _, err := w.S.DeactivateUsers(ctx, id); return err }, chatadmin.ErrLink},
		"deactivate and activate": {func(w *world, id chatadmin.ID) error {
			_, err := w.S.DeactivateUsers(ctx, id)
			_, err2 := w.S.ActivateUsers(ctx, id)
			return errors.Join(err, err2)
		}, chatadmin.ErrLink},
		"deny": {func(w *world, id chatadmin.ID) error { _, err := w.S.DenyAccess(ctx, id); return err }, chatadmin.ErrLink},
		"address": {func(w *world, id chatadmin.ID) error {
			_, err := w.S.EditUser(ctx, id, chatadmin.UserEdit{Email: &address})
			return err
		}, chatadmin.ErrLink},
		"signed in": {func(w *world, id chatadmin.ID) error {
			w.PutUser(id, func(u *chatadmin.User) { u.Status = chatadmin.Active })
			return nil
		}, chatadmin.ErrLink},
		"deleting": {func(w *world, id chatadmin.ID) error {
			w.PutUser(id, func(u *chatadmin.User) { u.Deleting = true })
			return nil
		}, chatadmin.ErrLink},
		"suspended": {func(w *world, _ chatadmin.ID) error {
			_, err := w.Host.ChangeSettings(ctx, func(set *chatadmin.Settings) error { set.State = chatadmin.DomainSuspended; return nil })
			return err
		}, chatadmin.ErrLink},
		"time": {func(w *world, _ chatadmin.ID) error { w.Clock.Advance(7 * 24 * time.Hour); return nil }, chatadmin.ErrLinkExpired},
	} {
		t.Run(name, func(t *testing.T) {
			for _, during := range []bool{false, true} {
				w := newWorld(t, chatadmin.OfficeChat)
				id := w.newcomer("ann@acme.example")
				token := w.link("ann@acme.example")
				if during {
					_, err := w.Admin.AcceptInvitation(ctx, token, func(context.Context, chatadmin.User) error { return c.kill(w, id) })
					accepted := 0
					switch name {
					case "time", "signed in":
						// The acceptance began in time. Some hosts sign a user
						// in as soon as the password is set.
						require.NoError(t, err)
						require.Equal(t, chatadmin.InvitationUsed, w.invitation(id).State)
						accepted = 1
					default:
						require.ErrorIs(t, err, c.want)
					}
					require.Len(t, w.Events(chatadmin.KindUserAccept), accepted)
					continue
				}
				require.NoError(t, c.kill(w, id))
				_, err := w.Admin.Invited(ctx, token)
				require.ErrorIs(t, err, c.want)
				require.ErrorIs(t, err, chatadmin.ErrNotFound)
				_, err = w.Admin.AcceptInvitation(ctx, token, func(context.Context, chatadmin.User) error { t.Fatal("dead"); return nil })
				require.ErrorIs(t, err, c.want)
			}
		})
	}
}

// A token serves for what it was made for, in its own domain, whole.
func TestForgedTokens(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	ann, bob := w.newcomer("ann@acme.example"), w.newcomer("bob@acme.example")
	other, _ := w.Open("Other", chatadmin.OfficeChat)
	token := w.link("ann@acme.example")
	secret := token[len(token)-43:]
	require.NotContains(t, fmt.Sprintf("%+v", w.invitation(ann)), secret, "stored as a hash")
	for _, forged := range []string{
		string(w.Domain) + "." + string(bob) + "." + secret, string(other) + "." + string(ann) + "." + secret, "nowhere." + string(ann) + "." + secret,
		string(w.Domain) + ".host." + secret, string(w.Domain) + ".nobody." + secret, token[:len(token)-1] + "!",
		string(w.Domain) + "." + string(ann) + "\x00." + secret, string(w.Domain) + "\xff." + string(ann) + "." + secret, token[:len(token)-2] + "é",
	} {
		for _, err := range []error{errOf(w.Admin.Invited(ctx, forged)), errOf(w.Admin.AcceptInvitation(ctx, forged, setNothing))} {
			require.ErrorIs(t, err, chatadmin.ErrLink, forged)
		}
	}
	for _, nonsense := range []string{"", "x", "a.b.c", strings.Repeat("x", 1<<20), secret} {
		require.ErrorIs(t, errOf(w.Admin.Invited(ctx, nonsense)), chatadmin.ErrInvalid)
		require.ErrorIs(t, errOf(w.Admin.AcceptInvitation(ctx, nonsense, setNothing)), chatadmin.ErrInvalid)
	}
	require.NoError(t, errOf(w.Admin.AcceptInvitation(ctx, " "+token+"\n", setNothing)))
}

func errOf[T any](_ T, err error) error { return err }

// A hundred people follow one link at once, over two handles of a store that is
// unreliable: one sets a password.
func TestAcceptRace(t *testing.T) {
	store := memstore.New(nil)
	w := newWorldOn(t, store, chatadmin.OfficeChat)
	w.newcomer("ann@acme.example")
	token := w.link("ann@acme.example")
	var admins [2]*chatadmin.Admin
	for n := range admins {
		handle := store.Handle(&memstore.Options{Chaos: &memstore.Chaos{Seed: uint64(n), Rerun: 0.2, UnknownKept: 0.2, UnknownLost: 0.05}})
		admins[n] = chatadmintest.Must(chatadmin.New(handle, &chatadmin.Options{Now: w.Clock.Now}))
	}
	var set, done atomic.Int64
	for _, err := range chatadmintest.AtOnce(100, func(n int) error {
		_, err := admins[n%2].AcceptInvitation(ctx, token, func(context.Context, chatadmin.User) error { set.Add(1); return nil })
		switch {
		case err == nil:
			done.Add(1)
		case errors.Is(err, chatadmin.ErrLink), errors.Is(err, chatadmin.ErrLinkBusy):
			return nil
		}
		return err
	}) {
		require.NoError(t, err)
	}
	require.EqualValues(t, 1, set.Load())
	require.EqualValues(t, 1, done.Load())
	require.Len(t, w.Events(chatadmin.KindUserAccept), 1)
}

// A crash between setting the password and writing that down: the link works
// again in a minute.
func TestAcceptCrash(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	w.newcomer("ann@acme.example")
	token := w.link("ann@acme.example")
	func() {
		defer func() { require.NotNil(t, recover()) }()
		_, _ = w.Admin.AcceptInvitation(ctx, token, func(context.Context, chatadmin.User) error { panic("the process dies") })
	}()
	_, err := w.Admin.AcceptInvitation(ctx, token, setNothing)
	require.ErrorIs(t, err, chatadmin.ErrLinkBusy)
	w.Clock.Advance(time.Minute)
	_, err = w.Admin.AcceptInvitation(ctx, token, func(context.Context, chatadmin.User) error {
		w.Clock.Advance(time.Minute) // so slow that somebody else gets the link
		_, err := w.Admin.AcceptInvitation(ctx, token, setNothing)
		return err
	})
	require.ErrorIs(t, err, chatadmin.ErrLink)
	require.Len(t, w.Events(chatadmin.KindUserAccept), 1)

	// The slow one comes to its end while the other one is setting a password:
	// it does not use the link up under its hands.
	w.newcomer("eve@acme.example")
	token = w.link("eve@acme.example")
	slow, begun, end := make(chan error, 1), make(chan bool), make(chan bool)
	go func() {
		_, err := w.Admin.AcceptInvitation(ctx, token, func(context.Context, chatadmin.User) error { close(begun); <-end; return nil })
		slow <- err
	}()
	<-begun
	w.Clock.Advance(time.Minute)
	_, err = w.Admin.AcceptInvitation(ctx, token, func(context.Context, chatadmin.User) error {
		close(end)
		return cmp.Or(<-slow, errors.New("the slow one was let through"))
	})
	require.ErrorIs(t, err, chatadmin.ErrLinkBusy, "of the slow one")
	require.NoError(t, errOf(w.Admin.AcceptInvitation(ctx, token, setNothing)))

	// Whoever asks hangs up while the password is being set: it is set, so the
	// link is used; one that could not be set leaves it alone.
	w.newcomer("bob@acme.example")
	token = w.link("bob@acme.example")
	hungUp := func(err error) error {
		c, cancel := context.WithCancel(ctx)
		return errOf(w.Admin.AcceptInvitation(c, token, func(context.Context, chatadmin.User) error { cancel(); return err }))
	}
	require.ErrorIs(t, hungUp(context.Canceled), context.Canceled)
	require.NoError(t, hungUp(nil))
	require.ErrorIs(t, errOf(w.Admin.AcceptInvitation(ctx, token, setNothing)), chatadmin.ErrLink)
}

// Only an admin asks for a new link, and only for a user who needs one. A user
// gets at most one a minute and five a day, from all admins together.
func TestResendInvitation(t *testing.T) {
	w := newWorld(t, chatadmin.ESChat)
	create := func(login, email string) chatadmin.ID {
		u, err := w.S.CreateUser(ctx, chatadmin.NewUser{Login: login, Email: email, FirstName: "Ann", LastName: "Smith", NoInvitation: true})
		require.NoError(t, err)
		return u.ID
	}
	ann := create("ann", "ann@acme.example")
	for n := range 5 {
		require.NoError(t, w.S.ResendInvitation(ctx, ann))
		require.Equal(t, 1, w.send())
		require.Len(t, w.Mail.To("ann@acme.example"), n+1)
		err := w.Host.ResendInvitation(ctx, ann)
		require.ErrorIs(t, err, chatadmin.ErrThrottled)
		w.Clock.Advance(time.Minute)
	}
	err := w.S.ResendInvitation(ctx, ann)
	require.ErrorIs(t, err, chatadmin.ErrThrottled)
	require.ErrorContains(t, err, "2 March 2026, 09:00 UTC")
	other := "other@acme.example"
	_, err = w.S.EditUser(ctx, ann, chatadmin.UserEdit{Email: &other})
	require.NoError(t, err)
	require.ErrorIs(t, w.S.ResendInvitation(ctx, ann), chatadmin.ErrThrottled, "another address does not begin anew")
	w.Clock.Advance(24*time.Hour - 5*time.Minute)
	require.NoError(t, w.S.ResendInvitation(ctx, ann))
	require.Len(t, w.Events(chatadmin.KindUserResend), 6)

	for reason, id := range chatadmintest.InOrder(map[string]chatadmin.ID{
		"e-mail address": create("nomail", ""),
		"signed in": func() chatadmin.ID {
			id := create("active", "a@acme.example")
			w.PutUser(id, func(u *chatadmin.User) { u.Status = chatadmin.Active })
			return id
		}(),
		"no access": func() chatadmin.ID {
			id := create("denied", "d@acme.example")
			_, err := w.Host.DenyAccess(ctx, id)
			require.NoError(t, err)
			return id
		}(),
	}) {
		err := w.S.ResendInvitation(ctx, id)
		require.ErrorIs(t, err, chatadmin.ErrTransition)
		require.ErrorContains(t, err, reason)
	}
	bob := create("bob", "bob@acme.example")
	sent := 0
	for _, err := range chatadmintest.AtOnce(100, func(int) error { return w.S.ResendInvitation(ctx, bob) }) {
		if err == nil {
			sent++
		} else {
			require.ErrorIs(t, err, chatadmin.ErrThrottled)
		}
	}
	require.Equal(t, 1, sent)
}

// A clock that was once far ahead keeps nobody from their link: neither from a
// new one nor from one that was being used.
func TestLinksFromTheFuture(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	ann := w.newcomer("ann@acme.example")
	const year = 365 * 24 * time.Hour
	w.Clock.Advance(year)
	require.NoError(t, w.S.ResendInvitation(ctx, ann))
	w.Clock.Advance(-30 * time.Second)
	require.ErrorIs(t, w.S.ResendInvitation(ctx, ann), chatadmin.ErrThrottled, "a clock that is a little ahead counts")
	w.Clock.Advance(30*time.Second - year)
	require.NoError(t, w.S.ResendInvitation(ctx, ann))
	token := w.link("ann@acme.example")
	claim := func(ahead time.Duration) {
		w.Clock.Advance(ahead)
		defer func() { require.NotNil(t, recover()); w.Clock.Advance(-ahead) }()
		_, _ = w.Admin.AcceptInvitation(ctx, token, func(context.Context, chatadmin.User) error { panic("the process dies") })
	}
	claim(6 * 24 * time.Hour)
	require.NoError(t, errOf(w.Admin.AcceptInvitation(ctx, token, setNothing)))
}
