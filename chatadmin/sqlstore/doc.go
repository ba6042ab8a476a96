// Package sqlstore is a chatadmin.Store over database/sql: SQLite for an application that carries its database with it, PostgreSQL (12 or newer) for many processes
// over one database. It imports no driver; the host does, and opens the pool:
//
//	db, err := sql.Open("pgx", "postgres:///chat")                    // github.com/jackc/pgx/v5/stdlib
//	store, err := sqlstore.Open(ctx, db, sqlstore.PostgreSQL, nil)
//
//	db, err := sql.Open("sqlite", "file:chat.db?_pragma=journal_mode(WAL)&_pragma=busy_timeout(10000)&_pragma=synchronous(FULL)") // modernc.org/sqlite
//	store, err := sqlstore.Open(ctx, db, sqlstore.SQLite, nil)
//
// Open creates the tables, or brings those of an earlier version up to date; several processes may do so at once. The driver for PostgreSQL must accept slices as arrays, as pgx
// does. Times are kept as whole milliseconds since 1970 in UTC, so that both databases keep them exactly.
//
// # How the contract is kept
//
// On PostgreSQL a fence is an advisory lock of the session, taken before the transaction begins, so that no snapshot is older than it; PostgreSQL queues them fairly. It needs a
// connection of its own for the time of the transaction, hence a pooler that hands out connections by transaction (such as pgbouncer in that mode) cannot stand between. All
// works at READ COMMITTED, the default, and at SERIALIZABLE (Options.Serializable). On SQLite a transaction begins with BEGIN IMMEDIATE and is the only writer, which keeps every fence.
//
// Batches go to PostgreSQL as arrays (unnest), sorted by key, within a savepoint: if any row of them cannot be written as expected, the savepoint is undone and the batch is written row by row, which
// tells the conflicts. SQLite gets prepared statements of one row. Serialization failures, deadlocks and a busy database are tried again with growing, random pauses; chatadmin.ErrBusy
// comes when the attempts are used up.
//
// # In the host's own transaction
//
// [Join] makes a Store of a *sql.Tx, so that calls of the library are committed together with the host's own changes.
package sqlstore
