package main

import (
	"context"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/devices"
)

func (c *cli) devicesCommands() *cobra.Command {
	x := c.group("devices", "Native clients: list, disable and wipe them",
		c.registerDeviceCommand(), c.listDevicesCommand(),
		c.deviceCommand("disable ID", "Let a device in no more",
			func(ctx context.Context, s *chatadmin.Scope, d devices.Device) ([]devices.Device, error) {
				return c.registry.Disable(ctx, s, devices.These(d.ID))
			}),
		c.enableDeviceCommand(),
		c.deviceCommand("wipe ID", "Ask a device to delete what it keeps",
			func(ctx context.Context, s *chatadmin.Scope, d devices.Device) ([]devices.Device, error) {
				return one(c.registry.Wipe(ctx, s, d.ID))
			}),
		c.cancelWipeCommand(), c.removeDeviceCommand(), c.deviceHistoryCommand(),
		c.checkInCommand(), c.acknowledgeCommand(), c.authorizeCommand())
	x.Long = `ID is the device id, with --user LOGIN if two people share the device. What a
device keeps on itself, its credentials, is kept for it in a file beside the
database, or in --phones FILE.`
	return x
}

// phonesFlag names the file of a command that stands for the device itself.
func (c *cli) phonesFlag(x *cobra.Command) *cobra.Command {
	x.Flags().StringVar(&c.phoneFile, "phones", "", "the `file` that keeps the devices' credentials")
	return x
}

func one(d devices.Device, err error) ([]devices.Device, error) { return []devices.Device{d}, err }

// device is how a device is shown.
type device struct {
	User       string `json:"user"`
	Type       string `json:"type"`
	DeviceID   string `json:"device_id"`
	Name       string `json:"name"`
	Version    string `json:"app_version"`
	Activity   string `json:"last_activity"`
	Status     string `json:"status"`
	DisabledBy string `json:"disabled_by"`
	Wipe       string `json:"wipe"`
	Generation int64  `json:"generation"`
	Damaged    bool   `json:"damaged,omitempty"`
}

func deviceShown(d devices.Device) device {
	v := device{User: d.Login, Type: d.Type.String(), DeviceID: d.Key, Name: d.Name, Version: d.Version,
		Status: d.Status.String(), DisabledBy: d.Reasons.String(), Wipe: d.Wipe.String(),
		Generation: d.Generation, Damaged: d.Damaged}
	if !d.LastSeen.IsZero() {
		v.Activity = d.LastSeen.Format(time.RFC3339)
	}
	if d.Key == "" { // deleted, with its wipe pending
		v.DeviceID, v.Type = string(d.ID), ""
	}
	return v
}

func (d device) row(w *tabwriter.Writer) {
	row(w, d.User, d.Type, d.DeviceID, d.Activity, d.Status, d.Wipe)
}

func (c *cli) listDevicesCommand() *cobra.Command {
	var status, typ, user, after string
	var q devices.Query
	days, limit := 0, 0
	var x *cobra.Command
	x = c.command("list", "List devices", func(ctx context.Context, s *chatadmin.Scope, _ []string) (err error) {
		if user != "" {
			if q.User, err = c.id(ctx, s, user); err != nil {
				return err
			}
		}
		age := time.Duration(days) * 24 * time.Hour
		page := func(p chatadmin.Page) ([]devices.Device, chatadmin.Cursor, error) {
			return c.registry.DevicesPage(ctx, s, q, p)
		}
		var found []devices.Device
		var next chatadmin.Cursor
		switch pending := x.Flags().Changed("wipe-pending-days"); {
		case pending && q == (devices.Query{}) && limit == 0 && after == "": // of deleted devices, too
			found, _, err = rows(0, "", c.registry.Pending(ctx, s, age), nil)
		case pending:
			found, next, err = fitting(limit, after, page, func(d devices.Device) bool {
				return d.Wipe.Pending() && c.admin.Now().Sub(d.Command.Asked) >= age
			})
		default:
			found, next, err = rows(limit, after, c.registry.Devices(ctx, s, q), page)
		}
		if err != nil {
			return err
		}
		return c.sayDevices(found, next)
	})
	f := x.Flags()
	f.StringVar(&q.Search, "search", "", "only devices with this `text` in name, device id or user")
	f.StringVar(&typ, "type", "", "only devices of this `type`: ios, android, windows, mac, linux or other")
	f.StringVar(&user, "user", "", "only devices of the user with this `login`")
	f.IntVar(&days, "wipe-pending-days", 0, "only devices whose wipe has been pending for so many days; alone, deleted devices too")
	choose(x, &status, "status", "only devices of this status", "enabled", "disabled")
	paged(x, &limit, &after, "devices")
	return checked(x, func([]string) (err error) {
		if status != "" {
			if q.Status, err = devices.ParseStatus(status); err != nil {
				return usage("%s", err)
			}
		}
		if typ != "" {
			if q.Type, err = devices.ParseType(typ); err != nil {
				return usage("%s", err)
			}
		}
		if days < 0 {
			return usage("--wipe-pending-days is 0 or more")
		}
		return nil
	})
}

func (c *cli) sayDevices(found []devices.Device, next chatadmin.Cursor) error {
	list := []device{}
	for _, d := range found {
		list = append(list, deviceShown(d))
	}
	return c.sayPage("devices", list, next, func(w *tabwriter.Writer) {
		row(w, "USER", "TYPE", "DEVICE ID", "LAST ACTIVITY", "STATUS", "WIPE")
		for _, d := range list {
			d.row(w)
		}
	})
}

func (c *cli) registerDeviceCommand() *cobra.Command {
	var n devices.Registration
	var typ, activation, imei string
	x := c.command("register LOGIN", "Register a device, as its user does",
		func(ctx context.Context, s *chatadmin.Scope, args []string) (err error) {
			switch {
			case activation != "":
				_, n.Proof, err = c.radios.ByCode(ctx, s.Domain(), args[0], activation)
			case imei != "":
				_, n.Proof, err = c.radios.ByIMEI(ctx, s.Domain(), imei)
			}
			if err != nil {
				return err
			}
			return c.registerDevice(ctx, s, args[0], n)
		})
	x.Flags().StringVar(&n.Key, "device-id", "", "the `ID` that the device has")
	x.Flags().StringVar(&typ, "type", "", "the `type`: ios, android, windows, mac, linux or other")
	x.Flags().StringVar(&n.Name, "name", "", "the `name` of the device")
	x.Flags().StringVar(&n.Version, "app-version", "", "the `version` of the app")
	x.Flags().StringVar(&activation, "code", "", "activate the user by the `code` that was sent")
	x.Flags().StringVar(&imei, "imei", "", "activate the user by the `IMEI` of the phone")
	exclusive(x, "code", "imei")
	needed(x, "device-id", "type")
	return checked(c.phonesFlag(x), func([]string) (err error) {
		if n.Type, err = devices.ParseType(typ); err != nil {
			return usage("%s", err)
		}
		return nil
	})
}

func (c *cli) registerDevice(ctx context.Context, s *chatadmin.Scope, login string, n devices.Registration) error {
	user, err := c.id(ctx, s, login)
	if err != nil {
		return err
	}
	host := c.admin.AsHost(s.Domain()) // the phone's user signs in there, whoever acts here
	out, err := c.registry.Register(ctx, host, user, n)
	if err != nil {
		return err
	}
	p := phone{Domain: s.Domain(), User: chatadmin.Fold(login), DeviceID: n.Key, WipeToken: out.WipeToken.Plain()}
	if out.Device.Status == devices.Enabled {
		p.Token = out.Token.Plain()
	}
	if err := c.phones.put(p); err != nil {
		return err
	}
	out.Device.Login = login
	d := deviceShown(out.Device)
	return c.say(d, d.row)
}
