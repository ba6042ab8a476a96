// Command admincli administers a chat product's domains from the command line. It holds no logic of its own: each command is a call of the library.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/retention"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/smtpmail"
	"chatadmin.example/sdk/devices"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/twofa"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := (&cli{in: os.Stdin, out: os.Stdout, err: os.Stderr}).main(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// cli is one run of the program, or one line of a script.
type cli struct {
	in       io.Reader
	out, err io.Writer
	store    chatadmin.Store // of a script; otherwise opened by the command
	phones   *phones         // likewise

	db, domain, as, mailDir, smtp, now, keyFile string
	json                                        bool
	admin                                       *chatadmin.Admin
	gate                                        *signin.Gate
	registry                                    *devices.Registry
	eraser                                      *erase.Deletions
	retain                                      *retention.Retention
	twofa                                       *twofa.Service
	ring                                        *keyring.Ring // with memory: there is no file
}

// usageError is a wrong call: exit code 2.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usage(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

const help = `admincli [global flags] COMMAND [flags] [arguments]

Commands:
  init --name NAME --admin LOGIN     create a domain with its first admin
  import --mode skip|update FILE|-   create and update users from a CSV file
  export [FILE]                      write the users as CSV
  invite TOKEN                       send the invitations an import held back
  users, roles, groups               list and change them; "users --help" tells more
  signin LOGIN                       decide a sign-in, as the host's login page does
  activate-link TOKEN                set the first password, as who follows the mailed link does
  2fa                                two-factor authentication; "2fa --help" tells more
  devices                            register, list, disable and wipe them; "devices --help" tells more
  delete LOGIN… --plan|--apply       delete users for good; "delete --help" tells more
  holds                              legal holds, which keep things from being deleted
  retention set|show|plan|apply|…    delete what is older than the domain keeps; "retention --help" tells more
  content seed|count                 make messages and files to try deletion on; count them
  integrations services|enable|…     connect groups and users to Slack, Mailchimp and AFAS
  audit list                         what was done, by whom
  script FILE|-                      run a file of commands, one a line, against one store

Global flags:
  --db URL        where the data is: an SQLite file (default chatadmin.db), postgres://…, or memory:, which ends with the command (see script)
  --domain NAME   the domain; may be left out where there is only one
  --as LOGIN      who acts; without it the host application itself
  --json          one JSON object on standard output
  --mail-dir DIR  write each mail into a folder
  --smtp ADDR     send mails through the server at host:port (unencrypted, for a server on this machine)
  --key-file FILE the keys that seal secrets (default: beside the database, made at first use)
  --now TIME      the clock, as 2026-01-02T15:04:05Z
`

// main runs one command and returns the exit code.
func (c *cli) main(ctx context.Context, args []string) int {
	err := c.run(ctx, args)
	var wrong *usageError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, &wrong):
		_, _ = fmt.Fprintf(c.err, "admincli: %s\nadmincli --help shows how it is used\n", err)
		return 2
	}
	_, _ = fmt.Fprintf(c.err, "admincli: %s\n", strings.ReplaceAll(err.Error(), "\n", "; "))
	if c.json {
		_ = c.write(map[string]any{"error": map[string]string{"code": code(err), "message": err.Error()}})
	}
	return 1
}

func (c *cli) run(ctx context.Context, args []string) error {
	fs := c.flags("admincli", help)
	fs.StringVar(&c.db, "db", cmp.Or(c.db, "chatadmin.db"), "")
	fs.StringVar(&c.domain, "domain", "", "")
	fs.StringVar(&c.as, "as", "", "")
	fs.BoolVar(&c.json, "json", c.json, "")
	fs.StringVar(&c.mailDir, "mail-dir", c.mailDir, "")
	fs.StringVar(&c.smtp, "smtp", c.smtp, "")
	fs.StringVar(&c.now, "now", c.now, "")
	fs.StringVar(&c.keyFile, "key-file", c.keyFile, "")
	if err := parse(fs, args, nil); err != nil {
		return err
	}
	if fs.NArg() == 0 {
		return usage("which command?")
	}
	close, err := c.open(ctx, fs.Arg(0))
	if err != nil {
		return err
	}
	defer close()
	name, rest := fs.Arg(0), fs.Args()[1:]
	command, ok := map[string]func(context.Context, []string) error{
		"init":          c.init,
		"import":        c.imports,
		"export":        c.export,
		"invite":        c.invite,
		"users":         c.users,
		"roles":         c.roles,
		"groups":        c.groups,
		"signin":        c.signin,
		"activate-link": c.activateLink,
		"2fa":           c.twoFactor,
		"devices":       c.devices,
		"delete":        c.delete,
		"holds":         c.holds,
		"retention":     c.retention,
		"content":       c.content,
		"integrations":  c.integrations,
		"audit":         c.audit,
		"script":        c.script,
	}[name]
	if !ok {
		return usage("there is no command %q", name)
	}
	if name != "integrations" && name != "script" {
		if err := c.extendIntegrations(); err != nil {
			return err
		}
	}
	return command(ctx, rest)
}

// open opens the store and the library over it, for a command.
func (c *cli) open(ctx context.Context, command string) (close func(), err error) {
	close = func() {}
	if c.store == nil {
		if c.store, close, err = openStore(ctx, c.db); err != nil {
			return nil, err
		}
		if c.phones == nil {
			c.phones = openPhones(c.db)
		}
	}
	o := &chatadmin.Options{}
	if c.now != "" {
		at, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			return nil, usage("--now %q: write it as 2026-01-02T15:04:05Z", c.now)
		}
		o.Now = func() time.Time { return at }
	}
	const from = "admin@chat.example"
	switch {
	case c.mailDir != "":
		o.Mailer, err = smtpmail.NewDir(c.mailDir, from, o.Now)
	case c.smtp != "":
		o.Mailer, err = smtpmail.New(c.smtp, from, &smtpmail.Options{Security: smtpmail.Plaintext, Now: o.Now})
	}
	if err != nil {
		close()
		return nil, err
	}
	c.admin = chatadmin.New(c.store, o)
	if err := c.policies(command); err != nil {
		close()
		return nil, err
	}
	return close, nil
}

// scope finds the domain and the actor.
func (c *cli) scope(ctx context.Context) (*chatadmin.Scope, error) {
	var found []chatadmin.Domain
	for d, err := range c.admin.Domains(ctx) {
		if err != nil {
			return nil, err
		}
		if c.domain == "" || d.Name == c.domain {
			found = append(found, d)
		}
	}
	switch {
	case len(found) == 0 && c.domain == "":
		return nil, fmt.Errorf("there is no domain yet: %w: begin with init", chatadmin.ErrNotFound)
	case len(found) == 0:
		return nil, fmt.Errorf("domain %q: %w", c.domain, chatadmin.ErrNotFound)
	case len(found) > 1 && c.domain == "":
		return nil, usage("there are several domains: choose one by --domain")
	case len(found) > 1:
		return nil, fmt.Errorf("several domains are called %q: %w", c.domain, chatadmin.ErrInvalid)
	}
	host := c.admin.AsHost(found[0].ID)
	if c.as == "" {
		return host, nil
	}
	u, err := host.UserByLogin(ctx, c.as)
	if err != nil {
		return nil, err
	}
	return c.admin.As(found[0].ID, u.ID), nil
}

// sendMail sends what a command has queued.
func (c *cli) sendMail(ctx context.Context, s *chatadmin.Scope) error {
	if c.mailDir == "" && c.smtp == "" {
		return nil
	}
	_, err := c.admin.SendInvitations(ctx, s.Domain())
	if err == nil {
		_, err = c.admin.SendNotices(ctx, s.Domain())
	}
	if err == nil {
		_, err = c.twofa.SendNotices(ctx, s.Domain())
	}
	return err
}

// dropped tells that mails go nowhere.
func (c *cli) dropped() {
	if c.mailDir == "" && c.smtp == "" {
		_, _ = fmt.Fprintln(c.err, "admincli: mails are dropped: give --mail-dir or --smtp to get them")
	}
}

// code is the stable name of an error.
func code(err error) string {
	for name, is := range map[string]error{
		"not_found":           chatadmin.ErrNotFound,
		"forbidden":           chatadmin.ErrForbidden,
		"exists":              chatadmin.ErrExists,
		"last_admin":          chatadmin.ErrLastAdmin,
		"default_group":       chatadmin.ErrDefaultGroup,
		"shipped_group":       chatadmin.ErrShippedGroup,
		"not_in_subscription": chatadmin.ErrNotInSubscription,
		"suspended":           chatadmin.ErrSuspended,
		"plan_stale":          chatadmin.ErrPlanStale,
		"held":                chatadmin.ErrHeld,
		"state":               chatadmin.ErrTransition,
		"throttled":           chatadmin.ErrThrottled,
		"link_busy":           chatadmin.ErrLinkBusy,
		"too_many":            twofa.ErrTooMany,
		"no_address":          twofa.ErrNoAddress,
		"not_enrolled":        twofa.ErrNotEnrolled,
		"refused":             devices.ErrRefused,
		"stale":               devices.ErrStale,
		"wipe_pending":        devices.ErrWipePending,
		"too_many_devices":    devices.ErrTooMany,
		"service_off":         integrations.ErrServiceOff,
		"not_connected":       integrations.ErrNotConnected,
		"unsure":              integrations.ErrUnsure,
		"interrupted":         context.Canceled,
	} {
		if errors.Is(err, is) {
			return name
		}
	}
	switch {
	case errors.Is(err, chatadmin.ErrInvalid):
		return "invalid"
	case errors.Is(err, devices.ErrState):
		return "state"
	}
	return "failed"
}
