package devices

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"chatadmin.example/sdk/chatadmin"
)

// trail leads from a user and the client's own device id to the device that was taken off the list while its wipe was pending. It belongs to the user and goes with them: what
// outlives both, the command, does not say whose device it was. The one of a wipe that was answered stays until the client registers again.
type trail struct {
	Version int          `json:"v"`
	Device  chatadmin.ID `json:"device"`
}

func trailKey(domain, user chatadmin.ID, deviceKey string) chatadmin.Key {
	return key(trailKind, domain, user+"."+chatadmin.ID(deviceKey))
}

// leaveTrail makes a device that is being removed found again, if its wipe is pending. A user who is being deleted does not register again, and gets no record any more.
func leaveTrail(ctx context.Context, w *chatadmin.Work, h *held) error {
	if !h.state().Pending() {
		return nil
	}
	text, err := json.Marshal(trail{Version: 1, Device: h.id})
	if err != nil {
		return err
	}
	c := chatadmin.Change[chatadmin.Record]{Row: chatadmin.Record{Key: trailKey(w.Domain.ID, h.user, h.row.Key), Owner: h.user, Data: text}}
	rs, err := w.Records(ctx, []chatadmin.Key{c.Row.Key})
	if err != nil {
		return err
	}
	for _, r := range rs {
		c.Was = r.Rev
	}
	if err := w.PutRecords(ctx, []chatadmin.Change[chatadmin.Record]{c}); !errors.Is(err, chatadmin.ErrNotFound) {
		return err
	}
	return nil
}

// followTrail finds what is left of a user's device that was removed while its wipe was pending, or nil, and the trail to it, if any.
func followTrail(ctx context.Context, r chatadmin.Reader, domain, user chatadmin.ID, deviceKey string) (*held, []chatadmin.Record, error) {
	rs, err := r.Records(ctx, []chatadmin.Key{trailKey(domain, user, deviceKey)})
	if err != nil || len(rs) == 0 {
		return nil, nil, err
	}
	var t trail
	if err := json.Unmarshal(rs[0].Data, &t); err != nil {
		return nil, nil, fmt.Errorf("removed device of user %s: %w", user, err)
	}
	hs, err := hold(ctx, r, domain, []chatadmin.ID{t.Device})
	if err != nil || len(hs) == 0 || !hs[0].state().Pending() {
		return nil, rs, err
	}
	return hs[0], rs, nil
}

// takeBack makes a device whose wipe has outlived it a device again, of the same generation, which has yet to answer. It is nil where there is none.
func takeBack(ctx context.Context, w *chatadmin.Work, user chatadmin.ID, deviceKey string) (*held, error) {
	h, rs, err := followTrail(ctx, w, w.Domain.ID, user, deviceKey)
	if err != nil {
		return nil, err
	}
	for _, r := range rs {
		if err := w.PutRecords(ctx, []chatadmin.Change[chatadmin.Record]{{Row: r, Was: r.Rev, Delete: true}}); err != nil {
			return nil, err
		}
	}
	if h != nil {
		h.row = chatadmin.Device{ID: h.id, Status: uint8(Disabled), Generation: h.command.Generation}
		h.data.Reasons = ByWipe
	}
	return h, nil
}
