package integrations

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// deliverBatch is how many records a worker takes at a time.
const deliverBatch = 100

// problems are errors that keep nobody else from being served. The first ones
// are enough to go by.
type problems []error

func (p *problems) add(err error) {
	if err != nil && len(*p) < 10 {
		*p = append(*p, err)
	}
}

func (p problems) join() error { return errors.Join(p...) }

// pages goes once through the records of a kind that are due, in all domains.
func (x *Integrations) pages(ctx context.Context, kind string, f func([]storage.Record) error) error {
	var failed problems
	q := storage.RecordQuery{Kind: kind, DueBy: x.admin.Now()}
	for p := (chatadmin.Page{Limit: deliverBatch}); ctx.Err() == nil; {
		rs, next, err := x.admin.Store().ListRecords(ctx, q, p)
		if err != nil {
			failed.add(err)
			break
		}
		failed.add(f(rs))
		if p.After = next; next == "" {
			break
		}
	}
	return errors.Join(append(failed, ctx.Err())...)
}

// each claims every record of a kind that is due, and hands it over. One that
// fails is tried again by a later Deliver.
func (x *Integrations) each(ctx context.Context, kind string, lease time.Duration, f func(context.Context, storage.Record) error) (n int, err error) {
	err = x.pages(ctx, kind, func(rs []storage.Record) error {
		var failed problems
		for _, r := range rs {
			if ctx.Err() != nil {
				break
			}
			r, mine, err := x.claim(ctx, r, lease)
			if mine && err == nil {
				n++
				err = f(ctx, r)
			}
			if err != nil {
				failed.add(fmt.Errorf("%s %s: %w", r.Kind, r.ID, err))
			}
		}
		return errors.Join(failed...)
	})
	return n, err
}

// claim makes a record due later, so that of several processes one deals with
// it. It reports false if that is another one, or was.
func (x *Integrations) claim(ctx context.Context, r storage.Record, lease time.Duration) (storage.Record, bool, error) {
	mine := false
	err := x.admin.AsHost(r.Domain).Change(ctx, traffic(Of{Owner: r.Owner}), func(ctx context.Context, w *chatadmin.Writer) error {
		mine = false
		rs, err := w.Records(ctx, []storage.Key{r.Key})
		if err != nil || len(rs) == 0 || rs[0].Due.After(w.Now()) {
			return err
		}
		one := []storage.Write[storage.Record]{{Row: rs[0], Was: rs[0].Rev}}
		one[0].Row.Due = w.Now().Add(lease)
		if err := w.PutRecords(ctx, one); err != nil {
			return err
		}
		r, mine = one[0].Row, true
		return nil
	})
	if r.Owner != "" && errors.Is(err, chatadmin.ErrNotFound) {
		err = nil // its owner goes, and it with them
	}
	if r.Kind == kindCheck && errors.Is(err, chatadmin.ErrNotFound) { // the domain is gone
		err = x.drop(ctx, []storage.Record{r})
	}
	return r, mine, err
}

// settle ends a claimed record, or writes it as it is now.
func (x *Integrations) settle(ctx context.Context, r storage.Record, del bool) error {
	return (&queueWork{x: x, domain: r.Domain, of: Of{Owner: r.Owner}}).commit(ctx, []storage.Write[storage.Record]{{Row: r, Was: r.Rev, Delete: del}})
}

// forget deletes what is due of records that are of no more use: sign-ins that
// nobody has ended, and letters that nobody has looked at.
func (x *Integrations) forget(ctx context.Context) (n int, err error) {
	var failed problems
	for kind, f := range map[string]func(context.Context, []storage.Record) error{kindState: x.drop, kindStep: x.drop, kindDead: x.age} {
		failed.add(x.pages(ctx, kind, func(rs []storage.Record) error {
			n += len(rs)
			return f(ctx, rs)
		}))
	}
	return n, errors.Join(failed...)
}

// drop deletes records, in whatever state their domain is.
func (x *Integrations) drop(ctx context.Context, rs []storage.Record) error {
	return x.keepBooks(ctx, rs, func(r storage.Record, _ time.Time) (storage.Record, bool, error) { return r, true, nil })
}

// keepBooks changes records as f says, or deletes them, in one transaction for
// each domain, whatever its state. A record that somebody else has changed is
// left as it is, and a commit that was not confirmed leaves the rest to a later
// Deliver.
func (x *Integrations) keepBooks(ctx context.Context, rs []storage.Record, f func(r storage.Record, now time.Time) (next storage.Record, del bool, err error)) error {
	var failed problems
	byDomain := map[chatadmin.ID][]storage.Record{}
	for _, r := range rs {
		byDomain[r.Domain] = append(byDomain[r.Domain], r)
	}
	for domain, listed := range byDomain {
		err := x.admin.Bookkeep(ctx, domain, func(ctx context.Context, w *chatadmin.Writer) error {
			changes := make([]storage.Write[storage.Record], len(listed))
			for i, r := range listed {
				next, del, err := f(r, w.Now())
				if err != nil {
					return err
				}
				changes[i] = storage.Write[storage.Record]{Row: next, Was: r.Rev, Delete: del}
			}
			_, err := changeRecords(ctx, w, changes)
			return err
		})
		if !errors.Is(err, chatadmin.ErrCommitUnknown) {
			failed.add(err)
		}
	}
	return failed.join()
}
