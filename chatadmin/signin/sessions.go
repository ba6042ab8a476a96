package signin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

// ended is a batch of users whose sessions the host has to end, as a Record that outlives them.
type ended struct {
	Version int            `json:"v"`
	Users   []chatadmin.ID `json:"users"`
	Again   bool           `json:"again,omitempty"` // was told once
}

const (
	endedKind = "session-end"
	// afterglow is when the host is told once more: a session that was being made while the access ended is there by then.
	afterglow  = time.Minute
	endedBatch = 100
)

// queueSessions is a chatadmin.UserChangeFunc: sessions end after the commit of what ended the access, and never without it.
func queueSessions(ctx context.Context, w *chatadmin.Work, changes []chatadmin.UserChange) error {
	var e ended
	for i := range changes {
		if changes[i].LosesAccess() {
			e.Users = append(e.Users, changes[i].Now.ID)
		}
	}
	if len(e.Users) == 0 {
		return nil
	}
	rev, err := w.NextRev()
	if err != nil {
		return err
	}
	e.Version = 1
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	key := chatadmin.Key{Kind: endedKind, Domain: changes[0].Now.Domain, ID: fmt.Sprintf("%016x", int64(rev))}
	return w.PutRecords(ctx, []chatadmin.Change[chatadmin.Record]{{Row: chatadmin.Record{Key: key, Due: w.Now(), Rev: rev, Data: data}}})
}

// EndSessions tells Options.Sessions whose sessions to end, in the order in which their access ended, and returns how many users it named. Each is named at least once, and once
// more after a minute if they have no access then either: a sign-in that was decided just before is caught that way. Call it in a worker of the host, or after whatever ends access; several may run at once. What fails stays
// queued, the others go on, and the errors are returned together. Without Options.Sessions it does nothing.
func (g *Gate) EndSessions(ctx context.Context) (int, error) {
	if g.o.Sessions == nil {
		return 0, nil
	}
	total := 0
	var errs []error
	for p := (chatadmin.Page{Limit: endedBatch}); ; {
		due, next, err := g.admin.Store().ListRecords(ctx, chatadmin.RecordQuery{Kind: endedKind, DueBy: g.admin.Now()}, p)
		if err != nil {
			return total, errors.Join(append(errs, err)...)
		}
		for _, r := range due {
			n, err := g.endSessions(ctx, r)
			if total += n; err != nil {
				errs = append(errs, err)
			}
			if err := ctx.Err(); err != nil {
				return total, errors.Join(append(errs, err)...)
			}
		}
		if next == "" {
			return total, errors.Join(errs...)
		}
		p.After = next
	}
}

func (g *Gate) endSessions(ctx context.Context, r chatadmin.Record) (int, error) {
	var e ended
	if err := json.Unmarshal(r.Data, &e); err != nil {
		return 0, fmt.Errorf("sessions to end, %s: %w", r.ID, err)
	}
	users := e.Users
	if e.Again {
		var err error
		if users, err = g.withoutAccess(ctx, r.Domain, users); err != nil {
			return 0, err
		}
	}
	if len(users) > 0 {
		if err := g.o.Sessions.EndSessions(ctx, r.Domain, users); err != nil {
			return 0, fmt.Errorf("ending the sessions of %d users: %w", len(users), err)
		}
	}
	done := chatadmin.Change[chatadmin.Record]{Row: r, Was: r.Rev, Delete: e.Again}
	if !e.Again {
		e.Again = true
		data, err := json.Marshal(e)
		if err != nil {
			return 0, err
		}
		done.Row.Data, done.Row.Due = data, g.admin.Now().Add(afterglow)
	}
	// What cannot be written down now is told again.
	return len(users), g.admin.Keep(context.WithoutCancel(ctx), r.Domain, func(ctx context.Context, w *chatadmin.Work) error {
		rev, err := w.NextRev(r.Rev)
		if err != nil {
			return err
		}
		done.Row.Rev = rev
		_, err = w.ChangeRecords(ctx, []chatadmin.Change[chatadmin.Record]{done}) // another worker may have been faster
		return err
	})
}

// withoutAccess leaves out who has access again.
func (g *Gate) withoutAccess(ctx context.Context, domain chatadmin.ID, users []chatadmin.ID) ([]chatadmin.ID, error) {
	us, err := g.admin.Store().Users(ctx, domain, users)
	if err != nil {
		return nil, err
	}
	back := map[chatadmin.ID]bool{}
	for _, u := range us {
		back[u.ID] = u.Status != chatadmin.Deactivated && !u.Denied && !u.Deleting
	}
	var out []chatadmin.ID
	for _, id := range users {
		if !back[id] {
			out = append(out, id)
		}
	}
	return out, nil
}
