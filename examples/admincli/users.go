package main

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/signin"
)

func (c *cli) usersCommands() *cobra.Command {
	return c.group("users", "The users of the domain",
		c.listUsersCommand(),
		c.command("show LOGIN", "Show a user", c.showUser),
		c.createUserCommand(), c.editUserCommand(), c.signInsCommand(), c.refusalsCommand(), c.deactivateIdleCommand(),
		c.changeUsers("deactivate", "End all access of users, and keep their data", "deactivated",
			func(s *chatadmin.Scope) changeUsers { return s.DeactivateUsers }),
		c.changeUsers("activate", "Bring deactivated users back", "activated",
			func(s *chatadmin.Scope) changeUsers { return s.ActivateUsers }),
		c.changeUsers("deny", "Deny users access until it is granted again", "denied",
			func(s *chatadmin.Scope) changeUsers { return s.DenyAccess }),
		c.changeUsers("grant", "Lift a denial and a lock", "granted",
			func(s *chatadmin.Scope) changeUsers { return s.GrantAccess }),
		c.changeUsers("unlock", "Lift a lock", "unlocked", func(s *chatadmin.Scope) changeUsers {
			return func(ctx context.Context, ids ...chatadmin.ID) ([]chatadmin.User, error) {
				return nil, c.gate.Unlock(ctx, s, ids...)
			}
		}),
		c.changeUsers("sign-out", "End the sessions of users, who keep their access", "signed out", func(s *chatadmin.Scope) changeUsers {
			return func(ctx context.Context, ids ...chatadmin.ID) ([]chatadmin.User, error) {
				return nil, s.SignOutUsers(ctx, ids...)
			}
		}),
		c.command("resend-activation LOGIN", "Send a new activation link; the old one is dead", c.resend))
}

// changeUsers is a call of the library that does one thing to several users.
type changeUsers = func(context.Context, ...chatadmin.ID) ([]chatadmin.User, error)

// changeUsers makes a command that does one thing to several users.
func (c *cli) changeUsers(name, short, done string, change func(*chatadmin.Scope) changeUsers) *cobra.Command {
	return c.command(name+" LOGIN…", short, func(ctx context.Context, s *chatadmin.Scope, logins []string) error {
		ids, err := c.ids(ctx, s, logins)
		if err != nil {
			return err
		}
		if _, err := change(s)(ctx, ids...); err != nil {
			return err
		}
		return c.done(count(len(ids), "user", "users") + " " + done)
	})
}

// ids finds users by their logins. The actor need not be allowed to look for
// them: the calls that follow authorise.
func (c *cli) ids(ctx context.Context, s *chatadmin.Scope, logins []string) ([]chatadmin.ID, error) {
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

// id finds one user by login.
func (c *cli) id(ctx context.Context, s *chatadmin.Scope, login string) (chatadmin.ID, error) {
	ids, err := c.ids(ctx, s, []string{login})
	if err != nil {
		return "", err
	}
	return ids[0], nil
}

// lastSeen adds how far the invitation of a user has come, when they came last,
// and when they will be deleted.
func (c *cli) lastSeen(ctx context.Context, s *chatadmin.Scope, u chatadmin.User, v *user) error {
	if u.Status == chatadmin.Pending {
		v.Invitation = chatadmin.InvitationNone
		switch inv, err := s.Invitation(ctx, u.ID); {
		case err == nil:
			v.Invitation = inv.State
		case !errors.Is(err, chatadmin.ErrNotFound) && !c.skips(err):
			return err
		}
	}
	last, _, err := c.gate.SignInsPage(ctx, s, signin.SignInQuery{User: u.ID}, chatadmin.Page{Limit: 1})
	if err != nil {
		return err
	}
	for _, row := range last {
		v.SignedIn, v.Client = row.SignedIn, row.Client
	}
	due, err := c.eraser.Scheduled(ctx, s, u.ID)
	v.Deletion = due[u.ID]
	return err
}

func (c *cli) showUser(ctx context.Context, s *chatadmin.Scope, args []string) error {
	u, err := s.UserByLogin(ctx, args[0])
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
	if err := c.lastSeen(ctx, s, u, &v); err != nil {
		return err
	}
	_, set, err := s.View(ctx, "")
	if err != nil {
		return err
	}
	if v.Fields, err = c.custom.Values(&set, &u); err != nil && !c.skips(err) {
		return err
	}
	if v.Radio, err = c.radio(ctx, s, u); err != nil {
		return err
	}
	return c.say(v, func(w *tabwriter.Writer) {
		for _, f := range [][2]any{{"login", v.Login}, {"e-mail", v.Email}, {"name", v.Name}, {"first name",
			v.First}, {"last name", v.Last}, {"title", v.Title},
			{"mobile", strings.TrimSpace(v.Mobile + "  " + v.E164)}, {"manager", v.Manager}, {"status",
				v.Status}, {"denied", v.Denied}, {"locked", v.Locked}, {"kind", v.Kind}, {"role", v.Role},
			{"department", v.Department}, {"invitation", v.Invitation}, {"last sign-in", strings.TrimSpace(shortTime(v.SignedIn) + "  " + string(v.Client))},
			{"groups", strings.Join(v.Groups, ", ")}} {
			row(w, f[0], f[1])
		}
		for _, name := range slices.Sorted(maps.Keys(v.Fields)) {
			row(w, name, v.Fields[name])
		}
		v.Radio.rows(w)
	})
}
