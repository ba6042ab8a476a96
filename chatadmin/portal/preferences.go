package portal

import (
	"net/url"
	"slices"
	"strings"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/preferences"
)

func (p *Portal) preferenceRoutes() []route {
	if p.o.Preferences == nil {
		return nil
	}
	return []route{
		{pattern: "GET /preferences", need: chatadmin.PermDomain, serve: (*view).preferences},
		{pattern: "POST /preferences", need: chatadmin.PermDomain, serve: (*view).savePreferences},
	}
}

// preferencesPage decides what is in force for users who have not chosen.
type preferencesPage struct {
	*view
	Fields  []field
	Problem string
}

// Was is what the form showed.
func (p *preferencesPage) Was() string { return p.was(showed(p.Fields)) }

// shared are the preferences that have a default for everybody: suffixes, the
// live chat and the avatar are everybody's own.
func (v *view) shared() []string {
	return slices.DeleteFunc(v.p.o.Preferences.Keys(), func(key string) bool {
		return key == "live_chat" || key == "avatar" || strings.HasPrefix(key, "suffix.")
	})
}

func (v *view) preferences() error { return v.showPreferences(nil, nil) }

func (v *view) showPreferences(f url.Values, wrong error) error {
	if !v.prefers() {
		return errNoPage
	}
	policy, err := v.p.o.Preferences.Policy(v.r.Context(), v.s)
	if err != nil {
		return err
	}
	page := preferencesPage{view: v, Fields: v.preferenceFields(&policy.Defaults, v.shared())}
	for i := range page.Fields {
		if options := page.Fields[i].Options; len(options) > 0 {
			options[0].Name = v.T("preferences.not_set")
		}
		if f != nil {
			page.Fields[i].Value = f.Get(page.Fields[i].Name)
		}
	}
	page.Problem = v.complain(page.Fields, wrong)
	return v.renderStatus(formStatus(wrong), "preferences", &page)
}

func (v *view) savePreferences() error {
	v.back = "/preferences"
	f, err := v.form()
	if err != nil {
		return err
	}
	_, err = v.p.o.Preferences.SetDefaults(v.r.Context(), v.s, func(values *preferences.Values) {
		to := changed(f)
		for _, key := range v.shared() {
			if to.Has(key) {
				values.Set(key, to.Get(key))
			}
		}
	})
	if err != nil {
		return v.again(err, func() error { return v.showPreferences(f, err) })
	}
	return v.done(v.back, "browser.saved")
}
