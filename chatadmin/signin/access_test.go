package signin_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// Every exported method of the gate either is the host's alone, which gives no
// actor, or is proven to ask for its permission.
func TestPermissions(t *testing.T) {
	var gate *signin.Gate
	var user chatadmin.ID
	var plan *signin.IdlePlan
	open := func(t *testing.T) (*chatadmin.Admin, chatadmin.ID) {
		w := newWorld(t, chatadmin.OfficeChat)
		gate, user = w.gate, w.user("target").ID
		w.try("target@acme.example", "wrong", signin.Wrong)
		w.Clock.Advance(48 * time.Hour)
		var err error
		plan, err = gate.PlanIdle(ctx, w.Host, signin.Idle{For: 24 * time.Hour, WithUnused: true})
		require.NoError(t, err)
		return w.Admin, w.Domain
	}
	calls := map[string]chatadmintest.Call{
		"Unlock": {Need: chatadmin.PermUsersAccess, Do: func(ctx context.Context, s *chatadmin.Scope) error { return gate.Unlock(ctx, s, user) }},
		"Unlink": {Need: chatadmin.PermUsersAccess, Do: func(ctx context.Context, s *chatadmin.Scope) error { return gate.Unlink(ctx, s, user) }},
		"Locks": {Need: chatadmin.PermUsersRead, Do: func(ctx context.Context, s *chatadmin.Scope) error {
			_, err := gate.Locks(ctx, s, user)
			return err
		}},
		"SignIns": {Need: chatadmin.PermUsersRead, NoTarget: true, Do: func(ctx context.Context, s *chatadmin.Scope) error {
			for _, err := range gate.SignIns(ctx, s, signin.SignInQuery{}) {
				return err
			}
			return nil
		}},
		"SignInsPage": {Need: chatadmin.PermUsersRead, NoTarget: true, Do: func(ctx context.Context, s *chatadmin.Scope) error {
			_, _, err := gate.SignInsPage(ctx, s, signin.SignInQuery{}, chatadmin.Page{})
			return err
		}},
		"Refusals": {Need: chatadmin.PermUsersRead, NoTarget: true, Do: func(ctx context.Context, s *chatadmin.Scope) error {
			for _, err := range gate.Refusals(ctx, s, signin.RefusedQuery{}) {
				return err
			}
			return nil
		}},
		"RefusalsPage": {Need: chatadmin.PermUsersRead, NoTarget: true, Do: func(ctx context.Context, s *chatadmin.Scope) error {
			_, _, err := gate.RefusalsPage(ctx, s, signin.RefusedQuery{}, chatadmin.Page{})
			return err
		}},
		"LockedUsers": {Need: chatadmin.PermUsersRead, NoTarget: true, Do: func(ctx context.Context, s *chatadmin.Scope) error {
			for _, err := range gate.LockedUsers(ctx, s, signin.LockedQuery{}) {
				return err
			}
			return nil
		}},
		"LockedUsersPage": {Need: chatadmin.PermUsersRead, NoTarget: true, Do: func(ctx context.Context, s *chatadmin.Scope) error {
			_, _, err := gate.LockedUsersPage(ctx, s, signin.LockedQuery{}, chatadmin.Page{})
			return err
		}},
		"PlanIdle": {Need: chatadmin.PermUsersEdit, NoTarget: true, Do: func(ctx context.Context, s *chatadmin.Scope) error {
			_, err := gate.PlanIdle(ctx, s, signin.Idle{For: 24 * time.Hour})
			return err
		}},
		"ApplyIdle": {Need: chatadmin.PermUsersEdit, NoTarget: true, Do: func(ctx context.Context, s *chatadmin.Scope) error {
			p := *plan
			p.Actor, p.Domain, p.Users = s.Actor(), s.Domain(), nil
			p.Counts = map[string]int64{"users": 0, "never": 0, "guests": 0, "left_alone": 0}
			if fresh, err := gate.PlanIdle(ctx, s.Admin().AsHost(s.Domain()), signin.Idle{For: 24 * time.Hour}); err == nil {
				p.Basis = fresh.Basis
			}
			_, err := gate.ApplyIdle(ctx, s, &p, nil)
			return err
		}},
		"SetPolicy": {Need: chatadmin.PermDomain, NoTarget: true, Do: func(ctx context.Context, s *chatadmin.Scope) error {
			return gate.SetPolicy(ctx, s, signin.Policy{Limit: 7})
		}},
		"Policy": {NoTarget: true, Do: func(ctx context.Context, s *chatadmin.Scope) error {
			_, err := gate.Policy(ctx, s)
			return err
		}},
	}
	host := []string{"SignIn", "Begin", "Finish", "Cancel", "Complete", "EndSessions", "Seen", "FlushActivity"}
	runs := []string{"ResumeIdle", "IdleRun"} // open to the actor who began the run: see TestIdleRun
	of := reflect.TypeFor[*signin.Gate]()
	for m := range of.Methods() {
		if slices.Contains(runs, m.Name) {
			continue
		}
		_, proven := calls[m.Name]
		require.True(t, proven != slices.Contains(host, m.Name), "Gate.%s has no line in the matrix", m.Name)
		for in := range m.Type.Ins() {
			require.False(t, slices.Contains(host, m.Name) && in == reflect.TypeFor[*chatadmin.Scope](), "%s has an actor", m.Name)
		}
	}
	for name, c := range calls {
		c.Open = open
		t.Run(name, func(t *testing.T) { chatadmintest.Authorise(t, c) })
	}
}

// Unlock and grant, for one and many: a grant lifts denial and lock alike, in
// one event each, and nobody acts on somebody above them.
func TestUnlockAndGrant(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	ann, bob, eve := w.user("ann"), w.user("bob"), w.user("eve")
	lock := func(names ...string) {
		for _, name := range names {
			for range 3 {
				w.try(name+"@acme.example", "wrong", signin.Wrong)
			}
		}
	}
	lock("ann", "bob")
	w.try("eve@acme.example", "wrong", signin.Wrong)
	_, err := w.Host.DenyAccess(ctx, bob.ID, eve.ID)
	require.NoError(t, err)
	require.NoError(t, w.gate.Unlock(ctx, w.Host, ann.ID, bob.ID))
	w.try("ann@acme.example", "right", "")
	w.try("bob@acme.example", "right", signin.NoAccess)
	events := w.Events(signin.KindUserUnlock)
	require.Len(t, events, 1)
	require.ElementsMatch(t, []chatadmin.ID{ann.ID, bob.ID}, events[0].Targets)
	require.NoError(t, w.gate.Unlock(ctx, w.Host, ann.ID))
	require.Len(t, w.Events(signin.KindUserUnlock), 1, "unlocking nobody leaves no trace")

	lock("ann")
	_, err = w.Host.GrantAccess(ctx, ann.ID, bob.ID, eve.ID)
	require.NoError(t, err)
	for _, name := range []string{"ann", "bob", "eve"} {
		w.try(name+"@acme.example", "right", "")
	}
	require.Equal(t, []chatadmin.ID{bob.ID, eve.ID}, w.Events(chatadmin.KindUserGrant)[0].Targets)
	require.ElementsMatch(t, []chatadmin.ID{ann.ID, eve.ID}, w.Events(signin.KindUserUnlock)[0].Targets)
	require.Zero(t, w.records())

	lock("boss")
	clerk, err := w.Host.CreateRole(ctx, chatadmin.Role{Name: "clerk", Level: 50, Permissions: []chatadmin.Permission{chatadmin.PermUsersAccess}})
	require.NoError(t, err)
	_, err = w.Host.AssignRole(ctx, clerk.ID, ann.ID)
	require.NoError(t, err)
	s := w.Admin.As(w.Domain, ann.ID)
	require.ErrorIs(t, w.gate.Unlock(ctx, s, w.Boss.ID), chatadmin.ErrForbidden)
	_, err = s.GrantAccess(ctx, w.Boss.ID)
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	require.True(t, w.lock(w.Boss.ID).Locked)
	require.NoError(t, w.gate.Unlock(ctx, w.Host, w.Boss.ID), "the host may, for whom nobody else can")
	for _, ids := range [][]chatadmin.ID{nil, make([]chatadmin.ID, 1001)} {
		require.ErrorIs(t, w.gate.Unlock(ctx, w.Host, ids...), chatadmin.ErrInvalid)
		_, err := w.gate.Locks(ctx, w.Host, ids...)
		require.ErrorIs(t, err, chatadmin.ErrInvalid)
	}
}

// Unlocking while attempts are under way takes no place away from them.
func TestUnlockDuringAttempts(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	u := w.user("ann")
	w.try("ann@acme.example", "wrong", signin.Wrong)
	try, err := w.gate.Begin(ctx, w.Domain, signin.Attempt{Login: "ann@acme.example"})
	require.NoError(t, err)
	require.NoError(t, w.gate.Unlock(ctx, w.Host, u.ID))
	require.Zero(t, w.lock(u.ID))
	d, err := w.gate.Finish(ctx, try, false)
	require.NoError(t, err)
	require.Equal(t, signin.Wrong, d.Reason())
	require.Equal(t, 1, w.lock(u.ID).Failures)
	for _, err := range chatadmintest.AtOnce(100, func(n int) error {
		if n%2 == 0 {
			return w.gate.Unlock(ctx, w.Host, u.ID)
		}
		_, err := w.gate.SignIn(ctx, w.Domain, signin.Attempt{Login: "ann@acme.example"}, w.verify("wrong"))
		return err
	}) {
		require.NoError(t, err)
	}
	require.LessOrEqual(t, w.lock(u.ID).Failures, 3)
}

// The host is told whose sessions to end, after the commit, in order, until it
// has heard it, and once more later.
func TestSessions(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	ann, bob, eve := w.user("ann"), w.user("bob"), w.user("eve")
	end := func(want int) {
		t.Helper()
		n, err := w.gate.EndSessions(ctx)
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	end(0)
	_, err := w.Host.DenyAccess(ctx, ann.ID)
	require.NoError(t, err)
	_, err = w.Host.DeactivateUsers(ctx, ann.ID, w.Boss.ID)
	require.ErrorIs(t, err, chatadmin.ErrLastAdmin)
	w.Clock.Advance(time.Second)
	_, err = w.Host.DeactivateUsers(ctx, bob.ID, ann.ID)
	require.NoError(t, err)
	w.Clock.Advance(time.Second)
	w.erase(eve.ID)
	require.Empty(t, w.sessions.ended, "not within the transaction")

	w.sessions.fail = errDown
	_, err = w.gate.EndSessions(ctx)
	require.ErrorIs(t, err, errDown)
	w.sessions.fail = nil
	end(3)
	require.Equal(t, []chatadmin.ID{ann.ID, bob.ID, eve.ID}, w.sessions.ended, "in order; what was refused, or took nothing away, ended nothing")
	end(0)
	_, err = w.Host.ActivateUsers(ctx, bob.ID)
	require.NoError(t, err)
	w.Clock.Advance(time.Minute)
	told := len(w.sessions.told)
	end(3)
	for _, c := range w.sessions.told[told:] {
		require.Equal(t, !slices.Contains(c.users, bob.ID), c.before.Equal(signin.AllSessions), "who has access again keeps the sessions made since")
	}
	w.Clock.Advance(time.Hour)
	end(0)

	// A gate without Sessions queues nothing that nobody would deliver.
	other := newWorld(t, chatadmin.OfficeChat, func(o *signin.Options) { o.Sessions = nil })
	_, err = other.Host.DenyAccess(ctx, other.user("ann").ID)
	require.NoError(t, err)
	rs, _, err := other.Store.ListRecords(ctx, storage.RecordQuery{Kind: "session-end"}, chatadmin.Page{Limit: 10})
	require.NoError(t, err)
	require.Empty(t, rs)
	n, err := other.gate.EndSessions(ctx)
	require.NoError(t, err)
	require.Zero(t, n)
}

// A thousand users at once, over a store that is unreliable, while the worker
// dies in between: nobody is forgotten.
func TestSessionsAtLeastOnce(t *testing.T) {
	store := memstore.New(&memstore.Options{Chaos: &memstore.Chaos{Seed: 5, Rerun: 0.3, UnknownKept: 0.2, UnknownLost: 0.05}})
	w := newWorldOn(t, store, chatadmin.OfficeChat)
	var ids []chatadmin.ID
	for n := range 300 {
		ids = append(ids, w.user(fmt.Sprintf("user%d", n)).ID)
	}
	for part := range slices.Chunk(ids, 7) {
		_, err := w.Host.DeactivateUsers(ctx, part...)
		require.NoError(t, err)
	}
	for _, err := range chatadmintest.AtOnce(100, func(n int) error {
		c, cancel := context.WithCancel(ctx)
		defer cancel()
		if n%3 == 0 {
			cancel()
		}
		_, err := w.gate.EndSessions(c)
		if errors.Is(err, context.Canceled) || errors.Is(err, chatadmin.ErrCommitUnknown) {
			return nil
		}
		return err
	}) {
		require.NoError(t, err)
	}
	for _, id := range ids {
		require.Contains(t, w.sessions.ended, id)
	}
}

// A deleted user's login used again inherits neither failures nor a lock.
func TestLoginUsedAgain(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	u := w.user("ann")
	for range 3 {
		w.try("ann@acme.example", "wrong", signin.Wrong)
	}
	w.erase(u.ID)
	require.NoError(t, w.Store.Update(ctx, storage.Fence{Domain: w.Domain, Mode: storage.Exclusive}, func(ctx context.Context, tx storage.Tx) error {
		rs, _, err := tx.ListRecords(ctx, storage.RecordQuery{Domain: w.Domain, Owner: u.ID}, chatadmin.Page{Limit: 10})
		if err != nil {
			return err
		}
		require.NotEmpty(t, rs, "what is counted belongs to the user, and is erased with them")
		for _, r := range rs {
			if _, err := tx.ChangeRecords(ctx, []storage.Write[storage.Record]{{Row: r, Was: r.Rev, Delete: true}}); err != nil {
				return err
			}
		}
		ms, _, err := tx.ListMemberships(ctx, storage.MemberQuery{Domain: w.Domain, User: u.ID}, chatadmin.Page{Limit: 10})
		if err != nil {
			return err
		}
		for _, m := range ms {
			if _, err := tx.ChangeMemberships(ctx, []storage.Write[chatadmin.Membership]{{Row: m, Was: m.Rev, Delete: true}}); err != nil {
				return err
			}
		}
		us, err := tx.Users(ctx, w.Domain, []chatadmin.ID{u.ID})
		if err != nil {
			return err
		}
		conflicts, err := tx.ChangeUsers(ctx, []storage.Write[chatadmin.User]{{Row: us[0], Was: us[0].Rev, Delete: true}})
		require.Empty(t, conflicts)
		return err
	}))
	w.try("ann@acme.example", "right", signin.Unknown)
	again := w.user("ann")
	require.Zero(t, w.lock(again.ID))
	w.try("ann@acme.example", "right", "")
}
