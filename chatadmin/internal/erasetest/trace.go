// Package erasetest holds what the tests of deletions share over all stores:
// that nothing is left of somebody, and the races. It is for the library's own
// tests.
package erasetest

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// List reads a whole list.
func List[T, Q any](t testing.TB, q Q, f func(context.Context, Q, chatadmin.Page) ([]T, chatadmin.Cursor, error)) (all []T) {
	t.Helper()
	for p := (chatadmin.Page{Limit: chatadmin.MaxBatch}); ; {
		page, next, err := f(context.Background(), q, p)
		require.NoError(t, err)
		all = append(all, page...)
		if p.After = next; next == "" {
			return all
		}
	}
}

// NoTrace walks all tables and checks that no row refers to somebody who is
// gone, but for the IDs in the audit log, receipts and runs, and that nothing
// lies in what is gone.
func NoTrace(t testing.TB, s chatadmin.Store, domain chatadmin.ID, gone ...chatadmin.ID) {
	t.Helper()
	is := map[chatadmin.ID]bool{}
	for _, id := range gone {
		is[id] = true
	}
	users := map[chatadmin.ID]bool{}
	for _, u := range List(t, chatadmin.UserQuery{Domain: domain, WithDeleting: true}, s.ListUsers) {
		require.False(t, is[u.ID] || is[u.Manager], "user %+v", u)
		users[u.ID] = true
	}
	owners := maps.Clone(users)
	var containers []chatadmin.ID
	members := int64(0)
	for _, g := range List(t, chatadmin.GroupQuery{Domain: domain, WithDeleting: true}, s.ListGroups) {
		require.False(t, is[g.Creator] || g.Deleting, "group %+v", g)
		containers = append(containers, g.ID)
		owners[g.ID] = true
		for _, m := range List(t, storage.MemberQuery{Domain: domain, Group: g.ID}, s.ListMemberships) {
			require.False(t, is[m.User], "%+v", m)
			members++
		}
	}
	n, err := s.CountMemberships(context.Background(), storage.MemberQuery{Domain: domain})
	require.NoError(t, err)
	require.Equal(t, members, n, "memberships of groups that are gone")
	for _, d := range List(t, storage.DeviceQuery{Domain: domain}, s.ListDevices) {
		require.False(t, is[d.User], "%+v", d)
		owners[d.ID] = true
	}
	for _, r := range List(t, storage.RecordQuery{Domain: domain}, s.ListRecords) {
		require.False(t, is[r.Owner] || is[chatadmin.ID(r.ID)], "%+v", r.Key)
		require.True(t, r.Owner == "" || owners[r.Owner], "the owner of %+v is gone", r.Key)
	}
	for _, e := range List(t, chatadmin.EventQuery{Domain: domain}, s.ListEvents) {
		for _, id := range gone {
			require.NotContains(t, string(e.Data), `"`+string(id)+`":{`, "event %s still says something about %s", e.Kind, id)
		}
	}
	noContent(t, s, domain, users, containers, gone)
}

// noContent: whatever lies in the domain lies in a group that is there, or in a
// chat of users who are there.
func noContent(t testing.TB, s chatadmin.Store, domain chatadmin.ID, users map[chatadmin.ID]bool, groups, gone []chatadmin.ID) {
	t.Helper()
	count := func(sum *storage.ContentCount, q storage.ContentQuery) {
		q.Domain = domain
		n, err := s.CountContent(context.Background(), q)
		require.NoError(t, err)
		sum.Chats, sum.Messages, sum.Files = sum.Chats+n.Chats, sum.Messages+n.Messages, sum.Files+n.Files
	}
	var left, there, all storage.ContentCount
	for batch := range slices.Chunk(gone, chatadmin.MaxBatch) {
		count(&left, storage.ContentQuery{Authors: batch})
		count(&left, storage.ContentQuery{ChatsOf: batch})
	}
	require.Zero(t, left)
	for batch := range slices.Chunk(groups, chatadmin.MaxBatch) {
		count(&there, storage.ContentQuery{Containers: batch})
	}
	ids := slices.Sorted(maps.Keys(users))
	require.LessOrEqual(t, len(ids), chatadmin.MaxBatch, "a chat of users of two batches would be counted twice")
	count(&there, storage.ContentQuery{ChatsOf: ids})
	count(&all, storage.ContentQuery{Before: time.Now().Add(100 * 365 * 24 * time.Hour)})
	there.Chats = 0 // which have no age
	require.Equal(t, all, there, "content whose group or chat is gone")
}
