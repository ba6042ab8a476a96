package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"chatadmin.example/sdk/chatadmin"
)

const groupsHelp = `groups list
groups create NAME
groups default NAME [--plan]        everybody is and stays in it
groups undefault NAME
groups leave NAME
groups add NAME LOGIN…
groups remove NAME LOGIN…
groups delete NAME [--plan]
groups posting NAME everybody|admins
groups members NAME`

func (c *cli) groups(ctx context.Context, args []string) error {
	plan := false
	fs := c.flags("groups", groupsHelp)
	fs.BoolVar(&plan, "plan", false, "")
	var rest []string
	if err := parse(fs, args, &rest); err != nil {
		return err
	}
	s, err := c.scope(ctx)
	if err != nil {
		return err
	}
	switch {
	case len(rest) == 1 && rest[0] == "list":
		return c.listGroups(ctx, s)
	case len(rest) == 2 && rest[0] == "create":
		g, err := s.CreateGroup(ctx, rest[1])
		if err != nil {
			return err
		}
		return c.say(map[string]any{"name": g.Name, "id": g.ID}, func(w *tabwriter.Writer) { row(w, "created", g.Name) })
	case len(rest) < 2 || !strings.Contains(groupsHelp, "groups "+rest[0]+" "):
		return usage("groups %s: groups --help shows how it is used", strings.Join(rest, " "))
	}
	g, err := c.group(ctx, s, rest[1])
	if err != nil {
		return err
	}
	return c.changeGroup(ctx, s, g, rest[0], rest[2:], plan)
}

func (c *cli) changeGroup(ctx context.Context, s *chatadmin.Scope, g chatadmin.Group, what string, args []string, plan bool) error {
	switch {
	case what == "default" && len(args) == 0:
		return c.planned(ctx, g, plan, s.PlanDefaultGroup, s.ApplyDefaultGroup)
	case what == "delete" && len(args) == 0:
		return c.planned(ctx, g, plan, s.PlanDeleteGroup, s.ApplyDeleteGroup)
	case what == "undefault" && len(args) == 0:
		if _, err := s.UnmarkDefaultGroup(ctx, g.ID); err != nil {
			return err
		}
		return c.done("no default group any more: " + g.Name)
	case what == "leave" && len(args) == 0:
		if err := s.Leave(ctx, g.ID); err != nil {
			return err
		}
		return c.done("left " + g.Name)
	case what == "members" && len(args) == 0:
		return c.members(ctx, s, g)
	case what == "posting" && len(args) == 1:
		if _, err := s.SetPosting(ctx, g.ID, chatadmin.Posting(args[0])); err != nil {
			return err
		}
		return c.done("posting in " + g.Name + ": " + args[0])
	case (what == "add" || what == "remove") && len(args) > 0:
		ids, err := c.ids(ctx, args)
		if err != nil {
			return err
		}
		change := s.AddMembers
		if what == "remove" {
			change = s.RemoveMembers
		}
		n, err := change(ctx, g.ID, ids...)
		if err != nil {
			return err
		}
		return c.done(fmt.Sprintf("%s: %s %d", g.Name, what, n))
	}
	return usage("groups %s: groups --help shows how it is used", what)
}

// group finds a group by its name, or by its ID where several have the name.
func (c *cli) group(ctx context.Context, s *chatadmin.Scope, name string) (chatadmin.Group, error) {
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
	return chatadmin.Group{}, fmt.Errorf("%d groups are called %q: name one by its ID: %w", len(found), name, chatadmin.ErrInvalid)
}

func (c *cli) planned(ctx context.Context, g chatadmin.Group, only bool, plan func(context.Context, chatadmin.ID) (*chatadmin.Plan, error),
	apply func(context.Context, *chatadmin.Plan, func(chatadmin.Progress)) (chatadmin.Job, error),
) error {
	p, err := plan(ctx, g.ID)
	if err != nil {
		return err
	}
	v := map[string]any{"name": g.Name, "counts": p.Counts, "warnings": p.Warnings, "done": false}
	if !only {
		job, err := apply(ctx, p, nil)
		if err != nil {
			return err
		}
		v["job"], v["done"] = job.ID, job.State == chatadmin.JobDone
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

func (c *cli) listGroups(ctx context.Context, s *chatadmin.Scope) error {
	type group struct {
		ID      chatadmin.ID `json:"id"`
		Name    string       `json:"name"`
		Default bool         `json:"default"`
		Shipped bool         `json:"shipped"`
		Creator string       `json:"creator"`
		Members int64        `json:"members"`
	}
	groups := []group{}
	var creators []chatadmin.ID
	for g, err := range s.Groups(ctx, chatadmin.GroupQuery{}) {
		if err != nil {
			return err
		}
		n, err := s.CountMembers(ctx, g.ID)
		if err != nil {
			return err
		}
		v := group{ID: g.ID, Name: g.Name, Default: g.Default, Shipped: g.Shipped, Members: n}
		creators = append(creators, g.Creator)
		groups = append(groups, v)
	}
	name, err := c.names(ctx, s, creators)
	if err != nil {
		return err
	}
	for i := range groups {
		groups[i].Creator = name(creators[i])
	}
	return c.say(map[string]any{"groups": groups}, func(w *tabwriter.Writer) {
		row(w, "NAME", "DEFAULT", "SHIPPED", "CREATOR", "MEMBERS")
		for _, g := range groups {
			row(w, g.Name, g.Default, g.Shipped, g.Creator, g.Members)
		}
	})
}

func (c *cli) members(ctx context.Context, s *chatadmin.Scope, g chatadmin.Group) error {
	var ids []chatadmin.ID
	for m, err := range s.Members(ctx, g.ID) {
		if err != nil {
			return err
		}
		ids = append(ids, m.User)
	}
	name, err := c.names(ctx, s, ids)
	if err != nil {
		return err
	}
	logins := []string{}
	for _, id := range ids {
		logins = append(logins, name(id))
	}
	slices.Sort(logins)
	return c.say(map[string]any{"members": logins}, func(w *tabwriter.Writer) {
		for _, login := range logins {
			row(w, login)
		}
	})
}
