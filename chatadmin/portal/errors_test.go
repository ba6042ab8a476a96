package portal_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/compliance"
	"chatadmin.example/sdk/chatadmin/support"
	"chatadmin.example/sdk/chatadmin/texts"
	"chatadmin.example/sdk/devices"
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

// refusal is a request that is refused, and the values that its sentence names,
// or the key of a sentence that names none.
type refusal struct {
	as     chatadmin.ID // "" is the boss
	path   string
	form   url.Values // nil is a GET
	values []string
}

// key is the key of a sentence without values.
func (r *refusal) key() string {
	if len(r.values) == 1 && strings.HasPrefix(r.values[0], "why.") {
		return r.values[0]
	}
	return ""
}

// What an error says in English, with the field, the name and the limit, it
// says in every language.
func TestErrorsNameTheirValues(t *testing.T) {
	sentences, err := texts.New(nil)
	require.NoError(t, err)
	for preset, make := range map[chatadmin.Preset]func(*world) map[string]refusal{
		chatadmin.OfficeChat: func(w *world) map[string]refusal {
			all := officeRefusals(w)
			maps.Copy(all, packageRefusals(w))
			return all
		}, chatadmin.ESChat: radioRefusals, chatadmin.Engage: engageRefusals,
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
					if key := x.key(); key != "" {
						require.True(t, sentences.Printer(lang).Has(key), key)
						if lang != "en" { // which has more to say
							require.Contains(t, strings.ToLower(said[lang]), strings.ToLower(sentences.Printer(lang).Sprintf(key)), "%s in %s", name, lang)
						}
						continue
					}
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

// packageRefusals are those of devices, problem reports, agreements, two-factor
// authentication and integrations.
func packageRefusals(w *world) map[string]refusal {
	t := w.T
	del := w.user("del@acme.example")
	wiped, fresh, out := w.device(del.ID, "W1"), w.device(del.ID, "W2"), w.user("out@acme.example")
	of := w.device(out.ID, "W3")
	plan, err := w.options.Devices.PlanWipe(ctx, w.S, devices.These(wiped.ID))
	require.NoError(t, err)
	_, err = w.options.Devices.ApplyWipe(ctx, w.S, plan, nil)
	require.NoError(t, err)
	_, err = w.S.DenyAccess(ctx, out.ID)
	require.NoError(t, err)
	hostWipes := w.device(del.ID, "W4")
	host := w.Admin.AsHost(w.Domain)
	plan, err = w.options.Devices.PlanWipe(ctx, host, devices.These(hostWipes.ID))
	require.NoError(t, err)
	_, err = w.options.Devices.ApplyWipe(ctx, host, plan, nil)
	require.NoError(t, err)
	desk := w.withRole("desk", 50, chatadmin.PermDevices)

	reports := map[string]chatadmin.ID{}
	for _, name := range []string{"sent", "received"} {
		reports[name] = w.report(del.ID).ID
	}
	_, err = w.options.Support.Acknowledge(ctx, w.S, reports["received"])
	require.NoError(t, err)
	b, err := w.options.Support.Prepare(ctx, w.S, support.Draft{Platform: support.IOS, User: del.ID, From: "ann@acme.example", Description: "It hangs."})
	require.NoError(t, err)
	queued, err := w.options.Support.Send(ctx, w.S, b)
	require.NoError(t, err)
	a, err := w.options.Agreements.Request(ctx, w.S, compliance.Form{NewDomain: "Acme Health", AdminEmail: "boss@acme.example", Acknowledge: "Yes"})
	require.NoError(t, err)

	require.NoError(t, w.options.Integrations.EnableService(ctx, w.S, "mailchimp", nil))
	require.NoError(t, w.options.Integrations.EnableService(ctx, w.S, "afas", []byte(`{"environment": "12345"}`)))
	group := w.post("/groups/new", "name", "Go")
	w.post(group + "/integrations/mailchimp/enable")
	importer := w.withRole("importer", 50, chatadmin.PermUsersImport, chatadmin.PermUsersRead)
	device := func(d devices.Device) url.Values { return values("device", string(d.ID)) }
	report := func(id chatadmin.ID, action string) string { return "/support/reports/" + string(id) + "/" + action }
	step := "/compliance/baa/" + string(a.ID) + "/step"
	return map[string]refusal{
		"a device that is being wiped":    {"", "/security/devices/enable", device(wiped), []string{"why.device_wiping"}},
		"a device of one denied":          {"", "/security/devices/enable", device(of), []string{"why.device_user_out"}},
		"a wipe that nobody asked for":    {"", "/security/devices/cancel", device(fresh), []string{"why.wipe_cancel"}},
		"a wipe of the application's own": {desk.ID, "/security/devices/cancel", device(hostWipes), []string{"why.wipe_of_host"}},
		"no device":                       {"", "/security/devices/disable", url.Values{}, nil},
		"a wipe of no device":             {"", "/security/devices/wipe", nil, []string{fmt.Sprint(devices.MaxPlan)}},
		"a report solved unseen":          {"", report(reports["sent"], "state"), values("state", "solved"), []string{"why.report_acknowledge"}},
		"a report sent back":              {"", report(reports["received"], "state"), values("state", "failed"), []string{"why.report_moved"}},
		"a report that was not sent":      {"", report(queued.ID, "acknowledge"), url.Values{}, []string{"why.report_unsent"}},
		"a step of the application":       {"", step, values("step", "provision"), []string{"why.step_application"}},
		"a step of the new domain":        {"", step, values("step", "sign", "document", "x"), []string{"why.step_customer"}},
		"recovery codes that are none":    {"", "/account/recovery", url.Values{}, []string{"why.recovery_off"}},
		"recovery codes by mail":          {"", "/security/browser/review?mode=email&days=1&recovery=1", nil, []string{"why.recovery_mode"}},
		"a service that is off":           {"", group + "/integrations/slack", nil, []string{"Slack", "Bea Boss"}},
		"a service without an account":    {"", group + "/integrations/mailchimp/save", values("name", "News"), []string{"Mailchimp"}},
		"a service that is not begun":     {"", "/account/integrations/afas/save", values("type", "1"), []string{"AFAS"}},
		"a group of others":               {importer.ID, group + "/integrations/mailchimp", nil, []string{"Go", string(chatadmin.PermGroups)}},
	}
}

// A file that is refused as a whole says its columns and limits in the language
// of the reader.
func TestRefusedFilesNameTheirValues(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, x := range map[string]struct {
		file   string
		values []string
	}{
		"no heading is known":    {"colour\nred\n", []string{"colour"}},
		"data in the first line": {"ann@acme.example,Ann\n", []string{"ann@acme.example"}},
		"no login":               {"first name,phone\nAnn,1\n", []string{"first name", "phone"}},
		"a column twice":         {"Login,login\na@acme.example,b@acme.example\n", []string{"Login", "login"}},
		"a column of the status": {"email/login,Can enter\na@acme.example,ok\n", []string{"Can enter"}},
		"broken headings":        {"email/login,\"x\na@acme.example\n", []string{"1"}},
	} {
		a := w.upload(w.Boss.ID, "people.csv", x.file, "mode", "update")
		require.Equal(t, http.StatusSeeOther, a.Code, "%s: %s", name, plain(a.text))
		said := map[string]string{}
		for _, lang := range complete {
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.Header().Get("Location"), nil)
			require.NoError(t, err)
			r.Header.Set("Accept-Language", lang)
			said[lang] = w.send(w.Boss.ID, r).complaint()
			for _, value := range x.values {
				require.Contains(t, said[lang], value, "%s in %s", name, lang)
			}
			if lang != "en" {
				require.NotEqual(t, said["en"], said[lang], "%s in %s", name, lang)
			}
		}
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
