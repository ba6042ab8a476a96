package portal_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
)

var (
	complaints = regexp.MustCompile(`(?s)<small class="error"[^>]*>(.*?)</small>|role="alert">(.*?)</div>`)
	separators = regexp.MustCompile("([0-9])[.,\u00a0\u202f]([0-9]{3})\\b")
)

// complaint is what a page says is wrong, with numbers as 1000.
func (a answer) complaint() string {
	var all []string
	for _, m := range complaints.FindAllStringSubmatch(a.text, -1) {
		all = append(all, strings.NewReplacer("&#34;", `"`, "&#39;", "'", "&amp;", "&").Replace(plain(m[1]+m[2])))
	}
	return separators.ReplaceAllString(strings.Join(all, " | "), "$1$2")
}

// refusal is a request that is refused, and the values that its sentence names.
type refusal struct {
	as     chatadmin.ID // "" is the boss
	path   string
	form   url.Values // nil is a GET
	values []string
}

// What an error says in English, with the field, the name and the limit, it
// says in every language.
func TestErrorsNameTheirValues(t *testing.T) {
	for preset, make := range map[chatadmin.Preset]func(*world) map[string]refusal{
		chatadmin.OfficeChat: officeRefusals, chatadmin.ESChat: radioRefusals, chatadmin.Engage: engageRefusals,
	} {
		t.Run(string(preset), func(t *testing.T) {
			t.Parallel()
			w := newWorldOn(t, nil, preset)
			for name, x := range make(w) {
				said := map[string]string{}
				for _, lang := range complete {
					as, method := w.Boss.ID, http.MethodGet
					if x.as != "" {
						as = x.as
					}
					if x.form != nil {
						method = http.MethodPost
					}
					r, err := http.NewRequestWithContext(ctx, method, "/admin"+x.path, strings.NewReader(x.form.Encode()))
					require.NoError(t, err)
					if x.form != nil {
						r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
					}
					r.Header.Set("Accept-Language", lang)
					a := w.send(as, r)
					require.GreaterOrEqual(t, a.Code, 400, "%s is not refused: %s", name, plain(a.text))
					require.Less(t, a.Code, 500, "%s: %s", name, plain(a.text))
					said[lang] = a.complaint()
					for _, value := range x.values {
						require.Contains(t, said[lang], value, "%s in %s", name, lang)
					}
					require.NotContains(t, said[lang], "%!", "%s in %s", name, lang)
					if lang != "en" {
						require.NotEqual(t, said["en"], said[lang], "%s in %s", name, lang)
					}
				}
			}
		})
	}
}

func officeRefusals(w *world) map[string]refusal {
	t := w.T
	long := func(n int) string { return strings.Repeat("x", n) }
	ann := w.user("ann@acme.example")
	active := w.user("active@acme.example")
	require.NoError(t, w.passwords.Set(ctx, active, "correct horse"))
	_, err := w.S.DenyAccess(ctx, ann.ID)
	require.NoError(t, err)
	fresh := w.user("fresh@acme.example")
	require.NoError(t, w.S.ResendInvitation(ctx, fresh.ID))
	chess := w.post("/groups/new", "name", "Chess")
	w.post(chess+"/members", "login", fresh.Login)
	old := w.post("/groups/new", "name", "Old times")
	w.post(old + "/archive")
	var shipped chatadmin.Group
	for g, err := range w.S.Groups(ctx, chatadmin.GroupQuery{DefaultOnly: true}) {
		require.NoError(t, err)
		shipped = g
	}
	all := "/groups/" + string(shipped.ID)
	maker := w.user("groups@acme.example")
	_, err = w.S.ChangeSettings(ctx, func(s *chatadmin.Settings) error { s.Limits = chatadmin.Limits{Groups: 2, GroupsPerDay: 3}; return nil })
	require.NoError(t, err)
	for i := range 2 {
		_, err := w.Admin.As(w.Domain, maker.ID).CreateGroup(ctx, fmt.Sprintf("Made %d", i))
		require.NoError(t, err)
	}
	weak := w.withRole("weak", 1, chatadmin.PermUsersRead, chatadmin.PermUsersAccess)
	high := w.withRole("high", 9, chatadmin.PermUsersRead)
	even := w.withRole("even", 1, chatadmin.PermAudit)
	w.post("/fields", "name", "Size", "kind", "number")
	w.post("/fields", "name", "Site", "kind", "choice", "choices", "North\nSouth")
	w.work()
	name := func(n string) url.Values { return values("name", n, "posting", "everybody") }
	tool := func(id chatadmin.ID) url.Values { return values("user", string(id)) }
	edit := "/users/" + string(active.ID) + "/edit"
	return map[string]refusal{
		"a title too long":             {"", "/users/invite", values("login", "new@acme.example", "title", long(251)), []string{"250"}},
		"a phone too long":             {"", edit, values("phone", long(65)), []string{"64"}},
		"a name of a group too long":   {"", "/groups/new", name(long(251)), []string{"250"}},
		"a group renamed at length":    {"", chess + "/settings", name(long(251)), []string{"250"}},
		"a hold without a reason":      {"", "/compliance/holds", values("user", string(ann.ID), "reason", long(1001)), []string{"1000"}},
		"the name of a role":           {"", "/roles/save", values("name", long(65), "level", "1"), []string{"64"}},
		"the level of a role":          {"", "/roles/save", values("name", "Help", "level", "101"), []string{"0", "99"}},
		"a reserved field":             {"", "/fields", values("name", "Email", "kind", "text"), []string{"Email"}},
		"the name of a field too long": {"", "/fields", values("name", long(65), "kind", "text"), []string{"64"}},
		"a choice twice":               {"", "/fields", values("name", "Floor", "kind", "choice", "choices", "Up\nDown\nUp"), []string{"Up"}},
		"a choice too long":            {"", "/fields", values("name", "Floor", "kind", "choice", "choices", long(101)), []string{"100"}},
		"no choices":                   {"", "/fields", values("name", "Floor", "kind", "choice"), []string{"100"}},
		"a field that is there":        {"", "/fields", values("name", "Size", "kind", "text"), []string{"Size", "number"}},
		"a number too long":            {"", edit, values("own:Size", strings.Repeat("1", 41)), []string{"40"}},
		"a choice that is none":        {"", edit, values("own:Site", "East"), []string{"North, South"}},
		"a default group left":         {"", all + "/members/remove", tool(fresh.ID), []string{shipped.Name}},
		"a default group archived":     {"", all + "/archive", url.Values{}, []string{shipped.Name}},
		"a shipped group deleted":      {"", all + "/delete", nil, []string{shipped.Name}},
		"an archived group as default": {"", old + "/default", nil, []string{"Old times"}},
		"a link to one denied":         {"", "/users/tools/resend", tool(ann.ID), []string{"ann@acme.example"}},
		"a link to one a minute ago":   {"", "/users/tools/resend", tool(fresh.ID), []string{"fresh@acme.example", "09:00"}},
		"too many groups":              {maker.ID, "/groups/new", name("One more"), []string{"2"}},
		"a role above":                 {weak.ID, "/users/tools/deny", tool(high.ID), []string{high.Login}},
		"a permission more":            {weak.ID, "/users/tools/deny", tool(even.ID), []string{even.Login, string(chatadmin.PermAudit)}},
		"somebody else's group":        {weak.ID, chess + "/settings", name("Go"), []string{"Chess", string(chatadmin.PermGroups)}},
		"retention for ever and a day": {"", "/compliance/retention", values("days", "99999"), []string{"99999"}},
		"too few seats":                {"", "/compliance/baa", values("new_domain", "Acme Health", "admin_email", "boss@acme.example", "acknowledge", "Yes", "seats", "1"), []string{"50"}},
		"idle for no time":             {"", "/users/signins?days=0", nil, []string{"36500"}},
	}
}

func radioRefusals(w *world) map[string]refusal {
	dept, err := w.options.Provisioning.CreateDepartment(ctx, w.S, "Night shift")
	require.NoError(w.T, err)
	w.department = dept.Name
	w.user("ann@acme.example")
	return map[string]refusal{
		"a login too short":            {"", "/users/invite", values("login", "a", "email", "a@acme.example", "first_name", "Ann", "last_name", "Other", "department", dept.Name), []string{"3", "24"}},
		"a last name too short":        {"", "/users/invite", values("login", "abc", "email", "a@acme.example", "first_name", "Ann", "last_name", "Ot", "department", dept.Name), []string{"3"}},
		"a department too long":        {"", "/departments", values("name", strings.Repeat("x", 300)), []string{"250"}},
		"a department that has people": {"", "/departments/" + string(dept.ID) + "/delete", url.Values{}, []string{"Night shift", "1"}},
	}
}

func engageRefusals(w *world) map[string]refusal {
	return map[string]refusal{
		"a preference too long": {"", "/preferences", values("landing", strings.Repeat("x", 251)), []string{"250"}},
	}
}

// A password that is too short is told how many characters it needs, in the
// language of the browser.
func TestShortPasswordNamesItsLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.post("/users/invite", "login", "ann@acme.example", "kind", "network", "invite", "1")
	w.work()
	mail := w.Mail.To("ann@acme.example")[0].Text
	_, link, _ := strings.Cut(strings.Fields(mail[strings.Index(mail, "https://"):])[0], "https://chat.example")
	token := w.do("", "GET", link, nil).hidden(t, "token")
	for _, lang := range complete {
		for password, limit := range map[string]string{"short": "8", strings.Repeat("x", 1025): "1024"} {
			form := values("token", token, "password", password, "again", password)
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, "/admin/activate", strings.NewReader(form.Encode()))
			require.NoError(t, err)
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Accept-Language", lang)
			a := w.send("", r)
			require.Equal(t, http.StatusBadRequest, a.Code, plain(a.text))
			require.Contains(t, a.complaint(), limit, lang)
		}
	}
}
