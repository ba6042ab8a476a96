package csvimport

import (
	"context"

	"chatadmin.example/sdk/chatadmin"
)

// batchWriter decides the rows of one batch within a transaction.
type batchWriter struct {
	im   *importer
	w    *chatadmin.Work
	base int            // number of the first row
	ids  []chatadmin.ID // for users who are created, made before the transaction

	writes  []chatadmin.UserWrite
	chunk   chunk
	created []chatadmin.ID
	counts  Counts
	direct  *[]uint32
}

func (b *batchWriter) decide(ctx context.Context) error {
	im, x := b.im, b.im.plan.index
	view, err := b.look(ctx)
	if err != nil {
		return err
	}
	d := decider{settings: im.plan.Settings, domain: b.w.Settings, header: im.src.header, actor: im.scope.Actor(), role: b.w.Role}
	var admins []chatadmin.ID
	if b.w.Mode() == chatadmin.Exclusive {
		if admins, err = b.w.AdminsInForce(ctx); err != nil {
			return err
		}
	}
	d.setAdmins(admins)
	d.manyMore = d.manyMore || b.w.Mode() != chatadmin.Exclusive // whoever goes, WriteUsers asks for the exclusive fence first
	if im.verdicts == nil {
		im.verdicts, im.writes = make([]verdict, batchRows), make([]chatadmin.UserWrite, batchRows)
	}
	letters := make([]letter, len(im.rows))
	n := 0
	for i := range im.rows {
		e := &im.rows[i]
		v := &im.verdicts[i]
		v.write = &im.writes[n]
		d.row(e, view.user(e.loginKey), x.firstOf(b.base+i), b.base+i, v)
		if v.writes() {
			n++
		}
		if l, ok := x.link(b.base + i); ok && l.code == linkSet && v.letter == letterUnchanged {
			v.letter = letterUpdated // by its manager, who is set when all rows are in
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
	if linked && l.code != linkSet && written(v.letter) {
		v.notes = append(v.notes, note{Code: l.note(), Col: int8(colManager)})
	}
	for _, n := range v.notes {
		n.Row = i
		b.chunk.Notes = append(b.chunk.Notes, n)
		if isWarning(n.Code) {
			b.counts.Warnings++
		}
	}
	if v.letter != letterCreated {
		return
	}
	manager := chatadmin.ID("")
	if linked && l.code == linkSet {
		if at := int(l.at) - b.base; at >= 0 && at < len(b.im.rows) && b.im.verdicts[at].letter == letterCreated {
			manager = b.ids[at]
		} else if m := view.user(b.im.rows[i].managerKey); m != nil && !m.Deleting {
			manager = m.ID
		}
		if manager != "" {
			*b.direct = append(*b.direct, l.row)
		}
	}
	v.write.Now.Assign(b.ids[i], manager)
}

// look reads in the transaction who is needed: those who exist by the plan (all, after a race) and the managers of those to be created.
func (b *batchWriter) look(ctx context.Context) (users, error) {
	x := b.im.plan.index
	var want []string
	for i := range b.im.rows {
		e := &b.im.rows[i]
		if b.im.lookup || x.letters[b.base+i] != letterCreated {
			want = append(want, e.loginKey)
		}
		if l, ok := x.link(b.base + i); ok && l.code == linkSet && (b.im.lookup || x.letters[b.base+i] == letterCreated) {
			want = append(want, e.managerKey)
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

func (c Counts) plus(o Counts) Counts {
	return Counts{c.Rows + o.Rows, c.Created + o.Created, c.Updated + o.Updated, c.Activated + o.Activated, c.Deactivated + o.Deactivated,
		c.Unchanged + o.Unchanged, c.Skipped + o.Skipped, c.Failed + o.Failed, c.Warnings + o.Warnings, c.KeptBlanks + o.KeptBlanks}
}
