package chatadmin_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

func TestShippedGroups(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	groups := w.shipped()
	require.Len(t, groups, 2)
	require.Equal(t, "Admin Announcements", groups[0].Name)
	require.Equal(t, "All Of Us", groups[1].Name)
	for i, want := range []chatadmin.Posting{chatadmin.AdminsPost, chatadmin.EverybodyPosts} {
		set, err := chatadmin.GroupSettingsOf(groups[i])
		require.NoError(t, err)
		require.Equal(t, want, set.Posting)
		require.Empty(t, groups[i].Creator)
		require.True(t, groups[i].Shipped && groups[i].Default)
		require.Equal(t, []chatadmin.ID{w.Boss.ID}, w.Members(groups[i].ID))
		renamed, err := w.S.RenameGroup(ctx, groups[i].ID, fmt.Sprintf("Renamed %d", i))
		require.NoError(t, err)
		require.True(t, renamed.Shipped && renamed.Default)
		_, err = w.S.PlanDeleteGroup(ctx, groups[i].ID)
		require.ErrorIs(t, err, chatadmin.ErrShippedGroup)
		_, err = w.S.UnmarkDefaultGroup(ctx, groups[i].ID)
		require.NoError(t, err)
		_, err = w.S.PlanDeleteGroup(ctx, groups[i].ID)
		require.ErrorIs(t, err, chatadmin.ErrShippedGroup, "also when it is default no more")
	}
	d, _, err := w.Admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "B", Preset: chatadmin.OfficeChat, DefaultGroups: [2]string{"Iedereen", ""},
		Admin: chatadmin.NewUser{Login: "b@b.example"}})
	require.NoError(t, err)
	named := collect(t, func() ([]chatadmin.Group, error) {
		return all(w.Admin.AsHost(d.ID).Groups(ctx, chatadmin.GroupQuery{}))
	})
	require.Equal(t, "Iedereen", named[1].Name)
}

// Whoever joins is in every default group, whatever way they come; who does not
// belong there is not.
func TestJoiningDefaultGroups(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	g := w.Group("Everybody too")
	w.mark(g.ID)
	in := func(u chatadmin.ID) (n int) {
		for _, g := range w.shipped() {
			for _, m := range w.Members(g.ID) {
				if m == u {
					n++
				}
			}
		}
		return n
	}
	ann := w.User("ann@acme.example")
	require.Equal(t, 3, in(ann.ID))
	bob := w.User("bob@acme.example", guest)
	require.Equal(t, 0, in(bob.ID), "a guest")
	kind := chatadmin.Network
	_, err := w.S.EditUser(ctx, bob.ID, chatadmin.UserEdit{Kind: &kind})
	require.NoError(t, err)
	require.Equal(t, 3, in(bob.ID), "a guest turned member")

	// A group marked while somebody is away: they find it when they come back.
	_, err = w.S.DeactivateUsers(ctx, ann.ID)
	require.NoError(t, err)
	require.Equal(t, 3, in(ann.ID), "deactivating keeps every membership")
	late := w.Group("Late")
	w.mark(late.ID)
	require.Equal(t, 3, in(ann.ID))
	_, err = w.S.ActivateUsers(ctx, ann.ID)
	require.NoError(t, err)
	require.Equal(t, 4, in(ann.ID))

	// Guests belong there where the domain says so, those who are there already
	// by completing the groups.
	_, err = w.S.ChangeSettings(ctx, func(set *chatadmin.Settings) error { set.GuestsInDefaultGroups = true; return nil })
	require.NoError(t, err)
	require.Equal(t, 4, in(w.User("guest@acme.example", guest).ID))
}

func TestMarkingAddsEverybody(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	ids := w.users(2500)
	away, visitor, gone := w.User("away@acme.example"), w.User("visitor@acme.example", guest), w.User("gone@acme.example")
	_, err := w.S.DeactivateUsers(ctx, away.ID)
	require.NoError(t, err)
	w.PutUser(gone.ID, func(u *chatadmin.User) { u.Deleting = true })
	g := w.Group("All hands")
	_, err = w.S.AddMembers(ctx, g.ID, ids[0], visitor.ID)
	require.NoError(t, err)

	p, err := w.S.PlanDefaultGroup(ctx, g.ID)
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"members": 3, "added": 2499}, p.Counts)
	require.NotEmpty(t, p.Warnings)
	text, err := json.Marshal(p)
	require.NoError(t, err)
	var kept chatadmin.Plan
	require.NoError(t, json.Unmarshal(text, &kept))

	var last chatadmin.Progress
	job, err := w.S.ApplyDefaultGroup(ctx, &kept, func(p chatadmin.Progress) { last = p })
	require.NoError(t, err)
	require.Equal(t, chatadmin.RunDone, job.State)
	require.EqualValues(t, 2499, job.Done)
	require.EqualValues(t, 2499, last.Done)
	require.EqualValues(t, 2499, last.Total)
	require.Equal(t, sorted(append(ids, w.Boss.ID, visitor.ID)...), w.Members(g.ID))

	again, err := w.S.PlanDefaultGroup(ctx, g.ID)
	require.NoError(t, err)
	require.EqualValues(t, 0, again.Counts["added"])
	require.Empty(t, again.Warnings)
}

func TestDefaultGroupPlanGoesStale(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	g := w.Group("G")
	for name, disturb := range chatadmintest.InOrder(map[string]func() error{
		"the group changed":    func() error { _, err := w.S.RenameGroup(ctx, g.ID, "Another name"); return err },
		"the settings changed": func() error { _, err := w.S.CreateRole(ctx, chatadmin.Role{Name: "r"}); return err },
	}) {
		p, err := w.S.PlanDefaultGroup(ctx, g.ID)
		require.NoError(t, err)
		require.NoError(t, disturb())
		_, err = w.S.ApplyDefaultGroup(ctx, p, nil)
		require.ErrorIs(t, err, chatadmin.ErrPlanStale, name)
		require.Len(t, w.shipped(), 2)
	}
	p, err := w.S.PlanDefaultGroup(ctx, g.ID)
	require.NoError(t, err)
	_, err = w.Host.ApplyDefaultGroup(ctx, p, nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid, "another actor's plan")
	deletion, err := w.S.PlanDeleteGroup(ctx, g.ID)
	require.NoError(t, err)
	_, err = w.S.ApplyDefaultGroup(ctx, deletion, nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid, "another kind of plan")
	w.mark(g.ID)
	_, err = w.S.ApplyDefaultGroup(ctx, p, nil)
	require.ErrorIs(t, err, chatadmin.ErrPlanStale, "a plan is applied once")
}

func TestNobodyLeavesADefaultGroup(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	g := w.Group("G")
	ann := w.User("ann@acme.example")
	w.mark(g.ID)
	require.ErrorIs(t, w.As(ann).Leave(ctx, g.ID), chatadmin.ErrDefaultGroup)
	for _, s := range []*chatadmin.Scope{w.S, w.Host} {
		_, err := s.RemoveMembers(ctx, g.ID, ann.ID)
		require.ErrorIs(t, err, chatadmin.ErrDefaultGroup)
		_, err = s.PlanDeleteGroup(ctx, g.ID)
		require.ErrorIs(t, err, chatadmin.ErrDefaultGroup)
	}
	_, err := w.S.UnmarkDefaultGroup(ctx, g.ID)
	require.NoError(t, err)
	require.Len(t, w.Members(g.ID), 2, "unmarking keeps the members")
	require.NoError(t, w.As(ann).Leave(ctx, g.ID))
	require.NoError(t, w.As(ann).Leave(ctx, g.ID), "who has left has left")
	require.Equal(t, []chatadmin.ID{w.Boss.ID}, w.Members(g.ID))
	require.NotContains(t, w.Members(g.ID), w.User("late@acme.example").ID)
	before := len(w.Events(""))
	_, err = w.S.UnmarkDefaultGroup(ctx, g.ID)
	require.NoError(t, err)
	require.Len(t, w.Events(""), before)
}

// A hundred goroutines: users are created, reactivated and turned from guests
// into members while groups are marked. Nobody is missed.
func TestMarkingWhileUsersJoin(t *testing.T) {
	store := memstore.New(nil)
	w := newWorldOn(t, store, chatadmin.OfficeChat)
	other := chatadmintest.Must(chatadmin.New(store.Handle(nil), nil)).AsHost(w.Domain)
	var away, guests []chatadmin.ID
	for n := range 25 {
		away = append(away, w.User(fmt.Sprintf("away%d@acme.example", n)).ID)
		guests = append(guests, w.User(fmt.Sprintf("guest%d@acme.example", n), guest).ID)
	}
	_, err := w.S.DeactivateUsers(ctx, away...)
	require.NoError(t, err)
	var groups [25]chatadmin.ID
	for n := range groups {
		g, err := w.Host.CreateGroup(ctx, fmt.Sprintf("G%d", n))
		require.NoError(t, err)
		groups[n] = g.ID
	}
	kind := chatadmin.Network
	errs := chatadmintest.AtOnce(100, func(n int) error {
		switch i := n / 4; n % 4 {
		case 0:
			_, err := other.CreateUser(ctx, chatadmin.NewUser{Login: fmt.Sprintf("new%d@acme.example", n), NoInvitation: true})
			return err
		case 1:
			_, err := w.Host.ActivateUsers(ctx, away[i])
			return err
		case 2:
			_, err := other.EditUser(ctx, guests[i], chatadmin.UserEdit{Kind: &kind})
			return err
		default:
			p, err := w.Host.PlanDefaultGroup(ctx, groups[i])
			if err != nil {
				return err
			}
			_, err = w.Host.ApplyDefaultGroup(ctx, p, nil)
			return err
		}
	})
	for _, err := range errs {
		require.NoError(t, err)
	}
	users := collect(t, func() ([]chatadmin.User, error) { return all(w.Host.Users(ctx, chatadmin.UserQuery{})) })
	require.Len(t, users, 76)
	require.Len(t, w.shipped(), 27)
	for _, g := range w.shipped() {
		require.Len(t, w.Members(g.ID), 76, "group %s", g.Name)
	}
}

// Marking is interrupted after each batch, by another handle too, and resumed.
func TestMarkingResumes(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	ids := w.users(12000)
	g := w.Group("G")
	p, err := w.S.PlanDefaultGroup(ctx, g.ID)
	require.NoError(t, err)
	var job chatadmin.ID
	run := func(f func(context.Context) error) {
		c, cancel := context.WithCancel(ctx)
		defer cancel()
		err := f(c)
		if !errors.Is(err, context.Canceled) {
			require.NoError(t, err)
		}
	}
	steps := 0
	run(func(c context.Context) error {
		c, cancel := context.WithCancel(c)
		j, err := w.S.ApplyDefaultGroup(c, p, func(chatadmin.Progress) { steps++; cancel() })
		job = j.ID
		return err
	})
	require.Equal(t, 1, steps)
	u := w.User("joined.meanwhile@acme.example")
	require.Contains(t, w.Members(g.ID), u.ID)
	for {
		done := chatadmin.Run{}
		run(func(c context.Context) error {
			c, cancel := context.WithCancel(c)
			var err error
			done, err = w.S.ResumeDefaultGroup(c, job, func(chatadmin.Progress) { steps++; cancel() })
			return err
		})
		if done.State == chatadmin.RunDone {
			break
		}
		require.Less(t, steps, 10)
	}
	require.Equal(t, sorted(append(ids, w.Boss.ID, u.ID)...), w.Members(g.ID))
	j, err := w.S.ResumeDefaultGroup(ctx, job, nil)
	require.NoError(t, err, "resuming what is finished")
	require.EqualValues(t, 12000, j.Done, "who joined by themselves was not added")
}

// crowded is a store where others write all the time: a transaction that adds
// more than most members loses every race.
type crowded struct {
	storage.Store
	most int
}

func (s *crowded) Update(ctx context.Context, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	return s.Store.Update(ctx, fence, func(ctx context.Context, tx storage.Tx) error { return f(ctx, crowdedTx{tx, s.most}) })
}

type crowdedTx struct {
	storage.Tx
	most int
}

func (tx crowdedTx) AddMembers(ctx context.Context, q storage.UserQuery, m storage.Membership, p storage.Page) ([]storage.ID, storage.Cursor, error) {
	if p.Limit > tx.most {
		return nil, "", storage.ErrBusy
	}
	return tx.Tx.AddMembers(ctx, q, m, p)
}

// Where others write all the time, marking gets on in smaller batches. Where
// even the smallest loses its race, the run stops, and can be resumed.
func TestMarkingInACrowd(t *testing.T) {
	store := &crowded{memstore.New(nil), 249}
	w := newWorldOn(t, store, chatadmin.OfficeChat)
	ids := w.users(3000)
	g := w.Group("G")
	p, err := w.S.PlanDefaultGroup(ctx, g.ID)
	require.NoError(t, err)
	run, err := w.S.ApplyDefaultGroup(ctx, p, nil)
	require.ErrorIs(t, err, chatadmin.ErrBusy)
	require.Equal(t, chatadmin.RunRunning, run.State)
	store.most = 300
	run, err = w.S.ResumeDefaultGroup(ctx, run.ID, nil)
	require.NoError(t, err)
	require.Equal(t, chatadmin.RunDone, run.State)
	require.Equal(t, sorted(append(ids, w.Boss.ID)...), w.Members(g.ID))
}

// Two processes resume the same job: each batch is done once.
func TestMarkingByTwoProcesses(t *testing.T) {
	store := memstore.New(nil)
	w := newWorldOn(t, store, chatadmin.OfficeChat)
	w.users(30000)
	g := w.Group("G")
	p, err := w.S.PlanDefaultGroup(ctx, g.ID)
	require.NoError(t, err)
	c, cancel := context.WithCancel(ctx)
	j, err := w.S.ApplyDefaultGroup(c, p, func(chatadmin.Progress) { cancel() })
	require.ErrorIs(t, err, context.Canceled)
	second := chatadmintest.Must(chatadmin.New(store.Handle(nil), nil)).As(w.Domain, w.Boss.ID)
	for _, err := range chatadmintest.AtOnce(100, func(n int) error {
		s := w.S
		if n%2 == 0 {
			s = second
		}
		_, err := s.ResumeDefaultGroup(ctx, j.ID, nil)
		return err
	}) {
		require.NoError(t, err)
	}
	require.Len(t, w.Members(g.ID), 30001)
	var added int
	for _, e := range w.Events(chatadmin.KindMemberAdd) {
		require.LessOrEqual(t, len(e.Targets), 1+chatadmin.MaxBatch, "an event names the group and a batch")
		added += len(e.Targets) - 1
	}
	require.Equal(t, 30000, added, "the audit log names each once")
}

// An admin who is demoted while their job runs is stopped at the next batch.
func TestMarkingStopsWithTheRight(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	w.users(25000)
	u := w.User("second@acme.example", withRole(chatadmin.RoleAdmin))
	g := w.Group("G")
	p, err := w.As(u).PlanDefaultGroup(ctx, g.ID)
	require.NoError(t, err)
	var calls atomic.Int64
	_, err = w.As(u).ApplyDefaultGroup(ctx, p, func(chatadmin.Progress) {
		if calls.Add(1) == 1 {
			_, err := w.S.AssignRole(ctx, chatadmin.RoleMember, u.ID)
			require.NoError(t, err)
		}
	})
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	require.EqualValues(t, 1, calls.Load())
}

func TestSubscription(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	g := w.Group("G")
	subscribe := func(s chatadmin.Subscription) {
		_, err := w.Host.ChangeSettings(ctx, func(set *chatadmin.Settings) error { set.Subscription = s; return nil })
		require.NoError(t, err)
	}
	for _, plan := range []chatadmin.SubscriptionPlan{chatadmin.Free, chatadmin.Business, chatadmin.Enterprise} {
		for _, annual := range []bool{false, true} {
			subscribe(chatadmin.Subscription{Plan: chatadmin.Enterprise, Annual: true})
			p, err := w.S.PlanDefaultGroup(ctx, g.ID)
			require.NoError(t, err)
			s := chatadmin.Subscription{Plan: plan, Annual: annual}
			subscribe(s)
			_, planErr := w.S.PlanDefaultGroup(ctx, g.ID)
			_, applyErr := w.S.ApplyDefaultGroup(ctx, p, nil)
			_, unmarkErr := w.S.UnmarkDefaultGroup(ctx, g.ID)
			baa := chatadmin.DefaultFeatures().Require(s, chatadmin.FeatureBAA)
			if plan == chatadmin.Free {
				for _, err := range []error{planErr, applyErr, unmarkErr} {
					require.ErrorIs(t, err, chatadmin.ErrNotInSubscription)
					require.ErrorContains(t, err, "business", "it names what is needed")
				}
			} else {
				require.NoError(t, planErr)
				require.NoError(t, unmarkErr)
			}
			if plan == chatadmin.Enterprise && annual {
				require.NoError(t, baa)
			} else {
				require.ErrorIs(t, baa, chatadmin.ErrNotInSubscription)
				require.ErrorContains(t, baa, "annually")
			}
		}
	}
	_, err := w.S.ChangeSettings(ctx, func(set *chatadmin.Settings) error { set.Subscription.Annual = false; return nil })
	require.ErrorIs(t, err, chatadmin.ErrForbidden, "an admin does not buy for the domain")
	free := newWorld(t, chatadmin.OfficeChat, func(o *chatadmin.Options) { o.Features = chatadmin.Features{} })
	_, err = free.Host.ChangeSettings(ctx, func(set *chatadmin.Settings) error {
		set.Subscription = chatadmin.Subscription{Plan: chatadmin.Free}
		return nil
	})
	require.NoError(t, err)
	free.mark(free.Group("G").ID)
}
