package csvimport

import (
	"slices"
	"strings"

	"chatadmin.example/sdk/chatadmin"
)

// decider decides what becomes of one row. The plan and the import use the same one; only what they give it differs: the committed state, or that
// of the transaction.
type decider struct {
	settings
	domain   chatadmin.Settings
	header   *header
	actor    chatadmin.ID   // the importer
	role     chatadmin.Role // theirs
	admins   map[chatadmin.ID]bool
	manyMore bool // so many admins that no file can remove the last one
}

// verdict is what becomes of one row.
type verdict struct {
	letter letter
	notes  []note               // Row is not set
	write  *chatadmin.UserWrite // a place for what is written; it is large and not copied about
	blanks int                  // blank cells that kept a value
	link   bool                 // the row names a manager, and is written or would be for the manager alone
}

// writes reports whether the row writes its user, the manager apart.
func (v *verdict) writes() bool {
	return v.letter == letterCreated || written(v.letter) && v.write.Changes()
}

// reset keeps what was allocated.
func (v *verdict) reset() {
	v.letter, v.notes, v.blanks, v.link = 0, v.notes[:0], 0, false
	if v.write.Was.ID != "" {
		v.write.Was = chatadmin.User{}
	}
}

// failed reports whether the row has a fault.
func (v *verdict) failed() bool { return v.letter == letterFailed }

func (v *verdict) fail(code string, c column, arg string) {
	v.letter, v.blanks = letterFailed, 0
	v.notes = append(v.notes, note{Code: code, Col: int8(c), Arg: arg})
}

// decide decides one row by itself: is is the user as stored, nil where there is
// none, and first is the line in which the login stands before, or 0. Every fault
// is told, not the first alone. The manager is decided elsewhere, since they may
// stand on a later line.
func (d *decider) decide(r *row, is *chatadmin.User, first uint32, v *verdict) {
	_, known := d.header.access(r.Enabled)
	enabled := d.header.asks(r.Enabled, is)
	if r.Login == "" {
		v.fail(chatadmin.CodeMissing, colLogin, "the login is blank: it says which user the line is about")
	}
	if first > 0 {
		v.fail(CodeDuplicate, colLogin, itoa(first))
	}
	if !known {
		v.fail(CodeBadEnabled, colEnabled, map[bool]string{true: botStatus}[chatadmin.Fold(r.Enabled) == botStatus])
	}
	switch {
	case is == nil && enabled == disable:
		if !v.failed() {
			v.letter = letterNotCreated
			v.notes = append(v.notes, note{Code: CodeNotCreated, Col: int8(colEnabled)})
		}
	case is == nil:
		d.create(r, v)
		v.marks(r)
	case is.Deleting:
		v.fail(CodeDeleting, colLogin, "")
	case d.Mode == SkipExisting:
		d.keep(is, enabled, v)
	case d.Mode != UpdateExisting || !d.role.May(chatadmin.PermUsersEdit): // seen to before, and refused here too
		v.fail(CodeForbidden, colLogin, "")
	default:
		d.update(r, is, enabled, v)
		v.marks(r)
	}
}

// marks warns of cells that were changed or not taken.
func (v *verdict) marks(r *row) {
	for c, m := range r.marks {
		switch {
		case m == 0:
		case m&markNull != 0:
			v.warn(CodeNullWord, column(c))
		case m&markRuined != 0:
			v.warn(CodeRuined, column(c))
		case m&markDamaged != 0:
			v.warn(CodeDamaged, column(c))
		case m&markDropped != 0 && column(c) == colLogin:
			v.warn(CodeDropped, column(c))
		}
	}
}

func (v *verdict) warn(code string, c column) {
	v.notes = append(v.notes, note{Code: code, Col: int8(c)})
}

// keep leaves an existing user alone.
func (d *decider) keep(is *chatadmin.User, enabled access, v *verdict) {
	if v.failed() {
		return
	}
	v.letter = letterKept
	v.notes = append(v.notes, note{Code: CodeExists, Col: int8(colLogin)})
	if statusEvent(enabled, is.Status) != 0 {
		v.notes = append(v.notes, note{Code: CodeEnabledIgnored, Col: int8(colEnabled)})
	}
}

func (d *decider) create(r *row, v *verdict) {
	u := chatadmin.User{DisplayName: r.Name, FirstName: r.FirstName, LastName: r.LastName, Login: r.Login, Email: r.Email, Title: r.Title, Phone: r.Mobile, Department: r.Department}
	d.kind(r, &u, v)
	if r.Role != "" {
		d.grant(r, &u, v)
	}
	if d.prepare(&u, v); v.failed() {
		return
	}
	v.letter, v.link = letterCreated, r.Manager != ""
	if u.Role == chatadmin.RoleAdmin {
		d.admins[chatadmin.ID(chatadmin.Fold(u.Login))] = true // has no ID yet, and is one more in any case
	}
}

// kind makes u a network user or a guest, where the row says so.
func (d *decider) kind(r *row, u *chatadmin.User, v *verdict) {
	if r.Kind == "" {
		return
	}
	kind, ok := kinds[chatadmin.Fold(r.Kind)]
	if !ok {
		v.fail(chatadmin.CodeBadKind, colKind, "write network or guest, or leave the cell blank")
		return
	}
	u.Kind = kind
}

// kinds are the words for the two kinds of users, folded.
var kinds = map[string]chatadmin.Kind{"network": chatadmin.Network, "network user": chatadmin.Network, "member": chatadmin.Network, "employee": chatadmin.Network, "internal": chatadmin.Network,
	"mitglied": chatadmin.Network, "membre": chatadmin.Network, "miembro": chatadmin.Network, "lid": chatadmin.Network,
	"guest": chatadmin.Guest, "external": chatadmin.Guest, "gast": chatadmin.Guest, "invité": chatadmin.Guest, "invitado": chatadmin.Guest}

// grant gives u the role of the row, if it is below the importer's own.
func (d *decider) grant(r *row, u *chatadmin.User, v *verdict) {
	role, ok := d.domain.Role(r.Role)
	if !ok {
		v.fail(chatadmin.CodeBadRole, colRole, "there is no such role in this domain")
		return
	}
	if role.ID == u.Role || u.ID == "" && role.ID == chatadmin.RoleMember {
		return
	}
	was, _ := d.domain.Role(u.Role)
	lacks := func(p chatadmin.Permission) bool { return !d.role.May(p) }
	if !d.role.May(chatadmin.PermRoles) || was.Level > d.role.Level ||
		role.ID != chatadmin.RoleMember && (role.Level >= d.role.Level || slices.ContainsFunc(role.Permissions, lacks)) {
		v.fail(CodeForbiddenRole, colRole, "")
		return
	}
	u.Role = role.ID
}

// prepare checks u against the domain's rules, and reports whether it obeys them.
func (d *decider) prepare(u *chatadmin.User, v *verdict) bool {
	wrong := v.write.Now.Set(&d.domain, u)
	for _, f := range wrong {
		if c := columnOf(f.Field, d.header); c != colLogin || u.Login != "" { // that the login is blank was told
			v.fail(f.Code, c, f.Reason)
		}
	}
	return len(wrong) == 0
}

// columnOf finds the column that a field came from.
func columnOf(field string, h *header) column {
	switch field {
	case "name":
		return colName
	case "first_name":
		return colFirstName
	case "last_name":
		return colLastName
	case "email":
		if h.oneLogin {
			return colLogin
		}
		return colEmail
	case "title":
		return colTitle
	case "mobile":
		return colMobile
	case "role":
		return colRole
	case "manager":
		return colManager
	case "department":
		return colDepartment
	case "kind":
		return colKind
	}
	return colLogin
}

func (d *decider) update(r *row, is *chatadmin.User, enabled access, v *verdict) {
	u := *is
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
	if r.Name == "" && is.DisplayName == derivedName(is) {
		u.DisplayName = "" // it follows the names it was derived from
	}
	if r.Manager == "" && d.header.has(colManager) && u.Manager != "" && r.marks[colManager]&markRuined == 0 {
		if d.ClearBlanks {
			u.Manager = ""
		} else {
			v.blanks++
		}
	}
	d.kind(r, &u, v)
	if r.Role != "" {
		d.grant(r, &u, v)
	}
	became := letterUpdated
	if e := statusEvent(enabled, is.Status); e != 0 {
		if now, err := chatadmin.Transition(u, e); err != nil {
			v.fail(CodeForbidden, colEnabled, "")
		} else if u, became = now, letterActivated; e == chatadmin.Deactivate {
			became = letterDeactivated
		}
	}
	v.write.Was = *is
	if good := d.prepare(&u, v); v.failed() {
		if !good || v.write.Changes() {
			d.mayWrite(is, &u, v)
		}
		return
	}
	v.link = r.Manager != ""
	if !v.write.Changes() {
		v.letter = letterUnchanged
		return
	}
	v.letter = became
	now := v.write.Now.User()
	d.mayWrite(is, &now, v)
	v.link = v.link && !v.failed()
	d.countAdmin(is, &now, v)
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

// countAdmin keeps count of the admins in force, and refuses to remove the last.
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

// changed says of each field that a row can change whether it does: what a reviewed plan rests on, beside the outcome.
func changed(was *chatadmin.User, now chatadmin.User) []byte {
	var fields []byte
	for i, f := range [...]bool{was.DisplayName != now.DisplayName, was.FirstName != now.FirstName, was.LastName != now.LastName, was.Email != now.Email, was.Title != now.Title,
		was.Phone != now.Phone, was.Manager != now.Manager, was.Role != now.Role, was.Status != now.Status, was.Department != now.Department, was.Kind != now.Kind} {
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

// setAdmins begins with the admins in force.
func (d *decider) setAdmins(ids []chatadmin.ID) {
	d.admins = make(map[chatadmin.ID]bool, len(ids))
	for _, id := range ids {
		d.admins[id] = true
	}
	d.manyMore = len(ids) >= chatadmin.MaxBatch
}
