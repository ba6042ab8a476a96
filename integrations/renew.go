package integrations

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Renewer is implemented by a service whose tokens expire.
type Renewer interface {
	Service

	// Renew exchanges c.Renewal for another token. Of the grant that it
	// returns, Token, Renewal and Life count. Only one process at a time renews
	// what belongs to one account.
	Renew(ctx context.Context, c *Connection) (*Grant, error)
}

// renewBefore is how long before its end a token is renewed.
const renewBefore = 30 * time.Minute

// expiring reports whether the token of a connection has to be renewed: it ends
// soon, or a clock that was ahead said when.
func (c *Connection) expiring(now time.Time) bool {
	if c.Renewal.IsZero() || c.Expires.IsZero() {
		return false
	}
	return !now.Before(c.Expires.Add(-renewBefore)) || c.data.Renewed.After(now.Add(drift))
}

// setToken puts the token of a grant in the place of the one before.
func (c *Connection) setToken(g *Grant, now time.Time) {
	c.Token, c.Renewal, c.Expires, c.data.Renewed = g.Token, g.Renewal, time.Time{}, now
	if g.Life > 0 {
		c.Expires = now.Add(g.Life)
	}
}

// copyToken takes over the token of another connection with the same account.
func (c *Connection) copyToken(o *Connection) {
	c.Token, c.Renewal, c.Expires, c.data.Renewed = o.Token, o.Renewal, o.Expires, o.data.Renewed
}

// renewalKey is the lease on the tokens of an account, in whatever domains it
// is connected.
func renewalKey(service, account string) storage.Key {
	h := sha256.Sum256([]byte(service + "/" + account))
	return storage.Key{Kind: kindRenewal, ID: hex.EncodeToString(h[:16])}
}

// renew makes sure that the token of a connection is valid. It returns a
// *ProviderError if it is not: another process is renewing it, or the provider
// refuses.
func (x *Integrations) renew(ctx context.Context, svc Service, c *Connection) error {
	r, ok := svc.(Renewer)
	now := x.admin.Now()
	if !ok || !c.data.Connected || !c.expiring(now) {
		return nil
	}
	valid := now.Before(c.Expires) && !c.data.Renewed.After(now.Add(drift))
	mine, err := x.leaseRenewal(ctx, c)
	switch {
	case err != nil:
		return err
	case !mine && valid:
		return nil
	case !mine:
		return &ProviderError{Service: svc.Info().Title, Sentence: "the authorisation is being renewed", Again: true, After: 5 * time.Second}
	}
	ctx = context.WithoutCancel(ctx)
	err = x.renewLeased(ctx, r, c)
	if err = errors.Join(err, x.endRenewal(ctx, c)); err != nil && valid {
		x.admin.Options().Logger.WarnContext(ctx, "integration: a token could not be renewed yet", "service", c.service, "owner", c.Owner, "error", sentence(err))
		return nil
	}
	return err
}

func (x *Integrations) renewLeased(ctx context.Context, r Renewer, c *Connection) error {
	now := x.admin.Now()
	newest, err := x.newest(ctx, c)
	if err != nil {
		return err
	}
	// Renewed elsewhere, it is taken over; else the newest token is renewed.
	if newest.expiring(now) {
		one, cancel := context.WithTimeout(ctx, requestTimeout)
		defer cancel()
		g, err := r.Renew(one, newest)
		if err != nil {
			return err
		}
		newest.setToken(g, now)
	}
	c.copyToken(newest)
	if err := x.putToken(ctx, c.Domain, c.of(), c); err != nil {
		return err
	}
	x.spread(ctx, c)
	return nil
}

// sharing yields the connections with the account of c, in all domains.
func (x *Integrations) sharing(ctx context.Context, c *Connection, f func(*Connection) error) error {
	var failed problems
	for p := (chatadmin.Page{Limit: chatadmin.MaxBatch}); ; {
		rs, next, err := x.admin.Store().ListRecords(ctx, storage.RecordQuery{Kind: kindConn}, p)
		if err != nil {
			return errors.Join(append(failed, err)...)
		}
		for _, r := range rs {
			of := ofItem(r)
			d, err := connRecords.Decode(r)
			if err != nil || of.Service != c.service || !d.Connected || d.ID != c.data.ID {
				continue
			}
			o, _, err := x.decodeBoth([]storage.Record{r}, r.Domain, of)
			if err == nil {
				failed.add(f(o))
			}
		}
		if p.After = next; next == "" {
			return failed.join()
		}
	}
}

// newest is the connection with the account of c whose token was renewed last.
func (x *Integrations) newest(ctx context.Context, c *Connection) (*Connection, error) {
	best := c
	now := x.admin.Now()
	err := x.sharing(ctx, c, func(o *Connection) error {
		ahead := o.data.Renewed.After(now.Add(drift)) && !best.data.Renewed.After(now.Add(drift))
		if !o.Renewal.IsZero() && o.data.Renewed.After(best.data.Renewed) && !ahead {
			best = o
		}
		return nil
	})
	copied := *best
	return &copied, err
}

// spread gives the token of a connection to the others with its account: the
// provider may end all but the newest one. What fails is logged; those find the
// newest token themselves when theirs ends.
func (x *Integrations) spread(ctx context.Context, c *Connection) {
	if c.Renewal.IsZero() {
		return
	}
	err := x.sharing(ctx, c, func(o *Connection) error {
		if o.Domain == c.Domain && o.Owner == c.Owner {
			return nil
		}
		return x.putToken(ctx, o.Domain, o.of(), c)
	})
	if err != nil {
		x.admin.Options().Logger.WarnContext(ctx, "integration: a renewed token is not known everywhere yet", "service", c.service, "error", err)
	}
}

// putToken writes the token of a connection to one with the same account.
func (x *Integrations) putToken(ctx context.Context, domain chatadmin.ID, to Of, from *Connection) error {
	var rev storage.Rev
	err := x.admin.AsHost(domain).Change(ctx, traffic(to), func(ctx context.Context, w *chatadmin.Writer) error {
		c, _, err := x.load(ctx, w, domain, to)
		if err != nil || !c.data.Connected || c.data.ID != from.data.ID {
			return err
		}
		c.copyToken(from)
		change, err := c.change()
		if err != nil {
			return err
		}
		one := []storage.Write[storage.Record]{change}
		err = w.PutRecords(ctx, one)
		rev = one[0].Row.Rev
		return err
	})
	if err == nil && domain == from.Domain && to == from.of() {
		from.rev = rev
	}
	if errors.Is(err, chatadmin.ErrNotFound) {
		return nil // its owner goes
	}
	return err
}

// leaseRenewal reports whether this process may renew the tokens of an account.
func (x *Integrations) leaseRenewal(ctx context.Context, c *Connection) (mine bool, err error) {
	key := renewalKey(c.service, c.data.ID)
	err = x.admin.Bookkeep(ctx, "", func(ctx context.Context, w *chatadmin.Writer) error {
		mine = false
		rs, err := w.Records(ctx, []storage.Key{key})
		if err != nil {
			return err
		}
		change := storage.Write[storage.Record]{Row: storage.Record{Key: key, Data: turnRow, Due: w.Now().Add(leaseLife)}}
		for _, r := range rs {
			if w.Now().Before(r.Due) && !r.Due.After(w.Now().Add(leaseLife+drift)) {
				return nil
			}
			change.Was = r.Rev
		}
		conflicts, err := changeRecords(ctx, w, []storage.Write[storage.Record]{change})
		mine = err == nil && len(conflicts) == 0
		return err
	})
	if errors.Is(err, chatadmin.ErrCommitUnknown) { // perhaps it is; it ends by itself
		return false, nil
	}
	return mine, err
}

// endRenewal gives the lease back.
func (x *Integrations) endRenewal(ctx context.Context, c *Connection) error {
	rs, err := x.admin.Store().Records(ctx, []storage.Key{renewalKey(c.service, c.data.ID)})
	if err != nil {
		return err
	}
	return x.drop(ctx, rs)
}
