package main

import (
	"context"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"chatadmin.example/sdk/chatadmin"
)

func (c *cli) holdsCommands() *cobra.Command {
	return c.group("holds", "Legal holds, which keep things from being deleted",
		c.command("list", "List the holds in force", c.listHolds),
		c.addHoldCommand(),
		c.command("release ID", "End a hold", func(ctx context.Context, s *chatadmin.Scope, args []string) error {
			h, err := s.ReleaseHold(ctx, chatadmin.ID(args[0]))
			if err != nil {
				return err
			}
			return c.done("released: " + string(h.ID))
		}))
}

// hold is how a legal hold is shown.
type hold struct {
	ID     chatadmin.ID `json:"id"`
	User   string       `json:"user,omitempty"`
	Group  string       `json:"group,omitempty"`
	Reason string       `json:"reason"`
	By     string       `json:"by"`
	At     time.Time    `json:"at"`
}

func (c *cli) listHolds(ctx context.Context, s *chatadmin.Scope, _ []string) error {
	var all []chatadmin.Hold
	for h, err := range s.Holds(ctx) {
		if c.skips(err) {
			continue
		}
		if err != nil {
			return err
		}
		all = append(all, h)
	}
	return c.sayHolds(ctx, s, all, false)
}

func (c *cli) addHoldCommand() *cobra.Command {
	var login, group, reason string
	x := c.command("add", "Keep everything of a user, or in a group, from being deleted",
		func(ctx context.Context, s *chatadmin.Scope, _ []string) (err error) {
			h := chatadmin.Hold{Reason: reason}
			if login != "" {
				if h.User, err = c.id(ctx, s, login); err != nil {
					return err
				}
			} else {
				g, err := c.findGroup(ctx, s, group)
				if err != nil {
					return err
				}
				h.Group = g.ID
			}
			if h, err = s.AddHold(ctx, h); err != nil {
				return err
			}
			return c.sayHolds(ctx, s, []chatadmin.Hold{h}, true)
		})
	x.Flags().StringVar(&login, "user", "", "hold the user with this `login`")
	x.Flags().StringVar(&group, "group", "", "hold the group with this `name`")
	x.Flags().StringVar(&reason, "reason", "", "why, in a `sentence`")
	oneOf(x, "user", "group")
	exclusive(x, "user", "group")
	return x
}

// sayHolds prints a list of holds, or the one that was added.
func (c *cli) sayHolds(ctx context.Context, s *chatadmin.Scope, all []chatadmin.Hold, one bool) error {
	var ids []chatadmin.ID
	for _, h := range all {
		ids = append(ids, h.User, h.Group, h.By)
	}
	name, err := c.names(ctx, s, ids)
	if err != nil {
		return err
	}
	shown := []hold{}
	for _, h := range all {
		shown = append(shown, hold{h.ID, name(h.User), name(h.Group), h.Reason, name(h.By), h.At})
	}
	v := any(map[string]any{"holds": shown})
	if one {
		v = shown[0]
	}
	return c.say(v, func(w *tabwriter.Writer) {
		row(w, "ID", "USER", "GROUP", "BY", "SINCE", "REASON")
		for _, h := range shown {
			row(w, h.ID, h.User, h.Group, h.By, h.At.Format(time.DateOnly), h.Reason)
		}
	})
}
