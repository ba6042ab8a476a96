package storetest

import (
	"context"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/storage"
)

// testSwallowed: a function that writes, gets an error from its transaction and
// returns nil all the same has failed: nothing of it is kept.
func testSwallowed(w *world) {
	u := w.user(w.a, "u")
	g := w.group(w.a, "g")
	const many = storage.MaxBatch + 1
	ids, keys := make([]storage.ID, many), make([]string, many)
	for i := range ids {
		ids[i], keys[i] = storage.ID("x"), "x"
	}
	none := storage.Page{}
	for name, call := range inOrder(map[string]func(context.Context, storage.Tx) error{
		"Domains": func(ctx context.Context, tx storage.Tx) error { _, err := tx.Domains(ctx, ids); return err },
		"Users":   func(ctx context.Context, tx storage.Tx) error { _, err := tx.Users(ctx, w.a, ids); return err },
		"UsersByLogin": func(ctx context.Context, tx storage.Tx) error {
			_, err := tx.UsersByLogin(ctx, w.a, keys)
			return err
		},
		"Groups":  func(ctx context.Context, tx storage.Tx) error { _, err := tx.Groups(ctx, w.a, ids); return err },
		"Devices": func(ctx context.Context, tx storage.Tx) error { _, err := tx.Devices(ctx, w.a, ids); return err },
		"Memberships": func(ctx context.Context, tx storage.Tx) error {
			_, err := tx.Memberships(ctx, w.a, make([]storage.Pair, many))
			return err
		},
		"Records": func(ctx context.Context, tx storage.Tx) error {
			_, err := tx.Records(ctx, make([]storage.Key, many))
			return err
		},
		"ListDomains": func(ctx context.Context, tx storage.Tx) error { _, _, err := tx.ListDomains(ctx, none); return err },
		"ListUsers": func(ctx context.Context, tx storage.Tx) error {
			_, _, err := tx.ListUsers(ctx, storage.UserQuery{Domain: w.a}, none)
			return err
		},
		"ListGroups": func(ctx context.Context, tx storage.Tx) error {
			_, _, err := tx.ListGroups(ctx, storage.GroupQuery{Domain: w.a}, none)
			return err
		},
		"ListMemberships": func(ctx context.Context, tx storage.Tx) error {
			_, _, err := tx.ListMemberships(ctx, storage.MemberQuery{Domain: w.a}, storage.Page{Limit: 1})
			return err
		},
		"ListDevices": func(ctx context.Context, tx storage.Tx) error {
			_, _, err := tx.ListDevices(ctx, storage.DeviceQuery{Domain: w.a}, none)
			return err
		},
		"ListRecords": func(ctx context.Context, tx storage.Tx) error {
			_, _, err := tx.ListRecords(ctx, storage.RecordQuery{}, storage.Page{Limit: 1})
			return err
		},
		"ListEvents": func(ctx context.Context, tx storage.Tx) error {
			_, _, err := tx.ListEvents(ctx, storage.EventQuery{Domain: w.a}, none)
			return err
		},
		"CountMembers": func(ctx context.Context, tx storage.Tx) error { _, err := tx.CountMembers(ctx, w.a, ids); return err },
		"CountContent": func(ctx context.Context, tx storage.Tx) error {
			_, err := tx.CountContent(ctx, storage.ContentQuery{Domain: w.a})
			return err
		},
		"BlobsInUse": func(ctx context.Context, tx storage.Tx) error { _, err := tx.BlobsInUse(ctx, keys); return err },
		"ChangeDomains": func(ctx context.Context, tx storage.Tx) error {
			_, err := tx.ChangeDomains(ctx, make([]storage.Write[storage.Domain], many))
			return err
		},
		"ChangeUsers": func(ctx context.Context, tx storage.Tx) error {
			_, err := tx.ChangeUsers(ctx, make([]storage.Write[storage.User], many))
			return err
		},
		"ChangeGroups": func(ctx context.Context, tx storage.Tx) error {
			_, err := tx.ChangeGroups(ctx, make([]storage.Write[storage.Group], many))
			return err
		},
		"ChangeMemberships": func(ctx context.Context, tx storage.Tx) error {
			_, err := tx.ChangeMemberships(ctx, make([]storage.Write[storage.Membership], many))
			return err
		},
		"ChangeDevices": func(ctx context.Context, tx storage.Tx) error {
			_, err := tx.ChangeDevices(ctx, make([]storage.Write[storage.Device], many))
			return err
		},
		"ChangeRecords": func(ctx context.Context, tx storage.Tx) error {
			_, err := tx.ChangeRecords(ctx, make([]storage.Write[storage.Record], many))
			return err
		},
		"ChangeEvents": func(ctx context.Context, tx storage.Tx) error {
			_, err := tx.ChangeEvents(ctx, make([]storage.Write[storage.Event], many))
			return err
		},
		"AddMembers": func(ctx context.Context, tx storage.Tx) error {
			_, _, err := tx.AddMembers(ctx, storage.UserQuery{Domain: w.a}, storage.Membership{Domain: w.a, Group: g.ID, Rev: 1}, none)
			return err
		},
		"InsertContent": func(ctx context.Context, tx storage.Tx) error {
			_, err := tx.InsertContent(ctx, make([]storage.Content, many))
			return err
		},
		"DeleteContent": func(ctx context.Context, tx storage.Tx) error {
			_, _, _, err := tx.DeleteContent(ctx, storage.ContentQuery{Domain: w.a, Before: date(1)}, none)
			return err
		},
	}) {
		var swallowed error
		err := w.s.Update(w.ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
			now := u
			now.Rev, now.Title = 2, name
			_, err := tx.ChangeUsers(ctx, []storage.Write[storage.User]{put(now, 1)})
			if err == nil {
				swallowed = call(ctx, tx)
			}
			return err
		})
		require.ErrorIs(w, swallowed, storage.ErrBatch, name)
		require.Error(w, err, "an error of %s that the function has swallowed", name)
		us, err := w.other.Users(w.ctx, w.a, []storage.ID{u.ID})
		require.NoError(w, err)
		require.Equal(w, []storage.User{u}, us, "nothing is kept after an error of %s", name)
	}
}
