package integrations

import (
	"errors"
	"fmt"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

var (
	// ErrServiceOff is returned if the domain has not enabled the service. The
	// text names the admins to ask.
	ErrServiceOff = errors.New("not enabled for this domain")
	// ErrNotConnected is returned if no account at the provider is connected, or
	// its authorisation has ended: authenticate first.
	ErrNotConnected = errors.New("not authenticated with the provider yet")
	// ErrUnsure is returned if it is unknown whether the provider carried out a
	// request.
	ErrUnsure = errors.New("it is not known whether the provider has done it")
	// ErrFault is Callback.Err if the callback failed inside the application. The
	// cause is in the log.
	ErrFault = errors.New("something is wrong here: try again later, or ask who runs this application")
	// ErrHost is returned for a request to a host that the service does not
	// list. The request is not sent.
	ErrHost = errors.New("this host is not on the list of the service")
)

// ProviderError is what a provider has answered, for the administrator to read.
// Services make it of every failure at the provider; it never holds what was
// sent.
type ProviderError struct {
	Service string // its title
	// the provider's own name of it, such as "channel_not_found" or "429"
	Code     string
	Sentence string // what is wrong, and what to do about it
	Again    bool   // trying again later can help: the queue does so
	// not before this time has passed, as the provider wishes; 0: it did not
	// say
	After time.Duration
	// the authorisation is no longer valid: somebody must authenticate again
	SignIn bool
	Unsure bool // the request may have been carried out
	// Place is where a look-up of Send stands, at most 1 KiB. It is kept with
	// the message, and the next attempt gets it as Outgoing.Place.
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

// Is makes an unsure failure ErrUnsure and an invalid authorisation
// ErrNotConnected.
func (e *ProviderError) Is(target error) bool {
	return target == ErrUnsure && e.Unsure || target == ErrNotConnected && e.SignIn
}
