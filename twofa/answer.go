package twofa

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// find is the index of a challenge that can be answered, or -1.
func (st *state) find(p stored, domain chatadmin.ID, id string, now time.Time) int {
	h := challengeHash(domain, id)
	return slices.IndexFunc(st.Challenges, func(c challenge) bool {
		return equal(c.Hash, h) && c.Epoch == p.Epoch && c.Kind == p.Mode && waits(c.Expires, now, codeLife) && !st.paused(now) &&
			(c.Kind == Email || st.enrolled() != (len(c.Seed) > 0))
	})
}

// rev is the state of a challenge for signin.Open. The revision of the whole
// record would not do: whoever opens another challenge would put off the
// answers to this one.
func (c *challenge) rev() storage.Rev { return storage.Rev(c.Changed + 1) }

// Open implements signin.SecondFactor: it finds an open challenge by its secret
// ID. A challenge that is over is chatadmin.ErrNotFound.
func (t *Service) Open(ctx context.Context, domain chatadmin.ID, id string) (signin.Open, error) {
	user, err := parseChallenge(id)
	if err != nil {
		return signin.Open{}, err
	}
	_, set, err := t.admin.AsHost(domain).View(ctx, "")
	if err != nil {
		return signin.Open{}, err
	}
	p, err := decodePolicy(set.Policies[policyName])
	if err != nil {
		return signin.Open{}, err
	}
	_, st, err := read(ctx, t.admin.Store(), domain, user)
	if err != nil {
		return signin.Open{}, err
	}
	i := st.find(p, domain, id, t.admin.Now())
	if i < 0 {
		return signin.Open{}, errNoChallenge
	}
	c := &st.Challenges[i]
	return signin.Open{Challenge: id, Domain: domain, User: user, Client: c.Client, Method: c.Method, Device: c.Device, Rev: c.rev(), Settings: &set}, nil
}

// Answer implements signin.SecondFactor. A code is taken as people type it:
// with blanks around it, and with spaces and hyphens within. An answer that
// cannot be a code is Malformed and is no guess; a challenge takes 10 of them
// and is then over.
//
// A code is right once. If the store fails while the code is used up, the
// answer is an error and nobody gets in. It is one read and one write of the
// record of the user. The policy is the one that Open has read: a change
// between the two comes after this sign-in, and forgets a client that this
// sign-in remembers.
func (t *Service) Answer(ctx context.Context, o signin.Open, code string, remember bool) (signin.Answer, error) {
	if t.o.Keys == nil {
		return signin.Answer{}, ErrNoKeys
	}
	code = typed(code)
	recovery, isRecovery := parseRecoveryCode(code)
	n := answering{t: t, o: o, code: code, recovery: recovery, malformed: !isRecovery && !isCode(code), remember: remember}
	err := t.admin.AsHost(o.Domain).Change(ctx, chatadmin.Op{Kind: KindAnswer, Targets: []chatadmin.ID{o.User}, Settings: o.Settings}, n.run)
	if err != nil {
		return signin.Answer{}, err
	}
	return n.answer, nil
}

// answering is one call of Answer.
type answering struct {
	t              *Service
	o              signin.Open
	code, recovery string
	malformed      bool // it cannot be a code
	remember       bool

	answer signin.Answer
}

// run is the transaction.
func (n *answering) run(ctx context.Context, w *chatadmin.Writer) error {
	n.answer = signin.Answer{}
	p, err := decodePolicy(w.Settings.Policies[policyName])
	if err != nil {
		return err
	}
	return change(ctx, w, n.o.User, func(st *state) (bool, error) {
		i := st.find(p, n.o.Domain, n.o.Challenge, w.Now())
		if i < 0 {
			// over since Open, perhaps by the same answer given twice: it
			// counts as nothing
			return false, errNoChallenge
		}
		if n.malformed || n.recovery != "" && !st.Challenges[i].takesRecovery(p) {
			n.answer.Malformed, n.answer.Dead = true, st.malformed(i)
			return true, nil
		}
		if st.Challenges[i].rev() != n.o.Rev {
			return false, nil // answered or sent anew since Open: not looked at
		}
		c := st.Challenges[i] // what is right may drop others
		right, err := n.right(w, p, st, &c)
		if err != nil {
			return false, err
		}
		if !right {
			n.answer.Dead = st.wrong(i, w.Now())
			return true, nil
		}
		st.Challenges = slices.DeleteFunc(st.Challenges, func(o challenge) bool { return equal(o.Hash, c.Hash) })
		st.Wrong, st.Until = 0, time.Time{}
		n.answer.Right = true
		if n.remember && p.Seconds > 0 && rememberable(c.Client) {
			return true, n.grant(w, p, st, &c)
		}
		return true, nil
	})
}

// takesRecovery reports whether a recovery code can answer the challenge.
func (c *challenge) takesRecovery(p stored) bool {
	return c.Kind == Authenticator && len(c.Seed) == 0 && p.Recovery
}

// wrong counts a wrong answer against the challenge and against the user, and
// reports whether the challenge is dead.
func (st *state) wrong(i int, now time.Time) bool {
	c := &st.Challenges[i]
	c.Changed++
	c.Tries++
	st.Wrong++
	if st.Wrong%maxWrong == 0 {
		st.Until = now.Add(pauseAfter(st.Wrong))
	}
	if c.Tries < maxTries && !st.paused(now) {
		return false
	}
	st.Challenges = slices.Delete(st.Challenges, i, i+1)
	return true
}

// malformed counts an answer that cannot be a code, and reports whether the
// challenge is dead. The challenge stays as it was: a right answer that was
// opened before is still looked at.
func (st *state) malformed(i int) bool {
	st.Challenges[i].Malformed++
	if st.Challenges[i].Malformed < maxMalformed {
		return false
	}
	st.Challenges = slices.Delete(st.Challenges, i, i+1)
	return true
}

// right checks the code, and uses it up.
func (n *answering) right(w *chatadmin.Writer, p stored, st *state, c *challenge) (bool, error) {
	switch {
	case c.Kind == Email:
		key, _, err := n.t.unseal(c.Key, "mail", n.o.Domain, n.o.User, st.Generation)
		return err == nil && equal(keyedHash([]byte(key), n.o.Challenge, n.code), c.Code), err
	case len(c.Seed) > 0:
		return n.enrol(w, st, c)
	case n.recovery != "":
		h := recoveryHash(n.recovery, n.o.Domain, n.o.User, st.Generation)
		i := slices.IndexFunc(st.recovery(p), func(o []byte) bool { return equal(h, o) })
		if i < 0 {
			return false, nil
		}
		st.Recovery = slices.Delete(st.Recovery, i, i+1)
		st.tell(hex.EncodeToString(c.Hash[:8]), recoveryUsed, w.Now())
		w.Audit(KindRecoveryUse, []chatadmin.ID{n.o.User}, nil, map[string]string{"left": fmt.Sprint(len(st.Recovery))})
		return true, nil
	}
	seed, old, err := n.t.unseal(st.Seed, "seed", n.o.Domain, n.o.User, st.Generation)
	if err != nil {
		return false, err
	}
	step, ok := matchStep(seed, n.code, w.Now(), st.Step)
	if !ok {
		return false, nil
	}
	st.Step = step
	if old { // it is written anyway
		st.Seed, err = n.t.o.Keys.Seal([]byte(seed), belongs("seed", n.o.Domain, n.o.User, st.Generation)...)
	}
	return true, err
}

// enrol makes the seed that a code confirms the user's authenticator. Every
// other seed that was shown is dead: find looks at none once there is an
// authenticator.
func (n *answering) enrol(w *chatadmin.Writer, st *state, c *challenge) (bool, error) {
	seed, _, err := n.t.unseal(c.Seed, "enrolment", n.o.Domain, n.o.User, st.Generation)
	if err != nil {
		return false, err
	}
	step, ok := matchStep(seed, n.code, w.Now(), 0)
	if !ok {
		return false, nil
	}
	if st.Seed, err = n.t.o.Keys.Seal([]byte(seed), belongs("seed", n.o.Domain, n.o.User, st.Generation)...); err != nil {
		return false, err
	}
	st.Step, st.Enrolled, st.Recovery = step, w.Now(), nil
	st.tell(hex.EncodeToString(c.Hash[:8]), enrolled, w.Now())
	w.Audit(KindEnrol, []chatadmin.ID{n.o.User}, nil, nil)
	return true, nil
}

// grant remembers the client.
func (n *answering) grant(w *chatadmin.Writer, p stored, st *state, c *challenge) error {
	tok, err := newToken(n.t.admin.Options().Rand, "")
	if err != nil {
		return err
	}
	now := w.Now()
	st.prune(p, now)
	if len(st.Remembered) >= maxRemembered {
		st.Remembered = slices.Delete(st.Remembered, 0, len(st.Remembered)-maxRemembered+1)
	}
	r := remembered{ID: tok.selector, Hash: tok.hash(n.o.Domain, n.o.User, st.Generation, string(c.Client)), Client: c.Client, Epoch: p.Epoch,
		Since: now, Used: now, Expires: now.Add(p.policy().Validity)}
	if p.Floor.After(now) {
		r.Floor = p.Floor
	}
	st.Remembered = append(st.Remembered, r)
	st.tell(tok.selector, newRemembered, now)
	w.Audit(KindRemember, []chatadmin.ID{n.o.User}, nil, map[string]string{"client": string(c.Client), "id": tok.selector})
	n.answer.Trust = secret.Hide(tok.plain())
	return nil
}

// Resend sends a new code for a challenge of the mode Email; the code before is
// dead. The challenge is prolonged, up to half an hour in all. It returns
// chatadmin.ErrInvalid for a challenge of another mode, so that nobody chooses
// the weaker way, and ErrTooMany if the user was sent too many codes, over all
// challenges.
func (t *Service) Resend(ctx context.Context, domain chatadmin.ID, id string) (signin.Challenge, error) {
	if t.o.Keys == nil {
		return signin.Challenge{}, ErrNoKeys
	}
	user, err := parseChallenge(id)
	if err != nil {
		return signin.Challenge{}, err
	}
	var mail *codeMail
	var sent signin.Challenge
	err = t.admin.AsHost(domain).Change(ctx, chatadmin.Op{Kind: KindAsk, Targets: []chatadmin.ID{user}}, func(ctx context.Context, w *chatadmin.Writer) error {
		p, err := decodePolicy(w.Settings.Policies[policyName])
		if err != nil {
			return err
		}
		return change(ctx, w, user, func(st *state) (bool, error) {
			i := st.find(p, domain, id, w.Now())
			if i < 0 {
				return false, errNoChallenge
			}
			c := &st.Challenges[i]
			if c.Kind != Email {
				return false, fmt.Errorf("this domain asks for the code of an authenticator; none is sent by e-mail: %w", chatadmin.ErrInvalid)
			}
			c.Changed++
			mail, err = t.mailCode(ctx, w, st, c, user, id)
			sent = signin.Challenge{ID: id, Kind: string(c.Kind), Expires: c.Expires}
			return true, err
		})
	})
	if err != nil {
		return signin.Challenge{}, err
	}
	return sent, t.sendCode(ctx, domain, user, *mail)
}
