package csvimport

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

// batchWriter decides the rows of one batch within a transaction.
type batchWriter struct {
	im   *importer
	w    *chatadmin.Writer
	base int            // number of the first row
	ids  []chatadmin.ID // for users who are created, made before the transaction

	writes  []chatadmin.UserWrite
	chunk   chunk
	created []chatadmin.ID
	joins   []storage.Pair
	counts  Counts
}

func (b *batchWriter) decide(ctx context.Context) error {
	im, x := b.im, b.im.plan.index
	view, err := b.look(ctx)
	if err != nil {
		return err
	}
	d := decider{settings: im.plan.Settings, domain: b.w.Settings, header: im.src.header, actor: im.scope.Actor(), role: b.w.Role}
	var admins []chatadmin.ID
	if b.w.Mode() == storage.Exclusive {
		if admins, err = b.w.AdminsInForce(ctx); err != nil {
			return err
		}
	}
	d.setAdmins(admins)
	// Whoever goes, WriteUsers asks for the exclusive fence first
	d.manyMore = d.manyMore || b.w.Mode() != storage.Exclusive
	if im.verdicts == nil {
		im.verdicts, im.writes = make([]verdict, batchRows), make([]chatadmin.UserWrite, batchRows)
	}
	if d.view, err = d.groups(ctx, b.w, b.w.Domain.ID, im.rows, view); err != nil {
		return err
	}
	d.begin(im.scope)
	if err := d.look(ctx, b.w, im.rows, view); err != nil {
		return err
	}
	letters := make([]letter, len(im.rows))
	n := 0
	for i := range im.rows {
		e := &im.rows[i]
		v := &im.verdicts[i]
		v.write = &im.writes[n]
		if n, refused := im.refused[i]; refused {
			v.reset()
			v.letter, v.notes = letterFailed, append(v.notes, n)
		} else {
			d.row(e, view, x.firstOf(b.base+i), x.firstNewOf(b.base+i), b.base+i, v)
		}
		if v.writes() {
			n++
		}
		if l, ok := x.link(b.base + i); ok && v.letter == letterUnchanged {
			switch {
			case l.code == linkAbove || l.code == linkSet && d.above(view.of(e)):
				v.fail(CodeForbidden, colLogin, "")
			case l.code == linkSet:
				v.letter = letterUpdated // by its manager, who is set when all rows are in
			}
		}
		if v.letter == letterDeactivated && !im.mayDeactivate(v.write.Was.ID) {
			im.lookup = true
			return chatadmin.ErrStepAgain
		}
		if v.letter == letterCreated {
			b.created = append(b.created, b.ids[i])
		}
		letters[i] = v.letter
	}
	b.writes = im.writes[:n]
	for i := range im.rows {
		b.take(i, &im.verdicts[i], view)
	}
	b.chunk.Letters = string(letters)
	return nil
}

// take adds the outcome of a row to what the batch writes.
func (b *batchWriter) take(i int, v *verdict, view users) {
	b.counts.add(v.letter)
	b.counts.KeptBlanks += int64(v.blanks)
	l, linked := b.im.plan.index.link(b.base + i)
	if linked && l.code != linkSet && l.code != linkAbove && (written(v.letter) || v.letter == letterUnchanged) {
		v.notes = append(v.notes, note{Code: l.note(), Col: int16(colManager)})
	}
	for _, n := range v.notes {
		n.Row = i
		b.chunk.Notes.add(n)
		if isWarning(n.Code) {
			b.counts.Warnings++
		}
	}
	open := linked && l.code == linkSet && written(v.letter)
	manager := chatadmin.ID("")
	if open && v.letter == letterCreated {
		if at := int(l.at) - b.base; at >= 0 && at < len(b.im.rows) && b.im.verdicts[at].letter == letterCreated {
			manager = b.ids[at]
		} else if m := b.im.plan.index.either(view, b.im.rows[i].managerKey); m != nil && !m.Deleting {
			manager = m.ID
		}
	}
	if open && manager == "" {
		b.chunk.Open = append(b.chunk.Open, i)
	}
	id := b.ids[i]
	if v.letter == letterCreated {
		v.write.Now.Assign(id, manager)
	} else if is := view.of(&b.im.rows[i]); is != nil {
		id = is.ID
	}
	if written(v.letter) {
		for _, g := range v.joins {
			b.joins = append(b.joins, storage.Pair{Group: g, User: id})
		}
	}
}

// look reads in the transaction who is needed: those who exist by the plan
// (all, after a race) and the managers of those to be created.
func (b *batchWriter) look(ctx context.Context) (users, error) {
	x := b.im.plan.index
	var want []string
	for i := range b.im.rows {
		e := &b.im.rows[i]
		want = append(want, e.newKey)
		if b.im.lookup || x.letters[b.base+i] != letterCreated {
			want = append(want, e.loginKey)
		}
		if l, ok := x.link(b.base + i); ok && l.code == linkSet && (b.im.lookup || x.letters[b.base+i] == letterCreated) {
			want = append(want, e.managerKey, x.otherLogin[e.managerKey])
		}
	}
	return byLogin(ctx, b.w, b.w.Domain.ID, want)
}

// mayDeactivate reports whether the host was asked about a user.
func (im *importer) mayDeactivate(id chatadmin.ID) bool {
	for _, d := range im.deacts {
		if d == id {
			return true
		}
	}
	return false
}

// deactivations finds whom the batch would deactivate, by the plan, so that the
// host can be asked before the transaction.
func (im *importer) deactivations(ctx context.Context) error {
	im.deacts = nil
	base := im.at * batchRows
	var logins []string
	for i, e := range im.rows {
		if im.lookup || im.plan.index.letters[base+i] == letterDeactivated {
			logins = append(logins, e.loginKey, e.newKey)
		}
	}
	us, err := byLogin(ctx, im.scope.Admin().Store(), im.scope.Domain(), logins)
	for i, e := range im.rows {
		u := us.of(&e)
		if u != nil && (im.lookup || im.plan.index.letters[base+i] == letterDeactivated) && statusEvent(im.src.header.asks(e.row.Enabled, u), u.Status) == chatadmin.Deactivate {
			im.deacts = append(im.deacts, u.ID)
		}
	}
	return err
}

// commitRows decides the rows of a batch once more, in the transaction, and
// writes what comes of it.
func (im *importer) commitRows(ctx context.Context, w *chatadmin.Writer, run *importRun, ids []chatadmin.ID) error {
	needed, err := permissions(im.plan.Settings.Mode)
	if err != nil {
		return err
	}
	for _, p := range needed {
		if err := w.Require(p); err != nil {
			return err
		}
	}
	w.Note = map[string]string{"import": string(im.id)}
	b := &batchWriter{im: im, w: w, base: im.at * batchRows, ids: ids}
	if err := b.decide(ctx); err != nil {
		return err
	}
	if im.plan.Settings.AllOrNothing && b.counts.Failed > 0 {
		line := im.rows[strings.IndexByte(b.chunk.Letters, letterFailed)].line
		return texts.Explain(fmt.Errorf("%w: line %d became invalid after planning; the %d rows before it were imported; fix the cause and resume", ErrRowsFailed, line, b.base),
			"why.import_line", line, b.base)
	}
	if err := w.WriteUsers(ctx, KindImport, b.writes); err != nil {
		return err
	}
	if err := w.JoinGroups(ctx, b.joins); err != nil {
		return err
	}
	if im.plan.Settings.SendInvitations {
		var invited []chatadmin.User
		for i := range b.writes {
			if b.writes[i].Was.ID == "" {
				invited = append(invited, b.writes[i].Now.User())
			}
		}
		if err := w.QueueInvitations(ctx, invited, release(im.id)); err != nil {
			return err
		}
	}
	domain := im.scope.Domain()
	rows := chatadmin.Entry[chunk]{Key: chunkKey(chunkKind, domain, im.id, im.at), Value: b.chunk}
	created := chatadmin.Entry[createdUsers]{Key: chunkKey(createdKind, domain, im.id, im.at), Value: createdUsers{b.created}}
	if err := errors.Join(chunkRecords.Put(ctx, w, &rows), createdRecords.Put(ctx, w, &created)); err != nil {
		return err
	}
	at := &run.Data.At
	at.Batch, at.Rows, at.Open = at.Batch+1, at.Rows+1, at.Open+len(b.chunk.Open)
	run.Done += int64(len(im.rows))
	run.Data.Counts = run.Data.Counts.plus(b.counts)
	return nil
}

func (c Counts) plus(o Counts) Counts {
	return Counts{c.Rows + o.Rows, c.Created + o.Created, c.Updated + o.Updated, c.Activated + o.Activated, c.Deactivated + o.Deactivated,
		c.Unchanged + o.Unchanged, c.Skipped + o.Skipped, c.Failed + o.Failed, c.Warnings + o.Warnings, c.KeptBlanks + o.KeptBlanks}
}
