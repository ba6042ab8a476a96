package portal

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/closing"
	"chatadmin.example/sdk/chatadmin/compliance"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/fields"
	"chatadmin.example/sdk/chatadmin/preferences"
	"chatadmin.example/sdk/chatadmin/provisioning"
	"chatadmin.example/sdk/chatadmin/retention"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/support"
	"chatadmin.example/sdk/chatadmin/texts"
	"chatadmin.example/sdk/csvimport"
	"chatadmin.example/sdk/devices"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/twofa"
)

// Options configure a Portal. Authenticate must be set. A package that is nil
// has no pages.
type Options struct {
	// Authenticate returns the user who is signed in with the host. An error
	// that is chatadmin.ErrForbidden means that nobody is; any other error is a
	// failure of the server. The portal calls it once in each request.
	Authenticate func(r *http.Request) (domain, user chatadmin.ID, err error)
	// Path is where the portal is mounted, such as "/admin". "" is the path of
	// chatadmin.Options.LinkBase, so that the links of mails lead to it.
	Path string
	// SignInURL is where a visitor who is not signed in is sent, on the same
	// host. The address of the page that they wanted is added as "next". ""
	// is the portal's own page if SignIn is set.
	SignInURL string
	// SignOutURL is where the button "Sign out" posts to, on the same host. ""
	// shows none.
	SignOutURL string

	// Title stands in the header of each page; default "Admin Portal".
	Title string
	// Logo is the address of an image on the same host, such as "/logo.svg".
	Logo string
	// Accent is the colour of buttons, such as "#0059b3". White text on it must
	// have a contrast of at least 4.5 to 1.
	Accent string
	// Menu are entries of the host's own, below those of the portal.
	Menu []Link
	// Panels are parts of pages that are the host's own, in their order.
	Panels []Panel
	// PanelTimeout is how long all panels of a page may take; default two
	// seconds.
	PanelTimeout time.Duration

	Imports *csvimport.Imports
	// Spool keeps uploaded files until their import has ended. It must be set
	// with Imports.
	Spool Spool
	// MaxUpload is how many bytes an uploaded file may have; default 100 MiB.
	MaxUpload int64
	Deletions *erase.Deletions
	TwoFactor *twofa.Service
	Devices   *devices.Registry
	Gate      *signin.Gate
	// Integrations are the services of groups and users. Give them
	// Portal.Connected as integrations.Options.Done.
	Integrations *integrations.Integrations
	// Provisioning is for domains of the ESChat preset, Preferences for those of
	// the Engage preset. The pages are shown in these alone.
	Provisioning *provisioning.Provisioning
	Preferences  *preferences.Preferences
	Fields       *fields.Fields
	Support      *support.Support
	Retention    *retention.Retention
	Agreements   *compliance.Agreements
	// Closings let the host's own staff close the domain, on the page "closing".
	// It needs Staff: a domain that is suspended lets none of its people in.
	Closings *closing.Closings
	// Staff returns the domain that a request of the host's own staff is about.
	// An error that is chatadmin.ErrForbidden means that it is from somebody
	// else.
	Staff func(r *http.Request) (domain chatadmin.ID, err error)

	// SetPassword makes the function that sets a first password, such as the
	// method Setter of package password. With it the portal has the page of the
	// activation link.
	SetPassword func(password string) func(context.Context, chatadmin.User) error
	// SignIn lets people sign in on a page of the portal. It needs Gate.
	SignIn *SignIn

	// Texts add languages, and replace texts of the portal: those of the files
	// in the folder texts. Mails and messages of the library are replaced by
	// chatadmin.Options.Texts.
	Texts []texts.Language
	// Wake is called when there is something to do for chatadmin.Admin.Work. It
	// must return at once.
	Wake func()
	// Logger gets failures of the server; default that of the Admin.
	Logger *slog.Logger
}

// Link is an entry of the menu.
type Link struct {
	Name string
	URL  string // on the same host
}

// Portal serves the pages. It is safe for many goroutines. It starts none but
// for panels, which end with their function.
type Portal struct {
	admin   *chatadmin.Admin
	o       Options
	texts   *texts.Catalogue
	pages   map[string]*template.Template
	assets  map[string]asset
	handler http.Handler
	actions []route
}

// New returns the pages over an Admin. It makes chatadmin.Admin.Work carry out
// the imports that were begun on its pages, so a program that calls Work
// constructs the portal, too.
//
// It returns chatadmin.ErrInvalid for options that do not fit together.
func New(admin *chatadmin.Admin, o *Options) (*Portal, error) {
	if admin == nil || o == nil {
		return nil, fmt.Errorf("a portal needs an Admin and Options: %w", chatadmin.ErrInvalid)
	}
	p := &Portal{admin: admin, o: *o}
	if err := p.complete(); err != nil {
		return nil, fmt.Errorf("portal: %w", err)
	}
	var err error
	if p.texts, err = p.newTexts(); err != nil {
		return nil, err
	}
	if p.assets, err = newAssets(p.o.Accent); err != nil {
		return nil, err
	}
	if p.pages, err = newPages(); err != nil {
		return nil, err
	}
	if p.o.Imports != nil {
		p.registerUploads()
	}
	p.handler = p.routes()
	return p, nil
}

// complete fills in defaults and refuses what does not fit together.
func (p *Portal) complete() error {
	o := &p.o
	if o.Path == "" {
		if base, err := url.Parse(p.admin.Options().LinkBase); err == nil {
			o.Path = base.Path
		}
	}
	o.Path = strings.TrimSuffix(path.Clean("/"+o.Path), "/")
	if o.Title == "" {
		o.Title = "Admin Portal"
	}
	if o.MaxUpload == 0 {
		o.MaxUpload = 100 << 20
	}
	if o.PanelTimeout == 0 {
		o.PanelTimeout = defaultPanelTimeout
	}
	if o.Logger == nil {
		o.Logger = p.admin.Options().Logger
	}
	if o.Wake == nil {
		o.Wake = func() {}
	}
	var wrong []error
	refuse := func(when bool, why string) {
		if when {
			wrong = append(wrong, fmt.Errorf("%s: %w", why, chatadmin.ErrInvalid))
		}
	}
	refuse(o.Authenticate == nil, "Authenticate is not set")
	refuse(o.Imports != nil && o.Spool == nil, "Imports need a Spool")
	refuse(o.Closings != nil && o.Staff == nil, "Closings need Staff")
	refuse(o.MaxUpload < 0, "MaxUpload is negative")
	refuse(o.SignIn != nil && o.Gate == nil, "SignIn needs a Gate")
	refuse(o.SignIn != nil && !o.SignIn.complete(), "SignIn lacks a function")
	refuse(o.PanelTimeout < 0, "PanelTimeout is negative")
	refuse(len(o.Panels) > MaxPanels, fmt.Sprintf("there are %d Panels, and %d are allowed", len(o.Panels), MaxPanels))
	for i := range o.Panels {
		wrong = append(wrong, o.Panels[i].complete())
	}
	refuse(o.Accent != "" && !readable(o.Accent), "Accent is not a colour such as #0059b3 on which white text can be read")
	for _, at := range append([]Link{{"SignInURL", o.SignInURL}, {"SignOutURL", o.SignOutURL}, {"Logo", o.Logo}}, o.Menu...) {
		refuse(at.URL != "" && !local(at.URL), fmt.Sprintf("%s: %q is not an address on the same host, such as /page", at.Name, at.URL))
	}
	return errors.Join(wrong...)
}

// ServeHTTP serves the pages below Options.Path.
func (p *Portal) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.handler.ServeHTTP(w, r) }

// Patterns returns the patterns of the pages and actions, in the form of
// http.ServeMux, such as "GET /admin/users/{id}": for the labels of a host's
// metrics, and for tests.
func (p *Portal) Patterns() []string {
	var all []string
	for _, r := range p.actions {
		method, at, _ := strings.Cut(r.pattern, " ")
		all = append(all, method+" "+p.o.Path+at)
	}
	return all
}

// local reports whether an address leads to a page of the same host, whatever a
// browser makes of it: "//evil.example" and "/\evil.example" do not.
func local(address string) bool {
	u, err := url.Parse(address)
	return err == nil && localPath.MatchString(address) && u.Host == "" && u.Scheme == ""
}

var localPath = regexp.MustCompile(`^/([^/\\\x00-\x20\x7f][^\\\x00-\x20\x7f]*)?$`)
