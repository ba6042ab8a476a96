package sqlstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"chatadmin.example/sdk/chatadmin/storage"
)

// Audit events keep their targets in their row, and the table event_targets
// leads from a target to its events. A row of that is written and deleted with
// its event, and never changed: only the data of an event is.
//
// An event with more than fewTargets has one row there, whose target is "": a
// row for each would make an import or a new default group half as slow again.
// There is one such event for a thousand users, so that all of them can be
// looked through.
const fewTargets = 16

// targetRow is a row of event_targets.
type targetRow struct {
	domain, target string
	at             int64
	event          string
}

// targetRows are those of one event.
func targetRows(e *storage.Event) []targetRow {
	if len(e.Targets) > fewTargets {
		return []targetRow{{string(e.Domain), "", millis(e.At), string(e.ID)}}
	}
	rows := make([]targetRow, 0, len(e.Targets))
	for _, target := range distinct(e.Targets) {
		rows = append(rows, targetRow{string(e.Domain), string(target), millis(e.At), string(e.ID)})
	}
	return rows
}

// maxTargetRows is how many rows of event_targets one statement writes.
const maxTargetRows = 10000

// ChangeEvents implements storage.Tx.
func (x *tx) ChangeEvents(ctx context.Context, c []storage.Write[storage.Event]) ([]storage.Conflict, error) {
	stored, err := x.deletedEvents(ctx, c)
	if err != nil {
		return nil, err
	}
	conflicts, err := change(ctx, x, eventRows, c, nil)
	if err != nil {
		return nil, err
	}
	failed := make(map[int]bool, len(conflicts))
	for _, conflict := range conflicts {
		failed[conflict.Index] = true
	}
	var made, gone []targetRow
	for i := range c {
		switch {
		case failed[i]:
		case c[i].Delete:
			gone = append(gone, stored[c[i].Row.ID]...)
		case c[i].Was == 0:
			rows := targetRows(&c[i].Row)
			made, stored[c[i].Row.ID] = append(made, rows...), rows // a later item may delete it
		}
	}
	if err := x.targets(ctx, insertTargets, made); err != nil {
		return nil, err
	}
	x.inserted["event_targets"] += int64(len(made))
	return conflicts, x.targets(ctx, deleteTargets, gone)
}

// deletedEvents finds the targets of events that a call deletes.
func (x *tx) deletedEvents(ctx context.Context, c []storage.Write[storage.Event]) (map[storage.ID][]targetRow, error) {
	stored := map[storage.ID][]targetRow{}
	var ids []string
	for i := range c {
		if c[i].Delete {
			ids = append(ids, string(c[i].Row.ID))
		}
	}
	if len(ids) == 0 || len(ids) > storage.MaxBatch {
		return stored, nil
	}
	q := (&query{d: x.s.d}).add(eventRows.selects+" WHERE ").in("id", ids)
	events, err := fetch(ctx, x.reader, "deleting audit events", q, eventRows.dest)
	for i := range events {
		stored[events[i].ID] = targetRows(&events[i])
	}
	return stored, err
}

// targetChange is how rows of event_targets are written: by arrays, or one by
// one on SQLite.
type targetChange struct{ arrays, one string }

var (
	insertTargets = targetChange{
		"INSERT INTO {{p}}event_targets (domain, target, at, event) SELECT v.domain, v.target, v.at, v.event FROM ",
		"INSERT INTO {{p}}event_targets (domain, target, at, event) VALUES (?, ?, ?, ?)",
	}
	deleteTargets = targetChange{
		"DELETE FROM {{p}}event_targets t USING ",
		"DELETE FROM {{p}}event_targets WHERE domain = ? AND target = ? AND at = ? AND event = ?",
	}
)

func (x *tx) targets(ctx context.Context, change targetChange, rows []targetRow) error {
	if x.s.d == SQLite {
		for _, r := range rows {
			if _, err := x.exec(ctx, change.one, []any{r.domain, r.target, r.at, r.event}); err != nil {
				return err
			}
		}
		return nil
	}
	for part := range slices.Chunk(rows, maxTargetRows) {
		q := x.where(change.arrays).append(givenTargets(x.s.d, part))
		if change == deleteTargets {
			q.add(" WHERE t.domain = v.domain AND t.target = v.target AND t.at = v.at AND t.event = v.event")
		}
		if _, err := x.exec(ctx, q.text.String(), q.args); err != nil {
			return err
		}
	}
	return nil
}

// givenTargets makes rows part of a statement. Those of one event, as mostly,
// have all but the target in common.
func givenTargets(d Dialect, rows []targetRow) *query {
	n := len(rows)
	targets, domains, ats, events := make([]string, n), make([]string, n), make([]int64, n), make([]string, n)
	same := true
	for i, r := range rows {
		targets[i], domains[i], ats[i], events[i] = r.target, r.domain, r.at, r.event
		same = same && r.event == rows[0].event
	}
	q := &query{d: d}
	if same {
		return q.add("(SELECT ?::text AS domain, u.target, ?::bigint AS at, ?::text AS event FROM unnest(?::text[]) AS u(target)) AS v",
			domains[0], ats[0], events[0], targets)
	}
	return q.add("unnest(?::text[], ?::text[], ?::bigint[], ?::text[]) AS v(domain, target, at, event)", domains, targets, ats, events)
}

// ListEvents implements storage.Reader. No index serves a Kind that ends in
// "."; the other fields narrow what is looked through.
func (r reader) ListEvents(ctx context.Context, q storage.EventQuery, p storage.Page) ([]storage.Event, storage.Cursor, error) {
	if len(q.Targets) > storage.MaxBatch {
		return nil, "", r.fail(ctx, "listing audit events", fmt.Errorf("about %d targets: %w", len(q.Targets), storage.ErrBatch))
	}
	if q.Target != "" || len(q.Targets) > 0 {
		return r.eventsAbout(ctx, q, p)
	}
	w := r.where("domain = ?", string(q.Domain)).and(q.Actor != "", "actor = ?", string(q.Actor)).
		and(!q.From.IsZero(), "at >= ?", millis(q.From)).and(!q.To.IsZero(), "at < ?", millis(q.To))
	l := listing{where: w, order: []string{"at", "id"}, desc: true}
	kinds := strings.HasSuffix(q.Kind, ".")
	if w.and(q.Kind != "" && !kinds, "kind = ?", q.Kind); kinds {
		l.search = func(all *query) {
			all.add(" AND ").prefix("kind || ''", q.Kind) // not by its index, which would have to sort all of them
		}
	}
	return list(ctx, r, eventRows, l, p)
}

// eventPlace is where an event stands in the log.
type eventPlace struct {
	at int64
	id string
}

// fewPlaces is how many places of the log a page looks through at least.
const fewPlaces = 200

// eventsAbout lists the events of targets. It takes the next places of the log
// that event_targets has for them, those of events with many targets among
// them, and reads the events there that fit. Where other fields narrow the
// list, it looks through searchRows places at most.
func (r reader) eventsAbout(ctx context.Context, q storage.EventQuery, p storage.Page) ([]storage.Event, storage.Cursor, error) {
	const what = "listing audit events"
	if p.Limit < 1 || p.Limit > storage.MaxBatch {
		return nil, "", r.fail(ctx, what, fmt.Errorf("a page of %d rows: %w", p.Limit, storage.ErrBatch))
	}
	l := listing{order: []string{"at", "event"}, desc: true}
	var after []any
	if p.After != "" {
		var err error
		if after, err = l.parse(p.After); err != nil {
			return nil, "", r.fail(ctx, what, err)
		}
	}
	targets := strs(distinct(q.Targets))
	if len(targets) == 0 {
		targets = []string{string(q.Target)}
	}
	limit := max(p.Limit, fewPlaces)
	if q.Actor != "" || q.Kind != "" || q.Target != "" && len(q.Targets) > 0 {
		limit = searchRows
	}
	places, err := fetch(ctx, r, what, r.places(q, append(slices.Clone(targets), ""), after, limit), func(e *eventPlace) []any { return []any{&e.at, &e.id} })
	if err != nil || len(places) == 0 {
		return nil, "", err
	}
	rows, err := r.eventsAt(ctx, q, targets, places)
	if err != nil {
		return nil, "", err
	}
	last := places[len(places)-1]
	switch {
	case len(rows) > p.Limit:
		rows = rows[:p.Limit]
		last = eventPlace{millis(rows[p.Limit-1].At), string(rows[p.Limit-1].ID)}
	case len(places) < limit:
		return rows, "", nil
	}
	return rows, cursor([]any{last.at, last.id}), nil
}

// places selects the next places of the log with one of the targets, each once.
func (r reader) places(q storage.EventQuery, targets []string, after []any, limit int) *query {
	narrow := func(w *query) *query {
		w.and(!q.From.IsZero(), "at >= ?", millis(q.From)).and(!q.To.IsZero(), "at < ?", millis(q.To))
		return w.and(after != nil, "(at, event) < (?, ?)", after...)
	}
	const newest = " ORDER BY at DESC, event DESC LIMIT ?"
	if r.s.d == SQLite {
		return narrow(r.where("SELECT DISTINCT at, event FROM {{p}}event_targets WHERE domain = ? AND ", string(q.Domain)).in("target", targets)).add(newest, limit)
	}
	each := narrow(r.where("SELECT at, event FROM {{p}}event_targets WHERE domain = ? AND target = k.value", string(q.Domain))).add(newest, limit)
	return r.where("SELECT DISTINCT e.at, e.event FROM ").values(targets).add(", LATERAL (").append(each).add(") e"+
		" ORDER BY e.at DESC, e.event DESC LIMIT ?", limit)
}

// eventsAt reads the events at some places that fit a query and have one of the
// targets, newest first.
func (r reader) eventsAt(ctx context.Context, q storage.EventQuery, targets []string, places []eventPlace) ([]storage.Event, error) {
	ids := make([]string, len(places))
	for i, p := range places {
		ids[i] = p.id
	}
	w := r.where(eventRows.selects+" WHERE ").in("id", ids).
		and(true, "domain || '' = ?", string(q.Domain)). // by no index but that of the ID
		and(q.Actor != "", "actor || '' = ?", string(q.Actor))
	switch {
	case len(targets) > 1 && r.s.d == PostgreSQL:
		w.add(" AND string_to_array(targets, chr(10)) && ?::text[]", targets)
	case len(targets) > 1:
		w.add(" AND EXISTS (SELECT 1 FROM json_each('[' || replace(json_quote(targets), '\\n', '\",\"') || ']') t WHERE ").in("t.value", targets).add(")")
	default:
		find := map[Dialect]string{PostgreSQL: "strpos", SQLite: "instr"}[r.s.d]
		w.add(" AND "+find+"(targets, ?) > 0", "\n"+targets[0]+"\n")
	}
	if kinds := strings.HasSuffix(q.Kind, "."); kinds {
		w.add(" AND ").prefix("kind || ''", q.Kind)
	} else {
		w.and(q.Kind != "", "kind || '' = ?", q.Kind)
	}
	rows, err := fetch(ctx, r, "listing audit events", w, eventRows.dest)
	if q.Target != "" && len(q.Targets) > 0 {
		rows = slices.DeleteFunc(rows, func(e storage.Event) bool { return !slices.Contains(e.Targets, q.Target) })
	}
	slices.SortFunc(rows, func(a, b storage.Event) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.ID, a.ID)) })
	return rows, err
}
