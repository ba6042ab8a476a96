package portaltest

import (
	"bytes"
	"crypto/rand"
	"log/slog"
	"net/http"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/closing"
	"chatadmin.example/sdk/chatadmin/compliance"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/fields"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/password"
	"chatadmin.example/sdk/chatadmin/portal"
	"chatadmin.example/sdk/chatadmin/preferences"
	"chatadmin.example/sdk/chatadmin/provisioning"
	"chatadmin.example/sdk/chatadmin/retention"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/support"
	"chatadmin.example/sdk/csvimport"
	"chatadmin.example/sdk/devices"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/afas"
	"chatadmin.example/sdk/integrations/afas/afastest"
	"chatadmin.example/sdk/integrations/integrationstest"
	"chatadmin.example/sdk/integrations/mailchimp"
	"chatadmin.example/sdk/integrations/mailchimp/mailchimptest"
	"chatadmin.example/sdk/integrations/slack"
	"chatadmin.example/sdk/integrations/slack/slacktest"
	"chatadmin.example/sdk/twofa"
)

// fakes starts a fake of each provider. Close them.
func (s *site) fakes() {
	s.slack, s.mailchimp, s.afas = slacktest.NewServer(), mailchimptest.NewServer(), afastest.NewServer()
	s.groups = &integrationstest.Groups{}
}

// construct makes everything over a store, as a program does when it starts.
func (s *site) construct(store chatadmin.Store, logger *slog.Logger) (err error) {
	s.mails, s.woken, s.sessions = &chatadmintest.Mailbox{}, make(chan struct{}, 1), map[string]chatadmin.ID{}
	s.admin, err = chatadmin.New(store, &chatadmin.Options{Mailer: s.mails, LinkBase: s.url + "/admin", Now: s.now, Logger: logger})
	if err != nil {
		return err
	}
	ring, err := keyring.New(rand.Reader, keyring.Key{ID: "1", Secret: secret.HideBytes(bytes.Repeat([]byte{1}, keyring.KeySize))})
	if err != nil {
		return err
	}
	o := &s.o
	if o.TwoFactor, err = twofa.New(s.admin, &twofa.Options{Keys: ring}); err != nil {
		return err
	}
	if o.Devices, err = devices.New(s.admin, nil); err != nil {
		return err
	}
	if o.Gate, err = signin.New(s.admin, &signin.Options{SecondFactor: o.TwoFactor, Devices: o.Devices}); err != nil {
		return err
	}
	if o.Deletions, err = erase.New(s.admin, nil); err != nil {
		return err
	}
	if o.Imports, err = csvimport.New(s.admin, nil); err != nil {
		return err
	}
	if err := s.products(ring); err != nil {
		return err
	}
	passwords, err := password.New(s.admin, &password.Options{Params: password.Params{Memory: 64, Time: 1, Threads: 1}})
	if err != nil {
		return err
	}
	if o.Spool, err = portal.NewDir(s.spool); err != nil {
		return err
	}
	o.SetPassword, o.SignOutURL, o.Wake, o.Logger = passwords.Setter, "/logout", s.wake, logger
	o.SignIn = &portal.SignIn{
		Domain: func(*http.Request) (chatadmin.ID, error) { return s.domain, nil },
		Verify: passwords.Verifier,
		Begin: func(w http.ResponseWriter, _ *http.Request, d signin.Decision) error {
			s.enter(w, d.User.ID)
			return nil
		},
	}
	o.Authenticate, o.Staff = s.signedIn, s.staff
	s.pages, err = portal.New(s.admin, o)
	return err
}

// products makes the packages of services, of single products, and of support
// and compliance.
func (s *site) products(ring *keyring.Ring) error {
	sl, err := slack.New(s.slack.Options())
	if err != nil {
		return err
	}
	mc, err := mailchimp.New(s.mailchimp.Options())
	if err != nil {
		return err
	}
	af, err := afas.New(&afas.Options{API: s.afas.URL})
	if err != nil {
		return err
	}
	o := &s.o
	if o.Integrations, err = integrations.New(s.admin, &integrations.Options{Keys: ring, Groups: s.groups,
		Services: []integrations.Service{sl, mc, af}, PublicURL: s.url + "/integrations", SignedIn: s.signedIn,
		Done: func(w http.ResponseWriter, r *http.Request, c integrations.Callback) { s.pages.Connected(w, r, c) }}); err != nil {
		return err
	}
	if o.Provisioning, err = provisioning.New(s.admin, nil); err != nil {
		return err
	}
	if o.Preferences, err = preferences.New(s.admin, &preferences.Options{NoReply: "noreply@acme.example",
		Pages: []preferences.Page{{Name: "home"}, {Name: "webcare", Module: "webcare"}}}); err != nil {
		return err
	}
	if o.Fields, err = fields.New(s.admin, nil); err != nil {
		return err
	}
	if o.Support, err = support.New(s.admin, &support.Options{Recipients: support.OfficeChatRecipients()}); err != nil {
		return err
	}
	if o.Retention, err = retention.New(s.admin, nil); err != nil {
		return err
	}
	if o.Closings, err = closing.New(s.admin, nil); err != nil {
		return err
	}
	o.Agreements, err = compliance.New(s.admin, &compliance.Options{Recipient: compliance.OfficeChatRecipient, Retention: o.Retention, Closings: o.Closings})
	return err
}
