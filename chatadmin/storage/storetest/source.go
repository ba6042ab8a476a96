package storetest

import (
	"testing"
	"time"

	"chatadmin.example/sdk/chatadmin/storage"
)

// SourceRow is a row of a host's table, or a private chat, which has a Peer.
type SourceRow struct {
	ID, Domain, Container, Author, Peer storage.ID
	At                                  time.Time
	Blob                                string
}

// SourceBackend is a source over an empty table, and the host's own way to it.
type SourceBackend struct {
	Source storage.Source
	Store  storage.Store // of a source inside its database; else nil

	// Insert adds rows of the source, as the host's own code does.
	Insert func(rows []SourceRow) error
	// Left are the IDs of the rows that the host's own code finds: not those
	// that are marked as deleted.
	Left func() ([]storage.ID, error)
	// Chats adds private chats, which are rows of another source. nil: rows lie
	// in none, or are chats themselves.
	Chats func(chats []SourceRow) error

	AreChats    bool // the rows are private chats
	NoAuthor    bool // rows have no author
	NoContainer bool // rows lie nowhere
	NoTime      bool // rows have no age
	NoBlob      bool // rows name no contents of files
	// OneDomain is set if all rows belong to one domain: only its rows are
	// inserted then.
	OneDomain storage.ID
	// NewID makes IDs that the columns can hold; nil makes text.
	NewID func(kind string, n int) storage.ID
}

// RunSource tests a source. open is called for each test. A source passes if it
// does what the contract of storage.Source says.
func RunSource(t *testing.T, open func(t *testing.T) SourceBackend) {
	for _, test := range []struct {
		name string
		run  func(*sourceWorld)
	}{
		{"Count", testSourceCount},
		{"Nothing", testSourceNothing},
		{"Delete", testSourceDelete},
		{"Held", testSourceHeld},
		{"Again", testSourceAgain},
		{"Undone", testSourceUndone},
		{"Many", testSourceMany},
		{"Blobs", testSourceBlobs},
		{"AtOnce", testSourceAtOnce},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(newSourceWorld(t, open(t))) })
	}
}
