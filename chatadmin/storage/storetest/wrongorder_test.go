package storetest_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"chatadmin.example/sdk/chatadmin/storage"
)

// Mutants whose lists, cursors, fences or deletions go wrong.
type (
	offsets     struct{ storage.Reader }
	endsEarly   struct{ storage.Reader }
	foldedOrder struct{ storage.Reader }
	oldestFirst struct{ storage.Reader }
	rowCursors  struct {
		storage.Reader
		last *sync.Map
	}
	anyDevice  struct{ storage.Reader }
	anyRecord  struct{ storage.Reader }
	membersToo struct{ storage.Reader }
	localTimes struct{ storage.Reader }
	fewFences  struct {
		storage.Reader
		seen *[]storage.Rev
	}
	chatsFirst struct {
		storage.Tx
		calls *atomic.Int64
	}
	deadParents struct{ storage.Tx }
	oneLogin    struct{ storage.Tx }
	poisoned    struct {
		storage.Tx
		conflict *bool
	}
)

// ListUsers takes its place to be a number of rows, as OFFSET does.
func (r offsets) ListUsers(ctx context.Context, q storage.UserQuery, p storage.Page) ([]storage.User, storage.Cursor, error) {
	at, err := strconv.Atoi(strings.TrimPrefix("0"+string(p.After), "0"))
	if p.After != "" && err != nil {
		return nil, "", err
	}
	all, _, err := r.Reader.ListUsers(ctx, q, storage.Page{Limit: storage.MaxBatch})
	if err != nil || at >= len(all) || p.Limit < 1 {
		return nil, "", err
	}
	all = all[at:]
	if len(all) <= p.Limit {
		return all, "", nil
	}
	return all[:p.Limit], storage.Cursor(strconv.Itoa(at + p.Limit)), nil
}

func (r endsEarly) ListUsers(ctx context.Context, q storage.UserQuery, p storage.Page) ([]storage.User, storage.Cursor, error) {
	rows, next, err := r.Reader.ListUsers(ctx, q, p)
	if len(rows) == p.Limit && p.Limit > 20 {
		next = ""
	}
	return rows, next, err
}

// ListUsers sorts as people do.
func (r foldedOrder) ListUsers(ctx context.Context, q storage.UserQuery, p storage.Page) ([]storage.User, storage.Cursor, error) {
	rows, next, err := r.Reader.ListUsers(ctx, q, p)
	slices.SortStableFunc(rows, func(a, b storage.User) int {
		if q.ByName {
			return strings.Compare(strings.ToLower(a.NameKey), strings.ToLower(b.NameKey))
		}
		return strings.Compare(strings.ToLower(a.LoginKey), strings.ToLower(b.LoginKey))
	})
	return rows, next, err
}

func (r oldestFirst) ListEvents(ctx context.Context, q storage.EventQuery, p storage.Page) ([]storage.Event, storage.Cursor, error) {
	rows, next, err := r.Reader.ListEvents(ctx, q, p)
	slices.Reverse(rows)
	return rows, next, err
}

// ListUsers looks its place up by the row that it has shown last.
func (r rowCursors) ListUsers(ctx context.Context, q storage.UserQuery, p storage.Page) ([]storage.User, storage.Cursor, error) {
	if id, ok := r.last.Load(p.After); ok && p.After != "" {
		if us, err := r.Users(ctx, q.Domain, []storage.ID{id.(storage.ID)}); err != nil || len(us) == 0 {
			return nil, "", errors.Join(err, errors.New("the row of the cursor is gone"))
		}
	}
	rows, next, err := r.Reader.ListUsers(ctx, q, p)
	if len(rows) > 0 {
		r.last.Store(next, rows[len(rows)-1].ID)
	}
	return rows, next, err
}

func (r anyDevice) Devices(ctx context.Context, domain storage.ID, ids []storage.ID) ([]storage.Device, error) {
	a, err := r.Reader.Devices(ctx, "domain-a", ids)
	if err != nil || domain == "domain-a" {
		return a, err
	}
	b, err := r.Reader.Devices(ctx, domain, ids)
	return append(a, b...), err
}

func (r anyRecord) Records(ctx context.Context, keys []storage.Key) ([]storage.Record, error) {
	keys = slices.Clone(keys)
	for i := range keys {
		if keys[i].Domain == "domain-b" {
			keys[i].Domain = "domain-a"
		}
	}
	return r.Reader.Records(ctx, keys)
}

func (r membersToo) ListUsers(ctx context.Context, q storage.UserQuery, p storage.Page) ([]storage.User, storage.Cursor, error) {
	q.NotMemberOf = ""
	return r.Reader.ListUsers(ctx, q, p)
}

func (r localTimes) UsersByLogin(ctx context.Context, domain storage.ID, keys []string) ([]storage.User, error) {
	us, err := r.Reader.UsersByLogin(ctx, domain, keys)
	for i := range us {
		us[i].Created = us[i].Created.In(time.FixedZone("here", 3600))
	}
	return us, err
}

// Domains shows two fences, in turn.
func (r fewFences) Domains(ctx context.Context, ids []storage.ID) ([]storage.Domain, error) {
	ds, err := r.Reader.Domains(ctx, ids)
	for i := range ds {
		at := slices.Index(*r.seen, ds[i].Fence)
		if at < 0 {
			at = len(*r.seen)
			*r.seen = append(*r.seen, ds[i].Fence)
		}
		ds[i].Fence = storage.Rev(1 + at%2)
	}
	return ds, err
}

// DeleteContent deletes what lies in a chat behind the chat.
func (x chatsFirst) DeleteContent(ctx context.Context, q storage.ContentQuery, p storage.Page) (storage.ContentCount, []string, storage.Cursor, error) {
	n, blobs, next, err := x.Tx.DeleteContent(ctx, q, p)
	if len(q.ChatsOf) > 0 {
		switch first := x.calls.Add(1) == 1; {
		case first && n.Messages > 0:
			n.Messages, n.Chats = n.Messages-1, 1
		case n.Chats > 0:
			n.Messages, n.Chats = n.Messages+1, 0
		}
	}
	return n, blobs, next, err
}

// ChangeMemberships does not mind that a group is being deleted.
func (x deadParents) ChangeMemberships(ctx context.Context, c []storage.Write[storage.Membership]) ([]storage.Conflict, error) {
	var alive, dead []storage.Write[storage.Group]
	seen := map[storage.ID]bool{}
	for _, m := range c {
		gs, err := x.Groups(ctx, m.Row.Domain, []storage.ID{m.Row.Group})
		if err != nil {
			return nil, err
		}
		if len(gs) == 1 && gs[0].Deleting && !seen[gs[0].ID] {
			seen[gs[0].ID] = true
			as := gs[0]
			as.Deleting = false
			alive = append(alive, storage.Write[storage.Group]{Row: as, Was: as.Rev})
			dead = append(dead, storage.Write[storage.Group]{Row: gs[0], Was: gs[0].Rev})
		}
	}
	_, err1 := x.ChangeGroups(ctx, alive)
	conflicts, err2 := x.Tx.ChangeMemberships(ctx, c)
	_, err3 := x.ChangeGroups(ctx, dead)
	return conflicts, errors.Join(err1, err2, err3)
}

// ChangeUsers lets a login be there once for all domains.
func (x oneLogin) ChangeUsers(ctx context.Context, c []storage.Write[storage.User]) ([]storage.Conflict, error) {
	for i, u := range c {
		for _, d := range []storage.ID{"domain-a", "domain-b"} {
			us, err := x.UsersByLogin(ctx, d, []string{u.Row.LoginKey})
			if err != nil {
				return nil, err
			}
			if u.Was == 0 && d != u.Row.Domain && len(us) > 0 {
				return []storage.Conflict{{Index: i, Reason: storage.KeyTaken, Field: "login_key", Other: us[0].ID}}, nil
			}
		}
	}
	return x.Tx.ChangeUsers(ctx, c)
}

func (x poisoned) ChangeUsers(ctx context.Context, c []storage.Write[storage.User]) ([]storage.Conflict, error) {
	conflicts, err := x.Tx.ChangeUsers(ctx, c)
	*x.conflict = *x.conflict || len(conflicts) > 0
	return conflicts, err
}

var errPoisoned = errors.New("poisoned")

// undoneByConflicts loses a transaction in which there was a conflict, without
// a word.
func undoneByConflicts(ctx context.Context, s storage.Store, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	err := s.Update(ctx, fence, func(ctx context.Context, tx storage.Tx) error {
		conflict := false
		if err := f(ctx, poisoned{tx, &conflict}); err != nil || !conflict {
			return err
		}
		return errPoisoned
	})
	if errors.Is(err, errPoisoned) {
		return nil
	}
	return err
}

// keepsCancelled commits although the context has ended meanwhile.
func keepsCancelled(ctx context.Context, s storage.Store, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return errors.Join(s.Update(context.WithoutCancel(ctx), fence, f), ctx.Err())
}

// keepsPanicked commits what a function has written before it panicked.
func keepsPanicked(ctx context.Context, s storage.Store, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	var cause any
	err := s.Update(ctx, fence, func(ctx context.Context, tx storage.Tx) error {
		defer func() { cause = recover() }()
		return f(ctx, tx)
	})
	if cause != nil {
		panic(cause)
	}
	return err
}

// busyButKept says now and then that nothing was kept, although it was.
func busyButKept() func(context.Context, storage.Store, storage.Fence, func(context.Context, storage.Tx) error) error {
	var calls atomic.Int64
	return func(ctx context.Context, s storage.Store, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
		err := s.Update(ctx, fence, f)
		if err == nil && calls.Add(1)%10 == 0 && calls.Load() > 20 {
			return storage.ErrBusy
		}
		return err
	}
}
