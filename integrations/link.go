package integrations

import (
	"context"
	"errors"
	"fmt"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Link hands one message to a service of the acting user, such as a dossier,
// with the fields that the service asks for. It returns the provider's ID of
// the result. The host makes sure that the user may read the message.
//
// It happens once per key: repeating it returns the same ID. If the answer is
// lost, it returns ErrUnsure from then on: look at the provider, and use
// another key if the result is not there. Only the user of the connection can
// call it.
func (x *Integrations) Link(ctx context.Context, s *chatadmin.Scope, of Of, key string, m Message, fields map[string]string) (string, error) {
	svc, c, err := x.ready(ctx, s, of)
	switch {
	case err != nil:
		return "", err
	case !svc.Info().PerUser:
		return "", fmt.Errorf("%s takes messages by itself: there is nothing to link: %w", svc.Info().Title, chatadmin.ErrInvalid)
	case !c.data.Connected:
		return "", fmt.Errorf("%s: %w", svc.Info().Title, ErrNotConnected)
	case key == "" || len(key) > 64:
		return "", fmt.Errorf("key of a link: 1 to 64 bytes: %w", chatadmin.ErrInvalid)
	}
	if err := x.renew(ctx, svc, c); err != nil {
		return "", err
	}
	mapping := c.mapping(groupSide, key, mapData{From: fromGroup})
	var known mapData
	var rev storage.Rev
	op := chatadmin.Op{Kind: KindLink, Fence: storage.Shared, Targets: []chatadmin.ID{of.Owner}}
	err = s.Change(ctx, op, func(ctx context.Context, w *chatadmin.Writer) error {
		known, rev = mapData{}, 0
		rs, err := w.Records(ctx, []storage.Key{mapping.Row.Key})
		if err != nil {
			return err
		}
		if len(rs) > 0 {
			known, err = mapRecords.Decode(rs[0])
			return err
		}
		one := []storage.Write[storage.Record]{mapping}
		if err := w.PutRecords(ctx, one); err != nil {
			return err
		}
		rev = one[0].Row.Rev
		w.Audit(KindLink, op.Targets, nil, map[string]string{"service": of.Service})
		return nil
	})
	switch {
	case err != nil:
		return "", err
	case rev == 0 && known.Other != "":
		return known.Other, nil
	case rev == 0:
		return "", fmt.Errorf("this message: %w: look there before linking it again", ErrUnsure)
	}
	sent, err := svc.Send(ctx, c, Outgoing{Op: Posted, Key: key, Text: m.Text, Author: m.Author, Fields: fields, Queued: x.admin.Now()})
	k := &queueWork{x: x, domain: c.Domain, of: of}
	if err != nil {
		if !errors.Is(err, ErrUnsure) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
			mapping.Was, mapping.Delete = rev, true // it has certainly not arrived: it may be tried again
			err = errors.Join(err, k.commit(ctx, []storage.Write[storage.Record]{mapping}))
		}
		return "", err
	}
	mapping = c.mapping(groupSide, key, mapData{Other: sent.ID, From: fromGroup})
	mapping.Was = rev
	return sent.ID, k.commit(ctx, []storage.Write[storage.Record]{mapping})
}
