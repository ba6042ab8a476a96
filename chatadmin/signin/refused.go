package signin

import (
	"context"
	"errors"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Refused is one sign-in that was refused.
type Refused struct {
	At     time.Time `json:"at"`
	Reason Reason    `json:"reason"`
	Client Client    `json:"client,omitempty"`
	Method Method    `json:"method,omitempty"`
}

// keptRefusals is how many refusals are kept of each user, and of all logins
// together that nobody has. It bounds what a flood of guesses writes.
const keptRefusals = 10

// refusals are the last refused sign-ins of a user, the oldest first, as a
// record that the user owns, under their ID. Those of logins that nobody has
// are under nobodyID; what was typed is not kept, since it may be a password
// typed into the wrong field. The record is due at newestFirst of its last time,
// so that one indexed read lists who was refused last.
type refusals struct {
	Last []Refused `json:"last"`
}

const nobodyID = "nobody."

var refusalRecords = chatadmin.RecordKind[refusals]{Name: "refused", Need: chatadmin.PermUsersAccess, Check: func(r *refusals) error {
	if len(r.Last) == 0 || r.Last[0].At.IsZero() {
		return errors.New("it says no time")
	}
	return nil
}}

// turned is the time around which newestFirst turns times, and lastTurned is
// later than what it returns.
var (
	turned     = time.Date(5000, 1, 1, 0, 0, 0, 0, time.UTC)
	lastTurned = time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)
)

// newestFirst turns a time around, so that an ascending list begins with the
// newest.
func newestFirst(at time.Time) time.Time {
	return time.UnixMilli(2*turned.UnixMilli() - at.UnixMilli()).UTC()
}

// lastRefused are the last of two lists.
func lastRefused(a, b []Refused) []Refused {
	all := slices.Concat(a, b)
	slices.SortStableFunc(all, func(a, b Refused) int { return a.At.Compare(b.At) })
	return all[max(0, len(all)-keptRefusals):]
}

// refuse notes a refusal. To write it at once would tell by its time who exists,
// and would let a flood of guesses keep the store busy. Failed comes with an
// error, and what cannot be a code is typed again: those are none.
func (g *Gate) refuse(domain chatadmin.ID, d *Decision) {
	if d.Outcome == Denied && d.reason != Failed && d.reason != NotACode {
		g.refused.add(domain, d.subject, []Refused{{g.admin.Now().Truncate(time.Millisecond), d.reason, d.Client, d.Method}})
	}
}

func (g *Gate) writeRefusals(ctx context.Context, domain chatadmin.ID, users []chatadmin.ID, by map[chatadmin.ID][]Refused) (n int, err error) {
	op := chatadmin.Op{Kind: KindUserActivity, Fence: storage.Shared, Targets: slices.DeleteFunc(slices.Clone(users), func(id chatadmin.ID) bool { return id == "" })}
	err = g.admin.AsHost(domain).Change(ctx, op, func(ctx context.Context, w *chatadmin.Writer) error {
		found, err := w.Users(ctx, domain, op.Targets)
		if err != nil {
			return err
		}
		keys := []string{nobodyID}
		for _, u := range found {
			if !u.Deleting {
				keys = append(keys, string(u.ID))
			}
		}
		kept, err := refusalRecords.GetMany(ctx, w, domain, keys...)
		if err != nil {
			return err
		}
		var put []*chatadmin.Entry[refusals]
		for _, key := range keys {
			owner := chatadmin.ID(key)
			if key == nobodyID {
				owner = ""
			}
			noted := slices.Clone(by[owner])
			if len(noted) == 0 {
				continue
			}
			for i := range noted {
				if noted[i].At.After(w.Now()) { // by a clock that was wrong
					noted[i].At = w.Now()
				}
			}
			e, ok := kept[key]
			if !ok {
				e = refusalRecords.New(domain, key, owner, refusals{})
			}
			e.Value = refusals{lastRefused(e.Value.Last, noted)} // one that could not be read begins anew
			e.Due = newestFirst(e.Value.Last[len(e.Value.Last)-1].At)
			put = append(put, &e)
		}
		if n, err = refusalRecords.TryPut(ctx, w, put...); err == nil && n < len(put) {
			return storage.ErrRetry // another process has written them meanwhile
		}
		return err
	})
	return n, err
}
