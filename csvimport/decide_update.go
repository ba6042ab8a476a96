package csvimport

import (
	"bytes"
	"strings"

	"chatadmin.example/sdk/chatadmin"
)

// update decides a row about an existing user.
func (d *decider) update(r *row, is, holder *chatadmin.User, enabled access, v *verdict) {
	u := *is
	d.texts(r, &u, v)
	d.rename(r, is, holder, &u, v)
	d.attributes(r, &u, v)
	d.join(r, is, v)
	if r.Name == "" && is.DisplayName == derivedName(is) {
		u.DisplayName = "" // it follows the names it was derived from
	}
	d.kind(r, &u, v)
	if r.Role != "" {
		d.grant(r, &u, v)
	}
	d.addedFields(r, is, &u, v)
	became := d.status(&u, enabled, v)
	v.write.Was = *is
	if good := d.prepare(&u, v); v.failed() {
		if !good || v.write.Changes() {
			d.mayWrite(is, &u, v)
		}
		return
	}
	v.link = r.Manager != ""
	if !v.write.Changes() && len(v.joins) == 0 {
		v.letter = letterUnchanged
		return
	}
	v.letter = became
	now := v.write.Now.User()
	d.mayWrite(is, &now, v)
	v.link = v.link && !v.failed()
	d.countAdmin(is, &now, v)
	if v.renames && !v.failed() {
		v.warn(CodeNewLogin, colNewLogin)
	}
}

// texts gives u what the row says in cells of the store's own columns.
func (d *decider) texts(r *row, u *chatadmin.User, v *verdict) {
	for _, f := range [...]struct {
		col   column
		cell  string
		value *string
	}{{colName, r.Name, &u.DisplayName}, {colFirstName, r.FirstName, &u.FirstName}, {colLastName, r.LastName, &u.LastName}, {colEmail, r.Email, &u.Email},
		{colTitle, r.Title, &u.Title}, {colMobile, r.Mobile, &u.Phone},
		{colDepartment, r.Department, &u.Department}} {
		switch {
		case !d.header.has(f.col) || r.marks[f.col]&(markRuined|markDamaged) != 0: // what is damaged overwrites nothing
		case f.cell != "" || d.ClearBlanks:
			*f.value = f.cell
		case *f.value != "":
			v.blanks++
		}
	}
	if r.NewEmail != "" && r.marks[colNewEmail]&markDamaged == 0 {
		u.Email = r.NewEmail
	}
	if r.Manager == "" && d.header.has(colManager) && u.Manager != "" && r.marks[colManager]&markRuined == 0 {
		if d.ClearBlanks {
			u.Manager = ""
		} else {
			v.blanks++
		}
	}
}

// status gives u the access that the row asks for, and returns the letter of a
// row that does so.
func (d *decider) status(u *chatadmin.User, enabled access, v *verdict) letter {
	e := statusEvent(enabled, u.Status)
	if e == 0 {
		return letterUpdated
	}
	now, err := chatadmin.Transition(*u, e)
	if err != nil {
		v.fail(CodeForbidden, colEnabled, "")
		return letterUpdated
	}
	if *u = now; e == chatadmin.Deactivate {
		return letterDeactivated
	}
	return letterActivated
}

// derivedName is the display name of a user to whom none was given.
func derivedName(u *chatadmin.User) string {
	if name := strings.TrimSpace(u.FirstName + " " + u.LastName); name != "" {
		return name
	}
	return u.Login
}

// statusEvent is what happens to the status of a user who shall have access, or
// not.
func statusEvent(enabled access, s chatadmin.Status) chatadmin.StatusEvent {
	switch {
	case enabled == enable && s == chatadmin.Deactivated:
		return chatadmin.Activate
	case enabled == disable && s != chatadmin.Deactivated:
		return chatadmin.Deactivate
	}
	return 0
}

// mayWrite refuses what an import must not do to an existing user.
func (d *decider) mayWrite(is, now *chatadmin.User, v *verdict) {
	if is.ID == d.actor && (now.Status != is.Status || now.Role != is.Role) {
		v.fail(CodeSelf, colLogin, "")
	}
	if d.above(is) {
		v.fail(CodeForbidden, colLogin, "")
	}
}

// countAdmin keeps count of the admins in force, and refuses to remove the
// last.
func (d *decider) countAdmin(is, now *chatadmin.User, v *verdict) {
	switch {
	case v.failed():
	case is.AdminInForce() && !now.AdminInForce():
		if delete(d.admins, is.ID); len(d.admins) == 0 && !d.manyMore {
			d.admins[is.ID] = true
			v.fail(CodeLastAdmin, colLogin, "")
			v.link = false
		}
	case !is.AdminInForce() && now.AdminInForce():
		d.admins[is.ID] = true
	}
}

// changed says of each field that a row can change whether it does: what a
// reviewed plan rests on, beside the outcome.
func changed(was *chatadmin.User, now chatadmin.User) []byte {
	var fields []byte
	for i, f := range [...]bool{was.DisplayName != now.DisplayName, was.FirstName != now.FirstName, was.LastName != now.LastName, was.Email != now.Email, was.Title != now.Title,
		was.Phone != now.Phone, was.Manager != now.Manager, was.Role != now.Role, was.Status != now.Status, was.Department != now.Department, was.Kind != now.Kind,
		was.Login != now.Login, !bytes.Equal(was.Attrs, now.Attrs)} {
		if f {
			fields = append(fields, byte(i))
		}
	}
	return append(fields, 0xff)
}

// above reports whether the importer may not act on an existing user: then
// nothing of them is changed, their manager neither.
func (d *decider) above(is *chatadmin.User) bool {
	return d.domain.MayActOn(d.actor, d.role, is) != nil
}
