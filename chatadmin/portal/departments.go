package portal

import (
	"encoding/json"
	"fmt"
	"net/url"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/provisioning"
)

func (p *Portal) departmentRoutes() []route {
	if p.o.Provisioning == nil {
		return nil
	}
	const need = chatadmin.PermUsersEdit
	return []route{
		{pattern: "GET /departments", need: chatadmin.PermUsersRead, serve: (*view).departments},
		{pattern: "POST /departments", need: need, serve: (*view).createDepartment},
		{pattern: "POST /departments/settings", need: chatadmin.PermDomain, serve: (*view).saveRadioPolicy},
		{pattern: "GET /departments/{id}", need: chatadmin.PermUsersRead, serve: (*view).department},
		{pattern: "POST /departments/{id}/rename", need: need, serve: (*view).renameDepartment},
		{pattern: "GET /departments/{id}/empty", need: need, serve: (*view).reviewEmpty},
		{pattern: "POST /departments/{id}/empty", need: need, serve: (*view).emptyDepartment},
		{pattern: "POST /departments/{id}/delete", need: need, serve: (*view).deleteDepartment},
		{pattern: "POST /departments/{id}/admin", need: chatadmin.PermRoles, serve: (*view).setDepartmentAdmin},
		{pattern: "GET /users/{id}/contacts", serve: (*view).contacts},
		{pattern: "POST /users/{id}/activation", need: need, serve: (*view).resendActivation},
	}
}

// radios reports whether the domain has radios, with departments and contacts.
func (v *view) radios() bool {
	return v.p.o.Provisioning != nil && v.settings.Preset == chatadmin.ESChat
}

// departmentsPage is the list of departments, with what the company has
// decided.
type departmentsPage struct {
	*view
	paging
	Rows    []provisioning.Department
	Name    field
	Policy  []field
	Problem string
	Edits   bool
	Decides bool
}

func (v *view) departments() error { return v.showDepartments(nil, nil) }

func (v *view) showDepartments(f url.Values, wrong error) error {
	if !v.radios() {
		return errNoPage
	}
	rows, next, err := v.p.o.Provisioning.DepartmentsPage(v.r.Context(), v.s, v.page(pageSize))
	if err != nil {
		return err
	}
	page := departmentsPage{view: v, paging: v.paging(next), Rows: rows, Edits: v.May(chatadmin.PermUsersEdit), Decides: v.May(chatadmin.PermDomain)}
	fields := []field{{Name: "name", Label: v.T("departments.name"), Type: "text", Value: f.Get("name"), Required: true, Max: 250, Autocomplete: "off"}}
	page.Problem = v.complain(fields, wrong)
	page.Name = fields[0]
	policy, err := v.p.o.Provisioning.Policy(v.r.Context(), v.s)
	if err != nil {
		return err
	}
	page.Policy = []field{
		{Name: "texts", Label: v.T("departments.texts"), Type: "checkbox", Value: tick(policy.AcceptTexts), Help: v.T("departments.texts_help")},
		{Name: "luhn", Label: v.T("departments.luhn"), Type: "checkbox", Value: tick(policy.LuhnIMEI)},
	}
	return v.renderStatus(formStatus(wrong), "departments", &page)
}

// tick is the value of a checkbox.
func tick(on bool) string {
	if on {
		return "1"
	}
	return ""
}

func (v *view) createDepartment() error {
	v.back = "/departments"
	f, err := v.form()
	if err != nil {
		return err
	}
	d, err := v.p.o.Provisioning.CreateDepartment(v.r.Context(), v.s, f.Get("name"))
	if err != nil {
		return v.again(err, func() error { return v.showDepartments(f, err) })
	}
	return v.done(v.back, "departments.created", d.Name)
}

func (v *view) saveRadioPolicy() error {
	v.back = "/departments"
	f, err := v.form()
	if err != nil {
		return err
	}
	policy := provisioning.Policy{AcceptTexts: f.Get("texts") != "", LuhnIMEI: f.Get("luhn") != ""}
	if err := v.p.o.Provisioning.SetPolicy(v.r.Context(), v.s, policy); err != nil {
		return err
	}
	return v.done(v.back, "browser.saved")
}

// departmentPage is one department with its members.
type departmentPage struct {
	*view
	paging
	Department provisioning.Department
	Members    []departmentMember
	Others     field // where members can be moved to
	Edits      bool
	Grants     bool // makes admins of departments
}

type departmentMember struct {
	User     chatadmin.User
	Priority int
	Admin    bool
	Badges   []badge
}

func (v *view) onDepartment() (provisioning.Department, url.Values, error) {
	id := chatadmin.ID(v.r.PathValue("id"))
	v.back = "/departments"
	d, err := v.p.o.Provisioning.Department(v.r.Context(), v.s, id)
	if err != nil {
		return d, nil, err
	}
	v.back = "/departments/" + url.PathEscape(string(id))
	f, err := v.form()
	v.backTo(v.back, f)
	return d, f, err
}

func (v *view) department() error {
	d, _, err := v.onDepartment()
	if err != nil {
		return err
	}
	us, next, err := v.s.UsersPage(v.r.Context(), chatadmin.UserQuery{Department: d.Name}, v.page(pageSize))
	if err != nil {
		return err
	}
	page := departmentPage{view: v, paging: v.paging(next), Department: d, Edits: v.May(chatadmin.PermUsersEdit), Grants: v.May(chatadmin.PermRoles)}
	for i := range us {
		p, _, err := provisioning.ProfileOf(&us[i])
		if err != nil {
			p = provisioning.Profile{} // the page of the user says so
		}
		page.Members = append(page.Members, departmentMember{us[i], p.Priority, p.Administers == d.ID, v.badges(&us[i], false)})
	}
	page.Others = field{Name: "to", Label: v.T("departments.move_to")}
	if page.Others.Options, err = v.departmentOptions(v.T("departments.none_at_all"), d.ID); err != nil {
		return err
	}
	return v.render("department", &page)
}

// administers is the department whose admin the reader is, or "".
func (v *view) administers() string {
	if !v.radios() {
		return ""
	}
	p, _, err := provisioning.ProfileOf(&v.me)
	if err != nil || p.Administers == "" {
		return ""
	}
	return v.me.Department
}

// departmentOptions are the departments to choose from, by their IDs, up to
// chatadmin.MaxBatch.
func (v *view) departmentOptions(none string, but chatadmin.ID) ([]option, error) {
	options := []option{{"", none}}
	if own := v.administers(); own != "" && !v.May(chatadmin.PermUsersRead) {
		return append(options, option{own, own}), nil
	}
	all, _, err := v.p.o.Provisioning.DepartmentsPage(v.r.Context(), v.s, chatadmin.Page{Limit: chatadmin.MaxBatch})
	for _, d := range all {
		if d.ID != but && !d.Closed {
			options = append(options, option{string(d.ID), d.Name})
		}
	}
	return options, err
}

func (v *view) renameDepartment() error {
	d, f, err := v.onDepartment()
	if err != nil {
		return err
	}
	// Members follow in a run, which the worker continues.
	run, err := v.p.o.Provisioning.RenameDepartment(v.r.Context(), v.s.Detached(), d.ID, f.Get("name"), nil)
	if err != nil {
		return err
	}
	v.p.o.Wake()
	return v.done("/runs/"+string(run.ID), "departments.renames", f.Get("name"))
}

// emptyReview is the plan of moving all members of a department.
type emptyReview struct {
	*view
	Plan *provisioning.EmptyPlan
	JSON string
}

func (v *view) reviewEmpty() error {
	d, _, err := v.onDepartment()
	if err != nil {
		return err
	}
	plan, err := v.p.o.Provisioning.PlanEmpty(v.r.Context(), v.s, d.ID, chatadmin.ID(v.query("to")))
	if err != nil {
		return err
	}
	data, err := json.Marshal(plan)
	if err != nil {
		return err
	}
	return v.render("departmentempty", emptyReview{v, plan, string(data)})
}

func (v *view) emptyDepartment() error {
	d, f, err := v.onDepartment()
	if err != nil {
		return err
	}
	var plan provisioning.EmptyPlan
	if err := json.Unmarshal([]byte(f.Get("plan")), &plan); err != nil || plan.Department.ID != d.ID {
		return fmt.Errorf("the plan is not about this department: %w", chatadmin.ErrInvalid)
	}
	run, err := v.p.o.Provisioning.ApplyEmpty(v.r.Context(), v.s.Detached(), &plan, nil)
	if err != nil {
		return err
	}
	v.p.o.Wake()
	return v.done("/runs/"+string(run.ID), "departments.empties", d.Name)
}

func (v *view) deleteDepartment() error {
	d, _, err := v.onDepartment()
	if err != nil {
		return err
	}
	if err := v.p.o.Provisioning.DeleteDepartment(v.r.Context(), v.s, d.ID); err != nil {
		return err
	}
	return v.done("/departments", "departments.deleted", d.Name)
}

// setDepartmentAdmin makes a member of a department its admin, or takes that
// away.
func (v *view) setDepartmentAdmin() error {
	_, f, err := v.onDepartment()
	if err != nil {
		return err
	}
	if err := v.p.o.Provisioning.SetDepartmentAdmin(v.r.Context(), v.s, chatadmin.ID(f.Get("user")), f.Get("admin") != ""); err != nil {
		return err
	}
	return v.done(v.back, "departments.admin_set")
}

// contactsPage is the list of contacts of a user's radio.
type contactsPage struct {
	*view
	paging
	User chatadmin.User
	Rows []provisioning.Contact
}

func (v *view) contacts() error {
	v.back = "/users"
	u, err := v.s.User(v.r.Context(), chatadmin.ID(v.r.PathValue("id")))
	if err != nil {
		return err
	}
	rows, next, err := v.p.o.Provisioning.ContactsPage(v.r.Context(), v.s, u.ID, v.page(pageSize))
	if err != nil {
		return err
	}
	return v.render("contacts", contactsPage{v, v.paging(next), u, rows})
}

func (v *view) resendActivation() error {
	id := chatadmin.ID(v.r.PathValue("id"))
	v.back = "/users/" + url.PathEscape(string(id))
	if err := v.p.o.Provisioning.ResendActivation(v.r.Context(), v.s, id); err != nil {
		return err
	}
	v.p.o.Wake()
	return v.done(v.back, "tools.done_resend", 1)
}
