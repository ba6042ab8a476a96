package integrations

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

// Service is an outside service. Package integrations keeps its settings,
// permissions, secrets, queues and map of messages, and retries. Embed Refuse
// for methods that a service does not need. ADDING.md walks through an example.
//
// Methods with a context talk to the provider, through a client made by Client.
// They return its failures as *ProviderError. The others talk to nobody. See
// also Router and Renewer.
type Service interface {
	// Info describes the service. It never changes.
	Info() Info

	// CheckDomain checks the settings for a whole domain, and returns them in
	// the form to keep. They hold no secret.
	CheckDomain(settings json.RawMessage) (json.RawMessage, error)

	// Connect takes the next step of connecting an account. It returns the page
	// to go to or the answers to ask for, and in the end a Grant.
	Connect(ctx context.Context, c *Connection, step Step) (Next, error)

	// Choices lists what the settings can choose from, such as channels.
	Choices(ctx context.Context, c *Connection) ([]Choice, error)

	// Save checks c.Settings, writes them in the form to keep (without a
	// secret), and makes the provider agree with them. It runs again after an
	// interruption, once a day, and when the domain enables the service. It
	// compares first, and does only what is missing.
	Save(ctx context.Context, c *Connection) error

	// Release ends at the provider what Save and Connect began there: webhooks,
	// then the token. Running it again does no harm.
	Release(ctx context.Context, c *Connection) error

	// Accept decides, from the request alone, what to keep for Receive and what
	// to answer. A draft gets only requests without a body, and keeps nothing.
	// An error that wraps ErrRefused is answered with 401, any other with 503.
	Accept(c *Connection, r *Request) (Accepted, error)

	// Receive turns what Accept has kept into effects on the group.
	Receive(ctx context.Context, c *Connection, data json.RawMessage) ([]Effect, error)

	// Send carries one message of the group, or its edit or deletion, to the
	// provider.
	Send(ctx context.Context, c *Connection, o Outgoing) (Sent, error)
}

// Info describes a service.
type Info struct {
	// Name stands in addresses and keys: 1 to 16 of a-z, 0-9 and "-".
	Name string
	// Title is the name for people.
	Title string
	// PerUser: each user connects an account of their own. Otherwise the
	// connection belongs to a group.
	PerUser bool
	// OAuth: connecting goes through the provider's page and returns by a
	// callback.
	OAuth bool
	// Hook names an address that exists from the first draft on; "" for none.
	Hook string
	// Sends: messages of the group are sent to the service.
	Sends bool
}

// Step is one step of connecting an account.
type Step struct {
	State    Secret            // OAuth: for the provider's page
	Redirect string            // OAuth: for the provider's page
	Code     Secret            // OAuth: from the callback; the last step
	Answers  map[string]Secret // without OAuth: what the admin or user typed
}

// Next is what follows a step.
type Next struct {
	URL  Secret   // the page to go to; it holds the state
	Ask  []string // names of the answers that the next call needs
	Hint string   // a sentence to show beside them
	// Keep is kept for the next step, sealed, for an hour. Connection.Kept
	// holds it then.
	Keep  Secret
	Grant *Grant // set: the account is connected
}

// Grant is a provider's permission to act for somebody.
type Grant struct {
	Token Secret
	// Renewal renews the token at the end of its Life, see Renewer. Both are
	// zero for a token that does not expire.
	Renewal Secret
	Life    time.Duration
	// ID is the provider's ID of the account. If it differs from the one
	// before, the old account is released and the settings become a draft.
	ID      string
	Label   string          // of the account, for people, such as the workspace's name
	Account json.RawMessage // what the service must know of it; no secret
}

// Choice is one thing to choose from.
type Choice struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Note string `json:"note,omitempty"`
}

// Request is one request from outside. Its body was read whole, up to
// Options.MaxBody.
type Request struct {
	Method string
	Header http.Header
	Query  url.Values
	Body   []byte
	Hook   string // the address of the connection that it came to
	Now    time.Time
}

// Accepted says what is kept of a request, and how it is answered.
type Accepted struct {
	Events []Event
	// Account, unless nil, replaces Connection.Account in the same transaction.
	Account json.RawMessage
	Type    string // content type of the answer; the status is 200
	Body    string
	// Ignored says, in a few words each, why something was not kept that an
	// admin may miss. It is counted by these words, see Status.Ignored: use few
	// different ones, and none from outside.
	Ignored []string
}

// Event is one event of the provider. It is kept once per Key for a day.
type Event struct {
	// Key is the same whenever the provider repeats the event, in whatever
	// form; at most 100 bytes. Waiting events are handled in the order of their
	// keys.
	Key  string
	Data json.RawMessage // at most 512 KiB
	// Wait delays Receive, at most an hour, for a better event to cover this
	// one.
	Wait time.Duration
	// Cover names the keys of events that this one replaces, whether they wait
	// already or come later.
	Cover []string
}

// Op is what happened to a message.
type Op string

// The operations.
const (
	Posted  Op = "post"
	Edited  Op = "edit"
	Deleted Op = "delete"
)

// Effect is a change of the group's messages. It names messages by the
// provider's IDs, of at most 64 bytes. Editing or deleting a message that did
// not come from the provider does nothing.
type Effect struct {
	Op      Op
	Message string
	Thread  string // the message that it answers; "" for none
	As      string // the name to post under; "" for the service's title
	Author  string // the author's name, for people
	Text    string // plain text
}

// Outgoing is a message on its way to the provider.
type Outgoing struct {
	Op Op
	// Key is the same in every attempt. Hand it to a provider that knows such
	// keys.
	Key    string
	Text   string
	Author string
	// the provider's ID of the message that it answers, if known
	Thread string
	ID     string            // edits and deletions: the provider's ID of the message
	Fields map[string]string // of Link
	Queued time.Time         // when the host called Tell
	// Tried: an earlier attempt may have succeeded. Look for Key before sending
	// again, if the provider allows it.
	Tried bool
	// Since is the earliest time at which an attempt may have succeeded; zero
	// if unknown.
	Since time.Time
	// Place is ProviderError.Place of the attempt before: the look-up of Key
	// continues there.
	Place string
}

// Sent is the provider's answer to a message.
type Sent struct {
	ID string // at most 64 bytes; "" if messages have none
}

// Message is something that happened to a message of a group.
type Message struct {
	Op        Op
	Group, ID chatadmin.ID
	Thread    chatadmin.ID // the message that it answers
	Author    string       // the author's name, for people
	// AuthorID is the user, if the author is one. If the user is deleted, their
	// waiting messages and dead letters are deleted too.
	AuthorID chatadmin.ID
	Text     string // plain text
	// Origin is Post.Origin of a message that came by Groups.Post. It keeps the
	// message from going back.
	Origin string
}

// Post is a message that an integration brings into a group.
type Post struct {
	Domain, Group chatadmin.ID
	Key           string       // the same in every attempt: post once per key
	Origin        string       // keep it with the message, and return it in Message.Origin
	Thread        chatadmin.ID // the message that it answers, or ""
	As            string       // the name to post under
	Author        string       // the author's name; "" for a report without an author
	Text          string       // plain text
}

// Groups is what the host implements. Every call may be repeated: Post posts
// once per Key, and returns the message's ID each time; editing or deleting a
// missing message is no error. After an error the call is tried again later,
// unless the error wraps chatadmin.ErrInvalid or chatadmin.ErrNotFound. Nothing
// is posted or edited in an archived group.
type Groups interface {
	Post(ctx context.Context, p Post) (chatadmin.ID, error)
	Edit(ctx context.Context, domain, group, message chatadmin.ID, text string) error
	Delete(ctx context.Context, domain, group, message chatadmin.ID) error
}
