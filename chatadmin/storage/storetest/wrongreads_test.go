package storetest_test

import (
	"context"
	"strings"
	"sync"
	"time"

	"chatadmin.example/sdk/chatadmin/storage"
)

// The readers of the mutants: each is a whole one with one method replaced.
type (
	anyDomain   struct{ storage.Reader }
	foldingRead struct{ storage.Reader }
	tiesDropped struct {
		storage.Reader
		last *sync.Map
	}
	rowsRepeated struct {
		storage.Reader
		last *sync.Map
	}
	longPages   struct{ storage.Reader }
	noLimits    struct{ storage.Reader }
	noHolds     struct{ storage.Reader }
	agingChats  struct{ storage.Reader }
	openChats   struct{ storage.Reader }
	anySelector struct{ storage.Reader }
	ownerOnly   struct{ storage.Reader }
	oneOwner    struct{ storage.Reader }
	oneGroup    struct{ storage.Reader }
	countsAll   struct{ storage.Reader }
	patterns    struct{ storage.Reader }
	zeroIsEpoch struct{ storage.Reader }
	firstUser   struct{ storage.Reader }
)

func (r anyDomain) Users(ctx context.Context, domain storage.ID, ids []storage.ID) ([]storage.User, error) {
	a, err := r.Reader.Users(ctx, "domain-a", ids)
	if err != nil || domain == "domain-a" {
		return a, err
	}
	b, err := r.Reader.Users(ctx, domain, ids)
	return append(a, b...), err
}

func (r firstUser) ListDevices(ctx context.Context, q storage.DeviceQuery, p storage.Page) ([]storage.Device, storage.Cursor, error) {
	q.Users = q.Users[:min(len(q.Users), 1)]
	return r.Reader.ListDevices(ctx, q, p)
}

func (r foldingRead) UsersByLogin(ctx context.Context, domain storage.ID, keys []string) ([]storage.User, error) {
	var all []storage.User
	p := storage.Page{Limit: 1000}
	for {
		page, next, err := r.ListUsers(ctx, storage.UserQuery{Domain: domain, WithDeleting: true}, p)
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

func (r tiesDropped) ListUsers(ctx context.Context, q storage.UserQuery, p storage.Page) ([]storage.User, storage.Cursor, error) {
	rows, next, err := r.Reader.ListUsers(ctx, q, p)
	if name, ok := r.last.Load(p.After); ok && q.ByName && p.After != "" && len(rows) > 0 && rows[0].NameKey == name {
		rows = rows[1:]
	}
	if len(rows) > 0 {
		r.last.Store(next, rows[len(rows)-1].NameKey)
	}
	return rows, next, err
}

func (r rowsRepeated) ListUsers(ctx context.Context, q storage.UserQuery, p storage.Page) ([]storage.User, storage.Cursor, error) {
	rows, next, err := r.Reader.ListUsers(ctx, q, p)
	if u, ok := r.last.Load(p.After); ok && p.After != "" && len(rows) < p.Limit {
		rows = append([]storage.User{u.(storage.User)}, rows...)
	}
	if len(rows) > 0 {
		r.last.Store(next, rows[len(rows)-1])
	}
	return rows, next, err
}

func (r longPages) ListUsers(ctx context.Context, q storage.UserQuery, p storage.Page) ([]storage.User, storage.Cursor, error) {
	p.Limit = storage.MaxBatch
	return r.Reader.ListUsers(ctx, q, p)
}

func (r noLimits) ListUsers(ctx context.Context, q storage.UserQuery, p storage.Page) ([]storage.User, storage.Cursor, error) {
	p.Limit = max(1, min(p.Limit, storage.MaxBatch))
	return r.Reader.ListUsers(ctx, q, p)
}

func (r noHolds) CountContent(ctx context.Context, q storage.ContentQuery) (storage.ContentCount, error) {
	q.ExceptContainers = nil
	return r.Reader.CountContent(ctx, q)
}

// CountContent counts chats by age, too.
func (r agingChats) CountContent(ctx context.Context, q storage.ContentQuery) (storage.ContentCount, error) {
	n, err := r.Reader.CountContent(ctx, q)
	if err == nil && !q.Before.IsZero() && len(q.Containers)+len(q.Authors)+len(q.ChatsOf) == 0 {
		q.Before = time.Time{}
		us, _, err := r.ListUsers(ctx, storage.UserQuery{Domain: q.Domain}, storage.Page{Limit: storage.MaxBatch})
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
func (r openChats) CountContent(ctx context.Context, q storage.ContentQuery) (storage.ContentCount, error) {
	held := q.ExceptUsers
	q.ExceptUsers = nil
	n, err := r.Reader.CountContent(ctx, q)
	if err == nil && len(held) > 0 && len(q.Authors) == 0 {
		q.Authors = held
		theirs, err := r.Reader.CountContent(ctx, q)
		return storage.ContentCount{Chats: n.Chats - theirs.Chats, Messages: n.Messages - theirs.Messages, Files: n.Files - theirs.Files}, err
	}
	return n, err
}

func (r anySelector) CountContent(ctx context.Context, q storage.ContentQuery) (storage.ContentCount, error) {
	if len(q.Authors) > 0 {
		q.Containers = nil
	}
	return r.Reader.CountContent(ctx, q)
}

func (r ownerOnly) ListRecords(ctx context.Context, q storage.RecordQuery, p storage.Page) ([]storage.Record, storage.Cursor, error) {
	if q.Owner != "" && q.Domain != "" {
		q.Domain = "domain-a"
	}
	return r.Reader.ListRecords(ctx, q, p)
}

func (r oneOwner) ListRecords(ctx context.Context, q storage.RecordQuery, p storage.Page) ([]storage.Record, storage.Cursor, error) {
	if len(q.Owners) > 0 {
		q.Owners = q.Owners[:1]
	}
	return r.Reader.ListRecords(ctx, q, p)
}

func (r oneGroup) ListMemberships(ctx context.Context, q storage.MemberQuery, p storage.Page) ([]storage.Membership, storage.Cursor, error) {
	if len(q.Groups) > 0 {
		q.Group, q.Groups = q.Groups[0], nil
	}
	return r.Reader.ListMemberships(ctx, q, p)
}

func (r countsAll) CountMembers(ctx context.Context, _ storage.ID, groups []storage.ID) (map[storage.ID]int64, error) {
	return r.Reader.CountMembers(ctx, "domain-a", groups)
}

func (r patterns) ListUsers(ctx context.Context, q storage.UserQuery, p storage.Page) ([]storage.User, storage.Cursor, error) {
	q.Prefix = strings.TrimSuffix(q.Prefix, "%")
	return r.Reader.ListUsers(ctx, q, p)
}

func (r zeroIsEpoch) Records(ctx context.Context, keys []storage.Key) ([]storage.Record, error) {
	rs, err := r.Reader.Records(ctx, keys)
	for i := range rs {
		if rs[i].Due.IsZero() {
			rs[i].Due = time.UnixMilli(0).UTC()
		}
	}
	return rs, err
}
