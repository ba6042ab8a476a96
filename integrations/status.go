package integrations

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

// Status is a connection as its admin sees it.
type Status struct {
	Of
	Title     string
	Enabled   bool // by the domain
	State     string
	Connected bool
	Account   string       // such as the name of the workspace
	By        chatadmin.ID // the user who authenticated
	Settings  json.RawMessage
	// Webhook is the address that exists from the first draft on, for services
	// with a hook. It is meant for the admin's eyes alone.
	Webhook Secret
	// Problem says in a sentence what stands in the way; "" if nothing does.
	Problem string
	// Checked is when the settings and the provider last agreed; zero if they
	// were never compared.
	Checked time.Time
	Waiting int // queued messages of both directions, counted up to 1,000
	Dead    int // dead letters, counted up to 1,000: see DeadLetters
	// Ignored counts what was not carried since the first draft, sorted by
	// reason.
	Ignored []Ignored
}

// view loads a connection for its admin.
func (x *Integrations) view(ctx context.Context, s *chatadmin.Scope, of Of) (Service, *Connection, serviceData, error) {
	svc, err := x.permit(ctx, s, of)
	if err != nil {
		return nil, nil, serviceData{}, err
	}
	c, d, err := x.load(ctx, s.Admin().Store(), s.Domain(), of)
	return svc, c, d, err
}

// permit refuses actors who may not look at a connection.
func (x *Integrations) permit(ctx context.Context, s *chatadmin.Scope, of Of) (Service, error) {
	svc, err := x.service(of.Service)
	if err != nil {
		return nil, err
	}
	_, _, role, err := s.ViewAs(ctx, "")
	if err == nil {
		err = x.authorise(ctx, s.Admin().Store(), s, role, svc, of.Owner)
	}
	return svc, err
}

// ready is view for calls that need an enabled service and a draft.
func (x *Integrations) ready(ctx context.Context, s *chatadmin.Scope, of Of) (Service, *Connection, error) {
	svc, c, d, err := x.view(ctx, s, of)
	switch {
	case err != nil:
		return nil, nil, err
	case !d.On:
		return nil, nil, x.off(ctx, s.Admin().Store(), s.Domain(), svc)
	case c.rev == 0:
		return nil, nil, texts.Explain(fmt.Errorf("%s is not enabled here yet: enable it first: %w", svc.Info().Title, chatadmin.ErrNotFound), "why.service_enable", svc.Info().Title)
	}
	return svc, c, nil
}

// Status returns the state of a connection, draft or saved. It returns
// chatadmin.ErrNotFound if there is none. It needs chatadmin.PermGroups, or an
// admin of the group; for a service of users, the user.
func (x *Integrations) Status(ctx context.Context, s *chatadmin.Scope, of Of) (Status, error) {
	svc, c, d, err := x.view(ctx, s, of)
	if err != nil {
		return Status{}, err
	}
	if c.rev == 0 {
		if !d.On {
			return Status{}, x.off(ctx, s.Admin().Store(), s.Domain(), svc)
		}
		return Status{}, texts.Explain(fmt.Errorf("%s has no settings here yet: %w", svc.Info().Title, chatadmin.ErrNotFound), "why.service_enable", svc.Info().Title)
	}
	st := Status{Of: of, Title: svc.Info().Title, Enabled: d.On, State: c.data.State, Connected: c.data.Connected, Account: c.data.Label, By: c.data.By, Settings: c.Settings, Problem: c.data.Problem}
	if h := c.Hooks[svc.Info().Hook]; h != nil {
		st.Webhook = h.URL
	}
	for _, kind := range []string{kindIn, kindOut} {
		line, err := x.readLine(ctx, s.Admin().Store(), s.Domain(), kind, of)
		if err != nil {
			return Status{}, err
		}
		if st.Problem == "" {
			st.Problem = line.Problem
		}
	}
	check, _, err := readCheck(ctx, s.Admin().Store(), s.Domain(), of)
	if err != nil {
		return Status{}, err
	}
	if st.Checked = check.At; st.Problem == "" && st.State == saved {
		st.Problem = check.Problem
	}
	if st.Ignored, err = x.ignored(ctx, s.Domain(), of); err != nil {
		return Status{}, err
	}
	st.Waiting, st.Dead, err = x.countQueued(ctx, s.Domain(), of)
	return st, err
}

// countQueued counts what waits and what was given up.
func (x *Integrations) countQueued(ctx context.Context, domain chatadmin.ID, of Of) (waiting, dead int, err error) {
	for _, kind := range []string{kindIn, kindOut, kindDead} {
		most := chatadmin.MaxBatch
		for p := (chatadmin.Page{Limit: chatadmin.MaxBatch}); most > 0; {
			rs, next, err := x.admin.Store().ListRecords(ctx, storage.RecordQuery{Kind: kind, Domain: domain, Owner: of.Owner}, p)
			if err != nil {
				return 0, 0, err
			}
			for _, r := range rs {
				switch {
				case most == 0:
				case kind == kindDead && deadOf(r, of.Service):
					dead, most = dead+1, most-1
				case kind != kindDead && ofItem(r).Service == of.Service:
					waiting, most = waiting+1, most-1
				}
			}
			if p.After = next; next == "" {
				break
			}
		}
	}
	return waiting, dead, nil
}
