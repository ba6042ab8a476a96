package csvimport

import (
	"strings"

	"chatadmin.example/sdk/chatadmin"
)

// A row with a new login renames the user whom its login names. After that the
// user is found by the new login: importing the same file again changes
// nothing.

// of finds the user of a row: by their login, or, if there is none, by the
// login that the row gives them, since they may have it already.
func (u users) of(e *entry) *chatadmin.User {
	if is := u.user(e.loginKey); is != nil || e.newKey == "" || e.loginKey == "" {
		return is
	}
	return u.user(e.newKey)
}

// rename gives u the new login of the row. holder is the user who has it.
func (d *decider) rename(r *row, is, holder *chatadmin.User, u *chatadmin.User, v *verdict) {
	switch {
	case r.NewLogin == "" || r.marks[colNewLogin]&(markRuined|markDamaged) != 0:
	case holder != nil && holder.ID != is.ID:
		v.fail(chatadmin.CodeTaken, colNewLogin, "another user has this login")
	case is.Login == r.NewLogin:
	case d.domain.Login.Immutable:
		v.fail(chatadmin.CodeImmutable, colNewLogin, "in this domain a login cannot be changed")
	default:
		if u.Login = r.NewLogin; d.domain.Login.IsEmail {
			u.Email = r.NewLogin
		}
		v.renames = true
	}
}

// claimNew notes that a row gives its user a login, and returns where that
// login stands first in the file.
func (x *index) claimNew(k key, row int) place {
	here := place{row: uint32(row)}
	first := x.logins.claim(k, here.row)
	if first == here.row {
		return here
	}
	at := place{first, x.lineOf(first)}
	x.againNew[here.row] = at
	return at
}

// firstNewOf tells where the new login of a row stands first, also when the
// logins are forgotten.
func (x *index) firstNewOf(row int) place {
	if at, ok := x.againNew[uint32(row)]; ok {
		return at
	}
	return place{row: uint32(row)}
}

// alias is the user for whom another login stands.
type alias struct {
	real key // of the login that the store has
	id   chatadmin.ID
}

// alias notes that two logins are those of one user: real is the one that the
// store had when the file was read.
func (x *index) alias(real, other string, id chatadmin.ID) {
	x.aliases[x.key(other)] = alias{x.key(real), id}
	real, other = strings.Clone(real), strings.Clone(other)
	x.otherLogin[real], x.otherLogin[other] = other, real
}

// either finds a user by a login, or by the other one that the file gives them.
func (x *index) either(view users, loginKey string) *chatadmin.User {
	if u := view.user(loginKey); u != nil {
		return u
	}
	return view.user(x.otherLogin[loginKey])
}

// realTargets names each manager by the login that the store had. Links to a
// manager whom the user has already are none.
func (x *index) realTargets(above map[key]chatadmin.ID) {
	if len(x.aliases) == 0 {
		return
	}
	kept := x.links[:0]
	for _, l := range x.links {
		if to, ok := x.aliases[l.target]; ok {
			if l.exists && above[l.user] == to.id {
				continue
			}
			if l.target = to.real; l.user == to.real && l.code == linkSet {
				l.code = linkOwn
			}
		}
		kept = append(kept, l)
	}
	x.links = kept
}
