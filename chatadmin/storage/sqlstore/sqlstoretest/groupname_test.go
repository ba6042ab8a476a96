package sqlstoretest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
)

// A hundred groups of one name are created or renamed at the same moment over
// two handles: one has it.
func TestGroupNameRace(t *testing.T) {
	rivals(t, func(t *testing.T, r *rival) {
		var groups []storage.ID
		for i := range 100 {
			g, err := r.host(i).CreateGroup(t.Context(), fmt.Sprintf("Group %d", i))
			require.NoError(t, err)
			groups = append(groups, g.ID)
		}
		spelling := []string{"Sales", "SALES", " sales "}
		won := 0
		for _, err := range r.race(t, func(n int, s *chatadmin.Scope) (err error) {
			if n%2 == 0 {
				_, err = s.CreateGroup(t.Context(), spelling[n%3])
			} else {
				_, err = s.RenameGroup(t.Context(), groups[n], spelling[n%3])
			}
			return err
		}) {
			if err == nil {
				won++
				continue
			}
			require.ErrorIs(t, err, chatadmin.ErrExists)
		}
		require.Equal(t, 1, won)
		// Different names do not keep each other out.
		for _, err := range r.race(t, func(n int, s *chatadmin.Scope) error {
			_, err := s.CreateGroup(t.Context(), fmt.Sprintf("Other %d", n))
			return err
		}) {
			require.NoError(t, err)
		}
	})
}

// meeting lets the first two transactions that have looked for the name of a
// group wait for each other before they go on.
type meeting struct {
	storage.Store
	met  *atomic.Int32
	both chan struct{}
}

type meetingTx struct {
	storage.Tx
	m *meeting
}

func (m *meeting) Update(ctx context.Context, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	return m.Store.Update(ctx, fence, func(ctx context.Context, tx storage.Tx) error { return f(ctx, meetingTx{tx, m}) })
}

func (tx meetingTx) ListGroups(ctx context.Context, q storage.GroupQuery, p storage.Page) ([]storage.Group, storage.Cursor, error) {
	rows, next, err := tx.Tx.ListGroups(ctx, q, p)
	switch tx.m.met.Add(1) {
	case 1:
	case 2:
		close(tx.m.both)
	default:
		return rows, next, err
	}
	select {
	case <-tx.m.both:
	case <-ctx.Done():
	}
	return rows, next, err
}

// Two transactions that have both found the name free: one gets it.
func TestGroupNameMeets(t *testing.T) {
	db := postgresPrefix(t)
	c := newCompany(t, db, 0)
	m := meeting{met: &atomic.Int32{}, both: make(chan struct{})}
	var admins [2]*chatadmin.Admin
	for i := range admins {
		admins[i] = chatadmintest.Must(chatadmin.New(&meeting{db.open(t), m.met, m.both}, nil))
	}
	errs := chatadmintest.AtOnce(2, func(n int) error {
		_, err := admins[n].AsHost(c.domain).CreateGroup(t.Context(), "Sales")
		return err
	})
	require.GreaterOrEqual(t, m.met.Load(), int32(3), "they met, and one looked again")
	if errs[0] == nil {
		errs[0], errs[1] = errs[1], errs[0]
	}
	require.ErrorIs(t, errs[0], chatadmin.ErrExists)
	require.NoError(t, errs[1])
}
