package signin

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/secret"
)

// Options of a gate; nil means defaults.
type Options struct {
	// nil: nobody is asked for one, which New refuses where the program has
	// two-factor authentication
	SecondFactor SecondFactor
	Devices      Devices // nil: every device is let in
	// nil: the host ends its sessions by itself, such as by the events of the
	// outbox
	Sessions Sessions
	// Policy holds where a domain has set none.
	Policy Policy
	// ReservationLife is how long an attempt keeps its place; default 1 minute. SignIn
	// ends the context of verify when a tenth of it is left. One that is begun
	// and not settled by then was abandoned, which counts as a failure, until
	// it turns out to be none.
	ReservationLife time.Duration
	// Wait is how long an attempt waits while as many are under way as may
	// still fail; default 10 seconds. Then it is refused as Busy, and does not
	// count.
	Wait time.Duration
	// Queue is how many attempts of one user may wait in this process; default
	// 256.
	Queue int
}

// Gate decides every sign-in of the domains of one Admin. It is safe for many
// goroutines and starts none.
type Gate struct {
	admin   *chatadmin.Admin
	o       Options
	queues  queues
	seen    notes[time.Time] // when users were active
	refused notes[[]Refused]
	kept    sync.Map // chatadmin.ID -> whether it is known since when activity is kept
	idle    *chatadmin.Runs[IdleResult]
}

// New returns the gate over an Admin. It makes granting access lift locks too,
// and queues the end of sessions with whatever ends a user's access: so every
// process that changes users makes one, with the same options, before it uses
// the Admin. o may be nil.
func New(admin *chatadmin.Admin, o *Options) (*Gate, error) {
	if admin == nil {
		return nil, fmt.Errorf("a gate needs an Admin: %w", chatadmin.ErrInvalid)
	}
	g := &Gate{admin: admin}
	g.seen.merge, g.refused.merge = later, lastRefused
	if o != nil {
		g.o = *o
	}
	if missing(g.o.SecondFactor) || missing(g.o.Devices) || missing(g.o.Sessions) {
		return nil, fmt.Errorf("an option of the gate holds a nil pointer: leave it out instead: %w", chatadmin.ErrInvalid)
	}
	if err := g.o.Policy.check(); err != nil {
		return nil, err
	}
	g.o.Policy = g.o.Policy.or(Policy{defaultLimit, defaultUnlock})
	for _, d := range []struct {
		value *time.Duration
		usual time.Duration
	}{{&g.o.ReservationLife, time.Minute}, {&g.o.Wait, 10 * time.Second}} {
		if *d.value < 0 {
			return nil, fmt.Errorf("a gate cannot wait for %s: %w", *d.value, chatadmin.ErrInvalid)
		}
		if *d.value == 0 {
			*d.value = d.usual
		}
	}
	if g.o.Queue <= 0 {
		g.o.Queue = 256
	}
	g.queues.most = g.o.Queue
	if g.o.SecondFactor == nil && admin.Options().TwoFactor != nil {
		return nil, fmt.Errorf("this program has two-factor authentication, but its gate would let everybody in without: set Options.SecondFactor: %w", chatadmin.ErrInvalid)
	}
	x := chatadmin.Extension{OnGrant: g.lift, OnEnd: g.end, Policy: chatadmin.Policy{Name: policyName, Check: checkPolicy},
		Records: []chatadmin.Damageable{&locks, &endings, &links, activities, &keeping, &refusalRecords}}
	x.Workers = []chatadmin.Worker{{Name: "user activity", Do: func(ctx context.Context, _ chatadmin.ID) (int, error) { return g.FlushActivity(ctx) }}}
	if g.o.Sessions != nil {
		x.Workers = append(x.Workers, chatadmin.Worker{Name: "ended sessions", Due: admin.DueDomains(endings.Name), Do: g.endIn})
	}
	g.idle = chatadmin.NewRuns(admin, g.idleKind())
	admin.Extend(x)
	return g, nil
}

// missing reports whether an option holds a pointer that is nil.
func missing(option any) bool {
	v := reflect.ValueOf(option)
	return v.Kind() == reflect.Pointer && v.IsNil()
}

// named refuses a call without a scope.
func named(s *chatadmin.Scope) error {
	if s == nil || s.Admin() == nil {
		return fmt.Errorf("nobody was named as the actor: %w", chatadmin.ErrActor)
	}
	return nil
}

// Verify says whether the first factor of an attempt holds, such as the
// password that was typed for u. For the zero User (no ID) there is nobody to
// come in, and whatever it says is no: it then does the same work as for
// somebody, such as hashing the password against a dummy, so that no clock
// tells who exists or is locked. An error is no answer: nobody comes in and no
// failure is counted.
type Verify func(ctx context.Context, u chatadmin.User) (bool, error)

// SignIn decides an attempt. An error means that no decision was possible:
// nobody comes in, and it may be shown as a failure of the service. The domain
// is the host's own knowledge, such as the host name of its page; one that does
// not exist is chatadmin.ErrNotFound.
//
// ctx bounds the waiting and is handed to verify, which has a little less than
// Options.ReservationLife. If verify gives up because its time is over, or its error is
// chatadmin.ErrBusy, the attempt is refused as Busy. That is never counted as a
// failure, and neither is a password that turns out to be right too late. If
// verify panics the attempt counts as nothing.
func (g *Gate) SignIn(ctx context.Context, domain chatadmin.ID, a Attempt, verify Verify) (Decision, error) {
	if verify == nil {
		return Decision{}, fmt.Errorf("a sign-in needs a function that verifies the first factor: %w", chatadmin.ErrInvalid)
	}
	t, err := g.Begin(ctx, domain, a)
	if err != nil {
		return Decision{}, err
	}
	defer g.giveBack(ctx, t)
	verifying, cancel := context.WithTimeout(ctx, t.place.until.Sub(g.admin.Now())-g.o.ReservationLife/10)
	defer cancel()
	held, err := verify(verifying, t.User)
	switch {
	case err == nil:
		return g.Finish(ctx, t, held)
	case errors.Is(err, chatadmin.ErrBusy), verifying.Err() != nil && ctx.Err() == nil:
		t.over.Store(true)
		return g.release(ctx, t, Busy, nil)
	}
	return Decision{}, errors.Join(err, g.Cancel(ctx, t))
}

// giveBack gives the place of an attempt back that a panic has left unsettled.
func (g *Gate) giveBack(ctx context.Context, t *Try) {
	if !t.settled {
		t.over.Store(true)
		_, _ = g.settle(ctx, t, kept)
	}
}

// Try is an attempt under way: between Begin, and Finish or Cancel.
type Try struct {
	// whose first factor is to be verified; the zero User where nobody comes
	// in, see Verify
	User chatadmin.User

	domain  chatadmin.ID
	attempt Attempt
	find    func(context.Context) ([]chatadmin.User, error)
	set     chatadmin.Settings
	seen    time.Time // when it was read
	policy  Policy
	user    chatadmin.User // whom the attempt is about; zero for an unknown login
	refused Reason         // "" as long as they may come in
	over    atomic.Bool
	place   place
	settled bool      // the place was given back, as far as the store allowed
	began   time.Time // before verifying
	// Of an assertion by Google or SAML:
	unlinked bool // its account is not linked to anybody yet
	other    bool // the user is linked to another account
}

// errNoTry is a Try that Begin has not made.
var errNoTry = fmt.Errorf("this is no attempt to sign in that Begin has made: %w", chatadmin.ErrInvalid)

// ErrOver is a Try that was finished or cancelled before.
var ErrOver = chatadmin.ErrState.New("attempt_over", "this attempt to sign in is over")

// Begin reserves a place for an attempt, and waits for it while as many
// attempts of the user are under way as may still fail. Whether there is such a
// user is not told: verify in any case, then call Finish, or Cancel if
// verifying was not possible. A Try that is abandoned counts as a failure after
// Options.ReservationLife.
func (g *Gate) Begin(ctx context.Context, domain chatadmin.ID, a Attempt) (*Try, error) {
	switch a.Client {
	case Web, Desktop, Mac, IOS, Android:
	default:
		a.Client = UnknownClient
	}
	switch a.Method {
	case "":
		a.Method = Password
	case Password, Google, SAML:
	default:
		return nil, fmt.Errorf("sign-in method %q: choose password, google or saml: %w", chatadmin.Cut(string(a.Method)), chatadmin.ErrInvalid)
	}
	if err := a.checkProvider(); err != nil {
		return nil, err
	}
	t := &Try{domain: domain, attempt: a}
	key := chatadmin.Fold(cut(a.Login))
	t.find = func(ctx context.Context) ([]chatadmin.User, error) {
		if a.federated() {
			return g.findFederated(ctx, t, key)
		}
		return g.admin.Store().UsersByLogin(ctx, domain, []string{key})
	}
	t.place = g.placeFor(key)
	if err := g.enter(ctx, t); err != nil {
		return nil, err
	}
	t.began = t.seen
	if t.refused == "" {
		t.User = t.user
	}
	return t, nil
}

// cut spares folding what is far too long: a login has 254 bytes at most.
func cut(login string) string { return login[:min(len(login), 1024)] }

// look reads the domain and the user anew.
func (g *Gate) look(ctx context.Context, t *Try) error {
	t.seen = g.admin.Now()
	ds, err := g.admin.Store().Domains(ctx, []chatadmin.ID{t.domain})
	if err != nil {
		return err
	}
	if len(ds) == 0 {
		return fmt.Errorf("domain %s: %w", chatadmin.Cut(string(t.domain)), chatadmin.ErrNotFound)
	}
	if t.set, err = chatadmin.SettingsOf(ds[0]); err != nil {
		return err
	}
	if t.policy, err = g.policy(&t.set); err != nil {
		return err
	}
	us, err := t.find(ctx)
	if err != nil {
		return err
	}
	t.user, t.refused = chatadmin.User{}, Unknown
	if len(us) > 0 {
		t.user = us[0]
		t.refused = standing(&t.set, &t.user)
		if t.refused == "" && t.other {
			t.refused = OtherAccount
		}
		if t.refused == "" && !t.attempt.federated() && t.attempt.Login != "" && t.set.Login.Exact && strings.TrimSpace(t.attempt.Login) != t.user.Login {
			t.refused = Spelling
		}
	}
	t.place.of(t.domain, t.user.ID)
	return nil
}

// fresh is how long what the domain has decided may be known before it decides
// a sign-in: as if that had come a moment earlier.
const fresh = time.Second

// renew looks again where verifying took long: the domain may be suspended
// since, or ask for a second factor.
func (g *Gate) renew(ctx context.Context, t *Try) error {
	if age := g.admin.Now().Sub(t.seen); age >= 0 && age < fresh {
		return nil
	}
	place, user := t.place, t.user
	err := g.look(ctx, t)
	if err == nil && t.user.ID != user.ID {
		t.refused = Unknown // the login is somebody else's by now
	}
	if t.place = place; t.user.ID != user.ID {
		t.user = user
	}
	return err
}

// Finish decides an attempt whose first factor has held, or not.
func (g *Gate) Finish(ctx context.Context, t *Try, held bool) (Decision, error) {
	if t == nil || t.find == nil {
		return Decision{}, errNoTry
	}
	if !t.over.CompareAndSwap(false, true) {
		return Decision{}, ErrOver
	}
	defer g.giveBack(ctx, t)
	if t.refused != "" || !held {
		return g.fail(ctx, t, Wrong)
	}
	if !g.admin.Now().Before(t.place.until) {
		return g.release(ctx, t, Busy, nil)
	}
	if err := g.renew(ctx, t); err != nil || t.refused != "" {
		return g.release(ctx, t, t.refused, err)
	}
	if reason, err := g.device(ctx, t); reason != "" || err != nil {
		return g.release(ctx, t, reason, err)
	}
	var asked Asked
	if g.o.SecondFactor != nil {
		var err error
		asked, err = g.o.SecondFactor.Ask(ctx, &t.set, t.user, t.attempt)
		var no *Refusal
		if errors.As(err, &no) {
			return g.release(ctx, t, no.Reason, nil)
		}
		if err != nil {
			return g.release(ctx, t, "", fmt.Errorf("asking for the second factor: %w", err))
		}
	}
	if asked.Challenge == nil {
		return g.pass(ctx, t, asked.Trust)
	}
	// The password alone does not take failures back: else whoever knows it
	// could guess codes for ever.
	reason, err := g.settle(ctx, t, kept)
	if reason != "" || err != nil {
		return g.deny(ctx, t, reason), err
	}
	return g.decided(ctx, t.domain, Decision{Outcome: Challenged, User: t.user, Client: t.attempt.Client, Method: t.attempt.Method, Challenge: asked.Challenge, Trust: asked.Trust, subject: t.user.ID}), nil
}

// Cancel gives back the place of an attempt that could not be verified. It
// counts neither as a failure nor as a success.
func (g *Gate) Cancel(ctx context.Context, t *Try) error {
	if t == nil || t.find == nil {
		return errNoTry
	}
	if !t.over.CompareAndSwap(false, true) {
		return ErrOver
	}
	_, err := g.settle(ctx, t, kept)
	return err
}

// Complete decides a sign-in whose challenge is answered. remember asks for a
// trust token, by which this client is not asked again for as long as the
// domain allows. A wrong answer counts as a failed sign-in; somebody locked or
// denied since the challenge was opened does not come in.
func (g *Gate) Complete(ctx context.Context, domain chatadmin.ID, challenge, code string, remember bool) (Decision, error) {
	var open Open
	err := error(chatadmin.ErrNotFound)
	if g.o.SecondFactor != nil {
		open, err = g.o.SecondFactor.Open(ctx, domain, challenge)
	}
	switch {
	case errors.Is(err, chatadmin.ErrNotFound), err == nil && open.Domain != domain:
		return g.decided(ctx, domain, Decision{reason: NoChallenge}), nil
	case err != nil:
		return Decision{}, fmt.Errorf("opening the challenge: %w", err)
	}
	t := &Try{domain: domain, attempt: Attempt{Client: open.Client, Method: open.Method, Device: open.Device}}
	t.find = func(ctx context.Context) ([]chatadmin.User, error) {
		return g.admin.Store().Users(ctx, domain, []chatadmin.ID{open.User})
	}
	t.place = g.placeFor(string(open.User))
	if err := g.enter(ctx, t); err != nil {
		return Decision{}, err
	}
	t.began = t.seen
	defer g.giveBack(ctx, t)
	if t.refused != "" {
		return g.fail(ctx, t, t.refused)
	}
	if reason, err := g.device(ctx, t); reason != "" || err != nil {
		return g.release(ctx, t, reason, err)
	}
	var answer Answer
	if open, err = g.o.SecondFactor.Open(ctx, domain, challenge); err == nil {
		// anew: another answer may have come while this one waited
		answer, err = g.o.SecondFactor.Answer(ctx, open, code, remember)
	}
	switch {
	case errors.Is(err, chatadmin.ErrNotFound):
		return g.release(ctx, t, NoChallenge, nil)
	case err != nil:
		return g.release(ctx, t, "", fmt.Errorf("checking the answer: %w", err))
	}
	if answer.Right {
		return g.pass(ctx, t, answer.Trust)
	}
	if answer.Malformed {
		d, err := g.release(ctx, t, NotACode, nil)
		d.Retry = err == nil && d.reason == NotACode && !answer.Dead
		return d, err
	}
	d, err := g.fail(ctx, t, WrongCode)
	d.Retry = err == nil && d.reason == WrongCode && !answer.Dead
	return d, err
}

func (g *Gate) device(ctx context.Context, t *Try) (Reason, error) {
	if g.o.Devices == nil || t.attempt.Device == "" {
		return "", nil
	}
	ok, err := g.o.Devices.DeviceAllowed(ctx, t.domain, t.user.ID, t.attempt.Device)
	switch {
	case err != nil:
		return "", fmt.Errorf("looking for the device: %w", err)
	case !ok:
		return NoDevice, nil
	}
	return "", nil
}

// pass lets the user in.
func (g *Gate) pass(ctx context.Context, t *Try, trust secret.Value) (Decision, error) {
	reason, err := g.settle(ctx, t, passed)
	if reason != "" || err != nil {
		d := g.deny(ctx, t, reason)
		d.Trust = trust // the client's old one is worth nothing any more
		return d, err
	}
	return g.decided(ctx, t.domain, Decision{Outcome: Allowed, User: t.user, Client: t.attempt.Client, Method: t.attempt.Method, Began: t.began, Trust: trust,
		subject: t.user.ID}), nil
}

// fail counts a failure and refuses.
func (g *Gate) fail(ctx context.Context, t *Try, reason Reason) (Decision, error) {
	if t.refused != "" {
		reason = t.refused
	}
	other, err := g.settle(ctx, t, failed)
	if other != "" {
		reason = other
	}
	return g.deny(ctx, t, reason), err
}

// release refuses what is neither a failure nor a success of the user.
func (g *Gate) release(ctx context.Context, t *Try, reason Reason, because error) (Decision, error) {
	other, err := g.settle(ctx, t, kept)
	if other != "" {
		reason = other
	}
	return g.deny(ctx, t, reason), errors.Join(because, err)
}

func (g *Gate) deny(ctx context.Context, t *Try, reason Reason) Decision {
	if reason == "" {
		reason = Failed
	}
	return g.decided(ctx, t.domain, Decision{Client: t.attempt.Client, Method: t.attempt.Method, reason: reason, subject: t.user.ID})
}

func (g *Gate) decided(ctx context.Context, domain chatadmin.ID, d Decision) Decision {
	g.refuse(domain, &d)
	g.admin.Options().Logger.InfoContext(ctx, "sign-in", "decision", d)
	return d
}
