package memstore

import (
	"sync"

	"chatadmin.example/sdk/chatadmin/storage"
)

// data is what all handles share.
type data struct {
	// fence is that of all domains: transactions run one at a time, and what it
	// adds is that a waiting Exclusive goes before later Shared ones. It is
	// locked before mu.
	fence sync.RWMutex
	mu    sync.RWMutex

	people  people // what is behind users, memberships and logins
	byLogin keyed[login, storage.User]

	domains     table[storage.ID, storage.Domain]
	users       table[storage.ID, storage.User]
	groups      table[storage.ID, storage.Group]
	memberships table[storage.Pair, storage.Membership]
	devices     table[storage.ID, storage.Device]
	records     table[storage.Key, storage.Record]
	content     table[storage.ID, storage.Content]
	events      table[storage.ID, storage.Event]

	logins     table[login, storage.User] // the unique key of users
	deviceKeys table[deviceKey, storage.Device]

	domainOrder                              *order[storage.Domain]
	userID, userLogin, userName, userManager *order[storage.User]
	userAdmin                                *order[storage.User] // admins alone, by login
	userCreated                              *order[storage.User] // the newest first
	groupName                                *order[storage.Group]
	memberUser, memberGroup                  *order[storage.Membership] // who is in a group; where a user is
	deviceOrder, deviceUser                  *order[storage.Device]
	recordKind, recordDomain, recordOwner    *order[storage.Record]
	recordDue                                *order[storage.Record]
	contentContainer, contentAuthor          *order[storage.Content]
	contentAt                                *order[storage.Content]
	contentBlob                              *order[storage.Content] // of all domains
	eventOrder                               *order[storage.Event]
}

type login struct {
	domain storage.ID
	key    string
}

func loginOf(u *storage.User) login { return login{u.Domain, u.LoginKey} }

func (l login) hash() uint64 { return hashText(l.key) + 3*hashText(l.domain) }

type deviceKey struct {
	domain, user storage.ID
	key          string
}

func deviceKeyOf(d *storage.Device) deviceKey { return deviceKey{d.Domain, d.User, d.Key} }

func (k deviceKey) hash() uint64 { return hashText(k.key) + 3*hashText(k.user) + 5*hashText(k.domain) }

func hashKey(k storage.Key) uint64 {
	return hashText(k.ID) + 3*hashText(k.Domain) + 5*hashText(k.Kind)
}

func newData() *data {
	all, byLogin := newPeople(), keyed[login, storage.User]{newHashed(login.hash, loginOf)}
	d := &data{
		people: all, byLogin: byLogin,
		domains:     newTable(hashText, func(d *storage.Domain) storage.ID { return d.ID }),
		users:       table[storage.ID, storage.User]{rows: userRows{all}},
		groups:      newTable(hashText, func(g *storage.Group) storage.ID { return g.ID }),
		memberships: table[storage.Pair, storage.Membership]{rows: membershipRows{all}},
		devices:     newTable(hashText, func(d *storage.Device) storage.ID { return d.ID }),
		records:     newTable(hashKey, func(r *storage.Record) storage.Key { return r.Key }),
		content:     newTable(hashText, func(c *storage.Content) storage.ID { return c.ID }),
		events:      newTable(hashText, func(e *storage.Event) storage.ID { return e.ID }),
		logins:      table[login, storage.User]{rows: byLogin},
		deviceKeys:  newTable(deviceKey.hash, deviceKeyOf),
	}
	d.domainOrder = newOrder(&d.domains, func(r *storage.Domain) sortKey { return sortKey{string(r.ID)} })
	d.userID = newOrder(&d.users, func(u *storage.User) sortKey { return sortKey{string(u.Domain), string(u.ID)} })
	d.userLogin = newOrder(&d.users, func(u *storage.User) sortKey { return sortKey{string(u.Domain), u.LoginKey, string(u.ID)} })
	d.userName = newOrder(&d.users, func(u *storage.User) sortKey { return sortKey{string(u.Domain), u.NameKey, string(u.ID)} })
	d.userCreated = newOrder(&d.users, func(u *storage.User) sortKey { return sortKey{string(u.Domain), sortTime(u.Created), string(u.ID)} })
	d.userCreated.desc = true
	d.userAdmin = newOrder(&d.users, func(u *storage.User) sortKey {
		if !u.Admin {
			return sortKey{}
		}
		return sortKey{string(u.Domain), u.LoginKey, string(u.ID)}
	})
	d.userManager = newOrder(&d.users, func(u *storage.User) sortKey {
		if u.Manager == "" {
			return sortKey{}
		}
		return sortKey{string(u.Domain), string(u.Manager), u.LoginKey, string(u.ID)}
	})
	d.groupName = newOrder(&d.groups, func(g *storage.Group) sortKey { return sortKey{string(g.Domain), g.NameKey, string(g.ID)} })
	d.memberUser = newOrder(&d.memberships, func(m *storage.Membership) sortKey {
		return sortKey{string(m.Domain), string(m.Group), string(m.User)}
	})
	d.memberGroup = newOrder(&d.memberships, func(m *storage.Membership) sortKey {
		return sortKey{string(m.Domain), string(m.User), string(m.Group)}
	})
	d.deviceOrder = newOrder(&d.devices, func(r *storage.Device) sortKey { return sortKey{string(r.Domain), r.Key, string(r.ID)} })
	d.deviceUser = newOrder(&d.devices, func(r *storage.Device) sortKey {
		return sortKey{string(r.Domain), string(r.User), r.Key, string(r.ID)}
	})
	d.recordOrders()
	d.contentContainer = newOrder(&d.content, func(c *storage.Content) sortKey {
		return sortKey{string(c.Domain), string(container(c)), kindOrder(c), string(c.ID)}
	})
	d.contentAuthor = newOrder(&d.content, func(c *storage.Content) sortKey {
		return sortKey{string(c.Domain), string(c.Author), kindOrder(c), string(c.ID)}
	})
	d.contentAt = newOrder(&d.content, func(c *storage.Content) sortKey {
		return sortKey{string(c.Domain), sortTime(c.At), kindOrder(c), string(c.ID)}
	})
	d.contentBlob = newOrder(&d.content, func(c *storage.Content) sortKey { return sortKey{c.Blob, string(c.ID)} })
	d.eventOrder = newOrder(&d.events, func(e *storage.Event) sortKey { return sortKey{string(e.Domain), sortTime(e.At), string(e.ID)} })
	d.eventOrder.desc = true
	return d
}

// recordOrders: every list of records goes by Kind, ID, Domain.
func (d *data) recordOrders() {
	d.recordKind = newOrder(&d.records, func(r *storage.Record) sortKey { return sortKey{r.Kind, r.ID, string(r.Domain)} })
	d.recordDomain = newOrder(&d.records, func(r *storage.Record) sortKey { return sortKey{"d" + string(r.Domain), r.Kind, r.ID} })
	d.recordOwner = newOrder(&d.records, func(r *storage.Record) sortKey {
		if r.Owner == "" {
			return sortKey{}
		}
		return sortKey{string(r.Owner), r.Kind, r.ID, string(r.Domain)}
	})
	d.recordDue = newOrder(&d.records, func(r *storage.Record) sortKey {
		if r.Due.IsZero() {
			return sortKey{}
		}
		return sortKey{"due", sortTime(r.Due), r.Kind, r.ID + "\x00" + string(r.Domain)}
	})
}

// container is where content lies; a chat lies in itself.
func container(c *storage.Content) storage.ID {
	if c.Kind == storage.Chat {
		return c.ID
	}
	return c.Container
}

// kindOrder puts what lies in a chat before the chat.
func kindOrder(c *storage.Content) string {
	if c.Kind == storage.Chat {
		return "2"
	}
	return "1"
}
