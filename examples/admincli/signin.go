package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/closing"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/fields"
	"chatadmin.example/sdk/chatadmin/password"
	"chatadmin.example/sdk/chatadmin/preferences"
	"chatadmin.example/sdk/chatadmin/provisioning"
	"chatadmin.example/sdk/chatadmin/retention"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/csvimport"
	"chatadmin.example/sdk/devices"
	"chatadmin.example/sdk/twofa"
)

// policies makes what takes part in every change, and in every sign-in.
func (c *cli) policies(command string) (err error) {
	if err := c.openTwoFactor(command); err != nil {
		return err
	}
	if c.imports, err = csvimport.New(c.admin, nil); err != nil {
		return err
	}
	if c.registry, err = devices.New(c.admin, nil); err != nil {
		return err
	}
	if c.radios, err = provisioning.New(c.admin, &provisioning.Options{SMS: c.texts()}); err != nil {
		return err
	}
	if c.eraser, err = erase.New(c.admin, nil); err != nil {
		return err
	}
	if c.closings, err = closing.New(c.admin, nil); err != nil {
		return err
	}
	if c.retain, err = retention.New(c.admin, nil); err != nil {
		return err
	}
	if err := c.openSupport(); err != nil {
		return err
	}
	if err := c.openAgreements(); err != nil {
		return err
	}
	if c.custom, err = fields.New(c.admin, nil); err != nil {
		return err
	}
	if c.prefer, err = preferences.New(c.admin, helpDesk()); err != nil {
		return err
	}
	c.gate, err = signin.New(c.admin, &signin.Options{SecondFactor: c.twofa, Devices: c.registry})
	return err
}

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

// signinCall is what signin is asked for.
type signinCall struct {
	a                         signin.Attempt
	challenge, code, qr       string
	trust                     string
	held, remember, fromStdin bool
}

func (c *cli) signinCommand() *cobra.Command {
	call := signinCall{}
	x := c.command("signin LOGIN", "Decide a sign-in, as the host's login page does",
		func(ctx context.Context, s *chatadmin.Scope, args []string) error {
			call.a.Login, call.a.Trust = args[0], secret.Hide(call.trust)
			return c.signin(ctx, s, call)
		})
	x.Long = `signin stands for the host, which says whether the password was right: it was,
unless --password-ok=false is given. With --password-stdin the password is read
and compared with the one that was set by activate-link. With --challenge the
code that an earlier call has asked for is checked, and the client is remembered
if the domain allows it.`
	attemptFlags(x, &call.a.Client, &call.a.Method)
	f := x.Flags()
	f.StringVar(&call.a.Device, "device", "", "the `ID` of the device")
	f.StringVar(&call.trust, "trust", "", "the trust `token` of a remembered client")
	f.BoolVar(&call.held, "password-ok", true, "the password was right")
	f.BoolVar(&call.fromStdin, "password-stdin", false, "compare the password on standard input")
	f.StringVar(&call.challenge, "challenge", "", "answer the challenge with this `ID`")
	f.StringVar(&call.code, "code", "", "the `code` that was asked for")
	f.BoolVar(&call.remember, "remember", true, "remember the client")
	f.StringVar(&call.qr, "qr", "", "write the QR code of an authenticator to a PNG `file`")
	x.MarkFlagsRequiredTogether("challenge", "code")
	exclusive(x, "password-ok", "password-stdin")
	return x
}

func (c *cli) signin(ctx context.Context, s *chatadmin.Scope, call signinCall) (err error) {
	var d signin.Decision
	if call.challenge != "" {
		// If the challenge cannot be opened, the gate says what is wrong.
		if o, err := c.twofa.Open(ctx, s.Domain(), call.challenge); err == nil {
			if user, err := c.id(ctx, s, call.a.Login); err != nil || user != o.User {
				return usage("signin: this challenge is not one of %q", chatadmin.Cut(call.a.Login))
			}
		}
		d, err = c.gate.Complete(ctx, s.Domain(), call.challenge, call.code, call.remember)
	} else {
		verify := func(context.Context, chatadmin.User) (bool, error) { return call.held, nil }
		if call.fromStdin {
			if verify, err = c.verifier(); err != nil {
				return err
			}
		}
		d, err = c.gate.SignIn(ctx, s.Domain(), call.a, verify)
	}
	if err != nil {
		return err
	}
	if _, err := c.gate.FlushActivity(ctx); err != nil { // what a worker of a host does
		return err
	}
	if _, err := c.sendMail(ctx, s); err != nil { // notices that follow from it
		return err
	}
	if d.Challenge != nil && d.Challenge.Kind == string(twofa.Email) {
		c.unsent()
	}
	return c.sayDecision(d, call.qr)
}

// attemptFlags are those that say how somebody signs in.
func attemptFlags(x *cobra.Command, client *signin.Client, method *signin.Method) {
	choose(x, client, "client", "the client, by the host's own evidence", signin.Web, signin.Desktop,
		signin.Mac, signin.IOS, signin.Android, signin.UnknownClient)
	choose(x, method, "method", "the first factor", signin.Password, signin.Google, signin.SAML)
}

func writeQR(name string, png []byte) error {
	f, err := private(name)
	if err != nil {
		return err
	}
	_, err = f.Write(png)
	return errors.Join(err, f.Close())
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
				if err := writeQR(qr, e.QR.Bytes()); err != nil {
					return err
				}
			}
		}
	}
	return c.say(v, func(w *tabwriter.Writer) {
		row(w, "decision", v.Decision)
		for _, f := range [][2]string{{"reason", v.Reason}, {"challenge", v.Challenge}, {"kind", v.Kind},
			{"trust token", v.Trust}, {"session", v.Session}} {
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

func (c *cli) activateLinkCommand() *cobra.Command {
	stdin := false
	x := c.globalCommand("activate-link TOKEN", "Set the first password of a user, by the mailed link",
		func(ctx context.Context, _ *cobra.Command, args []string) error {
			closeStore, err := c.open(ctx, "activate-link")
			if err != nil {
				return err
			}
			defer closeStore()
			return c.activateLink(ctx, args[0], stdin)
		})
	x.Long = `activate-link does what a user does who follows the mailed link. The password is
the first line of standard input. Without --password-stdin the command only
tells whose link it is.`
	x.Flags().BoolVar(&stdin, "password-stdin", false, "set the password that is on standard input")
	return x
}

func (c *cli) activateLink(ctx context.Context, token string, stdin bool) error {
	if !stdin {
		u, err := c.admin.Invited(ctx, token)
		if err != nil {
			return err
		}
		return c.tell(map[string]string{"login": u.Login}, "a link of", u.Login)
	}
	typed, err := c.password()
	if err != nil {
		return err
	}
	passwords, err := password.New(c.admin, nil)
	if err != nil {
		return err
	}
	u, err := c.admin.AcceptInvitation(ctx, token, passwords.Setter(typed))
	if err != nil {
		return err
	}
	return c.tell(map[string]string{"login": u.Login}, "the password is set; sign in as", u.Login)
}
