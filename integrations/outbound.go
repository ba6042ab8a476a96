package integrations

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

// outData is a message on its way to a provider.
type outData struct {
	Op       Op           `json:"op"`
	Message  chatadmin.ID `json:"message"`
	Thread   chatadmin.ID `json:"thread,omitempty"`
	Author   string       `json:"author,omitempty"`
	AuthorID chatadmin.ID `json:"author_id,omitempty"`
	Text     string       `json:"text,omitempty"`
	At       time.Time    `json:"at"`              // since when it waits
	First    time.Time    `json:"first,omitzero"`  // when it was told of, where it was given up in between
	Tried    bool         `json:"tried,omitempty"` // an attempt may have succeeded
	Since    time.Time    `json:"since,omitzero"`  // when the first such attempt began
	Place    string       `json:"place,omitempty"` // where looking for it stands
}

func decodeOut(data json.RawMessage) (outData, error) {
	return outRecords.Decode(chatadmin.Record{Data: data})
}

func (d *outData) check() error {
	return must((d.Op == Posted || d.Op == Edited || d.Op == Deleted) && d.Message != "")
}

// told is when the host told of it.
func (d *outData) told() time.Time {
	if d.First.IsZero() {
		return d.At
	}
	return d.First
}

// mostOut is the most that a message may take once it is encoded: a dead letter, of at most 1 MiB, has to hold it with what is said about it.
const mostOut = 1<<20 - 8<<10

// queued is since when a record waits.
func queued(r chatadmin.Record) time.Time {
	var d struct {
		At time.Time `json:"at"`
	}
	_ = json.Unmarshal(r.Data, &d)
	return d.At
}

// Tell is how the host tells of what happens to messages in a group: it queues them for the services that are in force there, and returns for how many those are. Only the host can call it, for every message of a group
// or only for those of groups with integrations; telling twice of the same new message queues it once. What came in by Groups.Post goes to all services but the one it
// came from; Message.Origin says which that was. What is told goes out in the order in which the calls of Tell end, whichever process they are made in. A message that is deleted before it went out does not go out, and is
// kept no longer. Text over 256 KiB, or of so many control characters that it does not fit into a record, is chatadmin.ErrInvalid.
func (x *Integrations) Tell(ctx context.Context, domain chatadmin.ID, m Message) (int, error) {
	if m.Op != Posted && m.Op != Edited && m.Op != Deleted || m.Group == "" || m.ID == "" || len(m.ID) > 64 || len(m.Text) > 256<<10 || len(m.Author) > 1<<10 || len(m.AuthorID) > 64 {
		return 0, fmt.Errorf("message %s: say what happened to which message of which group, in at most 256 KiB, with an author's name of at most 1 KiB: %w", chatadmin.Cut(string(m.ID)), chatadmin.ErrInvalid)
	}
	var keys []chatadmin.Key
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

// target is a connection that is told of something. One that is not in force is told of deletions only, so that nothing stays that waits in it.
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
	return x.admin.AsHost(domain).Change(ctx, traffic(Of{Owner: m.Group}), func(ctx context.Context, w *chatadmin.Work) error {
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

// place puts a message behind all that were told of before, for which no clock serves: its place is the new revision of a record of the connection that each of them writes. What is known of the message decides whether there
// is anything to send.
func (x *Integrations) place(ctx context.Context, w *chatadmin.Work, c target, m Message, data []byte) ([]chatadmin.Change[chatadmin.Record], error) {
	turn := chatadmin.Record{Key: chatadmin.Key{Kind: kindTurn, Domain: c.Domain, ID: c.of().key()}, Owner: m.Group, Data: turnRow}
	rs, err := w.Records(ctx, []chatadmin.Key{turn.Key, c.mapKey(groupSide, string(m.ID))})
	if err != nil {
		return nil, err
	}
	var was, mapped chatadmin.Rev
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
		return nil, nil // told of before; or it came from there, was never told of, or is deleted
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
	changes := []chatadmin.Change[chatadmin.Record]{{Row: turn, Was: was},
		{Row: chatadmin.Record{Key: c.outKey(place), Owner: m.Group, Due: w.Now(), Data: data}}}
	if m.Op == Posted { // the map remembers that it was told of
		changes = append(changes, c.mapping(groupSide, string(m.ID), mapData{From: fromGroup, Place: place}))
	}
	return changes, nil
}

func (c *Connection) outKey(place string) chatadmin.Key {
	return chatadmin.Key{Kind: kindOut, Domain: c.Domain, ID: c.of().key() + "/" + place}
}

// withdraw takes a message that was deleted from among the dead letters and, where it certainly has not arrived, out of the queue. It reports whether the provider need not be told.
func (x *Integrations) withdraw(ctx context.Context, w *chatadmin.Work, c *Connection, m Message, known mapData) (bool, []chatadmin.Change[chatadmin.Record], error) {
	changes, err := x.letters(ctx, w, chatadmin.RecordQuery{Kind: kindDead, Domain: c.Domain, Owner: c.Owner}, func(of Of, d *outData) bool { return of == c.of() && d.Message == m.ID })
	if err != nil || known.Other != "" {
		return false, changes, err
	}
	rs, err := w.Records(ctx, []chatadmin.Key{c.outKey(known.Place)})
	if err != nil {
		return false, nil, err
	}
	for _, r := range rs {
		if d, err := decodeOut(r.Data); err != nil || d.Tried {
			return false, changes, err
		}
		changes = append(changes, chatadmin.Change[chatadmin.Record]{Row: r, Was: r.Rev, Delete: true})
	}
	return true, changes, nil
}

// letters finds messages on their way to a provider, waiting or given up, and makes the changes that delete them.
func (x *Integrations) letters(ctx context.Context, r chatadmin.Reader, q chatadmin.RecordQuery, which func(Of, *outData) bool) (changes []chatadmin.Change[chatadmin.Record], err error) {
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
				changes = append(changes, chatadmin.Change[chatadmin.Record]{Row: r, Was: r.Rev, Delete: true})
			}
		}
		if p.After = next; next == "" {
			return changes, nil
		}
	}
}

// send carries one message to the provider. Before the first attempt it is marked, so that after a crash the next one looks whether it has arrived.
func (x *Integrations) send(ctx context.Context, svc Service, c *Connection, r *chatadmin.Record) ([]chatadmin.Change[chatadmin.Record], error) {
	d, err := decodeOut(r.Data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", chatadmin.ErrInvalid, err)
	}
	if !c.Saved {
		return nil, fmt.Errorf("the integration was disconnected: %w", chatadmin.ErrInvalid)
	}
	known, err := x.mapped(ctx, c, groupSide, string(d.Message), string(d.Thread))
	if err != nil {
		return nil, err
	}
	m := known[string(d.Message)]
	end := []chatadmin.Change[chatadmin.Record]{{Row: *r, Was: r.Rev, Delete: true}}
	if m.From == fromGroup && d.Op != Posted && m.Other == "" {
		c.ignored = append(c.ignored, whyNotThere)
	}
	if m.From != fromGroup || d.Op == Posted && m.Other != "" || d.Op != Posted && m.Other == "" {
		return end, nil // it came from there, was deleted, belongs to another account, is there, or never got there
	}
	o := Outgoing{Op: d.Op, Key: r.ID, Text: d.Text, Author: d.Author, Thread: known[string(d.Thread)].Other, ID: m.Other, Queued: d.told(), Tried: d.Tried, Since: d.Since, Place: d.Place}
	if d.Op == Posted && !d.Tried {
		d.Tried, d.Since = true, x.admin.Now()
		if err := x.mark(ctx, r, &d); err != nil {
			return nil, err
		}
	}
	sent, err := svc.Send(ctx, c, o)
	if err != nil {
		var p *ProviderError
		switch {
		case !errors.As(err, &p):
		case !p.Unsure && !o.Tried && d.Tried: // it has certainly not arrived
			d.Tried, d.Since = false, time.Time{}
			err = errors.Join(err, x.mark(context.WithoutCancel(ctx), r, &d))
		case o.Tried && p.Place != d.Place && len(p.Place) <= mostPlace:
			d.Place = p.Place
			err = errors.Join(err, x.mark(context.WithoutCancel(ctx), r, &d))
		}
		return nil, err
	}
	end = []chatadmin.Change[chatadmin.Record]{{Row: *r, Was: r.Rev, Delete: true}}
	if d.Op != Posted || sent.ID == "" {
		return end, nil
	}
	rs, err := x.admin.Store().Records(ctx, []chatadmin.Key{c.mapKey(groupSide, string(d.Message))})
	if err != nil {
		return nil, err
	}
	pair := c.pair(string(d.Message), sent.ID, fromGroup)
	if len(rs) > 0 {
		pair[0].Was = rs[0].Rev
	}
	return append(pair, end...), nil // what has arrived is to be known, though the record may be gone with its author meanwhile
}

// placeOf is where looking for a message stands.
func placeOf(r chatadmin.Record) string {
	var d struct {
		Place string `json:"place"`
	}
	_ = json.Unmarshal(r.Data, &d)
	return d.Place
}

// mostPlace is the most that is kept of ProviderError.Place.
const mostPlace = 1 << 10

// mark writes down whether an attempt may have succeeded, and where looking for
// it stands. It returns errGone if the record is not there any more as it was.
func (x *Integrations) mark(ctx context.Context, r *chatadmin.Record, d *outData) error {
	data, err := outRecords.Encode(d)
	if err != nil {
		return err
	}
	var now chatadmin.Record
	err = x.admin.AsHost(r.Domain).Change(ctx, traffic(ofItem(*r)), func(ctx context.Context, w *chatadmin.Work) error {
		rs, err := w.Records(ctx, []chatadmin.Key{r.Key})
		if err != nil {
			return err
		}
		if len(rs) == 0 || rs[0].Rev != r.Rev {
			return errGone
		}
		one := []chatadmin.Change[chatadmin.Record]{{Row: *r, Was: r.Rev}}
		one[0].Row.Data = data
		if err := w.PutRecords(ctx, one); err != nil {
			return err
		}
		now = one[0].Row
		return nil
	})
	if err == nil {
		*r = now
	}
	return err
}
