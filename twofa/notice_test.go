package twofa_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/memstore"
)

func (w *world) notices() int {
	w.t.Helper()
	n, err := w.twofa.SendNotices(ctx, w.domain)
	require.NoError(w.t, err)
	return n
}

// Each notice is sent; once, unless a mail server or a process fails, and then again under the same ID.
func TestNotices(t *testing.T) {
	w := newWorld(t, monthly)
	ann := w.user("ann@acme.example")
	w.enrol(ann)
	require.Empty(t, w.mail.Mails(), "a worker sends them")
	require.Equal(t, 1, w.notices())
	require.Zero(t, w.notices())
	m := w.mail.To(ann.Email)[0]
	require.Equal(t, "An authenticator was set up: Acme", m.Subject)
	require.Contains(t, m.Text, "1 March 2026, 09:00 UTC")

	require.NoError(t, w.twofa.Reset(ctx, w.s, ann.ID))
	w.mail.FailNext(errors.New("away"), errors.New("away"))
	require.Zero(t, w.notices())
	require.Zero(t, w.notices(), "not before it is due again")
	w.clock.Advance(2 * time.Minute)
	require.Zero(t, w.notices())
	w.clock.Advance(4 * time.Minute)
	require.Equal(t, 1, w.notices())
	require.Len(t, w.mail.To(ann.Email), 2)

	// Refused for good, and refused too often: dropped.
	w.enrol(ann)
	w.mail.FailNext(chatadmin.ErrMailRefused)
	require.Zero(t, w.notices())
	require.NoError(t, w.twofa.Reset(ctx, w.s, ann.ID))
	for range 12 {
		w.mail.FailNext(errors.New("away"))
		w.notices()
		w.clock.Advance(days)
	}
	require.Len(t, w.mail.To(ann.Email), 2)
	w.mail.FailNext(nil) // what is left of the failures is for nobody
	require.Zero(t, w.notices())
}

// The process dies between handing a mail over and writing it down: the mail is sent again later, with the ID by which it is recognised.
func TestNoticeAfterCrash(t *testing.T) {
	w := newWorld(t, monthly)
	ann := w.user("ann@acme.example")
	w.enrol(ann)
	dying := &lossy{Store: w.store}
	_, f := w.process(dying, nil, nil)
	dying.failFrom = 2
	_, err := f.SendNotices(ctx, w.domain)
	require.Error(t, err)
	require.Len(t, w.mail.To(ann.Email), 1)
	require.Zero(t, w.notices(), "another worker may still be at it")
	w.clock.Advance(5 * time.Minute)
	require.Equal(t, 1, w.notices())
	mails := w.mail.To(ann.Email)
	require.Len(t, mails, 2)
	require.Equal(t, mails[0].ID, mails[1].ID)
	require.Zero(t, w.notices())
}

// Workers at the same time, and many users: everybody is told once.
func TestNoticesRace(t *testing.T) {
	store := memstore.New(nil)
	w := newWorldOn(t, store, byApp, nil, nil)
	_, other := w.process(store.Handle(nil), nil, nil)
	var users []chatadmin.User
	for i := range 70 {
		u := w.user("u" + string(rune('a'+i/26)) + string(rune('a'+i%26)) + "@acme.example")
		w.enrol(u)
		users = append(users, u)
	}
	race(func(n int) {
		f := w.twofa
		if n%2 == 0 {
			f = other
		}
		if _, err := f.SendNotices(ctx, w.domain); err != nil {
			t.Error(err)
		}
	})
	for _, u := range users {
		require.Len(t, w.mail.To(u.Email), 1)
	}
}

// Without a Mailer notices wait. Who has no address any more is not told, and nothing is kept for them.
func TestNoticesWait(t *testing.T) {
	w := newWorld(t, byApp)
	ann := w.user("ann@acme.example")
	w.enrol(ann)
	_, silent := w.process(w.store, nil, nil, func(o *chatadmin.Options) { o.Mailer = nil })
	n, err := silent.SendNotices(ctx, w.domain)
	require.NoError(t, err)
	require.Zero(t, n)
	require.Equal(t, 1, w.notices())
}
