package csvimport

import (
	"bytes"
	"context"
	"hash"
	"slices"
	"strings"
	"unicode/utf8"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/csvimport/internal/csvfile"
)

// scanner decides every row of a file against the committed state of the store.
type scanner struct {
	scope   *chatadmin.Scope
	src     *source
	size    int64 // of the file
	index   *index
	decider decider
	above   map[key]chatadmin.ID // the manager in the store of those in links
	keys    []key                // of the rows at hand
	verdict verdict              // of the row at hand
	done    []chunk
	chunks  []chunk
	counts  Counts

	decisions hash.Hash
	samples   []string // cells that are not ASCII
	damaged   int      // lines with text that was decoded twice
}

// mostSamples is how many cells show whether the encoding is right.
const mostSamples = 5

// sample is the first of them, or "".
func (sc *scanner) sample() string {
	if len(sc.samples) == 0 {
		return ""
	}
	return sc.samples[0]
}

// collect takes samples from some rows, each text once.
func (sc *scanner) collect(rows []entry) {
	for i := range rows {
		if rows[i].bad != nil {
			continue
		}
		r := rows[i].row
		for _, cell := range [...]string{r.Name, r.FirstName, r.LastName, r.Title, r.Login} {
			if len(sc.samples) == mostSamples {
				return
			}
			if strings.ContainsFunc(cell, func(r rune) bool { return r >= utf8.RuneSelf }) && !slices.Contains(sc.samples, chatadmin.Cut(cell)) {
				sc.samples = append(sc.samples, chatadmin.Cut(cell))
			}
		}
	}
}

func (sc *scanner) all(ctx context.Context) error {
	src := readAhead(ctx, sc.src)
	defer src.close()
	for {
		b, err := src.read(ctx)
		if err != nil {
			return err
		}
		if len(b.rows) == 0 {
			break
		}
		if err := sc.batch(ctx, b.rows); err != nil {
			return err
		}
		// Enough to tell how many rows are to come, so that nothing grows by
		// doubling
		if src.next == 8 {
			sc.index.expect(int(int64(len(sc.index.letters)) * sc.size / b.bytes))
		}
	}
	if err := sc.index.settle(ctx, sc.scope.Admin().Store(), sc.scope.Domain(), sc.above); err != nil {
		return err
	}
	sc.index.forget()
	sc.applyLinks()
	if sc.decider.AllOrNothing && sc.done == nil {
		sc.refuse()
	}
	for _, l := range sc.index.letters {
		sc.counts.add(l)
	}
	for _, c := range sc.chunks {
		for n := range c.Notes.all() {
			if isWarning(n.Code) {
				sc.counts.Warnings++
			}
		}
	}
	return nil
}

// applyLinks lets what was found about managers count in the outcome of their
// rows. Rows that are skipped or fail have no link, and get no warning.
func (sc *scanner) applyLinks() {
	x := sc.index
	found := map[int][]note{} // by batch
	for _, l := range x.links {
		batch := int(l.row) / batchRows
		switch {
		case batch < len(sc.done):
		case l.code == linkSet && !l.other:
			x.letters[l.row] = letterUpdated
		case l.code == linkAbove:
			x.letters[l.row] = letterFailed
			found[batch] = append(found[batch], note{Row: int(l.row) % batchRows, Code: l.note(), Col: int16(colLogin)})
		case l.code != linkSet:
			found[batch] = append(found[batch], note{Row: int(l.row) % batchRows, Code: l.note(), Col: int16(colManager)})
		}
	}
	sc.letters()
	for batch, notes := range found {
		sc.chunks[batch].Notes.insert(notes...)
	}
}

// refuse tells of every row that nothing becomes of it, if one row fails and
// all or nothing is asked for.
func (sc *scanner) refuse() {
	x := sc.index
	if bytes.IndexByte(x.letters, letterFailed) < 0 {
		return
	}
	for i, l := range x.letters {
		if written(l) {
			x.letters[i] = letterRefused
		}
	}
	sc.letters()
}

// letters gives the chunks the letters of their rows.
func (sc *scanner) letters() {
	all := sc.index.letters
	for i := range sc.chunks {
		from := i * batchRows
		sc.chunks[i].Letters = string(all[from:min(from+batchRows, len(all))])
	}
}

// batch decides the rows of one batch.
func (sc *scanner) batch(ctx context.Context, rows []entry) error {
	base := len(sc.index.letters)
	var done *chunk
	if b := base / batchRows; b < len(sc.done) {
		if done = &sc.done[b]; len(done.Letters) != len(rows) {
			return ErrOtherFile
		}
	}
	view, err := look(ctx, sc.scope.Admin().Store(), sc.scope.Domain(), rows, done)
	if err != nil {
		return err
	}
	if !sc.src.file.Format().ASCII && len(sc.samples) < mostSamples {
		sc.collect(rows)
	}
	sc.keys = sc.keys[:0]
	for i := range rows {
		sc.keys = append(sc.keys, sc.index.key(rows[i].loginKey))
	}
	sc.index.logins.touch(sc.keys)
	if sc.decider.view, err = sc.decider.groups(ctx, sc.scope.Admin().Store(), sc.scope.Domain(), rows, view); err != nil {
		return err
	}
	if err := sc.decider.look(ctx, sc.scope.Admin().Store(), rows, view); err != nil {
		return err
	}
	c := chunk{}
	for i := range rows {
		sc.decideRow(&rows[i], i, base+i, view, done)
		for _, n := range sc.verdict.notes {
			n.Row = i
			c.Notes.add(n)
		}
	}
	if c.Notes.pack(); done != nil {
		c = *done
	}
	sc.chunks = append(sc.chunks, c)
	return nil
}

// decideRow decides one row: the ith of its batch, and the one with number row.
func (sc *scanner) decideRow(e *entry, i, row int, view users, done *chunk) {
	k, is, v := sc.keys[i], view.of(e), &sc.verdict
	first, firstNew := place{}, place{row: uint32(row)}
	if e.bad == nil && e.loginKey != "" {
		first = sc.index.claim(k, row, e.line)
		if e.newKey != "" && e.newKey != e.loginKey {
			firstNew = sc.index.claimNew(sc.index.key(e.newKey), row)
		}
	}
	if done != nil {
		v.reset()
		v.letter, v.link = done.Letters[i], written(done.Letters[i]) && e.row.Manager != ""
	} else {
		sc.decider.row(e, view, first, firstNew, row, v)
		if is != nil && written(v.letter) {
			_, _ = sc.decisions.Write(changed(&v.write.Was, v.write.Now.User()))
		}
		for _, g := range v.joins {
			_, _ = sc.decisions.Write([]byte(g))
		}
	}
	sc.index.letters = append(sc.index.letters, v.letter)
	sc.counts.KeptBlanks += int64(v.blanks)
	if slices.ContainsFunc(v.notes, func(n note) bool { return n.Code == CodeDamaged }) {
		sc.damaged++
	}
	if e.newKey != "" && e.newKey != e.loginKey && is != nil && (written(v.letter) || v.letter == letterUnchanged) {
		k = sc.renamed(e, is)
	}
	if v.link {
		sc.link(row, k, is, view.user(e.managerKey), e.managerKey, v.letter != letterUnchanged)
	}
}

// renamed notes the two logins of a user, and returns the key of the one that
// the store has.
func (sc *scanner) renamed(e *entry, is *chatadmin.User) key {
	real, other := e.loginKey, e.newKey
	if is.LoginKey != real {
		real, other = other, real
	}
	sc.index.alias(real, other, is.ID)
	k := sc.index.key(real)
	sc.above[k] = is.Manager
	return k
}

// link notes the manager of a row, unless they are the user's manager already.
func (sc *scanner) link(row int, user key, is, manager *chatadmin.User, managerKey string, other bool) {
	l := link{row: uint32(row), user: user, target: sc.index.key(managerKey), exists: is != nil, other: other}
	if manager != nil && !manager.Deleting {
		l.inStore = true
		if is != nil && is.Manager == manager.ID {
			return
		}
		sc.above[l.target] = manager.Manager
	}
	if is != nil {
		sc.above[user] = is.Manager
		if !other && sc.decider.above(is) {
			l.code = linkAbove
		}
	}
	sc.index.addLink(l)
}

// written reports whether a row of this letter wrote its user.
func written(l letter) bool {
	return l == letterCreated || l == letterUpdated || l == letterActivated || l == letterDeactivated
}

// row decides one entry. Of a broken line nothing else is told. first and
// firstNew are where its login and its new login stand first.
func (d *decider) row(e *entry, view users, first, firstNew place, at int, v *verdict) {
	v.reset()
	if e.bad != nil {
		v.letter = letterFailed
		v.notes = append(v.notes, note{Code: e.bad.Code, Col: -1, Arg: e.bad.Reason})
		return
	}
	line := uint32(0)
	if e.row.Login != "" && int(first.row) != at {
		line = first.line
	}
	if e.short && d.ClearBlanks { // a missing cell would clear what it does not say
		v.letter = letterFailed
		v.notes = append(v.notes, note{Code: csvfile.CodeFieldCount, Col: -1, Arg: "the line has fewer fields than the header, and blank cells clear what is stored: add the missing separators"})
	}
	lineNew := uint32(0)
	if int(firstNew.row) != at {
		lineNew = firstNew.line
	}
	d.at = at % batchRows
	if d.decide(e.row, view.of(e), view.user(e.newKey), line, lineNew, v); written(v.letter) || v.letter == letterUnchanged {
		d.accepted()
	}
	if e.short && !d.ClearBlanks && v.letter != letterKept && v.letter != letterNotCreated {
		v.notes = append(v.notes, note{Code: CodeShortRow, Col: -1})
	}
}
