package chatadmin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Notice is what a mail tells the owner of an account. Package twofa tells of
// second factors by itself.
type Notice string

const (
	NoticePassword Notice = "password" // a new password was set
	NoticeAddress  Notice = "address"  // the e-mail address was changed: told at the old one
	NoticeLock     Notice = "lock"     // failed sign-ins have locked the account; told once a day at most
)

// noticeTexts are the subject and the text of each notice.
var noticeTexts = map[Notice][2]string{
	NoticePassword: {"Your password was changed", "a new password was set for your account. Browsers, apps and devices that were signed in must sign in again."},
	NoticeAddress:  {"Your e-mail address was changed", "the e-mail address of your account was changed. Mails about it no longer go to this address."},
	NoticeLock:     {"Your account is locked for now", "your account was locked because of failed attempts to sign in. Whoever is signed in stays so."},
}

// notice is a mail that waits to be sent: a Record that the user owns.
type notice struct {
	Version int       `json:"v"`
	What    Notice    `json:"what"`
	To      string    `json:"to"` // the address when it happened
	At      time.Time `json:"at"`
	Tries   int       `json:"tries,omitempty"`
	Sent    bool      `json:"sent,omitempty"` // stays for a while, so that it is not told again
}

const (
	noticeKind  = "notice"
	noticeBatch = 20
	noticeLease = 5 * time.Minute // one worker sends a notice meanwhile
	noticeQuiet = 24 * time.Hour  // between two notices of a lock
)

// Tell queues a notice for at most MaxBatch users, at the addresses given, for
// Admin.SendNotices. Users without an address are not told, and without
// Options.Mailer nobody is.
func (w *Work) Tell(ctx context.Context, n Notice, users ...User) error {
	if w.scope.admin.o.Mailer == nil {
		return nil
	}
	var changes []Change[Record]
	for i := range users {
		u := &users[i]
		if CheckEmail(u.Email) != nil || u.Deleting {
			continue
		}
		rev, err := w.NextRev()
		if err != nil {
			return err
		}
		data, err := json.Marshal(notice{Version: 1, What: n, To: u.Email, At: w.now})
		if err != nil {
			return err
		}
		id := string(u.ID) + "." + string(n)
		if n != NoticeLock {
			id += fmt.Sprintf(".%016x", int64(rev))
		}
		key := Key{Kind: noticeKind, Domain: w.scope.domain, ID: id}
		changes = append(changes, Change[Record]{Row: Record{Key: key, Owner: u.ID, Rev: rev, Due: w.now, Data: data}})
	}
	if len(changes) == 0 {
		return nil
	}
	// Who was told of a lock already, or is gone by now, is no conflict.
	_, err := w.ChangeRecords(ctx, changes)
	return err
}

// tellAddresses tells users at their old address that it was changed. Who has
// never signed in is told nothing: a wrong address may be somebody else's.
func (w *Work) tellAddresses(ctx context.Context, changes []UserChange) error {
	var told []User
	for i := range changes {
		if was, now := &changes[i].Was, &changes[i].Now; was.Status == Active && now.ID != "" && !EqualASCII(was.Email, now.Email) {
			told = append(told, *was)
		}
	}
	return w.Tell(ctx, NoticeAddress, told...)
}

// SendNotices sends the mails that tell users of a domain of a new password, a
// changed address or a lock, and returns how many it sent. A mail is sent at
// least once: one in flight when the process dies is sent again after five
// minutes under the same Message-ID. What the mail server refuses for now is
// tried again, up to 8 times. Call it from a worker of the host. Without
// Options.Mailer it does nothing.
func (a *Admin) SendNotices(ctx context.Context, domain ID) (int, error) {
	if a.o.Mailer == nil {
		return 0, nil
	}
	total := 0
	for {
		due, err := dueRecords(ctx, a.store, RecordQuery{Kind: noticeKind, Domain: domain}, a.Now(), noticeQuiet, noticeBatch)
		if err != nil || len(due) == 0 {
			return total, err
		}
		claimed, err := a.claimNotices(ctx, domain, due)
		if errors.Is(err, ErrBusy) {
			return total, nil // another worker is at it
		}
		if err != nil {
			return total, err
		}
		for i := range claimed {
			sent, err := a.sendNotice(ctx, domain, &claimed[i])
			if sent {
				total++
			}
			if err = errors.Join(err, ctx.Err()); err != nil {
				return total, err
			}
		}
	}
}

// claimedNotice is a notice that this worker alone sends for now.
type claimedNotice struct {
	rec    Record
	notice notice
	mail   Mail
}

// claimNotices puts off what is due by a lease, drops what is over, and
// composes the mails.
func (a *Admin) claimNotices(ctx context.Context, domain ID, due []Record) ([]claimedNotice, error) {
	keys, ids := make([]Key, len(due)), make([]ID, len(due))
	for i, r := range due {
		keys[i], ids[i] = r.Key, r.Owner
	}
	var claimed []claimedNotice
	err := a.Keep(ctx, domain, func(ctx context.Context, w *Work) error {
		claimed = nil
		rs, err := w.Records(ctx, keys)
		if err != nil {
			return err
		}
		users, err := w.Users(ctx, domain, unique(ids))
		if err != nil {
			return err
		}
		ds, err := w.Domains(ctx, []ID{domain})
		if err != nil || len(ds) == 0 {
			return err
		}
		byID := make(map[ID]*User, len(users))
		for i := range users {
			byID[users[i].ID] = &users[i]
		}
		var changes []Change[Record]
		for _, r := range rs {
			if !isDue(r.Due, w.now, noticeQuiet) {
				continue
			}
			var n notice
			u := byID[r.Owner]
			c := Change[Record]{Row: r, Was: r.Rev, Delete: true}
			if err := json.Unmarshal(r.Data, &n); err == nil && u != nil && !n.Sent && n.Version == 1 && len(noticeTexts[n.What][0]) > 0 {
				n.Tries++
				if c, err = n.record(r, w.now.Add(noticeLease)); err != nil {
					return err
				}
				if c.Row.Rev, err = w.NextRev(r.Rev); err != nil {
					return err
				}
				claimed = append(claimed, claimedNotice{c.Row, n, n.mail(c.Row, u, ds[0].Name)})
			}
			changes = append(changes, c)
		}
		return w.PutRecords(ctx, changes)
	})
	return claimed, err
}

func (n notice) record(r Record, due time.Time) (Change[Record], error) {
	data, err := json.Marshal(n)
	was := r.Rev
	r.Data, r.Due = data, due
	return Change[Record]{Row: r, Was: was}, err
}

func (n notice) mail(r Record, u *User, domain string) Mail {
	id := strings.NewReplacer(".", "-").Replace(r.ID)
	id = fmt.Sprintf("notice-%s-%d", id, n.At.UnixMilli())
	return Mail{ID: id, To: n.To, Subject: noticeTexts[n.What][0] + ": " + domain,
		Text: fmt.Sprintf("Hello %s,\n\non %s %s\n\nIf this was not you, or not expected, tell an administrator of %s.\n",
			u.DisplayName, n.At.Format("2 January 2006, 15:04 MST,"), noticeTexts[n.What][1], domain)}
}

// sendNotice hands one mail over and writes down what became of it.
func (a *Admin) sendNotice(ctx context.Context, domain ID, c *claimedNotice) (sent bool, err error) {
	if ctx.Err() != nil || !a.Now().Before(c.rec.Due.Add(-noticeLease/2)) {
		return false, nil // the lease takes it back
	}
	err = a.SendMail(ctx, c.mail)
	if err != nil {
		a.o.Logger.WarnContext(ctx, "notice not sent", "domain", domain, "user", c.rec.Owner, "notice", c.notice.What, "try", c.notice.Tries, "error", err)
	}
	sent = err == nil || errors.Is(err, ErrMailUnknown)
	settled := sent || errors.Is(err, ErrMailRefused) || errors.Is(err, ErrInvalid) || c.notice.Tries >= maxTries
	err = a.Keep(context.WithoutCancel(ctx), domain, func(ctx context.Context, w *Work) error {
		next, err := c.notice.record(c.rec, w.now.Add(time.Minute<<c.notice.Tries))
		if err != nil {
			return err
		}
		switch {
		case settled && c.notice.What == NoticeLock:
			c.notice.Sent = true
			if next, err = c.notice.record(c.rec, w.now.Add(noticeQuiet)); err != nil {
				return err
			}
		case settled:
			next.Delete = true
		}
		if next.Row.Rev, err = w.NextRev(c.rec.Rev); err != nil {
			return err
		}
		_, err = w.ChangeRecords(ctx, []Change[Record]{next}) // who was faster has the lease now
		return err
	})
	if errors.Is(err, ErrCommitUnknown) {
		err = nil // at worst it is sent again
	}
	return sent, err
}
