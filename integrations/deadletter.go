package integrations

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

const (
	// deadDays is how many days a dead letter is kept. It is counted by days on
	// which somebody looked, so that no clock that jumps ahead deletes one.
	deadDays = 30
	day      = 24 * time.Hour
)

// deadData is a record that was given up, as it was.
type deadData struct {
	Service string          `json:"service"`
	Kind    string          `json:"kind"`
	ID      string          `json:"id"`
	Data    json.RawMessage `json:"data"`
	At      time.Time       `json:"at"`
	Error   string          `json:"error"`
	Days    int             `json:"days,omitempty"` // for which it was kept
}

func (d *deadData) check() error {
	return must((d.Kind == kindIn || d.Kind == kindOut) && d.Service != "" && d.ID != "")
}

// DeadLetter is a message that was given up: the provider or the host refused
// it for good, or it could not be delivered for a day. It is kept for 30 days.
// It goes earlier if its message is deleted, or its author, if the host sets
// Message.AuthorID.
type DeadLetter struct {
	ID       chatadmin.ID
	Service  string
	Incoming bool      // from the provider; otherwise to it
	Queued   time.Time // when it came in, or Tell was called
	Died     time.Time
	Reason   string // a sentence
	Text     string // the beginning of a message to the provider
}

// bury makes the changes that give a record up. What came in stays remembered
// against repetition.
func (x *Integrations) bury(ctx context.Context, r storage.Record, why string) []storage.Write[storage.Record] {
	of, now := ofItem(r), x.admin.Now()
	x.admin.Options().Logger.WarnContext(ctx, "integration: a message was given up", "service", of.Service, "owner", of.Owner, "queue", r.Kind, "record", r.ID, "problem", why)
	kept := json.RawMessage(r.Data)
	if !json.Valid(kept) { // so that it can be looked at and discarded
		kept = []byte("{}")
	}
	data, _ := deadRecords.Encode(&deadData{of.Service, r.Kind, r.ID, kept, now, why, 0}) // valid JSON cannot fail
	end := storage.Write[storage.Record]{Row: r, Was: r.Rev, Delete: true}
	if r.Kind == kindIn {
		end = storage.Write[storage.Record]{Row: done(r, now), Was: r.Rev}
	}
	letter := storage.Record{Key: storage.Key{Kind: kindDead, Domain: r.Domain, ID: string(x.admin.NewID())}, Owner: of.Owner, Due: now.Add(day), Data: data}
	return []storage.Write[storage.Record]{end, {Row: letter}}
}

// age counts another day of letters, and deletes those that were kept for long
// enough. One that cannot be read is kept until somebody repairs or discards
// it.
func (x *Integrations) age(ctx context.Context, rs []storage.Record) error {
	return x.keepBooks(ctx, rs, func(r storage.Record, now time.Time) (storage.Record, bool, error) {
		r.Due = now.Add(day)
		d, err := deadRecords.Decode(r)
		if err != nil {
			return r, false, nil
		}
		if d.Days++; d.Days >= deadDays {
			return r, true, nil
		}
		r.Data, err = deadRecords.Encode(&d)
		return r, false, err
	})
}

// deadOf reports whether a dead letter is shown to a service: one that cannot
// be read is shown to all.
func deadOf(r storage.Record, service string) bool {
	d, _, err := decodeDead(r)
	return err != nil || d.Service == service
}

func decodeDead(r storage.Record) (deadData, DeadLetter, error) {
	d, err := deadRecords.Decode(r)
	if err != nil {
		return deadData{}, DeadLetter{}, err
	}
	if of := ofItem(storage.Record{Key: storage.Key{ID: d.ID}}); of != (Of{d.Service, r.Owner}) {
		return deadData{}, DeadLetter{}, fmt.Errorf("dead letter %s: %w", r.ID, chatadmin.ErrDamaged)
	}
	var out outData // what came in has the same name for its time, and no text
	_ = json.Unmarshal(d.Data, &out)
	return d, DeadLetter{chatadmin.ID(r.ID), d.Service, d.Kind == kindIn, out.told(), d.At, d.Error, chatadmin.Cut(out.Text)}, nil
}

// DeadLetters lists up to chatadmin.MaxBatch dead letters, oldest first. It
// needs chatadmin.PermGroups, or an admin of the group; for a service of users,
// the user.
func (x *Integrations) DeadLetters(ctx context.Context, s *chatadmin.Scope, of Of) ([]DeadLetter, error) {
	if _, err := x.permit(ctx, s, of); err != nil {
		return nil, err
	}
	list := []DeadLetter{}
	for p := (chatadmin.Page{Limit: chatadmin.MaxBatch}); len(list) < chatadmin.MaxBatch; {
		rs, next, err := s.Admin().Store().ListRecords(ctx, storage.RecordQuery{Kind: kindDead, Domain: s.Domain(), Owner: of.Owner}, p)
		if err != nil {
			return nil, err
		}
		for _, r := range rs {
			d, l, err := decodeDead(r)
			if errors.Is(err, chatadmin.ErrDamaged) { // of whichever service: it can be discarded
				d.Service, l = of.Service, DeadLetter{ID: chatadmin.ID(r.ID), Service: of.Service, Reason: "this letter is damaged: discard it"}
			} else if err != nil {
				return nil, err
			}
			if d.Service == of.Service {
				list = append(list, l)
			}
		}
		if p.After = next; next == "" {
			break
		}
	}
	return list, nil
}

// Retry queues a dead letter again in its old place, before what is waiting. It
// needs chatadmin.PermGroups, or an admin of the group; for a service of users,
// the user.
func (x *Integrations) Retry(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID) error {
	return x.endLetter(ctx, s, KindRetry, id, func(d deadData, now time.Time) (*storage.Record, error) {
		if d.ID == "" { // it could not be read
			return nil, texts.Explain(fmt.Errorf("dead letter %s: it is damaged, and can only be discarded: %w", chatadmin.Cut(string(id)), chatadmin.ErrInvalid), "why.letter_damaged")
		}
		data, err := requeued(d.Data, now)
		return &storage.Record{Key: storage.Key{Kind: d.Kind, Domain: s.Domain(), ID: d.ID}, Due: now, Data: data}, err
	})
}

// requeued is the data of a record that waits from now on. When it came first
// is kept.
func requeued(data json.RawMessage, now time.Time) (json.RawMessage, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, fmt.Errorf("%w: %w", chatadmin.ErrDamaged, err)
	}
	if fields == nil {
		return nil, chatadmin.ErrDamaged
	}
	var at time.Time
	if raw := fields["at"]; raw != nil && json.Unmarshal(raw, &at) != nil {
		return nil, chatadmin.ErrDamaged
	}
	if fields["first"] == nil && fields["at"] != nil && !at.After(now) {
		fields["first"] = fields["at"]
	}
	fields["at"], _ = json.Marshal(now) // a time cannot fail
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // else a text could grow sixfold
	err := e.Encode(fields)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}

// Discard deletes a dead letter, also one that cannot be read. It needs
// chatadmin.PermGroups, or an admin of the group; for a service of users, the
// user.
func (x *Integrations) Discard(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID) error {
	return x.endLetter(ctx, s, KindDiscard, id, func(deadData, time.Time) (*storage.Record, error) { return nil, nil })
}

// ofGroups is any service of groups: who may configure one may configure them
// all.
func (x *Integrations) ofGroups() (Service, error) {
	for _, svc := range x.services {
		if !svc.Info().PerUser {
			return svc, nil
		}
	}
	return nil, fmt.Errorf("there is no service of groups: %w", chatadmin.ErrNotFound)
}

func (x *Integrations) endLetter(ctx context.Context, s *chatadmin.Scope, kind string, id chatadmin.ID, again func(deadData, time.Time) (*storage.Record, error)) error {
	op := chatadmin.Op{Kind: kind, Fence: storage.Shared, Targets: []chatadmin.ID{id}}
	return s.Change(ctx, op, func(ctx context.Context, w *chatadmin.Writer) error {
		rs, err := w.Records(ctx, []storage.Key{{Kind: kindDead, Domain: s.Domain(), ID: string(id)}})
		if err != nil {
			return err
		}
		if len(rs) == 0 {
			return fmt.Errorf("dead letter %s: %w", chatadmin.Cut(string(id)), chatadmin.ErrNotFound)
		}
		d, _, err := decodeDead(rs[0])
		if err != nil && !errors.Is(err, chatadmin.ErrDamaged) {
			return err
		}
		svc := x.byName[d.Service]
		if svc == nil { // damaged, or of a service that is not there any more
			if svc, err = x.ofGroups(); err != nil {
				return err
			}
		}
		if err := x.authorise(ctx, w, s, w.Role, svc, rs[0].Owner); err != nil {
			return err
		}
		changes := []storage.Write[storage.Record]{{Row: rs[0], Was: rs[0].Rev, Delete: true}}
		r, err := again(d, w.Now())
		if err != nil {
			return err
		}
		if r != nil {
			old, err := w.Records(ctx, []storage.Key{r.Key})
			if err != nil {
				return err
			}
			c := storage.Write[storage.Record]{Row: *r}
			if c.Row.Owner = rs[0].Owner; len(old) > 0 {
				c.Was = old[0].Rev
			}
			changes = append(changes, c)
		}
		if err := w.PutRecords(ctx, changes); err != nil {
			return err
		}
		w.Audit(kind, []chatadmin.ID{rs[0].Owner}, nil, map[string]string{"service": d.Service})
		return nil
	})
}
