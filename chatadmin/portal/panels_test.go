package portal_test

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/language"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/portal"
)

// Panels are on the pages of a user and of a group, and on the first page,
// with who reads and what the page is about. A reader who may not see the page
// causes no call.
func TestPanels(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann@acme.example")
	stranger := w.user("member@acme.example")
	at := w.post("/groups/new", "name", "Chess")
	w.post(at+"/members", "login", ann.Login)
	require.Equal(t, http.StatusSeeOther, w.do(w.Boss.ID, "GET", "/admin/", nil).Code, "without a panel the first page leads on")

	var calls atomic.Int64
	on := func(page portal.PanelPage, need chatadmin.Permission, what func(portal.PanelRequest) string) portal.Panel {
		return portal.Panel{On: page, Need: need, HTML: func(_ context.Context, r portal.PanelRequest) (template.HTML, error) {
			calls.Add(1)
			return template.HTML(fmt.Sprintf("<p>%s panel: %s reads %s in %s as %t</p><script>alert(1)</script>", page, template.HTMLEscapeString(r.Reader.Login), what(r), r.Language,
				r.Scope.Actor() == r.Reader.ID)), nil
		}}
	}
	w.options.Panels = []portal.Panel{
		on(portal.UserPage, "", func(r portal.PanelRequest) string { return r.User.Login }),
		on(portal.UserPage, chatadmin.PermRoles, func(r portal.PanelRequest) string { return "roles of " + r.User.Login }),
		on(portal.GroupPage, "", func(r portal.PanelRequest) string { return r.Group.Name }),
		on(portal.FirstPage, chatadmin.PermUsersRead, func(portal.PanelRequest) string { return "all" }),
	}
	w.options.Panels[0].Title = func(in language.Tag) string { return "Desk & more " + in.String() }
	w.rebuild()

	page := w.get("/users/" + string(ann.ID))
	require.Contains(t, page.text, "<h2>Desk &amp; more en</h2>")
	require.Contains(t, page.text, "user panel: boss@acme.example reads ann@acme.example in en as true")
	require.Contains(t, page.text, "reads roles of ann@acme.example")
	require.NotContains(t, page.text, "group panel")
	csp := page.Header().Get("Content-Security-Policy")
	require.Contains(t, csp, "default-src 'none'; script-src 'self'; style-src 'self'", "the policy stays as strict as without panels")
	require.NotContains(t, csp, "unsafe")
	require.Contains(t, w.get(at).text, "group panel: boss@acme.example reads Chess")
	require.Contains(t, w.get("/").text, "first panel: boss@acme.example reads all")
	require.Contains(t, w.get("/").text, `aria-label="Menu"`)

	calls.Store(0)
	own := w.do(ann.ID, "GET", "/admin/users/"+string(ann.ID), nil).text
	require.Contains(t, own, "ann@acme.example reads ann@acme.example")
	require.NotContains(t, own, "roles of", "ann lacks the permission of this panel")
	require.Contains(t, w.do(ann.ID, "GET", "/admin"+at, nil).text, "ann@acme.example reads Chess")
	require.EqualValues(t, 2, calls.Load())
	require.Equal(t, http.StatusForbidden, w.do(stranger.ID, "GET", "/admin/users/"+string(ann.ID), nil).Code)
	require.Equal(t, http.StatusForbidden, w.do(stranger.ID, "GET", "/admin"+at, nil).Code)
	require.Equal(t, http.StatusSeeOther, w.do(stranger.ID, "GET", "/admin/", nil).Code)
	require.Equal(t, http.StatusNotFound, w.do(w.Boss.ID, "GET", "/admin/users/01a22ad9-0000-7000-8000-000000000000", nil).Code)
	require.EqualValues(t, 2, calls.Load(), "nobody is told of a page that they may not see")

	r := w.request("/users/" + string(ann.ID))
	r.Header.Set("Accept-Language", "de")
	require.Contains(t, w.send(w.Boss.ID, r).text, "Desk &amp; more de")
}

// A panel that fails, panics, hangs or has too much is one sentence, and the
// others and the page are as they were. One that is not for this reader is not
// there.
func TestPanelsFail(t *testing.T) {
	w := newWorld(t)
	html := func(f func(context.Context) (template.HTML, error)) portal.Panel {
		return portal.Panel{On: portal.UserPage, HTML: func(ctx context.Context, _ portal.PanelRequest) (template.HTML, error) { return f(ctx) }}
	}
	says := func(html template.HTML, err error) func(context.Context) (template.HTML, error) {
		return func(context.Context) (template.HTML, error) { return html, err }
	}
	const failed = "This part could not be loaded."
	for name, c := range map[string]struct {
		panel func(context.Context) (template.HTML, error)
		want  int // sentences of failure
	}{
		"error":                     {says("half", errors.New("the table of desks is gone")), 1},
		"panic":                     {func(context.Context) (template.HTML, error) { panic("desks") }, 1},
		"one byte too many":         {says(template.HTML(strings.Repeat("x", portal.MaxPanel+1)), nil), 1},
		"as large as it may be":     {says(template.HTML(strings.Repeat("x", portal.MaxPanel)), nil), 0},
		"empty":                     {says("", nil), 0},
		"not for this reader":       {says("half", fmt.Errorf("desks: %w", chatadmin.ErrForbidden)), 0},
		"nothing of this user":      {says("half", chatadmin.ErrNotFound), 0},
		"late":                      {func(ctx context.Context) (template.HTML, error) { <-ctx.Done(); return "half", ctx.Err() }, 1},
		"hangs whatever it is told": {func(context.Context) (template.HTML, error) { time.Sleep(time.Hour); return "half", nil }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // where time passes only while everybody waits
				w.T = t // so that requests have its context
				w.options.PanelTimeout = time.Second
				w.options.Panels = []portal.Panel{html(says("<p>first</p>", nil)), html(c.panel), html(says("<p>last</p>", nil))}
				w.rebuild()
				page := w.get("/users/" + string(w.Boss.ID)).text
				require.Contains(t, page, "<p>first</p>")
				require.Contains(t, page, "<p>last</p>")
				require.Equal(t, c.want, strings.Count(page, failed))
				require.NotContains(t, page, "half")
				require.NotContains(t, page, "table of desks")
				require.Contains(t, page, "boss@acme.example")
				time.Sleep(2 * time.Hour) // until the one that hangs has ended
			})
		})
	}
}
