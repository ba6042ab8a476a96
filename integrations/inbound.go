package integrations

import (
	"context"
	"errors"
	"fmt"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// receive carries one event into the group.
func (x *Integrations) receive(ctx context.Context, svc Service, c *Connection, r *storage.Record) ([]storage.Write[storage.Record], error) {
	d, err := inRecords.Decode(*r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", chatadmin.ErrInvalid, err)
	}
	if !c.Saved {
		return nil, fmt.Errorf("the integration was disconnected: %w", chatadmin.ErrInvalid)
	}
	effects, err := svc.Receive(ctx, c, d.Data)
	if err != nil {
		return nil, err
	}
	changes := []storage.Write[storage.Record]{{Row: done(*r, x.admin.Now()), Was: r.Rev}}
	if len(effects) == 0 {
		c.ignored = append(c.ignored, whyUnchosen)
	}
	for i, e := range effects {
		more, err := x.apply(ctx, svc, c, e, fmt.Sprintf("%s#%d", r.ID, i))
		if err != nil {
			return nil, err
		}
		changes = append(changes, more...)
	}
	return changes, nil
}

// apply does one effect. An archived group takes deletions alone. What the map
// of messages says decides: a message that is there already came before, or is
// the echo of one of the group's own.
func (x *Integrations) apply(ctx context.Context, svc Service, c *Connection, e Effect, key string) ([]storage.Write[storage.Record], error) {
	known, err := x.mapped(ctx, c, providerSide, e.Message, e.Thread)
	if err != nil {
		return nil, err
	}
	m := known[e.Message]
	if e.Op != Deleted {
		gs, err := x.admin.Store().Groups(ctx, c.Domain, []chatadmin.ID{c.Owner})
		if err != nil {
			return nil, err
		}
		if len(gs) == 1 && gs[0].Archived {
			c.ignored = append(c.ignored, whyArchived)
			return nil, nil
		}
	}
	switch e.Op {
	case Posted:
		if m.Other != "" {
			return nil, nil
		}
		name := orElse(e.As, svc.Info().Title)
		id, err := x.groups.Post(ctx, Post{Domain: c.Domain, Group: c.Owner, Key: key, Origin: c.of().key(), Thread: chatadmin.ID(known[e.Thread].Other), As: name, Author: e.Author, Text: e.Text})
		if err != nil || e.Message == "" {
			return nil, err
		}
		return c.pair(string(id), e.Message, fromProvider), nil
	case Edited, Deleted:
		if m.Other == "" {
			c.ignored = append(c.ignored, whyUnknown)
		}
		if m.Other == "" || m.From != fromProvider {
			return nil, nil
		}
		if e.Op == Edited {
			return nil, x.groups.Edit(ctx, c.Domain, c.Owner, chatadmin.ID(m.Other), e.Text)
		}
		return nil, x.groups.Delete(ctx, c.Domain, c.Owner, chatadmin.ID(m.Other))
	}
	return nil, fmt.Errorf("effect %q of %s: %w", e.Op, svc.Info().Title, chatadmin.ErrInvalid)
}

// The map of messages has two records for each pair, so that it can be asked
// from either side.
const (
	groupSide    = "g"
	providerSide = "p"

	fromGroup    = "group"
	fromProvider = "provider"
	fromNowhere  = "deleted" // before it got to the provider
)

type mapData struct {
	Other   string `json:"o"` // the ID on the other side; "" while it is on its way there
	From    string `json:"from"`
	Account string `json:"account,omitempty"` // at the provider, once it is there
	Place   string `json:"place,omitempty"`   // in the queue, while it is on its way
}

func (m *mapData) check() error {
	return must(m.From == fromGroup || m.From == fromProvider || m.From == fromNowhere)
}

// decodeMap reads a record of the map. Messages of another account than the one
// now connected are not known: their channels are not ours any more.
func (c *Connection) decodeMap(r storage.Record) (mapData, error) {
	m, err := mapRecords.Decode(r)
	if m.Other != "" && m.Account != c.data.ID {
		m = mapData{}
	}
	return m, err
}

func (c *Connection) mapKey(side, id string) storage.Key {
	return storage.Key{Kind: kindMap, Domain: c.Domain, ID: c.of().key() + "/" + side + "/" + id}
}

// mapped looks messages up on one side.
func (x *Integrations) mapped(ctx context.Context, c *Connection, side string, ids ...string) (map[string]mapData, error) {
	var keys []storage.Key
	names := map[storage.Key]string{}
	for _, id := range ids {
		if id != "" && len(id) <= 64 {
			k := c.mapKey(side, id)
			keys, names[k] = append(keys, k), id
		}
	}
	found := map[string]mapData{}
	if len(keys) == 0 {
		return found, nil
	}
	rs, err := x.admin.Store().Records(ctx, keys)
	if err != nil {
		return nil, err
	}
	for _, r := range rs {
		if found[names[r.Key]], err = c.decodeMap(r); errors.Is(err, chatadmin.ErrDamaged) {
			return nil, fmt.Errorf("%w: %w", chatadmin.ErrInvalid, err) // it concerns this message alone
		} else if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// pair makes both records of a pair, where neither is there yet.
func (c *Connection) pair(message, provider, from string) []storage.Write[storage.Record] {
	return []storage.Write[storage.Record]{c.mapping(groupSide, message, mapData{Other: provider, From: from}), c.mapping(providerSide, provider, mapData{Other: message, From: from})}
}

func (c *Connection) mapping(side, id string, m mapData) storage.Write[storage.Record] {
	if m.Other != "" {
		m.Account = c.data.ID
	}
	r, _ := row(&mapRecords, c.mapKey(side, id), c.Owner, &m) // strings cannot fail
	return storage.Write[storage.Record]{Row: r}
}
