package main

import (
	"context"
	"database/sql"
	"os"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver for PostgreSQL
	_ "modernc.org/sqlite"             // and for SQLite

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
)

func isServer(db string) bool {
	return strings.HasPrefix(db, "postgres://") || strings.HasPrefix(db, "postgresql://")
}

// openStore opens what --db names.
func openStore(ctx context.Context, name string) (chatadmin.Store, func(), error) {
	driver,
		dsn,
		dialect := "sqlite",
		"file:"+name+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)", sqlstore.SQLite
	switch {
	case name == "memory:":
		return memstore.New(nil), func() {}, nil
	case isServer(name):
		driver, dsn, dialect = "pgx", name, sqlstore.PostgreSQL
	case strings.ContainsAny(name, "?#%") || name == "" ||
		strings.Index(name, ":") > 1: // one letter is a Windows drive
		// The name is not repeated: it may hold a password.
		return nil, nil, usage("--db: name a file, postgres://… or memory:")
	}
	if dialect == sqlstore.SQLite {
		if err := createPrivate(name); err != nil {
			return nil, nil, err
		}
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, nil, err
	}
	store, err := sqlstore.Open(ctx, db, dialect, nil)
	if err != nil {
		_ = db.Close()
		return nil, nil, err
	}
	return store, func() { _ = db.Close() }, nil
}

// createPrivate creates the database file for its owner alone. SQLite gives its
// -wal and -shm files the same mode. A file that is there keeps its mode.
func createPrivate(name string) error {
	f, err := os.OpenFile(name, os.O_RDONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}
