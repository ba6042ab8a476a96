package integrations

import (
	"context"
	"encoding/json"
	"fmt"

	"chatadmin.example/sdk/chatadmin"
)

// ErrRefused is a request from outside that is not what it should be; it is answered with 401, and nothing else is said.
var ErrRefused = chatadmin.ErrForbidden.New("refused", "refused")

// Refuse is embedded in a service that lacks some of what Service asks for: it has no settings for the domain, no choices, no requests from outside, and sends and receives nothing.
type Refuse struct{}

// CheckDomain accepts no settings.
func (Refuse) CheckDomain(settings json.RawMessage) (json.RawMessage, error) {
	if len(settings) > 0 && string(settings) != "{}" && string(settings) != "null" {
		return nil, fmt.Errorf("this service has no settings for the whole domain: %w", chatadmin.ErrInvalid)
	}
	return nil, nil
}

// Choices has none.
func (Refuse) Choices(context.Context, *Connection) ([]Choice, error) { return nil, nil }

// Release has nothing to end.
func (Refuse) Release(context.Context, *Connection) error { return nil }

// Accept refuses everything.
func (Refuse) Accept(*Connection, *Request) (Accepted, error) { return Accepted{}, ErrRefused }

// Receive never gets anything.
func (Refuse) Receive(context.Context, *Connection, json.RawMessage) ([]Effect, error) {
	return nil, nil
}

// Send cannot.
func (Refuse) Send(context.Context, *Connection, Outgoing) (Sent, error) {
	return Sent{}, fmt.Errorf("this service takes no messages: %w", chatadmin.ErrInvalid)
}
