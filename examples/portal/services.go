package main

import (
	"context"
	"fmt"
	"net/http"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/closing"
	"chatadmin.example/sdk/chatadmin/compliance"
	"chatadmin.example/sdk/chatadmin/fields"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/portal"
	"chatadmin.example/sdk/chatadmin/preferences"
	"chatadmin.example/sdk/chatadmin/provisioning"
	"chatadmin.example/sdk/chatadmin/retention"
	"chatadmin.example/sdk/chatadmin/support"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/afas"
	"chatadmin.example/sdk/integrations/afas/afastest"
	"chatadmin.example/sdk/integrations/integrationstest"
	"chatadmin.example/sdk/integrations/mailchimp"
	"chatadmin.example/sdk/integrations/mailchimp/mailchimptest"
	"chatadmin.example/sdk/integrations/slack"
	"chatadmin.example/sdk/integrations/slack/slacktest"
)

// fakes stand for the providers, so that this example needs no account and
// nothing leaves the machine. A real host has apps of its own there.
type fakes struct {
	slack     *slacktest.Server
	mailchimp *mailchimptest.Server
	afas      *afastest.Server
}

func newFakes() *fakes {
	f := &fakes{slacktest.NewServer(), mailchimptest.NewServer(), afastest.NewServer()}
	f.mailchimp.AddAudiences(2)
	return f
}

func (f *fakes) close() {
	f.slack.Close()
	f.mailchimp.Close()
	f.afas.Close()
}

// services makes the packages of services, products and support.
func (h *host) services(ring *keyring.Ring, o *portal.Options) error {
	sl, err := slack.New(h.fakes.slack.Options())
	if err != nil {
		return err
	}
	mc, err := mailchimp.New(h.fakes.mailchimp.Options())
	if err != nil {
		return err
	}
	af, err := afas.New(&afas.Options{API: h.fakes.afas.URL})
	if err != nil {
		return err
	}
	o.Integrations, err = integrations.New(h.admin, &integrations.Options{Keys: ring, Groups: &integrationstest.Groups{},
		Services: []integrations.Service{sl, mc, af}, PublicURL: h.public + "/integrations", SignedIn: h.signedIn,
		Done: func(w http.ResponseWriter, r *http.Request, c integrations.Callback) { h.pages.Connected(w, r, c) }})
	if err != nil {
		return err
	}
	if o.Provisioning, err = provisioning.New(h.admin, nil); err != nil {
		return err
	}
	o.Preferences, err = preferences.New(h.admin, &preferences.Options{NoReply: "noreply@acme.example",
		Pages: []preferences.Page{{Name: "dashboard"}, {Name: "webcare"}, {Name: "publishing", Module: "publishing"}}})
	if err != nil {
		return err
	}
	if o.Fields, err = fields.New(h.admin, nil); err != nil {
		return err
	}
	if o.Support, err = support.New(h.admin, &support.Options{Recipients: support.OfficeChatRecipients()}); err != nil {
		return err
	}
	if o.Retention, err = retention.New(h.admin, nil); err != nil {
		return err
	}
	if o.Closings, err = closing.New(h.admin, nil); err != nil {
		return err
	}
	o.Staff = h.staff
	o.Agreements, err = compliance.New(h.admin, &compliance.Options{Recipient: compliance.OfficeChatRecipient, Retention: o.Retention, Closings: o.Closings})
	return err
}

// staff lets the administrator of the example be the host's staff as well. A
// real host has people of its own for that, who sign in elsewhere.
func (h *host) staff(r *http.Request) (chatadmin.ID, error) {
	_, user, err := h.signedIn(r)
	if err == nil && user != h.boss {
		err = chatadmin.ErrForbidden
	}
	return h.domain, err
}

// extras seeds the pages of services, custom fields and support.
func (h *host) extras(ctx context.Context, s *chatadmin.Scope, group chatadmin.ID, people []chatadmin.User) error {
	o := &h.portal
	if err := o.Integrations.EnableService(ctx, s, slack.Name, nil); err != nil {
		return err
	}
	if err := o.Integrations.EnableService(ctx, s, mailchimp.Name, nil); err != nil {
		return err
	}
	if err := o.Integrations.EnableService(ctx, s, afas.Name, []byte(`{"environment": "12345"}`)); err != nil {
		return err
	}
	if _, err := o.Integrations.Draft(ctx, s, integrations.Of{Service: slack.Name, Owner: group}); err != nil {
		return err
	}
	for _, f := range []fields.Field{{Name: "Cost centre", Kind: fields.Number}, {Name: "Site", Kind: fields.Choice, Choices: []string{"North", "South"}}} {
		if _, err := o.Fields.Declare(ctx, s, f, nil); err != nil {
			return err
		}
	}
	for i, u := range people[:8] {
		values := map[string]string{"Cost centre": "4711", "Site": []string{"North", "South"}[i%2]}
		if _, err := s.EditUser(ctx, u.ID, chatadmin.UserEdit{Parts: []chatadmin.UserPart{o.Fields.Part(values)}}); err != nil {
			return err
		}
	}
	for i, platform := range []support.Platform{support.IOS, support.Windows, support.Android} {
		b, err := o.Support.Prepare(ctx, s, support.Draft{Platform: platform, User: people[i].ID, From: "ann@acme.example", Ticket: "T-104",
			Description: "It hangs when I open a group.", Client: "5.1"})
		if err != nil {
			return err
		}
		if _, err := o.Support.Send(ctx, s, b); err != nil {
			return err
		}
	}
	if _, err := o.Support.SetLevel(ctx, s, support.IOS, support.None); err != nil {
		return err
	}
	if err := o.Retention.SetDays(ctx, s, 365); err != nil {
		return err
	}
	if _, err := s.AddHold(ctx, chatadmin.Hold{Group: group, Reason: "Case 104"}); err != nil {
		return err
	}
	_, err := o.Agreements.Request(ctx, s, compliance.Form{NewDomain: "Acme Health", AdminEmail: "boss@acme.example", Seats: 80, Acknowledge: "Yes"})
	return err
}

// radios seeds an ESChat company: departments, and users with radios in them.
func (h *host) radios(ctx context.Context, s *chatadmin.Scope) error {
	_, err := s.ChangeSettings(ctx, func(set *chatadmin.Settings) error { set.DefaultCountry = "NL"; return nil })
	if err != nil {
		return err
	}
	p := h.portal.Provisioning
	if err := p.SetPolicy(ctx, s, provisioning.Policy{AcceptTexts: true}); err != nil {
		return err
	}
	for i, name := range []string{"Buses", "Trams", "Maintenance"} {
		if _, err := p.CreateDepartment(ctx, s, name); err != nil {
			return err
		}
		for j, f := range first {
			priority := j % (provisioning.HighestPriority + 1)
			n := provisioning.NewUser{NewUser: chatadmin.NewUser{Login: fmt.Sprintf("%s.%d", name, 10+j), FirstName: f, LastName: last[i%len(last)],
				Email: "someone@acme.example", Department: name, NoInvitation: true}, Fields: provisioning.Fields{Priority: &priority}}
			if _, err := p.CreateUser(ctx, s, n); err != nil {
				return err
			}
		}
	}
	return nil
}

// desk seeds an Engage company.
func (h *host) desk(ctx context.Context, s *chatadmin.Scope) error {
	p := h.portal.Preferences
	if _, err := p.SetDefaults(ctx, s, func(v *preferences.Values) { v.Availability = preferences.Online }); err != nil {
		return err
	}
	for i, f := range first {
		part := p.Part(func(v *preferences.Values) {
			v.Suffix = map[preferences.Platform]string{preferences.Twitter: "^" + f}
			v.NotifyAssigned = preferences.On
		})
		if _, err := s.CreateUser(ctx, chatadmin.NewUser{Login: f, Email: "someone@acme.example", FirstName: f, LastName: last[i%len(last)],
			NoInvitation: true, Parts: []chatadmin.UserPart{part}}); err != nil {
			return err
		}
	}
	return nil
}
