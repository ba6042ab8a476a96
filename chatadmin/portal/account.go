package portal

import (
	"net/url"
	"slices"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/preferences"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/devices"
	"chatadmin.example/sdk/twofa"
)

func (p *Portal) accountRoutes() []route {
	routes := []route{{pattern: "GET /account", serve: (*view).account}}
	if p.o.Preferences != nil {
		routes = append(routes, route{pattern: "POST /account/preferences", serve: (*view).saveOwnPreferences})
	}
	if p.o.TwoFactor != nil {
		routes = append(routes, route{pattern: "POST /account/recovery", serve: (*view).makeRecoveryCodes},
			route{pattern: "POST /account/forget", serve: (*view).forgetClients})
	}
	return routes
}

// accountPage is what users do for themselves.
type accountPage struct {
	*view
	User        chatadmin.User
	Devices     []devices.Device
	Remembered  []twofa.Client
	Factor      *twofa.Explanation
	Recovery    bool     // recovery codes can be made
	Codes       []string // shown once
	Preferences []field
	Rows        []connectionRow // of services that each user connects
	Groups      []chatadmin.Group
	More        bool // groups
	Problem     string
}

// ownPreferences are those that everybody sets for themselves.
var ownPreferences = []string{"language", "availability"}

func (v *view) account() error { return v.showAccount(nil, nil, nil) }

func (v *view) showAccount(codes []string, f url.Values, wrong error) error {
	ctx := v.r.Context()
	page := accountPage{view: v, User: v.me, Codes: codes}
	if d := v.p.o.Devices; d != nil {
		var err error
		if page.Devices, _, err = d.DevicesPage(ctx, v.s, devices.Query{User: v.me.ID}, chatadmin.Page{Limit: maxOnPage}); err != nil {
			return err
		}
	}
	if t := v.p.o.TwoFactor; t != nil {
		e, err := t.Explain(ctx, v.s, v.me.ID, signin.Web, signin.Password)
		if err != nil {
			return err
		}
		page.Factor, page.Recovery = &e, e.Enrolled && e.Codes
		if page.Remembered, err = t.Trusted(ctx, v.s, v.me.ID); err != nil {
			return err
		}
	}
	if p := v.p.o.Preferences; p != nil {
		shown, err := p.Of(ctx, v.s, v.me.ID)
		if err != nil {
			return err
		}
		only := ownPreferences
		if !v.prefers() { // the rest of the product has no other preferences
			only = ownPreferences[:1]
		}
		page.Preferences = v.preferenceFields(&shown.Own, only)
		for i := range page.Preferences {
			page.Preferences[i].Heading = ""
			if f != nil {
				page.Preferences[i].Value = f.Get(page.Preferences[i].Name)
			}
		}
	}
	if v.p.o.Integrations != nil {
		var err error
		if page.Rows, err = v.connectionRows(v.me.ID, true); err != nil {
			return err
		}
	}
	var err error
	if page.Groups, page.More, err = v.groupsOf(v.me.ID); err != nil {
		return err
	}
	page.Problem = v.complain(page.Preferences, wrong)
	return v.renderStatus(formStatus(wrong), "account", &page)
}

func (v *view) saveOwnPreferences() error {
	v.back = "/account"
	f, err := v.form()
	if err != nil {
		return err
	}
	_, err = v.p.o.Preferences.Edit(v.r.Context(), v.s, v.me.ID, func(values *preferences.Values) {
		for _, key := range ownPreferences {
			if f.Has(key) {
				values.Set(key, f.Get(key))
			}
		}
	})
	if err != nil {
		return v.again(err, func() error { return v.showAccount(nil, f, err) })
	}
	return v.done(v.back, "browser.saved")
}

// makeRecoveryCodes shows new codes in its answer, since nobody can read them
// again.
func (v *view) makeRecoveryCodes() error {
	v.back = "/account"
	codes, err := v.p.o.TwoFactor.RecoveryCodes(v.r.Context(), v.s, v.me.ID)
	if err != nil {
		return err
	}
	v.p.o.Wake()
	return v.showAccount(codes, nil, nil)
}

// forgetClients ends what the reader's browsers and desktop clients are
// remembered by: those selected, or all.
func (v *view) forgetClients() error {
	v.back = "/account"
	f, err := v.form()
	if err != nil {
		return err
	}
	chosen := slices.DeleteFunc(f["client"], func(id string) bool { return id == "" })
	if f.Has("all") {
		err = v.p.o.TwoFactor.RevokeAllTrusted(v.r.Context(), v.s, v.me.ID)
	} else if len(chosen) > 0 {
		err = v.p.o.TwoFactor.RevokeTrusted(v.r.Context(), v.s, v.me.ID, chosen[:min(len(chosen), maxSelected)]...)
	}
	if err != nil {
		return err
	}
	return v.done(v.back, "account.forgotten")
}
