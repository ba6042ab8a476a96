package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/texts"
)

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
	plan, apply, deleteDefault, runDue, takeOver, setGrace bool
	reason, transferTo, transferAll                        string
	resume, cancel, receipt                                string
	transfer                                               []string
	grace                                                  int
}

func (c *cli) deleteCommand() *cobra.Command {
	var f deleteFlags
	x := c.command("delete [LOGIN…]", "Delete users for good, and see to deletions that were asked for",
		func(ctx context.Context, s *chatadmin.Scope, logins []string) error {
			if f.plan || f.apply {
				return c.deleteUsers(ctx, s, c.eraser, logins, f)
			}
			return c.deletions(ctx, s, c.eraser, f)
		})
	flags := x.Flags()
	flags.BoolVar(&f.plan, "plan", false, "say what would go, and change nothing")
	flags.BoolVar(&f.apply, "apply", false, "delete the users")
	flags.StringVar(&f.reason, "reason", "asked for on the command line", "why, in a `sentence`")
	flags.StringVar(&f.transferTo, "transfer-default-to", "",
		"who becomes the creator of their default groups, by `login`")
	flags.StringArrayVar(&f.transfer, "transfer", nil,
		"who gets a group instead of its vanishing, as `GROUP=LOGIN`; for each group once")
	flags.StringVar(&f.transferAll, "transfer-all", "", "who gets all their other groups, by `login`")
	flags.BoolVar(&f.deleteDefault, "delete-default", false, "delete their default groups too")
	flags.StringVar(&f.resume, "resume", "", "go on with the deletion that has this `ID`")
	flags.BoolVar(&f.takeOver, "take-over", false, "with --resume: go on in the place of the admin who began it")
	flags.StringVar(&f.cancel, "cancel", "", "cancel the scheduled deletion that has this `ID`")
	flags.StringVar(&f.receipt, "receipt", "", "show what the deletion with this `ID` has removed")
	flags.BoolVar(&f.runDue, "run-due", false, "carry out the deletions whose grace period is over")
	flags.IntVar(&f.grace,
		"grace", 0, "for so many `days` deletions in this domain can be cancelled; 0 deletes at once")
	exclusive(x, "transfer-default-to", "delete-default")
	for _, name := range []string{"resume", "cancel", "receipt", "run-due", "grace"} {
		exclusive(x, "reason", name)
	}
	return checked(x, func(logins []string) error {
		chosen := 0
		for _, name := range []string{"plan", "apply", "resume", "cancel", "receipt", "run-due", "grace"} {
			if flags.Changed(name) {
				chosen++
			}
		}
		switch {
		case chosen != 1:
			return usage("choose one of --plan, --apply, --resume, --cancel, --receipt, --run-due and --grace")
		case (f.plan || f.apply) != (len(logins) > 0):
			return usage("name whom to delete with --plan and --apply, and nobody otherwise")
		case !f.plan && !f.apply && (f.transferTo != "" || f.deleteDefault || f.transferAll != "" || len(f.transfer) > 0):
			return usage("--transfer, --transfer-all, --transfer-default-to and --delete-default go with --plan and --apply")
		case f.takeOver && f.resume == "":
			return usage("--take-over goes with --resume")
		}
		f.setGrace = flags.Changed("grace")
		return nil
	})
}

// deleteUsers plans, and applies where asked to.
func (c *cli) deleteUsers(ctx context.Context, s *chatadmin.Scope, d *erase.Deletions, logins []string,
	f deleteFlags) error {
	ids, err := c.ids(ctx, s, logins)
	if err != nil {
		return err
	}
	choice, err := c.deletionChoice(ctx, s, f)
	if err != nil {
		return err
	}
	p, err := d.Plan(ctx, s, ids, choice)
	if err != nil {
		return err
	}
	v := deletion{Counts: p.Counts, Groups: vanish(p.Groups), Transferred: vanish(p.Transferred), Warnings: texts.Sentences(p.Warnings)}
	for _, b := range p.Blockers {
		v.Blockers = append(v.Blockers, b.Code+": "+b.Message)
	}
	if f.apply {
		r, err := d.Apply(ctx, s, p, f.reason, c.progress("rows deleted"))
		if err != nil {
			return interrupted(r, err, false)
		}
		v.took(r)
	}
	return c.sayDeletion(v)
}

// deletionChoice says what becomes of the users' groups.
func (c *cli) deletionChoice(ctx context.Context, s *chatadmin.Scope, f deleteFlags) (*erase.Choice, error) {
	choice := &erase.Choice{DeleteDefault: f.deleteDefault, Transfer: map[chatadmin.ID]chatadmin.ID{}}
	for _, to := range []struct {
		login string
		id    *chatadmin.ID
	}{{f.transferTo, &choice.TransferTo}, {f.transferAll, &choice.TransferAll}} {
		if to.login == "" {
			continue
		}
		id, err := c.id(ctx, s, to.login)
		if err != nil {
			return nil, err
		}
		*to.id = id
	}
	for _, text := range f.transfer {
		cut := strings.LastIndex(text, "=") // a group's name may hold one
		if cut < 1 || cut == len(text)-1 {
			return nil, usage("--transfer is GROUP=LOGIN, not %q", chatadmin.Cut(text))
		}
		g, err := c.findGroup(ctx, s, text[:cut])
		if err != nil {
			return nil, err
		}
		to, err := c.id(ctx, s, text[cut+1:])
		if err != nil {
			return nil, err
		}
		if _, twice := choice.Transfer[g.ID]; twice {
			return nil, usage("--transfer names the group %q twice", chatadmin.Cut(g.Name))
		}
		choice.Transfer[g.ID] = to
	}
	return choice, nil
}

// deletions does what is about deletions that were asked for before.
func (c *cli) deletions(ctx context.Context, s *chatadmin.Scope, d *erase.Deletions, f deleteFlags) (err error) {
	var r *erase.Run
	switch {
	case f.setGrace:
		if err := d.SetPolicy(ctx, s, erase.Policy{GraceDays: f.grace}); err != nil {
			return err
		}
		return c.done("grace period: " + count(f.grace, "day", "days"))
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
		return c.tell(map[string]any{"deletions": shown}, "carried out", len(shown))
	case f.resume != "":
		if f.takeOver {
			if _, err := d.TakeOver(ctx, s, chatadmin.ID(f.resume)); err != nil {
				return err
			}
		}
		if r, err = d.Resume(ctx, s, chatadmin.ID(f.resume), c.progress("rows deleted")); err != nil {
			return interrupted(r, err, true)
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

// interrupted says how to go on. A resumption that was refused is not told to
// resume, but who may.
func interrupted(r *erase.Run, err error, resumed bool) error {
	switch {
	case r == nil || r.State != chatadmin.RunRunning:
		return err
	case resumed && errors.Is(err, chatadmin.ErrForbidden):
		return fmt.Errorf("%w (another admin goes on with delete --resume %s --take-over)", err, r.ID)
	}
	return goOn(err, resumed, fmt.Sprintf("go on with delete --resume %s", r.ID))
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
			row(w, "group vanishes:", g.Name, count(g.Members, "member", "members"))
		}
		for _, g := range v.Transferred {
			row(w, "group stays:", g.Name, count(g.Members, "member", "members"))
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
