package signin

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// LockedUser is a user who is locked out by failed sign-ins.
type LockedUser struct {
	User        chatadmin.ID
	Login, Name string
	Kind        chatadmin.Kind
	Status      chatadmin.Status
	Role        string
	Lock
}

// LockedQuery narrows a list of locked users. Zero fields do not narrow it.
type LockedQuery struct {
	Search string // any part of name, login or e-mail address
	Kinds  []chatadmin.Kind
	Role   string // the ID of a role
}

// LockedUsers lists the users who are locked, as Locks tells of given ones: at
// first those whom only Unlock lets in again, then the others, whose lock lifts
// last first. It reads only the locks that have not lifted, so it is quick in a
// large domain too.
//
// A lock is listed when it has been written. If the limit was lowered below a
// user's failures, or attempts were abandoned, that is at the next attempt. A
// user whose record cannot be read is locked as well, and is listed only if it
// held a lock: see chatadmin.Scope.Damaged. Users who are being deleted are left
// out. It needs chatadmin.PermUsersRead.
func (g *Gate) LockedUsers(ctx context.Context, s *chatadmin.Scope, q LockedQuery) iter.Seq2[LockedUser, error] {
	return pages(func(p chatadmin.Page) ([]LockedUser, chatadmin.Cursor, error) { return g.LockedUsersPage(ctx, s, q, p) })
}

// LockedUsersPage returns one page of LockedUsers, at most p.Limit (see
// chatadmin.CheckPage), and the cursor of the next one; "" is the end. A page
// may be short although more follow.
func (g *Gate) LockedUsersPage(ctx context.Context, s *chatadmin.Scope, q LockedQuery, p chatadmin.Page) ([]LockedUser, chatadmin.Cursor, error) {
	if err := named(s); err != nil {
		return nil, "", err
	}
	_, set, err := s.View(ctx, chatadmin.PermUsersRead)
	if err != nil {
		return nil, "", err
	}
	policy, err := g.policy(&set)
	if err != nil {
		return nil, "", err
	}
	q.Search = storage.FoldSearch(q.Search)
	return chatadmin.FillPage(p, func(p chatadmin.Page) ([]LockedUser, chatadmin.Cursor, error) {
		return g.lockedUsers(ctx, s.Domain(), policy, q, p)
	})
}

func (g *Gate) lockedUsers(ctx context.Context, domain chatadmin.ID, policy Policy, q LockedQuery, p chatadmin.Page) ([]LockedUser, chatadmin.Cursor, error) {
	rs, next, err := g.admin.Store().ListRecords(ctx, storage.RecordQuery{Kind: locks.Name, Domain: domain, DueBy: newestFirst(g.admin.Now())}, p)
	if err != nil {
		return nil, "", err
	}
	var ids []chatadmin.ID
	for _, r := range rs {
		if r.Owner != "" { // nobody owns the lock of a login that nobody has
			ids = append(ids, r.Owner)
		}
	}
	if len(ids) == 0 {
		return nil, next, nil
	}
	us, err := g.admin.Store().Users(ctx, domain, ids)
	if err != nil {
		return nil, "", err
	}
	byID := make(map[chatadmin.ID]*chatadmin.User, len(us))
	for i := range us {
		byID[us[i].ID] = &us[i]
	}
	var rows []LockedUser
	for _, r := range rs {
		u := byID[r.Owner]
		if u == nil || u.Deleting || len(q.Kinds) > 0 && !slices.Contains(q.Kinds, u.Kind) || q.Role != "" && u.Role != q.Role ||
			!strings.Contains(u.SearchText(), q.Search) {
			continue
		}
		e := locks.New(domain, r.ID, r.Owner, state{})
		if e.Value, err = locks.Decode(r); err != nil {
			errors.As(err, &e.Damaged)
		}
		if lock := g.lockOf(&e, policy, u.Admin); lock.Locked {
			rows = append(rows, LockedUser{User: u.ID, Login: u.Login, Name: u.DisplayName, Kind: u.Kind, Status: u.Status, Role: u.Role, Lock: lock})
		}
	}
	return rows, next, nil
}

// listedAt is the Due of the record, by which one indexed read finds the locks
// that have not lifted; the zero time: it is none. A lock that lifts is due at
// newestFirst of that time, and one that does not before all others.
func (s *state) listedAt() time.Time {
	switch {
	case !s.Locked:
		return time.Time{}
	case s.Until.IsZero():
		return turned
	}
	return newestFirst(s.Until)
}
