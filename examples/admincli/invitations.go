package main

import (
	"context"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/provisioning"
)

func (c *cli) invitationsCommands() *cobra.Command {
	return c.group("invitations", "The invitations of users who have not come in yet",
		c.listInvitationsCommand(),
		c.command("resend LOGIN…", "Send a new activation link to each; the old ones are dead", c.resend),
		c.command("revoke LOGIN…", "Take invitations back: queued mails do not go out, links that were sent are dead", c.revoke),
		c.releaseCommand(),
		c.command("send", "Send the mails that are queued",
			func(ctx context.Context, s *chatadmin.Scope, _ []string) error {
				c.unsent()
				n, err := c.sendMail(ctx, s)
				if err != nil {
					return err
				}
				return c.tell(map[string]any{"sent": n}, count(n, "mail", "mails")+" sent")
			}))
}

func (c *cli) releaseCommand() *cobra.Command {
	var id string
	x := c.command("release", "Send the invitations that imports held back, for any admin who may import",
		func(ctx context.Context, s *chatadmin.Scope, _ []string) (err error) {
			n := 0
			if id == "" {
				n, err = c.imports.ReleaseImports(ctx, s)
			} else {
				n, err = c.imports.ReleaseImport(ctx, s, chatadmin.ID(id))
			}
			if err != nil {
				return err
			}
			c.unsent()
			return c.tell(map[string]any{"invited": n}, count(n, "person", "people")+" invited")
		})
	x.Flags().StringVar(&id, "import", "", "only those of the import with this `ID` (default: of all)")
	return checked(x, func([]string) error {
		if id == "" && x.Flags().Changed("import") {
			return usage("--import names an import")
		}
		return nil
	})
}

func (c *cli) listInvitationsCommand() *cobra.Command {
	type invitation struct {
		Login   string                    `json:"login"`
		Email   string                    `json:"email"`
		State   chatadmin.InvitationState `json:"state"`
		Expires time.Time                 `json:"expires,omitzero"`
	}
	var state chatadmin.InvitationState
	limit, after := 0, ""
	x := c.command("list", "List pending users with the state of their invitations", func(ctx context.Context, s *chatadmin.Scope, _ []string) error {
		var q chatadmin.InvitationQuery
		if state != "" {
			q.States = []chatadmin.InvitationState{state}
		}
		found, next, err := rows(limit, after, readable(c, s.Invitations(ctx, q)), func(p chatadmin.Page) ([]chatadmin.InvitedUser, chatadmin.Cursor, error) {
			return s.InvitationsPage(ctx, q, p)
		})
		if err != nil {
			return err
		}
		list := []invitation{}
		for _, v := range found {
			list = append(list, invitation{v.User.Login, v.User.Email, v.State, v.Invitation.Expires})
		}
		return c.sayPage("invitations", list, next, func(w *tabwriter.Writer) {
			row(w, "LOGIN", "E-MAIL", "STATE", "EXPIRES")
			for _, v := range list {
				row(w, v.Login, v.Email, v.State, clock(v.Expires))
			}
		})
	})
	choose(x, &state, "state", "only users whose invitation stands there", chatadmin.InvitationNone, chatadmin.InvitationQueued, chatadmin.InvitationSending,
		chatadmin.InvitationSent, chatadmin.InvitationFailed, chatadmin.InvitationExpired, chatadmin.InvitationUsed)
	return paged(x, &limit, &after, "invitations")
}

// revoke takes invitations back.
func (c *cli) revoke(ctx context.Context, s *chatadmin.Scope, logins []string) error {
	ids, err := c.ids(ctx, s, logins)
	if err != nil {
		return err
	}
	revoked, err := s.RevokeInvitations(ctx, ids...)
	if err != nil {
		return err
	}
	return c.tell(map[string]any{"revoked": len(revoked)}, count(len(revoked), "invitation", "invitations")+" revoked")
}

// resend sends new activation links, and says which of them are on their way.
func (c *cli) resend(ctx context.Context, s *chatadmin.Scope, logins []string) error {
	ids, err := c.ids(ctx, s, logins)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := c.radios.ResendActivation(ctx, s, id); err != nil {
			return err
		}
	}
	c.unsent()
	if _, err := c.sendMail(ctx, s); err != nil {
		return err
	}
	sent := 0
	for _, id := range ids {
		inv, err := c.admin.AsHost(s.Domain()).Invitation(ctx, id)
		if err != nil {
			return err
		}
		code, err := c.radios.Activation(ctx, c.admin.AsHost(s.Domain()), id)
		if err != nil {
			return err
		}
		if inv.State == chatadmin.InvitationSent || code.State == provisioning.ActivationSent {
			sent++
		}
	}
	switch {
	case len(ids) == 1 && sent == 1:
		return c.done("a new link is on its way to " + logins[0] +
			"; if it does not arrive, look among the spam, and ask the network administrator whether such mails are blocked")
	case len(ids) == 1:
		return c.done("a new link for " + logins[0] + " is queued; no mail has left yet")
	}
	waiting := len(ids) - sent
	return c.done(count(sent, "new link is", "new links are") + " on the way, " + count(waiting, "is", "are") + " queued")
}
