package portal

import (
	"net/http"
	"strings"

	"chatadmin.example/sdk/chatadmin"
)

// route is a page or an action. The pattern is that of http.ServeMux, below the
// path of the portal.
type route struct {
	pattern string
	need    chatadmin.Permission // to see the page at all; "" is everybody who is signed in
	open    bool                 // for people who are not signed in, too
	staff   bool                 // for the host's own staff alone
	serve   func(*view) error
}

// routes returns the handler of everything that was given in Options.
func (p *Portal) routes() http.Handler {
	mux := http.NewServeMux()
	p.actions = nil
	for _, set := range [][]route{
		p.homeRoutes(), p.userRoutes(), p.toolRoutes(), p.importRoutes(), p.groupRoutes(), p.securityRoutes(),
		p.runRoutes(), p.auditRoutes(), p.roleRoutes(), p.peopleRoutes(),
		p.integrationRoutes(), p.departmentRoutes(), p.preferenceRoutes(), p.fieldRoutes(), p.supportRoutes(), p.accountRoutes(),
		p.complianceRoutes(), p.agreementRoutes(), p.closingRoutes(), p.signInRoutes(),
	} {
		for _, r := range set {
			p.actions = append(p.actions, r)
			method, at, _ := strings.Cut(r.pattern, " ")
			mux.Handle(method+" "+p.o.Path+at, p.page(r))
		}
	}
	mux.HandleFunc("GET "+p.o.Path+"/assets/{name}", p.serveAsset)
	mux.Handle(p.o.Path+"/", p.page(route{pattern: "GET /", serve: func(*view) error { return errNoPage }}))
	return secure(http.NewCrossOriginProtection().Handler(mux))
}

// errNoPage is returned for an address that is no page.
var errNoPage = chatadmin.ErrNotFound.New("no_page", "there is no such page")

// secure sets the headers of every answer: no script, style or frame of
// another origin, nothing kept by caches, no address handed on.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "+
			"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// homeRoutes are the root of the portal.
func (p *Portal) homeRoutes() []route {
	return []route{{pattern: "GET /{$}", serve: (*view).home}}
}
