package chatadmin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

const (
	resendPause = time.Minute // between two links to one user
	resendDay   = 5           // links to one user in 24 hours
)

// resends is when a user was sent a new link lately.
type resends struct {
	At []time.Time `json:"at"`
}

var resent = RecordKind[resends]{Name: "resend", Need: PermUsersEdit}

// ResendInvitation queues a new invitation for a pending user, with a new
// activation link; the old link is dead at once. It needs PermUsersEdit. A user
// is sent one link a minute and five in 24 hours at most, whoever asks;
// ErrThrottled is returned beyond that. ErrTransition is returned if the user
// has signed in already, has no access, or has no e-mail address.
func (s *Scope) ResendInvitation(ctx context.Context, user ID) error {
	return s.Change(ctx, Op{Kind: KindUserResend, Need: PermUsersEdit, Fence: storage.Shared, Targets: []ID{user}}, func(ctx context.Context, w *Writer) error {
		us, err := w.usersInOrder(ctx, []ID{user})
		if err != nil {
			return err
		}
		u := &us[0]
		if err := w.MayActOn(u); err != nil {
			return err
		}
		refuse := func(why, key string) error {
			return texts.Explain(fmt.Errorf("user %q %s: %w", Cut(u.Login), why, ErrTransition), key, Cut(u.Login))
		}
		switch {
		case u.Status == Active:
			return refuse("has signed in already and needs no activation link", "why.user_signed_in")
		case !u.HasAccess():
			return refuse("has no access: activate the user or grant access first", "why.user_no_access")
		}
		if err := w.throttle(ctx, u); err != nil {
			return err
		}
		if n, err := w.queueInvitations(ctx, us, ""); err != nil {
			return err
		} else if n == 0 {
			return refuse("has no e-mail address: add one first", "why.user_no_email")
		}
		w.Audit(KindUserResend, []ID{user}, nil, nil)
		return nil
	})
}

// throttle counts one more link to a user.
func (w *Writer) throttle(ctx context.Context, u *User) error {
	e, err := resent.Get(ctx, w, w.scope.domain, string(u.ID))
	if err != nil && e.Damaged == nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	e.Owner = u.ID
	if err := w.countResend(ctx, u, &e); err != nil {
		return err
	}
	return resent.Put(ctx, w, &e)
}

// countResend counts one more link in the entry of a user, or returns
// ErrThrottled. Where the entry cannot be read counting begins anew: else the
// user could never be sent a link again.
func (w *Writer) countResend(ctx context.Context, u *User, e *Entry[resends]) error {
	if e.Damaged != nil {
		w.scope.admin.o.Logger.WarnContext(ctx, "when a user was sent links cannot be read: counting begins anew",
			"domain", w.scope.domain, "user", u.ID, "error", e.Damaged)
	}
	sent := &e.Value
	sent.At = slices.DeleteFunc(sent.At, func(at time.Time) bool { // over, or from a clock that was wrong
		return !w.now.Before(at.Add(24*time.Hour)) || at.After(w.now.Add(resendPause))
	})
	if n := len(sent.At); n > 0 {
		next := sent.At[n-1].Add(resendPause)
		if n >= resendDay {
			next = sent.At[n-resendDay].Add(24 * time.Hour)
		}
		if w.now.Before(next) {
			err := fmt.Errorf("user %q was sent a link at %s; the next one can go out at %s: %w", Cut(u.Login),
				sent.At[n-1].Format("15:04"), next.Format("2 January 2006, 15:04 MST"), ErrThrottled)
			return texts.Explain(err, "why.link_wait", Cut(u.Login), sent.At[n-1], next)
		}
	}
	sent.At = append(sent.At, w.now)
	return nil
}
