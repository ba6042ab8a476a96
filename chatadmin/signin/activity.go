package signin

import (
	"context"
	"errors"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// lastActivity is when a user came last: a record that the user owns, under
// their ID. It is due at the later of its times, so that one indexed read lists
// who has been idle for long.
type lastActivity struct {
	SignedIn time.Time `json:"signed_in,omitzero"` // zero: not since it is kept
	Client   Client    `json:"client,omitempty"`
	Method   Method    `json:"method,omitempty"`
	Seen     time.Time `json:"seen,omitzero"`
}

func (a *lastActivity) last() time.Time {
	if a.Seen.After(a.SignedIn) {
		return a.Seen
	}
	return a.SignedIn
}

// activities are the records of last activities. A user whose record cannot be
// read is not idle until it is repaired; then the time counts from the repair.
var activities = activityRecords()

func activityRecords() *chatadmin.RecordKind[lastActivity] {
	k := &chatadmin.RecordKind[lastActivity]{Name: "activity", Need: chatadmin.PermUsersEdit, Check: func(a *lastActivity) error {
		if a.last().IsZero() {
			return errors.New("it says no time")
		}
		return nil
	}}
	k.Repair = func(ctx context.Context, w *chatadmin.Writer, rec storage.Record) error {
		e, err := k.Get(ctx, w, rec.Domain, rec.ID)
		if e.Damaged == nil {
			return err
		}
		e.Value, e.Due = lastActivity{Seen: w.Now()}, w.Now()
		return k.Put(ctx, w, &e)
	}
	return k
}

// keptSince is since when the activity of a domain's users is kept, as a record of
// the domain. Who has no record of their own has not come since.
type keptSince struct {
	Since time.Time `json:"since"`
}

var keeping = chatadmin.RecordKind[keptSince]{Name: "activity-kept", Check: func(k *keptSince) error {
	if k.Since.IsZero() {
		return errors.New("it says no time")
	}
	return nil
}}

const keepingID = "since"

// readKept is since when activity is kept; the zero time where nobody knows.
func readKept(ctx context.Context, r storage.Reader, domain chatadmin.ID) (time.Time, error) {
	e, err := keeping.Get(ctx, r, domain, keepingID)
	if errors.Is(err, chatadmin.ErrNotFound) || e.Damaged != nil {
		err = nil
	}
	return e.Value.Since, err
}

// keepSince writes down since when activity is kept, at the first sign-in of a
// domain.
func (g *Gate) keepSince(ctx context.Context, w *chatadmin.Writer, domain chatadmin.ID) error {
	if _, known := g.kept.Load(domain); known {
		return nil
	}
	e, err := keeping.Get(ctx, w, domain, keepingID)
	if !errors.Is(err, chatadmin.ErrNotFound) {
		if err == nil || e.Damaged != nil {
			g.kept.Store(domain, true)
			return nil
		}
		return err
	}
	e = keeping.New(domain, keepingID, "", keptSince{w.Now()})
	_, err = keeping.TryPut(ctx, w, &e)
	return err
}

// readActivity reads the record of a user, or makes a new one. One that cannot
// be read is there, and is written anew.
func readActivity(ctx context.Context, r storage.Reader, domain, user chatadmin.ID) (chatadmin.Entry[lastActivity], error) {
	e, err := activities.Get(ctx, r, domain, string(user))
	switch {
	case e.Damaged != nil:
		err = nil
	case errors.Is(err, chatadmin.ErrNotFound):
		e, err = activities.New(domain, string(user), user, lastActivity{}), nil
	}
	return e, err
}

// signInEvery is how old a sign-in is before one by the same way renews it.
const signInEvery = time.Minute

// signedIn writes down that the user of an attempt signs in, in the transaction
// that lets them in. Of two sign-ins at once one is enough.
func (g *Gate) signedIn(ctx context.Context, w *chatadmin.Writer, t *Try, e *chatadmin.Entry[lastActivity]) error {
	now := lastActivity{w.Now(), t.attempt.Client, t.attempt.Method, w.Now()}
	was := &e.Value
	if was.Client == now.Client && was.Method == now.Method && now.SignedIn.Sub(was.SignedIn).Abs() < signInEvery {
		return nil
	}
	if err := g.keepSince(ctx, w, t.domain); err != nil {
		return err
	}
	e.Value, e.Due = now, now.last()
	_, err := activities.TryPut(ctx, w, e)
	return err
}

// seenEvery is how old the time of a user's last activity is before it is
// renewed. Idle users are told by days.
const seenEvery = time.Hour

// MarkActive writes down that users of the domain of w were active at a time,
// in its transaction, which needs the shared fence. A user costs at most one
// write in an hour. Users who do not exist any more are passed over. At most
// chatadmin.MaxBatch users are given; it returns for how many it wrote. Package
// devices calls it with the activity of devices.
func MarkActive(ctx context.Context, w *chatadmin.Writer, seen map[chatadmin.ID]time.Time) (int, error) {
	ids := make([]string, 0, len(seen))
	for id := range seen {
		ids = append(ids, string(id))
	}
	slices.Sort(ids)
	found, err := activities.GetMany(ctx, w, w.Domain.ID, ids...)
	if err != nil {
		return 0, err
	}
	var put []*chatadmin.Entry[lastActivity]
	for _, id := range ids {
		e, ok := found[id]
		if !ok {
			e = activities.New(w.Domain.ID, id, chatadmin.ID(id), lastActivity{})
		}
		at := seen[chatadmin.ID(id)]
		if at.After(w.Now()) { // by a clock that was wrong
			at = w.Now()
		}
		if last := e.Value.last(); at.Sub(last) < seenEvery && !last.After(w.Now().Add(skew)) {
			continue
		}
		e.Value.Seen = at
		if e.Value.SignedIn.After(at) {
			e.Value.SignedIn = at
		}
		e.Due = at
		put = append(put, &e)
	}
	return activities.TryPut(ctx, w, put...)
}

// Seen notes that a user is active: call it for the requests of sessions, so
// that nobody counts as idle who stays signed in for months. It costs no access
// to the store; FlushActivity writes it down. Requests of devices are noted by
// package devices.
func (g *Gate) Seen(domain, user chatadmin.ID) {
	if domain != "" && user != "" && user != chatadmin.HostActor {
		g.seen.add(domain, user, g.admin.Now())
	}
}

// FlushActivity writes down when users were active last, as Seen has noted it
// in this process, and whose sign-ins it has refused, and returns for how many
// users. chatadmin.Admin.Work calls it. A crash loses what was not flushed; the
// next request notes activity again. What cannot be written is kept for the next
// call; the rest is written, and the errors are returned together.
func (g *Gate) FlushActivity(ctx context.Context) (int, error) {
	refused, err := flush(ctx, &g.refused, g.writeRefusals)
	seen, also := flush(ctx, &g.seen, g.writeSeen)
	return refused + seen, errors.Join(err, also)
}

func (g *Gate) writeSeen(ctx context.Context, domain chatadmin.ID, users []chatadmin.ID, seen map[chatadmin.ID]time.Time) (n int, err error) {
	part := make(map[chatadmin.ID]time.Time, len(users))
	for _, id := range users {
		part[id] = seen[id]
	}
	op := chatadmin.Op{Kind: KindUserActivity, Fence: storage.Shared, Targets: users}
	err = g.admin.AsHost(domain).Change(ctx, op, func(ctx context.Context, w *chatadmin.Writer) error {
		n, err = MarkActive(ctx, w, part)
		return err
	})
	return n, err
}
