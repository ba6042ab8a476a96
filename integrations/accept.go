package integrations

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// seenFor is how long an event is remembered after it was done: longer than any
// provider repeats it.
const seenFor = 24 * time.Hour

// mostWait is the longest that an event may wait for one that covers it.
const mostWait = time.Hour

var (
	errNoHook = errors.New("there is no such address")
	errStale  = errors.New("the connection has changed")
)

// inData is an event from a provider.
type inData struct {
	Done  bool            `json:"done,omitempty"`
	At    time.Time       `json:"at,omitzero"`
	From  time.Time       `json:"from,omitzero"`  // not to be handed on before
	First time.Time       `json:"first,omitzero"` // when it came in, where it was given up in between
	Data  json.RawMessage `json:"data,omitempty"`
}

func inKey(domain chatadmin.ID, of Of, event string) storage.Key {
	return storage.Key{Kind: kindIn, Domain: domain, ID: of.key() + "/" + event}
}

// ofItem is whose a queued record is.
func ofItem(r storage.Record) Of {
	service, rest, _ := strings.Cut(r.ID, "/")
	owner, _, _ := strings.Cut(rest, "/")
	return Of{service, chatadmin.ID(owner)}
}

func isDone(r storage.Record) bool {
	var d inData
	return r.Kind == kindIn && json.Unmarshal(r.Data, &d) == nil && d.Done
}

// opaque reports whether it can be an ID: anything else is not worth asking the
// store about.
func opaque(id chatadmin.ID) bool {
	return len(id) <= 64 && strings.IndexFunc(string(id), func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_'
	}) < 0
}

// accept decides about a request and keeps what it brings. Everything that a
// stranger can be refused by is looked at before the one transaction, which
// reads the domain and writes.
func (x *Integrations) accept(ctx context.Context, of Of, token string, r *Request) (Accepted, error) {
	svc := x.byName[of.Service]
	t, err := chatadmin.ParseToken(token)
	if svc == nil || err != nil || len(r.Hook) > 32 || !opaque(t.Domain) || !opaque(t.Subject) {
		return Accepted{}, errNoHook
	}
	of.Owner = t.Subject
	return x.acceptFor(ctx, t.Domain, of, r, func(c *Connection) bool {
		h := c.Hooks[r.Hook]
		return h != nil && t.Matches(hookPurpose(of.Service, r.Hook), h.hash)
	})
}

// acceptFor decides about a request to a connection, if it is allowed to come
// to it.
func (x *Integrations) acceptFor(ctx context.Context, domain chatadmin.ID, of Of, r *Request, allowed func(*Connection) bool) (Accepted, error) {
	svc := x.byName[of.Service]
	for range 4 {
		c, d, err := x.load(ctx, x.admin.Store(), domain, of)
		if err != nil {
			return Accepted{}, err
		}
		if !allowed(c) || !d.On || !c.Saved && (r.Method == "POST" || len(r.Body) > 0) {
			return Accepted{}, errNoHook
		}
		acc, err := svc.Accept(c, r)
		if err != nil || !c.Saved {
			return acc, err
		}
		if len(acc.Events) > 0 || acc.Account != nil {
			err = x.keep(ctx, c, acc)
		}
		if err == nil {
			x.tally(ctx, domain, of, acc.Ignored)
		}
		if !errors.Is(err, errStale) {
			return acc, err
		}
	}
	return Accepted{}, chatadmin.ErrBusy
}

// keep writes the events, each once.
func (x *Integrations) keep(ctx context.Context, c *Connection, acc Accepted) error {
	changes, covers, err := x.accepted(c, acc)
	if err != nil {
		return err
	}
	host := x.admin.AsHost(c.Domain)
	return host.Change(ctx, chatadmin.Op{Kind: KindTraffic, Fence: storage.Shared, Targets: []chatadmin.ID{c.Owner}}, func(ctx context.Context, w *chatadmin.Writer) error {
		if w.Settings.State != chatadmin.DomainActive {
			return errNoHook
		}
		for i := range changes {
			if changes[i].Row.Rev, err = w.NextRev(changes[i].Was); err != nil {
				return err
			}
		}
		conflicts, err := w.ChangeRecords(ctx, changes)
		if err != nil {
			return err
		}
		var late []storage.Key
		for _, conflict := range conflicts {
			switch row := changes[conflict.Index].Row; {
			case conflict.Reason == storage.NoParent:
				return errNoHook
			case row.Kind != kindIn:
				return errStale
			case covers[row.ID]:
				late = append(late, row.Key)
			} // else it came before
		}
		return x.cover(ctx, w, late)
	})
}

// accepted makes the records; covers are the IDs of those that only say that an
// event is superfluous.
func (x *Integrations) accepted(c *Connection, acc Accepted) (changes []storage.Write[storage.Record], covers map[string]bool, err error) {
	now := x.saw()
	add := func(key string, owner chatadmin.ID, due time.Time, d inData) error {
		r, err := row(&inRecords, inKey(c.Domain, c.of(), key), owner, &d)
		if err == nil && (key == "" || len(key) > 100 || len(r.Data) > mostBody+1024) {
			err = fmt.Errorf("event %q of %s has no usable key, or is too large", chatadmin.Cut(key), c.service)
		}
		r.Due = due
		changes = append(changes, storage.Write[storage.Record]{Row: r})
		return err
	}
	covers = map[string]bool{}
	for _, e := range acc.Events {
		d := inData{At: now, Data: e.Data}
		if e.Wait = min(max(e.Wait, 0), mostWait); e.Wait > 0 {
			d.From = now.Add(e.Wait)
		}
		if err := add(e.Key, c.Owner, now.Add(e.Wait), d); err != nil {
			return nil, nil, err
		}
		for _, key := range e.Cover {
			covers[inKey(c.Domain, c.of(), key).ID] = true
			if err := add(key, "", now.Add(seenFor), inData{Done: true}); err != nil {
				return nil, nil, err
			}
		}
	}
	if acc.Account != nil {
		c.Account = acc.Account
		change, err := c.change()
		if err != nil {
			return nil, nil, err
		}
		changes = append(changes, change)
	}
	return changes, covers, nil
}

// cover marks events that came before the one that makes them superfluous, if
// they still wait.
func (x *Integrations) cover(ctx context.Context, w *chatadmin.Writer, late []storage.Key) error {
	if len(late) == 0 {
		return nil
	}
	rs, err := w.Records(ctx, late)
	if err != nil {
		return err
	}
	var changes []storage.Write[storage.Record]
	for _, r := range rs {
		if !isDone(r) {
			changes = append(changes, storage.Write[storage.Record]{Row: done(r, w.Now()), Was: r.Rev})
		}
	}
	return w.PutRecords(ctx, changes)
}

// done is the record of an event that is remembered against repetition only. It
// has no owner, so that a list of what waits for the owner does not go through
// it.
func done(r storage.Record, now time.Time) storage.Record {
	r.Data, _ = inRecords.Encode(&inData{Done: true}) // cannot fail
	r.Due, r.Owner = now.Add(seenFor), ""
	return r
}
