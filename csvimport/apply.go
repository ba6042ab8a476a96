package csvimport

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"chatadmin.example/sdk/chatadmin"
)

// Kinds of the audit events of imports. The users of a batch are named by one KindImport event.
const (
	KindImport        = "user.import"
	KindImportBegin   = "import.begin"
	KindImportEnd     = "import.end"
	KindImportRelease = "import.release"
)

const (
	jobKind     = "csv import"
	chunkKind   = "import-rows"
	createdKind = "import-created" // who was created by the same rows: apart, since a million IDs are nothing that a report needs
)

// params are what a job remembers of how the import was begun.
type params struct {
	Settings settings `json:"settings"`
	File     []byte   `json:"file"`
	Warnings []string `json:"warnings,omitempty"`
}

// cursor is how far the import is: the batch it does next, of users first, and then of the managers who stand on later lines.
type cursor struct {
	Phase string `json:"phase"`
	Batch int    `json:"batch"`
	Rows  int    `json:"rows"` // batches of rows that are committed
}

const (
	phaseRows  = "rows"
	phaseLinks = "links"
)

func begin(ctx context.Context, s *chatadmin.Scope, p *Plan, file io.ReadSeeker, o *Options) (*Result, error) {
	if p.Settings.AllOrNothing && p.Counts.Failed > 0 {
		return p.refuse()
	}
	id := s.Admin().NewID()
	par, err := json.Marshal(params{p.Settings, p.File, p.Warnings})
	if err != nil {
		return nil, err
	}
	at, err := json.Marshal(cursor{Phase: phaseRows})
	if err != nil {
		return nil, err
	}
	res, err := json.Marshal(Counts{Warnings: int64(len(p.Warnings))})
	if err != nil {
		return nil, err
	}
	op := chatadmin.Op{Kind: KindImportBegin, Need: chatadmin.PermUsersImport, Targets: []chatadmin.ID{id}}
	err = s.Change(ctx, op, func(ctx context.Context, w *chatadmin.Work) error {
		w.Record(KindImportBegin, []chatadmin.ID{id}, nil, map[string]string{"mode": string(p.Settings.Mode), "file": p.Settings.FileName})
		return w.PutJob(ctx, &chatadmin.Job{ID: id, Kind: jobKind, Total: p.Counts.Rows, Params: par, Cursor: at, Result: res})
	})
	if err != nil {
		return nil, err
	}
	if o != nil && o.Begun != nil {
		o.Begun(id)
	}
	return run(ctx, s, id, p, cursor{Phase: phaseRows}, file, o)
}

// Resume continues an import that was interrupted, by the actor who began it and with the same file, exactly behind what was committed: in the end
// everything is as if it had never been interrupted. An import that was finished already is only reported, and its mails are sent if they were not.
func Resume(ctx context.Context, s *chatadmin.Scope, importID chatadmin.ID, file io.ReadSeeker, o *Options) (*Result, error) {
	job, err := s.Job(ctx, importID)
	if err != nil {
		return nil, err
	}
	if job.Kind != jobKind || job.Actor != s.Actor() {
		return nil, fmt.Errorf("import %s was not begun by you: %w", chatadmin.Cut(string(importID)), chatadmin.ErrNotFound)
	}
	var par params
	var at cursor
	if err := errors.Join(json.Unmarshal(job.Params, &par), json.Unmarshal(job.Cursor, &at)); err != nil {
		return nil, fmt.Errorf("import %s: %w", importID, err)
	}
	hash, err := fingerprint(ctx, file)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(hash, par.File) {
		return nil, ErrOtherFile
	}
	done, err := readChunks(ctx, s, importID, at.Rows)
	if err != nil {
		return nil, err
	}
	if job.State == chatadmin.JobDone {
		return finish(ctx, s, &job, par, done)
	}
	p, err := scan(ctx, s, file, hash, par.Settings, done)
	if err != nil {
		return nil, err
	}
	return run(ctx, s, importID, p, at, file, o)
}

// run carries the import to its end from where it stands.
func run(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID, p *Plan, at cursor, file io.ReadSeeker, o *Options) (*Result, error) {
	im := &importer{scope: s, id: id, plan: p, file: file, committed: at.Rows, again: -1, skip: map[int]bool{}, direct: newRowSet(len(p.index.letters))}
	defer im.close()
	job, err := s.RunJob(ctx, id, im.next, o.progress())
	if err != nil {
		var c Counts
		if jsonErr := json.Unmarshal(job.Result, &c); jsonErr != nil {
			return nil, err
		}
		return &Result{ImportID: id, Counts: c, Warnings: p.Warnings}, err
	}
	var end cursor
	if err := json.Unmarshal(job.Cursor, &end); err != nil {
		return nil, err
	}
	chunks, err := readChunks(ctx, s, id, end.Rows)
	if err != nil {
		return nil, err
	}
	return finish(ctx, s, &job, params{p.Settings, p.File, p.Warnings}, chunks)
}

// importer is one run of an import.
type importer struct {
	scope *chatadmin.Scope
	id    chatadmin.ID
	plan  *Plan
	file  io.ReadSeeker

	src       *source
	ahead     *ahead // of src
	phase     string
	rows      []entry // of the batch read last
	at        int     // its number
	committed int     // batches that were committed before this run

	verdicts  []verdict // of those rows
	writes    []chatadmin.UserWrite
	again     int // the batch that a race makes us prepare anew
	exclusive bool
	lookup    bool
	deacts    []chatadmin.ID

	direct rowSet       // rows whose manager this run has set with the user
	links  gathered     // for the transaction at hand
	skip   map[int]bool // rows whose manager cannot be set any more
}

// next prepares the next transaction of the job.
func (im *importer) next(ctx context.Context, job *chatadmin.Job) (chatadmin.Step, error) {
	var at cursor
	if err := json.Unmarshal(job.Cursor, &at); err != nil {
		return chatadmin.Step{}, fmt.Errorf("import %s: %w", im.id, err)
	}
	if at.Phase == phaseLinks {
		return im.nextLinks(ctx, at)
	}
	if err := im.seek(ctx, at); err != nil {
		return chatadmin.Step{}, err
	}
	op := chatadmin.Op{Kind: KindImport, Need: chatadmin.PermUsersImport, Fence: chatadmin.Shared, Targets: []chatadmin.ID{im.id}}
	if len(im.rows) == 0 {
		return chatadmin.Step{Op: op, Do: func(ctx context.Context, w *chatadmin.Work, job *chatadmin.Job) error {
			return im.turn(ctx, w, job, at)
		}}, nil
	}
	if im.again != im.at {
		im.again, im.exclusive, im.lookup = im.at, false, false
	}
	if im.exclusive {
		op.Fence = chatadmin.Exclusive
	}
	if err := im.deactivations(ctx); err != nil {
		return chatadmin.Step{}, err
	}
	if len(im.deacts) > 0 { // the host may veto these by name
		op.Kind, op.Targets = chatadmin.KindUserDeactivate, im.deacts
	}
	ids := make([]chatadmin.ID, len(im.rows))
	for i := range ids {
		ids[i] = im.scope.Admin().NewID()
	}
	var direct []uint32
	return chatadmin.Step{Op: op, Do: func(ctx context.Context, w *chatadmin.Work, job *chatadmin.Job) error {
		direct = direct[:0]
		err := im.commitRows(ctx, w, job, at, ids, &direct)
		if isRetry(err) {
			im.lookup = im.lookup || errors.Is(err, chatadmin.ErrExists)
			im.exclusive = im.exclusive || errors.Is(err, chatadmin.ErrNeedsExclusive)
			return chatadmin.ErrStepAgain
		}
		if err == nil {
			for _, row := range direct {
				im.direct.add(row)
			}
		}
		return err
	}}, nil
}

// seek reads the batch that the cursor stands at, from the start of the file where needed.
func (im *importer) seek(ctx context.Context, at cursor) error {
	if im.src != nil && im.phase == at.Phase && im.at == at.Batch {
		return nil
	}
	if im.src == nil || im.phase != at.Phase || im.ahead.next > at.Batch {
		im.close()
		src, err := open(im.file, im.plan.login, im.plan.format)
		if err != nil {
			return err
		}
		if at.Phase == phaseLinks {
			src.only = im.openRows()
		}
		if err := src.skipTo(ctx, at.Batch); err != nil {
			return err
		}
		im.src, im.phase, im.ahead = src, at.Phase, readAhead(ctx, src)
	}
	for {
		b, err := im.ahead.read(ctx)
		if err != nil {
			return err
		}
		if read := im.ahead.next - 1; read < at.Batch && len(b.rows) > 0 {
			continue // others have worked on the import, too
		}
		if len(b.rows) != min(batchRows, max(0, len(im.plan.index.letters)-at.Batch*batchRows)) {
			return ErrOtherFile // somebody writes to it
		}
		im.rows, im.at = b.rows, at.Batch
		return nil
	}
}

func (im *importer) close() {
	if im.ahead != nil {
		im.ahead.close()
	}
}

// deactivations finds whom the batch would deactivate, by the plan, so that the host can be asked before the transaction.
func (im *importer) deactivations(ctx context.Context) error {
	im.deacts = nil
	base := im.at * batchRows
	var logins []string
	for i, e := range im.rows {
		if im.lookup || im.plan.index.letters[base+i] == letterDeactivated {
			logins = append(logins, e.loginKey)
		}
	}
	us, err := byLogin(ctx, im.scope.Admin().Store(), im.scope.Domain(), logins)
	for i, e := range im.rows {
		u := us.user(e.loginKey)
		if u != nil && (im.lookup || im.plan.index.letters[base+i] == letterDeactivated) && statusEvent(strings.ToUpper(e.row.Enabled), u.Status) == chatadmin.Deactivate {
			im.deacts = append(im.deacts, u.ID)
		}
	}
	return err
}

// commitRows decides the rows of a batch once more, in the transaction, and writes what comes of it.
func (im *importer) commitRows(ctx context.Context, w *chatadmin.Work, job *chatadmin.Job, at cursor, ids []chatadmin.ID, direct *[]uint32) error {
	for _, p := range permissions(im.plan.Settings.Mode) {
		if err := w.Require(p); err != nil {
			return err
		}
	}
	w.Note = map[string]string{"import": string(im.id)}
	b := &batchWriter{im: im, w: w, base: im.at * batchRows, ids: ids, direct: direct}
	if err := b.decide(ctx); err != nil {
		return err
	}
	if err := w.WriteUsers(ctx, KindImport, b.writes); err != nil {
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
	rows, err1 := json.Marshal(b.chunk)
	created, err2 := json.Marshal(b.created)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	if err := w.PutRecords(ctx, []chatadmin.Change[chatadmin.Record]{
		{Row: chatadmin.Record{Key: chunkKey(chunkKind, im.scope.Domain(), im.id, im.at), Data: rows}},
		{Row: chatadmin.Record{Key: chunkKey(createdKind, im.scope.Domain(), im.id, im.at), Data: created}},
	}); err != nil {
		return err
	}
	at.Batch, at.Rows = at.Batch+1, at.Rows+1
	job.Done += int64(len(im.rows))
	return im.count(job, at, b.counts)
}

// count adds to the counts of the job and moves its cursor.
func (im *importer) count(job *chatadmin.Job, at cursor, more Counts) error {
	var c Counts
	if err := json.Unmarshal(job.Result, &c); err != nil {
		return err
	}
	var err1, err2 error
	job.Result, err1 = json.Marshal(c.plus(more))
	job.Cursor, err2 = json.Marshal(at)
	return errors.Join(err1, err2)
}

// turn goes on to the managers when all rows are in, or ends the import where none is left to be set.
func (im *importer) turn(ctx context.Context, w *chatadmin.Work, job *chatadmin.Job, at cursor) error {
	for _, l := range im.plan.index.links {
		if im.open(l) {
			at.Phase, at.Batch = phaseLinks, 0
			return im.count(job, at, Counts{})
		}
	}
	return im.end(ctx, w, job, at)
}

// open reports whether a manager is still to be set, as far as this run knows.
func (im *importer) open(l link) bool { return l.code == linkSet && !im.direct.has(l.row) }

func (im *importer) openRows() rowSet {
	rows := newRowSet(len(im.plan.index.letters))
	for _, l := range im.plan.index.links {
		if im.open(l) {
			rows.add(l.row)
		}
	}
	return rows
}

// end makes the job done in the same transaction that keeps the link by which the invitations are released.
func (im *importer) end(ctx context.Context, w *chatadmin.Work, job *chatadmin.Job, at cursor) error {
	job.State = chatadmin.JobDone
	w.Record(KindImportEnd, []chatadmin.ID{im.id}, nil, nil)
	if err := im.count(job, at, Counts{}); err != nil {
		return err
	}
	return putNotice(ctx, w, im.id, job.Actor)
}

func chunkKey(kind string, domain, id chatadmin.ID, batch int) chatadmin.Key {
	return chatadmin.Key{Kind: kind, Domain: domain, ID: fmt.Sprintf("%s/%06d", id, batch)}
}

// readChunks reads what became of the first n batches.
func readChunks(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID, n int) ([]chunk, error) {
	chunks := make([]chunk, n)
	for from := 0; from < n; from += 100 {
		var keys []chatadmin.Key
		for b := from; b < min(from+100, n); b++ {
			keys = append(keys, chunkKey(chunkKind, s.Domain(), id, b))
		}
		rs, err := s.Admin().Store().Records(ctx, keys)
		if err != nil {
			return nil, err
		}
		if len(rs) != len(keys) {
			return nil, fmt.Errorf("import %s: %d batches are not there any more: %w", id, len(keys)-len(rs), chatadmin.ErrNotFound)
		}
		for _, r := range rs {
			b := slices.Index(keys, r.Key)
			if err := json.Unmarshal(r.Data, &chunks[from+b]); err != nil {
				return nil, fmt.Errorf("import %s: %w", id, err)
			}
		}
	}
	return chunks, nil
}
