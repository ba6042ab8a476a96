package main

import (
	"context"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"chatadmin.example/sdk/chatadmin"
)

func (c *cli) rolesCommands() *cobra.Command {
	return c.group("roles", "Roles: a level and what it permits",
		c.command("list", "List the roles, by level", c.listRoles),
		c.createRoleCommand(), c.editRoleCommand(),
		c.command("delete NAME", "Delete a role that nobody has",
			func(ctx context.Context, s *chatadmin.Scope, args []string) error {
				if err := s.DeleteRole(ctx, args[0]); err != nil {
					return err
				}
				return c.done("role deleted")
			}),
		c.command("assign LOGIN ROLE", "Give a user a role",
			func(ctx context.Context, s *chatadmin.Scope, args []string) error {
				ids, err := c.ids(ctx, s, args[:1])
				if err != nil {
					return err
				}
				if _, err := s.AssignRole(ctx, args[1], ids...); err != nil {
					return err
				}
				return c.done("role assigned")
			}))
}

func (c *cli) createRoleCommand() *cobra.Command {
	var level int
	var permissions []string
	x := c.command("create NAME", "Create a role",
		func(ctx context.Context, s *chatadmin.Scope, args []string) error {
			r, err := s.CreateRole(ctx, chatadmin.Role{Name: args[0], Level: level, Permissions: asPermissions(permissions)})
			return c.sayRole(r, err)
		})
	roleFlags(x, &level, &permissions)
	return x
}

func (c *cli) editRoleCommand() *cobra.Command {
	var level int
	var permissions []string
	var x *cobra.Command
	x = c.command("edit NAME", "Change a role; what is not given stays as it is",
		func(ctx context.Context, s *chatadmin.Scope, args []string) error {
			var e chatadmin.RoleEdit
			if x.Flags().Changed("level") {
				e.Level = &level
			}
			if x.Flags().Changed("permissions") {
				ps := asPermissions(permissions)
				e.Permissions = &ps
			}
			r, err := s.EditRole(ctx, args[0], e)
			return c.sayRole(r, err)
		})
	roleFlags(x, &level, &permissions)
	oneOf(x, "level", "permissions")
	return x
}

func roleFlags(x *cobra.Command, level *int, permissions *[]string) {
	x.Flags().IntVar(level, "level", 0, "0 to 99; nobody acts on a user of a higher level")
	x.Flags().StringSliceVar(permissions, "permissions", nil, "what the role permits, as `P,P`")
	var known []string
	for _, p := range chatadmin.Permissions() {
		known = append(known, string(p))
	}
	_ = x.RegisterFlagCompletionFunc("permissions", cobra.FixedCompletions(known, cobra.ShellCompDirectiveNoFileComp))
}

func asPermissions(names []string) (permissions []chatadmin.Permission) {
	for _, name := range names {
		permissions = append(permissions, chatadmin.Permission(strings.TrimSpace(name)))
	}
	return permissions
}

func (c *cli) sayRole(r chatadmin.Role, err error) error {
	if err != nil {
		return err
	}
	return c.tell(map[string]any{"role": r}, r.String())
}

func (c *cli) listRoles(ctx context.Context, s *chatadmin.Scope, _ []string) error {
	_, set, err := s.View(ctx, "")
	if err != nil {
		return err
	}
	roles := set.AllRoles()
	return c.say(map[string]any{"roles": roles}, func(w *tabwriter.Writer) {
		for _, r := range roles {
			row(w, r.ID, r.Name, r.Level, r.Permissions)
		}
	})
}
