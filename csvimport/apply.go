package csvimport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

// Kinds of the audit events of imports. The users of a batch are named by one
// KindImport event.
const (
	KindImport        = "user.import"
	KindImportBegin   = "import.begin"
	KindImportEnd     = "import.end"
	KindImportRelease = "import.release"
)

const (
	chunkKind = "import-rows"
	// Who was created by the same rows: apart, since a million IDs are nothing
	// that a report needs
	createdKind = "import-created"
)

// importRun is a run of an import, and importStep one of its transactions.
type (
	importRun  = chatadmin.RunOf[imported]
	importStep = chatadmin.RunStep[imported]
)

// Imports are the imports of an Admin.
type Imports struct {
	admin    *chatadmin.Admin
	runs     *chatadmin.Runs[imported]
	releases *chatadmin.Runs[released]
}

// Options configure New. There are none yet: nil is as good.
type Options struct{}

// New returns the imports of an Admin. Call it once, while setting up.
func New(admin *chatadmin.Admin, _ *Options) (*Imports, error) {
	if admin == nil {
		return nil, fmt.Errorf("imports need an Admin: %w", chatadmin.ErrInvalid)
	}
	x := &Imports{admin: admin}
	admin.Extend(chatadmin.Extension{Records: []chatadmin.Damageable{&chunkRecords, &createdRecords}})
	x.runs = chatadmin.NewRuns(admin, chatadmin.RunKind[imported]{
		Name:  "import",
		Need:  chatadmin.PermUsersImport,
		Check: (*imported).check,
		Prune: prune,
		Old:   chatadmin.OldRun[imported]{Job: "csv import", Record: "import-notice", Read: readOldImport},
	})
	x.releases = chatadmin.NewRuns(admin, chatadmin.RunKind[released]{
		Name: "invitations of an import",
		Need: chatadmin.PermUsersImport,
		Step: x.releaseStep,
		Old:  chatadmin.OldRun[released]{Job: "release invitations", Read: readOldRelease},
	})
	return x, nil
}

func (x *Imports) begin(ctx context.Context, s *chatadmin.Scope, p *Plan, file io.ReadSeeker, o *ImportOptions) (*Result, error) {
	if p.Settings.AllOrNothing && p.Counts.Failed > 0 {
		return p.refuse()
	}
	o.planned(p)
	op := chatadmin.Op{Kind: KindImportBegin, Need: chatadmin.PermUsersImport}
	run, err := x.runs.Begin(ctx, s, op, func(ctx context.Context, w *chatadmin.Writer, run *importRun) error {
		run.Total, run.Data.params = p.Counts.Rows, params{p.Settings, p.File, p.Warnings}
		run.Data.At, run.Data.Counts = cursor{Phase: phaseRows}, Counts{Warnings: int64(len(p.Warnings))}
		w.Audit(KindImportBegin, []chatadmin.ID{run.ID}, nil, map[string]string{"mode": string(p.Settings.Mode), "file": p.Settings.FileName})
		return nil
	})
	if err != nil {
		if run != nil { // it may have begun
			return &Result{ImportID: run.ID}, err
		}
		return nil, err
	}
	if o != nil && o.Begun != nil {
		o.Begun(run.ID)
	}
	return x.drive(ctx, s, run, p, file, o)
}

// Resume continues an interrupted import after its last commit, with the same
// file. In the end everything is as if it had not been interrupted. For an
// import that has ended, Resume returns the result and sends the mails that
// were not sent. Another file is ErrOtherFile.
//
// Another administrator can resume an import that was silent for ten minutes,
// and owns it from then on. Before that it is chatadmin.ErrForbidden; see
// chatadmin.Scope.TakeOverRun.
func (x *Imports) Resume(ctx context.Context, s *chatadmin.Scope, importID chatadmin.ID, file io.ReadSeeker, o *ImportOptions) (*Result, error) {
	if err := givenFile(s, file); err != nil {
		return nil, err
	}
	run, err := x.runs.Get(ctx, s, importID)
	if err != nil {
		return nil, err
	}
	is, err := fingerprint(ctx, file, run.Data.Settings.Encoding)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(is.hash, run.Data.File) {
		return nil, ErrOtherFile
	}
	if run.Open() && run.By != s.Actor() && run.Silent(x.admin.Now()) {
		if run, err = x.runs.TakeOver(ctx, s, importID); err != nil {
			return nil, err
		}
	}
	done, err := readChunks(ctx, s, run, run.Data.At.Rows)
	if err != nil {
		return nil, err
	}
	if !run.Open() {
		return x.finish(ctx, s, run, done)
	}
	p, err := scan(ctx, s, file, is, run.Data.Settings, done)
	if err != nil {
		return nil, err
	}
	o.planned(p)
	return x.drive(ctx, s, run, p, file, o)
}

// drive carries the import to its end from where it stands.
func (x *Imports) drive(ctx context.Context, s *chatadmin.Scope, run *importRun, p *Plan, file io.ReadSeeker, o *ImportOptions) (*Result, error) {
	im := &importer{scope: s, id: run.ID, run: run, plan: p, file: file, committed: run.Data.At.Rows, again: -1}
	defer im.close()
	end, err := x.runs.Drive(ctx, s, run.ID, im.next, o.progress())
	var chunks []chunk
	if err == nil {
		chunks, err = readChunks(ctx, s, end, end.Data.At.Rows)
	}
	if err != nil {
		r := &Result{ImportID: run.ID, Warnings: p.Warnings, Counts: run.Data.Counts}
		if end != nil {
			r.Counts = end.Data.Counts
		}
		return r, err
	}
	return x.finish(ctx, s, end, chunks)
}

// importer is one run of an import.
type importer struct {
	scope *chatadmin.Scope
	id    chatadmin.ID
	run   *importRun // as it was when this run began
	plan  *Plan
	file  io.ReadSeeker

	src       *source
	ahead     *readahead // of src
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

// next prepares the next transaction of the run.
func (im *importer) next(ctx context.Context, run *importRun) (importStep, error) {
	at := run.Data.At
	if at.Phase == phaseLinks {
		return im.nextLinks(ctx, at)
	}
	if err := im.seek(ctx, at); err != nil {
		return importStep{}, err
	}
	op := chatadmin.Op{Kind: KindImport, Need: chatadmin.PermUsersImport, Fence: storage.Shared, Targets: []chatadmin.ID{im.id}}
	if len(im.rows) == 0 {
		return importStep{Op: op, Do: im.turn}, nil
	}
	if im.again != im.at {
		im.again, im.tries, im.exclusive, im.lookup, im.refused = im.at, 0, false, false, map[int]note{}
	}
	if im.exclusive {
		op.Fence = storage.Exclusive
	}
	if err := im.deactivations(ctx); err != nil {
		return importStep{}, err
	}
	if len(im.deacts) > 0 { // the host may veto these by name
		op.Kind, op.Targets = chatadmin.KindUserDeactivate, im.deacts
	}
	ids := make([]chatadmin.ID, len(im.rows))
	for i := range ids {
		ids[i] = im.scope.Admin().NewID()
	}
	return importStep{Op: op, Do: func(ctx context.Context, w *chatadmin.Writer, run *importRun) error {
		err := im.commitRows(ctx, w, run, ids)
		if err != nil && im.avoid(err) {
			return chatadmin.ErrStepAgain
		}
		return im.refusal(err)
	}}, nil
}

// refusal says on which line the user stands whom the database has refused.
func (im *importer) refusal(err error) error {
	var of *chatadmin.RefusedError
	if !errors.As(err, &of) {
		return err
	}
	for i := range im.rows {
		if v := &im.verdicts[i]; v.writes() && v.write.Now.User().ID == of.User {
			line := im.rows[i].line
			return texts.Explain(fmt.Errorf("line %d: %w; %d rows are imported; remove the cause and resume", line, err, im.at*batchRows), "why.line_refused", line, of.Login)
		}
	}
	return err
}

// avoid reports whether the batch can be prepared anew such that it does not
// fail in this way again.
func (im *importer) avoid(err error) bool {
	// Times that others can be faster, or rows that the store does not take
	const most = 100
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
			im.refused[i] = note{Code: chatadmin.CodeTaken, Col: int16(columnOf(taken.Field, im.src.header)), Arg: taken.Reason}
		}
	}
	return len(im.refused) > had
}

// seek reads the batch that the cursor stands at, from the start of the file
// where needed.
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

// turn goes on to the managers when all rows are in, or ends the import where
// none is left to be set.
func (im *importer) turn(ctx context.Context, w *chatadmin.Writer, run *importRun) error {
	if run.Data.At.Open == 0 {
		return im.end(ctx, w, run)
	}
	run.Data.At.Phase, run.Data.At.Batch = phaseLinks, 0
	return nil
}

// end makes the run done.
func (im *importer) end(_ context.Context, w *chatadmin.Writer, run *importRun) error {
	run.State = chatadmin.RunDone
	w.Audit(KindImportEnd, []chatadmin.ID{im.id}, nil, nil)
	return nil
}
