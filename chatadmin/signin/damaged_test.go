package signin_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/password"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// waysToDamage are the ways in which a record is damaged.
var waysToDamage = map[string]func(good []byte) []byte{
	"truncated": func(good []byte) []byte { return good[:len(good)/2] },
	"null":      func([]byte) []byte { return []byte(`null`) },
	"empty":     func([]byte) []byte { return []byte(`{}`) },
	"newer":     func(good []byte) []byte { return append([]byte(`{"v":99,`), good[len(`{"v":1,`):]...) },
	"types":     func([]byte) []byte { return []byte(`{"v":1,"failures":"x","user":7,"users":7,"hash":7}`) },
	"not JSON":  func([]byte) []byte { return []byte("\x00") },
}

// damage damages every record of a kind that a user owns, or that nobody owns.
func (w *world) damage(kind string, owner chatadmin.ID, how func([]byte) []byte) (ids []string) {
	w.T.Helper()
	require.NoError(w.T, w.Store.Update(ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
		rs, _, err := tx.ListRecords(ctx, storage.RecordQuery{Kind: kind, Domain: w.Domain, Owner: owner}, chatadmin.Page{Limit: 100})
		if err != nil {
			return err
		}
		ids = nil
		var changes []storage.Write[storage.Record]
		for _, r := range rs {
			c := storage.Write[storage.Record]{Row: r, Was: r.Rev}
			c.Row.Rev, c.Row.Data = r.Rev+1, how(r.Data)
			changes = append(changes, c)
			ids = append(ids, r.ID)
		}
		if len(ids) == 0 {
			return fmt.Errorf("no records %q", kind)
		}
		_, err = tx.ChangeRecords(ctx, changes)
		return err
	}))
	return ids
}

func (w *world) damaged() (ids []string) {
	w.T.Helper()
	for bad, err := range w.Host.Damaged(ctx) {
		require.NoError(w.T, err)
		ids = append(ids, bad.ID)
	}
	return ids
}

// A lock that cannot be read locks its user alone, until it is repaired or
// somebody unlocks. It keeps nobody from being changed.
func TestDamagedLock(t *testing.T) {
	for name, how := range waysToDamage {
		lifts := map[string]func(w *world, u chatadmin.User) error{
			"unlock": func(w *world, u chatadmin.User) error { return w.gate.Unlock(ctx, w.Host, u.ID) },
			"grant":  func(w *world, u chatadmin.User) error { _, err := w.Host.GrantAccess(ctx, u.ID); return err },
			"repair": func(w *world, u chatadmin.User) error { return w.Host.Repair(ctx, "lock", string(u.ID)) },
		}
		for lift, call := range lifts {
			t.Run(name+"/"+lift, func(t *testing.T) {
				w := newWorld(t, chatadmin.OfficeChat)
				ann, bob := w.user("ann"), w.user("bob")
				w.try(ann.Login, "wrong", signin.Wrong)
				require.Equal(t, []string{string(ann.ID)}, w.damage("lock", ann.ID, how))
				require.Equal(t, []string{string(ann.ID)}, w.damaged())
				w.try(ann.Login, "right", signin.Locked)
				w.Clock.Advance(1000 * time.Hour)
				w.try(ann.Login, "right", signin.Locked)
				require.Equal(t, 1, w.looked(ann.ID), "by the first attempt alone")
				w.try(bob.Login, "right", "")
				locks, err := w.gate.Locks(ctx, w.Host, ann.ID, bob.ID)
				require.NoError(t, err)
				require.Equal(t, map[chatadmin.ID]signin.Lock{ann.ID: {Locked: true}, bob.ID: {}}, locks)

				require.NoError(t, call(w, ann))
				require.Empty(t, w.damaged())
				w.try(ann.Login, "right", "")
			})
		}
		t.Run(name+"/changes", func(t *testing.T) {
			w := newWorld(t, chatadmin.OfficeChat)
			ann, bob := w.user("ann"), w.user("bob")
			w.try(ann.Login, "wrong", signin.Wrong)
			w.damage("lock", ann.ID, how)
			for _, change := range []func() error{
				func() error { return w.Admin.PasswordChanged(ctx, w.Domain, ann.ID) },
				func() error { _, err := w.Host.DenyAccess(ctx, ann.ID, bob.ID); return err },
				func() error { _, err := w.Host.DeactivateUsers(ctx, ann.ID, bob.ID); return err },
				func() error { _, err := w.Host.ActivateUsers(ctx, ann.ID, bob.ID); return err },
			} {
				require.NoError(t, change())
			}
			require.True(t, w.lock(ann.ID).Locked, "a new password lifts no lock")
			_, err := w.Host.GrantAccess(ctx, ann.ID, bob.ID)
			require.NoError(t, err)
			w.try(ann.Login, "right", "")
		})
	}
}

// A link that cannot be read keeps the account out, until Unlink or Repair.
func TestDamagedLink(t *testing.T) {
	for name, how := range waysToDamage {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, chatadmin.OfficeChat)
			ann, bob := w.user("ann"), w.user("bob")
			at := func(u chatadmin.User, subject string) signin.Attempt {
				return signin.Attempt{Login: u.Login, Method: signin.Google, Subject: subject}
			}
			require.True(t, w.assert(w.gate, at(ann, "a")).Allowed())
			require.True(t, w.assert(w.gate, at(bob, "b")).Allowed())
			ids := w.damage("federated", ann.ID, how)
			require.ElementsMatch(t, ids, w.damaged())
			for _, subject := range []string{"a", "another"} {
				require.Equal(t, signin.OtherAccount, w.assert(w.gate, at(ann, subject)).Reason())
			}
			require.True(t, w.assert(w.gate, at(bob, "b")).Allowed())
			w.try(ann.Login, "right", "")
			require.NoError(t, w.gate.Unlink(ctx, w.Host, ann.ID))
			require.Empty(t, w.damaged())
			require.True(t, w.assert(w.gate, at(ann, "a")).Allowed())
			for _, id := range w.damage("federated", ann.ID, how) {
				require.NoError(t, w.Host.Repair(ctx, "federated", id))
			}
			require.True(t, w.assert(w.gate, at(ann, "a")).Allowed())
		})
	}
}

// If nobody knows whose sessions were to end, those of everybody in the domain
// do; those of other domains go on.
func TestDamagedSessionEnd(t *testing.T) {
	for name, how := range waysToDamage {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, chatadmin.OfficeChat)
			ann, bob := w.user("ann"), w.user("bob")
			w.try(ann.Login, "right", "")
			w.try(bob.Login, "right", "")
			_, err := w.Host.DenyAccess(ctx, ann.ID)
			require.NoError(t, err)
			w.damage("session-end", "", how)
			require.Len(t, w.damaged(), 1)
			_, err = w.Host.DenyAccess(ctx, bob.ID)
			require.NoError(t, err)
			n, err := w.gate.EndSessions(ctx)
			require.NoError(t, err)
			require.Equal(t, 2, n)
			require.Empty(t, w.damaged())
			require.Contains(t, w.sessions.ended, bob.ID)
			require.Contains(t, w.sessions.told, told{nil, w.Clock.Now()})
			w.Clock.Advance(time.Hour)
			_, err = w.gate.EndSessions(ctx)
			require.NoError(t, err)
			n, err = w.gate.EndSessions(ctx)
			require.NoError(t, err)
			require.Zero(t, n)
		})
	}
}

// A password that cannot be read lets nobody in, counts no failure, and is
// replaced by a new one.
func TestDamagedPassword(t *testing.T) {
	for name, how := range waysToDamage {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, chatadmin.OfficeChat)
			passwords, err := password.New(w.Admin, &password.Options{Params: password.Params{Time: 1, Memory: 64, Threads: 1}})
			require.NoError(t, err)
			ann, bob := w.user("ann"), w.user("bob")
			for _, u := range []chatadmin.User{ann, bob} {
				require.NoError(t, passwords.Set(ctx, u, "correct horse"))
			}
			signIn := func(u chatadmin.User) (signin.Decision, error) {
				return w.gate.SignIn(ctx, w.Domain, signin.Attempt{Login: u.Login, Client: signin.Web}, passwords.Verifier("correct horse"))
			}
			w.damage("password", ann.ID, how)
			require.Equal(t, []string{string(ann.ID)}, w.damaged())
			for range 4 {
				d, err := signIn(ann)
				require.ErrorIs(t, err, chatadmin.ErrDamaged)
				require.False(t, d.Allowed())
			}
			require.Zero(t, w.lock(ann.ID))
			d, err := signIn(bob)
			require.NoError(t, err)
			require.True(t, d.Allowed())
			_, err = w.Host.DeactivateUsers(ctx, ann.ID)
			require.NoError(t, err)
			_, err = w.Host.ActivateUsers(ctx, ann.ID)
			require.NoError(t, err)
			require.NoError(t, passwords.Set(ctx, ann, "correct horse"))
			d, err = signIn(ann)
			require.NoError(t, err)
			require.True(t, d.Allowed())
			w.damage("password", ann.ID, how)
			require.NoError(t, w.Host.Repair(ctx, "password", string(ann.ID)))
			d, err = signIn(ann)
			require.NoError(t, err)
			require.Equal(t, signin.Wrong, d.Reason())
		})
	}
}
