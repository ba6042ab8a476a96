package chatadmin

import (
	"context"
	"fmt"
	"iter"
)

// CheckPage returns p with the limit that holds: DefaultPage if there is none,
// and MaxBatch if it is above that. A negative limit is ErrInvalid.
func CheckPage(p Page) (Page, error) {
	switch {
	case p.Limit < 0:
		return p, fmt.Errorf("a page of %d rows: give 1 to %d, or 0 for %d: %w", p.Limit, MaxBatch, DefaultPage, ErrInvalid)
	case p.Limit == 0:
		p.Limit = DefaultPage
	}
	p.Limit = min(p.Limit, MaxBatch)
	return p, nil
}

// fillRounds is how many pages of the store one page is filled from at most.
const fillRounds = 20

// FillPage returns one page of a list whose own pages may be short: a store
// ends a page early if no index serves the query, and rows that the actor may
// not see are left out. It calls list until the page is full, the list ends, or
// it has called 20 times. So a page may still be short, or empty, although more
// follow: only the cursor "" is the end. See CheckPage for p.Limit.
func FillPage[T any](p Page, list func(Page) ([]T, Cursor, error)) ([]T, Cursor, error) {
	p, err := CheckPage(p)
	if err != nil {
		return nil, "", err
	}
	var rows []T
	next := p
	for range fillRounds {
		part, after, err := list(next)
		if err != nil {
			return nil, "", err
		}
		rows = append(rows, part...)
		next = Page{After: after, Limit: p.Limit - len(rows)}
		if after == "" || next.Limit <= 0 {
			break
		}
	}
	return rows, next.After, nil
}

// listing is a list of a scope: who may read it, which is asked anew for each
// page, and a page of it.
type listing[T any] struct {
	may  func(context.Context) error
	page func(context.Context, Page) ([]T, Cursor, error)
}

// all walks the list page by page.
func (l listing[T]) all(ctx context.Context) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		for p := (Page{Limit: MaxBatch}); ; {
			if err := l.may(ctx); err != nil {
				yield(zero, err)
				return
			}
			rows, next, err := l.page(ctx, p)
			if err != nil {
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

// one is one page of the list.
func (l listing[T]) one(ctx context.Context, p Page) ([]T, Cursor, error) {
	if err := l.may(ctx); err != nil {
		return nil, "", err
	}
	return FillPage(p, func(p Page) ([]T, Cursor, error) { return l.page(ctx, p) })
}
