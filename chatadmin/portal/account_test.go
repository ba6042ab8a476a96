package portal_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/twofa"
)

// Users see their devices and remembered clients, forget these, and make
// recovery codes, which are shown once.
func TestAccount(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann@acme.example")
	w.device(ann.ID, "A1B2")
	plan, err := w.options.TwoFactor.Plan(ctx, w.S, twofa.Policy{Mode: twofa.Authenticator, Validity: twofa.MaxValidity, Recovery: true})
	require.NoError(t, err)
	require.NoError(t, w.options.TwoFactor.Apply(ctx, w.S, plan))
	as := func(method, path string, fields ...string) answer {
		return w.do(ann.ID, method, "/admin/account"+path, values(fields...))
	}
	require.Contains(t, plain(as("GET", "").text), "A1B2")
	require.Contains(t, plain(as("GET", "").text), "Sets up an authenticator app")
	require.NotContains(t, plain(as("GET", "").text), "Make recovery codes", "without an authenticator")
	require.Equal(t, http.StatusConflict, as("POST", "/recovery").Code)

	require.NoError(t, w.passwords.Set(ctx, ann, "correct horse"))
	d, err := w.options.Gate.SignIn(ctx, w.Domain, signin.Attempt{Login: ann.Login, Client: signin.Web, Method: signin.Password}, w.passwords.Verifier("correct horse"))
	require.NoError(t, err)
	code, err := totp.GenerateCode(d.Challenge.Enrolment.Secret.Reveal(), w.Clock.Now())
	require.NoError(t, err)
	d, err = w.options.Gate.Complete(ctx, w.Domain, d.Challenge.ID, code, true)
	require.NoError(t, err)
	require.True(t, d.Allowed())
	require.NotEqual(t, secret.Value{}, d.Trust)

	page := as("GET", "")
	require.Contains(t, plain(page.text), "Authenticator app")
	made := as("POST", "/recovery")
	require.Equal(t, http.StatusOK, made.Code)
	require.Equal(t, 10, strings.Count(made.text, "<li><code>"))
	require.NotContains(t, as("GET", "").text, "<li><code>", "shown once")
	require.Contains(t, plain(as("GET", "").text), "10 recovery codes are left.")
	clients := as("GET", "").checks("client")
	require.Len(t, clients, 1)
	require.Equal(t, http.StatusNotFound, w.do(w.Boss.ID, "POST", "/admin/account/forget", values("client", clients[0])).Code)
	require.Len(t, as("GET", "").checks("client"), 1, "of somebody else")
	require.Equal(t, http.StatusSeeOther, as("POST", "/forget").Code)
	require.Len(t, as("GET", "").checks("client"), 1, "nothing is selected")
	require.Equal(t, http.StatusSeeOther, as("POST", "/forget", "client", clients[0]).Code)
	require.Empty(t, as("GET", "").checks("client"))
	require.Equal(t, http.StatusSeeOther, as("POST", "/forget", "all", "1").Code)
}
