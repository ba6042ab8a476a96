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

// After any sequence of operations there is an admin who can sign in, at the latest when locks have lifted; who can sign in is who should; and every network user is in every default group.
func TestAnySequence(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 2))
			store := memstore.New(&memstore.Options{Chaos: &memstore.Chaos{Seed: seed, Rerun: 0.1, UnknownKept: 0.05}})
			w := newWorldOn(t, store, chatadmin.OfficeChat, func(o *signin.Options) { o.Policy.UnlockAfter = signin.Never })
			ids := []chatadmin.ID{w.boss.ID}
			for n := range 6 {
				ids = append(ids, w.user(fmt.Sprintf("user%d", n)).ID)
			}
			for n := range 250 {
				u, other := ids[rnd.IntN(len(ids))], ids[rnd.IntN(len(ids))]
				var err error
				switch rnd.IntN(10) {
				case 0:
					_, err = w.host.DeactivateUsers(ctx, u, other)
				case 1:
					_, err = w.host.ActivateUsers(ctx, u, other)
				case 2:
					_, err = w.host.DenyAccess(ctx, u)
				case 3:
					_, err = w.host.GrantAccess(ctx, u, other)
				case 4:
					_, err = w.host.AssignRole(ctx, []string{chatadmin.RoleAdmin, chatadmin.RoleMember}[rnd.IntN(2)], u)
				case 5:
					err = w.gate.Unlock(ctx, w.host, u)
				case 6:
					var g chatadmin.Group
					if g, err = w.host.CreateGroup(ctx, fmt.Sprintf("group%d", n)); err == nil && n%3 == 0 {
						var p *chatadmin.Plan
						if p, err = w.host.PlanDefaultGroup(ctx, g.ID); err == nil {
							_, err = w.host.ApplyDefaultGroup(ctx, p, nil)
						}
					}
				case 7:
					w.clock.Advance(time.Duration(rnd.IntN(10)) * time.Minute)
				default:
					_, err = w.gate.SignIn(ctx, w.domain, signin.Attempt{Login: w.row(u).Login}, w.verify([]string{"right", "wrong"}[rnd.IntN(2)]))
				}
				if err != nil && !errors.Is(err, chatadmin.ErrLastAdmin) {
					require.NoError(t, err)
				}
			}
			w.inDefaultGroups()
			w.clock.Advance(15 * time.Minute)
			admins := 0
			for _, id := range ids {
				u, lock := w.row(id), w.lock(id)
				d, err := w.gate.SignIn(ctx, w.domain, signin.Attempt{Login: u.Login}, w.verify("right"))
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
	w.t.Helper()
	for g, err := range w.host.Groups(ctx, chatadmin.GroupQuery{DefaultOnly: true}) {
		require.NoError(w.t, err)
		in := map[chatadmin.ID]bool{}
		for m, err := range w.host.Members(ctx, g.ID) {
			require.NoError(w.t, err)
			in[m.User] = true
		}
		for u, err := range w.host.Users(ctx, chatadmin.UserQuery{Kinds: []chatadmin.Kind{chatadmin.Network}, Statuses: []chatadmin.Status{chatadmin.Pending, chatadmin.Active}}) {
			require.NoError(w.t, err)
			require.True(w.t, in[u.ID], "%s is not in %s", u.Login, g.Name)
		}
	}
}

// Deactivating ends sign-in, sessions and links at once and touches no group, membership or content; reactivating brings everything back, new default groups included.
func TestDeactivation(t *testing.T) {
	for _, many := range []bool{false, true} {
		w := newWorld(t, chatadmin.OfficeChat)
		pending, err := w.host.CreateUser(ctx, chatadmin.NewUser{Login: "pending@acme.example"})
		require.NoError(t, err)
		_, err = w.admin.SendInvitations(ctx, w.domain)
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
			_, err = w.host.DeactivateUsers(ctx, ids...)
			require.NoError(t, err)
		}
		require.Equal(t, before, w.checksum())
		require.Equal(t, count, w.contents())
		for _, id := range ids {
			w.try(w.row(id).Login, "right", signin.Deactivated)
			_, err = w.admin.As(w.domain, id).User(ctx, id)
			require.ErrorIs(t, err, chatadmin.ErrForbidden)
		}
		n, err := w.gate.EndSessions(ctx)
		require.NoError(t, err)
		require.Equal(t, len(ids), n)
		require.ElementsMatch(t, ids, w.sessions.ended)
		_, err = w.host.Invitation(ctx, pending.ID)
		require.ErrorIs(t, err, chatadmin.ErrNotFound)

		g, err := w.host.CreateGroup(ctx, "Later")
		require.NoError(t, err)
		p, err := w.host.PlanDefaultGroup(ctx, g.ID)
		require.NoError(t, err)
		_, err = w.host.ApplyDefaultGroup(ctx, p, nil)
		require.NoError(t, err)
		for range 2 {
			_, err = w.host.ActivateUsers(ctx, ids...)
			require.NoError(t, err)
		}
		require.Equal(t, statuses, w.statuses(ids))
		require.Equal(t, count, w.contents())
		w.inDefaultGroups()
		for _, id := range ids {
			w.try(w.row(id).Login, "right", "")
		}
	}
}

func (w *world) statuses(ids []chatadmin.ID) (all []chatadmin.Status) {
	for _, id := range ids {
		all = append(all, w.row(id).Status)
	}
	return all
}

// fill makes groups and content of everybody's.
func (w *world) fill(ids []chatadmin.ID) {
	w.t.Helper()
	g, err := w.admin.As(w.domain, w.boss.ID).CreateGroup(ctx, "Sales")
	require.NoError(w.t, err)
	_, err = w.host.AddMembers(ctx, g.ID, ids...)
	require.NoError(w.t, err)
	var rows []storage.Content
	for n, id := range ids {
		chat := chatadmin.ID(fmt.Sprintf("chat%d", n))
		rows = append(rows, storage.Content{ID: chat, Domain: w.domain, Author: id, Peer: w.boss.ID, Kind: storage.Chat, At: w.clock.Now()})
		for k, in := range []chatadmin.ID{chat, g.ID} {
			rows = append(rows, storage.Content{ID: chatadmin.ID(fmt.Sprintf("m%d-%d", n, k)), Domain: w.domain, Container: in, Author: id, Kind: storage.Message, At: w.clock.Now()},
				storage.Content{ID: chatadmin.ID(fmt.Sprintf("f%d-%d", n, k)), Domain: w.domain, Container: in, Author: id, Kind: storage.File, At: w.clock.Now(), Blob: "blob"})
		}
	}
	require.NoError(w.t, w.store.Update(ctx, storage.Fence{Domain: w.domain, Mode: storage.Shared}, func(ctx context.Context, tx storage.Tx) error {
		conflicts, err := tx.InsertContent(ctx, rows)
		require.Empty(w.t, conflicts)
		return err
	}))
}

func (w *world) contents() storage.ContentCount {
	w.t.Helper()
	n, err := w.store.CountContent(ctx, storage.ContentQuery{Domain: w.domain, Before: w.clock.Now().Add(time.Hour)})
	require.NoError(w.t, err)
	return n
}

// checksum covers every row of the domain's groups and memberships, and the content of each author in each of them.
func (w *world) checksum() string {
	w.t.Helper()
	h := sha256.New()
	var groups []chatadmin.ID
	for g, err := range w.host.Groups(ctx, chatadmin.GroupQuery{WithDeleting: true}) {
		require.NoError(w.t, err)
		groups = append(groups, g.ID)
		_, _ = fmt.Fprintf(h, "%+v\n", g)
		for m, err := range w.host.Members(ctx, g.ID) {
			require.NoError(w.t, err)
			_, _ = fmt.Fprintf(h, "%+v\n", m)
		}
	}
	for u, err := range w.host.Users(ctx, chatadmin.UserQuery{}) {
		require.NoError(w.t, err)
		n, err := w.store.CountContent(ctx, storage.ContentQuery{Domain: w.domain, Authors: []chatadmin.ID{u.ID}})
		require.NoError(w.t, err)
		in, err := w.store.CountContent(ctx, storage.ContentQuery{Domain: w.domain, Authors: []chatadmin.ID{u.ID}, Containers: groups})
		require.NoError(w.t, err)
		_, _ = fmt.Fprintf(h, "%s %+v %+v\n", u.ID, n, in)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// Work of the Admin tells the host whose sessions end.
func TestWorkEndsSessions(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	ann := w.user("ann")
	w.try(ann.Login, "right", "")
	_, err := w.host.DenyAccess(ctx, ann.ID)
	require.NoError(t, err)
	require.Equal(t, 1, chatadmintest.Quiesce(t, w.admin)["ended sessions"])
	require.Equal(t, []chatadmin.ID{ann.ID}, w.sessions.ended)
	w.clock.Advance(time.Hour)
	require.Equal(t, 1, chatadmintest.Quiesce(t, w.admin)["ended sessions"], "once more")
	w.clock.Advance(time.Hour)
	require.Empty(t, chatadmintest.Quiesce(t, w.admin))
}
