package csvimport

import (
	"slices"

	"chatadmin.example/sdk/chatadmin"
)

// decider decides what becomes of one row. The plan and the import use the same
// one; only what they give it differs: the committed state, or that of the
// transaction.
type decider struct {
	settings
	domain   chatadmin.Settings
	header   *header
	actor    chatadmin.ID   // the importer
	role     chatadmin.Role // theirs
	admins   map[chatadmin.ID]bool
	manyMore bool // so many admins that no file can remove the last one
	view     groupView
	parts    []addedPart // of packages
	at       int         // the row of the batch
}

// verdict is what becomes of one row.
type verdict struct {
	letter letter
	notes  []note // Row is not set
	// A place for what is written; it is large and not copied about
	write  *chatadmin.UserWrite
	blanks int // blank cells that kept a value
	// The row names a manager, and is written or would be for the manager alone
	link    bool
	joins   []chatadmin.ID // groups that the user joins
	renames bool           // the user gets another login
}

// writes reports whether the row writes its user, the manager apart.
func (v *verdict) writes() bool {
	return v.letter == letterCreated || written(v.letter) && v.write.Changes()
}

// reset keeps what was allocated.
func (v *verdict) reset() {
	v.letter, v.notes, v.blanks, v.link, v.joins, v.renames = 0, v.notes[:0], 0, false, v.joins[:0], false
	if v.write.Was.ID != "" {
		v.write.Was = chatadmin.User{}
	}
}

// failed reports whether the row has a fault.
func (v *verdict) failed() bool { return v.letter == letterFailed }

func (v *verdict) fail(code string, c column, arg string) {
	v.letter, v.blanks = letterFailed, 0
	v.notes = append(v.notes, note{Code: code, Col: int16(c), Arg: arg})
}

// decide decides one row by itself: is is the user as stored, nil where there
// is none, holder is the user who has the new login, and first and firstNew are
// the lines in which login and new login stand before, or 0. Every fault is
// told, not the first alone. The manager is decided elsewhere, since they may
// stand on a later line.
func (d *decider) decide(r *row, is, holder *chatadmin.User, first, firstNew uint32, v *verdict) {
	_, known := d.header.access(r.Enabled)
	enabled := d.header.asks(r.Enabled, is)
	if r.Login == "" {
		v.fail(chatadmin.CodeMissing, colLogin, "the login is blank: it says which user the line is about")
	}
	if first > 0 {
		v.fail(CodeDuplicate, colLogin, itoa(first))
	}
	if firstNew > 0 {
		v.fail(CodeDuplicate, colNewLogin, itoa(firstNew))
	}
	if !known {
		v.fail(CodeBadEnabled, colEnabled, map[bool]string{true: botStatus}[chatadmin.Fold(r.Enabled) == botStatus])
	}
	switch {
	case is == nil && enabled == disable:
		if !v.failed() {
			v.letter = letterNotCreated
			v.notes = append(v.notes, note{Code: CodeNotCreated, Col: int16(colEnabled)})
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
		d.update(r, is, holder, enabled, v)
		v.marks(r)
	}
}

// marks warns of cells that were changed or not taken.
func (v *verdict) marks(r *row) {
	for c, m := range r.marks {
		v.mark(column(c), m)
	}
	for i, f := range r.fields {
		v.mark(firstField+column(i), f.mark)
	}
}

// mark warns of one cell.
func (v *verdict) mark(c column, m mark) {
	switch {
	case m == 0:
	case m&markNull != 0:
		v.warn(CodeNullWord, c)
	case m&markRuined != 0:
		v.warn(CodeRuined, c)
	case m&markDamaged != 0:
		v.warn(CodeDamaged, c)
	case m&markDropped != 0 && (c == colLogin || c == colNewLogin):
		v.warn(CodeDropped, c)
	}
}

func (v *verdict) warn(code string, c column) {
	v.notes = append(v.notes, note{Code: code, Col: int16(c)})
}

// keep leaves an existing user alone.
func (d *decider) keep(is *chatadmin.User, enabled access, v *verdict) {
	if v.failed() {
		return
	}
	v.letter = letterKept
	v.notes = append(v.notes, note{Code: CodeExists, Col: int16(colLogin)})
	if statusEvent(enabled, is.Status) != 0 {
		v.notes = append(v.notes, note{Code: CodeEnabledIgnored, Col: int16(colEnabled)})
	}
}

func (d *decider) create(r *row, v *verdict) {
	u := chatadmin.User{DisplayName: r.Name, FirstName: r.FirstName, LastName: r.LastName, Login: r.Login, Email: r.Email, Title: r.Title, Phone: r.Mobile, Department: r.Department}
	if r.NewEmail != "" {
		u.Email = r.NewEmail
	}
	if r.NewLogin != "" {
		v.fail(CodeNoUser, colNewLogin, "")
	}
	d.kind(r, &u, v)
	if r.Role != "" {
		d.grant(r, &u, v)
	}
	d.attributes(r, &u, v)
	d.join(r, nil, v)
	d.addedFields(r, nil, &u, v)
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

// prepare checks u against the domain's rules, and reports whether it obeys
// them.
func (d *decider) prepare(u *chatadmin.User, v *verdict) bool {
	wrong := v.write.Now.Set(&d.domain, u)
	for _, f := range wrong {
		if c := d.columnOf(f.Field, v); c != colLogin || u.Login != "" { // that the login is blank was told
			v.fail(f.Code, c, f.Reason)
		}
	}
	return len(wrong) == 0
}

// columnOf finds the column that a field of this row came from.
func (d *decider) columnOf(field string, v *verdict) column {
	c := columnOf(field, d.header)
	if c == colLogin && v.renames {
		return colNewLogin
	}
	return c
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
	case "language":
		return colLanguage
	}
	if c, ok := h.addedField(field); ok {
		return c
	}
	return colLogin
}

// setAdmins begins with the admins in force.
func (d *decider) setAdmins(ids []chatadmin.ID) {
	d.admins = make(map[chatadmin.ID]bool, len(ids))
	for _, id := range ids {
		d.admins[id] = true
	}
	d.manyMore = len(ids) >= chatadmin.MaxBatch
}
