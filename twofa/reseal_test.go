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
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/twofa"
)

// crowd is a world with enrolled users, put there past the sign-in, which is
// proven elsewhere.
func crowd(t *testing.T, n int) (*world, []chatadmin.User) {
	w := newWorld(t, byApp)
	ring := ringOf(t, "k1")
	users := make([]chatadmin.User, n)
	for i := range users {
		users[i] = w.User(fmt.Sprintf("user%d@acme.example", i))
		sealed, err := ring.Seal([]byte(secretOf(i)), "twofa/seed", string(w.Domain), string(users[i].ID), "0")
		require.NoError(t, err)
		data, err := json.Marshal(map[string]any{"v": 1, "gen": 0, "seed": sealed})
		require.NoError(t, err)
		w.PutRecord(storage.Record{Key: storage.Key{Kind: "twofa", Domain: w.Domain, ID: string(users[i].ID)}, Owner: users[i].ID, Data: data})
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
		require.NoError(w.T, json.Unmarshal(w.record(u).Data, &st))
		n[string(st.Seed[2:2+st.Seed[1]])]++
	}
	return n
}

// The sweep seals everything with the new key, whatever interrupts it, and
// everybody's code still works.
func TestReseal(t *testing.T) {
	w, users := crowd(t, 450)
	require.Equal(t, map[string]int{"k1": 450}, w.sealedBy(users))
	ring := ringOf(t, "k2", "k1")
	admin, f := w.process(w.Store, ring, nil)

	// Signing in does it for one.
	c, err := f.Ask(ctx, w.Settings(), users[0], attempt(""))
	require.NoError(t, err)
	a, err := answer(f, w.Domain, c.Challenge.ID, w.code(secretOf(0)))
	require.NoError(t, err)
	require.True(t, a.Right)
	require.Equal(t, map[string]int{"k1": 449, "k2": 1}, w.sealedBy(users))

	// It dies after its first batch.
	dead, cancel := context.WithCancel(ctx)
	begun, err := f.Reseal(dead, admin.AsHost(w.Domain), func(p chatadmin.Progress) {
		require.EqualValues(t, 200, p.Done)
		cancel()
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, []any{chatadmin.RunRunning, int64(200)}, []any{begun.State, begun.Done})
	job := begun.ID
	require.NotZero(t, w.sealedBy(users)["k1"])

	// A key that is missing stops it, and changes nothing that it could not
	// open.
	lost, bare := w.process(w.Store, ringOf(t, "k3"), nil)
	_, err = bare.ResumeReseal(ctx, lost.AsHost(w.Domain), job, nil)
	require.ErrorIs(t, err, keyring.ErrUnknownKey)

	j, err := f.ResumeReseal(ctx, admin.AsHost(w.Domain), job, nil)
	require.NoError(t, err)
	require.Equal(t, chatadmin.RunDone, j.State)
	require.EqualValues(t, 450, j.Done)
	require.Equal(t, twofa.Resealed{Sealed: 449}, j.Data)
	require.Equal(t, map[string]int{"k2": 450}, w.sealedBy(users))
	_, only := w.process(w.Store, ringOf(t, "k2"), nil)
	for _, i := range []int{1, 201, 449} {
		c, err := only.Ask(ctx, w.Settings(), users[i], attempt(""))
		require.NoError(t, err)
		a, err := answer(only, w.Domain, c.Challenge.ID, w.code(secretOf(i)))
		require.NoError(t, err)
		require.True(t, a.Right)
	}
	require.Len(t, w.Events(twofa.KindReseal), 1)
	_, err = f.ResumeReseal(ctx, admin.AsHost(w.Domain), job, nil)
	require.NoError(t, err, "done is done")
}

// What was tampered with is counted and left alone; a run of another kind is
// refused; challenges under way go on.
func TestResealOddities(t *testing.T) {
	w, users := crowd(t, 3)
	bad := w.record(users[1])
	bad.Data = w.record(users[0]).Data
	w.PutRecord(bad)
	pending := w.challenged(w.Boss)
	w.User("idle@acme.example")
	admin, f := w.process(w.Store, ringOf(t, "k2", "k1"), nil)
	j, err := f.Reseal(ctx, admin.AsHost(w.Domain), nil)
	require.NoError(t, err)
	require.Equal(t, twofa.Resealed{Sealed: 3, Unopened: 1, Reset: []chatadmin.ID{users[1].ID}}, j.Data)
	require.Equal(t, j.Total, j.Done, "all of those who have something")
	_, only := w.process(w.Store, ringOf(t, "k2"), nil)
	a, err := answer(only, w.Domain, pending.ID, w.code(pending.Enrolment.Secret.Reveal()))
	require.NoError(t, err)
	require.True(t, a.Right)

	others := chatadmin.NewRuns(admin, chatadmin.RunKind[struct{}]{Name: "something else"})
	other, err := others.Begin(ctx, admin.AsHost(w.Domain), chatadmin.Op{Kind: "x"}, func(context.Context, *chatadmin.Writer, *chatadmin.RunOf[struct{}]) error {
		return nil
	})
	require.NoError(t, err)
	_, err = f.ResumeReseal(ctx, admin.AsHost(w.Domain), other.ID, nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	_, err = f.ResumeReseal(ctx, admin.AsHost(w.Domain), "nobody", nil)
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
}

// oldJob writes a job as earlier versions kept it.
func (w *world) oldJob(id, data string) chatadmin.ID {
	w.PutRecord(storage.Record{Key: storage.Key{Kind: "job", Domain: w.Domain, ID: id}, Data: []byte(data)})
	return chatadmin.ID(id)
}

// What an earlier version has begun or ended is a run.
func TestOldReseal(t *testing.T) {
	w, users := crowd(t, 3)
	done := w.oldJob("done", `{"v":1,"id":"done","kind":"reseal two-factor secrets","actor":"host","state":"done","done":3,"total":3,"started":"2026-01-02T03:04:05Z","ended":"2026-01-02T03:05:05Z","cursor":{"after":""},"result":{"sealed":2,"unopened":1,"reset":["u"]}}`)
	open := w.oldJob("open", `{"v":1,"id":"open","kind":"reseal two-factor secrets","actor":"host","state":"running","done":0,"total":3,"started":"2026-01-02T03:04:05Z"}`)
	bad := w.oldJob("bad", `{"v":1,"id":"bad","kind":"reseal two-factor secrets","actor":"host","state":"running","done":0,"total":3,"started":"2026-01-02T03:04:05Z","cursor":{"after":""},"result":{"sealed":"many"}}`)
	admin, f := w.process(w.Store, ringOf(t, "k2", "k1"), nil)
	host := admin.AsHost(w.Domain)
	run, err := f.ResumeReseal(ctx, host, done, nil)
	require.NoError(t, err)
	require.Equal(t, chatadmin.RunDone, run.State)
	require.Equal(t, twofa.Resealed{Sealed: 2, Unopened: 1, Reset: []chatadmin.ID{"u"}}, run.Data)
	run, err = f.ResumeReseal(ctx, host, open, nil)
	require.NoError(t, err)
	require.Equal(t, chatadmin.RunDone, run.State)
	require.EqualValues(t, 3, run.Data.Sealed)
	require.Equal(t, map[string]int{"k2": 3}, w.sealedBy(users))
	_, err = f.ResumeReseal(ctx, host, bad, nil)
	require.ErrorIs(t, err, chatadmin.ErrNotFound, "what cannot be read stays as it is")
}

// A run that cannot be read is refused, listed, and keeps no other from going
// on.
func TestDamagedReseal(t *testing.T) {
	w, _ := crowd(t, 3)
	for _, data := range []string{``, `{`, `{}`, `null`, `[]`, `{"v":2}`, `{"v":1,"id":7}`, `{"v":1,"id":"bad","kind":"re-sealing of two-factor secrets","by":"host","state":"xx"}`,
		`{"v":1,"id":"bad","kind":"re-sealing of two-factor secrets","by":"host","state":"running","data":{"sealed":"many"}}`,
		`{"v":1,"id":"bad","kind":"re-sealing of two-factor secrets","by":"host","state":"running","data":{"sealed":-1}}`} {
		w.PutRecord(storage.Record{Key: storage.Key{Kind: "run", Domain: w.Domain, ID: "bad"}, Data: []byte(data)})
		admin, f := w.process(w.Store, ringOf(t, "k1"), nil)
		host := admin.AsHost(w.Domain)
		_, err := f.ResumeReseal(ctx, host, "bad", nil)
		require.ErrorIs(t, err, chatadmin.ErrDamaged, data)
		run, err := f.Reseal(ctx, host, nil)
		require.NoError(t, err, data)
		require.Equal(t, chatadmin.RunDone, run.State)
		require.Equal(t, []string{"run bad"}, w.Damaged(), data)
	}
}

// A challenge that nobody can answer any more does not call for the key that
// sealed it: it is dropped.
func TestResealDeadChallenge(t *testing.T) {
	for name, die := range map[string]func(w *world){
		"expired":      func(w *world) { w.Clock.Advance(10 * time.Minute) },
		"another mode": func(w *world) { w.mode(byApp) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, byMail)
			ann := w.User("ann@acme.example")
			w.challenged(ann)
			_, f := w.process(w.Store, ringOf(t, "k2"), nil)
			_, err := f.Reseal(ctx, w.Host, nil)
			require.ErrorIs(t, err, keyring.ErrUnknownKey, "it can still be answered")
			die(w)
			j, err := f.Reseal(ctx, w.Host, nil)
			require.NoError(t, err)
			require.Zero(t, j.Data)
			require.NotContains(t, string(w.record(ann).Data), "challenges")
		})
	}
}

// Over a store that confuses commits the sweep ends the same.
func TestResealChaos(t *testing.T) {
	w, users := crowd(t, 450)
	store := w.Store.(*memstore.Store).Handle(&memstore.Options{Chaos: &memstore.Chaos{Seed: 7, Rerun: 0.5, UnknownKept: 0.3, UnknownLost: 0.1}})
	ring, err := keyring.New(rand.Reader, key("k2"), key("k1"))
	require.NoError(t, err)
	admin, f := w.process(store, ring, nil)
	j, err := f.Reseal(ctx, admin.AsHost(w.Domain), nil)
	require.NoError(t, err)
	require.Equal(t, twofa.Resealed{Sealed: 450}, j.Data)
	require.Equal(t, map[string]int{"k2": 450}, w.sealedBy(users))
}
