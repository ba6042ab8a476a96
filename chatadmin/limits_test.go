package chatadmin_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// A member creates so many groups a day, and has so many at a time; who
// administers groups and the host are not bound.
func TestGroupLimits(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat, func(o *chatadmin.Options) { o.Limits = chatadmin.Limits{GroupsPerDay: 4} })
	ann, bob := w.As(w.User("ann@acme.example")), w.As(w.User("bob@acme.example"))
	made := 0
	create := func(s *chatadmin.Scope) (chatadmin.Group, error) {
		made++
		return s.CreateGroup(ctx, fmt.Sprintf("G %d", made))
	}
	var limit *chatadmin.LimitError
	for range 4 { // creating and deleting makes runs
		g, err := create(ann)
		require.NoError(t, err)
		p, err := ann.PlanDeleteGroup(ctx, g.ID)
		require.NoError(t, err)
		_, err = ann.ApplyDeleteGroup(ctx, p, nil)
		require.NoError(t, err)
	}
	_, err := create(ann)
	require.ErrorAs(t, err, &limit)
	require.ErrorIs(t, err, chatadmin.ErrThrottled)
	require.Equal(t, chatadmin.LimitError{What: "groups", Limit: 4, Next: w.Clock.Now().Add(24 * time.Hour)}, *limit)
	require.NoError(t, second(create(bob)), "others are not bound by it")
	w.Clock.Advance(24 * time.Hour)
	require.NoError(t, second(create(ann)))

	_, err = w.S.ChangeSettings(ctx, func(s *chatadmin.Settings) error {
		s.Limits = chatadmin.Limits{Groups: 3, GroupsPerDay: chatadmin.Unlimited}
		return nil
	})
	require.NoError(t, err)
	last, err := create(ann)
	require.NoError(t, err)
	require.NoError(t, second(create(ann)))
	_, err = create(ann)
	require.ErrorAs(t, err, &limit)
	require.Equal(t, chatadmin.LimitError{What: "groups", Limit: 3}, *limit)
	p, err := ann.PlanDeleteGroup(ctx, last.ID)
	require.NoError(t, err)
	_, err = ann.ApplyDeleteGroup(ctx, p, nil)
	require.NoError(t, err)
	require.NoError(t, second(create(ann)))
	for range 5 {
		require.NoError(t, second(create(w.S)))
		require.NoError(t, second(create(w.Host)))
	}
	for _, l := range []chatadmin.Limits{{Groups: -2}, {GroupsPerDay: 1_000_000}} {
		_, err := w.S.ChangeSettings(ctx, func(s *chatadmin.Settings) error { s.Limits = l; return nil })
		require.ErrorIs(t, err, chatadmin.ErrInvalid)
	}
	// A clock that was ahead keeps nobody.
	w.put("groups-created", w.Domain, string(bob.Actor()), fmt.Sprintf(`{"v":1,"since":%q,"n":1000}`, w.Clock.Now().AddDate(5, 0, 0).Format(time.RFC3339)), time.Time{})
	require.NoError(t, second(create(bob)))
	// What cannot be read keeps nobody either.
	w.put("groups-created", w.Domain, string(bob.Actor()), `{`, time.Time{})
	require.NoError(t, second(create(bob)))
}

// A hundred groups at once are no way around the limits.
func TestGroupLimitsRace(t *testing.T) {
	for _, l := range []chatadmin.Limits{{Groups: 5, GroupsPerDay: chatadmin.Unlimited}, {Groups: chatadmin.Unlimited, GroupsPerDay: 5}} {
		w := newWorldOn(t, memstore.New(nil), chatadmin.OfficeChat, func(o *chatadmin.Options) { o.Limits = l })
		ann := w.User("ann@acme.example")
		other := chatadmintest.Must(chatadmin.New(w.Store, &chatadmin.Options{Now: w.Clock.Now, Limits: l}))
		created := 0
		for _, err := range chatadmintest.AtOnce(100, func(n int) error {
			return second([]*chatadmin.Admin{w.Admin, other}[n%2].As(w.Domain, ann.ID).CreateGroup(ctx, fmt.Sprintf("G %d", n)))
		}) {
			if err == nil {
				created++
			} else {
				require.True(t, errors.Is(err, chatadmin.ErrThrottled) || errors.Is(err, chatadmin.ErrBusy), "%v", err)
			}
		}
		require.LessOrEqual(t, created, 5)
		require.NotZero(t, created)
	}
}

// What cannot be read and was put aside is deleted when it is old.
func TestPrunedUnreadable(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat, outbox)
	ann := w.newcomer("ann@acme.example")
	w.PutUser(ann, func(u *chatadmin.User) { u.Status = chatadmin.Active })
	require.NoError(t, w.Admin.PasswordChanged(ctx, w.Domain, ann))
	h := &harm{world: w, ann: ann}
	damageCases["undelivered event"].damage(h, waysToDamage["truncated"])
	rs := w.records("notice")
	require.Len(t, rs, 1)
	w.damageRecord(rs[0].Key, waysToDamage["truncated"])
	_, err := w.Admin.SendNotices(ctx, w.Domain)
	require.NoError(t, err)
	_, err = w.Admin.Work(ctx)
	require.NoError(t, err)
	require.Len(t, w.damaged(), 2)
	w.Clock.Advance(399 * 24 * time.Hour)
	_, err = w.Admin.Work(ctx)
	require.NoError(t, err)
	require.Len(t, w.damaged(), 2)
	w.Clock.Advance(2 * 24 * time.Hour)
	_, err = w.Admin.Work(ctx)
	require.NoError(t, err)
	require.Empty(t, w.damaged())
	require.Len(t, w.Events(chatadmin.KindPrune), 2)
}
