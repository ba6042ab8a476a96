package sqlstore

import (
	"context"
	"math/rand/v2"
	"strings"

	"chatadmin.example/sdk/chatadmin/storage"
)

// ChangeDomains implements storage.Tx.
func (x *tx) ChangeDomains(ctx context.Context, c []storage.Write[storage.Domain]) ([]storage.Conflict, error) {
	x.fenced = nil
	made := make([]storage.Write[storage.Domain], len(c))
	for i := range c {
		// a new domain begins with a fence of its own; updates leave it alone
		made[i] = c[i]
		made[i].Row.Fence = storage.NextRev(0, x.s.now(), uint16(rand.Uint32()))
	}
	return change(ctx, x, domainRows, made, nil)
}

// ChangeUsers implements storage.Tx.
func (x *tx) ChangeUsers(ctx context.Context, c []storage.Write[storage.User]) ([]storage.Conflict, error) {
	return change(ctx, x, userRows, c, func(ctx context.Context, new []int) (parents, error) {
		return x.inDomain(ctx, new, func(i int) storage.ID { return c[i].Row.Domain })
	})
}

// ChangeGroups implements storage.Tx.
func (x *tx) ChangeGroups(ctx context.Context, c []storage.Write[storage.Group]) ([]storage.Conflict, error) {
	return change(ctx, x, groupRows, c, func(ctx context.Context, new []int) (parents, error) {
		return x.inDomain(ctx, new, func(i int) storage.ID { return c[i].Row.Domain })
	})
}

func (x *tx) inDomain(ctx context.Context, new []int, domain func(int) storage.ID) (parents, error) {
	there, err := x.lookup(ctx, "domains", new, domain)
	return func(i int) string { return missing(there, domain(i), domain(i), "domain") }, err
}

// lookup finds which of the parents of new rows are there, and their domains.
// Those that this transaction has written itself need no look.
func (x *tx) lookup(ctx context.Context, name string, new []int, parent func(int) storage.ID) (map[storage.ID]storage.ID, error) {
	wrote := x.wrote[name]
	known, last := true, storage.ID("")
	var ids []storage.ID
	for _, i := range new {
		if id := parent(i); id != "" && id != last {
			ids, last = append(ids, id), id
			known = known && wrote[id] != ""
		}
	}
	switch {
	case len(ids) == 0:
		return nil, nil
	case known:
		return wrote, nil
	}
	return x.alive(ctx, name, ids)
}

func missing(there map[storage.ID]storage.ID, domain, id storage.ID, field string) string {
	if in, ok := there[id]; ok && in == domain {
		return ""
	}
	return field
}

// ChangeMemberships implements storage.Tx.
func (x *tx) ChangeMemberships(ctx context.Context, c []storage.Write[storage.Membership]) ([]storage.Conflict, error) {
	return change(ctx, x, memberRows, c, func(ctx context.Context, new []int) (parents, error) {
		groups, err := x.lookup(ctx, "groups", new, func(i int) storage.ID { return c[i].Row.Group })
		if err != nil {
			return nil, err
		}
		users, err := x.lookup(ctx, "users", new, func(i int) storage.ID { return c[i].Row.User })
		return func(i int) string {
			m := &c[i].Row
			if field := missing(groups, m.Domain, m.Group, "group"); field != "" {
				return field
			}
			return missing(users, m.Domain, m.User, "user")
		}, err
	})
}

// ChangeDevices implements storage.Tx.
func (x *tx) ChangeDevices(ctx context.Context, c []storage.Write[storage.Device]) ([]storage.Conflict, error) {
	return change(ctx, x, deviceRows, c, func(ctx context.Context, new []int) (parents, error) {
		users, err := x.lookup(ctx, "users", new, func(i int) storage.ID { return c[i].Row.User })
		return func(i int) string { return missing(users, c[i].Row.Domain, c[i].Row.User, "user") }, err
	})
}

// ChangeRecords implements storage.Tx.
func (x *tx) ChangeRecords(ctx context.Context, c []storage.Write[storage.Record]) ([]storage.Conflict, error) {
	if len(c) == 1 && c[0].Was == 0 && !c[0].Delete && c[0].Row.Owner != "" {
		if conflicts, done, err := x.insertOwned(ctx, &c[0].Row); done || err != nil {
			return conflicts, err
		}
	}
	return change(ctx, x, recordRows, c, func(ctx context.Context, new []int) (parents, error) {
		owner := func(i int) owned { return owned{c[i].Row.Domain, c[i].Row.Owner} }
		there, err := x.owners(ctx, new, owner)
		return func(i int) string {
			if o := owner(i); o.id == "" || there[o] || x.wroteOwner(o) {
				return ""
			}
			return "owner"
		}, err
	})
}

// owned is by whom a record is owned: a user, group or device of a domain.
type owned struct{ domain, id storage.ID }

// ownerTables are the tables in which an owner may be, and what else must hold.
var ownerTables = [...]string{"users WHERE NOT deleting AND ", "groups WHERE NOT deleting AND ", "devices WHERE "}

// wroteOwner reports whether this transaction has written an owner.
func (x *tx) wroteOwner(o owned) bool {
	for _, name := range [...]string{"users", "groups", "devices"} {
		if in, ok := x.wrote[name][o.id]; ok && in == o.domain {
			return true
		}
	}
	return false
}

// owners finds which owners of new records are there, in one statement. Those
// that this transaction has written itself need no look.
func (x *tx) owners(ctx context.Context, new []int, owner func(int) owned) (map[owned]bool, error) {
	var ids []storage.ID
	for _, i := range new {
		if o := owner(i); o.id != "" && !x.wroteOwner(o) {
			ids = append(ids, o.id)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	ids = distinct(ids)
	q := &query{d: x.s.d}
	for i, table := range ownerTables {
		if i > 0 {
			q.add(" UNION ALL ")
		}
		q.add("SELECT domain, id FROM {{p}}"+table).in("id", strs(ids))
	}
	rows, err := fetch(ctx, x.reader, "looking for owners", q, func(o *owned) []any { return []any{(*string)(&o.domain), (*string)(&o.id)} })
	there := make(map[owned]bool, len(rows))
	for _, o := range rows {
		there[o] = true
	}
	return there, err
}

// insertOwned inserts one record together with looking whether its owner is
// there: every sign-in, every challenge and every webhook writes one. It is
// done unless there is no such owner.
func (x *tx) insertOwned(ctx context.Context, r *storage.Record) (conflicts []storage.Conflict, done bool, err error) {
	if err := x.writable(ctx, 1); err != nil {
		return nil, false, err
	}
	args := recordRows.args(r)
	values := make([]string, len(args))
	for i, arg := range args {
		values[i] = "?"
		if x.s.d == PostgreSQL { // which does not see that they go into columns
			switch arg.(type) {
			case int64:
				values[i] = "?::bigint"
			case []byte:
				values[i] = "?::bytea"
			default:
				values[i] = "?::text"
			}
		}
	}
	from := ""
	for i, table := range ownerTables {
		if i > 0 {
			from += " UNION ALL "
		}
		from += "SELECT 1 AS there FROM {{p}}" + table + "id = ? AND domain = ?"
		args = append(args, string(r.Owner), string(r.Domain))
	}
	n, err := x.exec(ctx, "INSERT INTO {{p}}records ("+strings.Join(recordRows.names, ", ")+") SELECT "+strings.Join(values, ", ")+" FROM ("+from+") o WHERE true ON CONFLICT DO NOTHING", args)
	if err != nil || n == 1 {
		return nil, true, err
	}
	done, err = x.exists(ctx, "records", recordRows.names[:recordRows.keys], args[:recordRows.keys])
	return []storage.Conflict{{Reason: storage.Exists}}, done, err
}
