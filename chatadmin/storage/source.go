package storage

import "context"

// Source is a kind of data that the host keeps of its own, in tables of its
// own: messages, files, private chats, publications, whatever belongs to a user
// or lies in a group. Deletions, legal holds and retention ask every source of
// chatadmin.Options.Sources as they ask the store's table of content: the
// source counts for plans and for the scan that ends a deletion, and deletes in
// batches.
//
// Exactly one of Inside and Outside is set. Inside is for tables in the store's
// database: they are deleted from in the transaction that counts them, so
// receipts are exact. Outside is for everything else, such as another database
// or a search index: receipts tell what the source has confirmed.
type Source struct {
	// Name has 1 to 64 of a-z, 0-9 and "_", and begins with a letter, such as
	// "messages". It is the same in every process.
	Name    string
	Inside  Inside
	Outside Outside
	// Marks says that Delete marks rows as deleted and leaves them in the
	// table.
	Marks bool
}

// Kind is the key under which plans and receipts count the source: "host." and
// its name, so that it is never taken for a kind of the library. Rows that are
// merely marked are told as such: ".marked" follows.
func (s Source) Kind() string {
	if s.Marks {
		return "host." + s.Name + ".marked"
	}
	return "host." + s.Name
}

// Inside counts and deletes rows of the host's in the store's database. It is
// given the store or a transaction of it, and works on that alone; sqlstore.Conn
// gives the connection. It must not do anything else that takes time or has
// effects, since a transaction may be undone and run again.
//
// A query selects rows as it selects content, but for what the rows do not
// have: rows without an author are none of anybody's (Authors), rows that lie
// nowhere are in no container, rows without a time have no age. A private chat
// lies in itself, and is selected by Containers, ChatsOf and All alone. What a
// row has, ExceptUsers and ExceptContainers must look at: they are the legal
// holds. Rows that are marked as deleted already are not selected.
type Inside interface {
	// Count returns how many rows q selects.
	Count(ctx context.Context, r Reader, q ContentQuery) (int64, error)

	// Delete deletes rows that q selects, at most p.Limit (1 to MaxBulk) and
	// behind p.After, "" being the start. It returns how many, and the keys of
	// file contents that they named: other rows may name them too, so the
	// library asks BlobsInUse before it releases them. It may end early: only
	// where the cursor is "" nothing is left behind p.After.
	Delete(ctx context.Context, tx Tx, q ContentQuery, p Page) (n int64, blobs []string, next Cursor, err error)

	// BlobsInUse returns those of the keys, at most MaxBatch, that a row of any
	// domain names. A source whose rows name no blobs returns none.
	BlobsInUse(ctx context.Context, r Reader, keys []string) ([]string, error)
}

// Outside counts and deletes what the host keeps in another place than the
// store's database. It is called outside transactions, and again after a crash
// with the same query and page: what is gone already is gone, and is not
// counted again. What its rows name of file contents it releases by itself,
// since a crash would lose the keys on their way here. For the rest its methods
// are those of Inside.
type Outside interface {
	Count(ctx context.Context, q ContentQuery) (int64, error)
	Delete(ctx context.Context, q ContentQuery, p Page) (n int64, next Cursor, err error)
	BlobsInUse(ctx context.Context, keys []string) ([]string, error)
}
