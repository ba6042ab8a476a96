package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

func (c *cli) init(ctx context.Context, args []string) error {
	var n chatadmin.NewDomain
	preset, plan := "officechat", ""
	fs := c.flags("init", `init --name NAME --admin LOGIN [--email E --first-name F --last-name L] [--preset officechat|eschat|engage]
     [--subscription free|business|enterprise] [--no-welcome]`)
	fs.StringVar(&n.Name, "name", "", "")
	fs.StringVar(&n.Admin.Login, "admin", "", "")
	fs.StringVar(&n.Admin.Email, "email", "", "")
	fs.StringVar(&n.Admin.FirstName, "first-name", "", "")
	fs.StringVar(&n.Admin.LastName, "last-name", "", "")
	fs.StringVar(&preset, "preset", preset, "")
	fs.StringVar(&plan, "subscription", "", "")
	fs.BoolVar(&n.Admin.NoInvitation, "no-welcome", false, "")
	var rest []string
	if err := parse(fs, args, &rest); err != nil {
		return err
	}
	if n.Name == "" || n.Admin.Login == "" || len(rest) > 0 {
		return usage("init: give --name and --admin")
	}
	for d, err := range c.admin.Domains(ctx) {
		if err != nil {
			return err
		}
		if d.Name == n.Name {
			return fmt.Errorf("domain %q: %w", n.Name, chatadmin.ErrExists)
		}
	}
	n.Preset = chatadmin.Preset(preset)
	if plan != "" {
		n.Subscription.Plan = chatadmin.SubscriptionPlan(plan)
	}
	d, admin, err := c.admin.CreateDomain(ctx, n)
	if err != nil {
		return err
	}
	if err := c.sendMail(ctx, c.admin.AsHost(d.ID)); err != nil {
		return err
	}
	return c.say(map[string]any{"domain": d.Name, "id": d.ID, "admin": admin.Login}, func(w *tabwriter.Writer) {
		row(w, "domain", d.Name)
		row(w, "admin", admin.Login)
	})
}

func (c *cli) roles(ctx context.Context, args []string) error {
	fs := c.flags("roles", "roles list | create NAME --level N --permissions P,P | delete NAME | assign LOGIN ROLE")
	level, perms := 0, ""
	fs.IntVar(&level, "level", 0, "")
	fs.StringVar(&perms, "permissions", "", "")
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
		return c.listRoles(ctx, s)
	case len(rest) == 2 && rest[0] == "create":
		r := chatadmin.Role{Name: rest[1], Level: level}
		for _, p := range split(perms) {
			r.Permissions = append(r.Permissions, chatadmin.Permission(p))
		}
		if r, err = s.SetRole(ctx, r); err != nil {
			return err
		}
		return c.say(map[string]any{"role": r}, func(w *tabwriter.Writer) { row(w, r.String()) })
	case len(rest) == 2 && rest[0] == "delete":
		if err := s.DeleteRole(ctx, rest[1]); err != nil {
			return err
		}
		return c.done("role deleted")
	case len(rest) == 3 && rest[0] == "assign":
		ids, err := c.ids(ctx, rest[1:2])
		if err != nil {
			return err
		}
		if _, err := s.AssignRole(ctx, rest[2], ids...); err != nil {
			return err
		}
		return c.done("role assigned")
	}
	return usage("roles: list, create NAME, delete NAME or assign LOGIN ROLE")
}

func (c *cli) listRoles(ctx context.Context, s *chatadmin.Scope) error {
	_, set, err := s.View(ctx, "")
	if err != nil {
		return err
	}
	roles := set.AllRoles()
	return c.say(map[string]any{"roles": roles}, func(w *tabwriter.Writer) {
		for _, r := range roles {
			row(w, r.ID, r.Level, r.Permissions)
		}
	})
}

func (c *cli) audit(ctx context.Context, args []string) error {
	fs := c.flags("audit", "audit list [--target LOGIN] [--kind K] [--limit N]")
	target, limit := "", 100
	var q chatadmin.EventQuery
	fs.StringVar(&target, "target", "", "")
	fs.StringVar(&q.Kind, "kind", "", "")
	fs.IntVar(&limit, "limit", limit, "")
	var rest []string
	if err := parse(fs, args, &rest); err != nil {
		return err
	}
	if len(rest) != 1 || rest[0] != "list" {
		return usage("audit: list")
	}
	s, err := c.scope(ctx)
	if err != nil {
		return err
	}
	if target != "" {
		ids, err := c.ids(ctx, []string{target})
		if err != nil {
			return err
		}
		q.Target = ids[0]
	}
	type event struct {
		At      time.Time                      `json:"at"`
		Actor   string                         `json:"actor"`
		Kind    string                         `json:"kind"`
		Targets []string                       `json:"targets"`
		Changes map[string]map[string][]string `json:"changes"`
		Note    map[string]string              `json:"note,omitempty"`
	}
	var found []chatadmin.AuditEvent
	var ids []chatadmin.ID
	for e, err := range s.Events(ctx, q) {
		if err != nil {
			return err
		}
		if len(found) == limit {
			break
		}
		found = append(found, e)
		ids = append(append(ids, e.Actor), e.Targets...)
	}
	name, err := c.names(ctx, s, ids)
	if err != nil {
		return err
	}
	events := make([]event, len(found))
	for i, e := range found {
		v := event{e.At, name(e.Actor), e.Kind, []string{}, map[string]map[string][]string{}, e.Note}
		for _, id := range e.Targets {
			v.Targets = append(v.Targets, name(id))
		}
		for id, fields := range e.Changes {
			v.Changes[name(id)] = map[string][]string{}
			for _, f := range fields {
				before, after := f.Before, f.After
				if f.Field == "manager" {
					before, after = name(chatadmin.ID(before)), name(chatadmin.ID(after))
				}
				v.Changes[name(id)][f.Field] = []string{before, after}
			}
		}
		events[i] = v
	}
	return c.say(map[string]any{"events": events}, func(w *tabwriter.Writer) {
		for _, e := range events {
			targets := strings.Join(e.Targets[:min(3, len(e.Targets))], ", ")
			if more := len(e.Targets) - 3; more > 0 {
				targets += fmt.Sprintf(" and %d more", more)
			}
			row(w, e.At.Format(time.RFC3339), e.Actor, e.Kind, targets)
		}
	})
}
