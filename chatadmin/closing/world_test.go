package closing_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/closing"
	"chatadmin.example/sdk/chatadmin/internal/erasetest"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

var ctx = context.Background()

// world is a store with two domains: one to close, and one that must not
// notice.
type world struct {
	*chatadmintest.World
	c     *closing.Closings
	other chatadmin.ID
	made  int
}

func newWorld(t testing.TB, store chatadmin.Store, change ...func(*chatadmin.Options)) *world {
	t.Helper()
	w := &world{}
	w.World = chatadmintest.NewWorld(t, &chatadmintest.WorldOptions{Store: store, Admin: func(o *chatadmin.Options) {
		o.Mailer = nil // invitations stay where they are
		for _, f := range change {
			f(o)
		}
	}, Extend: func(a *chatadmin.Admin) {
		w.c = chatadmintest.Must(closing.New(a, nil))
	}, Domain: func(n *chatadmin.NewDomain) { n.Admin.NoInvitation = false }})
	w.other, _ = w.Open("Other", chatadmin.OfficeChat)
	w.fill(w.other, "other", 3)
	return w
}

func (w *world) id(kind string) chatadmin.ID {
	w.made++
	return chatadmin.ID(fmt.Sprintf("%s-%06d", kind, w.made))
}

// update writes past the library, as the host's own code does.
func (w *world) update(domain chatadmin.ID, f func(tx storage.Tx) ([]storage.Conflict, error)) {
	w.T.Helper()
	require.NoError(w.T, w.Store.Update(ctx, storage.Fence{Domain: domain, Mode: storage.Shared}, func(_ context.Context, tx storage.Tx) error {
		cs, err := f(tx)
		if err == nil && len(cs) > 0 {
			err = fmt.Errorf("refused: %+v", cs[0])
		}
		return err
	}))
}

// fill puts something into every table of a domain: people with managers,
// groups with messages and files, private chats, devices, records with and
// without an owner.
func (w *world) fill(domain chatadmin.ID, name string, n int) {
	w.T.Helper()
	host := w.Admin.AsHost(domain)
	var us []chatadmin.User
	for i := range n {
		u := chatadmin.NewUser{Login: fmt.Sprintf("%s%d@acme.example", name, i)}
		if i > 0 {
			u.Manager = us[i-1].ID
		}
		made, err := host.CreateUser(ctx, u)
		require.NoError(w.T, err)
		us = append(us, made)
	}
	g, err := w.Admin.As(domain, us[0].ID).CreateGroup(ctx, "Of "+name)
	require.NoError(w.T, err)
	var rows []storage.Content
	var devices []storage.Write[storage.Device]
	var records []storage.Write[storage.Record]
	for i, u := range us {
		peer := us[(i+1)%n]
		chat := w.id("chat")
		rows = append(rows, storage.Content{ID: chat, Author: u.ID, Peer: peer.ID, Kind: storage.Chat},
			storage.Content{ID: w.id("message"), Container: chat, Author: peer.ID, Kind: storage.Message},
			storage.Content{ID: w.id("message"), Container: g.ID, Author: u.ID, Kind: storage.Message})
		file := w.id("file")
		rows = append(rows, storage.Content{ID: file, Container: chat, Author: u.ID, Kind: storage.File, Blob: "blob-" + string(file)})
		id := w.id("device")
		devices = append(devices, storage.Write[storage.Device]{Row: storage.Device{ID: id, Domain: domain, User: u.ID, Rev: 1, Key: string(id), Type: 1, Status: 1}})
		for _, owner := range []chatadmin.ID{u.ID, g.ID, ""} {
			key := storage.Key{Kind: "thing", Domain: domain, ID: string(w.id("thing"))}
			records = append(records, storage.Write[storage.Record]{Row: storage.Record{Key: key, Owner: owner, Rev: 1, Data: []byte("{}")}})
		}
	}
	for i := range rows {
		rows[i].Domain, rows[i].At = domain, w.Clock.Now()
	}
	for batch := range slices.Chunk(rows, chatadmin.MaxBatch) {
		w.update(domain, func(tx storage.Tx) ([]storage.Conflict, error) { return tx.InsertContent(ctx, batch) })
	}
	w.update(domain, func(tx storage.Tx) ([]storage.Conflict, error) { return tx.ChangeDevices(ctx, devices) })
	for batch := range slices.Chunk(records, chatadmin.MaxBatch) {
		w.update(domain, func(tx storage.Tx) ([]storage.Conflict, error) { return tx.ChangeRecords(ctx, batch) })
	}
}

// everything is how many rows of each kind a domain has.
func (w *world) everything(domain chatadmin.ID) map[string]int64 {
	w.T.Helper()
	return erasetest.Everything(w.T, w.Store, domain)
}

func (w *world) plan(grace time.Duration) *closing.Plan {
	w.T.Helper()
	p, err := w.c.Plan(ctx, w.Host, grace)
	require.NoError(w.T, err)
	return p
}

// gone checks that nothing of the domain is left, that the receipt says so, and
// that the other domain is as it was.
func (w *world) gone(r *closing.Run, others map[string]int64) {
	w.T.Helper()
	require.Equal(w.T, chatadmin.RunDone, r.State)
	require.Empty(w.T, some(w.everything(w.Domain)))
	ds, err := w.Store.Domains(ctx, []chatadmin.ID{w.Domain})
	require.NoError(w.T, err)
	require.Empty(w.T, ds)
	require.Equal(w.T, others, w.everything(w.other))
	receipt, err := w.c.Receipt(ctx, r.ID)
	require.NoError(w.T, err)
	require.Equal(w.T, w.Domain, receipt.Domain)
	require.Equal(w.T, r.Data.Removed, receipt.Removed)
}

// some are the counts that are not 0.
func some(counts map[string]int64) map[string]int64 {
	counts = maps.Clone(counts)
	maps.DeleteFunc(counts, func(_ string, n int64) bool { return n == 0 })
	return counts
}

func memory() chatadmin.Store { return memstore.New(nil) }
