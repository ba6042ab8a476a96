package chatadmin

import (
	"context"
	"errors"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin/storage"
)

// claimLife is how long setting a password may take. A link that was claimed by
// a process that died works again afterwards.
const claimLife = time.Minute

// Invited returns whom the token of an invitation's link belongs to, for the
// page on which they set their password. It changes nothing: mail scanners
// follow links too. A token that does not work is ErrLink, ErrLinkExpired or,
// where it is none, ErrInvalid.
func (a *Admin) Invited(ctx context.Context, token string) (User, error) {
	t, err := ParseToken(token)
	if err != nil {
		return User{}, err
	}
	ds, err := a.store.Domains(ctx, []ID{t.Domain})
	if err != nil || len(ds) == 0 {
		return User{}, errors.Join(err, ErrLink)
	}
	set, err := SettingsOf(ds[0])
	if err != nil {
		return User{}, err
	}
	u, _, err := invited(ctx, a.store, &set, t, a.linkAge(a.Now()), Pending)
	return u, err
}

// linkAge tells which links have expired at a time; the zero linkAge lets all
// of them work.
type linkAge struct{ now, latest time.Time }

func (a *Admin) linkAge(now time.Time) linkAge {
	return linkAge{now, now.Add(a.o.InvitationLife + linkSkew)}
}

// linkSkew is how much later than now allows a link may expire. One that
// expires later still was made by a clock that was wrong, or when links lived
// longer, and nobody knows for how long it has been around.
const linkSkew = 24 * time.Hour

func (a linkAge) over(expires time.Time) bool {
	return !a.now.IsZero() && (!a.now.Before(expires) || expires.After(a.latest))
}

// invited finds the user, who must be in one of some states, and the invitation
// that a token belongs to.
func invited(ctx context.Context, r storage.Reader, set *Settings, t Token, age linkAge, in ...Status) (User, Entry[Invitation], error) {
	fail := func(err error) (User, Entry[Invitation], error) { return User{}, Entry[Invitation]{}, err }
	e, err := invitations.Get(ctx, r, t.Domain, string(t.Subject))
	if err != nil && e.Damaged == nil && !errors.Is(err, ErrNotFound) {
		return fail(err)
	}
	us, err := r.Users(ctx, t.Domain, []ID{t.Subject})
	if err != nil {
		return fail(err)
	}
	// An invitation that cannot be read looks like one that was never sent.
	if !e.Stored() || e.Damaged != nil || len(us) == 0 || !slices.Contains(in, us[0].Status) || !us[0].HasAccess() || set.State != DomainActive {
		return fail(ErrLink)
	}
	switch {
	case !t.Matches(purposeInvitation, e.Value.Hash):
		return fail(ErrLink)
	case age.over(e.Value.Expires):
		return fail(ErrLinkExpired)
	}
	return us[0], e, nil
}

// AcceptInvitation lets the user to whom the token of an invitation's link
// belongs set their first password, by a function of the host, and returns the
// user. Nothing else uses the link up. Of many calls at once one runs
// setPassword; the others are ErrLinkBusy or ErrLink. If setPassword fails the
// link goes on working. It has a minute; its own store need not know of this
// one: if the process dies or the store fails after it, the link works again in
// a minute, and the password is set once more. Only the host can call it.
func (a *Admin) AcceptInvitation(ctx context.Context, token string, setPassword func(context.Context, User) error) (User, error) {
	if err := a.alone("an invitation cannot be accepted"); err != nil {
		return User{}, err
	}
	if setPassword == nil {
		return User{}, missing("a function that sets the password")
	}
	t, err := ParseToken(token)
	if err != nil {
		return User{}, err
	}
	s, claim := a.As(t.Domain, t.Subject), a.NewID()
	u, err := s.claimInvitation(ctx, t, claim)
	if err != nil {
		return User{}, err
	}
	// Whoever asks may hang up: a password that was set all the same, in its
	// minute, has used the link up, and that is written down.
	minute, end := context.WithTimeout(context.WithoutCancel(ctx), claimLife)
	defer end()
	setting, cancel := context.WithTimeout(ctx, claimLife)
	defer cancel()
	setErr := setPassword(setting, u)
	if setErr == nil {
		setErr = minute.Err() // it came too late: another call may have the link
	}
	err = s.endClaim(context.WithoutCancel(ctx), t, claim, setErr == nil)
	if setErr != nil {
		return User{}, setErr
	}
	if err != nil {
		return User{}, err
	}
	return u, nil
}

// claimInvitation makes sure that nobody else uses the link at the same time.
func (s *Scope) claimInvitation(ctx context.Context, t Token, claim ID) (User, error) {
	var u User
	err := s.Change(ctx, Op{Kind: KindUserAccept, Fence: storage.Shared, Targets: []ID{t.Subject}}, func(ctx context.Context, w *Writer) error {
		user, e, err := invited(ctx, w, &w.Settings, t, s.admin.linkAge(w.now), Pending)
		if err != nil {
			return err
		}
		inv := &e.Value
		if u = user; inv.Claim == claim { // the commit was kept without being confirmed
			return nil
		}
		if inv.Claim != "" && lasts(inv.Claimed, claimLife, w.now) {
			return ErrLinkBusy
		}
		inv.Claim, inv.Claimed = claim, w.now
		return invitations.Put(ctx, w, &e)
	})
	return u, linkError(err)
}

// linkError makes a user or domain that is not there, or lets nobody in, look
// like a link that was never sent.
func linkError(err error) error {
	if errors.Is(err, ErrVetoed) {
		return err
	}
	if errors.Is(err, ErrNotFound) && !errors.Is(err, ErrLinkExpired) || errors.Is(err, ErrForbidden) || errors.Is(err, ErrSuspended) {
		return ErrLink
	}
	return err
}

// endClaim uses the link up, or lets it go on working.
func (s *Scope) endClaim(ctx context.Context, t Token, claim ID, used bool) error {
	return linkError(s.Change(ctx, Op{Kind: KindUserAccept, Fence: storage.Shared, Targets: []ID{t.Subject}}, func(ctx context.Context, w *Writer) error {
		e, ended, err := w.claimed(ctx, t, claim)
		if err != nil {
			return err
		}
		inv := &e.Value
		began := inv.Claimed
		inv.Claim, inv.Claimed = "", time.Time{}
		if used {
			inv.State, inv.Hash = InvitationUsed, nil
		}
		if err := invitations.Put(ctx, w, &e); err != nil || !used {
			return err
		}
		if !ended {
			// the host keeps passwords itself; whom it has signed in since
			// stays so
			if err := w.End(ctx, CausePassword, began, t.Subject); err != nil {
				return err
			}
		}
		w.Audit(KindUserAccept, []ID{t.Subject}, nil, nil)
		return nil
	}))
}

// claimed finds the invitation whose link a claim is about to use up. ended
// reports that setting the password has done that already, and has ended what
// goes with it.
func (w *Writer) claimed(ctx context.Context, t Token, claim ID) (e Entry[Invitation], ended bool, err error) {
	e, err = invitations.Get(ctx, w, t.Domain, string(t.Subject))
	switch {
	case err == nil && e.Value.State == InvitationUsed && e.Value.Claim == claim:
		return e, true, nil
	case err != nil && e.Damaged == nil && !errors.Is(err, ErrNotFound):
		return e, false, err
	}
	// Setting the password was begun in time, even if the link has expired
	// since, and may have signed the user in.
	_, e, err = invited(ctx, w, &w.Settings, t, linkAge{}, Pending, Active)
	if err == nil && e.Value.Claim != claim {
		err = ErrLinkBusy
	}
	return e, false, err
}
