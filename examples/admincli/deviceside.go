package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/devices"
)

// onDevice makes a command that the device itself gives, by the credentials
// that it keeps.
func (c *cli) onDevice(use, short string, run func(context.Context, phone) error) *cobra.Command {
	var user string
	x := c.command(use, short, func(ctx context.Context, s *chatadmin.Scope, args []string) error {
		p, err := c.phones.find(s.Domain(), chatadmin.Fold(user), args[0])
		if err != nil {
			return err
		}
		defer func() {
			_,
				_ = c.registry.FlushActivity(context.WithoutCancel(ctx))
		}() // a later command sees that the device was active
		if err := run(ctx, p); err != nil {
			return fmt.Errorf("device %q: %w", chatadmin.Cut(args[0]), err)
		}
		return nil
	})
	return userFlag(c.phonesFlag(x), &user)
}

func (c *cli) authorizeCommand() *cobra.Command {
	return c.onDevice("authorize ID", "Make a request, as the device does; fails if it is not let in",
		func(ctx context.Context, p phone) error {
			session, err := c.registry.Authorize(ctx, p.Token)
			if err != nil {
				return err
			}
			return c.tell(map[string]any{"allowed": true, "device_id": session.Key,
				"generation": session.Generation}, "allowed", session.Key)
		})
}

func (c *cli) checkInCommand() *cobra.Command {
	return c.onDevice("checkin ID", "Ask for commands, as the device does",
		func(ctx context.Context, p phone) error {
			got, err := c.registry.CheckIn(ctx, p.WipeToken)
			if err != nil {
				return err
			}
			commands := []map[string]any{}
			for _, command := range got {
				commands = append(commands, map[string]any{"id": command.ID, "kind": "wipe"})
			}
			return c.say(map[string]any{"commands": commands}, func(w *tabwriter.Writer) {
				for _, command := range commands {
					row(w, command["id"], command["kind"])
				}
			})
		})
}

func (c *cli) acknowledgeCommand() *cobra.Command {
	var id string
	var outcome devices.Outcome
	x := c.onDevice("ack ID", "Tell that a command was carried out, as the device does",
		func(ctx context.Context, p phone) error {
			command, err := c.registry.Acknowledge(ctx, p.WipeToken, chatadmin.ID(id), outcome)
			if err != nil {
				return err
			}
			return c.tell(map[string]any{"id": command.ID, "state": command.State}, command.ID, command.State)
		})
	x.Flags().StringVar(&id, "command", "", "the `ID` of the command, which devices checkin tells")
	x.Flags().BoolVar(&outcome.Failed, "failed", false, "it failed")
	needed(x, "command")
	return x
}
