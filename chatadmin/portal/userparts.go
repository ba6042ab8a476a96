package portal

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/language"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/fields"
	"chatadmin.example/sdk/chatadmin/preferences"
	"chatadmin.example/sdk/chatadmin/provisioning"
)

// ownField begins the name of an input for a field that the domain has
// declared, so that none of them takes the place of another input.
const ownField = "own:"

// partFields are what other packages add to the form of a user: the radio of
// an ESChat domain, preferences of an Engage domain, and the fields that the
// domain has declared. u is nil for a new user.
func (v *view) partFields(u *chatadmin.User, f url.Values) ([]field, error) {
	var out []field
	if v.radios() {
		var p provisioning.Profile
		if u != nil {
			var err error
			if p, _, err = provisioning.ProfileOf(u); err != nil {
				return nil, err
			}
		}
		out = append(out, v.radioFields(p)...)
	}
	if v.prefers() {
		var own preferences.Values
		if u != nil {
			shown, err := v.p.o.Preferences.Of(v.r.Context(), v.s, u.ID)
			if err != nil {
				return nil, err
			}
			own = shown.Own
		}
		out = append(out, v.preferenceFields(&own, nil)...)
	}
	if v.p.o.Fields != nil {
		declared, err := v.declaredFields(u)
		if err != nil {
			return nil, err
		}
		out = append(out, declared...)
	}
	for i := range out {
		if f != nil {
			out[i].Value = f.Get(out[i].Name)
		}
	}
	return out, nil
}

// prefers reports whether the users of the domain have preferences.
func (v *view) prefers() bool {
	return v.p.o.Preferences != nil && v.settings.Preset == chatadmin.Engage
}

// radioFields are the fields of a user who has a radio.
func (v *view) radioFields(p provisioning.Profile) []field {
	priorities, clients := []option{}, []option{}
	for n := provisioning.LowestPriority; n <= provisioning.HighestPriority; n++ {
		priorities = append(priorities, option{strconv.Itoa(n), v.words.Sprintf("%d", n)})
	}
	for _, c := range provisioning.Clients() {
		clients = append(clients, option{string(c), v.clientName(c)})
	}
	onOff := []option{{"yes", v.T("form.yes")}, {"no", v.T("form.no")}}
	turned := []option{{"yes", v.T("preference.on")}, {"no", v.T("preference.off")}}
	text := func(on bool) string {
		if on {
			return "yes"
		}
		return "no"
	}
	return []field{
		{Name: "imei", Heading: v.T("radio.title"), Label: v.T("radio.imei"), Help: v.T("radio.imei_help"), Value: p.IMEI, Max: 32, Autocomplete: "off"},
		{Name: "send_text", Label: v.T("radio.send_text"), Help: v.T("radio.send_text_help"), Value: text(p.SendText), Options: onOff},
		{Name: "priority", Label: v.T("radio.priority"), Help: v.T("radio.priority_help"), Value: strconv.Itoa(p.Priority), Options: priorities},
		{Name: "client_type", Label: v.T("radio.client"), Help: v.T("radio.client_help"), Value: string(p.ClientType()), Options: clients},
		{Name: "maximal_contacts", Label: v.T("radio.contacts"), Help: v.T("radio.contacts_help"), Value: text(!p.ContactsOff), Options: turned},
	}
}

// clientName is a kind of client in words.
func (v *view) clientName(c provisioning.Client) string {
	return v.T("client." + strings.ReplaceAll(string(c), " ", "_"))
}

// radioOf reads the fields of a radio. One that the form does not have stays as
// it is.
func radioOf(f url.Values) (provisioning.Fields, error) {
	texts := map[string]string{}
	for name, column := range map[string]string{"imei": "imei", "send_text": "send text", "priority": "priority",
		"client_type": "client type", "maximal_contacts": "maximal contacts"} {
		if f.Has(name) {
			texts[column] = f.Get(name)
		}
	}
	given, wrong := provisioning.ParseFields(texts)
	if len(wrong) > 0 {
		return given, &chatadmin.FieldErrors{Fields: wrong}
	}
	return given, nil
}

// preferenceFields are the fields of preferences, in the order of the form, or
// only some of them.
func (v *view) preferenceFields(own *preferences.Values, only []string) []field {
	p := v.p.o.Preferences
	choices := func(key string) []option {
		options := []option{{"", v.T("preferences.default")}}
		var values []string
		switch key {
		case "landing":
			for _, page := range p.Pages(&v.settings) {
				options = append(options, option{page.Name, titled(page.Name)})
			}
		case "language":
			for _, tag := range p.Languages() {
				options = append(options, option{tag.String(), languageName(tag)})
			}
		case "availability":
			values = []string{string(preferences.None), string(preferences.Online), string(preferences.OnlineLiveChat)}
		case "notify_assigned", "notify_unpublished":
			values = []string{string(preferences.On), string(preferences.Off)}
		case "forward":
			values = []string{string(preferences.CanRespond), string(preferences.NoReply), string(preferences.OwnClient)}
		default:
			return nil
		}
		for _, value := range values {
			options = append(options, option{value, v.T("preference." + value)})
		}
		return options
	}
	headings := map[string]string{"notify_assigned": "preferences.messages", "suffix.": "preferences.suffix", "forward": "preferences.sending",
		"landing": "preferences.title"}
	order := []string{"live_chat", "avatar", "notify_assigned", "notify_unpublished", "suffix.", "account.", "forward", "landing", "language", "availability"}
	var out []field
	for _, group := range order {
		for _, key := range p.Keys() {
			if key != group && !(strings.HasSuffix(group, ".") && strings.HasPrefix(key, group)) || only != nil && !slices.Contains(only, key) {
				continue
			}
			f := field{Name: key, Label: v.preferenceName(key), Type: "text", Value: own.Get(key), Max: 250, Autocomplete: "off", Options: choices(key)}
			if heading := headings[group]; heading != "" {
				f.Heading = v.T(heading)
				delete(headings, group)
			}
			if help := "preference." + group + "_help"; v.Has(help) {
				f.Help = v.T(help)
			}
			out = append(out, f)
		}
	}
	return out
}

// preferenceName is the name of a preference; those of a platform have its
// name in them.
func (v *view) preferenceName(key string) string {
	if kind, platform, ok := strings.Cut(key, "."); ok {
		return v.T("preference."+kind+"_of", titled(platform))
	}
	return v.T("preference." + key)
}

// titled is a name of the host with a capital letter.
func titled(name string) string { return strings.TrimSuffix(capital(name), ".") }

// languages are the names of languages in their own words.
var languages = map[string]string{"de": "Deutsch", "en": "English", "es": "Español", "fr": "Français", "nl": "Nederlands"}

func languageName(tag language.Tag) string {
	if name, ok := languages[tag.String()]; ok {
		return name
	}
	return tag.String()
}

// preferencesOf sets what a form has of preferences.
func (v *view) preferencesOf(f url.Values) func(*preferences.Values) {
	return func(values *preferences.Values) {
		for _, key := range v.p.o.Preferences.Keys() {
			if f.Has(key) {
				values.Set(key, f.Get(key))
			}
		}
	}
}

// declaredFields are the fields that the domain has declared, with the values
// of a user.
func (v *view) declaredFields(u *chatadmin.User) ([]field, error) {
	declared, err := v.p.o.Fields.List(v.r.Context(), v.s)
	if err != nil {
		return nil, err
	}
	var has map[string]string
	if u != nil {
		if has, err = v.p.o.Fields.Values(&v.settings, u); err != nil {
			return nil, err
		}
	}
	var out []field
	for i, d := range declared {
		f := field{Name: ownField + d.Name, Label: d.Name, Value: has[d.Name], Type: "text", Max: 250, Autocomplete: "off"}
		switch d.Kind {
		case fields.Date:
			f.Type = "date"
		case fields.Choice:
			f.Options = []option{{"", v.T("form.choose")}}
			for _, c := range d.Choices {
				f.Options = append(f.Options, option{c, c})
			}
		}
		if i == 0 {
			f.Heading = v.T("fields.title")
		}
		out = append(out, f)
	}
	return out, nil
}

// parts are what other packages take from the form of a user.
func (v *view) parts(f url.Values) []chatadmin.UserPart {
	var out []chatadmin.UserPart
	if v.prefers() {
		out = append(out, v.p.o.Preferences.Part(v.preferencesOf(f)))
	}
	if v.p.o.Fields != nil {
		given := map[string]string{}
		for name := range f {
			if own, ok := strings.CutPrefix(name, ownField); ok {
				given[own] = f.Get(name)
			}
		}
		if len(given) > 0 {
			out = append(out, v.p.o.Fields.Part(given))
		}
	}
	return out
}
