package memstore

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"chatadmin.example/sdk/chatadmin/storage"
)

// reader reads the data; the caller holds the lock. The Store takes it for each
// call, a transaction has it all the time.
type reader struct {
	data  *data
	chaos *chaos
}

// get reads rows by key, those of another domain left out.
func get[K comparable, T any](ctx context.Context, t *table[K, T], keys []K, own func(*T) bool) ([]T, error) {
	if err := batch(ctx, len(keys)); err != nil {
		return nil, err
	}
	found := make([]*T, 0, len(keys))
	for _, k := range keys {
		if row := t.get(k); row != nil && own(row) {
			found = append(found, row)
		}
	}
	return copied(found), nil
}

// copied hands rows out.
func copied[T any](found []*T) []T {
	if len(found) == 0 {
		return nil
	}
	rows := make([]T, len(found))
	for i, row := range found {
		rows[i] = *row
	}
	return rows
}

func batch(ctx context.Context, n int) error {
	if n > storage.MaxBatch {
		return fmt.Errorf("%d items: %w", n, storage.ErrBatch)
	}
	return ctx.Err()
}

func anyRow[T any](*T) bool { return true }

func (r reader) Domains(ctx context.Context, ids []storage.ID) ([]storage.Domain, error) {
	return get(ctx, &r.data.domains, ids, anyRow)
}

func (r reader) Users(ctx context.Context, domain storage.ID, ids []storage.ID) ([]storage.User, error) {
	return get(ctx, &r.data.users, ids, func(u *storage.User) bool { return u.Domain == domain })
}

func (r reader) UsersByLogin(ctx context.Context, domain storage.ID, loginKeys []string) ([]storage.User, error) {
	keys := make([]login, len(loginKeys))
	for i, k := range loginKeys {
		keys[i] = login{domain, k}
	}
	return get(ctx, &r.data.logins, keys, anyRow)
}

func (r reader) Groups(ctx context.Context, domain storage.ID, ids []storage.ID) ([]storage.Group, error) {
	return get(ctx, &r.data.groups, ids, func(g *storage.Group) bool { return g.Domain == domain })
}

func (r reader) Memberships(ctx context.Context, domain storage.ID, pairs []storage.Pair) ([]storage.Membership, error) {
	return get(ctx, &r.data.memberships, pairs, func(m *storage.Membership) bool { return m.Domain == domain })
}

func (r reader) Devices(ctx context.Context, domain storage.ID, ids []storage.ID) ([]storage.Device, error) {
	return get(ctx, &r.data.devices, ids, func(d *storage.Device) bool { return d.Domain == domain })
}

func (r reader) Records(ctx context.Context, keys []storage.Key) ([]storage.Record, error) {
	return get(ctx, &r.data.records, keys, anyRow)
}

func (r reader) ListDomains(ctx context.Context, p storage.Page) ([]storage.Domain, storage.Cursor, error) {
	return listed(ctx, r.chaos, r.data.domainOrder, within(), p, nil)
}

// listed is a page of a list, which chaos may shorten.
func listed[T any](ctx context.Context, c *chaos, o *order[T], in span, p storage.Page, match func(*T) bool) ([]T, storage.Cursor, error) {
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	rows, next, err := page(o, in, p, match)
	if err != nil {
		return nil, "", err
	}
	switch n, short := c.shorten(len(rows)); {
	case !short:
		return rows, next, nil
	case n == 0:
		return nil, emptied(p.After), nil
	default:
		p.Limit = n
		return page(o, in, p, match)
	}
}

func count[T any](ctx context.Context, o *order[T], in span, match func(*T) bool) (n int64, err error) {
	o.walk(in, nil, func(_ sortKey, row *T) bool {
		if match(row) {
			n++
		}
		return true
	})
	return n, ctx.Err()
}

func (r reader) users(q storage.UserQuery) (*order[storage.User], span, func(*storage.User) bool) {
	o, in := r.data.userLogin, span{[]string{string(q.Domain)}, q.Prefix}
	switch {
	case q.Newest:
		o, in = r.data.userCreated, within(string(q.Domain))
	case q.ByName:
		o = r.data.userName
	case q.AdminOnly:
		o = r.data.userAdmin
	case q.Manager != "":
		o, in = r.data.userManager, span{[]string{string(q.Domain), string(q.Manager)}, q.Prefix}
	}
	return o, in, func(u *storage.User) bool { return r.isUser(q, u) }
}

// isUser says whether a user of the domain fits a query, but for a prefix of
// the key that the list is ordered by.
func (r reader) isUser(q storage.UserQuery, u *storage.User) bool {
	member := func(group storage.ID) bool {
		return r.data.memberships.get(storage.Pair{Group: group, User: u.ID}) != nil
	}
	switch {
	case q.NotMemberOf != "" && member(q.NotMemberOf), q.MemberOf != "" && !member(q.MemberOf),
		q.Newest && !strings.HasPrefix(u.LoginKey, q.Prefix), q.DeniedOnly && !u.Denied,
		q.Search != "" && !strings.Contains(u.SearchText(), q.Search):
		return false
	}
	return (q.WithDeleting || !u.Deleting) && (!q.AdminOnly || u.Admin) && (q.Manager == "" || u.Manager == q.Manager) &&
		(q.Department == "" || u.Department == q.Department) && (q.Role == "" || u.Role == q.Role) &&
		(len(q.Kinds) == 0 || slices.Contains(q.Kinds, u.Kind)) && (len(q.Statuses) == 0 || slices.Contains(q.Statuses, u.Status))
}

func (r reader) ListUsers(ctx context.Context, q storage.UserQuery, p storage.Page) ([]storage.User, storage.Cursor, error) {
	o, in, match := r.users(q)
	return listed(ctx, r.chaos, o, in, p, match)
}

func (r reader) CountUsers(ctx context.Context, q storage.UserQuery) (int64, error) {
	o, in, match := r.users(q)
	return count(ctx, o, in, match)
}

func (r reader) ListGroups(ctx context.Context, q storage.GroupQuery, p storage.Page) ([]storage.Group, storage.Cursor, error) {
	return listed(ctx, r.chaos, r.data.groupName, span{[]string{string(q.Domain)}, q.Prefix}, p, func(g *storage.Group) bool {
		return (q.WithDeleting || !g.Deleting) && (!q.DefaultOnly || g.Default) && (q.Creator == "" || g.Creator == q.Creator) &&
			(!q.ArchivedOnly || g.Archived) && (!q.NotArchived || !g.Archived) && (q.Search == "" || strings.Contains(g.SearchText(), q.Search))
	})
}

func (r reader) members(q storage.MemberQuery) (*order[storage.Membership], span, func(*storage.Membership) bool) {
	o, in := r.data.memberUser, within(string(q.Domain))
	groups := set(q.Groups)
	switch {
	case q.Group != "" && q.User != "":
		in = within(string(q.Domain), string(q.Group), string(q.User))
	case q.Group != "":
		in = within(string(q.Domain), string(q.Group))
	case q.User != "":
		o, in = r.data.memberGroup, within(string(q.Domain), string(q.User))
	}
	return o, in, func(m *storage.Membership) bool {
		return (!q.AdminOnly || m.Admin) && (groups == nil || groups[m.Group])
	}
}

func (r reader) ListMemberships(ctx context.Context, q storage.MemberQuery, p storage.Page) ([]storage.Membership, storage.Cursor, error) {
	if q.Group == "" && q.User == "" && len(q.Groups) == 0 || len(q.Groups) > storage.MaxBatch {
		return nil, "", fmt.Errorf("memberships of nobody and nothing: %w", storage.ErrBatch)
	}
	o, in, match := r.members(q)
	return listed(ctx, r.chaos, o, in, p, match)
}

func (r reader) CountMemberships(ctx context.Context, q storage.MemberQuery) (int64, error) {
	o, in, match := r.members(q)
	return count(ctx, o, in, match)
}

func (r reader) CountMembers(ctx context.Context, domain storage.ID, groups []storage.ID) (map[storage.ID]int64, error) {
	if err := batch(ctx, len(groups)); err != nil {
		return nil, err
	}
	counts := make(map[storage.ID]int64, len(groups))
	for _, g := range groups {
		n, err := r.CountMemberships(ctx, storage.MemberQuery{Domain: domain, Group: g})
		if err != nil {
			return nil, err
		}
		counts[g] = n
	}
	return counts, nil
}

// set is nil for no IDs at all.
func set(ids []storage.ID) map[storage.ID]bool {
	if len(ids) == 0 {
		return nil
	}
	is := make(map[storage.ID]bool, len(ids))
	for _, id := range ids {
		is[id] = true
	}
	return is
}

func (r reader) ListDevices(ctx context.Context, q storage.DeviceQuery, p storage.Page) ([]storage.Device, storage.Cursor, error) {
	if err := batch(ctx, len(q.Users)); err != nil {
		return nil, "", err
	}
	match := func(d *storage.Device) bool {
		return (q.Status == 0 || d.Status == q.Status) && (q.Type == 0 || d.Type == q.Type) && (q.Key == "" || d.Key == q.Key) && (q.Search == "" || strings.Contains(d.SearchText(), q.Search))
	}
	if len(q.Users) > 0 {
		return r.devicesOf(ctx, q, p, match)
	}
	in := within(string(q.Domain))
	if q.Key != "" {
		in = within(string(q.Domain), q.Key)
	}
	return listed(ctx, r.chaos, r.data.deviceOrder, in, p, match)
}

// devicesOf collects the devices of each user, and brings them into the order
// of the list.
func (r reader) devicesOf(ctx context.Context, q storage.DeviceQuery, p storage.Page, match func(*storage.Device) bool) ([]storage.Device, storage.Cursor, error) {
	of := &order[storage.Device]{key: r.data.deviceOrder.key}
	of.all = func(yield func(*storage.Device)) {
		for _, u := range q.Users {
			r.data.deviceUser.walk(within(string(q.Domain), string(u)), nil, func(_ sortKey, d *storage.Device) bool {
				yield(d)
				return true
			})
		}
	}
	return listed(ctx, r.chaos, of, within(string(q.Domain)), p, match)
}

func (r reader) ListRecords(ctx context.Context, q storage.RecordQuery, p storage.Page) ([]storage.Record, storage.Cursor, error) {
	d := r.data
	o, in := d.recordKind, within(q.Kind)
	switch {
	case q.Kind == "" && q.Domain == "", (q.Owner != "" || len(q.Owners) > 0) && q.Domain == "", len(q.Owners) > storage.MaxBatch:
		return nil, "", fmt.Errorf("records of no kind and no domain: %w", storage.ErrBatch)
	case !q.DueBy.IsZero():
		o, in = d.recordDue, within("due")
	case q.Owner != "":
		o, in = d.recordOwner, within(string(q.Owner))
	case q.Kind == "":
		o, in = d.recordDomain, within("d"+string(q.Domain))
	}
	owners := set(q.Owners)
	return listed(ctx, r.chaos, o, in, p, func(r *storage.Record) bool {
		return (owners == nil || owners[r.Owner]) && (q.Kind == "" || r.Kind == q.Kind) && (q.Domain == "" || r.Domain == q.Domain) && (q.Owner == "" || r.Owner == q.Owner) &&
			(q.DueBy.IsZero() || !r.Due.After(q.DueBy))
	})
}

func (r reader) ListEvents(ctx context.Context, q storage.EventQuery, p storage.Page) ([]storage.Event, storage.Cursor, error) {
	if err := batch(ctx, len(q.Targets)); err != nil {
		return nil, "", err
	}
	targets := set(q.Targets)
	isTarget := func(id storage.ID) bool { return targets[id] }
	return listed(ctx, r.chaos, r.data.eventOrder, within(string(q.Domain)), p, func(e *storage.Event) bool {
		kind := q.Kind == "" || e.Kind == q.Kind || strings.HasSuffix(q.Kind, ".") && strings.HasPrefix(e.Kind, q.Kind)
		return kind && (q.Actor == "" || e.Actor == q.Actor) && (q.Target == "" || slices.Contains(e.Targets, q.Target)) &&
			(targets == nil || slices.ContainsFunc(e.Targets, isTarget)) &&
			(q.From.IsZero() || !e.At.Before(q.From)) && (q.To.IsZero() || e.At.Before(q.To))
	})
}
