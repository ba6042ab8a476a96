package chatadmin_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
)

func TestMembers(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	ids := w.users(5)
	g := w.Group("G")
	n, err := w.S.AddMembers(ctx, g.ID, ids[0], ids[1], ids[0])
	require.NoError(t, err)
	require.Equal(t, 2, n)
	n, err = w.S.AddMembers(ctx, g.ID, ids[1], ids[2])
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, sorted(w.Boss.ID, ids[0], ids[1], ids[2]), w.Members(g.ID))
	n, err = w.S.RemoveMembers(ctx, g.ID, ids[1], ids[4])
	require.NoError(t, err)
	require.Equal(t, 1, n)
	before := len(w.Events(""))
	n, err = w.S.RemoveMembers(ctx, g.ID, ids[1])
	require.NoError(t, err)
	require.Zero(t, n)
	require.Len(t, w.Events(""), before, "nothing changed, nothing to audit")
	_, err = w.S.AddMembers(ctx, g.ID, ids[3], "nobody")
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
	require.NotContains(t, w.Members(g.ID), ids[3], "all or none")
	for _, bad := range [][]chatadmin.ID{nil, make([]chatadmin.ID, chatadmin.MaxBatch+1)} {
		_, err = w.S.AddMembers(ctx, g.ID, bad...)
		require.ErrorIs(t, err, chatadmin.ErrInvalid)
	}
	w.PutUser(ids[4], func(u *chatadmin.User) { u.Deleting = true })
	_, err = w.S.AddMembers(ctx, g.ID, ids[4])
	require.ErrorIs(t, err, chatadmin.ErrTransition)
}

// An admin of a group administers it, and has no power over a domain admin who
// is in it.
// Several fields of a group change together or not at all.
func TestEditGroup(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	g, _ := w.Group("Chess"), w.Group("Go")
	name, taken, posting, none := "Checkers", "GO", chatadmin.AdminsPost, chatadmin.Posting("nobody")
	_, err := w.S.EditGroup(ctx, g.ID, chatadmin.GroupEdit{Name: &taken, Posting: &posting})
	require.ErrorIs(t, err, chatadmin.ErrExists)
	_, err = w.S.EditGroup(ctx, g.ID, chatadmin.GroupEdit{Name: &name, Posting: &none})
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	same, err := w.S.Group(ctx, g.ID)
	require.NoError(t, err)
	require.Equal(t, g, same)
	edited, err := w.S.EditGroup(ctx, g.ID, chatadmin.GroupEdit{Name: &name, Posting: &posting})
	require.NoError(t, err)
	set, err := chatadmin.GroupSettingsOf(edited)
	require.NoError(t, err)
	require.Equal(t, []string{"Checkers", "admins"}, []string{edited.Name, string(set.Posting)})
	require.Len(t, w.Events(chatadmin.KindGroupEdit)[0].Changes[g.ID], 2, "one event has both")
	_, err = w.S.EditGroup(ctx, g.ID, chatadmin.GroupEdit{})
	require.NoError(t, err)
	require.Len(t, w.Events(chatadmin.KindGroupEdit), 1)
}

// Members know the names of each other, without a permission for the list of
// users.
func TestGroupMembersPage(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	g, ann, ben := w.Group("Chess"), w.User("ann@acme.example"), w.User("ben@acme.example")
	_, err := w.S.AddMembers(ctx, g.ID, ann.ID)
	require.NoError(t, err)
	names := map[string]bool{}
	for p := (chatadmin.Page{Limit: 1}); ; {
		ms, next, err := w.As(ann).GroupMembersPage(ctx, g.ID, p)
		require.NoError(t, err)
		for _, m := range ms {
			names[m.Name] = m.Admin
		}
		if p.After = next; next == "" {
			break
		}
	}
	require.Equal(t, map[string]bool{w.Boss.DisplayName: true, ann.DisplayName: false}, names)
	_, _, err = w.As(ben).GroupMembersPage(ctx, g.ID, chatadmin.Page{})
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
}

func TestGroupAdminBelowDomainAdmin(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	ids := w.users(3)
	g := w.Group("G")
	_, err := w.S.AddMembers(ctx, g.ID, ids...)
	require.NoError(t, err)
	require.NoError(t, w.S.SetGroupAdmin(ctx, g.ID, true, ids[0]))
	s := w.Admin.As(w.Domain, ids[0])
	_, err = s.RemoveMembers(ctx, g.ID, w.Boss.ID)
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	require.ErrorIs(t, s.SetGroupAdmin(ctx, g.ID, false, w.Boss.ID), chatadmin.ErrForbidden)
	require.NoError(t, w.S.SetGroupAdmin(ctx, g.ID, false, w.Boss.ID))
	require.ErrorIs(t, s.SetGroupAdmin(ctx, g.ID, true, w.Boss.ID), chatadmin.ErrForbidden, "nor is it given to them")
	_, err = s.RemoveMembers(ctx, g.ID, ids[1], w.Boss.ID)
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	require.Contains(t, w.Members(g.ID), ids[1])
	_, err = s.RemoveMembers(ctx, g.ID, ids[1])
	require.NoError(t, err)
	require.NoError(t, s.SetGroupAdmin(ctx, g.ID, true, ids[2]))
	require.NoError(t, s.SetGroupAdmin(ctx, g.ID, false, ids[0]), "they may step down")
	require.ErrorIs(t, s.SetGroupAdmin(ctx, g.ID, true, ids[0]), chatadmin.ErrForbidden)
	require.ErrorIs(t, w.S.SetGroupAdmin(ctx, g.ID, true, ids[1]), chatadmin.ErrNotFound, "not a member any more")
}

func TestGroupNames(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	for _, bad := range []string{"", " \t", "a\nb", "a\x00b", string(make([]byte, 300)), "\xff"} {
		_, err := w.S.CreateGroup(ctx, bad)
		require.ErrorIs(t, err, chatadmin.ErrInvalid, "%q", bad)
	}
	g := w.Group("Ünïcode")
	require.Equal(t, w.Boss.ID, g.Creator)
	_, err := w.S.RenameGroup(ctx, g.ID, "")
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	_, err = w.S.SetPosting(ctx, g.ID, "nobody")
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	before := len(w.Events(""))
	_, err = w.S.SetPosting(ctx, g.ID, chatadmin.EverybodyPosts)
	require.NoError(t, err)
	require.Len(t, w.Events(""), before)
}

func TestDeleteGroup(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	ids := w.users(1500)
	g, keep := w.Group("G"), w.Group("Keep")
	for _, batch := range [][]chatadmin.ID{ids[:1000], ids[1000:]} {
		_, err := w.S.AddMembers(ctx, g.ID, batch...)
		require.NoError(t, err)
	}
	_, err := w.S.AddMembers(ctx, keep.ID, ids[0])
	require.NoError(t, err)
	w.content(g.ID, ids[0], 12500)
	w.content(keep.ID, ids[0], 7)

	p, err := w.S.PlanDeleteGroup(ctx, g.ID)
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"members": 1501, "messages": 6250, "files": 6250}, p.Counts)

	// Interrupted after every batch: hidden from the first moment on, gone in
	// the end.
	c, cancel := context.WithCancel(ctx)
	job, err := w.S.ApplyDeleteGroup(c, p, func(chatadmin.Progress) { cancel() })
	require.ErrorIs(t, err, context.Canceled)
	_, err = w.S.AddMembers(ctx, g.ID, w.User("late@acme.example").ID)
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
	_, err = w.S.Group(ctx, g.ID)
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
	for n := 0; ; n++ {
		require.Less(t, n, 12)
		c, cancel := context.WithCancel(ctx)
		done, err := w.S.ResumeDeleteGroup(c, job.ID, func(chatadmin.Progress) { cancel() })
		if cancel(); err == nil || done.State == chatadmin.RunDone {
			require.EqualValues(t, 1501+12500, done.Done, "as planned")
			break
		}
	}
	gs, err := w.Store.Groups(ctx, w.Domain, []chatadmin.ID{g.ID})
	require.NoError(t, err)
	require.Empty(t, gs)
	require.Empty(t, w.Members(g.ID))
	left, err := w.Store.CountContent(ctx, storage.ContentQuery{Domain: w.Domain, Containers: []chatadmin.ID{g.ID}})
	require.NoError(t, err)
	require.Zero(t, left)
	kept, err := w.Store.CountContent(ctx, storage.ContentQuery{Domain: w.Domain, Containers: []chatadmin.ID{keep.ID}})
	require.NoError(t, err)
	require.EqualValues(t, storage.ContentCount{Messages: 4, Files: 3}, kept)

	w.Blobs.FailNext(fmt.Errorf("the blob store was away for a moment"))
	n, err := w.Admin.ReleaseBlobs(ctx, w.Domain)
	require.NoError(t, err)
	require.Equal(t, 6250, n)
	require.Len(t, w.Blobs.Deleted(), 6250)
}

// A group admin deletes their group: their own membership, which gives them the
// right, goes last.
func TestGroupAdminDeletesGroup(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	ids := w.users(1200)
	s := w.Admin.As(w.Domain, ids[600])
	g, err := s.CreateGroup(ctx, "Mine")
	require.NoError(t, err)
	for _, batch := range [][]chatadmin.ID{ids[:1000], ids[1000:]} {
		_, err = s.AddMembers(ctx, g.ID, batch...)
		require.NoError(t, err)
	}
	p, err := s.PlanDeleteGroup(ctx, g.ID)
	require.NoError(t, err)
	_, err = s.ApplyDeleteGroup(ctx, p, nil)
	require.NoError(t, err)
	require.Empty(t, w.Members(g.ID))
	_, err = s.Group(ctx, g.ID)
	require.Error(t, err)
}

// content writes n messages and files, by turns, into a group.
func (w *world) content(group, author chatadmin.ID, n int) {
	w.T.Helper()
	for from := 0; from < n; from += chatadmin.MaxBatch {
		rows := make([]storage.Content, 0, chatadmin.MaxBatch)
		for i := from; i < min(from+chatadmin.MaxBatch, n); i++ {
			c := storage.Content{ID: w.Admin.NewID(), Domain: w.Domain, Container: group, Author: author, Kind: storage.Message, At: w.Clock.Now().Add(time.Duration(i) * time.Millisecond)}
			if i%2 == 1 {
				c.Kind, c.Blob = storage.File, fmt.Sprintf("blob/%s/%d", group, i)
			}
			rows = append(rows, c)
		}
		require.NoError(w.T, w.Store.Update(ctx, storage.Fence{Domain: w.Domain, Mode: storage.Shared}, func(ctx context.Context, tx storage.Tx) error {
			conflicts, err := tx.InsertContent(ctx, rows)
			if len(conflicts) > 0 {
				return fmt.Errorf("%v", conflicts)
			}
			return err
		}))
	}
}

// afterCommit does something when a transaction is committed.
type afterCommit struct {
	chatadmin.Store
	then func() error
}

func (a *afterCommit) Update(ctx context.Context, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	if err := a.Store.Update(ctx, fence, f); err != nil {
		return err
	}
	return a.then()
}

// Whatever happens once the job of a group is written, the caller learns by
// which ID it is resumed.
func TestGroupJobInterrupted(t *testing.T) {
	type progress = func(chatadmin.Progress)
	for name, job := range map[string]struct {
		plan   func(*chatadmin.Scope, context.Context, chatadmin.ID) (*chatadmin.Plan, error)
		apply  func(*chatadmin.Scope, context.Context, *chatadmin.Plan, progress) (chatadmin.Run, error)
		resume func(*chatadmin.Scope, context.Context, chatadmin.ID, progress) (chatadmin.Run, error)
	}{
		"default": {(*chatadmin.Scope).PlanDefaultGroup, (*chatadmin.Scope).ApplyDefaultGroup, (*chatadmin.Scope).ResumeDefaultGroup},
		"delete":  {(*chatadmin.Scope).PlanDeleteGroup, (*chatadmin.Scope).ApplyDeleteGroup, (*chatadmin.Scope).ResumeDeleteGroup},
	} {
		for how, unconfirmed := range map[string]error{"cancelled": nil, "not confirmed": chatadmin.ErrCommitUnknown} {
			t.Run(name+", "+how, func(t *testing.T) {
				w := newWorld(t, chatadmin.OfficeChat)
				g := w.Group("G")
				p, err := job.plan(w.S, ctx, g.ID)
				require.NoError(t, err)
				cut, cancel := context.WithCancel(ctx)
				admin := chatadmintest.Must(chatadmin.New(&afterCommit{w.Store, func() error { cancel(); return unconfirmed }}, &chatadmin.Options{Now: w.Clock.Now}))
				begun, err := job.apply(admin.As(w.Domain, w.Boss.ID), cut, p, nil)
				require.ErrorIs(t, err, context.Canceled)
				done, err := job.resume(w.S, ctx, begun.ID, nil)
				require.NoError(t, err)
				require.Equal(t, chatadmin.RunDone, done.State)
				again, err := job.apply(w.S, ctx, p, nil)
				require.Error(t, err)
				require.Zero(t, again, "nothing was begun")
			})
		}
	}
}
