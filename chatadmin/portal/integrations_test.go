package portal_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/slack/slacktest"
)

// callback opens in a user's browser the address that a provider sends it back
// to, and returns where that leads.
func (w *world) callback(as chatadmin.ID, address string) answer {
	w.T.Helper()
	r := httptest.NewRequestWithContext(w.T.Context(), http.MethodGet, address, nil)
	r.Header.Set("X-User", string(as))
	rec := httptest.NewRecorder()
	w.options.Integrations.Handler().ServeHTTP(rec, r)
	return answer{rec, rec.Body.String()}
}

// authenticate goes through the provider's page.
func (w *world) authenticate(as chatadmin.ID, at string, authorise func(string) (string, error)) answer {
	w.T.Helper()
	page := w.do(as, http.MethodPost, "/admin"+at+"/connect", url.Values{})
	require.Equal(w.T, http.StatusOK, page.Code, plain(page.text))
	to := strings.ReplaceAll(between(w.T, page.text, `<a href="`, `" role="button" rel="noreferrer"`), "&amp;", "&")
	require.Contains(w.T, page.text, `http-equiv="refresh" content="0; url=`)
	back, err := authorise(to)
	require.NoError(w.T, err)
	return w.callback(as, back)
}

// Slack is enabled for the domain, then configured in a group, as the help page
// says: the URL, the name, authenticate, the channel, save.
func TestSlack(t *testing.T) {
	w := newWorld(t)
	ann := w.withRole("reader", 5, chatadmin.PermUsersRead)
	at := w.post("/groups/new", "name", "Chess")
	w.post(at+"/members", "login", ann.Login)
	w.post(at+"/members/admin", "user", string(ann.ID))
	as := func(method, path string, fields ...string) answer {
		return w.do(ann.ID, method, "/admin"+at+path, values(fields...))
	}
	require.Contains(t, plain(as("GET", "/integrations").text), "No service is enabled.")
	off := as("POST", "/integrations/slack/enable")
	require.Equal(t, http.StatusConflict, off.Code)
	require.Contains(t, plain(off.text), "ask a domain admin (Bea Boss", "it says whom to ask")
	require.Contains(t, plain(w.get("/integrations").text), "Slack Disabled")
	w.post("/integrations/slack/enable")
	require.Contains(t, plain(w.get("/integrations").text), "Slack Enabled")
	require.Contains(t, as("GET", "").text, at+"/integrations")
	list := plain(as("GET", "/integrations").text)
	require.Contains(t, list, "Slack Not enabled here Enable")
	require.NotContains(t, list, "Mailchimp", "only what is enabled is seen")

	require.Contains(t, plain(as("GET", "/integrations/slack").text), "Enable Slack")
	require.Equal(t, http.StatusSeeOther, as("POST", "/integrations/slack/enable").Code)
	draft := as("GET", "/integrations/slack")
	require.Contains(t, draft.text, w.hooks+"/integrations/", "the webhook URL")
	require.Contains(t, draft.text, "readonly")
	require.Contains(t, plain(draft.text), "Authenticate with Slack")
	early := as("POST", "/integrations/slack/save", "channel", "C1")
	require.Equal(t, http.StatusConflict, early.Code, "authenticating comes first")

	back := w.authenticate(ann.ID, at+"/integrations/slack", w.slack.Authorise)
	require.Equal(t, "/admin"+at+"/integrations/slack", back.Header().Get("Location"), plain(back.text))
	form := as("GET", "/integrations/slack")
	require.Contains(t, plain(form.text), "Authenticated as Example Team")
	require.Contains(t, plain(form.text), "Customize Name")
	channel := form.option(t, "general")
	bad := as("POST", "/integrations/slack/save", "name", strings.Repeat("n", 81), "channel", channel)
	require.Equal(t, http.StatusBadRequest, bad.Code)
	require.Contains(t, bad.text, strings.Repeat("n", 81), "what was typed is still there")
	require.Equal(t, http.StatusSeeOther, as("POST", "/integrations/slack/save", "name", "News", "channel", channel, "bots", "1").Code)
	saved := as("GET", "/integrations/slack")
	require.Contains(t, plain(saved.text), "Slack settings In force")
	require.Contains(t, saved.text, `value="News"`)
	require.Contains(t, saved.text, `<option value="`+channel+`" selected>`)
	require.NotContains(t, saved.text, "xoxb", "no token is shown")

	w.post("/integrations/slack/disable")
	require.Contains(t, plain(as("GET", "/integrations/slack").text), "Your domain administrator has disabled this service.")
	w.post("/integrations/slack/enable")
	require.Equal(t, http.StatusSeeOther, as("POST", "/integrations/slack/disconnect").Code)
	require.Contains(t, plain(as("GET", "/integrations/slack").text), "Not authenticated yet.")
}

// option is the value of the choice that begins with a name.
func (a answer) option(t *testing.T, name string) string {
	t.Helper()
	before, _, ok := strings.Cut(a.text, ">"+name)
	require.True(t, ok, "no choice %s in %s", name, plain(a.text))
	before = before[strings.LastIndex(before, `value="`)+len(`value="`):]
	value, _, _ := strings.Cut(before, `"`)
	return value
}

// A sign-in at the provider works once, and in the browser of the person who
// began it.
func TestConnected(t *testing.T) {
	w := newWorld(t)
	w.post("/integrations/slack/enable")
	at := w.post("/groups/new", "name", "Chess")
	w.post(at + "/integrations/slack/enable")
	ann := w.user("ann@acme.example", func(n *chatadmin.NewUser) { n.Role = chatadmin.RoleAdmin })
	var address string
	begin := func() {
		page := w.do(w.Boss.ID, http.MethodPost, "/admin"+at+"/integrations/slack/connect", url.Values{})
		to := strings.ReplaceAll(between(t, page.text, `<a href="`, `" role="button" rel="noreferrer"`), "&amp;", "&")
		var err error
		address, err = w.slack.Authorise(to)
		require.NoError(t, err)
	}
	begin()
	stolen := w.callback(ann.ID, address)
	require.Equal(t, http.StatusForbidden, stolen.Code)
	require.Equal(t, http.StatusSeeOther, w.callback(w.Boss.ID, address).Code)
	again := w.callback(w.Boss.ID, address)
	require.Equal(t, http.StatusBadRequest, again.Code)
	require.Contains(t, plain(again.text), "was already used")
	begin()
	other := w.user("else@acme.example")
	id := chatadmin.ID(strings.TrimPrefix(at, "/groups/"))
	_, err := w.S.AddMembers(ctx, id, other.ID)
	require.NoError(t, err)
	require.NoError(t, w.S.SetGroupAdmin(ctx, id, true, other.ID))
	require.NoError(t, w.S.SetGroupAdmin(ctx, id, false, w.Boss.ID))
	_, err = w.Admin.As(w.Domain, ann.ID).AssignRole(ctx, chatadmin.RoleMember, w.Boss.ID)
	require.NoError(t, err)
	require.Equal(t, http.StatusForbidden, w.callback(w.Boss.ID, address).Code, "demoted meanwhile")
}

// Mailchimp needs one list at least. Saving makes the webhooks, and what is not
// chosen any more loses its own.
func TestMailchimp(t *testing.T) {
	w := newWorld(t)
	w.mailchimp.AddAudiences(2)
	w.post("/integrations/mailchimp/enable")
	at := w.post("/groups/new", "name", "Chess") + "/integrations/mailchimp"
	w.post(at + "/enable")
	back := w.authenticate(w.Boss.ID, at, w.mailchimp.Authorise)
	require.Equal(t, "/admin"+at, back.Header().Get("Location"), plain(back.text))
	form := w.get(at)
	require.Contains(t, plain(form.text), "MailChimp lists")
	lists := form.checks("audiences")
	require.GreaterOrEqual(t, len(lists), 2)
	none := w.do(w.Boss.ID, "POST", "/admin"+at+"/save", values("name", "News"))
	require.Equal(t, http.StatusBadRequest, none.Code, "at least one list")
	w.post(at+"/save", "audiences", lists[0], "audiences", lists[1])
	require.Len(t, w.mailchimp.Webhooks(lists[1]), 1)
	require.Len(t, w.get(at).checks("audiences"), len(lists))
	require.Contains(t, w.get(at).text, `value="`+lists[1]+`" checked`)
	w.post(at+"/save", "audiences", lists[0])
	require.Empty(t, w.mailchimp.Webhooks(lists[1]))
	require.NotContains(t, w.get(at).text, `value="`+lists[1]+`" checked`)
}

// checks are the values of a list of checkboxes.
func (a answer) checks(name string) (values []string) {
	for _, part := range strings.Split(a.text, `name="`+name+`" value="`)[1:] {
		value, _, _ := strings.Cut(part, `"`)
		values = append(values, value)
	}
	return values
}

// AFAS is connected by each user: keys, a code, a token, a type of dossier
// items. Keys are not shown again.
func TestAFAS(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann@acme.example")
	bad := w.do(w.Boss.ID, "POST", "/admin/integrations/afas/enable", values("environment", "x", "kind", "test"))
	require.Equal(t, http.StatusBadRequest, bad.Code)
	w.post("/integrations/afas/enable", "environment", "12345", "kind", "test")
	require.Contains(t, w.get("/integrations").text, `value="12345"`)
	as := func(method, path string, fields ...string) answer {
		return w.do(ann.ID, method, "/admin/account"+path, values(fields...))
	}
	require.Contains(t, plain(as("GET", "").text), "AFAS Not enabled here")
	const at, afasUser = "/integrations/afas", "ann@acme.example"
	require.Equal(t, http.StatusSeeOther, as("POST", at+"/enable").Code)
	keys := []string{"api_key", strings.Repeat("0", 32), "environment_key", strings.Repeat("1", 32), "user", afasUser}
	require.Equal(t, http.StatusSeeOther, as("POST", at+"/connect", keys...).Code)
	form := as("GET", at)
	require.Contains(t, plain(form.text), "Request code")
	require.NotContains(t, form.text, strings.Repeat("1", 32))
	wrong := as("POST", at+"/connect", "code", "no code!")
	require.Equal(t, http.StatusBadRequest, wrong.Code)
	require.Equal(t, http.StatusSeeOther, as("POST", at+"/connect", "code", w.afas.Code(afasUser)).Code)
	form = as("GET", at)
	require.Contains(t, plain(form.text), "Authenticated as "+afasUser)
	kind, _, _ := strings.Cut(between(t, form.text, `<option value="`, `</option></select>`), `"`)
	require.Equal(t, http.StatusSeeOther, as("POST", at+"/save", "type", kind).Code)
	require.Contains(t, plain(as("GET", "").text), "AFAS In force")
	require.Equal(t, http.StatusNotFound, as("GET", "/integrations/slack").Code, "a service of groups")
	require.Equal(t, http.StatusNotFound, w.do(w.Boss.ID, "GET", "/admin/groups/"+string(ann.ID)+"/integrations/afas", nil).Code, "a service of users")
	require.Contains(t, plain(w.get("/account").text), "AFAS Not enabled here", "everybody has their own")
}

// What was given up is tried again, or discarded.
func TestDeadLetters(t *testing.T) {
	w := newWorld(t)
	w.post("/integrations/slack/enable")
	at := w.post("/groups/new", "name", "Chess")
	page := at + "/integrations/slack"
	w.post(page + "/enable")
	w.authenticate(w.Boss.ID, page, w.slack.Authorise)
	channel := w.get(page).option(t, "general")
	w.post(page+"/save", "channel", channel)
	x, group := w.options.Integrations, chatadmin.ID(strings.TrimPrefix(at, "/groups/"))
	w.slack.SetFault(func(string) slacktest.Fault { return slacktest.Fault{Status: http.StatusServiceUnavailable} })
	for _, id := range []chatadmin.ID{"m1", "m2"} {
		_, err := x.Tell(ctx, w.Domain, integrations.Message{Op: integrations.Posted, Group: group, ID: id, Author: "Ann", Text: "Hello " + string(id)})
		require.NoError(t, err)
	}
	for range 30 {
		w.Clock.Advance(time.Hour)
		require.NoError(t, x.Deliver(ctx))
	}
	w.slack.SetFault(nil)
	dead := w.get(page)
	require.Contains(t, plain(dead.text), "Given up 2")
	letters := strings.Split(dead.text, `name="message" value="`)
	require.Len(t, letters, 3)
	first, _, _ := strings.Cut(letters[1], `"`)
	second, _, _ := strings.Cut(letters[2], `"`)
	w.post(page+"/retry", "message", first)
	w.post(page+"/discard", "message", second)
	w.Clock.Advance(time.Hour)
	require.NoError(t, x.Deliver(ctx))
	require.Contains(t, plain(w.get(page).text), "Given up 0")
	require.Len(t, w.slack.Messages(channel), 1)
	require.Equal(t, http.StatusNotFound, w.do(w.Boss.ID, "POST", "/admin"+page+"/retry", values("message", second)).Code)
}
