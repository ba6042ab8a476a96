package integrations

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

// Draft enables a service for a group, or for the acting user. It makes a draft
// of the settings, with the address to give to the provider, which never
// changes. A draft accepts and sends nothing. If there are settings already,
// Draft only returns their status.
//
// It returns ErrServiceOff if the domain has not enabled the service. It needs
// chatadmin.PermGroups, or an admin of the group; for a service of users, the
// user.
func (x *Integrations) Draft(ctx context.Context, s *chatadmin.Scope, of Of) (Status, error) {
	svc, err := x.service(of.Service)
	if err != nil {
		return Status{}, err
	}
	fresh, err := x.fresh(svc, s.Domain(), of, 0)
	if err != nil {
		return Status{}, err
	}
	op := chatadmin.Op{Kind: KindConfigure, Fence: storage.Shared, Targets: []chatadmin.ID{of.Owner}}
	err = s.Change(ctx, op, func(ctx context.Context, w *chatadmin.Writer) error {
		if err := x.authorise(ctx, w, s, w.Role, svc, of.Owner); err != nil {
			return err
		}
		c, d, err := x.load(ctx, w, s.Domain(), of)
		if err != nil || c.rev != 0 {
			return err
		}
		if !d.On {
			return x.off(ctx, w, s.Domain(), svc)
		}
		change, err := fresh.change()
		if err != nil {
			return err
		}
		if err := w.PutRecords(ctx, []storage.Write[storage.Record]{change}); err != nil {
			return err
		}
		w.Audit(KindConfigure, op.Targets, nil, map[string]string{"service": of.Service, "state": draft})
		return nil
	})
	if err != nil {
		return Status{}, err
	}
	return x.Status(ctx, s, of)
}

// fresh is a draft without settings.
func (x *Integrations) fresh(svc Service, domain chatadmin.ID, of Of, was storage.Rev) (*Connection, error) {
	c := &Connection{Domain: domain, Owner: of.Owner, service: of.Service, x: x, Hooks: map[string]*Hook{}, data: connData{State: draft}, rev: was}
	if name := svc.Info().Hook; name != "" {
		if _, err := c.AddHook(name); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Choices lists what the settings can choose from at the provider, such as
// channels or audiences. It returns ErrNotConnected before authentication. It
// needs chatadmin.PermGroups, or an admin of the group; for a service of users,
// the user.
func (x *Integrations) Choices(ctx context.Context, s *chatadmin.Scope, of Of) ([]Choice, error) {
	svc, c, err := x.ready(ctx, s, of)
	if err != nil {
		return nil, err
	}
	if !c.data.Connected {
		return nil, unauthenticated(svc)
	}
	if err := x.renew(ctx, svc, c); err != nil {
		return nil, err
	}
	return svc.Choices(ctx, c)
}

// Save checks settings, makes the provider agree with them (webhooks, for
// example) and puts them in force. Fields that are not given keep their value;
// null resets one. Saving the same settings again mends what was changed at the
// provider.
//
// It returns ErrNotConnected before authentication. It needs
// chatadmin.PermGroups, or an admin of the group; for a service of users, the
// user.
func (x *Integrations) Save(ctx context.Context, s *chatadmin.Scope, of Of, settings json.RawMessage) (Status, error) {
	svc, c, err := x.ready(ctx, s, of)
	if err != nil {
		return Status{}, err
	}
	if !c.data.Connected {
		return Status{}, unauthenticated(svc)
	}
	if err := x.renew(ctx, svc, c); err != nil {
		return Status{}, err
	}
	was := c.Settings
	c.Keep = c.keeper(was, func(ctx context.Context) error { return x.put(ctx, s, svc, c, "", nil, nil) })
	c.Settings = merge(was, settings)
	if err := svc.Save(ctx, c); err != nil {
		return Status{}, err
	}
	c.data.State, c.data.Problem, c.agreed = saved, "", true
	if err := x.put(ctx, s, svc, c, KindConfigure, diff("settings", was, c.Settings), map[string]string{"service": of.Service, "state": saved}); err != nil {
		return Status{}, err
	}
	return x.Status(ctx, s, of)
}

var errMoved = texts.Explain(fmt.Errorf("the integration was changed by somebody else meanwhile: look at it and try again: %w", chatadmin.ErrState), "why.connect_moved")

// unauthenticated is ErrNotConnected with the name of the service.
func unauthenticated(svc Service) error {
	return texts.Explain(fmt.Errorf("%s: %w: authenticate first", svc.Info().Title, ErrNotConnected), "why.service_authenticate", svc.Info().Title)
}

// put writes a connection as it was loaded and changed; kind "" leaves no audit
// event.
func (x *Integrations) put(ctx context.Context, s *chatadmin.Scope, svc Service, c *Connection, kind string, diff []chatadmin.FieldChange, note map[string]string) error {
	op := chatadmin.Op{Kind: orElse(kind, KindConfigure), Fence: storage.Shared, Targets: []chatadmin.ID{c.Owner}}
	return x.write(ctx, s, svc, c, op, func(ctx context.Context, w *chatadmin.Writer) error {
		if err := x.authorise(ctx, w, s, w.Role, svc, c.Owner); err != nil {
			return err
		}
		if kind != "" {
			w.Audit(kind, op.Targets, map[chatadmin.ID][]chatadmin.FieldChange{c.Owner: diff}, note)
		}
		return nil
	})
}

// write writes a connection with its routes and, if its settings are in force,
// when it is compared with the provider next. It returns errMoved if somebody
// else has changed the connection since it was loaded.
func (x *Integrations) write(ctx context.Context, s *chatadmin.Scope, svc Service, c *Connection, op chatadmin.Op, allow func(context.Context, *chatadmin.Writer) error) error {
	var rev storage.Rev
	had := c.data.Routes
	err := s.Change(ctx, op, func(ctx context.Context, w *chatadmin.Writer) error {
		if err := allow(ctx, w); err != nil {
			return err
		}
		now, d, err := x.load(ctx, w, s.Domain(), c.of())
		switch {
		case err != nil:
			return err
		case !d.On:
			return x.off(ctx, w, s.Domain(), svc)
		case now.rev != c.rev:
			return errMoved
		}
		c.data.Routes = had
		more, err := reroute(ctx, w, svc, c)
		if err != nil {
			return err
		}
		if c.agreed {
			check, err := agreed(ctx, w, c)
			if err != nil {
				return err
			}
			more = append(more, check)
		}
		change, err := c.change()
		if err != nil {
			return err
		}
		changes := slices.Concat([]storage.Write[storage.Record]{change}, c.also, more)
		if err := w.PutRecords(ctx, changes); err != nil {
			return err
		}
		rev = changes[0].Row.Rev
		return nil
	})
	if err == nil {
		c.rev, c.also = rev, nil
	}
	return err
}

// Disconnect erases the token and all other secrets, and makes the settings a
// draft again. It talks to nobody, so that it can be part of a transaction of
// the host. Deliver then removes the webhooks and revokes the token. It tries
// for three days; until then the sealed token is kept for this purpose alone.
//
// Disconnect also works while the domain has disabled the service. If the
// secrets do not open, end the integration at the provider yourself. It needs
// chatadmin.PermGroups, or an admin of the group; for a service of users, the
// user.
func (x *Integrations) Disconnect(ctx context.Context, s *chatadmin.Scope, of Of) error {
	svc, err := x.service(of.Service)
	if err != nil {
		return err
	}
	op := chatadmin.Op{Kind: KindDisconnect, Fence: storage.Shared, Targets: []chatadmin.ID{of.Owner}}
	return s.Change(ctx, op, func(ctx context.Context, w *chatadmin.Writer) error {
		if err := x.authorise(ctx, w, s, w.Role, svc, of.Owner); err != nil {
			return err
		}
		rs, err := w.Records(ctx, []storage.Key{of.record(s.Domain()), stepKey(s.Domain(), of)})
		if err != nil {
			return err
		}
		var changes []storage.Write[storage.Record]
		found := false
		for _, r := range rs {
			if r.Kind == kindStep {
				changes = append(changes, storage.Write[storage.Record]{Row: r, Was: r.Rev, Delete: true})
				continue
			}
			found = true
			c, _, err := x.decodeBoth([]storage.Record{r}, s.Domain(), of)
			if name := svc.Info().Hook; err == nil && c.Token.IsZero() && (name == "" || c.Hooks[name] != nil) {
				continue
			}
			if errors.Is(err, chatadmin.ErrDamaged) { // this call repairs it: what it said is lost
				if c, err = x.fresh(svc, s.Domain(), of, r.Rev); err != nil {
					return err
				}
			} else if err != nil && !errors.Is(err, errSealed) {
				return err
			}
			more, err := x.part(ctx, w, r)
			if err != nil {
				return err
			}
			c.erase(svc.Info().Hook, "")
			routes, err := reroute(ctx, w, svc, c)
			if err != nil {
				return err
			}
			change, err := c.reset(svc, "")
			if err != nil {
				return err
			}
			changes = append(slices.Concat(changes, more, routes), change)
		}
		if !found {
			return fmt.Errorf("%s has no settings here: %w", svc.Info().Title, chatadmin.ErrNotFound)
		}
		return w.PutRecords(ctx, changes)
	})
}
