// Package sdk is the root of the chatadmin module. It holds no code, only this map:
//
//   - chatadmin: users, groups, default groups, roles, audit, outbox, jobs, and the storage contract
//   - chatadmin/memstore: the store in memory
//   - chatadmin/storetest: proves a store against the contract
//   - chatadmin/chatadmintest: fakes for a host's own tests
//   - chatadmin/smtpmail: sends the library's mail through an SMTP server
//   - csvimport: users in from a CSV file, and out again
//   - examples: runnable programs (a module of its own)
package sdk
