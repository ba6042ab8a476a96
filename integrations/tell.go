package integrations

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// mostOut is the most that a message may take once it is encoded: a dead
// letter, of at most 1 MiB, has to hold it with what is said about it.
const mostOut = 1<<20 - 8<<10

// Tell queues something that happened to a message of a group, for each service
// in force there, and returns the number of services. Only the host can call
// it, for all messages or only for those of groups with integrations. Telling
// twice of a new message queues it once.
//
// Messages go out in the order in which the calls of Tell end, in whatever
// process. A message that came by Groups.Post goes to all services but the one
// in Message.Origin. A message that is deleted before it goes out is removed
// from the queue.
//
// It returns chatadmin.ErrInvalid if the text is longer than 256 KiB, or has
// too many control characters for a record.
func (x *Integrations) Tell(ctx context.Context, domain chatadmin.ID, m Message) (int, error) {
	if m.Op != Posted && m.Op != Edited && m.Op != Deleted || m.Group == "" || m.ID == "" || len(m.ID) > 64 || len(m.Text) > 256<<10 || len(m.Author) > 1<<10 || len(m.AuthorID) > 64 {
		return 0, fmt.Errorf("message %s: say what happened to which message of which group, in at most 256 KiB, with an author's name of at most 1 KiB: %w", chatadmin.Cut(string(m.ID)), chatadmin.ErrInvalid)
	}
	var keys []storage.Key
	for _, svc := range x.services {
		if i := svc.Info(); i.Sends && !i.PerUser {
			of := Of{i.Name, m.Group}
			keys = append(keys, serviceKey(domain, i.Name), of.record(domain))
		}
	}
	if len(keys) == 0 {
		return 0, nil
	}
	rs, err := x.admin.Store().Records(ctx, keys)
	if err != nil {
		return 0, err
	}
	var to []target
	n := 0
	for _, svc := range x.services {
		if i := svc.Info(); i.Sends && !i.PerUser {
			of := Of{i.Name, m.Group}
			c, d, err := x.decodeBoth(rs, domain, of)
			if errors.Is(err, chatadmin.ErrDamaged) { // it carries nothing until it is repaired; the others do
				x.admin.Options().Logger.ErrorContext(ctx, "integration: a message is not carried", "service", i.Name, "owner", m.Group, "error", err)
				continue
			}
			if err != nil && !errors.Is(err, errSealed) { // those wait until they open
				return 0, err
			}
			on := d.On && c.Saved && m.Origin != of.key()
			if on {
				n++
			}
			if on || m.Op == Deleted && c.rev != 0 {
				to = append(to, target{c, on})
			}
		}
	}
	if len(to) == 0 {
		return 0, nil
	}
	return n, x.queue(ctx, domain, to, m)
}

// target is a connection that is told of something. One that is not in force is
// told of deletions only, so that nothing stays that waits in it.
type target struct {
	*Connection
	on bool
}

func (x *Integrations) queue(ctx context.Context, domain chatadmin.ID, to []target, m Message) error {
	data, err := outRecords.Encode(&outData{Op: m.Op, Message: m.ID, Thread: m.Thread, Author: m.Author, AuthorID: m.AuthorID, Text: m.Text, At: x.saw()})
	if err != nil {
		return err
	}
	if len(data) > mostOut {
		return fmt.Errorf("message %s: its text has too many control characters to be kept: %w", chatadmin.Cut(string(m.ID)), chatadmin.ErrInvalid)
	}
	return x.admin.AsHost(domain).Change(ctx, traffic(Of{Owner: m.Group}), func(ctx context.Context, w *chatadmin.Writer) error {
		active := w.Settings.State == chatadmin.DomainActive
		for _, c := range to {
			if !active && m.Op != Deleted {
				continue
			}
			changes, err := x.place(ctx, w, target{c.Connection, c.on && active}, m, data)
			if err != nil {
				return err
			}
			if err := w.PutRecords(ctx, changes); err != nil {
				return err
			}
		}
		return nil
	})
}

// place puts a message behind all that were told of before, for which no clock
// serves: its place is the new revision of a record of the connection that each
// of them writes. What is known of the message decides whether there is
// anything to send.
func (x *Integrations) place(ctx context.Context, w *chatadmin.Writer, c target, m Message, data []byte) ([]storage.Write[storage.Record], error) {
	turn := storage.Record{Key: storage.Key{Kind: kindTurn, Domain: c.Domain, ID: c.of().key()}, Owner: m.Group, Data: turnRow}
	rs, err := w.Records(ctx, []storage.Key{turn.Key, c.mapKey(groupSide, string(m.ID))})
	if err != nil {
		return nil, err
	}
	var was, mapped storage.Rev
	var known mapData
	for _, r := range rs {
		if r.Kind == kindTurn {
			was = r.Rev
			continue
		}
		mapped = r.Rev
		if known, err = c.decodeMap(r); errors.Is(err, chatadmin.ErrDamaged) { // it is known, and nothing more
			x.admin.Options().Logger.ErrorContext(ctx, "integration: a message is not carried", "service", c.service, "owner", m.Group, "error", err)
		} else if err != nil {
			return nil, err
		}
	}
	switch {
	case m.Op == Posted && mapped != 0, m.Op != Posted && known.From != fromGroup:
		// told of before; or it came from there, was never told of, or is
		// deleted
		return nil, nil
	case m.Op == Deleted:
		gone, changes, err := x.withdraw(ctx, w, c.Connection, m, known)
		if err != nil {
			return nil, err
		}
		if gone {
			end := c.mapping(groupSide, string(m.ID), mapData{From: fromNowhere})
			end.Was = mapped
			return append(changes, end), nil
		}
		if !c.on {
			return changes, nil
		}
		if err := w.PutRecords(ctx, changes); err != nil {
			return nil, err
		}
	}
	if turn.Rev, err = w.NextRev(was); err != nil {
		return nil, err
	}
	place := fmt.Sprintf("%016x", int64(turn.Rev))
	changes := []storage.Write[storage.Record]{{Row: turn, Was: was},
		{Row: storage.Record{Key: c.outKey(place), Owner: m.Group, Due: w.Now(), Data: data}}}
	if m.Op == Posted { // the map remembers that it was told of
		changes = append(changes, c.mapping(groupSide, string(m.ID), mapData{From: fromGroup, Place: place}))
	}
	return changes, nil
}

func (c *Connection) outKey(place string) storage.Key {
	return storage.Key{Kind: kindOut, Domain: c.Domain, ID: c.of().key() + "/" + place}
}

// withdraw takes a message that was deleted from among the dead letters and,
// where it certainly has not arrived, out of the queue. It reports whether the
// provider need not be told.
func (x *Integrations) withdraw(ctx context.Context, w *chatadmin.Writer, c *Connection, m Message, known mapData) (bool, []storage.Write[storage.Record], error) {
	changes, err := x.letters(ctx, w, storage.RecordQuery{Kind: kindDead, Domain: c.Domain, Owner: c.Owner}, func(of Of, d *outData) bool { return of == c.of() && d.Message == m.ID })
	if err != nil || known.Other != "" {
		return false, changes, err
	}
	rs, err := w.Records(ctx, []storage.Key{c.outKey(known.Place)})
	if err != nil {
		return false, nil, err
	}
	for _, r := range rs {
		if d, err := decodeOut(r.Data); err != nil || d.Tried {
			return false, changes, err
		}
		changes = append(changes, storage.Write[storage.Record]{Row: r, Was: r.Rev, Delete: true})
	}
	return true, changes, nil
}

// letters finds messages on their way to a provider, waiting or given up, and
// makes the changes that delete them.
func (x *Integrations) letters(ctx context.Context, r storage.Reader, q storage.RecordQuery, which func(Of, *outData) bool) (changes []storage.Write[storage.Record], err error) {
	for p := (chatadmin.Page{Limit: deliverBatch}); ; {
		rs, next, err := r.ListRecords(ctx, q, p)
		if err != nil {
			return nil, err
		}
		for _, r := range rs {
			of, data := ofItem(r), json.RawMessage(r.Data)
			if r.Kind == kindDead {
				var dead deadData
				if json.Unmarshal(r.Data, &dead) != nil || dead.Kind != kindOut {
					continue
				}
				of, data = Of{dead.Service, r.Owner}, dead.Data
			}
			if d, err := decodeOut(data); err == nil && which(of, &d) {
				changes = append(changes, storage.Write[storage.Record]{Row: r, Was: r.Rev, Delete: true})
			}
		}
		if p.After = next; next == "" {
			return changes, nil
		}
	}
}
