package twofa

import (
	"context"
	"errors"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

// notice is a mail that tells a user what has happened to their sign-in. It
// holds nothing secret.
type notice struct {
	ID    string    `json:"id"`
	What  event     `json:"what"`
	At    time.Time `json:"at"`
	Due   time.Time `json:"due"`
	Tries int       `json:"tries,omitempty"`
}

// event is something that a user is told of by mail.
type event string

const (
	enrolled      event = "enrolled"
	wasReset      event = "reset"
	recoveryMade  event = "recovery-made"
	recoveryUsed  event = "recovery-used"
	newRemembered event = "remembered"
	replayed      event = "replayed"
)

const (
	noticeBatch = 50 // records that are listed at once
	// of those, claimed at once and written down before the next: few letters
	// wait for a slow mail server
	noticeGroup = 10
	noticeLease = 5 * time.Minute // one worker sends a notice meanwhile
	// until a record that cannot be read is looked at again, perhaps by a newer
	// version
	noticeLater = time.Hour
	noticeTries = 8
	noticeMost  = time.Minute << noticeTries // nothing is put off by more
	// how often a process looks for what a wrong clock has put off for longer
	noticeSweep = time.Hour
	// of a user that wait: further ones are dropped, the mail server has been
	// away for long
	maxNotices = 20
)

// tell queues a notice for SendNotices. Its ID is stable, so that a mail that
// is sent twice can be recognised.
func (st *state) tell(id string, what event, now time.Time) {
	if len(st.Notices) < maxNotices {
		st.Notices = append(st.Notices, notice{ID: "twofa-" + string(what) + "-" + id, What: what, At: now, Due: now})
	}
}

// SendNotices sends the mails that tell users of a domain what has happened to
// their two-factor authentication: it was set up or reset, recovery codes were
// made or used, a client is remembered. It returns how many it sent.
// chatadmin.Admin.Work calls it. Without chatadmin.Options.Mailer the notices
// wait.
//
// A mail is sent at least once: one in flight when the process dies is sent
// again after five minutes, under the same Message-ID. A mail that is refused
// for now is tried again, up to 8 times. If a slow mail server leaves too
// little time, the rest waits for the next call. Users without an address are
// not told.
func (t *Service) SendNotices(ctx context.Context, domain chatadmin.ID) (int, error) {
	if t.admin.Options().Mailer == nil {
		return 0, nil
	}
	total := 0
	now := t.admin.Now()
	q := storage.RecordQuery{Kind: stateKind, Domain: domain, DueBy: now} // what is put off meanwhile is not met again
	sweep := t.sweeps(domain, now)
	if sweep {
		q.DueBy = forever
	}
	for page := (chatadmin.Page{Limit: noticeBatch}); ; {
		due, next, err := t.admin.Store().ListRecords(ctx, q, page)
		if err != nil {
			return total, err
		}
		due = slices.DeleteFunc(due, func(r storage.Record) bool { return waits(r.Due, now, noticeMost) })
		for group := range slices.Chunk(due, noticeGroup) {
			letters, err := t.claimNotices(ctx, domain, group)
			if errors.Is(err, chatadmin.ErrBusy) {
				return total, nil // another worker is at it
			}
			if err != nil {
				return total, err
			}
			sent, err := t.sendNotices(ctx, domain, letters)
			if total += sent; err != nil {
				return total, err
			}
		}
		if page.After = next; next == "" {
			if sweep {
				t.swept.Store(domain, now)
			}
			return total, nil
		}
	}
}

// sweeps reports whether it is time to look at everything that is put off: what
// lies further ahead than anything is put off was written by a clock that was
// wrong. A process whose own clock was put back looks at once.
func (t *Service) sweeps(domain chatadmin.ID, now time.Time) bool {
	last, ok := t.swept.Load(domain)
	if !ok {
		return true
	}
	age := now.Sub(last.(time.Time))
	return age < 0 || age >= noticeSweep
}

// letter is a notice that this worker alone sends for now.
type letter struct {
	user   chatadmin.ID
	notice notice
	mail   chatadmin.Mail
}

const kindNotice = "twofa.notice"

// claimNotices puts off what is due by a lease, and composes the mails.
func (t *Service) claimNotices(ctx context.Context, domain chatadmin.ID, due []storage.Record) ([]letter, error) {
	keys, ids := make([]storage.Key, len(due)), make([]chatadmin.ID, len(due))
	for i, r := range due {
		keys[i], ids[i] = r.Key, chatadmin.ID(r.ID)
	}
	var letters []letter
	err := t.admin.AsHost(domain).Change(ctx, chatadmin.Op{Kind: kindNotice, Targets: ids}, func(ctx context.Context, w *chatadmin.Writer) error {
		letters = nil
		users, err := w.Users(ctx, domain, ids)
		if err != nil {
			return err
		}
		byID := make(map[chatadmin.ID]*chatadmin.User, len(users))
		for i := range users {
			byID[users[i].ID] = &users[i]
		}
		return changeStates(ctx, w, keys, func(user chatadmin.ID, st *state) (bool, error) {
			if st.Lost {
				t.admin.Options().Logger.WarnContext(ctx, "the two-factor state of a user cannot be read, so notices in it are not sent; reset the two-factor authentication of this user", "domain", domain, "user", user)
				st.later = w.Now().Add(noticeLater)
				return true, nil
			}
			u := byID[user]
			if u == nil || chatadmin.CheckEmail(u.Email) != nil {
				st.Notices = nil
				return true, nil
			}
			claimed := !waits(st.due, w.Now(), noticeMost) // what is due for no reason is not to be met again
			for i := range st.Notices {
				n := &st.Notices[i]
				if waits(n.Due, w.Now(), noticeMost) {
					continue
				}
				n.Due, claimed = w.Now().Add(noticeLease), true
				n.Tries++
				letters = append(letters, letter{user, *n, noticeMail(w.Domain.Name, u, *n, t.admin.Speak(&w.Settings, u))})
			}
			return claimed, nil
		})
	})
	return letters, err
}

func noticeMail(domain string, u *chatadmin.User, n notice, words *texts.Printer) chatadmin.Mail {
	key := "twofa." + string(n.What)
	return chatadmin.Mail{ID: n.ID, To: u.Email, Subject: words.Sprintf("notice.subject", words.Sprintf(key), domain),
		Text: words.Sprintf("notice.text", u.DisplayName, words.Sprintf(key+"_text"), words.Time(n.At), domain)}
}

// sendNotices hands the mails over and writes down what became of them, even if
// ctx ends meanwhile. It stops when ctx is over, and when so much of the lease
// is gone that another worker could begin before it is written down; what was
// not handed over then waits as if it had not been claimed.
func (t *Service) sendNotices(ctx context.Context, domain chatadmin.ID, letters []letter) (sent int, err error) {
	if len(letters) == 0 {
		return 0, nil
	}
	after := map[string]notice{} // by ID; one that is settled is due at the zero time
	var keys []storage.Key
	for _, l := range letters {
		n := l.notice
		if ctx.Err() != nil || t.admin.Now().After(n.Due.Add(-noticeLease/2)) {
			n.Tries, n.Due = n.Tries-1, t.admin.Now()
		} else {
			accepted, settled := t.send(ctx, domain, l)
			if accepted {
				sent++
			}
			if n.Due = (time.Time{}); !settled {
				n.Due = t.admin.Now().Add(time.Minute << n.Tries)
			}
		}
		after[n.ID] = n
		if key := stateKey(domain, l.user); !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	err = t.admin.AsHost(domain).Change(context.WithoutCancel(ctx), chatadmin.Op{Kind: kindNotice}, func(ctx context.Context, w *chatadmin.Writer) error {
		return changeStates(ctx, w, keys, func(_ chatadmin.ID, st *state) (bool, error) {
			if st.Lost {
				return false, nil
			}
			for i := range st.Notices {
				if n, mine := after[st.Notices[i].ID]; mine {
					st.Notices[i] = n
				}
			}
			st.Notices = slices.DeleteFunc(st.Notices, func(n notice) bool { return n.Due.IsZero() })
			return true, nil
		})
	})
	return sent, errors.Join(err, ctx.Err())
}

// send hands one mail over and reports whether that settles it.
func (t *Service) send(ctx context.Context, domain chatadmin.ID, l letter) (sent, settled bool) {
	err := t.admin.SendMail(ctx, l.mail)
	if err != nil {
		t.admin.Options().Logger.WarnContext(ctx, "two-factor notice not sent", "domain", domain, "user", l.user, "notice", l.notice.What, "try", l.notice.Tries, "error", err)
	}
	sent = err == nil || errors.Is(err, chatadmin.ErrMailUnknown)
	return sent, sent || errors.Is(err, chatadmin.ErrMailRefused) || errors.Is(err, chatadmin.ErrInvalid) || l.notice.Tries >= noticeTries
}
