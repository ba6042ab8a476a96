package portal

import (
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/provisioning"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/devices"
	"chatadmin.example/sdk/twofa"
)

// maxOnPage is how many groups and devices the page of a user shows.
const maxOnPage = 100

// userPage is everything known of one user.
type userPage struct {
	*view
	User       chatadmin.User
	Badges     []badge
	RoleName   string
	Manager    *chatadmin.User
	Language   string
	Invitation chatadmin.Invitation
	Locked     signin.Lock
	SignIn     *signin.SignIn // the last one; nil if it is not shown
	Deletion   time.Time      // when a scheduled deletion begins
	Factor     *twofa.Explanation
	Remembered []twofa.Client
	Devices    []devices.Device
	Groups     []chatadmin.Group
	More       bool // groups
	Tools      []tool
	Editable   bool
	Radio      []count // of an ESChat domain
	Pending    bool    // and not activated yet
	Own        []count // fields that the domain has declared
	Panels     []panel
}

func (v *view) user() error {
	ctx := v.r.Context()
	v.back = "/users"
	u, err := v.s.User(ctx, chatadmin.ID(v.r.PathValue("id")))
	if err != nil {
		return err
	}
	role, _ := v.settings.Role(u.Role)
	page := userPage{view: v, User: u, RoleName: v.roleName(role), Tools: v.tools(), Editable: v.May(chatadmin.PermUsersEdit) || v.administers() != "" && v.administers() == u.Department}
	if a, err := chatadmin.AttributesOf(u); err == nil {
		page.Language = a.Language
	}
	if v.May(chatadmin.PermUsersRead) {
		if err := page.readOthers(); err != nil {
			return err
		}
	}
	if err := page.readParts(); err != nil {
		return err
	}
	page.Badges = v.badges(&u, page.Locked.Locked)
	if page.Groups, page.More, err = v.groupsOf(u.ID); err != nil {
		return err
	}
	if t := v.p.o.TwoFactor; t != nil && (v.May(chatadmin.PermTwoFactor) || u.ID == v.me.ID) {
		e, err := t.Explain(ctx, v.s, u.ID, signin.Web, signin.Password)
		if err != nil {
			return err
		}
		page.Factor = &e
		if page.Remembered, err = t.Trusted(ctx, v.s, u.ID); err != nil {
			return err
		}
	}
	if d := v.p.o.Devices; d != nil && (v.May(chatadmin.PermDevices) || u.ID == v.me.ID) {
		page.Devices, _, err = d.DevicesPage(ctx, v.s, devices.Query{User: u.ID}, chatadmin.Page{Limit: maxOnPage})
		if err != nil {
			return err
		}
	}
	page.Panels = v.panels(UserPage, &u, nil)
	return v.render("user", &page)
}

// readParts reads what other packages know of the user.
func (page *userPage) readParts() error {
	v, u := page.view, &page.User
	if v.radios() {
		p, _, err := provisioning.ProfileOf(u)
		if err != nil {
			return err
		}
		yes := func(is bool) string {
			if is {
				return v.T("form.yes")
			}
			return v.T("form.no")
		}
		method := v.T("radio.automatic")
		if p.Activation() == provisioning.Manual {
			method = v.T("radio.manual") + " (" + p.IMEI + ")"
		}
		page.Radio = []count{{v.T("radio.trusted"), yes(p.Trusted)}, {v.T("radio.activation"), method}, {v.T("radio.send_text"), yes(p.SendText)},
			{v.T("radio.priority"), v.words.Sprintf("%d", p.Priority)}, {v.T("radio.client"), v.clientName(p.ClientType())}, {v.T("radio.contacts"), yes(!p.ContactsOff)}}
		page.Pending = u.Status == chatadmin.Pending && page.Editable
	}
	if v.p.o.Fields != nil {
		declared, err := v.declaredFields(u)
		if err != nil {
			return err
		}
		for _, f := range declared {
			if f.Value != "" {
				page.Own = append(page.Own, count{f.Label, f.Value})
			}
		}
	}
	return nil
}

// readOthers reads what readers of the list of users may see.
func (page *userPage) readOthers() error {
	v, ctx := page.view, page.r.Context()
	managers, err := v.people(page.User.Manager)
	if err != nil {
		return err
	}
	if m, ok := managers[page.User.Manager]; ok {
		page.Manager = &m
	}
	if page.User.Status == chatadmin.Pending {
		i, err := v.s.Invitation(ctx, page.User.ID)
		if err != nil && chatadmin.HTTPStatus(err) != 404 {
			return err
		}
		page.Invitation = i
	}
	if v.p.o.Gate != nil {
		locks, err := v.p.o.Gate.Locks(ctx, v.s, page.User.ID)
		if err != nil {
			return err
		}
		page.Locked = locks[page.User.ID]
		last, _, err := v.p.o.Gate.SignInsPage(ctx, v.s, signin.SignInQuery{User: page.User.ID}, chatadmin.Page{Limit: 1})
		if err != nil {
			return err
		}
		if len(last) > 0 {
			page.SignIn = &last[0]
		}
	}
	if d := v.p.o.Deletions; d != nil && page.User.Status == chatadmin.Deactivated { // by the scheduling
		due, err := d.Scheduled(ctx, v.s, page.User.ID)
		if err != nil {
			return err
		}
		page.Deletion = due[page.User.ID]
	}
	return nil
}

// groupsOf are the first groups of a user, by a fixed number of calls.
func (v *view) groupsOf(user chatadmin.ID) ([]chatadmin.Group, bool, error) {
	var ids []chatadmin.ID
	more := false
	for m, err := range v.s.GroupsOf(v.r.Context(), user) {
		if err != nil {
			if user != v.me.ID && !v.May(chatadmin.PermUsersRead) {
				return nil, false, nil
			}
			return nil, false, err
		}
		if len(ids) == maxOnPage {
			more = true
			break
		}
		ids = append(ids, m.Group)
	}
	if len(ids) == 0 {
		return nil, false, nil
	}
	found, err := v.p.admin.Store().Groups(v.r.Context(), v.s.Domain(), ids)
	if err != nil {
		return nil, false, err
	}
	groups := found[:0]
	for _, g := range found {
		if !g.Deleting {
			groups = append(groups, g)
		}
	}
	return groups, more, nil
}

// State says how far the invitation of a pending user has come.
func (page *userPage) State() string {
	switch i := page.Invitation; {
	case i.State == "":
		return page.T("invitation.none")
	case i.State == chatadmin.InvitationSent && i.Expires.Before(page.p.admin.Now()):
		return page.T("invitation.expired")
	default:
		return page.T("invitation." + string(i.State))
	}
}

// FactorState says in a sentence what the user is asked for in a browser.
func (v *view) FactorState(e *twofa.Explanation) string {
	switch {
	case e.Rule == twofa.RuleOff:
		return v.T("factor.off")
	case e.CannotPass != nil:
		return v.T("factor.cannot")
	case e.Kind == twofa.Email:
		return v.T("factor.email")
	case e.Kind == twofa.Authenticator && e.Enrolled:
		return v.T("factor.enrolled")
	case e.Kind == twofa.Authenticator:
		return v.T("factor.to_enrol")
	}
	return v.T("factor.none")
}

// Created is when the user was created; nil if it is not known.
func (page *userPage) Created() *time.Time {
	if page.User.Created.IsZero() {
		return nil
	}
	return &page.User.Created
}
