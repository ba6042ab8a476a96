package sqlstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"chatadmin.example/sdk/chatadmin"
)

// bulk writes a whole call on PostgreSQL with one statement for all insertions, one for all updates and one for all deletions, each in key order. It is done where every row was written; otherwise
// nothing was, and the rows must be written one by one to learn which of them conflict. Deletions come last and no update of a batch moves a unique key, so that nothing succeeds here
// which would be a conflict in the order of the call.
func bulk[T any](ctx context.Context, x *tx, t *table[T], c []chatadmin.Change[T], lacks parents) (done bool, err error) {
	args := make([][]any, len(c))
	seen := make(map[string]bool, len(c))
	var inserts, updates, deletes []int
	for i := range c {
		args[i] = t.args(&c[i].Row)
		k := t.key(args[i])
		if seen[k] || c[i].Was == 0 && (c[i].Delete || lacks(i) != "") {
			return false, nil
		}
		seen[k] = true
		switch {
		case c[i].Delete:
			deletes = append(deletes, i)
		case c[i].Was != 0:
			updates = append(updates, i)
		default:
			inserts = append(inserts, i)
		}
	}
	if _, err := x.exec(ctx, "SAVEPOINT batch", nil); err != nil {
		return false, err
	}
	done = true
	for _, part := range []struct {
		rows  []int
		write func(context.Context, *tx, *table[T], [][]any, []int64) (int64, error)
	}{{inserts, bulkInsert[T]}, {updates, bulkUpdate[T]}, {deletes, bulkDelete[T]}} {
		if len(part.rows) == 0 || !done {
			continue
		}
		slices.SortFunc(part.rows, func(a, b int) int { return cmp.Compare(t.key(args[a]), t.key(args[b])) })
		rows, was := make([][]any, len(part.rows)), make([]int64, len(part.rows))
		for n, i := range part.rows {
			rows[n], was[n] = args[i], int64(c[i].Was)
		}
		n, err := part.write(ctx, x, t, rows, was)
		switch {
		case taken(err):
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

// key is the primary key as one string that sorts like it.
func (t *table[T]) key(args []any) string {
	k := args[0].(string)
	for _, part := range args[1:t.keys] {
		k += "\x00" + part.(string)
	}
	return k
}

// arrays turns rows into one array for each of the given columns.
func (t *table[T]) arrays(rows [][]any, names []string) (kinds []string, arrays []any) {
	for _, name := range names {
		i := t.index(name)
		kinds = append(kinds, t.columns[i].kind)
		switch t.columns[i].kind {
		case "text":
			arrays = append(arrays, values[string](rows, i))
		case "bigint":
			arrays = append(arrays, values[int64](rows, i))
		case "boolean":
			arrays = append(arrays, values[bool](rows, i))
		default:
			arrays = append(arrays, values[[]byte](rows, i))
		}
	}
	return kinds, arrays
}

func values[V any](rows [][]any, i int) []V {
	vs := make([]V, len(rows))
	for n, row := range rows {
		vs[n] = row[i].(V)
	}
	return vs
}

// unnest is "unnest(?::text[], …)" for arrays of these kinds.
func unnest(kinds []string) string { return "unnest(?::" + strings.Join(kinds, "[], ?::") + "[])" }

func bulkInsert[T any](ctx context.Context, x *tx, t *table[T], rows [][]any, _ []int64) (int64, error) {
	kinds, arrays := t.arrays(rows, t.names())
	return x.exec(ctx, x.text(fmt.Sprintf("INSERT INTO {{p}}%s (%s) SELECT * FROM %s", t.name, strings.Join(t.names(), ", "), unnest(kinds))), arrays)
}

// matching is the join of stored rows (t) with given ones (v): the same key, domain and revision and, for updates, the same unique key.
func (t *table[T]) matching(names []string) string {
	var conds []string
	for _, name := range names {
		conds = append(conds, "t."+name+" = v."+name)
	}
	return strings.Join(append(conds, "t.rev = v.was"), " AND ")
}

func bulkUpdate[T any](ctx context.Context, x *tx, t *table[T], rows [][]any, was []int64) (int64, error) {
	match := slices.Clone(t.own())
	for _, name := range t.unique {
		if !slices.Contains(match, name) {
			match = append(match, name)
		}
	}
	given := slices.Clone(match)
	var sets []string
	for _, name := range t.written() {
		if !slices.Contains(given, name) {
			given = append(given, name)
		}
		if !slices.Contains(t.unique, name) {
			sets = append(sets, name+" = v."+name)
		}
	}
	if err := lockRows(ctx, x, t, rows); err != nil {
		return 0, err
	}
	kinds, arrays := t.arrays(rows, given)
	q := fmt.Sprintf("UPDATE {{p}}%s t SET %s FROM %s AS v(%s, was) WHERE %s", t.name, strings.Join(sets, ", "), unnest(append(kinds, "bigint")), strings.Join(given, ", "), t.matching(match))
	return x.exec(ctx, x.text(q), append(arrays, was))
}

func bulkDelete[T any](ctx context.Context, x *tx, t *table[T], rows [][]any, was []int64) (int64, error) {
	if err := lockRows(ctx, x, t, rows); err != nil {
		return 0, err
	}
	kinds, arrays := t.arrays(rows, t.own())
	q := fmt.Sprintf("DELETE FROM {{p}}%s t USING %s AS v(%s, was) WHERE %s", t.name, unnest(append(kinds, "bigint")), strings.Join(t.own(), ", "), t.matching(t.own()))
	return x.exec(ctx, x.text(q), append(arrays, was))
}

// lockRows locks rows in key order, so that two transactions that write the same ones wait for each other instead of dying of a deadlock.
func lockRows[T any](ctx context.Context, x *tx, t *table[T], rows [][]any) error {
	names := t.names()[:t.keys]
	kinds, arrays := t.arrays(rows, names)
	using := make([]string, len(names))
	for i, name := range names {
		using[i] = "t." + name + " = v." + name
	}
	q := fmt.Sprintf("SELECT 1 FROM {{p}}%s t JOIN %s AS v(%s) ON %s ORDER BY %s FOR UPDATE OF t", t.name, unnest(kinds), strings.Join(names, ", "), strings.Join(using, " AND "), joined("t", names))
	_, err := x.exec(ctx, x.text(q), arrays)
	return err
}
