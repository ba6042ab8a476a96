package csvimport

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

const purpose = "import release"

// owed is what an import owes the admin whose run it is: one mail and, where
// invitations were held back, a link that releases them.
type owed struct {
	Mailed  bool         `json:"mailed,omitempty"`
	To      string       `json:"to,omitempty"`   // the address that the mail goes to
	Hash    []byte       `json:"hash,omitempty"` // of the link's token
	Expires time.Time    `json:"expires,omitzero"`
	Release chatadmin.ID `json:"job,omitempty"` // the run that releases the invitations
}

// released is what a run keeps that releases the invitations of an import.
type released struct {
	Import chatadmin.ID `json:"import"`
	Batch  int          `json:"batch"` // of the import's rows
}

func readOldRelease(run *chatadmin.RunOf[released], job *chatadmin.OldJob, _ []byte) error {
	return errors.Join(json.Unmarshal(job.Params, &run.Data.Import), json.Unmarshal(job.Cursor, &run.Data.Batch))
}

// release names an import as the reason of invitations, so that each user is
// invited once for it.
func release(importID chatadmin.ID) string { return "import " + string(importID) }

// finish does what follows a finished import: the invitations, where they were
// asked for, and the mail to the admin. Resume makes up for a crash before it.
func (x *Imports) finish(ctx context.Context, s *chatadmin.Scope, run *importRun, chunks []chunk) (*Result, error) {
	r := &Result{ImportID: run.ID, Counts: run.Data.Counts, Warnings: run.Data.Warnings, file: run.Data.File, set: run.Data.Settings, chunks: chunks}
	var err error
	if run.Data.Settings.SendInvitations {
		if r.Invited, err = x.admin.SendInvitations(ctx, s.Domain()); err != nil {
			return r, fmt.Errorf("the import is complete, but not all invitations were sent: %w", err)
		}
	}
	err = x.notify(ctx, s, r, run.Data.params)
	r.Invitations = x.invitations(ctx, s, r)
	if err != nil {
		return r, fmt.Errorf("the import is complete, but you could not be told by mail: %w", err)
	}
	return r, nil
}

// notify sends the admin one mail with the summary, and with the link where
// invitations were held back. The token is made anew for each try, since only
// its hash is kept.
func (x *Imports) notify(ctx context.Context, s *chatadmin.Scope, r *Result, par params) error {
	if s.Actor() == chatadmin.HostActor || x.admin.Options().Mailer == nil {
		return nil
	}
	token, err := x.admin.NewToken(s.Domain(), r.ImportID)
	if err != nil {
		return err
	}
	held := !par.Settings.SendInvitations && r.Counts.Created > 0
	var mail *chatadmin.Mail
	err = x.amend(ctx, s, KindImportEnd, r.ImportID, func(w *chatadmin.Writer, run *importRun) error {
		mail = nil
		o := &run.Data.Owed
		if o.Mailed || o.Release != "" || run.By != s.Actor() || w.Actor.Email == "" {
			return nil
		}
		if o.Expires = w.Now().Add(x.admin.Options().InvitationLife); held {
			o.Hash = token.Hash(purpose)
		}
		o.To = w.Actor.Email
		words := x.admin.Speak(&w.Settings, &w.Actor)
		m := summaryMail(words, w, r, par)
		if !held {
			m.Text += "\n" + words.Message(invitationsOf(r.Counts.Created, par.Settings.SendInvitations, true, *o)) + "\n"
		} else {
			// Made up for after a crash it is another mail, whose link is the
			// one that works
			m.ID += fmt.Sprintf("-%x", o.Hash[:8])
			m.Text += "\n" + words.Sprintf("import.link", r.Counts.Created, words.Time(o.Expires)) + "\n\n" + x.admin.Link("import", token) + "\n"
		}
		mail = &m
		return nil
	})
	if err != nil || mail == nil {
		return err
	}
	if err := x.admin.SendMail(ctx, *mail); err != nil && !errors.Is(err, chatadmin.ErrMailUnknown) {
		return err
	}
	return x.amend(ctx, s, KindImportEnd, r.ImportID, func(_ *chatadmin.Writer, run *importRun) error {
		run.Data.Owed.Mailed = true
		return nil
	})
}

// amend changes what a run of an import keeps, in a transaction of its own.
func (x *Imports) amend(ctx context.Context, s *chatadmin.Scope, kind string, id chatadmin.ID, f func(*chatadmin.Writer, *importRun) error) error {
	op := chatadmin.Op{Kind: kind, Fence: storage.Shared, Targets: []chatadmin.ID{id}}
	return s.Change(ctx, op, func(ctx context.Context, w *chatadmin.Writer) error {
		_, err := x.runs.Amend(ctx, w, id, func(run *importRun) error { return f(w, run) })
		return err
	})
}

func summaryMail(words *texts.Printer, w *chatadmin.Writer, r *Result, par params) chatadmin.Mail {
	c := r.Counts
	file := chatadmin.Cut(par.Settings.FileName)
	if file == "" {
		file = words.Sprintf("import.a_file")
	}
	text := words.Sprintf("import.text", w.Actor.DisplayName, file, w.Domain.Name) + "\n"
	for _, line := range []struct {
		n    int64
		says string
	}{
		{c.Rows, words.Sprintf("import.rows")}, {c.Created, words.Sprintf("import.created")}, {c.Updated, words.Sprintf("import.updated", c.Activated, c.Deactivated)},
		{c.Unchanged, words.Sprintf("import.unchanged")}, {c.Skipped, words.Sprintf("import.skipped")}, {c.Failed, words.Sprintf("import.failed")},
		{c.Warnings, words.Sprintf("import.warnings")},
	} {
		text += fmt.Sprintf("%8s %s\n", words.Sprintf("%d", line.n), line.says)
	}
	return chatadmin.Mail{ID: "import-" + string(r.ImportID), To: w.Actor.Email, Subject: words.Sprintf("import.subject", w.Domain.Name), Text: text}
}

// Unsent returns the import that a release link belongs to, and how many users
// it created. A page shows that when the link is opened, before the admin
// confirms. Unsent changes nothing, so that a mail scanner that opens the link
// sends nothing. The actor must be the admin to whom the link was mailed. An
// unknown link is chatadmin.ErrNotFound; see ErrLinkUsed and ErrLinkExpired. It
// needs chatadmin.PermUsersImport.
func (x *Imports) Unsent(ctx context.Context, s *chatadmin.Scope, token string) (importID chatadmin.ID, created int64, err error) {
	t, run, err := x.linked(ctx, s, token)
	if err != nil {
		return "", 0, err
	}
	if err := redeemable(s, t, run, x.admin.Now()); err != nil {
		return "", 0, err
	}
	return run.ID, run.Data.Counts.Created, nil
}

// linked finds the import that a link belongs to.
func (x *Imports) linked(ctx context.Context, s *chatadmin.Scope, token string) (chatadmin.Token, *importRun, error) {
	if err := given("scope", s); err != nil {
		return chatadmin.Token{}, nil, err
	}
	if _, _, err := s.View(ctx, chatadmin.PermUsersImport); err != nil {
		return chatadmin.Token{}, nil, err
	}
	t, err := chatadmin.ParseToken(token)
	if err != nil {
		return t, nil, err
	}
	if t.Domain != s.Domain() {
		return t, nil, errNoLink
	}
	run, err := x.runs.Get(ctx, s, t.Subject)
	if errors.Is(err, chatadmin.ErrNotFound) || errors.Is(err, chatadmin.ErrInvalid) {
		err = errNoLink
	}
	return t, run, err
}

var errNoLink = fmt.Errorf("this link is not known: %w", chatadmin.ErrNotFound)

// redeemable refuses a link that is wrong, another admin's, too old, or used.
func redeemable(s *chatadmin.Scope, t chatadmin.Token, run *importRun, now time.Time) error {
	o := run.Data.Owed
	switch {
	case !t.Matches(purpose, o.Hash) || run.By != s.Actor():
		return errNoLink
	case o.Release != "":
		return ErrLinkUsed
	case !now.Before(o.Expires):
		return ErrLinkExpired
	}
	return nil
}

// Release queues and sends the invitations that an import held back, to each
// created user once. It returns the number of mails that went out, including
// those to others who waited to be invited. Call it when the admin has followed
// the link and confirmed. The link works once; after a crash, a second call
// finishes what the first began. The errors are those of Held. It needs
// chatadmin.PermUsersImport.
func (x *Imports) Release(ctx context.Context, s *chatadmin.Scope, token string) (int, error) {
	t, run, err := x.linked(ctx, s, token)
	if err != nil {
		return 0, err
	}
	return x.release(ctx, s, run.ID, func(run *importRun, now time.Time) error { return redeemable(s, t, run, now) })
}

// ReleaseImport does what Release does, without a link: for any administrator,
// if the link has expired or its admin has left. An import that has not ended
// is chatadmin.ErrTransition. It needs chatadmin.PermUsersImport.
func (x *Imports) ReleaseImport(ctx context.Context, s *chatadmin.Scope, importID chatadmin.ID) (int, error) {
	run, err := x.runs.Get(ctx, s, importID)
	if err != nil {
		return 0, err
	}
	return x.release(ctx, s, run.ID, func(run *importRun, _ time.Time) error {
		switch {
		case run.Data.Owed.Release != "":
			return ErrLinkUsed
		case run.Open():
			return texts.Explain(fmt.Errorf("import %s has not ended: resume it first: %w", importID, chatadmin.ErrTransition), "why.import_open")
		}
		return nil
	})
}

// ReleaseImports does what ReleaseImport does for each import of the domain
// whose invitations are held back, the oldest first, and ends releases that were
// interrupted. Imports that have not ended are passed over. It returns the
// number of mails that went out; a second call sends none. An import that cannot
// be read does not keep the others waiting: its error comes at the end. It needs
// chatadmin.PermUsersImport.
func (x *Imports) ReleaseImports(ctx context.Context, s *chatadmin.Scope) (sent int, err error) {
	if err := given("scope", s); err != nil {
		return 0, err
	}
	if _, _, err := s.View(ctx, chatadmin.PermUsersImport); err != nil {
		return 0, err
	}
	var held []chatadmin.ID
	var damaged []error
	for run, err := range x.releases.All(ctx, s) {
		switch {
		case errors.Is(err, chatadmin.ErrDamaged):
			damaged = append(damaged, err)
		case err != nil:
			return 0, err
		case run.Open():
			held = append(held, run.Data.Import)
		}
	}
	for run, err := range x.runs.All(ctx, s) {
		switch {
		case errors.Is(err, chatadmin.ErrDamaged):
			damaged = append(damaged, err)
		case err != nil:
			return 0, err
		case !run.Open() && !run.Data.Settings.SendInvitations && run.Data.Counts.Created > 0 && run.Data.Owed.Release == "":
			held = append(held, run.ID)
		}
	}
	for _, id := range held {
		n, err := x.ReleaseImport(ctx, s, id)
		if sent += n; err != nil && !errors.Is(err, ErrLinkUsed) { // by somebody else, meanwhile
			return sent, err
		}
	}
	return sent, errors.Join(damaged...)
}

// release begins the run that queues the invitations, or continues it.
func (x *Imports) release(ctx context.Context, s *chatadmin.Scope, importID chatadmin.ID, check func(*importRun, time.Time) error) (int, error) {
	var before chatadmin.ID // the run that was begun for the same import
	op := chatadmin.Op{Kind: KindImportRelease, Need: chatadmin.PermUsersImport, Fence: storage.Shared, Targets: []chatadmin.ID{importID}}
	run, err := x.releases.Begin(ctx, s, op, func(ctx context.Context, w *chatadmin.Writer, run *chatadmin.RunOf[released]) error {
		run.Data.Import = importID
		im, err := x.runs.Amend(ctx, w, importID, func(im *importRun) error {
			before = im.Data.Owed.Release
			if err := check(im, w.Now()); err != nil {
				return err
			}
			im.Data.Owed.Release = run.ID
			return nil
		})
		if err != nil {
			return err
		}
		run.Total = im.Data.Counts.Created
		w.Audit(KindImportRelease, []chatadmin.ID{importID}, nil, nil)
		return nil
	})
	used := errors.Is(err, ErrLinkUsed)
	switch {
	case used:
		if run, err = x.releases.Get(ctx, s, before); err != nil {
			return 0, errors.Join(ErrLinkUsed, err)
		}
		// Everybody is in the queue; a crash may have kept some from being sent
		if !run.Open() {
			sent, err := x.admin.SendInvitations(ctx, s.Domain())
			return sent, errors.Join(ErrLinkUsed, err)
		}
		if run.By != s.Actor() && run.Silent(x.admin.Now()) {
			if run, err = x.releases.TakeOver(ctx, s, run.ID); err != nil {
				return 0, err
			}
		}
	case err != nil:
		return 0, err
	}
	if _, err := x.releases.Resume(ctx, s, run.ID, nil); err != nil {
		return 0, err
	}
	return x.admin.SendInvitations(ctx, s.Domain())
}

// releaseStep queues the invitations of a batch of the import's rows. A batch
// whose record cannot be read is passed over: its users stay in the list of
// those who were not invited.
func (x *Imports) releaseStep(ctx context.Context, s *chatadmin.Scope, run *chatadmin.RunOf[released], _ int) (chatadmin.RunStep[released], error) {
	batches := 0
	im, err := x.runs.Get(ctx, s, run.Data.Import)
	switch {
	case err == nil:
		batches = im.Data.At.Rows
	case !errors.Is(err, chatadmin.ErrNotFound) && !errors.Is(err, chatadmin.ErrDamaged):
		return chatadmin.RunStep[released]{}, err
	}
	op := chatadmin.Op{Kind: KindImportRelease, Need: chatadmin.PermUsersImport, Fence: storage.Shared, Targets: []chatadmin.ID{run.Data.Import}}
	return chatadmin.RunStep[released]{Op: op, Do: func(ctx context.Context, w *chatadmin.Writer, run *chatadmin.RunOf[released]) error {
		e, err := createdRecords.Get(ctx, w, s.Domain(), chunkID(run.Data.Import, run.Data.Batch))
		switch {
		case errors.Is(err, chatadmin.ErrNotFound) && run.Data.Batch >= batches:
			run.State = chatadmin.RunDone
			return nil
		case errors.Is(err, chatadmin.ErrNotFound): // it was damaged, and deleted
		case errors.Is(err, chatadmin.ErrDamaged):
			x.admin.Options().Logger.ErrorContext(ctx, "some users of an import are not invited: invite them by hand",
				"domain", s.Domain(), "import", run.Data.Import, "error", err)
		case err != nil:
			return err
		}
		return invite(ctx, w, run, e.Value.IDs)
	}}, nil
}

// invite queues the invitations of the users whom a batch has created.
func invite(ctx context.Context, w *chatadmin.Writer, run *chatadmin.RunOf[released], created []chatadmin.ID) error {
	if len(created) > 0 {
		users, err := w.Users(ctx, w.Domain.ID, created)
		if err != nil {
			return err
		}
		if err := w.QueueInvitations(ctx, users, release(run.Data.Import)); err != nil {
			return err
		}
	}
	run.Done += int64(len(created))
	run.Data.Batch++
	return nil
}
