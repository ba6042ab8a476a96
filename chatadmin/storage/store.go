package storage

import (
	"context"
	"time"

	"chatadmin.example/sdk/chatadmin/class"
)

const (
	// items of one call, and rows of one page; a transaction may make several
	// calls
	MaxBatch = 1000
	// rows of one DeleteContent or AddMembers, which are not carried to the
	// client and back
	MaxBulk = 10000
)

type (
	// ID is opaque: 1 to 64 of [A-Za-z0-9_-], made by the library before the
	// transaction begins. It is unique within its table, over all domains.
	ID string

	// Rev is a row's revision, made by NextRev and compared for equality only.
	// 0 means that there is no such row. A revision is never used again for the
	// same key, not even after the row was deleted and made anew.
	Rev int64

	// Cursor is a place in a list, made and understood by the store alone. ""
	// is the start and, returned, the end. It stays valid when rows are
	// inserted or deleted around it.
	Cursor string

	// Mode is how much of a domain a transaction must have to itself; see
	// Fence.
	Mode uint8
)

const (
	NoFence Mode = iota // touches single rows, by revision
	// adds or changes people, or adds children of users and groups (records
	// with an owner too)
	Shared
	// removes an admin, changes managers or the set of default groups, marks a
	// parent Deleting
	Exclusive
)

// Fence guards what a whole domain must agree on: its last admin, its default
// groups, what is being deleted. The store acquires it before the
// transaction's first snapshot, so that no read is older than the fence, and
// holds it until the transaction ends; it is never upgraded. An Exclusive
// excludes every other fence of the domain; Shared ones need not exclude each
// other. A waiting Exclusive goes before later Shared ones, else a busy domain
// would starve it. A transaction that waits for a fence must not keep those of
// other domains waiting.
//
// A store whose transactions are serializable may let fenced transactions
// overlap if it then undoes one of them and runs it again.
//
// A committed Exclusive has changed Domain.Fence to a value that the domain's
// ID never had, not even before a domain was deleted and made anew. With
// NoFence the domain is not looked at; with the others an unknown domain is
// ErrNoDomain.
type Fence struct {
	Domain ID
	Mode   Mode
}

var (
	// returned by f: roll back, wait a little, run f again
	ErrRetry = class.Unavailable.New("retry", "lost a race against another change")
	// the attempts are used up; nothing was kept
	ErrBusy = class.Unavailable.New("busy", "the store is busy, try again later")
	// kept or not; see Update
	ErrCommitUnknown = class.Unavailable.New("commit_unknown", "the store did not confirm the commit")
	ErrNoDomain      = class.NotFound.New("no_domain", "no such domain") // of a fence
	// f must use its Tx
	ErrNested = class.Invalid.New("nested", "the store was called from within its own transaction")
	ErrBatch  = class.Invalid.New("batch", "a call of the store has too many items, or a query lacks what it must name")
	// of a page
	ErrCursor = class.Invalid.New("cursor", "this is no cursor of this list: begin at its first page, without one")
)

// Store keeps everything. Outside Update it reads committed, current state (no
// lagging replica), call by call: two calls see no common snapshot. All methods
// may be called from many goroutines.
type Store interface {
	Reader

	// Update runs f in one transaction, read committed or stronger, behind the
	// fence. f sees its own writes, may run several times, must not call the
	// Store (ErrNested), does no I/O of its own, and its results count only
	// when Update returns nil. If f fails or panics, or ctx is cancelled,
	// nothing is kept and f's error is returned as it is; where it is ErrRetry,
	// f runs again, with growing pauses, until the store gives up with ErrBusy.
	//
	// If the commit was sent and its outcome is not known, Update returns
	// ErrCommitUnknown and does not run f again. Reading back then tells what
	// is written here, never what is safe: a database with standbys may show a
	// transaction that no standby has, and lose it when one takes over. A store
	// sets no limit of its own on the commit, since on some databases the limit
	// ends the wait for the standby alone.
	//
	// A call of the Store within f is ErrNested, at least of the same Store
	// value with f's context; one of another handle of the same database may
	// wait for itself.
	Update(ctx context.Context, fence Fence, f func(context.Context, Tx) error) error
}

// Reader reads. By key: what is missing is left out, the order is any, a key
// given twice may come once. Lists are ordered as said beside them, ties broken
// by ID. Strings compare and sort as bytes: folding is the library's doing.
// Strings are valid UTF-8 without NUL. Times are UTC in whole milliseconds (the
// library truncates them); the zero time comes back as zero. A page has at most
// Limit rows (1 to MaxBatch, else ErrBatch) and may have fewer although more
// follow: only the cursor "" is the end. After is a cursor of the same list,
// else ErrCursor.
type Reader interface {
	Domains(ctx context.Context, ids []ID) ([]Domain, error)
	Users(ctx context.Context, domain ID, ids []ID) ([]User, error)
	UsersByLogin(ctx context.Context, domain ID, loginKeys []string) ([]User, error)
	Groups(ctx context.Context, domain ID, ids []ID) ([]Group, error)
	Memberships(ctx context.Context, domain ID, pairs []Pair) ([]Membership, error)
	Devices(ctx context.Context, domain ID, ids []ID) ([]Device, error) // one of them answers each request of a device
	Records(ctx context.Context, keys []Key) ([]Record, error)          // kinds and domains may be mixed

	ListDomains(ctx context.Context, p Page) ([]Domain, Cursor, error) // by ID
	// by LoginKey, by NameKey, or the newest first
	ListUsers(ctx context.Context, q UserQuery, p Page) ([]User, Cursor, error)
	ListGroups(ctx context.Context, q GroupQuery, p Page) ([]Group, Cursor, error) // by NameKey
	// by the ID that q leaves open; by group, then user, with Groups
	ListMemberships(ctx context.Context, q MemberQuery, p Page) ([]Membership, Cursor, error)
	ListDevices(ctx context.Context, q DeviceQuery, p Page) ([]Device, Cursor, error) // by Key
	// by Kind, ID, Domain; with DueBy by Due first
	ListRecords(ctx context.Context, q RecordQuery, p Page) ([]Record, Cursor, error)
	// newest first: At, then ID, descending
	ListEvents(ctx context.Context, q EventQuery, p Page) ([]Event, Cursor, error)

	CountUsers(ctx context.Context, q UserQuery) (int64, error)
	CountMemberships(ctx context.Context, q MemberQuery) (int64, error)
	// of each group; one without members may be left out
	CountMembers(ctx context.Context, domain ID, groups []ID) (map[ID]int64, error)
	CountContent(ctx context.Context, q ContentQuery) (ContentCount, error)

	// BlobsInUse returns those of the given blob keys, at most MaxBatch, that
	// a content row of any domain names. The host's store of blobs may be
	// one for all domains, so that a key is free only if no domain uses it.
	BlobsInUse(ctx context.Context, keys []string) ([]string, error)
}

// Tx is for one goroutine, until f returns. A change in conflict is not
// written, the others of the call are, and the transaction goes on; after any
// error f must return it. If f returns nil all the same, the store keeps
// nothing and returns an error. Stores lock and write the items of a call in
// key order, whatever the order given, so that two transactions cannot deadlock
// over them. If several calls of two transactions do, the store undoes one and
// runs it again.
//
// What comes of a call is as if its items were written one after the other, in
// the order given: a login that an earlier item gives up may be taken by a
// later one, and a chat may be followed by its messages. Parents are checked
// for new rows alone: what is there may be changed and deleted whatever became
// of its parents. A call has no limit in bytes beyond those of its rows.
type Tx interface {
	Reader

	// unique: ID. Domain.Fence is the store's own
	ChangeDomains(ctx context.Context, c []Write[Domain]) ([]Conflict, error)
	// unique: ID; Domain + LoginKey. Parent: domain
	ChangeUsers(ctx context.Context, c []Write[User]) ([]Conflict, error)
	ChangeGroups(ctx context.Context, c []Write[Group]) ([]Conflict, error) // unique: ID. Parent: domain
	// unique: Group + User. Parents: both
	ChangeMemberships(ctx context.Context, c []Write[Membership]) ([]Conflict, error)
	// unique: ID; Domain + User + Key. Parent: user
	ChangeDevices(ctx context.Context, c []Write[Device]) ([]Conflict, error)
	// unique: Key. Parent: the owner, where there is one
	ChangeRecords(ctx context.Context, c []Write[Record]) ([]Conflict, error)
	// unique: ID. Only Data of an event is ever rewritten
	ChangeEvents(ctx context.Context, c []Write[Event]) ([]Conflict, error)

	// AddMembers goes through the next users of q, by ID, and makes up to
	// p.Limit of them (1 to MaxBulk) members of m.Group with the rest of m as
	// given (m.User is ignored). It returns who was added, by ID; members
	// already there stay as they are and do not count. It may end early: only
	// where the cursor is "" nobody is left. Users who are being deleted are
	// never added, whatever q says; q.Prefix is of LoginKey, or of NameKey with
	// q.ByName, as in ListUsers. Nobody is added to a group that is missing, of
	// another domain than m.Domain, or being deleted.
	AddMembers(ctx context.Context, q UserQuery, m Membership, p Page) ([]ID, Cursor, error)

	InsertContent(ctx context.Context, c []Content) ([]Conflict, error) // unique: ID. Parents: Author, Container, Peer

	// DeleteContent deletes up to p.Limit rows of q (1 to MaxBulk) after the
	// cursor, what lies in a chat before the chat itself, and returns how many
	// of each kind and the blob keys of the files. It may end early: only where
	// the cursor is "" nothing is left.
	DeleteContent(ctx context.Context, q ContentQuery, p Page) (ContentCount, []string, Cursor, error)
}

// Write writes Row, whose Rev is new, or deletes it, if the stored revision is
// Was (0: it must not exist).
type Write[T any] struct {
	Row T
	Was Rev
	// Row needs its key only (ID and Domain; Group, User and Domain; Key)
	Delete bool
}

// Conflict says why one change of a call was not written.
type Conflict struct {
	// into the slice given; conflicts are ascending, one per item: the first
	// reason that applies
	Index  int
	Reason Reason
	// KeyTaken: "login_key" or "key"; NoParent: "domain", "group", "user",
	// "owner", "author", "container", "peer"; or a host's own column
	Field string
	Other ID // KeyTaken: who holds it, if it still exists
}

// Reason is why a change was not written, in the order in which the reasons are
// tried.
type Reason uint8

const (
	Stale Reason = iota + 1 // the stored revision is another one, or the row is gone
	// Was is 0 and the primary key is there (of whatever domain), or stands
	// earlier in this call
	Exists
	// a parent is missing, of another domain, or (for a new row) Deleting
	NoParent
	// the unique key is held by another row, or by an earlier item of this call
	KeyTaken
)

// RowError says which item of a call the database has refused for a reason that
// is no Reason, such as a constraint that the host has added to its tables. A
// store that knows the item returns it. Nothing of the transaction is kept.
type RowError struct {
	Index int // into the slice given
	Err   error
}

func (e *RowError) Error() string { return e.Err.Error() }

// Unwrap is Err.
func (e *RowError) Unwrap() error { return e.Err }

// Page asks for a part of a list.
type Page struct {
	After Cursor
	Limit int
}

// The rows. Every row of a domain carries the domain's ID, and every read and
// write by key names the domain too: the ID of another domain behaves like one
// that does not exist (for a change with Was ≠ 0: Stale).
//
// A store keeps text and data whole or returns an error: it never cuts them.
// The longest values that the library writes, in bytes of UTF-8:
//
//	every ID                                                       64
//	User    Login, Email                                          254
//	        DisplayName, FirstName, LastName, Title, Department   250
//	        Phone, PhoneE164                                       64
//	        Role                                                  192
//	Domain, Group           Name                                  250
//	Device                  Key, Name, Version                    128
//	Record, Event           Kind                                   64
//	Record                  ID                                    200
//	Content                 Blob                                 1024
//	LoginKey, NameKey       (folding may make text longer)        762
//	Device                  Secret                                 64
//	Domain, Group, Device, Record   Data; User.Attrs            1 MiB
//	Event                   Data (as with a thousand users)     8 MiB
type (
	// Pair is the key of a Membership.
	Pair struct{ Group, User ID }

	// Domain is one company's network. Data holds Settings.
	Domain struct {
		ID ID
		// Rev: of this row. Fence: changed by the store when an Exclusive
		// transaction commits, and by nothing else
		Rev, Fence Rev
		Name       string
		Data       []byte
	}

	// User is a person of a domain.
	User struct {
		ID, Domain, Manager ID // Manager: a user of the domain, or ""
		Rev                 Rev
		// folded by the library: unique within the domain; and to sort and
		// search by name
		LoginKey, NameKey                              string
		Login, Email, DisplayName, FirstName, LastName string
		// Phone: as typed. PhoneE164: "+" and digits, or "". Role: Role.ID
		Title, Department, Phone, PhoneE164, Role string
		Kind                                      Kind
		Status                                    Status
		Admin                                     bool   // has the domain admin role
		Denied                                    bool   // access is denied for now, by an admin
		Deleting                                  bool   // a deletion has begun
		Attrs                                     []byte // Attributes, as versioned JSON
		Created                                   time.Time
	}

	// Group is a conversation of many. Creator is "" where the system made it.
	// Data holds GroupSettings.
	Group struct {
		ID, Domain, Creator        ID
		Rev                        Rev
		Name, NameKey              string
		Default, Shipped, Deleting bool
		Archived                   bool // nobody posts there
		Data                       []byte
	}

	// Membership says that a user is in a group.
	Membership struct {
		Domain, Group, User ID
		Rev                 Rev
		Admin               bool // administers the group
	}

	// Device is one registration of a native client: two people who share a
	// phone have two.
	Device struct {
		ID, Domain, User   ID
		Rev                Rev
		Key, Name, Version string // Key: the client's own device id. Version: of the app
		// Secret: hash of the credential, so that this one row answers a
		// request
		Secret, Data []byte
		Type, Status uint8
		Generation   int64
		LastSeen     time.Time
	}

	// Key is the key of a Record.
	Key struct {
		Kind   string // "job", "invitation", "outbox/07", …: at most 64 bytes
		Domain ID     // "" for what belongs to none
		ID     string // 1 to 200 bytes
	}

	// Record is anything the library keeps that hosts need not query.
	Record struct {
		Key
		// a user, group or device of the domain, whose deletion erases the
		// record; "" outlives them all
		Owner ID
		Due   time.Time
		Rev   Rev
		Data  []byte // versioned JSON, at most 1 MiB
	}

	// Content is a private chat, or a message or file in a chat or a group.
	// Only what policies need is here: a host's own message tables hold the
	// rest.
	Content struct {
		// Container: group or chat; "" for a chat. Peer: the other side of a
		// chat, else ""
		ID, Domain, Container, Author, Peer ID
		Kind                                ContentKind
		At                                  time.Time
		Blob                                string // file: where its bytes lie
	}

	// ContentCount counts content by kind.
	ContentCount struct{ Chats, Messages, Files int64 }

	// Event is one line of the audit log.
	Event struct {
		ID, Domain, Actor ID
		Rev               Rev
		Kind              string
		At                time.Time
		Targets           []ID // at most MaxBatch + 16
		Data              []byte
	}
)

// ContentKind is what a Content row is.
type ContentKind uint8

const (
	Chat ContentKind = iota + 1
	Message
	File
)

// The queries. Every field that is set narrows the result; an empty slice does
// not filter. Domain must be set where not said otherwise: the empty domain has
// no rows, so that nothing is found.
type (
	UserQuery struct {
		Domain, Manager ID
		// members of this group; users who are no members of this group
		MemberOf, NotMemberOf ID
		// User.SearchText contains it; the library folds it by FoldSearch
		Search string
		// of the key that the list is ordered by (counting: of LoginKey)
		Prefix           string
		Department, Role string
		ByName           bool // order by NameKey, and Prefix is of it
		// order by Created, the newest first, then by ID, descending; Prefix is
		// of LoginKey
		Newest       bool
		AdminOnly    bool
		DeniedOnly   bool
		WithDeleting bool // otherwise users whose deletion has begun are left out
		Kinds        []Kind
		Statuses     []Status
	}
	GroupQuery struct {
		Domain, Creator ID
		// Group.SearchText contains it; the library folds it by FoldSearch
		Search                    string
		Prefix                    string // of NameKey
		DefaultOnly, WithDeleting bool
		ArchivedOnly, NotArchived bool
	}
	// MemberQuery names a Group (ordered by user), or Groups, at most MaxBatch,
	// or a User (ordered by group), or none of them to count a whole domain.
	MemberQuery struct {
		Domain, Group, User ID
		Groups              []ID
		AdminOnly           bool
	}
	DeviceQuery struct {
		Domain ID
		Users  []ID   // of one of them; at most MaxBatch
		Key    string // exactly this client device id
		// Device.SearchText contains it; the library folds it by FoldSearch
		Search       string
		Status, Type uint8
	}
	// RecordQuery sets at least one of Kind, Domain and Owner or Owners (with
	// Domain; Owners are at most MaxBatch).
	RecordQuery struct {
		Kind          string
		Domain, Owner ID
		Owners        []ID      // of any of them
		DueBy         time.Time // only records with a Due, at this time or before
	}
	EventQuery struct {
		Domain, Actor, Target ID
		Targets               []ID      // about any of them; at most MaxBatch
		Kind                  string    // exactly; or, ending in ".", the beginning
		From, To              time.Time // From ≤ At < To
	}
	// ContentQuery sets at least one of Containers, Authors, ChatsOf, Before and
	// All, else ErrBatch: nothing deletes a whole domain by accident. The slices
	// hold at most MaxBatch IDs, the exceptions MaxBulk. It selects from the
	// store's content, and from what hosts keep of their own: see Source.
	ContentQuery struct {
		Domain ID
		// what lies in them (a chat lies in itself); what they wrote (a chat
		// was written by its Author)
		Containers, Authors []ID
		// chats with one of them on either side, with all that lies in them
		ChatsOf []ID
		// messages and files with an earlier At, but no chats: those may hold
		// later ones
		Before time.Time
		// everything of the domain, unless another field narrows it
		All              bool
		ExceptContainers []ID // legal holds: nothing that lies in them
		// legal holds: nothing that they wrote, and nothing of chats with one
		// of them on either side
		ExceptUsers []ID
	}
)
