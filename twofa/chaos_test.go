package twofa_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/twofa"
)

var errStore = errors.New("the store is gone")

// lossy is a store that fails: from the nth transaction on, before or after the
// commit.
type lossy struct {
	chatadmin.Store
	updates, failFrom int
	// the transaction is committed, then an error is reported that says nothing
	// of it
	after bool
	// the same, as ErrCommitUnknown, and the store cannot be asked either
	unknown bool
}

func (l *lossy) Update(ctx context.Context, f storage.Fence, do func(context.Context, storage.Tx) error) error {
	if l.updates++; l.failFrom == 0 || l.updates < l.failFrom {
		return l.Store.Update(ctx, f, do)
	}
	if l.after || l.unknown {
		if err := l.Store.Update(ctx, f, do); err != nil {
			return err
		}
	}
	if l.unknown {
		return chatadmin.ErrCommitUnknown
	}
	return errStore
}

func (l *lossy) Records(ctx context.Context, keys []storage.Key) ([]storage.Record, error) {
	if l.unknown && l.failFrom > 0 && l.updates >= l.failFrom {
		return nil, errStore
	}
	return l.Store.Records(ctx, keys)
}

func (l *lossy) ListEvents(ctx context.Context, q chatadmin.EventQuery, p chatadmin.Page) ([]chatadmin.Event, chatadmin.Cursor, error) {
	if l.unknown && l.failFrom > 0 && l.updates >= l.failFrom {
		return nil, "", errStore
	}
	return l.Store.ListEvents(ctx, q, p)
}

// If the store fails while a code is used, the answer is no; if it had
// committed all the same, the code is used up, and nobody has come in by it.
func TestStoreFailsWhileACodeIsUsed(t *testing.T) {
	for name, c := range map[string]struct {
		lossy lossy
		used  bool
	}{"before the commit": {lossy{}, false}, "after the commit": {lossy{after: true}, true}, "commit unknown": {lossy{unknown: true}, true}} {
		for _, mode := range []twofa.Mode{twofa.Email, twofa.Authenticator} {
			w := newWorld(t, twofa.Policy{Mode: mode, Validity: days})
			ann := w.User("ann@acme.example")
			seed := ""
			if mode == twofa.Authenticator {
				seed = w.enrol(ann)
			}
			c1 := w.challenged(ann)
			code := ""
			if mode == twofa.Email {
				code = w.mailed(ann)
			} else {
				code = w.code(seed)
			}
			failing := c.lossy
			failing.Store, failing.failFrom = w.Store, 1
			_, f := w.process(&failing, ringOf(t, "k1"), nil)
			o, err := w.twofa.Open(ctx, w.Domain, c1.ID)
			require.NoError(t, err)
			a, err := f.Answer(ctx, o, code, true)
			require.Error(t, err, name)
			require.Equal(t, signin.Answer{}, a, "%s, %s", name, mode)
			again, err := w.answer(c1.ID, code)
			require.Equal(t, !c.used, err == nil && again.Right, "%s, %s", name, mode)
		}
	}
}

// A store that re-runs, loses and confuses transactions: a hundred answers with
// one code let at most one in, and a user who tries again gets in.
func TestChaos(t *testing.T) {
	for seed := range uint64(6) {
		good := memstore.New(nil)
		w := newWorldOn(t, good, monthly, nil, nil)
		ann := w.User("ann@acme.example")
		enrolled := w.enrol(ann)
		_, f := w.process(good.Handle(&memstore.Options{Chaos: &memstore.Chaos{Seed: seed, Rerun: 0.4, UnknownKept: 0.3, UnknownLost: 0.1}}), ringOf(t, "k1"), nil)
		cs := make([]string, 10)
		for i := range cs {
			asked, err := f.Ask(ctx, w.Settings(), ann, signin.Attempt{Client: signin.Web})
			require.NoError(t, err)
			cs[i] = asked.Challenge.ID
		}
		var right atomic.Int64
		tokens := make(chan string, 100)
		code, set := w.code(enrolled), w.Settings()
		race(func(n int) {
			a, err := answer(f, w.Domain, cs[n%10], code, true)
			if err == nil && a.Right {
				right.Add(1)
				tokens <- a.Trust.Reveal()
			}
		})
		close(tokens)
		require.LessOrEqual(t, right.Load(), int64(1), "seed %d", seed)
		w.Clock.Advance(days / 2)
		for token := range tokens {
			var rotated atomic.Int64
			race(func(int) {
				if asked, err := f.Ask(ctx, set, ann, signin.Attempt{Client: signin.Web, Trust: secret.Hide(token)}); err == nil && !asked.Trust.IsZero() {
					rotated.Add(1)
				}
			})
			require.LessOrEqual(t, rotated.Load(), int64(1), "seed %d", seed)
		}
		let := false
		for range 5 {
			w.Clock.Advance(days)
			asked, err := f.Ask(ctx, w.Settings(), ann, signin.Attempt{Client: signin.Web})
			require.NoError(t, err)
			a, err := answer(f, w.Domain, asked.Challenge.ID, w.code(enrolled))
			let = let || err == nil && a.Right
		}
		require.True(t, let)
	}
}
