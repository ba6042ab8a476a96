package portal

import (
	"context"
	"net/url"

	"chatadmin.example/sdk/chatadmin"
)

// tool is an entry of the menu "User Tools". It acts on the selected users
// after a page that shows them.
type tool struct {
	Key    string
	Name   string // key of its text
	Danger bool
	need   chatadmin.Permission
	given  func(*Portal) bool // nil: always
	do     func(*view, context.Context, []chatadmin.ID) (int, error)
}

// allTools are the tools in the order of the menu.
func allTools() []tool {
	hasGate := func(p *Portal) bool { return p.o.Gate != nil }
	hasTwoFactor := func(p *Portal) bool { return p.o.TwoFactor != nil }
	return []tool{
		{Key: "activate", Name: "tools.activate", need: chatadmin.PermUsersEdit, do: func(v *view, ctx context.Context, ids []chatadmin.ID) (int, error) {
			us, err := v.s.ActivateUsers(ctx, ids...)
			return len(us), err
		}},
		{Key: "deactivate", Name: "tools.deactivate", Danger: true, need: chatadmin.PermUsersEdit, do: func(v *view, ctx context.Context, ids []chatadmin.ID) (int, error) {
			us, err := v.s.DeactivateUsers(ctx, ids...)
			return len(us), err
		}},
		{Key: "delete", Name: "tools.delete", Danger: true, need: chatadmin.PermUsersDelete, given: func(p *Portal) bool { return p.o.Deletions != nil }},
		{Key: "reset", Name: "tools.reset", need: chatadmin.PermTwoFactor, given: hasTwoFactor, do: func(v *view, ctx context.Context, ids []chatadmin.ID) (int, error) {
			return len(ids), v.p.o.TwoFactor.Reset(ctx, v.s, ids...)
		}},
		{Key: "deny", Name: "tools.deny", Danger: true, need: chatadmin.PermUsersAccess, do: func(v *view, ctx context.Context, ids []chatadmin.ID) (int, error) {
			us, err := v.s.DenyAccess(ctx, ids...)
			return len(us), err
		}},
		{Key: "grant", Name: "tools.grant", need: chatadmin.PermUsersAccess, do: func(v *view, ctx context.Context, ids []chatadmin.ID) (int, error) {
			us, err := v.s.GrantAccess(ctx, ids...)
			return len(us), err
		}},
		{Key: "unlock", Name: "tools.unlock", need: chatadmin.PermUsersAccess, given: hasGate, do: func(v *view, ctx context.Context, ids []chatadmin.ID) (int, error) {
			return len(ids), v.p.o.Gate.Unlock(ctx, v.s, ids...)
		}},
		{Key: "signout", Name: "tools.signout", need: chatadmin.PermUsersAccess, given: hasGate, do: func(v *view, ctx context.Context, ids []chatadmin.ID) (int, error) {
			return len(ids), v.s.SignOutUsers(ctx, ids...)
		}},
		{Key: "resend", Name: "tools.resend", need: chatadmin.PermUsersEdit, do: resend},
		{Key: "role", Name: "tools.role", need: chatadmin.PermRoles, do: func(v *view, ctx context.Context, ids []chatadmin.ID) (int, error) {
			us, err := v.s.AssignRole(ctx, v.r.PostForm.Get("role"), ids...)
			return len(us), err
		}},
	}
}

// resend sends new activation links, to one user after the other. The first
// that cannot be sent ends it; asking again sends the rest, since a user to
// whom one was sent a minute ago is refused.
func resend(v *view, ctx context.Context, ids []chatadmin.ID) (int, error) {
	for n, id := range ids {
		if err := v.s.ResendInvitation(ctx, id); err != nil {
			if n > 0 {
				err = said(v.T("tools.resend_partly", n)+" "+v.sentence(err), err)
			}
			return n, err
		}
	}
	return len(ids), nil
}

func (t *tool) offered(p *Portal) bool { return t.given == nil || t.given(p) }

// tools are those that the reader may use.
func (v *view) tools() []tool {
	var out []tool
	for _, t := range allTools() {
		if t.offered(v.p) && v.May(t.need) {
			out = append(out, t)
		}
	}
	return out
}

func (p *Portal) toolRoutes() []route {
	routes := []route{{pattern: "GET /users/tools", need: chatadmin.PermUsersRead, serve: (*view).reviewTool}}
	for _, t := range allTools() {
		switch {
		case !t.offered(p):
		case t.Key == "delete":
			routes = append(routes, route{pattern: "POST /users/tools/delete", need: t.need, serve: (*view).deleteUsers})
		default:
			routes = append(routes, route{pattern: "POST /users/tools/" + t.Key, need: t.need, serve: func(v *view) error { return v.useTool(t) }})
		}
	}
	return routes
}

// toolReview is the page on which the use of a tool is confirmed.
type toolReview struct {
	*view
	Tool    tool
	Heading string
	Users   []chatadmin.User
	Roles   *field
	Problem string
}

// onUsers sets where a tool leads back to: the list, or the page of the user
// that it was chosen on.
func (v *view) onUsers(f url.Values) {
	v.backTo("/users", f)
	if chosen := ids(f["user"]); v.list == nil && len(chosen) == 1 && v.May(chatadmin.PermUsersRead) {
		v.back += "/" + url.PathEscape(string(chosen[0]))
	}
}

func (v *view) reviewTool() error {
	v.onUsers(v.r.URL.Query())
	for _, t := range v.tools() {
		if t.Key != v.query("tool") {
			continue
		}
		us, err := v.selected(v.r.URL.Query()["user"])
		switch {
		case err != nil:
			return err
		case len(us) == 0:
			return v.done(v.back, "tools.nobody")
		case t.Key == "delete":
			return v.reviewDeletion(us)
		}
		return v.showTool(t, us, "")
	}
	return errNoPage
}

func (v *view) showTool(t tool, us []chatadmin.User, problem string) error {
	data := toolReview{view: v, Tool: t, Heading: v.T(t.Name), Users: us, Problem: problem}
	if t.Key == "role" {
		data.Roles = &field{Name: "role", Label: v.T("user.role"), Value: us[0].Role, Options: v.roleOptions()}
	}
	return v.render("tools", data)
}

func (v *view) useTool(t tool) error {
	v.back = "/users"
	form, err := v.form()
	if err != nil {
		return err
	}
	v.onUsers(form)
	chosen := ids(form["user"])
	if len(chosen) == 0 {
		return v.done(v.back, "tools.nobody")
	}
	n, err := t.do(v, v.r.Context(), chosen)
	if err != nil {
		return err
	}
	v.p.o.Wake()
	return v.done(v.back, "tools.done_"+t.Key, n)
}
