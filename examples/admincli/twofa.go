package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/twofa"
)

const twofaHelp = `2fa mode off|email|authenticator [--validity 30d] [--recovery] [--plan]   0, the default, asks every time
2fa reset LOGIN…
2fa explain LOGIN [--client web|desktop|mac|ios|android|unknown] [--method password|google|saml]
2fa recovery LOGIN                  new recovery codes, shown once
2fa trusted LOGIN                   browsers and desktop clients that are not asked again
2fa revoke-trusted LOGIN [ID…]      those with these IDs, or all
2fa rotate-key                      seal all secrets with a new key`

// openTwoFactor makes two-factor authentication part of the library: what changes users acts on it. Only commands that sign somebody in, or change keys, need the keys.
func (c *cli) openTwoFactor(command string) error {
	var ring *keyring.Ring
	if command == "signin" || command == "2fa" {
		var err error
		if ring, err = c.keys(); err != nil {
			return err
		}
	}
	c.twofa = twofa.New(c.admin, ring, nil)
	return nil
}

func (c *cli) twoFactor(ctx context.Context, args []string) error {
	p, client, method, validity, planOnly := twofa.Policy{}, signin.Web, signin.Password, "0", false
	fs := c.flags("2fa", twofaHelp)
	fs.StringVar(&validity, "validity", validity, "")
	fs.BoolVar(&p.Recovery, "recovery", false, "")
	fs.BoolVar(&planOnly, "plan", false, "")
	attemptFlags(fs, &client, &method)
	var rest []string
	if err := parse(fs, args, &rest); err != nil {
		return err
	}
	s, err := c.scope(ctx)
	if err != nil {
		return err
	}
	switch {
	case len(rest) == 2 && rest[0] == "mode":
		if p.Validity, err = period(validity); err != nil {
			return err
		}
		p.Mode = twofa.Mode(rest[1])
		return c.setMode(ctx, s, p, planOnly)
	case len(rest) == 1 && rest[0] == "rotate-key":
		return c.rotateKey(ctx, s)
	case len(rest) < 2 || !strings.Contains(twofaHelp, "2fa "+rest[0]+" LOGIN"):
		return usage("2fa %s: 2fa --help shows how it is used", strings.Join(rest, " "))
	}
	logins := rest[1:2]
	if rest[0] == "reset" {
		logins = rest[1:]
	} else if len(rest) > 2 && rest[0] != "revoke-trusted" {
		return usage("2fa %s: name one user", rest[0])
	}
	ids, err := c.ids(ctx, logins)
	if err != nil {
		return err
	}
	switch rest[0] {
	case "reset":
		if err := c.twofa.Reset(ctx, s, ids...); err != nil {
			return err
		}
		c.dropped()
		if err := c.sendMail(ctx, s); err != nil {
			return err
		}
		return c.done(fmt.Sprintf("%d users set it up anew when they sign in next", len(ids)))
	case "explain":
		return c.explain(ctx, s, ids[0], client, method)
	case "recovery":
		return c.recovery(ctx, s, ids[0])
	case "trusted":
		return c.trusted(ctx, s, ids[0])
	}
	if clients := rest[2:]; len(clients) == 0 {
		err = c.twofa.RevokeAllTrusted(ctx, s, ids[0])
	} else {
		err = c.twofa.RevokeTrusted(ctx, s, ids[0], clients...)
	}
	if err != nil {
		return err
	}
	return c.done("they are asked for a code when they sign in next")
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
		if err := c.twofa.SetPolicy(ctx, s, plan); err != nil {
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
	warnings := append([]string{}, plan.Warnings...)
	blockers := append([]twofa.Blocker{}, plan.Blockers...)
	return c.say(map[string]any{"mode": p.Mode, "validity": p.Validity.String(), "recovery": p.Recovery, "applied": !planOnly, "counts": plan.Counts, "cannot_pass": logins, "warnings": warnings, "blockers": blockers}, func(w *tabwriter.Writer) {
		row(w, "mode", p.Mode)
		row(w, "validity", p.Validity)
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

func (c *cli) explain(ctx context.Context, s *chatadmin.Scope, user chatadmin.ID, client signin.Client, method signin.Method) error {
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
	if err := c.sendMail(ctx, s); err != nil {
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
			row(w, t.ID, t.Client, t.Since.Format(time.RFC3339), t.Used.Format(time.RFC3339), t.Until.Format(time.RFC3339))
		}
	})
}

// rotateKey puts a new key in front of the old ones, seals everything with it, and takes the old ones out when every domain is done.
func (c *cli) rotateKey(ctx context.Context, s *chatadmin.Scope) error {
	if s.Actor() != chatadmin.HostActor {
		return fmt.Errorf("only the application itself changes keys: %w", chatadmin.ErrForbidden)
	}
	if c.keyFile == "" && c.db == "memory:" {
		return usage("2fa rotate-key: there is no key file with memory:")
	}
	keys, err := readKeys(c.keyFileName())
	if err != nil {
		return err
	}
	k, err := newKey()
	if err != nil {
		return err
	}
	if err := writeKeys(c.keyFileName(), append([]keyring.Key{k}, keys...), true); err != nil {
		return err
	}
	ring, err := c.keys()
	if err != nil {
		return err
	}
	admin := chatadmin.New(c.store, nil)
	sweep := twofa.New(admin, ring, nil)
	x, err := c.newIntegrations(signedInAs(s), &integrationFlags{}, &printed{c: c, keep: true})
	if err != nil {
		return err
	}
	var total twofa.Resealed
	for d, err := range admin.Domains(ctx) {
		if err != nil {
			return err
		}
		run, err := sweep.Reseal(ctx, admin.AsHost(d.ID), nil)
		if err != nil {
			return err
		}
		r := run.Data
		n, err := x.Reseal(ctx, d.ID) // the tokens of integrations are sealed with the same keys
		if err != nil {
			return err
		}
		total.Sealed, total.Unopened = total.Sealed+r.Sealed+n.Sealed, total.Unopened+r.Unopened+n.Unopened
		total.Reset = append(total.Reset, r.Reset...)
	}
	if total.Unopened > 0 {
		err := errors.New("some secrets do not open: the old keys are kept")
		if len(total.Reset) > 0 {
			err = fmt.Errorf("%w; reset the two-factor authentication of the users %v", err, total.Reset)
		}
		return err
	}
	if err := writeKeys(c.keyFileName(), []keyring.Key{k}, true); err != nil {
		return err
	}
	return c.say(map[string]any{"key": k.ID, "sealed": total.Sealed}, func(w *tabwriter.Writer) { row(w, "sealed with the new key", total.Sealed) })
}
