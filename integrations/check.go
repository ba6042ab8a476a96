package integrations

import (
	"context"
	"errors"
	"hash/fnv"
	"reflect"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

const (
	// checkLease is for how long one process has a check to itself, and
	// checkTime is how long the provider may take.
	checkLease = 10 * time.Minute
	checkTime  = 5 * time.Minute
	// checkTries is how often a provider may fail to answer before an admin is
	// told that nothing could be compared.
	checkTries = 12
)

// checkData is when a connection is compared with its provider, and what came
// of it. The record is due then. The one without an owner stands for all
// connections of a service in the domain.
type checkData struct {
	At      time.Time `json:"at,omitzero"` // when they last agreed
	Tries   int       `json:"tries,omitempty"`
	Problem string    `json:"problem,omitempty"`
}

func checkKey(domain chatadmin.ID, of Of) storage.Key {
	return storage.Key{Kind: kindCheck, Domain: domain, ID: of.key()}
}

// readCheck reads what is known of a comparison. What cannot be read is as if
// there had been none.
func readCheck(ctx context.Context, r storage.Reader, domain chatadmin.ID, of Of) (checkData, storage.Rev, error) {
	rs, err := r.Records(ctx, []storage.Key{checkKey(domain, of)})
	if err != nil || len(rs) == 0 {
		return checkData{}, 0, err
	}
	d, err := checkRecords.Decode(rs[0])
	if err != nil {
		d = checkData{}
	}
	return d, rs[0].Rev, nil
}

// checkAt is the change that makes a connection be compared at a time.
func checkAt(domain chatadmin.ID, of Of, d checkData, was storage.Rev, due time.Time) (storage.Write[storage.Record], error) {
	r, err := row(&checkRecords, checkKey(domain, of), of.Owner, &d)
	r.Due = due
	return storage.Write[storage.Record]{Row: r, Was: was}, err
}

// agreed is the change that notes that a provider and the settings agree now.
func agreed(ctx context.Context, w *chatadmin.Writer, c *Connection) (storage.Write[storage.Record], error) {
	_, rev, err := readCheck(ctx, w, c.Domain, c.of())
	if err != nil {
		return storage.Write[storage.Record]{}, err
	}
	return checkAt(c.Domain, c.of(), checkData{At: w.Now()}, rev, w.Now().Add(day))
}

// check compares what is due with its provider.
func (x *Integrations) check(ctx context.Context, r storage.Record) error {
	d, err := checkRecords.Decode(r)
	if err != nil {
		return x.putAside(ctx, r, err)
	}
	of := ofItem(r)
	if of.Owner == "" {
		if err := x.checkAll(ctx, r.Domain, of.Service); err != nil {
			return err
		}
		return x.settle(ctx, r, true)
	}
	k := &queueWork{x: x, domain: r.Domain, of: of, svc: x.byName[of.Service]}
	on, err := k.reload(ctx)
	switch {
	case unreadable(err), err == nil && (!on || k.svc == nil): // enabling brings it forward
		r.Due = x.admin.Now().Add(day)
		return x.settle(ctx, r, false)
	case err != nil:
		return err
	case !k.conn.Saved:
		return x.settle(ctx, r, true)
	}
	err = x.compare(ctx, k.svc, k.conn)
	was := d.Problem
	var told bool
	if told, r.Due, err = d.outcome(err, x.admin.Now()); err != nil {
		return err
	}
	if r.Data, err = checkRecords.Encode(&d); err != nil {
		return err
	}
	changes := []storage.Write[storage.Record]{{Row: r, Was: r.Rev}}
	if told && was == "" {
		text := texts.NewMessage("integration.mismatch", k.svc.Info().Title, d.Problem)
		changes = append(changes, x.notice(r.Domain, of, text))
	}
	return k.commit(ctx, changes)
}

// outcome notes what came of a comparison, and when the next one is due. It
// reports whether there is a problem, and returns errors that are no affair of
// the connection's admin.
func (d *checkData) outcome(err error, now time.Time) (problem bool, due time.Time, fault error) {
	var p *ProviderError
	switch {
	case err == nil:
		*d = checkData{At: now}
		return false, now.Add(day), nil
	case errors.Is(err, errMoved): // an admin was at it
		return false, now.Add(time.Minute), nil
	case errors.As(err, &p) && (p.Again || p.Unsure), errors.Is(err, context.DeadlineExceeded):
		after := time.Duration(0)
		if p != nil {
			after = p.After
		}
		l := queueData{Tries: d.Tries}
		l.pause(now, after)
		if d.Tries = l.Tries; d.Tries >= checkTries {
			d.Problem = sentence(err)
		}
		return d.Problem != "", l.Paused, nil
	case p != nil, errors.Is(err, chatadmin.ErrInvalid), errors.Is(err, chatadmin.ErrNotFound), errors.Is(err, ErrHost):
		d.Tries, d.Problem = 0, sentence(err)
		return true, now.Add(day), nil
	}
	return false, now, err
}

// compare makes the provider agree with the settings that are in force, and
// keeps what that changed here.
func (x *Integrations) compare(ctx context.Context, svc Service, c *Connection) error {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	if err := x.renew(ctx, svc, c); err != nil {
		return err
	}
	was, written := c.Settings, c.hookState()
	c.Keep = c.keeper(was, func(ctx context.Context) error {
		if reflect.DeepEqual(written, c.hookState()) {
			return nil
		}
		written = c.hookState()
		return x.putChecked(ctx, svc, c)
	})
	if err := svc.Save(ctx, c); err != nil {
		return err
	}
	routes, err := routesOf(svc, c)
	if err != nil {
		return err
	}
	if string(was) == string(c.Settings) && reflect.DeepEqual(written, c.hookState()) && slices.Equal(routes, c.data.Routes) {
		return nil
	}
	return x.putChecked(ctx, svc, c)
}

// hookState is what is known of the addresses of a connection.
func (c *Connection) hookState() map[string]Hook {
	all := map[string]Hook{}
	for name, h := range c.Hooks {
		all[name] = *h
	}
	return all
}

// putChecked writes a connection that a comparison has changed.
func (x *Integrations) putChecked(ctx context.Context, svc Service, c *Connection) error {
	op := chatadmin.Op{Kind: KindMend, Fence: storage.Shared, Targets: []chatadmin.ID{c.Owner}}
	return x.write(ctx, x.admin.AsHost(c.Domain), svc, c, op, func(_ context.Context, w *chatadmin.Writer) error {
		w.Audit(KindMend, op.Targets, nil, map[string]string{"service": c.service})
		return nil
	})
}

// checkAll makes all connections of a service in a domain due to be compared.
func (x *Integrations) checkAll(ctx context.Context, domain chatadmin.ID, service string) error {
	return x.eachConn(ctx, domain, func(ctx context.Context, w *chatadmin.Writer, c Of, d *connData) (bool, error) {
		return c.Service == service && d.State == saved, nil
	}, func(now time.Time, _ Of) time.Time { return now })
}

// adopt makes connections that earlier versions have saved take part in what
// they did not know: comparisons, at some time of the next day, and routes.
func (x *Integrations) adopt(ctx context.Context) error {
	return x.eachConn(ctx, "", func(ctx context.Context, w *chatadmin.Writer, of Of, d *connData) (bool, error) {
		if d.State != saved {
			return false, nil
		}
		rs, err := w.Records(ctx, []storage.Key{checkKey(w.Domain.ID, of)})
		return err == nil && len(rs) == 0, err
	}, func(now time.Time, of Of) time.Time {
		h := fnv.New32a()
		_, _ = h.Write([]byte(of.key()))
		return now.Add(time.Duration(h.Sum32()) % day)
	})
}

// eachConn goes through connections, and makes those due to be compared that f
// wants.
func (x *Integrations) eachConn(ctx context.Context, domain chatadmin.ID, f func(context.Context, *chatadmin.Writer, Of, *connData) (bool, error), due func(time.Time, Of) time.Time) error {
	var failed problems
	q := storage.RecordQuery{Kind: kindConn, Domain: domain}
	for p := (chatadmin.Page{Limit: deliverBatch}); ; {
		rs, next, err := x.admin.Store().ListRecords(ctx, q, p)
		if err != nil {
			return errors.Join(append(failed, err)...)
		}
		for _, r := range rs {
			failed.add(x.dueCheck(ctx, r, f, due))
		}
		if p.After = next; next == "" {
			return failed.join()
		}
	}
}

func (x *Integrations) dueCheck(ctx context.Context, r storage.Record, f func(context.Context, *chatadmin.Writer, Of, *connData) (bool, error), due func(time.Time, Of) time.Time) error {
	of := ofItem(r)
	d, err := connRecords.Decode(r)
	svc := x.byName[of.Service]
	if err != nil || svc == nil || d.State != saved {
		return nil // Scope.Damaged lists it, or there is nothing to compare
	}
	err = x.admin.AsHost(r.Domain).Change(ctx, traffic(of), func(ctx context.Context, w *chatadmin.Writer) error {
		wanted, err := f(ctx, w, of, &d)
		if err != nil || !wanted {
			return err
		}
		now, rev, err := readCheck(ctx, w, r.Domain, of)
		if err != nil {
			return err
		}
		change, err := checkAt(r.Domain, of, now, rev, due(w.Now(), of))
		if err != nil {
			return err
		}
		return w.PutRecords(ctx, []storage.Write[storage.Record]{change})
	})
	if errors.Is(err, chatadmin.ErrNotFound) {
		return nil // its owner goes
	}
	return err
}
