package erase

import (
	"context"
	"fmt"
	"slices"

	"chatadmin.example/sdk/chatadmin"
)

// Choice says what becomes of the groups that the users have created. Without a
// choice default and shipped groups stand in the way, and other groups are
// deleted.
//
// For each group the first of these counts: Transfer, DeleteDefault,
// TransferTo, TransferAll. Whoever a group is transferred to becomes its
// creator and one of its admins. The group stays as it is, but for what the
// users have written in it.
type Choice struct {
	// Transfer gives single groups to named people, by their IDs, at most
	// chatadmin.MaxBatch. Each must be a network user of the domain who has
	// access and is not deleted as well; for a default or shipped group, a
	// domain admin.
	Transfer map[chatadmin.ID]chatadmin.ID `json:"transfer,omitempty"`
	// DeleteDefault deletes default groups like the others. It needs
	// chatadmin.PermDefault besides. Shipped groups are never deleted.
	DeleteDefault bool `json:"delete_default,omitempty"`
	// TransferTo is the domain admin who gets default and shipped groups.
	TransferTo chatadmin.ID `json:"transfer_to,omitempty"`
	// TransferAll is who gets all further groups. Default and shipped ones are
	// among them if it is a domain admin; otherwise they stand in the way.
	TransferAll chatadmin.ID `json:"transfer_all,omitempty"`
}

func (c *Choice) check() error {
	if len(c.Transfer) > chatadmin.MaxBatch {
		return fmt.Errorf("%d groups are transferred one by one: give at most %d: %w", len(c.Transfer), chatadmin.MaxBatch,
			chatadmin.ErrInvalid)
	}
	for group, to := range c.Transfer {
		if group == "" || to == "" {
			return fmt.Errorf("a transfer names a group and who gets it: %w", chatadmin.ErrInvalid)
		}
	}
	return nil
}

// heirs are those to whom the choice may give something.
func (c *Choice) heirs() []chatadmin.ID {
	ids := []chatadmin.ID{c.TransferTo, c.TransferAll}
	for _, to := range c.Transfer {
		ids = append(ids, to)
	}
	ids = slices.DeleteFunc(ids, func(id chatadmin.ID) bool { return id == "" })
	return slices.Compact(slices.Sorted(slices.Values(ids)))
}

// heir is who gets a group, or "".
func (v *survey) heir(g chatadmin.Group) chatadmin.ID {
	special := g.Default || g.Shipped
	to, named := v.choice.Transfer[g.ID]
	switch all := v.choice.TransferAll; {
	case g.Deleting:
		return ""
	case named:
		return to
	case g.Default && !g.Shipped && v.choice.DeleteDefault:
		return ""
	case special && v.choice.TransferTo != "":
		return v.choice.TransferTo
	case special && !v.admins[all]:
		return ""
	default:
		return all
	}
}

// vanishes reports whether a group is deleted. One that is not, and that nobody
// gets, stands in the way.
func (v *survey) vanishes(g chatadmin.Group) bool {
	return v.heir(g) == "" && !g.Shipped && (!g.Default || v.choice.DeleteDefault)
}

// readHeirs finds out which of the heirs are domain admins. Those that are not
// needed may be gone when a deletion that was planned long ago begins.
func (v *survey) readHeirs(ctx context.Context) error {
	v.admins, v.fit = map[chatadmin.ID]bool{}, map[chatadmin.ID]bool{}
	if err := v.choice.check(); err != nil {
		return err
	}
	for batch := range slices.Chunk(v.choice.heirs(), chatadmin.MaxBatch) {
		found, err := v.r.Users(ctx, v.domain.ID, batch)
		if err != nil {
			return err
		}
		for _, u := range found {
			_, going := slices.BinarySearch(v.ids, u.ID)
			stays := !going && !u.Deleting && !u.Denied && u.Status != chatadmin.Deactivated
			v.admins[u.ID] = stays && u.AdminInForce()
			v.fit[u.ID] = stays && u.Kind == chatadmin.Network
		}
	}
	return nil
}

// checkHeirs refuses a choice that cannot be carried out.
func (v *survey) checkHeirs() error {
	needed := v.choice.heirs()
	if v.due {
		needed = nil
	}
	for _, g := range v.stay {
		switch to := v.heir(g); {
		case to == "":
		case (g.Default || g.Shipped) && !v.admins[to] && v.known(to):
			return fmt.Errorf("user %s cannot get %q, a default or shipped group: name a domain admin with access: %w",
				chatadmin.Cut(string(to)), chatadmin.Cut(g.Name), chatadmin.ErrInvalid)
		default:
			needed = append(needed, to)
		}
	}
	for _, to := range needed {
		switch {
		case !v.known(to):
			return fmt.Errorf("user %s, who is to get groups: %w", chatadmin.Cut(string(to)), chatadmin.ErrNotFound)
		case to == v.choice.TransferTo && !v.admins[to]:
			return fmt.Errorf("user %s cannot get default groups: name a domain admin with access who is not deleted as well: %w",
				chatadmin.Cut(string(to)), chatadmin.ErrInvalid)
		case !v.fit[to]:
			return fmt.Errorf("user %s cannot get groups: name a network user with access who is not deleted as well: %w",
				chatadmin.Cut(string(to)), chatadmin.ErrInvalid)
		}
	}
	return v.checkNamed()
}

func (v *survey) known(id chatadmin.ID) bool {
	_, ok := v.fit[id]
	return ok
}

// checkNamed refuses to transfer groups that none of the users has created.
func (v *survey) checkNamed() error {
	if v.due {
		return nil
	}
	theirs := map[chatadmin.ID]bool{}
	for _, g := range v.stay {
		theirs[g.ID] = true
	}
	for group := range v.choice.Transfer {
		if !theirs[group] {
			return fmt.Errorf("group %s is to be transferred, but none of these users has created it: %w",
				chatadmin.Cut(string(group)), chatadmin.ErrNotFound)
		}
	}
	return nil
}
