package integrations

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

// Integrations connects the groups and users of an Admin's domains to outside
// services. It is safe for concurrent use and starts no goroutines.
type Integrations struct {
	admin    *chatadmin.Admin
	ring     *keyring.Ring
	groups   Groups
	o        Options
	services []Service
	byName   map[string]Service
	reseals  *chatadmin.Runs[Resealed]

	clock     sync.Mutex
	seen      time.Time // the latest time by which something was stored
	rectified time.Time // when Deliver looked for times from a clock that was ahead
	adopted   bool      // whether it was seen to connections of earlier versions
}

// Options configure New. Keys, Groups and PublicURL are required.
type Options struct {
	// Keys seal tokens and secrets.
	Keys *keyring.Ring
	// Groups are the host's groups, in which messages are posted.
	Groups Groups
	// Services are what can be connected, such as slack.New returns.
	Services []Service
	// PublicURL is the address of the Handler as seen from outside, such as
	// "https://chat.example.com/integrations". It is required.
	PublicURL string
	// SignedIn returns the user of the host's session that a request belongs
	// to. A callback is accepted only from the browser of the user who began
	// it, so that nobody can trick another person into connecting an account.
	// It returns an error if nobody is signed in: the error is logged, and the
	// browser is asked to sign in. It is required if a service uses OAuth.
	SignedIn func(*http.Request) (domain, user chatadmin.ID, err error)
	// Done answers the browser after a callback. The default writes a sentence.
	Done func(w http.ResponseWriter, r *http.Request, c Callback)
	// MaxBody is the longest body that is read, in bytes. The default is 256
	// KiB, the maximum 512 KiB.
	MaxBody int64
}

const mostBody = 512 << 10

// New returns the integrations of an Admin with the services of o. It extends
// the Admin: deleting a user or group ends their connections, Admin.Work
// delivers, and Scope.Damaged lists this package's records. Call New once,
// while setting up.
func New(admin *chatadmin.Admin, o *Options) (*Integrations, error) {
	if o == nil {
		o = &Options{}
	}
	x := &Integrations{admin: admin, ring: o.Keys, groups: o.Groups, o: *o, services: slices.Clone(o.Services), byName: map[string]Service{}}
	if admin == nil || o.Keys == nil || o.Groups == nil || slices.Contains(o.Services, nil) {
		return nil, fmt.Errorf("integrations need an Admin, Keys, Groups, and Services that are not nil: %w", chatadmin.ErrInvalid)
	}
	u, err := url.Parse(o.PublicURL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("integrations need a PublicURL such as https://chat.example.com/integrations: %w", chatadmin.ErrInvalid)
	}
	x.o.PublicURL = strings.TrimSuffix(o.PublicURL, "/")
	if o.MaxBody == 0 {
		x.o.MaxBody = 256 << 10
	}
	if x.o.MaxBody < 0 || x.o.MaxBody > mostBody {
		return nil, fmt.Errorf("MaxBody lies between 1 byte and %d", mostBody)
	}
	for _, s := range x.services {
		i := s.Info()
		if !regexp.MustCompile(`^[a-z0-9-]{1,16}$`).MatchString(i.Name) || i.Title == "" || x.byName[i.Name] != nil {
			return nil, fmt.Errorf("service %q: give it a title, and a name of its own of 1 to 16 letters a-z, digits and hyphens", i.Name)
		}
		if i.OAuth && o.SignedIn == nil {
			return nil, fmt.Errorf("service %q: its callbacks need Options.SignedIn", i.Name)
		}
		x.byName[i.Name] = s
	}
	x.reseals = chatadmin.NewRuns(admin, x.resealKind())
	admin.Extend(chatadmin.Extension{OnUserChange: x.usersChanged, OnGroupDelete: x.groupsDeleted, Records: x.records(), Workers: []chatadmin.Worker{x.worker()}})
	return x, nil
}

// Of names one connection: the service, and the group or user that owns it.
type Of struct {
	Service string
	Owner   chatadmin.ID
}

func (of Of) key() string { return of.Service + "/" + string(of.Owner) }

func (x *Integrations) service(name string) (Service, error) {
	if s := x.byName[name]; s != nil {
		return s, nil
	}
	names := make([]string, len(x.services))
	for i, s := range x.services {
		names[i] = s.Info().Name
	}
	slices.Sort(names)
	return nil, fmt.Errorf("service %q (there are %s): %w", chatadmin.Cut(name), strings.Join(names, ", "), chatadmin.ErrNotFound)
}

// authorise refuses an actor who may not configure a connection: of a group its
// admins and who has chatadmin.PermGroups may, of a user only that user.
func (x *Integrations) authorise(ctx context.Context, r storage.Reader, s *chatadmin.Scope, role chatadmin.Role, svc Service, owner chatadmin.ID) error {
	if svc.Info().PerUser {
		if s.Actor() == chatadmin.HostActor {
			return fmt.Errorf("the host has no account at %s: this call is a user's own: %w", svc.Info().Title, chatadmin.ErrInvalid)
		}
		if owner != s.Actor() {
			return fmt.Errorf("user %s: %w", chatadmin.Cut(string(owner)), chatadmin.ErrNotFound)
		}
		return nil
	}
	gs, err := r.Groups(ctx, s.Domain(), []chatadmin.ID{owner})
	if err != nil {
		return err
	}
	if len(gs) == 0 || gs[0].Deleting {
		return fmt.Errorf("group %s: %w", chatadmin.Cut(string(owner)), chatadmin.ErrNotFound)
	}
	if role.May(chatadmin.PermGroups) {
		return nil
	}
	ms, err := r.Memberships(ctx, s.Domain(), []storage.Pair{{Group: owner, User: s.Actor()}})
	if err == nil && (len(ms) == 0 || !ms[0].Admin) {
		err = texts.Explain(fmt.Errorf("group %q: only its admins and who has the permission %q may configure its integrations: %w", gs[0].Name, chatadmin.PermGroups, chatadmin.ErrForbidden),
			"why.group_admins", gs[0].Name, string(chatadmin.PermGroups))
	}
	return err
}
