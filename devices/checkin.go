package devices

import (
	"context"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// CheckIn returns the commands for a device. It takes the plain text of
// Registered.WipeToken. A device calls it when a push wakes it, now and then,
// and if a request of it was refused. It works while the session is revoked,
// and after the device or its user was deleted.
//
// A pending wipe is returned again, as the same command, until the device
// answers. Without a pending command nothing is written. It returns ErrRefused
// for a credential that is not the present one.
func (r *Registry) CheckIn(ctx context.Context, wipeToken string) ([]Command, error) {
	h, t, err := r.open(ctx, wipeToken)
	if err != nil {
		return nil, err
	}
	if h.there() {
		r.note(&h.row, r.admin.Now())
	}
	if h.state() == Delivered {
		return []Command{h.command.Command}, nil
	}
	if h.state() != Requested {
		return nil, nil
	}
	var out []Command
	err = r.admin.AsHost(t.Domain).Change(ctx, chatadmin.Op{Kind: KindDeliverWipe, Targets: []chatadmin.ID{t.Subject}}, func(ctx context.Context, w *chatadmin.Writer) error {
		out = nil
		h, err := reopen(ctx, w, t)
		if err != nil || !h.state().Pending() {
			return err
		}
		if h.state() == Requested {
			if err := h.apply(DeliverWipe); err != nil {
				return err
			}
			h.command.Delivered = w.Now()
		}
		out = []Command{h.command.Command}
		return write(ctx, w, KindDeliverWipe, []*entry{h})
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Outcome is the answer of a device to a command.
type Outcome struct {
	Failed bool
	Detail string // what went wrong, in the device's words; cut to 64 bytes
}

// Acknowledge answers a command that CheckIn has delivered. The first answer
// counts; repeating it returns the command as it is and changes nothing.
//
// It returns ErrStale for anything but the last command of the present
// generation, ErrState before the delivery, and ErrRefused for another
// credential.
func (r *Registry) Acknowledge(ctx context.Context, wipeToken string, command chatadmin.ID, o Outcome) (Command, error) {
	h, t, err := r.open(ctx, wipeToken)
	if err != nil {
		return Command{}, err
	}
	if err := h.answers(command); err != nil {
		return Command{}, err
	}
	event, detail := WipeDone, ""
	if o.Failed {
		event, detail = WipeFailed, chatadmin.Cut(o.Detail)
	}
	var out Command
	op := chatadmin.Op{Kind: KindAnswerWipe, Fence: storage.Shared, Targets: []chatadmin.ID{t.Subject}}
	err = r.admin.AsHost(t.Domain).Change(ctx, op, func(ctx context.Context, w *chatadmin.Writer) error {
		h, err := reopen(ctx, w, t)
		if err != nil {
			return err
		}
		if err := h.answers(command); err != nil {
			return err
		}
		if err := h.end(w, event, "", detail); err != nil {
			return err
		}
		out = h.command.Command
		return write(ctx, w, KindAnswerWipe, []*entry{h})
	})
	if err != nil {
		return Command{}, err
	}
	return out, nil
}

// answers refuses what is not the device's last command in its present
// generation.
func (h *entry) answers(command chatadmin.ID) error {
	if h.state() == None || h.command.ID != command {
		return ErrStale
	}
	return nil
}

// open finds the device of a wipe credential.
func (r *Registry) open(ctx context.Context, wipeToken string) (*entry, chatadmin.Token, error) {
	t, ok := parseToken(wipeToken)
	if !ok {
		return nil, t, ErrRefused
	}
	h, err := reopen(ctx, r.admin.Store(), t)
	return h, t, err
}

func reopen(ctx context.Context, r storage.Reader, t chatadmin.Token) (*entry, error) {
	hs, err := load(ctx, r, t.Domain, []chatadmin.ID{t.Subject})
	if err != nil {
		return nil, err
	}
	if len(hs) == 0 || !hs[0].opens(t) {
		return nil, ErrRefused
	}
	return hs[0], nil
}
