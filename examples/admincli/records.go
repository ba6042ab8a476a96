package main

import (
	"context"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"chatadmin.example/sdk/chatadmin"
)

func (c *cli) recordsCommands() *cobra.Command {
	repair := c.command("repair KIND [ID]", "Delete a damaged record, or put a safe one in its place", c.repair)
	repair.Long = `repair acts as if the record had never been: a legal hold must be placed again,
for example. A record that can be read is left alone. KIND/ID is the same as
KIND ID.`
	return c.group("records", "What the library keeps and cannot read",
		c.command("damaged", "List records that cannot be read", c.damaged),
		checked(repair, func(args []string) error {
			if _, _, ok := record(args); !ok {
				return usage("write the record as KIND ID or as KIND/ID")
			}
			return nil
		}))
}

// record splits KIND ID, or KIND/ID. An ID may hold slashes.
func record(args []string) (kind, id string, ok bool) {
	if len(args) == 2 {
		return args[0], args[1], args[0] != "" && args[1] != ""
	}
	kind, id, _ = strings.Cut(args[0], "/")
	return kind, id, kind != "" && id != ""
}

func (c *cli) damaged(ctx context.Context, s *chatadmin.Scope, _ []string) error {
	type damaged struct {
		Kind string `json:"kind"`
		ID   string `json:"id"`
		Why  string `json:"why"`
	}
	list := []damaged{}
	for bad, err := range s.Damaged(ctx) {
		if err != nil {
			return err
		}
		list = append(list, damaged{bad.Kind, bad.ID, bad.Why})
	}
	return c.say(map[string]any{"records": list}, func(w *tabwriter.Writer) {
		row(w, "KIND", "ID", "WHY")
		for _, v := range list {
			row(w, v.Kind, v.ID, v.Why)
		}
	})
}

func (c *cli) repair(ctx context.Context, s *chatadmin.Scope, args []string) error {
	kind, id, _ := record(args)
	if err := s.Repair(ctx, kind, id); err != nil {
		return err
	}
	return c.done("the " + kind + " can be read, or is gone: " + id)
}
