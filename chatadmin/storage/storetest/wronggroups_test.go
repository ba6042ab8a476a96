package storetest_test

import (
	"context"
	"slices"
	"strings"
	"sync"

	"chatadmin.example/sdk/chatadmin/storage"
)

// The mutants that search groups wrongly, or mistake which are archived.
type (
	groupPrefixes struct{ storage.Reader }
	groupKeys     struct{ storage.Reader }
	groupPatterns struct{ storage.Reader }
	groupTrigrams struct{ storage.Reader }
	groupBorder   struct{ storage.Reader }
	staleGroups   struct {
		storage.Reader
		texts *sync.Map
	}
	archivedToo   struct{ storage.Reader }
	neverArchived struct{ storage.Tx }
)

// onlyGroups leaves of a search what fits.
func onlyGroups(ctx context.Context, r storage.Reader, q storage.GroupQuery, p storage.Page, fits func(*storage.Group) bool) ([]storage.Group, storage.Cursor, error) {
	rows, next, err := r.ListGroups(ctx, q, p)
	if q.Search == "" {
		return rows, next, err
	}
	return slices.DeleteFunc(rows, func(g storage.Group) bool { return !fits(&g) }), next, err
}

func (r groupPrefixes) ListGroups(ctx context.Context, q storage.GroupQuery, p storage.Page) ([]storage.Group, storage.Cursor, error) {
	return onlyGroups(ctx, r.Reader, q, p, func(g *storage.Group) bool { return strings.HasPrefix(g.SearchText(), q.Search) })
}

func (r groupKeys) ListGroups(ctx context.Context, q storage.GroupQuery, p storage.Page) ([]storage.Group, storage.Cursor, error) {
	return onlyGroups(ctx, r.Reader, q, p, func(g *storage.Group) bool { return strings.Contains(g.NameKey, q.Search) })
}

// ListGroups takes "_" for any character, as LIKE does.
func (r groupPatterns) ListGroups(ctx context.Context, q storage.GroupQuery, p storage.Page) ([]storage.Group, storage.Cursor, error) {
	q.Search = strings.ReplaceAll(q.Search, "old_sales", "old sales")
	return r.Reader.ListGroups(ctx, q, p)
}

// ListGroups finds nothing by less than a trigram.
func (r groupTrigrams) ListGroups(ctx context.Context, q storage.GroupQuery, p storage.Page) ([]storage.Group, storage.Cursor, error) {
	if q.Search != "" && len([]rune(q.Search)) < 3 {
		return nil, "", nil
	}
	return r.Reader.ListGroups(ctx, q, p)
}

// ListGroups loses the first row of each further page of a search.
func (r groupBorder) ListGroups(ctx context.Context, q storage.GroupQuery, p storage.Page) ([]storage.Group, storage.Cursor, error) {
	rows, next, err := r.Reader.ListGroups(ctx, q, p)
	if q.Search != "" && p.After != "" && len(rows) > 0 {
		rows = rows[1:]
	}
	return rows, next, err
}

// ListGroups finds groups by the name that it has seen of them first.
func (r staleGroups) ListGroups(ctx context.Context, q storage.GroupQuery, p storage.Page) ([]storage.Group, storage.Cursor, error) {
	all, _, err := r.Reader.ListGroups(ctx, storage.GroupQuery{Domain: q.Domain, WithDeleting: true}, storage.Page{Limit: storage.MaxBatch})
	if err != nil {
		return nil, "", err
	}
	for i := range all {
		r.texts.LoadOrStore(all[i].ID, all[i].SearchText())
	}
	return onlyGroups(ctx, r.Reader, q, p, func(g *storage.Group) bool {
		text, _ := r.texts.Load(g.ID)
		return strings.Contains(text.(string), q.Search)
	})
}

func (r archivedToo) ListGroups(ctx context.Context, q storage.GroupQuery, p storage.Page) ([]storage.Group, storage.Cursor, error) {
	q.ArchivedOnly, q.NotArchived = false, false
	return r.Reader.ListGroups(ctx, q, p)
}

func (tx neverArchived) ChangeGroups(ctx context.Context, c []storage.Write[storage.Group]) ([]storage.Conflict, error) {
	c = slices.Clone(c)
	for i := range c {
		c[i].Row.Archived = false
	}
	return tx.Tx.ChangeGroups(ctx, c)
}
