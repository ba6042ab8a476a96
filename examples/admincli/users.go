package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"chatadmin.example/sdk/chatadmin"
)

const usersHelp = `users list [--status pending|active|deactivated] [--search TEXT]
users show LOGIN
users create LOGIN [--email E --name N --first-name F --last-name L --title T --mobile M --department D --manager LOGIN] [--guest] [--role R] [--no-welcome]
users edit LOGIN [the same fields, "" clears one] [--login NEW] [--member]
users deactivate|activate|deny|grant|unlock LOGIN…    (grant lifts a denial and a lock)
users resend-activation LOGIN                          (the old link is dead then)`

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
}

func (c *cli) users(ctx context.Context, args []string) error {
	var f userFlags
	var rest []string
	fs := c.flags("users", usersHelp)
	f.register(fs)
	if err := parse(fs, args, &rest); err != nil {
		return err
	}
	if len(rest) == 0 {
		return usage("users: what? users --help lists it")
	}
	s, err := c.scope(ctx)
	if err != nil {
		return err
	}
	what, logins := rest[0], rest[1:]
	many := map[string]func(context.Context, ...chatadmin.ID) ([]chatadmin.User, error){"deactivate": s.DeactivateUsers, "activate": s.ActivateUsers, "deny": s.DenyAccess, "grant": s.GrantAccess,
		"unlock": func(ctx context.Context, ids ...chatadmin.ID) ([]chatadmin.User, error) {
			return nil, c.gate.Unlock(ctx, s, ids...)
		}}[what]
	switch {
	case what == "list" && len(logins) == 0:
		return c.listUsers(ctx, s, f)
	case what == "show" && len(logins) == 1:
		return c.showUser(ctx, s, logins[0])
	case what == "create" && len(logins) == 1:
		return c.createUser(ctx, s, logins[0], f)
	case what == "edit" && len(logins) == 1:
		return c.editUser(ctx, s, logins[0], f)
	case what == "resend-activation" && len(logins) == 1:
		return c.resend(ctx, s, logins[0])
	case many != nil && len(logins) > 0:
		ids, err := c.ids(ctx, logins)
		if err != nil {
			return err
		}
		if _, err := many(ctx, ids...); err != nil {
			return err
		}
		return c.done(fmt.Sprintf("%d users: %s", len(ids), what))
	}
	return usage("users %s: users --help shows how it is used", strings.Join(rest, " "))
}

// ids finds users by their logins. The actor need not be allowed to look for them: the calls that follow authorise.
func (c *cli) ids(ctx context.Context, logins []string) ([]chatadmin.ID, error) {
	s, err := c.scope(ctx)
	if err != nil {
		return nil, err
	}
	host := c.admin.AsHost(s.Domain())
	var ids []chatadmin.ID
	for _, login := range logins {
		u, err := host.UserByLogin(ctx, login)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(ids, u.ID) {
			ids = append(ids, u.ID)
		}
	}
	return ids, nil
}

func (c *cli) done(text string) error {
	return c.say(map[string]any{"done": text}, func(w *tabwriter.Writer) { row(w, text) })
}

func (c *cli) listUsers(ctx context.Context, s *chatadmin.Scope, f userFlags) error {
	q := chatadmin.UserQuery{Prefix: chatadmin.Fold(f.search)}
	for _, st := range []chatadmin.Status{chatadmin.Pending, chatadmin.Active, chatadmin.Deactivated} {
		if st.String() == f.status {
			q.Statuses = []chatadmin.Status{st}
		}
	}
	if f.status != "" && q.Statuses == nil {
		return usage("users list: --status is pending, active or deactivated")
	}
	found := map[chatadmin.ID]bool{}
	var ids, managers []chatadmin.ID
	users := []user{}
	for _, byName := range []bool{false, true} {
		if q.ByName = byName; byName && f.search == "" {
			break // a search finds by login and by name
		}
		for u, err := range s.Users(ctx, q) {
			if err != nil {
				return err
			}
			if !found[u.ID] {
				found[u.ID] = true
				users, ids, managers = append(users, shown(u)), append(ids, u.ID), append(managers, u.Manager)
			}
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
	return c.say(map[string]any{"users": users}, func(w *tabwriter.Writer) {
		row(w, "LOGIN", "NAME", "STATUS", "ROLE", "KIND")
		for _, u := range users {
			row(w, u.Login, u.Name, u.Status, u.Role, u.Kind)
		}
	})
}

func shown(u chatadmin.User) user {
	return user{Login: u.Login, Email: u.Email, Name: u.DisplayName, First: u.FirstName, Last: u.LastName, Title: u.Title, Mobile: u.Phone, E164: u.PhoneE164,
		Status: u.Status.String(), Denied: u.Denied, Kind: u.Kind.String(), Role: u.Role}
}

func (c *cli) showUser(ctx context.Context, s *chatadmin.Scope, login string) error {
	u, err := s.UserByLogin(ctx, login)
	if err != nil {
		return err
	}
	v := shown(u)
	ids := []chatadmin.ID{u.Manager}
	for m, err := range s.GroupsOf(ctx, u.ID) {
		if err != nil {
			return err
		}
		ids = append(ids, m.Group)
	}
	name, err := c.names(ctx, s, ids)
	if err != nil {
		return err
	}
	v.Manager, v.Groups = name(u.Manager), []string{}
	for _, id := range ids[1:] {
		v.Groups = append(v.Groups, name(id))
	}
	slices.Sort(v.Groups)
	if err := c.locked(ctx, s, []chatadmin.ID{u.ID}, func(int) { v.Locked = true }); err != nil {
		return err
	}
	return c.say(v, func(w *tabwriter.Writer) {
		for _, f := range [][2]any{{"login", v.Login}, {"e-mail", v.Email}, {"name", v.Name}, {"first name", v.First}, {"last name", v.Last}, {"title", v.Title},
			{"mobile", strings.TrimSpace(v.Mobile + "  " + v.E164)}, {"manager", v.Manager}, {"status", v.Status}, {"denied", v.Denied}, {"locked", v.Locked}, {"kind", v.Kind}, {"role", v.Role},
			{"groups", strings.Join(v.Groups, ", ")}} {
			row(w, f[0], f[1])
		}
	})
}

func (c *cli) createUser(ctx context.Context, s *chatadmin.Scope, login string, f userFlags) error {
	n := chatadmin.NewUser{Login: login, Role: f.role, NoInvitation: f.noWelcome, Email: f.text("email"), DisplayName: f.text("name"), FirstName: f.text("first-name"),
		LastName: f.text("last-name"), Title: f.text("title"), Phone: f.text("mobile"), Department: f.text("department")}
	if f.guest {
		n.Kind = chatadmin.Guest
	}
	if m := f.text("manager"); m != "" {
		ids, err := c.ids(ctx, []string{m})
		if err != nil {
			return err
		}
		n.Manager = ids[0]
	}
	u, err := s.CreateUser(ctx, n)
	if err != nil {
		return err
	}
	if !f.noWelcome {
		c.dropped()
		if err := c.sendMail(ctx, s); err != nil {
			return err
		}
	}
	return c.say(shown(u), func(w *tabwriter.Writer) { row(w, "created", u.Login) })
}

func (c *cli) editUser(ctx context.Context, s *chatadmin.Scope, login string, f userFlags) error {
	ids, err := c.ids(ctx, []string{login})
	if err != nil {
		return err
	}
	e := chatadmin.UserEdit{Login: f.given("login"), Email: f.given("email"), DisplayName: f.given("name"), FirstName: f.given("first-name"), LastName: f.given("last-name"),
		Title: f.given("title"), Phone: f.given("mobile"), Department: f.given("department")}
	if m := f.given("manager"); m != nil {
		boss := chatadmin.ID("")
		if *m != "" {
			found, err := c.ids(ctx, []string{*m})
			if err != nil {
				return err
			}
			boss = found[0]
		}
		e.Manager = &boss
	}
	if f.guest || f.member {
		kind := chatadmin.Network
		if f.guest {
			kind = chatadmin.Guest
		}
		e.Kind = &kind
	}
	u, err := s.EditUser(ctx, ids[0], e)
	if err != nil {
		return err
	}
	return c.say(shown(u), func(w *tabwriter.Writer) { row(w, "saved", u.Login) })
}
