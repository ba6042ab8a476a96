package sqlstoretest

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/closing"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/internal/hostrows"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
)

// chatCompany is a company of such a host, over two stores.
type chatCompany struct {
	*chatHost
	admins       [2]*chatadmin.Admin
	domain       storage.ID
	boss         chatadmin.User
	ann, bob     storage.ID
	hers, theirs storage.ID // groups
	talk         storage.ID
}

func newChatCompany(t *testing.T, h *chatHost) *chatCompany {
	c := &chatCompany{chatHost: h}
	for i, s := range []*sqlstore.Store{h.store, h.db.open(t)} {
		sources, err := h.sources(t.Context(), true)
		require.NoError(t, err)
		c.admins[i], err = chatadmin.New(s, &chatadmin.Options{Sources: sources, NoContent: true, Blobs: noBlobs{}})
		require.NoError(t, err)
	}
	d, boss, err := c.admins[0].CreateDomain(t.Context(), chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat,
		Admin: chatadmin.NewUser{Login: "boss@acme.example", NoInvitation: true}})
	require.NoError(t, err)
	c.domain, c.boss = d.ID, boss
	for login, id := range map[string]*storage.ID{"ann": &c.ann, "bob": &c.bob} {
		u, err := c.host(0).CreateUser(t.Context(), chatadmin.NewUser{Login: login + "@acme.example", NoInvitation: true})
		require.NoError(t, err)
		*id = u.ID
	}
	for by, id := range map[storage.ID]*storage.ID{c.ann: &c.hers, c.bob: &c.theirs} {
		g, err := c.admins[0].As(d.ID, by).CreateGroup(t.Context(), "Group of "+string(by))
		require.NoError(t, err)
		*id = g.ID
	}
	c.talk = c.admins[0].NewID()
	require.NoError(t, h.insert(t.Context(), h.pool, hostrows.Row{ID: c.talk, Domain: c.domain, Author: c.ann, Peer: c.bob}))
	return c
}

func (c *chatCompany) host(n int) *chatadmin.Scope { return c.admins[n%2].AsHost(c.domain) }

// about are rows that refer to ann in every way.
func (c *chatCompany) about(n int) hostrows.Row {
	r := []hostrows.Row{{Container: c.theirs, Author: c.ann}, {Container: c.hers, Author: c.bob}, {Container: c.talk, Author: c.bob},
		{Author: c.bob, Peer: c.ann}, {Author: c.ann, Peer: c.boss.ID}, {Container: c.talk, Author: c.ann}}[n%6]
	r.ID, r.Domain = c.admins[0].NewID(), c.domain
	return r
}

// delete deletes ann, and plans anew as long as the plan is overtaken.
func (c *chatCompany) delete(ctx context.Context, n int) (map[string]int64, error) {
	d, err := erase.New(c.admins[n%2], nil)
	if err != nil {
		return nil, err
	}
	for {
		p, err := d.Plan(ctx, c.host(n), []storage.ID{c.ann}, nil)
		if err != nil {
			return nil, err
		}
		r, err := d.Apply(ctx, c.host(n), p, "race", nil)
		for errors.Is(err, chatadmin.ErrBusy) && r != nil {
			r, err = d.Resume(ctx, c.host(n), r.ID, nil)
		}
		if err == nil {
			return r.Data.Removed, nil
		}
		if !errors.Is(err, chatadmin.ErrPlanStale) && !errors.Is(err, chatadmin.ErrBusy) {
			return nil, err
		}
	}
}

// close closes the domain.
func (c *chatCompany) close(ctx context.Context, n int) (map[string]int64, error) {
	closings, err := closing.New(c.admins[n%2], nil)
	if err != nil {
		return nil, err
	}
	p, err := closings.Plan(ctx, c.host(n), closing.AtOnce)
	if err != nil {
		return nil, err
	}
	r, err := closings.Apply(ctx, c.host(n), p, "race", nil)
	for errors.Is(err, chatadmin.ErrBusy) && r != nil {
		r, err = closings.Resume(ctx, c.host(n), r.ID, nil)
	}
	if err != nil {
		return nil, err
	}
	receipt, err := closings.Receipt(ctx, r.ID)
	return receipt.Removed, err
}

// A hundred goroutines add rows of a user, in each way of EMBEDDING.md, while
// the user is deleted or the domain is closed. Each row is refused, or goes and
// is counted: none is left.
func TestHostedRaces(t *testing.T) {
	t.Parallel()
	owned(t, func(t *testing.T, open func(testing.TB) database) {
		for _, race := range []struct {
			name, way string
			end       func(*chatCompany, context.Context, int) (map[string]int64, error)
		}{
			{"deletion, triggers", "triggers", (*chatCompany).delete},
			{"deletion, Update", "update", (*chatCompany).delete},
			{"deletion, Join", "join", (*chatCompany).delete},
			{"closing, triggers", "triggers", (*chatCompany).close},
		} {
			t.Run(race.name, func(t *testing.T) {
				h := newChatHost(t, open(t))
				if race.way == "triggers" {
					h.triggers(t)
				}
				c := newChatCompany(t, h)
				var added atomic.Int64
				added.Add(1) // their chat
				var removed map[string]int64
				for n, err := range chatadmintest.AtOnce(100, func(n int) (err error) {
					if n == 37 {
						removed, err = race.end(c, t.Context(), n)
						return err
					}
					for i := range 20 { // some before, some during, some after
						ok, err := writers[race.way](h, t.Context(), c.about(n+i))
						switch {
						case err != nil && (errors.Is(err, storage.ErrBusy) || strings.Contains(err.Error(), "40P01") || strings.Contains(err.Error(), "SQLITE_BUSY")):
							continue // a deadlock, or too much at once: the host repeats it
						case errors.Is(err, storage.ErrNoDomain):
							return nil
						case err != nil:
							return err
						case ok:
							added.Add(1)
						}
					}
					return nil
				}) {
					require.NoError(t, err, "%d", n)
				}
				left, err := h.all(c.domain)
				require.NoError(t, err)
				require.Empty(t, left)
				require.Equal(t, added.Load(), removed["host.posts"]+removed["host.talks"])
				t.Logf("%d rows came in time", added.Load())
			})
		}
	})
}

// waits until a statement waits for a row. No other test may run meanwhile.
func (h *chatHost) waits(t *testing.T) {
	t.Helper()
	for waiting := 0; waiting == 0; {
		require.NoError(t, h.pool.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) "+
			"WHERE NOT l.granted AND a.datname = current_database() AND l.locktype IN ('transactionid', 'tuple')").Scan(&waiting))
	}
}

// Two transactions meet: that of a host has added a row and has not ended. With
// the triggers a deletion waits for it. Without them it ends before, and the row
// is left.
func TestHostedMeet(t *testing.T) {
	for _, with := range []bool{true, false} {
		h := newChatHost(t, postgresSchema(t))
		if with {
			h.triggers(t)
		}
		c := newChatCompany(t, h)
		tx, err := h.pool.Begin()
		require.NoError(t, err)
		defer func() { _ = tx.Rollback() }()
		require.NoError(t, h.insert(t.Context(), tx, c.about(0)))
		var removed map[string]int64
		ended := make(chan error, 1)
		go func() {
			var err error
			removed, err = c.delete(t.Context(), 0)
			ended <- err
		}()
		if with {
			h.waits(t)
			require.NoError(t, tx.Commit())
			require.NoError(t, <-ended)
		} else {
			require.NoError(t, <-ended)
			require.NoError(t, tx.Commit())
		}
		left, err := h.all(c.domain)
		require.NoError(t, err)
		require.Equal(t, with, len(left) == 0)
		require.Equal(t, with, removed["host.posts"] == 1)
	}
}

// And the other way round: a row that comes while a deletion is beginning waits
// for it, and is refused.
func TestHostedMeetRefused(t *testing.T) {
	h := newChatHost(t, postgresSchema(t))
	h.triggers(t)
	c := newChatCompany(t, h)
	for n := range 6 {
		tx, err := h.pool.Begin()
		require.NoError(t, err)
		defer func() { _ = tx.Rollback() }()
		_, err = tx.Exec("UPDATE chatadmin_users SET deleting = true WHERE id = $1", string(c.ann))
		require.NoError(t, err)
		_, err = tx.Exec("UPDATE chatadmin_groups SET deleting = true WHERE id = $1", string(c.hers))
		require.NoError(t, err)
		added := make(chan bool, 1)
		ended := make(chan error, 1)
		go func() {
			ok, err := writers["triggers"](h, t.Context(), c.about(n))
			added <- ok
			ended <- err
		}()
		h.waits(t)
		require.NoError(t, tx.Commit())
		require.False(t, <-added)
		require.NoError(t, <-ended)
		_, err = h.pool.Exec("UPDATE chatadmin_users SET deleting = false; UPDATE chatadmin_groups SET deleting = false")
		require.NoError(t, err)
	}
}
