package chatadmin

import "context"

// SMS is one text message.
type SMS struct {
	To   string // E.164
	Text string
}

// SMSSender hands text messages over for delivery. An error means that the
// message was not accepted.
type SMSSender interface {
	SendSMS(ctx context.Context, m SMS) error
}
