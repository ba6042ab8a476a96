package storetest_test

import (
	"context"
	"slices"
	"strings"
	"sync"

	"chatadmin.example/sdk/chatadmin/storage"
)

// The readers of the mutants that search wrongly.
type (
	prefixSearch struct{ storage.Reader }
	wordSearch   struct{ storage.Reader }
	keySearch    struct{ storage.Reader }
	oneLine      struct{ storage.Reader }
	likeSearch   struct{ storage.Reader }
	longSearch   struct{ storage.Reader }
	borderLost   struct{ storage.Reader }
	oldestUsers  struct{ storage.Reader }
	deniedToo    struct{ storage.Reader }
	anyGroup     struct{ storage.Reader }
	staleSearch  struct {
		storage.Reader
		texts *sync.Map
	}
)

// only leaves of a search what fits.
func only(ctx context.Context, r storage.Reader, q storage.UserQuery, p storage.Page, fits func(*storage.User) bool) ([]storage.User, storage.Cursor, error) {
	rows, next, err := r.ListUsers(ctx, q, p)
	if q.Search == "" {
		return rows, next, err
	}
	return slices.DeleteFunc(rows, func(u storage.User) bool { return !fits(&u) }), next, err
}

func (r prefixSearch) ListUsers(ctx context.Context, q storage.UserQuery, p storage.Page) ([]storage.User, storage.Cursor, error) {
	return only(ctx, r.Reader, q, p, func(u *storage.User) bool { return strings.Contains("\n"+u.SearchText(), "\n"+q.Search) })
}

func (r wordSearch) ListUsers(ctx context.Context, q storage.UserQuery, p storage.Page) ([]storage.User, storage.Cursor, error) {
	return only(ctx, r.Reader, q, p, func(u *storage.User) bool {
		return strings.Contains(" "+strings.ReplaceAll(u.SearchText(), "\n", " "), " "+q.Search)
	})
}

// ListUsers looks through the keys as they are, which keep their accents.
func (r keySearch) ListUsers(ctx context.Context, q storage.UserQuery, p storage.Page) ([]storage.User, storage.Cursor, error) {
	return only(ctx, r.Reader, q, p, func(u *storage.User) bool {
		return strings.Contains(u.NameKey+"\n"+u.LoginKey+"\n"+strings.ToLower(u.Email), q.Search)
	})
}

// ListUsers finds what lies across two fields.
func (r oneLine) ListUsers(ctx context.Context, q storage.UserQuery, p storage.Page) ([]storage.User, storage.Cursor, error) {
	if q.Search != "vries ann" {
		return r.Reader.ListUsers(ctx, q, p)
	}
	q.Search = "vries"
	return r.Reader.ListUsers(ctx, q, p)
}

// ListUsers takes "_" for any character, as LIKE does.
func (r likeSearch) ListUsers(ctx context.Context, q storage.UserQuery, p storage.Page) ([]storage.User, storage.Cursor, error) {
	q.Search = strings.ReplaceAll(q.Search, "mary_ann", "mary ann")
	return r.Reader.ListUsers(ctx, q, p)
}

// ListUsers finds nothing by less than a trigram.
func (r longSearch) ListUsers(ctx context.Context, q storage.UserQuery, p storage.Page) ([]storage.User, storage.Cursor, error) {
	if q.Search != "" && len([]rune(q.Search)) < 3 {
		return nil, "", nil
	}
	return r.Reader.ListUsers(ctx, q, p)
}

// ListUsers loses the first row of each further page of a search.
func (r borderLost) ListUsers(ctx context.Context, q storage.UserQuery, p storage.Page) ([]storage.User, storage.Cursor, error) {
	rows, next, err := r.Reader.ListUsers(ctx, q, p)
	if q.Search != "" && p.After != "" && len(rows) > 0 {
		rows = rows[1:]
	}
	return rows, next, err
}

func (r oldestUsers) ListUsers(ctx context.Context, q storage.UserQuery, p storage.Page) ([]storage.User, storage.Cursor, error) {
	rows, next, err := r.Reader.ListUsers(ctx, q, p)
	if q.Newest {
		slices.Reverse(rows)
	}
	return rows, next, err
}

func (r deniedToo) ListUsers(ctx context.Context, q storage.UserQuery, p storage.Page) ([]storage.User, storage.Cursor, error) {
	q.DeniedOnly = false
	return r.Reader.ListUsers(ctx, q, p)
}

func (r anyGroup) ListUsers(ctx context.Context, q storage.UserQuery, p storage.Page) ([]storage.User, storage.Cursor, error) {
	q.MemberOf = ""
	return r.Reader.ListUsers(ctx, q, p)
}

// ListUsers finds users by the text that it has seen of them first.
func (r staleSearch) ListUsers(ctx context.Context, q storage.UserQuery, p storage.Page) ([]storage.User, storage.Cursor, error) {
	all, _, err := r.Reader.ListUsers(ctx, storage.UserQuery{Domain: q.Domain, WithDeleting: true}, storage.Page{Limit: storage.MaxBatch})
	if err != nil {
		return nil, "", err
	}
	for i := range all {
		r.texts.LoadOrStore(all[i].ID, all[i].SearchText())
	}
	return only(ctx, r.Reader, q, p, func(u *storage.User) bool {
		text, _ := r.texts.Load(u.ID)
		return strings.Contains(text.(string), q.Search)
	})
}
