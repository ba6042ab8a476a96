package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/support"
)

func (c *cli) supportCommands() *cobra.Command {
	return c.group("support", "Reporting levels of clients, and problem reports",
		c.levelsCommand(), c.reportCommand(), c.listReportsCommand(),
		c.command("acknowledge ID", "Tell the sender that support has the report and will investigate",
			func(ctx context.Context, s *chatadmin.Scope, args []string) error {
				r, err := c.support.Acknowledge(ctx, s, chatadmin.ID(args[0]))
				if err != nil {
					return err
				}
				return c.sayReport(ctx, s, r)
			}),
		c.command("state ID received|in_work|solved", "Say how far support is with a report",
			func(ctx context.Context, s *chatadmin.Scope, args []string) error {
				to := support.State(strings.ReplaceAll(args[1], "-", "_"))
				r, err := c.support.SetState(ctx, s, chatadmin.ID(args[0]), to)
				if err != nil {
					return err
				}
				return c.sayReport(ctx, s, r)
			}))
}

// openSupport makes the support. Reports go where Office Chat's help pages send
// them, unless --to names another address.
func (c *cli) openSupport() (err error) {
	to := support.OfficeChatRecipients()
	if c.helpdesk != "" {
		for p := range to {
			to[p] = c.helpdesk
		}
	}
	c.support, err = support.New(c.admin, &support.Options{Recipients: to})
	return err
}

func (c *cli) levelsCommand() *cobra.Command {
	var client, login string
	x := c.command("levels [ios|android|windows|mac] [none|errors|warnings|info|debug]",
		"Show how much clients log, or decide it",
		func(ctx context.Context, s *chatadmin.Scope, args []string) error {
			if len(args) == 0 && client == "" {
				all, err := c.support.Levels(ctx, s)
				if err != nil {
					return err
				}
				return c.sayLevels(map[string]any{"levels": all}, all...)
			}
			platform, level := support.Platform(args[0]), support.Level("")
			if len(args) == 2 {
				level = support.Level(args[1])
			}
			r, err := c.decideLevel(ctx, s, platform, level, client, login)
			if err != nil {
				return err
			}
			return c.sayLevels(r, r)
		})
	x.Long = `levels shows what clients of each platform log in the domain. With a platform
and a level it decides it. With --client it shows or decides what one client
of a user logs.`
	x.Flags().StringVar(&client, "client", "", "the `ID` of one client, such as that of a device")
	x.Flags().StringVar(&login, "user", "", "the `login` of its user (default: the actor)")
	return checked(x, func(args []string) error {
		switch {
		case client == "" && len(args) == 1:
			return usage("give a level, too")
		case client != "" && len(args) == 0:
			return usage("give the platform of the client")
		case login != "" && client == "":
			return usage("--user is of use with --client only")
		}
		return nil
	})
}

// decideLevel sets a level, of the domain or of one client. Of a client it is
// shown if none is given.
func (c *cli) decideLevel(
	ctx context.Context, s *chatadmin.Scope, p support.Platform, l support.Level, client, login string,
) (support.Reporting, error) {
	if client == "" {
		return c.support.SetLevel(ctx, s, p, l)
	}
	user, err := c.reporter(ctx, s, login)
	if err != nil {
		return support.Reporting{}, err
	}
	of := support.Client{User: user, Platform: p, ID: client}
	if l == "" {
		return c.support.Level(ctx, s, of)
	}
	return c.support.SetClientLevel(ctx, s, of, l)
}

// reporter is the user with a login, or the actor.
func (c *cli) reporter(ctx context.Context, s *chatadmin.Scope, login string) (chatadmin.ID, error) {
	if login == "" {
		return s.Actor(), nil
	}
	u, err := c.admin.AsHost(s.Domain()).UserByLogin(ctx, login)
	return u.ID, err
}

func (c *cli) sayLevels(v any, all ...support.Reporting) error {
	return c.say(v, func(w *tabwriter.Writer) {
		row(w, "PLATFORM", "LEVEL", "CHOICES")
		for _, r := range all {
			choices := fmt.Sprint(r.Levels)
			if len(r.Levels) == 1 {
				choices = "fixed"
			}
			row(w, r.Platform, r.Level, choices)
		}
		for _, r := range all {
			if r.Warning != "" {
				row(w, "warning:", r.Platform.String()+": "+r.Warning)
			}
		}
	})
}

// reportCall is what report is asked for.
type reportCall struct {
	draft        support.Draft
	logs         []string
	user, out    string
	previewAlone bool
}

func (c *cli) reportCommand() *cobra.Command {
	var call reportCall
	x := c.command("report", "Report a problem, with logs",
		func(ctx context.Context, s *chatadmin.Scope, _ []string) error { return c.report(ctx, s, call) })
	x.Long = `report takes secrets out of the logs, packs them and sends them to support. With
--preview it shows what would leave. With --out the packed logs go into a file,
which can be attached to a mail or to a ticket by hand.`
	f := x.Flags()
	choose(x, &call.draft.Platform, "platform", "where the problem is", support.Platforms()...)
	f.StringArrayVar(&call.logs, "log", nil, "a log `file`, or a folder with logs; can be given several times")
	f.StringVar(&call.draft.Description, "description", "", "what went wrong, as `text`")
	f.StringVar(&call.draft.From, "from", "", "the e-mail `address` for answers (default: that of the user)")
	f.StringVar(&call.draft.Ticket, "ticket", "", "the `number` of the ticket that the report belongs to")
	f.StringVar(&call.draft.Client, "client", "", "the version and the device, as `text`")
	f.StringVar(&call.user, "user", "", "the `login` of who reports it (default: the actor)")
	f.StringVar(&c.helpdesk, "to", "", "the e-mail `address` of support (default: that of Office Chat)")
	f.StringVar(&call.out, "out", "", "write the packed logs into a `file`, and send nothing")
	f.BoolVar(&call.previewAlone, "preview", false, "show what would leave, and send nothing")
	needed(x, "platform")
	exclusive(x, "preview", "out")
	return x
}

func (c *cli) report(ctx context.Context, s *chatadmin.Scope, call reportCall) (err error) {
	if call.draft.User, err = c.reporter(ctx, s, call.user); err != nil {
		return err
	}
	for _, name := range call.logs {
		logs := []support.Log{support.FileLog(name)}
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			if logs, err = support.FolderLogs(name); err != nil {
				return err
			}
		}
		call.draft.Logs = append(call.draft.Logs, logs...)
	}
	b, err := c.support.Prepare(ctx, s, call.draft)
	switch {
	case err != nil:
		return err
	case call.previewAlone:
		return c.sayPreview(b.Preview())
	case call.out != "":
		return c.writeReport(b, call.out)
	}
	r, err := c.support.Send(ctx, s, b)
	if errors.Is(err, support.ErrNoMailer) {
		return fmt.Errorf("%w with --out, or give --mail-dir or --smtp", err)
	}
	if err != nil {
		return err
	}
	c.post.next = "try again in a few minutes with work"
	if _, err := c.support.Deliver(ctx, s.Domain()); err != nil {
		return err
	}
	if r, err = c.support.Report(ctx, s, r.ID); err != nil {
		return err
	}
	return c.sayReport(ctx, s, r)
}

// writeReport writes the packed logs into a file.
func (c *cli) writeReport(b *support.Bundle, name string) error {
	f, err := private(name)
	if err != nil {
		return err
	}
	_, err = b.WriteTo(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	p := b.Preview()
	return c.tell(map[string]any{"file": name, "files": p.Files, "size": p.Size}, "written: "+name,
		count(len(p.Files), "log", "logs"), count(p.Size, "byte", "bytes"))
}

func (c *cli) sayPreview(p support.Preview) error {
	return c.say(p, func(w *tabwriter.Writer) {
		row(w, "To: "+p.To)
		row(w, "Reply-To: "+p.From)
		row(w, "Subject: "+p.Subject)
		row(w)
		row(w, p.Text)
		for _, f := range p.Files {
			row(w, "--- "+f.Name+" begins:")
			row(w, f.Sample)
		}
	})
}

// problemReport is how a report is shown.
type problemReport struct {
	ID          chatadmin.ID     `json:"report_id"`
	User        string           `json:"user"`
	Platform    support.Platform `json:"platform"`
	State       support.State    `json:"state"`
	Problem     string           `json:"problem,omitempty"`
	From        string           `json:"from"`
	To          string           `json:"to"`
	Ticket      string           `json:"ticket,omitempty"`
	Client      string           `json:"client,omitempty"`
	Description string           `json:"description,omitempty"`
	Files       []support.File   `json:"files"`
	Size        int64            `json:"size"`
	At          time.Time        `json:"at"`
	Changed     time.Time        `json:"changed"`
}

func (c *cli) listReportsCommand() *cobra.Command {
	var q support.Query
	var login, state, platform string
	x := c.command("list", "List problem reports, the oldest first",
		func(ctx context.Context, s *chatadmin.Scope, _ []string) (err error) {
			if login != "" {
				if q.User, err = c.reporter(ctx, s, login); err != nil {
					return err
				}
			}
			if state != "" {
				q.States = []support.State{support.State(state)}
			}
			if platform != "" {
				q.Platforms = []support.Platform{support.Platform(platform)}
			}
			var all []support.Report
			for r, err := range c.support.Reports(ctx, s, q) {
				if err != nil {
					return err
				}
				all = append(all, r)
			}
			shown, err := c.shownReports(ctx, s, all)
			if err != nil {
				return err
			}
			return c.say(map[string]any{"reports": shown}, func(w *tabwriter.Writer) {
				row(w, "ID", "AT", "USER", "PLATFORM", "TICKET", "LOGS", "STATE")
				for _, r := range shown {
					row(w, r.ID, r.At.Format(time.RFC3339), r.User, r.Platform, r.Ticket, len(r.Files), r.State)
				}
			})
		})
	x.Flags().StringVar(&login, "user", "", "of the user with this `login` only")
	choose(x, (*word)(&state), "state", "in this state only", words(support.States())...)
	choose(x, (*word)(&platform), "platform", "of this platform only", words(support.Platforms())...)
	x.Flags().StringVar(&q.Ticket, "ticket", "", "of the ticket with this `number` only")
	return x
}

// word is one of a few words, or none.
type word string

func words[T ~string](all []T) (w []word) {
	for _, s := range all {
		w = append(w, word(s))
	}
	return w
}

func (c *cli) shownReports(ctx context.Context, s *chatadmin.Scope, all []support.Report) ([]problemReport, error) {
	var users []chatadmin.ID
	for _, r := range all {
		users = append(users, r.User)
	}
	name, err := c.names(ctx, s, users)
	if err != nil {
		return nil, err
	}
	shown := []problemReport{}
	for _, r := range all {
		shown = append(shown, problemReport{r.ID, name(r.User), r.Platform, r.State, r.Problem, r.From, r.To, r.Ticket,
			r.Client, r.Description, append([]support.File{}, r.Files...), r.Size, r.At, r.Changed})
	}
	return shown, nil
}

func (c *cli) sayReport(ctx context.Context, s *chatadmin.Scope, r support.Report) error {
	if c.post != nil {
		c.post.next = "try again in a few minutes with work"
		if _, err := c.support.Deliver(ctx, s.Domain()); err != nil {
			return err
		}
	} else {
		c.unsent()
	}
	shown, err := c.shownReports(ctx, s, []support.Report{r})
	if err != nil {
		return err
	}
	v := shown[0]
	return c.say(v, func(w *tabwriter.Writer) {
		row(w, "report", v.ID)
		row(w, "state", v.State)
		row(w, "to", v.To)
		row(w, "answers to", v.From)
		if v.Ticket != "" {
			row(w, "ticket", v.Ticket)
		}
		row(w, "logs", len(v.Files))
	})
}
