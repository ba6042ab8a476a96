package portal_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/compliance"
)

// The policy is reviewed before it is in force, and what it deletes can go at
// once.
func TestRetention(t *testing.T) {
	w := newWorld(t)
	require.Contains(t, plain(w.get("/compliance/retention").text), "Messages and files are kept for ever.")
	review := w.get("/compliance/retention/review?days=30")
	require.Contains(t, plain(review.text), "Messages and files are kept for 30 days.")
	require.NotContains(t, review.text, "/compliance/retention/run", "it is not in force yet")
	w.post("/compliance/retention", "days", "30")
	require.Contains(t, plain(w.get("/compliance/retention").text), "Messages and files are kept for 30 days.")
	now := w.get("/compliance/retention/review?days=30")
	run := w.post("/compliance/retention/run", "plan", now.hidden(t, "plan"))
	w.work()
	require.Contains(t, plain(w.get(run).text), "Retention Done")
	require.Contains(t, plain(w.get("/compliance/retention/review?days=0").text), "Messages and files are kept for ever.")
	w.post("/compliance/retention", "days", "0")
	require.Equal(t, http.StatusConflict, w.do(w.Boss.ID, "POST", "/admin/compliance/retention/run", values("plan", now.hidden(t, "plan"))).Code, "decided otherwise since")
	for _, bad := range []string{"-1", "x", "36501"} {
		require.Equal(t, http.StatusBadRequest, w.do(w.Boss.ID, "GET", "/admin/compliance/retention/review?days="+bad, nil).Code, bad)
		require.Equal(t, http.StatusBadRequest, w.do(w.Boss.ID, "POST", "/admin/compliance/retention", values("days", bad)).Code, bad)
	}
	require.NoError(t, w.options.Retention.SetLimit(ctx, w.Domain, 7))
	require.Contains(t, plain(w.get("/compliance/retention").text), "At most 7 days: your agreement asks for it.")
	require.Equal(t, http.StatusForbidden, w.do(w.Boss.ID, "POST", "/admin/compliance/retention", values("days", "8")).Code)
}

// Holds are placed on users and groups, and released.
func TestHolds(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann@acme.example")
	w.post("/groups/new", "name", "Chess")
	w.post("/compliance/holds", "user", "ANN@acme.example", "reason", "case 1")
	w.post("/compliance/holds", "group", "chess", "reason", "case 2")
	page := plain(w.get("/compliance/holds").text)
	require.Contains(t, page, "ann@acme.example User case 1 Bea Boss")
	require.Contains(t, page, "Chess Group case 2 Bea Boss")
	require.Contains(t, plain(w.get("/users/tools?tool=delete&user="+string(ann.ID)).text), "This stands in the way")
	for _, bad := range [][]string{{"user", "nobody@acme.example", "reason", "x"}, {"reason", "x"}, {"user", ann.Login, "group", "Chess", "reason", "x"},
		{"user", ann.Login}, {"group", "Che", "reason", "x"}} {
		a := w.do(w.Boss.ID, "POST", "/admin/compliance/holds", values(bad...))
		require.Contains(t, []int{http.StatusBadRequest, http.StatusNotFound}, a.Code, bad)
		require.Contains(t, a.text, `role="alert"`, bad)
	}
	holds := w.get("/compliance/holds").checks("hold")
	require.Len(t, holds, 2)
	w.post("/compliance/holds/release", "hold", holds[0])
	require.Len(t, w.get("/compliance/holds").checks("hold"), 1)
	require.Equal(t, http.StatusNotFound, w.do(w.Boss.ID, "POST", "/admin/compliance/holds/release", values("hold", holds[0])).Code)
	lawyer := w.withRole("lawyer", 50, chatadmin.PermHolds)
	a := w.do(lawyer.ID, "POST", "/admin/compliance/holds", values("user", string(ann.ID), "reason", "case 3"))
	require.Equal(t, http.StatusSeeOther, a.Code, "by ID, without the list of users")
	require.NotContains(t, w.do(lawyer.ID, "GET", "/admin/compliance/holds", nil).text, "ann@acme.example")
}

// The host's staff closes a domain by a plan, cancels it while it is scheduled,
// and sees the receipt when the domain is gone. Nobody else gets there.
func TestClosing(t *testing.T) {
	w := newWorld(t)
	as := func(method, path string, form url.Values) answer { return w.do(staff, method, "/admin"+path, form) }
	for _, other := range []chatadmin.ID{"", w.Boss.ID} {
		for _, r := range []string{"GET /closing", "POST /closing", "GET /closing/x", "POST /closing/x/cancel"} {
			method, path, _ := strings.Cut(r, " ")
			require.Equal(t, http.StatusForbidden, w.do(other, method, "/admin"+path, nil).Code, r)
		}
	}
	require.Equal(t, http.StatusInternalServerError, w.do("broken", "GET", "/admin/closing", nil).Code)
	h, err := w.S.AddHold(ctx, chatadmin.Hold{User: w.Boss.ID, Reason: "a case"})
	require.NoError(t, err)
	held := as("GET", "/closing", nil)
	require.Contains(t, plain(held.text), "This stands in the way")
	require.NotContains(t, held.text, `name="plan"`)
	_, err = w.S.ReleaseHold(ctx, h.ID)
	require.NoError(t, err)
	require.Equal(t, http.StatusBadRequest, as("GET", "/closing?days=366", nil).Code)
	require.Contains(t, plain(as("GET", "/closing?days=0", nil).text), "It begins at once, and cannot be cancelled.")
	plan := as("GET", "/closing?days=20", nil)
	require.Contains(t, plain(plan.text), "The domain is suspended for 20 days.")
	none := as("POST", "/closing", values("plan", plan.hidden(t, "plan")))
	require.Equal(t, http.StatusBadRequest, none.Code)
	require.Contains(t, none.text, `class="error"`, "the reason is missing")
	done := as("POST", "/closing", values("plan", plan.hidden(t, "plan"), "reason", "the contract has ended"))
	require.Equal(t, http.StatusSeeOther, done.Code, plain(done.text))
	at := strings.TrimPrefix(done.Header().Get("Location"), "/admin")
	require.Contains(t, plain(as("GET", at, nil).text), "Close the domain Scheduled")
	require.NotEqual(t, http.StatusOK, w.do(w.Boss.ID, "GET", "/admin/users", nil).Code, "nobody gets in")
	require.Equal(t, http.StatusSeeOther, as("POST", at+"/cancel", nil).Code)
	w.get("/users")
	require.Contains(t, as("GET", "/closing", nil).text, at)

	plan = as("GET", "/closing?days=0", nil)
	done = as("POST", "/closing", values("plan", plan.hidden(t, "plan"), "reason", "the contract has ended"))
	at = strings.TrimPrefix(done.Header().Get("Location"), "/admin")
	w.work()
	receipt := plain(as("GET", at, nil).text)
	require.Contains(t, receipt, "Close the domain Done")
	require.Contains(t, receipt, "Receipt: what was removed")
	require.Equal(t, http.StatusNotFound, as("GET", "/closing", nil).Code, "the domain is gone")
}

// An agreement is requested with the fields of the help page, and its steps are
// shown to the customer.
func TestAgreement(t *testing.T) {
	w := newWorld(t)
	form := plain(w.get("/compliance/baa").text)
	for _, want := range []string{"Office Chat Domain name", "Office Chat Admin Email", "Email of the person to send the BAA agreement",
		"A number of user seats needed", "Your current Office Chat plan", "Acknowledge this will be the Enterprise annual plan: $999 for a year (type Yes)"} {
		require.Contains(t, form, want)
	}
	bad := w.do(w.Boss.ID, "POST", "/admin/compliance/baa", values("domain", "Acme", "new_domain", "Acme Health", "admin_email", "no address", "seats", "49", "acknowledge", "No"))
	require.Equal(t, http.StatusBadRequest, bad.Code)
	require.Equal(t, 3, strings.Count(bad.text, `class="error"`), plain(bad.text))
	at := w.post("/compliance/baa", "domain", "Acme", "new_domain", "Acme Health", "admin_email", "boss@acme.example", "seats", "60", "acknowledge", "Yes")
	page := plain(w.get(at).text)
	require.Contains(t, page, "Requested The next step is the vendor&#39;s. Cancel the request")
	require.Contains(t, page, "A number of user seats needed 60")
	require.NotContains(t, w.get("/compliance/baa").text, `name="acknowledge"`, "one at a time")
	w.work()
	require.NotEmpty(t, w.Mail.To("support@vendor.example"))
	again := w.do(w.Boss.ID, "POST", "/admin/compliance/baa", values("new_domain", "Other", "admin_email", "boss@acme.example", "acknowledge", "Yes", "seats", "50"))
	require.Equal(t, http.StatusConflict, again.Code)

	id := chatadmin.ID(strings.TrimPrefix(at, "/compliance/baa/"))
	a, err := w.options.Agreements.Advance(ctx, w.Admin.AsHost(w.Domain), id, compliance.Provision, compliance.Input{})
	require.NoError(t, err)
	require.Contains(t, plain(w.get(at).text), "The next step is made in the new domain, by an administrator there.")
	require.Equal(t, http.StatusForbidden, w.do(w.Boss.ID, "POST", "/admin"+at+"/step", values("step", "suspend")).Code, "the vendor's")
	old := w.Domain
	var admins []chatadmin.ID
	admins, err = w.Admin.AsHost(a.New).AdminsInForce(ctx)
	require.NoError(t, err)
	w.Domain = a.New // of the session
	there := func(method, path string, form url.Values) answer { return w.do(admins[0], method, "/admin"+path, form) }
	require.Contains(t, plain(there("GET", at, nil).text), "We have invited our staff")
	require.Equal(t, http.StatusSeeOther, there("POST", at+"/step", values("step", "invite")).Code)
	host := w.Admin.AsHost(old)
	for _, step := range []compliance.Step{compliance.Suspend} {
		_, err = w.options.Agreements.Advance(ctx, host, id, step, compliance.Input{})
		require.NoError(t, err)
	}
	require.Equal(t, http.StatusSeeOther, there("POST", at+"/step", values("step", "bill")).Code)
	_, err = w.options.Agreements.Advance(ctx, w.Admin.AsHost(a.New), id, compliance.Send, compliance.Input{Document: "envelope-1"})
	require.NoError(t, err)
	signs := there("GET", at, nil)
	require.Contains(t, signs.text, `name="document"`)
	require.Equal(t, http.StatusSeeOther, there("POST", at+"/step", values("step", "sign", "document", "envelope-1")).Code)
	last := plain(there("GET", at, nil).text)
	require.Contains(t, last, "Signed The next step is the vendor&#39;s.")
	require.Contains(t, last, "We have signed the agreement")
	require.Contains(t, last, "envelope-1")
}
