package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/password"
	"chatadmin.example/sdk/chatadmin/retention"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/devices"
)

// policies makes what takes part in every change, and in every sign-in.
func (c *cli) policies(command string) (err error) {
	if err := c.openTwoFactor(command); err != nil {
		return err
	}
	c.registry = devices.New(c.admin, nil)
	c.eraser = erase.New(c.admin, nil)
	c.retain = retention.New(c.admin)
	c.gate, err = signin.New(c.admin, &signin.Options{SecondFactor: c.twofa, Devices: c.registry})
	return err
}

const signinHelp = `signin LOGIN --client web|desktop|mac|ios|android|unknown [--method password|google|saml] [--device ID]
       [--password-ok=false | --password-stdin] [--challenge ID --code CODE [--remember=false]] [--trust TOKEN] [--qr FILE.png]

Decides a sign-in, as the host's login page does. The command stands for the host, which says whether the password was right: it was, unless --password-ok=false is given; with
--password-stdin the password is read and compared with the one that was set by activate-link. With --challenge the code is checked
that an earlier call has asked for, and the client remembered where the domain allows it.`

// decision is how a decision is shown.
type decision struct {
	Decision  string     `json:"decision"`
	Reason    string     `json:"reason"`
	Challenge string     `json:"challenge_id,omitempty"`
	Kind      string     `json:"kind,omitempty"`
	Enroll    *enrolment `json:"enroll,omitempty"`
	Trust     string     `json:"trust_token,omitempty"`
	Session   string     `json:"session,omitempty"`
}

type enrolment struct {
	URI    string `json:"uri"`
	Secret string `json:"secret"`
}

func (c *cli) signin(ctx context.Context, args []string) error {
	var a signin.Attempt
	var challenge, code, qr string
	var held, remember, stdin bool
	fs := c.flags("signin", signinHelp)
	attemptFlags(fs, &a.Client, &a.Method)
	fs.StringVar(&a.Device, "device", "", "")
	fs.Func("trust", "", func(v string) error {
		a.Trust = secret.Hide(v)
		return nil
	})
	fs.BoolVar(&held, "password-ok", true, "")
	fs.BoolVar(&stdin, "password-stdin", false, "")
	fs.StringVar(&challenge, "challenge", "", "")
	fs.StringVar(&code, "code", "", "")
	fs.BoolVar(&remember, "remember", true, "")
	fs.StringVar(&qr, "qr", "", "")
	var rest []string
	if err := parse(fs, args, &rest); err != nil {
		return err
	}
	if len(rest) != 1 || (challenge == "") != (code == "") {
		return usage("signin: give one LOGIN, and --challenge and --code together")
	}
	a.Login = rest[0]
	s, err := c.scope(ctx)
	if err != nil {
		return err
	}
	var d signin.Decision
	if challenge != "" {
		if o, err := c.twofa.Open(ctx, s.Domain(), challenge); err == nil { // otherwise the gate says what is wrong
			if ids, err := c.ids(ctx, rest); err != nil || ids[0] != o.User {
				return usage("signin: this challenge is not one of %q", chatadmin.Cut(a.Login))
			}
		}
		d, err = c.gate.Complete(ctx, s.Domain(), challenge, code, remember)
	} else {
		verify := func(context.Context, chatadmin.User) (bool, error) { return held, nil }
		if stdin {
			if verify, err = c.verifier(); err != nil {
				return err
			}
		}
		d, err = c.gate.SignIn(ctx, s.Domain(), a, verify)
	}
	if err != nil {
		return err
	}
	if err := c.sendMail(ctx, s); err != nil { // notices that follow from it
		return err
	}
	return c.sayDecision(d, qr)
}

// attemptFlags are those that say how somebody signs in.
func attemptFlags(fs *flag.FlagSet, client *signin.Client, method *signin.Method) {
	fs.Func("client", "", func(v string) error {
		if *client = signin.Client(v); !slices.Contains([]signin.Client{signin.Web, signin.Desktop, signin.Mac, signin.IOS, signin.Android, signin.UnknownClient}, *client) {
			return fmt.Errorf("choose web, desktop, mac, ios, android or unknown")
		}
		return nil
	})
	fs.Func("method", "", func(v string) error {
		if *method = signin.Method(v); !slices.Contains([]signin.Method{signin.Password, signin.Google, signin.SAML}, *method) {
			return fmt.Errorf("choose password, google or saml")
		}
		return nil
	})
}

func (c *cli) sayDecision(d signin.Decision, qr string) error {
	v := decision{Decision: d.Outcome.String(), Reason: string(d.Reason()), Trust: d.Trust.Reveal()}
	if d.Allowed() {
		v.Session = string(c.admin.NewID()) // of the host's own making
	}
	if ch := d.Challenge; ch != nil {
		v.Challenge, v.Kind = ch.ID, ch.Kind
		if e := ch.Enrolment; e != nil {
			v.Enroll = &enrolment{e.URI.Reveal(), e.Secret.Reveal()}
			if qr != "" {
				if err := os.WriteFile(qr, e.QR.Bytes(), 0o600); err != nil {
					return err
				}
			}
		}
	}
	return c.say(v, func(w *tabwriter.Writer) {
		row(w, "decision", v.Decision)
		for _, f := range [][2]string{{"reason", v.Reason}, {"challenge", v.Challenge}, {"kind", v.Kind}, {"trust token", v.Trust}, {"session", v.Session}} {
			if f[1] != "" {
				row(w, f[0], f[1])
			}
		}
		if v.Enroll != nil {
			row(w, "uri", v.Enroll.URI)
			row(w, "secret", v.Enroll.Secret)
		}
	})
}

// verifier compares the password on standard input.
func (c *cli) verifier() (signin.Verify, error) {
	typed, err := c.password()
	if err != nil {
		return nil, err
	}
	passwords, err := password.New(c.admin, nil)
	if err != nil {
		return nil, err
	}
	return passwords.Verifier(typed), nil
}

// password reads one line: the first.
func (c *cli) password() (string, error) {
	line, err := bufio.NewReader(io.LimitReader(c.in, password.MaxLength+3)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}

func (c *cli) activateLink(ctx context.Context, args []string) error {
	stdin := false
	fs := c.flags("activate-link", `activate-link TOKEN --password-stdin

Sets the first password of a user, as who follows the mailed link does. The password is the first line of standard input. Without --password-stdin it only tells whose link it is.`)
	fs.BoolVar(&stdin, "password-stdin", false, "")
	var rest []string
	if err := parse(fs, args, &rest); err != nil {
		return err
	}
	if len(rest) != 1 {
		return usage("activate-link: give the TOKEN of one link")
	}
	if !stdin {
		u, err := c.admin.Invited(ctx, rest[0])
		if err != nil {
			return err
		}
		return c.say(map[string]string{"login": u.Login}, func(w *tabwriter.Writer) { row(w, "a link of", u.Login) })
	}
	typed, err := c.password()
	if err != nil {
		return err
	}
	passwords, err := password.New(c.admin, nil)
	if err != nil {
		return err
	}
	u, err := c.admin.AcceptInvitation(ctx, rest[0], passwords.Setter(typed))
	if err != nil {
		return err
	}
	return c.say(map[string]string{"login": u.Login}, func(w *tabwriter.Writer) { row(w, "the password is set; sign in as", u.Login) })
}

// resend sends a new activation link.
func (c *cli) resend(ctx context.Context, s *chatadmin.Scope, login string) error {
	ids, err := c.ids(ctx, []string{login})
	if err != nil {
		return err
	}
	if err := s.ResendInvitation(ctx, ids[0]); err != nil {
		return err
	}
	c.dropped()
	if err := c.sendMail(ctx, s); err != nil {
		return err
	}
	return c.done("a new link is on its way to " + login)
}

// locked calls mark for each user who is locked.
func (c *cli) locked(ctx context.Context, s *chatadmin.Scope, ids []chatadmin.ID, mark func(i int)) error {
	for at := 0; at < len(ids); at += chatadmin.MaxBatch {
		locks, err := c.gate.Locks(ctx, s, ids[at:min(at+chatadmin.MaxBatch, len(ids))]...)
		if err != nil {
			return err
		}
		for i := at; i < min(at+chatadmin.MaxBatch, len(ids)); i++ {
			if locks[ids[i]].Locked {
				mark(i)
			}
		}
	}
	return nil
}
