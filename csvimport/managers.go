package csvimport

import (
	"context"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// settle decides every link when the whole file has been read: a manager who is
// neither in the store nor in the file is unknown, and where managers would
// form a circle, the link that stands last in the file is not set and the user
// keeps the manager they have. Since that may close another circle, it is
// looked for again until there is none. What comes out depends only on the file
// and on the store, so that importing the same file again finds nothing to do.
func (x *index) settle(ctx context.Context, r storage.Reader, domain chatadmin.ID, above map[key]chatadmin.ID) error {
	x.realTargets(above)
	moved := false
	var start []uint32 // every circle has a link among these
	for i := range x.links {
		l := &x.links[i]
		if l.code == linkOwn {
			continue
		}
		at, there := x.there(l.target)
		l.at = at
		if !there && !l.inStore {
			l.code = linkUnknown
		}
		if l.code != linkSet {
			continue
		}
		if there && at > l.row { // a circle within the file leads down at least once
			start = append(start, uint32(i))
		}
		moved = moved || l.exists
	}
	stored := map[key]key{}
	if moved { // only then can a chain run through the store and come back
		var err error
		if stored, err = x.storedChains(ctx, r, domain, above); err != nil {
			return err
		}
		start = start[:0]
		for i := range x.links {
			start = append(start, uint32(i))
		}
	}
	for x.breakCircles(start, stored) {
	}
	return nil
}

// breakCircles looks for circles once, from some links, and refuses one link of
// each.
func (x *index) breakCircles(start []uint32, stored map[key]key) (found bool) {
	// Walk up from each link, marking with the walk's number: meeting one's own
	// mark is a circle, an older one is known ground.
	// Of links, and of users who have none but a manager in the store
	marks, storedMarks := make([]uint32, len(x.links)), map[key]uint32{}
	for _, i := range start {
		if x.links[i].code != linkSet {
			continue
		}
		walk, met := i+1, uint32(0)
		k := x.links[i].user
		for met == 0 {
			up, at, ok := x.up(k, stored)
			switch {
			case !ok: // nobody stands above
				met = nowhere
			case at >= 0:
				if met = marks[at]; met == 0 {
					marks[at] = walk
				}
			default:
				if met = storedMarks[k]; met == 0 {
					storedMarks[k] = walk
				}
			}
			if met == 0 {
				k = up
			}
		}
		if met != walk {
			continue
		}
		last := -1
		for c, begin := k, true; begin || c != k; begin = false {
			up, at, _ := x.up(c, stored)
			c, last = up, max(last, at)
		}
		// Otherwise managers were changed between two readings of the store,
		// which never had the circle
		if last >= 0 {
			found, x.links[last].code = true, linkCircle
		}
	}
	return found
}

// up tells who will stand above a user: by a link, with its number, or by the
// store, with -1.
func (x *index) up(k key, stored map[key]key) (above key, link int, ok bool) {
	if i, ok := x.own(k); ok {
		return x.links[i].target, i, true
	}
	above, ok = stored[k]
	return above, -1, ok
}

// own finds the link that is a user's own, if it is to be set.
func (x *index) own(k key) (int, bool) {
	row, ok := x.logins.first(k)
	if !ok {
		return 0, false
	}
	i, ok := x.linkOf(int(row))
	return i, ok && x.links[i].code == linkSet
}

// storedChains reads who stands above the users and managers of the links, in
// the store, level by level.
func (x *index) storedChains(ctx context.Context, r storage.Reader, domain chatadmin.ID, above map[key]chatadmin.ID) (map[key]key, error) {
	chains := map[key]key{}
	from := map[chatadmin.ID][]key{} // who reports to the users we ask for next
	known := map[chatadmin.ID]key{}
	for k, manager := range above {
		if manager != "" {
			from[manager] = append(from[manager], k)
		}
	}
	for len(from) > 0 {
		ids := make([]chatadmin.ID, 0, len(from))
		for id := range from {
			ids = append(ids, id)
		}
		next := map[chatadmin.ID][]key{}
		for len(ids) > 0 {
			n := min(len(ids), chatadmin.MaxBatch)
			users, err := r.Users(ctx, domain, ids[:n])
			if err != nil {
				return nil, err
			}
			ids = ids[n:]
			for _, u := range users {
				k := x.key(u.LoginKey)
				known[u.ID] = k
				for _, below := range from[u.ID] {
					chains[below] = k
				}
				if _, seen := chains[k]; seen || u.Manager == "" {
					continue
				}
				if boss, seen := known[u.Manager]; seen {
					chains[k] = boss
				} else {
					next[u.Manager] = append(next[u.Manager], k)
				}
			}
		}
		from = next
	}
	return chains, ctx.Err()
}
