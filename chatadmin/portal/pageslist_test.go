package portal_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/portal"
)

// without takes one option away, with those that need it.
var without = map[string]func(*portal.Options){
	"Imports":      func(o *portal.Options) { o.Imports = nil },
	"Deletions":    func(o *portal.Options) { o.Deletions = nil },
	"TwoFactor":    func(o *portal.Options) { o.TwoFactor = nil },
	"Devices":      func(o *portal.Options) { o.Devices = nil },
	"Gate":         func(o *portal.Options) { o.Gate, o.SignIn = nil, nil },
	"Integrations": func(o *portal.Options) { o.Integrations = nil },
	"Provisioning": func(o *portal.Options) { o.Provisioning = nil },
	"Preferences":  func(o *portal.Options) { o.Preferences = nil },
	"Fields":       func(o *portal.Options) { o.Fields = nil },
	"Support":      func(o *portal.Options) { o.Support = nil },
	"Retention":    func(o *portal.Options) { o.Retention = nil },
	"Agreements":   func(o *portal.Options) { o.Agreements = nil },
	"Closings":     func(o *portal.Options) { o.Closings = nil },
	"SetPassword":  func(o *portal.Options) { o.SetPassword = nil },
	"SignIn":       func(o *portal.Options) { o.SignIn = nil },
}

// given are the options by which each page is there.
func (w *world) given() map[string][]string {
	w.T.Helper()
	all := portal.Routes(w.portal)
	by := map[string][]string{}
	for _, r := range all {
		by[r.Pattern] = nil
	}
	for name, take := range without {
		o := w.options
		take(&o)
		p, err := portal.New(w.Admin, &o)
		require.NoError(w.T, err, name)
		rest := portal.Routes(p)
		for _, r := range all {
			if !slices.ContainsFunc(rest, func(is portal.Route) bool { return is.Pattern == r.Pattern }) {
				by[r.Pattern] = append(by[r.Pattern], name)
			}
		}
	}
	for _, names := range by {
		slices.Sort(names)
	}
	return by
}

// docs/pages.md names each page of the portal once, with the Option and the
// permission that give it.
func TestPagesAreListed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	text, err := os.ReadFile("docs/pages.md")
	require.NoError(t, err)
	listed := map[string][2]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([^|]+) \\| ([^|]*) \\| ([^|]*) \\|$").FindAllStringSubmatch(string(text), -1) {
		require.NotContains(t, listed, m[1], "twice")
		require.NotEmpty(t, strings.TrimSpace(m[2]), m[1])
		listed[m[1]] = [2]string{strings.TrimSpace(m[3]), strings.TrimSpace(m[4])}
	}
	given := w.given()
	for _, r := range portal.Routes(w.portal) {
		path, is := strings.CutPrefix(r.Pattern, "GET ")
		if !is {
			continue
		}
		path = strings.ReplaceAll(path, "{$}", "")
		row, ok := listed[path]
		require.True(t, ok, "docs/pages.md lacks %s", path)
		delete(listed, path)
		need := r.Need
		if need == "" {
			need = needs[r.Pattern]
		}
		who := "`" + string(need) + "`"
		switch {
		case r.Staff:
			who = "staff"
		case r.Open:
			who = "anybody"
		case need == "":
			who = "everybody"
		case r.Need == "":
			who += " or own"
		}
		option := ""
		if names := given[r.Pattern]; len(names) > 0 {
			option = "`" + strings.Join(names, "`, `") + "`"
		}
		require.Equal(t, [2]string{option, who}, row, path)
	}
	require.Empty(t, listed, "docs/pages.md names pages that are none")
}
