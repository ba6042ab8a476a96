package closing

import (
	"context"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// data deletes a page of what is written, in the store and in the host's sources
// inside its database. It goes on behind the page before: from the start,
// PostgreSQL would pass by all that is deleted already.
func (b *batch) data(ctx context.Context, w *chatadmin.Writer, at *place, limit int) (bool, error) {
	n, next, err := w.DeleteData(ctx, all(b.domain), chatadmin.Page{After: at.After, Limit: limit})
	at.After = next
	for kind, count := range n {
		b.gone(kind, count)
	}
	return next != "", err
}

func (b *batch) users(ctx context.Context, w *chatadmin.Writer, limit int) (bool, error) {
	q := chatadmin.UserQuery{Domain: b.domain, WithDeleting: true}
	return deleted(ctx, b, Users, q, min(limit, chatadmin.MaxBatch), w.ListUsers, w.ChangeUsers, func(u chatadmin.User) storage.Rev { return u.Rev })
}

// groups deletes groups with their memberships, a few at a time.
func (b *batch) groups(ctx context.Context, w *chatadmin.Writer, limit int) (bool, error) {
	q := chatadmin.GroupQuery{Domain: b.domain, WithDeleting: true}
	page, next, err := storage.FirstPage(ctx, w.ListGroups, q, min(limit, chatadmin.MaxBatch))
	if err != nil || len(page) == 0 {
		return false, err
	}
	ids, rows := make([]chatadmin.ID, len(page)), make([]storage.Write[chatadmin.Group], len(page))
	for i, g := range page {
		ids[i], rows[i] = g.ID, storage.Write[chatadmin.Group]{Row: g, Was: g.Rev, Delete: true}
	}
	n, more, err := w.DeleteMemberships(ctx, storage.MemberQuery{Domain: b.domain, Groups: ids}, limit)
	if b.gone(Memberships, n); err != nil || more {
		return true, err
	}
	if err := kept(w.ChangeGroups(ctx, rows)); err != nil {
		return true, err
	}
	b.gone(Groups, int64(len(page)))
	return next != "", nil
}

// records deletes all records except that of the run, with an owner or without.
func (b *batch) records(ctx context.Context, w *chatadmin.Writer, limit int) (bool, error) {
	for p := (chatadmin.Page{Limit: recordPage}); ; {
		page, next, err := w.ListRecords(ctx, storage.RecordQuery{Domain: b.domain}, p)
		if err != nil {
			return false, err
		}
		var rows []storage.Write[storage.Record]
		for _, r := range page {
			if r.ID != string(b.run) || b.run == "" {
				rows = append(rows, storage.Write[storage.Record]{Row: r, Was: r.Rev, Delete: true})
			}
		}
		if err := kept(w.ChangeRecords(ctx, rows)); err != nil {
			return false, err
		}
		b.gone(Records, int64(len(rows)))
		limit -= len(rows)
		if p.After = next; next == "" || limit <= 0 {
			return next != "", nil
		}
	}
}

func (b *batch) events(ctx context.Context, w *chatadmin.Writer, limit int) (bool, error) {
	for more := true; more && limit > 0; {
		before := b.rows
		var err error
		more, err = deleted(ctx, b, Events, chatadmin.EventQuery{Domain: b.domain}, eventPage, w.ListEvents, w.ChangeEvents,
			func(e chatadmin.Event) storage.Rev { return e.Rev })
		if limit -= b.rows - before; err != nil || !more {
			return false, err
		}
	}
	return true, nil
}

// deleted deletes the first page of a list, and reports whether there may be
// more.
func deleted[T, Q any](ctx context.Context, b *batch, kind string, q Q, limit int, list lister[T, Q],
	write func(context.Context, []storage.Write[T]) ([]storage.Conflict, error), rev func(T) storage.Rev) (bool, error) {
	page, next, err := storage.FirstPage(ctx, list, q, limit)
	if err != nil || len(page) == 0 {
		return false, err
	}
	rows := make([]storage.Write[T], len(page))
	for i, row := range page {
		rows[i] = storage.Write[T]{Row: row, Was: rev(row), Delete: true}
	}
	if err := kept(write(ctx, rows)); err != nil {
		return true, err
	}
	b.gone(kind, int64(len(page)))
	return next != "", nil
}

// kept turns any conflict into a lost race.
func kept(cs []storage.Conflict, err error) error {
	if err == nil && len(cs) > 0 {
		err = storage.ErrRetry
	}
	return err
}

// left looks through every table and source, and names the kinds of which there
// is something, but for the record of the run. outside is what was counted
// outside the database before.
func (c *Closings) left(ctx context.Context, w *chatadmin.Writer, b *batch, outside map[string]int64) (kinds []string, err error) {
	look := func(kind string, n int64, failed error) {
		if failed != nil && err == nil {
			err = failed
		}
		if n > 0 {
			kinds = append(kinds, kind)
		}
	}
	n, e := c.admin.CountData(ctx, w, all(b.domain))
	look("", 0, e)
	for _, kind := range c.admin.DataKinds() {
		look(kind, n[kind]+outside[kind], nil)
	}
	members, e := w.CountMemberships(ctx, storage.MemberQuery{Domain: b.domain})
	look(Memberships, members, e)
	gs, _, e := storage.FirstPage(ctx, w.ListGroups, chatadmin.GroupQuery{Domain: b.domain, WithDeleting: true}, 1)
	look(Groups, int64(len(gs)), e)
	ds, _, e := storage.FirstPage(ctx, w.ListDevices, storage.DeviceQuery{Domain: b.domain}, 1)
	look(Devices, int64(len(ds)), e)
	us, _, e := storage.FirstPage(ctx, w.ListUsers, chatadmin.UserQuery{Domain: b.domain, WithDeleting: true}, 1)
	look(Users, int64(len(us)), e)
	es, _, e := storage.FirstPage(ctx, w.ListEvents, chatadmin.EventQuery{Domain: b.domain}, 1)
	look(Events, int64(len(es)), e)
	others := 0
	e = pages(ctx, storage.RecordQuery{Domain: b.domain}, 2, w.ListRecords, func(rs []storage.Record) error {
		for _, r := range rs {
			if r.ID != string(b.run) {
				others++
			}
		}
		return nil
	})
	look(Records, int64(others), e)
	return kinds, err
}
