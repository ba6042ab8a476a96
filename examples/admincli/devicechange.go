package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/devices"
)

// findDevice finds a device by the device id. The actor need not be allowed to
// look for it: the calls that follow authorise.
func (c *cli) findDevice(ctx context.Context, s *chatadmin.Scope, user, id string) (_ devices.Device, err error) {
	q := devices.Query{Key: id}
	if user != "" {
		if q.User, err = c.id(ctx, s, user); err != nil {
			return devices.Device{}, err
		}
	}
	var found devices.Device
	for d, err := range c.registry.Devices(ctx, c.admin.AsHost(s.Domain()), q) {
		if err == nil && found.ID != "" {
			err = fmt.Errorf("several users have a device %q: name one by --user: %w", chatadmin.Cut(id),
				chatadmin.ErrInvalid)
		}
		if err != nil {
			return devices.Device{}, err
		}
		found = d
	}
	if found.ID == "" {
		return devices.Device{}, fmt.Errorf("device %q: %w", chatadmin.Cut(id), chatadmin.ErrNotFound)
	}
	return found, nil
}

// userFlag names the user of a device that two people share.
func userFlag(x *cobra.Command, user *string) *cobra.Command {
	x.Flags().StringVar(user, "user", "", "the `login` of the device's user, if two people share it")
	return x
}

// onFound makes a command about a device that is looked up by its device id.
func (c *cli) onFound(
	use, short string, run func(context.Context, *chatadmin.Scope, devices.Device) error,
) *cobra.Command {
	var user string
	return userFlag(c.command(use, short, func(ctx context.Context, s *chatadmin.Scope, args []string) error {
		d, err := c.findDevice(ctx, s, user, args[0])
		if err != nil {
			return err
		}
		return run(ctx, s, d)
	}), &user)
}

// deviceCommand makes a command that changes a device and shows it.
func (c *cli) deviceCommand(
	use, short string, change func(context.Context, *chatadmin.Scope, devices.Device) ([]devices.Device, error),
) *cobra.Command {
	return c.onFound(use, short, func(ctx context.Context, s *chatadmin.Scope, d devices.Device) error {
		changed, err := change(ctx, s, d)
		return c.sayChanged(d, changed, err)
	})
}

func (c *cli) sayChanged(was devices.Device, changed []devices.Device, err error) error {
	if err != nil {
		return err
	}
	changed[0].Login = was.Login
	d := deviceShown(changed[0])
	return c.say(d, d.row)
}

func (c *cli) enableDeviceCommand() *cobra.Command {
	var o devices.EnableOptions
	x := c.deviceCommand("enable ID", "Let a device in again",
		func(ctx context.Context, s *chatadmin.Scope, d devices.Device) ([]devices.Device, error) {
			return c.registry.Enable(ctx, s, devices.These(d.ID), &o)
		})
	x.Flags().BoolVar(&o.CancelWipe, "cancel-wipe", false, "take back a wipe that is pending")
	return x
}

func (c *cli) cancelWipeCommand() *cobra.Command {
	var user string
	x := c.command("cancel-wipe ID", "Take back a wipe that is pending",
		func(ctx context.Context, s *chatadmin.Scope, args []string) error {
			d, err := c.findDevice(ctx, s, user, args[0])
			if user == "" && errors.Is(err, chatadmin.ErrNotFound) {
				d, err = devices.Device{ID: chatadmin.ID(args[0])}, nil // a device that was removed has no other name
			}
			if err != nil {
				return err
			}
			changed, err := one(c.registry.CancelWipe(ctx, s, d.ID))
			return c.sayChanged(d, changed, err)
		})
	x.Long = `ID is the device id or, if the device was removed, the id that devices list
--wipe-pending-days shows.`
	return userFlag(x, &user)
}

func (c *cli) removeDeviceCommand() *cobra.Command {
	return c.onFound("remove ID", "Forget a device; a wipe stays pending",
		func(ctx context.Context, s *chatadmin.Scope, d devices.Device) error {
			if err := c.registry.Remove(ctx, s, devices.These(d.ID)); err != nil {
				return err
			}
			return c.done("removed " + d.Key)
		})
}

func (c *cli) deviceHistoryCommand() *cobra.Command {
	return c.onFound("history ID", "List the commands that a device was given", c.deviceHistory)
}

func (c *cli) deviceHistory(ctx context.Context, s *chatadmin.Scope, d devices.Device) error {
	history, err := c.registry.History(ctx, s, d.ID)
	if err != nil {
		return err
	}
	type command struct {
		ID         chatadmin.ID `json:"id"`
		Kind       string       `json:"kind"`
		Generation int64        `json:"generation"`
		State      devices.Wipe `json:"state"`
		Asked      time.Time    `json:"asked"`
		AskedBy    string       `json:"asked_by"`
		Delivered  time.Time    `json:"delivered,omitzero"`
		Ended      time.Time    `json:"ended,omitzero"`
		EndedBy    string       `json:"ended_by,omitempty"`
		Failure    string       `json:"failure,omitempty"`
	}
	var who []chatadmin.ID
	for _, h := range history {
		who = append(who, h.AskedBy, h.EndedBy)
	}
	name, err := c.names(ctx, s, who)
	if err != nil {
		return err
	}
	commands := []command{}
	for _, h := range history {
		commands = append(commands, command{h.ID, "wipe", h.Generation, h.State, h.Asked, name(h.AskedBy),
			h.Delivered, h.Ended, name(h.EndedBy), h.Failure})
	}
	return c.say(map[string]any{"commands": commands}, func(w *tabwriter.Writer) {
		row(w, "COMMAND", "KIND", "GENERATION", "STATE", "ASKED", "BY")
		for _, h := range commands {
			row(w, h.ID, h.Kind, h.Generation, h.State, h.Asked.Format(time.RFC3339), h.AskedBy)
		}
	})
}
