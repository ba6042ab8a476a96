package chatadmin

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// InvitationState is how far an invitation has come.
type InvitationState string

const (
	InvitationQueued  InvitationState = "queued"  // SendInvitations will send it
	InvitationSending InvitationState = "sending" // handed over; stays so if the process died just then, and is never sent again by itself
	InvitationSent    InvitationState = "sent"
	InvitationFailed  InvitationState = "failed" // refused for good
	InvitationUsed    InvitationState = "used"   // the user has set a password by its link

	invitationEnded InvitationState = "ended" // looks as if there were none, but remembers its release
)

// Invitation asks a pending user by mail to come in. There is at most one for each user.
type Invitation struct {
	Version int             `json:"v"`
	State   InvitationState `json:"state"`
	Release string          `json:"release,omitempty"` // why it was queued: the same release never invites a user twice
	Hash    []byte          `json:"hash,omitempty"`    // of the link's token
	Expires time.Time       `json:"expires,omitzero"`
	Tries   int             `json:"tries,omitempty"`
	Mailed  int             `json:"mailed,omitempty"` // how many of its mails went out while a further one is to be tried again
	Series  string          `json:"series,omitempty"` // makes the IDs of mails without a link, which are the same at each try
	Claim   ID              `json:"claim,omitempty"`  // of who is setting a password by the link just now
	Claimed time.Time       `json:"claimed,omitzero"`
}

const (
	invitationKind = "invitation"
	// PurposeInvitation is for what the token of an invitation's link is hashed.
	PurposeInvitation = "invitation"
	inviteBatch       = 50 // mails between two transactions: so many at most are in doubt after a crash
	maxTries          = 8
	longestRetry      = time.Minute << maxTries // until an invitation is tried again
)

func invitationKey(domain, user ID) Key {
	return Key{Kind: invitationKind, Domain: domain, ID: string(user)}
}

// QueueInvitations queues invitations for those of at most MaxBatch users who are pending, have access and an e-mail address. Whoever was invited by the same
// release before is not invited again, whatever has become of that invitation since a mail of it was tried; "" invites anew each time. The latest release of each user is remembered. A new
// invitation replaces an open one.
func (w *Work) QueueInvitations(ctx context.Context, users []User, release string) error {
	_, err := w.queueInvitations(ctx, users, release)
	return err
}

func (w *Work) queueInvitations(ctx context.Context, users []User, release string) (int, error) {
	keys := make([]Key, 0, len(users))
	for _, u := range users {
		if u.Status == Pending && u.hasAccess() && u.Email != "" {
			keys = append(keys, invitationKey(w.scope.domain, u.ID))
		}
	}
	if len(keys) == 0 {
		return 0, nil
	}
	before, err := w.Records(ctx, keys)
	if err != nil {
		return 0, err
	}
	was, by := make(map[Key]Rev, len(before)), make(map[Key]string, len(before))
	for _, r := range before {
		inv, err := decodeInvitation(r)
		if err != nil { // it invites nobody: the new one takes its place
			w.scope.admin.o.Logger.WarnContext(ctx, "an invitation cannot be read and is replaced", "domain", w.scope.domain, "user", r.ID, "error", err)
		}
		was[r.Key], by[r.Key] = r.Rev, inv.Release
	}
	var changes []Change[Record]
	for _, k := range keys {
		if release != "" && by[k] == release {
			continue
		}
		rec, err := Invitation{Version: 1, State: InvitationQueued, Release: cmp.Or(release, by[k])}.record(Record{Key: k, Owner: ID(k.ID)}, w.now)
		if err != nil {
			return 0, err
		}
		changes = append(changes, Change[Record]{Row: rec, Was: was[k]})
	}
	return len(changes), w.PutRecords(ctx, changes)
}

// endLinks ends the links of users. For those in all, who have lost access or
// changed their address, the invitation ends with its link. For the others an
// invitation that waits to be sent gets a link then, and one whose link sets a
// password just now is used up by it.
func (w *Work) endLinks(ctx context.Context, users []ID, all map[ID]bool) error {
	if len(users) == 0 {
		return nil
	}
	keys := make([]Key, len(users))
	for i, id := range users {
		keys[i] = invitationKey(w.scope.domain, id)
	}
	rs, err := w.Records(ctx, keys)
	if err != nil {
		return err
	}
	var changes []Change[Record]
	for _, r := range rs {
		end := w.endLink
		if all[ID(r.ID)] {
			end = endInvitation
		}
		c, err := end(r)
		if err != nil {
			return err
		}
		if c.Delete || !bytes.Equal(c.Row.Data, r.Data) {
			changes = append(changes, c)
		}
	}
	return w.PutRecords(ctx, changes)
}

// endLink ends the link of an invitation alone.
func (w *Work) endLink(r Record) (Change[Record], error) {
	inv, err := decodeInvitation(r)
	switch {
	case err != nil:
		return endInvitation(r)
	case len(inv.Hash) == 0:
		return Change[Record]{Row: r}, nil // there is none
	case inv.State == InvitationQueued:
		inv.Hash = nil
	case inv.Claim != "" && lasts(inv.Claimed, claimLife, w.now):
		inv.State, inv.Hash = InvitationUsed, nil
	default:
		return endInvitation(r)
	}
	rec, err := inv.record(r, r.Due)
	return Change[Record]{Row: rec, Was: r.Rev}, err
}

// endInvitation deletes an invitation, or leaves of it what keeps its release from inviting the user twice.
func endInvitation(r Record) (Change[Record], error) {
	inv, err := decodeInvitation(r)
	if untried := inv.State == InvitationQueued && inv.Tries == 0 && inv.Mailed == 0; err != nil || inv.Release == "" || untried {
		return Change[Record]{Row: r, Was: r.Rev, Delete: true}, nil
	}
	rec, err := Invitation{Version: 1, State: invitationEnded, Release: inv.Release}.record(r, time.Time{})
	return Change[Record]{Row: rec, Was: r.Rev}, err
}

func decodeInvitation(r Record) (Invitation, error) {
	var inv Invitation
	if err := json.Unmarshal(r.Data, &inv); err != nil {
		return Invitation{}, fmt.Errorf("invitation of user %s: %w", r.ID, err)
	}
	return inv, nil
}

// Invitation reads the invitation of a user. It needs PermUsersRead.
func (s *Scope) Invitation(ctx context.Context, user ID) (Invitation, error) {
	_, _, _, role, err := s.authorize(ctx, s.admin.store, PermUsersRead)
	if err == nil {
		err = s.seen(ctx, role, user)
	}
	if err != nil {
		return Invitation{}, err
	}
	rs, err := s.admin.store.Records(ctx, []Key{invitationKey(s.domain, user)})
	r, err := one(rs, err, "invitation of user", string(user))
	if err != nil {
		return Invitation{}, err
	}
	inv, err := decodeInvitation(r)
	if err == nil && inv.State == invitationEnded {
		_, err = one[Record](nil, nil, "invitation of user", string(user))
		return Invitation{}, err
	}
	return inv, err
}

// SendInvitations sends the queued invitations of a domain through Options.Mailer and returns to how many users it sent. Each is marked before it is handed over, so that no
// crash sends it twice; one in flight at a crash stays InvitationSending. What the mail server refuses for now is tried again later, up to 8 times. Call it from a
// worker of the host, or after whatever queues invitations. Without a Mailer it does nothing, and nothing as long as the domain is not active: what is queued waits.
func (a *Admin) SendInvitations(ctx context.Context, domain ID) (int, error) {
	if a.o.Mailer == nil {
		return 0, nil
	}
	s, total := a.AsHost(domain), 0
	for {
		due, err := dueRecords(ctx, a.store, RecordQuery{Kind: invitationKind, Domain: domain}, a.Now(), longestRetry, inviteBatch)
		if err != nil || len(due) == 0 {
			return total, err
		}
		claimed, err := s.claimInvitations(ctx, recordIDs(due))
		if errors.Is(err, ErrBusy) || errors.Is(err, ErrSuspended) {
			return total, nil // another worker is at it; or nobody could come in, for now
		}
		if err != nil {
			return total, err
		}
		sent, err := s.sendInvitations(ctx, claimed)
		if total += sent; err != nil {
			return total, err
		}
	}
}

// letter is an invitation that this worker alone may send.
type letter struct {
	rec   Record
	inv   Invitation
	due   time.Time // before it was claimed
	mails []Mail
}

// claimInvitations marks invitations as being sent and composes the mails. Those of users who cannot come in any more are dropped, and those that cannot be read
// are put aside, so that they do not keep the others from being sent.
func (s *Scope) claimInvitations(ctx context.Context, due []ID) ([]letter, error) {
	tokens, keys := make(map[string]Token, len(due)), make([]Key, len(due))
	for i, id := range due {
		t, err := s.admin.NewToken(s.domain, id)
		if err != nil {
			return nil, err
		}
		tokens[string(id)], keys[i] = t, invitationKey(s.domain, id)
	}
	var letters []letter
	err := s.Change(ctx, Op{Kind: KindUserInvite, Fence: Shared, Targets: due}, func(ctx context.Context, w *Work) error {
		letters = nil
		if w.Settings.State != DomainActive {
			return ErrSuspended
		}
		queued, err := w.Records(ctx, keys) // anew: one that was ended or claimed since it was listed must not hold up the others
		if err != nil {
			return err
		}
		slices.SortFunc(queued, func(a, b Record) int { return a.Due.Compare(b.Due) }) // who was passed over last time goes first
		users, err := w.Users(ctx, s.domain, due)
		if err != nil {
			return err
		}
		byID := make(map[ID]User, len(users))
		for _, u := range users {
			byID[u.ID] = u
		}
		var changes []Change[Record]
		var invited []ID
		for _, r := range queued {
			if !isDue(r.Due, w.now, longestRetry) {
				continue
			}
			u, ok := byID[ID(r.ID)]
			if !ok || u.Status != Pending || !u.hasAccess() || u.Email == "" {
				c, err := endInvitation(r)
				if err != nil {
					return err
				}
				changes = append(changes, c)
				continue
			}
			inv, err := decodeInvitation(r)
			if err != nil {
				s.admin.o.Logger.ErrorContext(ctx, "an invitation cannot be read and is put aside: send the user a new one", "domain", s.domain, "user", r.ID, "error", err)
				r.Due = time.Time{}
				changes = append(changes, Change[Record]{Row: r, Was: r.Rev})
				continue
			}
			l, err := w.letter(r, inv, u, tokens[r.ID])
			if err != nil {
				return err
			}
			changes = append(changes, Change[Record]{Row: l.rec, Was: r.Rev})
			letters = append(letters, l)
			invited = append(invited, u.ID)
		}
		if err := w.PutRecords(ctx, changes); err != nil {
			return err
		}
		for i := range letters { // PutRecords has set the revisions
			for _, c := range changes {
				if c.Row.Key == letters[i].rec.Key {
					letters[i].rec = c.Row
				}
			}
		}
		if len(invited) > 0 {
			w.Record(KindUserInvite, invited, nil, nil)
		}
		return nil
	})
	return letters, err
}

func recordIDs(rs []Record) []ID {
	ids := make([]ID, len(rs))
	for i, r := range rs {
		ids[i] = ID(r.ID)
	}
	return ids
}

func (w *Work) letter(r Record, inv Invitation, u User, t Token) (l letter, err error) {
	inv.State, inv.Hash, inv.Expires = InvitationSending, t.Hash(PurposeInvitation), w.now.Add(w.scope.admin.o.InvitationLife)
	inv.Tries++
	id := fmt.Sprintf("invitation-%x", t.Hash("message-id")[:12])
	inv.Series = cmp.Or(inv.Series, id)
	l = letter{inv: inv, due: r.Due, mails: w.invitationMails(u, t, inv, id)}
	l.rec, err = inv.record(r, time.Time{})
	return l, err
}

// record is r with the invitation written into it, due again at the given time.
func (inv Invitation) record(r Record, due time.Time) (Record, error) {
	data, err := json.Marshal(inv)
	r.Data, r.Due = data, due
	return r, err
}

// invitationMails are the mails of an invitation. The last one has the link; its ID is new with each link, those of the others stay.
func (w *Work) invitationMails(u User, t Token, inv Invitation, id string) []Mail {
	name, until := w.Domain.Name, inv.Expires.Format("2 January 2006, 15:04 MST")
	link := w.scope.admin.Link("activate", t)
	if !w.Settings.Login.SeparateMails {
		return []Mail{{ID: id, To: u.Email, Subject: "You are invited to " + name,
			Text: fmt.Sprintf("Hello %s,\n\nyou are invited to join %s. Your login is %s.\n\nFollow this link to come in (it works once, until %s):\n\n%s\n", u.DisplayName, name, u.Login, until, link)}}
	}
	return []Mail{
		{ID: inv.Series + "-1", To: u.Email, Subject: "Your username for " + name,
			Text: fmt.Sprintf("Hello %s,\n\nan account was created for you in %s. Your username is:\n\n%s\n\nA second mail brings the link by which you set your password.\n", u.DisplayName, name, u.Login)},
		{ID: id + "-2", To: u.Email, Subject: "Activate your account for " + name,
			Text: fmt.Sprintf("Hello %s,\n\nfollow this link to activate your account and to set your password (it works once, until %s):\n\n%s\n", u.DisplayName, until, link)},
	}
}

// sendInvitations hands the mails over and writes down what became of them, even if ctx ends meanwhile: then what was not handed over is queued again as it was.
func (s *Scope) sendInvitations(ctx context.Context, letters []letter) (sent int, err error) {
	changes := make([]Change[Record], 0, len(letters))
	for _, l := range letters {
		var due time.Time
		known := true
		if ctx.Err() != nil {
			l.inv.State, due = InvitationQueued, l.due
			l.inv.Tries--
		} else if due, known = s.sendInvitation(ctx, &l); l.inv.State == InvitationSent {
			sent++
		}
		if !known {
			continue // stays InvitationSending
		}
		rec, err := l.inv.record(l.rec, due)
		if err != nil {
			return sent, err
		}
		changes = append(changes, Change[Record]{Row: rec, Was: l.rec.Rev})
	}
	return sent, errors.Join(s.settle(context.WithoutCancel(ctx), changes), ctx.Err())
}

// sendInvitation hands over the mails of one invitation and says what has become of it: when it is due again, and whether that is known at all.
func (s *Scope) sendInvitation(ctx context.Context, l *letter) (due time.Time, known bool) {
	var err error
	for _, m := range l.mails[min(l.inv.Mailed, len(l.mails)-1):] { // the link goes whatever the record says
		if err = s.admin.SendMail(ctx, m); err != nil {
			break
		}
		l.inv.Mailed++
	}
	if err == nil {
		l.inv.State = InvitationSent
		return due, true
	}
	s.admin.o.Logger.WarnContext(ctx, "invitation not sent", "domain", s.domain, "user", l.rec.ID, "try", l.inv.Tries, "error", err)
	switch {
	case errors.Is(err, ErrMailUnknown):
		return due, false
	case errors.Is(err, ErrMailRefused), errors.Is(err, ErrInvalid), l.inv.Tries >= maxTries:
		l.inv.State = InvitationFailed
	default:
		l.inv.State, due = InvitationQueued, s.admin.Now().Add(time.Minute<<l.inv.Tries)
	}
	return due, true
}

// settle writes down what has become of invitations. It does not give up at once, since nobody sends again what stays InvitationSending. One that changed meanwhile was ended or queued
// anew, or written down already: that counts.
func (s *Scope) settle(ctx context.Context, changes []Change[Record]) (err error) {
	now := s.admin.Now()
	for range maxTries {
		err = s.admin.store.Update(ctx, Fence{}, func(ctx context.Context, tx Tx) error {
			for i := range changes {
				var err error
				if changes[i].Row.Rev, err = s.admin.nextRev(changes[i].Was, now); err != nil {
					return err
				}
			}
			_, err := tx.ChangeRecords(ctx, changes)
			return err
		})
		if !errors.Is(err, ErrCommitUnknown) && !errors.Is(err, ErrBusy) {
			break
		}
	}
	return err
}

// SendMail checks a mail and hands it to Options.Mailer; without one the mail is dropped.
func (a *Admin) SendMail(ctx context.Context, m Mail) error {
	if err := m.Check(); err != nil {
		return err
	}
	if a.o.Mailer == nil {
		return nil
	}
	return a.o.Mailer.Send(ctx, m)
}
