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
	var target, actor, kind, from, to, after string
	limit := 100
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
			if actor != "" {
				ids, err := c.ids(ctx, s, []string{actor})
				if err != nil {
					return err
				}
				q.Actor = ids[0]
			}
			q.From, _ = time.Parse(time.RFC3339, from) // both were checked
			q.To, _ = time.Parse(time.RFC3339, to)
			return c.listEvents(ctx, s, q, chatadmin.Page{After: chatadmin.Cursor(after), Limit: limit})
		})
	list.Flags().StringVar(&target, "target", "", "only what was done to the user with this `login`")
	list.Flags().StringVar(&kind,
		"kind", "", "only events of this `kind`, such as user.edit, or user. for all of users")
	list.Flags().StringVar(&actor, "actor", "", "only what the user with this `login` did")
	list.Flags().StringVar(&from, "from", "", "only what happened at this `time` or later, such as 2026-01-02T15:04:05Z")
	list.Flags().StringVar(&to, "to", "", "only what happened before this `time`")
	list.Flags().IntVar(&limit, "limit", 100, "at most so many, up to 1000")
	list.Flags().StringVar(&after, "after", "", "the page behind this `cursor`, the one that the page before said")
	checked(list, func([]string) error {
		if limit < 1 || limit > chatadmin.MaxBatch {
			return usage("--limit is 1 to %d", chatadmin.MaxBatch)
		}
		for _, f := range [][2]string{{"from", from}, {"to", to}} {
			if _, err := time.Parse(time.RFC3339, f[1]); f[1] != "" && err != nil {
				return usage("--%s %q: write it as 2026-01-02T15:04:05Z", f[0], chatadmin.Cut(f[1]))
			}
		}
		return nil
	})
	return c.group("audit", "The audit log", list)
}

func (c *cli) listEvents(ctx context.Context, s *chatadmin.Scope, q chatadmin.EventQuery, p chatadmin.Page) error {
	type event struct {
		At      time.Time                      `json:"at"`
		Actor   string                         `json:"actor"`
		Kind    string                         `json:"kind"`
		Targets []string                       `json:"targets"`
		Changes map[string]map[string][]string `json:"changes"`
		Note    map[string]string              `json:"note,omitempty"`
	}
	found, next, err := s.EventsPage(ctx, q, p)
	if err != nil {
		return err
	}
	var ids []chatadmin.ID
	for _, e := range found {
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
	return c.sayPage("events", events, next, func(w *tabwriter.Writer) {
		for _, e := range events {
			targets := strings.Join(e.Targets[:min(3, len(e.Targets))], ", ")
			if more := len(e.Targets) - 3; more > 0 {
				targets += fmt.Sprintf(" and %d more", more)
			}
			row(w, e.At.Format(time.RFC3339), e.Actor, e.Kind, targets)
		}
	})
}
