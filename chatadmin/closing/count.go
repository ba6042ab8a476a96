package closing

import (
	"context"
	"errors"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

func isHeld(err error) bool { return errors.Is(err, chatadmin.ErrHeld) }

// Pages of rows that may be large: a record has up to a megabyte, an event of
// an import up to eight.
const (
	recordPage = 200
	eventPage  = 50
)

// count counts all rows of a domain.
func (c *Closings) count(ctx context.Context, domain chatadmin.ID) (map[string]int64, error) {
	n, r := c.none(), c.admin.Store()
	inside, err := c.admin.CountData(ctx, r, all(domain))
	if err != nil {
		return nil, err
	}
	outside, err := c.admin.CountOutside(ctx, all(domain))
	if err != nil {
		return nil, err
	}
	chatadmin.Counts(n).Add(inside)
	chatadmin.Counts(n).Add(outside)
	if n[Memberships], err = r.CountMemberships(ctx, storage.MemberQuery{Domain: domain}); err != nil {
		return nil, err
	}
	for _, list := range []func() error{
		func() error {
			return tally(ctx, chatadmin.UserQuery{Domain: domain, WithDeleting: true}, chatadmin.MaxBatch, r.ListUsers, n, Users)
		},
		func() error {
			return tally(ctx, chatadmin.GroupQuery{Domain: domain, WithDeleting: true}, chatadmin.MaxBatch, r.ListGroups, n, Groups)
		},
		func() error {
			return tally(ctx, storage.DeviceQuery{Domain: domain}, chatadmin.MaxBatch, r.ListDevices, n, Devices)
		},
		func() error {
			return tally(ctx, storage.RecordQuery{Domain: domain}, recordPage, r.ListRecords, n, Records)
		},
		func() error {
			return tally(ctx, chatadmin.EventQuery{Domain: domain}, eventPage, r.ListEvents, n, Events)
		},
	} {
		if err == nil {
			err = list()
		}
	}
	return n, err
}

type lister[T, Q any] func(context.Context, Q, chatadmin.Page) ([]T, chatadmin.Cursor, error)

// pages hands a list to f, page by page.
func pages[T, Q any](ctx context.Context, q Q, limit int, list lister[T, Q], f func([]T) error) error {
	for p := (chatadmin.Page{Limit: limit}); ; {
		rows, next, err := list(ctx, q, p)
		if err == nil && len(rows) > 0 {
			err = f(rows)
		}
		if p.After = next; err != nil || next == "" {
			return err
		}
	}
}

// tally counts the rows of a list.
func tally[T, Q any](ctx context.Context, q Q, limit int, list lister[T, Q], n map[string]int64, kind string) error {
	return pages(ctx, q, limit, list, func(rows []T) error {
		n[kind] += int64(len(rows))
		return nil
	})
}

func sum(counts map[string]int64) (n int64) {
	for _, count := range counts {
		n += count
	}
	return n
}
