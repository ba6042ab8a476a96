package main

import (
	"cmp"
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/compliance"
)

func (c *cli) agreementCommands() *cobra.Command {
	return c.group("baa", "Business associate agreements, from the request to the end",
		c.requestCommand(), c.listAgreementsCommand(),
		c.agreementCommand("show ID", "Show an agreement with all of its steps",
			func(ctx context.Context, s *chatadmin.Scope, args []string) error {
				a, err := c.agreements.Agreement(ctx, s, chatadmin.ID(args[0]))
				if err != nil {
					return err
				}
				return c.sayAgreement(a)
			}),
		c.advanceCommand())
}

// openAgreements makes the agreements. Requests go where Office Chat's help page
// sends them, unless --to names another address.
func (c *cli) openAgreements() (err error) {
	c.agreements, err = compliance.New(c.admin, &compliance.Options{Recipient: cmp.Or(c.helpdesk, compliance.OfficeChatRecipient),
		Retention: c.retain, Closings: c.closings})
	return err
}

// agreementCommand makes a command that without --domain and --as is one of the
// host for all domains.
func (c *cli) agreementCommand(use, short string, run action) *cobra.Command {
	return c.globalCommand(use, short, func(ctx context.Context, _ *cobra.Command, args []string) error {
		closeStore, err := c.open(ctx, "baa")
		if err != nil {
			return err
		}
		defer closeStore()
		s := c.admin.AsHost("")
		if c.domain != "" || c.as != "" {
			if s, err = c.scope(ctx); err != nil {
				return err
			}
		}
		return run(ctx, s, args)
	})
}

func (c *cli) requestCommand() *cobra.Command {
	var f compliance.Form
	var without bool
	x := c.agreementCommand("request", "Request an agreement, by mail to the vendor",
		func(ctx context.Context, s *chatadmin.Scope, _ []string) (err error) {
			if s.Domain() == "" && !without { // the only one
				if s, err = c.scope(ctx); err != nil {
					return err
				}
			}
			return c.request(ctx, s, f)
		})
	x.Long = `request checks the fields of the request, keeps it, and sends it to the vendor.
The new domain has the enterprise plan, paid annually; --acknowledge Yes says
that its price is known.`
	flags := x.Flags()
	flags.StringVar(&f.NewDomain, "new-domain", "", "the wanted `name` of the new domain (default: that of the present one)")
	flags.StringVar(&f.AdminEmail, "admin-email", "", "the e-mail `address` of the administrator (default: that of the actor)")
	flags.StringVar(&f.SignerEmail, "signer-email", "", "the e-mail `address` of the signer (default: that of the administrator)")
	flags.IntVar(&f.Seats, "seats", 0, "the `number` of seats (default: the fewest that there can be)")
	flags.StringVar(&f.Plan, "plan", "", "the present `plan` (default: that of the domain)")
	flags.StringVar(&f.Acknowledge, "acknowledge", "", "`Yes` to the enterprise plan, paid annually, and its price")
	flags.StringVar(&c.helpdesk, "to", "", "the e-mail `address` of the vendor (default: that of Office Chat)")
	flags.BoolVar(&without, "new-customer", false, "for a customer without a domain (without --as and --domain)")
	return checked(x, func([]string) error {
		if without && (c.as != "" || c.domain != "") {
			return usage("--new-customer goes without --as and --domain")
		}
		return nil
	})
}

func (c *cli) request(ctx context.Context, s *chatadmin.Scope, f compliance.Form) error {
	if f.NewDomain != "" {
		if err := c.nameIsFree(ctx, "", f.NewDomain); err != nil {
			return err
		}
	}
	a, err := c.agreements.Request(ctx, s, f)
	if err != nil {
		return err
	}
	if c.unsent(); c.post != nil {
		c.post.next = "try again in a few minutes with work"
		if _, err := c.agreements.Deliver(ctx); err != nil {
			return err
		}
		if a, err = c.agreements.Agreement(ctx, s, a.ID); err != nil {
			return err
		}
	}
	return c.sayAgreement(a)
}

func (c *cli) advanceCommand() *cobra.Command {
	var in compliance.Input
	x := c.agreementCommand("advance ID STEP", "Make the next step of an agreement",
		func(ctx context.Context, s *chatadmin.Scope, args []string) error {
			a, err := c.agreements.Advance(ctx, s, chatadmin.ID(args[0]), compliance.Step(args[1]), in)
			if err != nil {
				return err
			}
			return c.sayAgreement(a)
		})
	x.Long = `The steps are, in their order:

  provision    the new domain is made (without --as)
  invite       the staff was invited to it
  suspend      the old domain is suspended (without --as)
  bill         how the customer pays is on file
  send         the agreement was sent to the signer (without --as; --document)
  sign         the customer has signed it (--document)
  countersign  the vendor has signed it (without --as; --document)
  deliver      a copy was delivered (without --as)
  settle       what was paid for the old domain (without --as; --funds)
  close        the old domain is being deleted (without --as)
  finish       it is gone; work makes this step, too (without --as)
  cancel       nothing comes of it

suspend, settle, close and finish are left out without an old domain.`
	x.Flags().StringVar(&in.Document, "document", "", "a `reference` to the document, such as its ID")
	choose(x, &in.Funds, "funds", "what became of the funds", compliance.Transferred, compliance.Refunded, compliance.NoFunds)
	return x
}

// shownAgreement is how an agreement is shown.
type shownAgreement struct {
	ID        chatadmin.ID         `json:"request_id"`
	State     compliance.State     `json:"state"`
	Next      compliance.Step      `json:"next"`
	Domain    string               `json:"domain"`
	NewDomain string               `json:"new_domain"`
	Old       chatadmin.ID         `json:"domain_id,omitempty"`
	New       chatadmin.ID         `json:"new_domain_id"`
	Admin     string               `json:"admin_email"`
	Signer    string               `json:"signer_email"`
	Seats     int                  `json:"seats"`
	Plan      string               `json:"plan,omitempty"`
	Price     string               `json:"price"`
	At        time.Time            `json:"at"`
	Changed   time.Time            `json:"changed"`
	Mail      compliance.MailState `json:"mail"`
	Problem   string               `json:"problem,omitempty"`
	Doing     *compliance.Doing    `json:"under_way,omitempty"`
	Closing   chatadmin.ID         `json:"closing_id,omitempty"`
	Steps     []compliance.Made    `json:"steps"`
}

func agreementShown(a compliance.Agreement) shownAgreement {
	return shownAgreement{a.ID, a.State, a.Next, a.Form.Domain, a.Form.NewDomain, a.Old, a.New, a.Form.AdminEmail, a.Form.SignerEmail, a.Form.Seats,
		a.Form.Plan, a.Form.Price, a.At, a.Changed, a.Mail, a.Problem, a.Doing, a.Closing, append([]compliance.Made{}, a.Steps...)}
}

func (c *cli) sayAgreement(a compliance.Agreement) error {
	v := agreementShown(a)
	return c.say(v, func(w *tabwriter.Writer) {
		row(w, "request", v.ID)
		row(w, "state", v.State)
		row(w, "next", cmp.Or(string(v.Next), "nothing"))
		row(w, "domain", cmp.Or(v.Domain, "none"))
		row(w, "new domain", v.NewDomain)
		row(w, "admin", v.Admin)
		row(w, "signer", v.Signer)
		row(w, "seats", v.Seats)
		row(w, "price", v.Price)
		row(w, "mail", v.Mail)
		if v.Problem != "" {
			row(w, "problem", v.Problem)
		}
		for _, m := range v.Steps {
			row(w, m.Step, fmt.Sprint(m.At.Format(time.RFC3339), " ", cmp.Or(m.Document, string(m.Funds))))
		}
	})
}

func (c *cli) listAgreementsCommand() *cobra.Command {
	var state, step string
	x := c.agreementCommand("list", "List agreements: all of them, or those of --domain",
		func(ctx context.Context, s *chatadmin.Scope, _ []string) error {
			var q compliance.Query
			if state != "" {
				q.States = []compliance.State{compliance.State(state)}
			}
			if step != "" {
				q.Steps = []compliance.Step{compliance.Step(step)}
			}
			all := []shownAgreement{}
			for a, err := range c.agreements.Agreements(ctx, s, q) {
				if err != nil {
					return err
				}
				all = append(all, agreementShown(a))
			}
			return c.say(map[string]any{"requests": all}, func(w *tabwriter.Writer) {
				row(w, "ID", "AT", "DOMAIN", "NEW DOMAIN", "STATE", "NEXT")
				for _, a := range all {
					row(w, a.ID, a.At.Format(time.RFC3339), a.Domain, a.NewDomain, a.State, a.Next)
				}
			})
		})
	choose(x, (*word)(&state), "state", "in this state only", words(compliance.States())...)
	choose(x, (*word)(&step), "next", "with this next step only", words(compliance.Steps())...)
	return x
}
