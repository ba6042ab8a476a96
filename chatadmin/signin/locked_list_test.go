package signin_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// locked are the names of those who are listed, from pages of every size. Each
// row says what Locks says.
func (w *world) locked(q signin.LockedQuery) string {
	w.T.Helper()
	var all []signin.LockedUser
	var names []string
	for row, err := range w.gate.LockedUsers(ctx, w.S, q) {
		require.NoError(w.T, err)
		require.True(w.T, row.Locked)
		require.Equal(w.T, w.lock(row.User), row.Lock)
		u, err := w.S.User(ctx, row.User)
		require.NoError(w.T, err)
		require.Equal(w.T, signin.LockedUser{User: u.ID, Login: u.Login, Name: u.DisplayName, Kind: u.Kind, Status: u.Status, Role: u.Role, Lock: row.Lock}, row)
		name, _, _ := strings.Cut(row.Login, "@")
		all, names = append(all, row), append(names, name)
	}
	for _, limit := range []int{1, 2, 100} {
		var again []signin.LockedUser
		for p := (chatadmin.Page{Limit: limit}); ; {
			rows, next, err := w.gate.LockedUsersPage(ctx, w.S, q, p)
			require.NoError(w.T, err)
			require.LessOrEqual(w.T, len(rows), limit)
			if again = append(again, rows...); next == "" {
				break
			}
			p.After = next
		}
		require.Equal(w.T, all, again, "pages of %d", limit)
	}
	return strings.Join(names, " ")
}

// guess fails to sign in, so often that it locks.
func (w *world) guess(names ...string) {
	w.T.Helper()
	for _, name := range names {
		for range 3 {
			_, err := w.gate.SignIn(ctx, w.Domain, signin.Attempt{Login: name + "@acme.example"}, w.verify("wrong"))
			require.NoError(w.T, err)
		}
	}
}

// Who is locked is listed, whose lock lifts last first, until it lifts by
// itself or somebody lifts it. Logins that nobody has are no rows.
func TestLockedUsers(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	users := map[string]chatadmin.User{}
	for _, name := range []string{"ann", "bob", "cid", "dan", "eve", "fay", "gus", "hal"} {
		users[name] = w.user(name)
	}
	require.Empty(t, w.locked(signin.LockedQuery{}))
	for _, name := range []string{"nobody", "ann", "bob", "cid", "dan"} {
		w.guess(name)
		w.Clock.Advance(time.Minute)
	}
	w.try(users["eve"].Login, "wrong", signin.Wrong)
	w.try(users["fay"].Login, "right", "")
	require.Equal(t, "dan cid bob ann", w.locked(signin.LockedQuery{}))

	require.NoError(t, w.gate.Unlock(ctx, w.Host, users["cid"].ID))
	require.Equal(t, "dan bob ann", w.locked(signin.LockedQuery{}))
	_, err := w.Host.GrantAccess(ctx, users["dan"].ID)
	require.NoError(t, err)
	require.Equal(t, "bob ann", w.locked(signin.LockedQuery{}))
	w.Clock.Advance(11 * time.Minute) // 15 since ann was locked
	require.Equal(t, "bob", w.locked(signin.LockedQuery{}))
	w.Clock.Advance(time.Minute - time.Millisecond)
	require.Equal(t, "bob", w.locked(signin.LockedQuery{}))
	w.Clock.Advance(time.Millisecond)
	require.Empty(t, w.locked(signin.LockedQuery{}))
	require.NotZero(t, w.records(), "what is over is kept until the next attempt")

	require.NoError(t, w.gate.SetPolicy(ctx, w.S, signin.Policy{UnlockAfter: signin.UntilUnlocked}))
	w.guess("gus", "boss")
	require.NoError(t, w.gate.SetPolicy(ctx, w.S, signin.Policy{UnlockAfter: time.Hour}))
	w.guess("hal", "ann")
	require.Regexp(t, "^(gus boss|boss gus) (hal ann|ann hal)$", w.locked(signin.LockedQuery{}))
	w.Clock.Advance(15 * time.Minute)
	require.Regexp(t, "^gus (hal ann|ann hal)$", w.locked(signin.LockedQuery{}), "the lock of an administrator lifts in any case")

	_, err = w.Host.DeactivateUsers(ctx, users["ann"].ID)
	require.NoError(t, err)
	require.Contains(t, w.locked(signin.LockedQuery{}), "ann")
	w.erase(users["ann"].ID)
	require.Equal(t, "gus hal", w.locked(signin.LockedQuery{}), "who is being deleted is left out")
	w.Clock.Advance(45 * time.Minute)
	require.Equal(t, "gus", w.locked(signin.LockedQuery{}))
	w.Clock.Advance(1000 * 24 * time.Hour)
	require.Equal(t, "gus", w.locked(signin.LockedQuery{}))
}

// The list is narrowed by name, kind and role, and is that of one domain.
func TestLockedUsersNarrowed(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	w.user("ann")
	bob, err := w.Host.CreateUser(ctx, chatadmin.NewUser{Login: "bob@acme.example", DisplayName: "Émile Bob", Kind: chatadmin.Guest, NoInvitation: true})
	require.NoError(t, err)
	role, err := w.Host.CreateRole(ctx, chatadmin.Role{Name: "clerk", Level: 1})
	require.NoError(t, err)
	_, err = w.Host.AssignRole(ctx, role.ID, bob.ID)
	require.NoError(t, err)
	w.guess("ann")
	w.Clock.Advance(time.Minute)
	w.guess("bob")
	for want, q := range chatadmintest.InOrder(map[string]signin.LockedQuery{
		"bob ann": {Kinds: []chatadmin.Kind{chatadmin.Network, chatadmin.Guest}, Search: "ACME"},
		"bob":     {Search: "emile  b"},
		"ann":     {Kinds: []chatadmin.Kind{chatadmin.Network}},
		"":        {Role: role.ID, Search: "ann"},
	}) {
		require.Equal(t, want, w.locked(q), "%+v", q)
	}
	require.Equal(t, "bob", w.locked(signin.LockedQuery{Role: role.ID}))
	require.Equal(t, "ann", w.locked(signin.LockedQuery{Role: chatadmin.RoleMember}))

	d, boss, err := w.Admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Other", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@other.example", NoInvitation: true}})
	require.NoError(t, err)
	for row, err := range w.gate.LockedUsers(ctx, w.Admin.As(d.ID, boss.ID), signin.LockedQuery{}) {
		require.NoError(t, err)
		require.Fail(t, "a user of another domain is listed", row.Login)
	}
	_, _, err = w.gate.LockedUsersPage(ctx, nil, signin.LockedQuery{}, chatadmin.Page{})
	require.ErrorIs(t, err, chatadmin.ErrActor)
	_, _, err = w.gate.LockedUsersPage(ctx, w.S, signin.LockedQuery{}, chatadmin.Page{Limit: -1})
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
}

// A lock that cannot be read is listed as one that does not lift by itself.
func TestLockedUsersDamaged(t *testing.T) {
	for name, how := range waysToDamage {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, chatadmin.OfficeChat)
			ann := w.user("ann")
			w.user("bob")
			w.guess("ann", "bob", "nobody")
			w.damage("lock", ann.ID, how)
			require.Regexp(t, "^(ann bob|bob ann)$", w.locked(signin.LockedQuery{}))
			require.Equal(t, signin.Lock{Locked: true}, w.lock(ann.ID))
			require.NoError(t, w.gate.Unlock(ctx, w.Host, ann.ID))
			require.Equal(t, "bob", w.locked(signin.LockedQuery{}))
		})
	}
}

// listing is a store that counts the pages of records that it is asked for.
type listing struct {
	chatadmin.Store
	pages int
}

func (l *listing) ListRecords(ctx context.Context, q storage.RecordQuery, p chatadmin.Page) ([]storage.Record, chatadmin.Cursor, error) {
	l.pages++
	return l.Store.ListRecords(ctx, q, p)
}

// Neither locks that have lifted nor users who have only failed are read, so a
// page takes one look at the records however many there are.
func TestLockedUsersReadsLocksAlone(t *testing.T) {
	store := &listing{Store: memstore.New(nil)}
	w := newWorldOn(t, store, chatadmin.OfficeChat)
	for i := range 150 {
		name := fmt.Sprintf("u%03d", i)
		u := w.user(name)
		switch i % 3 {
		case 0:
			w.guess(name)
		case 1:
			w.try(u.Login, "wrong", signin.Wrong)
		default:
			require.NoError(t, w.Admin.PasswordChanged(ctx, w.Domain, u.ID))
		}
	}
	w.Clock.Advance(time.Hour)
	w.guess("u001", "u002")
	require.GreaterOrEqual(t, w.records(), 150)
	store.pages = 0
	rows, next, err := w.gate.LockedUsersPage(ctx, w.S, signin.LockedQuery{}, chatadmin.Page{Limit: 10})
	require.NoError(t, err)
	require.Len(t, rows, 2)
	require.Empty(t, next)
	require.Equal(t, 1, store.pages)
}
