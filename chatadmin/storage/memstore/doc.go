// Package memstore keeps everything in memory: for tests, for trying things out, and for small tools that end with their data. It obeys the whole storage
// contract of chatadmin, and is short enough to be read before writing another store.
//
// One lock makes it right: Update holds it from beginning to end, so that transactions come one after the other and every fence is kept; what a transaction has changed is
// undone when it fails. Reads outside wait for the transaction that is running. Rows are never changed in place, so what is read stays as it was; the slices in them are
// shared and must not be written to.
//
// Chaos makes a store unreliable in the ways that the contract allows. Policies are tested with it, since a real database does the same, though seldom when somebody is watching.
package memstore
