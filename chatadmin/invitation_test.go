package chatadmin_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

func (w *world) send() int {
	w.T.Helper()
	n, err := w.Admin.SendInvitations(ctx, w.Domain)
	require.NoError(w.T, err)
	return n
}

func (w *world) invitation(id chatadmin.ID) chatadmin.Invitation {
	w.T.Helper()
	inv, err := w.Host.Invitation(ctx, id)
	require.NoError(w.T, err)
	return inv
}

func TestInvitationMails(t *testing.T) {
	for preset, mails := range map[chatadmin.Preset]int{chatadmin.OfficeChat: 1, chatadmin.ESChat: 1, chatadmin.Engage: 2} {
		w := newWorld(t, preset)
		login := "ann"
		if preset == chatadmin.OfficeChat {
			login = "ann@acme.example"
		}
		u, err := w.S.CreateUser(ctx, chatadmin.NewUser{Login: login, Email: "ann@acme.example", FirstName: "Ann", LastName: "Smith"})
		require.NoError(t, err)
		require.Empty(t, w.Mail.Mails(), "no mail goes out within a transaction")
		require.Equal(t, 1, w.send())
		require.Zero(t, w.send())
		got := w.Mail.To("ann@acme.example")
		require.Len(t, got, mails)
		last := got[len(got)-1]
		token := regexp.MustCompile(`https://chat\.example/admin/activate\?token=(\S+)`).FindStringSubmatch(last.Text)
		require.NotNil(t, token, last.Text)
		inv := w.invitation(u.ID)
		require.Equal(t, chatadmin.InvitationSent, inv.State)
		tok, err := chatadmin.ParseToken(token[1])
		require.NoError(t, err)
		require.True(t, tok.Matches("invitation", inv.Hash))
		require.False(t, tok.Matches("another purpose", inv.Hash))
		require.Equal(t, w.Clock.Now().Add(7*24*time.Hour), inv.Expires)
		if mails == 2 {
			require.Contains(t, got[0].Text, "ann")
			require.Contains(t, got[0].Text, "Acme")
			require.NotContains(t, got[0].Text, "token=")
			require.NotEqual(t, got[0].ID, got[1].ID)
		}
		require.NotContains(t, fmt.Sprintf("%v %+v %#v %s", tok, tok, tok, tok), token[1][len(token[1])-43:])
	}
}

// Who cannot come in, or has no address, is not invited; an invitation ends
// with the access and with the address.
func TestInvitationEnds(t *testing.T) {
	w := newWorld(t, chatadmin.ESChat)
	create := func(login, email string) chatadmin.User {
		u, err := w.S.CreateUser(ctx, chatadmin.NewUser{Login: login, Email: email, FirstName: "Ann", LastName: "Smith"})
		require.NoError(t, err)
		return u
	}
	create("no.mail", "")
	require.Zero(t, w.send())
	address := "other@acme.example"
	for name, end := range chatadmintest.InOrder(map[string]func(chatadmin.ID) error{
		"deactivate": func(id chatadmin.ID) error { _, err := w.S.DeactivateUsers(ctx, id); return err },
		"deny":       func(id chatadmin.ID) error { _, err := w.S.DenyAccess(ctx, id); return err },
		"address": func(id chatadmin.ID) error {
			_, err := w.S.EditUser(ctx, id, chatadmin.UserEdit{Email: &address})
			return err
		},
	}) {
		for _, sent := range []bool{false, true} {
			u := create(fmt.Sprintf("%s.%v", name, sent), "ann@acme.example")
			if sent {
				require.Equal(t, 1, w.send())
			}
			require.NoError(t, end(u.ID))
			_, err := w.S.Invitation(ctx, u.ID)
			require.ErrorIs(t, err, chatadmin.ErrNotFound, name)
			require.Zero(t, w.send())
		}
	}
	late := create("late", "late@acme.example")
	w.PutUser(late.ID, func(u *chatadmin.User) { u.Status = chatadmin.Active })
	require.Zero(t, w.send(), "who has signed in meanwhile needs none")
}

// While nobody gets into a domain nobody is invited; what was queued goes out
// afterwards.
func TestInvitationsWaitForTheDomain(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	id := w.newcomer("ann@acme.example")
	require.NoError(t, w.Admin.SuspendDomain(ctx, w.Domain))
	require.Zero(t, w.send())
	require.Equal(t, chatadmin.InvitationQueued, w.invitation(id).State)
	require.NoError(t, w.Admin.ResumeDomain(ctx, w.Domain))
	require.Equal(t, 1, w.send())
}

// What the mail server says decides: refused for good, tried again later, or
// never known and so never sent twice.
func TestInvitationFailures(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	u, err := w.S.CreateUser(ctx, chatadmin.NewUser{Login: "ann@acme.example"})
	require.NoError(t, err)
	for try := 1; try < 8; try++ {
		w.Mail.FailNext(errors.New("try later"))
		require.Zero(t, w.send())
		require.Equal(t, chatadmin.InvitationQueued, w.invitation(u.ID).State)
		require.Zero(t, w.send(), "not before its time")
		w.Clock.Advance(time.Minute<<try + time.Second)
	}
	w.Mail.FailNext(errors.New("try later"))
	require.Zero(t, w.send())
	require.Equal(t, chatadmin.InvitationFailed, w.invitation(u.ID).State, "enough tries")

	refused := w.newcomer("refused@acme.example")
	w.Mail.FailNext(fmt.Errorf("no such mailbox: %w", chatadmin.ErrMailRefused))
	require.Zero(t, w.send())
	require.Equal(t, chatadmin.InvitationFailed, w.invitation(refused).State)

	unknown := w.newcomer("unknown@acme.example")
	w.Mail.FailNext(fmt.Errorf("connection lost after the data: %w", chatadmin.ErrMailUnknown))
	require.Zero(t, w.send())
	require.Equal(t, chatadmin.InvitationSending, w.invitation(unknown).State)
	w.Clock.Advance(100 * time.Hour)
	require.Zero(t, w.send())
	require.Empty(t, w.Mail.Mails())
}

func (w *world) newcomer(login string) chatadmin.ID {
	w.T.Helper()
	u, err := w.S.CreateUser(ctx, chatadmin.NewUser{Login: login})
	require.NoError(w.T, err)
	return u.ID
}

// Many workers at once, over an unreliable store: each user gets exactly one
// mail.
func TestInvitationRace(t *testing.T) {
	store := memstore.New(&memstore.Options{Chaos: &memstore.Chaos{Seed: 7, Rerun: 0.2, UnknownKept: 0.1}})
	w := newWorldOn(t, store, chatadmin.OfficeChat)
	for n := range 120 {
		w.newcomer(fmt.Sprintf("user%d@acme.example", n))
	}
	second := chatadmintest.Must(chatadmin.New(store.Handle(nil), &chatadmin.Options{Now: w.Clock.Now, Mailer: w.Mail}))
	for _, err := range chatadmintest.AtOnce(100, func(n int) error {
		a := w.Admin
		if n%2 == 0 {
			a = second
		}
		_, err := a.SendInvitations(ctx, w.Domain)
		if errors.Is(err, chatadmin.ErrBusy) || errors.Is(err, chatadmin.ErrCommitUnknown) {
			return nil
		}
		return err
	}) {
		require.NoError(t, err)
	}
	for range 5 {
		_, _ = w.Admin.SendInvitations(ctx, w.Domain)
	}
	for n := range 120 {
		require.Len(t, w.Mail.To(fmt.Sprintf("user%d@acme.example", n)), 1)
	}
}

// A process that dies between handing a mail over and writing that down does
// not send it again.
func TestInvitationCrash(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	id := w.newcomer("ann@acme.example")
	dying := chatadmintest.Must(chatadmin.New(w.Store, &chatadmin.Options{Now: w.Clock.Now, Mailer: mailFunc(func(chatadmin.Mail) error { panic("the process dies") })}))
	func() {
		defer func() { require.NotNil(t, recover()) }()
		_, _ = dying.SendInvitations(ctx, w.Domain)
	}()
	w.Clock.Advance(1000 * time.Hour)
	require.Zero(t, w.send())
	require.Equal(t, chatadmin.InvitationSending, w.invitation(id).State)
}

type mailFunc func(chatadmin.Mail) error

func (f mailFunc) Send(_ context.Context, m chatadmin.Mail) error { return f(m) }

// No name makes another header, and no address reaches somebody else.
func TestMailInjection(t *testing.T) {
	for _, m := range []chatadmin.Mail{
		{ID: "1", To: "a@b.example\r\nBcc: x@y.example", Subject: "s", Text: "t"},
		{ID: "1", To: "a@b.example, x@y.example", Subject: "s", Text: "t"},
		{ID: "1", To: "Bob <a@b.example>", Subject: "s", Text: "t"},
		{ID: "1", To: "a@b.example (comment)", Subject: "s", Text: "t"},
		{ID: "1", To: "a@b.example", Subject: "s\nBcc: x@y.example", Text: "t"},
		{ID: "1\r\nBcc: x@y.example", To: "a@b.example", Subject: "s", Text: "t"},
	} {
		require.Error(t, m.Check(), "%q", m)
		require.ErrorIs(t, (&chatadmintest.Mailbox{}).Send(ctx, m), chatadmin.ErrInvalid)
	}
	w := newWorld(t, chatadmin.ESChat)
	_, err := w.S.CreateUser(ctx, chatadmin.NewUser{Login: "ann", Email: "ann@acme.example", FirstName: "Ann\r\nBcc: x@y.example", LastName: "Smith"})
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	_, _, err = w.Admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme\r\nBcc: x@y.example", Preset: chatadmin.ESChat, Admin: chatadmin.NewUser{Login: "boss"}})
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
}

// put writes a record past the library, whatever is there.
func (w *world) put(kind string, domain chatadmin.ID, id, data string, due time.Time) {
	w.T.Helper()
	r := storage.Record{Key: storage.Key{Kind: kind, Domain: domain, ID: id}, Due: due, Data: []byte(data)}
	was, err := w.Store.Records(ctx, []storage.Key{r.Key})
	require.NoError(w.T, err)
	if len(was) > 0 {
		r.Owner = was[0].Owner
	}
	w.PutRecord(r)
}

// A record that nobody can read keeps no other invitation from being sent, is
// told of once, and a new link takes its place.
func TestInvitationUnreadable(t *testing.T) {
	var log strings.Builder
	w := newWorld(t, chatadmin.OfficeChat, func(o *chatadmin.Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	ann, bob := w.newcomer("ann@acme.example"), w.newcomer("bob@acme.example")
	broken := func(id chatadmin.ID) { w.put("invitation", w.Domain, string(id), `{"v":`, w.Clock.Now()) }
	broken(ann)
	require.Equal(t, 1, w.send())
	require.Equal(t, chatadmin.InvitationSent, w.invitation(bob).State)
	w.Clock.Advance(time.Hour)
	require.Zero(t, w.send())
	require.Equal(t, 1, strings.Count(log.String(), "put aside"))
	require.Contains(t, log.String(), string(ann))

	w.put("resend", w.Domain, string(ann), `{"v":`, time.Time{}) // nor does what counts the links
	require.NoError(t, w.S.ResendInvitation(ctx, ann))
	require.ErrorIs(t, w.S.ResendInvitation(ctx, ann), chatadmin.ErrThrottled)
	require.Equal(t, 1, w.send())
	require.Len(t, w.Mail.To("ann@acme.example"), 1)

	broken(ann)
	_, err := w.S.DeactivateUsers(ctx, ann)
	require.NoError(t, err)
	_, err = w.S.Invitation(ctx, ann)
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
}

// meddling does something between listing what is due and claiming it.
type meddling struct {
	chatadmin.Store
	once func()
}

func (s *meddling) ListRecords(ctx context.Context, q storage.RecordQuery, p chatadmin.Page) ([]storage.Record, chatadmin.Cursor, error) {
	rs, c, err := s.Store.ListRecords(ctx, q, p)
	if f := s.once; f != nil && q.Kind == "invitation" {
		s.once = nil
		f()
	}
	return rs, c, err
}

// An invitation that ends, or is claimed, just before its batch is sent keeps
// back nothing but itself.
func TestInvitationStale(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	ann := w.newcomer("ann@acme.example")
	for n := range 10 {
		w.newcomer(fmt.Sprintf("user%d@acme.example", n))
	}
	a := chatadmintest.Must(chatadmin.New(&meddling{w.Store, func() { _, err := w.S.DeactivateUsers(ctx, ann); require.NoError(t, err) }}, &chatadmin.Options{Now: w.Clock.Now, Mailer: w.Mail}))
	n, err := a.SendInvitations(ctx, w.Domain)
	require.NoError(t, err)
	require.Equal(t, 10, n)

	w.newcomer("bob@acme.example")
	a = chatadmintest.Must(chatadmin.New(&meddling{w.Store, func() { require.Equal(t, 1, w.send()) }}, &chatadmin.Options{Now: w.Clock.Now, Mailer: w.Mail}))
	n, err = a.SendInvitations(ctx, w.Domain)
	require.NoError(t, err)
	require.Zero(t, n)
	require.Len(t, w.Mail.To("bob@acme.example"), 1)
}

// failing is a store that refuses some transactions from the nth on, as if they
// had been lost.
type failing struct {
	chatadmin.Store
	n    int
	with []error
}

func (s *failing) Update(ctx context.Context, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	if s.n--; s.n < 0 && len(s.with) > 0 {
		err := s.with[0]
		s.with = s.with[1:]
		return err
	}
	return s.Store.Update(ctx, fence, f)
}

// What the mail server has said is written down although the store is not well:
// nothing else would send it again.
func TestInvitationSettled(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	ann := w.newcomer("ann@acme.example")
	w.Mail.FailNext(errors.New("try later"))
	a := chatadmintest.Must(chatadmin.New(&failing{w.Store, 1, []error{chatadmin.ErrCommitUnknown, chatadmin.ErrBusy, chatadmin.ErrCommitUnknown}}, &chatadmin.Options{Now: w.Clock.Now, Mailer: w.Mail}))
	n, err := a.SendInvitations(ctx, w.Domain)
	require.NoError(t, err)
	require.Zero(t, n)
	require.Equal(t, chatadmin.InvitationQueued, w.invitation(ann).State)
	w.Clock.Advance(time.Hour)
	require.Equal(t, 1, w.send())
}

// A worker that is stopped again and again uses up no tries of invitations that
// it did not come to.
func TestInvitationsInterrupted(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	for n := range 3 {
		w.newcomer(fmt.Sprintf("user%d@acme.example", n))
	}
	handed := map[string]int{}
	var stop context.CancelFunc
	a := chatadmintest.Must(chatadmin.New(w.Store, &chatadmin.Options{Now: w.Clock.Now, Mailer: mailFunc(func(m chatadmin.Mail) error {
		handed[m.To]++
		stop()
		return errors.New("connection broke")
	})}))
	for run := range 24 { // eight for each of them
		require.Len(t, handed, min(run, 3))
		c, cancel := context.WithCancel(ctx)
		stop = cancel
		_, err := a.SendInvitations(c, w.Domain)
		cancel()
		require.ErrorIs(t, err, context.Canceled)
		w.Clock.Advance(5 * time.Hour)
	}
	require.Equal(t, map[string]int{"user0@acme.example": 8, "user1@acme.example": 8, "user2@acme.example": 8}, handed)
	require.Zero(t, w.send(), "enough tries")

	bob := w.newcomer("bob@acme.example")
	c, cancel := context.WithCancel(ctx)
	eve := w.newcomer("eve@acme.example")
	a = chatadmintest.Must(chatadmin.New(w.Store, &chatadmin.Options{Now: w.Clock.Now, Mailer: mailFunc(func(chatadmin.Mail) error { cancel(); return nil })}))
	n, err := a.SendInvitations(c, w.Domain)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, n)
	require.ElementsMatch(t, []chatadmin.InvitationState{chatadmin.InvitationSent, chatadmin.InvitationQueued}, []chatadmin.InvitationState{w.invitation(bob).State, w.invitation(eve).State})
	require.Equal(t, 1, w.send(), "at once")
}

// A release invites a user once, although they were sent a new link or the
// invitation has ended since; one of which no mail was tried may begin anew.
func TestReleaseInvitesOnce(t *testing.T) {
	address := "new@acme.example"
	for name, c := range map[string]struct {
		then  func(w *world, id chatadmin.ID) error
		again int // once a mail was tried
	}{
		"nothing": {func(*world, chatadmin.ID) error { return nil }, 0},
		"resend": {func(w *world, id chatadmin.ID) error {
			return errors.Join(w.S.ResendInvitation(ctx, id), errOf(w.Admin.SendInvitations(ctx, w.Domain)))
		}, 0},
		"denied for a while": {func(w *world, id chatadmin.ID) error {
			return errors.Join(errOf(w.S.DenyAccess(ctx, id)), errOf(w.S.GrantAccess(ctx, id)))
		}, 0},
		"address, twice": {func(w *world, id chatadmin.ID) error {
			other := "other@acme.example"
			return errors.Join(errOf(w.S.EditUser(ctx, id, chatadmin.UserEdit{Email: &other})), errOf(w.S.EditUser(ctx, id, chatadmin.UserEdit{Email: &address})))
		}, 0},
		"another release": {func(w *world, id chatadmin.ID) error {
			w.queue(id, "import-2")
			return errOf(w.Admin.SendInvitations(ctx, w.Domain))
		}, 1},
	} {
		w := newWorld(t, chatadmin.ESChat)
		u := w.User("ann", func(n *chatadmin.NewUser) { n.Email, n.FirstName, n.LastName = "ann@acme.example", "Ann", "Smith" })
		w.queue(u.ID, "import-1")
		require.Equal(t, 1, w.send())
		require.NoError(t, c.then(w, u.ID), name)
		w.queue(u.ID, "import-1")
		require.Equal(t, c.again, w.send(), name)
	}
	w := newWorld(t, chatadmin.ESChat)
	u := w.User("ann", func(n *chatadmin.NewUser) { n.Email, n.FirstName, n.LastName = "ann@acme.example", "Ann", "Smith" })
	w.queue(u.ID, "import-1")
	_, err := w.S.EditUser(ctx, u.ID, chatadmin.UserEdit{Email: &address})
	require.NoError(t, err)
	require.Zero(t, w.send())
	w.queue(u.ID, "import-1")
	require.Equal(t, 1, w.send())
	_, err = w.S.DenyAccess(ctx, u.ID)
	require.NoError(t, err)
	_, err = w.S.Invitation(ctx, u.ID)
	require.ErrorIs(t, err, chatadmin.ErrNotFound, "it has ended")
}

// queue queues an invitation as a release does.
func (w *world) queue(id chatadmin.ID, release string) {
	w.T.Helper()
	require.NoError(w.T, w.Host.Change(ctx, chatadmin.Op{Kind: "test.release", Fence: storage.Shared}, func(ctx context.Context, k *chatadmin.Writer) error {
		us, err := k.Users(ctx, w.Domain, []chatadmin.ID{id})
		if err != nil {
			return err
		}
		return k.QueueInvitations(ctx, us, release)
	}))
}

// Of two mails the first goes out once, however often the second is tried; each
// try of the second has a link and an ID of its own.
func TestSeparateMailsOnce(t *testing.T) {
	w := newWorld(t, chatadmin.Engage)
	u, err := w.S.CreateUser(ctx, chatadmin.NewUser{Login: "ann", Email: "ann@acme.example", FirstName: "Ann", LastName: "Smith"})
	require.NoError(t, err)
	var tried []chatadmin.Mail
	fail := []bool{true, false, true, true, false}
	a := chatadmintest.Must(chatadmin.New(w.Store, &chatadmin.Options{Now: w.Clock.Now, Mailer: mailFunc(func(m chatadmin.Mail) error {
		tried = append(tried, m)
		if fail[len(tried)-1] {
			return errors.New("try later")
		}
		return nil
	})}))
	for range 4 {
		_, err := a.SendInvitations(ctx, w.Domain)
		require.NoError(t, err)
		w.Clock.Advance(time.Hour)
	}
	require.Len(t, tried, 5)
	require.Equal(t, chatadmin.InvitationSent, w.invitation(u.ID).State)
	require.Equal(t, tried[0].ID, tried[1].ID, "the same mail")
	ids := map[string]bool{}
	for i, m := range tried {
		ids[m.ID] = true
		require.Equal(t, i < 2, strings.HasPrefix(m.Subject, "Your username"), m.Subject)
	}
	require.Len(t, ids, 4)
}
