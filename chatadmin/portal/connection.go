package portal

import (
	"cmp"
	"errors"
	"net/url"
	"strings"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/integrations"
)

// groupIntegrationsPage is the page "Configure Integrations" of a group.
type groupIntegrationsPage struct {
	*view
	Group chatadmin.Group
	Rows  []connectionRow
}

type connectionRow struct {
	Title string
	At    string // the page of the connection
	New   bool   // it is not enabled yet
	Badge badge
	// what the link to one's own account with the provider says; "" in groups
	Account string
}

func (v *view) groupIntegrations() error {
	ctx := v.r.Context()
	id, _, err := v.onGroup()
	if err != nil {
		return err
	}
	g, err := v.s.Group(ctx, id)
	if err != nil {
		return err
	}
	if manages, err := v.manages(id); err != nil || !manages {
		return cmp.Or(err, error(chatadmin.ErrForbidden))
	}
	rows, err := v.connectionRows(id, false)
	if err != nil {
		return err
	}
	return v.render("groupintegrations", groupIntegrationsPage{v, g, rows})
}

// connectionRows are the enabled services of groups, or of users, with the
// state that each has for an owner.
func (v *view) connectionRows(owner chatadmin.ID, perUser bool) ([]connectionRow, error) {
	all, err := v.p.o.Integrations.Services(v.r.Context(), v.s)
	if err != nil {
		return nil, err
	}
	at := "/groups/" + url.PathEscape(string(owner))
	if perUser {
		at = "/account"
	}
	var rows []connectionRow
	for _, s := range all {
		if s.PerUser != perUser || !s.Enabled {
			continue
		}
		st, err := v.p.o.Integrations.Status(v.r.Context(), v.s, integrations.Of{Service: s.Name, Owner: owner})
		if err != nil && !errors.Is(err, chatadmin.ErrNotFound) {
			return nil, err
		}
		row := connectionRow{Title: s.Title, At: v.p.o.Path + at + "/integrations/" + s.Name, New: err != nil, Badge: v.connectionBadge(&st, err)}
		if perUser {
			row.Account = v.T("connection.account_settings", s.Title)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// connectionPage configures a service of a group, or of the reader.
type connectionPage struct {
	*view
	Is      integrations.Status
	Service string // its title
	Form    integrations.Form
	New     bool // not enabled yet
	At      string
	Group   *chatadmin.Group // nil: it is the reader's own
	Badge   badge
	Webhook string
	Fields  []field
	Steps   []stepForm
	Dead    []integrations.DeadLetter
	Trouble string // that the provider makes just now
	Wrong   string // in what was to be saved
}

// stepForm asks for what the next step of authenticating needs.
type stepForm struct {
	Button string
	Fields []field
}

// of is the connection that a page or an action is about. What goes wrong leads
// back to its page.
func (v *view) of() (of integrations.Of, form integrations.Form, err error) {
	of = integrations.Of{Service: v.r.PathValue("service"), Owner: chatadmin.ID(v.r.PathValue("id"))}
	own := of.Owner == ""
	if v.back = "/groups/" + url.PathEscape(string(of.Owner)); own {
		of.Owner, v.back = v.s.Actor(), "/account"
	}
	form, err = v.p.o.Integrations.Form(of.Service)
	if err == nil && form.Info.PerUser != own {
		err = errNoPage
	}
	if err == nil {
		v.back += "/integrations/" + of.Service
	}
	return of, form, err
}

func (v *view) connection() error { return v.showConnection(nil, nil) }

// showConnection shows a connection, with what was to be saved and is wrong.
func (v *view) showConnection(f url.Values, wrong error) error {
	ctx := v.r.Context()
	of, form, err := v.of()
	if err != nil {
		return err
	}
	page := connectionPage{view: v, Service: form.Info.Title, Form: form, At: v.p.o.Path + v.back}
	v.back = strings.TrimSuffix(v.back, "/integrations/"+of.Service)
	if !form.Info.PerUser {
		g, err := v.s.Group(ctx, of.Owner)
		if err != nil {
			return err
		}
		page.Group = &g
	}
	page.Is, err = v.p.o.Integrations.Status(ctx, v.s, of)
	page.New = errors.Is(err, chatadmin.ErrNotFound)
	if err != nil && !page.New {
		return err
	}
	page.Badge = v.connectionBadge(&page.Is, err)
	if page.New {
		return v.render("connection", &page)
	}
	page.Webhook = page.Is.Webhook.Reveal()
	var choices []integrations.Choice
	if page.Is.Connected && page.Is.Enabled {
		if choices, err = v.p.o.Integrations.Choices(ctx, v.s, of); err != nil {
			page.Trouble = v.sentence(err)
		}
	}
	settings := page.Is.Settings
	if f != nil {
		settings = settingsOf(form.Own, f)
	}
	page.Fields = v.settingFields(of.Service, form.Own, settings, choices)
	for _, s := range form.Steps {
		page.Steps = append(page.Steps, stepForm{v.stepButton(of.Service, s.Button), v.settingFields(of.Service, s.Ask, nil, nil)})
	}
	if page.Is.Dead > 0 {
		if page.Dead, err = v.p.o.Integrations.DeadLetters(ctx, v.s, of); err != nil {
			return err
		}
		page.Dead = page.Dead[:min(len(page.Dead), pageSize)]
	}
	if wrong != nil {
		page.Wrong = v.sentence(wrong)
	}
	return v.renderStatus(formStatus(wrong), "connection", &page)
}

// stepButton is the name of a step in the reader's language, by its English
// one.
func (v *view) stepButton(service, button string) string {
	key := "service." + service + ".do_" + strings.ReplaceAll(strings.ToLower(button), " ", "_")
	if v.Has(key) {
		return v.T(key)
	}
	return button
}

// Authenticate is the button that leads to the provider.
func (page *connectionPage) Authenticate() string {
	if page.Is.Connected {
		return page.T("connection.again", page.Service)
	}
	return page.T("connection.authenticate", page.Service)
}

func (v *view) draftConnection() error {
	of, form, err := v.of()
	if err != nil {
		return err
	}
	if _, err := v.p.o.Integrations.Draft(v.r.Context(), v.s, of); err != nil {
		return err
	}
	return v.done(v.back, "connection.drafted", form.Info.Title)
}

// providerPage leads to the page of a provider. A redirect would do without it,
// but browsers apply the policy for forms to it.
type providerPage struct {
	*view
	Service string
	URL     string
}

// connect takes the next step of authenticating.
func (v *view) connect() error {
	of, form, err := v.of()
	if err != nil {
		return err
	}
	f, err := v.form()
	if err != nil {
		return err
	}
	answers := map[string]integrations.Secret{}
	for _, step := range form.Steps {
		for _, s := range step.Ask {
			if f.Has(s.Name) {
				answers[s.Name] = integrations.Hide(f.Get(s.Name))
			}
		}
	}
	next, err := v.p.o.Integrations.Connect(v.r.Context(), v.s, of, answers)
	switch {
	case err != nil:
		return v.onConnection(nil, err)
	case !next.URL.IsZero():
		return v.render("provider", providerPage{v, form.Info.Title, next.URL.Reveal()})
	case next.Grant != nil:
		v.p.o.Wake()
		return v.done(v.back, "connection.connected", form.Info.Title)
	}
	return v.done(v.back, "connection.next", next.Hint)
}

// onConnection tells on the page of the connection what is wrong with what was
// typed, or what the provider says.
func (v *view) onConnection(f url.Values, err error) error {
	if provider := new(integrations.ProviderError); errors.As(err, &provider) {
		return v.showConnection(f, err)
	}
	return v.again(err, func() error { return v.showConnection(f, err) })
}

func (v *view) saveConnection() error {
	of, form, err := v.of()
	if err != nil {
		return err
	}
	f, err := v.form()
	if err != nil {
		return err
	}
	if _, err := v.p.o.Integrations.Save(v.r.Context(), v.s, of, settingsOf(form.Own, f)); err != nil {
		return v.onConnection(f, err)
	}
	v.p.o.Wake()
	return v.done(v.back, "connection.was_saved", form.Info.Title)
}

func (v *view) disconnect() error {
	of, form, err := v.of()
	if err != nil {
		return err
	}
	if err := v.p.o.Integrations.Disconnect(v.r.Context(), v.s, of); err != nil {
		return err
	}
	v.p.o.Wake()
	return v.done(v.back, "connection.disconnected", form.Info.Title)
}

// onMessage is the dead letter that an action is about.
func (v *view) onMessage() (chatadmin.ID, error) {
	if _, _, err := v.of(); err != nil {
		return "", err
	}
	f, err := v.form()
	return chatadmin.ID(f.Get("message")), err
}

func (v *view) retryMessage() error {
	id, err := v.onMessage()
	if err != nil {
		return err
	}
	if err := v.p.o.Integrations.Retry(v.r.Context(), v.s, id); err != nil {
		return err
	}
	v.p.o.Wake()
	return v.done(v.back, "connection.retried")
}

func (v *view) discardMessage() error {
	id, err := v.onMessage()
	if err != nil {
		return err
	}
	if err := v.p.o.Integrations.Discard(v.r.Context(), v.s, id); err != nil {
		return err
	}
	return v.done(v.back, "connection.discarded")
}
