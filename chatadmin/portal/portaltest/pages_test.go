package portaltest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/portal"
	"chatadmin.example/sdk/devices"
)

// visit is a page in one of its states. The path is made when its turn comes.
type visit struct {
	pattern string // its route
	path    func() string
	form    url.Values // it is the answer to this form, if the pattern says POST
}

// at is a page whose path is known.
func at(pattern, path string) visit {
	return visit{pattern: pattern, path: func() string { return path }}
}

// answer is the page that a form is answered with.
func answer(pattern, path string, fields ...string) visit {
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	return visit{pattern, func() string { return path }, form}
}

// elsewhere are routes by GET that are looked at in another test, or are no
// pages.
var elsewhere = map[string]string{
	"GET /users/download":      "is a file",
	"GET /imports/{id}/result": "is a file",
	"GET /assets/{name}":       "is a file",
	"GET /signin/code":         "TestEnrolment",
}

// Every page of the portal, in both themes, on a narrow window and on a wide
// one, in all languages: it is valid HTML, axe-core finds nothing, the console
// is silent, nothing sticks out, and the Tab key goes its way in order. A route
// whose page is not visited fails the test.
func TestPages(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	visited := map[string]bool{}
	t.Run("visit", func(t *testing.T) {
		for _, of := range []struct {
			name   string
			preset chatadmin.Preset
			panels []portal.Panel
			pages  func(*site) []visit
		}{
			{"users", chatadmin.OfficeChat, nil, (*site).userPages}, {"security", chatadmin.OfficeChat, nil, (*site).securityPages},
			{"groups", chatadmin.OfficeChat, nil, (*site).groupPages}, {"office", chatadmin.OfficeChat, nil, (*site).officePages},
			{"closing", chatadmin.OfficeChat, nil, (*site).closingPages}, {"panels", chatadmin.OfficeChat, panels(), (*site).panelPages},
			{"ESChat", chatadmin.ESChat, nil, (*site).radioPages}, {"Engage", chatadmin.Engage, nil, (*site).engagePages},
		} {
			t.Run(of.name, func(t *testing.T) {
				t.Parallel()
				s := newSiteOf(t, of.preset, of.panels...)
				for _, pattern := range s.look(of.pages(s)) {
					mu.Lock()
					visited[pattern] = true
					mu.Unlock()
				}
			})
		}
	})
	for _, pattern := range newSite(t).pages.Patterns() {
		pattern = strings.Replace(pattern, " /admin/", " /", 1)
		if strings.HasPrefix(pattern, "GET ") && elsewhere[pattern] == "" && !visited[pattern] {
			t.Errorf("no page of the route %q is looked at", pattern)
		}
		delete(visited, pattern)
	}
	delete(visited, notFound)
	require.Empty(t, visited, "these are no routes")
}

// notFound stands for an address that is no page.
const notFound = "GET /none"

// look visits pages as the boss, and returns their patterns.
func (s *site) look(visits []visit) (patterns []string) {
	session := s.session(s.boss.ID)
	b := openBrowser(s.t)
	b.enter(s, s.boss.ID, "/account")
	b.theme("light")
	b.bringAxe()
	valid := newChecker(s.t)
	count := map[string]int{}
	for _, v := range visits {
		to := "/admin" + v.path()
		address := s.url + to
		method, _, _ := strings.Cut(v.pattern, " ")
		if method == http.MethodPost || v.pattern == notFound {
			address = s.url + "/answer?" + url.Values{"method": {method}, "to": {to}, "form": {v.form.Encode()}}.Encode()
		}
		name := path.Base(s.t.Name()) + "-" + strings.NewReplacer("/", "-", "{", "", "}", "", " ", "").Replace(v.pattern)
		if count[name]++; count[name] > 1 {
			name += fmt.Sprintf("-%d", count[name])
		}
		valid.check(name, s.source(session, address))
		b.examine(name, address)
		patterns = append(patterns, v.pattern)
	}
	return patterns
}

// answer shows the answer to a request of the portal, so that a page that a form
// is answered with can be loaded again. It does not lead away by itself.
func (s *site) answer(w http.ResponseWriter, r *http.Request) {
	post := httptest.NewRequestWithContext(r.Context(), r.FormValue("method"), r.FormValue("to"), strings.NewReader(r.FormValue("form")))
	post.Header = r.Header.Clone()
	post.Header.Del("Accept-Encoding")
	post.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	post.Header.Set("Sec-Fetch-Site", "same-origin")
	rec := httptest.NewRecorder()
	s.pages.ServeHTTP(rec, post)
	if rec.Code >= 300 && rec.Code < 400 {
		http.Error(w, "the form was accepted, and has no page", http.StatusInternalServerError)
		return
	}
	for name, values := range rec.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(http.StatusOK) // a browser complains of others in its console
	for line := range strings.Lines(rec.Body.String()) {
		if !strings.Contains(line, `http-equiv="refresh" content="0;`) {
			_, _ = w.Write([]byte(line))
		}
	}
}

// query holds the token of the link in the latest mail to somebody.
func (s *site) query(to string) string {
	s.t.Helper()
	u, err := url.Parse(s.link(to))
	require.NoError(s.t, err)
	return u.RawQuery
}

func device(t *testing.T, s *site, user chatadmin.ID) chatadmin.ID {
	t.Helper()
	for d, err := range s.o.Devices.Devices(t.Context(), s.s, devices.Query{User: user}) {
		require.NoError(t, err)
		return d.ID
	}
	t.Fatal("the user has no device")
	return ""
}
