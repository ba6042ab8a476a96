package main

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/texts"
	"chatadmin.example/sdk/twofa"
)

// openTwoFactor makes two-factor authentication part of the library: what
// changes users acts on it. Only commands that sign somebody in, change keys,
// or go on with a change of keys, need the keys.
func (c *cli) openTwoFactor(command string) error {
	var ring *keyring.Ring
	var err error
	if command == "signin" || command == "2fa" || (command == "work" || command == "runs") && c.hasKeys() {
		if ring, err = c.keys(); err != nil {
			return err
		}
	}
	c.twofa, err = twofa.New(c.admin, &twofa.Options{Keys: ring})
	return err
}

func (c *cli) twoFactorCommands() *cobra.Command {
	return c.group("2fa", "Two-factor authentication",
		c.command("show", "Show the policy in force", c.showPolicy),
		c.modeCommand(),
		c.command("reset LOGIN…", "Let users set it up anew when they sign in next",
			func(ctx context.Context, s *chatadmin.Scope, logins []string) error {
				ids, err := c.ids(ctx, s, logins)
				if err != nil {
					return err
				}
				if err := c.twofa.Reset(ctx, s, ids...); err != nil {
					return err
				}
				c.unsent()
				if _, err := c.sendMail(ctx, s); err != nil {
					return err
				}
				return c.done(count(len(ids), "user sets", "users set") + " it up anew at the next sign-in")
			}),
		c.explainCommand(),
		c.ofUser("recovery LOGIN", "Make new recovery codes, which are shown once", c.recovery),
		c.ofUser("trusted LOGIN", "List browsers and desktop clients that are not asked again", c.trusted),
		c.command("revoke-trusted LOGIN [ID…]",
			"Ask remembered clients again: those with these IDs, or all", c.revokeTrusted),
		c.command("rotate-key", "Seal all secrets with a new key", c.rotateKey))
}

// ofUser makes a command about one user.
func (c *cli) ofUser(
	use, short string, run func(context.Context, *chatadmin.Scope, chatadmin.ID) error,
) *cobra.Command {
	return c.command(use, short, func(ctx context.Context, s *chatadmin.Scope, args []string) error {
		user, err := c.id(ctx, s, args[0])
		if err != nil {
			return err
		}
		return run(ctx, s, user)
	})
}

func (c *cli) modeCommand() *cobra.Command {
	var validity string
	recovery, planOnly := false, false
	var x *cobra.Command
	x = c.command("mode off|email|authenticator", "Choose what is asked for beside the password",
		func(ctx context.Context, s *chatadmin.Scope, args []string) error {
			p, err := policy(ctx, s)
			if err != nil {
				return err
			}
			p.Mode = twofa.Mode(args[0])
			if x.Flags().Changed("validity") {
				if p.Validity, err = period(validity); err != nil {
					return err
				}
			}
			if x.Flags().Changed("recovery") || p.Mode != twofa.Authenticator {
				p.Recovery = recovery // only authenticators have recovery codes
			}
			return c.setMode(ctx, s, p, planOnly)
		})
	x.Flags().StringVar(&validity,
		"validity", "", "how long a client is not asked again, as 30d or 12h; 0 asks every time (default: as it is)")
	x.Flags().BoolVar(&recovery,
		"recovery", false, "let users have recovery codes; --recovery=false ends them (default: as it is)")
	x.Flags().BoolVar(&planOnly, "plan", false, "say what it would do, and change nothing")
	return checked(x, func([]string) error {
		if x.Flags().Changed("validity") {
			_, err := period(validity)
			return err
		}
		return nil
	})
}

// policy reads what the domain has decided.
func policy(ctx context.Context, s *chatadmin.Scope) (twofa.Policy, error) {
	_, set, err := s.View(ctx, chatadmin.PermTwoFactor)
	if err != nil {
		return twofa.Policy{}, err
	}
	return twofa.PolicyOf(&set)
}

func (c *cli) showPolicy(ctx context.Context, s *chatadmin.Scope, _ []string) error {
	p, err := policy(ctx, s)
	if err != nil {
		return err
	}
	if p.Mode == "" {
		p.Mode = twofa.Off
	}
	return c.say(map[string]any{"mode": p.Mode, "validity": p.Validity.String(), "recovery": p.Recovery},
		func(w *tabwriter.Writer) {
			row(w, "mode", p.Mode)
			row(w, "validity", span(p.Validity))
			row(w, "recovery codes", p.Recovery)
		})
}

func (c *cli) revokeTrusted(ctx context.Context, s *chatadmin.Scope, args []string) error {
	user, err := c.id(ctx, s, args[0])
	if err != nil {
		return err
	}
	if clients := args[1:]; len(clients) == 0 {
		err = c.twofa.RevokeAllTrusted(ctx, s, user)
	} else {
		err = c.twofa.RevokeTrusted(ctx, s, user, clients...)
	}
	if err != nil {
		return err
	}
	return c.done("they are asked for a code when they sign in next")
}

func (c *cli) explainCommand() *cobra.Command {
	client, method := signin.Web, signin.Password
	x := c.ofUser("explain LOGIN", "Tell what a user would be asked, and why",
		func(ctx context.Context, s *chatadmin.Scope, user chatadmin.ID) error {
			return c.explain(ctx, s, user, client, method)
		})
	attemptFlags(x, &client, &method)
	return x
}

// period reads a duration as Go writes it, or in days: 30d.
func period(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n <= 10000 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, usage("--validity %q: write it as 30d or 12h", s)
	}
	return d, nil
}

func (c *cli) setMode(ctx context.Context, s *chatadmin.Scope, p twofa.Policy, planOnly bool) error {
	plan, err := c.twofa.Plan(ctx, s, p)
	if err != nil {
		return err
	}
	if !planOnly {
		if err := c.twofa.Apply(ctx, s, plan); err != nil {
			return err
		}
	}
	name, err := c.names(ctx, s, plan.CannotPass)
	if err != nil {
		return err
	}
	logins := []string{}
	for _, id := range plan.CannotPass {
		logins = append(logins, name(id))
	}
	warnings := texts.Sentences(plan.Warnings)
	blockers := append([]twofa.Blocker{}, plan.Blockers...)
	return c.say(map[string]any{"mode": p.Mode, "validity": p.Validity.String(), "recovery": p.Recovery,
		"applied": !planOnly, "counts": plan.Counts, "cannot_pass": logins, "warnings": warnings, "blockers": blockers},
		func(w *tabwriter.Writer) {
			row(w, "mode", p.Mode)
			row(w, "validity", span(p.Validity))
			row(w, "in force", !planOnly)
			for _, kind := range slices.Sorted(maps.Keys(plan.Counts)) {
				row(w, kind, plan.Counts[kind])
			}
			for _, text := range warnings {
				row(w, "warning", text)
			}
			for _, b := range blockers {
				row(w, "blocked", b.Message)
			}
			for _, login := range logins {
				row(w, "cannot pass", login)
			}
		})
}

func (c *cli) explain(ctx context.Context, s *chatadmin.Scope, user chatadmin.ID, client signin.Client,
	method signin.Method) error {
	e, err := c.twofa.Explain(ctx, s, user, client, method)
	if err != nil {
		return err
	}
	v := struct {
		Asks     bool       `json:"asks"`
		Kind     twofa.Mode `json:"kind"`
		Rule     twofa.Rule `json:"rule"`
		Sentence string     `json:"sentence"`
		Enrolled bool       `json:"enrolled"`
		Recovery int        `json:"recovery_codes"`
		Cannot   string     `json:"cannot_pass,omitempty"`
		Until    time.Time  `json:"trusted_until,omitzero"`
	}{e.Asks, e.Kind, e.Rule, e.Rule.String(), e.Enrolled, e.Recovery, "", e.TrustedUntil}
	if e.CannotPass != nil {
		v.Cannot = e.CannotPass.Error()
	}
	return c.say(v, func(w *tabwriter.Writer) {
		row(w, "rule", string(v.Rule), v.Sentence)
		row(w, "asked", v.Asks, v.Kind)
		row(w, "enrolled", v.Enrolled)
		if !v.Until.IsZero() {
			row(w, "trusted until", v.Until.Format(time.RFC3339))
		}
		if v.Cannot != "" {
			row(w, "cannot pass", v.Cannot)
		}
	})
}

func (c *cli) recovery(ctx context.Context, s *chatadmin.Scope, user chatadmin.ID) error {
	codes, err := c.twofa.RecoveryCodes(ctx, s, user)
	if err != nil {
		return err
	}
	if _, err := c.sendMail(ctx, s); err != nil {
		return err
	}
	return c.say(map[string]any{"codes": codes}, func(w *tabwriter.Writer) {
		for _, code := range codes {
			row(w, code)
		}
	})
}

func (c *cli) trusted(ctx context.Context, s *chatadmin.Scope, user chatadmin.ID) error {
	clients, err := c.twofa.Trusted(ctx, s, user)
	if err != nil {
		return err
	}
	return c.say(map[string]any{"trusted": clients}, func(w *tabwriter.Writer) {
		row(w, "ID", "CLIENT", "SINCE", "USED", "UNTIL")
		for _, t := range clients {
			row(w, t.ID, t.Client, t.Since.Format(time.RFC3339), t.Used.Format(time.RFC3339),
				t.Until.Format(time.RFC3339))
		}
	})
}
