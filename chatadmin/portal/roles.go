package portal

import (
	"maps"
	"net/url"
	"slices"
	"strconv"

	"chatadmin.example/sdk/chatadmin"
)

func (p *Portal) roleRoutes() []route {
	const need = chatadmin.PermRoles
	return []route{
		{pattern: "GET /roles", need: need, serve: (*view).roles},
		{pattern: "GET /roles/new", need: need, serve: func(v *view) error { return v.showRole(chatadmin.Role{}, true, nil) }},
		{pattern: "GET /roles/edit", need: need, serve: (*view).editRole},
		{pattern: "POST /roles/save", need: need, serve: (*view).saveRole},
		{pattern: "POST /roles/delete", need: need, serve: (*view).deleteRole},
	}
}

// rolesPage is the list of roles.
type rolesPage struct {
	*view
	Rows []roleRow
}

type roleRow struct {
	Role    chatadmin.Role
	Name    string
	BuiltIn bool
	Count   string // of permissions
}

func builtIn(id string) bool { return id == chatadmin.RoleAdmin || id == chatadmin.RoleMember }

func (v *view) roles() error {
	page := rolesPage{view: v}
	for _, r := range slices.Backward(v.settings.AllRoles()) {
		page.Rows = append(page.Rows, roleRow{r, v.roleName(r), builtIn(r.ID), v.T("roles.permissions_n", len(r.Permissions))})
	}
	return v.render("roles", page)
}

// rolePage is the form of a custom role, or the page of a built-in one.
type rolePage struct {
	*view
	Role        chatadmin.Role
	Name        string
	New         bool
	BuiltIn     bool
	Permissions []permissionRow
	Problem     string
}

type permissionRow struct {
	Permission chatadmin.Permission
	Name       string
	Has        bool // the role has it
	Mine       bool // the reader has it, and so may grant it
}

// Was is what the form showed.
func (p rolePage) Was() string {
	showed := url.Values{"level": {strconv.Itoa(p.Role.Level)}}
	for _, row := range p.Permissions {
		if row.Has && row.Mine {
			showed.Add("permission", string(row.Permission))
		}
	}
	return p.was(showed)
}

func (v *view) editRole() error {
	v.back = "/roles"
	r, ok := v.settings.Role(v.query("id"))
	if !ok {
		return errNoPage
	}
	return v.showRole(r, false, nil)
}

func (v *view) showRole(r chatadmin.Role, isNew bool, err error) error {
	page := rolePage{view: v, Role: r, Name: v.roleName(r), New: isNew, BuiltIn: builtIn(r.ID)}
	if isNew {
		page.Name = v.T("roles.new")
	}
	for _, p := range chatadmin.Permissions() {
		page.Permissions = append(page.Permissions, permissionRow{p, v.permission(p), r.May(p), v.May(p)})
	}
	page.Problem = v.complain(nil, err)
	return v.renderStatus(formStatus(err), "role", page)
}

// permission is a permission in words.
func (v *view) permission(p chatadmin.Permission) string {
	if key := "permission." + string(p); v.Has(key) {
		return v.T(key)
	}
	return string(p)
}

func roleOf(f url.Values) chatadmin.Role {
	r := chatadmin.Role{ID: f.Get("id"), Name: f.Get("name")}
	var err error
	if r.Level, err = strconv.Atoi(f.Get("level")); err != nil {
		r.Level = -1 // refused
	}
	for _, p := range f["permission"] {
		r.Permissions = append(r.Permissions, chatadmin.Permission(p))
	}
	return r
}

func (v *view) saveRole() error {
	v.back = "/roles"
	f, err := v.form()
	if err != nil {
		return err
	}
	r := roleOf(f)
	var saved chatadmin.Role
	if r.ID == "" {
		saved, err = v.s.CreateRole(v.r.Context(), r)
	} else {
		var e chatadmin.RoleEdit
		if !left(f, "level") {
			e.Level = &r.Level
		}
		if !left(f, "permission") {
			e.Permissions = &r.Permissions
		}
		saved, err = v.s.EditRole(v.r.Context(), r.ID, e)
	}
	if err != nil {
		return v.again(err, func() error { return v.showRole(r, f.Get("id") == "", err) })
	}
	return v.done("/roles", "roles.saved", saved.Name)
}

func (v *view) deleteRole() error {
	v.back = "/roles"
	f, err := v.form()
	if err != nil {
		return err
	}
	if err := v.s.DeleteRole(v.r.Context(), f.Get("id")); err != nil {
		return err
	}
	return v.done("/roles", "roles.deleted")
}

// sorted are the keys of a map in order.
func sorted[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
