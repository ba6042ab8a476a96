package portal_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/portal"
)

// request is a GET of a page.
func (w *world) request(path string) *http.Request {
	r, err := http.NewRequestWithContext(w.T.Context(), http.MethodGet, "/admin"+path, nil)
	require.NoError(w.T, err)
	return r
}

// Options that do not fit together are refused, all at once.
func TestOptions(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(*portal.Options){
		"Authenticate": func(o *portal.Options) { o.Authenticate = nil },
		"Spool":        func(o *portal.Options) { o.Spool = nil },
		"Gate":         func(o *portal.Options) { o.Gate = nil },
		"SignIn lacks": func(o *portal.Options) { o.SignIn = &portal.SignIn{} },
		"SignInURL":    func(o *portal.Options) { o.SignInURL = "https://evil.example/" },
		"SignOutURL":   func(o *portal.Options) { o.SignOutURL = "//evil.example" },
		"Logo":         func(o *portal.Options) { o.Logo = "logo.svg" },
		"Help":         func(o *portal.Options) { o.Menu = []portal.Link{{Name: "Help", URL: "javascript:alert(1)"}} },
		"Accent":       func(o *portal.Options) { o.Accent = "#ffff00" },
		"colour":       func(o *portal.Options) { o.Accent = "red;}" },
		"PanelTimeout": func(o *portal.Options) { o.PanelTimeout = -1 },
		"no HTML":      func(o *portal.Options) { o.Panels = []portal.Panel{{On: portal.UserPage}} },
		"no page with": func(o *portal.Options) { o.Panels = []portal.Panel{{On: "users"}} },
		"17 Panels":    func(o *portal.Options) { o.Panels = make([]portal.Panel, 17) },
		"MaxUpload":    func(o *portal.Options) { o.MaxUpload = -1 },
	} {
		o := w.options
		change(&o)
		_, err := portal.New(w.Admin, &o)
		require.ErrorIs(t, err, chatadmin.ErrInvalid, name)
		require.ErrorContains(t, err, name)
	}
	_, err := portal.New(w.Admin, nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	_, err = portal.New(nil, &portal.Options{})
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
}

// The look of a host is in the pages.
func TestLook(t *testing.T) {
	w := newWorld(t)
	w.options.Title, w.options.Logo, w.options.Accent, w.options.Path = "Acme Admin", "/logo.svg", "#7a1fa2", "/deep/down/"
	w.options.Menu = []portal.Link{{Name: "Help & more", URL: "/help?a=1"}}
	w.rebuild()
	page := w.do(w.Boss.ID, "GET", "/deep/down/users", nil)
	require.Equal(t, http.StatusOK, page.Code)
	require.Contains(t, page.text, "<title>Users – Acme Admin</title>")
	require.Contains(t, page.text, `<img src="/logo.svg" alt="">`)
	require.Contains(t, page.text, `<a href="/help?a=1">Help &amp; more</a>`)
	css := w.do("", "GET", between(t, page.text, `stylesheet" href="`, "\">\n<script"), nil)
	require.Contains(t, css.text, "--accent: #7a1fa2")
	require.NotContains(t, page.text, "/admin/")
	require.Equal(t, http.StatusNotFound, w.do(w.Boss.ID, "GET", "/admin/users", nil).Code)
}

// The first page weighs less than 60 kB with everything, and a later one less
// than 15 kB.
func TestWeight(t *testing.T) {
	w := newWorld(t)
	for i := range 60 {
		w.user(strings.Repeat("x", i+1) + "@acme.example")
	}
	small := func(path string) int {
		r := w.request(strings.TrimPrefix(path, "/admin"))
		r.Header.Set("Accept-Encoding", "br, gzip")
		a := w.send(w.Boss.ID, r)
		require.Equal(t, "gzip", a.Header().Get("Content-Encoding"), path)
		return a.Body.Len()
	}
	page := w.get("/users").text
	later := small("/users")
	first := later + small(between(t, page, `stylesheet" href="`, "\">\n<script")) + small(between(t, page, `script src="`, `" defer`))
	require.Less(t, first, 60_000)
	require.Less(t, later, 15_000)
	t.Logf("first page %d bytes, later page %d bytes", first, later)
}

// Only addresses on the same host are redirected to.
func TestLocal(t *testing.T) {
	for address, want := range map[string]bool{
		"/": true, "/admin/users?q=1&next=/x": true, "/a b": false, "": false, "x": false, "//evil.example": false, `/\evil.example`: false, "/\t/evil.example": false,
		"/\n/evil.example": false, "https://evil.example": false, "javascript:alert(1)": false, "/a\x00": false, `/a\b`: false, "/%2f%2fevil.example": true, "/%zz": false,
	} {
		require.Equal(t, want, portal.Local(address), "%q", address)
	}
}

func FuzzLocal(f *testing.F) {
	f.Add("/admin/users")
	f.Add("//evil.example")
	f.Fuzz(func(t *testing.T, s string) {
		if portal.Local(s) && (!strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") || strings.ContainsAny(s, "\\\r\n\t")) {
			t.Errorf("%q leads elsewhere", s)
		}
	})
}
