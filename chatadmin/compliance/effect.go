package compliance

import (
	"context"
	"errors"
	"fmt"

	"chatadmin.example/sdk/chatadmin"
)

// do has the host do its part of a step that was claimed.
func (x *Agreements) do(ctx context.Context, r *request) (document string, err error) {
	if x.o.Host == nil {
		return "", nil
	}
	all, err := x.shown(ctx, []chatadmin.Entry[request]{{Key: requests.Key("", string(r.ID)), Value: *r}})
	if err != nil {
		return "", err
	}
	e := Effect{Key: "baa-" + string(r.ID) + "-" + string(r.Doing.Step), Step: r.Doing.Step, Agreement: all[0], Input: r.Doing.Input}
	if e.Step == Provision {
		e.NewDomain = r.newDomain()
	}
	if document, err = x.o.Host.Do(ctx, e); err != nil {
		return "", fmt.Errorf("%s: %w", e.Step, err)
	}
	return document, nil
}

// newDomain is the domain that Provision makes.
func (r *request) newDomain() chatadmin.NewDomain {
	return chatadmin.NewDomain{ID: r.New, Name: r.Name, Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: r.Admin},
		Subscription: chatadmin.Subscription{Plan: chatadmin.Enterprise, Annual: true}}
}

// own does the library's part of a step that was claimed. Doing it again changes
// nothing. It returns the run that closes the old domain, once there is one.
func (x *Agreements) own(ctx context.Context, r *request) (closing chatadmin.ID, err error) {
	switch closing = r.Closing; r.Doing.Step {
	case Provision:
		return closing, x.provision(ctx, r)
	case Send: // it may have been changed since
		return closing, x.subscribed(ctx, r)
	case Suspend:
		return closing, unlessGone(x.admin.SuspendDomain(ctx, r.Old))
	case Close:
		return x.close(ctx, r)
	case Finish:
		return closing, x.closed(ctx, r)
	case Cancel:
		if r.has(Suspend) {
			err = unlessGone(x.admin.ResumeDomain(ctx, r.Old))
		}
	}
	return closing, err
}

// unlessGone is the error of a change of the old domain, unless the host has
// closed that by itself.
func unlessGone(err error) error {
	if errors.Is(err, chatadmin.ErrNotFound) || errors.Is(err, chatadmin.ErrClosing) {
		return nil
	}
	return err
}

// provision creates the new domain, unless it is there, and limits how long it
// keeps messages.
func (x *Agreements) provision(ctx context.Context, r *request) error {
	if _, _, err := x.admin.CreateDomain(ctx, r.newDomain()); err != nil && !errors.Is(err, chatadmin.ErrExists) {
		return err
	}
	if _, err := x.limit(ctx, r.New); err != nil {
		return err
	}
	return x.subscribed(ctx, r)
}

// subscribed refuses a new domain whose subscription has no agreements.
func (x *Agreements) subscribed(ctx context.Context, r *request) error {
	_, set, err := x.admin.AsHost(r.New).View(ctx, "")
	if err != nil {
		return err
	}
	return x.admin.Options().Features.Require(set.Subscription, chatadmin.FeatureBAA)
}

// limit sees to it that a new domain keeps messages for seven days at most, and
// reports whether it was not so.
func (x *Agreements) limit(ctx context.Context, domain chatadmin.ID) (bool, error) {
	p, err := x.o.Retention.Policy(ctx, x.admin.AsHost(domain))
	if err != nil || p.Final && p.Limit <= MaxDays {
		return false, err
	}
	return true, x.o.Retention.FixLimit(ctx, domain, MaxDays)
}

// close begins the closing of the old domain, unless it has begun.
func (x *Agreements) close(ctx context.Context, r *request) (chatadmin.ID, error) {
	if id, err := x.run(ctx, r.Old); err != nil || id != "" {
		return id, err
	}
	// Admin.Work continues it: nobody waits meanwhile.
	s := x.admin.AsHost(r.Old).Detached()
	p, err := x.o.Closings.Plan(ctx, s, 0)
	if err != nil {
		return "", err
	}
	run, err := x.o.Closings.Apply(ctx, s, p, "business associate agreement "+string(r.ID), nil)
	if err != nil {
		return "", err
	}
	return run.ID, nil
}

// run is the run that closes a domain or has closed it; "" if there is none.
func (x *Agreements) run(ctx context.Context, domain chatadmin.ID) (chatadmin.ID, error) {
	for run, err := range x.o.Closings.Runs(ctx, x.admin.AsHost(domain)) {
		switch {
		case errors.Is(err, chatadmin.ErrNotFound): // the domain is gone
			return x.receipt(ctx, domain)
		case errors.Is(err, chatadmin.ErrDamaged):
		case err != nil:
			return "", err
		case run.Open():
			return run.ID, nil
		}
	}
	return "", nil
}

func (x *Agreements) receipt(ctx context.Context, domain chatadmin.ID) (chatadmin.ID, error) {
	for receipt, err := range x.o.Closings.Receipts(ctx) {
		switch {
		case errors.Is(err, chatadmin.ErrDamaged):
		case err != nil:
			return "", err
		case receipt.Domain == domain:
			return receipt.Run, nil
		}
	}
	return "", fmt.Errorf("domain %s: %w", domain, chatadmin.ErrNotFound)
}

// errStopped says that nobody deletes the old domain.
var errStopped = fmt.Errorf("the closing of the old domain was cancelled: make the step %q again: %w", Close, chatadmin.ErrTransition)

// closed refuses an old domain that is not gone.
func (x *Agreements) closed(ctx context.Context, r *request) error {
	_, err := x.o.Closings.Receipt(ctx, r.Closing)
	if !errors.Is(err, chatadmin.ErrNotFound) {
		return err
	}
	run, err := x.run(ctx, r.Old)
	switch {
	case err != nil:
		return err
	case run == "":
		return errStopped
	}
	return fmt.Errorf("domain %s is being deleted by run %s, and is not gone yet: %w", r.Old, run, chatadmin.ErrTransition)
}
