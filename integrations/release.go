package integrations

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

const (
	kindRelease = "integration.release"
	kindNotice  = "integration.notice"

	releaseFor = 72 * time.Hour
)

// releaseData is a connection that has ended here and is still to be ended at the provider. It has no owner, since it outlives the group and the user.
type releaseData struct {
	Version int          `json:"v"`
	Service string       `json:"service"`
	Owner   chatadmin.ID `json:"owner"`
	At      time.Time    `json:"at"`
	Tries   int          `json:"tries,omitempty"`
	Conn    connData     `json:"conn"` // its secrets are sealed for this record
}

func releaseKey(domain, id chatadmin.ID) chatadmin.Key {
	return chatadmin.Key{Kind: kindRelease, Domain: domain, ID: string(id)}
}

func releaseWords(k chatadmin.Key) []string {
	return []string{"integration release", string(k.Domain), k.ID}
}

// release makes the record that ends a connection at the provider. The connection is as it was.
func (x *Integrations) release(c *Connection, id chatadmin.ID, now time.Time) ([]chatadmin.Change[chatadmin.Record], error) {
	key := releaseKey(c.Domain, id)
	copied := *c
	if err := copied.encode(releaseWords(key)); err != nil {
		return nil, err
	}
	data, err := json.Marshal(releaseData{Version: version, Service: c.service, Owner: c.Owner, At: now, Conn: copied.data})
	return []chatadmin.Change[chatadmin.Record]{{Row: chatadmin.Record{Key: key, Due: now, Data: data}}}, err
}

// releases ends at the providers what is due.
func (x *Integrations) releases(ctx context.Context) error {
	for {
		rs, _, err := x.admin.Store().ListRecords(ctx, chatadmin.RecordQuery{Kind: kindRelease, DueBy: x.admin.Now()}, chatadmin.Page{Limit: deliverBatch})
		if err != nil || len(rs) == 0 {
			return err
		}
		for _, r := range rs {
			if err := x.runRelease(ctx, r.Key); err != nil {
				x.admin.Options().Logger.WarnContext(ctx, "integration: could not be ended at the provider yet", "error", sentence(err))
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
}

// runRelease claims one of them, ends it, and deletes it; after three days of failures it is deleted in any case, since the token is not to be kept for ever.
func (x *Integrations) runRelease(ctx context.Context, key chatadmin.Key) error {
	var d releaseData
	var r chatadmin.Record
	write := func(ctx context.Context, f func(w *chatadmin.Work) (bool, error)) error {
		return x.admin.AsHost(key.Domain).Change(ctx, chatadmin.Op{Kind: KindTraffic, Fence: chatadmin.NoFence}, func(ctx context.Context, w *chatadmin.Work) error {
			rs, err := w.Records(ctx, []chatadmin.Key{key})
			if err != nil {
				return err
			}
			if len(rs) == 0 || r.Rev != 0 && rs[0].Rev != r.Rev {
				return errGone
			}
			was := rs[0]
			if err := decode(was, &d, &d.Version); err != nil {
				return err
			}
			r = was
			del, err := f(w)
			if err != nil {
				return err
			}
			if r.Data, err = json.Marshal(d); err != nil {
				return err
			}
			one := []chatadmin.Change[chatadmin.Record]{{Row: r, Was: was.Rev, Delete: del}}
			if err := w.PutRecords(ctx, one); err != nil {
				return err
			}
			r = one[0].Row
			return nil
		})
	}
	err := write(ctx, func(w *chatadmin.Work) (bool, error) {
		if r.Due.After(w.Now()) {
			return false, errGone
		}
		r.Due = w.Now().Add(leaseLife)
		return false, nil
	})
	if errors.Is(err, errGone) {
		return nil // another worker has it
	}
	if err != nil {
		return err
	}
	c := &Connection{Domain: key.Domain, Owner: d.Owner, service: d.Service, x: x, Now: x.admin.Now(), Hooks: map[string]*Hook{}, data: d.Conn,
		Saved: d.Conn.State == saved, Settings: d.Conn.Settings, Account: d.Conn.Account}
	var failed error
	if failed = c.open(d.Conn.Sealed, releaseWords(key)); failed == nil {
		svc, dom, err := x.byName[d.Service], serviceData{}, error(nil)
		if dom, err = readService(ctx, x.admin.Store(), key.Domain, d.Service); err != nil {
			return err
		}
		c.DomainSettings = dom.Settings
		if c.Shared, err = x.connectedElsewhere(ctx, d.Service, d.Conn.ID); err != nil {
			return err
		}
		if svc != nil {
			failed = svc.Release(ctx, c)
		}
	}
	var p *ProviderError
	over := failed == nil || errors.As(failed, &p) && !p.Again && !p.Unsure || x.admin.Now().Sub(d.At) > releaseFor
	err = write(context.WithoutCancel(ctx), func(w *chatadmin.Work) (bool, error) {
		if over {
			return true, nil
		}
		l := lineData{Tries: d.Tries}
		after := time.Duration(0)
		if p != nil {
			after = p.After
		}
		l.pause(w.Now(), after)
		d.Tries, r.Due = l.Tries, l.Paused
		return false, nil
	})
	if errors.Is(err, errGone) {
		err = nil
	}
	return errors.Join(failed, err)
}

// connectedElsewhere looks whether any connection, of whatever domain, has the same account.
func (x *Integrations) connectedElsewhere(ctx context.Context, service, id string) (bool, error) {
	for p := (chatadmin.Page{Limit: chatadmin.MaxBatch}); ; {
		rs, next, err := x.admin.Store().ListRecords(ctx, chatadmin.RecordQuery{Kind: kindConn}, p)
		if err != nil {
			return false, err
		}
		for _, r := range rs {
			var d connData
			if ofItem(r).Service == service && decode(r, &d, &d.Version) == nil && d.Connected && d.ID == id {
				return true, nil
			}
		}
		if p.After = next; next == "" {
			return false, nil
		}
	}
}

var errGone = errors.New("another worker has it")

// groupsDeleted ends the integrations of groups whose deletion begins.
func (x *Integrations) groupsDeleted(ctx context.Context, w *chatadmin.Work, groups []chatadmin.Group) error {
	var ofs []Of
	for _, g := range groups {
		for _, svc := range x.services {
			if !svc.Info().PerUser {
				ofs = append(ofs, Of{svc.Info().Name, g.ID})
			}
		}
	}
	return x.end(ctx, w, ofs)
}

// end ends connections whose owner goes: it is released at the provider, and deleted here at once.
func (x *Integrations) end(ctx context.Context, w *chatadmin.Work, ofs []Of) error {
	for batch := range slices.Chunk(ofs, chatadmin.MaxBatch) {
		keys := make([]chatadmin.Key, len(batch))
		for i, of := range batch {
			keys[i] = of.record(w.Domain.ID)
		}
		rs, err := w.Records(ctx, keys)
		if err != nil {
			return err
		}
		var changes []chatadmin.Change[chatadmin.Record]
		for _, r := range rs {
			c, _, err := x.decodeBoth([]chatadmin.Record{r}, w.Domain.ID, ofItem(r))
			if err != nil {
				return err
			}
			if !c.Token.IsZero() {
				more, err := x.release(c, x.admin.NewID(), w.Now())
				if err != nil {
					return err
				}
				changes = append(changes, more...)
			}
			changes = append(changes, chatadmin.Change[chatadmin.Record]{Row: r, Was: r.Rev, Delete: true})
		}
		if err := w.PutRecords(ctx, changes); err != nil {
			return err
		}
	}
	return nil
}

// usersChanged ends what users whose deletion begins have connected: their own accounts, and those of groups that they authorised. The admins of the groups are told.
func (x *Integrations) usersChanged(ctx context.Context, w *chatadmin.Work, users []chatadmin.UserChange) error {
	gone := map[chatadmin.ID]bool{}
	var own []Of
	for i := range users {
		if u := &users[i]; u.Now.Deleting && !u.Was.Deleting {
			gone[u.Now.ID] = true
			for _, svc := range x.services {
				if svc.Info().PerUser {
					own = append(own, Of{svc.Info().Name, u.Now.ID})
				}
			}
		}
	}
	if len(gone) == 0 {
		return nil
	}
	if err := x.end(ctx, w, own); err != nil {
		return err
	}
	for p := (chatadmin.Page{Limit: chatadmin.MaxBatch}); ; {
		rs, next, err := w.ListRecords(ctx, chatadmin.RecordQuery{Kind: kindConn, Domain: w.Domain.ID}, p)
		if err != nil {
			return err
		}
		var changes []chatadmin.Change[chatadmin.Record]
		for _, r := range rs {
			more, err := x.orphaned(r, w, gone)
			if err != nil {
				return err
			}
			changes = append(changes, more...)
		}
		if err := w.PutRecords(ctx, changes); err != nil {
			return err
		}
		if p.After = next; next == "" {
			return nil
		}
	}
}

// orphaned takes the account from a connection whose authoriser goes.
func (x *Integrations) orphaned(r chatadmin.Record, w *chatadmin.Work, gone map[chatadmin.ID]bool) ([]chatadmin.Change[chatadmin.Record], error) {
	var d connData
	if err := decode(r, &d, &d.Version); err != nil || !gone[d.By] {
		return nil, err
	}
	svc := x.byName[ofItem(r).Service]
	if svc == nil {
		return nil, nil
	}
	c, _, err := x.decodeBoth([]chatadmin.Record{r}, w.Domain.ID, ofItem(r))
	if err != nil {
		return nil, err
	}
	changes, err := x.release(c, x.admin.NewID(), w.Now())
	if err != nil {
		return nil, err
	}
	c.erase(svc.Info().Hook, "the user who had authenticated it was deleted: authenticate again and save")
	change, err := c.change()
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf("%s no longer works in this group: the user who had authenticated it was deleted. Authenticate again in the settings of the integration and save them.", svc.Info().Title)
	return append(changes, change, x.notice(w.Domain.ID, c.of(), text)), nil
}
