package chatadmin

import "chatadmin.example/sdk/chatadmin/storage"

// How much there can be of something.
const (
	// MaxBatch is how many items one call takes, and how many rows a page has
	// at most.
	MaxBatch = storage.MaxBatch
	// DefaultPage is how many rows a page has if Page.Limit is 0.
	DefaultPage = 100
	// MaxCount is the largest count that a plan may hold: a trillion. It is far
	// above everything that a domain can have, and sums of such counts do not
	// overflow.
	MaxCount = 1_000_000_000_000
	// MaxSettings is how many bytes the settings of a domain have at most, as
	// JSON and with all policies.
	MaxSettings = 64 << 10
	// MaxColumns is how many columns the packages of a program add to one
	// domain.
	MaxColumns = 128
	// MaxAttachments is how many bytes the attachments of a mail have at most.
	// Many servers take no mail of more than 25 MB, and base64 adds a third.
	MaxAttachments = 16 << 20

	// Unlimited is a number of Limits that bounds nothing.
	Unlimited = -1
	// Forever is a number of days of Pruning that never ends.
	Forever = -1
)
