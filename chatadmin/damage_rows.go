package chatadmin

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"maps"
	"slices"

	"chatadmin.example/sdk/chatadmin/storage"
)

// This file reads the stored JSON that is no record: what users, groups and
// audit events have beside their columns, and the policies of a domain.

// dataVersion1 is the version of all of it.
const dataVersion1 = 1

// readData reads versioned JSON of a row. Its error is a *DamagedError.
func readData[T any](kind string, domain, id ID, data []byte) (T, error) {
	k := RecordKind[T]{Name: kind, Version: dataVersion1}
	return k.Decode(storage.Record{Key: k.Key(domain, string(id)), Data: data})
}

// damagedRows is a source of damage among rows of a list.
func damagedRows[Q, R any](kind string, need Permission, list func(storage.Reader, context.Context, Q, Page) ([]R, Cursor, error), of func(domain ID) Q,
	check func(*R) error, repair func(context.Context, *Writer, ID) (bool, error),
) DamageSource {
	return DamageSource{
		Kind: kind,
		Need: need,
		Each: func(ctx context.Context, r storage.Reader, domain ID) iter.Seq2[*DamagedError, error] {
			return func(yield func(*DamagedError, error) bool) {
				for p := (Page{Limit: MaxBatch}); ; {
					rows, next, err := list(r, ctx, of(domain), p)
					if err != nil {
						yield(nil, err)
						return
					}
					for i := range rows {
						var bad *DamagedError
						if errors.As(check(&rows[i]), &bad) && !yield(bad, nil) {
							return
						}
					}
					if p.After = next; next == "" {
						return
					}
				}
			}
		},
		Repair: func(ctx context.Context, w *Writer, id string) (bool, error) { return repair(ctx, w, ID(id)) },
	}
}

// damagedUsers are users whose Attributes cannot be read. Repair empties them:
// a user who is deactivated becomes pending when activated.
var damagedUsers = damagedRows("user", PermUsersEdit, storage.Reader.ListUsers, func(domain ID) UserQuery { return UserQuery{Domain: domain, WithDeleting: true} },
	func(u *User) error { _, err := AttributesOf(*u); return err },
	func(ctx context.Context, w *Writer, id ID) (bool, error) {
		us, err := w.anyUsersInOrder(ctx, []ID{id})
		if err != nil {
			return false, err
		}
		was := us[0]
		if _, err := AttributesOf(was); err == nil {
			return false, nil
		}
		if err := w.MayActOn(&was); err != nil {
			return false, err
		}
		now := was
		now.Attrs = nil
		if now.Rev, err = w.NextRev(was.Rev); err != nil {
			return false, err
		}
		return true, noConflict(w.ChangeUsers(ctx, []storage.Write[User]{{Row: now, Was: was.Rev}}))
	})

// damagedGroups are groups whose GroupSettings cannot be read. Repair lets
// admins alone post.
var damagedGroups = damagedRows("group", PermGroups, storage.Reader.ListGroups, func(domain ID) GroupQuery { return GroupQuery{Domain: domain, WithDeleting: true} },
	func(g *Group) error { _, err := GroupSettingsOf(*g); return err },
	func(ctx context.Context, w *Writer, id ID) (bool, error) {
		gs, err := w.Groups(ctx, w.scope.domain, []ID{id})
		g, err := one(gs, err, "group", string(id))
		if err != nil {
			return false, err
		}
		if _, err := GroupSettingsOf(g); err == nil {
			return false, nil
		}
		was := g.Rev
		if g.Data, err = json.Marshal(GroupSettings{Version: 1, Posting: AdminsPost}); err != nil {
			return false, err
		}
		if g.Rev, err = w.NextRev(was); err != nil {
			return false, err
		}
		return true, noConflict(w.ChangeGroups(ctx, []storage.Write[Group]{{Row: g, Was: was}}))
	})

// damagedAudit are audit events whose data cannot be read. Repair takes the
// data away: who has done what to whom and when stays.
var damagedAudit = damagedRows("event", PermAudit, storage.Reader.ListEvents, func(domain ID) EventQuery { return EventQuery{Domain: domain} },
	func(e *Event) error { _, err := decodeEvent(*e); return err },
	func(ctx context.Context, w *Writer, id ID) (bool, error) {
		for p := (Page{Limit: MaxBatch}); ; {
			page, next, err := w.ListEvents(ctx, EventQuery{Domain: w.scope.domain}, p)
			if err != nil {
				return false, err
			}
			if i := slices.IndexFunc(page, func(e Event) bool { return e.ID == id }); i >= 0 {
				return w.blankDamaged(ctx, page[i])
			}
			if p.After = next; next == "" {
				_, err := one[Event](nil, nil, "event", string(id))
				return false, err
			}
		}
	})

// blankDamaged takes the data of an event away if it cannot be read.
func (w *Writer) blankDamaged(ctx context.Context, e Event) (bool, error) {
	if _, err := decodeEvent(e); err == nil {
		return false, nil
	}
	was := e.Rev
	e.Data = emptyEvent
	var err error
	if e.Rev, err = w.NextRev(was); err != nil {
		return false, err
	}
	return true, noConflict(w.ChangeEvents(ctx, []storage.Write[Event]{{Row: e, Was: was}}))
}

// damagedPolicies are the policies in the settings of a domain that their
// packages cannot read. Repair takes them away, so that the defaults of the
// package are in force.
func (a *Admin) damagedPolicies() DamageSource {
	damaged := func(d Domain, name string, policy json.RawMessage) *DamagedError {
		if _, used := a.policies[name]; !used || len(a.checkPolicy(name, policy)) == 0 {
			return nil
		}
		return &DamagedError{"policy", d.ID, name, "its package cannot use it"}
	}
	return DamageSource{
		Kind: "policy",
		Each: func(ctx context.Context, r storage.Reader, domain ID) iter.Seq2[*DamagedError, error] {
			return func(yield func(*DamagedError, error) bool) {
				ds, err := r.Domains(ctx, []ID{domain})
				d, err := one(ds, err, "domain", string(domain))
				if err != nil {
					yield(nil, err)
					return
				}
				set, err := SettingsOf(d)
				if err != nil { // see RepairSettings: nobody acts in this domain
					return
				}
				for _, name := range slices.Sorted(maps.Keys(set.Policies)) {
					if bad := damaged(d, name, set.Policies[name]); bad != nil && !yield(bad, nil) {
						return
					}
				}
			}
		},
		Repair: func(ctx context.Context, w *Writer, name string) (bool, error) {
			policy, ok := w.Settings.Policies[name]
			if !ok {
				_, err := one[Domain](nil, nil, "policy", name)
				return false, err
			}
			if damaged(w.Domain, name, policy) == nil {
				return false, nil
			}
			set := w.Settings
			set.Policies = maps.Clone(set.Policies)
			set.setPolicy(name, nil)
			_, err := w.putDomain(ctx, w.Domain, set)
			return true, err
		},
	}
}
