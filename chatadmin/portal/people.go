package portal

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"net/http"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/twofa"
)

// SignIn is what the page on which people sign in needs of the host. All
// functions must be set.
type SignIn struct {
	// Domain returns the domain of a request, such as by its host name.
	Domain func(r *http.Request) (chatadmin.ID, error)
	// Verify verifies a password, such as the method Verifier of package
	// password.
	Verify func(password string) func(context.Context, chatadmin.User) (bool, error)
	// Begin makes the session of the host for a sign-in that was allowed, such
	// as by setting a cookie.
	Begin func(w http.ResponseWriter, r *http.Request, d signin.Decision) error
}

func (s *SignIn) complete() bool { return s.Domain != nil && s.Verify != nil && s.Begin != nil }

func (p *Portal) peopleRoutes() (routes []route) {
	if p.o.SetPassword != nil {
		routes = append(routes, route{pattern: "GET /activate", open: true, serve: (*view).activation},
			route{pattern: "POST /activate", open: true, serve: (*view).activate})
	}
	if p.o.Imports != nil {
		const need = chatadmin.PermUsersImport
		routes = append(routes, route{pattern: "GET /import", need: need, serve: (*view).held},
			route{pattern: "POST /import", need: need, serve: (*view).release})
	}
	if p.o.SignIn != nil {
		routes = append(routes, route{pattern: "GET /signin", open: true, serve: (*view).signIn},
			route{pattern: "POST /signin", open: true, serve: (*view).checkPassword},
			route{pattern: "GET /signin/code", open: true, serve: (*view).askCode},
			route{pattern: "POST /signin/code", open: true, serve: (*view).checkCode})
	}
	return routes
}

// activationPage sets the first password of a user.
type activationPage struct {
	*view
	User    chatadmin.User
	Token   string
	Problem string
	Done    bool
	SignIn  string
}

func (v *view) activation() error {
	token := v.r.URL.Query().Get("token")
	u, err := v.p.admin.Invited(v.r.Context(), token)
	if err != nil {
		return err
	}
	return v.render("activate", activationPage{view: v, User: u, Token: token})
}

func (v *view) activate() error {
	f, err := v.form()
	if err != nil {
		return err
	}
	token, password := f.Get("token"), f.Get("password")
	if password != f.Get("again") {
		u, err := v.p.admin.Invited(v.r.Context(), token)
		if err != nil {
			return err
		}
		return v.renderStatus(http.StatusBadRequest, "activate", activationPage{view: v, User: u, Token: token, Problem: v.T("activate.differ")})
	}
	u, err := v.p.admin.AcceptInvitation(v.r.Context(), token, v.p.o.SetPassword(password))
	if err != nil {
		u, linkErr := v.p.admin.Invited(v.r.Context(), token)
		if linkErr != nil || chatadmin.HTTPStatus(err) >= 500 {
			return err
		}
		return v.renderStatus(chatadmin.HTTPStatus(err), "activate", activationPage{view: v, User: u, Token: token, Problem: v.sentence(err)})
	}
	v.p.o.Wake()
	return v.render("activate", activationPage{view: v, User: u, Done: true, SignIn: v.signInPage()})
}

// heldPage asks whether to invite the people whom an import has created.
type heldPage struct {
	*view
	Token   string
	Created int64
}

// held is the page behind the link of the mail about an import.
func (v *view) held() error {
	token := v.r.URL.Query().Get("token")
	_, n, err := v.p.o.Imports.Unsent(v.r.Context(), v.s, token)
	if err != nil {
		return err
	}
	return v.render("release", heldPage{v, token, n})
}

func (v *view) release() error {
	f, err := v.form()
	if err != nil {
		return err
	}
	n, err := v.p.o.Imports.Release(v.r.Context(), v.s, f.Get("token"))
	if err != nil {
		return err
	}
	v.p.o.Wake()
	to := "/"
	if v.May(chatadmin.PermUsersRead) {
		to = "/users"
	}
	return v.done(to, "import.invited", n)
}

// Cookies of signing in.
const (
	trustCookie     = "portal_trust"     // a browser that is remembered
	challengeCookie = "portal_challenge" // what has to be answered
	nextCookie      = "portal_next"      // where the person wanted to go
)

// signInPage asks for login and password, and then for a code.
type signInPage struct {
	*view
	Problem   string
	Login     string
	Next      string
	Challenge *signin.Challenge
	QR        template.URL
	Secret    string
}

func (v *view) signIn() error {
	return v.render("signin", signInPage{view: v, Next: v.safeNext(v.r.URL.Query().Get("next"))})
}

// safeNext is where to go after signing in: a page of this host, never another
// site.
func (v *view) safeNext(next string) string {
	if len(next) > 2000 || !local(next) {
		return v.Path() + "/"
	}
	return next
}

func (v *view) cookie(name string) string {
	c, err := v.r.Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}

func (v *view) checkPassword() error {
	f, err := v.form()
	if err != nil {
		return err
	}
	domain, err := v.p.o.SignIn.Domain(v.r)
	if err != nil {
		return fmt.Errorf("the domain of the request: %w", err)
	}
	a := signin.Attempt{Login: f.Get("login"), Client: signin.Web, Method: signin.Password,
		Trust: secret.Hide(v.cookie(trustCookie)), Challenge: v.cookie(challengeCookie)}
	d, err := v.p.o.Gate.SignIn(v.r.Context(), domain, a, v.p.o.SignIn.Verify(f.Get("password")))
	if err != nil {
		return err
	}
	next := v.safeNext(f.Get("next"))
	if d.Challenge != nil {
		v.keepTrust(d)
		v.setCookie(challengeCookie, d.Challenge.ID, 0)
		v.setCookie(nextCookie, base64.RawURLEncoding.EncodeToString([]byte(next)), 0)
		return v.redirect("/signin/code")
	}
	return v.admit(d, next, func(problem string) error {
		return v.renderStatus(http.StatusUnauthorized, "signin", signInPage{view: v, Problem: problem, Login: f.Get("login"), Next: next})
	})
}

// admit lets somebody in, or shows why not.
func (v *view) admit(d signin.Decision, next string, refuse func(string) error) error {
	v.keepTrust(d)
	if !d.Allowed() {
		return refuse(v.Say(d.Sentence()))
	}
	if err := v.p.o.SignIn.Begin(v.w, v.r, d); err != nil {
		return err
	}
	v.setCookie(challengeCookie, "", -1)
	v.setCookie(nextCookie, "", -1)
	http.Redirect(v.w, v.r, next, http.StatusSeeOther)
	return nil
}

// keepTrust replaces what a remembered browser holds.
func (v *view) keepTrust(d signin.Decision) {
	if trust := d.Trust.Reveal(); trust != "" {
		v.setCookie(trustCookie, trust, int(twofa.MaxValidity.Seconds()))
	}
}

func (v *view) askCode() error { return v.showCode(http.StatusOK, "") }

func (v *view) showCode(status int, problem string) error {
	domain, err := v.p.o.SignIn.Domain(v.r)
	if err != nil {
		return fmt.Errorf("the domain of the request: %w", err)
	}
	if v.p.o.TwoFactor == nil {
		return errNoPage
	}
	c, err := v.p.o.TwoFactor.Challenge(v.r.Context(), domain, v.cookie(challengeCookie))
	if errors.Is(err, chatadmin.ErrNotFound) || errors.Is(err, chatadmin.ErrInvalid) {
		return v.redirect("/signin")
	}
	if err != nil {
		return err
	}
	page := signInPage{view: v, Problem: problem, Challenge: &c}
	if e := c.Enrolment; e != nil {
		page.Secret = e.Secret.Reveal()
		page.QR = template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(e.QR.Bytes()))
	}
	return v.renderStatus(status, "signincode", page)
}

func (v *view) checkCode() error {
	f, err := v.form()
	if err != nil {
		return err
	}
	domain, err := v.p.o.SignIn.Domain(v.r)
	if err != nil {
		return fmt.Errorf("the domain of the request: %w", err)
	}
	d, err := v.p.o.Gate.Complete(v.r.Context(), domain, v.cookie(challengeCookie), f.Get("code"), f.Get("remember") != "")
	if err != nil {
		return err
	}
	next, err := base64.RawURLEncoding.DecodeString(v.cookie(nextCookie))
	if err != nil {
		next = nil
	}
	return v.admit(d, v.safeNext(string(next)), func(problem string) error {
		if d.Retry {
			return v.showCode(http.StatusUnauthorized, problem)
		}
		return v.renderStatus(http.StatusUnauthorized, "signin", signInPage{view: v, Problem: problem, Next: v.safeNext(string(next))})
	})
}
