package portal

import (
	"context"
	"net/http"
	"slices"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/csvimport"
)

func (p *Portal) userRoutes() []route {
	return []route{
		{pattern: "GET /users", need: chatadmin.PermUsersRead, serve: (*view).users},
		{pattern: "GET /users/download", need: chatadmin.PermUsersRead, serve: (*view).download},
		{pattern: "GET /users/invite", serve: (*view).newUser},
		{pattern: "POST /users/invite", serve: (*view).createUser},
		{pattern: "GET /users/invitations", need: chatadmin.PermUsersRead, serve: (*view).invitations},
		{pattern: "POST /users/invitations", need: chatadmin.PermUsersEdit, serve: (*view).inviteUsers},
		{pattern: "POST /users/invitations/revoke", need: chatadmin.PermUsersEdit, serve: (*view).revokeInvitations},
		{pattern: "GET /users/{id}", serve: (*view).user},
		{pattern: "GET /users/{id}/edit", serve: (*view).editUser},
		{pattern: "POST /users/{id}/edit", serve: (*view).saveUser},
	}
}

// usersPageData is the list of users.
type usersPageData struct {
	*view
	paging
	Rows    []userRow
	Filters []field // beside the search
	Search  string
	Tools   []tool
	Invites bool // there is something to invite with
	SignIns bool // sign-ins are known
	Locked  bool // only users who are locked, in an order of their own
}

// userRow is one user of the list.
type userRow struct {
	User   chatadmin.User
	Role   string
	Badges []badge
}

func (v *view) users() error {
	q := chatadmin.UserQuery{Search: v.query("q"), ByName: v.query("sort") == "name", Newest: v.query("sort") == "newest", Role: v.query("role")}
	switch status := v.query("status"); status {
	case "":
	case "denied":
		q.DeniedOnly = true
	default:
		q.Statuses = []chatadmin.Status{statuses[status]}
	}
	if kind := v.query("kind"); kind != "" {
		q.Kinds = []chatadmin.Kind{kinds[kind]}
	}
	list, gate := v.s.UsersPage, v.p.o.Gate
	if gate != nil && v.query("status") == "locked" {
		list = v.lockedUsers
	}
	us, next, err := list(v.r.Context(), q, v.page(pageSize))
	if err != nil {
		return err
	}
	data := usersPageData{view: v, paging: v.paging(next), Search: v.query("q"), Tools: v.tools(),
		Invites: v.fills(chatadmin.PermUsersCreate) == nil, SignIns: gate != nil, Locked: gate != nil && v.query("status") == "locked"}
	if data.Rows, err = v.userRows(us); err != nil {
		return err
	}
	status := []option{{"", v.T("list.all")}, {"pending", v.T("status.pending")}, {"active", v.T("status.active")},
		{"deactivated", v.T("status.deactivated")}, {"denied", v.T("users.denied")}}
	if gate != nil {
		status = append(status, option{"locked", v.T("users.locked")})
	}
	data.Filters = []field{
		{Name: "sort", Label: v.T("users.sort"), Value: v.query("sort"), Options: []option{{"", v.T("user.login")}, {"name", v.T("user.name")},
			{"newest", v.T("users.newest")}}},
		{Name: "status", Label: v.T("users.status"), Value: v.query("status"), Options: status},
		{Name: "kind", Label: v.T("user.kind"), Value: v.query("kind"), Options: []option{{"", v.T("list.all")},
			{"network", v.T("kind.network")}, {"guest", v.T("kind.guest")}}},
		{Name: "role", Label: v.T("user.role"), Value: v.query("role"), Options: append([]option{{"", v.T("list.all")}}, v.roleOptions()...)},
	}
	return v.render("users", data)
}

// lockedUsers is a page of the users who are locked out of sign-in. Its order is
// that of the locks, whatever the query says.
func (v *view) lockedUsers(ctx context.Context, q chatadmin.UserQuery, p chatadmin.Page) ([]chatadmin.User, chatadmin.Cursor, error) {
	rows, next, err := v.p.o.Gate.LockedUsersPage(ctx, v.s, signin.LockedQuery{Search: q.Search, Kinds: q.Kinds, Role: q.Role}, p)
	if err != nil {
		return nil, "", err
	}
	locked := make([]chatadmin.ID, len(rows))
	for i := range rows {
		locked[i] = rows[i].User
	}
	us, err := v.inOrder(locked)
	return us, next, err
}

var (
	statuses = map[string]chatadmin.Status{"pending": chatadmin.Pending, "active": chatadmin.Active, "deactivated": chatadmin.Deactivated}
	kinds    = map[string]chatadmin.Kind{"network": chatadmin.Network, "guest": chatadmin.Guest}
)

// userRows adds to a page of users what the list shows of them, by a fixed
// number of calls.
func (v *view) userRows(us []chatadmin.User) ([]userRow, error) {
	ids := make([]chatadmin.ID, len(us))
	for i := range us {
		ids[i] = us[i].ID
	}
	locked := map[chatadmin.ID]bool{}
	if v.p.o.Gate != nil && len(ids) > 0 {
		locks, err := v.p.o.Gate.Locks(v.r.Context(), v.s, ids...)
		if err != nil {
			return nil, err
		}
		for id, lock := range locks {
			locked[id] = lock.Locked
		}
	}
	rows := make([]userRow, len(us))
	for i := range us {
		role, _ := v.settings.Role(us[i].Role)
		rows[i] = userRow{us[i], v.roleName(role), v.badges(&us[i], locked[us[i].ID])}
	}
	return rows, nil
}

// badges say where a user stands.
func (v *view) badges(u *chatadmin.User, locked bool) (all []badge) {
	switch u.Status {
	case chatadmin.Active:
		all = append(all, badge{v.T("status.active"), "good"})
	case chatadmin.Pending:
		all = append(all, badge{v.T("status.pending"), "warn"})
	default:
		all = append(all, badge{v.T("status.deactivated"), "mute"})
	}
	if u.Kind == chatadmin.Guest {
		all = append(all, badge{v.T("kind.guest"), "mute"})
	}
	if u.Denied {
		all = append(all, badge{v.T("users.denied"), "bad"})
	}
	if locked {
		all = append(all, badge{v.T("users.locked"), "bad"})
	}
	if u.Deleting {
		all = append(all, badge{v.T("users.deleting"), "bad"})
	}
	return all
}

// roleName is the name of a role; those of the built-in ones are texts.
func (v *view) roleName(r chatadmin.Role) string {
	switch r.ID {
	case chatadmin.RoleAdmin:
		return v.T("role.admin")
	case chatadmin.RoleMember, "":
		return v.T("role.member")
	}
	return r.Name
}

// roleOptions are all roles of the domain, for a choice.
func (v *view) roleOptions() []option {
	var out []option
	for _, r := range v.settings.AllRoles() {
		out = append(out, option{r.ID, v.roleName(r)})
	}
	return out
}

// download writes the list of users as a CSV file that spreadsheets open.
func (v *view) download() error {
	format := csvimport.Overview
	if v.query("format") == string(csvimport.ImportFormat) {
		format = csvimport.ImportFormat
	}
	v.attach("users.csv")
	n, err := csvimport.Export(v.r.Context(), v.s, v.w, format, &csvimport.ExportOptions{ByteOrderMark: true})
	if err != nil && n == 0 {
		v.w.Header().Del("Content-Disposition")
		return err
	}
	if err != nil {
		panic(http.ErrAbortHandler) // so that the browser does not take a part for the whole
	}
	return nil
}

// attach makes the answer a CSV file to be kept.
func (v *view) attach(name string) {
	v.w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	v.w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
}

// selected are the users whom a form or an address names.
func (v *view) selected(given []string) ([]chatadmin.User, error) {
	return v.inOrder(ids(given))
}

// inOrder reads users in the order of their IDs. Those who are missing are left
// out.
func (v *view) inOrder(wanted []chatadmin.ID) ([]chatadmin.User, error) {
	found, err := v.people(wanted...)
	if err != nil {
		return nil, err
	}
	us := make([]chatadmin.User, 0, len(found))
	for _, id := range wanted {
		if u, ok := found[id]; ok {
			us = append(us, u)
		}
	}
	return slices.Clip(us), nil
}
