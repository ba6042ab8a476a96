package chatadmin_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// A group's name is unique in its domain by its folded key.
func TestGroupNamesAreUnique(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	g, other := w.Group("Straße"), w.Group("Other")
	for _, same := range []string{"Straße", "STRASSE", " straße ", "strasse", "all of us", "ADMIN ANNOUNCEMENTS"} {
		_, err := w.S.CreateGroup(ctx, same)
		_, err2 := w.S.RenameGroup(ctx, other.ID, same)
		for _, err := range []error{err, err2} {
			require.ErrorIs(t, err, chatadmin.ErrExists, same)
			require.Equal(t, []string{"name taken"}, told(t, err))
		}
	}
	// Its own name in another spelling, one that another begins with, and
	// another domain's.
	_, err := w.S.RenameGroup(ctx, g.ID, "STRASSE")
	require.NoError(t, err)
	for _, free := range []string{"Stra", "Strasse 2", "Strassen"} {
		w.Group(free)
	}
	domain, boss := w.Open("Other", chatadmin.OfficeChat)
	_, err = w.Admin.As(domain, boss.ID).CreateGroup(ctx, "Straße")
	require.NoError(t, err)
	// A name is free when its group is renamed, and as soon as its deletion has
	// begun.
	_, err = w.S.RenameGroup(ctx, g.ID, "Street")
	require.NoError(t, err)
	again := w.Group("Strasse")
	p, err := w.S.PlanDeleteGroup(ctx, again.ID)
	require.NoError(t, err)
	c, cancel := context.WithCancel(ctx)
	w.content(again.ID, w.Boss.ID, 3)
	_, err = w.S.ApplyDeleteGroup(c, p, func(chatadmin.Progress) { cancel() })
	cancel()
	if err != nil {
		require.ErrorIs(t, err, context.Canceled)
	}
	w.Group("Strasse")
	long := strings.Repeat("ß", 125) // its key is longer than the key of a record can be
	w.Group(long)
	_, err = w.S.CreateGroup(ctx, strings.Repeat("SS", 125)[:250])
	require.ErrorIs(t, err, chatadmin.ErrExists)
}

// Groups of before the rule that share a name keep it, and keep nobody from
// changing them otherwise.
func TestTwinGroupsOfBefore(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	a, b := w.Group("A"), w.Group("B")
	require.NoError(t, w.Store.Update(ctx, storage.Fence{Domain: w.Domain, Mode: storage.Shared}, func(ctx context.Context, tx storage.Tx) error {
		twin := b
		twin.Name, twin.NameKey, twin.Rev = a.Name, a.NameKey, b.Rev+1
		conflicts, err := tx.ChangeGroups(ctx, []storage.Write[chatadmin.Group]{{Row: twin, Was: b.Rev}})
		if len(conflicts) > 0 {
			return fmt.Errorf("%v", conflicts)
		}
		return err
	}))
	for _, id := range []chatadmin.ID{a.ID, b.ID} {
		_, err := w.S.SetPosting(ctx, id, chatadmin.AdminsPost)
		require.NoError(t, err)
	}
	_, err := w.S.CreateGroup(ctx, "a")
	require.ErrorIs(t, err, chatadmin.ErrExists)
	_, err = w.S.RenameGroup(ctx, a.ID, "C")
	require.NoError(t, err)
	_, err = w.S.RenameGroup(ctx, a.ID, "A")
	require.ErrorIs(t, err, chatadmin.ErrExists)
}

// A hundred at once, over two handles of a store that runs things again, loses
// commits, and does not say so.
func TestGroupNameRace(t *testing.T) {
	store := memstore.New(nil)
	w := newWorldOn(t, store, chatadmin.OfficeChat)
	chaos := &memstore.Options{Chaos: &memstore.Chaos{Rerun: 0.2, ShortPage: 0.2, UnknownKept: 0.1, UnknownLost: 0.1, Seed: 3}}
	admins := [2]*chatadmin.Admin{w.Admin, chatadmintest.Must(chatadmin.New(store.Handle(chaos), nil))}
	won := 0
	for _, err := range chatadmintest.AtOnce(100, func(n int) error {
		_, err := admins[n%2].AsHost(w.Domain).CreateGroup(ctx, []string{"Sales", "SALES"}[n/2%2])
		return err
	}) {
		if err == nil {
			won++
			continue
		}
		require.ErrorIs(t, err, chatadmin.ErrExists)
	}
	require.Equal(t, 1, won)
}
