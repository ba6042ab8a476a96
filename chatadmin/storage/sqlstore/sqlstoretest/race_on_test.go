//go:build race

package sqlstoretest

// slow: with the race detector SQLite, which is compiled into the test, takes twenty times as long.
const slow = true
