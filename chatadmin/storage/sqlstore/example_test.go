package sqlstore_test

import (
	"context"
	"database/sql"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
)

// A host's messages, files and private chats lie in tables of its own, in the
// database of the store. Deletions, legal holds and retention go through them
// as soon as they are mapped. Nothing else has to be written.
func ExampleStore_Map() {
	open := func(ctx context.Context, db *sql.DB) (*chatadmin.Admin, error) {
		store, err := sqlstore.Open(ctx, db, sqlstore.PostgreSQL, nil)
		if err != nil {
			return nil, err
		}
		tables, err := store.Map(ctx, sqlstore.Tables{
			Rows: []sqlstore.Table{
				{Name: "attachments", Table: "attachments", Author: "owner_id", Container: "channel_id", At: "created_at", Time: sqlstore.Timestamps,
					Blob: "object_key", Domain: "company_id"},
				{Name: "messages", Table: "messages", Author: "author_id", Container: "channel_id", At: "sent_at", Time: sqlstore.Timestamps,
					Domain: "company_id"},
			},
			Chats: &sqlstore.Chats{Name: "direct_channels", Table: "channels", ID: "id", Type: "type", Is: "D",
				Members: "channel_members", MemberChat: "channel_id", MemberUser: "user_id", Domain: "company_id"},
		})
		if err != nil {
			return nil, err
		}
		return chatadmin.New(store, &chatadmin.Options{Sources: tables.Sources(), NoContent: true})
	}
	_ = open
}

// drafts are messages that nobody has sent yet. The host has its own SQL for
// them: the source is given the transaction of the library.
type drafts struct{}

const selected = " FROM drafts WHERE company_id = $1 AND ($4 OR author_id = ANY($2)) AND NOT author_id = ANY($3)"

// args are those of selected. Drafts lie nowhere and have no age: a query for
// such finds none.
func (drafts) args(q storage.ContentQuery) (args []any, possible bool) {
	text := func(ids []storage.ID) []string {
		all := make([]string, len(ids)) // never nil, which would be NULL
		for i, id := range ids {
			all[i] = string(id)
		}
		return all
	}
	possible = len(q.Containers)+len(q.ChatsOf) == 0 && q.Before.IsZero()
	return []any{q.Domain, text(q.Authors), text(q.ExceptUsers), q.All && len(q.Authors) == 0}, possible
}

func (d drafts) Count(ctx context.Context, r storage.Reader, q storage.ContentQuery) (n int64, err error) {
	db, err := sqlstore.Conn(r)
	args, possible := d.args(q)
	if err != nil || !possible {
		return 0, err
	}
	return n, db.QueryRowContext(ctx, "SELECT count(*)"+selected, args...).Scan(&n)
}

func (d drafts) Delete(ctx context.Context, tx storage.Tx, q storage.ContentQuery, p storage.Page) (int64, []string, storage.Cursor, error) {
	db, err := sqlstore.Conn(tx)
	args, possible := d.args(q)
	if err != nil || !possible {
		return 0, nil, "", err
	}
	const text = "DELETE FROM drafts WHERE ctid = ANY(ARRAY(SELECT ctid" + selected + " LIMIT $5))"
	res, err := db.ExecContext(ctx, text, append(args, p.Limit)...)
	if err != nil {
		return 0, nil, "", err
	}
	n, err := res.RowsAffected()
	if n == 0 {
		return n, nil, "", err
	}
	return n, nil, "more", err // the next page begins at the start again
}

func (drafts) BlobsInUse(context.Context, storage.Reader, []string) ([]string, error) {
	return nil, nil
}

// A source inside the database with the host's own SQL.
func ExampleConn() {
	options := &chatadmin.Options{Sources: []storage.Source{{Name: "drafts", Inside: drafts{}}}}
	_ = options
}
