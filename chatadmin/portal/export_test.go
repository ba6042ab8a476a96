package portal

import "chatadmin.example/sdk/chatadmin"

// Route is a route, for tests.
type Route struct {
	Pattern string
	Need    chatadmin.Permission
	Open    bool
	Staff   bool
}

// Routes are those of a portal.
func Routes(p *Portal) (out []Route) {
	for _, r := range p.actions {
		out = append(out, Route{r.pattern, r.need, r.open, r.staff})
	}
	return out
}

// Local reports whether an address leads to a page of the same host.
var Local = local

// Templates are the pages.
var Templates = templates
