package erase_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// From whichever step on: when a hold has been placed nothing goes that it
// covers, neither the account nor what the host keeps.
func TestHoldAtAnyStep(t *testing.T) {
	for step := 1; ; step++ {
		w := newWorld(t, memory())
		ann := w.user("ann")
		w.posts.add(ann, 2500)
		p, err := w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID}, nil)
		require.NoError(t, err)
		c, cancel := context.WithCancel(ctx)
		left := step
		r, err := w.d.Apply(c, w.S, p, reason, func(chatadmin.Progress) {
			if left--; left == 0 {
				cancel()
			}
		})
		cancel()
		if err == nil {
			require.Greater(t, step, 5)
			return
		}
		require.ErrorIs(t, err, context.Canceled)
		us, err := w.Store.Users(ctx, w.Domain, []chatadmin.ID{ann.ID})
		require.NoError(t, err)
		if len(us) == 0 { // it was the last step
			continue
		}
		_, err = w.S.AddHold(ctx, chatadmin.Hold{User: ann.ID, Reason: "lawsuit"})
		require.NoError(t, err)
		posts := w.posts.of[ann.ID]
		_, err = w.d.Resume(ctx, w.S, r.ID, nil)
		require.ErrorIs(t, err, chatadmin.ErrHeld, "step %d", step)
		us, err = w.Store.Users(ctx, w.Domain, []chatadmin.ID{ann.ID})
		require.NoError(t, err)
		require.Len(t, us, 1, "step %d", step)
		require.Equal(t, posts, w.posts.of[ann.ID], "step %d", step)
	}
}

// A group that is held before its turn comes to be marked is neither hidden nor
// deleted.
func TestHeldGroupIsNotMarked(t *testing.T) {
	no, n := errors.New("not now"), -1<<30
	w := newWorld(t, memory(), func(o *chatadmin.Options) {
		o.Limits = chatadmin.Limits{Groups: chatadmin.Unlimited, GroupsPerDay: chatadmin.Unlimited}
		o.Before = func(context.Context, chatadmin.Intent) error {
			if n++; n == 2 {
				return no
			}
			return nil
		}
	})
	ann := w.user("ann")
	for i := range 2100 {
		w.group(w.As(ann), fmt.Sprint("G", i))
	}
	p, err := w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID}, nil)
	require.NoError(t, err)
	n = 0
	r, err := w.d.Apply(ctx, w.S, p, reason, nil)
	require.ErrorIs(t, err, no)
	left, _, err := w.Store.ListGroups(ctx, chatadmin.GroupQuery{Domain: w.Domain, Creator: ann.ID}, chatadmin.Page{Limit: 1000})
	require.NoError(t, err)
	require.NotEmpty(t, left)
	_, err = w.S.AddHold(ctx, chatadmin.Hold{Group: left[0].ID, Reason: "lawsuit"})
	require.NoError(t, err)
	_, err = w.d.Resume(ctx, w.S, r.ID, nil)
	require.ErrorIs(t, err, chatadmin.ErrHeld)
	_, err = w.S.Group(ctx, left[0].ID)
	require.NoError(t, err)
}

// counting counts the questions how much there is.
type counting struct {
	chatadmin.Store
	counts int
}

func (s *counting) Update(ctx context.Context, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	return s.Store.Update(ctx, fence, func(ctx context.Context, tx storage.Tx) error { return f(ctx, countingTx{tx, s}) })
}

type countingTx struct {
	storage.Tx
	s *counting
}

func (x countingTx) CountContent(ctx context.Context, q storage.ContentQuery) (storage.ContentCount, error) {
	x.s.counts++
	return x.Tx.CountContent(ctx, q)
}

// Many holds on others do not make each batch dear.
func TestHoldsOnOthers(t *testing.T) {
	s := &counting{Store: memory()}
	w := newWorld(t, s)
	ann := w.user("ann")
	for i := range 100 {
		_, err := w.S.AddHold(ctx, chatadmin.Hold{User: w.user(fmt.Sprint("held", i)).ID, Reason: "lawsuit"})
		require.NoError(t, err)
	}
	p, err := w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID}, nil)
	require.NoError(t, err)
	s.counts = 0
	_, err = w.d.Apply(ctx, w.S, p, reason, nil)
	require.NoError(t, err)
	require.Less(t, s.counts, 50)
}

// A hold that cannot be read may cover the user: nobody is deleted.
func TestDamagedHold(t *testing.T) {
	for _, data := range []string{`{}`, `null`, `{"v":2,"user":"u"}`, `{"v":1,"us`, `{"v":1,"id":"h","user":[]}`} {
		w := newWorld(t, memory())
		ann := w.user("ann")
		left := w.interrupted("left")
		w.PutRecord(storage.Record{Key: storage.Key{Kind: "hold", Domain: w.Domain, ID: "h"}, Data: []byte(data)})
		w.blocked(w.S, nil, "hold", chatadmin.ErrHeld, ann.ID)
		_, err := w.d.Resume(ctx, w.Host, left, nil)
		require.ErrorIs(t, err, chatadmin.ErrHeld)
		_, err = w.S.ReleaseHold(ctx, "h")
		require.NoError(t, err)
		_, err = w.d.Resume(ctx, w.Host, left, nil)
		require.NoError(t, err)
	}
}
