package chatadmin

import (
	"context"
	"fmt"

	"chatadmin.example/sdk/chatadmin/storage"
)

// RenameDomain gives the domain another name: 1 to 250 bytes without control
// characters. Names of domains need not be unique. It needs PermDomain.
func (s *Scope) RenameDomain(ctx context.Context, name string) (Domain, error) {
	if err := wrongFields(domainNameFaults(name)); err != nil {
		return Domain{}, err
	}
	var renamed Domain
	op := Op{Kind: KindDomainRename, Need: PermDomain, Targets: []ID{s.domain}}
	err := s.Change(ctx, op, func(ctx context.Context, w *Writer) (err error) {
		renamed = w.Domain
		if w.Domain.Name == name {
			return nil
		}
		renamed.Name = name
		if renamed, err = w.putDomain(ctx, renamed, w.Settings); err != nil {
			return err
		}
		w.Audit(KindDomainRename, []ID{s.domain}, map[ID][]FieldChange{s.domain: change("name", w.Domain.Name, name)}, nil)
		return nil
	})
	if err != nil {
		return Domain{}, err
	}
	return renamed, nil
}

// domainNameFaults says what is wrong with the name of a domain.
func domainNameFaults(name string) (wrong faults) {
	if Fold(name) == "" || len(name) > maxText || !visible(name) {
		wrong.add("domain_name", name, CodeBadText, "a domain's name has 1 to %d bytes and no control characters", maxText)
	}
	return wrong
}

// SuspendDomain keeps everybody but the host out of a domain until
// ResumeDomain. Sessions end; all data is kept. It returns ErrClosing for a
// domain that is being deleted. Only the host can call it.
func (a *Admin) SuspendDomain(ctx context.Context, domain ID) error {
	return a.setState(ctx, domain, KindDomainSuspend, DomainSuspended)
}

// ResumeDomain lets everybody into a suspended domain again. It returns
// ErrClosing for a domain that is being deleted. Only the host can call it.
func (a *Admin) ResumeDomain(ctx context.Context, domain ID) error {
	return a.setState(ctx, domain, KindDomainResume, DomainActive)
}

func (a *Admin) setState(ctx context.Context, domain ID, kind string, state DomainState) error {
	op := Op{Kind: kind, Fence: storage.Exclusive, Targets: []ID{domain}}
	return a.AsHost(domain).Change(ctx, op, func(ctx context.Context, w *Writer) error { return w.SetDomainState(ctx, kind, state) })
}

// SetDomainState changes the state of the domain as a part of the transaction,
// and adds an audit event of the kind. A domain that has the state stays as it
// is. Leaving DomainActive ends what CauseDomainSuspended ends, and needs the
// exclusive fence. DomainClosing is for a kind of run with RunKind.Closes, and
// there is no way back from it. It returns ErrForbidden for every actor but
// the host.
func (w *Writer) SetDomainState(ctx context.Context, kind string, state DomainState) error {
	was := w.Settings.State
	switch {
	case w.scope.actor != HostActor:
		return fmt.Errorf("only the application itself changes a domain's state: %w", ErrForbidden)
	case state == was:
		return nil
	case was == DomainClosing, state == DomainClosing && !w.closes, !state.known():
		return fmt.Errorf("the domain is %s, and does not become %q: %w", was, Cut(string(state)), ErrTransition)
	case was == DomainActive && w.mode != storage.Exclusive:
		return ErrNeedsExclusive
	}
	w.Settings.State = state
	d, err := w.putDomain(ctx, w.Domain, w.Settings)
	if err != nil {
		return err
	}
	w.Domain = d
	if was == DomainActive {
		if err := w.End(ctx, CauseDomainSuspended, w.now); err != nil {
			return err
		}
	}
	w.Audit(kind, []ID{w.scope.domain}, map[ID][]FieldChange{w.scope.domain: change("state", string(was), string(state))}, nil)
	return nil
}

// DeleteDomain deletes the row of a domain that is closing, as the last of its
// rows, and tells the host with an event of the kind (Options.Outbox). The
// audit log has none: it is gone, too. It is for a run whose kind has
// RunKind.Closes, and returns ErrTransition to any other transaction.
func (w *Writer) DeleteDomain(ctx context.Context, kind string) error {
	if !w.closes || w.mode != storage.Exclusive || w.Settings.State != DomainClosing {
		return fmt.Errorf("the domain is %s, and only its closing deletes it: %w", w.Settings.State, ErrTransition)
	}
	d := w.Domain
	if err := noConflict(w.ChangeDomains(ctx, []storage.Write[Domain]{{Row: d, Was: d.Rev, Delete: true}})); err != nil {
		return err
	}
	if !w.scope.admin.o.Outbox {
		return nil
	}
	rev, err := w.NextRev(d.Rev)
	if err != nil {
		return err
	}
	gone := outboxRecord(Event{ID: w.ids(0), Domain: d.ID, Actor: w.scope.actor, Kind: kind, At: w.now, Rev: rev, Targets: []ID{d.ID}})
	gone.Domain = "" // it is the host's, like the receipt: nothing of the domain is left
	return w.PutRecords(ctx, []storage.Write[storage.Record]{{Row: gone}})
}

// HandOverEvents makes up to limit of the domain's queued events (Options.
// Outbox) the host's own, so that they are delivered after the domain is gone.
// It reports whether more are queued. It is for a run whose kind has
// RunKind.Closes.
func (w *Writer) HandOverEvents(ctx context.Context, limit int) (more bool, err error) {
	k := lane(w.scope.domain)
	q := storage.RecordQuery{Kind: k.Name, Domain: w.scope.domain}
	rows, next, err := storage.FirstPage(ctx, w.ListRecords, q, min(limit, MaxBatch/2))
	if err != nil {
		return false, err
	}
	changes := make([]storage.Write[storage.Record], 0, 2*len(rows))
	for _, r := range rows {
		hosts := r
		hosts.Domain = ""
		changes = append(changes, storage.Write[storage.Record]{Row: r, Was: r.Rev, Delete: true}, storage.Write[storage.Record]{Row: hosts})
	}
	return next != "", noConflict(w.ChangeRecords(ctx, changes))
}

// BlobsQueued reports whether contents of files of the domain wait to be
// deleted by ReleaseBlobs.
func (w *Writer) BlobsQueued(ctx context.Context) (bool, error) {
	q := storage.RecordQuery{Kind: blobRecords.Name, Domain: w.scope.domain}
	rows, _, err := storage.FirstPage(ctx, w.ListRecords, q, 1)
	return len(rows) > 0, err
}
