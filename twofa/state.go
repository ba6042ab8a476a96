package twofa

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// stateKind is the kind of the one record in which everything of a user lies:
// what must be decided together (a code is used, its challenge is answered, a
// reset kills all of it) is one row, and its revision decides. The user owns
// it. It is due where notices wait.
const stateKind = "twofa"

func stateKey(domain, user chatadmin.ID) storage.Key {
	return storage.Key{Kind: stateKind, Domain: domain, ID: string(user)}
}

type state struct {
	// grows with each reset; what is sealed or hashed is bound to it
	Generation int64 `json:"gen"`

	Seed []byte `json:"seed,omitempty"` // of the authenticator, sealed; confirmed by a code
	// the last time step of which a code was accepted; never goes down while
	// the seed lasts
	Step          int64     `json:"step,omitempty"`
	Enrolled      time.Time `json:"enrolled,omitzero"`
	Recovery      [][]byte  `json:"recovery,omitempty"`       // hashes of the codes that are left
	RecoveryEpoch int64     `json:"recovery_epoch,omitempty"` // of the policy when they were made

	Wrong int         `json:"wrong,omitempty"` // wrong codes in a row
	Until time.Time   `json:"until,omitzero"`  // no code is looked at before
	Mails []time.Time `json:"mails,omitempty"` // when the last codes were sent

	Challenges []challenge  `json:"challenges,omitempty"` // the oldest first
	Remembered []remembered `json:"remembered,omitempty"` // the oldest first
	Notices    []notice     `json:"notices,omitempty"`

	// Lost says that what was here could not be read when it had to be ended:
	// nobody signs in until a reset.
	Lost bool `json:"lost,omitempty"`

	due   time.Time // as the record has it
	later time.Time // set: the record stays as it is, and is due again by then
}

// challenge waits for its answer. What the client holds of it is a secret of
// which only the hash is kept.
type challenge struct {
	Hash    []byte        `json:"hash"`
	Kind    Mode          `json:"kind"`
	Epoch   int64         `json:"epoch"` // of the policy
	Client  signin.Client `json:"client"`
	Method  signin.Method `json:"method"`
	Device  string        `json:"device,omitempty"`
	Expires time.Time     `json:"expires"`
	Latest  time.Time     `json:"latest,omitzero"` // however often its code is sent anew, it expires then
	Changed int64         `json:"n"`               // how often it was answered or sent anew
	Tries   int           `json:"tries,omitempty"` // wrong answers
	// Malformed counts the answers that could not be a code.
	Malformed int    `json:"malformed,omitempty"`
	Key       []byte `json:"key,omitempty"`  // email: of the hash, sealed
	Code      []byte `json:"code,omitempty"` // email: the keyed hash
	Seed      []byte `json:"seed,omitempty"` // enrolment: the seed to be confirmed, sealed
}

// remembered is a client that is not asked again for a while.
type remembered struct {
	ID      string        `json:"id"` // the selector of its tokens
	Hash    []byte        `json:"hash"`
	Before  []byte        `json:"before,omitempty"` // hash of the token before the last rotation
	Client  signin.Client `json:"client"`
	Epoch   int64         `json:"epoch"`
	Since   time.Time     `json:"since"`
	Used    time.Time     `json:"used"` // when it was rotated last
	Expires time.Time     `json:"expires"`
	// of the policy, where a wrong clock had put it beyond Since: this floor
	// ends what was there before it, not this client
	Floor time.Time `json:"floor,omitzero"`
}

// states is the kind of the records.
var states = chatadmin.RecordKind[state]{Name: stateKind, Check: (*state).check}

// repairable is states as an Admin lists and repairs them: a repair is a reset
// of its user.
func repairable() *chatadmin.RecordKind[state] {
	k := states
	k.Repair, k.Need = repairState, chatadmin.PermTwoFactor
	return &k
}

// check refuses what no version of the library writes, and a state that was
// lost.
func (st *state) check() error {
	switch {
	case st.Lost:
		return errors.New("it was lost")
	case st.Generation < 0 || st.Step < 0 || st.Wrong < 0 || st.RecoveryEpoch < 0:
		return errors.New("it counts below zero")
	case !knownChallenges(st.Challenges):
		return errors.New("it has a challenge that cannot be")
	}
	return nil
}

// knownChallenges reports whether open challenges are of a kind that there is.
func knownChallenges(all []challenge) bool {
	return !slices.ContainsFunc(all, func(c challenge) bool {
		return c.Kind != Email && c.Kind != Authenticator || len(c.Hash) == 0 || c.Tries < 0 || c.Malformed < 0
	})
}

// decodeState reads a state. One that cannot be read is an error that wraps
// chatadmin.ErrDamaged, and lets nobody in. The state that is returned with it
// takes its place where it must be ended. Revisions are numbered by the clock:
// as a generation they are beyond every one that was reached by counting
// resets, so that what was sealed before stays dead.
func decodeState(r storage.Record) (state, error) {
	st, err := states.Decode(r)
	if err != nil {
		st = state{Generation: int64(r.Rev), Lost: true}
		err = fmt.Errorf("reset the two-factor authentication of user %s, or update this program: %w", chatadmin.Cut(r.ID), err)
	}
	st.due = r.Due
	return st, err
}

func (st *state) enrolled() bool { return len(st.Seed) > 0 }

// recovery are the hashes of the recovery codes that work under a policy.
func (st *state) recovery(p stored) [][]byte {
	if !p.Recovery || st.RecoveryEpoch != p.RecoveryEpoch {
		return nil
	}
	return st.Recovery
}

// encode is r with the state in it.
func (st *state) encode(r storage.Record) (storage.Record, error) {
	if !st.later.IsZero() {
		r.Due = st.later
		return r, nil
	}
	r.Due = time.Time{}
	for _, n := range st.Notices {
		if r.Due.IsZero() || n.Due.Before(r.Due) {
			r.Due = n.Due
		}
	}
	var err error
	r.Data, err = states.Encode(st)
	return r, err
}

// read reads the state of a user; one that has none yet has the zero state,
// with a Rev of 0.
func read(ctx context.Context, r storage.Reader, domain, user chatadmin.ID) (storage.Record, state, error) {
	key := stateKey(domain, user)
	if user == "" || len(user) > 64 {
		return storage.Record{}, state{}, errNoUser(user)
	}
	rs, err := r.Records(ctx, []storage.Key{key})
	if err != nil || len(rs) == 0 {
		return storage.Record{Key: key, Owner: user}, state{}, err
	}
	st, err := decodeState(rs[0])
	return rs[0], st, err
}

// change runs f on the state of one user within a transaction and writes it
// where f says so. A state that is new needs the shared fence.
func change(ctx context.Context, w *chatadmin.Writer, user chatadmin.ID, f func(*state) (write bool, err error)) error {
	rec, st, err := read(ctx, w, w.Domain.ID, user)
	if err != nil {
		return err
	}
	write, err := f(&st)
	if err != nil || !write {
		return err
	}
	was := rec.Rev
	if rec, err = st.encode(rec); err != nil {
		return err
	}
	return w.PutRecords(ctx, []storage.Write[storage.Record]{{Row: rec, Was: was}})
}

// changeStates is change for those of at most chatadmin.MaxBatch users who have
// a state. One that cannot be read does not keep others from being changed: f
// gets it as lost.
func changeStates(ctx context.Context, w *chatadmin.Writer, keys []storage.Key, f func(chatadmin.ID, *state) (write bool, err error)) error {
	rs, err := w.Records(ctx, keys)
	if err != nil {
		return err
	}
	var changes []storage.Write[storage.Record]
	for _, r := range rs {
		st, _ := decodeState(r)
		write, err := f(chatadmin.ID(r.ID), &st)
		if err != nil {
			return err
		}
		if !write {
			continue
		}
		row, err := st.encode(r)
		if err != nil {
			return err
		}
		changes = append(changes, storage.Write[storage.Record]{Row: row, Was: r.Rev})
	}
	return w.PutRecords(ctx, changes)
}

// belongs are the words to which what is sealed for a user is bound.
func belongs(purpose string, domain, user chatadmin.ID, generation int64) []string {
	return []string{"twofa/" + purpose, string(domain), string(user), strconv.FormatInt(generation, 10)}
}

// String hides everything: hashes and sealed secrets have no place in a log.
func (st state) String() string { return "two-factor state" }

// GoString hides it too.
func (st state) GoString() string { return st.String() }
