package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/texts"
)

func (c *cli) groupsCommands() *cobra.Command {
	return c.group("groups", "Groups, and the default groups that everybody is in",
		c.listGroupsCommand(),
		c.command("create NAME", "Create a group with the actor as its first member",
			func(ctx context.Context, s *chatadmin.Scope, args []string) error {
				g, err := s.CreateGroup(ctx, args[0])
				if err != nil {
					return err
				}
				return c.tell(map[string]any{"name": g.Name, "id": g.ID}, "created", g.Name)
			}),
		c.groupCommand("rename NAME NEW", "Give a group another name",
			func(ctx context.Context, s *chatadmin.Scope, g chatadmin.Group, args []string) error {
				renamed, err := s.RenameGroup(ctx, g.ID, args[0])
				if err != nil {
					return err
				}
				return c.done(g.Name + " is now " + renamed.Name)
			}),
		c.plannedCommand("default NAME", "Put everybody into a group, and keep them there", "members",
			func(s *chatadmin.Scope) (planGroup, applyGroup) { return s.PlanDefaultGroup, s.ApplyDefaultGroup }),
		c.groupCommand("undefault NAME", "Make a default group an ordinary one",
			func(ctx context.Context, s *chatadmin.Scope, g chatadmin.Group, _ []string) error {
				if _, err := s.UnmarkDefaultGroup(ctx, g.ID); err != nil {
					return err
				}
				return c.done("no default group any more: " + g.Name)
			}),
		c.groupCommand("leave NAME", "Take the actor out of a group",
			func(ctx context.Context, s *chatadmin.Scope, g chatadmin.Group, _ []string) error {
				if err := s.Leave(ctx, g.ID); err != nil {
					return err
				}
				return c.done("left " + g.Name)
			}),
		c.membersCommand("add", "Make users members", "added",
			func(s *chatadmin.Scope) changeMembers { return s.AddMembers }),
		c.membersCommand("remove", "Take users out of a group", "removed",
			func(s *chatadmin.Scope) changeMembers { return s.RemoveMembers }),
		c.plannedCommand("delete NAME", "Delete a group with its content", "deleted",
			func(s *chatadmin.Scope) (planGroup, applyGroup) { return s.PlanDeleteGroup, s.ApplyDeleteGroup }),
		c.groupCommand("posting NAME everybody|admins", "Say who may post in a group",
			func(ctx context.Context, s *chatadmin.Scope, g chatadmin.Group, args []string) error {
				if _, err := s.SetPosting(ctx, g.ID, chatadmin.Posting(args[0])); err != nil {
					return err
				}
				return c.done("posting in " + g.Name + ": " + args[0])
			}),
		c.groupCommand("archive NAME", "Let nobody post in a group any more; it can still be read",
			func(ctx context.Context, s *chatadmin.Scope, g chatadmin.Group, _ []string) error {
				if _, err := s.ArchiveGroup(ctx, g.ID); err != nil {
					return err
				}
				return c.done("archived: " + g.Name)
			}),
		c.groupCommand("unarchive NAME", "Take a group out of the archive",
			func(ctx context.Context, s *chatadmin.Scope, g chatadmin.Group, _ []string) error {
				if _, err := s.UnarchiveGroup(ctx, g.ID); err != nil {
					return err
				}
				return c.done("not archived any more: " + g.Name)
			}),
		c.groupCommand("may-post NAME LOGIN", "Say whether a user may post in a group, and if not, why", c.mayPost),
		c.listMembersCommand(),
		c.adminsCommand())
}

// groupCommand makes a command about the group that its first argument names.
func (c *cli) groupCommand(use, short string, run groupAction) *cobra.Command {
	return c.command(use, short, func(ctx context.Context, s *chatadmin.Scope, args []string) error {
		g, err := c.findGroup(ctx, s, args[0])
		if err != nil {
			return err
		}
		return run(ctx, s, g, args[1:])
	})
}

type (
	groupAction   = func(context.Context, *chatadmin.Scope, chatadmin.Group, []string) error
	planGroup     = func(context.Context, chatadmin.ID) (*chatadmin.Plan, error)
	applyGroup    = func(context.Context, *chatadmin.Plan, func(chatadmin.Progress)) (chatadmin.Run, error)
	changeMembers = func(context.Context, chatadmin.ID, ...chatadmin.ID) (int, error)
)

// plannedCommand makes a command that only plans with --plan.
func (c *cli) plannedCommand(
	use, short, title string, calls func(*chatadmin.Scope) (planGroup, applyGroup),
) *cobra.Command {
	only := false
	x := c.groupCommand(use, short, func(ctx context.Context, s *chatadmin.Scope, g chatadmin.Group, _ []string) error {
		plan, apply := calls(s)
		return c.planned(ctx, g, only, title, plan, apply)
	})
	x.Flags().BoolVar(&only, "plan", false, "say what it would do, and change nothing")
	return x
}

func (c *cli) membersCommand(name, short, done string, change func(*chatadmin.Scope) changeMembers) *cobra.Command {
	var run groupAction = func(ctx context.Context, s *chatadmin.Scope, g chatadmin.Group, logins []string) error {
		ids, err := c.ids(ctx, s, logins)
		if err != nil {
			return err
		}
		n, err := change(s)(ctx, g.ID, ids...)
		if err != nil {
			return err
		}
		return c.done(g.Name + ": " + count(n, "member", "members") + " " + done)
	}
	return c.groupCommand(name+" NAME LOGIN…", short, run)
}

func (c *cli) adminsCommand() *cobra.Command {
	var add, remove []string
	x := c.groupCommand("admins NAME", "List the admins of a group, or change them",
		func(ctx context.Context, s *chatadmin.Scope, g chatadmin.Group, _ []string) error {
			for _, change := range []struct {
				logins []string
				admin  bool
			}{{add, true}, {remove, false}} {
				if len(change.logins) == 0 {
					continue
				}
				ids, err := c.ids(ctx, s, change.logins)
				if err != nil {
					return err
				}
				if err := s.SetGroupAdmin(ctx, g.ID, change.admin, ids...); err != nil {
					return err
				}
			}
			var admins []chatadmin.ID
			for m, err := range s.Members(ctx, g.ID) {
				if err != nil {
					return err
				}
				if m.Admin {
					admins = append(admins, m.User)
				}
			}
			return c.sayLogins(ctx, s, "admins", admins, "")
		})
	x.Flags().StringArrayVar(&add, "add", nil, "make the member with this `login` an admin")
	x.Flags().StringArrayVar(&remove, "remove", nil, "make the admin with this `login` an ordinary member")
	return x
}

// findGroup finds a group by its name, or by its ID where several have the
// name.
func (c *cli) findGroup(ctx context.Context, s *chatadmin.Scope, name string) (chatadmin.Group, error) {
	var found []chatadmin.Group
	key := chatadmin.Fold(name)
	for g, err := range c.admin.AsHost(s.Domain()).Groups(ctx, chatadmin.GroupQuery{}) {
		if err != nil {
			return chatadmin.Group{}, err
		}
		if g.NameKey == key || g.ID == chatadmin.ID(name) {
			found = append(found, g)
		}
	}
	switch len(found) {
	case 0:
		return chatadmin.Group{}, fmt.Errorf("group %q: %w", name, chatadmin.ErrNotFound)
	case 1:
		return found[0], nil
	}
	return chatadmin.Group{}, fmt.Errorf("%d groups are called %q: name one by its ID: %w", len(found),
		name, chatadmin.ErrInvalid)
}

func (c *cli) planned(ctx context.Context, g chatadmin.Group, only bool, title string,
	plan planGroup, apply applyGroup,
) error {
	p, err := plan(ctx, g.ID)
	if err != nil {
		return err
	}
	v := map[string]any{"name": g.Name, "counts": p.Counts, "warnings": texts.Sentences(p.Warnings), "done": false}
	if !only {
		job, err := apply(ctx, p, c.progress(title))
		if err != nil {
			if job.State == chatadmin.RunRunning {
				err = goOn(err, false, fmt.Sprintf("go on with runs resume %s", job.ID))
			}
			return err
		}
		v["job"], v["done"] = job.ID, job.State == chatadmin.RunDone
	}
	return c.say(v, func(w *tabwriter.Writer) {
		for _, name := range slices.Sorted(maps.Keys(p.Counts)) {
			row(w, name, p.Counts[name])
		}
		for _, text := range p.Warnings {
			row(w, "warning:", text)
		}
		row(w, "done", v["done"])
	})
}

func (c *cli) listMembersCommand() *cobra.Command {
	limit, after := 0, ""
	x := c.groupCommand("members NAME", "List the members of a group", func(ctx context.Context, s *chatadmin.Scope, g chatadmin.Group, _ []string) error {
		found, next, err := rows(limit, after, s.Members(ctx, g.ID), func(p chatadmin.Page) ([]chatadmin.Membership, chatadmin.Cursor, error) {
			return s.MembersPage(ctx, g.ID, p)
		})
		if err != nil {
			return err
		}
		ids := make([]chatadmin.ID, len(found))
		for i, m := range found {
			ids[i] = m.User
		}
		return c.sayLogins(ctx, s, "members", ids, next)
	})
	return paged(x, &limit, &after, "members")
}

// sayLogins says the logins of users, those of a page in order.
func (c *cli) sayLogins(ctx context.Context, s *chatadmin.Scope, key string, ids []chatadmin.ID, next chatadmin.Cursor) error {
	name, err := c.names(ctx, s, ids)
	if err != nil {
		return err
	}
	logins := []string{}
	for _, id := range ids {
		logins = append(logins, name(id))
	}
	slices.Sort(logins)
	return c.sayPage(key, logins, next, func(w *tabwriter.Writer) {
		for _, login := range logins {
			row(w, login)
		}
	})
}
