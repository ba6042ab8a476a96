package signin

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// state is what is counted about one user: a Record owned by the user. There is
// none while there is nothing to count.
type state struct {
	Failures int           `json:"failures,omitempty"` // since the last success
	Locked   bool          `json:"locked,omitempty"`
	Since    time.Time     `json:"since,omitzero"`
	Until    time.Time     `json:"until,omitzero"` // when the lock lifts by itself; zero: never
	Held     []reservation `json:"held,omitempty"` // the places of attempts under way
	// Lapsed are the places that have expired and count among Failures. An
	// attempt that turns out to be none takes its failure back.
	Lapsed []chatadmin.ID `json:"lapsed,omitempty"`
	// Changed is set where the password was changed since the last success. It
	// keeps the record there, so that a change and an attempt meet in it.
	Changed bool `json:"changed,omitempty"`
}

// hold is the place of one attempt. One that expires was abandoned, which
// counts as a failure: else whoever breaks off in time could guess for ever.
type reservation struct {
	ID    chatadmin.ID `json:"id"`
	Until time.Time    `json:"until"`
	// Doubt marks a place that was taken by a clock that was wrong. It keeps
	// nobody waiting, and is no failure when it expires.
	Doubt bool `json:"doubt,omitempty"`
	// Void marks a place whose attempt was under way when the password changed:
	// it lets nobody in.
	Void bool `json:"void,omitempty"`
}

const buckets = 64 // unknown logins of a domain share so many records

// locks are the records of states, under the ID of the user who owns them. One
// that cannot be read locks the user until it is repaired or somebody unlocks.
var locks = chatadmin.RecordKind[state]{Name: "lock", Need: chatadmin.PermUsersAccess, Check: func(s *state) error {
	if s.Failures < 0 {
		return errors.New("it counts less than no failures")
	}
	for _, h := range s.Held {
		if h.ID == "" {
			return errors.New("it has a place of no attempt")
		}
	}
	return nil
}}

type entry = chatadmin.Entry[state]

// unreadable is the state of a user of whom nobody can read it.
func unreadable(now time.Time) state { return state{Locked: true, Since: now} }

func (s *state) find(id chatadmin.ID) int {
	return slices.IndexFunc(s.Held, func(h reservation) bool { return h.ID == id })
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
	if s.Locked, s.Since = true, at; p.UnlockAfter != UntilUnlocked {
		s.Until = at.Add(p.UnlockAfter)
	}
}

// lifts is when the lock lifts by itself; the zero time: never, or there is
// none.
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
	var held []reservation
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
	entry     entry // with the state as it was written with the place in it
	id        chatadmin.ID
	until     time.Time
	bucket    string
	pretended bool
}

// placeFor is the place of an attempt of which nobody knows yet whom it is
// about. Unknown logins are counted and locked like users, so that they cannot
// be told apart by trying, but in few records that they share: no flood of them
// fills the store.
func (g *Gate) placeFor(login string) place {
	h := fnv.New32a()
	_, _ = h.Write([]byte(login))
	bucket := fmt.Sprintf("%02d", h.Sum32()%buckets)
	return place{id: g.admin.NewID(), bucket: bucket}
}

// of makes it the place of a user, or of nobody: no user's ID has a dot.
func (p *place) of(domain, user chatadmin.ID) {
	id := string(user)
	if user == "" {
		id = "nobody." + p.bucket
	}
	p.entry = locks.New(domain, id, user, state{})
}

// standings of an attempt that asks for a place.
type asked uint8

const (
	taken  asked = iota
	locked       // no place for anybody
	full         // as many attempts are under way as may fail
	lost         // another attempt was faster
)

// enter finds out whom an attempt is about, and takes a place. Who cannot come
// in anyway gets none, but does the same work.
func (g *Gate) enter(ctx context.Context, t *Try) error {
	var in *waiter
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
			in, err = g.queues.join(ctx, t.place.entry.Key, g.o.Wait)
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

// take reserves a place if there is one. With hope it does not look first:
// nearly always nothing is counted about a user.
func (g *Gate) take(ctx context.Context, t *Try, hope bool) (asked, error) {
	p := &t.place
	e := locks.New(p.entry.Domain, p.entry.ID, p.entry.Owner, state{})
	if !hope {
		var err error
		if e, err = g.readState(ctx, g.admin.Store(), &p.entry); err != nil {
			return 0, err
		}
		if e.Value.find(p.id) >= 0 { // the commit was kept without being confirmed
			p.entry = e
			return taken, nil
		}
		if e.Damaged != nil {
			return locked, nil
		}
	}
	s := &e.Value
	now, before := g.admin.Now(), s.Locked
	s.lapse(now, t.policy, t.user.Admin, g.o.ReservationLife)
	at := taken
	switch {
	case s.Locked && before:
		return locked, nil
	case s.Locked: // since a place has expired, which is written down
		at = locked
	case s.Failures+s.underWay() >= t.policy.Limit:
		return full, nil
	default:
		p.until = now.Add(g.o.ReservationLife)
		s.Held = append(s.Held, reservation{ID: p.id, Until: p.until})
	}
	var written entry
	ok := false
	err := g.keep(ctx, t.domain, func(ctx context.Context, w *chatadmin.Writer) (err error) {
		written = e
		if ok, err = write(ctx, w, &written); err == nil && ok && at == locked {
			return t.locked(ctx, w, written.Value)
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	if !ok {
		return lost, nil
	}
	p.entry = written
	return at, nil
}

// write writes a state; nothing to count needs no record. It returns false if
// somebody was faster.
func write(ctx context.Context, w *chatadmin.Writer, e *entry) (bool, error) {
	e.Due = e.Value.listedAt()
	put := locks.TryPut
	if e.Value.empty() {
		if put = locks.TryDelete; !e.Stored() {
			return true, nil
		}
	}
	n, err := put(ctx, w, e)
	return n == 1, err
}

// locked tells the audit log, and the user, that the user was locked.
func (t *Try) locked(ctx context.Context, w *chatadmin.Writer, s state) error {
	owner := t.place.entry.Owner
	if owner == "" {
		return nil
	}
	until := "an administrator unlocks"
	if lifts := s.lifts(t.user.Admin); !lifts.IsZero() {
		until = lifts.Format(time.RFC3339)
	}
	w.Audit(KindUserLock, []chatadmin.ID{owner}, map[chatadmin.ID][]chatadmin.FieldChange{owner: {{Field: "locked", After: until}}}, nil)
	return w.Tell(ctx, chatadmin.NoticeLock, t.user)
}

// unlocked tells the audit log that a lock was lifted since an attempt that had
// counted as a failure was none.
func (t *Try) unlocked(w *chatadmin.Writer) {
	if owner := t.place.entry.Owner; owner != "" {
		w.Audit(KindUserUnlock, []chatadmin.ID{owner}, map[chatadmin.ID][]chatadmin.FieldChange{owner: {{Field: "locked", Before: "true", After: "false"}}},
			map[string]string{"reason": "an attempt that took too long was no failure"})
	}
}

// readState reads the state of an entry anew. One that cannot be read is a
// lock.
func (g *Gate) readState(ctx context.Context, r storage.Reader, of *entry) (entry, error) {
	e, err := locks.Get(ctx, r, of.Domain, of.ID)
	switch {
	case e.Damaged != nil:
		g.damaged(ctx, &e)
	case errors.Is(err, chatadmin.ErrNotFound):
		return locks.New(of.Domain, of.ID, of.Owner, state{}), nil
	case err != nil:
		return e, err
	}
	return e, nil
}

// damaged makes a lock of a state that cannot be read.
func (g *Gate) damaged(ctx context.Context, e *entry) {
	g.admin.Options().Logger.WarnContext(ctx, "the failed sign-ins of a user cannot be read: the user is locked until somebody unlocks",
		"domain", e.Domain, "user", e.ID, "error", e.Damaged)
	e.Value = unreadable(g.admin.Now())
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
	e := locks.New(t.domain, "pretended."+t.place.bucket, "", state{Held: []reservation{{ID: t.place.id}}})
	t.place = place{entry: e, id: t.place.id, until: g.admin.Now().Add(g.o.ReservationLife), pretended: true}
	return g.keep(ctx, t.domain, func(ctx context.Context, w *chatadmin.Writer) error {
		t.place.entry = e
		_, err := write(ctx, w, &t.place.entry)
		return err
	})
}

// keep runs f to the end: what it does is safe to repeat, since a place is
// recognised by its ID.
func (g *Gate) keep(ctx context.Context, domain chatadmin.ID, f func(context.Context, *chatadmin.Writer) error) error {
	for n := 1; ; n++ {
		if err := g.admin.Bookkeep(ctx, domain, f); !errors.Is(err, chatadmin.ErrCommitUnknown) || n == 8 {
			return err
		}
	}
}
