package twofa_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/twofa"
)

func (w *world) notices() int {
	w.T.Helper()
	n, err := w.twofa.SendNotices(ctx, w.Domain)
	require.NoError(w.T, err)
	return n
}

// Each notice is sent; once, unless a mail server or a process fails, and then
// again under the same ID.
func TestNotices(t *testing.T) {
	w := newWorld(t, monthly)
	ann := w.User("ann@acme.example")
	w.enrol(ann)
	require.Empty(t, w.Mail.Mails(), "a worker sends them")
	require.Equal(t, 1, w.notices())
	require.Zero(t, w.notices())
	m := w.Mail.To(ann.Email)[0]
	require.Equal(t, "An authenticator was set up: Acme", m.Subject)
	require.Contains(t, m.Text, "1 March 2026, 09:00 UTC")

	require.NoError(t, w.twofa.Reset(ctx, w.S, ann.ID))
	w.Mail.FailNext(errors.New("away"), errors.New("away"))
	require.Zero(t, w.notices())
	require.Zero(t, w.notices(), "not before it is due again")
	w.Clock.Advance(2 * time.Minute)
	require.Zero(t, w.notices())
	w.Clock.Advance(4 * time.Minute)
	require.Equal(t, 1, w.notices())
	require.Len(t, w.Mail.To(ann.Email), 2)

	// One that waits for its next try does not go with one that is new.
	bob := w.User("bob@acme.example")
	w.enrol(bob)
	w.Mail.FailNext(errors.New("away"))
	require.Zero(t, w.notices())
	require.NoError(t, w.twofa.Reset(ctx, w.S, bob.ID))
	require.Equal(t, 1, w.notices())
	require.Contains(t, w.Mail.To(bob.Email)[0].Subject, "reset")
	w.Clock.Advance(2 * time.Minute)
	require.Equal(t, 1, w.notices())
	require.Contains(t, w.Mail.To(bob.Email)[1].Subject, "set up")

	// Refused for good, and refused too often: dropped.
	w.enrol(ann)
	w.Mail.FailNext(chatadmin.ErrMailRefused)
	require.Zero(t, w.notices())
	require.NoError(t, w.twofa.Reset(ctx, w.S, ann.ID))
	for range 12 {
		w.Mail.FailNext(errors.New("away"))
		w.notices()
		w.Clock.Advance(days)
	}
	require.Len(t, w.Mail.To(ann.Email), 2)
	w.Mail.FailNext(nil) // what is left of the failures is for nobody
	require.Zero(t, w.notices())
}

// The process dies between handing a mail over and writing it down: the mail is
// sent again later, with the ID by which it is recognised.
func TestNoticeAfterCrash(t *testing.T) {
	w := newWorld(t, monthly)
	ann := w.User("ann@acme.example")
	w.enrol(ann)
	dying := &lossy{Store: w.Store}
	_, f := w.process(dying, nil, nil)
	dying.failFrom = 2
	_, err := f.SendNotices(ctx, w.Domain)
	require.Error(t, err)
	require.Len(t, w.Mail.To(ann.Email), 1)
	require.Zero(t, w.notices(), "another worker may still be at it")
	w.Clock.Advance(5 * time.Minute)
	require.Equal(t, 1, w.notices())
	mails := w.Mail.To(ann.Email)
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
		u := w.User("u" + string(rune('a'+i/26)) + string(rune('a'+i%26)) + "@acme.example")
		w.enrol(u)
		users = append(users, u)
	}
	race(func(n int) {
		f := w.twofa
		if n%2 == 0 {
			f = other
		}
		if _, err := f.SendNotices(ctx, w.Domain); err != nil {
			t.Error(err)
		}
	})
	for _, u := range users {
		require.Len(t, w.Mail.To(u.Email), 1)
	}
}

// Without a Mailer notices wait. Who has no address any more is not told, and
// nothing is kept for them.
func TestNoticesWait(t *testing.T) {
	w := newWorld(t, byApp)
	ann := w.User("ann@acme.example")
	w.enrol(ann)
	_, silent := w.process(w.Store, nil, nil, func(o *chatadmin.Options) { o.Mailer = nil })
	n, err := silent.SendNotices(ctx, w.Domain)
	require.NoError(t, err)
	require.Zero(t, n)
	require.Equal(t, 1, w.notices())
}

// A record that is due although nothing in it is, as after a fault, is put
// right, and not met again.
func TestDueWithoutNotice(t *testing.T) {
	w := newWorld(t, byApp)
	ann := w.User("ann@acme.example")
	w.enrol(ann)
	require.Equal(t, 1, w.notices())
	r := w.record(ann)
	r.Due = w.Clock.Now()
	w.PutRecord(r)
	counted := &counting{Store: w.Store}
	_, f := w.process(counted, nil, nil)
	for range 2 {
		n, err := f.SendNotices(ctx, w.Domain)
		require.NoError(t, err)
		require.Zero(t, n)
	}
	require.True(t, w.record(ann).Due.IsZero())
	writes := 0
	for _, c := range counted.calls {
		if strings.Contains(c, "write") {
			writes++
		}
	}
	require.Equal(t, 1, writes)
}

// emptyFirst is a store whose first page is empty although more follows, as is
// its right.
type emptyFirst struct{ chatadmin.Store }

func (s emptyFirst) ListRecords(ctx context.Context, q storage.RecordQuery, p chatadmin.Page) ([]storage.Record, chatadmin.Cursor, error) {
	if p.After == "" {
		return nil, "start", nil
	}
	if p.After == "start" {
		p.After = ""
	}
	return s.Store.ListRecords(ctx, q, p)
}

func TestNoticesBehindAnEmptyPage(t *testing.T) {
	w := newWorld(t, byApp)
	w.enrol(w.User("ann@acme.example"))
	_, f := w.process(emptyFirst{w.Store}, nil, nil)
	n, err := f.SendNotices(ctx, w.Domain)
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

// mailer is a Mailer that does what a test wants of it.
type mailer func(context.Context, chatadmin.Mail) error

func (f mailer) Send(ctx context.Context, m chatadmin.Mail) error { return f(ctx, m) }

// A mail server that is slow makes nobody's notice come twice: before the lease
// of what waits is over, it is given back. It is sent at the latest by the next
// calls.
func TestNoticesOfASlowServer(t *testing.T) {
	for _, each := range []time.Duration{10 * time.Second, 40 * time.Second} {
		w := newWorld(t, byApp)
		for i := range 50 {
			w.enrol(w.User(fmt.Sprintf("u%02d@acme.example", i)))
		}
		var other *twofa.Service
		sent, n := map[string]int{}, 0
		slow := mailer(func(_ context.Context, m chatadmin.Mail) error {
			sent[m.ID]++
			w.Clock.Advance(each)
			if n++; n%7 == 0 {
				if f := other; f != nil {
					other = nil // it does not call itself
					_, err := f.SendNotices(ctx, w.Domain)
					require.NoError(t, err)
					other = f
				}
			}
			return nil
		})
		with := func(o *chatadmin.Options) { o.Mailer = slow }
		_, a := w.process(w.Store, nil, nil, with)
		_, other = w.process(w.Store, nil, nil, with)
		for range 15 {
			_, err := a.SendNotices(ctx, w.Domain)
			require.NoError(t, err)
		}
		require.Len(t, sent, 50)
		for id, n := range sent {
			require.Equal(t, 1, n, id)
		}
	}
}

// What was never handed over, since the worker had to stop, has not been tried:
// it waits for the next run, however often that happens.
func TestNoticesOfShortRuns(t *testing.T) {
	w := newWorld(t, byApp)
	ann, bob := w.User("ann@acme.example"), w.User("bob@acme.example")
	w.enrol(ann)
	w.enrol(bob)
	for range 8 {
		short, cancel := context.WithCancel(ctx)
		_, f := w.process(w.Store, nil, nil, func(o *chatadmin.Options) {
			o.Mailer = mailer(func(ctx context.Context, _ chatadmin.Mail) error {
				require.NoError(t, ctx.Err(), "handed over when it was over")
				cancel()
				return errors.New("away")
			})
		})
		_, err := f.SendNotices(short, w.Domain)
		require.ErrorIs(t, err, context.Canceled)
		w.Clock.Advance(days)
	}
	require.Equal(t, 2, w.notices())
	require.Len(t, w.Mail.To(ann.Email), 1)
	require.Len(t, w.Mail.To(bob.Email), 1)
}
