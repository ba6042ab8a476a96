package chatadmin

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"chatadmin.example/sdk/chatadmin/storage"
)

// HasOutside reports whether the host keeps something outside the store's
// database.
func (a *Admin) HasOutside() bool { return len(a.sources.outside) > 0 }

// CountOutside counts what q selects in the sources outside the store's
// database, by kind. It must not be called in a transaction.
func (a *Admin) CountOutside(ctx context.Context, q storage.ContentQuery) (map[string]int64, error) {
	n := map[string]int64{}
	for _, src := range a.sources.outside {
		count := func(q storage.ContentQuery) (int64, error) { return src.Outside.Count(ctx, q) }
		if err := countSource(n, src, q, count); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// OutsidePlace is how far a run is with what lies outside the store's database.
// The zero value is the beginning.
type OutsidePlace struct {
	After Cursor `json:"after,omitempty"` // within this pass
	Gone  int64  `json:"gone,omitempty"`  // in this pass
	Done  bool   `json:"done,omitempty"`  // a scan has found nothing left
}

// DeleteOutside deletes a page of what q selects in the sources outside the
// store's database, by one call of one of them, except what is under a legal
// hold now. It returns what the source has confirmed, by kind, and how far it
// is. When it has come through all sources it counts once more what q selects,
// and begins anew if something is left. If a whole pass has deleted nothing,
// what is left is held, which is ErrHeld, or a *SourceError.
//
// It must not be called in a transaction: a RunKind calls it in Step, and
// writes down the place in the transaction that follows. If that is lost, the
// next call goes on from the place before, and what had been confirmed is not
// counted. Whether the actor may is the caller's to know.
func (a *Admin) DeleteOutside(ctx context.Context, q storage.ContentQuery, at OutsidePlace,
	limit int) (map[string]int64, OutsidePlace, error) {
	spared, err := ExceptHeld(ctx, a.store, q)
	if err != nil {
		return nil, at, err
	}
	n, next, err := a.outsidePage(ctx, spared, Page{After: at.After, Limit: limit})
	if err != nil {
		return nil, at, err
	}
	if at.After, at.Gone = next, at.Gone+Counts(n).Sum(); next != "" {
		return n, at, nil
	}
	left, err := a.CountOutside(ctx, q)
	if err != nil {
		return nil, at, err
	}
	switch {
	case Counts(left).Sum() == 0:
		return n, OutsidePlace{Done: true}, nil
	case at.Gone > 0:
		return n, OutsidePlace{}, nil
	}
	free, err := a.CountOutside(ctx, spared)
	if err == nil && Counts(free).Sum() == 0 {
		err = fmt.Errorf("what is left outside the store is under a legal hold: %w", ErrHeld)
	}
	if err == nil {
		err = a.unfinished(free)
	}
	return nil, at, err
}

// outsidePage deletes a page by one call of one source. It returns what that has
// confirmed, and where the next page begins.
func (a *Admin) outsidePage(ctx context.Context, q storage.ContentQuery, p Page) (map[string]int64, Cursor, error) {
	at, after, err := a.sources.place(a.sources.outside, p.After)
	if err != nil || at == len(a.sources.outside) || !contentQueryPossible(&q) {
		return map[string]int64{}, "", err
	}
	src := a.sources.outside[at]
	there, err := src.Outside.Count(ctx, q)
	if err != nil {
		return nil, "", fmt.Errorf("counting %s: %w", src.Name, err)
	}
	n, next, err := src.Outside.Delete(ctx, q, Page{After: after, Limit: p.Limit})
	if err != nil {
		return nil, "", fmt.Errorf("deleting from %s: %w", src.Name, err)
	}
	if err := answered(src, n, p.Limit, after, next); err != nil {
		return nil, "", err
	}
	if n > 0 {
		left, err := src.Outside.Count(ctx, q)
		if err != nil {
			return nil, "", fmt.Errorf("counting %s: %w", src.Name, err)
		}
		if left >= there {
			return nil, "", &SourceError{src.Name, fmt.Sprintf("there were %d, it deleted %d, and %d are left", there, n, left)}
		}
	}
	gone := map[string]int64{src.Kind(): n}
	switch {
	case next != "":
		return gone, placeOf(src.Name, next), nil
	case at+1 < len(a.sources.outside):
		return gone, placeOf(a.sources.outside[at+1].Name, ""), nil
	}
	return gone, "", nil
}

// HeldOutside is HeldBack for what lies outside the store's database. It must
// not be called in a transaction.
func (a *Admin) HeldOutside(ctx context.Context, domain ID, users, groups []ID) ([]string, error) {
	if !a.HasOutside() {
		return nil, nil
	}
	if _, _, err := Held(ctx, a.store, domain); errors.Is(err, ErrHeld) {
		return nil, nil // HeldBack tells it
	}
	queries := []storage.ContentQuery{{Domain: domain, Authors: users}, {Domain: domain, ChatsOf: users}}
	if len(users) == 0 {
		queries = nil
	}
	for batch := range slices.Chunk(groups, MaxBatch) {
		queries = append(queries, storage.ContentQuery{Domain: domain, Containers: batch})
	}
	for _, q := range queries {
		spared, err := ExceptHeld(ctx, a.store, q)
		if err != nil || len(spared.ExceptUsers)+len(spared.ExceptContainers) == 0 {
			return nil, err
		}
		all, err := a.CountOutside(ctx, q)
		if err != nil {
			return nil, err
		}
		free, err := a.CountOutside(ctx, spared)
		if err != nil {
			return nil, err
		}
		if Counts(all).Sum() > Counts(free).Sum() {
			return []string{"some of what lies outside the store is under a legal hold"}, nil
		}
	}
	return nil, nil
}
