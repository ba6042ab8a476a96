package main

import (
	"context"
	"fmt"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/retention"
	"chatadmin.example/sdk/chatadmin/texts"
)

// retentionPlan is how a plan is shown.
type retentionPlan struct {
	Days     int              `json:"days"`
	Before   time.Time        `json:"before"`
	Counts   retention.Counts `json:"counts"`
	Held     retention.Counts `json:"held"`
	Warnings []string         `json:"warnings"`
}

// retentionRun is how a run is shown.
type retentionRun struct {
	ID      chatadmin.ID       `json:"retention_id"`
	State   chatadmin.RunState `json:"state"`
	By      string             `json:"by"`
	Days    int                `json:"days"`
	Before  time.Time          `json:"before"`
	Planned retention.Counts   `json:"planned"`
	Removed retention.Counts   `json:"removed"`
	Begun   time.Time          `json:"begun"`
	Ended   time.Time          `json:"ended,omitzero"`
	Done    bool               `json:"done"`
}

func (c *cli) retentionCommands() *cobra.Command {
	return c.group("retention", "Delete messages and files that are older than the domain keeps them",
		c.daysCommand("set DAYS", "Say after how many days messages and files are deleted; 0 keeps them",
			func(ctx context.Context, s *chatadmin.Scope, days int) error { return c.retain.SetDays(ctx, s, days) }),
		c.command("show", "Show what is decided", c.showRetention),
		c.planRetentionCommand(),
		c.command("apply", "Delete what is older; what a legal hold covers stays",
			func(ctx context.Context, s *chatadmin.Scope, _ []string) error {
				p, err := c.retain.Plan(ctx, s, 0)
				if err != nil {
					return err
				}
				r, err := c.retain.Apply(ctx, s, p, c.progress("rows deleted"))
				return c.sayRetained(ctx, s, r, err, false)
			}),
		c.command("resume ID", "Go on with a run that was interrupted",
			func(ctx context.Context, s *chatadmin.Scope, args []string) error {
				r, err := c.retain.Resume(ctx, s, chatadmin.ID(args[0]), c.progress("rows deleted"))
				return c.sayRetained(ctx, s, r, err, true)
			}),
		c.command("list", "List the runs, and what went", c.listRetention),
		c.hostOnly(c.daysCommand("limit DAYS",
			"Say how long the domain may keep things at most; 0 lets it decide (without --as)",
			func(ctx context.Context, s *chatadmin.Scope, days int) error {
				return c.retain.SetLimit(ctx, s.Domain(), days)
			})),
		c.hostOnly(c.command("run-due", "Do what a worker of the application does once a day (without --as)",
			func(ctx context.Context, s *chatadmin.Scope, _ []string) error {
				all, err := c.retain.RunDue(ctx, s.Domain())
				if err != nil {
					return err
				}
				return c.sayRuns(ctx, s, all)
			})))
}

// hostOnly refuses a command in the name of a user.
func (c *cli) hostOnly(x *cobra.Command) *cobra.Command {
	run := x.RunE
	x.RunE = func(x *cobra.Command, args []string) error {
		if c.as == "" {
			return run(x, args)
		}
		c.begun = true
		return fmt.Errorf("%s is for the application itself, leave out --as: %w", x.CommandPath(),
			chatadmin.ErrForbidden)
	}
	return x
}

// daysCommand makes a command that decides a number of days.
func (c *cli) daysCommand(use, short string, decide func(context.Context, *chatadmin.Scope, int) error) *cobra.Command {
	days := 0
	x := c.command(use, short, func(ctx context.Context, s *chatadmin.Scope, _ []string) error {
		if err := decide(ctx, s, days); err != nil {
			return err
		}
		return c.showRetention(ctx, s, nil)
	})
	return checked(x, func(args []string) (err error) {
		if days, err = strconv.Atoi(args[0]); err != nil {
			return usage("give a number of days, not %q", chatadmin.Cut(args[0]))
		}
		return nil
	})
}

func (c *cli) showRetention(ctx context.Context, s *chatadmin.Scope, _ []string) error {
	p, err := c.retain.Policy(ctx, s)
	if err != nil {
		return err
	}
	return c.say(map[string]any{"days": p.Days, "limit": p.Limit, "final": p.Final}, func(w *tabwriter.Writer) {
		if p.Days == 0 {
			row(w, "messages and files", "are kept")
		} else {
			row(w, "messages and files", "are deleted after "+count(p.Days, "day", "days"))
		}
		switch {
		case p.Final:
			row(w, "at most", count(p.Limit, "day", "days")+" for good")
		case p.Limit > 0:
			row(w, "at most", count(p.Limit, "day", "days"))
		}
	})
}

func (c *cli) planRetentionCommand() *cobra.Command {
	days := 0
	x := c.command("plan", "Say what would go, and change nothing",
		func(ctx context.Context, s *chatadmin.Scope, _ []string) error { return c.planRetention(ctx, s, days) })
	x.Flags().IntVar(&days, "days", 0, "as if this number of days were decided")
	return x
}

func (c *cli) planRetention(ctx context.Context, s *chatadmin.Scope, days int) error {
	p, err := c.retain.Plan(ctx, s, days)
	if err != nil {
		return err
	}
	v := retentionPlan{p.Days, p.Before, p.Counts, p.Held, texts.Sentences(p.Warnings)}
	return c.say(v, func(w *tabwriter.Writer) {
		row(w, "older than", v.Before.Format(time.RFC3339))
		row(w, "messages", v.Counts.Messages)
		row(w, "files", v.Counts.Files)
		row(w, "held messages", v.Held.Messages)
		row(w, "held files", v.Held.Files)
		for _, text := range v.Warnings {
			row(w, "warning:", text)
		}
	})
}

func (c *cli) listRetention(ctx context.Context, s *chatadmin.Scope, _ []string) error {
	var all []*retention.Run
	for r, err := range c.retain.Runs(ctx, s) {
		if c.skips(err) {
			continue
		}
		if err != nil {
			return err
		}
		all = append(all, r)
	}
	return c.sayRuns(ctx, s, all)
}

// sayRetained tells what a run has deleted, or how to go on with it.
func (c *cli) sayRetained(ctx context.Context, s *chatadmin.Scope, r *retention.Run, err error, resumed bool) error {
	if err != nil {
		if r != nil && r.State == chatadmin.RunRunning {
			err = goOn(err, resumed, fmt.Sprintf("go on with retention resume %s", r.ID))
			if resumed {
				err = another(err, r.ID)
			}
		}
		return err
	}
	shown, err := c.shownRuns(ctx, s, []*retention.Run{r})
	if err != nil {
		return err
	}
	v := shown[0]
	return c.say(v, func(w *tabwriter.Writer) {
		row(w, "messages", v.Removed.Messages)
		row(w, "files", v.Removed.Files)
		row(w, "older than", v.Before.Format(time.RFC3339))
		row(w, "retention", v.ID)
		row(w, "state", v.State)
	})
}

func (c *cli) shownRuns(ctx context.Context, s *chatadmin.Scope, all []*retention.Run) ([]retentionRun, error) {
	var by []chatadmin.ID
	for _, r := range all {
		by = append(by, r.By)
	}
	name, err := c.names(ctx, s, by)
	if err != nil {
		return nil, err
	}
	shown := []retentionRun{}
	for _, r := range all {
		shown = append(shown, retentionRun{r.ID, r.State, name(r.By), r.Data.Days, r.Data.Before, r.Data.Planned,
			r.Data.Removed, r.Begun, r.Ended, r.State == chatadmin.RunDone})
	}
	return shown, nil
}

func (c *cli) sayRuns(ctx context.Context, s *chatadmin.Scope, all []*retention.Run) error {
	shown, err := c.shownRuns(ctx, s, all)
	if err != nil {
		return err
	}
	return c.say(map[string]any{"runs": shown}, func(w *tabwriter.Writer) {
		row(w, "ID", "STATE", "BY", "DAYS", "BEGUN", "MESSAGES", "FILES")
		for _, r := range shown {
			row(w, r.ID, r.State, r.By, r.Days, r.Begun.Format(time.RFC3339), r.Removed.Messages, r.Removed.Files)
		}
	})
}
