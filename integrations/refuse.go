package integrations

import (
	"context"
	"encoding/json"
	"fmt"

	"chatadmin.example/sdk/chatadmin"
)

// ErrRefused is returned by Accept and Route for a request that is not what it
// should be. It is answered with 401 and nothing else.
var ErrRefused = chatadmin.ErrForbidden.New("refused", "refused")

// Refuse implements most of Service for a service that does not need it: no
// settings for the domain, no choices, no requests from outside, and no
// messages in either direction. Embed it.
type Refuse struct{}

// CheckDomain accepts no settings.
func (Refuse) CheckDomain(settings json.RawMessage) (json.RawMessage, error) {
	if len(settings) > 0 && string(settings) != "{}" && string(settings) != "null" {
		return nil, fmt.Errorf("this service has no settings for the whole domain: %w", chatadmin.ErrInvalid)
	}
	return nil, nil
}

// Choices returns none.
func (Refuse) Choices(context.Context, *Connection) ([]Choice, error) { return nil, nil }

// Release does nothing.
func (Refuse) Release(context.Context, *Connection) error { return nil }

// Accept refuses everything.
func (Refuse) Accept(*Connection, *Request) (Accepted, error) { return Accepted{}, ErrRefused }

// Receive is never called.
func (Refuse) Receive(context.Context, *Connection, json.RawMessage) ([]Effect, error) {
	return nil, nil
}

// Send returns chatadmin.ErrInvalid.
func (Refuse) Send(context.Context, *Connection, Outgoing) (Sent, error) {
	return Sent{}, fmt.Errorf("this service takes no messages: %w", chatadmin.ErrInvalid)
}
