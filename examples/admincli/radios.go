package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/floor"
	"chatadmin.example/sdk/chatadmin/provisioning"
)

// radioFlags are the flags of the fields of push-to-talk users.
type radioFlags struct{ fields provisioning.Fields }

// radioTexts are the flags, by the fields as provisioning.ParseFields calls
// them.
var radioTexts = map[string][2]string{
	"priority":         {"priority", "the `number` that interrupts lower ones: 0 to 5"},
	"client type":      {"client-type", "the `client`: unknown, ios, android, windows, mac, linux, other or rtp gateway"},
	"imei":             {"imei", "activate the phone with this `IMEI`, of 13 or 15 digits; \"\" activates by a code"},
	"send text":        {"send-text", "send the activation code by text message: `yes` or no"},
	"maximal contacts": {"maximal-contacts", "have everybody in the department as a contact: `yes` or no"},
}

func (f *radioFlags) add(x *cobra.Command) *cobra.Command {
	for _, flag := range radioTexts {
		x.Flags().String(flag[0], "", flag[1])
		if flag[0] == "send-text" || flag[0] == "maximal-contacts" {
			x.Flags().Lookup(flag[0]).NoOptDefVal = "yes"
		}
	}
	return checked(x, func([]string) error {
		texts := map[string]string{}
		for name, flag := range radioTexts {
			if x.Flags().Changed(flag[0]) {
				texts[name], _ = x.Flags().GetString(flag[0])
			}
		}
		fields, wrong := provisioning.ParseFields(texts)
		if len(wrong) > 0 {
			return usage("%s", &chatadmin.FieldErrors{Fields: wrong})
		}
		f.fields = fields
		return nil
	})
}

// radio is how the profile of a push-to-talk user is shown.
type radio struct {
	Priority   int    `json:"priority"`
	Client     string `json:"client_type"`
	Trusted    bool   `json:"trusted"`
	Activation string `json:"activation"`
	IMEI       string `json:"imei,omitempty"`
	SendText   bool   `json:"send_text"`
	Contacts   bool   `json:"maximal_contacts"`
}

// radio is nil for a user without a profile.
func (c *cli) radio(_ context.Context, _ *chatadmin.Scope, u chatadmin.User) (*radio, error) {
	p, kept, err := provisioning.ProfileOf(&u)
	if err != nil || !kept {
		return nil, err
	}
	return &radio{Priority: p.Priority, Client: string(p.ClientType()), Trusted: p.Trusted, Activation: string(p.Activation()),
		IMEI: p.IMEI, SendText: p.SendText, Contacts: !p.ContactsOff}, nil
}

func (r *radio) rows(w *tabwriter.Writer) {
	if r == nil {
		return
	}
	for _, f := range [][2]any{{"priority", r.Priority}, {"client type", r.Client}, {"trusted", r.Trusted}, {"activation", r.Activation},
		{"imei", r.IMEI}, {"send text", r.SendText}, {"maximal contacts", r.Contacts}} {
		row(w, f[0], f[1])
	}
}

// textDir writes each text message into a file, beside the mails.
type textDir struct {
	dir   string
	newID func() chatadmin.ID
}

// SendSMS implements chatadmin.SMSSender.
func (d textDir) SendSMS(_ context.Context, m chatadmin.SMS) error {
	name := filepath.Join(d.dir, "text-"+string(d.newID())+".txt")
	return os.WriteFile(name, []byte("To: "+m.To+"\n\n"+m.Text+"\n"), 0o600)
}

// texts is nil if text messages have nowhere to go: then they wait.
func (c *cli) texts() chatadmin.SMSSender {
	if c.mailDir == "" {
		return nil
	}
	return textDir{c.mailDir, c.admin.NewID}
}

func (c *cli) departmentsCommands() *cobra.Command {
	return c.group("departments", "Departments of a push-to-talk company",
		c.command("list", "List the departments", c.listDepartments),
		c.command("create NAME", "Create a department", func(ctx context.Context, s *chatadmin.Scope, args []string) error {
			d, err := c.radios.CreateDepartment(ctx, s, args[0])
			if err != nil {
				return err
			}
			return c.tell(map[string]any{"id": d.ID, "name": d.Name}, "created", d.Name)
		}),
		c.departmentCommand("rename NAME NEW", "Give a department, and its members, another name",
			func(ctx context.Context, s *chatadmin.Scope, d provisioning.Department, args []string) error {
				return c.sayMoved(c.radios.RenameDepartment(ctx, s, d.ID, args[0], c.progress("users moved")))
			}),
		c.emptyDepartmentCommand(),
		c.departmentCommand("delete NAME", "Delete a department without members",
			func(ctx context.Context, s *chatadmin.Scope, d provisioning.Department, _ []string) error {
				if err := c.radios.DeleteDepartment(ctx, s, d.ID); err != nil {
					return err
				}
				return c.done("deleted " + d.Name)
			}),
		c.departmentAdminCommand(), c.textsCommand())
}

// departmentCommand makes a command about the department that its first argument
// names.
func (c *cli) departmentCommand(use, short string,
	run func(context.Context, *chatadmin.Scope, provisioning.Department, []string) error) *cobra.Command {
	return c.command(use, short, func(ctx context.Context, s *chatadmin.Scope, args []string) error {
		d, err := c.radios.DepartmentNamed(ctx, s, args[0])
		if err != nil {
			return err
		}
		return run(ctx, s, d, args[1:])
	})
}

func (c *cli) listDepartments(ctx context.Context, s *chatadmin.Scope, _ []string) error {
	all := []map[string]any{}
	for d, err := range c.radios.Departments(ctx, s) {
		if err != nil {
			return err
		}
		all = append(all, map[string]any{"id": d.ID, "name": d.Name, "busy": d.Run != ""})
	}
	return c.say(map[string]any{"departments": all}, func(w *tabwriter.Writer) {
		for _, d := range all {
			row(w, d["name"])
		}
	})
}

// sayMoved says how many users a run has moved.
func (c *cli) sayMoved(run *provisioning.Run, err error) error {
	if err != nil {
		return err
	}
	return c.tell(map[string]any{"run_id": run.ID, "done": run.Done, "total": run.Total, "state": run.State},
		count(int(run.Done), "user", "users")+" moved")
}

func (c *cli) emptyDepartmentCommand() *cobra.Command {
	var into string
	planOnly := false
	x := c.departmentCommand("empty NAME", "Move the members of a department to another one, or out of all",
		func(ctx context.Context, s *chatadmin.Scope, d provisioning.Department, _ []string) (err error) {
			var to provisioning.Department
			if into != "" {
				if to, err = c.radios.DepartmentNamed(ctx, s, into); err != nil {
					return err
				}
			}
			plan, err := c.radios.PlanEmpty(ctx, s, d.ID, to.ID)
			if err != nil {
				return err
			}
			if planOnly {
				return c.tell(map[string]any{"users": plan.Users, "into": plan.To.Name}, count(int(plan.Users), "user", "users")+" would move")
			}
			return c.sayMoved(c.radios.ApplyEmpty(ctx, s, plan, c.progress("users moved")))
		})
	x.Flags().StringVar(&into, "into", "", "the `department` that they move to")
	x.Flags().BoolVar(&planOnly, "plan", false, "only say how many users would move")
	return x
}

func (c *cli) departmentAdminCommand() *cobra.Command {
	remove := false
	x := c.command("admin LOGIN", "Make a user an admin of the department that they are in",
		func(ctx context.Context, s *chatadmin.Scope, args []string) error {
			id, err := c.id(ctx, s, args[0])
			if err != nil {
				return err
			}
			if err := c.radios.SetDepartmentAdmin(ctx, s, id, !remove); err != nil {
				return err
			}
			return c.done("saved")
		})
	x.Flags().BoolVar(&remove, "remove", false, "take it from them")
	return x
}

func (c *cli) textsCommand() *cobra.Command {
	var x *cobra.Command
	var accept, luhn bool
	x = c.command("policy", "Show or change what the company has decided about its radios",
		func(ctx context.Context, s *chatadmin.Scope, _ []string) error {
			p, err := c.radios.Policy(ctx, s)
			if err != nil {
				return err
			}
			if x.Flags().Changed("accept-texts") {
				p.AcceptTexts = accept
			}
			if x.Flags().Changed("check-imei") {
				p.LuhnIMEI = luhn
			}
			if len(given(x, []string{"accept-texts", "check-imei"})) > 0 {
				if err := c.radios.SetPolicy(ctx, s, p); err != nil {
					return err
				}
			}
			return c.say(map[string]any{"accept_texts": p.AcceptTexts, "check_imei": p.LuhnIMEI}, func(w *tabwriter.Writer) {
				row(w, "accept texts", p.AcceptTexts)
				row(w, "check IMEI", p.LuhnIMEI)
			})
		})
	x.Flags().BoolVar(&accept, "accept-texts", false, "the company accepts text messages")
	x.Flags().BoolVar(&luhn, "check-imei", false, "check the last digit of an IMEI")
	return x
}

func (c *cli) contactsCommand() *cobra.Command {
	return c.command("contacts LOGIN", "List the contacts on a user's radio",
		func(ctx context.Context, s *chatadmin.Scope, args []string) error {
			id, err := c.id(ctx, s, args[0])
			if err != nil {
				return err
			}
			all := []map[string]any{}
			for contact, err := range c.radios.Contacts(ctx, s, id) {
				if err != nil {
					return err
				}
				all = append(all, map[string]any{"login": contact.Login, "name": contact.Name})
			}
			return c.say(map[string]any{"contacts": all}, func(w *tabwriter.Writer) {
				for _, contact := range all {
					row(w, contact["login"], contact["name"])
				}
			})
		})
}

func (c *cli) floorCommands() *cobra.Command {
	var active []string
	var speaker string
	ask := c.command("ask LOGIN", "Say whether a user would get to speak in a conversation",
		func(ctx context.Context, s *chatadmin.Scope, args []string) error {
			var f floor.Floor[chatadmin.ID]
			logins := map[chatadmin.ID]string{}
			priority := func(login string) (chatadmin.ID, int, error) {
				id, err := c.id(ctx, s, login)
				if err != nil {
					return "", 0, err
				}
				p, err := c.radios.Profile(ctx, s, id)
				logins[id] = login
				return id, p.Priority, err
			}
			for _, login := range active {
				id, n, err := priority(login)
				if err != nil {
					return err
				}
				f.Join(id, n)
			}
			if speaker != "" {
				id, n, err := priority(speaker)
				if err != nil {
					return err
				}
				f.Ask(id, n)
			}
			id, n, err := priority(args[0])
			if err != nil {
				return err
			}
			was, _ := f.Speaker()
			d := f.Ask(id, n)
			now, _ := f.Speaker()
			v := map[string]any{"decision": d.String(), "may_speak": d.May(), "speaker": logins[now]}
			text := fmt.Sprintf("%s: %s speaks", d, logins[now])
			if d == floor.Interrupts {
				v["interrupted"] = logins[was]
			}
			return c.tell(v, text)
		})
	ask.Flags().StringSliceVar(&active, "active", nil, "the `logins` of the active participants, separated by commas")
	ask.Flags().StringVar(&speaker, "speaking", "", "the `login` of who speaks")
	return c.group("floor", "Who may speak in a push-to-talk conversation", ask)
}
