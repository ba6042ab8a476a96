package erase

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

// Plan says what deleting users would remove, before anything has happened. It
// can be kept as JSON, shown, and applied by the same actor. Counts are exact
// when it is made. Apply returns chatadmin.ErrPlanStale if the domain's
// settings, a user, or the set of groups they have created has changed since,
// and not because somebody has posted.
type Plan struct {
	chatadmin.PlanHeader
	Users       []PlannedUser    `json:"users"`
	Choice      Choice           `json:"choice,omitzero"`
	Counts      map[string]int64 `json:"counts"`
	Groups      []PlannedGroup   `json:"groups,omitempty"`      // that vanish, with everything in them by anybody
	Transferred []PlannedGroup   `json:"transferred,omitempty"` // that stay
	Blockers    []Blocker        `json:"blockers,omitempty"`    // Apply refuses while there are any
	Warnings    []texts.Message  `json:"warnings,omitempty"`
	Alternative Alternative      `json:"alternative"`
	Grace       time.Duration    `json:"grace,omitempty"` // how long applying it merely deactivates
}

// PlannedUser is a user to delete.
type PlannedUser struct {
	ID    chatadmin.ID `json:"id"`
	Login string       `json:"login"`
}

// PlannedGroup is a group that one of the users has created.
type PlannedGroup struct {
	ID      chatadmin.ID `json:"id"`
	Name    string       `json:"name"`
	Members int64        `json:"members"`
	To      chatadmin.ID `json:"to,omitempty"` // who gets it; "": it vanishes, or stands in the way
}

// Alternative is a call that could be made instead, and what it keeps.
type Alternative struct {
	Call  string           `json:"call"`
	Keeps map[string]int64 `json:"keeps"`
}

// Blocker is something that stands in the way.
type Blocker struct {
	// Code is "self", "last_admin", "default_group", "shipped_group", "hold",
	// "deleting", "scheduled" or "above".
	Code    string       `json:"code"`
	Subject chatadmin.ID `json:"subject,omitempty"`
	Message string       `json:"message"`
}

// BlockedError is returned by Apply if something stands in the way. errors.Is
// finds the error of each blocker in it: chatadmin.ErrLastAdmin,
// ErrDefaultGroup, ErrShippedGroup, ErrHeld, ErrTransition (being deleted
// already), ErrExists (scheduled already), ErrForbidden (a role above the
// actor's) and ErrInvalid (oneself).
type BlockedError struct{ Blockers []Blocker }

func (e *BlockedError) Error() string {
	if len(e.Blockers) == 0 {
		return "the deletion is blocked"
	}
	text := e.Blockers[0].Message
	if more := len(e.Blockers) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more; the plan lists all)", more)
	}
	return text
}

// Unwrap gives the errors of the blockers.
func (e *BlockedError) Unwrap() []error {
	var errs []error
	for _, b := range e.Blockers {
		err, ok := map[string]error{"self": chatadmin.ErrInvalid, "last_admin": chatadmin.ErrLastAdmin,
			"default_group": chatadmin.ErrDefaultGroup, "shipped_group": chatadmin.ErrShippedGroup,
			"hold": chatadmin.ErrHeld, "deleting": chatadmin.ErrTransition, "scheduled": chatadmin.ErrExists, "above": chatadmin.ErrForbidden}[b.Code]
		if !ok {
			err = chatadmin.ErrInvalid
		}
		errs = append(errs, err)
	}
	return errs
}

// Plan counts what deleting users (1 to chatadmin.MaxBatch) would remove. c may
// be nil. It needs chatadmin.PermUsersDelete. It returns chatadmin.ErrNotFound
// for a user who does not exist.
//
// Users who are being deleted already are blockers, unless nothing continues
// their deletion: the record of it was damaged and repaired. A domain admin
// plans it anew, for such users by themselves, and without a grace period.
func (d *Deletions) Plan(ctx context.Context, s *chatadmin.Scope, users []chatadmin.ID, c *Choice) (*Plan, error) {
	dom, set, role, err := s.ViewAs(ctx, chatadmin.PermUsersDelete)
	if err != nil {
		return nil, err
	}
	ids, err := named(users)
	if err != nil {
		return nil, err
	}
	p := &Plan{PlanHeader: s.PlanHeader(KindDelete, ""), Alternative: Alternative{Call: "DeactivateUsers"}}
	if c != nil {
		p.Choice = *c
	}
	look := survey{r: s.Admin().Store(), d: d, actor: s.Actor(), domain: dom, settings: set, role: role, choice: p.Choice}
	if err := look.read(ctx, ids); err != nil {
		return nil, err
	}
	if p.Grace, err = look.grace(); err != nil {
		return nil, err
	}
	if p.Blockers, err = look.blockers(ctx); err != nil {
		return nil, err
	}
	held, err := d.admin.HeldOutside(ctx, p.Domain, ids, groupIDs(look.vanish))
	if err != nil {
		return nil, err
	}
	for _, why := range held {
		p.Blockers = append(p.Blockers, Blocker{"hold", "", why + ": release the hold first"})
	}
	p.Basis = look.basis()
	for _, u := range look.users {
		p.Users = append(p.Users, PlannedUser{u.ID, u.Login})
	}
	return p, d.count(ctx, p, &look)
}

// named checks and cleans up a list of users.
func named(users []chatadmin.ID) ([]chatadmin.ID, error) {
	ids := slices.Compact(slices.Sorted(slices.Values(users)))
	if len(ids) == 0 || len(ids) > chatadmin.MaxBatch {
		return nil, fmt.Errorf("deleting users: give 1 to %d of them: %w", chatadmin.MaxBatch, chatadmin.ErrInvalid)
	}
	return ids, nil
}

// survey decides about a deletion: for the plan, outside a transaction, and
// again within the one that begins it.
type survey struct {
	r        storage.Reader
	d        *Deletions
	self     chatadmin.ID // the run that is to begin, if it was scheduled
	actor    chatadmin.ID
	domain   chatadmin.Domain
	settings chatadmin.Settings
	role     chatadmin.Role
	choice   Choice
	// planned long ago: what it no longer needs is not looked for
	due bool

	ids    []chatadmin.ID
	users  []chatadmin.User
	vanish []chatadmin.Group // of theirs
	stay   []chatadmin.Group // of theirs, which somebody gets, or which stand in the way

	// Of those to whom groups may be transferred, by ID: whether they are
	// domain admins in force, and whether they can get groups at all.
	admins, fit map[chatadmin.ID]bool
}

// read finds the users and the groups they have created.
func (v *survey) read(ctx context.Context, ids []chatadmin.ID) error {
	found, err := v.r.Users(ctx, v.domain.ID, ids)
	if err != nil {
		return err
	}
	byID := make(map[chatadmin.ID]chatadmin.User, len(found))
	for _, u := range found {
		byID[u.ID] = u
	}
	v.ids = ids
	if err := v.readHeirs(ctx); err != nil {
		return err
	}
	for _, id := range ids {
		u, ok := byID[id]
		if !ok {
			return fmt.Errorf("user %s: %w", chatadmin.Cut(string(id)), chatadmin.ErrNotFound)
		}
		v.users = append(v.users, u)
		for p := (chatadmin.Page{Limit: chatadmin.MaxBatch}); ; {
			q := chatadmin.GroupQuery{Domain: v.domain.ID, Creator: id, WithDeleting: u.Deleting}
			page, next, err := v.r.ListGroups(ctx, q, p)
			if err != nil {
				return err
			}
			for _, g := range page {
				if v.vanishes(g) {
					v.vanish = append(v.vanish, g)
				} else {
					v.stay = append(v.stay, g)
				}
			}
			if p.After = next; next == "" {
				break
			}
		}
	}
	return nil
}

// blockers finds all that stands in the way.
func (v *survey) blockers(ctx context.Context) (all []Blocker, err error) {
	add := func(code string, subject chatadmin.ID, format string, args ...any) {
		all = append(all, Blocker{code, subject, fmt.Sprintf(format, args...)})
	}
	open, unread, err := v.open(ctx)
	if err != nil {
		return nil, err
	}
	for _, u := range v.users {
		login := chatadmin.Cut(u.Login)
		above := v.settings.MayActOn(v.actor, v.role, &u)
		switch id, ok := open[u.ID]; {
		case u.ID == v.actor:
			add("self", u.ID, "nobody deletes themselves: another administrator must delete %q", login)
		case u.Deleting && ok:
			add("deleting", u.ID, "user %q is being deleted already: resume deletion %s", login, id)
		case u.Deleting && unread != "":
			add("deleting", u.ID, "user %q is being deleted already, but run %s cannot be read: repair it first", login,
				chatadmin.Cut(unread))
		case u.Deleting && !v.role.May(chatadmin.PermDomain):
			add("deleting", u.ID,
				"user %q is being deleted already, but nothing continues it: a domain admin must plan the deletion anew", login)
		case u.Deleting && !v.orphans():
			add("deleting", u.ID,
				"user %q is being deleted already, but nothing continues it: plan the deletion of such users by themselves", login)
		case ok:
			add("scheduled", u.ID, "the deletion of user %q is scheduled already: cancel deletion %s first", login, id)
		case above != nil:
			add("above", u.ID, "user %q has a role above yours, or a permission that you lack", login)
		}
	}
	if err := v.lastAdmin(ctx, add); err != nil {
		return nil, err
	}
	if err := v.groups(add); err != nil {
		return nil, err
	}
	held, err := v.d.admin.HeldBack(ctx, v.r, v.domain.ID, v.ids, groupIDs(v.vanish))
	for _, why := range held {
		add("hold", "", "%s: release the hold first", why)
	}
	return all, err
}

// addBlocker notes something that stands in the way.
type addBlocker func(code string, subject chatadmin.ID, format string, args ...any)

func (v *survey) lastAdmin(ctx context.Context, add addBlocker) error {
	if !slices.ContainsFunc(v.users, func(u chatadmin.User) bool { return u.AdminInForce() }) {
		return nil
	}
	q := chatadmin.UserQuery{Domain: v.domain.ID, AdminOnly: true,
		Statuses: []chatadmin.Status{chatadmin.Pending, chatadmin.Active}}
	for p := (chatadmin.Page{Limit: chatadmin.MaxBatch}); ; {
		page, next, err := v.r.ListUsers(ctx, q, p)
		if err != nil {
			return err
		}
		for _, u := range page {
			if _, going := slices.BinarySearch(v.ids, u.ID); !going && u.AdminInForce() {
				return nil
			}
		}
		if p.After = next; next == "" {
			add("last_admin", "", "%s: make somebody else an administrator first", chatadmin.ErrLastAdmin)
			return nil
		}
	}
}

// groups checks what becomes of the groups that are not deleted.
func (v *survey) groups(add addBlocker) error {
	if err := v.checkHeirs(); err != nil {
		return err
	}
	for _, g := range v.stay {
		switch name := chatadmin.Cut(g.Name); {
		case v.heir(g) != "":
		case g.Shipped:
			add("shipped_group", g.ID,
				"%q is a group of the product, which is never deleted: choose an administrator to transfer it to", name)
		default:
			add("default_group", g.ID,
				"%q is a default group: choose an administrator to transfer it to, or that default groups are deleted, too", name)
		}
	}
	return nil
}

// open finds whose deletion is scheduled or running, and by which run. unread
// is one that cannot be read, if there is any: nobody knows whose it is.
func (v *survey) open(ctx context.Context) (of map[chatadmin.ID]chatadmin.ID, unread string, err error) {
	of = map[chatadmin.ID]chatadmin.ID{}
	for run, err := range v.d.runs.Open(ctx, v.r, v.domain.ID) {
		var bad *chatadmin.DamagedError
		switch {
		case errors.As(err, &bad):
			unread = bad.ID
		case err != nil:
			return nil, "", err
		case run.ID != v.self:
			for _, id := range run.Data.Users {
				of[id] = run.ID
			}
		}
	}
	return of, unread, nil
}

// orphans reports whether all of the users are being deleted already: the run
// that did it is gone, and a new one takes its place.
func (v *survey) orphans() bool {
	return !slices.ContainsFunc(v.users, func(u chatadmin.User) bool { return !u.Deleting })
}

// grace is the grace period of the domain; none for users who are being deleted
// already.
func (v *survey) grace() (time.Duration, error) {
	if v.orphans() {
		return 0, nil
	}
	return v.d.grace(v.settings)
}

// basis is of everything a plan rests on.
func (v *survey) basis() string {
	type group struct {
		ID               chatadmin.ID
		Default, Shipped bool
	}
	is := struct {
		Version int
		Actor   chatadmin.ID
		Domain  storage.Rev
		Choice  Choice
		Users   []chatadmin.ID
		Revs    []storage.Rev
		Groups  []group
	}{Version: 1, Actor: v.actor, Domain: v.domain.Rev, Choice: v.choice, Users: v.ids}
	for _, u := range v.users {
		is.Revs = append(is.Revs, u.Rev)
	}
	for _, g := range slices.Concat(v.vanish, v.stay) {
		is.Groups = append(is.Groups, group{g.ID, g.Default, g.Shipped})
	}
	slices.SortFunc(is.Groups, func(a, b group) int { return compare(a.ID, b.ID) })
	data, _ := json.Marshal(is) // strings, numbers and booleans cannot fail
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func compare(a, b chatadmin.ID) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func groupIDs(groups []chatadmin.Group) []chatadmin.ID {
	ids := make([]chatadmin.ID, len(groups))
	for i, g := range groups {
		ids[i] = g.ID
	}
	return ids
}

// check refuses a plan that was made for something else.
func (p *Plan) check(s *chatadmin.Scope) ([]chatadmin.ID, error) {
	var h *chatadmin.PlanHeader
	if p != nil {
		h = &p.PlanHeader
	}
	if err := h.Check(s, KindDelete); err != nil {
		return nil, err
	}
	if err := chatadmin.Counts(p.Counts).Check(); err != nil {
		return nil, fmt.Errorf("this plan is not one that was made here: %w", err)
	}
	ids := make([]chatadmin.ID, len(p.Users))
	for i, u := range p.Users {
		ids[i] = u.ID
	}
	return named(ids)
}
