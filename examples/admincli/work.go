package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func (c *cli) workCommand() *cobra.Command {
	x := c.hostOnly(c.globalCommand("work", "Do everything periodic, once, in all domains (without --as)",
		func(ctx context.Context, _ *cobra.Command, _ []string) error {
			closeStore, err := c.open(ctx, "work")
			if err != nil {
				return err
			}
			defer closeStore()
			return c.work(ctx)
		}))
	x.Long = `work does once what a worker of the application does every minute: it sends
mails that are due, goes on with runs that are due or were interrupted, delivers
to integrations, and deletes what is kept no longer.`
	c.services.fakes(x.Flags())
	return x
}

func (c *cli) work(ctx context.Context) error {
	c.unsent()
	did, err := c.admin.Work(ctx)
	if err != nil {
		for _, name := range slices.Sorted(maps.Keys(did)) {
			_, _ = fmt.Fprintf(c.err, "admincli: %s: %d done\n", name, did[name])
		}
		return err
	}
	return c.say(map[string]any{"did": did}, func(w *tabwriter.Writer) {
		for _, name := range slices.Sorted(maps.Keys(did)) {
			row(w, name, did[name])
		}
		if len(did) == 0 {
			row(w, "nothing was due")
		}
	})
}

// hasKeys reports whether there are keys already.
func (c *cli) hasKeys() bool {
	_, err := os.Stat(c.keyFileName())
	return err == nil || c.ring != nil
}
