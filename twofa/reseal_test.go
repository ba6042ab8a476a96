package twofa_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/memstore"
	"chatadmin.example/sdk/twofa"
)

// crowd is a world with enrolled users, put there past the sign-in, which is proven elsewhere.
func crowd(t *testing.T, n int) (*world, []chatadmin.User) {
	w := newWorld(t, byApp)
	ring := ringOf(t, "k1")
	users := make([]chatadmin.User, n)
	for i := range users {
		users[i] = w.user(fmt.Sprintf("user%d@acme.example", i))
		sealed, err := ring.Seal([]byte(secretOf(i)), "twofa/seed", string(w.domain), string(users[i].ID), "0")
		require.NoError(t, err)
		data, err := json.Marshal(map[string]any{"v": 1, "gen": 0, "seed": sealed})
		require.NoError(t, err)
		w.put(chatadmin.Record{Key: chatadmin.Key{Kind: "twofa", Domain: w.domain, ID: string(users[i].ID)}, Owner: users[i].ID, Data: data})
	}
	return w, users
}

func secretOf(i int) string {
	return strings.Repeat("A", 29) + string("ABCDEFGH"[i/64%8]) + string("ABCDEFGH"[i/8%8]) + string("ABCDEFGH"[i%8])
}

// sealedBy counts by which key secrets are sealed.
func (w *world) sealedBy(users []chatadmin.User) map[string]int {
	n := map[string]int{}
	for _, u := range users {
		var st struct{ Seed []byte }
		require.NoError(w.t, json.Unmarshal(w.record(u).Data, &st))
		n[string(st.Seed[2:2+st.Seed[1]])]++
	}
	return n
}

// The sweep seals everything with the new key, whatever interrupts it, and everybody's code still works.
func TestReseal(t *testing.T) {
	w, users := crowd(t, 450)
	require.Equal(t, map[string]int{"k1": 450}, w.sealedBy(users))
	ring := ringOf(t, "k2", "k1")
	admin, f := w.process(w.store, ring, nil)

	// Signing in does it for one.
	c, err := f.Ask(ctx, w.settings(), users[0], attempt(""))
	require.NoError(t, err)
	a, err := answer(f, w.domain, c.Challenge.ID, w.code(secretOf(0)))
	require.NoError(t, err)
	require.True(t, a.Right)
	require.Equal(t, map[string]int{"k1": 449, "k2": 1}, w.sealedBy(users))

	// It dies after its first batch.
	dead, cancel := context.WithCancel(ctx)
	var job chatadmin.ID
	_, err = f.Reseal(dead, admin.AsHost(w.domain), func(p chatadmin.Progress) {
		require.EqualValues(t, 200, p.Done)
		cancel()
	})
	require.ErrorIs(t, err, context.Canceled)
	rs, _, err := w.store.ListRecords(ctx, chatadmin.RecordQuery{Kind: "job", Domain: w.domain}, chatadmin.Page{Limit: 10})
	require.NoError(t, err)
	require.Len(t, rs, 1)
	job = chatadmin.ID(rs[0].ID)
	require.NotZero(t, w.sealedBy(users)["k1"])

	// A key that is missing stops it, and changes nothing that it could not open.
	lost, bare := w.process(w.store, ringOf(t, "k3"), nil)
	_, err = bare.ResumeReseal(ctx, lost.AsHost(w.domain), job, nil)
	require.ErrorIs(t, err, keyring.ErrUnknownKey)

	j, err := f.ResumeReseal(ctx, admin.AsHost(w.domain), job, nil)
	require.NoError(t, err)
	require.Equal(t, chatadmin.JobDone, j.State)
	require.EqualValues(t, 450, j.Done)
	var r twofa.Resealed
	require.NoError(t, json.Unmarshal(j.Result, &r))
	require.Equal(t, twofa.Resealed{Sealed: 449}, r)
	require.Equal(t, map[string]int{"k2": 450}, w.sealedBy(users))
	_, only := w.process(w.store, ringOf(t, "k2"), nil)
	for _, i := range []int{1, 201, 449} {
		c, err := only.Ask(ctx, w.settings(), users[i], attempt(""))
		require.NoError(t, err)
		a, err := answer(only, w.domain, c.Challenge.ID, w.code(secretOf(i)))
		require.NoError(t, err)
		require.True(t, a.Right)
	}
	require.Len(t, w.events(twofa.KindReseal), 1)
	_, err = f.ResumeReseal(ctx, admin.AsHost(w.domain), job, nil)
	require.NoError(t, err, "done is done")
}

// What was tampered with is counted and left alone; a job of another kind is refused; challenges under way go on.
func TestResealOddities(t *testing.T) {
	w, users := crowd(t, 3)
	bad := w.record(users[1])
	bad.Data = w.record(users[0]).Data
	w.put(bad)
	pending := w.challenged(w.boss)
	w.user("idle@acme.example")
	admin, f := w.process(w.store, ringOf(t, "k2", "k1"), nil)
	j, err := f.Reseal(ctx, admin.AsHost(w.domain), nil)
	require.NoError(t, err)
	var r twofa.Resealed
	require.NoError(t, json.Unmarshal(j.Result, &r))
	require.Equal(t, twofa.Resealed{Sealed: 3, Unopened: 1, Reset: []chatadmin.ID{users[1].ID}}, r)
	require.Equal(t, j.Total, j.Done, "all of those who have something")
	_, only := w.process(w.store, ringOf(t, "k2"), nil)
	a, err := answer(only, w.domain, pending.ID, w.code(pending.Enrolment.Secret.Reveal()))
	require.NoError(t, err)
	require.True(t, a.Right)

	var id chatadmin.ID = "other"
	require.NoError(t, w.host.Change(ctx, chatadmin.Op{Kind: "x"}, func(ctx context.Context, wk *chatadmin.Work) error {
		return wk.PutJob(ctx, &chatadmin.Job{ID: id, Kind: "something else"})
	}))
	_, err = f.ResumeReseal(ctx, admin.AsHost(w.domain), id, nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	_, err = f.ResumeReseal(ctx, admin.AsHost(w.domain), "nobody", nil)
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
}

// A challenge that nobody can answer any more does not call for the key that sealed it: it is dropped.
func TestResealDeadChallenge(t *testing.T) {
	for name, die := range map[string]func(w *world){
		"expired":      func(w *world) { w.clock.Advance(10 * time.Minute) },
		"another mode": func(w *world) { w.mode(byApp) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, byMail)
			ann := w.user("ann@acme.example")
			w.challenged(ann)
			_, f := w.process(w.store, ringOf(t, "k2"), nil)
			_, err := f.Reseal(ctx, w.host, nil)
			require.ErrorIs(t, err, keyring.ErrUnknownKey, "it can still be answered")
			die(w)
			j, err := f.Reseal(ctx, w.host, nil)
			require.NoError(t, err)
			var r twofa.Resealed
			require.NoError(t, json.Unmarshal(j.Result, &r))
			require.Zero(t, r)
			require.NotContains(t, string(w.record(ann).Data), "challenges")
		})
	}
}

// Over a store that confuses commits the sweep ends the same.
func TestResealChaos(t *testing.T) {
	w, users := crowd(t, 450)
	store := w.store.(*memstore.Store).Handle(&memstore.Options{Chaos: &memstore.Chaos{Seed: 7, Rerun: 0.5, UnknownKept: 0.3, UnknownLost: 0.1}})
	ring, err := keyring.New(rand.Reader, key("k2"), key("k1"))
	require.NoError(t, err)
	admin, f := w.process(store, ring, nil)
	j, err := f.Reseal(ctx, admin.AsHost(w.domain), nil)
	require.NoError(t, err)
	var r twofa.Resealed
	require.NoError(t, json.Unmarshal(j.Result, &r))
	require.Equal(t, twofa.Resealed{Sealed: 450}, r)
	require.Equal(t, map[string]int{"k2": 450}, w.sealedBy(users))
}
