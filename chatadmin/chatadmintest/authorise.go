package chatadmintest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"chatadmin.example/sdk/chatadmin"
)

// Call is a call that a package or a host has built on chatadmin.Scope, for
// Authorise.
type Call struct {
	Need chatadmin.Permission // "": whoever has access may
	// Open makes a domain of the OfficeChat preset in an empty store, with what
	// the call is about in it. It runs once for each actor.
	Open func(t *testing.T) (*chatadmin.Admin, chatadmin.ID)
	// Do makes the call in the name of an actor.
	Do func(ctx context.Context, s *chatadmin.Scope) error
	// HostOnly calls are refused to everybody else.
	HostOnly bool
	// NoTarget says that the call names nothing that another domain could have.
	NoTarget bool
	// OwnTarget calls are about the actor alone; the host has nobody of its
	// own, and its call is ErrInvalid.
	OwnTarget bool
}

// Authorise proves that a call asks for the permission it says: it is made by
// an actor of every sort, and refused to whom it must be refused, without a
// trace in the audit log. In another domain what the call names must look as if
// it did not exist.
func Authorise(t *testing.T, c Call) {
	t.Helper()
	others := slices.DeleteFunc(chatadmin.Permissions(), func(p chatadmin.Permission) bool { return p == c.Need })
	var own []chatadmin.Permission
	if c.Need != "" {
		own = append(own, c.Need)
	}
	unless := func(allowed bool) error {
		if allowed {
			return nil
		}
		return chatadmin.ErrForbidden
	}
	plain := c.Need == "" && !c.HostOnly
	hostWant := error(nil)
	if c.OwnTarget {
		hostWant = chatadmin.ErrInvalid
	}
	for _, a := range []struct {
		name  string
		actor func(*cast) *chatadmin.Scope
		want  error
	}{
		{"host", func(w *cast) *chatadmin.Scope { return w.host }, hostWant},
		{"domain admin", func(w *cast) *chatadmin.Scope { return w.user(chatadmin.RoleAdmin) }, unless(!c.HostOnly)},
		{"role with the permission", func(w *cast) *chatadmin.Scope { return w.user(w.role("with", own)) }, unless(!c.HostOnly)},
		{"role with all other permissions", func(w *cast) *chatadmin.Scope { return w.user(w.role("without", others)) }, unless(plain)},
		{"member", func(w *cast) *chatadmin.Scope { return w.user(chatadmin.RoleMember) }, unless(plain || c.Need == chatadmin.PermGroupCreate)},
		{"demoted admin", func(w *cast) *chatadmin.Scope {
			s := w.user(chatadmin.RoleAdmin)
			_, err := w.host.AssignRole(w.t.Context(), chatadmin.RoleMember, s.Actor())
			w.must(err)
			return s
		}, unless(plain || c.Need == chatadmin.PermGroupCreate)},
		{"deactivated admin", func(w *cast) *chatadmin.Scope {
			s := w.user(chatadmin.RoleAdmin)
			_, err := w.host.DeactivateUsers(w.t.Context(), s.Actor())
			w.must(err)
			return s
		}, chatadmin.ErrForbidden},
		{"denied admin", func(w *cast) *chatadmin.Scope {
			s := w.user(chatadmin.RoleAdmin)
			_, err := w.host.DenyAccess(w.t.Context(), s.Actor())
			w.must(err)
			return s
		}, chatadmin.ErrForbidden},
		{"another domain's admin", func(w *cast) *chatadmin.Scope { return w.admin.As(w.domain, w.other().Actor()) }, chatadmin.ErrForbidden},
		{"nobody", func(w *cast) *chatadmin.Scope { return w.admin.As(w.domain, "") }, chatadmin.ErrForbidden},
		{"a user called host", func(w *cast) *chatadmin.Scope { return w.admin.As(w.domain, chatadmin.HostActor) }, chatadmin.ErrForbidden},
		{"admin of a suspended domain", func(w *cast) *chatadmin.Scope {
			s := w.user(chatadmin.RoleAdmin)
			_, err := w.host.ChangeSettings(w.t.Context(), func(set *chatadmin.Settings) error { set.State = chatadmin.DomainSuspended; return nil })
			w.must(err)
			return s
		}, chatadmin.ErrSuspended},
	} {
		t.Run(a.name, func(t *testing.T) {
			w := open(t, c)
			s := a.actor(w)
			before := w.events()
			err := c.Do(t.Context(), s)
			if !errors.Is(err, a.want) {
				t.Fatalf("got %v, want %v", err, a.want)
			}
			if a.want != nil && w.events() != before {
				t.Fatal("a refused call has left an audit event")
			}
		})
	}
	if c.NoTarget || c.OwnTarget {
		return
	}
	t.Run("from another domain", func(t *testing.T) {
		w := open(t, c)
		before := w.events()
		for _, s := range []*chatadmin.Scope{w.other(), w.admin.AsHost(w.otherDomain)} {
			if c.HostOnly && s.Actor() != chatadmin.HostActor {
				continue
			}
			if err := c.Do(t.Context(), s); !errors.Is(err, chatadmin.ErrNotFound) {
				t.Fatalf("got %v, want %v", err, chatadmin.ErrNotFound)
			}
		}
		if w.events() != before {
			t.Fatal("something was changed from another domain")
		}
	})
}

// cast makes the actors of one domain.
type cast struct {
	t           *testing.T
	admin       *chatadmin.Admin
	domain      chatadmin.ID
	host        *chatadmin.Scope
	otherDomain chatadmin.ID
	made        int
}

func open(t *testing.T, c Call) *cast {
	w := &cast{t: t}
	w.admin, w.domain = c.Open(t)
	w.host = w.admin.AsHost(w.domain)
	return w
}

func (w *cast) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *cast) user(role string) *chatadmin.Scope {
	w.made++
	u, err := w.host.CreateUser(w.t.Context(), chatadmin.NewUser{Login: fmt.Sprintf("actor%d@cast.example", w.made), Role: role, NoInvitation: true})
	w.must(err)
	return w.admin.As(w.domain, u.ID)
}

func (w *cast) role(name string, ps []chatadmin.Permission) string {
	r, err := w.host.CreateRole(w.t.Context(), chatadmin.Role{Name: name, Level: 99, Permissions: ps})
	w.must(err)
	return r.ID
}

// other is the admin of another domain.
func (w *cast) other() *chatadmin.Scope {
	d, u, err := w.admin.CreateDomain(w.t.Context(), chatadmin.NewDomain{Name: "Other", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@other.example", NoInvitation: true}})
	w.must(err)
	w.otherDomain = d.ID
	return w.admin.As(d.ID, u.ID)
}

func (w *cast) events() int {
	n := 0
	for _, err := range w.host.Events(w.t.Context(), chatadmin.EventQuery{}) {
		w.must(err)
		n++
	}
	return n
}
