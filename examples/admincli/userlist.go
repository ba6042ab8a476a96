package main

import (
	"context"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/signin"
)

// user is how a user is shown.
type user struct {
	Login   string   `json:"login"`
	Email   string   `json:"email"`
	Name    string   `json:"name"`
	First   string   `json:"first_name"`
	Last    string   `json:"last_name"`
	Title   string   `json:"title"`
	Mobile  string   `json:"mobile"`
	E164    string   `json:"mobile_e164"`
	Manager string   `json:"manager"`
	Status  string   `json:"status"`
	Denied  bool     `json:"denied"`
	Locked  bool     `json:"locked"`
	Kind    string   `json:"kind"`
	Role    string   `json:"role"`
	Groups  []string `json:"groups,omitempty"`
	// of the domain's own
	Fields map[string]string `json:"fields,omitempty"`

	// of "users show" alone
	Invitation chatadmin.InvitationState `json:"invitation,omitempty"` // of a pending user
	SignedIn   time.Time                 `json:"signed_in,omitzero"`   // last
	Client     signin.Client             `json:"client,omitempty"`     // at that time
	Deletion   time.Time                 `json:"deletion_due,omitzero"`

	Department string `json:"department,omitempty"`
	Radio      *radio `json:"radio,omitempty"`
}

// userFilter is what users list is asked for.
type userFilter struct {
	search, department, role, kind, status, sort, after string
	guest, denied, locked, invited                      bool
	idleDays, limit                                     int
}

func (c *cli) listUsersCommand() *cobra.Command {
	var f userFilter
	x := c.command("list", "List users", func(ctx context.Context, s *chatadmin.Scope, _ []string) error {
		q, err := f.query(ctx, s)
		if err != nil {
			return err
		}
		return c.listUsers(ctx, s, q, f)
	})
	x.Flags().StringVar(&f.search, "search", "", "only users with this `text` in name, login or e-mail")
	x.Flags().StringVar(&f.department, "department", "", "only users of this `department`")
	x.Flags().StringVar(&f.role, "role", "", "only users with this `role`")
	x.Flags().BoolVar(&f.guest, "guest", false, "the same as --kind guest")
	x.Flags().BoolVar(&f.denied, "denied", false, "only users whose access is denied")
	x.Flags().BoolVar(&f.locked, "locked", false, "only users who are locked by failed sign-ins")
	x.Flags().BoolVar(&f.invited, "invited", false, "only users who were invited and have not come yet")
	x.Flags().IntVar(&f.idleDays, "idle-days", 0, "only users who have been idle for so many `days`")
	choose(x, &f.status, "status", "only users of this status", "pending", "active", "deactivated")
	choose(x, &f.kind, "kind", "only users of this kind", "network", "guest")
	choose(x, &f.sort, "sort", "the order (default login); created: the newest first", "login", "name", "created")
	exclusive(x, "guest", "kind")
	checked(x, func([]string) error {
		if f.idleDays < 0 || f.idleDays > 36500 {
			return usage("--idle-days is a number of days, 0 to 36500")
		}
		return nil
	})
	return paged(x, &f.limit, &f.after, "users")
}

// query is the filter as the library understands it.
func (f userFilter) query(ctx context.Context, s *chatadmin.Scope) (chatadmin.UserQuery, error) {
	q := chatadmin.UserQuery{Search: f.search, Department: f.department, ByName: f.sort == "name",
		Newest: f.sort == "created", DeniedOnly: f.denied}
	for _, status := range []chatadmin.Status{chatadmin.Pending, chatadmin.Active, chatadmin.Deactivated} {
		if status.String() == f.status {
			q.Statuses = []chatadmin.Status{status}
		}
	}
	for _, kind := range []chatadmin.Kind{chatadmin.Network, chatadmin.Guest} {
		if kind.String() == f.kind || f.guest && kind == chatadmin.Guest {
			q.Kinds = []chatadmin.Kind{kind}
		}
	}
	if f.role != "" {
		_, set, err := s.View(ctx, "")
		if err != nil {
			return q, err
		}
		r, ok := set.Role(f.role)
		if !ok {
			return q, fmt.Errorf("role %q: %w", chatadmin.Cut(f.role), chatadmin.ErrNotFound)
		}
		q.Role = r.ID
	}
	return q, nil
}

func (c *cli) listUsers(ctx context.Context, s *chatadmin.Scope, q chatadmin.UserQuery, f userFilter) error {
	var ids, managers []chatadmin.ID
	users := []user{}
	found, next, err := c.foundUsers(ctx, s, q, f)
	if err != nil {
		return err
	}
	for _, u := range found {
		users, ids, managers = append(users, shown(u)), append(ids, u.ID), append(managers, u.Manager)
	}
	name, err := c.names(ctx, s, managers)
	if err != nil {
		return err
	}
	for i := range users {
		users[i].Manager = name(managers[i])
	}
	if err := c.locked(ctx, s, ids, func(i int) { users[i].Locked = true }); err != nil {
		return err
	}
	return c.sayPage("users", users, next, func(w *tabwriter.Writer) {
		row(w, "LOGIN", "NAME", "STATUS", "ROLE", "KIND")
		for _, u := range users {
			row(w, u.Login, u.Name, u.Status, u.Role, u.Kind)
		}
	})
}

// foundUsers are a page of users. What is not kept with them narrows it as it
// is read.
func (c *cli) foundUsers(ctx context.Context, s *chatadmin.Scope, q chatadmin.UserQuery, f userFilter) ([]chatadmin.User, chatadmin.Cursor, error) {
	page := func(p chatadmin.Page) ([]chatadmin.User, chatadmin.Cursor, error) { return s.UsersPage(ctx, q, p) }
	if !f.locked && !f.invited && f.idleDays == 0 {
		return rows(f.limit, f.after, s.Users(ctx, q), page)
	}
	var sets []map[chatadmin.ID]bool // in each of which a user must be
	if f.invited {
		set, err := c.invited(ctx, s)
		if err != nil {
			return nil, "", err
		}
		sets = append(sets, set)
	}
	if f.idleDays > 0 {
		set, err := c.idle(ctx, s, f)
		if err != nil {
			return nil, "", err
		}
		sets = append(sets, set)
	}
	if f.locked {
		set := map[chatadmin.ID]bool{}
		for u, err := range c.gate.LockedUsers(ctx, s, signin.LockedQuery{Search: f.search}) {
			if err != nil {
				return nil, "", err
			}
			set[u.User] = true
		}
		sets = append(sets, set)
	}
	return fitting(f.limit, f.after, page, func(u chatadmin.User) bool {
		return !slices.ContainsFunc(sets, func(set map[chatadmin.ID]bool) bool { return !set[u.ID] })
	})
}

// invited are the users who were invited and have not come yet.
func (c *cli) invited(ctx context.Context, s *chatadmin.Scope) (map[chatadmin.ID]bool, error) {
	set := map[chatadmin.ID]bool{}
	for u, err := range s.Invitations(ctx, chatadmin.InvitationQuery{}) {
		if err != nil && !c.skips(err) {
			return nil, err
		}
		set[u.User.ID] = u.State != chatadmin.InvitationNone
	}
	return set, nil
}

// idle are the users who have been idle for so many days.
func (c *cli) idle(ctx context.Context, s *chatadmin.Scope, f userFilter) (map[chatadmin.ID]bool, error) {
	set := map[chatadmin.ID]bool{}
	q := signin.SignInQuery{IdleFor: days(f.idleDays), Search: f.search,
		Statuses: []chatadmin.Status{chatadmin.Pending, chatadmin.Active, chatadmin.Deactivated}}
	for u, err := range c.gate.SignIns(ctx, s, q) {
		if err != nil {
			return nil, err
		}
		set[u.User] = true
	}
	return set, nil
}

func shown(u chatadmin.User) user {
	return user{Login: u.Login, Email: u.Email, Name: u.DisplayName, First: u.FirstName, Last: u.LastName,
		Title: u.Title, Mobile: u.Phone, E164: u.PhoneE164,
		Status: u.Status.String(), Denied: u.Denied, Kind: u.Kind.String(), Role: u.Role, Department: u.Department}
}

// locked calls mark for each user who is locked.
func (c *cli) locked(ctx context.Context, s *chatadmin.Scope, ids []chatadmin.ID, mark func(i int)) error {
	for at := 0; at < len(ids); at += chatadmin.MaxBatch {
		locks, err := c.gate.Locks(ctx, s, ids[at:min(at+chatadmin.MaxBatch, len(ids))]...)
		if err != nil {
			return err
		}
		for i := at; i < min(at+chatadmin.MaxBatch, len(ids)); i++ {
			if locks[ids[i]].Locked {
				mark(i)
			}
		}
	}
	return nil
}
