package signin

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

// MaxIdlePlan is how many users one plan deactivates at most.
const MaxIdlePlan = 10_000

// minIdle is the shortest time after which users count as idle for a plan.
const minIdle = 24 * time.Hour

// Idle says which users a plan is about.
type Idle struct {
	// For is how long they have been idle; at least a day.
	For time.Duration
	// WithUnused adds users who have never signed in, and were created so long
	// ago. Without it they are left alone.
	WithUnused bool
	Kinds      []chatadmin.Kind // none: all kinds
}

// IdlePlan says which idle users would be deactivated. It can be kept as JSON
// and applied later by the same actor. Its counts are:
//
//	users       to be deactivated
//	never       of them: have never signed in
//	guests      of them
//	left_alone  idle too: above the actor, the actor, or the last administrator
type IdlePlan struct {
	chatadmin.PlanHeader
	Before   time.Time        `json:"before"` // idle since before then
	Counts   map[string]int64 `json:"counts"`
	Warnings []texts.Message  `json:"warnings,omitempty"`
	Users    []chatadmin.ID   `json:"users"`
}

var idleCounts = []string{"users", "never", "guests", "left_alone"}

// idleBasis names the state of the domain's settings that a plan rests on.
func idleBasis(d chatadmin.Domain) string { return strconv.FormatInt(int64(d.Rev), 10) }

// PlanIdle plans to deactivate idle users: up to MaxIdlePlan of them, those
// first who have been idle for the longest. It changes nothing. Users on whom
// the actor may not act are left alone, and so is the actor, and one
// administrator if all of the domain are idle. It needs
// chatadmin.PermUsersEdit.
func (g *Gate) PlanIdle(ctx context.Context, s *chatadmin.Scope, idle Idle) (*IdlePlan, error) {
	if err := named(s); err != nil {
		return nil, err
	}
	d, set, role, err := s.ViewAs(ctx, chatadmin.PermUsersEdit)
	if err != nil {
		return nil, err
	}
	if idle.For < minIdle {
		return nil, fmt.Errorf("users who have been idle for %s: give at least a day: %w", idle.For, chatadmin.ErrInvalid)
	}
	p := &IdlePlan{PlanHeader: s.PlanHeader(chatadmin.KindUserDeactivate, idleBasis(d)), Counts: map[string]int64{}, Before: g.admin.Now().Add(-idle.For)}
	for _, name := range idleCounts {
		p.Counts[name] = 0
	}
	b := idlePlanning{p: p, set: &set, role: role, actor: s.Actor(), never: idle.WithUnused}
	l := newSignIns(g.admin.Store(), s.Domain(), SignInQuery{IdleFor: idle.For, Kinds: idle.Kinds}, g.admin.Now())
	for at := (chatadmin.Page{Limit: chatadmin.MaxBatch}); ; {
		rows, next, err := l.page(ctx, at)
		if err == nil {
			err = b.add(ctx, g.admin.Store(), rows)
		}
		if err != nil {
			return nil, err
		}
		if at.After = next; next == "" || b.full {
			break
		}
	}
	return p, b.end(ctx, g.admin.Store())
}

// idlePlanning is a plan in the making.
type idlePlanning struct {
	p      *IdlePlan
	set    *chatadmin.Settings
	role   chatadmin.Role
	actor  chatadmin.ID
	never  bool
	admins []chatadmin.User // planned, who are in force
	full   bool
}

// add plans the users of a page of the list.
func (b *idlePlanning) add(ctx context.Context, r storage.Reader, rows []SignIn) error {
	ids := make([]chatadmin.ID, 0, len(rows))
	for _, row := range rows {
		if b.never || row.Status != chatadmin.Pending {
			ids = append(ids, row.User)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	us, err := r.Users(ctx, b.p.Domain, ids)
	if err != nil {
		return err
	}
	users := make(map[chatadmin.ID]*chatadmin.User, len(us))
	for i := range us {
		users[us[i].ID] = &us[i]
	}
	for _, id := range ids {
		u := users[id]
		switch {
		case u == nil || u.Deleting: // meanwhile
			continue
		case id == b.actor, b.set.MayActOn(b.actor, b.role, u) != nil:
			b.p.Counts["left_alone"]++
			continue
		case len(b.p.Users) == MaxIdlePlan:
			b.full = true
			return nil
		}
		b.p.Users = append(b.p.Users, id)
		b.count(u, 1)
		if u.AdminInForce() {
			b.admins = append(b.admins, *u)
		}
	}
	return nil
}

func (b *idlePlanning) count(u *chatadmin.User, n int64) {
	b.p.Counts["users"] += n
	if u.Status == chatadmin.Pending {
		b.p.Counts["never"] += n
	}
	if u.Kind == chatadmin.Guest {
		b.p.Counts["guests"] += n
	}
}

// end leaves an administrator, and says what to look at.
func (b *idlePlanning) end(ctx context.Context, r storage.Reader) error {
	planned := map[chatadmin.ID]bool{}
	for _, u := range b.admins {
		planned[u.ID] = true
	}
	if len(b.admins) > 0 {
		another, err := adminBeside(ctx, r, b.p.Domain, planned)
		if err != nil {
			return err
		}
		if !another {
			last := &b.admins[len(b.admins)-1] // who came last
			b.p.Users = without(b.p.Users, last.ID)
			b.count(last, -1)
			b.p.Counts["left_alone"]++
			b.p.Warnings = append(b.p.Warnings, texts.NewMessage("warn.idle_last_admin", chatadmin.Cut(last.Login)))
		}
	}
	if b.full {
		b.p.Warnings = append(b.p.Warnings, texts.NewMessage("warn.idle_more", MaxIdlePlan))
	}
	return nil
}

// adminBeside reports whether an administrator is in force who is none of some.
func adminBeside(ctx context.Context, r storage.Reader, domain chatadmin.ID, some map[chatadmin.ID]bool) (bool, error) {
	q := chatadmin.UserQuery{Domain: domain, AdminOnly: true, Statuses: []chatadmin.Status{chatadmin.Pending, chatadmin.Active}}
	for p := (chatadmin.Page{Limit: chatadmin.MaxBatch}); ; {
		us, next, err := r.ListUsers(ctx, q, p)
		if err != nil {
			return false, err
		}
		for i := range us {
			if us[i].AdminInForce() && !some[us[i].ID] {
				return true, nil
			}
		}
		if p.After = next; next == "" {
			return false, nil
		}
	}
}

// check refuses a plan that PlanIdle cannot have made for this scope: it comes
// from outside.
func (p *IdlePlan) check(s *chatadmin.Scope) error {
	var h *chatadmin.PlanHeader
	if p != nil {
		h = &p.PlanHeader
	}
	if err := h.Check(s, chatadmin.KindUserDeactivate); err != nil {
		return err
	}
	if err := checkIdle(p.Users); err != nil {
		return err
	}
	if err := chatadmin.Counts(p.Counts).CheckPlan(idleCounts...); err != nil {
		return err
	}
	n := int64(len(p.Users))
	if c := p.Counts; c["users"] != n || c["never"] > n || c["guests"] > n || p.Before.IsZero() || p.Before.After(s.Admin().Now()) {
		return fmt.Errorf("the counts of this plan contradict its users: %w", chatadmin.ErrInvalid)
	}
	return nil
}

// checkIdle refuses a list of users with too many, or with one twice.
func checkIdle(users []chatadmin.ID) error {
	if len(users) > MaxIdlePlan {
		return fmt.Errorf("a plan has at most %d users: %w", MaxIdlePlan, chatadmin.ErrInvalid)
	}
	seen := make(map[chatadmin.ID]bool, len(users))
	for _, id := range users {
		if id == "" || id == chatadmin.HostActor || seen[id] {
			return fmt.Errorf("user %q of this plan is none, or stands in it twice: %w", chatadmin.Cut(string(id)), chatadmin.ErrInvalid)
		}
		seen[id] = true
	}
	return nil
}

// ApplyIdle deactivates the users of a plan in batches, and returns the run.
// Options.Before of the Admin is shown the whole plan first, and then each
// batch. Who has come since the plan was made stays active; so does who has
// risen above the actor, and the last administrator. A plan that is applied
// again deactivates those again who were activated by hand and have not come
// since. Interrupted, it is
// finished by ResumeIdle or chatadmin.Admin.Work: the run comes with the error,
// if it has begun. progress may be nil.
//
// It needs chatadmin.PermUsersEdit. It returns chatadmin.ErrInvalid for a plan
// that PlanIdle cannot have made for the actor, and chatadmin.ErrPlanStale if
// the domain's settings have changed.
func (g *Gate) ApplyIdle(ctx context.Context, s *chatadmin.Scope, p *IdlePlan, progress func(chatadmin.Progress)) (*IdleRun, error) {
	if err := named(s); err != nil {
		return nil, err
	}
	if _, _, err := s.View(ctx, chatadmin.PermUsersEdit); err != nil {
		return nil, err
	}
	if err := p.check(s); err != nil {
		return nil, err
	}
	op := chatadmin.Op{Kind: chatadmin.KindUserDeactivate, Need: chatadmin.PermUsersEdit, Targets: p.Users}
	return g.idle.Apply(ctx, s, op, progress, func(_ context.Context, w *chatadmin.Writer, run *IdleRun) error {
		if err := p.Stale(idleBasis(w.Domain), "the domain's settings"); err != nil {
			return err
		}
		run.Total, run.Data = int64(len(p.Users)), IdleResult{Users: p.Users, Before: p.Before}
		return nil
	})
}
