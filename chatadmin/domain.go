package chatadmin

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"chatadmin.example/sdk/chatadmin/storage"
)

// NewDomain is a domain to be created, with its first admin.
type NewDomain struct {
	// ID is made by Admin.NewID, for a caller who repeats the call until it
	// knows that the domain is there. "" makes one.
	ID     ID
	Name   string
	Preset Preset
	Admin  NewUser // Role and Kind are set
	// Subscription is enterprise, paid annually, unless given.
	Subscription Subscription
	// DefaultGroups names the two default groups that a domain ships with; ""
	// keeps "All Of Us" and "Admin Announcements".
	DefaultGroups [2]string
	// Settings, where given, changes the settings that the preset begins with.
	Settings func(*Settings)
}

// CreateDomain creates a domain with its first admin, who is invited as
// CreateUser invites, and the two shipped default groups: one for everybody,
// and one in which only admins post. It returns ErrExists if a domain has the
// ID. Only the host can do this.
func (a *Admin) CreateDomain(ctx context.Context, n NewDomain) (Domain, User, error) {
	set, boss, err := a.checkNewDomain(&n)
	if err != nil {
		return Domain{}, User{}, err
	}
	s := a.AsHost(cmp.Or(n.ID, a.NewID()))
	userID, event := a.NewID(), a.NewID()
	groupIDs := [2]ID{a.NewID(), a.NewID()}
	if err := s.veto(ctx, KindDomainCreate, []ID{s.domain}); err != nil {
		return Domain{}, User{}, err
	}
	var d Domain
	var admin User
	create := func(ctx context.Context, tx storage.Tx) (err error) {
		w := &Writer{Tx: tx, scope: s, mode: storage.NoFence, now: a.Now(), Settings: set, Role: Role{ID: RoleAdmin, Level: adminLevel + 1, Permissions: Permissions()},
			ids: func(n int) ID { return ID(fmt.Sprintf("%s-%d", event, n)) }}
		there, err := tx.Domains(ctx, []ID{s.domain})
		switch {
		case err != nil:
			return err
		case len(there) > 0:
			return fmt.Errorf("domain %s: %w", Cut(string(s.domain)), ErrExists)
		}
		if d, err = w.putDomain(ctx, Domain{ID: s.domain, Name: n.Name}, set); err != nil {
			return err
		}
		w.Audit(KindDomainCreate, []ID{s.domain}, map[ID][]FieldChange{s.domain: change("name", "", n.Name)}, nil)
		if err := w.shipGroups(ctx, groupIDs, n.DefaultGroups); err != nil {
			return err
		}
		writes := []UserWrite{{Now: boss.As(userID, "")}}
		if err := w.WriteUsers(ctx, KindUserCreate, writes); err != nil {
			return err
		}
		admin = writes[0].Now.user
		if !n.Admin.NoInvitation {
			if err := w.QueueInvitations(ctx, []User{admin}, ""); err != nil {
				return err
			}
		}
		return w.flush(ctx)
	}
	for attempt := 1; ; attempt++ {
		err := a.store.Update(ctx, storage.Fence{}, create)
		if err == nil {
			return d, admin, nil
		}
		if !errors.Is(err, ErrCommitUnknown) {
			return Domain{}, User{}, err
		}
		there, lookErr := a.store.Domains(ctx, []ID{s.domain})
		switch {
		case len(there) > 0 && (n.ID == "" || there[0].Rev == d.Rev): // of an ID that was given, another call may have made it
			return d, admin, nil
		case lookErr != nil || attempt == 8:
			return Domain{}, User{}, errors.Join(err, lookErr)
		}
	}
}

// checkNewDomain says all that is wrong with a domain to be created, and
// returns its settings and its first admin.
func (a *Admin) checkNewDomain(n *NewDomain) (Settings, PreparedUser, error) {
	var wrong faults
	wrong = append(wrong, domainNameFaults(n.Name)...)
	set, err := NewSettings(n.Preset)
	if err != nil {
		wrong.add("preset", string(n.Preset), CodeBadPreset, "choose officechat, eschat or engage")
		// to check the rest by
		set = Settings{State: DomainActive, Subscription: Subscription{Plan: Enterprise, Annual: true}}
	}
	if n.Subscription != (Subscription{}) {
		set.Subscription = n.Subscription
	}
	if n.Settings != nil {
		n.Settings(&set)
	}
	wrong = append(wrong, set.faults()...)
	wrong = append(wrong, a.checkPolicies(set.Policies, nil)...)
	for i, name := range n.DefaultGroups {
		if n.DefaultGroups[i] = cmp.Or(name, shippedNames[i]); !groupName(n.DefaultGroups[i]) {
			wrong.add("default_groups", name, CodeBadText, "a group's name has 1 to %d bytes and no control characters", maxText)
		}
	}
	if Fold(n.DefaultGroups[0]) == Fold(n.DefaultGroups[1]) {
		wrong.add("default_groups", n.DefaultGroups[1], CodeTaken, "the two default groups need two names")
	}
	n.Admin.Role, n.Admin.Kind = RoleAdmin, Network
	u, err := n.Admin.user("", "")
	if err != nil {
		return Settings{}, PreparedUser{}, err
	}
	if n.Admin.Manager != "" {
		wrong.add("manager", n.Admin.Login, CodeBadManager, noSuchManager)
	}
	boss, faults, err := set.fillIn(&u, n.Admin.Parts)
	if err != nil {
		return Settings{}, PreparedUser{}, err
	}
	return set, boss, wrongFields(append(wrong, faults...))
}

// shippedNames are the default groups that a domain ships with: one for
// everybody, and one in which only admins post.
var shippedNames = [2]string{"All Of Us", "Admin Announcements"}

func (w *Writer) putDomain(ctx context.Context, d Domain, set Settings) (Domain, error) {
	was, before := d.Rev, len(d.Data)
	var err error
	if d.Data, err = json.Marshal(set); err != nil {
		return Domain{}, err
	}
	if len(d.Data) > max(MaxSettings, before) { // older ones that are larger may shrink
		return Domain{}, &FieldError{Field: "settings", Code: CodeTooLong, Reason: fmt.Sprintf("the settings would have %d bytes and hold %d at most: keep less in policies, roles or modules", len(d.Data), MaxSettings)}
	}
	if d.Rev, err = w.NextRev(was); err != nil {
		return Domain{}, err
	}
	return d, noConflict(w.ChangeDomains(ctx, []storage.Write[Domain]{{Row: d, Was: was}}))
}

func (w *Writer) shipGroups(ctx context.Context, ids [2]ID, names [2]string) error {
	posting := [2]Posting{EverybodyPosts, AdminsPost}
	rev, err := w.NextRev()
	if err != nil {
		return err
	}
	groups := make([]storage.Write[Group], 2)
	for i, id := range ids {
		g := Group{ID: id, Domain: w.scope.domain, Rev: rev, Default: true, Shipped: true}
		if err := renameGroup(&g, names[i]); err != nil {
			return err
		}
		if g.Data, err = json.Marshal(GroupSettings{Version: 1, Posting: posting[i]}); err != nil {
			return err
		}
		groups[i].Row = g
		w.Audit(KindGroupCreate, []ID{id}, map[ID][]FieldChange{id: change("name", "", g.Name)}, nil)
	}
	return noConflict(w.ChangeGroups(ctx, groups))
}

// Domains lists all domains, by ID. It is for the host: it looks beyond what an
// actor may see.
func (a *Admin) Domains(ctx context.Context) iter.Seq2[Domain, error] {
	return func(yield func(Domain, error) bool) {
		for p := (Page{Limit: MaxBatch}); ; {
			page, next, err := a.store.ListDomains(ctx, p)
			if err != nil {
				yield(Domain{}, err)
				return
			}
			for _, d := range page {
				if !yield(d, nil) {
					return
				}
			}
			if p.After = next; next == "" {
				return
			}
		}
	}
}
