package erase

import (
	"context"
	"errors"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

// count fills in the counts of a plan, in as few statements as the store
// allows.
func (d *Deletions) count(ctx context.Context, p *Plan, v *survey) error {
	n := d.none()
	n[Users], n[Groups] = int64(len(v.users)), int64(len(v.vanish))
	p.Counts = n
	inside, err := v.data(func(q storage.ContentQuery) (map[string]int64, error) { return d.admin.CountData(ctx, v.r, q) })
	if err != nil {
		return err
	}
	outside, err := v.data(func(q storage.ContentQuery) (map[string]int64, error) { return d.admin.CountOutside(ctx, q) })
	if err != nil {
		return err
	}
	chatadmin.Counts(n).Add(inside)
	chatadmin.Counts(n).Add(outside)
	members := map[chatadmin.ID]int64{}
	for batch := range slices.Chunk(groupIDs(slices.Concat(v.vanish, v.stay)), chatadmin.MaxBatch) {
		counts, err := v.r.CountMembers(ctx, v.domain.ID, batch)
		if err != nil {
			return err
		}
		for id, count := range counts {
			members[id] = count
		}
	}
	going := make(map[chatadmin.ID]bool, len(v.vanish))
	for _, g := range v.vanish {
		going[g.ID] = true
		n[Memberships] += members[g.ID]
		p.Groups = append(p.Groups, PlannedGroup{ID: g.ID, Name: g.Name, Members: members[g.ID]})
	}
	for _, g := range v.stay {
		p.Transferred = append(p.Transferred, PlannedGroup{g.ID, g.Name, members[g.ID], v.heir(g)})
	}
	own, err := owned(ctx, v.r, v.domain.ID, v.ids, groupIDs(v.vanish))
	if err != nil {
		return err
	}
	n[Devices], n[Records] = own.devices, own.records
	for _, id := range v.ids {
		if err := v.memberships(ctx, id, going, n); err != nil {
			return err
		}
		reports, err := v.reports(ctx, id)
		if err != nil {
			return err
		}
		n[Reports] += reports
	}
	for _, src := range d.admin.Options().Sources {
		switch count := n[src.Kind()]; {
		case count == 0:
		case src.Outside != nil:
			p.warn("warn.erase_outside", count, src.Name)
		case src.Marks:
			p.warn("warn.erase_marked", count, src.Name)
		}
	}
	p.Alternative.Keeps = map[string]int64{}
	for kind, count := range n {
		if kind != Users {
			p.Alternative.Keeps[kind] = count
		}
	}
	p.warnOf(n)
	return nil
}

func (p *Plan) warn(code string, values ...any) {
	p.Warnings = append(p.Warnings, texts.NewMessage(code, values...))
}

func (p *Plan) warnOf(n map[string]int64) {
	others := int64(0)
	for _, g := range p.Groups {
		others = max(others, g.Members)
	}
	if others > 1 {
		p.warn("warn.erase_groups", len(p.Groups), others)
	}
	if n[Chats] > 0 {
		p.warn("warn.erase_chats")
	}
	if n[Reports] > 0 {
		p.warn("warn.erase_reports", n[Reports])
	}
	const day = 24 * time.Hour
	switch {
	case p.Grace <= 0:
	case p.Grace%day == 0:
		p.warn("warn.erase_grace", int64(p.Grace/day))
	default: // only a host can choose one that is not whole days
		p.warn("warn.erase_grace_for", p.Grace.String())
	}
	p.warn("warn.erase_final")
}

// data counts what lies in the users' chats, or in groups that vanish, or was
// written by them: the three overlap only in what they wrote.
func (v *survey) data(count func(storage.ContentQuery) (map[string]int64, error)) (map[string]int64, error) {
	sum := map[string]int64{}
	add := func(sign int64, q storage.ContentQuery) error {
		q.Domain = v.domain.ID
		n, err := count(q)
		for kind, count := range n {
			sum[kind] += sign * count
		}
		return err
	}
	err := errors.Join(add(1, storage.ContentQuery{ChatsOf: v.ids}),
		add(1, storage.ContentQuery{Authors: v.ids}),
		add(-1, storage.ContentQuery{Authors: v.ids, ChatsOf: v.ids}))
	for batch := range slices.Chunk(groupIDs(v.vanish), chatadmin.MaxBatch) {
		if err == nil {
			err = errors.Join(add(1, storage.ContentQuery{Containers: batch}),
				add(-1, storage.ContentQuery{Authors: v.ids, Containers: batch}))
		}
	}
	return sum, err
}

// memberships counts those of a user in groups that stay: the others are
// counted with their groups.
func (v *survey) memberships(ctx context.Context, user chatadmin.ID, going map[chatadmin.ID]bool,
	n map[string]int64) error {
	for p := (chatadmin.Page{Limit: chatadmin.MaxBatch}); ; {
		page, next, err := v.r.ListMemberships(ctx, storage.MemberQuery{Domain: v.domain.ID, User: user}, p)
		if err != nil {
			return err
		}
		for _, m := range page {
			if !going[m.Group] {
				n[Memberships]++
			}
		}
		if p.After = next; next == "" {
			return nil
		}
	}
}

// reports counts who stays and has the user as manager.
func (v *survey) reports(ctx context.Context, user chatadmin.ID) (int64, error) {
	n, err := v.r.CountUsers(ctx, chatadmin.UserQuery{Domain: v.domain.ID, Manager: user, WithDeleting: true})
	for _, u := range v.users {
		if u.Manager == user {
			n--
		}
	}
	return n, err
}

// belongings are the devices of users, and the records of users, devices and
// groups.
type belongings struct {
	devices, records int64
	deviceIDs        []chatadmin.ID
}

func owned(ctx context.Context, r storage.Reader, domain chatadmin.ID,
	users, groups []chatadmin.ID) (b belongings, err error) {
	for _, id := range users {
		for p := (chatadmin.Page{Limit: chatadmin.MaxBatch}); ; {
			page, next, err := r.ListDevices(ctx, storage.DeviceQuery{Domain: domain, Users: []chatadmin.ID{id}}, p)
			if err != nil {
				return b, err
			}
			for _, dev := range page {
				b.deviceIDs = append(b.deviceIDs, dev.ID)
			}
			if p.After = next; next == "" {
				break
			}
		}
	}
	b.devices = int64(len(b.deviceIDs))
	for batch := range slices.Chunk(slices.Concat(users, b.deviceIDs, groups), chatadmin.MaxBatch) {
		for p := (chatadmin.Page{Limit: chatadmin.MaxBatch}); ; {
			page, next, err := r.ListRecords(ctx, storage.RecordQuery{Domain: domain, Owners: batch}, p)
			if err != nil {
				return b, err
			}
			b.records += int64(len(page))
			if p.After = next; next == "" {
				break
			}
		}
	}
	return b, nil
}
