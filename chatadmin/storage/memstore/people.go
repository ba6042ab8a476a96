package memstore

import (
	"slices"

	"chatadmin.example/sdk/chatadmin/storage"
)

// people hold users and memberships by the user's ID. A membership always comes and goes with its user at hand, and one has few of them: so they lie together,
// instead of in a map of their own that would be several times as large.
type people struct{ *hashed[storage.ID, person] }

func newPeople() people { return people{newHashed(hashText[storage.ID], person.id)} }

type person struct {
	user *storage.User
	in   []*storage.Membership
}

func (p person) id() storage.ID {
	if p.user != nil {
		return p.user.ID
	}
	return p.in[0].User
}

func (m people) put(id storage.ID, p person) {
	if p.user == nil && len(p.in) == 0 {
		m.delete(id)
	} else {
		m.set(id, p)
	}
}

type (
	userRows       struct{ people }
	membershipRows struct{ people }
)

func (m userRows) get(id storage.ID) *storage.User { return m.people.get(id).user }

func (m userRows) set(id storage.ID, u *storage.User) {
	m.people.put(id, person{u, m.people.get(id).in})
}

func (m userRows) each(yield func(*storage.User)) {
	m.people.each(func(p person) {
		if p.user != nil {
			yield(p.user)
		}
	})
}

func (m membershipRows) get(k storage.Pair) *storage.Membership {
	for _, row := range m.people.get(k.User).in {
		if row.Group == k.Group {
			return row
		}
	}
	return nil
}

func (m membershipRows) set(k storage.Pair, row *storage.Membership) {
	p := m.people.get(k.User)
	i := slices.IndexFunc(p.in, func(row *storage.Membership) bool { return row.Group == k.Group })
	switch {
	case i < 0 && row != nil:
		p.in = append(p.in, row)
	case i >= 0 && row != nil:
		p.in[i] = row
	case i >= 0:
		p.in = slices.Concat(p.in[:i], p.in[i+1:]) // not in place: the person that is replaced is still looked at
	}
	m.people.put(k.User, p)
}

func (m membershipRows) each(yield func(*storage.Membership)) {
	m.people.each(func(p person) {
		for _, row := range p.in {
			yield(row)
		}
	})
}
