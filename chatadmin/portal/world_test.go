package portal_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/closing"
	"chatadmin.example/sdk/chatadmin/compliance"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/fields"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/password"
	"chatadmin.example/sdk/chatadmin/portal"
	"chatadmin.example/sdk/chatadmin/preferences"
	"chatadmin.example/sdk/chatadmin/provisioning"
	"chatadmin.example/sdk/chatadmin/retention"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/support"
	"chatadmin.example/sdk/csvimport"
	"chatadmin.example/sdk/devices"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/afas"
	"chatadmin.example/sdk/integrations/afas/afastest"
	"chatadmin.example/sdk/integrations/integrationstest"
	"chatadmin.example/sdk/integrations/mailchimp"
	"chatadmin.example/sdk/integrations/mailchimp/mailchimptest"
	"chatadmin.example/sdk/integrations/slack"
	"chatadmin.example/sdk/integrations/slack/slacktest"
	"chatadmin.example/sdk/twofa"
)

var ctx = context.Background()

// staff is who works for the host, as a session.
const staff = "staff"

// world is a company with a portal that has everything.
type world struct {
	*chatadmintest.World
	portal    *portal.Portal
	options   portal.Options
	passwords *password.Passwords
	dir       string       // of the spool
	targets   int          // made so far
	failing   bool         // who is signed in cannot be found out
	session   chatadmin.ID // who has signed in on the page of the portal

	slack      *slacktest.Server
	mailchimp  *mailchimptest.Server
	afas       *afastest.Server
	preset     chatadmin.Preset
	department string // of users of an ESChat domain
	agreement  string // that is under way
	hooks      string // where providers reach the integrations
}

func newWorld(t *testing.T) *world { return newWorldOn(t, nil, chatadmin.OfficeChat) }

func newWorldOn(t *testing.T, store chatadmin.Store, preset chatadmin.Preset) *world {
	t.Helper()
	w := &world{preset: preset}
	w.World = chatadmintest.NewWorld(t, &chatadmintest.WorldOptions{Store: store, Preset: preset,
		Extend: func(a *chatadmin.Admin) { w.construct(t, a) },
		Domain: func(n *chatadmin.NewDomain) { n.Admin.FirstName = "Bea" }})
	return w
}

// construct makes everything over the library, as a program does when it
// starts.
func (w *world) construct(t *testing.T, a *chatadmin.Admin) {
	ring := chatadmintest.Must(keyring.New(chatadmintest.NewRand(1), keyring.Key{ID: "1", Secret: secret.HideBytes(bytes.Repeat([]byte{7}, keyring.KeySize))}))
	o := &w.options
	o.TwoFactor = chatadmintest.Must(twofa.New(a, &twofa.Options{Keys: ring}))
	o.Devices = chatadmintest.Must(devices.New(a, nil))
	o.Gate = chatadmintest.Must(signin.New(a, &signin.Options{SecondFactor: o.TwoFactor, Devices: o.Devices}))
	o.Deletions = chatadmintest.Must(erase.New(a, nil))
	o.Imports = chatadmintest.Must(csvimport.New(a, nil))
	w.passwords = chatadmintest.Must(password.New(a, &password.Options{Params: password.Params{Memory: 64, Time: 1, Threads: 1}}))
	if o.Spool == nil {
		w.dir = t.TempDir()
		o.Spool = chatadmintest.Must(portal.NewDir(w.dir))
	}
	w.services(t, a, ring)
	o.Provisioning = chatadmintest.Must(provisioning.New(a, nil))
	o.Preferences = chatadmintest.Must(preferences.New(a, &preferences.Options{NoReply: "noreply@acme.example",
		Pages: []preferences.Page{{Name: "home"}, {Name: "webcare", Module: "webcare"}}}))
	o.Fields = chatadmintest.Must(fields.New(a, nil))
	o.Support = chatadmintest.Must(support.New(a, &support.Options{Recipients: support.OfficeChatRecipients()}))
	o.Retention = chatadmintest.Must(retention.New(a, nil))
	o.Closings = chatadmintest.Must(closing.New(a, nil))
	o.Agreements = chatadmintest.Must(compliance.New(a, &compliance.Options{Recipient: "support@vendor.example", Retention: o.Retention, Closings: o.Closings}))
	o.Staff = func(r *http.Request) (chatadmin.ID, error) {
		switch r.Header.Get("X-User") {
		case staff:
			return w.Domain, nil
		case "broken":
			return "", errors.New("the table of sessions is gone")
		}
		return "", chatadmin.ErrForbidden
	}
	o.SetPassword = w.passwords.Setter
	o.SignOutURL = "/logout"
	o.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	o.SignIn = &portal.SignIn{
		Domain: func(*http.Request) (chatadmin.ID, error) { return w.Domain, nil },
		Verify: w.passwords.Verifier,
		Begin: func(_ http.ResponseWriter, _ *http.Request, d signin.Decision) error {
			w.session = d.User.ID
			return nil
		},
	}
	o.Authenticate = func(r *http.Request) (chatadmin.ID, chatadmin.ID, error) {
		switch user := r.Header.Get("X-User"); {
		case w.failing:
			return "", "", errors.New("the table of sessions is gone")
		case user == "":
			return "", "", chatadmin.ErrForbidden
		default:
			return w.Domain, chatadmin.ID(user), nil
		}
	}
	w.portal = chatadmintest.Must(portal.New(a, o))
}

// services makes the integrations with a fake of each provider. What providers
// send comes in at a server of its own.
func (w *world) services(t *testing.T, a *chatadmin.Admin, ring *keyring.Ring) {
	w.slack, w.mailchimp, w.afas = slacktest.NewServer(), mailchimptest.NewServer(), afastest.NewServer()
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { handler.ServeHTTP(rw, r) }))
	for _, end := range []func(){w.slack.Close, w.mailchimp.Close, w.afas.Close, server.Close} {
		t.Cleanup(end)
	}
	w.hooks = server.URL
	services := []integrations.Service{chatadmintest.Must(slack.New(w.slack.Options())), chatadmintest.Must(mailchimp.New(w.mailchimp.Options())),
		chatadmintest.Must(afas.New(&afas.Options{API: w.afas.URL}))}
	w.options.Integrations = chatadmintest.Must(integrations.New(a, &integrations.Options{Keys: ring, Groups: &integrationstest.Groups{},
		Services: services, PublicURL: server.URL + "/integrations",
		SignedIn: func(r *http.Request) (chatadmin.ID, chatadmin.ID, error) { return w.options.Authenticate(r) },
		Done:     func(rw http.ResponseWriter, r *http.Request, c integrations.Callback) { w.portal.Connected(rw, r, c) }}))
	handler = w.options.Integrations.Handler()
}

// rebuild makes the portal by the options as they are now.
func (w *world) rebuild() {
	w.portal = chatadmintest.Must(portal.New(w.Admin, &w.options))
}

// answer is what a request got.
type answer struct {
	*httptest.ResponseRecorder
	text string
}

// do makes a request as a user; "" is nobody.
func (w *world) do(as chatadmin.ID, method, target string, form url.Values) answer {
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r := httptest.NewRequestWithContext(w.T.Context(), method, target, body)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return w.send(as, r)
}

func (w *world) send(as chatadmin.ID, r *http.Request) answer {
	if as != "" {
		r.Header.Set("X-User", string(as))
	}
	rec := httptest.NewRecorder()
	w.portal.ServeHTTP(rec, r)
	return answer{rec, rec.Body.String()}
}

// get reads a page as the boss.
func (w *world) get(path string) answer {
	w.T.Helper()
	a := w.do(w.Boss.ID, http.MethodGet, "/admin"+path, nil)
	require.Equal(w.T, http.StatusOK, a.Code, "%s: %s", path, plain(a.text))
	return a
}

// post does something as the boss, and returns the path that it leads to.
func (w *world) post(path string, fields ...string) string {
	w.T.Helper()
	a := w.do(w.Boss.ID, http.MethodPost, "/admin"+path, values(fields...))
	require.Equal(w.T, http.StatusSeeOther, a.Code, "%s: %s", path, plain(a.text))
	return strings.TrimPrefix(a.Header().Get("Location"), "/admin")
}

func values(fields ...string) url.Values {
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	return form
}

// upload sends a file to "Import Users" as a user.
func (w *world) upload(as chatadmin.ID, name, file string, fields ...string) answer {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for i := 0; i < len(fields); i += 2 {
		_ = form.WriteField(fields[i], fields[i+1])
	}
	part, _ := form.CreateFormFile("file", name)
	_, _ = io.WriteString(part, file)
	_ = form.Close()
	r := httptest.NewRequestWithContext(w.T.Context(), http.MethodPost, "/admin/imports", &body)
	r.Header.Set("Content-Type", form.FormDataContentType())
	return w.send(as, r)
}

// work lets the worker do everything that is due.
func (w *world) work() {
	w.T.Helper()
	chatadmintest.Quiesce(w.T, w.Admin)
}

// user creates a user who has signed in.
func (w *world) user(login string, change ...func(*chatadmin.NewUser)) chatadmin.User {
	w.T.Helper()
	n := chatadmin.NewUser{Login: login, NoInvitation: true}
	if w.preset != chatadmin.OfficeChat { // logins are no addresses, and names are mandatory
		name, _, _ := strings.Cut(login, "@")
		n.Login, n.Email, n.FirstName, n.LastName, n.Department = strings.NewReplacer("-", ".", " ", ".").Replace(name), login, "Ann", "Other", w.department
	}
	for _, f := range change {
		f(&n)
	}
	u, err := w.S.CreateUser(ctx, n)
	require.NoError(w.T, err)
	return u
}

// role makes a custom role and returns a user who has it.
func (w *world) withRole(name string, level int, ps ...chatadmin.Permission) chatadmin.User {
	w.T.Helper()
	r, err := w.S.CreateRole(ctx, chatadmin.Role{Name: name, Level: level, Permissions: ps})
	require.NoError(w.T, err)
	return w.user(name+"@acme.example", func(n *chatadmin.NewUser) { n.Role = r.ID })
}

func (w *world) device(user chatadmin.ID, key string) devices.Device {
	w.T.Helper()
	r, err := w.options.Devices.Register(ctx, w.Admin.AsHost(w.Domain), user, devices.Registration{Key: key, Type: devices.IOS, Name: "Phone"})
	require.NoError(w.T, err)
	return r.Device
}

var (
	tags   = regexp.MustCompile(`(?s)<head>.*?</head>|<[^>]*>`)
	blanks = regexp.MustCompile(`\s+`)
)

// plain is the text of a page.
func plain(html string) string { return blanks.ReplaceAllString(tags.ReplaceAllString(html, " "), " ") }

// hidden is the value of a hidden field of a page.
func (a answer) hidden(t testing.TB, name string) string {
	t.Helper()
	m := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(a.text)
	require.NotNil(t, m, "no field %s in %s", name, plain(a.text))
	return strings.NewReplacer("&#34;", `"`, "&amp;", "&", "&lt;", "<", "&gt;", ">", "&#39;", "'", "&#43;", "+").Replace(m[1])
}
