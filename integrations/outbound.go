package integrations

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
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
	return outRecords.Decode(storage.Record{Data: data})
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

// queued is since when a record waits.
func queued(r storage.Record) time.Time {
	var d struct {
		At time.Time `json:"at"`
	}
	_ = json.Unmarshal(r.Data, &d)
	return d.At
}

// send carries one message to the provider. Before the first attempt it is
// marked, so that after a crash the next one looks whether it has arrived.
func (x *Integrations) send(ctx context.Context, svc Service, c *Connection, r *storage.Record) ([]storage.Write[storage.Record], error) {
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
	end := []storage.Write[storage.Record]{{Row: *r, Was: r.Rev, Delete: true}}
	if m.From == fromGroup && d.Op != Posted && m.Other == "" {
		c.ignored = append(c.ignored, whyNotThere)
	}
	if m.From != fromGroup || d.Op == Posted && m.Other != "" || d.Op != Posted && m.Other == "" {
		// it came from there, was deleted, belongs to another account, is
		// there, or never got there
		return end, nil
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
	end = []storage.Write[storage.Record]{{Row: *r, Was: r.Rev, Delete: true}}
	if d.Op != Posted || sent.ID == "" {
		return end, nil
	}
	rs, err := x.admin.Store().Records(ctx, []storage.Key{c.mapKey(groupSide, string(d.Message))})
	if err != nil {
		return nil, err
	}
	pair := c.pair(string(d.Message), sent.ID, fromGroup)
	if len(rs) > 0 {
		pair[0].Was = rs[0].Rev
	}
	// what has arrived is to be known, though the record may be gone with its
	// author meanwhile
	return append(pair, end...), nil
}

// placeOf is where looking for a message stands.
func placeOf(r storage.Record) string {
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
func (x *Integrations) mark(ctx context.Context, r *storage.Record, d *outData) error {
	data, err := outRecords.Encode(d)
	if err != nil {
		return err
	}
	var now storage.Record
	err = x.admin.AsHost(r.Domain).Change(ctx, traffic(ofItem(*r)), func(ctx context.Context, w *chatadmin.Writer) error {
		rs, err := w.Records(ctx, []storage.Key{r.Key})
		if err != nil {
			return err
		}
		if len(rs) == 0 || rs[0].Rev != r.Rev {
			return errGone
		}
		one := []storage.Write[storage.Record]{{Row: *r, Was: r.Rev}}
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
