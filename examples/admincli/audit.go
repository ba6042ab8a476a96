package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"chatadmin.example/sdk/chatadmin"
)

func (c *cli) auditCommands() *cobra.Command {
	var target, kind string
	limit := 0
	list := c.command("list", "List what was done, and by whom, the newest first",
		func(ctx context.Context, s *chatadmin.Scope, _ []string) error {
			q := chatadmin.EventQuery{Kind: kind}
			if target != "" {
				ids, err := c.ids(ctx, s, []string{target})
				if err != nil {
					return err
				}
				q.Target = ids[0]
			}
			return c.listEvents(ctx, s, q, limit)
		})
	list.Flags().StringVar(&target, "target", "", "only what was done to the user with this `login`")
	list.Flags().StringVar(&kind,
		"kind", "", "only events of this `kind`, such as user.edit, or user. for all of users")
	list.Flags().IntVar(&limit, "limit", 100, "at most so many")
	checked(list, func([]string) error {
		if limit < 1 {
			return usage("--limit is 1 or more")
		}
		return nil
	})
	return c.group("audit", "The audit log", list)
}

func (c *cli) listEvents(ctx context.Context, s *chatadmin.Scope, q chatadmin.EventQuery, limit int) error {
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
