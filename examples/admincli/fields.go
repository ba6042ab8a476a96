package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/fields"
)

func (c *cli) fieldsCommands() *cobra.Command {
	return c.group("fields", "Fields that the domain has declared for its users",
		c.command("list", "List the fields", c.listFields),
		c.declareCommand(), c.removeFieldCommand(),
		c.command("resume ID", "Go on with a declaration or removal that was interrupted",
			func(ctx context.Context, s *chatadmin.Scope, args []string) error {
				run, err := c.custom.Resume(ctx, s, chatadmin.ID(args[0]), c.progress("going through the users"))
				return c.sayFieldRun(run, err, true)
			}),
		c.command("find NAME VALUE", "List the users who have a value", c.findByField))
}

func (c *cli) listFields(ctx context.Context, s *chatadmin.Scope, _ []string) error {
	all, err := c.custom.List(ctx, s)
	if err != nil {
		return err
	}
	return c.say(map[string]any{"fields": append([]fields.Field{}, all...)}, func(w *tabwriter.Writer) {
		row(w, "NAME", "KIND", "CHOICES")
		for _, f := range all {
			row(w, f.Name, f.Kind, strings.Join(f.Choices, ", "))
		}
	})
}

func (c *cli) declareCommand() *cobra.Command {
	f := fields.Field{Kind: fields.Text}
	x := c.command("declare NAME", "Declare a field, or change the choices of one",
		func(ctx context.Context, s *chatadmin.Scope, args []string) error {
			f.Name = args[0]
			run, err := c.custom.Declare(ctx, s, f, c.progress("looking for values"))
			if run == nil && err == nil {
				return c.done("the field " + f.Name + " is declared")
			}
			return c.sayFieldRun(run, err, false)
		})
	choose(x, &f.Kind, "kind", "what its values are (default text)", fields.Text, fields.Number, fields.Date, fields.Choice)
	x.Flags().StringArrayVar(&f.Choices, "choice", nil, "a `value` of a choice; give the flag once for each")
	return x
}

func (c *cli) removeFieldCommand() *cobra.Command {
	var plan, apply bool
	x := c.command("remove NAME", "Remove a field with all its values",
		func(ctx context.Context, s *chatadmin.Scope, args []string) error {
			p, err := c.custom.Plan(ctx, s, args[0])
			if err != nil {
				return err
			}
			if plan {
				return c.say(map[string]any{"field": p.Field, "values": p.Values}, func(w *tabwriter.Writer) {
					row(w, "the values of "+count(p.Values, "user", "users")+" would be deleted")
				})
			}
			run, err := c.custom.Apply(ctx, s, p, c.progress("deleting values"))
			return c.sayFieldRun(run, err, false)
		})
	x.Flags().BoolVar(&plan, "plan", false, "say what would go, and change nothing")
	x.Flags().BoolVar(&apply, "apply", false, "remove it")
	exclusive(x, "plan", "apply")
	oneOf(x, "plan", "apply")
	return x
}

// sayFieldRun tells what a run has done, or how to go on with it.
func (c *cli) sayFieldRun(run *fields.Run, err error, resumed bool) error {
	if err != nil {
		if run != nil && run.State == chatadmin.RunRunning {
			err = goOn(err, resumed, fmt.Sprintf("go on with fields resume %s", run.ID))
			if resumed {
				err = another(err, run.ID)
			}
		}
		return err
	}
	v := map[string]any{"run_id": run.ID, "state": run.State, "field": run.Data.Field, "removed": run.Data.Remove,
		"values": run.Data.Values, "invalid": run.Data.Invalid, "users": run.Done}
	return c.say(v, func(w *tabwriter.Writer) {
		what := " declared, values that are searched:"
		if run.Data.Remove {
			what = " removed, values that were deleted:"
		}
		row(w, run.Data.Field.Name+what, run.Data.Values)
		if run.Data.Invalid > 0 {
			row(w, "values that the field does not take:", run.Data.Invalid)
		}
	})
}

func (c *cli) findByField(ctx context.Context, s *chatadmin.Scope, args []string) error {
	logins := []string{}
	for u, err := range c.custom.Find(ctx, s, args[0], args[1]) {
		if err != nil {
			return err
		}
		logins = append(logins, u.Login)
	}
	return c.say(map[string]any{"users": logins}, func(w *tabwriter.Writer) {
		for _, login := range logins {
			row(w, login)
		}
	})
}

// fieldValues reads NAME=VALUE.
func fieldValues(pairs []string) (map[string]string, error) {
	if err := onlyPairs(pairs); err != nil {
		return nil, err
	}
	values := map[string]string{}
	for _, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		values[name] = value
	}
	return values, nil
}
