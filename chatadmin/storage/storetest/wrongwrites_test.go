package storetest_test

import (
	"context"
	"strings"
	"time"

	"chatadmin.example/sdk/chatadmin/storage"
)

// The transactions of the mutants: each is a whole one with one method
// replaced.
type (
	noRevision   struct{ storage.Tx }
	noRecordRev  struct{ storage.Tx }
	foldingWrite struct{ storage.Tx }
	ownRevisions struct{ storage.Tx }
	noParents    struct{ storage.Tx }
	wrongIndex   struct{ storage.Tx }
	stopsEarly   struct{ storage.Tx }
	wholeSeconds struct{ storage.Tx }
	overwriting  struct{ storage.Tx }
	byLogin      struct{ storage.Tx }
	rewriting    struct{ storage.Tx }
	onePerCall   struct{ storage.Tx }
	losesKeys    struct{ storage.Tx }
	onePage      struct{ storage.Tx }
	keptEnds     struct{ storage.Tx }
)

func (x noRevision) ChangeUsers(ctx context.Context, c []storage.Write[storage.User]) ([]storage.Conflict, error) {
	c = append([]storage.Write[storage.User](nil), c...)
	for i := range c {
		if is, err := x.Users(ctx, c[i].Row.Domain, []storage.ID{c[i].Row.ID}); err == nil && len(is) == 1 && c[i].Was != 0 {
			c[i].Was = is[0].Rev
		}
	}
	return x.Tx.ChangeUsers(ctx, c)
}

func (x noRecordRev) ChangeRecords(ctx context.Context, c []storage.Write[storage.Record]) ([]storage.Conflict, error) {
	c = append([]storage.Write[storage.Record](nil), c...)
	for i := range c {
		if is, err := x.Records(ctx, []storage.Key{c[i].Row.Key}); err == nil && len(is) == 1 && c[i].Was != 0 {
			c[i].Was = is[0].Rev
		}
	}
	return x.Tx.ChangeRecords(ctx, c)
}

func (x foldingWrite) ChangeUsers(ctx context.Context, c []storage.Write[storage.User]) ([]storage.Conflict, error) {
	c = append([]storage.Write[storage.User](nil), c...)
	for i := range c {
		c[i].Row.LoginKey = strings.ToLower(c[i].Row.LoginKey)
	}
	return x.Tx.ChangeUsers(ctx, c)
}

func (x ownRevisions) ChangeUsers(ctx context.Context, c []storage.Write[storage.User]) ([]storage.Conflict, error) {
	c = append([]storage.Write[storage.User](nil), c...)
	for i := range c {
		c[i].Row.Rev = c[i].Was + 1
	}
	return x.Tx.ChangeUsers(ctx, c)
}

func (x noParents) ChangeMemberships(ctx context.Context, c []storage.Write[storage.Membership]) ([]storage.Conflict, error) {
	cs, err := x.Tx.ChangeMemberships(ctx, c)
	var kept []storage.Conflict
	for _, conflict := range cs {
		if conflict.Reason != storage.NoParent {
			kept = append(kept, conflict)
		}
	}
	return kept, err
}

func (x wrongIndex) ChangeUsers(ctx context.Context, c []storage.Write[storage.User]) ([]storage.Conflict, error) {
	cs, err := x.Tx.ChangeUsers(ctx, c)
	for i := range cs {
		cs[i].Index = i
	}
	return cs, err
}

func (x stopsEarly) ChangeUsers(ctx context.Context, c []storage.Write[storage.User]) ([]storage.Conflict, error) {
	for i := range c {
		if cs, err := x.Tx.ChangeUsers(ctx, c[i:i+1]); err != nil || len(cs) > 0 {
			for j := range cs {
				cs[j].Index = i
			}
			return cs, err
		}
	}
	return nil, nil
}

func (x wholeSeconds) ChangeRecords(ctx context.Context, c []storage.Write[storage.Record]) ([]storage.Conflict, error) {
	c = append([]storage.Write[storage.Record](nil), c...)
	for i := range c {
		c[i].Row.Due = c[i].Row.Due.Round(time.Second)
	}
	return x.Tx.ChangeRecords(ctx, c)
}

func (x overwriting) AddMembers(ctx context.Context, q storage.UserQuery, m storage.Membership, p storage.Page) ([]storage.ID, storage.Cursor, error) {
	is, _, err := x.ListMemberships(ctx, storage.MemberQuery{Domain: m.Domain, Group: m.Group, AdminOnly: true}, storage.Page{Limit: 100})
	if err != nil {
		return nil, "", err
	}
	for _, old := range is {
		now := old
		now.Rev, now.Admin = m.Rev, m.Admin
		if _, err := x.ChangeMemberships(ctx, []storage.Write[storage.Membership]{{Row: now, Was: old.Rev}}); err != nil {
			return nil, "", err
		}
	}
	return x.Tx.AddMembers(ctx, q, m, p)
}

func (x byLogin) AddMembers(ctx context.Context, q storage.UserQuery, m storage.Membership, p storage.Page) ([]storage.ID, storage.Cursor, error) {
	us, next, err := x.ListUsers(ctx, q, p)
	var added []storage.ID
	for _, u := range us {
		m.User = u.ID
		if cs, err := x.ChangeMemberships(ctx, []storage.Write[storage.Membership]{{Row: m}}); err != nil {
			return nil, "", err
		} else if len(cs) == 0 {
			added = append(added, u.ID)
		}
	}
	return added, next, err
}

func (x rewriting) ChangeEvents(ctx context.Context, c []storage.Write[storage.Event]) ([]storage.Conflict, error) {
	for _, e := range c {
		if e.Was != 0 && !e.Delete {
			if cs, err := x.Tx.ChangeEvents(ctx, []storage.Write[storage.Event]{{Row: e.Row, Was: e.Was, Delete: true}}); err != nil || len(cs) > 0 {
				return cs, err
			}
			e.Was = 0
		}
		if cs, err := x.Tx.ChangeEvents(ctx, []storage.Write[storage.Event]{e}); err != nil || len(cs) > 0 {
			return cs, err
		}
	}
	return nil, nil
}

func (x onePerCall) ChangeMemberships(ctx context.Context, c []storage.Write[storage.Membership]) ([]storage.Conflict, error) {
	return x.Tx.ChangeMemberships(ctx, c[:min(1, len(c))])
}

// domainOnce remembers what it has read of domains, also when it has changed
// them.
type domainOnce struct {
	storage.Tx
	read []storage.Domain
}

func (x *domainOnce) Domains(ctx context.Context, ids []storage.ID) (ds []storage.Domain, err error) {
	if x.read == nil {
		x.read, err = x.Tx.Domains(ctx, ids)
	}
	return x.read, err
}

// DeleteContent returns the keys of a few files alone.
func (x losesKeys) DeleteContent(ctx context.Context, q storage.ContentQuery, p storage.Page) (storage.ContentCount, []string, storage.Cursor, error) {
	n, blobs, next, err := x.Tx.DeleteContent(ctx, q, p)
	return n, blobs[:min(len(blobs), 5)], next, err
}

// DeleteContent says that nothing is left, of files behind a page of messages.
func (x onePage) DeleteContent(ctx context.Context, q storage.ContentQuery, p storage.Page) (storage.ContentCount, []string, storage.Cursor, error) {
	n, blobs, next, err := x.Tx.DeleteContent(ctx, q, p)
	if n.Messages > 1 && n.Files == 0 {
		next = ""
	}
	return n, blobs, next, err
}

// DeleteContent narrows to what no hold keeps after it has chosen the rows of a
// page, and takes a page that is not full for the last.
func (x keptEnds) DeleteContent(ctx context.Context, q storage.ContentQuery, p storage.Page) (storage.ContentCount, []string, storage.Cursor, error) {
	limit := p.Limit
	if len(q.ExceptUsers) > 0 {
		p.Limit = max(1, limit/2)
	}
	n, blobs, next, err := x.Tx.DeleteContent(ctx, q, p)
	if n.Messages+n.Files < int64(limit) {
		next = ""
	}
	return n, blobs, next, err
}
