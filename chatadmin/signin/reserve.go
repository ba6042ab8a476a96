package signin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

// state is what is counted about one user: a Record owned by the user. There is none while there is nothing to count.
type state struct {
	Version  int       `json:"v"`
	Failures int       `json:"failures,omitempty"` // since the last success
	Locked   bool      `json:"locked,omitempty"`
	Since    time.Time `json:"since,omitzero"`
	Until    time.Time `json:"until,omitzero"` // when the lock lifts by itself; zero: never
	Held     []hold    `json:"held,omitempty"` // the places of attempts under way
	// Lapsed are the places that have expired and count among Failures. An
	// attempt that turns out to be none takes its failure back.
	Lapsed []chatadmin.ID `json:"lapsed,omitempty"`
	// Changed is set where the password was changed since the last success. It
	// keeps the record there, so that a change and an attempt meet in it.
	Changed bool `json:"changed,omitempty"`
}

// hold is the place of one attempt. One that expires was abandoned, which counts as a failure: else whoever breaks off in time could guess for ever.
type hold struct {
	ID    chatadmin.ID `json:"id"`
	Until time.Time    `json:"until"`
	// Doubt marks a place that was taken by a clock that was wrong. It keeps
	// nobody waiting, and is no failure when it expires.
	Doubt bool `json:"doubt,omitempty"`
	// Void marks a place whose attempt was under way when the password changed:
	// it lets nobody in.
	Void bool `json:"void,omitempty"`
}

const (
	lockKind = "lock"
	buckets  = 64 // unknown logins of a domain share so many records
)

func lockKey(domain, user chatadmin.ID) chatadmin.Key {
	return chatadmin.Key{Kind: lockKind, Domain: domain, ID: string(user)}
}

func (s *state) find(id chatadmin.ID) int {
	return slices.IndexFunc(s.Held, func(h hold) bool { return h.ID == id })
}

func (s *state) empty() bool {
	return s.Failures == 0 && !s.Locked && !s.Changed && len(s.Held) == 0
}

// underWay counts the places that others wait for.
func (s *state) underWay() int {
	n := 0
	for _, h := range s.Held {
		if !h.Doubt {
			n++
		}
	}
	return n
}

// takeBack takes a failure back that a lapsed place has counted as, with the
// lock if there is one but for it. It reports whether there was such a place.
func (s *state) takeBack(id chatadmin.ID, p Policy) bool {
	i := slices.Index(s.Lapsed, id)
	if i < 0 {
		return false
	}
	s.Lapsed = slices.Delete(slices.Clone(s.Lapsed), i, i+1)
	if s.Failures--; s.Locked && s.Failures < p.Limit {
		s.Locked, s.Since, s.Until = false, time.Time{}, time.Time{}
	}
	return true
}

// fail counts one failure.
func (s *state) fail(at time.Time, p Policy) {
	s.Failures++
	s.lock(at, p)
}

func (s *state) lock(at time.Time, p Policy) {
	if s.Locked || s.Failures < p.Limit {
		return
	}
	if s.Locked, s.Since = true, at; p.UnlockAfter != Never {
		s.Until = at.Add(p.UnlockAfter)
	}
}

// lifts is when the lock lifts by itself; the zero time: never, or there is none.
func (s *state) lifts(admin bool) time.Time {
	if s.Locked && s.Until.IsZero() && admin {
		return s.Since.Add(defaultUnlock)
	}
	return s.Until
}

// skew is how much the clocks of two processes may differ.
const skew = 5 * time.Minute

// lapse lets time pass: places that have expired, a lock that lifts, a limit
// that was lowered. A place lasts for life. What lies further ahead than that
// allows was written by a clock that was wrong and is put right by now: it is
// not believed.
func (s *state) lapse(now time.Time, p Policy, admin bool, life time.Duration) {
	var held []hold
	for _, h := range s.Held {
		switch {
		case h.Until.After(now.Add(2 * life)):
			h.Until, h.Doubt = now.Add(life), true
			held = append(held, h)
		case now.Before(h.Until):
			held = append(held, h)
		case !h.Doubt:
			s.Lapsed = append(slices.Clone(s.Lapsed), h.ID)
			s.fail(h.Until, p)
		}
	}
	s.lock(now, p)
	switch until := s.lifts(admin); {
	case until.IsZero():
	case !now.Before(until):
		*s = state{Changed: s.Changed}
	case s.Since.After(now.Add(skew)): // one more failure locks again, by the right clock
		*s = state{Changed: s.Changed, Failures: p.Limit - 1}
	}
	s.Held = held
}

// place is what an attempt has reserved.
type place struct {
	chatadmin.Key
	owner     chatadmin.ID
	id        chatadmin.ID
	until     time.Time
	state     state // as it was written with the place in it
	rev       chatadmin.Rev
	bucket    string
	pretended bool
}

// placeFor is the place of an attempt of which nobody knows yet whom it is about. Unknown logins are counted and locked like users, so that they cannot be told apart by trying, but
// in few records that they share: no flood of them fills the store.
func (g *Gate) placeFor(login string) place {
	h := fnv.New32a()
	_, _ = h.Write([]byte(login))
	bucket := fmt.Sprintf("%02d", h.Sum32()%buckets)
	return place{id: g.admin.NewID(), bucket: bucket}
}

// of makes it the place of a user, or of nobody: no user's ID has a dot.
func (p *place) of(domain, user chatadmin.ID) {
	p.Key, p.owner = lockKey(domain, user), user
	if user == "" {
		p.Key.ID = "nobody." + p.bucket
	}
}

// standings of an attempt that asks for a place.
type asked uint8

const (
	taken  asked = iota
	locked       // no place for anybody
	full         // as many attempts are under way as may fail
	lost         // another attempt was faster
)

// enter finds out whom an attempt is about, and takes a place. Who cannot come in anyway gets none, but does the same work.
func (g *Gate) enter(ctx context.Context, t *Try) error {
	var in *line
	defer func() {
		if in != nil {
			in.leave()
		}
	}()
	for hope := true; ; hope = false {
		if err := g.look(ctx, t); err != nil {
			return err
		}
		switch t.refused {
		case "", Unknown, Spelling:
		default:
			return g.pretend(ctx, t)
		}
		at, err := g.take(ctx, t, hope)
		switch {
		case err != nil || at == taken:
			return err
		case at == locked:
			return g.turnAway(ctx, t, Locked)
		case in == nil:
			in, err = g.doors.join(ctx, t.place.Key, g.o.Wait)
		default:
			err = in.wait()
		}
		if errors.Is(err, errBusy) {
			return g.turnAway(ctx, t, Busy)
		}
		if err != nil {
			return err
		}
	}
}

// take reserves a place if there is one. With hope it does not look first: nearly always nothing is counted about a user.
func (g *Gate) take(ctx context.Context, t *Try, hope bool) (asked, error) {
	p := &t.place
	var s state
	var was chatadmin.Rev
	if !hope {
		var err error
		if s, was, err = readState(ctx, g.admin.Store(), p.Key); err != nil {
			return 0, err
		}
		if s.find(p.id) >= 0 { // the commit was kept without being confirmed
			p.state, p.rev = s, was
			return taken, nil
		}
	}
	now, before := g.admin.Now(), s.Locked
	s.lapse(now, t.policy, t.user.Admin, g.o.Hold)
	at := taken
	switch {
	case s.Locked && before:
		return locked, nil
	case s.Locked: // since a place has expired, which is written down
		at = locked
	case s.Failures+s.underWay() >= t.policy.Limit:
		return full, nil
	default:
		p.until = now.Add(g.o.Hold)
		s.Held = append(s.Held, hold{ID: p.id, Until: p.until})
	}
	var rev chatadmin.Rev
	err := g.keep(ctx, t.domain, func(ctx context.Context, w *chatadmin.Work) (err error) {
		if rev, err = p.write(ctx, w, s, was); err == nil && rev != 0 && at == locked {
			return t.locked(ctx, w, s)
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	if rev == 0 {
		return lost, nil
	}
	p.state, p.rev = s, rev
	return at, nil
}

// write writes a state over that of a revision; nothing to count needs no record. It returns 0 where somebody was faster.
func (p *place) write(ctx context.Context, w *chatadmin.Work, s state, was chatadmin.Rev) (chatadmin.Rev, error) {
	s.Version = 1
	data, err := json.Marshal(s)
	if err != nil {
		return 0, err
	}
	rev, err := w.NextRev(was)
	if err != nil {
		return 0, err
	}
	c := chatadmin.Change[chatadmin.Record]{Row: chatadmin.Record{Key: p.Key, Owner: p.owner, Rev: rev, Data: data}, Was: was, Delete: s.empty()}
	if c.Delete && was == 0 {
		return rev, nil
	}
	conflicts, err := w.ChangeRecords(ctx, []chatadmin.Change[chatadmin.Record]{c})
	if len(conflicts) > 0 {
		rev = 0
	}
	return rev, err
}

// locked tells the audit log, and the user, that the user was locked.
func (t *Try) locked(ctx context.Context, w *chatadmin.Work, s state) error {
	p := &t.place
	if p.owner == "" {
		return nil
	}
	until := "an administrator unlocks"
	if lifts := s.lifts(t.user.Admin); !lifts.IsZero() {
		until = lifts.Format(time.RFC3339)
	}
	w.Record(KindUserLock, []chatadmin.ID{p.owner}, map[chatadmin.ID][]chatadmin.FieldChange{p.owner: {{Field: "locked", After: until}}}, nil)
	return w.Tell(ctx, chatadmin.NoticeLock, t.user)
}

// unlocked tells the audit log that a lock was lifted since an attempt that had
// counted as a failure was none.
func (t *Try) unlocked(w *chatadmin.Work) {
	if owner := t.place.owner; owner != "" {
		w.Record(KindUserUnlock, []chatadmin.ID{owner}, map[chatadmin.ID][]chatadmin.FieldChange{owner: {{Field: "locked", Before: "true", After: "false"}}},
			map[string]string{"reason": "an attempt that took too long was no failure"})
	}
}

func readState(ctx context.Context, r chatadmin.Reader, key chatadmin.Key) (state, chatadmin.Rev, error) {
	rs, err := r.Records(ctx, []chatadmin.Key{key})
	if err != nil || len(rs) == 0 {
		return state{}, 0, err
	}
	s, err := decodeState(rs[0])
	return s, rs[0].Rev, err
}

func decodeState(r chatadmin.Record) (state, error) {
	var s state
	if err := json.Unmarshal(r.Data, &s); err != nil {
		return state{}, fmt.Errorf("failed sign-ins of user %s: %w", r.ID, err)
	}
	return s, nil
}

// turnAway refuses an attempt that got no place.
func (g *Gate) turnAway(ctx context.Context, t *Try, reason Reason) error {
	if t.refused != Unknown {
		t.refused = reason
	}
	return g.pretend(ctx, t)
}

// pretend writes as much as taking a place does.
func (g *Gate) pretend(ctx context.Context, t *Try) error {
	t.place = place{Key: chatadmin.Key{Kind: lockKind, Domain: t.domain, ID: "pretended." + t.place.bucket}, id: t.place.id, until: g.admin.Now().Add(g.o.Hold), pretended: true}
	return g.keep(ctx, t.domain, func(ctx context.Context, w *chatadmin.Work) (err error) {
		t.place.rev, err = t.place.write(ctx, w, state{Held: []hold{{ID: t.place.id}}}, 0)
		return err
	})
}

// keep runs f to the end: what it does is safe to repeat, since a place is recognised by its ID.
func (g *Gate) keep(ctx context.Context, domain chatadmin.ID, f func(context.Context, *chatadmin.Work) error) error {
	for n := 1; ; n++ {
		if err := g.admin.Keep(ctx, domain, f); !errors.Is(err, chatadmin.ErrCommitUnknown) || n == 8 {
			return err
		}
	}
}
