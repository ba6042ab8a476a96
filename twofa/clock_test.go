package twofa_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/twofa"
)

// aheads are by how much a clock was wrong before it was put right.
var aheads = []time.Duration{time.Hour, days, 400 * days, 70 * 365 * days}

// whileAhead runs f by a clock that is ahead, and puts it right again.
func (w *world) whileAhead(by time.Duration, f func()) {
	w.Clock.Advance(by)
	begin := w.Clock.Now()
	f()
	w.Clock.Advance(begin.Add(-by).Add(time.Minute).Sub(w.Clock.Now()))
}

// A clock that was ahead and is put right keeps nobody out: neither a pause
// after wrong codes, nor codes that were sent, nor challenges that are open.
func TestClockAheadKeepsNobodyOut(t *testing.T) {
	for _, by := range aheads {
		t.Run(by.String(), func(t *testing.T) {
			w := newWorld(t, byMail)
			ann := w.User("ann@acme.example")
			w.whileAhead(by, func() {
				for range 2 {
					c := w.challenged(ann)
					for range 5 {
						w.wrong(c.ID, another(w.mailed(ann)))
					}
				}
				_, err := w.ask(ann, "")
				require.ErrorIs(t, err, twofa.ErrTooMany)
			})
			w.right(w.challenged(ann).ID, w.mailed(ann))

			w.whileAhead(by, func() {
				for range 5 {
					w.challenged(ann)
				}
			})
			e, err := w.twofa.Explain(ctx, w.S, ann.ID, "web", "password")
			require.NoError(t, err)
			require.NoError(t, e.CannotPass)
			w.right(w.challenged(ann).ID, w.mailed(ann))
		})
	}
}

// The pause is not shortened by clocks that differ a little, nor by how long it
// is: the sixteen hours of the last one are believed.
func TestPausesAreBelieved(t *testing.T) {
	w := newWorld(t, byApp)
	ann := w.User("ann@acme.example")
	secret := w.enrol(ann)
	burn := func() {
		for range 2 {
			c := w.challenged(ann)
			for range 5 {
				w.wrong(c.ID, another(w.code(secret)))
			}
		}
	}
	for n := range 9 {
		burn()
		pause := min(15*time.Minute<<n, 16*time.Hour)
		for _, back := range []time.Duration{0, time.Second, 4 * time.Minute} {
			w.Clock.Advance(-back)
			_, err := w.ask(ann, "")
			require.ErrorIs(t, err, twofa.ErrTooMany, "%d", n)
			w.Clock.Advance(back)
		}
		w.Clock.Advance(pause - time.Second)
		_, err := w.ask(ann, "")
		require.ErrorIs(t, err, twofa.ErrTooMany)
		w.Clock.Advance(time.Second)
	}
	w.right(w.challenged(ann).ID, w.code(secret))
}

// What was opened or remembered by a clock that was ahead is over, and does not
// come to life when that time comes: a challenge lasts ten minutes, and a
// client is remembered for the validity period.
func TestClockAheadProlongsNothing(t *testing.T) {
	for _, by := range aheads[:3] {
		w := newWorld(t, monthly)
		ann := w.User("ann@acme.example")
		secret := w.enrol(ann)
		var challenge, trust string
		w.whileAhead(by, func() {
			challenge = w.challenged(ann).ID
			trust = w.right(w.challenged(ann).ID, w.code(secret), true)
		})
		_, err := w.twofa.Open(ctx, w.Domain, challenge)
		require.ErrorIs(t, err, chatadmin.ErrNotFound, "%s", by)
		asked, err := w.ask(ann, trust)
		require.NoError(t, err)
		require.NotNil(t, asked.Challenge, "%s", by)
		w.Clock.Advance(by)
		asked, err = w.ask(ann, trust)
		require.NoError(t, err)
		require.NotNil(t, asked.Challenge, "%s: that time has come", by)
	}
}

// What a wrong clock has put off does not wait for its time: mails that were to
// be tried again are, by another process and by the one whose clock it was.
func TestClockAheadDelaysNoNotice(t *testing.T) {
	for _, by := range []time.Duration{12 * time.Hour, 400 * days} {
		for _, restarted := range []bool{false, true} {
			w := newWorld(t, byApp)
			ann, bob := w.User("ann@acme.example"), w.User("bob@acme.example")
			w.enrol(ann)
			require.Equal(t, 1, w.notices())
			w.whileAhead(by, func() {
				w.enrol(bob)
				w.Mail.FailNext(errors.New("away"))
				require.Zero(t, w.notices())
			})
			if restarted {
				w.Admin, w.twofa = w.process(w.Store, nil, nil)
			}
			require.Equal(t, 1, w.notices(), "%s", by)
			require.Len(t, w.Mail.To(bob.Email), 1)
			require.Zero(t, w.notices())
			require.True(t, w.record(bob).Due.IsZero())

			w.Mail.FailNext(errors.New("away"))
			require.NoError(t, w.twofa.Reset(ctx, w.Admin.AsHost(w.Domain), bob.ID))
			require.Zero(t, w.notices())
			require.Zero(t, w.notices(), "what waits plausibly waits")
			w.Clock.Advance(2 * time.Minute)
			require.Equal(t, 1, w.notices())
		}
	}
}

// A code never works twice, whatever the clock does: the last step used never
// goes down.
func TestClockAheadReopensNoCode(t *testing.T) {
	w := newWorld(t, byApp)
	ann := w.User("ann@acme.example")
	secret := w.enrol(ann)
	used := w.code(secret)
	w.right(w.challenged(ann).ID, used)
	w.whileAhead(days, func() { w.right(w.challenged(ann).ID, w.code(secret)) })
	w.Clock.Advance(-time.Minute)
	w.wrong(w.challenged(ann).ID, used)
}
