package portal

import (
	"strings"

	"chatadmin.example/sdk/chatadmin"
)

// pageSize is how many rows a list shows.
const pageSize = 50

// paging is where a list stands, for the template "pager".
type paging struct {
	Next  string // the cursor of the next page; "" is the end
	Later bool   // it is not the first page
}

// page is the page of a list that the request asks for.
func (v *view) page(limit int) chatadmin.Page {
	return chatadmin.Page{After: chatadmin.Cursor(v.r.URL.Query().Get("after")), Limit: limit}
}

func (v *view) paging(next chatadmin.Cursor) paging {
	v.isList()
	return paging{string(next), v.r.URL.Query().Get("after") != ""}
}

// people reads users of the domain by their IDs, at most MaxBatch, in one call.
// Those who are missing, or are being deleted, have no name.
func (v *view) people(ids ...chatadmin.ID) (map[chatadmin.ID]chatadmin.User, error) {
	found := map[chatadmin.ID]chatadmin.User{}
	var wanted []chatadmin.ID
	for _, id := range ids {
		if id != "" && id != chatadmin.HostActor {
			wanted = append(wanted, id)
		}
	}
	if len(wanted) == 0 {
		return found, nil
	}
	if _, _, err := v.s.View(v.r.Context(), chatadmin.PermUsersRead); err != nil {
		return nil, err
	}
	us, err := v.p.admin.Store().Users(v.r.Context(), v.s.Domain(), wanted)
	if err != nil {
		return nil, err
	}
	for _, u := range us {
		if !u.Deleting || v.May(chatadmin.PermUsersDelete) {
			found[u.ID] = u
		}
	}
	return found, nil
}

// query is a parameter of the address, trimmed and cut.
func (v *view) query(name string) string {
	s := strings.ToValidUTF8(strings.TrimSpace(v.r.URL.Query().Get(name)), "")
	if len(s) > 250 {
		s = strings.ToValidUTF8(s[:250], "")
	}
	return strings.ReplaceAll(s, "\x00", "")
}
