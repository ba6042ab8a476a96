package chatadmin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin/storage"
)

// InvitationState is how far an invitation has come.
type InvitationState string

const (
	InvitationQueued InvitationState = "queued" // SendInvitations will send it
	// handed over; stays so if the process died just then, and is never sent
	// again by itself
	InvitationSending InvitationState = "sending"
	InvitationSent    InvitationState = "sent"
	InvitationFailed  InvitationState = "failed" // refused for good
	InvitationUsed    InvitationState = "used"   // the user has set a password by its link

	// The states that no invitation has by itself. InvitationNone is that of a
	// user who was never invited, or whose invitation ended or was revoked;
	// InvitationExpired is that of an invitation whose link has expired.
	InvitationNone    InvitationState = "none"
	InvitationExpired InvitationState = "expired"

	invitationEnded InvitationState = "ended" // looks as if there were none, but remembers its release
)

// Invitation asks a pending user by mail to come in. There is at most one for
// each user.
type Invitation struct {
	State InvitationState `json:"state"`
	// why it was queued: the same release never invites a user twice
	Release string    `json:"release,omitempty"`
	Hash    []byte    `json:"hash,omitempty"` // of the link's token
	Expires time.Time `json:"expires,omitzero"`
	Tries   int       `json:"tries,omitempty"`
	// how many of its mails went out while a further one is to be tried again
	Mailed int `json:"mailed,omitempty"`
	// makes the IDs of mails without a link, which are the same at each try
	Series  string    `json:"series,omitempty"`
	Claim   ID        `json:"claim,omitempty"` // of who is setting a password by the link just now
	Claimed time.Time `json:"claimed,omitzero"`
}

// invitations are the records of invitations, under the ID of the user who owns
// them. One that cannot be read invites nobody, and is replaced by the next.
var invitations = RecordKind[Invitation]{Name: "invitation", Need: PermUsersEdit, Check: func(inv *Invitation) error {
	switch inv.State {
	case InvitationQueued, InvitationSending, InvitationSent, InvitationFailed, InvitationUsed, invitationEnded:
		return nil
	}
	return errors.New("it has no known state")
}}

const (
	// purposeInvitation is for what the token of an invitation's link is
	// hashed.
	purposeInvitation = "invitation"
	// mails between two transactions: so many at most are in doubt after a
	// crash
	inviteBatch  = 50
	maxTries     = 8
	longestRetry = time.Minute << maxTries // until an invitation is tried again
)

// QueueInvitations queues invitations for those of at most MaxBatch users who
// are pending, have access and an e-mail address. Whoever was invited by the
// same release before is not invited again, whatever has become of that
// invitation since a mail of it was tried; "" invites anew each time. The
// latest release of each user is remembered. A new invitation replaces an open
// one.
func (w *Writer) QueueInvitations(ctx context.Context, users []User, release string) error {
	_, err := w.queueInvitations(ctx, users, release)
	return err
}

func (w *Writer) queueInvitations(ctx context.Context, users []User, release string) (int, error) {
	others := 0
	for _, f := range w.scope.admin.onInvite {
		rest, n, err := f(ctx, w, users, release)
		if err != nil {
			return 0, err
		}
		users, others = rest, others+n
	}
	ids := make([]string, 0, len(users))
	for _, u := range users {
		if u.Status == Pending && u.HasAccess() && u.Email != "" {
			ids = append(ids, string(u.ID))
		}
	}
	before, err := w.invitations(ctx, ids...)
	if err != nil {
		return 0, err
	}
	var queued []*Entry[Invitation]
	for _, id := range ids {
		e, ok := before[id]
		if !ok {
			e = invitations.New(w.scope.domain, id, ID(id), Invitation{})
		}
		if release != "" && e.Value.Release == release {
			continue
		}
		e.Value = Invitation{State: InvitationQueued, Release: cmp.Or(release, e.Value.Release)}
		e.Due = w.now
		queued = append(queued, &e)
	}
	return others + len(queued), invitations.Put(ctx, w, queued...)
}

// invitations reads the invitations of users. It logs what cannot be read.
func (w *Writer) invitations(ctx context.Context, ids ...string) (map[string]Entry[Invitation], error) {
	found, err := invitations.GetMany(ctx, w, w.scope.domain, ids...)
	for id, e := range found {
		if e.Damaged != nil {
			w.scope.admin.o.Logger.WarnContext(ctx, "an invitation cannot be read, and invites nobody", "domain", w.scope.domain, "user", id, "error", e.Damaged)
		}
	}
	return found, err
}

// endLinks ends the links of users. For those in all, who have lost access or
// changed their address, the invitation ends with its link. For the others an
// invitation that waits to be sent gets a link then, and one whose link sets a
// password just now is used up by it.
func (w *Writer) endLinks(ctx context.Context, users []ID, all map[ID]bool) error {
	if len(users) == 0 {
		return nil
	}
	ids := make([]string, len(users))
	for i, id := range users {
		ids[i] = string(id)
	}
	found, err := w.invitations(ctx, ids...)
	if err != nil {
		return err
	}
	var put, gone []*Entry[Invitation]
	for _, e := range found {
		end := w.endLink
		if all[ID(e.ID)] {
			end = endInvitation
		}
		switch end(&e) {
		case entryChanged:
			put = append(put, &e)
		case entryGone:
			gone = append(gone, &e)
		}
	}
	if err := invitations.Put(ctx, w, put...); err != nil {
		return err
	}
	return invitations.Delete(ctx, w, gone...)
}

// What becomes of an entry that ends.
type entryEnd uint8

const (
	entryStays entryEnd = iota
	entryChanged
	entryGone
)

// endLink ends the link of an invitation alone.
func (w *Writer) endLink(e *Entry[Invitation]) entryEnd {
	inv := &e.Value
	switch {
	case e.Damaged != nil:
		return entryGone
	case len(inv.Hash) == 0:
		return entryStays // there is none
	case inv.State == InvitationQueued:
		inv.Hash = nil
	case inv.Claim != "" && lasts(inv.Claimed, claimLife, w.now):
		inv.State, inv.Hash = InvitationUsed, nil
	default:
		return endInvitation(e)
	}
	return entryChanged
}

// endInvitation deletes an invitation, or leaves of it what keeps its release
// from inviting the user twice.
func endInvitation(e *Entry[Invitation]) entryEnd {
	inv := &e.Value
	untried := inv.State == InvitationQueued && inv.Tries == 0 && inv.Mailed == 0
	switch {
	case e.Damaged != nil || inv.Release == "" || untried:
		return entryGone
	case inv.State == invitationEnded:
		return entryStays
	}
	e.Value, e.Due = Invitation{State: invitationEnded, Release: inv.Release}, time.Time{}
	return entryChanged
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
	e, err := invitations.Get(ctx, s.admin.store, s.domain, string(user))
	if err == nil && e.Value.State == invitationEnded {
		_, err = one[Invitation](nil, nil, invitations.Name, string(user))
	}
	if err != nil {
		return Invitation{}, err
	}
	return e.Value, nil
}

// SendInvitations sends the queued invitations of a domain through
// Options.Mailer and returns to how many users it sent. Each is marked before
// it is handed over, so that no crash sends it twice; one in flight at a crash
// stays InvitationSending. What the mail server refuses for now is tried again
// later, up to 8 times. Call it from a worker of the host, or after whatever
// queues invitations. Without a Mailer it does nothing, and nothing as long as
// the domain is not active: what is queued waits.
func (a *Admin) SendInvitations(ctx context.Context, domain ID) (int, error) {
	if err := a.alone("mails cannot be sent"); err != nil {
		return 0, err
	}
	if a.o.Mailer == nil {
		return 0, nil
	}
	s, total := a.AsHost(domain), 0
	for {
		due, err := dueRecords(ctx, a.store, storage.RecordQuery{Kind: invitations.Name, Domain: domain}, a.Now(), longestRetry, inviteBatch)
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
	*Entry[Invitation]
	due   time.Time // before it was claimed
	mails []Mail
}

// claimInvitations marks invitations as being sent and composes the mails.
// Those of users who cannot come in any more are dropped, and those that cannot
// be read are put aside, so that they do not keep the others from being sent.
func (s *Scope) claimInvitations(ctx context.Context, due []ID) ([]letter, error) {
	tokens, ids := make(map[string]Token, len(due)), make([]string, len(due))
	for i, id := range due {
		t, err := s.admin.NewToken(s.domain, id)
		if err != nil {
			return nil, err
		}
		tokens[string(id)], ids[i] = t, string(id)
	}
	var letters []letter
	err := s.Change(ctx, Op{Kind: KindUserInvite, Fence: storage.Shared, Targets: due}, func(ctx context.Context, w *Writer) error {
		letters = nil
		if w.Settings.State != DomainActive {
			return ErrSuspended
		}
		// Anew: one that was ended or claimed since it was listed must not hold
		// up the others.
		found, err := invitations.GetMany(ctx, w, s.domain, ids...)
		if err != nil {
			return err
		}
		// Those that were passed over last time go first.
		queued := slices.SortedFunc(maps.Values(found), func(a, b Entry[Invitation]) int {
			return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.ID, b.ID))
		})
		users, err := w.Users(ctx, s.domain, due)
		if err != nil {
			return err
		}
		byID := make(map[ID]User, len(users))
		for _, u := range users {
			byID[u.ID] = u
		}
		var put, gone []*Entry[Invitation]
		var aside []storage.Write[storage.Record]
		var invited []ID
		for i := range queued {
			e := &queued[i]
			if !isDue(e.Due, w.now, longestRetry) {
				continue
			}
			u, ok := byID[ID(e.ID)]
			switch {
			case !ok || u.Status != Pending || !u.HasAccess() || u.Email == "":
				if end := endInvitation(e); end == entryChanged {
					put = append(put, e)
				} else {
					gone = append(gone, e)
				}
			case e.Damaged != nil:
				s.admin.o.Logger.ErrorContext(ctx, "an invitation cannot be read and is put aside: send the user a new one", "domain", s.domain, "user", e.ID, "error", e.Damaged)
				aside = append(aside, e.aside(time.Time{}))
			default:
				letters = append(letters, w.letter(e, u, tokens[e.ID]))
				put = append(put, e)
				invited = append(invited, u.ID)
			}
		}
		if err := invitations.Put(ctx, w, put...); err != nil {
			return err
		}
		if err := invitations.Delete(ctx, w, gone...); err != nil {
			return err
		}
		if err := w.PutRecords(ctx, aside); err != nil {
			return err
		}
		if len(invited) > 0 {
			w.Audit(KindUserInvite, invited, nil, nil)
		}
		return nil
	})
	return letters, err
}

func recordIDs(rs []storage.Record) []ID {
	ids := make([]ID, len(rs))
	for i, r := range rs {
		ids[i] = ID(r.ID)
	}
	return ids
}

// letter writes down that an invitation is being sent, and composes its mails.
func (w *Writer) letter(e *Entry[Invitation], u User, t Token) letter {
	inv, due := &e.Value, e.Due
	inv.State, inv.Hash, inv.Expires = InvitationSending, t.Hash(purposeInvitation), w.now.Add(w.scope.admin.o.InvitationLife)
	inv.Tries++
	id := fmt.Sprintf("invitation-%x", t.Hash("message-id")[:12])
	inv.Series = cmp.Or(inv.Series, id)
	e.Due = time.Time{}
	return letter{e, due, w.invitationMails(u, t, *inv, id)}
}

// invitationMails are the mails of an invitation. The last one has the link;
// its ID is new with each link, those of the others stay.
func (w *Writer) invitationMails(u User, t Token, inv Invitation, id string) []Mail {
	name, link := w.Domain.Name, w.scope.admin.Link("activate", t)
	words := w.scope.admin.Speak(&w.Settings, &u)
	until := words.Time(inv.Expires)
	if !w.Settings.Login.SeparateMails {
		return []Mail{{ID: id, To: u.Email, Subject: words.Sprintf("invite.subject", name),
			Text: words.Sprintf("invite.text", u.DisplayName, name, u.Login, until, link)}}
	}
	return []Mail{
		{ID: inv.Series + "-1", To: u.Email, Subject: words.Sprintf("welcome.subject", name),
			Text: words.Sprintf("welcome.text", u.DisplayName, name, u.Login)},
		{ID: id + "-2", To: u.Email, Subject: words.Sprintf("activate.subject", name),
			Text: words.Sprintf("activate.text", u.DisplayName, until, link)},
	}
}

// sendInvitations hands the mails over and writes down what became of them,
// even if ctx ends meanwhile: then what was not handed over is queued again as
// it was.
func (s *Scope) sendInvitations(ctx context.Context, letters []letter) (sent int, err error) {
	settled := make([]*Entry[Invitation], 0, len(letters))
	for _, l := range letters {
		known := true
		if ctx.Err() != nil {
			l.Value.State, l.Due = InvitationQueued, l.due
			l.Value.Tries--
		} else if known = s.sendInvitation(ctx, &l); l.Value.State == InvitationSent {
			sent++
		}
		if known { // else it stays InvitationSending
			settled = append(settled, l.Entry)
		}
	}
	return sent, errors.Join(s.settle(context.WithoutCancel(ctx), settled), ctx.Err())
}

// sendInvitation hands over the mails of one invitation and sets what has
// become of it. It returns whether that is known.
func (s *Scope) sendInvitation(ctx context.Context, l *letter) (known bool) {
	inv := &l.Value
	var err error
	for _, m := range l.mails[min(inv.Mailed, len(l.mails)-1):] { // the link goes whatever the record says
		if err = s.admin.SendMail(ctx, m); err != nil {
			break
		}
		inv.Mailed++
	}
	if err == nil {
		inv.State = InvitationSent
		return true
	}
	s.admin.o.Logger.WarnContext(ctx, "invitation not sent", "domain", s.domain, "user", l.ID, "try", inv.Tries, "error", err)
	switch {
	case errors.Is(err, ErrMailUnknown):
		return false
	case errors.Is(err, ErrMailRefused), errors.Is(err, ErrInvalid), inv.Tries >= maxTries:
		inv.State = InvitationFailed
	default:
		inv.State, l.Due = InvitationQueued, s.admin.Now().Add(time.Minute<<inv.Tries)
	}
	return true
}

// settle writes down what has become of invitations. It does not give up at
// once, since nobody sends again what stays InvitationSending. One that changed
// meanwhile was ended or queued anew, or written down already: that counts.
func (s *Scope) settle(ctx context.Context, settled []*Entry[Invitation]) (err error) {
	for range maxTries {
		err = s.admin.Bookkeep(ctx, s.domain, func(ctx context.Context, w *Writer) error {
			again := make([]*Entry[Invitation], len(settled))
			for i, e := range settled {
				copied := *e // with the revision that was read, however often this runs
				again[i] = &copied
			}
			_, err := invitations.TryPut(ctx, w, again...)
			return err
		})
		if !errors.Is(err, ErrCommitUnknown) && !errors.Is(err, ErrBusy) {
			break
		}
	}
	return err
}

// SendMail checks a mail and hands it to Options.Mailer; without one the mail
// is dropped.
func (a *Admin) SendMail(ctx context.Context, m Mail) error {
	if err := m.Check(); err != nil {
		return err
	}
	if a.o.Mailer == nil {
		return nil
	}
	return a.o.Mailer.Send(ctx, m)
}
