package twofa

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

// The kinds of audit events of this package. KindAsk and KindAnswer are shown
// to chatadmin.Options.Before alone: what a sign-in comes to is recorded by the
// gate.
const (
	KindMode         = "twofa.mode"          // the domain's policy was changed
	KindReset        = "twofa.reset"         // by an administrator
	KindEnrol        = "twofa.enrol"         // an authenticator was confirmed
	KindRecoveryMake = "twofa.recovery.make" // recovery codes were made
	KindRecoveryUse  = "twofa.recovery.use"  // one of them was used
	KindRemember     = "twofa.remember"      // a client is remembered
	KindForget       = "twofa.forget"        // a remembered client was revoked
	// a token that was rotated away was presented: its client is forgotten
	KindReplay = "twofa.replay"
	KindReseal = "twofa.reseal" // secrets were sealed with the present key
	KindAsk    = "twofa.ask"
	KindAnswer = "twofa.answer"
)

// Ask implements signin.SecondFactor. A remembered client passes, and its token
// is replaced: the one given does not work again. Otherwise a challenge is
// opened, and in the mode Email its code is sent. While the challenge that the
// client holds (Attempt.Challenge) is open, it is asked again as it is: with
// the same secret to set up, and without a further mail.
//
// For what the user lacks the error is a *signin.Refusal: of ErrNoAddress if no
// code can be mailed to them, of ErrTooMany if too many codes were sent to them
// or were wrong, of chatadmin.ErrNotFound if they do not exist any more. An
// attempt whose device, client or method is longer than 200 bytes, no UTF-8, or
// holds NUL is chatadmin.ErrInvalid.
func (t *Service) Ask(ctx context.Context, set *chatadmin.Settings, u chatadmin.User, a signin.Attempt) (signin.Asked, error) {
	asked, err := t.ask(ctx, set, u, a)
	var reason signin.Reason
	switch {
	case err == nil:
		return asked, nil
	case errors.Is(err, ErrNoAddress):
		reason = signin.NoAddress
	case errors.Is(err, ErrTooMany):
		reason = signin.TooManyCodes
	case errors.Is(err, chatadmin.ErrNotFound):
		reason = signin.Unknown
	default:
		return signin.Asked{}, err
	}
	return signin.Asked{}, &signin.Refusal{Reason: reason, Err: err}
}

var errNoSettings = fmt.Errorf("no settings of a domain were given: %w", chatadmin.ErrInvalid)

func (t *Service) ask(ctx context.Context, set *chatadmin.Settings, u chatadmin.User, a signin.Attempt) (signin.Asked, error) {
	if set == nil {
		return signin.Asked{}, errNoSettings
	}
	p, err := decodePolicy(set.Policies[policyName])
	if err != nil || Decide(p.policy(), a.Client, a.Method) != RuleAsked {
		return signin.Asked{}, err
	}
	if t.o.Keys == nil {
		return signin.Asked{}, ErrNoKeys
	}
	if err := checkAttempt(a); err != nil {
		return signin.Asked{}, err
	}
	rec, st, err := read(ctx, t.admin.Store(), u.Domain, u.ID)
	if err != nil {
		return signin.Asked{}, err
	}
	k := asking{t: t, user: u, attempt: a, token: parseToken(a.Trust.Reveal())}
	_, v := k.recall(&st, p, t.admin.Now())
	if v == graceful {
		return signin.Asked{}, nil
	}
	k.wasCurrent = v == current
	op := chatadmin.Op{Kind: KindAsk, Targets: []chatadmin.ID{u.ID}}
	if rec.Rev == 0 {
		op.Fence = storage.Shared // a record that the user will own
	}
	if rec.Rev == 0 && p.Mode == Email {
		// A change of the address meanwhile could not move the revision of what
		// is not there yet, so it is put there first.
		if err := t.admin.AsHost(u.Domain).Change(ctx, op, k.begin); err != nil {
			return signin.Asked{}, err
		}
		op.Fence = storage.NoFence
	}
	if err := t.admin.AsHost(u.Domain).Change(ctx, op, k.run); err != nil {
		return signin.Asked{}, err
	}
	if k.refused != nil {
		return signin.Asked{}, k.refused
	}
	if k.mail != nil {
		if err := t.sendCode(ctx, u.Domain, u.ID, *k.mail); err != nil {
			return signin.Asked{}, err
		}
	}
	// not in the transaction: drawing takes far longer than the rest
	if e := k.asked.Challenge; e != nil && e.Enrolment != nil {
		png, err := qrPNG(e.Enrolment.URI.Reveal())
		if err != nil {
			return signin.Asked{}, err
		}
		e.Enrolment.QR = secret.HideBytes(png)
	}
	return k.asked, nil
}

// checkAttempt refuses what could not be kept with a challenge as it was given,
// or would make the user's record grow.
func checkAttempt(a signin.Attempt) error {
	for name, text := range map[string]string{"device": a.Device, "client": string(a.Client), "method": string(a.Method)} {
		if len(text) > maxText || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return fmt.Errorf("the %s of a sign-in: give at most %d bytes of UTF-8 text without NUL: %w", name, maxText, chatadmin.ErrInvalid)
		}
	}
	return nil
}

// codeMail is a mail with a code, and when it was counted.
type codeMail struct {
	chatadmin.Mail
	at time.Time
}

// sendCode sends a mail with a code. Where it is not known whether the mail
// server took it, it may arrive; where it surely did not, it does not count as
// one that was sent.
func (t *Service) sendCode(ctx context.Context, domain, user chatadmin.ID, m codeMail) error {
	if t.admin.Options().Mailer == nil {
		t.admin.Options().Logger.WarnContext(ctx, "a sign-in code was not sent: there is no Mailer")
	}
	err := t.admin.SendMail(ctx, m.Mail)
	if err == nil || errors.Is(err, chatadmin.ErrMailUnknown) {
		return nil
	}
	if errors.Is(err, chatadmin.ErrMailRefused) {
		t.admin.Options().Logger.WarnContext(ctx, "a sign-in code was refused for good; give the user another e-mail address", "domain", domain, "user", user, "error", err)
		err = fmt.Errorf("%w: %w", ErrNoAddress, err)
	}
	op := chatadmin.Op{Kind: KindAsk, Targets: []chatadmin.ID{user}}
	back := t.admin.AsHost(domain).Change(context.WithoutCancel(ctx), op, func(ctx context.Context, w *chatadmin.Writer) error {
		return change(ctx, w, user, func(st *state) (bool, error) {
			i := slices.IndexFunc(st.Mails, m.at.Equal)
			if i < 0 {
				return false, nil
			}
			st.Mails = slices.Delete(st.Mails, i, i+1)
			return true, nil
		})
	})
	return errors.Join(fmt.Errorf("the code could not be sent: %w", err), back)
}

// asking is one call of Ask.
type asking struct {
	t       *Service
	user    chatadmin.User
	attempt signin.Attempt
	token   token
	// when this call began, the token was the client's present one
	wasCurrent bool

	asked   signin.Asked
	mail    *codeMail
	refused error // although what was written stays
}

// verdict is what a token is worth.
type verdict uint8

const (
	// none, of somebody or something else, or its client is not remembered any
	// more
	unknown  verdict = iota
	current          // it lets its client in, and is replaced
	graceful         // replaced a moment ago: lets its client in
	outdated         // replaced before: somebody has copied it
)

// recall judges the token and finds its client.
func (k *asking) recall(st *state, p stored, now time.Time) (int, verdict) {
	i := slices.IndexFunc(st.Remembered, func(c remembered) bool { return c.ID == k.token.selector })
	if i < 0 {
		return i, unknown
	}
	c := &st.Remembered[i]
	if c.Client != k.attempt.Client || p.until(c, now).IsZero() {
		return i, unknown
	}
	h := k.token.hash(k.user.Domain, k.user.ID, st.Generation, string(c.Client))
	switch {
	case equal(h, c.Hash):
		return i, current
	case equal(h, c.Before) && (k.wasCurrent || k.t.withinGrace(now.Sub(c.Used))):
		return i, graceful
	}
	return i, outdated
}

// withinGrace reports whether a rotation that long ago is forgiven. By a clock
// behind that of the rotation it lies in the future: it is not known how long
// ago it was.
func (t *Service) withinGrace(ago time.Duration) bool { return ago >= 0 && ago < t.o.TrustGrace }

// begin is the transaction that gives a user a state.
func (k *asking) begin(ctx context.Context, w *chatadmin.Writer) error {
	return change(ctx, w, k.user.ID, func(*state) (bool, error) { return true, nil })
}

// run is the transaction.
func (k *asking) run(ctx context.Context, w *chatadmin.Writer) error {
	k.asked, k.mail, k.refused = signin.Asked{}, nil, nil
	p, err := decodePolicy(w.Settings.Policies[policyName])
	if err != nil || Decide(p.policy(), k.attempt.Client, k.attempt.Method) != RuleAsked {
		return err
	}
	return change(ctx, w, k.user.ID, func(st *state) (bool, error) {
		st.prune(p, w.Now())
		i, v := k.recall(st, p, w.Now())
		switch v {
		case current:
			next, err := newToken(k.rand(), k.token.selector)
			if err != nil {
				return false, err
			}
			c := &st.Remembered[i]
			c.Before, c.Used = c.Hash, w.Now()
			c.Hash = next.hash(k.user.Domain, k.user.ID, st.Generation, string(c.Client))
			k.asked.Trust = secret.Hide(next.plain())
			return true, nil
		case graceful:
			return false, nil
		case outdated:
			st.Remembered = slices.Delete(st.Remembered, i, i+1)
			st.tell(k.token.selector, replayed, w.Now())
			w.Audit(KindReplay, []chatadmin.ID{k.user.ID}, nil, map[string]string{"client": string(k.attempt.Client)})
		}
		again, err := k.again(w, p, st)
		if err != nil || again {
			return err == nil && v == outdated, err
		}
		err = k.open(ctx, w, p, st)
		if v == outdated && (errors.Is(err, ErrTooMany) || errors.Is(err, ErrNoAddress)) {
			k.asked, k.refused, err = signin.Asked{}, err, nil // the client is forgotten all the same
		}
		return err == nil, err
	})
}

func (k *asking) rand() io.Reader { return k.t.admin.Options().Rand }

// open opens a challenge.
func (k *asking) open(ctx context.Context, w *chatadmin.Writer, p stored, st *state) error {
	if err := st.mayAnswer(w.Now()); err != nil {
		return err
	}
	id, err := newChallengeID(k.rand(), k.user.ID)
	if err != nil {
		return err
	}
	c := challenge{Hash: challengeHash(k.user.Domain, id), Kind: p.Mode, Epoch: p.Epoch, Client: k.attempt.Client, Method: k.attempt.Method, Device: k.attempt.Device, Expires: w.Now().Add(codeLife)}
	k.asked.Challenge = &signin.Challenge{ID: id, Kind: string(p.Mode), Expires: c.Expires}
	switch {
	case p.Mode == Email:
		if k.mail, err = k.t.mailCode(ctx, w, st, &c, k.user.ID, id); err != nil {
			return err
		}
	case !st.enrolled():
		if k.asked.Challenge.Enrolment, err = k.t.enrolment(w, st, &c, k.user); err != nil {
			return err
		}
	}
	if len(st.Challenges) >= maxOpen {
		st.Challenges = slices.Delete(st.Challenges, 0, len(st.Challenges)-maxOpen+1)
	}
	st.Challenges = append(st.Challenges, c)
	return nil
}

// again asks the open challenge that the client holds once more, if there is
// one. It is named by its secret: somebody else who has the password too is not
// shown what this client is setting up.
func (k *asking) again(w *chatadmin.Writer, p stored, st *state) (bool, error) {
	id := k.attempt.Challenge
	if user, err := parseChallenge(id); err != nil || user != k.user.ID {
		return false, nil
	}
	i := st.find(p, k.user.Domain, id, w.Now())
	if i < 0 {
		return false, nil
	}
	c := &st.Challenges[i]
	if c.Client != k.attempt.Client || c.Method != k.attempt.Method || c.Device != k.attempt.Device {
		return false, nil
	}
	shown, err := k.t.shown(w.Domain.Name, k.user, st, c, id)
	k.asked.Challenge = &shown
	return err == nil, err
}

// shown is an open challenge as its client sees it, but for the QR code, which
// takes longer to draw.
func (t *Service) shown(domainName string, u chatadmin.User, st *state, c *challenge, id string) (signin.Challenge, error) {
	s := signin.Challenge{ID: id, Kind: string(c.Kind), Expires: c.Expires}
	if len(c.Seed) == 0 {
		return s, nil
	}
	seed, _, err := t.unseal(c.Seed, "enrolment", u.Domain, u.ID, st.Generation)
	if err != nil {
		return signin.Challenge{}, err
	}
	s.Enrolment, err = t.enrolmentOf(domainName, u, seed)
	return s, err
}

// Challenge returns an open challenge as the gate has returned it, for a page
// that is loaded again: with the same secret and QR code as long as the user
// has to set up an authenticator. It changes nothing and sends nothing. The ID
// is the secret by which the client proves that the challenge is its own. A
// challenge that is over is chatadmin.ErrNotFound.
func (t *Service) Challenge(ctx context.Context, domain chatadmin.ID, id string) (signin.Challenge, error) {
	if t.o.Keys == nil {
		return signin.Challenge{}, ErrNoKeys
	}
	user, err := parseChallenge(id)
	if err != nil {
		return signin.Challenge{}, err
	}
	d, set, err := t.admin.AsHost(domain).View(ctx, "")
	if err != nil {
		return signin.Challenge{}, err
	}
	p, err := decodePolicy(set.Policies[policyName])
	if err != nil {
		return signin.Challenge{}, err
	}
	_, st, err := read(ctx, t.admin.Store(), domain, user)
	if err != nil {
		return signin.Challenge{}, err
	}
	i := st.find(p, domain, id, t.admin.Now())
	if i < 0 {
		return signin.Challenge{}, errNoChallenge
	}
	users, err := t.admin.Store().Users(ctx, domain, []chatadmin.ID{user})
	if err != nil {
		return signin.Challenge{}, err
	}
	if len(users) == 0 {
		return signin.Challenge{}, errNoChallenge
	}
	s, err := t.shown(d.Name, users[0], &st, &st.Challenges[i], id)
	if err == nil && s.Enrolment != nil {
		var png []byte
		png, err = qrPNG(s.Enrolment.URI.Reveal())
		s.Enrolment.QR = secret.HideBytes(png)
	}
	if err != nil {
		return signin.Challenge{}, err
	}
	return s, nil
}

// mayAnswer refuses as long as too many wrong codes in a row have been given.
func (st *state) mayAnswer(now time.Time) error {
	if st.paused(now) {
		return texts.Explain(fmt.Errorf("too many wrong codes were given; it is possible again at %s: %w", st.Until.Format("15:04:05 MST"), ErrTooMany),
			"why.codes_wrong", st.Until)
	}
	return nil
}

// mayMail refuses as long as too many codes have been sent, and drops what does
// not count any more: also what lies so far in the future that the clock it was
// sent by must have been wrong. (What is only a little ahead counts, or the
// clocks of two processes would be a way around the limit.)
func (st *state) mayMail(now time.Time) error {
	st.Mails = slices.DeleteFunc(st.Mails, func(at time.Time) bool { return !now.Before(at.Add(mailWindow)) || ahead(at, now) })
	if len(st.Mails) >= maxMails {
		next := st.Mails[0].Add(mailWindow)
		return texts.Explain(fmt.Errorf("%d codes were sent; the next one can be sent at %s: %w", maxMails, next.Format("15:04:05 MST"), ErrTooMany), "why.codes_sent", maxMails, next)
	}
	return nil
}

// prune drops what can never count again, and what was opened or remembered by
// a clock that was ahead: it must not begin to count when that time comes.
func (st *state) prune(p stored, now time.Time) {
	st.Challenges = slices.DeleteFunc(st.Challenges, func(c challenge) bool { return c.Epoch != p.Epoch || !waits(c.Expires, now, codeLife) })
	st.Remembered = slices.DeleteFunc(st.Remembered, func(c remembered) bool { return !now.Before(c.Expires) || ahead(c.Since, now) })
}

// mailCode gives a challenge a new code, and composes the mail to the user's
// present address. An earlier code of the challenge is dead.
func (t *Service) mailCode(ctx context.Context, w *chatadmin.Writer, st *state, c *challenge, user chatadmin.ID, id string) (*codeMail, error) {
	now := w.Now()
	if err := st.mayMail(now); err != nil {
		return nil, err
	}
	users, err := w.Users(ctx, w.Domain.ID, []chatadmin.ID{user})
	switch {
	case err != nil:
		return nil, err
	case len(users) == 0 || users[0].Deleting:
		return nil, errNoUser(user)
	case chatadmin.CheckEmail(users[0].Email) != nil:
		return nil, ErrNoAddress
	}
	code, err := newMailCode(t.admin.Options().Rand)
	if err != nil {
		return nil, err
	}
	key, err := newSecret(t.admin.Options().Rand, secretSize)
	if err != nil {
		return nil, err
	}
	if c.Key, err = t.o.Keys.Seal([]byte(key), belongs("mail", w.Domain.ID, user, st.Generation)...); err != nil {
		return nil, err
	}
	if c.Code, c.Expires = keyedHash([]byte(key), id, code), now.Add(codeLife); c.Latest.IsZero() {
		c.Latest = now.Add(maxLife)
	}
	if c.Expires.After(c.Latest) {
		c.Expires = c.Latest
	}
	st.Mails = append(st.Mails, now)
	words := t.admin.Speak(&w.Settings, &users[0])
	return &codeMail{at: now, Mail: chatadmin.Mail{ID: fmt.Sprintf("twofa-code-%s-%d", hex.EncodeToString(c.Hash[:8]), c.Changed), To: users[0].Email,
		Subject: words.Sprintf("twofa.subject", w.Domain.Name),
		Text:    words.Sprintf("twofa.text", users[0].DisplayName, w.Domain.Name, code, c.Expires.Format("15:04 MST"))}}, nil
}

// enrolment makes the seed that the user has to confirm.
func (t *Service) enrolment(w *chatadmin.Writer, st *state, c *challenge, u chatadmin.User) (*signin.Enrolment, error) {
	seed, err := newSeed(t.admin.Options().Rand)
	if err != nil {
		return nil, err
	}
	if c.Seed, err = t.o.Keys.Seal([]byte(seed), belongs("enrolment", w.Domain.ID, u.ID, st.Generation)...); err != nil {
		return nil, err
	}
	return t.enrolmentOf(w.Domain.Name, u, seed)
}

// enrolmentOf is a seed as an authenticator app takes it over, but for the QR
// code.
func (t *Service) enrolmentOf(domainName string, u chatadmin.User, seed string) (*signin.Enrolment, error) {
	issuer := t.o.Issuer
	if issuer == "" {
		issuer = domainName
	}
	uri, err := URI(label(issuer, "chat"), label(u.Login, "user"), seed)
	return &signin.Enrolment{URI: secret.Hide(uri), Secret: secret.Hide(seed)}, err
}

// unseal opens what was sealed for a user. What does not open must not let
// anybody in, and is worth an alarm: a key is missing, or the row was tampered
// with.
func (t *Service) unseal(sealed []byte, purpose string, domain, user chatadmin.ID, generation int64) (secret string, old bool, err error) {
	b, old, err := t.o.Keys.Open(sealed, belongs(purpose, domain, user, generation)...)
	if errors.Is(err, keyring.ErrUnknownKey) || errors.Is(err, keyring.ErrOpen) {
		err = fmt.Errorf("two-factor secret of user %s: %w", user, err)
	}
	return string(b), old, err
}
