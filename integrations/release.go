package integrations

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

const (
	// releaseFor is how long it is tried to end something at the provider.
	releaseFor = 72 * time.Hour
	// releaseTries is how often it is tried at least, whatever a clock says.
	releaseTries = 8
	// asideFor is how long a record that cannot be read is left alone.
	asideFor = 24 * time.Hour
)

// releaseData is a connection that has ended here and is still to be ended at
// the provider. It has no owner, since it outlives the group and the user.
type releaseData struct {
	Service string       `json:"service"`
	Owner   chatadmin.ID `json:"owner"`
	At      time.Time    `json:"at"`
	Tries   int          `json:"tries,omitempty"`
	Conn    connData     `json:"conn"` // its secrets are sealed for this record
}

func releaseKey(domain, id chatadmin.ID) storage.Key {
	return storage.Key{Kind: kindRelease, Domain: domain, ID: string(id)}
}

func releaseWords(k storage.Key) []string {
	return []string{"integration release", string(k.Domain), k.ID}
}

// release makes the record that ends a connection at the provider. The
// connection is as it was.
func (x *Integrations) release(c *Connection, id chatadmin.ID, now time.Time) ([]storage.Write[storage.Record], error) {
	key := releaseKey(c.Domain, id)
	copied := *c
	if err := copied.encode(releaseWords(key)); err != nil {
		return nil, err
	}
	r, err := row(&releaseRecords, key, "", &releaseData{Service: c.service, Owner: c.Owner, At: now, Conn: copied.data})
	r.Due = now
	return []storage.Write[storage.Record]{{Row: r}}, err
}

// runRelease ends a connection at the provider, and deletes the record; after
// three days of failures it does so in any case, since the token is not to be
// kept for ever.
func (x *Integrations) runRelease(ctx context.Context, r storage.Record) error {
	d, err := releaseRecords.Decode(r)
	if err != nil {
		return x.putAside(ctx, r, err)
	}
	c := &Connection{Domain: r.Domain, Owner: d.Owner, service: d.Service, x: x, Now: x.admin.Now(), Hooks: map[string]*Hook{}, data: d.Conn,
		Saved: d.Conn.State == saved, Settings: d.Conn.Settings, Account: d.Conn.Account}
	failed := c.open(d.Conn.Sealed, releaseWords(r.Key))
	svc := x.byName[d.Service]
	if failed == nil && svc == nil {
		failed = &ProviderError{Service: chatadmin.Cut(d.Service), Sentence: "this process does not know the service", Again: true}
	}
	if failed == nil {
		dom, err := decided(ctx, x.admin.Store(), r.Domain, d.Service)
		if err != nil {
			return err
		}
		c.DomainSettings = dom.Settings
		if c.Shared, err = x.connectedElsewhere(ctx, d.Service, d.Conn.ID); err != nil {
			return err
		}
		if failed = x.renewEnded(ctx, svc, c, &d, r.Key); failed == nil {
			failed = svc.Release(ctx, c)
		}
	}
	var p *ProviderError
	if failed == nil || errors.As(failed, &p) && !p.Again && !p.Unsure || d.Tries >= releaseTries && x.admin.Now().Sub(d.At) > releaseFor {
		return x.settle(ctx, r, true)
	}
	x.admin.Options().Logger.WarnContext(ctx, "integration: could not be ended at the provider yet", "service", d.Service, "error", sentence(failed))
	l := queueData{Tries: d.Tries}
	after := time.Duration(0)
	if p != nil {
		after = p.After
	}
	l.pause(x.admin.Now(), after)
	d.Tries, r.Due = l.Tries, l.Paused
	if r.Data, err = releaseRecords.Encode(&d); err != nil {
		return err
	}
	return x.settle(ctx, r, false)
}

// renewEnded renews the token by which a connection is ended, if that has
// expired meanwhile.
func (x *Integrations) renewEnded(ctx context.Context, svc Service, c *Connection, d *releaseData, key storage.Key) error {
	s, ok := svc.(Renewer)
	if !ok || c.Shared || !c.expiring(x.admin.Now()) {
		return nil
	}
	g, err := s.Renew(ctx, c)
	if err != nil {
		return err
	}
	c.setToken(g, x.admin.Now())
	copied := *c
	err = copied.encode(releaseWords(key))
	d.Conn = copied.data
	return err
}

// putAside leaves a record that cannot be read alone for a day, and logs it. It
// is listed by Scope.Damaged until Scope.Repair deletes it, or a process reads
// it that knows its version.
func (x *Integrations) putAside(ctx context.Context, r storage.Record, err error) error {
	x.admin.Options().Logger.ErrorContext(ctx, "integration: a record cannot be read: repair it, and look at the provider whether something is left there", "kind", r.Kind, "record", r.ID, "error", err)
	r.Due = x.admin.Now().Add(asideFor)
	return x.settle(ctx, r, false)
}

// connectedElsewhere looks whether any connection, of whatever domain, has the
// same account.
func (x *Integrations) connectedElsewhere(ctx context.Context, service, id string) (bool, error) {
	for p := (chatadmin.Page{Limit: chatadmin.MaxBatch}); ; {
		rs, next, err := x.admin.Store().ListRecords(ctx, storage.RecordQuery{Kind: kindConn}, p)
		if err != nil {
			return false, err
		}
		for _, r := range rs {
			if ofItem(r).Service != service {
				continue
			}
			if d, err := connRecords.Decode(r); err == nil && d.Connected && d.ID == id {
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
func (x *Integrations) groupsDeleted(ctx context.Context, w *chatadmin.Writer, groups []chatadmin.Group) error {
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

// end ends connections whose owner goes: it is released at the provider, and
// deleted here at once.
func (x *Integrations) end(ctx context.Context, w *chatadmin.Writer, ofs []Of) error {
	for batch := range slices.Chunk(ofs, chatadmin.MaxBatch) {
		keys := make([]storage.Key, len(batch))
		for i, of := range batch {
			keys[i] = of.record(w.Domain.ID)
		}
		rs, err := w.Records(ctx, keys)
		if err != nil {
			return err
		}
		var changes []storage.Write[storage.Record]
		for _, r := range rs {
			more, err := x.part(ctx, w, r)
			if err != nil {
				return err
			}
			changes = append(append(changes, more...), storage.Write[storage.Record]{Row: r, Was: r.Rev, Delete: true})
		}
		if err := w.PutRecords(ctx, changes); err != nil {
			return err
		}
	}
	return nil
}

// part makes the changes that end a connection at its provider, and records it.
// What cannot be opened cannot be ended there either: that is logged, and keeps
// nobody from going.
func (x *Integrations) part(ctx context.Context, w *chatadmin.Writer, r storage.Record) ([]storage.Write[storage.Record], error) {
	c, _, err := x.decodeBoth([]storage.Record{r}, w.Domain.ID, ofItem(r))
	if err == nil && c.Token.IsZero() {
		return nil, nil
	}
	w.Audit(KindDisconnect, []chatadmin.ID{r.Owner}, nil, map[string]string{"service": ofItem(r).Service})
	if err != nil {
		x.admin.Options().Logger.ErrorContext(ctx, "integration: not ended at the provider: end it there", "service", ofItem(r).Service, "owner", r.Owner, "error", err)
		return nil, nil
	}
	return x.release(c, x.admin.NewID(), w.Now())
}

// usersChanged ends what users whose deletion begins have connected: their own
// accounts, and those of groups that they authorised. The admins of the groups
// are told. What they wrote and is still on its way, or was given up, goes with
// them.
func (x *Integrations) usersChanged(ctx context.Context, w *chatadmin.Writer, users []chatadmin.UserChange) error {
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
	for _, kind := range []string{kindOut, kindDead} {
		changes, err := x.letters(ctx, w, storage.RecordQuery{Kind: kind, Domain: w.Domain.ID}, func(_ Of, d *outData) bool { return gone[d.AuthorID] })
		if err != nil {
			return err
		}
		if err := w.PutRecords(ctx, changes); err != nil {
			return err
		}
	}
	for p := (chatadmin.Page{Limit: chatadmin.MaxBatch}); ; {
		rs, next, err := w.ListRecords(ctx, storage.RecordQuery{Kind: kindConn, Domain: w.Domain.ID}, p)
		if err != nil {
			return err
		}
		var changes []storage.Write[storage.Record]
		for _, r := range rs {
			more, err := x.orphaned(ctx, w, r, gone)
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
func (x *Integrations) orphaned(ctx context.Context, w *chatadmin.Writer, r storage.Record, gone map[chatadmin.ID]bool) ([]storage.Write[storage.Record], error) {
	var d struct {
		By chatadmin.ID `json:"by"`
	}
	svc := x.byName[ofItem(r).Service]
	if json.Unmarshal(r.Data, &d) != nil || !gone[d.By] || svc == nil {
		// whatever else is wrong with the others is no affair of who goes
		return nil, nil
	}
	changes, err := x.part(ctx, w, r)
	if err != nil {
		return nil, err
	}
	c, _, err := x.decodeBoth([]storage.Record{r}, w.Domain.ID, ofItem(r))
	if err != nil && !errors.Is(err, errSealed) {
		return nil, err
	}
	c.erase(svc.Info().Hook, "")
	routes, err := reroute(ctx, w, svc, c)
	if err != nil {
		return nil, err
	}
	change, err := c.reset(svc, "the user who had authenticated it was deleted: authenticate again and save")
	if err != nil {
		return nil, err
	}
	text := texts.NewMessage("integration.orphaned", svc.Info().Title)
	return append(slices.Concat(changes, routes), change, x.notice(w.Domain.ID, c.of(), text)), nil
}
