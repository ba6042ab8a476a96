package chatadmin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"chatadmin.example/sdk/chatadmin/storage"
)

// Pruning says how long what otherwise only grows is kept, in days. 0 leaves it
// to the host (Options.Pruning), whose 0 is the default. Forever keeps it
// without end.
type Pruning struct {
	AuditDays int `json:"audit_days,omitempty"` // audit events; default Forever
	// runs that have ended, with the rows of imports; default 400
	RunDays int `json:"run_days,omitempty"`
	// UnreadableDays is for undelivered events and unsent notices that cannot
	// be read and were put aside; default 400.
	UnreadableDays int `json:"unreadable_days,omitempty"`
}

const (
	defaultRunDays        = 400
	defaultUnreadableDays = 400
	// minPruneDays keeps a slip of the keyboard from deleting what is new, and
	// maxPruneDays keeps times within what a store can hold.
	minPruneDays, maxPruneDays = 7, 36500
)

// faults are the numbers of days that cannot be.
func (p Pruning) faults() (wrong faults) {
	check := func(field string, days int) {
		if days != 0 && days != Forever && (days < minPruneDays || days > maxPruneDays) {
			wrong.add(field, strconv.Itoa(days), CodeBadText, "give %d to %d days, or %d for ever", minPruneDays, maxPruneDays, Forever)
		}
	}
	check("pruning.audit_days", p.AuditDays)
	check("pruning.run_days", p.RunDays)
	check("pruning.unreadable_days", p.UnreadableDays)
	return wrong
}

// pruning is what counts for a domain.
func (a *Admin) pruning(set Settings) Pruning {
	p, host := set.Pruning, a.o.Pruning
	return Pruning{
		AuditDays:      cmp.Or(p.AuditDays, host.AuditDays, Forever),
		RunDays:        cmp.Or(p.RunDays, host.RunDays, defaultRunDays),
		UnreadableDays: cmp.Or(p.UnreadableDays, host.UnreadableDays, defaultUnreadableDays),
	}
}

// pruneAt is when something is deleted that ended at some time; the zero time
// is never.
func pruneAt(ended time.Time, days int) time.Time {
	if days <= 0 {
		return time.Time{}
	}
	return ended.AddDate(0, 0, days)
}

// pruneEvents deletes the domain's audit events that are older than it keeps
// them, and returns how many.
func (a *Admin) pruneEvents(ctx context.Context, domain ID) (total int, err error) {
	s := a.AsHost(domain)
	for {
		n, before := 0, time.Time{}
		err := s.Change(ctx, Op{Kind: KindPrune}, func(ctx context.Context, w *Writer) error {
			n = 0
			days := a.pruning(w.Settings).AuditDays
			if days <= 0 {
				return nil
			}
			before = w.now.AddDate(0, 0, -days)
			q := EventQuery{Domain: domain, To: before}
			old, _, err := storage.FirstPage(ctx, w.ListEvents, q, MaxBatch)
			if err != nil || len(old) == 0 {
				return err
			}
			changes := make([]storage.Write[Event], len(old))
			for i, e := range old {
				changes[i] = storage.Write[Event]{Row: e, Was: e.Rev, Delete: true}
			}
			if err := noConflict(w.ChangeEvents(ctx, changes)); err != nil {
				return err
			}
			n = len(old)
			w.Audit(KindPrune, []ID{domain}, nil, map[string]string{"before": before.Format(time.RFC3339), "events": strconv.Itoa(n)})
			return nil
		})
		if errors.Is(err, ErrNotFound) { // the domain is gone
			return total, nil
		}
		if err != nil || n == 0 {
			return total, err
		}
		total += n
	}
}

// pruneRound is a walk through all domains, once a day.
type pruneRound struct {
	After Cursor `json:"after,omitempty"` // of ListDomains
}

var pruneRounds = RecordKind[pruneRound]{Name: "prune"}

// pruneDaily walks through the domains once a day and prunes their audit logs.
func (a *Admin) pruneDaily(ctx context.Context, _ ID) (total int, err error) {
	for {
		now := a.Now()
		at, err := pruneRounds.Get(ctx, a.store, "", "audit")
		switch {
		case err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrDamaged):
			return total, err
		case err == nil && now.Before(at.Due) && !at.Due.After(now.AddDate(0, 0, 2)):
			// not due; a later time is of a wrong clock
			return total, nil
		}
		page, next, err := a.store.ListDomains(ctx, Page{After: at.Value.After, Limit: 100})
		if err != nil {
			return total, err
		}
		for _, d := range page {
			set, err := SettingsOf(d)
			if err != nil {
				continue // nobody can be asked for how long
			}
			n, err := a.pruneDomain(ctx, d.ID, a.pruning(set))
			total += n
			if err != nil {
				return total, fmt.Errorf("domain %s: %w", d.ID, err)
			}
		}
		moved, err := a.movePruning(ctx, at, next)
		if err != nil || !moved {
			return total, err
		}
	}
}

// pruneDomain deletes what a domain has kept for long enough.
func (a *Admin) pruneDomain(ctx context.Context, domain ID, p Pruning) (n int, err error) {
	if p.AuditDays > 0 {
		if n, err = a.pruneEvents(ctx, domain); err != nil {
			return n, err
		}
	}
	if p.UnreadableDays <= 0 {
		return n, nil
	}
	before := a.Now().AddDate(0, 0, -p.UnreadableDays)
	k := lane(domain)
	events, err := a.pruneUnreadable(ctx, storage.RecordQuery{Kind: unreadable + k.Name, Domain: domain}, before, func(storage.Record) bool { return true })
	if n += events; err != nil {
		return n, err
	}
	told, err := a.pruneUnreadable(ctx, storage.RecordQuery{Kind: notices.Name, Domain: domain}, before, func(r storage.Record) bool {
		_, err := notices.Decode(r)
		return r.Due.IsZero() && err != nil
	})
	return n + told, err
}

// pruneUnreadable deletes those records of q that were written before a time
// and are unreadable.
func (a *Admin) pruneUnreadable(ctx context.Context, q storage.RecordQuery, before time.Time, unreadable func(storage.Record) bool) (n int, err error) {
	var old []storage.Write[storage.Record]
	for rec, err := range eachRecord(ctx, a.store, q) {
		if err != nil {
			return 0, err
		}
		if rec.Rev.Made().Before(before) && unreadable(rec) && len(old) < MaxBatch { // the others tomorrow
			old = append(old, storage.Write[storage.Record]{Row: rec, Was: rec.Rev, Delete: true})
		}
	}
	if len(old) == 0 {
		return 0, nil
	}
	err = a.AsHost(q.Domain).Change(ctx, Op{Kind: KindPrune}, func(ctx context.Context, w *Writer) error {
		w.Audit(KindPrune, []ID{q.Domain}, nil, map[string]string{"before": before.Format(time.RFC3339), q.Kind: strconv.Itoa(len(old))})
		return w.PutRecords(ctx, slices.Clone(old))
	})
	return len(old), err
}

// movePruning notes how far the walk through the domains is. It returns false
// if another process walks, too.
func (a *Admin) movePruning(ctx context.Context, at Entry[pruneRound], next Cursor) (moved bool, err error) {
	err = a.Bookkeep(ctx, "", func(ctx context.Context, w *Writer) error {
		e, err := pruneRounds.Get(ctx, w, "", "audit")
		if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrDamaged) {
			return err
		}
		if moved = e.rev == at.rev; !moved {
			return nil
		}
		if e.Value.After = next; next == "" {
			e.Due = w.now.AddDate(0, 0, 1)
		}
		return pruneRounds.Put(ctx, w, &e)
	})
	if errors.Is(err, ErrBusy) || errors.Is(err, ErrCommitUnknown) {
		return false, nil
	}
	return moved, err
}
