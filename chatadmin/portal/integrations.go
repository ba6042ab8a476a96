package portal

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/integrations"
)

func (p *Portal) integrationRoutes() []route {
	if p.o.Integrations == nil {
		return nil
	}
	const need = chatadmin.PermServices
	routes := []route{
		{pattern: "GET /integrations", need: need, serve: (*view).services},
		{pattern: "POST /integrations/{service}/enable", need: need, serve: (*view).enableService},
		{pattern: "POST /integrations/{service}/disable", need: need, serve: (*view).disableService},
		{pattern: "GET /groups/{id}/integrations", serve: (*view).groupIntegrations},
	}
	for _, at := range []string{"/groups/{id}/integrations/{service}", "/account/integrations/{service}"} {
		routes = append(routes,
			route{pattern: "GET " + at, serve: (*view).connection},
			route{pattern: "POST " + at + "/enable", serve: (*view).draftConnection},
			route{pattern: "POST " + at + "/connect", serve: (*view).connect},
			route{pattern: "POST " + at + "/save", serve: (*view).saveConnection},
			route{pattern: "POST " + at + "/disconnect", serve: (*view).disconnect},
			route{pattern: "POST " + at + "/retry", serve: (*view).retryMessage},
			route{pattern: "POST " + at + "/discard", serve: (*view).discardMessage},
		)
	}
	return routes
}

// servicesPage is the page "Services", where a domain enables them.
type servicesPage struct {
	*view
	Services []serviceRow
}

type serviceRow struct {
	integrations.ServiceStatus
	About  string
	Badge  badge
	Fields []field
}

func (v *view) services() error {
	all, err := v.p.o.Integrations.Services(v.r.Context(), v.s)
	if err != nil {
		return err
	}
	page := servicesPage{view: v}
	for _, s := range all {
		form, err := v.p.o.Integrations.Form(s.Name)
		if err != nil {
			return err
		}
		row := serviceRow{ServiceStatus: s, About: v.T("services.for_groups"), Badge: badge{v.T("services.off"), "mute"}}
		if s.PerUser {
			row.About = v.T("services.for_users")
		}
		if s.Enabled {
			row.Badge = badge{v.T("services.on"), "good"}
		}
		row.Fields = v.settingFields(s.Name, form.Domain, s.Settings, nil)
		page.Services = append(page.Services, row)
	}
	return v.render("services", page)
}

func (v *view) enableService() error {
	v.back = "/integrations"
	f, err := v.form()
	if err != nil {
		return err
	}
	name := v.r.PathValue("service")
	form, err := v.p.o.Integrations.Form(name)
	if err != nil {
		return err
	}
	if err := v.p.o.Integrations.EnableService(v.r.Context(), v.s, name, settingsOf(form.Domain, f)); err != nil {
		return err
	}
	v.p.o.Wake()
	return v.done(v.back, "services.enabled", form.Info.Title)
}

func (v *view) disableService() error {
	v.back = "/integrations"
	name := v.r.PathValue("service")
	form, err := v.p.o.Integrations.Form(name)
	if err != nil {
		return err
	}
	if err := v.p.o.Integrations.DisableService(v.r.Context(), v.s, name); err != nil {
		return err
	}
	return v.done(v.back, "services.disabled", form.Info.Title)
}

// settingFields are the fields of a form that a service describes. A choice
// without choices of its own has those given.
func (v *view) settingFields(service string, settings []integrations.Setting, now json.RawMessage, choices []integrations.Choice) []field {
	values := map[string]json.RawMessage{}
	_ = json.Unmarshal(now, &values) // there may be none yet
	var out []field
	for _, s := range settings {
		f := field{Name: s.Name, Label: s.Label, Type: "text", Required: s.Required, Max: s.Max, Autocomplete: "off"}
		if key := "service." + service + "." + s.Name; v.Has(key) {
			f.Label = v.T(key)
		}
		chosen := chosenIn(values[s.Name])
		if len(chosen) > 0 {
			f.Value = chosen[0].ID
		}
		offered := s.Choices
		if offered == nil {
			offered = choices
		}
		for _, c := range chosen { // what the provider does not offer now stays chosen
			if !slices.ContainsFunc(offered, func(o integrations.Choice) bool { return o.ID == c.ID }) {
				offered = append(slices.Clip(offered), c)
			}
		}
		switch s.Kind {
		case integrations.Hidden:
			f.Type, f.Value = "password", ""
		case integrations.Switch:
			f.Type, f.Value = "checkbox", ""
			if string(values[s.Name]) == "true" {
				f.Value = "1"
			}
		case integrations.One:
			f.Options = []option{{"", v.T("form.choose")}}
			for _, c := range offered {
				f.Options = append(f.Options, option{c.ID, v.choiceName(service, s.Name, c)})
			}
		case integrations.Several:
			f.Type = "checks"
			for _, c := range offered {
				is := slices.ContainsFunc(chosen, func(o integrations.Choice) bool { return o.ID == c.ID })
				f.Checks = append(f.Checks, check{c.ID, v.choiceName(service, s.Name, c), is})
			}
		}
		out = append(out, f)
	}
	return out
}

// choiceName is a choice in words: a text of the portal for one of the
// service's own, else what the provider calls it.
func (v *view) choiceName(service, setting string, c integrations.Choice) string {
	name := c.Name
	if key := "service." + service + "." + setting + "." + c.ID; v.Has(key) {
		name = v.T(key)
	}
	if c.Note != "" {
		name += " (" + c.Note + ")"
	}
	return name
}

// chosenIn reads what was chosen in a setting: IDs, or objects with one.
func chosenIn(value json.RawMessage) []integrations.Choice {
	var many []json.RawMessage
	if json.Unmarshal(value, &many) != nil {
		many = []json.RawMessage{value}
	}
	var out []integrations.Choice
	for _, one := range many {
		var c integrations.Choice
		if json.Unmarshal(one, &c.ID) != nil && json.Unmarshal(one, &c) != nil {
			continue
		}
		if c.Name == "" {
			c.Name = c.ID
		}
		if c.ID != "" {
			out = append(out, c)
		}
	}
	return out
}

// settingsOf makes settings of what a form gives. A field that the form does
// not have stays as it is, but for switches and lists, whose absence is a
// value.
func settingsOf(settings []integrations.Setting, f url.Values) json.RawMessage {
	out := map[string]any{}
	for _, s := range settings {
		switch s.Kind {
		case integrations.Switch:
			out[s.Name] = f.Get(s.Name) != ""
		case integrations.Several:
			out[s.Name] = append([]string{}, f[s.Name]...)
		default:
			if f.Has(s.Name) {
				out[s.Name] = f.Get(s.Name)
			}
		}
	}
	data, _ := json.Marshal(out) // strings and booleans
	return data
}

// Connected answers the browser that comes back from a provider. Give it to
// integrations.Options.Done: it leads to the page of the connection, or says
// what went wrong.
func (p *Portal) Connected(w http.ResponseWriter, r *http.Request, c integrations.Callback) {
	p.page(route{serve: func(v *view) error {
		if v.p.o.Integrations == nil {
			return errNoPage
		}
		form, err := v.p.o.Integrations.Form(c.Service)
		if err != nil {
			return err
		}
		at := "/groups/" + url.PathEscape(string(c.Owner)) + "/integrations/" + c.Service
		if form.Info.PerUser {
			at = "/account/integrations/" + c.Service
		}
		if c.Err == nil {
			return v.done(at, "connection.connected", form.Info.Title)
		}
		if v.back = at; c.Owner == "" {
			v.back = "/"
		}
		return c.Err
	}}).ServeHTTP(w, r)
}

// connectionBadge is a connection in a word: not yet enabled, a draft, saved, or
// with a problem.
func (v *view) connectionBadge(st *integrations.Status, err error) badge {
	switch {
	case errors.Is(err, chatadmin.ErrNotFound):
		return badge{v.T("connection.none"), "mute"}
	case st.Problem != "":
		return badge{v.T("connection.problem"), "bad"}
	case st.State == "saved":
		return badge{v.T("connection.saved"), "good"}
	}
	return badge{v.T("connection.draft"), "warn"}
}
