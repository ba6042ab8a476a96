package chatadmin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"chatadmin.example/sdk/chatadmin/texts"
)

// Attributes are what a user has beside the columns: kept as versioned JSON in
// User.Attrs.
type Attributes struct {
	Version int `json:"v"`
	// Prior is the status that reactivation restores; 0 unless the user is
	// deactivated.
	Prior  Status `json:"prior,omitempty"`
	Avatar string `json:"avatar,omitempty"` // a reference that the host understands
	// Language is the language that the user prefers, as a BCP 47 tag such as
	// "de-CH"; "" if none is known.
	Language string `json:"language,omitempty"`
	// Fields are values of the host's own, by the names that the host gave its
	// columns when it imported users.
	Fields map[string]string `json:"fields,omitempty"`
	// Preferences belong to the host and to other packages, each under its own
	// name.
	Preferences map[string]json.RawMessage `json:"preferences,omitempty"`
}

// AttributesOf decodes u.Attrs; empty ones are the zero Attributes. Those that
// cannot be read are a *DamagedError.
func AttributesOf(u User) (Attributes, error) {
	a := Attributes{Version: 1}
	if len(u.Attrs) == 0 {
		return a, nil
	}
	return readData[Attributes]("user", u.Domain, u.ID, u.Attrs)
}

// SetAttributes puts attributes in the place of those that the user has.
func SetAttributes(u *User, a Attributes) error {
	data, err := a.encode()
	if err != nil {
		return fmt.Errorf("attributes of user %s: %w", u.ID, err)
	}
	u.Attrs = data
	return nil
}

// encode leaves the common case, nothing set, empty.
func (a Attributes) encode() ([]byte, error) {
	if a.Prior == 0 && a.Avatar == "" && a.Language == "" && len(a.Fields) == 0 && len(a.Preferences) == 0 {
		return nil, nil
	}
	a.Version = 1
	return json.Marshal(a)
}

// PreparedUser is a user whose fields obey the domain's rules and whose keys
// are computed. Only Settings.Prepare makes one, so nothing unchecked is
// written.
type PreparedUser struct{ user User }

// User is the user as it will be written, but for its revision.
func (p PreparedUser) User() User { return p.user }

// As gives the user an ID, for one who is to be created, and a manager.
func (p PreparedUser) As(id, manager ID) PreparedUser {
	p.Assign(id, manager)
	return p
}

// Assign does what As does, in place.
func (p *PreparedUser) Assign(id, manager ID) { p.user.ID, p.user.Manager = id, manager }

// DerivedName is the display name of a user to whom none is given: first and
// last name, or the login, cut to what the field holds.
func DerivedName(u *User) string {
	name := strings.TrimSpace(u.FirstName + " " + u.LastName)
	if name == "" {
		name = u.Login
	}
	for len(name) > maxText {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return strings.TrimSpace(name)
}

// nameDerived reports whether the display name is the one that would be
// derived: then it follows first and last name, or the login.
func nameDerived(u *User) bool {
	return u.DisplayName == DerivedName(u) || u.DisplayName == strings.TrimSpace(u.FirstName+" "+u.LastName)
}

const maxText = 250 // bytes of a name, title or department

// Prepare trims u's fields, fills in what follows from others (the display name
// from first and last name, E.164 from the phone, keys, Admin), and checks them
// against the domain's rules. It returns every field that is wrong, not the
// first alone.
func (s Settings) Prepare(u User) (PreparedUser, []*FieldError) {
	var p PreparedUser
	wrong := p.Set(&s, &u)
	return p, wrong
}

// Set makes p the prepared u, as Settings.Prepare does, without copying more
// than it must: for who prepares a thousand of them. Where something is wrong,
// p is nobody.
func (p *PreparedUser) Set(s *Settings, given *User) []*FieldError {
	if s == nil || given == nil {
		p.user = User{}
		return []*FieldError{{Field: "user", Value: "", Code: CodeMissing, Reason: "nothing was given: give the domain's settings and a user"}}
	}
	p.user = *given
	wrong := s.prepare(&p.user)
	if len(wrong) > 0 {
		p.user = User{}
	}
	return wrong
}

func (s *Settings) prepare(u *User) (wrong []*FieldError) {
	bad := func(field, value, code, reason string) {
		if slices.ContainsFunc(wrong, func(f *FieldError) bool { return f.Field == field }) {
			// one fault of a field is told, and what follows from it is none
			return
		}
		wrong = append(wrong, &FieldError{Field: field, Value: Cut(value), Code: code, Reason: reason})
	}
	tell := func(field, value, code string, why texts.Message) {
		n := len(wrong)
		if bad(field, value, code, why.Text); len(wrong) > n && why.Code != "" {
			wrong[n].Detail = why
		}
	}
	for _, f := range [...]struct {
		name  string
		value *string
		most  int
		good  func(string) bool
	}{
		{"login", &u.Login, 254, distinct}, {"email", &u.Email, 254, distinct}, {"name", &u.DisplayName, maxText, visible}, {"first_name", &u.FirstName, maxText, visible},
		{"last_name", &u.LastName, maxText, visible}, {"title", &u.Title, maxText, visible}, {"department", &u.Department, maxText, visible}, {"mobile", &u.Phone, 64, visible},
	} {
		*f.value = strings.TrimSpace(*f.value)
		if len(*f.value) > f.most {
			tell(f.name, *f.value, CodeTooLong, texts.NewMessage("why.at_most_bytes", f.most))
			*f.value = ""
		} else if !f.good(*f.value) {
			bad(f.name, *f.value, CodeBadText, "this has control or invisible characters, or is not valid text")
			*f.value = ""
		}
	}
	s.prepareLogin(u, bad, tell)
	if code, why := checkName(u.FirstName, s.Login.MinFirstName); code != "" {
		tell("first_name", u.FirstName, code, why)
	}
	if code, why := checkName(u.LastName, s.Login.MinLastName); code != "" {
		tell("last_name", u.LastName, code, why)
	}
	if u.DisplayName == "" {
		u.DisplayName = DerivedName(u)
	}
	u.NameKey = Fold(u.DisplayName)
	u.PhoneE164 = PhoneE164(u.Phone, s.DefaultCountry)
	switch u.Kind {
	case 0:
		u.Kind = Network
	case Network, Guest:
	default:
		bad("kind", fmt.Sprint(uint8(u.Kind)), CodeBadKind, "a user is a network user or a guest")
	}
	if u.Status == 0 {
		u.Status = Pending
	}
	if u.Role == "" {
		u.Role = RoleMember
	}
	if u.Role != RoleMember && u.Role != RoleAdmin {
		if r, ok := s.Role(u.Role); ok {
			u.Role = r.ID
		} else {
			bad("role", u.Role, CodeBadRole, "there is no such role in this domain")
		}
	}
	if u.Admin = u.Role == RoleAdmin; u.Admin && u.Kind == Guest {
		bad("role", u.Role, CodeBadRole, "a guest cannot administer the domain")
	}
	if u.Manager != "" && u.Manager == u.ID {
		bad("manager", u.Login, CodeBadManager, "nobody is their own manager")
	}
	return wrong
}

func (s *Settings) prepareLogin(u *User, bad func(field, value, code, reason string), tell func(field, value, code string, why texts.Message)) {
	if s.Login.IsEmail {
		switch {
		case u.Login == "":
			u.Login = u.Email
		case u.Email == "":
			u.Email = u.Login
		case u.Email != u.Login:
			bad("email", u.Email, CodeBadEmail, "in this domain the login is the e-mail address; the two differ")
		}
	}
	u.LoginKey = Fold(u.Login)
	if u.Login == "" {
		bad("login", "", CodeMissing, "the login is mandatory")
	} else if why := s.Login.checkLogin(u.Login); why.Text != "" {
		tell("login", u.Login, CodeBadLogin, why)
	}
	switch {
	case u.Email != "":
		if CheckEmail(u.Email) != nil {
			bad("email", u.Email, CodeBadEmail, "this is not an e-mail address such as ann@example.com")
		}
	case s.Login.EmailRequired && !s.Login.IsEmail:
		bad("email", "", CodeMissing, "the e-mail address is mandatory")
	}
}

// diffUser appends what differs between two states of a user, in the terms of
// an administrator.
func diffUser(d []FieldChange, was, now *User) []FieldChange {
	for _, f := range [...]struct{ field, before, after string }{
		{"login", was.Login, now.Login}, {"email", was.Email, now.Email}, {"name", was.DisplayName, now.DisplayName},
		{"first_name", was.FirstName, now.FirstName}, {"last_name", was.LastName, now.LastName}, {"title", was.Title, now.Title},
		{"department", was.Department, now.Department}, {"mobile", was.Phone, now.Phone}, {"manager", string(was.Manager), string(now.Manager)},
		{"role", was.Role, now.Role},
	} {
		if f.before != f.after {
			d = append(d, FieldChange{f.field, f.before, f.after})
		}
	}
	d = diffAttributes(d, was, now)
	if was.Kind != now.Kind {
		d = append(d, FieldChange{"kind", known(was.Kind), known(now.Kind)})
	}
	if was.Status != now.Status {
		d = append(d, FieldChange{"status", known(was.Status), known(now.Status)})
	}
	if was.Denied != now.Denied {
		d = append(d, FieldChange{"denied", yes(was.Denied), yes(now.Denied)})
	}
	if was.Deleting != now.Deleting {
		d = append(d, FieldChange{"deleting", yes(was.Deleting), yes(now.Deleting)})
	}
	return d
}

// diffAttributes appends what differs between the attributes of a user.
func diffAttributes(d []FieldChange, was, now *User) []FieldChange {
	if bytes.Equal(was.Attrs, now.Attrs) {
		return d
	}
	before, _ := AttributesOf(*was) // attributes that cannot be read have nothing to compare
	after, _ := AttributesOf(*now)
	add := func(field, was, now string) {
		if was != now {
			d = append(d, FieldChange{field, was, now})
		}
	}
	add("avatar", before.Avatar, after.Avatar)
	add("language", before.Language, after.Language)
	names := slices.Collect(maps.Keys(before.Fields))
	names = slices.AppendSeq(names, maps.Keys(after.Fields))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		add("field "+name, before.Fields[name], after.Fields[name])
	}
	return d
}

func known[T interface {
	~uint8
	String() string
}](v T) string {
	if v == 0 {
		return ""
	}
	return v.String()
}

// sameUser reports whether writing now over was would change nothing. PhoneE164
// is not looked at: it follows from the phone, and changes with it. By itself
// it differs where the domain reads numbers in another way since, which is no
// change of the user.
func sameUser(was, now *User) bool {
	return was.Login == now.Login && was.LoginKey == now.LoginKey && was.Email == now.Email && was.DisplayName == now.DisplayName && was.NameKey == now.NameKey &&
		was.FirstName == now.FirstName && was.LastName == now.LastName && was.Title == now.Title && was.Department == now.Department &&
		was.Phone == now.Phone && was.Manager == now.Manager && was.Role == now.Role && was.Admin == now.Admin &&
		was.Kind == now.Kind && was.Status == now.Status && was.Denied == now.Denied && was.Deleting == now.Deleting && string(was.Attrs) == string(now.Attrs)
}
