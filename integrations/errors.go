package integrations

import (
	"fmt"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

var (
	// ErrServiceOff is a service that the domain has not enabled, or has disabled: its text says whom to ask.
	ErrServiceOff = chatadmin.ErrState.New("service_off", "not enabled for this domain")
	// ErrNotConnected is a group or user whose account at the provider is not connected: authenticate first.
	ErrNotConnected = chatadmin.ErrState.New("not_connected", "not authenticated with the provider yet")
	// ErrUnsure is a request of which nobody knows whether the provider has carried it out.
	ErrUnsure = chatadmin.ErrUnavailable.New("unsure", "it is not known whether the provider has done it")
	// ErrFault is a callback that failed for a reason that is none of the browser's; it is in the log.
	ErrFault = chatadmin.ErrUnavailable.New("fault", "something is wrong here: try again later, or ask who runs this application")
	// ErrHost is a request to a host that is not on the list of the service. It is never sent.
	ErrHost = chatadmin.ErrInvalid.New("host", "this host is not on the list of the service")
)

// ProviderError is what a provider has answered, for the administrator to read. Services make it of every failure at the provider; it never holds what was sent.
type ProviderError struct {
	Service  string        // its title
	Code     string        // the provider's own name of it, such as "channel_not_found" or "429"
	Sentence string        // what is wrong, and what to do about it
	Again    bool          // trying again later can help: the queue does so
	After    time.Duration // not before this time has passed, as the provider wishes; 0: it did not say
	SignIn   bool          // the authorisation is no longer valid: somebody must authenticate again
	Unsure   bool          // the request may have been carried out
	// Place is where a look-up of Send stands, at most 1 KiB. It is kept with the
	// message, and the next attempt gets it as Outgoing.Place.
	Place string
}

func (e *ProviderError) Error() string {
	text := e.Service + ": " + e.Sentence
	if e.Code != "" {
		text += " (" + chatadmin.Cut(e.Code) + ")"
	}
	if e.After > 0 {
		text += fmt.Sprintf("; it asks to wait for %s", e.After)
	}
	return text
}

// Unwrap is chatadmin.ErrUnavailable.
func (e *ProviderError) Unwrap() error { return chatadmin.ErrUnavailable }

// ErrorCode is "provider".
func (e *ProviderError) ErrorCode() string { return "provider" }

// Is makes an unsure failure ErrUnsure and an invalid authorisation ErrNotConnected.
func (e *ProviderError) Is(target error) bool {
	return target == ErrUnsure && e.Unsure || target == ErrNotConnected && e.SignIn
}
