package devices

import (
	"context"

	"chatadmin.example/sdk/chatadmin"
)

// CheckIn is how a device asks what there is to do, by the plain text of its
// Registered.WipeToken: when it is woken, now and then, and whenever a request
// of it is refused. It works although the session is revoked and even after the
// device or its user were deleted. A pending wipe is delivered, and delivered
// again, the same command, until it is answered: a device that crashed over it
// does it again. Without a pending command nothing is written. A credential
// that is not that of the present registration is ErrRefused.
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
	err = r.admin.AsHost(t.Domain).Change(ctx, chatadmin.Op{Kind: KindDeliverWipe, Targets: []chatadmin.ID{t.Subject}}, func(ctx context.Context, w *chatadmin.Work) error {
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
		return write(ctx, w, KindDeliverWipe, []*held{h})
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Outcome is what a device says of a command.
type Outcome struct {
	Failed bool
	Detail string // what went wrong, in the device's words; cut to 64 bytes
}

// Acknowledge is how a device answers a command that CheckIn has delivered to
// it. Of several answers the first counts: repeating it returns the command as
// it is and changes nothing. An answer to anything but the last command of the
// present generation is ErrStale, one before the delivery ErrState, another
// credential ErrRefused.
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
	op := chatadmin.Op{Kind: KindAnswerWipe, Fence: chatadmin.Shared, Targets: []chatadmin.ID{t.Subject}}
	err = r.admin.AsHost(t.Domain).Change(ctx, op, func(ctx context.Context, w *chatadmin.Work) error {
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
		return write(ctx, w, KindAnswerWipe, []*held{h})
	})
	if err != nil {
		return Command{}, err
	}
	return out, nil
}

// answers refuses what is not the device's last command in its present
// generation.
func (h *held) answers(command chatadmin.ID) error {
	if h.state() == None || h.command.ID != command {
		return ErrStale
	}
	return nil
}

// open finds the device of a wipe credential.
func (r *Registry) open(ctx context.Context, wipeToken string) (*held, chatadmin.Token, error) {
	t, ok := parseToken(wipeToken)
	if !ok {
		return nil, t, ErrRefused
	}
	h, err := reopen(ctx, r.admin.Store(), t)
	return h, t, err
}

func reopen(ctx context.Context, r chatadmin.Reader, t chatadmin.Token) (*held, error) {
	hs, err := hold(ctx, r, t.Domain, []chatadmin.ID{t.Subject})
	if err != nil {
		return nil, err
	}
	if len(hs) == 0 || !hs[0].opens(t) {
		return nil, ErrRefused
	}
	return hs[0], nil
}
