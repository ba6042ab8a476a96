package chatadmin

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"chatadmin.example/sdk/chatadmin/storage"
)

// A user who is being deleted is hidden from every list, count and look-up, but
// from actors who may delete users: they have to see how far it is.

// User reads one user. It needs PermUsersRead, but for oneself. A user who is
// being deleted is not found, except by actors with PermUsersDelete; nor is
// such a manager named.
func (s *Scope) User(ctx context.Context, id ID) (User, error) {
	need := PermUsersRead
	if id == s.actor {
		need = ""
	}
	_, _, _, role, err := s.authorize(ctx, s.admin.store, need)
	if err != nil {
		return User{}, err
	}
	us, err := s.admin.store.Users(ctx, s.domain, []ID{id})
	us, err = s.visibleUsers(ctx, role, us, err)
	return one(us, err, "user", string(id))
}

// UserByLogin reads one user by login, as User does; case, surrounding space
// and Unicode variants do not matter. It needs PermUsersRead.
func (s *Scope) UserByLogin(ctx context.Context, login string) (User, error) {
	_, _, _, role, err := s.authorize(ctx, s.admin.store, PermUsersRead)
	if err != nil {
		return User{}, err
	}
	us, err := s.admin.store.UsersByLogin(ctx, s.domain, []string{Fold(login)})
	us, err = s.visibleUsers(ctx, role, us, err)
	return one(us, err, "user", login)
}

// Users lists users; q.Domain is set by the scope. q.Search finds any part of
// name, login and e-mail address; case, accents and repeated spaces do not
// matter. Case, Unicode variants and leading space of q.Prefix do not matter.
// Users who are being deleted are left out unless q asks for them, which needs
// PermUsersDelete. It needs PermUsersRead.
func (s *Scope) Users(ctx context.Context, q UserQuery) iter.Seq2[User, error] {
	return s.users(q).all(ctx)
}

// UsersPage returns one page of Users, at most p.Limit (see CheckPage), and the
// cursor of the next one; "" is the end. A page may be short although more
// follow.
func (s *Scope) UsersPage(ctx context.Context, q UserQuery, p Page) ([]User, Cursor, error) {
	return s.users(q).one(ctx, p)
}

func (s *Scope) users(q UserQuery) listing[User] {
	q.Domain, q.Prefix, q.Search = s.domain, foldPrefix(q.Prefix), storage.FoldSearch(q.Search)
	var role Role
	return listing[User]{
		func(ctx context.Context) (err error) {
			if _, _, _, role, err = s.authorize(ctx, s.admin.store, PermUsersRead); err == nil && q.WithDeleting {
				err = require(role, PermUsersDelete)
			}
			return err
		},
		func(ctx context.Context, p Page) ([]User, Cursor, error) {
			us, next, err := s.admin.store.ListUsers(ctx, q, p)
			us, err = s.visibleUsers(ctx, role, us, err)
			return us, next, err
		},
	}
}

// foldPrefix folds the beginning of a name or login. A blank at its end is the
// end of a word, and stays.
func foldPrefix(prefix string) string {
	folded := Fold(prefix)
	if folded != "" && strings.HasSuffix(prefix, " ") {
		folded += " "
	}
	return folded
}

// visibleUsers leaves out of some users those who are being deleted, and out of
// the others the managers who are.
func (s *Scope) visibleUsers(ctx context.Context, role Role, us []User, err error) ([]User, error) {
	if err != nil || role.May(PermUsersDelete) {
		return us, err
	}
	us = slices.DeleteFunc(us, func(u User) bool { return u.Deleting })
	var managers []ID
	for _, u := range us {
		if u.Manager != "" {
			managers = append(managers, u.Manager)
		}
	}
	if len(managers) == 0 {
		return us, nil
	}
	gone, err := s.deleting(ctx, unique(managers))
	if err != nil {
		return nil, err
	}
	for i := range us {
		if gone[us[i].Manager] {
			us[i].Manager = ""
		}
	}
	return us, nil
}

// deleting are those of at most MaxBatch users who are being deleted.
func (s *Scope) deleting(ctx context.Context, ids []ID) (map[ID]bool, error) {
	us, err := s.admin.store.Users(ctx, s.domain, ids)
	if err != nil {
		return nil, err
	}
	gone := map[ID]bool{}
	for _, u := range us {
		if u.Deleting {
			gone[u.ID] = true
		}
	}
	return gone, nil
}

// seen refuses to tell about a user who is being deleted, as if there were
// none.
func (s *Scope) seen(ctx context.Context, role Role, user ID) error {
	if role.May(PermUsersDelete) {
		return nil
	}
	gone, err := s.deleting(ctx, []ID{user})
	if err == nil && gone[user] {
		err = noUser(user)
	}
	return err
}

// Groups lists groups by name; q.Domain is set by the scope. q.Search finds any
// part of the name; case, accents and repeated spaces do not matter. Case,
// Unicode variants and leading space of q.Prefix do not matter. Archived groups
// are among them unless q leaves them out. Groups that are being deleted are
// left out unless q asks for them, which needs PermGroups. It needs
// PermUsersRead.
func (s *Scope) Groups(ctx context.Context, q GroupQuery) iter.Seq2[Group, error] {
	return s.groups(q).all(ctx)
}

// GroupsPage returns one page of Groups, at most p.Limit (see CheckPage), and
// the cursor of the next one; "" is the end. A page may be short although more
// follow.
func (s *Scope) GroupsPage(ctx context.Context, q GroupQuery, p Page) ([]Group, Cursor, error) {
	return s.groups(q).one(ctx, p)
}

func (s *Scope) groups(q GroupQuery) listing[Group] {
	q.Domain, q.Prefix, q.Search = s.domain, foldPrefix(q.Prefix), storage.FoldSearch(q.Search)
	return listing[Group]{
		func(ctx context.Context) error {
			_, _, _, role, err := s.authorize(ctx, s.admin.store, PermUsersRead)
			if err == nil && q.WithDeleting {
				err = require(role, PermGroups)
			}
			return err
		},
		func(ctx context.Context, p Page) ([]Group, Cursor, error) { return s.admin.store.ListGroups(ctx, q, p) },
	}
}

// Members lists who is in a group, by user ID, but for users who are being
// deleted. Every member may; others need PermUsersRead.
func (s *Scope) Members(ctx context.Context, group ID) iter.Seq2[Membership, error] {
	return s.members(group).all(ctx)
}

// MembersPage returns one page of Members, at most p.Limit (see CheckPage), and
// the cursor of the next one; "" is the end. A page may be short although more
// follow.
func (s *Scope) MembersPage(ctx context.Context, group ID, p Page) ([]Membership, Cursor, error) {
	return s.members(group).one(ctx, p)
}

// GroupMember is a member of a group as the other members see them.
type GroupMember struct {
	Membership
	Name string // User.DisplayName
}

// GroupMembersPage is MembersPage with the names of the members, which need no
// further permission: the people of a group know each other.
func (s *Scope) GroupMembersPage(ctx context.Context, group ID, p Page) ([]GroupMember, Cursor, error) {
	ms, next, err := s.MembersPage(ctx, group, p)
	if err != nil || len(ms) == 0 {
		return nil, next, err
	}
	ids := make([]ID, len(ms))
	for i, m := range ms {
		ids[i] = m.User
	}
	us, err := s.admin.store.Users(ctx, s.domain, ids)
	if err != nil {
		return nil, "", err
	}
	names := map[ID]string{}
	for _, u := range us {
		names[u.ID] = u.DisplayName
	}
	page := make([]GroupMember, len(ms))
	for i, m := range ms {
		page[i] = GroupMember{m, names[m.User]}
	}
	return page, next, nil
}

func (s *Scope) members(group ID) listing[Membership] {
	q := storage.MemberQuery{Domain: s.domain, Group: group}
	return listing[Membership]{
		func(ctx context.Context) error { return s.viewGroup(ctx, group) },
		func(ctx context.Context, p Page) ([]Membership, Cursor, error) {
			return s.presentMembers(s.admin.store, ctx, q, p)
		},
	}
}

// presentMembers is a page of memberships without those of users who are being
// deleted.
func (s *Scope) presentMembers(r storage.Reader, ctx context.Context, q storage.MemberQuery, p Page) ([]Membership, Cursor, error) {
	ms, next, err := r.ListMemberships(ctx, q, p)
	if err != nil || len(ms) == 0 {
		return nil, next, err
	}
	ids := make([]ID, len(ms))
	for i, m := range ms {
		ids[i] = m.User
	}
	gone, err := s.deleting(ctx, ids)
	if err != nil {
		return nil, "", err
	}
	return slices.DeleteFunc(ms, func(m Membership) bool { return gone[m.User] }), next, nil
}

// GroupsOf lists in which groups a user is, by group ID. It needs
// PermUsersRead, but for oneself. A user who is being deleted is in none,
// except for actors with PermUsersDelete.
func (s *Scope) GroupsOf(ctx context.Context, user ID) iter.Seq2[Membership, error] {
	need := PermUsersRead
	if user == s.actor {
		need = ""
	}
	var role Role
	may := func(ctx context.Context) (err error) {
		_, _, _, role, err = s.authorize(ctx, s.admin.store, need)
		return err
	}
	list := func(r storage.Reader, ctx context.Context, q storage.MemberQuery, p Page) ([]Membership, Cursor, error) {
		if role.May(PermUsersDelete) {
			return r.ListMemberships(ctx, q, p)
		}
		return s.presentMembers(r, ctx, q, p)
	}
	return each(ctx, s, may, storage.MemberQuery{Domain: s.domain, User: user}, list)
}

// CountMembers counts who is in a group, as Members lists them. Every member
// may; others need PermUsersRead.
func (s *Scope) CountMembers(ctx context.Context, group ID) (int64, error) {
	if err := s.viewGroup(ctx, group); err != nil {
		return 0, err
	}
	q := storage.MemberQuery{Domain: s.domain, Group: group}
	n, err := s.admin.store.CountMemberships(ctx, q)
	if err != nil || n > MaxBatch {
		return s.countPresent(ctx, group, n, err)
	}
	n = 0 // few: they are looked at one by one
	for p := (Page{Limit: MaxBatch}); ; {
		ms, next, err := s.presentMembers(s.admin.store, ctx, q, p)
		if err != nil {
			return 0, err
		}
		n += int64(len(ms))
		if p.After = next; next == "" {
			return n, nil
		}
	}
}

// countPresent counts the members of a large group by the users of the domain,
// among whom the store leaves out those who are being deleted. all is how many
// memberships there are.
func (s *Scope) countPresent(ctx context.Context, group ID, all int64, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	users, err := s.admin.store.CountUsers(ctx, UserQuery{Domain: s.domain})
	if err != nil {
		return 0, err
	}
	others, err := s.admin.store.CountUsers(ctx, UserQuery{Domain: s.domain, NotMemberOf: group})
	if err != nil {
		return 0, fmt.Errorf("members of group %s: %w", group, err)
	}
	return min(max(users-others, 0), all), nil
}
