package csvimport

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// rowSet is a set of rows of the file, a bit for each.
type rowSet []uint64

func newRowSet(rows int) rowSet { return make(rowSet, (rows+63)/64) }

func (s rowSet) add(row uint32) { s[row/64] |= 1 << (row % 64) }

func (s rowSet) has(row uint32) bool {
	return int(row/64) < len(s) && s[row/64]&(1<<(row%64)) != 0
}

// openRows are those that a pass looks at: of the first one, what the rows have
// left when they were committed, by this run or another.
func (im *importer) openRows(ctx context.Context, at cursor) (rowSet, error) {
	rows := newRowSet(len(im.plan.index.letters))
	if at.Pass > 0 {
		for _, row := range at.Only {
			rows.add(row)
		}
		return rows, nil
	}
	chunks, err := readChunks(ctx, im.scope, im.run, at.Rows)
	for batch, c := range chunks {
		for _, i := range c.Open {
			rows.add(uint32(batch*batchRows + i))
		}
	}
	return rows, err
}

// openLink is a manager who is still to be set.
type openLink struct {
	row                  uint32
	loginKey, managerKey string
}

// gathered are the open links of some batches of the file, which one
// transaction sets: they are few in each, and every transaction has the whole
// domain to itself.
type gathered struct {
	pass, from, next int // batches
	links            []openLink
}

// gather collects whole batches, from one on, as long as they fit into one call
// of the store.
func (im *importer) gather(ctx context.Context, at cursor) error {
	g := gathered{pass: at.Pass, from: at.Batch, next: at.Batch}
	for {
		at.Batch = g.next
		if err := im.seek(ctx, at); err != nil {
			return err
		}
		had := len(g.links)
		for i := range im.rows {
			if row := uint32(g.next*batchRows + i); im.src.only.has(row) {
				g.links = append(g.links, openLink{row, strings.Clone(im.rows[i].loginKey), strings.Clone(im.rows[i].managerKey)})
			}
		}
		if had > 0 && len(g.links) > chatadmin.MaxBatch {
			g.links = g.links[:had]
			break
		}
		if g.next++; len(im.rows) == 0 {
			break
		}
	}
	im.links = g
	return nil
}

// nextLinks prepares the next transaction that sets managers who stand on later
// lines, or who change.
func (im *importer) nextLinks(ctx context.Context, at cursor) (importStep, error) {
	op := chatadmin.Op{Kind: KindImport, Need: chatadmin.PermUsersImport, Fence: storage.Exclusive, Targets: []chatadmin.ID{im.id}}
	// Otherwise the step is asked for again
	if im.links.next == 0 || im.links.pass != at.Pass || im.links.from != at.Batch {
		if err := im.gather(ctx, at); err != nil {
			return importStep{}, err
		}
	}
	if len(im.links.links) == 0 {
		op.Fence = storage.Shared
		return importStep{Op: op, Do: func(ctx context.Context, w *chatadmin.Writer, run *importRun) error {
			if len(at.Again) > 0 && at.Set {
				run.Data.At = cursor{Phase: phaseLinks, Rows: at.Rows, Pass: at.Pass + 1, Only: at.Again}
				return nil
			}
			// Somebody else's change makes circles of them now
			if err := im.warn(ctx, w, at.Again, CodeManagerCircle); err != nil {
				return err
			}
			run.Data.At = cursor{Phase: phaseLinks, Batch: at.Batch, Rows: at.Rows, Pass: at.Pass}
			run.Data.Counts.Warnings += int64(len(at.Again))
			return im.end(ctx, w, run)
		}}, nil
	}
	at.Batch = im.links.next
	return importStep{Op: op, Do: func(ctx context.Context, w *chatadmin.Writer, run *importRun) error {
		return im.commitLinks(ctx, w, run, at)
	}}, nil
}

// mostAgain bounds what a cursor holds: a file whose managers turn more round
// than that, each against the order of its lines, gets warnings for the rest.
const mostAgain = 1000

func (im *importer) commitLinks(ctx context.Context, w *chatadmin.Writer, run *importRun, at cursor) error {
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
	x := im.plan.index
	want := make([]string, 0, 4*len(im.links.links))
	for _, l := range im.links.links {
		want = append(want, l.loginKey, l.managerKey, x.otherLogin[l.loginKey], x.otherLogin[l.managerKey])
	}
	view, err := byLogin(ctx, w, w.Domain.ID, want)
	if err != nil {
		return err
	}
	var writes []chatadmin.UserWrite
	var gone, above, again []uint32
	rows := map[chatadmin.ID]uint32{}
	for _, l := range im.links.links {
		u, m := x.either(view, l.loginKey), x.either(view, l.managerKey)
		// Since the row was written: there is nobody to have a manager
		if u == nil || u.Deleting {
			continue
		}
		if m == nil || m.Deleting {
			gone = append(gone, l.row)
			continue
		}
		if w.MayActOn(u) != nil {
			above = append(above, l.row)
			continue
		}
		p, wrong := w.Settings.Prepare(*u)
		if u.Manager == m.ID || len(wrong) > 0 {
			continue
		}
		rows[u.ID] = l.row
		writes = append(writes, chatadmin.UserWrite{Was: *u, Now: p.As(u.ID, m.ID)})
	}
	written, refused, err := writeLinks(ctx, w, writes)
	if err != nil {
		return err
	}
	for _, id := range refused {
		again = append(again, rows[id])
	}
	slices.Sort(again)
	room := min(len(again), mostAgain-len(at.Again))
	lost := Counts{}
	for code, rows := range map[string][]uint32{CodeNoManager: gone, CodeManagerForbidden: above, CodeManagerCircle: again[room:]} {
		if err := im.warn(ctx, w, rows, code); err != nil {
			return err
		}
		lost.Warnings += int64(len(rows))
	}
	at.Again, at.Set = slices.Concat(at.Again, again[:room]), at.Set || written > 0
	run.Data.At, run.Data.Counts = at, run.Data.Counts.plus(lost)
	return nil
}

// writeLinks writes users with their new managers, but for those who cannot
// have them.
func writeLinks(ctx context.Context, w *chatadmin.Writer, writes []chatadmin.UserWrite) (written int, refused []chatadmin.ID, err error) {
	for {
		err := w.WriteUsers(ctx, KindImport, writes)
		var bad *chatadmin.ManagerError
		if err == nil {
			return len(writes), refused, nil
		}
		if !errors.As(err, &bad) {
			return 0, nil, err
		}
		writes = slices.DeleteFunc(writes, func(x chatadmin.UserWrite) bool { // nothing was written
			if !slices.Contains(bad.Users, x.Was.ID) {
				return false
			}
			refused = append(refused, x.Was.ID)
			return true
		})
	}
}

// warn adds a warning about the manager to what became of rows, which are in
// file order.
func (im *importer) warn(ctx context.Context, w *chatadmin.Writer, rows []uint32, code string) error {
	var changed []*chatadmin.Entry[chunk]
	for len(rows) > 0 {
		batch := int(rows[0]) / batchRows
		e, err := chunkRecords.Get(ctx, w, w.Domain.ID, chunkID(im.id, batch))
		lost := errors.Is(err, chatadmin.ErrNotFound) // it was damaged, and deleted
		if err != nil && !lost {
			return fmt.Errorf("import %s: batch %d: %w", im.id, batch, err)
		}
		for ; len(rows) > 0 && int(rows[0])/batchRows == batch; rows = rows[1:] {
			e.Value.Notes.insert(note{Row: int(rows[0]) % batchRows, Code: code, Col: int16(colManager)})
		}
		if !lost {
			changed = append(changed, &e)
		}
	}
	return chunkRecords.Put(ctx, w, changed...)
}
