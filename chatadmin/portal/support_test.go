package portal_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// The reporting level of each platform is set, and what is not advisable is
// told.
func TestLevels(t *testing.T) {
	w := newWorld(t)
	page := plain(w.get("/support/levels").text)
	require.Contains(t, page, "Errors Only. It cannot be changed.", "Android")
	require.NotContains(t, page, "logs nothing")
	w.post("/support/levels", "platform", "ios", "level", "none")
	require.Contains(t, plain(w.get("/support/levels").text), "iOS logs nothing.")
	for _, bad := range [][]string{{"platform", "android", "level", "debug"}, {"platform", "x", "level", "debug"}, {"platform", "ios"}} {
		require.Equal(t, http.StatusBadRequest, w.do(w.Boss.ID, "POST", "/admin/support/levels", values(bad...)).Code)
	}
}

// A report is found, acknowledged, taken into work and solved. Secrets of its
// logs are not in it.
func TestReports(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann@acme.example")
	require.Contains(t, plain(w.get("/support/reports").text), "No reports are found.")
	r := w.report(ann.ID)
	at := "/support/reports/" + string(r.ID)
	require.Contains(t, plain(w.get("/support/reports?platform=ios&state=sent&ticket=T-1").text), "iOS ann@acme.example T-1")
	require.Contains(t, plain(w.get("/support/reports?platform=mac").text), "No reports are found.")
	page := w.get(at)
	require.Contains(t, plain(page.text), "It hangs.")
	require.NotContains(t, page.text, "hunter2")
	require.Equal(t, http.StatusConflict, w.do(w.Boss.ID, "POST", "/admin"+at+"/state", values("state", "solved")).Code, "not acknowledged yet")
	w.post(at + "/acknowledge")
	w.work()
	require.NotEmpty(t, w.Mail.To("ann@acme.example"))
	require.Contains(t, plain(w.get(at).text), "Problem report Received")
	w.post(at+"/state", "state", "in_work")
	w.post(at+"/state", "state", "solved")
	require.Contains(t, plain(w.get(at).text), "Problem report Solved")
	require.Equal(t, http.StatusBadRequest, w.do(w.Boss.ID, "POST", "/admin"+at+"/state", values("state", "x")).Code)
	require.Equal(t, http.StatusOK, w.do(ann.ID, "GET", "/admin"+at, nil).Code, "one's own report")
	other := w.user("other@acme.example")
	require.Equal(t, http.StatusForbidden, w.do(other.ID, "GET", "/admin"+at, nil).Code)
	require.NotContains(t, w.do(ann.ID, "GET", "/admin"+at, nil).text, "/state")
}
