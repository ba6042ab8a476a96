package memstore

import (
	"slices"

	"chatadmin.example/sdk/chatadmin"
)

// people hold users and memberships by the user's ID. A membership always comes and goes with its user at hand, and one has few of them: so they lie together,
// instead of in a map of their own that would be several times as large.
type people map[chatadmin.ID]person

type person struct {
	user *chatadmin.User
	in   []*chatadmin.Membership
}

func (m people) set(id chatadmin.ID, p person) {
	if p.user == nil && len(p.in) == 0 {
		delete(m, id)
	} else {
		m[id] = p
	}
}

type (
	userRows       struct{ people }
	membershipRows struct{ people }
)

func (m userRows) get(id chatadmin.ID) *chatadmin.User { return m.people[id].user }

func (m userRows) set(id chatadmin.ID, u *chatadmin.User) {
	m.people.set(id, person{u, m.people[id].in})
}

func (m userRows) each(yield func(*chatadmin.User)) {
	for _, p := range m.people {
		if p.user != nil {
			yield(p.user)
		}
	}
}

func (m membershipRows) get(k chatadmin.Pair) *chatadmin.Membership {
	for _, row := range m.people[k.User].in {
		if row.Group == k.Group {
			return row
		}
	}
	return nil
}

func (m membershipRows) set(k chatadmin.Pair, row *chatadmin.Membership) {
	p := m.people[k.User]
	i := slices.IndexFunc(p.in, func(row *chatadmin.Membership) bool { return row.Group == k.Group })
	switch {
	case i < 0 && row != nil:
		p.in = append(p.in, row)
	case i >= 0 && row != nil:
		p.in[i] = row
	case i >= 0:
		p.in = slices.Delete(p.in, i, i+1)
	}
	m.people.set(k.User, p)
}

func (m membershipRows) each(yield func(*chatadmin.Membership)) {
	for _, p := range m.people {
		for _, row := range p.in {
			yield(row)
		}
	}
}
