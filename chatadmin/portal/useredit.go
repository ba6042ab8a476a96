package portal

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/provisioning"
)

// userForm is the form that creates or edits a user.
type userForm struct {
	*view
	User    *chatadmin.User // nil to create one
	Problem string
	Fields  []field
	Imports bool
}

// Was is what the form showed.
func (f *userForm) Was() string { return f.was(showed(f.Fields)) }

// personFields are the fields of a user, as the login rules of the domain want
// them.
func (v *view) personFields(u *chatadmin.User, f url.Values) []field {
	rules := v.settings.Login
	value := func(name, was string) string {
		if f != nil {
			return f.Get(name)
		}
		return was
	}
	if u == nil {
		u = &chatadmin.User{Kind: chatadmin.Network}
	}
	login := field{Name: "login", Label: v.Product("user.login"), Value: value("login", u.Login), Required: true, Max: 254, Autocomplete: "off"}
	if rules.IsEmail {
		login.Label, login.Type = v.T("user.login_email"), "email"
	}
	var out []field
	if !(rules.Immutable && u.ID != "") {
		if rules.Immutable {
			login.Help = v.T("user.login_immutable")
		}
		out = append(out, login)
	}
	if !rules.IsEmail {
		out = append(out, field{Name: "email", Label: v.Product("user.email"), Type: "email", Value: value("email", u.Email), Required: rules.EmailRequired, Max: 254, Autocomplete: "off"})
	}
	given := u.DisplayName
	if u.ID != "" && given == chatadmin.DerivedName(u) {
		given = ""
	}
	out = append(out,
		field{Name: "first_name", Label: v.T("user.first_name"), Value: value("first_name", u.FirstName), Required: rules.MinFirstName > 0, Max: 250, Autocomplete: "off"},
		field{Name: "last_name", Label: v.T("user.last_name"), Value: value("last_name", u.LastName), Required: rules.MinLastName > 0, Max: 250, Autocomplete: "off"},
		field{Name: "display_name", Label: v.T("user.name"), Help: v.T("user.name_help"), Value: value("display_name", given), Max: 250, Autocomplete: "off"},
		field{Name: "title", Label: v.T("user.title"), Value: value("title", u.Title), Max: 250, Autocomplete: "off"},
		field{Name: "department", Label: v.T("user.department"), Value: value("department", u.Department), Max: 250, Autocomplete: "off"},
		field{Name: "phone", Label: v.Product("user.phone"), Type: "tel", Value: value("phone", u.Phone), Max: 64, Autocomplete: "off"})
	if v.administers() != "" && !v.May(chatadmin.PermUsersCreate) && !v.May(chatadmin.PermUsersEdit) {
		return out // the kind is not for admins of departments to choose
	}
	return append(out, field{Name: "kind", Label: v.T("user.kind"), Value: value("kind", u.Kind.String()), Options: []option{{"network", v.T("kind.network")}, {"guest", v.T("kind.guest")}}})
}

// managerField asks for a manager by login.
func (v *view) managerField(login string) field {
	return field{Name: "manager", Label: v.T("user.manager"), Help: v.T("user.manager_help"), Value: login, Max: 254, Autocomplete: "off"}
}

// manager finds the manager whose login a form gives.
func (v *view) manager(login string) (chatadmin.ID, error) {
	if login == "" {
		return "", nil
	}
	u, err := v.s.UserByLogin(v.r.Context(), login)
	if errors.Is(err, chatadmin.ErrNotFound) {
		return "", &chatadmin.FieldError{Field: "manager", Value: chatadmin.Cut(login), Code: chatadmin.CodeBadManager, Reason: "nobody has this login"}
	}
	return u.ID, err
}

// AddHeading is the heading of the pages that add users.
func (v *view) AddHeading() string {
	if own := "users.heading_" + string(v.settings.Preset); v.Has(own) {
		return v.T(own)
	}
	return v.T("users.invite")
}

// fills returns an error unless the reader may fill in the form of users: by a
// permission, or as the admin of a department. Which users those may have in
// it, the library decides.
func (v *view) fills(need chatadmin.Permission) error {
	if v.May(need) || v.administers() != "" {
		return nil
	}
	return fmt.Errorf("this page needs the permission %q: %w", need, chatadmin.ErrForbidden)
}

func (v *view) newUser() error {
	if err := v.fills(chatadmin.PermUsersCreate); err != nil {
		return err
	}
	return v.showNewUser(nil, nil)
}

func (v *view) showNewUser(f url.Values, err error) error {
	fields, problem := v.allFields(nil, f, f.Get("manager"))
	if problem != nil {
		return problem
	}
	value := func(name, unset string) string {
		if f == nil {
			return unset
		}
		return f.Get(name)
	}
	if v.May(chatadmin.PermRoles) {
		fields = append(fields, field{Name: "role", Heading: v.T("user.rights"), Label: v.T("user.role"), Value: value("role", chatadmin.RoleMember), Options: v.roleOptions()})
	}
	invite := field{Name: "invite", Label: v.T("user.send_invitation"), Type: "checkbox", Value: value("invite", "1")}
	if v.prefers() {
		invite.Label = v.T("user.send_login")
	}
	return v.showUserForm(&userForm{view: v, Fields: append(fields, invite), Imports: v.p.o.Imports != nil && v.May(chatadmin.PermUsersImport)}, err)
}

// allFields are those of a user, and what other packages add.
func (v *view) allFields(u *chatadmin.User, f url.Values, manager string) ([]field, error) {
	fields := append(v.personFields(u, f), v.managerField(manager))
	if v.radios() {
		departments, err := v.departmentOptions(v.T("form.choose"), "")
		if err != nil {
			return nil, err
		}
		for i := range departments[1:] { // users have them by name
			departments[i+1].Value = departments[i+1].Name
		}
		for i := range fields {
			if fields[i].Name == "department" && len(departments) < chatadmin.MaxBatch {
				fields[i].Options = departments
			}
		}
	}
	if v.prefers() {
		fields[0].Heading = v.T("user.information")
	}
	more, err := v.partFields(u, f)
	return append(fields, more...), err
}

// showUserForm shows the form with what is wrong in it.
func (v *view) showUserForm(form *userForm, err error) error {
	for i := range form.Fields {
		if form.Fields[i].Type == "" {
			form.Fields[i].Type = "text"
		}
	}
	form.Problem = v.complain(form.Fields, err)
	return v.renderStatus(formStatus(err), "useredit", form)
}

// formStatus is the status of a form that is shown again for an error.
func formStatus(err error) int {
	if err == nil {
		return http.StatusOK
	}
	return chatadmin.HTTPStatus(err)
}

func (v *view) createUser() error {
	v.back = "/users/invite"
	if err := v.fills(chatadmin.PermUsersCreate); err != nil {
		return err
	}
	f, err := v.form()
	if err != nil {
		return err
	}
	n := chatadmin.NewUser{Login: f.Get("login"), Email: f.Get("email"), DisplayName: f.Get("display_name"), FirstName: f.Get("first_name"),
		LastName: f.Get("last_name"), Title: f.Get("title"), Department: f.Get("department"), Phone: f.Get("phone"), Role: f.Get("role"),
		Kind: kinds[f.Get("kind")], NoInvitation: f.Get("invite") == ""}
	n.Parts = v.parts(f)
	var u chatadmin.User
	if n.Manager, err = v.manager(f.Get("manager")); err == nil {
		u, err = v.createBy(n, f)
	}
	if err != nil {
		return v.again(err, func() error { return v.showNewUser(f, err) })
	}
	v.p.o.Wake()
	key := "user.created_invited"
	if n.NoInvitation {
		key = "user.created_only"
	}
	to := "/users/" + string(u.ID)
	if !v.May(chatadmin.PermUsersRead) {
		to = v.back
	}
	return v.done(to, key, u.DisplayName)
}

// createBy creates a user by the form of the domain.
func (v *view) createBy(n chatadmin.NewUser, f url.Values) (chatadmin.User, error) {
	if !v.radios() {
		return v.s.CreateUser(v.r.Context(), n)
	}
	radio, err := radioOf(f)
	if err != nil {
		return chatadmin.User{}, err
	}
	return v.p.o.Provisioning.CreateUser(v.r.Context(), v.s, provisioning.NewUser{NewUser: n, Fields: radio})
}

// editBy changes a user by the form of the domain.
func (v *view) editBy(id chatadmin.ID, e chatadmin.UserEdit, f url.Values) (chatadmin.User, error) {
	if !v.radios() {
		return v.s.EditUser(v.r.Context(), id, e)
	}
	radio, err := radioOf(f)
	if err != nil {
		return chatadmin.User{}, err
	}
	return v.p.o.Provisioning.EditUser(v.r.Context(), v.s, id, provisioning.UserEdit{UserEdit: e, Fields: radio})
}

// again shows a form again with what is wrong in it. Errors that are not about
// the input have a page of their own.
func (v *view) again(err error, show func() error) error {
	if errors.Is(err, chatadmin.ErrInvalid) || errors.Is(err, chatadmin.ErrExists) || errors.Is(err, chatadmin.ErrState) {
		return show()
	}
	return err
}

func (v *view) editUser() error {
	if err := v.fills(chatadmin.PermUsersEdit); err != nil {
		return err
	}
	u, err := v.s.User(v.r.Context(), chatadmin.ID(v.r.PathValue("id")))
	if err != nil {
		return err
	}
	return v.showEditUser(&u, nil, nil)
}

func (v *view) showEditUser(u *chatadmin.User, f url.Values, err error) error {
	manager := f.Get("manager")
	if f == nil {
		managers, err := v.people(u.Manager)
		if err != nil {
			return err
		}
		manager = managers[u.Manager].Login
	}
	fields, problem := v.allFields(u, f, manager)
	if problem != nil {
		return problem
	}
	return v.showUserForm(&userForm{view: v, User: u, Fields: fields}, err)
}

func (v *view) saveUser() error {
	id := chatadmin.ID(v.r.PathValue("id"))
	v.back = "/users"
	if err := v.fills(chatadmin.PermUsersEdit); err != nil {
		return err
	}
	u, err := v.s.User(v.r.Context(), id)
	if err != nil {
		return err
	}
	f, err := v.form()
	if err != nil {
		return err
	}
	to := changed(f)
	given := func(name string) *string {
		if !to.Has(name) {
			return nil
		}
		s := to.Get(name)
		return &s
	}
	edit := chatadmin.UserEdit{Login: given("login"), Email: given("email"), DisplayName: given("display_name"), FirstName: given("first_name"),
		LastName: given("last_name"), Title: given("title"), Department: given("department"), Phone: given("phone")}
	if kind, ok := kinds[to.Get("kind")]; ok {
		edit.Kind = &kind
	}
	if to.Has("manager") {
		m, managerErr := v.manager(to.Get("manager"))
		edit.Manager, err = &m, managerErr
	}
	edit.Parts = v.parts(to)
	was := u
	if err == nil {
		u, err = v.editBy(id, edit, to)
	}
	if err != nil {
		return v.again(err, func() error { return v.showEditUser(&was, f, err) })
	}
	v.p.o.Wake()
	return v.done("/users/"+string(id), "user.saved", u.DisplayName)
}

// Immutable reports whether the login of a user cannot be changed.
func (f *userForm) Immutable() bool { return f.settings.Login.Immutable }
