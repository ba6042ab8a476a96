package chatadmin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"
)

// Hold is a legal hold: until it is released, nothing that it covers is deleted, by nobody. A hold on a user covers their account, their private chats with everybody, and what
// they have written anywhere; a hold on a group covers the group with all that lies in it. There may be several on one subject, each with its own reason.
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

const (
	holdKind  = "hold"
	maxReason = 1000
)

func holdKey(domain, id ID) Key { return Key{Kind: holdKind, Domain: domain, ID: string(id)} }

type holdData struct {
	Version int `json:"v"`
	Hold
}

// CheckReason refuses a reason that is empty, longer than 1000 bytes, or not plain text.
func CheckReason(reason string) error {
	if reason == "" || len(reason) > maxReason || !visible(reason) {
		return &FieldError{"reason", Cut(reason), CodeMissing, fmt.Sprintf("give a reason, of at most %d bytes and without control characters", maxReason)}
	}
	return nil
}

// AddHold places a legal hold on a user (whatever their state) or on a group. h names one of the two, and a reason. From the moment it has returned nothing goes that it covers: a
// deletion that is under way has stopped, but for what a host keeps in places of its own and is deleting just then. It needs PermHolds.
func (s *Scope) AddHold(ctx context.Context, h Hold) (Hold, error) {
	if (h.User == "") == (h.Group == "") {
		return Hold{}, fmt.Errorf("a hold is on one user or on one group: %w", ErrInvalid)
	}
	if err := CheckReason(h.Reason); err != nil {
		return Hold{}, err
	}
	h.ID, h.By = s.admin.NewID(), s.actor
	// Exclusive: each batch of a deletion is behind the shared fence, and has seen the hold, or was committed before it.
	err := s.Change(ctx, Op{Kind: KindHoldAdd, Need: PermHolds, Fence: Exclusive, Targets: []ID{h.Subject()}}, func(ctx context.Context, w *Work) error {
		if h.User != "" {
			if _, err := w.anyUsersInOrder(ctx, []ID{h.User}); err != nil {
				return err
			}
		} else if _, err := w.group(ctx, h.Group); err != nil {
			return err
		}
		h.At = w.now
		data, err := json.Marshal(holdData{1, h})
		if err != nil {
			return err
		}
		if err := w.PutRecords(ctx, []Change[Record]{{Row: Record{Key: holdKey(s.domain, h.ID), Data: data}}}); err != nil {
			return err
		}
		w.Record(KindHoldAdd, []ID{h.Subject()}, nil, map[string]string{"hold": string(h.ID), "reason": h.Reason})
		return nil
	})
	if err != nil {
		return Hold{}, err
	}
	return h, nil
}

// ReleaseHold ends a legal hold. It needs PermHolds. A hold whose record cannot be
// read is released as well: of the one returned only the ID is known.
func (s *Scope) ReleaseHold(ctx context.Context, id ID) (Hold, error) {
	var h Hold
	err := s.Change(ctx, Op{Kind: KindHoldRelease, Need: PermHolds, Fence: Shared, Targets: []ID{id}}, func(ctx context.Context, w *Work) error {
		rs, err := w.Records(ctx, []Key{holdKey(s.domain, id)})
		r, err := one(rs, err, "hold", string(id))
		if err != nil {
			return err
		}
		subject := id
		if h, err = decodeHold(r); err == nil {
			subject = h.Subject()
		}
		if err := w.PutRecords(ctx, []Change[Record]{{Row: r, Was: r.Rev, Delete: true}}); err != nil {
			return err
		}
		w.Record(KindHoldRelease, []ID{subject}, nil, map[string]string{"hold": string(id)})
		return nil
	})
	if err != nil {
		return Hold{}, err
	}
	return h, nil
}

// Holds lists the legal holds in force, the oldest first. It needs PermHolds. A hold
// whose record cannot be read comes with an error that wraps ErrHeld, and with its
// ID alone; the others follow.
func (s *Scope) Holds(ctx context.Context) iter.Seq2[Hold, error] {
	return func(yield func(Hold, error) bool) {
		for r, err := range Records(ctx, s, PermHolds, RecordQuery{Kind: holdKind}) {
			if err != nil {
				yield(Hold{}, err)
				return
			}
			if !yield(decodeHold(r)) {
				return
			}
		}
	}
}

// decodeHold reads a hold. Where it cannot be read, only its ID is known.
func decodeHold(r Record) (Hold, error) {
	var d holdData
	err := json.Unmarshal(r.Data, &d)
	if err != nil || d.Version != 1 || string(d.ID) != r.ID || (d.User == "") == (d.Group == "") {
		return Hold{ID: ID(r.ID)}, fmt.Errorf("%s: %w", unreadableHold(ID(r.ID)), ErrHeld)
	}
	return d.Hold, nil
}

// unreadableHold says why a hold that cannot be read forbids every deletion.
func unreadableHold(id ID) string {
	return fmt.Sprintf("the legal hold %s cannot be read, it is damaged or was written by a newer version of the library, so that it may cover anything", id)
}

// Held returns the users and groups of a domain that are under a legal hold, for
// ContentQuery.ExceptUsers and ExceptContainers of a deletion by age. A hold that
// cannot be read may cover anything: it is ErrHeld.
func Held(ctx context.Context, r Reader, domain ID) (users, groups []ID, err error) {
	users, groups, unreadable, err := held(ctx, r, domain)
	if err == nil && len(unreadable) > 0 {
		err = fmt.Errorf("%s: %w", unreadableHold(unreadable[0]), ErrHeld)
	}
	if err != nil {
		return nil, nil, err
	}
	return users, groups, nil
}

func held(ctx context.Context, r Reader, domain ID) (users, groups, unreadable []ID, err error) {
	for p := (Page{Limit: MaxBatch}); ; {
		page, next, err := r.ListRecords(ctx, RecordQuery{Kind: holdKind, Domain: domain}, p)
		if err != nil {
			return nil, nil, nil, err
		}
		for _, rec := range page {
			switch h, err := decodeHold(rec); {
			case err != nil:
				unreadable = append(unreadable, h.ID)
			case h.User != "":
				users = append(users, h.User)
			default:
				groups = append(groups, h.Group)
			}
		}
		if p.After = next; next == "" {
			return unique(users), unique(groups), unreadable, nil
		}
	}
}

// HeldBack returns a sentence for each legal hold that forbids to delete users (at
// most MaxBatch) with all they have written and their chats, and groups with all that
// lies in them. A hold that cannot be read forbids everything.
func HeldBack(ctx context.Context, r Reader, domain ID, users, groups []ID) (why []string, err error) {
	heldUsers, heldGroups, unreadable, err := held(ctx, r, domain)
	for _, id := range unreadable {
		why = append(why, unreadableHold(id))
	}
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
	// What the users have written in held groups, what held users have written in the groups, and the chats between the ones and the others.
	overlaps := func(ones, others []ID, count func(ones, others []ID) (int64, error), sentence string) error {
		for a := range slices.Chunk(ones, MaxBatch) {
			for b := range slices.Chunk(others, MaxBatch) {
				n, err := count(a, b)
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
		n, err := r.CountContent(ctx, ContentQuery{Domain: domain, Authors: authors, Containers: containers})
		return n.Messages + n.Files, err
	}
	if err := overlaps(users, heldGroups, written, "they have written in a group that is under a legal hold"); err != nil {
		return nil, err
	}
	if err := overlaps(heldUsers, groups, written, "somebody under a legal hold has written in a group that would be deleted"); err != nil {
		return nil, err
	}
	chats := func(ids ...ID) (int64, error) {
		n, err := r.CountContent(ctx, ContentQuery{Domain: domain, ChatsOf: ids})
		return n.Chats, err
	}
	for half := range slices.Chunk(users, MaxBatch/2) { // a chat of two of them is counted once where both are asked for, and twice one by one
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
	return why, nil
}
