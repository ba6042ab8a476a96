package erase_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/internal/erasetest"
	"chatadmin.example/sdk/chatadmin/storage"
)

// More groups than the first transaction marks, some of which become default
// while the others are marked.
func TestManyGroups(t *testing.T) {
	w := newWorld(t, memory())
	ann := w.user("ann")
	var rows []storage.Write[chatadmin.Group]
	for n := range 3500 {
		name := fmt.Sprintf("g%05d", n)
		rows = append(rows, storage.Write[chatadmin.Group]{Row: chatadmin.Group{ID: w.id("group"), Domain: w.Domain, Creator: ann.ID, Rev: 1, Name: name, NameKey: name}})
	}
	for batch := range slices.Chunk(rows, chatadmin.MaxBatch) {
		w.update(func(tx storage.Tx) ([]storage.Conflict, error) { return tx.ChangeGroups(ctx, batch) })
	}
	for n, c := range rows {
		if n%100 == 0 {
			w.insert(w.message(c.Row.ID, w.Boss))
			w.record(c.Row.ID)
		}
	}
	last := rows[len(rows)-1].Row
	p, err := w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID}, nil)
	require.NoError(t, err)
	require.Len(t, p.Groups, 3500)
	c, cancel := context.WithCancel(ctx)
	before := w.everything()
	r, err := w.d.Apply(c, w.S, p, reason, func(chatadmin.Progress) { cancel() })
	require.ErrorIs(t, err, context.Canceled)
	w.mark(last)
	r, err = w.d.Resume(ctx, w.S, r.ID, nil)
	require.NoError(t, err)
	require.EqualValues(t, 3500, r.Data.Removed[erase.Groups])
	require.EqualValues(t, 35, r.Data.Removed[erase.Messages])
	require.Equal(t, some(p.Counts)[erase.Records], r.Data.Removed[erase.Records])
	require.EqualValues(t, 3500, w.gone(before)[erase.Groups])
	w.noTrace(ann.ID)
	w.user("late") // is not to join a group that is gone
}

// Many users at once, each other's managers and chat partners.
func TestManyUsers(t *testing.T) {
	w := newWorld(t, memory())
	var us []chatadmin.User
	for n := range 60 {
		u := w.user(fmt.Sprintf("user%d", n), func(c *chatadmin.NewUser) {
			if n > 0 {
				c.Manager = us[n/2].ID
			}
		})
		us = append(us, u)
		w.record(u.ID)
		w.record(w.device(u))
	}
	for n := range us {
		w.chat(us[n], us[(n+7)%len(us)], 2)
		g := w.group(w.As(us[n]), fmt.Sprintf("G%d", n), us[(n+1)%len(us)])
		w.insert(w.message(g.ID, us[(n+1)%len(us)]), w.file(g.ID, us[n]))
	}
	var ids []chatadmin.ID
	for _, u := range us[:40] {
		ids = append(ids, u.ID)
	}
	p, err := w.d.Plan(ctx, w.S, ids, nil)
	require.NoError(t, err)
	before := w.everything()
	r, err := w.d.Apply(ctx, w.S, p, reason, nil)
	require.NoError(t, err)
	require.Equal(t, p.Counts, r.Data.Removed)
	w.check(r, before, ids...)
}

// What ends with the access, in the first transaction, is counted as well; what
// is made then for somebody else stays.
func TestHooks(t *testing.T) {
	w := newWorld(t, memory(), func(o *chatadmin.Options) {
		o.OnUserChange = append(o.OnUserChange, func(ctx context.Context, x *chatadmin.Writer, changes []chatadmin.UserChange) error {
			for _, c := range changes {
				if !c.LosesAccess() {
					continue
				}
				if _, _, err := x.DeleteRecords(ctx, storage.RecordQuery{Kind: "thing", Domain: c.Now.Domain, Owner: c.Now.ID}, 100); err != nil {
					return err
				}
				tombstone := storage.Record{Key: storage.Key{Kind: "tombstone", Domain: c.Now.Domain, ID: string(x.Now().Format("150405"))}, Data: []byte("{}")}
				if err := x.PutRecords(ctx, []storage.Write[storage.Record]{{Row: tombstone}}); err != nil {
					return err
				}
			}
			return nil
		})
	})
	ann := w.crowd()
	p, err := w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID}, nil)
	require.NoError(t, err)
	before := w.everything()
	r, err := w.d.Apply(ctx, w.S, p, reason, nil)
	require.NoError(t, err)
	require.Equal(t, p.Counts, r.Data.Removed)
	w.check(r, before, ann.ID)
	left, _, err := w.Store.ListRecords(ctx, storage.RecordQuery{Kind: "tombstone", Domain: w.Domain}, chatadmin.Page{Limit: 10})
	require.NoError(t, err)
	require.Len(t, left, 1)
}

// A hold that is placed while a deletion is running stops it before the next
// batch; released, it goes on.
func TestHoldStopsDeletion(t *testing.T) {
	for name, subject := range map[string]func(w *world, ann, bob chatadmin.User) chatadmin.ID{
		"of the user":            func(_ *world, ann, _ chatadmin.User) chatadmin.ID { return ann.ID },
		"of somebody in a chat":  func(_ *world, _, bob chatadmin.User) chatadmin.ID { return bob.ID },
		"of a writer in a group": func(w *world, _, _ chatadmin.User) chatadmin.ID { return w.Boss.ID },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, memory())
			ann, bob := w.user("ann"), w.user("bob")
			w.chat(ann, bob, 1)
			g := w.group(w.As(ann), "Hers")
			w.insert(w.message(g.ID, w.Boss))
			p, err := w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID}, nil)
			require.NoError(t, err)
			c, cancel := context.WithCancel(ctx)
			r, err := w.d.Apply(c, w.S, p, reason, func(chatadmin.Progress) { cancel() })
			require.ErrorIs(t, err, context.Canceled)
			h, err := w.S.AddHold(ctx, chatadmin.Hold{User: subject(w, ann, bob), Reason: "lawsuit"})
			require.NoError(t, err)
			before := w.everything()
			_, err = w.d.Resume(ctx, w.S, r.ID, nil)
			require.ErrorIs(t, err, chatadmin.ErrHeld)
			require.Equal(t, before[erase.Messages], w.everything()[erase.Messages])
			_, err = w.S.ReleaseHold(ctx, h.ID)
			require.NoError(t, err)
			r, err = w.d.Resume(ctx, w.S, r.ID, nil)
			require.NoError(t, err)
			require.Equal(t, p.Counts, r.Data.Removed)
			w.noTrace(ann.ID)
		})
	}
}

// hesitant is a store whose lists of groups and devices begin with a page
// without rows and go on with short ones, as the contract allows.
type hesitant struct{ chatadmin.Store }

func (s hesitant) ListGroups(ctx context.Context, q chatadmin.GroupQuery, p chatadmin.Page) ([]chatadmin.Group, chatadmin.Cursor, error) {
	return hesitate(ctx, s.Store.ListGroups, q, p)
}

func (s hesitant) Update(ctx context.Context, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	return s.Store.Update(ctx, fence, func(ctx context.Context, tx storage.Tx) error { return f(ctx, hesitantTx{tx}) })
}

type hesitantTx struct{ storage.Tx }

func (x hesitantTx) ListGroups(ctx context.Context, q chatadmin.GroupQuery, p chatadmin.Page) ([]chatadmin.Group, chatadmin.Cursor, error) {
	return hesitate(ctx, x.Tx.ListGroups, q, p)
}

func (x hesitantTx) ListDevices(ctx context.Context, q storage.DeviceQuery, p chatadmin.Page) ([]storage.Device, chatadmin.Cursor, error) {
	return hesitate(ctx, x.Tx.ListDevices, q, p)
}

func (x hesitantTx) ListMemberships(ctx context.Context, q storage.MemberQuery, p chatadmin.Page) ([]chatadmin.Membership, chatadmin.Cursor, error) {
	return hesitate(ctx, x.Tx.ListMemberships, q, p)
}

func hesitate[Q, T any](ctx context.Context, list func(context.Context, Q, chatadmin.Page) ([]T, chatadmin.Cursor, error), q Q, p chatadmin.Page) ([]T, chatadmin.Cursor, error) {
	switch p.After {
	case "":
		return nil, "start", nil
	case "start":
		p.After = ""
	}
	p.Limit = (p.Limit + 2) / 3
	return list(ctx, q, p)
}

// A page without rows is not the end: the groups and devices behind it go, too,
// those as well that the first transaction did not mark.
func TestHesitantStore(t *testing.T) {
	w := newWorld(t, hesitant{memory()})
	ann := w.crowd()
	var rows []storage.Write[chatadmin.Group]
	for range 2100 {
		rows = append(rows, storage.Write[chatadmin.Group]{Row: chatadmin.Group{ID: w.id("group"), Domain: w.Domain, Creator: ann.ID, Rev: 1, Name: "G", NameKey: "g"}})
	}
	for batch := range slices.Chunk(rows, chatadmin.MaxBatch) {
		w.update(func(tx storage.Tx) ([]storage.Conflict, error) { return tx.ChangeGroups(ctx, batch) })
	}
	p, err := w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID}, nil)
	require.NoError(t, err)
	before := w.everything()
	r, err := w.d.Apply(ctx, w.S, p, reason, nil)
	require.NoError(t, err)
	require.Equal(t, p.Counts, r.Data.Removed)
	require.Equal(t, some(r.Data.Removed), w.gone(before))
	w.noTrace(ann.ID)
	marked := 0
	for _, e := range erasetest.List(t, chatadmin.EventQuery{Domain: w.Domain, Kind: chatadmin.KindGroupDelete}, w.Store.ListEvents) {
		marked += len(e.Targets)
	}
	require.Equal(t, 2101, marked)
}
