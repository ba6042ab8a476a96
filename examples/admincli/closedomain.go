package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/closing"
	"chatadmin.example/sdk/chatadmin/texts"
)

// closed is how the closing of a domain is shown, before and after.
type closed struct {
	ID       chatadmin.ID       `json:"closing_id,omitempty"`
	Domain   chatadmin.ID       `json:"domain_id"`
	State    chatadmin.RunState `json:"state,omitempty"`
	Due      time.Time          `json:"due,omitzero"`
	Counts   map[string]int64   `json:"counts"`
	Blockers []string           `json:"blockers"`
	Warnings []string           `json:"warnings"`
	Done     bool               `json:"done"`
}

type closeFlags struct {
	plan, apply    bool
	grace          int
	reason         string
	resume, cancel string
}

func (c *cli) closeCommand() *cobra.Command {
	var f closeFlags
	x := c.hostOnly(c.command("close", "Delete the domain with everything in it (without --as)",
		func(ctx context.Context, s *chatadmin.Scope, _ []string) error { return c.closeDomain(ctx, s, f) }))
	flags := x.Flags()
	flags.BoolVar(&f.plan, "plan", false, "say what would go, and change nothing")
	flags.BoolVar(&f.apply, "apply", false, "close the domain")
	flags.IntVar(&f.grace, "grace", 30, "for how many `days` the domain is merely suspended first")
	flags.StringVar(&f.reason, "reason", "asked for on the command line", "why, in a `sentence`")
	flags.StringVar(&f.resume, "resume", "", "go on with the closing that has this `ID`")
	flags.StringVar(&f.cancel, "cancel", "", "end the scheduled closing that has this `ID`")
	x.MarkFlagsMutuallyExclusive("plan", "apply", "resume", "cancel")
	x.MarkFlagsOneRequired("plan", "apply", "resume", "cancel")
	return checked(x, func([]string) error {
		switch {
		case (flags.Changed("grace") || flags.Changed("reason")) && !f.plan && !f.apply:
			return usage("--grace and --reason go with --plan and --apply")
		case f.grace < 0:
			return usage("--grace is a number of days, 0 to 365")
		}
		return nil
	})
}

func (c *cli) closeDomain(ctx context.Context, s *chatadmin.Scope, f closeFlags) error {
	v := closed{Domain: s.Domain(), Blockers: []string{}, Warnings: []string{}}
	var run *closing.Run
	var err error
	switch {
	case f.resume != "":
		run, err = c.closings.Resume(ctx, s, chatadmin.ID(f.resume), c.progress("rows deleted"))
	case f.cancel != "":
		run, err = c.closings.Cancel(ctx, s, chatadmin.ID(f.cancel))
	default:
		grace := closing.AtOnce
		if f.grace > 0 {
			grace = time.Duration(f.grace) * 24 * time.Hour
		}
		p, planErr := c.closings.Plan(ctx, s, grace)
		if planErr != nil {
			return planErr
		}
		v.Counts, v.Warnings = p.Counts, append(v.Warnings, texts.Sentences(p.Warnings)...)
		for _, b := range p.Blockers {
			v.Blockers = append(v.Blockers, b.Code+": "+b.Message)
		}
		if f.apply {
			run, err = c.closings.Apply(ctx, s, p, f.reason, c.progress("rows deleted"))
		}
	}
	if err != nil {
		if run != nil && run.State == chatadmin.RunRunning {
			err = goOn(err, f.resume != "", fmt.Sprintf("go on with domain close --resume %s", run.ID))
		}
		return err
	}
	if run != nil {
		v.ID, v.State, v.Due, v.Done = run.ID, run.State, run.Due, run.State == chatadmin.RunDone
		if v.Done || v.Counts == nil {
			v.Counts = run.Data.Removed
		}
	}
	return c.say(v, v.show)
}

func (v closed) show(w *tabwriter.Writer) {
	for _, kind := range slices.Sorted(maps.Keys(v.Counts)) {
		row(w, kind, v.Counts[kind])
	}
	for _, text := range v.Blockers {
		row(w, "blocker:", text)
	}
	for _, text := range v.Warnings {
		row(w, "warning:", text)
	}
	if v.ID != "" {
		row(w, "closing", v.ID)
		row(w, "state", v.State)
	}
	if !v.Due.IsZero() {
		row(w, "due", v.Due.Format(time.RFC3339))
	}
	row(w, "done", v.Done)
}

// closedCommand lists the receipts of domains that are gone.
func (c *cli) closedCommand() *cobra.Command {
	return c.globalCommand("closed", "List the domains that were closed, and what went",
		func(ctx context.Context, _ *cobra.Command, _ []string) error {
			closeStore, err := c.open(ctx, "closed")
			if err != nil {
				return err
			}
			defer closeStore()
			all := []closing.Receipt{}
			for r, err := range c.closings.Receipts(ctx) {
				if c.skips(err) {
					continue
				}
				if err != nil {
					return err
				}
				all = append(all, r)
			}
			return c.say(map[string]any{"closed": all}, func(w *tabwriter.Writer) {
				row(w, "CLOSING", "DOMAIN", "ENDED", "USERS", "MESSAGES", "REASON")
				for _, r := range all {
					row(w, r.Run, r.Domain, r.Ended.Format(time.RFC3339), r.Removed[closing.Users], r.Removed[closing.Messages], r.Reason)
				}
			})
		})
}

func (c *cli) renameCommand() *cobra.Command {
	return c.command("rename NAME", "Give the domain another name",
		func(ctx context.Context, s *chatadmin.Scope, args []string) error {
			if err := c.nameIsFree(ctx, s.Domain(), args[0]); err != nil {
				return err
			}
			if _, err := s.RenameDomain(ctx, args[0]); err != nil {
				return err
			}
			return c.showDomain(ctx, s, nil)
		})
}

// nameIsFree refuses the name of another domain: the command line finds domains
// by their names.
func (c *cli) nameIsFree(ctx context.Context, but chatadmin.ID, name string) error {
	for d, err := range c.admin.Domains(ctx) {
		if err != nil {
			return err
		}
		if d.Name == name && d.ID != but {
			return fmt.Errorf("domain %q: %w", chatadmin.Cut(name), chatadmin.ErrExists)
		}
	}
	return nil
}
