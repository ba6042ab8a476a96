package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/erase"
)

const deleteHelp = `delete LOGIN… --plan                  what would go; nothing changes
delete LOGIN… --apply [--reason TEXT] [--transfer-default-to LOGIN | --delete-default]
delete --resume ID [--take-over]      go on with one that was interrupted
delete --cancel ID                    of one that is scheduled
delete --receipt ID                   what went
delete --run-due                      those whose grace period is over
delete --grace DAYS                   how long deletions in this domain can be cancelled; 0 deletes at once`

// deletion is how a deletion is shown, before and after.
type deletion struct {
	ID          chatadmin.ID       `json:"deletion_id,omitempty"`
	State       chatadmin.RunState `json:"state,omitempty"`
	Due         time.Time          `json:"due,omitzero"`
	Counts      map[string]int64   `json:"counts"`
	Groups      []vanishing        `json:"groups"`
	Transferred []vanishing        `json:"transferred,omitempty"`
	Blockers    []string           `json:"blockers"`
	Warnings    []string           `json:"warnings"`
	Done        bool               `json:"done"`
}

type vanishing struct {
	Name    string `json:"name"`
	Members int64  `json:"members"`
}

type deleteFlags struct {
	plan, apply, deleteDefault, runDue, takeOver       bool
	reason, transferTo, resume, cancel, receipt, grace string
}

func (c *cli) delete(ctx context.Context, args []string) error {
	var f deleteFlags
	fs := c.flags("delete", deleteHelp)
	fs.BoolVar(&f.plan, "plan", false, "")
	fs.BoolVar(&f.apply, "apply", false, "")
	fs.StringVar(&f.reason, "reason", "asked for on the command line", "")
	fs.StringVar(&f.transferTo, "transfer-default-to", "", "")
	fs.BoolVar(&f.deleteDefault, "delete-default", false, "")
	fs.StringVar(&f.resume, "resume", "", "")
	fs.BoolVar(&f.takeOver, "take-over", false, "")
	fs.StringVar(&f.cancel, "cancel", "", "")
	fs.StringVar(&f.receipt, "receipt", "", "")
	fs.BoolVar(&f.runDue, "run-due", false, "")
	fs.StringVar(&f.grace, "grace", "", "")
	var logins []string
	if err := parse(fs, args, &logins); err != nil {
		return err
	}
	chosen := 0
	for _, yes := range []bool{f.plan, f.apply, f.resume != "", f.cancel != "", f.receipt != "", f.runDue, f.grace != ""} {
		if yes {
			chosen++
		}
	}
	switch {
	case chosen != 1:
		return usage("delete: choose one of --plan, --apply, --resume, --cancel, --receipt, --run-due and --grace")
	case (f.plan || f.apply) != (len(logins) > 0):
		return usage("delete: name whom to delete with --plan and --apply, and nobody otherwise")
	case f.transferTo != "" && f.deleteDefault:
		return usage("delete: choose one of --transfer-default-to and --delete-default")
	}
	s, err := c.scope(ctx)
	if err != nil {
		return err
	}
	if f.plan || f.apply {
		return c.deleteUsers(ctx, s, c.eraser, logins, f)
	}
	return c.deletions(ctx, s, c.eraser, f)
}

// deleteUsers plans, and applies where asked to.
func (c *cli) deleteUsers(ctx context.Context, s *chatadmin.Scope, d *erase.Deletions, logins []string, f deleteFlags) error {
	ids, err := c.ids(ctx, logins)
	if err != nil {
		return err
	}
	choice := &erase.Choice{DeleteDefault: f.deleteDefault}
	if f.transferTo != "" {
		to, err := c.ids(ctx, []string{f.transferTo})
		if err != nil {
			return err
		}
		choice.TransferTo = to[0]
	}
	p, err := d.Plan(ctx, s, ids, choice)
	if err != nil {
		return err
	}
	v := deletion{Counts: p.Counts, Groups: vanish(p.Groups), Transferred: vanish(p.Transferred), Warnings: p.Warnings}
	for _, b := range p.Blockers {
		v.Blockers = append(v.Blockers, b.Code+": "+b.Message)
	}
	if f.apply {
		r, err := d.Apply(ctx, s, p, f.reason, c.deleteProgress())
		if err != nil {
			return interrupted(r, err)
		}
		v.took(r)
	}
	return c.sayDeletion(v)
}

// deletions does what is about deletions that were asked for before.
func (c *cli) deletions(ctx context.Context, s *chatadmin.Scope, d *erase.Deletions, f deleteFlags) (err error) {
	var r *erase.Run
	switch {
	case f.grace != "":
		days := 0
		if _, err := fmt.Sscanf(f.grace, "%d", &days); err != nil {
			return usage("delete: --grace is a number of days, not %q", f.grace)
		}
		if err := d.SetPolicy(ctx, s, erase.Policy{GraceDays: days}); err != nil {
			return err
		}
		return c.done(fmt.Sprintf("grace period: %d days", days))
	case f.runDue:
		all, err := d.RunDue(ctx, s.Domain())
		if err != nil {
			return err
		}
		shown := []deletion{}
		for _, r := range all {
			var v deletion
			v.took(r)
			shown = append(shown, v)
		}
		return c.say(map[string]any{"deletions": shown}, func(w *tabwriter.Writer) {
			row(w, "carried out", len(shown))
		})
	case f.resume != "":
		if f.takeOver {
			if _, err := d.TakeOver(ctx, s, chatadmin.ID(f.resume)); err != nil {
				return err
			}
		}
		if r, err = d.Resume(ctx, s, chatadmin.ID(f.resume), c.deleteProgress()); err != nil {
			return interrupted(r, err)
		}
	case f.cancel != "":
		r, err = d.Cancel(ctx, s, chatadmin.ID(f.cancel))
	default:
		r, err = d.Run(ctx, s, chatadmin.ID(f.receipt))
	}
	if err != nil {
		return err
	}
	var v deletion
	v.took(r)
	return c.sayDeletion(v)
}

// interrupted says how to go on.
func interrupted(r *erase.Run, err error) error {
	if r == nil || r.State != chatadmin.RunRunning {
		return err
	}
	return fmt.Errorf("%w (go on with delete --resume %s)", err, r.ID)
}

func (c *cli) deleteProgress() func(chatadmin.Progress) {
	if !isTerminal(c.err) {
		return nil
	}
	return func(p chatadmin.Progress) {
		_, _ = fmt.Fprintf(c.err, "\r%d of %d rows, %.0f a second ", p.Done, p.Total, p.Rate())
	}
}

func vanish(groups []erase.PlannedGroup) []vanishing {
	all := []vanishing{}
	for _, g := range groups {
		all = append(all, vanishing{g.Name, g.Members})
	}
	return all
}

// took fills in what has happened.
func (v *deletion) took(r *erase.Run) {
	v.ID, v.State, v.Due, v.Done = r.ID, r.State, r.Due, r.State == chatadmin.RunDone
	if v.Done || v.Counts == nil {
		v.Counts = r.Data.Removed
	}
}

func (c *cli) sayDeletion(v deletion) error {
	if v.Counts == nil {
		v.Counts = map[string]int64{}
	}
	for _, list := range []*[]string{&v.Blockers, &v.Warnings} {
		if *list == nil {
			*list = []string{}
		}
	}
	if v.Groups == nil {
		v.Groups = []vanishing{}
	}
	return c.say(v, func(w *tabwriter.Writer) {
		for _, kind := range slices.Sorted(maps.Keys(v.Counts)) {
			row(w, kind, v.Counts[kind])
		}
		for _, g := range v.Groups {
			row(w, "group vanishes:", g.Name, g.Members)
		}
		for _, g := range v.Transferred {
			row(w, "group stays:", g.Name, g.Members)
		}
		for _, text := range v.Blockers {
			row(w, "blocker:", text)
		}
		for _, text := range v.Warnings {
			row(w, "warning:", text)
		}
		if v.ID != "" {
			row(w, "deletion", v.ID)
			row(w, "state", v.State)
		}
		if !v.Due.IsZero() {
			row(w, "due", v.Due.Format(time.RFC3339))
		}
		row(w, "done", v.Done)
	})
}
