package integrations

import (
	"context"
	"errors"
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
)

// Integrations connects the groups and users of an Admin's domains to services
// of the outside. It is safe for many goroutines and starts none.
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

// Options configure New.
type Options struct {
	// PublicURL is where the Handler can be reached from outside, such as
	// "https://chat.example.com/integrations". It is never taken from a
	// request.
	PublicURL string
	// SignedIn tells which user's browser made a request, by the host's own
	// session: a callback is taken only from the browser of who began, so that
	// nobody can make another person connect their account to a group of the
	// attacker's. An error, also for a browser in which nobody is signed in, is
	// logged; the browser is asked to sign in. Required where a service uses
	// OAuth.
	SignedIn func(*http.Request) (domain, user chatadmin.ID, err error)
	// Done answers the browser after a callback; by default a sentence of text.
	Done func(w http.ResponseWriter, r *http.Request, c Callback)
	// MaxBody is the most that is read of a request; default 256 KiB, at most
	// 512 KiB.
	MaxBody int64
}

const mostBody = 512 << 10

// New returns the integrations of an Admin with the given services, and takes
// part in what the Admin does: users and groups that are deleted end theirs.
// ring seals tokens and secrets. Call it once while setting up.
func New(admin *chatadmin.Admin, ring *keyring.Ring, groups Groups, o *Options, services ...Service) (*Integrations, error) {
	if o == nil {
		o = &Options{}
	}
	x := &Integrations{admin: admin, ring: ring, groups: groups, o: *o, services: slices.Clone(services), byName: map[string]Service{}}
	if admin == nil || ring == nil || groups == nil || slices.Contains(services, nil) {
		return nil, errors.New("integrations need an Admin, a key ring, the host's groups and services that are not nil")
	}
	u, err := url.Parse(o.PublicURL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("integrations need a PublicURL such as https://chat.example.com/integrations")
	}
	x.o.PublicURL = strings.TrimSuffix(o.PublicURL, "/")
	if o.MaxBody == 0 {
		x.o.MaxBody = 256 << 10
	}
	if x.o.MaxBody < 0 || x.o.MaxBody > mostBody {
		return nil, fmt.Errorf("MaxBody lies between 1 byte and %d", mostBody)
	}
	for _, s := range services {
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

// Of names one connection: a service, and the group or user whose it is.
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
func (x *Integrations) authorise(ctx context.Context, r chatadmin.Reader, s *chatadmin.Scope, role chatadmin.Role, svc Service, owner chatadmin.ID) error {
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
	ms, err := r.Memberships(ctx, s.Domain(), []chatadmin.Pair{{Group: owner, User: s.Actor()}})
	if err == nil && (len(ms) == 0 || !ms[0].Admin) {
		err = fmt.Errorf("group %q: only its admins and who has the permission %q may configure its integrations: %w", gs[0].Name, chatadmin.PermGroups, chatadmin.ErrForbidden)
	}
	return err
}
