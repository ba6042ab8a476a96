package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"chatadmin.example/sdk/chatadmin"
)

// run is how a long operation is shown.
type run struct {
	ID      chatadmin.ID       `json:"id"`
	Kind    string             `json:"kind"`
	By      string             `json:"by"`
	State   chatadmin.RunState `json:"state"`
	Done    int64              `json:"done"`
	Total   int64              `json:"total"`
	Begun   time.Time          `json:"begun,omitzero"`
	Ended   time.Time          `json:"ended,omitzero"`
	Due     time.Time          `json:"due,omitzero"`
	Problem string             `json:"problem,omitempty"`
	Report  json.RawMessage    `json:"report,omitempty"`
}

func (c *cli) runsCommands() *cobra.Command {
	return c.group("runs", "Long operations: imports, deletions, and others",
		c.listRunsCommand(),
		c.command("show ID", "Show a run, and what it keeps of itself", c.showRun),
		c.command("resume ID", "Go on with a run that was interrupted", c.resumeRun),
		c.command("take-over ID", "Put the actor in the place of whoever began the run",
			func(ctx context.Context, s *chatadmin.Scope, args []string) error {
				r, err := s.TakeOverRun(ctx, chatadmin.ID(args[0]))
				return c.sayRun(ctx, s, r, nil, err)
			}),
		c.command("cancel ID", "End a run that can be undone",
			func(ctx context.Context, s *chatadmin.Scope, args []string) error {
				r, err := s.CancelRun(ctx, chatadmin.ID(args[0]))
				return c.sayRun(ctx, s, r, nil, err)
			}))
}

func (c *cli) listRunsCommand() *cobra.Command {
	var q chatadmin.RunQuery
	var state chatadmin.RunState
	limit, after := 0, ""
	x := c.command("list", "List the runs that the actor may see: the open ones, then those that have ended",
		func(ctx context.Context, s *chatadmin.Scope, _ []string) error {
			if kinds := c.admin.RunKinds(); q.Kind != "" && !slices.Contains(kinds, q.Kind) {
				return fmt.Errorf("there is no kind of run %q: %w: the kinds are %s", chatadmin.Cut(q.Kind),
					chatadmin.ErrInvalid, strings.Join(kinds, ", "))
			}
			if state != "" {
				q.States = []chatadmin.RunState{state}
			}
			found, next, err := rows(limit, after, readable(c, s.Runs(ctx, q)), func(p chatadmin.Page) ([]chatadmin.Run, chatadmin.Cursor, error) {
				return s.RunsPage(ctx, q, p)
			})
			if err != nil {
				return err
			}
			return c.sayRunsPage(ctx, s, found, next)
		})
	x.Flags().StringVar(&q.Kind, "kind", "", "only runs of this `kind`, such as import")
	choose(x, &state, "state", "only runs that stand there", chatadmin.RunScheduled, chatadmin.RunRunning,
		chatadmin.RunDone, chatadmin.RunStopped, chatadmin.RunCancelled)
	return paged(x, &limit, &after, "runs")
}

func (c *cli) sayRunsPage(ctx context.Context, s *chatadmin.Scope, found []chatadmin.Run, next chatadmin.Cursor) error {
	shown, err := c.shown(ctx, s, found)
	if err != nil {
		return err
	}
	return c.sayPage("runs", shown, next, func(w *tabwriter.Writer) {
		row(w, "ID", "KIND", "BY", "STATE", "DONE", "TOTAL", "BEGUN", "ENDED")
		for _, r := range shown {
			row(w, r.ID, r.Kind, r.By, r.State, r.Done, r.Total, clock(r.Begun), clock(r.Ended))
		}
	})
}

// clock is a time as people read it, and nothing for the zero time.
func clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}

func (c *cli) shown(ctx context.Context, s *chatadmin.Scope, all []chatadmin.Run) ([]run, error) {
	var by []chatadmin.ID
	for _, r := range all {
		by = append(by, r.By)
	}
	name, err := c.names(ctx, s, by)
	if err != nil {
		return nil, err
	}
	shown := make([]run, len(all))
	for i, r := range all {
		shown[i] = run{r.ID, r.Kind, name(r.By), r.State, r.Done, r.Total, r.Begun, r.Ended, r.Due, r.Problem, nil}
	}
	return shown, nil
}

func (c *cli) showRun(ctx context.Context, s *chatadmin.Scope, args []string) error {
	r, report, err := s.Run(ctx, chatadmin.ID(args[0]))
	return c.sayRun(ctx, s, r, report, err)
}

func (c *cli) resumeRun(ctx context.Context, s *chatadmin.Scope, args []string) error {
	id := chatadmin.ID(args[0])
	r, _, err := s.Run(ctx, id)
	if err != nil {
		return err
	}
	if r.Kind == "import" {
		return fmt.Errorf("run %s needs the file that was imported: %w: go on with import --resume %s FILE", id,
			chatadmin.ErrInvalid, id)
	}
	r, err = s.ResumeRun(ctx, id, c.progress("steps"))
	if err != nil {
		err = another(goOn(err, true, fmt.Sprintf("go on with runs resume %s", id)), id)
	}
	return c.sayRun(ctx, s, r, nil, err)
}

// sayRun shows one run, with what its kind keeps of it.
func (c *cli) sayRun(
	ctx context.Context, s *chatadmin.Scope, r chatadmin.Run, report json.RawMessage, err error,
) error {
	if err != nil {
		return err
	}
	shown, err := c.shown(ctx, s, []chatadmin.Run{r})
	if err != nil {
		return err
	}
	v := shown[0]
	v.Report = report
	return c.say(v, func(w *tabwriter.Writer) {
		row(w, "run", v.ID)
		row(w, "kind", v.Kind)
		row(w, "by", v.By)
		row(w, "state", v.State)
		row(w, "done", fmt.Sprintf("%d of %d", v.Done, v.Total))
		for _, at := range []struct {
			name string
			time time.Time
		}{{"due", v.Due}, {"begun", v.Begun}, {"ended", v.Ended}} {
			if !at.time.IsZero() {
				row(w, at.name, clock(at.time))
			}
		}
		if v.Problem != "" {
			row(w, "problem", v.Problem)
		}
		if len(report) > 0 {
			row(w, "report", string(report))
		}
	})
}
