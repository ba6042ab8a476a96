package chatadmin_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
)

// posting is a state in which somebody wants to post.
type posting struct {
	suspended, denied, deleting, archived, admins, unread bool
	status                                                chatadmin.Status
	member, groupAdmin, domainAdmin                       bool
}

// want says it in another way than the code: by what each answer needs.
func (p posting) want() chatadmin.PostDecision {
	access := p.status != chatadmin.Deactivated && !p.denied && !p.deleting
	admin := p.groupAdmin || p.domainAdmin
	for _, c := range []struct {
		d  chatadmin.PostDecision
		is bool
	}{
		{chatadmin.PostAllowed, !p.suspended && access && p.member && !p.archived && (!p.admins && !p.unread || admin)},
		{chatadmin.PostAdminsOnly, !p.suspended && access && p.member && !p.archived},
		{chatadmin.PostArchived, !p.suspended && access && p.member},
		{chatadmin.PostNotMember, !p.suspended && access},
		{chatadmin.PostNoAccess, !p.suspended},
	} {
		if c.is {
			return c.d
		}
	}
	return chatadmin.PostSuspended
}

// postings are all states that there can be.
func postings() []posting {
	all := []posting{{status: chatadmin.Pending}, {status: chatadmin.Active}, {status: chatadmin.Deactivated}}
	for _, set := range []func(*posting){
		func(p *posting) { p.suspended = true },
		func(p *posting) { p.denied = true },
		func(p *posting) { p.deleting = true },
		func(p *posting) { p.archived = true },
		func(p *posting) { p.admins = true },
		func(p *posting) { p.unread = true },
		func(p *posting) { p.member = true },
		func(p *posting) { p.groupAdmin = true },
		func(p *posting) { p.domainAdmin = true },
	} {
		for _, p := range all {
			set(&p)
			all = append(all, p)
		}
	}
	return all
}

func TestMayPost(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	ann, g := w.User("ann@acme.example"), w.Group("G")
	counts := map[chatadmin.PostDecision]int{}
	for _, p := range postings() {
		if p.groupAdmin && !p.member {
			continue
		}
		w.stage(ann.ID, g.ID, p)
		d, err := w.Host.MayPost(ctx, g.ID, ann.ID)
		require.NoError(t, err)
		require.Equal(t, p.want(), d, "%+v", p)
		require.Equal(t, d == chatadmin.PostAllowed, d.Allowed())
		require.Equal(t, d.Allowed(), d.Message() == "")
		counts[d]++
	}
	require.Len(t, counts, 6, "every answer is given: %v", counts)
	require.False(t, chatadmin.PostDecision("").Allowed())
}

// stage writes rows that are in a state.
func (w *world) stage(user, group chatadmin.ID, p posting) {
	w.T.Helper()
	require.NoError(w.T, w.Store.Update(ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
		us, err := tx.Users(ctx, w.Domain, []chatadmin.ID{user})
		require.NoError(w.T, err)
		gs, err := tx.Groups(ctx, w.Domain, []chatadmin.ID{group})
		require.NoError(w.T, err)
		ms, err := tx.Memberships(ctx, w.Domain, []storage.Pair{{Group: group, User: user}})
		require.NoError(w.T, err)
		ds, err := tx.Domains(ctx, []chatadmin.ID{w.Domain})
		require.NoError(w.T, err)

		u := storage.Write[chatadmin.User]{Row: us[0], Was: us[0].Rev}
		u.Row.Rev, u.Row.Status, u.Row.Denied, u.Row.Deleting, u.Row.Admin = u.Was+1, p.status, p.denied, p.deleting, p.domainAdmin
		g := storage.Write[chatadmin.Group]{Row: gs[0], Was: gs[0].Rev}
		g.Row.Rev, g.Row.Archived, g.Row.Data = g.Was+1, p.archived, []byte(`{"v":1,"posting":"everybody"}`)
		if p.admins {
			g.Row.Data = []byte(`{"v":1,"posting":"admins"}`)
		}
		if p.unread {
			g.Row.Data = []byte(`{"v":1,"pos`)
		}
		set, err := chatadmin.SettingsOf(ds[0])
		require.NoError(w.T, err)
		d := storage.Write[chatadmin.Domain]{Row: ds[0], Was: ds[0].Rev}
		set.State = chatadmin.DomainActive
		if p.suspended {
			set.State = chatadmin.DomainSuspended
		}
		d.Row.Rev = d.Was + 1
		d.Row.Data, err = json.Marshal(set)
		require.NoError(w.T, err)
		var m []storage.Write[chatadmin.Membership]
		for _, is := range ms {
			m = append(m, storage.Write[chatadmin.Membership]{Row: is, Was: is.Rev, Delete: true})
		}
		for _, f := range []func() ([]storage.Conflict, error){
			func() ([]storage.Conflict, error) { return tx.ChangeMemberships(ctx, m) },
			func() ([]storage.Conflict, error) {
				if !p.member {
					return nil, nil
				}
				m := chatadmin.Membership{Domain: w.Domain, Group: group, User: user, Rev: u.Row.Rev, Admin: p.groupAdmin}
				live := u
				live.Row.Deleting = false // nothing is put below whom is being deleted
				if c, err := tx.ChangeUsers(ctx, []storage.Write[chatadmin.User]{live}); len(c) > 0 || err != nil {
					return c, err
				}
				u.Was, u.Row.Rev = live.Row.Rev, live.Row.Rev+1
				return tx.ChangeMemberships(ctx, []storage.Write[chatadmin.Membership]{{Row: m}})
			},
			func() ([]storage.Conflict, error) { return tx.ChangeUsers(ctx, []storage.Write[chatadmin.User]{u}) },
			func() ([]storage.Conflict, error) { return tx.ChangeGroups(ctx, []storage.Write[chatadmin.Group]{g}) },
			func() ([]storage.Conflict, error) {
				return tx.ChangeDomains(ctx, []storage.Write[chatadmin.Domain]{d})
			},
		} {
			conflicts, err := f()
			require.NoError(w.T, err)
			require.Empty(w.T, conflicts)
		}
		return nil
	}))
}

// A member asks about themselves; who cannot read groups does not learn which
// there are.
func TestMayPostOneself(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	ann, other := w.User("ann@acme.example"), w.User("other@acme.example")
	g, shut := w.Group("G"), w.Group("Shut")
	_, err := w.S.AddMembers(ctx, g.ID, ann.ID)
	require.NoError(t, err)
	_, err = w.S.ArchiveGroup(ctx, shut.ID)
	require.NoError(t, err)
	s := w.As(ann)
	for group, want := range chatadmintest.InOrder(map[chatadmin.ID]chatadmin.PostDecision{g.ID: chatadmin.PostAllowed, shut.ID: chatadmin.PostNotMember, "none": chatadmin.PostNotMember}) {
		d, err := s.MayPost(ctx, group, ann.ID)
		require.NoError(t, err)
		require.Equal(t, want, d)
	}
	_, err = s.MayPost(ctx, g.ID, other.ID)
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	for _, ids := range [][2]chatadmin.ID{{"none", ann.ID}, {g.ID, "nobody"}} {
		d, err := w.S.MayPost(ctx, ids[0], ids[1])
		require.ErrorIs(t, err, chatadmin.ErrNotFound)
		require.False(t, d.Allowed())
	}
	w.PutUser(ann.ID, func(u *chatadmin.User) { u.Denied = true })
	d, err := s.MayPost(ctx, g.ID, ann.ID)
	require.ErrorIs(t, err, chatadmin.ErrActor)
	require.False(t, d.Allowed())
}
