package portal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
	"chatadmin.example/sdk/csvimport"
)

// registerUploads makes Admin.Work carry out imports and remove files.
func (p *Portal) registerUploads() {
	p.admin.Extend(chatadmin.Extension{
		Records: []chatadmin.Damageable{&uploads},
		Workers: []chatadmin.Worker{{Name: "uploads", Due: p.admin.DueDomains(uploads.Name), Do: p.workUploads}},
	})
}

// workUploads does what is due of the uploads of a domain.
func (p *Portal) workUploads(ctx context.Context, domain chatadmin.ID) (n int, err error) {
	var errs []error
	q := storage.RecordQuery{Domain: domain, DueBy: p.admin.Now()}
	for e, err := range uploads.Each(ctx, p.admin.Store(), q) {
		if errors.Is(err, chatadmin.ErrDamaged) {
			continue // Scope.Damaged lists it
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return n, errors.Join(append(errs, err)...)
		}
		if err := p.workUpload(ctx, domain, e.Value); err != nil {
			errs = append(errs, err)
		}
		n++
	}
	return n, errors.Join(errs...)
}

func (p *Portal) workUpload(ctx context.Context, domain chatadmin.ID, u upload) error {
	switch u.State {
	case received, waiting, running:
	default:
		return p.forgetUpload(ctx, domain, u)
	}
	mine := false
	again := u.State == running // another worker had it, and has died
	err := p.keepUpload(ctx, domain, u.ID, func(now *upload, due *time.Time) {
		mine = now.State == u.State && !due.After(p.admin.Now())
		if mine {
			*due = p.admin.Now().Add(uploadLease)
			if now.State != received {
				now.State = running
			}
		}
		u = *now
	})
	switch {
	case err != nil || !mine:
		return err
	case u.State == received:
		return p.planReceived(ctx, domain, u)
	}
	return p.runImport(ctx, domain, u, again)
}

// planReceived looks a large file through, in the name of who uploaded it. What
// it finds is not kept if the file was discarded meanwhile, or is to be read in
// another way.
func (p *Portal) planReceived(ctx context.Context, domain chatadmin.ID, u upload) error {
	encoding, columns := u.Encoding, u.Columns
	problem := p.plan(ctx, p.admin.As(domain, u.By), &u)
	again := time.Time{}
	switch {
	case problem == nil:
	case ctx.Err() != nil: // the program ends: the next one looks it through
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		u.State, again = received, p.admin.Now()
	case lasting(problem):
		u.State, u.Problem, problem = failed, p.problem(problem), nil
	default:
		u.State, u.Problem, again = received, p.problem(problem), p.admin.Now().Add(uploadRetry)
	}
	err := p.keepUpload(ctx, domain, u.ID, func(now *upload, due *time.Time) {
		if now.State != received || now.Encoding != encoding || !maps.Equal(now.Columns, columns) {
			return
		}
		*now, *due = u, u.due(p.admin.Now())
		if !again.IsZero() {
			*due = again
		}
	})
	if errors.Is(err, chatadmin.ErrNotFound) {
		err = nil
	}
	return errors.Join(problem, err)
}

// forgetUpload removes an upload that nobody needs any more, files first.
func (p *Portal) forgetUpload(ctx context.Context, domain chatadmin.ID, u upload) error {
	for _, name := range []string{u.fileName(), u.resultName()} {
		if err := p.o.Spool.Remove(ctx, name); err != nil {
			return err
		}
	}
	return p.admin.Bookkeep(ctx, domain, func(ctx context.Context, w *chatadmin.Writer) error {
		e, err := uploads.Get(ctx, w, domain, string(u.ID))
		if errors.Is(err, chatadmin.ErrNotFound) {
			return nil
		}
		if err != nil || e.Value.State != u.State {
			return err
		}
		return uploads.Delete(ctx, w, &e)
	})
}

// keepUpload changes the record of an upload on behalf of the worker.
func (p *Portal) keepUpload(ctx context.Context, domain, id chatadmin.ID, f func(u *upload, due *time.Time)) error {
	return p.admin.Bookkeep(ctx, domain, func(ctx context.Context, w *chatadmin.Writer) error {
		e, err := uploads.Get(ctx, w, domain, string(id))
		if err != nil {
			return err
		}
		f(&e.Value, &e.Due)
		return uploads.Put(ctx, w, &e)
	})
}

// runImport continues an import until it has ended, in the name of the user who
// began it or took it over.
func (p *Portal) runImport(ctx context.Context, domain chatadmin.ID, u upload, again bool) error {
	s := p.admin.As(domain, u.By)
	file, err := p.o.Spool.Open(ctx, u.fileName())
	if err != nil {
		return p.endImport(ctx, s, u, nil, err)
	}
	defer func() { _ = file.Close() }()
	if u.Import == "" && again {
		if u.Import, err = p.begunBefore(ctx, s, u); err != nil {
			return p.endImport(ctx, s, u, nil, err)
		}
	}
	sign := p.admin.Now() // of life
	o := &csvimport.ImportOptions{
		Begun: func(id chatadmin.ID) {
			u.Import = id
			p.logFailure(ctx, p.keepUpload(ctx, domain, u.ID, func(now *upload, _ *time.Time) { now.Import = id }))
		},
		Progress: func(chatadmin.Progress) {
			if now := p.admin.Now(); now.Sub(sign) > uploadLease/5 {
				sign = now
				p.logFailure(ctx, p.keepUpload(ctx, domain, u.ID, func(_ *upload, due *time.Time) { *due = now.Add(uploadLease) }))
			}
		},
	}
	var result *csvimport.Result
	if u.Import == "" {
		result, err = p.o.Imports.Apply(ctx, s, u.Plan, file, o)
	} else {
		result, err = p.o.Imports.Resume(ctx, s, u.Import, file, o)
	}
	if err == nil {
		err = p.writeResult(ctx, s, u, result, file)
	}
	return p.endImport(ctx, s, u, result, err)
}

func (p *Portal) logFailure(ctx context.Context, err error) {
	if err != nil {
		p.o.Logger.WarnContext(ctx, "an import could not be noted", "error", err)
	}
}

// begunBefore finds the run that a worker has begun for an upload before it
// died, if it could not note it.
func (p *Portal) begunBefore(ctx context.Context, s *chatadmin.Scope, u upload) (chatadmin.ID, error) {
	for run, err := range s.Runs(ctx, chatadmin.RunQuery{Kind: "import", By: u.By}) {
		if errors.Is(err, chatadmin.ErrDamaged) || err == nil && run.Asked.Before(u.At) {
			continue
		}
		if err != nil {
			return "", err
		}
		_, report, err := s.Run(ctx, run.ID)
		if err != nil {
			return "", err
		}
		var of struct{ File []byte }
		if json.Unmarshal(report, &of) == nil && bytes.Equal(of.File, u.Plan.File) {
			return run.ID, nil
		}
	}
	return "", nil
}

// writeResult keeps the result CSV of an import.
func (p *Portal) writeResult(ctx context.Context, s *chatadmin.Scope, u upload, r *csvimport.Result, file io.ReadSeeker) error {
	out, err := p.o.Spool.Create(ctx, u.resultName())
	if err != nil {
		return err
	}
	return errors.Join(r.WriteCSV(ctx, s, file, out), out.Close())
}

// endImport notes how an import has ended, or why it could not go on.
func (p *Portal) endImport(ctx context.Context, s *chatadmin.Scope, u upload, r *csvimport.Result, problem error) error {
	if problem != nil && ctx.Err() != nil { // the program ends: the next one goes on
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return errors.Join(problem, p.keepUpload(clean, s.Domain(), u.ID, func(_ *upload, due *time.Time) { *due = p.admin.Now() }))
	}
	fails := problem != nil && lasting(problem)
	err := p.keepUpload(ctx, s.Domain(), u.ID, func(now *upload, due *time.Time) {
		switch {
		case problem == nil:
			now.State, now.Problem, now.Plan, now.Findings, now.Deactivates = done, texts.Message{}, nil, nil, nil
			now.Import = r.ImportID
			now.Result = &uploadResult{r.Counts, r.Warnings, r.Invitations, p.admin.Now()}
		case fails:
			now.State, now.Problem = failed, p.problem(problem)
		default:
			now.Problem = p.problem(problem)
			*due = p.admin.Now().Add(uploadRetry)
			return
		}
		*due = now.due(p.admin.Now())
	})
	switch {
	case err != nil:
		return errors.Join(problem, err)
	case problem != nil && !fails:
		return problem
	case problem == nil:
		return p.o.Spool.Remove(ctx, u.fileName())
	}
	return nil
}

// lasting reports whether trying again does not help: somebody must do
// something about it.
func lasting(err error) bool {
	for _, is := range []error{chatadmin.ErrInvalid, chatadmin.ErrForbidden, chatadmin.ErrState, chatadmin.ErrExists, chatadmin.ErrHeld,
		chatadmin.ErrNotFound, chatadmin.ErrNotInSubscription, fs.ErrNotExist} {
		if errors.Is(err, is) {
			return true
		}
	}
	return false
}
