// Package sqlstore is a storage.Store over database/sql: SQLite for an
// application that carries its database with it, PostgreSQL (12 or newer) for
// many processes over one database. It imports no driver; the host does, and
// opens the pool:
//
//	// github.com/jackc/pgx/v5/stdlib
//	db, err := sql.Open("pgx", "postgres:///chat")
//	store, err := sqlstore.Open(ctx, db, sqlstore.PostgreSQL, nil)
//
//	// modernc.org/sqlite
//	db, err := sql.Open("sqlite", "file:chat.db?_pragma=journal_mode(WAL)"+
//		"&_pragma=busy_timeout(10000)&_pragma=synchronous(FULL)")
//	store, err := sqlstore.Open(ctx, db, sqlstore.SQLite, nil)
//
// Open creates the tables, or brings those of an earlier version up to date;
// several processes may do so at once. The driver for PostgreSQL must accept
// slices as arrays, as pgx does. Times are kept as whole milliseconds since
// 1970 in UTC, so that both databases keep them exactly.
//
// # How the contract is kept
//
// On PostgreSQL a fence is an advisory lock of the transaction, taken by its
// first statement (pg_advisory_xact_lock). At READ COMMITTED, the default, each
// later statement has a snapshot of its own, which is younger than the lock;
// PostgreSQL queues those who wait fairly. The lock ends with the transaction,
// so that a pooler may hand out connections by transaction (PgBouncer's
// pool_mode = transaction): then set pgx's default_query_exec_mode=exec, since
// prepared statements belong to a session. Open tries with two connections
// whether a second one waits, and returns ErrNoFence if not. At SERIALIZABLE
// (Options.Serializable) there is no lock: the isolation keeps the rules. On
// SQLite a transaction begins with BEGIN IMMEDIATE and is the only writer,
// which keeps every fence.
//
// Transactions of one process wait for their domain in a queue of the process,
// before they take a connection; for other processes, one of each domain waits
// in the database. So a busy domain does not use up the pool.
//
// COMMIT has no time limit (Options.CommitTimeout sets one). A synchronous
// standby that is gone lets PostgreSQL wait for it; a limit would end the wait
// and leave rows that are written here and safe nowhere else. For the same
// reason what is read back after storage.ErrCommitUnknown tells what this
// server has. With an asynchronous standby, confirmed transactions may be
// missing after it has taken over, each of them whole.
//
// Batches go to PostgreSQL as arrays (unnest), sorted by key, within a
// savepoint: if any row of them cannot be written as expected, the savepoint is
// undone and the batch is written row by row, which tells the conflicts. SQLite
// gets prepared statements of one row, which nothing beats there. Serialization
// failures, deadlocks and a busy database are tried again with growing, random
// pauses; storage.ErrBusy comes when the attempts are used up.
//
// A context that ends is told by errors.Is whatever the driver makes of it.
// ErrTables, ErrFull, ErrReadOnly, ErrClosed and ErrConstraint tell what is
// wrong with the database, with its own words beside them.
//
// Lists are served by indexes, but for kinds of audit events that end in ".": a
// page of such a list looks through two thousand events, narrowed by the other
// fields of the query, and may be empty although more follow. A table leads
// from the targets of audit events to the events. Events with more than sixteen
// targets, of which an import writes one for a thousand users, are marked there
// and looked through.
//
// Version 3 of the tables fills that from the events that are there, two
// hundred in a transaction: some minutes for some millions. Stop the processes
// of an earlier release before, since they do not write it.
//
// # Searching
//
// Users are searched by any part of name, login and e-mail address, groups by
// any part of their name, devices by any part of their name and device id. An
// index serves three characters and more: of pg_trgm on PostgreSQL, of FTS5
// with the trigram tokenizer on SQLite. Whether there is one is decided when
// the tables are made. Without the extension, the permission to create it, or
// the module, and with Options.Serializable, there is none: searching finds the
// same, and looks through at most 2,000 rows for each page. On PostgreSQL the
// indexes can be added later; stores that are opened afterwards use them:
//
//	CREATE EXTENSION pg_trgm;
//	CREATE INDEX CONCURRENTLY chatadmin_users_search ON chatadmin_users
//		USING gin (search gin_trgm_ops);
//	CREATE INDEX CONCURRENTLY chatadmin_groups_search ON chatadmin_groups
//		USING gin (search gin_trgm_ops);
//	CREATE INDEX CONCURRENTLY chatadmin_devices_search ON chatadmin_devices
//		USING gin (search gin_trgm_ops);
//
// In a database with the locale C, pg_trgm knows no letters beyond ASCII, and
// texts with others are looked for without it.
//
// # Databases that speak PostgreSQL's protocol
//
// Where only SERIALIZABLE is to be had, Options.Serializable must be set.
// Advisory locks of the session may then be accepted without being held, as
// some distributed databases do: every transaction with a fence reads the
// domain's row and an exclusive one writes it, so that the isolation keeps the
// rules by itself, at the price of more attempts and of an exclusive
// transaction that may have to wait for its luck. What is relied on: columns
// with COLLATE "C", partial indexes, row comparison, arrays as parameters with
// ANY and with unnest of several, ON CONFLICT DO NOTHING, RETURNING, UPDATE …
// FROM, DELETE … USING, SELECT … FOR UPDATE OF, LATERAL, WITH … AS
// MATERIALIZED, string_to_array and overlapping of arrays (&&) and INSERT
// within WITH, FILTER of aggregates, savepoints, tables and indexes made in a
// transaction, the functions strpos, greatest, chr and string_agg, and the
// SQLSTATEs 40001, 40P01, 55P03, 23505, 42P01.
//
// # What was measured, and chosen
//
// On PostgreSQL the server spends no more on INSERT … SELECT FROM
// unnest(arrays), without ON CONFLICT, than on COPY of the same rows, so no
// driver's COPY is called. A column with one value in the whole batch is sent
// once: of the five columns of a membership that leaves one array. Parents
// which the transaction has written itself are not looked for. Adding everybody
// to a group is one statement for ten thousand members (at SERIALIZABLE for one
// thousand), none of whom is carried to the client first. It looks for members
// itself, since ON CONFLICT takes half as long again. The targets of audit
// events are stored as they are: compressing the names of a thousand took
// longer than the rest of the event. Deleting what a user has written, files go
// in the transaction of the messages among which they lie: by themselves they
// took five times as long a row, since PostgreSQL had cleaned up every page in
// between.
//
// An import outruns autovacuum: with plans made for the empty table it began
// with each batch was slower than the one before, and importing 20,000 users
// once more took twenty times as long. So the store has a table analysed when
// it has inserted 4,096 rows into it, eight times as many, and so on. A role
// that does not own the tables cannot do that: then run ANALYZE as the owner
// after a large import.
//
// Indexes lead with an ID where the ID implies the domain. Memberships have no
// foreign keys: the fence guards parents, and checking keys costs more than
// twice the insertion. On SQLite they are kept WITHOUT ROWID, within their key;
// users are too wide to gain by that.
//
// # In the host's own transaction
//
// [Join] makes a Store of a *sql.Tx, so that calls of the library are committed
// together with the host's own changes. [Conn] is the other way round: a host
// that wraps a Store, or a source of its data, works on its own tables in the
// transaction of the library. [Store.Map] makes sources of such tables by their
// names: deletions, legal holds and retention then go through them.
package sqlstore
