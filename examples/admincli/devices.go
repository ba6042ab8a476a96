package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/devices"
)

const devicesHelp = `devices register LOGIN --device-id ID --type ios|android|windows|mac|linux|other [--name N] [--app-version V]
devices list [--search TEXT] [--status enabled|disabled] [--type T] [--wipe-pending-days N]
devices disable ID
devices enable ID [--cancel-wipe]
devices wipe ID
devices cancel-wipe ID                      also of a removed device, by the id that list --wipe-pending-days shows
devices remove ID
devices history ID
devices checkin ID                          what the device does when it asks for commands
devices ack ID --command C [--failed]       and when it has carried one out
devices authorize ID                        and when it makes a request: fails when it is not let in

ID is the device id; with [--user LOGIN] where two people share it. What a device keeps, its credentials, is kept for it in a file beside the database, or in --phones FILE.`

// deviceFlags are the flags of all commands about devices.
type deviceFlags struct {
	user, id, typ, name, version, search, status, command, phones string
	days                                                          int
	cancelWipe, failed                                            bool
}

func (c *cli) devices(ctx context.Context, args []string) error {
	var f deviceFlags
	var rest []string
	fs := c.flags("devices", devicesHelp)
	fs.StringVar(&f.user, "user", "", "")
	fs.StringVar(&f.id, "device-id", "", "")
	fs.StringVar(&f.typ, "type", "", "")
	fs.StringVar(&f.name, "name", "", "")
	fs.StringVar(&f.version, "app-version", "", "")
	fs.StringVar(&f.search, "search", "", "")
	fs.StringVar(&f.status, "status", "", "")
	fs.StringVar(&f.command, "command", "", "")
	fs.StringVar(&f.phones, "phones", "", "")
	fs.IntVar(&f.days, "wipe-pending-days", -1, "")
	fs.BoolVar(&f.cancelWipe, "cancel-wipe", false, "")
	fs.BoolVar(&f.failed, "failed", false, "")
	if err := parse(fs, args, &rest); err != nil {
		return err
	}
	if f.phones != "" {
		c.phones = &phones{path: f.phones}
	}
	s, err := c.scope(ctx)
	if err != nil {
		return err
	}
	if len(rest) == 1 && rest[0] == "list" {
		return c.listDevices(ctx, s, f)
	}
	if len(rest) != 2 {
		return usage("devices: what? devices --help lists it")
	}
	switch rest[0] {
	case "register":
		return c.registerDevice(ctx, s, rest[1], f)
	case "checkin", "ack", "authorize":
		return c.onDevice(ctx, s, rest[0], rest[1], f)
	case "disable", "enable", "wipe", "cancel-wipe", "remove", "history":
		return c.changeDevice(ctx, s, rest[0], rest[1], f)
	}
	return usage("devices %s: devices --help shows how it is used", rest[0])
}

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
	v := device{User: d.Login, Type: d.Type.String(), DeviceID: d.Key, Name: d.Name, Version: d.Version, Status: d.Status.String(), DisabledBy: d.Reasons.String(), Wipe: d.Wipe.String(),
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

func (c *cli) listDevices(ctx context.Context, s *chatadmin.Scope, f deviceFlags) error {
	q := devices.Query{Search: f.search}
	var err error
	if f.status != "" {
		if q.Status, err = devices.ParseStatus(f.status); err != nil {
			return usage("devices list: %s", err)
		}
	}
	if f.typ != "" {
		if q.Type, err = devices.ParseType(f.typ); err != nil {
			return usage("devices list: %s", err)
		}
	}
	if f.user != "" {
		ids, err := c.ids(ctx, []string{f.user})
		if err != nil {
			return err
		}
		q.User = ids[0]
	}
	found := c.registry.All(ctx, s, q)
	if f.days >= 0 {
		if f.search != "" || f.status != "" || f.typ != "" || f.user != "" {
			return usage("devices list: --wipe-pending-days stands alone")
		}
		found = c.registry.Pending(ctx, s, time.Duration(f.days)*24*time.Hour)
	}
	list := []device{}
	for d, err := range found {
		if err != nil {
			return err
		}
		list = append(list, deviceShown(d))
	}
	return c.say(map[string]any{"devices": list}, func(w *tabwriter.Writer) {
		row(w, "USER", "TYPE", "DEVICE ID", "LAST ACTIVITY", "STATUS", "WIPE")
		for _, d := range list {
			d.row(w)
		}
	})
}

func (c *cli) registerDevice(ctx context.Context, s *chatadmin.Scope, login string, f deviceFlags) error {
	if f.id == "" || f.typ == "" {
		return usage("devices register: --device-id and --type are needed")
	}
	t, err := devices.ParseType(f.typ)
	if err != nil {
		return usage("devices register: %s", err)
	}
	ids, err := c.ids(ctx, []string{login})
	if err != nil {
		return err
	}
	host := c.admin.AsHost(s.Domain()) // it is the phone's user who signs in there, whoever acts here
	out, err := c.registry.Register(ctx, host, ids[0], devices.Registration{Key: f.id, Type: t, Name: f.name, Version: f.version})
	if err != nil {
		return err
	}
	p := phone{Domain: s.Domain(), User: chatadmin.Fold(login), DeviceID: f.id, WipeToken: out.WipeToken.Plain()}
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

// findDevice finds a device by the device id. The actor need not be allowed to look for it: the calls that follow authorise.
func (c *cli) findDevice(ctx context.Context, s *chatadmin.Scope, id string, f deviceFlags) (devices.Device, error) {
	q := devices.Query{Key: id}
	if f.user != "" {
		ids, err := c.ids(ctx, []string{f.user})
		if err != nil {
			return devices.Device{}, err
		}
		q.User = ids[0]
	}
	var found devices.Device
	for d, err := range c.registry.All(ctx, c.admin.AsHost(s.Domain()), q) {
		if err == nil && found.ID != "" {
			err = fmt.Errorf("several users have a device %q: name one by --user: %w", chatadmin.Cut(id), chatadmin.ErrInvalid)
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

func (c *cli) changeDevice(ctx context.Context, s *chatadmin.Scope, what, id string, f deviceFlags) error {
	found, err := c.findDevice(ctx, s, id, f)
	if what == "cancel-wipe" && f.user == "" && errors.Is(err, chatadmin.ErrNotFound) {
		found, err = devices.Device{ID: chatadmin.ID(id)}, nil // one that was removed has no other name
	}
	if err != nil {
		return err
	}
	sel := devices.These(found.ID)
	var changed []devices.Device
	switch what {
	case "history":
		return c.deviceHistory(ctx, s, found)
	case "remove":
		if err := c.registry.Remove(ctx, s, sel); err != nil {
			return err
		}
		return c.done("removed " + id)
	case "disable":
		changed, err = c.registry.Disable(ctx, s, sel)
	case "enable":
		changed, err = c.registry.Enable(ctx, s, sel, &devices.EnableOptions{CancelWipe: f.cancelWipe})
	case "wipe":
		changed = make([]devices.Device, 1)
		changed[0], err = c.registry.Wipe(ctx, s, found.ID)
	case "cancel-wipe":
		changed = make([]devices.Device, 1)
		changed[0], err = c.registry.CancelWipe(ctx, s, found.ID)
	}
	if err != nil {
		return err
	}
	changed[0].Login = found.Login
	d := deviceShown(changed[0])
	return c.say(d, d.row)
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
		commands = append(commands, command{h.ID, "wipe", h.Generation, h.State, h.Asked, name(h.AskedBy), h.Delivered, h.Ended, name(h.EndedBy), h.Failure})
	}
	return c.say(map[string]any{"commands": commands}, func(w *tabwriter.Writer) {
		row(w, "COMMAND", "KIND", "GENERATION", "STATE", "ASKED", "BY")
		for _, h := range commands {
			row(w, h.ID, h.Kind, h.Generation, h.State, h.Asked.Format(time.RFC3339), h.AskedBy)
		}
	})
}

// onDevice is what the device itself does, by the credentials that it keeps.
func (c *cli) onDevice(ctx context.Context, s *chatadmin.Scope, what, id string, f deviceFlags) error {
	if what == "ack" && f.command == "" {
		return usage("devices ack: --command is needed; devices checkin tells it")
	}
	p, err := c.phones.find(s.Domain(), chatadmin.Fold(f.user), id)
	if err != nil {
		return err
	}
	defer func() { _, _ = c.registry.FlushActivity(context.WithoutCancel(ctx)) }() // a later command sees that the device was active
	switch what {
	case "authorize":
		session, err := c.registry.Authorize(ctx, p.Token)
		if err != nil {
			return fmt.Errorf("device %q: %w", chatadmin.Cut(id), err)
		}
		return c.say(map[string]any{"allowed": true, "device_id": session.Key, "generation": session.Generation}, func(w *tabwriter.Writer) { row(w, "allowed", session.Key) })
	case "checkin":
		got, err := c.registry.CheckIn(ctx, p.WipeToken)
		if err != nil {
			return fmt.Errorf("device %q: %w", chatadmin.Cut(id), err)
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
	}
	command, err := c.registry.Acknowledge(ctx, p.WipeToken, chatadmin.ID(f.command), devices.Outcome{Failed: f.failed})
	if err != nil {
		return fmt.Errorf("device %q: %w", chatadmin.Cut(id), err)
	}
	return c.say(map[string]any{"id": command.ID, "state": command.State}, func(w *tabwriter.Writer) { row(w, command.ID, command.State) })
}
