package sqlstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"chatadmin.example/sdk/chatadmin/storage"
)

// bulk writes a whole call on PostgreSQL with one statement for all insertions,
// one for all updates and one for all deletions, each in key order. It is done
// where every row was written; otherwise nothing was, and the rows must be
// written one by one to learn which of them conflict, or are refused. Deletions
// come last and no update of a batch moves a unique key, so that nothing
// succeeds here which would be a conflict in the order of the call.
func bulk[T any](ctx context.Context, x *tx, t *table[T], c []storage.Write[T], lacks parents) (done bool, err error) {
	type item struct {
		change int
		fields []any // those of the table, and the revision that was
	}
	items := make([]item, len(c))
	all := make([]any, 0, len(c)*(len(t.names)+1))
	for i := range c {
		if c[i].Was == 0 && (c[i].Delete || lacks(i) != "") {
			return false, nil
		}
		from := len(all)
		all = append(t.fields(&c[i].Row, all), (*int64)(&c[i].Was))
		items[i] = item{i, all[from:]}
	}
	byKey := func(a, b item) int { return compareKeys(a.fields[:t.keys], b.fields[:t.keys]) }
	slices.SortFunc(items, byKey)
	var inserts, updates, deletes [][]any
	for i, it := range items {
		switch {
		case i > 0 && byKey(items[i-1], it) == 0: // twice in a call
			return false, nil
		case c[it.change].Delete:
			deletes = append(deletes, it.fields)
		case c[it.change].Was != 0:
			updates = append(updates, it.fields)
		default:
			inserts = append(inserts, it.fields)
		}
	}
	if _, err := x.exec(ctx, "SAVEPOINT batch", nil); err != nil {
		return false, err
	}
	done = true
	for _, part := range []struct {
		rows  [][]any
		write func(context.Context, *tx, *table[T], [][]any) (int64, error)
	}{{inserts, bulkInsert[T]}, {updates, bulkUpdate[T]}, {deletes, bulkDelete[T]}} {
		if len(part.rows) == 0 || !done {
			continue
		}
		n, err := part.write(ctx, x, t, part.rows)
		switch {
		case taken(err), errors.Is(err, ErrConstraint):
			x.failed = nil // the savepoint is undone
			done = false
		case err != nil:
			return false, err
		default:
			done = n == int64(len(part.rows))
		}
	}
	if !done {
		if _, err := x.exec(ctx, "ROLLBACK TO SAVEPOINT batch", nil); err != nil {
			return false, err
		}
	}
	_, err = x.exec(ctx, "RELEASE SAVEPOINT batch", nil)
	return done, err
}

func compareKeys(a, b []any) int {
	for i := range a {
		if d := cmp.Compare(*a[i].(*string), *b[i].(*string)); d != 0 {
			return d
		}
	}
	return 0
}

// given is a batch of rows as part of a statement. Columns that vary are
// arrays; those that have one value in all rows, as most columns of an import
// do, are sent once.
type given struct {
	from string            // what stands behind FROM
	args []any             // of its placeholders
	ref  map[string]string // what each column is called
}

// give makes rows part of a statement, with the columns named; "was" is the
// revision that is to be there.
func (t *table[T]) give(rows [][]any, names []string) given {
	g := given{ref: make(map[string]string, len(names))}
	var arrays, ones, columns []string
	var values []any
	for n, name := range names {
		i := slices.Index(t.names, name)
		if name == "was" {
			i = len(t.names)
		}
		array, kind, varies := gather(rows, i)
		if varies || n == 0 && len(rows) == 1 { // some column must be an array
			arrays, columns, g.args = append(arrays, "?::"+kind+"[]"), append(columns, name), append(g.args, array)
			g.ref[name] = "v." + name
		} else {
			ones, values = append(ones, "?::"+kind+" AS "+name), append(values, value(rows[0][i]))
			g.ref[name] = "o." + name
		}
	}
	g.from = "unnest(" + strings.Join(arrays, ", ") + ") AS v(" + strings.Join(columns, ", ") + ")"
	if len(ones) > 0 {
		g.from += ", (SELECT " + strings.Join(ones, ", ") + ") AS o"
		g.args = append(g.args, values...)
	}
	return g
}

// gather makes an array of one column.
func gather(rows [][]any, i int) (array any, kind string, varies bool) {
	switch rows[0][i].(type) {
	case *string:
		array, varies = collect(rows, func(row []any) string { return *row[i].(*string) })
		return array, "text", varies
	case *[]storage.ID:
		array, varies = collect(rows, func(row []any) string { return joinIDs(*row[i].(*[]storage.ID)) })
		return array, "text", varies
	case *bool:
		array, varies = collect(rows, func(row []any) bool { return *row[i].(*bool) })
		return array, "boolean", varies
	case *[]byte:
		all := make([][]byte, len(rows))
		for n, row := range rows {
			all[n] = bytes(*row[i].(*[]byte))
			varies = varies || string(all[n]) != string(all[0])
		}
		return all, "bytea", varies
	}
	array, varies = collect(rows, func(row []any) int64 { return number(row[i]) })
	return array, "bigint", varies
}

func collect[V comparable](rows [][]any, get func([]any) V) (all []V, varies bool) {
	all = make([]V, len(rows))
	for n, row := range rows {
		all[n] = get(row)
		varies = varies || all[n] != all[0]
	}
	return all, varies
}

// refs are the columns as given.
func (g given) refs(names []string) string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = g.ref[name]
	}
	return strings.Join(all, ", ")
}

// pairs says that columns of t and the given ones are equal.
func (g given) pairs(t string, names []string, sep string) string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = t + name + " = " + g.ref[name]
	}
	return strings.Join(all, sep)
}

func bulkInsert[T any](ctx context.Context, x *tx, t *table[T], rows [][]any) (int64, error) {
	g := t.give(rows, t.names)
	return x.exec(ctx, fmt.Sprintf("INSERT INTO {{p}}%s (%s) SELECT %s FROM %s", t.name, strings.Join(t.names, ", "), g.refs(t.names), g.from), g.args)
}

// bulkUpdate leaves the unique key alone: a row that has another one is not
// written here.
func bulkUpdate[T any](ctx context.Context, x *tx, t *table[T], rows [][]any) (int64, error) {
	if err := lockRows(ctx, x, t, rows); err != nil {
		return 0, err
	}
	match := union(t.own, t.unique)
	sets := slices.DeleteFunc(slices.Clone(t.writes), func(name string) bool { return slices.Contains(match, name) })
	g := t.give(rows, append(union(match, sets), "was"))
	return x.exec(ctx, fmt.Sprintf("UPDATE {{p}}%s t SET %s FROM %s WHERE %s AND t.rev = %s", t.name, g.pairs("", sets, ", "), g.from, g.pairs("t.", match, " AND "), g.ref["was"]), g.args)
}

func union(a, b []string) []string {
	all := slices.Clone(a)
	for _, name := range b {
		if !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

func bulkDelete[T any](ctx context.Context, x *tx, t *table[T], rows [][]any) (int64, error) {
	if err := lockRows(ctx, x, t, rows); err != nil {
		return 0, err
	}
	g := t.give(rows, append(slices.Clone(t.own), "was"))
	return x.exec(ctx, fmt.Sprintf("DELETE FROM {{p}}%s t USING %s WHERE %s AND t.rev = %s", t.name, g.from, g.pairs("t.", t.own, " AND "), g.ref["was"]), g.args)
}

// lockRows locks rows in key order, so that two transactions that write the
// same ones wait for each other instead of dying of a deadlock.
func lockRows[T any](ctx context.Context, x *tx, t *table[T], rows [][]any) error {
	keys := t.names[:t.keys]
	g := t.give(rows, keys)
	_, err := x.exec(ctx, fmt.Sprintf("SELECT 1 FROM {{p}}%s t, %s WHERE %s ORDER BY t.%s FOR UPDATE OF t", t.name, g.from, g.pairs("t.", keys, " AND "), strings.Join(keys, ", t.")), g.args)
	return err
}
