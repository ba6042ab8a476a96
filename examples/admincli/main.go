// Command admincli administers a chat product's domains from the command line.
// It holds no logic of its own: each command is a call of the library.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/closing"
	"chatadmin.example/sdk/chatadmin/compliance"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/fields"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/preferences"
	"chatadmin.example/sdk/chatadmin/provisioning"
	"chatadmin.example/sdk/chatadmin/retention"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/support"
	"chatadmin.example/sdk/csvimport"
	"chatadmin.example/sdk/devices"
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

	db, domain, as, mailDir, smtp, now, keyFile, phoneFile string
	json                                                   bool

	begun      bool // the call is right: what is wrong from now on is no usage
	result     any  // what --json writes
	bar        *progressbar.ProgressBar
	post       *postman
	admin      *chatadmin.Admin
	gate       *signin.Gate
	registry   *devices.Registry
	eraser     *erase.Deletions
	closings   *closing.Closings
	retain     *retention.Retention
	agreements *compliance.Agreements
	custom     *fields.Fields
	prefer     *preferences.Preferences
	radios     *provisioning.Provisioning
	support    *support.Support
	twofa      *twofa.Service
	imports    *csvimport.Imports
	// where problem reports and requests go, if not to Office Chat
	helpdesk string
	ring     *keyring.Ring    // with memory: there is no file
	services integrationFlags // where work finds the services of integrations
}

// root makes the tree of all commands.
func (c *cli) root() *cobra.Command {
	x := c.group("admincli", "",
		c.initCommand(), c.domainCommands(), c.importCommand(), c.exportCommand(), c.inviteCommand(),
		c.invitationsCommands(),
		c.usersCommands(), c.rolesCommands(), c.groupsCommands(),
		c.departmentsCommands(), c.contactsCommand(), c.floorCommands(),
		c.signinCommand(), c.activateLinkCommand(), c.twoFactorCommands(), c.devicesCommands(),
		c.deleteCommand(), c.holdsCommands(), c.retentionCommands(), c.contentCommands(),
		c.integrationsCommands(), c.auditCommands(), c.preferencesCommands(), c.fieldsCommands(), c.supportCommands(),
		c.agreementCommands(),
		c.runsCommands(), c.workCommand(), c.recordsCommands(),
		c.scriptCommand(), c.versionCommand(), c.completionCommand())
	x.Long = "admincli administers a chat product's domains from the command line.\n\nExit codes: 0 done, also where rows of an import failed; 1 refused or failed;\n2 wrong usage."
	x.SilenceErrors, x.SilenceUsage = true, true
	x.CompletionOptions.DisableDefaultCmd = true
	x.SetUsageTemplate(usageTemplate)
	f := x.PersistentFlags()
	f.StringVar(&c.db, "db", cmp.Or(c.db, "chatadmin.db"),
		"an SQLite `file`, postgres://…, or memory:, which ends with the command")
	f.StringVar(&c.domain, "domain", "", "the `name` or ID of the domain, if there are several")
	f.StringVar(&c.as, "as", "", "the `login` of the actor (default: the host application)")
	f.BoolVar(&c.json, "json", c.json, "write one JSON object to standard output")
	f.StringVar(&c.mailDir, "mail-dir", c.mailDir, "write each mail into a `folder`")
	f.StringVar(&c.smtp, "smtp", c.smtp, "send mails through the server at `host:port`, unencrypted")
	f.StringVar(&c.keyFile,
		"key-file", c.keyFile, "the `file` of the keys that seal secrets (default: beside the database file, or chatadmin.key in the working folder)")
	f.StringVar(&c.now, "now", c.now, "the clock, as a `time` such as 2026-01-02T15:04:05Z")
	x.PersistentPreRunE = func(x *cobra.Command, _ []string) error {
		if len(given(x, []string{"mail-dir", "smtp"})) > 1 {
			return usage("choose one of --mail-dir and --smtp")
		}
		if x.Flags().Changed("smtp") {
			c.mailDir = "" // of the script
		}
		return nil
	}
	x.SetFlagErrorFunc(wrongFlag)
	x.SetIn(c.in)
	x.SetOut(c.out)
	x.SetErr(c.err)
	return x
}

// main runs one command and returns the exit code.
func (c *cli) main(ctx context.Context, args []string) int {
	root := c.root()
	root.SetArgs(append([]string{}, args...))
	x, err := root.ExecuteContextC(ctx)
	if c.bar != nil {
		_ = c.bar.Clear() // it is left there if the command was interrupted
	}
	if err == nil {
		err = c.post.err()
	}
	var wrong *usageError
	if err != nil && !c.begun || errors.As(err, &wrong) {
		_, _ = fmt.Fprintf(c.err, "admincli: %s\n%s --help shows how it is used\n", err, x.CommandPath())
		return 2
	}
	c.finish(err)
	if err != nil {
		_, _ = fmt.Fprintf(c.err, "admincli: %s\n", strings.ReplaceAll(err.Error(), "\n", "; "))
		return 1
	}
	return 0
}

// open opens the store and the library over it, for the commands of a subject.
func (c *cli) open(ctx context.Context, subject string) (closeStore func(), err error) {
	closeStore = func() {}
	if c.store == nil {
		if c.store, closeStore, err = openStore(ctx, c.db); err != nil {
			return nil, err
		}
	}
	if c.phoneFile != "" {
		c.phones = &phones{path: c.phoneFile}
	} else if c.phones == nil {
		c.phones = openPhones(c.db)
	}
	if err := c.openLibrary(subject); err != nil {
		closeStore()
		return nil, err
	}
	return closeStore, nil
}

func (c *cli) openLibrary(subject string) error {
	o := &chatadmin.Options{Blobs: seededFiles{}}
	if c.now != "" {
		at, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			return usage("--now %q: write it as 2026-01-02T15:04:05Z", c.now)
		}
		o.Now = func() time.Time { return at }
	}
	if err := c.openMail(o); err != nil {
		return err
	}
	var err error
	if c.admin, err = chatadmin.New(c.store, o); err != nil {
		return err
	}
	if err := c.policies(subject); err != nil {
		return err
	}
	if subject == "integrations" {
		return nil // makes them with flags of its own
	}
	return c.extendIntegrations(subject)
}

// scope finds the domain and the actor.
func (c *cli) scope(ctx context.Context) (*chatadmin.Scope, error) {
	var found []chatadmin.Domain
	for d, err := range c.admin.Domains(ctx) {
		if err != nil {
			return nil, err
		}
		if c.domain == "" || d.Name == c.domain || string(d.ID) == c.domain {
			found = append(found, d)
		}
	}
	switch {
	case len(found) == 0 && c.domain == "":
		return nil, fmt.Errorf("there is no domain yet: %w: begin with init", chatadmin.ErrNotFound)
	case len(found) == 0:
		return nil, fmt.Errorf("domain %q: %w", c.domain, chatadmin.ErrNotFound)
	case len(found) > 1 && c.domain == "":
		return nil, usage("there are several domains: choose one by --domain; domain list has them")
	case len(found) > 1:
		return nil, usage("several domains are called %q: choose one by --domain and its ID, which domain list has", c.domain)
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
