package memstore_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

var ctx = context.Background()

func put(ctx context.Context, tx storage.Tx, k storage.Key) error {
	_, err := tx.ChangeRecords(ctx, []storage.Write[storage.Record]{{Row: storage.Record{Key: k, Rev: 1, Data: []byte("{}")}}})
	return err
}

// The run that chaos adds leaves nothing behind, even where the function panics
// in it, and its transaction is over.
func TestRerunIsUndone(t *testing.T) {
	s := memstore.New(&memstore.Options{Chaos: &memstore.Chaos{Rerun: 1}})
	k := storage.Key{Kind: "k", ID: "1"}
	var first storage.Tx
	require.PanicsWithValue(t, "f", func() {
		_ = s.Update(ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
			require.NoError(t, put(ctx, tx, k))
			panic("f")
		})
	})
	rs, err := s.Records(ctx, []storage.Key{k})
	require.NoError(t, err)
	require.Empty(t, rs)
	require.NoError(t, s.Update(ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
		if first != nil {
			require.Error(t, put(ctx, first, storage.Key{Kind: "k", ID: "2"}), "the run that is over writes no more")
		}
		first = tx
		return put(ctx, tx, k)
	}))
	rs, err = s.Records(ctx, []storage.Key{k, {Kind: "k", ID: "2"}})
	require.NoError(t, err)
	require.Len(t, rs, 1)
}

// Pages that chaos shortens or empties lead to all rows, each once and in
// order, in every list, and come the same again under the same seed.
func TestShortPages(t *testing.T) {
	right := memstore.New(nil)
	a := chatadmintest.Must(chatadmin.New(right, nil))
	d, boss, err := a.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example"}})
	require.NoError(t, err)
	host := a.AsHost(d.ID)
	users := []storage.ID{boss.ID}
	for n := range 30 {
		u, err := host.CreateUser(ctx, chatadmin.NewUser{Login: fmt.Sprintf("u%d@acme.example", n)})
		require.NoError(t, err)
		g, err := host.CreateGroup(ctx, fmt.Sprintf("group %d", n))
		require.NoError(t, err)
		if users = append(users, u.ID); n == 0 {
			_, err = host.AddMembers(ctx, g.ID, users...)
		} else {
			_, err = host.AddMembers(ctx, g.ID, boss.ID)
		}
		require.NoError(t, err)
	}
	const pages = 3000
	for name, list := range map[string]func(storage.Reader, storage.Page) ([]any, storage.Cursor, error){
		"domains": lister(func(r storage.Reader, p storage.Page) ([]storage.Domain, storage.Cursor, error) {
			return r.ListDomains(ctx, p)
		}),
		"users": lister(func(r storage.Reader, p storage.Page) ([]storage.User, storage.Cursor, error) {
			return r.ListUsers(ctx, storage.UserQuery{Domain: d.ID}, p)
		}),
		"groups": lister(func(r storage.Reader, p storage.Page) ([]storage.Group, storage.Cursor, error) {
			return r.ListGroups(ctx, storage.GroupQuery{Domain: d.ID}, p)
		}),
		"memberships": lister(func(r storage.Reader, p storage.Page) ([]storage.Membership, storage.Cursor, error) {
			return r.ListMemberships(ctx, storage.MemberQuery{Domain: d.ID, User: boss.ID}, p)
		}),
		"no memberships": lister(func(r storage.Reader, p storage.Page) ([]storage.Membership, storage.Cursor, error) {
			return r.ListMemberships(ctx, storage.MemberQuery{Domain: d.ID, User: "nobody"}, p)
		}),
		"devices": lister(func(r storage.Reader, p storage.Page) ([]storage.Device, storage.Cursor, error) {
			return r.ListDevices(ctx, storage.DeviceQuery{Domain: d.ID, Users: users}, p)
		}),
		"records": lister(func(r storage.Reader, p storage.Page) ([]storage.Record, storage.Cursor, error) {
			return r.ListRecords(ctx, storage.RecordQuery{Domain: d.ID}, p)
		}),
		"events": lister(func(r storage.Reader, p storage.Page) ([]storage.Event, storage.Cursor, error) {
			return r.ListEvents(ctx, storage.EventQuery{Domain: d.ID}, p)
		}),
	} {
		walk := func(s storage.Reader) (rows []any, sizes []int) {
			var p storage.Page
			for p.Limit = 7; len(sizes) < pages; {
				got, next, err := list(s, p)
				require.NoError(t, err)
				require.LessOrEqual(t, len(got), p.Limit)
				rows, sizes = append(rows, got...), append(sizes, len(got))
				if next == "" {
					return rows, sizes
				}
				require.NotEqual(t, p.After, next, "readers may take standing still for a mistake")
				p.After = next
			}
			require.Fail(t, "no end", name)
			return
		}
		want, full := walk(right)
		shorter, empty := 0, 0
		for seed := range uint64(20) {
			chaos := &memstore.Options{Chaos: &memstore.Chaos{Seed: seed, ShortPage: 0.5}}
			got, sizes := walk(right.Handle(chaos))
			require.Equal(t, want, got, name)
			_, same := walk(right.Handle(chaos))
			require.Equal(t, sizes, same, name)
			for i, n := range sizes[:len(sizes)-1] {
				if n == 0 {
					empty++
				} else if n < full[min(i, len(full)-1)] {
					shorter++
				}
			}
		}
		require.Positive(t, empty, name)
		require.Equal(t, len(want) > 1, shorter > 0, name)
	}
}

func lister[T any](list func(storage.Reader, storage.Page) ([]T, storage.Cursor, error)) func(storage.Reader, storage.Page) ([]any, storage.Cursor, error) {
	return func(r storage.Reader, p storage.Page) ([]any, storage.Cursor, error) {
		rows, next, err := list(r, p)
		all := make([]any, len(rows))
		for i, row := range rows {
			all[i] = row
		}
		return all, next, err
	}
}

// A shortened list is as strict as any.
func TestShortPagesRefuse(t *testing.T) {
	s := memstore.New(&memstore.Options{Chaos: &memstore.Chaos{ShortPage: 1}})
	for _, p := range []storage.Page{{}, {Limit: storage.MaxBatch + 1}} {
		_, _, err := s.ListDomains(ctx, p)
		require.ErrorIs(t, err, storage.ErrBatch)
	}
	_, _, err := s.ListDomains(ctx, storage.Page{Limit: 1, After: "no cursor"})
	require.ErrorIs(t, err, storage.ErrCursor)
}
