package main

import (
	"context"
	"errors"
	"fmt"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/twofa"
)

// rotateKey puts a new key in front of the old ones, seals everything with it,
// and takes the old ones out when every domain is done.
func (c *cli) rotateKey(ctx context.Context, s *chatadmin.Scope, _ []string) error {
	if s.Actor() != chatadmin.HostActor {
		return fmt.Errorf("only the application itself changes keys: %w", chatadmin.ErrForbidden)
	}
	if c.keyFile == "" && c.db == "memory:" {
		return usage("2fa rotate-key: there is no key file with memory:")
	}
	keys, err := readKeys(c.keyFileName())
	if err != nil {
		return err
	}
	k, err := newKey()
	if err != nil {
		return err
	}
	if err := writeKeys(c.keyFileName(), append([]keyring.Key{k}, keys...), true); err != nil {
		return err
	}
	ring, err := c.keys()
	if err != nil {
		return err
	}
	admin, err := chatadmin.New(c.store, nil)
	if err != nil {
		return err
	}
	sweep, err := twofa.New(admin, &twofa.Options{Keys: ring})
	if err != nil {
		return err
	}
	x, err := c.newIntegrations(signedInAs(s), &integrationFlags{}, &printed{c: c, keep: true})
	if err != nil {
		return err
	}
	var total twofa.Resealed
	for d, err := range admin.Domains(ctx) {
		if err != nil {
			return err
		}
		run, err := sweep.Reseal(ctx, admin.AsHost(d.ID), nil)
		if err != nil {
			return err
		}
		r := run.Data
		n, err := x.Reseal(ctx, admin.AsHost(d.ID), nil) // the tokens of integrations are sealed with the same keys
		if err != nil {
			return err
		}
		total.Sealed, total.Unopened = total.Sealed+r.Sealed+n.Data.Sealed, total.Unopened+r.Unopened+n.Data.Unopened
		total.Reset = append(total.Reset, r.Reset...)
	}
	if total.Unopened > 0 {
		err := errors.New("some secrets do not open: the old keys are kept")
		if len(total.Reset) > 0 {
			err = fmt.Errorf("%w; reset the two-factor authentication of the users %v", err, total.Reset)
		}
		return err
	}
	if err := writeKeys(c.keyFileName(), []keyring.Key{k}, true); err != nil {
		return err
	}
	return c.tell(map[string]any{"key": k.ID, "sealed": total.Sealed}, "sealed with the new key", total.Sealed)
}
