package compliance

import (
	"context"
	"iter"
	"slices"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Query selects agreements. Every field that is set narrows the list.
type Query struct {
	States []State
	// Steps are those that follow, such as the steps that wait for the operator.
	Steps []Step
}

func (q *Query) matches(r *request) bool {
	return (len(q.States) == 0 || slices.Contains(q.States, r.State)) && (len(q.Steps) == 0 || slices.Contains(q.Steps, next(r.State, r.Old != "")))
}

// page is a page of the agreements of the scope, the oldest first: those of its
// domain, or all of them for the host without a domain. Those that cannot be
// read are among them, and have Damaged set.
func page(ctx context.Context, r storage.Reader, s *chatadmin.Scope, p chatadmin.Page) ([]chatadmin.Entry[request], chatadmin.Cursor, error) {
	kind := links.Name
	if operator(s) {
		kind = requests.Name
	}
	rows, following, err := r.ListRecords(ctx, storage.RecordQuery{Kind: kind, Domain: s.Domain()}, p)
	if err != nil {
		return nil, "", err
	}
	ids := make([]string, len(rows)) // a link that is damaged names its agreement all the same
	for i, row := range rows {
		ids[i] = row.ID
	}
	found, err := requests.GetMany(ctx, r, "", ids...)
	if err != nil {
		return nil, "", err
	}
	var all []chatadmin.Entry[request]
	for _, id := range ids {
		if e, ok := found[id]; ok {
			all = append(all, e)
		}
	}
	return all, following, nil
}

// AgreementsPage returns a page of at most p.Limit agreements, the oldest first,
// and the cursor of the next page; "" is the end. A page may have fewer although
// more follow. One that cannot be read is left out; chatadmin.Scope.Damaged lists
// it. It needs chatadmin.PermDomain, and lists those of the domain, or all of
// them for the host with AsHost("").
func (x *Agreements) AgreementsPage(ctx context.Context, s *chatadmin.Scope, q Query, p chatadmin.Page) ([]Agreement, chatadmin.Cursor, error) {
	if err := view(ctx, s); err != nil {
		return nil, "", err
	}
	rows, following, err := chatadmin.FillPage(p, func(p chatadmin.Page) ([]chatadmin.Entry[request], chatadmin.Cursor, error) {
		all, following, err := page(ctx, x.admin.Store(), s, p)
		return slices.DeleteFunc(all, func(e chatadmin.Entry[request]) bool { return e.Damaged != nil || !q.matches(&e.Value) }), following, err
	})
	if err != nil {
		return nil, "", err
	}
	all, err := x.shown(ctx, rows)
	return all, following, err
}

// Agreements lists agreements page by page, as AgreementsPage does.
func (x *Agreements) Agreements(ctx context.Context, s *chatadmin.Scope, q Query) iter.Seq2[Agreement, error] {
	return func(yield func(Agreement, error) bool) {
		for p := (chatadmin.Page{Limit: 100}); ; {
			all, following, err := x.AgreementsPage(ctx, s, q, p)
			if err != nil {
				yield(Agreement{}, err)
				return
			}
			for _, a := range all {
				if !yield(a, nil) {
					return
				}
			}
			if p.After = following; following == "" {
				return
			}
		}
	}
}
