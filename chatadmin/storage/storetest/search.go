package storetest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/storage"
)

// found wants a list of users to be these, in order, whatever the size of a
// page, and their number to be counted.
func (w *world) found(name string, q storage.UserQuery, want ...storage.User) {
	w.Helper()
	q.Domain = w.a
	for _, limit := range []int{1, 2, 3, 100} {
		got := pages(w, limit, func(p storage.Page) ([]storage.User, storage.Cursor, error) { return w.other.ListUsers(w.ctx, q, p) })
		require.Equal(w, ids(want, userID), ids(got, userID), "%s, pages of %d", name, limit)
	}
	n, err := w.other.CountUsers(w.ctx, q)
	require.NoError(w, err)
	require.EqualValues(w, len(want), n, "%s, counted", name)
}

// A search finds any part of name, login and e-mail, however short, and nothing
// else.
func testSearch(w *world) {
	mk := func(domain storage.ID, login, name, email string, f func(*storage.User)) storage.User {
		u := storage.User{ID: w.id("user"), Domain: domain, Rev: 1, LoginKey: login, NameKey: name, Email: email, Role: "member", Kind: storage.Network, Status: storage.Active}
		if f != nil {
			f(&u)
		}
		change(w, users, put(u, 0))
		return u
	}
	g := w.group(w.a, "g")
	mary := mk(w.a, "ann.b", "mary ann de vries", "Mary@Wide.Example", func(u *storage.User) { u.Denied, u.Created = true, date(3) })
	jose := mk(w.a, "jose", "josé garcía", "", func(u *storage.User) { u.Status, u.Created = storage.Pending, date(1) })
	will := mk(w.a, "o'neil", `will "50%_\" o'neil`, "will@acme.example", func(u *storage.User) { u.Kind, u.Created = storage.Guest, date(2) })
	ivan := mk(w.a, "иван", "иван ёлкин", "ivan@acme.example", func(u *storage.User) { u.Department, u.Role, u.Created = "Sales", "helper", date(2) })
	gone := mk(w.a, "zann", "mary gone", "", func(u *storage.User) { u.Deleting = true })
	mk(w.b, "ann.b2", "mary ann", "mary@wide.example", nil)
	w.member(g, jose)
	w.member(g, ivan)

	type Q = storage.UserQuery
	for text, want := range inOrder(map[string][]storage.User{
		"mary ann":   {mary},
		"ary an":     {mary},
		"vries":      {mary},
		"ann.b":      {mary},
		"nn.":        {mary},
		"@wide.exam": {mary}, // without regard to case
		"jose":       {jose}, // without its accent
		"garc":       {jose},
		"rc":         {jose},
		"il":         {will},
		"'":          {will},
		"'n":         {will},
		"o'neil":     {will},
		`"50%_\"`:    {will},
		"%":          {will},
		"_":          {will},
		`\"`:         {will},
		"acme.exa":   {will, ivan},
		"иван":       {ivan},
		"ван":        {ivan},
		"елк":        {ivan},
		"л":          {ivan},
		"an":         {mary, ivan},
		"i":          {mary, jose, will, ivan},
		"mary%vries": nil,
		"mary_ann":   nil,
		"a*":         nil,
		"ann OR il":  nil,
		"vries ann":  nil, // of two fields
		"friesann.b": nil,
		"josé":       nil, // the library folds what it searches for
		"Mary":       nil,
		"gone":       nil,
		"wide.co":    nil,
	}) {
		w.found("search "+text, Q{Search: text}, want...)
	}
	// with other conditions, and in every order
	w.found("search, deleting", Q{Search: "ann", WithDeleting: true}, mary, gone)
	w.found("search, prefix", Q{Search: "example", Prefix: "o"}, will)
	w.found("search, status", Q{Search: "jose", Statuses: []storage.Status{storage.Active}})
	w.found("search, kind", Q{Search: "acme", Kinds: []storage.Kind{storage.Guest}}, will)
	w.found("search, denied", Q{Search: "a", DeniedOnly: true}, mary)
	w.found("search, member", Q{Search: "an", MemberOf: g.ID}, ivan)
	w.found("search, department", Q{Search: "an", Department: "Sales"}, ivan)
	w.found("search, by name", Q{Search: "example", ByName: true}, mary, will, ivan)
	w.found("search, newest", Q{Search: "example", Newest: true}, mary, later(will, ivan), earlier(will, ivan))
	w.found("newest", Q{Newest: true}, mary, later(will, ivan), earlier(will, ivan), jose)
	w.found("newest, prefix", Q{Newest: true, Prefix: "jo"}, jose)
	w.found("newest, role", Q{Newest: true, Role: "helper"}, ivan)
	w.found("denied", Q{DeniedOnly: true}, mary)
	w.found("members", Q{MemberOf: g.ID}, jose, ivan)
	w.found("members, pending", Q{MemberOf: g.ID, Statuses: []storage.Status{storage.Pending}}, jose)
	w.found("members and none", Q{MemberOf: g.ID, NotMemberOf: g.ID})
	w.found("members of no group", Q{MemberOf: "none"})

	// what changes is found by what it is now
	is := mary
	is.Rev, is.NameKey, is.Email, is.LoginKey, is.Denied = 2, "maria", "", "maria", false
	change(w, users, put(is, mary.Rev))
	w.found("search, the old name", Q{Search: "vries"})
	w.found("search, the new name", Q{Search: "aria"}, is)
	w.found("no longer denied", Q{DeniedOnly: true})
	change(w, users, storage.Write[storage.User]{Row: is, Was: 2, Delete: true})
	w.found("search, deleted", Q{Search: "aria"})
	again := mk(w.a, "maria", "maria", "", nil)
	w.found("search, made again", Q{Search: "aria"}, again)

	// many, of which some match; and what is undone is not found
	var match []storage.User
	for i := range 60 {
		name := fmt.Sprintf("person %02d", i)
		if i%3 == 0 {
			name = "common " + name
		}
		u := mk(w.a, fmt.Sprintf("u%02d", i), name, "", func(u *storage.User) { u.Created = date(10).Add(time.Duration(i) * time.Hour) })
		if strings.HasPrefix(name, "common") {
			match = append(match, u)
		}
	}
	w.found("search many", Q{Search: "ommon perso"}, match...)
	w.found("search many by two letters", Q{Search: "mm"}, match...)
	undone := storage.User{ID: w.id("user"), Domain: w.a, Rev: 1, LoginKey: "undone", NameKey: "common undone", Kind: storage.Network, Status: storage.Active}
	require.ErrorIs(w, w.s.Update(w.ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
		conflicts, err := tx.ChangeUsers(ctx, []storage.Write[storage.User]{put(undone, 0)})
		require.NoError(w, err)
		require.Empty(w, conflicts)
		found, _, err := tx.ListUsers(ctx, Q{Domain: w.a, Search: "common un"}, storage.Page{Limit: 100})
		require.NoError(w, err)
		require.Len(w, found, 1, "a transaction finds what it has written")
		return errMine
	}), errMine)
	w.found("search, undone", Q{Search: "common un"})
}

// later is the one of two whose ID is the greater.
func later(a, b storage.User) storage.User {
	if a.ID > b.ID {
		return a
	}
	return b
}

func earlier(a, b storage.User) storage.User {
	if a.ID > b.ID {
		return b
	}
	return a
}
