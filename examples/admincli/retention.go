package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"text/tabwriter"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/retention"
)

const retentionHelp = `retention set DAYS          after how many days messages and files are deleted; 0 keeps them
retention show              what is decided
retention plan [--days N]   what would go; nothing changes. With --days, if it were decided so
retention apply             delete it; what a legal hold covers stays
retention resume ID         go on with a run that was interrupted
retention list              the runs so far, and what went
retention limit DAYS        how long the domain may keep things at most; 0 lets it decide (without --as: only the application itself may)
retention run-due           what a worker of the application does once a day (likewise): take up what was interrupted, and delete by the policy`

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

func (c *cli) retention(ctx context.Context, args []string) error {
	days := ""
	fs := c.flags("retention", retentionHelp)
	fs.StringVar(&days, "days", "", "")
	var rest []string
	if err := parse(fs, args, &rest); err != nil {
		return err
	}
	want, ok := map[string]int{"set": 2, "limit": 2, "resume": 2, "show": 1, "plan": 1, "apply": 1, "list": 1, "run-due": 1}[first(rest)]
	switch {
	case !ok || len(rest) != want:
		return usage("retention: set DAYS, show, plan, apply, resume ID, list, limit DAYS, or run-due")
	case days != "" && rest[0] != "plan":
		return usage("retention: --days belongs to plan")
	case c.as != "" && (rest[0] == "limit" || rest[0] == "run-due"):
		return fmt.Errorf("retention %s is for the application itself, leave out --as: %w", rest[0], chatadmin.ErrForbidden)
	}
	s, err := c.scope(ctx)
	if err != nil {
		return err
	}
	switch rest[0] {
	case "set", "limit":
		return c.decideRetention(ctx, s, rest[0], rest[1])
	case "show":
		return c.showRetention(ctx, s)
	case "plan":
		n, err := number(days)
		if err != nil {
			return err
		}
		return c.planRetention(ctx, s, n)
	}
	return c.runRetention(ctx, s, rest)
}

func first(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return words[0]
}

// number reads a number of days; "" is 0.
func number(days string) (int, error) {
	if days == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(days)
	if err != nil {
		return 0, usage("retention: give a number of days, not %q", chatadmin.Cut(days))
	}
	return n, nil
}

func (c *cli) decideRetention(ctx context.Context, s *chatadmin.Scope, what, days string) error {
	n, err := number(days)
	if err != nil {
		return err
	}
	if what == "limit" {
		err = c.retain.SetLimit(ctx, s.Domain(), n)
	} else {
		err = c.retain.SetDays(ctx, s, n)
	}
	if err != nil {
		return err
	}
	return c.showRetention(ctx, s)
}

func (c *cli) showRetention(ctx context.Context, s *chatadmin.Scope) error {
	p, err := c.retain.Policy(ctx, s)
	if err != nil {
		return err
	}
	return c.say(map[string]int{"days": p.Days, "limit": p.Limit}, func(w *tabwriter.Writer) {
		if p.Days == 0 {
			row(w, "messages and files", "are kept")
		} else {
			row(w, "messages and files", fmt.Sprintf("are deleted after %d days", p.Days))
		}
		if p.Limit > 0 {
			row(w, "at most", fmt.Sprintf("%d days", p.Limit))
		}
	})
}

func (c *cli) planRetention(ctx context.Context, s *chatadmin.Scope, days int) error {
	p, err := c.retain.Plan(ctx, s, days)
	if err != nil {
		return err
	}
	v := retentionPlan{p.Days, p.Before, p.Counts, p.Held, append([]string{}, p.Warnings...)}
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

// runRetention deletes, or lists what was deleted.
func (c *cli) runRetention(ctx context.Context, s *chatadmin.Scope, args []string) error {
	var all []*retention.Run
	switch args[0] {
	case "list":
		for r, err := range c.retain.Runs(ctx, s) {
			if errors.Is(err, chatadmin.ErrDamaged) {
				_, _ = fmt.Fprintln(c.err, err)
				continue
			}
			if err != nil {
				return err
			}
			all = append(all, r)
		}
		return c.sayRuns(ctx, s, all)
	case "run-due":
		all, err := c.retain.RunDue(ctx, s.Domain())
		if err != nil {
			return err
		}
		return c.sayRuns(ctx, s, all)
	}
	r, err := c.retentionRun(ctx, s, args)
	if err != nil {
		if r != nil && r.State == chatadmin.RunRunning {
			err = fmt.Errorf("%w (go on with retention resume %s)", err, r.ID)
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

// retentionRun begins a run, or goes on with one.
func (c *cli) retentionRun(ctx context.Context, s *chatadmin.Scope, args []string) (*retention.Run, error) {
	if args[0] == "resume" {
		return c.retain.Resume(ctx, s, chatadmin.ID(args[1]), c.deleteProgress())
	}
	p, err := c.retain.Plan(ctx, s, 0)
	if err != nil {
		return nil, err
	}
	return c.retain.Apply(ctx, s, p, c.deleteProgress())
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
		shown = append(shown, retentionRun{r.ID, r.State, name(r.By), r.Data.Days, r.Data.Before, r.Data.Planned, r.Data.Removed, r.Begun, r.Ended, r.State == chatadmin.RunDone})
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
