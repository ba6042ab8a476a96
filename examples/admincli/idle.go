package main

import (
	"cmp"
	"context"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/texts"
)

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }

// signInsCommand lists who signed in last, when, and from what.
func (c *cli) signInsCommand() *cobra.Command {
	var q signin.SignInQuery
	var client, after string
	idle, limit := 0, 0
	x := c.command("sign-ins", "List when users signed in last, and from which kind of client",
		func(ctx context.Context, s *chatadmin.Scope, _ []string) error {
			q.IdleFor, q.Client = days(idle), signin.Client(client)
			return c.listSignIns(ctx, s, q, limit, after)
		})
	x.Flags().IntVar(&idle, "idle-days", 0, "only users who have been idle for so many `days`, the longest first")
	x.Flags().BoolVar(&q.UnusedOnly, "never", false, "only users who have never signed in")
	x.Flags().StringVar(&q.Search, "search", "", "only users with this `text` in name, login or e-mail")
	choose(x, &client, "client", "only users who came from this kind of client", "web", "desktop", "mac", "ios", "android", "unknown")
	checked(x, func([]string) error {
		if idle < 0 || idle > 36500 {
			return usage("--idle-days is a number of days, 0 to 36500")
		}
		return nil
	})
	return paged(x, &limit, &after, "users")
}

func (c *cli) listSignIns(ctx context.Context, s *chatadmin.Scope, q signin.SignInQuery, limit int, after string) error {
	type signIn struct {
		Login     string        `json:"login"`
		Status    string        `json:"status"`
		SignedIn  time.Time     `json:"signed_in,omitzero"`
		Client    signin.Client `json:"client,omitempty"`
		Method    signin.Method `json:"method,omitempty"`
		Seen      time.Time     `json:"seen,omitzero"`
		IdleSince time.Time     `json:"idle_since,omitzero"`
	}
	found, next, err := rows(limit, after, c.gate.SignIns(ctx, s, q),
		func(p chatadmin.Page) ([]signin.SignIn, chatadmin.Cursor, error) {
			return c.gate.SignInsPage(ctx, s, q, p)
		})
	if err != nil {
		return err
	}
	list := make([]signIn, len(found))
	for i, r := range found {
		list[i] = signIn{r.Login, r.Status.String(), r.SignedIn, r.Client, r.Method, r.Seen, r.IdleSince}
	}
	return c.sayPage("sign_ins", list, next, func(w *tabwriter.Writer) {
		row(w, "LOGIN", "STATUS", "SIGNED IN", "CLIENT", "LAST SEEN")
		for _, r := range list {
			row(w, r.Login, r.Status, shortTime(r.SignedIn), r.Client, shortTime(r.Seen))
		}
	})
}

// refusalsCommand lists whose sign-ins were refused last, and why.
func (c *cli) refusalsCommand() *cobra.Command {
	var q signin.RefusedQuery
	var client, reason, after string
	limit := 0
	x := c.command("refusals", "List whose sign-ins were refused last, and why",
		func(ctx context.Context, s *chatadmin.Scope, _ []string) error {
			q.Client, q.Reason = signin.Client(client), signin.Reason(reason)
			found, next, err := rows(limit, after, c.gate.Refusals(ctx, s, q),
				func(p chatadmin.Page) ([]signin.RefusedUser, chatadmin.Cursor, error) {
					return c.gate.RefusalsPage(ctx, s, q, p)
				})
			if err != nil {
				return err
			}
			return c.sayRefusals(found, next)
		})
	x.Flags().StringVar(&q.Search, "search", "", "only users with this `text` in name, login or e-mail")
	x.Flags().StringVar(&reason, "reason", "", "only those refused for this `reason`, such as wrong or locked")
	choose(x, &client, "client", "only from this kind of client", "web", "desktop", "mac", "ios", "android", "unknown")
	return paged(x, &limit, &after, "users")
}

func (c *cli) sayRefusals(found []signin.RefusedUser, next chatadmin.Cursor) error {
	type refused struct {
		Login   string           `json:"login"` // "": nobody has it
		Refused []signin.Refused `json:"refused"`
	}
	list := make([]refused, len(found))
	for i, r := range found {
		list[i] = refused{r.Login, r.Refused}
	}
	return c.sayPage("refusals", list, next, func(w *tabwriter.Writer) {
		row(w, "LOGIN", "WHEN", "REASON", "CLIENT")
		for _, u := range list {
			for _, r := range u.Refused {
				row(w, cmp.Or(u.Login, "(nobody)"), shortTime(r.At), r.Reason, r.Client)
			}
		}
	})
}

// shortTime is a time, or "never" for none.
func shortTime(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Format(time.RFC3339)
}

// deactivateIdleCommand deactivates who has not come for long.
func (c *cli) deactivateIdleCommand() *cobra.Command {
	idle := 0
	var never, plan, apply bool
	x := c.command("deactivate-idle", "Deactivate the users who have been idle for some days",
		func(ctx context.Context, s *chatadmin.Scope, _ []string) error {
			p, err := c.gate.PlanIdle(ctx, s, signin.Idle{For: days(idle), WithUnused: never})
			if err != nil {
				return err
			}
			v := map[string]any{"counts": p.Counts, "warnings": texts.Sentences(p.Warnings), "done": false}
			if apply {
				run, err := c.gate.ApplyIdle(ctx, s, p, c.progress("deactivated"))
				if err != nil {
					return err
				}
				v["run"], v["deactivated"], v["skipped"], v["done"] = run.ID, run.Data.Deactivated, run.Data.Skipped, run.State == chatadmin.RunDone
			}
			return c.say(v, func(w *tabwriter.Writer) {
				for _, name := range []string{"users", "never", "guests", "left_alone"} {
					row(w, name, p.Counts[name])
				}
				for _, text := range p.Warnings {
					row(w, "warning:", text)
				}
				row(w, "done", v["done"])
			})
		})
	x.Flags().IntVar(&idle, "days", 0, "idle for at least so many `days`")
	x.Flags().BoolVar(&never, "never", false, "also users who have never signed in, and were created so long ago")
	x.Flags().BoolVar(&plan, "plan", false, "say who would be deactivated, and change nothing")
	x.Flags().BoolVar(&apply, "apply", false, "deactivate them")
	needed(x, "days")
	exclusive(x, "plan", "apply")
	oneOf(x, "plan", "apply")
	return checked(x, func([]string) error {
		if idle < 1 || idle > 36500 {
			return usage("--days is a number of days, 1 to 36500")
		}
		return nil
	})
}
