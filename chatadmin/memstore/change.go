package memstore

import (
	"context"
	"slices"

	"chatadmin.example/sdk/chatadmin"
)

// rules say how the rows of one table are changed.
type rules[K comparable, T any] struct {
	table  *table[K, T]
	key    func(*T) K
	domain func(*T) chatadmin.ID
	rev    func(*T) chatadmin.Rev
	parent func(*T) string                          // the field whose parent a new row lacks, or ""
	taken  func(*T) (field string, by chatadmin.ID) // the unique key that another row holds, or ""
	write  func(was, now *T)                        // follows up a write: now is nil for a deletion
	own    func(rows []T)                           // makes the text of rows the store's own
	touch  func(*T)                                 // what will be looked up for a row; nil where that is not worth it
}

// change applies one call, item by item: conflicts are in the order of the items, and an item sees those before it.
func change[K comparable, T any](ctx context.Context, x *tx, c []chatadmin.Change[T], r rules[K, T]) ([]chatadmin.Conflict, error) {
	if err := x.writable(ctx, len(c)); err != nil {
		return nil, err
	}
	rows := make([]T, len(c)) // rows that are written together lie together: the garbage collector finds them at once
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
	var conflicts []chatadmin.Conflict
	for i := range c {
		if conflict := changeOne(x, &rows[i], c[i].Was, c[i].Delete, r); conflict.Reason != 0 {
			conflict.Index = i
			conflicts = append(conflicts, conflict)
		}
	}
	return conflicts, nil
}

func changeOne[K comparable, T any](x *tx, row *T, rev chatadmin.Rev, remove bool, r rules[K, T]) chatadmin.Conflict {
	k := r.key(row)
	is := r.table.get(k)
	switch {
	case rev != 0 && (is == nil || r.domain(is) != r.domain(row) || r.rev(is) != rev), rev == 0 && remove:
		return chatadmin.Conflict{Reason: chatadmin.Stale}
	case rev == 0 && is != nil:
		return chatadmin.Conflict{Reason: chatadmin.Exists}
	case remove:
		r.table.put(x, k, is, nil)
		r.follow(is, nil)
		return chatadmin.Conflict{}
	}
	if is == nil && r.parent != nil {
		if field := r.parent(row); field != "" {
			return chatadmin.Conflict{Reason: chatadmin.NoParent, Field: field}
		}
	}
	if r.taken != nil {
		if field, by := r.taken(row); field != "" {
			return chatadmin.Conflict{Reason: chatadmin.KeyTaken, Field: field, Other: by}
		}
	}
	r.follow(is, row)
	r.table.put(x, r.key(row), is, row)
	return chatadmin.Conflict{}
}

func (r rules[K, T]) follow(was, now *T) {
	if r.write != nil {
		r.write(was, now)
	}
}

func (x *tx) ChangeDomains(ctx context.Context, c []chatadmin.Change[chatadmin.Domain]) ([]chatadmin.Conflict, error) {
	return change(ctx, x, c, rules[chatadmin.ID, chatadmin.Domain]{table: &x.data.domains,
		key:    func(d *chatadmin.Domain) chatadmin.ID { return d.ID },
		domain: func(d *chatadmin.Domain) chatadmin.ID { return d.ID },
		rev:    func(d *chatadmin.Domain) chatadmin.Rev { return d.Rev },
		write: func(was, now *chatadmin.Domain) {
			if now == nil {
				return
			}
			if now.Fence = chatadmin.NextRev(0, x.now(), 0); was != nil {
				now.Fence = was.Fence
			}
		}})
}

func (x *tx) ChangeUsers(ctx context.Context, c []chatadmin.Change[chatadmin.User]) ([]chatadmin.Conflict, error) {
	d := x.data
	return change(ctx, x, c, rules[chatadmin.ID, chatadmin.User]{table: &d.users,
		key:    func(u *chatadmin.User) chatadmin.ID { return u.ID },
		domain: func(u *chatadmin.User) chatadmin.ID { return u.Domain },
		rev:    func(u *chatadmin.User) chatadmin.Rev { return u.Rev },
		parent: func(u *chatadmin.User) string { return x.lacksDomain(u.Domain) },
		touch: func(u *chatadmin.User) {
			d.people.touch(u.ID)
			d.byLogin.touch(loginOf(u))
		},
		taken: func(u *chatadmin.User) (string, chatadmin.ID) {
			if by := d.logins.get(loginOf(u)); by != nil && by.ID != u.ID {
				return "login_key", by.ID
			}
			return "", ""
		},
		write: func(was, now *chatadmin.User) {
			if was != nil && (now == nil || was.LoginKey != now.LoginKey) {
				d.logins.put(x, loginOf(was), was, nil)
				was = nil
			}
			if now != nil {
				d.logins.put(x, loginOf(now), was, now)
			}
		},
		own: func(rows []chatadmin.User) {
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

func (x *tx) ChangeGroups(ctx context.Context, c []chatadmin.Change[chatadmin.Group]) ([]chatadmin.Conflict, error) {
	return change(ctx, x, c, rules[chatadmin.ID, chatadmin.Group]{table: &x.data.groups,
		key:    func(g *chatadmin.Group) chatadmin.ID { return g.ID },
		domain: func(g *chatadmin.Group) chatadmin.ID { return g.Domain },
		rev:    func(g *chatadmin.Group) chatadmin.Rev { return g.Rev },
		parent: func(g *chatadmin.Group) string { return x.lacksDomain(g.Domain) }})
}

func (x *tx) ChangeMemberships(ctx context.Context, c []chatadmin.Change[chatadmin.Membership]) ([]chatadmin.Conflict, error) {
	return change(ctx, x, c, x.memberships())
}

func (x *tx) memberships() rules[chatadmin.Pair, chatadmin.Membership] {
	return rules[chatadmin.Pair, chatadmin.Membership]{table: &x.data.memberships,
		key:    func(m *chatadmin.Membership) chatadmin.Pair { return chatadmin.Pair{Group: m.Group, User: m.User} },
		domain: func(m *chatadmin.Membership) chatadmin.ID { return m.Domain },
		rev:    func(m *chatadmin.Membership) chatadmin.Rev { return m.Rev },
		parent: func(m *chatadmin.Membership) string {
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

func (x *tx) ChangeDevices(ctx context.Context, c []chatadmin.Change[chatadmin.Device]) ([]chatadmin.Conflict, error) {
	d := x.data
	return change(ctx, x, c, rules[chatadmin.ID, chatadmin.Device]{table: &d.devices,
		key:    func(r *chatadmin.Device) chatadmin.ID { return r.ID },
		domain: func(r *chatadmin.Device) chatadmin.ID { return r.Domain },
		rev:    func(r *chatadmin.Device) chatadmin.Rev { return r.Rev },
		parent: func(r *chatadmin.Device) string {
			if !x.isUserOf(r.Domain, r.User) {
				return "user"
			}
			return ""
		},
		taken: func(r *chatadmin.Device) (string, chatadmin.ID) {
			if by := d.deviceKeys.get(deviceKeyOf(r)); by != nil && by.ID != r.ID {
				return "key", by.ID
			}
			return "", ""
		},
		write: func(was, now *chatadmin.Device) {
			if was != nil {
				d.deviceKeys.put(x, deviceKeyOf(was), was, nil)
			}
			if now != nil {
				d.deviceKeys.put(x, deviceKeyOf(now), d.deviceKeys.get(deviceKeyOf(now)), now)
			}
		}})
}

func (x *tx) ChangeRecords(ctx context.Context, c []chatadmin.Change[chatadmin.Record]) ([]chatadmin.Conflict, error) {
	return change(ctx, x, c, rules[chatadmin.Key, chatadmin.Record]{table: &x.data.records,
		key:    func(r *chatadmin.Record) chatadmin.Key { return r.Key },
		domain: func(r *chatadmin.Record) chatadmin.ID { return r.Domain },
		rev:    func(r *chatadmin.Record) chatadmin.Rev { return r.Rev },
		parent: func(r *chatadmin.Record) string {
			if r.Owner == "" || x.isUserOf(r.Domain, r.Owner) || x.isGroup(r.Domain, r.Owner) {
				return ""
			}
			if d := x.data.devices.get(r.Owner); d != nil && d.Domain == r.Domain {
				return ""
			}
			return "owner"
		}})
}

func (x *tx) ChangeEvents(ctx context.Context, c []chatadmin.Change[chatadmin.Event]) ([]chatadmin.Conflict, error) {
	return change(ctx, x, c, rules[chatadmin.ID, chatadmin.Event]{table: &x.data.events,
		key:    func(e *chatadmin.Event) chatadmin.ID { return e.ID },
		domain: func(e *chatadmin.Event) chatadmin.ID { return e.Domain },
		rev:    func(e *chatadmin.Event) chatadmin.Rev { return e.Rev },
		write: func(was, now *chatadmin.Event) {
			if was != nil && now != nil { // only its data is ever rewritten
				rev, data := now.Rev, now.Data
				*now = *was
				now.Rev, now.Data = rev, data
			}
		},
		own: func(rows []chatadmin.Event) {
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

// AddMembers implements chatadmin.Tx.
func (x *tx) AddMembers(ctx context.Context, q chatadmin.UserQuery, m chatadmin.Membership, p chatadmin.Page) ([]chatadmin.ID, chatadmin.Cursor, error) {
	if err := x.writable(ctx, 0); err != nil {
		return nil, "", err
	}
	users, next, err := bulk(x.data.userID, within(string(q.Domain)), p, chatadmin.MaxBulk, func(u *chatadmin.User) bool {
		return x.isUser(q, u) && !u.Deleting && (q.Prefix == "" || x.hasPrefix(q, u))
	})
	if err != nil {
		x.failed = err
		return nil, "", err
	}
	var added []chatadmin.ID
	for _, u := range users {
		m := m
		m.User = u.ID
		if c := changeOne(x, &m, 0, false, x.memberships()); c.Reason == 0 {
			added = append(added, u.ID)
		}
	}
	return added, next, nil
}

func (x *tx) lacksDomain(id chatadmin.ID) string {
	if x.data.domains.get(id) == nil {
		return "domain"
	}
	return ""
}

func (x *tx) isUserOf(domain, id chatadmin.ID) bool {
	u := x.data.users.get(id)
	return u != nil && u.Domain == domain && !u.Deleting
}

func (x *tx) isGroup(domain, id chatadmin.ID) bool {
	g := x.data.groups.get(id)
	return g != nil && g.Domain == domain && !g.Deleting
}
