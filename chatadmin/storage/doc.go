// Package storage is the storage contract: the rows that the library keeps, the
// queries that find them, and the interface [Store] that a database implements.
//
// A store keeps everything in a handful of tables. Hosts query some of them:
// domains, users, groups, memberships, devices, content and audit events. One
// table of records holds the library's own state, so that a new feature does not
// change the contract.
//
// Three primitives carry what must not go wrong when two things happen at once:
//
//   - a revision ([Rev]) never repeats for a key, so that a stale write is found;
//   - keys are unique, and a key that is taken is data ([Conflict]), not an error;
//   - the [Fence] of a domain lets one transaction have the domain to itself.
//
// Package storetest proves an implementation. Package memstore is one to read,
// and package sqlstore one to use. This package imports nothing of the library
// but the classes of errors.
package storage
