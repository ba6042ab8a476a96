package chatadmin

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

// Admin is the library over one store, and the only writer of what it keeps
// there. It is safe for many goroutines and starts none.
type Admin struct {
	store Store
	o     Options
	texts *texts.Catalogue
	extended

	// kinds of records, and when DueDomains has looked far ahead for them
	swept    sync.Map
	upgraded sync.Map // domains whose runs of earlier versions were taken over

	// the highest revision made here: one process makes them in ascending
	// order, even if its clock is set back
	last atomic.Int64

	joined  bool // within a transaction of the host's: see Join
	misused bool // and a package was constructed over it
}

// extended is what packages have added with Extend and NewRuns. Join takes it
// over as a whole.
type extended struct {
	onGroupDelete []func(context.Context, *Writer, []Group) error
	onGrant       []func(context.Context, *Writer, []User) error
	onEnd         []func(context.Context, *Writer, []Ending) error
	policies      map[string][]func(json.RawMessage) error // the checks of each policy that a package owns
	policyChanges []policyChange
	damageable    []DamageSource
	runKinds      map[string]runKind
	workers       []Worker
	columns       []Columns
	preferences   []Preference
	onInvite      []func(context.Context, *Writer, []User, string) ([]User, int, error)
	onRevoke      []func(context.Context, *Writer, []User) ([]ID, error)
	onDevice      []DeviceFunc
	language      []func(*Settings) string

	sources        sources
	defaultGroups  *Runs[defaultGroupRun]
	groupDeletions *Runs[groupDeletion]
}

// Options configure an Admin. The zero value of each field is a working
// default.
type Options struct {
	Now func() time.Time // default time.Now; kept in whole milliseconds
	// default crypto/rand.Reader; tokens and revisions come from it
	Rand   io.Reader
	NewID  func() ID    // default UUIDv7, whose order keeps database indexes dense
	Logger *slog.Logger // default discards

	// Mailer sends mails; without one invitations wait in the store until there
	// is one.
	Mailer Mailer
	// LinkBase is what links in mails begin with, such as
	// "https://chat.example.com/admin". It is never taken from a request.
	// Without it mails carry the bare token.
	LinkBase string
	// Texts replace what the library says to people, and add languages; see
	// package texts.
	Texts []texts.Language
	// Language is that of people who prefer none, in domains that have no
	// default: a BCP 47 tag; default "en".
	Language string
	// InvitationLife is how long an invitation's link works; default 7 days.
	InvitationLife time.Duration

	// Features says what needs which subscription; default DefaultFeatures().
	Features Features
	// Before may veto a change before anything is written; see Intent.
	Before func(context.Context, Intent) error
	// OnUserChange functions run inside each transaction that changes users,
	// for state that must change with them.
	OnUserChange []UserChangeFunc
	// Outbox queues every audit event for DeliverEvents, in the transaction
	// that writes it. A host that turns it on must call DeliverEvents.
	Outbox bool
	// TwoFactor tells exports for whom two-factor authentication is on; without
	// it it is off for everybody.
	TwoFactor TwoFactor
	// Deliver is given the queued events by Admin.Work; see DeliverEvents. It
	// switches Outbox on.
	Deliver func(context.Context, OutboxEvent) error
	// Pruning is for domains that have not decided it themselves.
	Pruning Pruning
	// Limits are for domains that have not decided them themselves.
	Limits Limits
	// Blobs deletes file contents after their rows are gone; without it their
	// keys wait in the store.
	Blobs Blobs
	// Sources are what the host keeps of its own, such as messages in its own
	// tables. Deletions, legal holds and retention go through all of them, in
	// this order: name what lies in private chats before the chats. Every
	// process must have the same.
	Sources []storage.Source
	// NoContent leaves the store's table of content alone, and out of counts:
	// for a host whose messages, files and private chats all lie in Sources.
	NoContent bool
}

// TwoFactor is what two-factor authentication tells the rest of the library.
type TwoFactor interface {
	// TwoFactorEnabled answers for each user given, in their order: the
	// domain's mode is on and, where it asks for an authenticator, the user has
	// enrolled one.
	TwoFactorEnabled(ctx context.Context, domain ID, users []User) ([]bool, error)
}

// Intent is a change that is about to be made, shown to Options.Before outside
// any transaction. An error refuses the change; what the caller gets wraps both
// ErrVetoed and that error. A bulk change is shown batch by batch. It may be
// shown again when a race is lost.
type Intent struct {
	Domain ID
	Actor  ID // a user, or HostActor
	// what is about to be done, such as KindUserDeactivate: mostly the kind of
	// the audit event that follows, but a batch of an import that deactivates
	// users has an event of the import's kind
	Kind    string
	Targets []ID
}

// HostActor stands for the host application in audit events.
const HostActor ID = "host"

// New returns the library over a store. A nil o means the defaults. It returns
// ErrInvalid if there is no store, ErrJoined for one that sqlstore.Join has made
// (see [Admin.Join]), and a *SourceError for a source that cannot be used.
func New(store Store, o *Options) (*Admin, error) {
	if store == nil {
		return nil, missing("a store to New")
	}
	if isJoined(store) {
		return nil, fmt.Errorf("make the Admin over the store itself, construct the packages over it, and call its Join: %w", ErrJoined)
	}
	a := &Admin{store: guard(store)}
	if o != nil {
		a.o = *o
	}
	var err error
	if a.texts, err = texts.New(a.o.Texts); err != nil {
		return nil, fmt.Errorf("Options.Texts: %w", err)
	}
	if a.sources, err = newSources(&a.o); err != nil {
		return nil, err
	}
	a.o.OnUserChange = slices.DeleteFunc(slices.Clone(a.o.OnUserChange), func(f UserChangeFunc) bool { return f == nil })
	if a.o.Now == nil {
		a.o.Now = time.Now
	}
	if a.o.Rand == nil {
		a.o.Rand = rand.Reader
	}
	if a.o.NewID == nil {
		a.o.NewID = func() ID { return ID(uuid.Must(uuid.NewV7()).String()) }
	}
	if a.o.Logger == nil {
		a.o.Logger = slog.New(slog.DiscardHandler)
	}
	if a.o.Features == nil {
		a.o.Features = DefaultFeatures()
	}
	if a.o.InvitationLife == 0 {
		a.o.InvitationLife = 7 * 24 * time.Hour
	}
	a.o.Outbox = a.o.Outbox || a.o.Deliver != nil
	a.damageable = append(a.damageable, a.damagedRuns())
	a.Extend(Extension{Records: []Damageable{&holds, &invitations, &resent, &notices, &blobRecords, &groupsCreated,
		damagedEvents, damagedUsers, damagedGroups, damagedAudit, a.damagedPolicies()}})
	a.defaultGroups = NewRuns(a, a.defaultGroupKind())
	a.groupDeletions = NewRuns(a, a.groupDeletionKind())
	return a, nil
}

// Scope is the library as one actor sees one domain: every call is made,
// authorised and audited in their name.
type Scope struct {
	admin  *Admin
	domain ID
	actor  ID

	detached bool
}

// As returns the scope of a user, whom the host has authenticated. Whether they
// may act is looked up in each call: a user who was deactivated, denied or
// deleted meanwhile is refused with ErrActor, which is ErrForbidden too, and
// one who lacks the permission with ErrForbidden.
func (a *Admin) As(domain, user ID) *Scope {
	if user == HostActor {
		user = "" // no string from outside becomes the host
	}
	return &Scope{admin: a, domain: domain, actor: user}
}

// AsHost returns the scope of the host application itself, which may do
// everything that leaves the domain's rules intact.
func (a *Admin) AsHost(domain ID) *Scope { return &Scope{admin: a, domain: domain, actor: HostActor} }

// Detached returns a scope of the same actor whose runs go on without it. It is
// for requests of a web page, which may end at any time: a call that begins a
// run, such as applying a plan, returns after its first transaction, and one
// that resumes a run returns at once. The next round of Admin.Work continues
// the run. A run that needs more than the store holds, such as the file of an
// import, is not detached.
func (s *Scope) Detached() *Scope {
	d := *s
	d.detached = true
	return &d
}

// Domain is the domain's ID.
func (s *Scope) Domain() ID { return s.domain }

// Actor is the acting user's ID, or HostActor.
func (s *Scope) Actor() ID { return s.actor }

// Admin is the library the scope belongs to.
func (s *Scope) Admin() *Admin { return s.admin }

// Now is the library's clock, in whole milliseconds of UTC.
func (a *Admin) Now() time.Time { return a.o.Now().UTC().Truncate(time.Millisecond) }

// NewID makes an ID for a row to come.
func (a *Admin) NewID() ID { return a.o.NewID() }

// Store is the store the library works on, for reading. Text that a store
// cannot hold, such as a NUL in a login, finds nothing in it.
func (a *Admin) Store() storage.Reader { return a.store }

// Options are the options in force, defaults filled in.
func (a *Admin) Options() Options { return a.o }

// Texts are what the library says to people.
func (a *Admin) Texts() *texts.Catalogue { return a.texts }

// Language is the language of people in a domain who prefer none: the domain's
// default, as package preferences keeps it, or Options.Language. Nil settings
// have no default.
func (a *Admin) Language(set *Settings) string {
	for _, of := range a.language {
		if set != nil && of(set) != "" {
			return of(set)
		}
	}
	return a.o.Language
}

// Speak returns what says texts to a user, in the language that they prefer, or
// in that of Language.
func (a *Admin) Speak(set *Settings, u *User) *texts.Printer {
	own, _ := AttributesOf(*u) // what cannot be read prefers nothing
	return a.texts.Printer(own.Language, a.Language(set))
}

// Link makes the link that a mail carries: a path under LinkBase with the
// token, or the bare token.
func (a *Admin) Link(path string, t Token) string {
	if a.o.LinkBase == "" {
		return t.Plain()
	}
	return strings.TrimSuffix(a.o.LinkBase, "/") + "/" + path + "?token=" + t.Plain()
}

func (a *Admin) random(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(a.o.Rand, b); err != nil {
		return nil, fmt.Errorf("randomness: %w", err)
	}
	return b, nil
}

func (a *Admin) nextRev(was storage.Rev, now time.Time) (storage.Rev, error) {
	b, err := a.random(2)
	if err != nil {
		return 0, err
	}
	for {
		last := a.last.Load()
		next := storage.NextRev(max(was, storage.Rev(last)), now, binary.LittleEndian.Uint16(b))
		if a.last.CompareAndSwap(last, int64(next)) {
			return next, nil
		}
	}
}
