package storage

import "context"

// FirstPage lists the first rows of q, at most limit, and where the next ones begin. A store may return a page without rows although more follow, and only the cursor
// "" is the end: no rows here mean that there are none.
func FirstPage[Q, T any](ctx context.Context, list func(context.Context, Q, Page) ([]T, Cursor, error), q Q, limit int) ([]T, Cursor, error) {
	for p := (Page{Limit: limit}); ; {
		rows, next, err := list(ctx, q, p)
		if err != nil || len(rows) > 0 || next == "" {
			return rows, next, err
		}
		p.After = next
	}
}
