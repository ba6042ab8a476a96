package memstore

import (
	"sync"

	"chatadmin.example/sdk/chatadmin"
)

// data is what all handles share.
type data struct {
	// fence is that of all domains: transactions run one at a time, and what it adds is that a waiting Exclusive goes before later Shared ones. It is locked before mu.
	fence sync.RWMutex
	mu    sync.RWMutex

	people  people // what is behind users, memberships and logins
	byLogin keyed[login, chatadmin.User]

	domains     table[chatadmin.ID, chatadmin.Domain]
	users       table[chatadmin.ID, chatadmin.User]
	groups      table[chatadmin.ID, chatadmin.Group]
	memberships table[chatadmin.Pair, chatadmin.Membership]
	devices     table[chatadmin.ID, chatadmin.Device]
	records     table[chatadmin.Key, chatadmin.Record]
	content     table[chatadmin.ID, chatadmin.Content]
	events      table[chatadmin.ID, chatadmin.Event]

	logins     table[login, chatadmin.User] // the unique key of users
	deviceKeys table[deviceKey, chatadmin.Device]

	domainOrder                              *order[chatadmin.Domain]
	userID, userLogin, userName, userManager *order[chatadmin.User]
	userAdmin                                *order[chatadmin.User] // admins alone, by login
	groupName                                *order[chatadmin.Group]
	memberUser, memberGroup                  *order[chatadmin.Membership] // who is in a group; where a user is
	deviceOrder, deviceUser                  *order[chatadmin.Device]
	recordKind, recordDomain, recordOwner    *order[chatadmin.Record]
	recordDue                                *order[chatadmin.Record]
	contentContainer, contentAuthor          *order[chatadmin.Content]
	contentAt                                *order[chatadmin.Content]
	contentBlob                              *order[chatadmin.Content] // of all domains
	eventOrder                               *order[chatadmin.Event]
}

type login struct {
	domain chatadmin.ID
	key    string
}

func loginOf(u *chatadmin.User) login { return login{u.Domain, u.LoginKey} }

func (l login) hash() uint64 { return hashText(l.key) + 3*hashText(l.domain) }

type deviceKey struct {
	domain, user chatadmin.ID
	key          string
}

func deviceKeyOf(d *chatadmin.Device) deviceKey { return deviceKey{d.Domain, d.User, d.Key} }

func (k deviceKey) hash() uint64 { return hashText(k.key) + 3*hashText(k.user) + 5*hashText(k.domain) }

func hashKey(k chatadmin.Key) uint64 {
	return hashText(k.ID) + 3*hashText(k.Domain) + 5*hashText(k.Kind)
}

func newData() *data {
	all, byLogin := newPeople(), keyed[login, chatadmin.User]{newHashed(login.hash, loginOf)}
	d := &data{
		people: all, byLogin: byLogin,
		domains:     newTable(hashText, func(d *chatadmin.Domain) chatadmin.ID { return d.ID }),
		users:       table[chatadmin.ID, chatadmin.User]{rows: userRows{all}},
		groups:      newTable(hashText, func(g *chatadmin.Group) chatadmin.ID { return g.ID }),
		memberships: table[chatadmin.Pair, chatadmin.Membership]{rows: membershipRows{all}},
		devices:     newTable(hashText, func(d *chatadmin.Device) chatadmin.ID { return d.ID }),
		records:     newTable(hashKey, func(r *chatadmin.Record) chatadmin.Key { return r.Key }),
		content:     newTable(hashText, func(c *chatadmin.Content) chatadmin.ID { return c.ID }),
		events:      newTable(hashText, func(e *chatadmin.Event) chatadmin.ID { return e.ID }),
		logins:      table[login, chatadmin.User]{rows: byLogin},
		deviceKeys:  newTable(deviceKey.hash, deviceKeyOf),
	}
	d.domainOrder = newOrder(&d.domains, func(r *chatadmin.Domain) sortKey { return sortKey{string(r.ID)} })
	d.userID = newOrder(&d.users, func(u *chatadmin.User) sortKey { return sortKey{string(u.Domain), string(u.ID)} })
	d.userLogin = newOrder(&d.users, func(u *chatadmin.User) sortKey { return sortKey{string(u.Domain), u.LoginKey, string(u.ID)} })
	d.userName = newOrder(&d.users, func(u *chatadmin.User) sortKey { return sortKey{string(u.Domain), u.NameKey, string(u.ID)} })
	d.userAdmin = newOrder(&d.users, func(u *chatadmin.User) sortKey {
		if !u.Admin {
			return sortKey{}
		}
		return sortKey{string(u.Domain), u.LoginKey, string(u.ID)}
	})
	d.userManager = newOrder(&d.users, func(u *chatadmin.User) sortKey {
		if u.Manager == "" {
			return sortKey{}
		}
		return sortKey{string(u.Domain), string(u.Manager), u.LoginKey, string(u.ID)}
	})
	d.groupName = newOrder(&d.groups, func(g *chatadmin.Group) sortKey { return sortKey{string(g.Domain), g.NameKey, string(g.ID)} })
	d.memberUser = newOrder(&d.memberships, func(m *chatadmin.Membership) sortKey {
		return sortKey{string(m.Domain), string(m.Group), string(m.User)}
	})
	d.memberGroup = newOrder(&d.memberships, func(m *chatadmin.Membership) sortKey {
		return sortKey{string(m.Domain), string(m.User), string(m.Group)}
	})
	d.deviceOrder = newOrder(&d.devices, func(r *chatadmin.Device) sortKey { return sortKey{string(r.Domain), r.Key, string(r.ID)} })
	d.deviceUser = newOrder(&d.devices, func(r *chatadmin.Device) sortKey {
		return sortKey{string(r.Domain), string(r.User), r.Key, string(r.ID)}
	})
	d.recordOrders()
	d.contentContainer = newOrder(&d.content, func(c *chatadmin.Content) sortKey {
		return sortKey{string(c.Domain), string(container(c)), kindOrder(c), string(c.ID)}
	})
	d.contentAuthor = newOrder(&d.content, func(c *chatadmin.Content) sortKey {
		return sortKey{string(c.Domain), string(c.Author), kindOrder(c), string(c.ID)}
	})
	d.contentAt = newOrder(&d.content, func(c *chatadmin.Content) sortKey {
		return sortKey{string(c.Domain), sortTime(c.At), kindOrder(c), string(c.ID)}
	})
	d.contentBlob = newOrder(&d.content, func(c *chatadmin.Content) sortKey { return sortKey{c.Blob, string(c.ID)} })
	d.eventOrder = newOrder(&d.events, func(e *chatadmin.Event) sortKey { return sortKey{string(e.Domain), sortTime(e.At), string(e.ID)} })
	d.eventOrder.desc = true
	return d
}

// recordOrders: every list of records goes by Kind, ID, Domain.
func (d *data) recordOrders() {
	d.recordKind = newOrder(&d.records, func(r *chatadmin.Record) sortKey { return sortKey{r.Kind, r.ID, string(r.Domain)} })
	d.recordDomain = newOrder(&d.records, func(r *chatadmin.Record) sortKey { return sortKey{"d" + string(r.Domain), r.Kind, r.ID} })
	d.recordOwner = newOrder(&d.records, func(r *chatadmin.Record) sortKey {
		if r.Owner == "" {
			return sortKey{}
		}
		return sortKey{string(r.Owner), r.Kind, r.ID, string(r.Domain)}
	})
	d.recordDue = newOrder(&d.records, func(r *chatadmin.Record) sortKey {
		if r.Due.IsZero() {
			return sortKey{}
		}
		return sortKey{"due", sortTime(r.Due), r.Kind, r.ID + "\x00" + string(r.Domain)}
	})
}

// container is where content lies; a chat lies in itself.
func container(c *chatadmin.Content) chatadmin.ID {
	if c.Kind == chatadmin.Chat {
		return c.ID
	}
	return c.Container
}

// kindOrder puts what lies in a chat before the chat.
func kindOrder(c *chatadmin.Content) string {
	if c.Kind == chatadmin.Chat {
		return "2"
	}
	return "1"
}
