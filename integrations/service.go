package integrations

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

// Service is one service of the outside world. A package that implements it and
// is given to New is a whole integration: settings, permissions, secrets,
// queues, retries and the map of messages are this package's affair. Embed
// Refuse for what a service does not have. ADDING.md walks through one.
//
// Methods with a context talk to the provider, through a client made by Client,
// and answer its failures as *ProviderError. The others compute.
type Service interface {
	// Info tells what the service is. It never changes.
	Info() Info

	// CheckDomain checks what a domain admin has set for the whole domain, and
	// returns it in the form to keep. It holds no secret.
	CheckDomain(settings json.RawMessage) (json.RawMessage, error)

	// Connect takes the next step of connecting an account: it returns where to
	// go or what to ask for next, and in the end a Grant.
	Connect(ctx context.Context, c *Connection, step Step) (Next, error)

	// Choices lists what the settings can choose from, such as channels.
	Choices(ctx context.Context, c *Connection) ([]Choice, error)

	// Save checks c.Settings, writes them in the form to keep (without a
	// secret), and makes the provider agree with them. It may run again after
	// any interruption and finds by comparison what is still to do.
	Save(ctx context.Context, c *Connection) error

	// Release ends at the provider what Save and Connect began there: webhooks,
	// then the token. Running it again does no harm.
	Release(ctx context.Context, c *Connection) error

	// Accept decides about one request to an address of the connection, at once
	// and without talking to anybody: what to answer, and what to keep for
	// Receive. For a draft only requests without a body come, and what it keeps
	// is ignored. An error wraps ErrRefused, or is answered as a fault of ours.
	Accept(c *Connection, r *Request) (Accepted, error)

	// Receive turns what Accept has kept into effects on the group.
	Receive(ctx context.Context, c *Connection, data json.RawMessage) ([]Effect, error)

	// Send carries one message of the group, or its edit or deletion, to the
	// provider.
	Send(ctx context.Context, c *Connection, o Outgoing) (Sent, error)
}

// Info is what a service is.
type Info struct {
	Name  string // in addresses and keys: 1 to 16 of a-z, 0-9 and "-"
	Title string // for people
	// each user connects an account of their own; otherwise it belongs to a
	// group
	PerUser bool
	// connecting goes through the provider's page and comes back by a callback
	OAuth bool
	// name of an address that exists from the first draft on, to be shown; ""
	// for none
	Hook  string
	Sends bool // messages of the group are sent to it
}

// Step is where connecting stands.
type Step struct {
	State    Secret            // OAuth: what to hand to the provider's page
	Redirect string            // OAuth: this too
	Code     Secret            // OAuth: what the callback brought; the end of the journey
	Answers  map[string]Secret // otherwise: what the admin or user has typed
}

// Next is what follows a step.
type Next struct {
	URL  Secret   // go there; it holds the state
	Ask  []string // names of the answers that the next call needs
	Hint string   // a sentence beside what is asked for
	// remembered, sealed, for an hour, for the next step: Connection.Kept holds
	// it then
	Keep  Secret
	Grant *Grant // the account is connected
}

// Grant is the provider's permission to act for somebody.
type Grant struct {
	Token Secret
	// Renewal is what the token is renewed by at the end of its Life, see
	// Renewer. Both are zero for a token that does not expire.
	Renewal Secret
	Life    time.Duration
	// the provider's own of the account: for another one than before, the old
	// is released and the settings become a draft
	ID      string
	Label   string          // of the account, for people, such as the workspace's name
	Account json.RawMessage // what the service needs to know of it; no secret
}

// Choice is one thing to choose from.
type Choice struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Note string `json:"note,omitempty"`
}

// Request is one request from outside, its body read whole and limited.
type Request struct {
	Method string
	Header http.Header
	Query  url.Values
	Body   []byte
	Hook   string // which address of the connection it came to
	Now    time.Time
}

// Accepted is what becomes of a request.
type Accepted struct {
	Events []Event
	// where not nil, it takes the place of Connection.Account in the same
	// transaction
	Account json.RawMessage
	Type    string // content type of the answer; the status is 200
	Body    string
	// Ignored tells why something was not kept that an admin may miss, in a few
	// words for each. It is counted by these words, see Status.Ignored; use few
	// different ones, and none from outside.
	Ignored []string
}

// Event is one thing that has happened at the provider. It is kept once per Key
// for a day.
type Event struct {
	// at most 100 bytes: the same whenever the provider tells of it again, in
	// whatever form. Events that wait together go by key
	Key  string
	Data json.RawMessage // at most 512 KiB
	// not handed to Receive before, at most an hour; time for a better event to
	// cover it
	Wait time.Duration
	// keys of events that this one makes superfluous, whether they came already
	// (and wait) or come later
	Cover []string
}

// Op is what happened to a message.
type Op string

const (
	Posted  Op = "post"
	Edited  Op = "edit"
	Deleted Op = "delete"
)

// Effect is what to do in the group. Messages are named by the provider's IDs
// (at most 64 bytes); the map of messages translates them. An edit or deletion
// of a message that did not come from the provider, or of one unknown, does
// nothing.
type Effect struct {
	Op      Op
	Message string
	Thread  string // the message that it answers; "" for none
	// the name that the integration posts as; "" for the service's title
	As     string
	Author string // who wrote it, for people
	Text   string // plain text
}

// Outgoing is a message on its way to the provider.
type Outgoing struct {
	Op Op
	// the same however often it is tried: hand it to the provider where it
	// knows such keys
	Key    string
	Text   string
	Author string
	Thread string            // the provider's ID of the message that it answers, if known
	ID     string            // edits and deletions: the provider's ID of the message
	Fields map[string]string // of Link
	Queued time.Time         // when the host told of it
	// an earlier attempt may have succeeded: look for Key before sending it
	// again, where the provider lets you
	Tried bool
	// Since is the earliest time at which an attempt may have succeeded. It is
	// zero if nothing is known of it.
	Since time.Time
	// Place is ProviderError.Place of the attempt before: where looking for Key
	// goes on.
	Place string
}

// Sent is what the provider says of a message.
type Sent struct {
	ID string // at most 64 bytes; "" where messages have none
}

// Message is what the host tells of a message in a group.
type Message struct {
	Op        Op
	Group, ID chatadmin.ID
	Thread    chatadmin.ID // the message that it answers
	Author    string       // for people
	// the user, if it is one: what waits or was given up of theirs is deleted
	// with them
	AuthorID chatadmin.ID
	Text     string // plain text
	// Post.Origin, where the message came by Groups.Post; so that nothing is
	// sent back to where it came from
	Origin string
}

// Post is a message that an integration brings into a group.
type Post struct {
	Domain, Group chatadmin.ID
	// the same whenever this post is tried again: post once per key
	Key string
	// to be kept with the message and handed back in Message.Origin
	Origin string
	Thread chatadmin.ID // the message that it answers, or ""
	As     string       // the name that the integration posts as
	// who wrote it; "" where nobody did, such as for a report of Mailchimp
	Author string
	Text   string // plain text
}

// Groups is what the host does with what comes in. Every call may be repeated
// after a crash: Post posts once per Key and returns the message's ID each
// time; editing or deleting what is not there is no error. An error means that
// it is tried again later, unless it wraps chatadmin.ErrInvalid or
// chatadmin.ErrNotFound.
type Groups interface {
	Post(ctx context.Context, p Post) (chatadmin.ID, error)
	Edit(ctx context.Context, domain, group, message chatadmin.ID, text string) error
	Delete(ctx context.Context, domain, group, message chatadmin.ID) error
}
