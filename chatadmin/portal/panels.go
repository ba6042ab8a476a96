package portal

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"strings"
	"time"

	"golang.org/x/text/language"

	"chatadmin.example/sdk/chatadmin"
)

// PanelPage is a page that a host adds panels to.
type PanelPage string

// The pages with panels.
const (
	// FirstPage is the root of the portal. Without a panel that has something
	// to show, it leads to the first page that the reader may see.
	FirstPage PanelPage = "first"
	UserPage  PanelPage = "user"
	GroupPage PanelPage = "group"
)

// MaxPanel is how many bytes of HTML a panel may have, and MaxPanels how many
// panels a page may have.
const (
	MaxPanel  = 64 << 10
	MaxPanels = 16
)

// Panel is a part of a page that is the host's own: below what the portal shows
// of a user or of a group, or on the first page. It is made after the page has
// been read, so a reader who may not see the page causes no call of it.
type Panel struct {
	On PanelPage
	// Title is the heading of the panel, in the language of the reader. It may
	// be nil if the HTML has headings: those of a panel are h2.
	Title func(language.Tag) string
	// Need is the permission to see the panel; "" is everybody who sees the
	// page. Users see the page about themselves, and members that of their
	// group.
	Need chatadmin.Permission
	// HTML makes the content, usually by html/template, which escapes what it
	// is given. The panels of a page are made at the same time. "" shows no
	// panel, and so does an error that is chatadmin.ErrForbidden or
	// chatadmin.ErrNotFound. After any other error, a panic, more than MaxPanel
	// bytes and Options.PanelTimeout, the page is shown with a sentence in
	// place of the panel, and the error is logged.
	//
	// The Content-Security-Policy of the portal holds in a panel, too: scripts
	// and styles within the HTML do nothing, and images come from the same
	// host. A form posts to the host itself, which checks who sends it. A
	// table of the class "cards", whose cells have a data-label, becomes a list
	// where the window is narrow.
	HTML func(context.Context, PanelRequest) (template.HTML, error)
}

// PanelRequest is what a panel is made for.
type PanelRequest struct {
	// Scope acts in the name of the reader: what it refuses is not theirs to
	// see.
	Scope    *chatadmin.Scope
	Reader   chatadmin.User
	User     *chatadmin.User  // of UserPage, and nil elsewhere
	Group    *chatadmin.Group // of GroupPage, and nil elsewhere
	Language language.Tag     // of the page
}

// panel is a panel as it is shown.
type panel struct {
	Title string
	HTML  template.HTML
}

// complete reports what a panel lacks.
func (o *Panel) complete() error {
	switch {
	case o.On != FirstPage && o.On != UserPage && o.On != GroupPage:
		return fmt.Errorf("a panel is on %q, which is no page with panels: %w", string(o.On), chatadmin.ErrInvalid)
	case o.HTML == nil:
		return fmt.Errorf("a panel on the page %q has no HTML: %w", string(o.On), chatadmin.ErrInvalid)
	}
	return nil
}

// panels are those of the host for this page.
func (v *view) panels(on PanelPage, user *chatadmin.User, group *chatadmin.Group) []panel {
	ctx, cancel := context.WithTimeout(v.r.Context(), v.p.o.PanelTimeout)
	defer cancel()
	type made struct {
		html template.HTML
		err  error
	}
	var chosen []*Panel
	var all []chan made
	for i := range v.p.o.Panels {
		o := &v.p.o.Panels[i]
		if o.On != on || o.Need != "" && !v.May(o.Need) {
			continue
		}
		// Each has its own copies: it may go on after the page was sent.
		req := PanelRequest{Scope: v.s, Reader: v.me, Language: v.words.Language()}
		if user != nil {
			u := *user
			req.User = &u
		}
		if group != nil {
			g := *group
			req.Group = &g
		}
		answer := make(chan made, 1)
		go func() {
			defer func() {
				if p := recover(); p != nil {
					answer <- made{"", fmt.Errorf("panic: %v", p)}
				}
			}()
			html, err := o.HTML(ctx, req)
			answer <- made{html, err}
		}()
		chosen, all = append(chosen, o), append(all, answer)
	}
	var out []panel
	for i, answer := range all {
		var is made
		select {
		case is = <-answer:
		case <-ctx.Done():
			select { // it may have been ready as well
			case is = <-answer:
			default:
				is.err = ctx.Err()
			}
		}
		if is.err == nil && len(is.html) > MaxPanel {
			is.err = fmt.Errorf("it has %d bytes, and %d are allowed", len(is.html), MaxPanel)
		}
		switch {
		case errors.Is(is.err, chatadmin.ErrForbidden), errors.Is(is.err, chatadmin.ErrNotFound):
			continue
		case is.err != nil:
			v.p.o.Logger.ErrorContext(v.r.Context(), "a panel of the portal failed", "page", v.r.Pattern, "error", is.err)
			is.html = template.HTML("<p>" + template.HTMLEscapeString(v.T("panel.failed")) + "</p>")
		case is.html == "":
			continue
		}
		shown := panel{HTML: is.html}
		if chosen[i].Title != nil {
			shown.Title = chosen[i].Title(v.words.Language())
		}
		out = append(out, shown)
	}
	return out
}

// homePage is the first page, if the host has panels on it.
type homePage struct {
	*view
	Panels []panel
}

// home shows the panels of the first page, or leads to the first page that the
// reader may see.
func (v *view) home() error {
	if panels := v.panels(FirstPage, nil, nil); len(panels) > 0 {
		return v.render("home", homePage{v, panels})
	}
	for _, entry := range v.Menu() {
		for _, e := range append([]menuEntry{entry}, entry.Below...) {
			if at, own := strings.CutPrefix(e.URL, v.p.o.Path+"/"); own {
				return v.redirect("/" + at)
			}
		}
	}
	return v.redirect("/account")
}

// defaultPanelTimeout is long for a lookup and short for a reader.
const defaultPanelTimeout = 2 * time.Second
