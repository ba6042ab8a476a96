package csvimport

import (
	"context"
	"strings"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// A cell of the column groups names groups that the user joins. Nobody leaves a
// group by a file.

// mostGroups is how many groups a cell names at most.
const mostGroups = 50

// groupNames are the groups that a cell names.
func groupNames(cell string) []string {
	if cell == "" {
		return nil
	}
	return strings.FieldsFunc(cell, func(r rune) bool { return r == ';' || r == '|' })
}

// groupView is what a batch knows of the groups that its rows name.
type groupView struct {
	ids     map[string]chatadmin.ID // by folded name; "" where nobody can be added
	members map[storage.Pair]bool
}

// groups reads the groups that rows name, as far as the importer may add
// members to them, and who of the users is in them.
func (d *decider) groups(ctx context.Context, r storage.Reader, domain chatadmin.ID, rows []entry, us users) (groupView, error) {
	g := groupView{ids: map[string]chatadmin.ID{}, members: map[storage.Pair]bool{}}
	if !d.header.has(colGroups) {
		return g, nil
	}
	var pairs []storage.Pair
	asked := map[storage.Pair]bool{}
	for i := range rows {
		e := &rows[i]
		if e.bad != nil {
			continue
		}
		is := us.of(e)
		names := groupNames(e.row.Groups)
		for _, name := range names[:min(len(names), mostGroups)] {
			key := chatadmin.Fold(name)
			if key == "" {
				continue
			}
			id, known := g.ids[key]
			if !known {
				var err error
				if id, err = d.group(ctx, r, domain, key); err != nil {
					return g, err
				}
				g.ids[key] = id
			}
			if pair := (storage.Pair{Group: id, User: ""}); id != "" && is != nil {
				if pair.User = is.ID; !asked[pair] {
					asked[pair] = true
					pairs = append(pairs, pair)
				}
			}
		}
	}
	for len(pairs) > 0 {
		n := min(len(pairs), chatadmin.MaxBatch)
		ms, err := r.Memberships(ctx, domain, pairs[:n])
		if err != nil {
			return g, err
		}
		for _, m := range ms {
			g.members[storage.Pair{Group: m.Group, User: m.User}] = true
		}
		pairs = pairs[n:]
	}
	return g, nil
}

// group finds the one group with a folded name, if the importer may add members
// to it; otherwise it returns "".
func (d *decider) group(ctx context.Context, r storage.Reader, domain chatadmin.ID, key string) (chatadmin.ID, error) {
	found := chatadmin.ID("")
	p := chatadmin.Page{Limit: chatadmin.MaxBatch}
	for more := true; more; {
		page, next, err := r.ListGroups(ctx, chatadmin.GroupQuery{Domain: domain, Prefix: key}, p)
		if err != nil {
			return "", err
		}
		more = next != ""
		for _, g := range page { // those with exactly this name come first
			switch {
			case g.NameKey != key:
				more = false
			// Two groups of before names were unique: which one is not said
			case found != "":
				return "", nil
			default:
				found = g.ID
			}
			if !more {
				break
			}
		}
		p.After = next
	}
	if found == "" || d.role.May(chatadmin.PermGroups) {
		return found, nil
	}
	ms, err := r.Memberships(ctx, domain, []storage.Pair{{Group: found, User: d.actor}})
	if err != nil || len(ms) == 0 || !ms[0].Admin {
		return "", err
	}
	return found, nil
}

// join says which groups the row lets a user join: is, or one who is created.
func (d *decider) join(r *row, is *chatadmin.User, v *verdict) {
	names := groupNames(r.Groups)
	if len(names) > mostGroups || len(r.Groups) >= mostCell-4 { // a longer cell was cut
		v.fail(chatadmin.CodeTooLong, colGroups, "a cell names at most 50 groups, in at most 1000 bytes")
		return
	}
	var unknown []string
	for _, name := range names {
		key := chatadmin.Fold(name)
		if key == "" {
			continue
		}
		id := d.view.ids[key]
		switch {
		case id == "":
			unknown = append(unknown, strings.TrimSpace(name))
		case is != nil && d.view.members[storage.Pair{Group: id, User: is.ID}]:
		default:
			v.joins = append(v.joins, id)
		}
	}
	if len(unknown) > 0 {
		v.notes = append(v.notes, note{Code: CodeNoGroup, Col: int16(colGroups), Arg: chatadmin.Cut(strings.Join(unknown, ", "))})
	}
}
