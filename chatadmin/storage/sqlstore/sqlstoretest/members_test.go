package sqlstoretest

import (
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
	"chatadmin.example/sdk/csvimport"
)

// A group is marked as default while its members-to-be join it one by one all the time: marking gets on, and each is a member once.
func TestJoiningDoesNotHoldUpMarking(t *testing.T) {
	rivals(t, func(t *testing.T, r *rival) {
		const rows = 12000
		_, err := importFile(t.Context(), r.host(0), generate(t, rows, "Head"), csvimport.SkipExisting, nil)
		require.NoError(t, err)
		var ids []storage.ID
		for u, err := range r.host(0).Users(t.Context(), storage.UserQuery{}) {
			require.NoError(t, err)
			ids = append(ids, u.ID)
		}
		g, err := r.host(0).CreateGroup(t.Context(), "Everybody")
		require.NoError(t, err)
		p, err := r.host(0).PlanDefaultGroup(t.Context(), g.ID)
		require.NoError(t, err)
		stop := make(chan struct{})
		var joining sync.WaitGroup
		for range 3 {
			joining.Go(func() {
				for {
					select {
					case <-stop:
						return
					case <-time.After(5 * time.Millisecond):
					}
					if _, err := r.host(1).AddMembers(t.Context(), g.ID, ids[rand.IntN(len(ids))]); err != nil && !errors.Is(err, storage.ErrBusy) {
						t.Error(err)
					}
				}
			})
		}
		job, err := r.host(0).ApplyDefaultGroup(t.Context(), p, nil)
		close(stop)
		joining.Wait()
		require.NoError(t, err)
		require.Equal(t, chatadmin.RunDone, job.State)
		n, err := r.store.CountMemberships(t.Context(), storage.MemberQuery{Domain: r.domain, Group: g.ID})
		require.NoError(t, err)
		require.EqualValues(t, len(ids), n)
	})
}

// An index of the host that refuses a membership is no lost race: it is told, and nobody is left out in silence.
func TestIndexOfTheHostRefusesMembers(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		c := newCompany(t, db, 100)
		s := c.scope(c.store, 0)
		g, err := s.CreateGroup(t.Context(), "Everybody")
		require.NoError(t, err)
		_, err = db.pool(t).Exec(db.sql("CREATE UNIQUE INDEX {{p}}one ON {{p}}memberships (rev) WHERE NOT admin AND grp = '" + string(g.ID) + "'"))
		require.NoError(t, err)
		p, err := s.PlanDefaultGroup(t.Context(), g.ID)
		require.NoError(t, err)
		_, err = s.ApplyDefaultGroup(t.Context(), p, nil)
		require.ErrorIs(t, err, sqlstore.ErrConstraint)
	})
}
