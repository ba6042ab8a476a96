package signin_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// After any sequence of operations there is an admin who can sign in, at the
// latest when locks have lifted; who can sign in is who should; and every
// network user is in every default group.
func TestAnySequence(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 2))
			store := memstore.New(&memstore.Options{Chaos: &memstore.Chaos{Seed: seed, Rerun: 0.1, UnknownKept: 0.05}})
			w := newWorldOn(t, store, chatadmin.OfficeChat, func(o *signin.Options) { o.Policy.UnlockAfter = signin.UntilUnlocked })
			ids := []chatadmin.ID{w.Boss.ID}
			for n := range 6 {
				ids = append(ids, w.user(fmt.Sprintf("user%d", n)).ID)
			}
			for n := range 250 {
				u, other := ids[rnd.IntN(len(ids))], ids[rnd.IntN(len(ids))]
				var err error
				switch rnd.IntN(10) {
				case 0:
					_, err = w.Host.DeactivateUsers(ctx, u, other)
				case 1:
					_, err = w.Host.ActivateUsers(ctx, u, other)
				case 2:
					_, err = w.Host.DenyAccess(ctx, u)
				case 3:
					_, err = w.Host.GrantAccess(ctx, u, other)
				case 4:
					_, err = w.Host.AssignRole(ctx, []string{chatadmin.RoleAdmin, chatadmin.RoleMember}[rnd.IntN(2)], u)
				case 5:
					err = w.gate.Unlock(ctx, w.Host, u)
				case 6:
					var g chatadmin.Group
					if g, err = w.Host.CreateGroup(ctx, fmt.Sprintf("group%d", n)); err == nil && n%3 == 0 {
						var p *chatadmin.Plan
						if p, err = w.Host.PlanDefaultGroup(ctx, g.ID); err == nil {
							_, err = w.Host.ApplyDefaultGroup(ctx, p, nil)
						}
					}
				case 7:
					w.Clock.Advance(time.Duration(rnd.IntN(10)) * time.Minute)
				default:
					_, err = w.gate.SignIn(ctx, w.Domain, signin.Attempt{Login: w.Row(u).Login}, w.verify([]string{"right", "wrong"}[rnd.IntN(2)]))
				}
				if err != nil && !errors.Is(err, chatadmin.ErrLastAdmin) {
					require.NoError(t, err)
				}
			}
			w.inDefaultGroups()
			w.Clock.Advance(15 * time.Minute)
			admins := 0
			for _, id := range ids {
				u, lock := w.Row(id), w.lock(id)
				d, err := w.gate.SignIn(ctx, w.Domain, signin.Attempt{Login: u.Login}, w.verify("right"))
				require.NoError(t, err)
				require.Equal(t, u.Status != chatadmin.Deactivated && !u.Denied && !lock.Locked, d.Allowed(), "%s: %s", u.Login, d.Reason())
				if d.Allowed() && u.Admin {
					admins++
				}
			}
			require.Positive(t, admins)
		})
	}
}

func (w *world) inDefaultGroups() {
	w.T.Helper()
	for g, err := range w.Host.Groups(ctx, chatadmin.GroupQuery{DefaultOnly: true}) {
		require.NoError(w.T, err)
		in := map[chatadmin.ID]bool{}
		for m, err := range w.Host.Members(ctx, g.ID) {
			require.NoError(w.T, err)
			in[m.User] = true
		}
		for u, err := range w.Host.Users(ctx, chatadmin.UserQuery{Kinds: []chatadmin.Kind{chatadmin.Network}, Statuses: []chatadmin.Status{chatadmin.Pending, chatadmin.Active}}) {
			require.NoError(w.T, err)
			require.True(w.T, in[u.ID], "%s is not in %s", u.Login, g.Name)
		}
	}
}

// Deactivating ends sign-in, sessions and links at once and touches no group,
// membership or content; reactivating brings everything back, new default
// groups included.
func TestDeactivation(t *testing.T) {
	for _, many := range []bool{false, true} {
		w := newWorld(t, chatadmin.OfficeChat)
		pending, err := w.Host.CreateUser(ctx, chatadmin.NewUser{Login: "pending@acme.example"})
		require.NoError(t, err)
		_, err = w.Admin.SendInvitations(ctx, w.Domain)
		require.NoError(t, err)
		ids := []chatadmin.ID{pending.ID}
		if many {
			for n := range 30 {
				ids = append(ids, w.user(fmt.Sprintf("user%d", n)).ID)
				w.try(fmt.Sprintf("user%d@acme.example", n), "right", "")
			}
		}
		w.fill(ids)
		before, count := w.checksum(), w.contents()
		require.Positive(t, count.Messages)
		statuses := w.statuses(ids)

		for range 2 { // asking twice is harmless
			_, err = w.Host.DeactivateUsers(ctx, ids...)
			require.NoError(t, err)
		}
		require.Equal(t, before, w.checksum())
		require.Equal(t, count, w.contents())
		for _, id := range ids {
			w.try(w.Row(id).Login, "right", signin.Deactivated)
			_, err = w.Admin.As(w.Domain, id).User(ctx, id)
			require.ErrorIs(t, err, chatadmin.ErrForbidden)
		}
		n, err := w.gate.EndSessions(ctx)
		require.NoError(t, err)
		require.Equal(t, len(ids), n)
		require.ElementsMatch(t, ids, w.sessions.ended)
		_, err = w.Host.Invitation(ctx, pending.ID)
		require.ErrorIs(t, err, chatadmin.ErrNotFound)

		g, err := w.Host.CreateGroup(ctx, "Later")
		require.NoError(t, err)
		p, err := w.Host.PlanDefaultGroup(ctx, g.ID)
		require.NoError(t, err)
		_, err = w.Host.ApplyDefaultGroup(ctx, p, nil)
		require.NoError(t, err)
		for range 2 {
			_, err = w.Host.ActivateUsers(ctx, ids...)
			require.NoError(t, err)
		}
		require.Equal(t, statuses, w.statuses(ids))
		require.Equal(t, count, w.contents())
		w.inDefaultGroups()
		for _, id := range ids {
			w.try(w.Row(id).Login, "right", "")
		}
	}
}

func (w *world) statuses(ids []chatadmin.ID) (all []chatadmin.Status) {
	for _, id := range ids {
		all = append(all, w.Row(id).Status)
	}
	return all
}

// fill makes groups and content of everybody's.
func (w *world) fill(ids []chatadmin.ID) {
	w.T.Helper()
	g, err := w.Admin.As(w.Domain, w.Boss.ID).CreateGroup(ctx, "Sales")
	require.NoError(w.T, err)
	_, err = w.Host.AddMembers(ctx, g.ID, ids...)
	require.NoError(w.T, err)
	var rows []storage.Content
	for n, id := range ids {
		chat := chatadmin.ID(fmt.Sprintf("chat%d", n))
		rows = append(rows, storage.Content{ID: chat, Domain: w.Domain, Author: id, Peer: w.Boss.ID, Kind: storage.Chat, At: w.Clock.Now()})
		for k, in := range []chatadmin.ID{chat, g.ID} {
			rows = append(rows, storage.Content{ID: chatadmin.ID(fmt.Sprintf("m%d-%d", n, k)), Domain: w.Domain, Container: in, Author: id, Kind: storage.Message, At: w.Clock.Now()},
				storage.Content{ID: chatadmin.ID(fmt.Sprintf("f%d-%d", n, k)), Domain: w.Domain, Container: in, Author: id, Kind: storage.File, At: w.Clock.Now(), Blob: "blob"})
		}
	}
	require.NoError(w.T, w.Store.Update(ctx, storage.Fence{Domain: w.Domain, Mode: storage.Shared}, func(ctx context.Context, tx storage.Tx) error {
		conflicts, err := tx.InsertContent(ctx, rows)
		require.Empty(w.T, conflicts)
		return err
	}))
}

func (w *world) contents() storage.ContentCount {
	w.T.Helper()
	n, err := w.Store.CountContent(ctx, storage.ContentQuery{Domain: w.Domain, Before: w.Clock.Now().Add(time.Hour)})
	require.NoError(w.T, err)
	return n
}

// checksum covers every row of the domain's groups and memberships, and the
// content of each author in each of them.
func (w *world) checksum() string {
	w.T.Helper()
	h := sha256.New()
	var groups []chatadmin.ID
	for g, err := range w.Host.Groups(ctx, chatadmin.GroupQuery{WithDeleting: true}) {
		require.NoError(w.T, err)
		groups = append(groups, g.ID)
		_, _ = fmt.Fprintf(h, "%+v\n", g)
		for m, err := range w.Host.Members(ctx, g.ID) {
			require.NoError(w.T, err)
			_, _ = fmt.Fprintf(h, "%+v\n", m)
		}
	}
	for u, err := range w.Host.Users(ctx, chatadmin.UserQuery{}) {
		require.NoError(w.T, err)
		n, err := w.Store.CountContent(ctx, storage.ContentQuery{Domain: w.Domain, Authors: []chatadmin.ID{u.ID}})
		require.NoError(w.T, err)
		in, err := w.Store.CountContent(ctx, storage.ContentQuery{Domain: w.Domain, Authors: []chatadmin.ID{u.ID}, Containers: groups})
		require.NoError(w.T, err)
		_, _ = fmt.Fprintf(h, "%s %+v %+v\n", u.ID, n, in)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// Work of the Admin tells the host whose sessions end.
func TestWorkEndsSessions(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	ann := w.user("ann")
	w.try(ann.Login, "right", "")
	_, err := w.Host.DenyAccess(ctx, ann.ID)
	require.NoError(t, err)
	require.Equal(t, 1, chatadmintest.Quiesce(t, w.Admin)["ended sessions"])
	require.Equal(t, []chatadmin.ID{ann.ID}, w.sessions.ended)
	w.Clock.Advance(time.Hour)
	require.Equal(t, 1, chatadmintest.Quiesce(t, w.Admin)["ended sessions"], "once more")
	w.Clock.Advance(time.Hour)
	require.Empty(t, chatadmintest.Quiesce(t, w.Admin))
}
