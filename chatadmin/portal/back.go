package portal

import (
	"net/url"

	"chatadmin.example/sdk/chatadmin"
)

// Who acts on a row of a list comes back to the same search, filters and page.
// The forms of a list have the field "list" for that, with the query of its
// address. Its path is never in a form: the action knows of which list it is, so
// that no form leads to another page or host.

// maxList is how many bytes the query of a list may have. A longer one is
// forgotten.
const maxList = 2000

// List is the field "list" of a form, for the template "list"; nil if the page
// is neither a list nor was reached from one.
func (v *view) List() *string { return v.list }

// Back is the address that an error and "Cancel" lead to.
func (v *view) Back() string { return v.p.o.Path + v.back }

// isList notes that the page is a list, as it is asked for.
func (v *view) isList() {
	at := v.r.URL.Query().Encode()
	v.list = &at
}

// backTo sets where an action leads back to: to a list, as it was if the form
// says so. f are the fields of the form, or of the address of a review.
func (v *view) backTo(list string, f url.Values) {
	v.back = list
	if !f.Has("list") {
		return
	}
	at := ""
	if given := f.Get("list"); len(given) <= maxList {
		q, _ := url.ParseQuery(given) // what can be read of it
		at = q.Encode()
	}
	if v.list = &at; at != "" {
		v.back += "?" + at
	}
}

// began answers an action that has begun a run: by the list that it was made on,
// with a link to the run, or else by the page of the run.
func (v *view) began(run chatadmin.ID, key string, args ...any) error {
	at := "/runs/" + url.PathEscape(string(run))
	if v.list == nil {
		return v.done(at, key, args...)
	}
	v.leaveNotice(notice{Key: key, Args: shown(args), Run: string(run)})
	return v.redirect(v.back)
}
