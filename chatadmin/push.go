package chatadmin

import (
	"context"

	"chatadmin.example/sdk/chatadmin/secret"
)

// Push wakes a device, so that it asks what there is to do. It carries nothing
// that must not get lost or be seen.
type Push struct {
	Token secret.Value // the device's push token
	Kind  string       // why it is woken
}

// Pusher hands pushes over to the device makers' services. An error means that
// the push was not accepted.
type Pusher interface {
	Push(ctx context.Context, p Push) error
}
