package twofa

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Service is the two-factor authentication of one Admin. It is safe for many
// goroutines and starts none.
type Service struct {
	admin *chatadmin.Admin
	o     Options

	reseals *chatadmin.Runs[Resealed]
	// domain -> when SendNotices last looked at everything that is put off
	swept sync.Map
}

var _ interface {
	signin.SecondFactor
	chatadmin.TwoFactor
} = (*Service)(nil)

// Options configure a Service. The zero value of each field is a working
// default.
type Options struct {
	// Keys seal the secrets of users. Without them the program signs nobody in,
	// but may look, plan and reset.
	Keys *keyring.Ring
	// Issuer is the name under which authenticator apps show the account;
	// default: the name of the domain. Colons are left out of it.
	Issuer string
	// TrustGrace is for how long the token that a remembered client had before
	// its last rotation still lets it in, without taking its place again: for a
	// form that is submitted twice, or a response that is lost. 0, the default,
	// forgives only uses that overlap; at most a minute.
	TrustGrace time.Duration
}

const (
	codeLife = 10 * time.Minute // of a challenge, and of a code sent by mail
	maxLife  = 30 * time.Minute // of a challenge whose code is sent anew
	// open challenges of a user: a further one takes the place of the oldest
	maxOpen      = 10
	maxTries     = 5  // wrong answers to one challenge
	maxMalformed = 10 // answers to one challenge that cannot be a code
	// wrong answers of a user in a row, over all challenges, before a pause
	maxWrong = 10
	pause    = 15 * time.Minute // the first one; each further one is twice as long
	maxPause = 16 * time.Hour
	// codes sent to a user within mailWindow, over all challenges
	maxMails   = 5
	mailWindow = 15 * time.Minute
	maxText    = 200 // bytes of a device, client or method
	// clients of a user: a further one takes the place of the oldest
	maxRemembered = 20
)

var (
	// ErrTooMany is returned if a user asked for too many codes or gave too
	// many wrong ones. It passes with time.
	ErrTooMany = chatadmin.ErrLimited.New("too_many_codes", "too many codes, try again later")
	// ErrNoAddress is returned if the user has no e-mail address for a code. An
	// administrator adds one, or chooses another mode.
	ErrNoAddress = chatadmin.ErrState.New("no_address", "the user has no e-mail address for a code")
	// ErrNoKeys is returned by a Service without a key ring if a secret is
	// needed.
	ErrNoKeys = chatadmin.ErrUnavailable.New("no_keys", "this program has no key ring for two-factor secrets")
	// ErrNoMailer is found in the BlockedError of a mode that sends codes by
	// mail, in a program that has no chatadmin.Options.Mailer.
	ErrNoMailer = chatadmin.ErrUnavailable.New("no_mailer", "this program has no Mailer")
	// ErrNotEnrolled is returned if the user has no authenticator yet.
	ErrNotEnrolled = chatadmin.ErrState.New("not_enrolled", "the user has not set up an authenticator yet")
)

// New returns the service and makes it part of admin: changes of users end
// their challenges and remembered clients, exports tell who has it on,
// ChangeSettings leaves the policy alone, and Admin.Work sends the notices.
// Call it once for each Admin, in every program that changes users. A nil o
// means the defaults. It returns chatadmin.ErrInvalid without an Admin.
func New(admin *chatadmin.Admin, o *Options) (*Service, error) {
	if admin == nil {
		return nil, fmt.Errorf("two-factor authentication needs an Admin: %w", chatadmin.ErrInvalid)
	}
	t := &Service{admin: admin}
	if o != nil {
		t.o = *o
	}
	t.o.TrustGrace = min(max(t.o.TrustGrace, 0), time.Minute)
	t.reseals = chatadmin.NewRuns(admin, t.resealKind())
	e := chatadmin.Extension{
		OnEnd:     t.end,
		TwoFactor: t,
		Records:   []chatadmin.Damageable{repairable()},
		Policy:    chatadmin.Policy{Name: policyName, Check: checkPolicy},
	}
	if admin.Options().Mailer != nil {
		e.Workers = []chatadmin.Worker{{Name: "two-factor notices", Due: admin.DueDomains(stateKind), Do: t.SendNotices}}
	}
	admin.Extend(e)
	return t, nil
}

// end is the OnEnd of the service: it ends open challenges and remembered clients of
// users. An enrolled authenticator stays. What is about the whole domain ends
// by the policy. A state that cannot be read is replaced by one that a reset
// has to end, so that it keeps nothing from ending.
func (t *Service) end(ctx context.Context, w *chatadmin.Writer, endings []chatadmin.Ending) error {
	ends := make(map[chatadmin.ID]*chatadmin.Ending, len(endings))
	var keys []storage.Key
	for i := range endings {
		if e := &endings[i]; e.User != "" && (e.Challenges == chatadmin.Ends || e.Remembered == chatadmin.Ends) {
			ends[e.User] = e
			keys = append(keys, stateKey(w.Domain.ID, e.User))
		}
	}
	if len(keys) == 0 {
		return nil
	}
	return changeStates(ctx, w, keys, func(user chatadmin.ID, st *state) (bool, error) {
		if st.Lost {
			t.admin.Options().Logger.WarnContext(ctx, "the two-factor state of a user cannot be read, and is lost; reset it", "domain", w.Domain.ID, "user", user)
		}
		if ends[user].Challenges == chatadmin.Ends {
			st.Challenges = nil
		}
		if ends[user].Remembered == chatadmin.Ends {
			st.Remembered = nil
		}
		// although there may be nothing to end: the revision moves, and an Ask
		// that has read the user as they were loses against it
		return true, nil
	})
}

// TwoFactorEnabled implements chatadmin.TwoFactor. In the mode Authenticator it
// is on for users who have enrolled one; a state that cannot be read counts as
// not enrolled here, although its user cannot sign in.
func (t *Service) TwoFactorEnabled(ctx context.Context, domain chatadmin.ID, users []chatadmin.User) ([]bool, error) {
	_, set, err := t.admin.AsHost(domain).View(ctx, "")
	if err != nil {
		return nil, err
	}
	p, err := PolicyOf(&set)
	if err != nil {
		return nil, err
	}
	enabled := make([]bool, len(users))
	if p.Mode != Authenticator {
		for i := range enabled {
			enabled[i] = p.Mode == Email
		}
		return enabled, nil
	}
	enrolled := map[string]bool{}
	for batch := range slices.Chunk(users, chatadmin.MaxBatch) {
		keys := make([]storage.Key, len(batch))
		for i := range batch {
			keys[i] = stateKey(domain, batch[i].ID)
		}
		rs, err := t.admin.Store().Records(ctx, keys)
		if err != nil {
			return nil, err
		}
		for _, r := range rs {
			st, err := decodeState(r)
			enrolled[r.ID] = err == nil && st.enrolled()
		}
	}
	for i := range users {
		enabled[i] = enrolled[string(users[i].ID)]
	}
	return enabled, nil
}

// scoped refuses a call without a scope.
func scoped(s *chatadmin.Scope) error {
	if s == nil || s.Admin() == nil {
		return fmt.Errorf("nobody was named as the actor: %w", chatadmin.ErrForbidden)
	}
	return nil
}

// need is the permission for what users may do for themselves.
func need(s *chatadmin.Scope, user chatadmin.ID) chatadmin.Permission {
	if user == s.Actor() {
		return ""
	}
	return chatadmin.PermTwoFactor
}

// mayActOn refuses users on whom the actor may not act; one that is missing is
// chatadmin.ErrNotFound.
func mayActOn(ctx context.Context, w *chatadmin.Writer, ids []chatadmin.ID) error {
	users, err := w.Users(ctx, w.Domain.ID, ids)
	if err != nil {
		return err
	}
	there := make(map[chatadmin.ID]bool, len(users))
	for i := range users {
		there[users[i].ID] = true
		if err := w.MayActOn(&users[i]); err != nil {
			return err
		}
	}
	for _, id := range ids {
		if !there[id] {
			return errNoUser(id)
		}
	}
	return nil
}

func errNoUser(id chatadmin.ID) error {
	return fmt.Errorf("user %s: %w", chatadmin.Cut(string(id)), chatadmin.ErrNotFound)
}
