package portal_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/signin"
)

// The list says when users signed in last, and the idle ones are deactivated by
// a plan.
func TestSignIns(t *testing.T) {
	w := newWorld(t)
	ann, ben := w.user("ann@acme.example"), w.user("ben@acme.example")
	enter := func(u chatadmin.User) {
		require.NoError(t, w.passwords.Set(ctx, u, "correct horse"))
		d, err := w.options.Gate.SignIn(ctx, w.Domain, signin.Attempt{Login: u.Login, Client: signin.Web, Method: signin.Password}, w.passwords.Verifier("correct horse"))
		require.NoError(t, err)
		require.True(t, d.Allowed())
	}
	enter(ann)
	w.Clock.Advance(100 * 24 * time.Hour)
	enter(w.Boss)
	page := plain(w.get("/users/signins").text)
	require.Contains(t, page, "ann@acme.example 2026-03-01 09:00 UTC Web")
	require.Contains(t, page, "ben@acme.example Never")
	require.NotContains(t, w.get("/users/signins?days=30").text, "boss@acme.example</bdi></td>")
	require.NotContains(t, w.get("/users/signins?never=1").text, "ann@acme.example")
	require.NotContains(t, w.get("/users/signins?client=ios").text, "ann@acme.example")
	require.Contains(t, w.get("/users/signins?q=nn@ac").text, "ann@acme.example")
	for _, bad := range []string{"/users/signins?days=0", "/users/signins?days=x", "/users/idle?for=-1", "/users/idle?for=36501", "/users/idle"} {
		require.Equal(t, http.StatusBadRequest, w.do(w.Boss.ID, "GET", "/admin"+bad, nil).Code, bad)
	}
	review := w.get("/users/idle?for=90&unused=1")
	require.Contains(t, plain(review.text), "2 users")
	require.Contains(t, review.text, "ben@acme.example")
	run := w.post("/users/idle", "plan", review.hidden(t, "plan"))
	w.work()
	require.Contains(t, plain(w.get(run).text), "Deactivation of idle users Done")
	for _, u := range []chatadmin.User{ann, ben} {
		now, err := w.S.User(ctx, u.ID)
		require.NoError(t, err)
		require.Equal(t, chatadmin.Deactivated, now.Status)
	}
	require.Contains(t, plain(w.get("/users/idle?for=90").text), "No users are found.")
}

// Whose sign-ins were refused is listed with the reason in words; and the page
// of a user says when they came last.
func TestRefusedSignIns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.user("ann@acme.example")
	require.NoError(t, w.passwords.Set(ctx, ann, "correct horse"))
	for login, password := range map[string]string{"ann@acme.example": "wrong horse", "nobody@acme.example": "correct horse"} {
		_, err := w.options.Gate.SignIn(ctx, w.Domain, signin.Attempt{Login: login, Client: signin.Web}, w.passwords.Verifier(password))
		require.NoError(t, err)
	}
	w.work()
	page := plain(w.get("/users/refused").text)
	require.Contains(t, page, "ann@acme.example 2026-03-01 09:00 UTC Wrong password Web")
	require.Contains(t, page, "Nobody: no user has the login")
	require.NotContains(t, w.get("/users/refused").text, "nobody@acme.example")
	require.NotContains(t, plain(w.get("/users/refused?reason=unknown").text), "ann@acme.example 2026")
	require.Contains(t, plain(w.get("/users/refused?q=zzz").text), "No sign-in was refused.")
	require.Equal(t, http.StatusBadRequest, w.do(w.Boss.ID, "GET", "/admin/users/refused?reason=x", nil).Code)
	require.Contains(t, plain(w.get("/users/"+string(ann.ID)).text), "Last sign-in Never")
	_, err := w.options.Gate.SignIn(ctx, w.Domain, signin.Attempt{Login: "ann@acme.example", Client: signin.IOS}, w.passwords.Verifier("correct horse"))
	require.NoError(t, err)
	require.Contains(t, plain(w.get("/users/"+string(ann.ID)).text), "Last sign-in 2026-03-01 09:00 UTC (iOS)")
}
