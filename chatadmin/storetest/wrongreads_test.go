package storetest_test

import (
	"context"
	"strings"
	"sync"
	"time"

	ca "chatadmin.example/sdk/chatadmin"
)

// The readers of the mutants: each is a whole one with one method replaced.
type (
	anyDomain   struct{ ca.Reader }
	foldingRead struct{ ca.Reader }
	tiesDropped struct {
		ca.Reader
		last *sync.Map
	}
	rowsRepeated struct {
		ca.Reader
		last *sync.Map
	}
	longPages   struct{ ca.Reader }
	noLimits    struct{ ca.Reader }
	noHolds     struct{ ca.Reader }
	agingChats  struct{ ca.Reader }
	openChats   struct{ ca.Reader }
	anySelector struct{ ca.Reader }
	ownerOnly   struct{ ca.Reader }
	oneOwner    struct{ ca.Reader }
	oneGroup    struct{ ca.Reader }
	countsAll   struct{ ca.Reader }
	patterns    struct{ ca.Reader }
	zeroIsEpoch struct{ ca.Reader }
	firstUser   struct{ ca.Reader }
)

func (r anyDomain) Users(ctx context.Context, domain ca.ID, ids []ca.ID) ([]ca.User, error) {
	a, err := r.Reader.Users(ctx, "domain-a", ids)
	if err != nil || domain == "domain-a" {
		return a, err
	}
	b, err := r.Reader.Users(ctx, domain, ids)
	return append(a, b...), err
}

func (r firstUser) ListDevices(ctx context.Context, q ca.DeviceQuery, p ca.Page) ([]ca.Device, ca.Cursor, error) {
	q.Users = q.Users[:min(len(q.Users), 1)]
	return r.Reader.ListDevices(ctx, q, p)
}

func (r foldingRead) UsersByLogin(ctx context.Context, domain ca.ID, keys []string) ([]ca.User, error) {
	var all []ca.User
	p := ca.Page{Limit: 1000}
	for {
		page, next, err := r.ListUsers(ctx, ca.UserQuery{Domain: domain, WithDeleting: true}, p)
		if err != nil {
			return nil, err
		}
		for _, u := range page {
			for _, k := range keys {
				if strings.EqualFold(k, u.LoginKey) {
					all = append(all, u)
				}
			}
		}
		if p.After = next; next == "" {
			return all, nil
		}
	}
}

func (r tiesDropped) ListUsers(ctx context.Context, q ca.UserQuery, p ca.Page) ([]ca.User, ca.Cursor, error) {
	rows, next, err := r.Reader.ListUsers(ctx, q, p)
	if name, ok := r.last.Load(p.After); ok && q.ByName && p.After != "" && len(rows) > 0 && rows[0].NameKey == name {
		rows = rows[1:]
	}
	if len(rows) > 0 {
		r.last.Store(next, rows[len(rows)-1].NameKey)
	}
	return rows, next, err
}

func (r rowsRepeated) ListUsers(ctx context.Context, q ca.UserQuery, p ca.Page) ([]ca.User, ca.Cursor, error) {
	rows, next, err := r.Reader.ListUsers(ctx, q, p)
	if u, ok := r.last.Load(p.After); ok && p.After != "" && len(rows) < p.Limit {
		rows = append([]ca.User{u.(ca.User)}, rows...)
	}
	if len(rows) > 0 {
		r.last.Store(next, rows[len(rows)-1])
	}
	return rows, next, err
}

func (r longPages) ListUsers(ctx context.Context, q ca.UserQuery, p ca.Page) ([]ca.User, ca.Cursor, error) {
	p.Limit = ca.MaxBatch
	return r.Reader.ListUsers(ctx, q, p)
}

func (r noLimits) ListUsers(ctx context.Context, q ca.UserQuery, p ca.Page) ([]ca.User, ca.Cursor, error) {
	p.Limit = max(1, min(p.Limit, ca.MaxBatch))
	return r.Reader.ListUsers(ctx, q, p)
}

func (r noHolds) CountContent(ctx context.Context, q ca.ContentQuery) (ca.ContentCount, error) {
	q.ExceptContainers = nil
	return r.Reader.CountContent(ctx, q)
}

// CountContent counts chats by age, too.
func (r agingChats) CountContent(ctx context.Context, q ca.ContentQuery) (ca.ContentCount, error) {
	n, err := r.Reader.CountContent(ctx, q)
	if err == nil && !q.Before.IsZero() && len(q.Containers)+len(q.Authors)+len(q.ChatsOf) == 0 {
		q.Before = time.Time{}
		us, _, err := r.ListUsers(ctx, ca.UserQuery{Domain: q.Domain}, ca.Page{Limit: ca.MaxBatch})
		if err != nil || len(us) == 0 {
			return n, err
		}
		for _, u := range us {
			q.Authors = append(q.Authors, u.ID)
		}
		all, err := r.Reader.CountContent(ctx, q)
		n.Chats = all.Chats
		return n, err
	}
	return n, err
}

// CountContent takes a hold on a user for one on what they have written.
func (r openChats) CountContent(ctx context.Context, q ca.ContentQuery) (ca.ContentCount, error) {
	held := q.ExceptUsers
	q.ExceptUsers = nil
	n, err := r.Reader.CountContent(ctx, q)
	if err == nil && len(held) > 0 && len(q.Authors) == 0 {
		q.Authors = held
		theirs, err := r.Reader.CountContent(ctx, q)
		return ca.ContentCount{Chats: n.Chats - theirs.Chats, Messages: n.Messages - theirs.Messages, Files: n.Files - theirs.Files}, err
	}
	return n, err
}

func (r anySelector) CountContent(ctx context.Context, q ca.ContentQuery) (ca.ContentCount, error) {
	if len(q.Authors) > 0 {
		q.Containers = nil
	}
	return r.Reader.CountContent(ctx, q)
}

func (r ownerOnly) ListRecords(ctx context.Context, q ca.RecordQuery, p ca.Page) ([]ca.Record, ca.Cursor, error) {
	if q.Owner != "" && q.Domain != "" {
		q.Domain = "domain-a"
	}
	return r.Reader.ListRecords(ctx, q, p)
}

func (r oneOwner) ListRecords(ctx context.Context, q ca.RecordQuery, p ca.Page) ([]ca.Record, ca.Cursor, error) {
	if len(q.Owners) > 0 {
		q.Owners = q.Owners[:1]
	}
	return r.Reader.ListRecords(ctx, q, p)
}

func (r oneGroup) ListMemberships(ctx context.Context, q ca.MemberQuery, p ca.Page) ([]ca.Membership, ca.Cursor, error) {
	if len(q.Groups) > 0 {
		q.Group, q.Groups = q.Groups[0], nil
	}
	return r.Reader.ListMemberships(ctx, q, p)
}

func (r countsAll) CountMembers(ctx context.Context, _ ca.ID, groups []ca.ID) (map[ca.ID]int64, error) {
	return r.Reader.CountMembers(ctx, "domain-a", groups)
}

func (r patterns) ListUsers(ctx context.Context, q ca.UserQuery, p ca.Page) ([]ca.User, ca.Cursor, error) {
	q.Prefix = strings.TrimSuffix(q.Prefix, "%")
	return r.Reader.ListUsers(ctx, q, p)
}

func (r zeroIsEpoch) Records(ctx context.Context, keys []ca.Key) ([]ca.Record, error) {
	rs, err := r.Reader.Records(ctx, keys)
	for i := range rs {
		if rs[i].Due.IsZero() {
			rs[i].Due = time.UnixMilli(0).UTC()
		}
	}
	return rs, err
}
