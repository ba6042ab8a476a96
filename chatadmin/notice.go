package chatadmin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

// Notice is what a mail tells the owner of an account. Package twofa tells of
// second factors by itself.
type Notice string

const (
	NoticePassword Notice = "password" // a new password was set
	NoticeAddress  Notice = "address"  // the e-mail address was changed: told at the old one
	// failed sign-ins have locked the account; told once a day at most
	NoticeLock Notice = "lock"
)

// notice is a mail that waits to be sent: a Record that the user owns.
type notice struct {
	What Notice `json:"what"`
	To   string `json:"to"` // the address when it happened
	// of the user when it happened; the new one can be a new address
	Name  string    `json:"name,omitempty"`
	At    time.Time `json:"at"`
	Tries int       `json:"tries,omitempty"`
	Sent  bool      `json:"sent,omitempty"` // stays for a while, so that it is not told again
}

var notices = RecordKind[notice]{Name: "notice", Need: PermUsersEdit, Check: func(n *notice) error {
	if !slices.Contains([]Notice{NoticePassword, NoticeAddress, NoticeLock}, n.What) || n.To == "" {
		return errors.New("it tells nothing, or nobody")
	}
	return nil
}}

const (
	noticeBatch = 20
	noticeLease = 5 * time.Minute // one worker sends a notice meanwhile
	noticeQuiet = 24 * time.Hour  // between two notices of a lock
)

// Tell queues a notice for at most MaxBatch users, at the addresses given, for
// Admin.SendNotices. Users without an address are not told, and without
// Options.Mailer nobody is.
func (w *Writer) Tell(ctx context.Context, n Notice, users ...User) error {
	if w.scope.admin.o.Mailer == nil {
		return nil
	}
	var told []*Entry[notice]
	for i := range users {
		u := &users[i]
		if CheckEmail(u.Email) != nil || u.Deleting {
			continue
		}
		id := string(u.ID) + "." + string(n)
		if n != NoticeLock {
			rev, err := w.NextRev()
			if err != nil {
				return err
			}
			id += fmt.Sprintf(".%016x", int64(rev))
		}
		e := notices.New(w.scope.domain, id, u.ID, notice{What: n, To: u.Email, Name: u.DisplayName, At: w.now})
		e.Due = w.now
		told = append(told, &e)
	}
	// Who was told of a lock already, or is gone by now, is no conflict.
	_, err := notices.TryPut(ctx, w, told...)
	return err
}

// tellAddresses tells users at their old address that it was changed. Who has
// never signed in is told nothing: a wrong address may be somebody else's.
func (w *Writer) tellAddresses(ctx context.Context, changes []UserChange) error {
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
	if err := a.alone("mails cannot be sent"); err != nil {
		return 0, err
	}
	if a.o.Mailer == nil {
		return 0, nil
	}
	total := 0
	for {
		due, err := dueRecords(ctx, a.store, storage.RecordQuery{Kind: notices.Name, Domain: domain}, a.Now(), noticeQuiet, noticeBatch)
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
	Entry[notice]
	mail Mail
}

// claimNotices puts off what is due by a lease, drops what is over, and
// composes the mails.
func (a *Admin) claimNotices(ctx context.Context, domain ID, due []storage.Record) ([]claimedNotice, error) {
	ids, owners := make([]string, len(due)), make([]ID, len(due))
	for i, r := range due {
		ids[i], owners[i] = r.ID, r.Owner
	}
	var claimed []claimedNotice
	err := a.Bookkeep(ctx, domain, func(ctx context.Context, w *Writer) error {
		claimed = nil
		found, err := notices.GetMany(ctx, w, domain, ids...)
		if err != nil {
			return err
		}
		users, err := w.Users(ctx, domain, unique(owners))
		if err != nil {
			return err
		}
		ds, err := w.Domains(ctx, []ID{domain})
		if err != nil || len(ds) == 0 {
			return err
		}
		set, _ := SettingsOf(ds[0]) // what cannot be read has no default language
		byID := make(map[ID]*User, len(users))
		for i := range users {
			byID[users[i].ID] = &users[i]
		}
		var put, gone []*Entry[notice]
		var aside []storage.Write[storage.Record]
		for _, id := range ids {
			e, ok := found[id]
			if !ok || !isDue(e.Due, w.now, noticeQuiet) {
				continue
			}
			switch u := byID[e.Owner]; {
			case e.Damaged != nil:
				a.o.Logger.WarnContext(ctx, "a notice cannot be read and is put aside", "domain", domain, "user", e.Owner, "error", e.Damaged)
				aside = append(aside, e.aside(time.Time{}))
			case u == nil || e.Value.Sent:
				gone = append(gone, &e)
			default:
				e.Value.Tries++
				e.Due = w.now.Add(noticeLease)
				put = append(put, &e)
			}
		}
		if err := notices.Put(ctx, w, put...); err != nil {
			return err
		}
		if err := notices.Delete(ctx, w, gone...); err != nil {
			return err
		}
		for _, e := range put {
			claimed = append(claimed, claimedNotice{*e, e.Value.mail(e.ID, byID[e.Owner], ds[0].Name, a.Speak(&set, byID[e.Owner]))})
		}
		return w.PutRecords(ctx, aside)
	})
	return claimed, err
}

func (n *notice) mail(record string, u *User, domain string, words *texts.Printer) Mail {
	id := strings.NewReplacer(".", "-").Replace(record)
	id = fmt.Sprintf("notice-%s-%d", id, n.At.UnixMilli())
	key := "notice." + string(n.What)
	return Mail{ID: id, To: n.To, Subject: words.Sprintf("notice.subject", words.Sprintf(key), domain),
		Text: words.Sprintf("notice.text", cmp.Or(n.Name, u.DisplayName), words.Sprintf(key+"_text"), words.Time(n.At), domain)}
}

// sendNotice hands one mail over and writes down what became of it.
func (a *Admin) sendNotice(ctx context.Context, domain ID, c *claimedNotice) (sent bool, err error) {
	if ctx.Err() != nil || !a.Now().Before(c.Due.Add(-noticeLease/2)) {
		return false, nil // the lease takes it back
	}
	n := &c.Value
	err = a.SendMail(ctx, c.mail)
	if err != nil {
		a.o.Logger.WarnContext(ctx, "notice not sent", "domain", domain, "user", c.Owner, "notice", n.What, "try", n.Tries, "error", err)
	}
	sent = err == nil || errors.Is(err, ErrMailUnknown)
	settled := sent || errors.Is(err, ErrMailRefused) || errors.Is(err, ErrInvalid) || n.Tries >= maxTries
	err = a.Bookkeep(context.WithoutCancel(ctx), domain, func(ctx context.Context, w *Writer) error {
		e := c.Entry
		var err error
		switch { // who was faster has the lease now
		case settled && n.What != NoticeLock:
			_, err = notices.TryDelete(ctx, w, &e)
			return err
		case settled:
			e.Value.Sent, e.Due = true, w.now.Add(noticeQuiet)
		default:
			e.Due = w.now.Add(time.Minute << n.Tries)
		}
		_, err = notices.TryPut(ctx, w, &e)
		return err
	})
	if errors.Is(err, ErrCommitUnknown) {
		err = nil // at worst it is sent again
	}
	return sent, err
}
