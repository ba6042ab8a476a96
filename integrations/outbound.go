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
	Version int          `json:"v"`
	Op      Op           `json:"op"`
	Message chatadmin.ID `json:"message"`
	Thread  chatadmin.ID `json:"thread,omitempty"`
	Author  string       `json:"author,omitempty"`
	Text    string       `json:"text,omitempty"`
	At      time.Time    `json:"at"`
	Tried   bool         `json:"tried,omitempty"` // an attempt may have succeeded
}

// queued is since when a record waits.
func queued(r chatadmin.Record) time.Time {
	var d struct {
		At time.Time `json:"at"`
	}
	_ = json.Unmarshal(r.Data, &d)
	return d.At
}

// Tell is how the host tells of what happens to messages in a group: it queues them for the services that are in force there, and returns for how many. Only the host can call it, for every message of a group
// or only for those of groups with integrations; telling twice of the same new message queues it once. What came in by Groups.Post goes to all services but the one it
// came from; Message.Origin says which that was. Text over 256 KiB is chatadmin.ErrInvalid.
func (x *Integrations) Tell(ctx context.Context, domain chatadmin.ID, m Message) (int, error) {
	if m.Op != Posted && m.Op != Edited && m.Op != Deleted || m.Group == "" || m.ID == "" || len(m.ID) > 64 || len(m.Text) > 256<<10 {
		return 0, fmt.Errorf("message %s: say what happened to which message of which group, in at most 256 KiB: %w", chatadmin.Cut(string(m.ID)), chatadmin.ErrInvalid)
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
	var to []*Connection
	for _, svc := range x.services {
		if i := svc.Info(); i.Sends && !i.PerUser {
			of := Of{i.Name, m.Group}
			c, d, err := x.decodeBoth(rs, domain, of)
			if err != nil {
				return 0, err
			}
			if d.On && c.Saved && m.Origin != of.key() {
				to = append(to, c)
			}
		}
	}
	if len(to) == 0 {
		return 0, nil
	}
	return len(to), x.queue(ctx, domain, to, m)
}

func (x *Integrations) queue(ctx context.Context, domain chatadmin.ID, to []*Connection, m Message) error {
	data, err := json.Marshal(outData{Version: version, Op: m.Op, Message: m.ID, Thread: m.Thread, Author: m.Author, Text: m.Text, At: x.admin.Now()})
	if err != nil {
		return err
	}
	return x.admin.AsHost(domain).Change(ctx, traffic(Of{Owner: m.Group}), func(ctx context.Context, w *chatadmin.Work) error {
		if w.Settings.State != chatadmin.DomainActive {
			return nil
		}
		for _, c := range to {
			rev, err := w.NextRev()
			if err != nil {
				return err
			}
			var changes []chatadmin.Change[chatadmin.Record]
			if m.Op == Posted { // the map remembers that it was told of
				changes = append(changes, c.mapping(groupSide, string(m.ID), "", fromGroup))
				changes[0].Row.Rev = rev
				conflicts, err := w.ChangeRecords(ctx, changes)
				if err != nil {
					return err
				}
				if len(conflicts) > 0 && conflicts[0].Reason == chatadmin.NoParent {
					return fmt.Errorf("group %s: %w", m.Group, chatadmin.ErrNotFound)
				}
				if len(conflicts) > 0 {
					continue
				}
			}
			key := chatadmin.Key{Kind: kindOut, Domain: domain, ID: fmt.Sprintf("%s/%016x", c.of().key(), int64(rev))}
			if err := w.PutRecords(ctx, []chatadmin.Change[chatadmin.Record]{{Row: chatadmin.Record{Key: key, Owner: m.Group, Due: w.Now(), Rev: rev, Data: data}}}); err != nil {
				return err
			}
		}
		return nil
	})
}

// send carries one message to the provider. Before the first attempt it is marked, so that after a crash the next one looks whether it has arrived.
func (x *Integrations) send(ctx context.Context, svc Service, c *Connection, r *chatadmin.Record) ([]chatadmin.Change[chatadmin.Record], error) {
	var d outData
	if err := decode(*r, &d, &d.Version); err != nil {
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
	if m.From == fromProvider || d.Op == Posted && m.Other != "" || d.Op != Posted && m.Other == "" {
		return end, nil // it came from there, or is there, or never got there
	}
	o := Outgoing{Op: d.Op, Key: r.ID, Text: d.Text, Author: d.Author, Thread: known[string(d.Thread)].Other, ID: m.Other, Queued: d.At, Tried: d.Tried}
	if d.Op == Posted && !d.Tried {
		if err := x.mark(ctx, r, &d, true); err != nil {
			return nil, err
		}
	}
	sent, err := svc.Send(ctx, c, o)
	if err != nil {
		var p *ProviderError
		if errors.As(err, &p) && !p.Unsure && !o.Tried && d.Tried { // it has certainly not arrived
			err = errors.Join(err, x.mark(context.WithoutCancel(ctx), r, &d, false))
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
	pair := x.pair(c, string(d.Message), sent.ID, fromGroup)
	if len(rs) > 0 {
		pair[0].Was = rs[0].Rev
	}
	return append(end, pair...), nil
}

// mark writes down whether an attempt may have succeeded.
func (x *Integrations) mark(ctx context.Context, r *chatadmin.Record, d *outData, tried bool) error {
	d.Tried = tried
	data, err := json.Marshal(d)
	if err != nil {
		return err
	}
	one := []chatadmin.Change[chatadmin.Record]{{Row: *r, Was: r.Rev}}
	one[0].Row.Data = data
	err = x.admin.AsHost(r.Domain).Change(ctx, traffic(ofItem(*r)), func(ctx context.Context, w *chatadmin.Work) error {
		one[0].Row.Rev = 0
		return w.PutRecords(ctx, one)
	})
	if err == nil {
		*r = one[0].Row
	}
	return err
}
