package portal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
	"chatadmin.example/sdk/csvimport"
)

// upload is a file that somebody has uploaded, from then until the result of
// its import is no longer kept.
type upload struct {
	ID           chatadmin.ID        `json:"id"`
	By           chatadmin.ID        `json:"by"`
	State        uploadState         `json:"state"`
	File         string              `json:"file"` // its name
	Size         int64               `json:"size"`
	At           time.Time           `json:"at"`
	Mode         csvimport.Mode      `json:"mode"`
	Invite       bool                `json:"invite,omitempty"`
	AllOrNothing bool                `json:"all_or_nothing,omitempty"`
	ClearBlanks  bool                `json:"clear_blanks,omitempty"`
	Encoding     string              `json:"encoding,omitempty"` // "" finds it out
	Columns      map[string]string   `json:"columns,omitempty"`
	Plan         *csvimport.Plan     `json:"plan,omitempty"`
	Findings     []csvimport.Finding `json:"findings,omitempty"`
	Deactivates  []string            `json:"deactivates,omitempty"` // the first logins
	Problem      texts.Message       `json:"problem,omitzero"`
	Import       chatadmin.ID        `json:"import,omitempty"` // the run
	Result       *uploadResult       `json:"result,omitempty"`
}

type uploadResult struct {
	Counts      csvimport.Counts `json:"counts"`
	Warnings    []texts.Message  `json:"warnings,omitempty"`
	Invitations texts.Message    `json:"invitations"`
	Ended       time.Time        `json:"ended"`
}

// uploadState is how far an upload is.
type uploadState string

const (
	uploading uploadState = "uploading" // the file is being received, or was lost on the way
	received  uploadState = "received"  // waits for the worker to look it through
	review    uploadState = "review"    // there is a plan
	refused   uploadState = "refused"   // the file is wrong as a whole
	waiting   uploadState = "waiting"   // for the worker
	running   uploadState = "running"
	failed    uploadState = "failed" // it can be resumed or planned anew
	done      uploadState = "done"
)

const (
	// uploadLife is how long a file waits to be imported, and a result to be
	// fetched.
	uploadLife = 7 * 24 * time.Hour
	// uploadTime is how long receiving a file takes at most.
	uploadTime = time.Hour
	// uploadLease is how long a worker has an import to itself without a sign
	// of life.
	uploadLease = 10 * time.Minute
	// uploadRetry is when an import is tried again that could not go on.
	uploadRetry = time.Minute
	// planAtOnce is how many bytes a file may have that is looked through in
	// the request that brings it. The worker does it for a larger one.
	planAtOnce = 1 << 20
	// maxUploads is how many uploads a person may have at a time.
	maxUploads = 20
	maxListed  = 50
)

// kindUpload is the kind of the audit event of an upload.
const kindUpload = "import.upload"

var errTooManyUploads = chatadmin.ErrLimited.New("too_many_uploads", "you have too many uploaded files: discard some of them first")

// uploads are not owned by the user: their files must be removed with them,
// which the worker does.
var uploads = chatadmin.RecordKind[upload]{
	Name: "upload",
	Need: chatadmin.PermUsersImport,
	ID:   func(u *upload) chatadmin.ID { return u.ID },
	Check: func(u *upload) error {
		states := []uploadState{uploading, received, review, refused, waiting, running, failed, done}
		if u.By == "" || !slices.Contains(states, u.State) {
			return errors.New("it lacks what every upload has")
		}
		return nil
	},
}

// fileName and resultName are the names of an upload in the spool.
func (u *upload) fileName() string   { return string(u.ID) + ".csv" }
func (u *upload) resultName() string { return string(u.ID) + ".result.csv" }

// due is when the worker looks at an upload next.
func (u *upload) due(now time.Time) time.Time {
	switch u.State {
	case uploading:
		return now.Add(uploadTime)
	case received, waiting:
		return now
	case running:
		return now.Add(uploadLease)
	}
	return now.Add(uploadLife)
}

// options are what the import is asked for.
func (u *upload) options() *csvimport.ImportOptions {
	return &csvimport.ImportOptions{AllOrNothing: u.AllOrNothing, SendInvitations: u.Invite, ClearBlanks: u.ClearBlanks,
		Columns: u.Columns, Encoding: u.Encoding, FileName: u.File}
}

// upload reads an upload of the reader. That of somebody else looks like none.
func (v *view) upload() (chatadmin.Entry[upload], error) {
	id := v.r.PathValue("id")
	if _, _, err := v.s.View(v.r.Context(), chatadmin.PermUsersImport); err != nil {
		return chatadmin.Entry[upload]{}, err
	}
	e, err := uploads.Get(v.r.Context(), v.p.admin.Store(), v.s.Domain(), id)
	if err == nil && e.Value.By != v.s.Actor() {
		err = fmt.Errorf("upload %q: %w", chatadmin.Cut(id), chatadmin.ErrNotFound)
	}
	return e, err
}

// myUploads are the uploads of the reader, the newest first.
func (v *view) myUploads(ctx context.Context) ([]upload, error) {
	if _, _, err := v.s.View(ctx, chatadmin.PermUsersImport); err != nil {
		return nil, err
	}
	var mine []upload
	for e, err := range uploads.Each(ctx, v.p.admin.Store(), storage.RecordQuery{Domain: v.s.Domain()}) {
		if errors.Is(err, chatadmin.ErrDamaged) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if e.Value.By == v.s.Actor() {
			mine = append(mine, e.Value)
		}
	}
	slices.SortFunc(mine, func(a, b upload) int { return b.At.Compare(a.At) })
	return mine, nil
}

// newUpload makes the record of a file that is about to be received.
func (v *view) newUpload(ctx context.Context, u *upload) error {
	mine, err := v.myUploads(ctx)
	if err != nil {
		return err
	}
	if len(mine) >= maxUploads {
		return errTooManyUploads
	}
	u.ID, u.By, u.State, u.At = v.p.admin.NewID(), v.s.Actor(), uploading, v.p.admin.Now()
	op := chatadmin.Op{Kind: kindUpload, Need: chatadmin.PermUsersImport}
	return v.s.Change(ctx, op, func(ctx context.Context, w *chatadmin.Writer) error {
		e := uploads.New(v.s.Domain(), string(u.ID), "", *u)
		e.Due = u.due(w.Now())
		if err := uploads.Put(ctx, w, &e); err != nil {
			return err
		}
		w.Audit(kindUpload, []chatadmin.ID{u.ID}, nil, map[string]string{"file": chatadmin.Cut(u.File)})
		return nil
	})
}

// changeUpload changes an upload of the reader, if it is in one of some states.
func (v *view) changeUpload(ctx context.Context, id chatadmin.ID, in []uploadState, f func(*upload)) error {
	op := chatadmin.Op{Kind: kindUpload, Need: chatadmin.PermUsersImport}
	return v.s.Change(ctx, op, func(ctx context.Context, w *chatadmin.Writer) error {
		e, err := uploads.Get(ctx, w, v.s.Domain(), string(id))
		switch {
		case err != nil:
			return err
		case e.Value.By != v.s.Actor():
			return fmt.Errorf("upload %q: %w", chatadmin.Cut(string(id)), chatadmin.ErrNotFound)
		case !slices.Contains(in, e.Value.State):
			return chatadmin.ErrTransition
		}
		f(&e.Value)
		e.Due = e.Value.due(w.Now())
		return uploads.Put(ctx, w, &e)
	})
}

// planUpload has a file looked through: at once if it is small, by the worker
// if it is not.
func (v *view) planUpload(ctx context.Context, u *upload) error {
	if u.Size > planAtOnce {
		u.State, u.Problem, u.Plan, u.Findings, u.Deactivates = received, texts.Message{}, nil, nil, nil
		defer v.p.o.Wake()
	} else if err := v.p.plan(ctx, v.s, u); err != nil {
		return err
	}
	planned := *u
	return v.changeUpload(ctx, u.ID, []uploadState{uploading, received, review, refused, failed}, func(now *upload) { *now = planned })
}

// plan looks a file through, and notes in u what its import would do, or what
// is wrong with the file as a whole.
func (p *Portal) plan(ctx context.Context, s *chatadmin.Scope, u *upload) error {
	file, err := p.o.Spool.Open(ctx, u.fileName())
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	u.State, u.Problem, u.Plan, u.Findings, u.Deactivates = review, texts.Message{}, nil, nil, nil
	plan, err := p.o.Imports.Plan(ctx, s, file, u.Mode, u.options())
	var wrong *csvimport.FileError
	if errors.As(err, &wrong) || errors.Is(err, chatadmin.ErrInvalid) {
		u.State, u.Problem = refused, p.problem(err)
		return nil
	}
	if err != nil {
		return err
	}
	u.Plan = plan
	if u.Findings, err = plan.Findings(ctx, s, file); err != nil {
		return err
	}
	u.Findings = u.Findings[:min(len(u.Findings), maxListed)]
	u.Deactivates, err = deactivates(ctx, s, plan, file)
	return err
}

// errEnough ends a list early.
var errEnough = errors.New("enough")

// deactivates are the first logins that a plan would deactivate.
func deactivates(ctx context.Context, s *chatadmin.Scope, plan *csvimport.Plan, file io.ReadSeeker) (logins []string, err error) {
	if plan.Counts.Deactivated == 0 {
		return nil, nil
	}
	err = plan.Outcomes(ctx, s, file, func(o csvimport.Outcome) error {
		if o.Deactivated {
			logins = append(logins, o.Login)
		}
		if len(logins) == maxListed {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return logins, err
}
