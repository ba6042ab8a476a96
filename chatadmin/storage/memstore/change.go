package memstore

import (
	"context"
	"slices"

	"chatadmin.example/sdk/chatadmin/storage"
)

// rules say how the rows of one table are changed.
type rules[K comparable, T any] struct {
	table  *table[K, T]
	key    func(*T) K
	domain func(*T) storage.ID
	rev    func(*T) storage.Rev
	parent func(*T) string                        // the field whose parent a new row lacks, or ""
	taken  func(*T) (field string, by storage.ID) // the unique key that another row holds, or ""
	write  func(was, now *T)                      // follows up a write: now is nil for a deletion
	own    func(rows []T)                         // makes the text of rows the store's own
	// what will be looked up for a row; nil where that is not worth it
	touch func(*T)
}

// change applies one call, item by item: conflicts are in the order of the
// items, and an item sees those before it.
func change[K comparable, T any](ctx context.Context, x *tx, c []storage.Write[T], r rules[K, T]) ([]storage.Conflict, error) {
	if err := x.writable(ctx, len(c)); err != nil {
		return nil, err
	}
	// rows that are written together lie together: the garbage collector finds
	// them at once
	rows := make([]T, len(c))
	for i := range c {
		rows[i] = c[i].Row
	}
	if r.own != nil {
		r.own(rows)
	}
	if r.touch != nil {
		for i := range rows {
			r.touch(&rows[i])
		}
	}
	var conflicts []storage.Conflict
	for i := range c {
		if conflict := changeOne(x, &rows[i], c[i].Was, c[i].Delete, r); conflict.Reason != 0 {
			conflict.Index = i
			conflicts = append(conflicts, conflict)
		}
	}
	return conflicts, nil
}

func changeOne[K comparable, T any](x *tx, row *T, rev storage.Rev, remove bool, r rules[K, T]) storage.Conflict {
	k := r.key(row)
	is := r.table.get(k)
	switch {
	case rev != 0 && (is == nil || r.domain(is) != r.domain(row) || r.rev(is) != rev), rev == 0 && remove:
		return storage.Conflict{Reason: storage.Stale}
	case rev == 0 && is != nil:
		return storage.Conflict{Reason: storage.Exists}
	case remove:
		r.table.put(x, k, is, nil)
		r.follow(is, nil)
		return storage.Conflict{}
	}
	if is == nil && r.parent != nil {
		if field := r.parent(row); field != "" {
			return storage.Conflict{Reason: storage.NoParent, Field: field}
		}
	}
	if r.taken != nil {
		if field, by := r.taken(row); field != "" {
			return storage.Conflict{Reason: storage.KeyTaken, Field: field, Other: by}
		}
	}
	r.follow(is, row)
	r.table.put(x, r.key(row), is, row)
	return storage.Conflict{}
}

func (r rules[K, T]) follow(was, now *T) {
	if r.write != nil {
		r.write(was, now)
	}
}

func (x *tx) ChangeDomains(ctx context.Context, c []storage.Write[storage.Domain]) ([]storage.Conflict, error) {
	return change(ctx, x, c, rules[storage.ID, storage.Domain]{table: &x.data.domains,
		key:    func(d *storage.Domain) storage.ID { return d.ID },
		domain: func(d *storage.Domain) storage.ID { return d.ID },
		rev:    func(d *storage.Domain) storage.Rev { return d.Rev },
		write: func(was, now *storage.Domain) {
			if now == nil {
				return
			}
			if now.Fence = storage.NextRev(0, x.now(), 0); was != nil {
				now.Fence = was.Fence
			}
		}})
}

func (x *tx) ChangeUsers(ctx context.Context, c []storage.Write[storage.User]) ([]storage.Conflict, error) {
	d := x.data
	return change(ctx, x, c, rules[storage.ID, storage.User]{table: &d.users,
		key:    func(u *storage.User) storage.ID { return u.ID },
		domain: func(u *storage.User) storage.ID { return u.Domain },
		rev:    func(u *storage.User) storage.Rev { return u.Rev },
		parent: func(u *storage.User) string { return x.lacksDomain(u.Domain) },
		touch: func(u *storage.User) {
			d.people.touch(u.ID)
			d.byLogin.touch(loginOf(u))
		},
		taken: func(u *storage.User) (string, storage.ID) {
			if by := d.logins.get(loginOf(u)); by != nil && by.ID != u.ID {
				return "login_key", by.ID
			}
			return "", ""
		},
		write: func(was, now *storage.User) {
			if was != nil && (now == nil || was.LoginKey != now.LoginKey) {
				d.logins.put(x, loginOf(was), was, nil)
				was = nil
			}
			if now != nil {
				d.logins.put(x, loginOf(now), was, now)
			}
		},
		own: func(rows []storage.User) {
			gather(func(yield func(*string) bool) {
				for i := range rows {
					u := &rows[i]
					for _, s := range [...]*string{&u.Login, &u.LoginKey, &u.Email, &u.DisplayName, &u.NameKey, &u.FirstName, &u.LastName, &u.Title, &u.Department,
						&u.Phone, &u.PhoneE164, (*string)(&u.ID), (*string)(&u.Manager)} {
						if !yield(s) {
							return
						}
					}
				}
			})
		}})
}

func (x *tx) ChangeGroups(ctx context.Context, c []storage.Write[storage.Group]) ([]storage.Conflict, error) {
	return change(ctx, x, c, rules[storage.ID, storage.Group]{table: &x.data.groups,
		key:    func(g *storage.Group) storage.ID { return g.ID },
		domain: func(g *storage.Group) storage.ID { return g.Domain },
		rev:    func(g *storage.Group) storage.Rev { return g.Rev },
		parent: func(g *storage.Group) string { return x.lacksDomain(g.Domain) }})
}

func (x *tx) ChangeMemberships(ctx context.Context, c []storage.Write[storage.Membership]) ([]storage.Conflict, error) {
	return change(ctx, x, c, x.memberships())
}

func (x *tx) memberships() rules[storage.Pair, storage.Membership] {
	return rules[storage.Pair, storage.Membership]{table: &x.data.memberships,
		key:    func(m *storage.Membership) storage.Pair { return storage.Pair{Group: m.Group, User: m.User} },
		domain: func(m *storage.Membership) storage.ID { return m.Domain },
		rev:    func(m *storage.Membership) storage.Rev { return m.Rev },
		parent: func(m *storage.Membership) string {
			g, u := x.data.groups.get(m.Group), x.data.users.get(m.User)
			switch {
			case g == nil || g.Domain != m.Domain || g.Deleting:
				return "group"
			case u == nil || u.Domain != m.Domain || u.Deleting:
				return "user"
			}
			m.Domain, m.Group, m.User = g.Domain, g.ID, u.ID // equal, but kept already
			return ""
		}}
}

func (x *tx) ChangeDevices(ctx context.Context, c []storage.Write[storage.Device]) ([]storage.Conflict, error) {
	d := x.data
	return change(ctx, x, c, rules[storage.ID, storage.Device]{table: &d.devices,
		key:    func(r *storage.Device) storage.ID { return r.ID },
		domain: func(r *storage.Device) storage.ID { return r.Domain },
		rev:    func(r *storage.Device) storage.Rev { return r.Rev },
		parent: func(r *storage.Device) string {
			if !x.isUserOf(r.Domain, r.User) {
				return "user"
			}
			return ""
		},
		taken: func(r *storage.Device) (string, storage.ID) {
			if by := d.deviceKeys.get(deviceKeyOf(r)); by != nil && by.ID != r.ID {
				return "key", by.ID
			}
			return "", ""
		},
		write: func(was, now *storage.Device) {
			if was != nil {
				d.deviceKeys.put(x, deviceKeyOf(was), was, nil)
			}
			if now != nil {
				d.deviceKeys.put(x, deviceKeyOf(now), d.deviceKeys.get(deviceKeyOf(now)), now)
			}
		}})
}

func (x *tx) ChangeRecords(ctx context.Context, c []storage.Write[storage.Record]) ([]storage.Conflict, error) {
	return change(ctx, x, c, rules[storage.Key, storage.Record]{table: &x.data.records,
		key:    func(r *storage.Record) storage.Key { return r.Key },
		domain: func(r *storage.Record) storage.ID { return r.Domain },
		rev:    func(r *storage.Record) storage.Rev { return r.Rev },
		parent: func(r *storage.Record) string {
			if r.Owner == "" || x.isUserOf(r.Domain, r.Owner) || x.isGroup(r.Domain, r.Owner) {
				return ""
			}
			if d := x.data.devices.get(r.Owner); d != nil && d.Domain == r.Domain {
				return ""
			}
			return "owner"
		}})
}

func (x *tx) ChangeEvents(ctx context.Context, c []storage.Write[storage.Event]) ([]storage.Conflict, error) {
	return change(ctx, x, c, rules[storage.ID, storage.Event]{table: &x.data.events,
		key:    func(e *storage.Event) storage.ID { return e.ID },
		domain: func(e *storage.Event) storage.ID { return e.Domain },
		rev:    func(e *storage.Event) storage.Rev { return e.Rev },
		write: func(was, now *storage.Event) {
			if was != nil && now != nil { // only its data is ever rewritten
				rev, data := now.Rev, now.Data
				*now = *was
				now.Rev, now.Data = rev, data
			}
		},
		own: func(rows []storage.Event) {
			for i := range rows {
				rows[i].Targets = slices.Clone(rows[i].Targets)
				gather(func(yield func(*string) bool) {
					for j := range rows[i].Targets {
						if !yield((*string)(&rows[i].Targets[j])) {
							return
						}
					}
				})
			}
		}})
}

// AddMembers implements storage.Tx.
func (x *tx) AddMembers(ctx context.Context, q storage.UserQuery, m storage.Membership, p storage.Page) ([]storage.ID, storage.Cursor, error) {
	if err := x.writable(ctx, 0); err != nil {
		return nil, "", err
	}
	users, next, err := bulk(x.data.userID, within(string(q.Domain)), p, storage.MaxBulk, func(u *storage.User) bool {
		return x.isUser(q, u) && !u.Deleting && (q.Prefix == "" || x.hasPrefix(q, u))
	})
	if err != nil {
		x.failed = err
		return nil, "", err
	}
	var added []storage.ID
	for _, u := range users {
		m := m
		m.User = u.ID
		if c := changeOne(x, &m, 0, false, x.memberships()); c.Reason == 0 {
			added = append(added, u.ID)
		}
	}
	return added, next, nil
}

func (x *tx) lacksDomain(id storage.ID) string {
	if x.data.domains.get(id) == nil {
		return "domain"
	}
	return ""
}

func (x *tx) isUserOf(domain, id storage.ID) bool {
	u := x.data.users.get(id)
	return u != nil && u.Domain == domain && !u.Deleting
}

func (x *tx) isGroup(domain, id storage.ID) bool {
	g := x.data.groups.get(id)
	return g != nil && g.Domain == domain && !g.Deleting
}
