package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"chatadmin.example/sdk/chatadmin/storage"
)

// parents says which new rows of a call lack a parent: the field, or "" where
// all are there.
type parents func(i int) (field string)

// change applies one call. On PostgreSQL the whole batch is tried at once;
// where that does not come out as expected, and on SQLite always, it goes row
// by row, in the order of the call, so that a row sees those before it.
func change[T any](ctx context.Context, x *tx, t *table[T], c []storage.Write[T], lookup func(context.Context, []int) (parents, error)) ([]storage.Conflict, error) {
	if err := x.writable(ctx, len(c)); err != nil || len(c) == 0 {
		return nil, err
	}
	var inserted []int
	for i := range c {
		if c[i].Was == 0 && !c[i].Delete {
			inserted = append(inserted, i)
		}
	}
	x.inserted[t.name] += int64(len(inserted))
	lacks := func(int) string { return "" }
	if len(inserted) > 0 && lookup != nil {
		var err error
		if lacks, err = lookup(ctx, inserted); err != nil {
			return nil, err
		}
	}
	if x.s.d == PostgreSQL && len(c) > 1 {
		if done, err := bulk(ctx, x, t, c, lacks); done || err != nil {
			for i := range c {
				note(x, t, &c[i])
			}
			return nil, err
		}
	}
	var conflicts []storage.Conflict
	for i := range c {
		conflict, err := changeOne(ctx, x, t, &c[i], i, lacks)
		if errors.Is(err, ErrConstraint) {
			err = &storage.RowError{Index: i, Err: err}
		}
		if err != nil {
			return nil, err
		}
		if conflict.Reason != 0 {
			conflict.Index = i
			conflicts = append(conflicts, conflict)
		} else {
			note(x, t, &c[i])
		}
	}
	return conflicts, nil
}

// note remembers what was written that others may belong to: their members and
// devices are mostly written next, in the same transaction.
func note[T any](x *tx, t *table[T], c *storage.Write[T]) {
	if t.parent == nil {
		return
	}
	if domain, id, alive := t.parent(&c.Row); alive && !c.Delete {
		if x.wrote[t.name] == nil {
			x.wrote[t.name] = map[storage.ID]storage.ID{}
		}
		x.wrote[t.name][id] = domain
	} else {
		delete(x.wrote[t.name], id)
	}
}

func changeOne[T any](ctx context.Context, x *tx, t *table[T], c *storage.Write[T], i int, lacks parents) (storage.Conflict, error) {
	var none storage.Conflict
	args := t.args(&c.Row)
	switch {
	case c.Was == 0 && c.Delete:
		return storage.Conflict{Reason: storage.Stale}, nil
	case c.Delete:
		n, err := x.exec(ctx, t.delete, append(t.pick(args, t.own), int64(c.Was)))
		if err == nil && n == 0 {
			none.Reason = storage.Stale
		}
		return none, err
	case c.Was != 0:
		return updateOne(ctx, x, t, args, c.Was)
	}
	field := lacks(i)
	if field == "" {
		n, err := x.exec(ctx, t.insert, args)
		if taken(err) { // by a trigger: a key of the row itself is no error here
			x.failed = fmt.Errorf("%w: %w", ErrConstraint, err)
			return none, x.failed
		}
		if err != nil || n == 1 {
			return none, err
		}
	}
	there, err := x.exists(ctx, t.name, t.names[:t.keys], args[:t.keys])
	switch {
	case err != nil:
		return none, err
	case there:
		return storage.Conflict{Reason: storage.Exists}, nil
	case field != "":
		return storage.Conflict{Reason: storage.NoParent, Field: field}, nil
	case t.unique == nil:
		return none, x.fail(ctx, "writing "+t.what, errRaced) // it was there when we inserted
	}
	return x.keyTaken(ctx, t.name, t.field, t.unique, t.pick(args, t.unique), "", func() error {
		_, err := x.exec(ctx, strings.TrimSuffix(t.insert, " ON CONFLICT DO NOTHING"), args)
		return err
	})
}

// keyTaken tells who has the unique key of a row that could not be written.
// Where nobody has it, the row is written once more, plainly: whoever had it is
// gone, or the database says what is in the way.
func (x *tx) keyTaken(ctx context.Context, name, field string, columns []string, values []any, itself string, again func() error) (storage.Conflict, error) {
	var none storage.Conflict
	by, err := x.holder(ctx, name, columns, values, itself)
	if err != nil {
		return none, err
	}
	if by != "" {
		return storage.Conflict{Reason: storage.KeyTaken, Field: field, Other: by}, nil
	}
	if err := again(); err != nil {
		if !errors.Is(err, ErrConstraint) {
			err = fmt.Errorf("%w: %w", ErrConstraint, err)
		}
		x.failed = err
		return none, err
	}
	return none, nil
}

func updateOne[T any](ctx context.Context, x *tx, t *table[T], args []any, was storage.Rev) (storage.Conflict, error) {
	var none storage.Conflict
	own := t.pick(args, t.own)
	if t.unique != nil && x.s.d == PostgreSQL { // a violation would end the transaction
		current, err := x.exists(ctx, t.name, append(append([]string(nil), t.own...), "rev"), append(append([]any(nil), own...), int64(was)))
		if err != nil {
			return none, err
		}
		if !current {
			return storage.Conflict{Reason: storage.Stale}, nil
		}
		by, err := x.holder(ctx, t.name, t.unique, t.pick(args, t.unique), args[0].(string))
		if err != nil || by != "" {
			return storage.Conflict{Reason: storage.KeyTaken, Field: t.field, Other: by}, err
		}
	}
	verb := "UPDATE"
	if x.s.d == SQLite {
		verb = "UPDATE OR IGNORE"
	}
	values := append(append(t.pick(args, t.writes), own...), int64(was))
	n, err := x.exec(ctx, verb+t.update, values)
	if taken(err) {
		if x.failed = fmt.Errorf("%w: %w", ErrConstraint, err); t.unique != nil && strings.Contains(err.Error(), x.s.prefix+t.name) {
			x.failed = fmt.Errorf("writing %s: %w", t.what, errRaced)
		}
		return none, x.failed
	}
	if err != nil || n == 1 {
		return none, err
	}
	if t.unique == nil {
		return storage.Conflict{Reason: storage.Stale}, nil
	}
	current, err := x.exists(ctx, t.name, append(append([]string(nil), t.own...), "rev"), append(append([]any(nil), own...), int64(was)))
	if err != nil || !current {
		return storage.Conflict{Reason: storage.Stale}, err
	}
	return x.keyTaken(ctx, t.name, t.field, t.unique, t.pick(args, t.unique), args[0].(string), func() error {
		_, err := x.exec(ctx, "UPDATE"+t.update, values)
		return err
	})
}

// exists reports whether there is a row with these values.
func (x *tx) exists(ctx context.Context, name string, columns []string, values []any) (bool, error) {
	q := (&query{d: x.s.d}).add("SELECT 1 FROM {{p}}"+name+" WHERE "+equal(columns), values...)
	rows, err := fetch(ctx, x.reader, "looking for "+name, q, func(n *int) []any { return []any{n} })
	return len(rows) > 0, err
}

// holder finds who has a unique key, other than itself.
func (x *tx) holder(ctx context.Context, name string, columns []string, values []any, itself string) (storage.ID, error) {
	q := (&query{d: x.s.d}).add("SELECT id FROM {{p}}"+name+" WHERE "+equal(columns)+" AND id <> ?", append(values, itself)...)
	rows, err := fetch(ctx, x.reader, "looking for "+name, q, func(id *string) []any { return []any{id} })
	if err != nil || len(rows) == 0 {
		return "", err
	}
	return storage.ID(rows[0]), nil
}

// alive finds users, groups or domains that are there and not being deleted,
// and the domain of each.
func (r reader) alive(ctx context.Context, name string, ids []storage.ID) (map[storage.ID]storage.ID, error) {
	q := &query{d: r.s.d}
	if name == "domains" {
		q.add("SELECT id, id FROM {{p}}domains WHERE ")
	} else {
		q.add("SELECT domain, id FROM {{p}}" + name + " WHERE ")
	}
	q.in("id", strs(distinct(ids)))
	if name == "users" || name == "groups" {
		q.add(" AND NOT deleting")
	}
	return r.pairs(ctx, "looking for "+name, q)
}

// pairs runs a query for domains and IDs.
func (r reader) pairs(ctx context.Context, what string, q *query) (map[storage.ID]storage.ID, error) {
	type pair struct{ domain, id string }
	rows, err := fetch(ctx, r, what, q, func(p *pair) []any { return []any{&p.domain, &p.id} })
	if err != nil {
		return nil, err
	}
	there := make(map[storage.ID]storage.ID, len(rows))
	for _, p := range rows {
		there[storage.ID(p.id)] = storage.ID(p.domain)
	}
	return there, nil
}

func distinct[T ~string](ids []T) []T {
	seen := make(map[T]bool, len(ids))
	var out []T
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out
}
