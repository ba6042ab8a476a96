package password_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/password"
	"chatadmin.example/sdk/chatadmin/storage"
)

var (
	ctx   = context.Background()
	cheap = password.Params{Memory: 8, Time: 1, Threads: 1}
)

// world is a domain with a user who has no password yet.
type world struct {
	*chatadmintest.World
	passwords *password.Passwords
	user      chatadmin.User
}

func newWorld(t *testing.T, o *password.Options) *world {
	t.Helper()
	if o == nil {
		o = &password.Options{Params: cheap}
	}
	w := &world{}
	w.World = chatadmintest.NewWorld(t, &chatadmintest.WorldOptions{Extend: func(a *chatadmin.Admin) { w.passwords = chatadmintest.Must(password.New(a, o)) }})
	w.user = w.User("ann@acme.example")
	return w
}

func (w *world) verify(p string) bool {
	w.T.Helper()
	ok, err := w.passwords.Verify(ctx, w.user, p)
	require.NoError(w.T, err)
	return ok
}

// hash is what is stored for the user.
func (w *world) hash() string {
	w.T.Helper()
	rs, err := w.Store.Records(ctx, []storage.Key{{Kind: "password", Domain: w.user.Domain, ID: string(w.user.ID)}})
	require.NoError(w.T, err)
	require.Len(w.T, rs, 1)
	require.Equal(w.T, w.user.ID, rs[0].Owner, "erased with the user")
	var s struct{ Hash string }
	require.NoError(w.T, json.Unmarshal(rs[0].Data, &s))
	return s.Hash
}

func TestPasswords(t *testing.T) {
	w := newWorld(t, nil)
	require.False(t, w.verify("anything at all"), "none was set")
	require.NoError(t, w.passwords.Set(ctx, w.user, "correct horse"))
	first := w.hash()
	require.True(t, strings.HasPrefix(first, "$argon2id$v=19$m=8,t=1,p=1$"), first)
	for p, want := range chatadmintest.InOrder(map[string]bool{"correct horse": true, "correct horsf": false, "": false, "Correct horse": false, " correct horse": false, "correct horse\x00": false}) {
		require.Equal(t, want, w.verify(p), "%q", p)
	}
	require.NoError(t, w.passwords.Set(ctx, w.user, "correct horse"))
	require.NotEqual(t, first, w.hash(), "salted")
	require.NoError(t, w.passwords.Set(ctx, w.user, "Caf\u00e9 Caf\u00e9"))
	require.True(t, w.verify("Cafe\u0301 Cafe\u0301"), "typed on another keyboard")
	require.False(t, w.verify("correct horse"))

	nobody, err := w.passwords.Verify(ctx, chatadmin.User{}, "correct horse")
	require.NoError(t, err)
	require.False(t, nobody)
	other := w.user
	other.Domain = "another"
	ok, err := w.passwords.Verify(ctx, other, "Caf\u00e9 Caf\u00e9")
	require.NoError(t, err)
	require.False(t, ok)

	set := w.Events(password.KindSet)
	require.Len(t, set, 3)
	for _, e := range set {
		require.Equal(t, []chatadmin.ID{w.user.ID}, e.Targets)
		require.NotContains(t, string(e.Data), "argon2")
	}
}

// What does not do as a new password, and what is wrong with it.
func TestRefused(t *testing.T) {
	leaked := errors.New("this password is on a list of leaked ones")
	w := newWorld(t, &password.Options{Params: cheap, Check: func(_ context.Context, u chatadmin.User, p string) error {
		if p == "password1" || p == u.Login {
			return leaked
		}
		return nil
	}})
	huge := strings.Repeat("x", 8<<20)
	for p, want := range chatadmintest.InOrder(map[string]error{"": password.ErrTooShort, "1234567": password.ErrTooShort, "éééé": password.ErrTooShort, "e\u0301e\u0301e\u0301e\u0301": password.ErrTooShort,
		strings.Repeat("x", 1025): password.ErrTooLong, huge: password.ErrTooLong, "\xff\xfe345678": password.ErrText, "password1": leaked, "ann@acme.example": leaked}) {
		err := w.passwords.Set(ctx, w.user, p)
		require.ErrorIs(t, err, want)
		require.Less(t, len(err.Error()), 200)
		if len(p) > 0 {
			require.NotContains(t, err.Error(), p)
		}
	}
	require.NoError(t, w.passwords.Set(ctx, w.user, strings.Repeat("é", 512)))
	require.True(t, w.verify(strings.Repeat("é", 512)))
	require.False(t, w.verify(huge))
	require.False(t, w.verify("\xff"))
	require.ErrorIs(t, w.passwords.Set(ctx, chatadmin.User{Domain: w.user.Domain, ID: "nobody"}, "long enough"), chatadmin.ErrNotFound)
	require.ErrorIs(t, w.passwords.Set(ctx, chatadmin.User{Domain: "nowhere", ID: "nobody"}, "long enough"), chatadmin.ErrNotFound)
	require.ErrorIs(t, w.passwords.Set(ctx, chatadmin.User{}, "long enough"), chatadmin.ErrNotFound)
	for _, o := range []password.Options{{Params: password.Params{Memory: 8, Time: 1}}, {Params: password.Params{Memory: 7, Time: 1, Threads: 1}}, {Params: password.Params{Memory: 2 << 20, Time: 1, Threads: 1}},
		{Params: password.Params{Memory: 8, Time: 65, Threads: 1}}, {MinLength: 1000}} {
		_, err := password.New(w.Admin, &o)
		require.ErrorIs(t, err, chatadmin.ErrInvalid, "%+v", o)
		require.NotErrorIs(t, err, password.ErrHash, "nothing that is stored is wrong")
	}
}

// Megabytes are not hashed: they take no longer than any other wrong password.
func TestOverlongIsCheap(t *testing.T) {
	w := newWorld(t, nil)
	huge := strings.Repeat("x", 64<<20)
	begin := time.Now()
	for range 20 {
		require.False(t, w.verify(huge))
	}
	require.Less(t, time.Since(begin), 2*time.Second, "more than a gigabyte would have been hashed")
}

// Where the costs have grown, the next right password is hashed anew; a wrong
// one is not, and neither is one whose costs are higher.
func TestUpgrade(t *testing.T) {
	w := newWorld(t, nil)
	require.NoError(t, w.passwords.Set(ctx, w.user, "correct horse"))
	old := w.hash()
	for _, c := range []struct {
		params password.Params
		typed  string
		want   string
	}{
		{password.Params{Memory: 16, Time: 1, Threads: 1}, "wrong horse", "m=8,t=1,p=1"},
		{password.Params{Memory: 16, Time: 1, Threads: 1}, "correct horse", "m=16,t=1,p=1"},
		{password.Params{Memory: 16, Time: 2, Threads: 2}, "correct horse", "m=16,t=2,p=2"},
		{password.Params{Memory: 8, Time: 1, Threads: 1}, "correct horse", "m=16,t=2,p=2"},
	} {
		var err error
		w.passwords, err = password.New(w.Admin, &password.Options{Params: c.params})
		require.NoError(t, err)
		require.Equal(t, c.typed == "correct horse", w.verify(c.typed))
		require.Contains(t, w.hash(), c.want)
	}
	require.NotEqual(t, old, w.hash())
	require.True(t, w.verify("correct horse"))
}

// A password that is set while an old one is being hashed anew stays.
func TestUpgradeRace(t *testing.T) {
	w := newWorld(t, nil)
	require.NoError(t, w.passwords.Set(ctx, w.user, "correct horse"))
	dear, err := password.New(w.Admin, &password.Options{Params: password.Params{Memory: 64, Time: 1, Threads: 1}, Queue: 100})
	require.NoError(t, err)
	var wg sync.WaitGroup
	for n := range 100 {
		wg.Go(func() {
			if n == 50 {
				if err := w.passwords.Set(ctx, w.user, "battery staple"); err != nil {
					t.Error(err)
				}
				return
			}
			if _, err := dear.Verify(ctx, w.user, "correct horse"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.True(t, w.verify("battery staple"))
	require.False(t, w.verify("correct horse"))
}

// Only so many hashes are computed at a time, and who waits gives up with their
// context.
func TestConcurrency(t *testing.T) {
	w := newWorld(t, &password.Options{Params: password.Params{Memory: 32 << 10, Time: 1, Threads: 1}, Concurrent: 1})
	gone, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	var done, refused atomic.Int64
	for range 30 {
		wg.Go(func() {
			_, err := w.passwords.Verify(gone, w.user, "x")
			switch {
			case err == nil:
				done.Add(1)
			case errors.Is(err, context.Canceled):
				refused.Add(1)
			default:
				t.Error(err)
			}
			cancel() // as soon as one is through
		})
	}
	wg.Wait()
	require.Positive(t, done.Load())
	require.LessOrEqual(t, done.Load(), int64(2), "one at a time, and nobody begins once it is over")
	require.Equal(t, int64(30), done.Load()+refused.Load())
}

// A hash in the store that cannot be read, or asks for gigabytes, lets nobody
// in and says so.
func TestBadHashes(t *testing.T) {
	w := newWorld(t, nil)
	require.NoError(t, w.passwords.Set(ctx, w.user, "correct horse"))
	good := w.hash()
	for _, bad := range []string{"", "x", "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy", strings.Replace(good, "m=8", "m=4194304", 1), strings.Replace(good, "t=1", "t=100", 1),
		strings.Replace(good, "p=1", "p=0", 1), strings.Replace(good, "m=8", "m=08", 1), strings.Replace(good, "v=19", "v=16", 1), good + "=", good[:len(good)-28], strings.Replace(good, "argon2id", "argon2i", 1), good + "$"} {
		w.put(bad)
		ok, err := w.passwords.Verify(ctx, w.user, "correct horse")
		require.False(t, ok)
		require.ErrorIs(t, err, password.ErrHash, bad)
	}
	w.put(good)
	require.True(t, w.verify("correct horse"))
	// Computed by another implementation (the reference one's test vector for
	// argon2id, v=19, m=65536, t=2, p=1).
	w.put("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	require.True(t, w.verify("password"))
}

func (w *world) put(hash string) {
	w.T.Helper()
	data, err := json.Marshal(map[string]any{"v": 1, "hash": hash})
	require.NoError(w.T, err)
	key := storage.Key{Kind: "password", Domain: w.user.Domain, ID: string(w.user.ID)}
	require.NoError(w.T, w.Admin.Bookkeep(ctx, w.user.Domain, func(ctx context.Context, work *chatadmin.Writer) error {
		rs, err := work.Records(ctx, []storage.Key{key})
		if err != nil || len(rs) == 0 {
			return fmt.Errorf("no record: %w", err)
		}
		c := storage.Write[storage.Record]{Row: rs[0], Was: rs[0].Rev}
		c.Row.Data = data
		return work.PutRecords(ctx, []storage.Write[storage.Record]{c})
	}))
}
