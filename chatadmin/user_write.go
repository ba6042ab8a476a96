package chatadmin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

// UserWrite is one user as read in this transaction (zero: to be created, with
// an ID already made) and as it shall be.
type UserWrite struct {
	Was User
	Now PreparedUser
}

// WriteUsers writes at most MaxBatch users, and is the only way in which users
// are written. It checks that the actor may act on each of them and grant what
// roles change, keeps the last admin and the manager graph, makes whoever joins
// a member of the default groups, ends invitations with the access, runs the
// OnUserChange functions and records one event that names them all. Users who
// would not change are not written; with nothing to write there is no event.
// Afterwards Now of each is the user as written. A login taken by somebody else
// is a *TakenError, managers that cannot be so are a *ManagerError, and with
// the latter nothing was written yet; a user whom the database refuses is a
// *RefusedError; a user changed since it was read is ErrRetry.
func (w *Writer) WriteUsers(ctx context.Context, kind string, writes []UserWrite) error {
	// rows are large: they are passed by reference wherever a thousand of them
	// go
	changed := make([]*UserWrite, 0, len(writes))
	highest := storage.Rev(0)
	for i := range writes {
		x := &writes[i]
		if !x.Changes() {
			continue
		}
		changed = append(changed, x)
		highest = max(highest, x.Was.Rev)
		now := &x.Now.user
		now.Domain, now.Created = w.scope.domain, x.Was.Created
		if x.Was.ID == "" {
			now.Created = w.now
		}
		if err := w.mayChange(x); err != nil {
			return err
		}
	}
	if len(changed) == 0 {
		return nil
	}
	if err := w.checkManagers(ctx, changed); err != nil {
		return err
	}
	rev, err := w.NextRev(highest)
	if err != nil {
		return err
	}
	rows := make([]storage.Write[User], len(changed))
	targets := make([]ID, len(changed))
	for i, x := range changed {
		x.Now.user.Rev = rev
		rows[i].Row, rows[i].Was = x.Now.user, x.Was.Rev
		targets[i] = x.Now.user.ID
	}
	conflicts, err := w.ChangeUsers(ctx, rows)
	if err != nil {
		return refusedUser(rows, err)
	}
	if err := userConflict(rows, conflicts); err != nil {
		return err
	}
	var diff []FieldChange
	w.record(kind, targets, len(targets), func(i int) []FieldChange {
		diff = diffUser(diff[:0], &changed[i].Was, &changed[i].Now.user)
		diff = w.scope.admin.diffPreferences(diff, &changed[i].Was, &changed[i].Now.user)
		return diff
	}, nil)
	return w.afterUsers(ctx, changed)
}

// mayChange authorises one write.
func (w *Writer) mayChange(x *UserWrite) error {
	was, now := &x.Was, &x.Now.user
	if now.ID == "" || was.ID != "" && was.ID != now.ID {
		return fmt.Errorf("the user %q is written without an ID, or with another one's: %w", Cut(now.Login), ErrInvalid)
	}
	if was.ID != "" {
		if err := w.MayActOn(was); err != nil {
			return err
		}
		if was.Deleting && now.Deleting {
			return userDeleting(was)
		}
		if w.Settings.Login.Immutable && was.Login != now.Login {
			return immutableLogin(now.Login)
		}
	}
	if now.Role != was.Role && now.Role != RoleMember {
		role, ok := w.Settings.Role(now.Role)
		if !ok {
			return &FieldError{Field: "role", Value: Cut(now.Role), Code: CodeBadRole, Reason: "there is no such role in this domain"}
		}
		return w.mayGrant(role)
	}
	return nil
}

func userConflict(rows []storage.Write[User], cs []storage.Conflict) error {
	var taken *TakenError
	for _, c := range cs {
		u := &rows[c.Index].Row
		switch {
		case c.Reason == storage.KeyTaken && taken == nil && c.Field == "login_key":
			taken = &TakenError{takenLogin(u.Login), []ID{u.ID}}
		case c.Reason == storage.KeyTaken && taken == nil:
			// a column of the host's own, whose value for this user is not
			// known here
			taken = &TakenError{detailed(c.Field, "", CodeTaken, texts.NewMessage("why.same_value", c.Field, Cut(u.Login))), []ID{u.ID}}
		case c.Reason == storage.KeyTaken && (c.Field == taken.Field || c.Field == "login_key" && taken.Field == "login"):
			taken.Users = append(taken.Users, u.ID)
		case c.Reason == storage.NoParent:
			return fmt.Errorf("%s: %w", c.Field, ErrNotFound)
		}
	}
	if taken != nil {
		return taken
	}
	if len(cs) > 0 {
		return storage.ErrRetry
	}
	return nil
}

// TakenError is what WriteUsers says where a login, or what must be unique in a
// column of the host's own, is somebody else's. It is ErrExists, and errors.As
// finds the FieldError of the first user in it.
type TakenError struct {
	*FieldError
	Users []ID // of this call, whom that concerns
}

// Error says both.
func (e *TakenError) Error() string { return fmt.Sprintf("%s: %s", e.FieldError, ErrExists) }

// Unwrap gives both.
func (e *TakenError) Unwrap() []error { return []error{e.FieldError, ErrExists} }

// RefusedError is what WriteUsers returns where the database refuses a user
// because of something that the host has added to it, such as a constraint.
type RefusedError struct {
	User  ID
	Login string // cut to 64 bytes
	Err   error
}

func (e *RefusedError) Error() string { return fmt.Sprintf("user %q: %s", e.Login, e.Err) }

// Unwrap is Err.
func (e *RefusedError) Unwrap() error { return e.Err }

func refusedUser(rows []storage.Write[User], err error) error {
	var of *storage.RowError
	if !errors.As(err, &of) || of.Index < 0 || of.Index >= len(rows) {
		return err
	}
	u := &rows[of.Index].Row
	return texts.Explain(&RefusedError{u.ID, Cut(u.Login), err}, "why.user_refused", Cut(u.Login))
}

// afterUsers does what follows from users that have just been written.
func (w *Writer) afterUsers(ctx context.Context, changed []*UserWrite) error {
	joined := make([]ID, 0, len(changed))
	var left []ID
	changes := make([]UserChange, len(changed))
	adminGone := false
	for i, x := range changed {
		was, now := &x.Was, &x.Now.user
		changes[i] = UserChange{Was: x.Was, Now: x.Now.user}
		if w.Settings.joins(now) && !w.Settings.joins(was) {
			joined = append(joined, now.ID)
		}
		if w.Settings.leaves(was, now) {
			left = append(left, now.ID)
		}
		adminGone = adminGone || was.AdminInForce() && !now.AdminInForce()
	}
	if adminGone {
		if err := w.keepAdmin(ctx); err != nil {
			return err
		}
	}
	if err := w.joinDefaultGroups(ctx, joined); err != nil {
		return err
	}
	if err := w.leaveDefaultGroups(ctx, left); err != nil {
		return err
	}
	endings, invitations := w.endings(changes)
	for _, f := range w.scope.admin.o.OnUserChange {
		if err := f(ctx, w, changes); err != nil {
			return err
		}
	}
	if err := w.end(ctx, endings, invitations); err != nil {
		return err
	}
	return w.tellAddresses(ctx, changes)
}

// keepAdmin refuses a transaction after which nobody administers the domain.
// Under a weaker fence two transactions could each leave the other's admin as
// the last.
func (w *Writer) keepAdmin(ctx context.Context) error {
	if w.mode != storage.Exclusive {
		return ErrNeedsExclusive
	}
	admins, err := w.AdminsInForce(ctx)
	if err == nil && len(admins) == 0 {
		err = ErrLastAdmin
	}
	return err
}

// AdminsInForce lists the domain's admins in force, at most the first MaxBatch
// of them.
func (w *Writer) AdminsInForce(ctx context.Context) ([]ID, error) {
	return adminsInForce(ctx, w.Tx, w.scope.domain)
}

func adminsInForce(ctx context.Context, r storage.Reader, domain ID) ([]ID, error) {
	var ids []ID
	for p := (Page{Limit: MaxBatch}); ; {
		page, next, err := r.ListUsers(ctx, UserQuery{Domain: domain, AdminOnly: true, Statuses: []Status{Pending, Active}}, p)
		if err != nil {
			return nil, err
		}
		for _, u := range page {
			if u.AdminInForce() {
				ids = append(ids, u.ID)
			}
		}
		if next == "" || len(ids) >= MaxBatch {
			return ids, nil
		}
		p.After = next
	}
}

// maxManagers is the longest chain of managers that a change may stand under:
// far above any company, and it bounds the transaction.
const maxManagers = 1000

// checkManagers refuses managers that do not exist and circles. Nobody in the
// store reports to users who are being created, so for them only the chain
// within this call is walked; for others the whole chain above, all of them one
// step at a time, under the exclusive fence.
func (w *Writer) checkManagers(ctx context.Context, changed []*UserWrite) error {
	// who is asked about next: manager -> whose chains stand there
	frontier := map[ID][]ID{}
	moved := false
	for _, x := range changed {
		if now := &x.Now.user; now.Manager != "" && now.Manager != x.Was.Manager {
			frontier[now.Manager] = append(frontier[now.Manager], now.ID)
			moved = moved || x.Was.ID != ""
		}
	}
	if len(frontier) == 0 {
		return nil
	}
	if moved && w.mode != storage.Exclusive {
		return ErrNeedsExclusive
	}
	own := make(map[ID]*User, len(changed)) // as they will be
	for _, x := range changed {
		own[x.Now.user.ID] = &x.Now.user
	}
	bad := func(ids []ID, why string) error {
		return &ManagerError{&FieldError{Field: "manager", Value: Cut(own[ids[0]].Login), Code: CodeBadManager, Reason: why}, ids}
	}
	var circle []ID
	for step := 0; len(frontier) > 0; step++ {
		if step == maxManagers {
			return bad(slices.Concat(slices.Collect(maps.Values(frontier))...), "the chain of managers is too long")
		}
		above, err := w.managersOf(ctx, frontier, own)
		if err != nil {
			return err
		}
		next := map[ID][]ID{}
		for at, whose := range frontier {
			manager, ok := above[at]
			switch {
			case !ok && step == 0:
				return bad(whose, noSuchManager)
			case slices.Contains(whose, at):
				circle = append(circle, at)
			case slices.Contains(circle, at): // they stand below it, and would go round for ever
			case manager != "" && (moved || own[at] != nil):
				next[manager] = append(next[manager], whose...)
			}
		}
		frontier = next
	}
	if len(circle) > 0 {
		return bad(circle, "this would make a circle of managers")
	}
	return nil
}

// ManagerError is what WriteUsers says where managers cannot be as given.
// errors.As finds the FieldError of the first user in it.
type ManagerError struct {
	*FieldError
	// all whom that concerns, such as those who would form circles
	Users []ID
}

// Unwrap is the FieldError.
func (e *ManagerError) Unwrap() error { return e.FieldError }

// managersOf returns the manager of each user in the frontier, as it will be
// after this call.
func (w *Writer) managersOf(ctx context.Context, frontier map[ID][]ID, own map[ID]*User) (map[ID]ID, error) {
	above := make(map[ID]ID, len(frontier))
	var ask []ID
	for id := range frontier {
		if u, ok := own[id]; ok {
			above[id] = u.Manager
		} else {
			ask = append(ask, id)
		}
	}
	for batch := range slices.Chunk(ask, MaxBatch) {
		us, err := w.Users(ctx, w.scope.domain, batch)
		if err != nil {
			return nil, err
		}
		for _, u := range us {
			if !u.Deleting {
				above[u.ID] = u.Manager
			}
		}
	}
	return above, nil
}

// TransitionWrite is the write that follows from what happens to a user. Their
// fields are not checked again: somebody whom a stricter rule would refuse by
// now can still be deactivated or deleted.
func TransitionWrite(u User, e StatusEvent) (UserWrite, error) {
	now, err := Transition(u, e)
	return UserWrite{u, PreparedUser{now}}, err
}

// AttributesWrite is the write of what set makes of a user's attributes and,
// unless e is 0, of what follows from what happens to the user. Their fields
// are not checked again, as with TransitionWrite.
func AttributesWrite(u User, e StatusEvent, set func(*Attributes) error) (UserWrite, error) {
	now, err := u, error(nil)
	if e != 0 {
		if now, err = Transition(u, e); err != nil {
			return UserWrite{}, err
		}
	}
	a, err := AttributesOf(now)
	if err == nil {
		err = set(&a)
	}
	if err == nil {
		err = SetAttributes(&now, a)
	}
	return UserWrite{u, PreparedUser{now}}, err
}

// SetDepartment gives at most MaxBatch users a department, because theirs is
// renamed or emptied: whatever their role. One event of the kind names them
// all.
func (w *Writer) SetDepartment(ctx context.Context, kind string, users []User, department string) error {
	return w.rewriteUsers(ctx, kind, users, func(now *User) []FieldChange {
		was := now.Department
		now.Department = department
		return change("department", was, department)
	})
}

// ClearManagers takes their manager from at most MaxBatch users, because that
// manager is being deleted: whatever their role, and even where they are being
// deleted themselves. One event of the kind names them all.
func (w *Writer) ClearManagers(ctx context.Context, kind string, users []User) error {
	return w.rewriteUsers(ctx, kind, users, func(now *User) []FieldChange {
		was := now.Manager
		now.Manager = ""
		return change("manager", string(was), "")
	})
}

// rewriteUsers changes at most MaxBatch users, whoever they are. set changes
// one, and says what has changed.
func (w *Writer) rewriteUsers(ctx context.Context, kind string, users []User, set func(*User) []FieldChange) error {
	if len(users) == 0 {
		return nil
	}
	rows, targets, changed, was := make([]storage.Write[User], len(users)), make([]ID, len(users)), make([]*UserWrite, len(users)), make([]storage.Rev, len(users))
	for i, u := range users {
		was[i] = u.Rev
	}
	rev, err := w.NextRev(was...)
	if err != nil {
		return err
	}
	diffs := make([][]FieldChange, len(users))
	for i, u := range users {
		now := u
		diffs[i] = set(&now)
		now.Rev = rev
		rows[i], targets[i], changed[i] = storage.Write[User]{Row: now, Was: u.Rev}, u.ID, &UserWrite{u, PreparedUser{now}}
	}
	if err := noConflict(w.ChangeUsers(ctx, rows)); err != nil {
		return err
	}
	w.record(kind, targets, len(targets), func(i int) []FieldChange { return diffs[i] }, nil)
	return w.afterUsers(ctx, changed)
}

// Changes reports whether writing it would change anything.
func (x *UserWrite) Changes() bool { return x.Was.ID == "" || !sameUser(&x.Was, &x.Now.user) }
