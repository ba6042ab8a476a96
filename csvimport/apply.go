package csvimport

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

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
	Rows  int    `json:"rows"`           // batches of rows that are committed
	Open  int    `json:"open,omitempty"` // their rows whose managers are still to be set
	// A manager who cannot be set yet, since others further down the file must get theirs first, is left for a further pass.
	Pass  int      `json:"pass,omitempty"`
	Only  []uint32 `json:"only,omitempty"`  // the rows of a further pass
	Again []uint32 `json:"again,omitempty"` // those it leaves for the next one
	Set   bool     `json:"set,omitempty"`   // it has set a manager, so that the next one may get further
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
	if errors.Is(err, chatadmin.ErrCommitUnknown) {
		return &Result{ImportID: id}, err // it may have begun
	}
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
	if err := givenFile(s, file); err != nil {
		return nil, err
	}
	job, err := s.Job(ctx, importID)
	if err != nil {
		return nil, err
	}
	if job.Kind != jobKind || job.Actor != s.Actor() {
		return nil, fmt.Errorf("import %s was not begun by you: %w", chatadmin.Cut(string(importID)), chatadmin.ErrNotFound)
	}
	var par params
	var at cursor
	if err := errors.Join(readParams(&job, &par), readCursor(&job, &at)); err != nil {
		return nil, fmt.Errorf("import %s: %w", importID, err)
	}
	is, err := fingerprint(ctx, file, par.Settings.Encoding)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(is.hash, par.File) {
		return nil, ErrOtherFile
	}
	done, err := readChunks(ctx, s, importID, at.Rows)
	if err != nil {
		return nil, err
	}
	if job.State == chatadmin.JobDone {
		return finish(ctx, s, &job, par, done)
	}
	p, err := scan(ctx, s, file, is, par.Settings, done)
	if err != nil {
		return nil, err
	}
	return run(ctx, s, importID, p, at, file, o)
}

// run carries the import to its end from where it stands.
func run(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID, p *Plan, at cursor, file io.ReadSeeker, o *Options) (*Result, error) {
	im := &importer{scope: s, id: id, plan: p, file: file, committed: at.Rows, again: -1}
	defer im.close()
	job, err := s.RunJob(ctx, id, im.next, o.progress())
	var end cursor
	if err == nil {
		err = readCursor(&job, &end)
	}
	var chunks []chunk
	if err == nil {
		chunks, err = readChunks(ctx, s, id, end.Rows)
	}
	if err != nil {
		r := &Result{ImportID: id, Warnings: p.Warnings}
		_ = json.Unmarshal(job.Result, &r.Counts) // there are none where the job could not be read
		return r, err
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
	pass      int
	rows      []entry // of the batch read last
	at        int     // its number
	committed int     // batches that were committed before this run

	verdicts  []verdict // of those rows
	writes    []chatadmin.UserWrite
	again     int // the batch that a race makes us prepare anew
	tries     int // of that batch
	exclusive bool
	lookup    bool
	refused   map[int]note // rows whose user the store does not take
	deacts    []chatadmin.ID

	links gathered // for the transaction at hand
}

// next prepares the next transaction of the job.
func (im *importer) next(ctx context.Context, job *chatadmin.Job) (chatadmin.Step, error) {
	var at cursor
	if err := readCursor(job, &at); err != nil {
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
		im.again, im.tries, im.exclusive, im.lookup, im.refused = im.at, 0, false, false, map[int]note{}
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
	return chatadmin.Step{Op: op, Do: func(ctx context.Context, w *chatadmin.Work, job *chatadmin.Job) error {
		err := im.commitRows(ctx, w, job, at, ids)
		if err != nil && im.avoid(err) {
			return chatadmin.ErrStepAgain
		}
		return err
	}}, nil
}

// avoid reports whether the batch can be prepared anew such that it does not fail in this way again.
func (im *importer) avoid(err error) bool {
	const most = 100 // times that others can be faster, or rows that the store does not take
	if im.tries++; im.tries > most+len(im.refused) {
		return false
	}
	var taken *chatadmin.TakenError
	switch {
	case errors.Is(err, chatadmin.ErrNeedsExclusive):
		im.exclusive = true
		return true
	case !errors.As(err, &taken):
		return false
	case taken.Field == "login":
		im.lookup = true
		return true
	}
	had := len(im.refused) // a column of the host's own that must be unique
	for i := range im.rows {
		if v := &im.verdicts[i]; v.writes() && slices.Contains(taken.Users, v.write.Now.User().ID) {
			im.refused[i] = note{Code: chatadmin.CodeTaken, Col: int8(columnOf(taken.Field, im.src.header)), Arg: taken.Reason}
		}
	}
	return len(im.refused) > had
}

// seek reads the batch that the cursor stands at, from the start of the file where needed.
func (im *importer) seek(ctx context.Context, at cursor) error {
	here := im.src != nil && im.phase == at.Phase && im.pass == at.Pass
	if here && im.at == at.Batch {
		return nil
	}
	if !here || im.ahead.next > at.Batch {
		im.close()
		src, err := open(ctx, im.file, im.plan.login, im.plan.Settings, im.plan.format)
		if err != nil {
			return err
		}
		if at.Phase == phaseLinks {
			if src.only, err = im.openRows(ctx, at); err != nil {
				return err
			}
		}
		if err := src.skipTo(ctx, at.Batch); err != nil {
			return err
		}
		im.src, im.phase, im.pass, im.ahead = src, at.Phase, at.Pass, readAhead(ctx, src)
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

// count adds to the counts of the job and moves its cursor.
func (im *importer) count(job *chatadmin.Job, at cursor, more Counts) error {
	var c Counts
	if err := readCounts(job, &c); err != nil {
		return err
	}
	var err1, err2 error
	job.Result, err1 = json.Marshal(c.plus(more))
	job.Cursor, err2 = json.Marshal(at)
	return errors.Join(err1, err2)
}

// turn goes on to the managers when all rows are in, or ends the import where none is left to be set.
func (im *importer) turn(ctx context.Context, w *chatadmin.Work, job *chatadmin.Job, at cursor) error {
	if at.Open == 0 {
		return im.end(ctx, w, job, at)
	}
	at.Phase, at.Batch = phaseLinks, 0
	return im.count(job, at, Counts{})
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
			if err := readChunk(r, &chunks[from+b]); err != nil {
				return nil, fmt.Errorf("import %s: %w", id, err)
			}
		}
	}
	return chunks, nil
}
