package csvimport

import (
	"context"
	"errors"
	"strings"

	"chatadmin.example/sdk/chatadmin"
)

// rowSet is a set of rows of the file, a bit for each.
type rowSet []uint64

func newRowSet(rows int) rowSet { return make(rowSet, (rows+63)/64) }

func (s rowSet) add(row uint32) { s[row/64] |= 1 << (row % 64) }

func (s rowSet) has(row uint32) bool {
	return int(row/64) < len(s) && s[row/64]&(1<<(row%64)) != 0
}

// openLink is a manager who is still to be set.
type openLink struct {
	row                  int
	loginKey, managerKey string
}

// gathered are the open links of some batches of the file, which one transaction sets: they are few in each, and every transaction has the whole domain to itself.
type gathered struct {
	from, next int // batches
	links      []openLink
}

// gather collects whole batches, from one on, as long as they fit into one call of the store.
func (im *importer) gather(ctx context.Context, from int) error {
	g := gathered{from: from, next: from}
	for {
		if err := im.seek(ctx, cursor{Phase: phaseLinks, Batch: g.next}); err != nil {
			return err
		}
		had := len(g.links)
		for i := range im.rows {
			if row := g.next*batchRows + i; im.src.only.has(uint32(row)) {
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

// nextLinks prepares the next transaction that sets managers who stand on later lines, or who change.
func (im *importer) nextLinks(ctx context.Context, at cursor) (chatadmin.Step, error) {
	op := chatadmin.Op{Kind: KindImport, Need: chatadmin.PermUsersImport, Fence: chatadmin.Exclusive, Targets: []chatadmin.ID{im.id}}
	if im.links.next == 0 || im.links.from != at.Batch { // otherwise the step is asked for again
		if err := im.gather(ctx, at.Batch); err != nil {
			return chatadmin.Step{}, err
		}
	}
	if len(im.links.links) == 0 {
		op.Fence = chatadmin.Shared
		return chatadmin.Step{Op: op, Do: func(ctx context.Context, w *chatadmin.Work, job *chatadmin.Job) error { return im.end(ctx, w, job, at) }}, nil
	}
	at.Batch = im.links.next
	return chatadmin.Step{Op: op, Do: func(ctx context.Context, w *chatadmin.Work, job *chatadmin.Job) error {
		return im.commitLinks(ctx, w, job, at)
	}}, nil
}

func (im *importer) commitLinks(ctx context.Context, w *chatadmin.Work, job *chatadmin.Job, at cursor) error {
	for _, p := range permissions(im.plan.Settings.Mode) {
		if err := w.Require(p); err != nil {
			return err
		}
	}
	w.Note = map[string]string{"import": string(im.id)}
	want := make([]string, 0, 2*len(im.links.links))
	for _, l := range im.links.links {
		want = append(want, l.loginKey, l.managerKey)
	}
	view, err := byLogin(ctx, w, w.Domain.ID, want)
	if err != nil {
		return err
	}
	missed := Counts{}
	var writes []chatadmin.UserWrite
	byName := map[string]int{}
	for _, l := range im.links.links {
		u, m := view.user(l.loginKey), view.user(l.managerKey)
		if im.skip[l.row] || u == nil || u.Deleting || m == nil || m.Deleting {
			missed.Warnings++ // somebody deleted them since their row was written
			continue
		}
		p, wrong := w.Settings.Prepare(*u)
		if u.Manager == m.ID || len(wrong) > 0 {
			continue
		}
		byName[chatadmin.Cut(u.Login)] = l.row
		writes = append(writes, chatadmin.UserWrite{Was: *u, Now: p.As(u.ID, m.ID)})
	}
	err = w.WriteUsers(ctx, KindImport, writes)
	var bad *chatadmin.FieldError
	if errors.As(err, &bad) && bad.Code == chatadmin.CodeBadManager { // somebody else's change makes a circle of it now
		im.skip[byName[bad.Value]] = true
		return chatadmin.ErrStepAgain
	}
	if err != nil {
		return err
	}
	return im.count(job, at, missed)
}
