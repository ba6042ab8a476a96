package portal

import "chatadmin.example/sdk/chatadmin"

// menuEntry is an entry of the menu on the left-hand side.
type menuEntry struct {
	Name  string
	URL   string // "" is the heading of those below
	Here  bool   // it leads to this page
	Below []menuEntry
}

// Menu is what the reader may open, in the order of the help pages.
func (v *view) Menu() []menuEntry {
	o := &v.p.o
	entry := func(key, at string, below ...menuEntry) menuEntry {
		e := menuEntry{Name: v.T(key), Below: below}
		if at != "" {
			e.URL, e.Here = o.Path+at, v.At(at)
		}
		return e
	}
	var menu, security []menuEntry
	if v.May(chatadmin.PermUsersRead) {
		users := entry("users.title", "/users")
		users.Here = users.Here || v.At("/imports")
		menu = append(menu, users, entry("groups.title", "/groups"))
	} else if v.administers() != "" {
		menu = append(menu, entry("users.title", "/users/invite"))
	}
	if o.Devices != nil && v.May(chatadmin.PermDevices) {
		security = append(security, entry("devices.title", "/security/devices"))
	}
	if o.TwoFactor != nil && v.May(chatadmin.PermTwoFactor) {
		security = append(security, entry("browser.title", "/security/browser"))
	}
	if len(security) > 0 {
		menu = append(menu, entry("security.title", "", security...))
	}
	if v.radios() && v.May(chatadmin.PermUsersRead) {
		menu = append(menu, entry("departments.title", "/departments"))
	}
	if o.Integrations != nil && v.May(chatadmin.PermServices) {
		menu = append(menu, entry("integrations.title", "", entry("services.title", "/integrations")))
	}
	if v.prefers() && v.May(chatadmin.PermDomain) {
		menu = append(menu, entry("preferences.title", "/preferences"))
	}
	if o.Fields != nil && v.May(chatadmin.PermDomain) {
		menu = append(menu, entry("fields.title", "/fields"))
	}
	var compliance []menuEntry
	if o.Agreements != nil && v.May(chatadmin.PermDomain) {
		compliance = append(compliance, entry("baa.title", "/compliance/baa"))
	}
	if v.May(chatadmin.PermHolds) {
		if o.Retention != nil {
			compliance = append(compliance, entry("retention.title", "/compliance/retention"))
		}
		compliance = append(compliance, entry("holds.title", "/compliance/holds"))
	}
	if len(compliance) > 0 {
		menu = append(menu, entry("compliance.title", "", compliance...))
	}
	if o.Support != nil && v.May(chatadmin.PermSupport) {
		menu = append(menu, entry("support.title", "", entry("support.reports", "/support/reports"), entry("support.levels", "/support/levels")))
	}
	if v.May(chatadmin.PermRoles) {
		menu = append(menu, entry("roles.title", "/roles"))
	}
	if v.runsOthers() {
		menu = append(menu, entry("runs.title", "/runs"))
	}
	if v.May(chatadmin.PermAudit) {
		menu = append(menu, entry("audit.title", "/audit"))
	}
	for _, link := range o.Menu {
		menu = append(menu, menuEntry{Name: link.Name, URL: link.URL})
	}
	return menu
}

// runsOthers reports whether the reader may begin or see long operations.
func (v *view) runsOthers() bool {
	for _, need := range []chatadmin.Permission{chatadmin.PermUsersImport, chatadmin.PermUsersDelete, chatadmin.PermDevices,
		chatadmin.PermDefault, chatadmin.PermGroups, chatadmin.PermHolds, chatadmin.PermAudit} {
		if v.May(need) {
			return true
		}
	}
	return false
}
