package main

import (
	"context"
	"text/tabwriter"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

const holdsHelp = `holds list
holds add (--user LOGIN | --group NAME) --reason TEXT     nothing that it covers is deleted
holds release ID`

// hold is how a legal hold is shown.
type hold struct {
	ID     chatadmin.ID `json:"id"`
	User   string       `json:"user,omitempty"`
	Group  string       `json:"group,omitempty"`
	Reason string       `json:"reason"`
	By     string       `json:"by"`
	At     time.Time    `json:"at"`
}

func (c *cli) holds(ctx context.Context, args []string) error {
	var login, group, reason string
	fs := c.flags("holds", holdsHelp)
	fs.StringVar(&login, "user", "", "")
	fs.StringVar(&group, "group", "", "")
	fs.StringVar(&reason, "reason", "", "")
	var rest []string
	if err := parse(fs, args, &rest); err != nil {
		return err
	}
	s, err := c.scope(ctx)
	if err != nil {
		return err
	}
	switch {
	case len(rest) == 1 && rest[0] == "list":
		var all []chatadmin.Hold
		for h, err := range s.Holds(ctx) {
			if err != nil {
				return err
			}
			all = append(all, h)
		}
		return c.sayHolds(ctx, s, all, false)
	case len(rest) == 1 && rest[0] == "add" && (login == "") != (group == ""):
		h := chatadmin.Hold{Reason: reason}
		if login != "" {
			ids, err := c.ids(ctx, []string{login})
			if err != nil {
				return err
			}
			h.User = ids[0]
		} else {
			g, err := c.group(ctx, s, group)
			if err != nil {
				return err
			}
			h.Group = g.ID
		}
		if h, err = s.AddHold(ctx, h); err != nil {
			return err
		}
		return c.sayHolds(ctx, s, []chatadmin.Hold{h}, true)
	case len(rest) == 2 && rest[0] == "release":
		h, err := s.ReleaseHold(ctx, chatadmin.ID(rest[1]))
		if err != nil {
			return err
		}
		return c.done("released: " + string(h.ID))
	}
	return usage("holds: list, add (--user LOGIN | --group NAME) --reason TEXT, or release ID")
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
