package storetest_test

import (
	"context"
	"strings"
	"time"

	ca "chatadmin.example/sdk/chatadmin"
)

// The transactions of the mutants: each is a whole one with one method replaced.
type (
	noRevision   struct{ ca.Tx }
	noRecordRev  struct{ ca.Tx }
	foldingWrite struct{ ca.Tx }
	ownRevisions struct{ ca.Tx }
	noParents    struct{ ca.Tx }
	wrongIndex   struct{ ca.Tx }
	stopsEarly   struct{ ca.Tx }
	wholeSeconds struct{ ca.Tx }
	overwriting  struct{ ca.Tx }
	byLogin      struct{ ca.Tx }
	rewriting    struct{ ca.Tx }
	onePerCall   struct{ ca.Tx }
	losesKeys    struct{ ca.Tx }
	onePage      struct{ ca.Tx }
	keptEnds     struct{ ca.Tx }
)

func (x noRevision) ChangeUsers(ctx context.Context, c []ca.Change[ca.User]) ([]ca.Conflict, error) {
	c = append([]ca.Change[ca.User](nil), c...)
	for i := range c {
		if is, err := x.Users(ctx, c[i].Row.Domain, []ca.ID{c[i].Row.ID}); err == nil && len(is) == 1 && c[i].Was != 0 {
			c[i].Was = is[0].Rev
		}
	}
	return x.Tx.ChangeUsers(ctx, c)
}

func (x noRecordRev) ChangeRecords(ctx context.Context, c []ca.Change[ca.Record]) ([]ca.Conflict, error) {
	c = append([]ca.Change[ca.Record](nil), c...)
	for i := range c {
		if is, err := x.Records(ctx, []ca.Key{c[i].Row.Key}); err == nil && len(is) == 1 && c[i].Was != 0 {
			c[i].Was = is[0].Rev
		}
	}
	return x.Tx.ChangeRecords(ctx, c)
}

func (x foldingWrite) ChangeUsers(ctx context.Context, c []ca.Change[ca.User]) ([]ca.Conflict, error) {
	c = append([]ca.Change[ca.User](nil), c...)
	for i := range c {
		c[i].Row.LoginKey = strings.ToLower(c[i].Row.LoginKey)
	}
	return x.Tx.ChangeUsers(ctx, c)
}

func (x ownRevisions) ChangeUsers(ctx context.Context, c []ca.Change[ca.User]) ([]ca.Conflict, error) {
	c = append([]ca.Change[ca.User](nil), c...)
	for i := range c {
		c[i].Row.Rev = c[i].Was + 1
	}
	return x.Tx.ChangeUsers(ctx, c)
}

func (x noParents) ChangeMemberships(ctx context.Context, c []ca.Change[ca.Membership]) ([]ca.Conflict, error) {
	cs, err := x.Tx.ChangeMemberships(ctx, c)
	var kept []ca.Conflict
	for _, conflict := range cs {
		if conflict.Reason != ca.NoParent {
			kept = append(kept, conflict)
		}
	}
	return kept, err
}

func (x wrongIndex) ChangeUsers(ctx context.Context, c []ca.Change[ca.User]) ([]ca.Conflict, error) {
	cs, err := x.Tx.ChangeUsers(ctx, c)
	for i := range cs {
		cs[i].Index = i
	}
	return cs, err
}

func (x stopsEarly) ChangeUsers(ctx context.Context, c []ca.Change[ca.User]) ([]ca.Conflict, error) {
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

func (x wholeSeconds) ChangeRecords(ctx context.Context, c []ca.Change[ca.Record]) ([]ca.Conflict, error) {
	c = append([]ca.Change[ca.Record](nil), c...)
	for i := range c {
		c[i].Row.Due = c[i].Row.Due.Round(time.Second)
	}
	return x.Tx.ChangeRecords(ctx, c)
}

func (x overwriting) AddMembers(ctx context.Context, q ca.UserQuery, m ca.Membership, p ca.Page) ([]ca.ID, ca.Cursor, error) {
	is, _, err := x.ListMemberships(ctx, ca.MemberQuery{Domain: m.Domain, Group: m.Group, AdminOnly: true}, ca.Page{Limit: 100})
	if err != nil {
		return nil, "", err
	}
	for _, old := range is {
		now := old
		now.Rev, now.Admin = m.Rev, m.Admin
		if _, err := x.ChangeMemberships(ctx, []ca.Change[ca.Membership]{{Row: now, Was: old.Rev}}); err != nil {
			return nil, "", err
		}
	}
	return x.Tx.AddMembers(ctx, q, m, p)
}

func (x byLogin) AddMembers(ctx context.Context, q ca.UserQuery, m ca.Membership, p ca.Page) ([]ca.ID, ca.Cursor, error) {
	us, next, err := x.ListUsers(ctx, q, p)
	var added []ca.ID
	for _, u := range us {
		m.User = u.ID
		if cs, err := x.ChangeMemberships(ctx, []ca.Change[ca.Membership]{{Row: m}}); err != nil {
			return nil, "", err
		} else if len(cs) == 0 {
			added = append(added, u.ID)
		}
	}
	return added, next, err
}

func (x rewriting) ChangeEvents(ctx context.Context, c []ca.Change[ca.Event]) ([]ca.Conflict, error) {
	for _, e := range c {
		if e.Was != 0 && !e.Delete {
			if cs, err := x.Tx.ChangeEvents(ctx, []ca.Change[ca.Event]{{Row: e.Row, Was: e.Was, Delete: true}}); err != nil || len(cs) > 0 {
				return cs, err
			}
			e.Was = 0
		}
		if cs, err := x.Tx.ChangeEvents(ctx, []ca.Change[ca.Event]{e}); err != nil || len(cs) > 0 {
			return cs, err
		}
	}
	return nil, nil
}

func (x onePerCall) ChangeMemberships(ctx context.Context, c []ca.Change[ca.Membership]) ([]ca.Conflict, error) {
	return x.Tx.ChangeMemberships(ctx, c[:min(1, len(c))])
}

// domainOnce remembers what it has read of domains, also when it has changed them.
type domainOnce struct {
	ca.Tx
	read []ca.Domain
}

func (x *domainOnce) Domains(ctx context.Context, ids []ca.ID) (ds []ca.Domain, err error) {
	if x.read == nil {
		x.read, err = x.Tx.Domains(ctx, ids)
	}
	return x.read, err
}

// DeleteContent returns the keys of a few files alone.
func (x losesKeys) DeleteContent(ctx context.Context, q ca.ContentQuery, p ca.Page) (ca.ContentCount, []string, ca.Cursor, error) {
	n, blobs, next, err := x.Tx.DeleteContent(ctx, q, p)
	return n, blobs[:min(len(blobs), 5)], next, err
}

// DeleteContent says that nothing is left, of files behind a page of messages.
func (x onePage) DeleteContent(ctx context.Context, q ca.ContentQuery, p ca.Page) (ca.ContentCount, []string, ca.Cursor, error) {
	n, blobs, next, err := x.Tx.DeleteContent(ctx, q, p)
	if n.Messages > 1 && n.Files == 0 {
		next = ""
	}
	return n, blobs, next, err
}

// DeleteContent narrows to what no hold keeps after it has chosen the rows of a page, and takes a page that is not full for the last.
func (x keptEnds) DeleteContent(ctx context.Context, q ca.ContentQuery, p ca.Page) (ca.ContentCount, []string, ca.Cursor, error) {
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
