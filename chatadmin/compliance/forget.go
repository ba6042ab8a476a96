package compliance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Forget deletes an agreement that has ended, with the addresses in it, such as
// one that was cancelled, or when the contract does not bind any more. The new
// domain stays as it is, with its limit. It returns a *StepError for one that
// has not ended. Forgetting twice is once. Only the host can call it.
func (x *Agreements) Forget(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID) error {
	if s.Actor() != chatadmin.HostActor {
		if err := view(ctx, s); err != nil {
			return err
		}
		return fmt.Errorf("only the application itself forgets an agreement: %w", chatadmin.ErrForbidden)
	}
	err := x.change(ctx, s, id, "forget", func(ctx context.Context, w *chatadmin.Writer, e *chatadmin.Entry[request]) error {
		r := &e.Value
		if following := next(r.State, r.Old != ""); following != "" {
			return &StepError{r.ID, r.State, "forget", following}
		}
		if w.Domain.ID != "" {
			w.Audit(KindForget, []chatadmin.ID{w.Domain.ID}, nil, map[string]string{"agreement": string(id)})
		}
		return drop(ctx, w, e, r.Old)
	})
	if errors.Is(err, chatadmin.ErrNotFound) && operator(s) {
		return nil
	}
	return err
}

// drop deletes an agreement, its mail, and its link in a domain.
func drop(ctx context.Context, w *chatadmin.Writer, e *chatadmin.Entry[request], domain chatadmin.ID) error {
	if err := requests.Delete(ctx, w, e); err != nil {
		return err
	}
	m, err := mails.Get(ctx, w, "", e.ID)
	if err == nil || m.Damaged != nil {
		err = mails.Delete(ctx, w, &m)
	}
	if err != nil && !errors.Is(err, chatadmin.ErrNotFound) {
		return err
	}
	if domain == "" {
		return nil
	}
	l, err := links.Get(ctx, w, domain, e.ID)
	if err == nil || l.Damaged != nil {
		err = links.Delete(ctx, w, &l)
	}
	if errors.Is(err, chatadmin.ErrNotFound) {
		return nil
	}
	return err
}

// damage tells of what cannot be read of the agreements of a domain. An
// agreement stays, and stands in the way of another one, until the host has
// repaired it: then it is deleted. Of a mail alone nothing is known any more.
func (x *Agreements) damage() *chatadmin.DamageSource {
	return &chatadmin.DamageSource{
		Kind: requests.Name,
		Each: func(ctx context.Context, r storage.Reader, domain chatadmin.ID) iter.Seq2[*chatadmin.DamagedError, error] {
			return func(yield func(*chatadmin.DamagedError, error) bool) {
				s := x.admin.AsHost(domain)
				for p := (chatadmin.Page{Limit: 100}); ; {
					all, following, err := page(ctx, r, s, p)
					if err != nil {
						yield(nil, err)
						return
					}
					ids := make([]string, len(all))
					for i, e := range all {
						ids[i] = e.ID
					}
					sent, err := mails.GetMany(ctx, r, "", ids...)
					if err != nil {
						yield(nil, err)
						return
					}
					for _, e := range all {
						bad := cmp.Or(e.Damaged, sent[e.ID].Damaged)
						if bad != nil && !yield(&chatadmin.DamagedError{Kind: requests.Name, Domain: domain, ID: e.ID, Why: bad.Why}, nil) {
							return
						}
					}
					if p.After = following; following == "" {
						return
					}
				}
			}
		},
		Repair: func(ctx context.Context, w *chatadmin.Writer, id string) (bool, error) {
			if _, err := links.Get(ctx, w, w.Domain.ID, id); errors.Is(err, chatadmin.ErrNotFound) {
				return false, err
			}
			e, err := requests.Get(ctx, w, "", id)
			if err != nil && e.Damaged == nil {
				return false, err
			}
			m, err := mails.Get(ctx, w, "", id)
			switch {
			case err != nil && m.Damaged == nil && !errors.Is(err, chatadmin.ErrNotFound):
				return false, err
			case e.Damaged == nil && m.Damaged == nil:
				return false, nil
			case w.Actor.ID != "":
				return false, fmt.Errorf("only the application itself repairs an agreement: %w", chatadmin.ErrForbidden)
			case e.Damaged == nil:
				return true, mails.Delete(ctx, w, &m)
			}
			return true, drop(ctx, w, &e, "") // the new domain is guarded on
		},
	}
}
