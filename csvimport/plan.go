package csvimport

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/texts"
	"chatadmin.example/sdk/csvimport/internal/csvfile"
)

// Plan says what an import would do. It can be kept as JSON, shown, and applied
// later by the same actor with the same file.
type Plan struct {
	chatadmin.PlanHeader
	Settings settings `json:"settings"`
	File     []byte   `json:"file"` // SHA-256
	// Decisions is a SHA-256 over what becomes of each row.
	Decisions []byte          `json:"decisions"`
	Counts    Counts          `json:"counts"`
	Warnings  []texts.Message `json:"warnings,omitempty"` // of the file as a whole
	Encoding  string          `json:"encoding,omitempty"` // of the file, by its WHATWG name
	Columns   []PlanColumn    `json:"columns"`            // of the file, in its order
	// Samples are up to five cells that are not ASCII, as they would be stored.
	Samples []string `json:"samples,omitempty"`

	login  chatadmin.LoginPolicy // a domain never changes it
	format csvfile.Format
	index  *index
	chunks []chunk
}

// chunk is what became of the rows of one batch.
type chunk struct {
	Letters string `json:"l"`
	Notes   notes  `json:"n,omitzero"`
	// rows whose managers are still to be set when all rows are in
	Open []int `json:"o,omitempty"`
}

// Plan plans an import. It reads the whole file, decides every row by the same
// code as the import, and writes nothing. A file that is wrong as a whole is a
// *FileError. It needs chatadmin.PermUsersImport and PermUsersCreate, and
// PermUsersEdit with UpdateExisting.
func (x *Imports) Plan(ctx context.Context, s *chatadmin.Scope, file io.ReadSeeker, mode Mode, o *ImportOptions) (*Plan, error) {
	if err := mode.check(); err != nil {
		return nil, err
	}
	if err := givenFile(s, file); err != nil {
		return nil, err
	}
	_, domain, err := s.View(ctx, chatadmin.PermUsersImport)
	if err != nil {
		return nil, err
	}
	set := o.settings(mode)
	set.Added = addedColumns(s.Admin(), &domain, set.Fields)
	if err := set.check(); err != nil {
		return nil, err
	}
	is, err := fingerprint(ctx, file, set.Encoding)
	if err != nil {
		return nil, err
	}
	return scan(ctx, s, file, is, set, nil)
}

// Apply carries out a plan. It plans anew first, and returns
// chatadmin.ErrPlanStale if the result differs from what was reviewed. Another
// file is ErrOtherFile. Only Begun and Progress of o count: the plan has
// decided the rest. Asking for an option that the plan was made without is
// chatadmin.ErrInvalid.
func (x *Imports) Apply(ctx context.Context, s *chatadmin.Scope, p *Plan, file io.ReadSeeker, o *ImportOptions) (*Result, error) {
	if err := errors.Join(given("plan", p), givenFile(s, file)); err != nil {
		return nil, err
	}
	if err := p.check(s); err != nil {
		return nil, err
	}
	if !p.Settings.has(o.settings(p.Settings.Mode)) {
		return nil, fmt.Errorf("the plan was made without an option that is asked for now: make it again: %w", chatadmin.ErrInvalid)
	}
	is, err := fingerprint(ctx, file, p.Settings.Encoding)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(is.hash, p.File) {
		return nil, ErrOtherFile
	}
	now, err := scan(ctx, s, file, is, p.Settings, nil)
	if err != nil {
		return nil, err
	}
	const what = "users, groups or settings of the domain"
	if err := p.Stale(now.Basis, what); err != nil {
		return nil, err
	}
	if !bytes.Equal(now.Decisions, p.Decisions) {
		return nil, fmt.Errorf("%s changed after the plan was made: %w", what, chatadmin.ErrPlanStale)
	}
	return x.begin(ctx, s, now, file, o)
}

// Import plans and imports at once, without a review in between.
func (x *Imports) Import(ctx context.Context, s *chatadmin.Scope, file io.ReadSeeker, mode Mode, o *ImportOptions) (*Result, error) {
	p, err := x.Plan(ctx, s, file, mode, o)
	if err != nil {
		return nil, err
	}
	return x.begin(ctx, s, p, file, o)
}

// scan reads the file once and decides every row. done are the batches that an
// interrupted import has committed: their rows stay as they were decided then.
func scan(ctx context.Context, s *chatadmin.Scope, file io.ReadSeeker, is fileprint, set settings, done []chunk) (*Plan, error) {
	d, domain, role, err := s.ViewAs(ctx, chatadmin.PermUsersImport)
	if err != nil {
		return nil, err
	}
	needed, err := permissions(set.Mode)
	if err != nil {
		return nil, err
	}
	var lacks []string
	for _, p := range needed {
		if !role.May(p) {
			lacks = append(lacks, string(p))
		}
	}
	if len(lacks) > 0 {
		all := strings.Join(lacks, ", ")
		return nil, texts.Explain(fmt.Errorf("importing needs what the role %q lacks (%s): %w", role.Name, all, chatadmin.ErrForbidden),
			"why.import_permission", all, role.Name)
	}
	admins, err := s.AdminsInForce(ctx)
	if err != nil {
		return nil, err
	}
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, fmt.Errorf("reading the file: %w", err)
	}
	src, err := open(ctx, file, domain.Login, set, is.format)
	if err != nil {
		return nil, err
	}
	sc := &scanner{scope: s, src: src, size: size, index: newIndex(), above: map[key]chatadmin.ID{}, verdict: verdict{write: &chatadmin.UserWrite{}}, done: done,
		decider: decider{settings: set, domain: domain, header: src.header, actor: s.Actor(), role: role}, decisions: sha256.New()}
	sc.decider.setAdmins(admins)
	sc.decider.begin(s)
	if err := sc.all(ctx); err != nil {
		return nil, err
	}
	if sc.counts.Rows == 0 {
		return nil, &FileError{"no_rows", "below the headings there is no line: nobody is in it"}
	}
	p := &Plan{PlanHeader: s.PlanHeader(KindImportBegin, basis(d)), Settings: set, Columns: src.header.planColumns(), File: is.hash, login: domain.Login, format: src.file.Format(), index: sc.index, chunks: sc.chunks, Counts: sc.counts}
	p.Encoding, p.Samples = p.format.Encoding, sc.samples
	p.Warnings = src.warnings(sc.sample())
	if n := sc.damaged; n > 0 {
		p.Warnings = append(p.Warnings, texts.NewMessage("warn.csv_twice", n))
	}
	p.Counts.Warnings += int64(len(p.Warnings))
	for _, c := range p.chunks {
		_, _ = fmt.Fprintf(sc.decisions, "%s%x%q\n", c.Letters, c.Notes.packed, c.Notes.texts)
	}
	for _, l := range p.index.links { // whose manager changes
		_, _ = sc.decisions.Write(binary.LittleEndian.AppendUint32([]byte{l.code}, l.row))
	}
	p.Decisions = sc.decisions.Sum(nil)
	return p, nil
}

// basis names the state of a domain that a plan rests on, beside its users.
func basis(d chatadmin.Domain) string { return strconv.FormatInt(int64(d.Rev), 10) }

// permissions are those that an import needs beside PermUsersImport. A mode
// that does not exist is chatadmin.ErrInvalid.
func permissions(m Mode) ([]chatadmin.Permission, error) {
	switch m {
	case SkipExisting:
		return []chatadmin.Permission{chatadmin.PermUsersCreate}, nil
	case UpdateExisting:
		return []chatadmin.Permission{chatadmin.PermUsersCreate, chatadmin.PermUsersEdit}, nil
	}
	return nil, m.check()
}

// Result is what an import has done.
type Result struct {
	ImportID chatadmin.ID
	Counts   Counts
	Warnings []texts.Message // of the file as a whole
	// Invitations says in a sentence who was invited, or where the link went
	// that invites them and until when it works. It is empty before the import
	// has ended.
	Invitations texts.Message
	// Invited counts the mails with invitations that went out at the end. Those
	// to others who waited to be invited are among them.
	Invited int

	file   []byte // SHA-256
	set    settings
	chunks []chunk
}

// refuse is the result of an all-or-nothing import in which rows are wrong.
func (p *Plan) refuse() (*Result, error) {
	return &Result{Counts: p.Counts, Warnings: p.Warnings, file: p.File, set: p.Settings, chunks: p.chunks}, fmt.Errorf("%w: nothing was changed", ErrRowsFailed)
}
