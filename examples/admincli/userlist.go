package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"chatadmin.example/sdk/chatadmin"
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

	Department string `json:"department,omitempty"`
	Radio      *radio `json:"radio,omitempty"`
}

// userFilter is what users list is asked for.
type userFilter struct {
	search, department, role, kind, status, sort, after string
	guest, denied                                       bool
	limit                                               int
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
	x.Flags().IntVar(&f.limit, "limit", 0, "one page of at most so many; 0: all users")
	x.Flags().StringVar(&f.after, "after", "", "the page behind this `cursor`, the one that the page before said")
	choose(x, &f.status, "status", "only users of this status", "pending", "active", "deactivated")
	choose(x, &f.kind, "kind", "only users of this kind", "network", "guest")
	choose(x, &f.sort, "sort", "the order (default login); created: the newest first", "login", "name", "created")
	exclusive(x, "guest", "kind")
	return checked(x, func([]string) error {
		if f.limit < 0 {
			return usage("--limit is 0 or more")
		}
		return nil
	})
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
	add := func(u chatadmin.User) {
		users, ids, managers = append(users, shown(u)), append(ids, u.ID), append(managers, u.Manager)
	}
	var next chatadmin.Cursor
	if f.limit > 0 || f.after != "" {
		page, after, err := s.UsersPage(ctx, q, chatadmin.Page{After: chatadmin.Cursor(f.after), Limit: f.limit})
		if err != nil {
			return err
		}
		for _, u := range page {
			add(u)
		}
		next = after
	} else {
		for u, err := range s.Users(ctx, q) {
			if err != nil {
				return err
			}
			add(u)
		}
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
	v := map[string]any{"users": users}
	if next != "" {
		v["next"] = next
	}
	return c.say(v, func(w *tabwriter.Writer) {
		row(w, "LOGIN", "NAME", "STATUS", "ROLE", "KIND")
		for _, u := range users {
			row(w, u.Login, u.Name, u.Status, u.Role, u.Kind)
		}
		if next != "" {
			row(w, "more:", "--after "+string(next))
		}
	})
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
