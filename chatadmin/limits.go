package chatadmin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"chatadmin.example/sdk/chatadmin/texts"
)

// Limits bound what members can make grow: those who have no permission for
// groups. 0 leaves a number to the host (Options.Limits), whose 0 is the
// default. Unlimited sets none.
type Limits struct {
	// Groups is how many groups that a member has created there may be at a
	// time; default 100.
	Groups int `json:"groups,omitempty"`
	// GroupsPerDay is how many groups a member may create in 24 hours; default
	// 20. As a member deletes only groups that they administer, it bounds their
	// deletions, which are runs, too.
	GroupsPerDay int `json:"groups_per_day,omitempty"`
}

const (
	defaultGroupsOfMember = 100
	defaultGroupsPerDay   = 20
	maxLimit              = 100_000
)

// faults are the numbers that cannot be.
func (l Limits) faults() (wrong faults) {
	check := func(field string, n int) {
		if n < Unlimited || n > maxLimit {
			wrong.add(field, strconv.Itoa(n), CodeBadText, "give 1 to %d, or %d for no limit", maxLimit, Unlimited)
		}
	}
	check("limits.groups", l.Groups)
	check("limits.groups_per_day", l.GroupsPerDay)
	return wrong
}

// limits are what counts for a domain.
func (a *Admin) limits(set *Settings) Limits {
	return Limits{
		Groups:       cmp.Or(set.Limits.Groups, a.o.Limits.Groups, defaultGroupsOfMember),
		GroupsPerDay: cmp.Or(set.Limits.GroupsPerDay, a.o.Limits.GroupsPerDay, defaultGroupsPerDay),
	}
}

// LimitError is returned for what an actor has done as often, or has as many
// of, as the domain lets them. It wraps ErrThrottled.
type LimitError struct {
	What  string // such as "groups"
	Limit int
	Next  time.Time // when it is possible again; zero: when there are fewer
}

func (e *LimitError) Error() string {
	if e.Next.IsZero() {
		return fmt.Sprintf("you have %d %s, and more are not possible: delete some first", e.Limit, e.What)
	}
	return fmt.Sprintf("you have created %d %s in 24 hours, and more are not possible until %s",
		e.Limit, e.What, e.Next.Format("2 January 2006, 15:04 MST"))
}

// Unwrap is ErrThrottled.
func (e *LimitError) Unwrap() error { return ErrThrottled }

// created counts the groups that a member has created since a time.
type created struct {
	Since time.Time `json:"since"`
	N     int       `json:"n"`
}

var groupsCreated = RecordKind[created]{Name: "groups-created", Need: PermGroups, Check: func(c *created) error {
	if c.N < 0 || c.Since.IsZero() {
		return errors.New("it counts nothing")
	}
	return nil
}}

const limitDay = 24 * time.Hour

// countGroup counts one more group of the actor, or refuses it with a
// *LimitError. Actors with PermGroups are not counted.
func (w *Writer) countGroup(ctx context.Context) error {
	if w.Role.May(PermGroups) {
		return nil
	}
	l := w.scope.admin.limits(&w.Settings)
	e, err := groupsCreated.Get(ctx, w, w.scope.domain, string(w.Actor.ID))
	switch {
	case e.Damaged != nil:
		w.scope.admin.o.Logger.WarnContext(ctx, "how many groups a user has created cannot be read: counting begins anew",
			"domain", w.scope.domain, "user", w.Actor.ID, "error", e.Damaged)
	case err != nil && !errors.Is(err, ErrNotFound):
		return err
	}
	e.Owner = w.Actor.ID
	if c := &e.Value; !lasts(c.Since, limitDay, w.now) {
		*c = created{Since: w.now}
	} else if l.GroupsPerDay != Unlimited && c.N >= l.GroupsPerDay {
		next := c.Since.Add(limitDay)
		return texts.Explain(&LimitError{"groups", l.GroupsPerDay, next}, "why.groups_day", l.GroupsPerDay, next)
	}
	if l.Groups != Unlimited {
		n, err := w.countCreated(ctx, l.Groups)
		if err != nil {
			return err
		}
		if n >= l.Groups {
			return texts.Explain(&LimitError{What: "groups", Limit: l.Groups}, "why.groups_most", l.Groups)
		}
	}
	e.Value.N++
	// Written in any case: of several groups that are created at once each sees
	// the ones before it.
	return groupsCreated.Put(ctx, w, &e)
}

// countCreated counts the groups that the actor has created, up to most.
func (w *Writer) countCreated(ctx context.Context, most int) (n int, err error) {
	for p := (Page{Limit: min(most, MaxBatch)}); ; {
		gs, next, err := w.ListGroups(ctx, GroupQuery{Domain: w.scope.domain, Creator: w.Actor.ID}, p)
		if err != nil {
			return 0, err
		}
		if n += len(gs); next == "" || n >= most {
			return n, nil
		}
		p.After = next
	}
}
