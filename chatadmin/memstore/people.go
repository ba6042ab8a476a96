package memstore

import (
	"slices"

	"chatadmin.example/sdk/chatadmin"
)

// people hold users and memberships by the user's ID. A membership always comes and goes with its user at hand, and one has few of them: so they lie together,
// instead of in a map of their own that would be several times as large.
type people struct{ *hashed[chatadmin.ID, person] }

func newPeople() people { return people{newHashed(hashText[chatadmin.ID], person.id)} }

type person struct {
	user *chatadmin.User
	in   []*chatadmin.Membership
}

func (p person) id() chatadmin.ID {
	if p.user != nil {
		return p.user.ID
	}
	return p.in[0].User
}

func (m people) put(id chatadmin.ID, p person) {
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

func (m userRows) get(id chatadmin.ID) *chatadmin.User { return m.people.get(id).user }

func (m userRows) set(id chatadmin.ID, u *chatadmin.User) {
	m.people.put(id, person{u, m.people.get(id).in})
}

func (m userRows) each(yield func(*chatadmin.User)) {
	m.people.each(func(p person) {
		if p.user != nil {
			yield(p.user)
		}
	})
}

func (m membershipRows) get(k chatadmin.Pair) *chatadmin.Membership {
	for _, row := range m.people.get(k.User).in {
		if row.Group == k.Group {
			return row
		}
	}
	return nil
}

func (m membershipRows) set(k chatadmin.Pair, row *chatadmin.Membership) {
	p := m.people.get(k.User)
	i := slices.IndexFunc(p.in, func(row *chatadmin.Membership) bool { return row.Group == k.Group })
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

func (m membershipRows) each(yield func(*chatadmin.Membership)) {
	m.people.each(func(p person) {
		for _, row := range p.in {
			yield(row)
		}
	})
}
