package integrations

import (
	"context"
	"encoding/json"
	"errors"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/keyring"
)

// Resealed is what Reseal has done.
type Resealed struct {
	Sealed   int64 // connections, and ended ones that the provider does not know of yet, whose secrets were sealed anew
	Unopened int64 // those whose secrets do not open although their key is there: they were tampered with. Disconnect them
}

// Reseal seals with the ring's current key whatever an old key of it has sealed, of all connections of a domain, so that the old key can be taken out of the ring. Interrupted, it is simply called again. A
// key that is missing in the ring is keyring.ErrUnknownKey: put it back and call again. Only the host can call it.
func (x *Integrations) Reseal(ctx context.Context, domain chatadmin.ID) (Resealed, error) {
	var total Resealed
	for _, kind := range []string{kindConn, kindRelease} {
		for p := (chatadmin.Page{Limit: deliverBatch}); ; {
			rs, next, err := x.admin.Store().ListRecords(ctx, chatadmin.RecordQuery{Kind: kind, Domain: domain}, p)
			if err != nil {
				return total, err
			}
			batch, err := x.resealBatch(ctx, domain, rs)
			if err != nil {
				return total, err
			}
			total.Sealed, total.Unopened = total.Sealed+batch.Sealed, total.Unopened+batch.Unopened
			if p.After = next; next == "" {
				break
			}
		}
	}
	return total, nil
}

func (x *Integrations) resealBatch(ctx context.Context, domain chatadmin.ID, listed []chatadmin.Record) (n Resealed, err error) {
	if len(listed) == 0 {
		return n, nil
	}
	err = x.admin.AsHost(domain).Change(ctx, chatadmin.Op{Kind: KindReseal, Fence: chatadmin.Shared, Targets: []chatadmin.ID{domain}}, func(ctx context.Context, w *chatadmin.Work) error {
		n = Resealed{}
		rs, err := again(ctx, w, listed)
		if err != nil {
			return err
		}
		var changes []chatadmin.Change[chatadmin.Record]
		for _, r := range rs {
			data, err := x.reseal(r)
			switch {
			case errors.Is(err, keyring.ErrOpen):
				n.Unopened++
			case err != nil:
				return err
			case data != nil:
				n.Sealed++
				was := r.Rev
				r.Data = data
				changes = append(changes, chatadmin.Change[chatadmin.Record]{Row: r, Was: was})
			}
		}
		if len(changes) == 0 {
			return nil
		}
		w.Record(KindReseal, []chatadmin.ID{domain}, nil, nil)
		return w.PutRecords(ctx, changes)
	})
	return n, err
}

// reseal returns the data of a connection, or of one that ends, sealed by the current key, or nil where it is.
func (x *Integrations) reseal(r chatadmin.Record) ([]byte, error) {
	if r.Kind == kindRelease {
		var d releaseData
		if err := decode(r, &d, &d.Version); err != nil {
			return nil, err
		}
		if changed, err := x.sealAnew(&d.Conn.Sealed, releaseWords(r.Key)); err != nil || !changed {
			return nil, err
		}
		return json.Marshal(d)
	}
	var d connData
	if err := decode(r, &d, &d.Version); err != nil {
		return nil, err
	}
	c := Connection{Domain: r.Domain, Owner: r.Owner, service: ofItem(r).Service}
	if changed, err := x.sealAnew(&d.Sealed, c.words()); err != nil || !changed {
		return nil, err
	}
	return json.Marshal(d)
}

func (x *Integrations) sealAnew(sealed *[]byte, words []string) (bool, error) {
	if len(*sealed) == 0 {
		return false, nil
	}
	plain, old, err := x.ring.Open(*sealed, words...)
	if err != nil || !old {
		return false, err
	}
	*sealed, err = x.ring.Seal(plain, words...)
	return err == nil, err
}
