package chatadmin_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// paged walks a list by pages of a size. No page is larger, and the walk ends.
func paged[T any](t *testing.T, limit int, page func(chatadmin.Page) ([]T, chatadmin.Cursor, error)) []T {
	t.Helper()
	var rows []T
	for p, n := (chatadmin.Page{Limit: limit}), 0; ; n++ {
		part, next, err := page(p)
		require.NoError(t, err)
		require.LessOrEqual(t, len(part), limit)
		rows = append(rows, part...)
		if next == "" {
			return rows
		}
		require.NotEqual(t, p.After, next)
		require.Less(t, n, 10000, "the list does not end")
		p.After = next
	}
}

// Page by page a list has the same rows as in one go, whatever the size of a
// page, and although the store cuts its own pages short.
func TestPages(t *testing.T) {
	w := newWorldOn(t, memstore.New(&memstore.Options{Chaos: &memstore.Chaos{Seed: 7, ShortPage: 0.4}}), chatadmin.OfficeChat)
	g := w.Group("Group 1")
	for i := range 12 {
		u := w.User(fmt.Sprintf("u%02d@acme.example", i))
		_, err := w.S.AddMembers(ctx, g.ID, u.ID)
		require.NoError(t, err)
		w.PutUser(u.ID, func(u *chatadmin.User) { u.Deleting = i%3 == 0 })
		w.Group(fmt.Sprintf("More %d", i))
	}
	for range 3 {
		p, err := w.S.PlanDefaultGroup(ctx, g.ID)
		require.NoError(t, err)
		_, err = w.S.ApplyDefaultGroup(ctx, p, nil)
		require.NoError(t, err)
		_, err = w.S.UnmarkDefaultGroup(ctx, g.ID)
		require.NoError(t, err)
	}
	reader := w.As(w.User("reader@acme.example", withRole(w.Role("reader", 50, chatadmin.PermUsersRead, chatadmin.PermAudit, chatadmin.PermDefault))))
	type P = chatadmin.Page
	type C = chatadmin.Cursor
	for _, limit := range []int{1, 2, 3, 7, 1000} {
		users, err := all(reader.Users(ctx, chatadmin.UserQuery{}))
		require.NoError(t, err)
		require.Equal(t, users, paged(t, limit, func(p P) ([]chatadmin.User, C, error) { return reader.UsersPage(ctx, chatadmin.UserQuery{}, p) }))
		groups, err := all(reader.Groups(ctx, chatadmin.GroupQuery{Prefix: "more"}))
		require.NoError(t, err)
		require.Len(t, groups, 12)
		require.Equal(t, groups, paged(t, limit, func(p P) ([]chatadmin.Group, C, error) {
			return reader.GroupsPage(ctx, chatadmin.GroupQuery{Prefix: "more"}, p)
		}))
		members, err := all(reader.Members(ctx, g.ID))
		require.NoError(t, err)
		require.Equal(t, members, paged(t, limit, func(p P) ([]chatadmin.Membership, C, error) { return reader.MembersPage(ctx, g.ID, p) }))
		events, err := all(reader.Events(ctx, chatadmin.EventQuery{}))
		require.NoError(t, err)
		require.Equal(t, events, paged(t, limit, func(p P) ([]chatadmin.AuditEvent, C, error) { return reader.EventsPage(ctx, chatadmin.EventQuery{}, p) }))
		runs, err := all(reader.Runs(ctx, chatadmin.RunQuery{}))
		require.NoError(t, err)
		require.Len(t, runs, 3)
		require.Equal(t, runs, paged(t, limit, func(p P) ([]chatadmin.Run, C, error) { return reader.RunsPage(ctx, chatadmin.RunQuery{}, p) }))
		invited, err := all(reader.Invitations(ctx, chatadmin.InvitationQuery{}))
		require.NoError(t, err)
		require.Equal(t, invited, paged(t, limit, func(p P) ([]chatadmin.InvitedUser, C, error) {
			return reader.InvitationsPage(ctx, chatadmin.InvitationQuery{}, p)
		}))
	}
}

// A page without a limit has DefaultPage rows, one with too high a limit
// MaxBatch, and rows that are hidden do not make it shorter.
func TestPageLimits(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	var users []chatadmin.NewUser
	for i := range 1200 {
		users = append(users, chatadmin.NewUser{Login: fmt.Sprintf("u%04d@acme.example", i), NoInvitation: true})
	}
	for _, n := range users {
		_, err := w.Host.CreateUser(ctx, n)
		require.NoError(t, err)
	}
	reader := w.As(w.User("reader@acme.example", withRole(w.Role("reader", 50, chatadmin.PermUsersRead))))
	first, err := all(reader.Users(ctx, chatadmin.UserQuery{Prefix: "u0"}))
	require.NoError(t, err)
	for _, u := range first[:30] {
		w.PutUser(u.ID, func(u *chatadmin.User) { u.Deleting = true })
	}
	for limit, want := range map[int]int{0: chatadmin.DefaultPage, 5: 5, 1000: 1000, 1001: 1000, 1 << 40: 1000} {
		page, next, err := reader.UsersPage(ctx, chatadmin.UserQuery{Prefix: "u"}, chatadmin.Page{Limit: limit})
		require.NoError(t, err)
		require.Len(t, page, want)
		require.NotEmpty(t, next)
	}
	pages := map[string]func(chatadmin.Page) error{
		"users":   func(p chatadmin.Page) error { return third(w.S.UsersPage(ctx, chatadmin.UserQuery{}, p)) },
		"groups":  func(p chatadmin.Page) error { return third(w.S.GroupsPage(ctx, chatadmin.GroupQuery{}, p)) },
		"events":  func(p chatadmin.Page) error { return third(w.S.EventsPage(ctx, chatadmin.EventQuery{}, p)) },
		"runs":    func(p chatadmin.Page) error { return third(w.S.RunsPage(ctx, chatadmin.RunQuery{}, p)) },
		"invited": func(p chatadmin.Page) error { return third(w.S.InvitationsPage(ctx, chatadmin.InvitationQuery{}, p)) },
	}
	for name, page := range pages {
		require.NoError(t, page(chatadmin.Page{}), name)
		require.ErrorIs(t, page(chatadmin.Page{Limit: -1}), chatadmin.ErrInvalid, name)
		require.ErrorIs(t, page(chatadmin.Page{After: "no cursor"}), chatadmin.ErrInvalid, name)
	}
}

func third[A, B any](_ A, _ B, err error) error { return err }
