package integrations

import (
	"fmt"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/texts"
)

var (
	// ErrServiceOff is returned if the domain has not enabled the service. The
	// text names the admins to ask.
	ErrServiceOff = chatadmin.ErrState.New("service_off", "not enabled for this domain")
	// ErrNotConnected is returned if no account at the provider is connected,
	// or its authorisation has ended: authenticate first.
	ErrNotConnected = chatadmin.ErrState.New("not_connected", "not authenticated with the provider yet")
	// ErrUnsure is returned if it is unknown whether the provider carried out a
	// request.
	ErrUnsure = chatadmin.ErrUnavailable.New("unsure", "it is not known whether the provider has done it")
	// ErrFault is Callback.Err if the callback failed inside the application.
	// The cause is in the log.
	ErrFault = chatadmin.ErrUnavailable.New("fault", "something is wrong here: try again later, or ask who runs this application")
	// ErrHost is returned for a request to a host that the service does not
	// list. The request is not sent.
	ErrHost = chatadmin.ErrInvalid.New("host", "this host is not on the list of the service")
)

// ProviderError is a failure at the provider. Services return nothing else for
// one. It never holds what was sent.
type ProviderError struct {
	// Service is its title.
	Service string
	// Code is the provider's name of the error, such as "channel_not_found" or
	// "429".
	Code string
	// Sentence says what is wrong and what to do about it.
	Sentence string
	// Again: trying again later can help. The queue does so.
	Again bool
	// After is how long the provider asks to wait; 0 if it does not.
	After time.Duration
	// SignIn: the authorisation is invalid. Somebody must authenticate again.
	SignIn bool
	// Unsure: the request may have been carried out.
	Unsure bool
	// Place is where a look-up of Send stopped, at most 1 KiB. The next attempt
	// gets it as Outgoing.Place.
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

// Message is the error as a text of the library, which is said in every
// language. It names the service and the provider's code.
func (e *ProviderError) Message() texts.Message {
	key, what := "why.provider", e.Code
	if what == "" {
		what = e.Sentence
	}
	switch {
	case e.SignIn:
		key = "why.provider_signin"
	case e.Again:
		key = "why.provider_again"
	}
	m := texts.NewMessage(key, e.Service, chatadmin.Cut(what))
	m.Text = e.Error()
	return m
}

// Unwrap is chatadmin.ErrUnavailable.
func (e *ProviderError) Unwrap() error { return chatadmin.ErrUnavailable }

// ErrorCode is "provider".
func (e *ProviderError) ErrorCode() string { return "provider" }

// Is matches ErrUnsure if the failure is unsure, and ErrNotConnected if the
// authorisation is invalid.
func (e *ProviderError) Is(target error) bool {
	return target == ErrUnsure && e.Unsure || target == ErrNotConnected && e.SignIn
}
