package csvimport

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

const (
	noticeKind = "import-notice"
	releaseJob = "release invitations"
	purpose    = "import release"
)

// notice is what an import owes the admin who began it: one mail and, where invitations were held back, a link that releases them.
type notice struct {
	Version int          `json:"v"`
	Admin   chatadmin.ID `json:"admin"`
	Mailed  bool         `json:"mailed,omitempty"`
	Hash    []byte       `json:"hash,omitempty"` // of the link's token
	Expires time.Time    `json:"expires,omitzero"`
	Job     chatadmin.ID `json:"job,omitempty"` // that releases: the link was used
}

// release names an import as the reason of invitations, so that each user is invited once for it.
func release(importID chatadmin.ID) string { return "import " + string(importID) }

func noticeKey(domain, importID chatadmin.ID) chatadmin.Key {
	return chatadmin.Key{Kind: noticeKind, Domain: domain, ID: string(importID)}
}

// putNotice keeps, with the end of an import, that its admin is to be told.
func putNotice(ctx context.Context, w *chatadmin.Work, importID, admin chatadmin.ID) error {
	if admin == chatadmin.HostActor {
		admin = ""
	}
	data, err := json.Marshal(notice{Version: 1, Admin: admin})
	if err != nil {
		return err
	}
	rec := chatadmin.Record{Key: noticeKey(w.Domain.ID, importID), Owner: admin, Data: data}
	return w.PutRecords(ctx, []chatadmin.Change[chatadmin.Record]{{Row: rec}})
}

// changeNotice changes the notice of an import within a transaction.
func changeNotice(ctx context.Context, w *chatadmin.Work, importID chatadmin.ID, f func(*notice) error) error {
	rs, err := w.Records(ctx, []chatadmin.Key{noticeKey(w.Domain.ID, importID)})
	if err != nil {
		return err
	}
	if len(rs) == 0 {
		return fmt.Errorf("import %s: %w", chatadmin.Cut(string(importID)), chatadmin.ErrNotFound)
	}
	var n notice
	if err := json.Unmarshal(rs[0].Data, &n); err != nil {
		return err
	}
	if err := f(&n); err != nil {
		return err
	}
	c := chatadmin.Change[chatadmin.Record]{Row: rs[0], Was: rs[0].Rev}
	if c.Row.Data, err = json.Marshal(n); err != nil {
		return err
	}
	return w.PutRecords(ctx, []chatadmin.Change[chatadmin.Record]{c})
}

// finish does what follows a finished import: the invitations, where they were asked for, and the mail to the admin. A crash before it is made up for by Resume.
func finish(ctx context.Context, s *chatadmin.Scope, job *chatadmin.Job, par params, chunks []chunk) (*Result, error) {
	r := &Result{ImportID: job.ID, Warnings: par.Warnings, file: par.File, set: par.Settings, chunks: chunks}
	if err := readCounts(job, &r.Counts); err != nil {
		return nil, fmt.Errorf("import %s: %w", job.ID, err)
	}
	var err error
	if par.Settings.SendInvitations {
		if r.Invited, err = s.Admin().SendInvitations(ctx, s.Domain()); err != nil {
			return r, fmt.Errorf("the import is complete, but not all invitations were sent: %w", err)
		}
	}
	if err := notify(ctx, s, r, par); err != nil {
		return r, fmt.Errorf("the import is complete, but you could not be told by mail: %w", err)
	}
	return r, nil
}

// notify sends the admin one mail with the summary, and with the link where invitations were held back. The token is made anew for each try, since only its hash is kept.
func notify(ctx context.Context, s *chatadmin.Scope, r *Result, par params) error {
	a := s.Admin()
	if s.Actor() == chatadmin.HostActor || a.Options().Mailer == nil {
		return nil
	}
	token, err := a.NewToken(s.Domain(), r.ImportID)
	if err != nil {
		return err
	}
	held := !par.Settings.SendInvitations && r.Counts.Created > 0
	var mail *chatadmin.Mail
	err = s.Change(ctx, chatadmin.Op{Kind: KindImportEnd, Fence: chatadmin.Shared, Targets: []chatadmin.ID{r.ImportID}}, func(ctx context.Context, w *chatadmin.Work) error {
		mail = nil
		return changeNotice(ctx, w, r.ImportID, func(n *notice) error {
			if n.Mailed || n.Job != "" || w.Actor.Email == "" {
				return nil
			}
			if n.Expires = w.Now().Add(a.Options().InvitationLife); held {
				n.Hash = token.Hash(purpose)
			}
			m := summaryMail(w, r, par)
			if held {
				m.ID += fmt.Sprintf("-%x", n.Hash[:8]) // made up for after a crash it is another mail, whose link is the one that works
				m.Text += fmt.Sprintf("\nNobody was invited yet. Follow this link to invite whom the import created (it works once, until %s; opening it sends nothing before you confirm):\n\n%s\n",
					n.Expires.Format("2 January 2006, 15:04 MST"), a.Link("import", token))
			}
			mail = &m
			return nil
		})
	})
	if err != nil || mail == nil {
		return err
	}
	if err := a.SendMail(ctx, *mail); err != nil && !errors.Is(err, chatadmin.ErrMailUnknown) {
		return err
	}
	return s.Change(ctx, chatadmin.Op{Kind: KindImportEnd, Fence: chatadmin.Shared, Targets: []chatadmin.ID{r.ImportID}}, func(ctx context.Context, w *chatadmin.Work) error {
		return changeNotice(ctx, w, r.ImportID, func(n *notice) error { n.Mailed = true; return nil })
	})
}

func summaryMail(w *chatadmin.Work, r *Result, par params) chatadmin.Mail {
	c := r.Counts
	file := chatadmin.Cut(par.Settings.FileName)
	if file == "" {
		file = "a CSV file"
	}
	text := fmt.Sprintf("Hello %s,\n\nyour import of %s into %s is complete.\n\n%8d rows\n%8d created\n%8d updated (%d activated, %d deactivated)\n%8d unchanged\n%8d skipped\n%8d failed\n%8d warnings\n",
		w.Actor.DisplayName, file, w.Domain.Name, c.Rows, c.Created, c.Updated, c.Activated, c.Deactivated, c.Unchanged, c.Skipped, c.Failed, c.Warnings)
	return chatadmin.Mail{ID: "import-" + string(r.ImportID), To: w.Actor.Email, Subject: "Your import into " + w.Domain.Name + " is complete", Text: text}
}

// Held tells what following a release link would do, without doing it: what a page shows when the link is opened, before the admin confirms. It changes nothing, so a
// mail scanner that opens the link releases nothing. The actor must be the admin who got the link.
func Held(ctx context.Context, s *chatadmin.Scope, token string) (importID chatadmin.ID, created int64, err error) {
	if err := given("scope", s); err != nil {
		return "", 0, err
	}
	if _, _, err := s.View(ctx, chatadmin.PermUsersImport); err != nil {
		return "", 0, err
	}
	t, err := parse(s, token)
	if err != nil {
		return "", 0, err
	}
	rs, err := s.Admin().Store().Records(ctx, []chatadmin.Key{noticeKey(s.Domain(), t.Subject)})
	if err != nil || len(rs) == 0 {
		return "", 0, errors.Join(err, errNoLink)
	}
	var n notice
	if err := json.Unmarshal(rs[0].Data, &n); err != nil {
		return "", 0, err
	}
	if err := n.redeemable(s, t, s.Admin().Now()); err != nil {
		return "", 0, err
	}
	job, err := s.Job(ctx, t.Subject)
	if err != nil {
		return "", 0, err
	}
	var c Counts
	err = readCounts(&job, &c)
	return t.Subject, c.Created, err
}

var errNoLink = fmt.Errorf("this link is not known: %w", chatadmin.ErrNotFound)

func parse(s *chatadmin.Scope, token string) (chatadmin.Token, error) {
	t, err := chatadmin.ParseToken(token)
	if err == nil && t.Domain != s.Domain() {
		err = errNoLink
	}
	return t, err
}

// redeemable refuses a link that is wrong, another admin's, too old, or used.
func (n notice) redeemable(s *chatadmin.Scope, t chatadmin.Token, now time.Time) error {
	switch {
	case !t.Matches(purpose, n.Hash) || n.Admin != s.Actor():
		return errNoLink
	case n.Job != "":
		return ErrLinkUsed
	case !now.Before(n.Expires):
		return ErrLinkExpired
	}
	return nil
}

// Release queues and sends the invitations that an import held back, to each created user once, and returns to how many users mails went out now, which may include others who waited to be invited. It is called when the admin who got the link has
// followed it and confirmed: never for merely opening it. The link works once; released again after a crash in between, it finishes what was begun. It needs
// chatadmin.PermUsersImport.
func Release(ctx context.Context, s *chatadmin.Scope, token string) (int, error) {
	if err := given("scope", s); err != nil {
		return 0, err
	}
	t, err := parse(s, token)
	if err != nil {
		return 0, err
	}
	id := s.Admin().NewID()
	op := chatadmin.Op{Kind: KindImportRelease, Need: chatadmin.PermUsersImport, Fence: chatadmin.Shared, Targets: []chatadmin.ID{t.Subject}}
	err = s.Change(ctx, op, func(ctx context.Context, w *chatadmin.Work) error {
		err := changeNotice(ctx, w, t.Subject, func(n *notice) error {
			if err := n.redeemable(s, t, w.Now()); err != nil {
				if errors.Is(err, ErrLinkUsed) {
					id = n.Job
				}
				return err
			}
			n.Job = id
			return nil
		})
		if err != nil {
			if errors.Is(err, chatadmin.ErrNotFound) {
				return errNoLink
			}
			return err
		}
		imported, err := json.Marshal(t.Subject)
		if err != nil {
			return err
		}
		w.Record(KindImportRelease, []chatadmin.ID{t.Subject}, nil, nil)
		return w.PutJob(ctx, &chatadmin.Job{ID: id, Kind: releaseJob, Params: imported, Cursor: json.RawMessage("0")})
	})
	if errors.Is(err, ErrLinkUsed) {
		job, jobErr := s.Job(ctx, id)
		if jobErr != nil {
			return 0, errors.Join(err, jobErr)
		}
		if job.State == chatadmin.JobDone { // everybody is in the queue; a crash may have kept some from being sent
			sent, sendErr := s.Admin().SendInvitations(ctx, s.Domain())
			return sent, errors.Join(err, sendErr)
		}
	} else if err != nil {
		return 0, err
	}
	if err := queueReleased(ctx, s, id); err != nil {
		return 0, err
	}
	return s.Admin().SendInvitations(ctx, s.Domain())
}

// queueReleased queues the invitations of an import, a batch of its rows at a time.
func queueReleased(ctx context.Context, s *chatadmin.Scope, job chatadmin.ID) error {
	_, err := s.RunJob(ctx, job, func(_ context.Context, j *chatadmin.Job) (chatadmin.Step, error) {
		var importID chatadmin.ID
		var batch int
		if err := errors.Join(json.Unmarshal(j.Params, &importID), json.Unmarshal(j.Cursor, &batch)); err != nil {
			return chatadmin.Step{}, err
		}
		op := chatadmin.Op{Kind: KindImportRelease, Need: chatadmin.PermUsersImport, Fence: chatadmin.Shared, Targets: []chatadmin.ID{importID}}
		return chatadmin.Step{Op: op, Do: func(ctx context.Context, w *chatadmin.Work, j *chatadmin.Job) error {
			rs, err := w.Records(ctx, []chatadmin.Key{chunkKey(createdKind, s.Domain(), importID, batch)})
			if err != nil {
				return err
			}
			if len(rs) == 0 {
				j.State = chatadmin.JobDone
				return nil
			}
			var created []chatadmin.ID
			if err := json.Unmarshal(rs[0].Data, &created); err != nil {
				return err
			}
			if len(created) > 0 {
				users, err := w.Users(ctx, s.Domain(), created)
				if err != nil {
					return err
				}
				if err := w.QueueInvitations(ctx, users, release(importID)); err != nil {
					return err
				}
			}
			j.Done += int64(len(created))
			j.Cursor, err = json.Marshal(batch + 1)
			return err
		}}, nil
	}, nil)
	return err
}
