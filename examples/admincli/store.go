package main

import (
	"context"
	"database/sql"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver for PostgreSQL
	_ "modernc.org/sqlite"             // and for SQLite

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/memstore"
	"chatadmin.example/sdk/chatadmin/sqlstore"
)

func isServer(db string) bool {
	return strings.HasPrefix(db, "postgres://") || strings.HasPrefix(db, "postgresql://")
}

// openStore opens what --db names.
func openStore(ctx context.Context, name string) (chatadmin.Store, func(), error) {
	driver, dsn, dialect := "sqlite", "file:"+name+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)", sqlstore.SQLite
	switch {
	case name == "memory:":
		return memstore.New(nil), func() {}, nil
	case isServer(name):
		driver, dsn, dialect = "pgx", name, sqlstore.PostgreSQL
	case strings.ContainsAny(name, "?#%") || strings.Index(name, ":") > 1 || name == "": // one letter is a Windows drive
		return nil, nil, usage("--db: name a file, postgres://… or memory:") // not what was given: it may hold a password
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
