package support

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Query selects reports. Every field that is set narrows the list.
type Query struct {
	User      chatadmin.ID
	Platforms []Platform
	States    []State
	Ticket    string
	From, To  time.Time // when they were made: From ≤ At < To
}

func (q *Query) matches(r *report) bool {
	return (len(q.Platforms) == 0 || slices.Contains(q.Platforms, r.Platform)) && (len(q.States) == 0 || slices.Contains(q.States, r.State)) &&
		(q.Ticket == "" || q.Ticket == r.Ticket) && (q.From.IsZero() || !r.At.Before(q.From)) && (q.To.IsZero() || r.At.Before(q.To))
}

// Report reads one report. Users read their own; those of others need
// chatadmin.PermSupport.
func (x *Support) Report(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID) (Report, error) {
	_, _, role, err := s.ViewAs(ctx, "")
	if err != nil {
		return Report{}, err
	}
	e, err := reports.Get(ctx, x.admin.Store(), s.Domain(), string(id))
	if !role.May(chatadmin.PermSupport) && e.Owner != s.Actor() {
		if err != nil && e.Damaged == nil && !errors.Is(err, chatadmin.ErrNotFound) {
			return Report{}, err
		}
		// Whether there is such a report is no matter of theirs.
		_, _, err := s.View(ctx, chatadmin.PermSupport)
		return Report{}, err
	}
	if err != nil {
		return Report{}, err
	}
	return e.Value.report(e.Owner), nil
}

// pagesRead is how many pages of the store one page of a filtered list looks
// through.
const pagesRead = 10

// ReportsPage returns a page of at most p.Limit reports (1 to
// chatadmin.MaxBatch), the oldest first, and the cursor of the next page; "" is
// the end. A page may have fewer reports although more follow. A report that
// cannot be read is left out; chatadmin.Scope.Damaged lists it. Users list
// their own (Query.User is the actor); those of others need
// chatadmin.PermSupport.
func (x *Support) ReportsPage(ctx context.Context, s *chatadmin.Scope, q Query, p chatadmin.Page) ([]Report, chatadmin.Cursor, error) {
	if _, _, err := s.View(ctx, x.need(s, q.User)); err != nil {
		return nil, "", err
	}
	list := []Report{}
	for range pagesRead {
		page, _, next, err := reports.List(ctx, x.admin.Store(), storage.RecordQuery{Domain: s.Domain(), Owner: q.User}, p)
		if err != nil {
			return nil, "", err
		}
		for i := range page {
			if q.matches(&page[i].Value) {
				list = append(list, page[i].Value.report(page[i].Owner))
			}
		}
		if p.After = next; next == "" || len(list) > 0 {
			break
		}
	}
	return list, p.After, nil
}

// Reports lists reports page by page, as ReportsPage does.
func (x *Support) Reports(ctx context.Context, s *chatadmin.Scope, q Query) iter.Seq2[Report, error] {
	return func(yield func(Report, error) bool) {
		for p := (chatadmin.Page{Limit: 100}); ; {
			page, next, err := x.ReportsPage(ctx, s, q, p)
			if err != nil {
				yield(Report{}, err)
				return
			}
			for _, r := range page {
				if !yield(r, nil) {
					return
				}
			}
			if p.After = next; next == "" {
				return
			}
		}
	}
}
