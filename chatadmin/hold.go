package chatadmin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

// Hold is a legal hold: until it is released, nothing that it covers is
// deleted, by nobody. A hold on a user covers their account, their private
// chats with everybody, and what they have written anywhere; a hold on a group
// covers the group with all that lies in it. There may be several on one
// subject, each with its own reason.
type Hold struct {
	ID     ID        `json:"id"`
	User   ID        `json:"user,omitempty"`  // either a user
	Group  ID        `json:"group,omitempty"` // or a group
	Reason string    `json:"reason"`
	By     ID        `json:"by"`
	At     time.Time `json:"at"`
}

// Subject is who or what is held.
func (h Hold) Subject() ID {
	if h.User != "" {
		return h.User
	}
	return h.Group
}

const maxReason = 1000

var holds = RecordKind[Hold]{Name: "hold", Need: PermHolds, ID: func(h *Hold) ID { return h.ID }, Check: func(h *Hold) error {
	if (h.User == "") == (h.Group == "") {
		return errors.New("it is on nobody and nothing, or on both")
	}
	return nil
}}

// CheckReason refuses a reason that is empty, longer than 1000 bytes, or not
// plain text.
func CheckReason(reason string) error {
	if reason == "" || len(reason) > maxReason || !visible(reason) {
		return detailed("reason", reason, CodeMissing, texts.NewMessage("why.reason", maxReason))
	}
	return nil
}

// AddHold places a legal hold on a user, whatever their state, or on a group. h
// names one of the two, and a reason. Once AddHold returns, nothing that the
// hold covers is deleted: a deletion that is under way has stopped, but for
// what a host keeps in places of its own and is deleting just then. It needs
// PermHolds.
func (s *Scope) AddHold(ctx context.Context, h Hold) (Hold, error) {
	if (h.User == "") == (h.Group == "") {
		return Hold{}, fmt.Errorf("a hold is on one user or on one group: %w", ErrInvalid)
	}
	if err := CheckReason(h.Reason); err != nil {
		return Hold{}, err
	}
	h.ID, h.By = s.admin.NewID(), s.actor
	// Exclusive: each batch of a deletion is behind the shared fence, and has
	// seen the hold, or was committed before it.
	err := s.Change(ctx, Op{Kind: KindHoldAdd, Need: PermHolds, Fence: storage.Exclusive, Targets: []ID{h.Subject()}, closes: true}, func(ctx context.Context, w *Writer) error {
		// The subject owns the record, so that it is known even if the record
		// cannot be read. Users who are being deleted can own none.
		owner := h.Subject()
		if h.User != "" {
			us, err := w.anyUsersInOrder(ctx, []ID{h.User})
			if err != nil {
				return err
			}
			if us[0].Deleting {
				owner = ""
			}
		} else if _, err := w.group(ctx, h.Group); err != nil {
			return err
		}
		h.At = w.now
		e := holds.New(s.domain, string(h.ID), owner, h)
		if err := holds.Put(ctx, w, &e); err != nil {
			return err
		}
		w.Audit(KindHoldAdd, []ID{h.Subject()}, nil, map[string]string{"hold": string(h.ID), "reason": h.Reason})
		return nil
	})
	if err != nil {
		return Hold{}, err
	}
	return h, nil
}

// ReleaseHold ends a legal hold. It needs PermHolds. A hold whose record cannot
// be read is released as well: of the one returned only the ID is known.
func (s *Scope) ReleaseHold(ctx context.Context, id ID) (Hold, error) {
	var h Hold
	err := s.Change(ctx, Op{Kind: KindHoldRelease, Need: PermHolds, Fence: storage.Shared, Targets: []ID{id}, closes: true}, func(ctx context.Context, w *Writer) error {
		e, err := holds.Get(ctx, w, s.domain, string(id))
		if err != nil && e.Damaged == nil {
			return err
		}
		h = holdOf(&e)
		subject := cmp.Or(h.Subject(), e.Owner, id)
		if err := holds.Delete(ctx, w, &e); err != nil {
			return err
		}
		w.Audit(KindHoldRelease, []ID{subject}, nil, map[string]string{"hold": string(id)})
		return nil
	})
	if err != nil {
		return Hold{}, err
	}
	return h, nil
}

// Holds lists the legal holds in force, the oldest first. It needs PermHolds. A
// hold that cannot be read stays in force: it is yielded with its ID alone and
// a *DamagedError that wraps ErrHeld too, and the list goes on. Any other error
// ends it.
func (s *Scope) Holds(ctx context.Context) iter.Seq2[Hold, error] {
	return func(yield func(Hold, error) bool) {
		for e, err := range entries(ctx, s, PermHolds, &holds, storage.RecordQuery{}) {
			if e.Damaged != nil {
				err = unreadableHold(&e)
			}
			if !yield(holdOf(&e), err) {
				return
			}
		}
	}
}

// HoldsPage returns one page of Holds, at most p.Limit (see CheckPage), and the
// cursor of the next one; "" is the end. Of a hold that cannot be read only ID
// and subject are known, the subject where its record names one.
func (s *Scope) HoldsPage(ctx context.Context, p Page) ([]Hold, Cursor, error) {
	p, err := CheckPage(p)
	if err != nil {
		return nil, "", err
	}
	if _, _, err := s.View(ctx, PermHolds); err != nil {
		return nil, "", err
	}
	rs, next, err := s.admin.store.ListRecords(ctx, storage.RecordQuery{Kind: holds.Name, Domain: s.domain}, p)
	if err != nil {
		return nil, "", err
	}
	page := make([]Hold, len(rs))
	for i, rec := range rs {
		e, _ := holds.entry(rec) // one that cannot be read stays in force
		page[i] = holdOf(&e)
	}
	return page, next, nil
}

// holdOf is the hold of an entry. Its ID is known even if it cannot be read.
func holdOf(e *Entry[Hold]) Hold {
	h := e.Value
	h.ID = ID(e.ID)
	return h
}

// unreadableHold is why a hold that cannot be read forbids deletions.
func unreadableHold(e *Entry[Hold]) error {
	covers := "it may cover anything"
	if e.Owner != "" {
		covers = fmt.Sprintf("it covers %q", e.Owner)
	}
	return fmt.Errorf("the legal hold %s cannot be read, it is damaged or was written by a newer version of the library, and %s: %w: %w",
		Cut(e.ID), covers, ErrHeld, e.Damaged)
}

// ExceptHeld returns q with the exceptions that the legal holds in force ask
// for. More than MaxBulk users or groups under holds are ErrHeld.
func ExceptHeld(ctx context.Context, r storage.Reader, q storage.ContentQuery) (storage.ContentQuery, error) {
	users, groups, err := Held(ctx, r, q.Domain)
	if err == nil && max(len(users), len(groups)) > storage.MaxBulk {
		err = fmt.Errorf("more than %d users or groups are under legal holds, which is more than a deletion can spare: %w",
			storage.MaxBulk, ErrHeld)
	}
	q.ExceptUsers, q.ExceptContainers = users, groups
	return q, err
}

// Held returns the users and groups of a domain that are under a legal hold,
// for ContentQuery.ExceptUsers and ExceptContainers of a deletion by age. A
// hold that cannot be read holds its owner, as a user and as a group; if it has
// none it may cover anything, which is ErrHeld.
func Held(ctx context.Context, r storage.Reader, domain ID) (users, groups []ID, err error) {
	all, err := held(ctx, r, domain)
	if err == nil && len(all.anything) > 0 {
		err = unreadableHold(&all.anything[0])
	}
	if err != nil {
		return nil, nil, err
	}
	return all.users, all.groups, nil
}

// heldIn is what the holds of a domain cover.
type heldIn struct {
	users, groups []ID
	anything      []Entry[Hold] // cannot be read, and have no owner
}

func held(ctx context.Context, r storage.Reader, domain ID) (all heldIn, err error) {
	for e, err := range holds.Each(ctx, r, storage.RecordQuery{Domain: domain}) {
		switch {
		case e.Damaged != nil && e.Owner == "":
			all.anything = append(all.anything, e)
		case e.Damaged != nil:
			all.users, all.groups = append(all.users, e.Owner), append(all.groups, e.Owner)
		case err != nil:
			return heldIn{}, err
		case e.Value.User != "":
			all.users = append(all.users, e.Value.User)
		default:
			all.groups = append(all.groups, e.Value.Group)
		}
	}
	all.users, all.groups = unique(all.users), unique(all.groups)
	return all, nil
}

// HeldBack returns a sentence for each legal hold that forbids to delete users
// (at most MaxBatch) with all they have written and their chats, and groups
// with all that lies in them, in the store and in sources inside its database.
// r is the store or a transaction of it. A hold that cannot be read forbids
// everything.
func (a *Admin) HeldBack(ctx context.Context, r storage.Reader, domain ID, users, groups []ID) (why []string, err error) {
	all, err := held(ctx, r, domain)
	for i := range all.anything {
		why = append(why, unreadableHold(&all.anything[i]).Error())
	}
	heldUsers, heldGroups := all.users, all.groups
	if err != nil || len(heldUsers)+len(heldGroups) == 0 {
		return why, err
	}
	direct := func(ids, held []ID) (both []ID) {
		for _, id := range ids {
			if slices.Contains(held, id) {
				both = append(both, id)
			}
		}
		return both
	}
	us, err := r.Users(ctx, domain, direct(users, heldUsers))
	if err != nil {
		return nil, err
	}
	for _, u := range us {
		why = append(why, fmt.Sprintf("user %q is under a legal hold", Cut(u.Login)))
	}
	for batch := range slices.Chunk(direct(groups, heldGroups), MaxBatch) {
		gs, err := r.Groups(ctx, domain, batch)
		if err != nil {
			return nil, err
		}
		for _, g := range gs {
			why = append(why, fmt.Sprintf("group %q is under a legal hold", Cut(g.Name)))
		}
	}
	// What the users have written in held groups, what held users have written
	// in the groups, and the chats between the ones and the others.
	overlaps := func(ones, others []ID, count func(ones, others []ID) (int64, error), sentence string) error {
		for one := range slices.Chunk(ones, MaxBatch) {
			for other := range slices.Chunk(others, MaxBatch) {
				n, err := count(one, other)
				if err != nil {
					return err
				}
				if n > 0 {
					why = append(why, sentence)
					return nil
				}
			}
		}
		return nil
	}
	written := func(authors, containers []ID) (int64, error) {
		n, err := a.CountData(ctx, r, storage.ContentQuery{Domain: domain, Authors: authors, Containers: containers})
		return Counts(n).Sum(), err
	}
	if err := overlaps(users, heldGroups, written, "they have written in a group that is under a legal hold"); err != nil {
		return nil, err
	}
	if err := overlaps(heldUsers, groups, written, "somebody under a legal hold has written in a group that would be deleted"); err != nil {
		return nil, err
	}
	chats := func(ids ...ID) (int64, error) {
		n, err := a.CountData(ctx, r, storage.ContentQuery{Domain: domain, ChatsOf: ids})
		return Counts(n).Sum(), err
	}
	for half := range slices.Chunk(users, MaxBatch/2) {
		// a chat of two of them is counted once where both are asked for, and
		// twice one by one
		theirs, err := chats(half...)
		if err != nil {
			return nil, err
		}
		for _, id := range heldUsers {
			if theirs == 0 || slices.Contains(half, id) {
				continue // said above
			}
			own, err1 := chats(id)
			both, err2 := chats(append(slices.Clone(half), id)...)
			if err := errors.Join(err1, err2); err != nil {
				return nil, err
			}
			if own+theirs > both {
				return append(why, "there are private chats with somebody who is under a legal hold"), nil
			}
		}
	}
	// Whoever has written in a chat need not be on a side of it any more.
	inChats := func(authors, sides []ID) (int64, error) {
		n, err := a.CountData(ctx, r, storage.ContentQuery{Domain: domain, Authors: authors, ChatsOf: sides})
		return Counts(n).Sum(), err
	}
	without := func(ids, others []ID) []ID {
		return slices.DeleteFunc(slices.Clone(ids), func(id ID) bool { return slices.Contains(others, id) })
	}
	err = overlaps(without(users, heldUsers), heldUsers, inChats, "they have written in a private chat of somebody who is under a legal hold")
	if err == nil {
		err = overlaps(without(heldUsers, users), users, inChats, "somebody under a legal hold has written in a private chat that would be deleted")
	}
	return why, err
}
