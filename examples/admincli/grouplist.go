package main

import (
	"context"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"chatadmin.example/sdk/chatadmin"
)

// groupFilter is what groups list is asked for.
type groupFilter struct {
	search, creator, after          string
	archived, notArchived, defaults bool
	limit                           int
}

func (c *cli) listGroupsCommand() *cobra.Command {
	var f groupFilter
	x := c.command("list", "List groups", func(ctx context.Context, s *chatadmin.Scope, _ []string) error {
		q := chatadmin.GroupQuery{Search: f.search, DefaultOnly: f.defaults, ArchivedOnly: f.archived, NotArchived: f.notArchived}
		if f.creator != "" {
			var err error
			if q.Creator, err = c.id(ctx, s, f.creator); err != nil {
				return err
			}
		}
		return c.listGroups(ctx, s, q, f)
	})
	x.Flags().StringVar(&f.search, "search", "", "only groups with this `text` in their name")
	x.Flags().StringVar(&f.creator, "creator", "", "only groups that the user with this `login` created")
	x.Flags().BoolVar(&f.defaults, "default", false, "only default groups")
	x.Flags().BoolVar(&f.archived, "archived", false, "only archived groups")
	x.Flags().BoolVar(&f.notArchived, "not-archived", false, "no archived groups")
	exclusive(x, "archived", "not-archived")
	return paged(x, &f.limit, &f.after, "groups")
}

func (c *cli) listGroups(ctx context.Context, s *chatadmin.Scope, q chatadmin.GroupQuery, f groupFilter) error {
	type group struct {
		ID       chatadmin.ID `json:"id"`
		Name     string       `json:"name"`
		Default  bool         `json:"default"`
		Shipped  bool         `json:"shipped"`
		Archived bool         `json:"archived"`
		Creator  string       `json:"creator"`
		Members  int64        `json:"members"`
	}
	found, next, err := rows(f.limit, f.after, s.Groups(ctx, q),
		func(p chatadmin.Page) ([]chatadmin.Group, chatadmin.Cursor, error) { return s.GroupsPage(ctx, q, p) })
	if err != nil {
		return err
	}
	groups := make([]group, len(found))
	creators := make([]chatadmin.ID, len(found))
	for i, g := range found {
		n, err := s.CountMembers(ctx, g.ID)
		if err != nil {
			return err
		}
		groups[i] = group{ID: g.ID, Name: g.Name, Default: g.Default, Shipped: g.Shipped, Archived: g.Archived, Members: n}
		creators[i] = g.Creator
	}
	name, err := c.names(ctx, s, creators)
	if err != nil {
		return err
	}
	for i := range groups {
		groups[i].Creator = name(creators[i])
	}
	return c.sayPage("groups", groups, next, func(w *tabwriter.Writer) {
		row(w, "NAME", "DEFAULT", "SHIPPED", "ARCHIVED", "CREATOR", "MEMBERS")
		for _, g := range groups {
			row(w, g.Name, g.Default, g.Shipped, g.Archived, g.Creator, g.Members)
		}
	})
}

// mayPost says whether a user may post in a group.
func (c *cli) mayPost(ctx context.Context, s *chatadmin.Scope, g chatadmin.Group, args []string) error {
	id, err := c.id(ctx, s, args[0])
	if err != nil {
		return err
	}
	d, err := s.MayPost(ctx, g.ID, id)
	if err != nil {
		return err
	}
	text := args[0] + " may post in " + g.Name
	if !d.Allowed() {
		text = d.Message()
	}
	return c.tell(map[string]any{"may_post": d.Allowed(), "reason": d}, text)
}
