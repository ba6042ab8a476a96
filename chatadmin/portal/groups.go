package portal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

func (p *Portal) groupRoutes() []route {
	return []route{
		{pattern: "GET /groups", need: chatadmin.PermUsersRead, serve: (*view).groups},
		{pattern: "GET /groups/new", need: chatadmin.PermGroupCreate, serve: func(v *view) error { return v.showNewGroup(nil, nil) }},
		{pattern: "POST /groups/new", need: chatadmin.PermGroupCreate, serve: (*view).createGroup},
		{pattern: "GET /groups/{id}", serve: (*view).group},
		{pattern: "POST /groups/{id}/settings", serve: (*view).saveGroup},
		{pattern: "POST /groups/{id}/members", serve: (*view).addMember},
		{pattern: "POST /groups/{id}/members/remove", serve: (*view).removeMembers},
		{pattern: "POST /groups/{id}/members/admin", serve: func(v *view) error { return v.setGroupAdmin(true) }},
		{pattern: "POST /groups/{id}/members/member", serve: func(v *view) error { return v.setGroupAdmin(false) }},
		{pattern: "GET /groups/{id}/default", need: chatadmin.PermDefault, serve: (*view).reviewDefault},
		{pattern: "POST /groups/{id}/default", need: chatadmin.PermDefault, serve: (*view).makeDefault},
		{pattern: "POST /groups/{id}/undefault", need: chatadmin.PermDefault, serve: (*view).unmakeDefault},
		{pattern: "POST /groups/{id}/archive", serve: func(v *view) error { return v.archiveGroup((*chatadmin.Scope).ArchiveGroup, "groups.was_archived") }},
		{pattern: "POST /groups/{id}/unarchive", serve: func(v *view) error { return v.archiveGroup((*chatadmin.Scope).UnarchiveGroup, "groups.was_unarchived") }},
		{pattern: "GET /groups/{id}/delete", serve: (*view).reviewDeleteGroup},
		{pattern: "POST /groups/{id}/delete", serve: (*view).deleteGroup},
	}
}

// groupsPageData is the list of groups.
type groupsPageData struct {
	*view
	paging
	Rows     []groupRow
	Search   string
	Defaults bool
	Show     field // archived groups
}

type groupRow struct {
	Group   chatadmin.Group
	Members string
	Badges  []badge
}

func (v *view) groups() error {
	ctx := v.r.Context()
	q := chatadmin.GroupQuery{Search: v.query("q"), DefaultOnly: v.query("default") != ""}
	switch v.query("show") {
	case "archived":
		q.ArchivedOnly = true
	case "":
		q.NotArchived = true
	}
	gs, next, err := v.s.GroupsPage(ctx, q, v.page(pageSize))
	if err != nil {
		return err
	}
	ids := make([]chatadmin.ID, len(gs))
	for i := range gs {
		ids[i] = gs[i].ID
	}
	members := map[chatadmin.ID]int64{}
	if len(ids) > 0 {
		if members, err = v.p.admin.Store().CountMembers(ctx, v.s.Domain(), ids); err != nil {
			return err
		}
	}
	data := groupsPageData{view: v, paging: v.paging(next), Search: v.query("q"), Defaults: q.DefaultOnly}
	data.Show = field{Name: "show", Label: v.T("groups.show"), Value: v.query("show"),
		Options: []option{{"", v.T("groups.in_use")}, {"archived", v.T("groups.archived")}, {"all", v.T("list.all")}}}
	for _, g := range gs {
		data.Rows = append(data.Rows, groupRow{g, v.words.Sprintf("%d", members[g.ID]), v.groupBadges(&g)})
	}
	return v.render("groups", data)
}

func (v *view) groupBadges(g *chatadmin.Group) (all []badge) {
	if g.Default {
		all = append(all, badge{v.T("groups.default"), "good"})
	}
	if g.Archived {
		all = append(all, badge{v.T("groups.archived"), "warn"})
	}
	if g.Shipped {
		all = append(all, badge{v.T("groups.shipped"), "mute"})
	}
	if set, err := chatadmin.GroupSettingsOf(*g); err != nil || set.Posting == chatadmin.AdminsPost {
		all = append(all, badge{v.T("groups.admins_post"), "mute"})
	}
	return all
}

// newGroup is the form of a new group.
type newGroup struct {
	*view
	Name    field
	Problem string
}

func (v *view) showNewGroup(f url.Values, err error) error {
	fields := []field{{Name: "name", Label: v.T("groups.name"), Type: "text", Value: f.Get("name"), Required: true, Max: 250, Autocomplete: "off"}}
	problem := v.complain(fields, err)
	return v.renderStatus(formStatus(err), "groupnew", newGroup{v, fields[0], problem})
}

func (v *view) createGroup() error {
	f, err := v.form()
	if err != nil {
		return err
	}
	g, err := v.s.CreateGroup(v.r.Context(), f.Get("name"))
	if err != nil {
		return v.again(err, func() error { return v.showNewGroup(f, err) })
	}
	return v.done("/groups/"+string(g.ID), "groups.created", g.Name)
}

// groupPage is everything known of one group.
type groupPage struct {
	*view
	paging
	Group     chatadmin.Group
	Badges    []badge
	Count     string
	Creator   string
	Posting   chatadmin.Posting
	Members   []memberRow
	Manages   bool // the reader administers the group
	Defaults  bool // the reader marks default groups
	Deletable bool

	Integrates bool // the reader configures its integrations
	Panels     []panel
}

// Was is what the form of the group showed.
func (p groupPage) Was() string {
	return p.was(url.Values{"name": {p.Group.Name}, "posting": {string(p.Posting)}})
}

type memberRow struct {
	User  chatadmin.User
	Admin bool
}

func (v *view) group() error {
	ctx := v.r.Context()
	v.back = "/groups"
	g, err := v.s.Group(ctx, chatadmin.ID(v.r.PathValue("id")))
	if err != nil {
		return err
	}
	ms, next, err := v.s.GroupMembersPage(ctx, g.ID, v.page(pageSize))
	if err != nil {
		return err
	}
	n, err := v.s.CountMembers(ctx, g.ID)
	if err != nil {
		return err
	}
	manages, err := v.manages(g.ID)
	if err != nil {
		return err
	}
	page := groupPage{view: v, paging: v.paging(next), Group: g, Badges: v.groupBadges(&g), Count: v.T("groups.members_n", n),
		Posting: chatadmin.AdminsPost, Manages: manages, Defaults: v.May(chatadmin.PermDefault)}
	page.Integrates = page.Manages && v.p.o.Integrations != nil
	page.Deletable = page.Manages && !g.Default && !g.Shipped
	if set, err := chatadmin.GroupSettingsOf(g); err == nil {
		page.Posting = set.Posting
	}
	ids := []chatadmin.ID{g.Creator}
	for _, m := range ms {
		ids = append(ids, m.User)
	}
	// Members see who is in their groups. Logins are for
	// readers of the list of users.
	us := map[chatadmin.ID]chatadmin.User{}
	if v.May(chatadmin.PermUsersRead) {
		if us, err = v.people(ids...); err != nil {
			return err
		}
	}
	page.Creator = us[g.Creator].DisplayName
	for _, m := range ms {
		u, ok := us[m.User]
		if !ok {
			u = chatadmin.User{ID: m.User, DisplayName: m.Name}
		}
		page.Members = append(page.Members, memberRow{u, m.Admin})
	}
	page.Panels = v.panels(GroupPage, nil, &g)
	return v.render("group", page)
}

// manages reports whether the reader administers a group.
func (v *view) manages(group chatadmin.ID) (bool, error) {
	if v.May(chatadmin.PermGroups) {
		return true, nil
	}
	mine, err := v.p.admin.Store().Memberships(v.r.Context(), v.s.Domain(), []storage.Pair{{Group: group, User: v.s.Actor()}})
	return len(mine) > 0 && mine[0].Admin, err
}

// onGroup reads the form of an action on a group. Errors lead back to it.
func (v *view) onGroup() (chatadmin.ID, url.Values, error) {
	id := chatadmin.ID(v.r.PathValue("id"))
	v.back = "/groups/" + url.PathEscape(string(id))
	f, err := v.form()
	v.backTo(v.back, f)
	return id, f, err
}

// saveGroup renames a group and says who may post.
func (v *view) saveGroup() error {
	id, f, err := v.onGroup()
	if err != nil {
		return err
	}
	var e chatadmin.GroupEdit
	if !left(f, "name") {
		e.Name = new(f.Get("name"))
	}
	if !left(f, "posting") {
		e.Posting = new(chatadmin.Posting(f.Get("posting")))
	}
	if _, err := v.s.EditGroup(v.r.Context(), id, e); err != nil {
		return err
	}
	return v.done(v.back, "groups.saved")
}

// userToAdd finds a user by login for who may add members to a group. An admin
// of the group may not read the list of users, and adds those whose login they
// know.
func (v *view) userToAdd(group chatadmin.ID, login string) (chatadmin.User, error) {
	ctx := v.r.Context()
	if v.May(chatadmin.PermUsersRead) {
		return v.s.UserByLogin(ctx, login)
	}
	manages, err := v.manages(group)
	if err != nil {
		return chatadmin.User{}, err
	}
	if !manages {
		return chatadmin.User{}, fmt.Errorf("adding members to this group: %w", chatadmin.ErrForbidden)
	}
	us, err := v.p.admin.Store().UsersByLogin(ctx, v.s.Domain(), []string{chatadmin.Fold(login)})
	if err == nil && (len(us) == 0 || us[0].Deleting) {
		err = chatadmin.ErrNotFound
	}
	if err != nil {
		return chatadmin.User{}, err
	}
	return us[0], nil
}

// addMember adds the user whose login the form has.
func (v *view) addMember() error {
	id, f, err := v.onGroup()
	if err != nil {
		return err
	}
	if _, err := v.s.Group(v.r.Context(), id); err != nil {
		return err
	}
	u, err := v.userToAdd(id, f.Get("login"))
	if errors.Is(err, chatadmin.ErrNotFound) {
		return said(v.T("groups.no_such_user"), err)
	}
	if err != nil {
		return err
	}
	if _, err := v.s.AddMembers(v.r.Context(), id, u.ID); err != nil {
		return err
	}
	return v.done(v.back, "groups.added", u.DisplayName)
}

func (v *view) removeMembers() error {
	id, f, err := v.onGroup()
	if err != nil {
		return err
	}
	chosen := ids(f["user"])
	if len(chosen) == 0 {
		return v.done(v.back, "tools.nobody")
	}
	n, err := v.s.RemoveMembers(v.r.Context(), id, chosen...)
	if err != nil {
		return err
	}
	return v.done(v.back, "groups.removed", n)
}

func (v *view) setGroupAdmin(admin bool) error {
	id, f, err := v.onGroup()
	if err != nil {
		return err
	}
	chosen := ids(f["user"])
	if len(chosen) == 0 {
		return v.done(v.back, "tools.nobody")
	}
	if err := v.s.SetGroupAdmin(v.r.Context(), id, admin, chosen...); err != nil {
		return err
	}
	return v.done(v.back, "groups.saved")
}

// groupReview is the plan of a change of a group, to be confirmed.
type groupReview struct {
	*view
	Plan     *chatadmin.Plan
	JSON     string
	Counts   []count
	Warnings messages
	Heading  string
	About    string
	Action   string // the last part of the address that applies it
	Button   string
	Danger   bool
}

// reviewGroup shows the plan of what a page does with a group.
func (v *view) reviewGroup(makePlan func(context.Context, chatadmin.ID) (*chatadmin.Plan, error), action string, danger bool) error {
	id, _, err := v.onGroup()
	if err != nil {
		return err
	}
	plan, err := makePlan(v.r.Context(), id)
	if err != nil {
		return err
	}
	data, err := json.Marshal(plan)
	if err != nil {
		return err
	}
	name := v.T("groups." + action)
	if action == "default" { // which is a badge as well
		name = v.T("groups.default_mark")
	}
	return v.render("groupreview", groupReview{view: v, Plan: plan, JSON: string(data), Counts: v.counts(plan.Counts),
		Warnings: v.warnings(plan.Warnings), Heading: name,
		About: v.T("groups.about_" + action), Action: action, Button: name, Danger: danger})
}

// groupPlan is the plan that a review sends back.
func groupPlan(id chatadmin.ID, f url.Values) (*chatadmin.Plan, error) {
	var plan chatadmin.Plan
	if err := json.Unmarshal([]byte(f.Get("plan")), &plan); err != nil {
		return nil, fmt.Errorf("the plan cannot be read: %w", chatadmin.ErrInvalid)
	}
	if plan.Subject != id {
		return nil, fmt.Errorf("the plan is about another group: %w", chatadmin.ErrInvalid)
	}
	return &plan, nil
}

func (v *view) reviewDefault() error {
	return v.reviewGroup(v.s.PlanDefaultGroup, "default", false)
}

func (v *view) makeDefault() error {
	return v.applyGroup(v.s.Detached().ApplyDefaultGroup, "", "groups.made_default")
}

// applyGroup begins what a review of a group was about. back is where a refusal
// leads to; "" is the page of the group.
func (v *view) applyGroup(apply func(context.Context, *chatadmin.Plan, func(chatadmin.Progress)) (chatadmin.Run, error), back, text string) error {
	id, f, err := v.onGroup()
	if err != nil {
		return err
	}
	plan, err := groupPlan(id, f)
	if err != nil {
		return err
	}
	if back != "" {
		v.back = back
	}
	run, err := apply(v.r.Context(), plan, nil)
	if err != nil {
		return err
	}
	v.p.o.Wake()
	return v.done("/runs/"+string(run.ID), text, plan.Name)
}

func (v *view) unmakeDefault() error {
	id, _, err := v.onGroup()
	if err != nil {
		return err
	}
	g, err := v.s.UnmarkDefaultGroup(v.r.Context(), id)
	if err != nil {
		return err
	}
	return v.done(v.back, "groups.unmade_default", g.Name)
}

// archiveGroup archives a group, or takes it out of the archive.
func (v *view) archiveGroup(do func(*chatadmin.Scope, context.Context, chatadmin.ID) (chatadmin.Group, error), text string) error {
	id, _, err := v.onGroup()
	if err != nil {
		return err
	}
	g, err := do(v.s, v.r.Context(), id)
	if err != nil {
		return err
	}
	return v.done(v.back, text, g.Name)
}

func (v *view) reviewDeleteGroup() error {
	return v.reviewGroup(v.s.PlanDeleteGroup, "delete", true)
}

func (v *view) deleteGroup() error {
	return v.applyGroup(v.s.Detached().ApplyDeleteGroup, "/groups", "groups.deletes")
}
