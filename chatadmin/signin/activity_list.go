package signin

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// SignIn is when a user signed in last.
type SignIn struct {
	User        chatadmin.ID
	Login, Name string
	Kind        chatadmin.Kind
	Status      chatadmin.Status
	// SignedIn is the last sign-in; zero: never, or not since the library keeps
	// it. Client and Method are how.
	SignedIn time.Time
	Client   Client
	Method   Method
	// Seen is the last activity: a sign-in, or a request that Gate.Seen or
	// package devices has noted. It is up to an hour late.
	Seen time.Time
	// IdleSince is from when the user counts as idle: Seen or, for somebody who
	// has never signed in, when they were created. Zero: it is not known.
	IdleSince time.Time
}

// SignInQuery narrows a list of sign-ins. Zero fields do not narrow it.
type SignInQuery struct {
	User chatadmin.ID // of this user only, whatever their status
	// IdleFor lists only users who have been idle for at least so long, also
	// those who have never signed in. They come first in the list, then the
	// others, idle for the longest first. At the end come users who have not
	// come since the library keeps it.
	IdleFor    time.Duration
	UnusedOnly bool   // only who has never signed in
	Client     Client // only whose last sign-in was from this kind of client
	Search     string // any part of name, login or e-mail address
	Kinds      []chatadmin.Kind
	Statuses   []chatadmin.Status // none: pending and active users
}

// SignIns lists when users signed in last, and from which kind of client: by
// login or, with SignInQuery.IdleFor, by how long they have been idle. Users
// who are being deleted are left out. With IdleFor, users whose record cannot
// be read are left out too. It needs chatadmin.PermUsersRead.
func (g *Gate) SignIns(ctx context.Context, s *chatadmin.Scope, q SignInQuery) iter.Seq2[SignIn, error] {
	return pages(func(p chatadmin.Page) ([]SignIn, chatadmin.Cursor, error) { return g.signInsPage(ctx, s, q, p) })
}

// pages walks a list page by page.
func pages[T any](page func(chatadmin.Page) ([]T, chatadmin.Cursor, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for p := (chatadmin.Page{Limit: chatadmin.MaxBatch}); ; {
			rows, next, err := page(p)
			if err != nil {
				var zero T
				yield(zero, err)
				return
			}
			for _, row := range rows {
				if !yield(row, nil) {
					return
				}
			}
			if p.After = next; next == "" {
				return
			}
		}
	}
}

// SignInsPage returns one page of SignIns, at most p.Limit (see
// chatadmin.CheckPage), and the cursor of the next one; "" is the end. A page
// may be short although more follow.
func (g *Gate) SignInsPage(ctx context.Context, s *chatadmin.Scope, q SignInQuery, p chatadmin.Page) ([]SignIn, chatadmin.Cursor, error) {
	return chatadmin.FillPage(p, func(p chatadmin.Page) ([]SignIn, chatadmin.Cursor, error) { return g.signInsPage(ctx, s, q, p) })
}

func (g *Gate) signInsPage(ctx context.Context, s *chatadmin.Scope, q SignInQuery, p chatadmin.Page) ([]SignIn, chatadmin.Cursor, error) {
	if err := named(s); err != nil {
		return nil, "", err
	}
	if _, _, err := s.View(ctx, chatadmin.PermUsersRead); err != nil {
		return nil, "", err
	}
	if q.IdleFor < 0 {
		return nil, "", fmt.Errorf("users who have been idle for %s: give a time that is not negative: %w", q.IdleFor, chatadmin.ErrInvalid)
	}
	return newSignIns(g.admin.Store(), s.Domain(), q, g.admin.Now()).page(ctx, p)
}

// signIns is a list of sign-ins, as it is read page by page.
type signIns struct {
	r      storage.Reader
	domain chatadmin.ID
	q      SignInQuery
	cut    time.Time // idle since before this time; zero: idle or not
}

func newSignIns(r storage.Reader, domain chatadmin.ID, q SignInQuery, now time.Time) *signIns {
	l := &signIns{r: r, domain: domain, q: q}
	if l.q.Search = storage.FoldSearch(q.Search); len(q.Statuses) == 0 {
		l.q.Statuses = []chatadmin.Status{chatadmin.Pending, chatadmin.Active}
	}
	if q.IdleFor > 0 {
		l.cut = now.Add(-q.IdleFor)
	}
	return l
}

// place in a list of idle users: which of its lists, and where in that.
type signInPlace struct {
	List  int              `json:"l,omitempty"`
	After chatadmin.Cursor `json:"a,omitempty"`
}

func (p signInPlace) cursor() chatadmin.Cursor {
	text, _ := json.Marshal(p) // a string and a number cannot fail
	return chatadmin.Cursor(base64.RawURLEncoding.EncodeToString(text))
}

func parsePlace(c chatadmin.Cursor, lists int) (p signInPlace, err error) {
	if c == "" {
		return p, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(string(c))
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil || p.List < 0 || p.List >= lists {
		return p, storage.ErrCursor
	}
	return p, nil
}

// page is a page of the list, which may be short.
func (l *signIns) page(ctx context.Context, p chatadmin.Page) ([]SignIn, chatadmin.Cursor, error) {
	lists := []func(context.Context, chatadmin.Page) ([]SignIn, chatadmin.Cursor, error){l.users}
	switch {
	case l.q.User != "":
		lists[0] = l.user
	case !l.cut.IsZero():
		lists = append(lists[:0], l.pending, l.recorded, l.unrecorded)
	}
	at, err := parsePlace(p.After, len(lists))
	if err != nil {
		return nil, "", err
	}
	rows, next, err := lists[at.List](ctx, chatadmin.Page{After: at.After, Limit: p.Limit})
	switch {
	case err != nil:
		return nil, "", err
	case next != "":
		return rows, signInPlace{at.List, next}.cursor(), nil
	case at.List+1 < len(lists):
		return rows, signInPlace{List: at.List + 1}.cursor(), nil
	}
	return rows, "", nil
}

// user is the one that the query names.
func (l *signIns) user(ctx context.Context, _ chatadmin.Page) ([]SignIn, chatadmin.Cursor, error) {
	us, err := l.r.Users(ctx, l.domain, []chatadmin.ID{l.q.User})
	if err != nil || len(us) == 0 || us[0].Deleting {
		return nil, "", err
	}
	return l.rows(ctx, us, "", func(row *SignIn, recorded bool) bool { return !l.q.UnusedOnly || !recorded })
}

// users are all of them, by login.
func (l *signIns) users(ctx context.Context, p chatadmin.Page) ([]SignIn, chatadmin.Cursor, error) {
	statuses := l.q.Statuses
	if l.q.UnusedOnly {
		statuses = l.only(chatadmin.Pending)
	}
	return l.listed(ctx, statuses, p, func(*SignIn, bool) bool { return true })
}

// pending have never signed in.
func (l *signIns) pending(ctx context.Context, p chatadmin.Page) ([]SignIn, chatadmin.Cursor, error) {
	return l.listed(ctx, l.only(chatadmin.Pending), p, func(_ *SignIn, recorded bool) bool { return !recorded })
}

// unrecorded have not come since activity is kept.
func (l *signIns) unrecorded(ctx context.Context, p chatadmin.Page) ([]SignIn, chatadmin.Cursor, error) {
	if l.q.UnusedOnly {
		return nil, "", nil
	}
	since, err := readKept(ctx, l.r, l.domain)
	if err != nil || since.IsZero() || since.After(l.cut) {
		return nil, "", err
	}
	return l.listed(ctx, l.only(chatadmin.Active, chatadmin.Deactivated), p, func(_ *SignIn, recorded bool) bool { return !recorded })
}

// only are those of some statuses that the query asks for.
func (l *signIns) only(of ...chatadmin.Status) []chatadmin.Status {
	return slices.DeleteFunc(of, func(s chatadmin.Status) bool { return !slices.Contains(l.q.Statuses, s) })
}

// listed are users of some statuses, by login, who fit.
func (l *signIns) listed(ctx context.Context, statuses []chatadmin.Status, p chatadmin.Page, fits func(row *SignIn, recorded bool) bool) ([]SignIn, chatadmin.Cursor, error) {
	if len(statuses) == 0 {
		return nil, "", nil
	}
	us, next, err := l.r.ListUsers(ctx, chatadmin.UserQuery{Domain: l.domain, Search: l.q.Search, Statuses: statuses, Kinds: l.q.Kinds}, p)
	if err != nil || len(us) == 0 {
		return nil, next, err
	}
	return l.rows(ctx, us, next, fits)
}

// rows are those of some users, and the cursor behind them.
func (l *signIns) rows(ctx context.Context, us []chatadmin.User, next chatadmin.Cursor, fits func(row *SignIn, recorded bool) bool) ([]SignIn, chatadmin.Cursor, error) {
	ids := make([]string, len(us))
	for i, u := range us {
		ids[i] = string(u.ID)
	}
	found, err := activities.GetMany(ctx, l.r, l.domain, ids...)
	if err != nil {
		return nil, "", err
	}
	since, err := readKept(ctx, l.r, l.domain)
	if err != nil {
		return nil, "", err
	}
	var rows []SignIn
	for i := range us {
		e, recorded := found[string(us[i].ID)]
		row := signInOf(&us[i], &e, recorded, since)
		if fits(&row, recorded) && l.fits(&row) {
			rows = append(rows, row)
		}
	}
	return rows, next, nil
}

// recorded are those whose record is old, the oldest first.
func (l *signIns) recorded(ctx context.Context, p chatadmin.Page) ([]SignIn, chatadmin.Cursor, error) {
	if l.q.UnusedOnly {
		return nil, "", nil
	}
	es, _, next, err := activities.List(ctx, l.r, storage.RecordQuery{Domain: l.domain, DueBy: l.cut}, p)
	if err != nil || len(es) == 0 {
		return nil, next, err
	}
	ids := make([]chatadmin.ID, len(es))
	for i := range es {
		ids[i] = es[i].Owner
	}
	us, err := l.r.Users(ctx, l.domain, ids)
	if err != nil {
		return nil, "", err
	}
	byID := make(map[chatadmin.ID]*chatadmin.User, len(us))
	for i := range us {
		byID[us[i].ID] = &us[i]
	}
	var rows []SignIn
	for i := range es {
		u := byID[es[i].Owner]
		if u == nil || u.Deleting || !slices.Contains(l.q.Statuses, u.Status) || len(l.q.Kinds) > 0 && !slices.Contains(l.q.Kinds, u.Kind) ||
			!strings.Contains(u.SearchText(), l.q.Search) {
			continue
		}
		if row := signInOf(u, &es[i], true, time.Time{}); l.fits(&row) {
			rows = append(rows, row)
		}
	}
	return rows, next, nil
}

// fits says whether a row is in the list, as far as its sign-in tells.
func (l *signIns) fits(row *SignIn) bool {
	return (l.q.Client == "" || row.Client == l.q.Client) && (l.cut.IsZero() || !row.IdleSince.IsZero() && !row.IdleSince.After(l.cut))
}

// signInOf is the row of a user. since is from when activity is kept.
func signInOf(u *chatadmin.User, e *chatadmin.Entry[lastActivity], recorded bool, since time.Time) SignIn {
	a := e.Value
	row := SignIn{User: u.ID, Login: u.Login, Name: u.DisplayName, Kind: u.Kind, Status: u.Status, SignedIn: a.SignedIn, Client: a.Client, Method: a.Method, Seen: a.last()}
	switch {
	case recorded: // the zero time where it cannot be read
		row.IdleSince = a.last()
	case u.Status == chatadmin.Pending, !since.IsZero() && u.Created.After(since):
		row.IdleSince = u.Created
	default:
		row.IdleSince = since
	}
	return row
}
