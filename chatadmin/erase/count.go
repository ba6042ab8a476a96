package erase

import (
	"context"
	"fmt"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// count fills in the counts of a plan, in as few statements as the store
// allows.
func (d *Deletions) count(ctx context.Context, p *Plan, v *survey) error {
	n := d.none()
	n[Users], n[Groups] = int64(len(v.users)), int64(len(v.vanish))
	p.Counts = n
	content, err := v.content(ctx)
	if err != nil {
		return err
	}
	addContent(n, content)
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
	for _, k := range d.hosts {
		count, err := k.count(ctx, v.domain.ID, v.ids)
		if err != nil {
			return err
		}
		if n[HostKind(k.name)] = count; count > 0 {
			p.Warnings = append(p.Warnings, fmt.Sprintf("%d %s of theirs go, too, and what they were to do does not happen",
				count, k.name))
		}
	}
	p.Alternative.Keeps = map[string]int64{}
	for kind, count := range n {
		if kind != Users {
			p.Alternative.Keeps[kind] = count
		}
	}
	p.warn(n)
	return nil
}

func (p *Plan) warn(n map[string]int64) {
	others := int64(0)
	for _, g := range p.Groups {
		others = max(others, g.Members)
	}
	if others > 1 {
		p.Warnings = append(p.Warnings, counted(int64(len(p.Groups)), "group vanishes", "groups vanish")+
			fmt.Sprintf(" with everything that anybody has written in them; the largest has %d members", others))
	}
	if n[Chats] > 0 {
		p.Warnings = append(p.Warnings, "private chats vanish for the other side, too")
	}
	if n[Reports] > 0 {
		p.Warnings = append(p.Warnings, counted(n[Reports], "person", "people")+" will have no manager")
	}
	if p.Grace > 0 {
		p.Warnings = append(p.Warnings,
			"for "+days(p.Grace)+" they are merely deactivated, and the deletion can be cancelled")
	}
	p.Warnings = append(p.Warnings, "deleting cannot be undone; deactivating ends the access as well and keeps everything")
}

// counted is a number with its noun: "1 person", "2 people".
func counted(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// days is a grace period as people say it. Only a host can choose one that is
// not whole days.
func days(d time.Duration) string {
	const day = 24 * time.Hour
	if d%day != 0 {
		return d.String()
	}
	return counted(int64(d/day), "day", "days")
}

func addContent(n map[string]int64, c storage.ContentCount) {
	n[Chats] += c.Chats
	n[Messages] += c.Messages
	n[Files] += c.Files
}

// content counts what lies in the users' chats, or in groups that vanish, or
// was written by them: the three overlap only in what they wrote.
func (v *survey) content(ctx context.Context) (sum storage.ContentCount, err error) {
	count := func(sign int64, q storage.ContentQuery) {
		if err != nil {
			return
		}
		var n storage.ContentCount
		q.Domain = v.domain.ID
		if n, err = v.r.CountContent(ctx, q); err == nil {
			sum.Chats, sum.Messages, sum.Files = sum.Chats+sign*n.Chats, sum.Messages+sign*n.Messages, sum.Files+sign*n.Files
		}
	}
	count(1, storage.ContentQuery{ChatsOf: v.ids})
	count(1, storage.ContentQuery{Authors: v.ids})
	count(-1, storage.ContentQuery{Authors: v.ids, ChatsOf: v.ids})
	for batch := range slices.Chunk(groupIDs(v.vanish), chatadmin.MaxBatch) {
		count(1, storage.ContentQuery{Containers: batch})
		count(-1, storage.ContentQuery{Authors: v.ids, Containers: batch})
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
