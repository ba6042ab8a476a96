package csvimport

import (
	"fmt"
	"strings"

	"chatadmin.example/sdk/chatadmin"
)

// column is what a column of the file means.
type column uint8

const (
	colName column = iota
	colFirstName
	colLastName
	colLogin
	colEmail
	colTitle
	colMobile
	colManager
	colEnabled
	colRole
	columns // how many there are
)

// titles are the headings of the import format, as exports write them.
var titles = [columns]string{"name", "firstname", "lastname", "login", "email", "title", "mobile", "manager", "Enabled", "role"}

// emailLogin is the heading of the column that is login and e-mail address in one.
const emailLogin = "email/login"

// aliases lists under which other headings a column is found, without regard to case, spaces, "_" and "-".
var aliases = [columns]string{
	"displayname fullname",
	"givenname forename",
	"surname familyname",
	"username userlogin userid",
	"emailaddress mail",
	"jobtitle position",
	"phone mobilephone phonenumber mobilenumber cell cellphone telephone",
	"manageremail managerlogin reportsto supervisor",
	"active",
	"userrole",
}

// header says which column of the file means what: the file's column number of each meaning, or -1.
type header struct {
	at       [columns]int
	names    []string // of the file
	oneLogin bool     // login and e-mail are one column
	unknown  []string
}

func (h *header) has(c column) bool { return h.at[c] >= 0 }

// title is the heading of a column as the file spells it.
func (h *header) title(c column) string {
	if i := h.at[c]; i >= 0 && i < len(h.names) {
		return h.names[i]
	}
	return titles[c]
}

// readHeader gives every heading its meaning under the login rules of the domain.
func readHeader(names []string, login chatadmin.LoginPolicy) (*header, error) {
	h := &header{names: names, oneLogin: login.IsEmail}
	for c := range h.at {
		h.at[c] = -1
	}
	known := 0
	for i, name := range names {
		if strings.HasPrefix(strings.TrimSpace(name), "_") {
			continue // a result of an earlier import
		}
		c, ok := h.meaning(name)
		if !ok {
			if name != "" { // otherwise the line ends in separators
				h.unknown = append(h.unknown, name)
			}
			continue
		}
		known++
		if h.at[c] >= 0 {
			return nil, fileError("double_column", fmt.Sprintf("the columns %q and %q mean the same (%s): keep one of them", names[h.at[c]], name, titles[c]))
		}
		h.at[c] = i
	}
	switch {
	case known == 0:
		return nil, fileError("no_header", fmt.Sprintf("the first line must hold the headings, such as %q; this file seems to begin with data", strings.Join(h.example(), ",")))
	case !h.has(colLogin):
		return nil, fileError("missing_column", fmt.Sprintf("the column %q is missing: it says which user a line is about", h.example()[3]))
	}
	return h, nil
}

func (h *header) meaning(name string) (column, bool) {
	key := strings.NewReplacer(" ", "", "_", "", "-", "", "\u00a0", "").Replace(chatadmin.Fold(name))
	if h.oneLogin && (key == emailLogin || key == "login/email") {
		return colLogin, true
	}
	for c := range columns {
		if key != strings.ToLower(titles[c]) && !strings.Contains(" "+aliases[c]+" ", " "+key+" ") || key == "" {
			continue
		}
		if h.oneLogin && c == colEmail {
			c = colLogin
		}
		return c, true
	}
	return 0, false
}

// example is the header line of the import format for this domain.
func (h *header) example() []string { return headings(h.oneLogin) }

func headings(oneLogin bool) []string {
	var names []string
	for c := range columns {
		switch {
		case oneLogin && c == colLogin:
			names = append(names, emailLogin)
		case oneLogin && c == colEmail:
		default:
			names = append(names, titles[c])
		}
	}
	return names
}
