// Package sdk is the root of the chatadmin module. It holds no code, only this map:
//
//   - chatadmin: users, groups, default groups, roles, legal holds, audit, outbox, jobs, and the storage contract
//   - chatadmin/signin: decides every sign-in, locks out who guesses
//   - chatadmin/password: argon2id passwords for hosts without a table of their own
//   - chatadmin/erase: deletes users for good, with a plan and a receipt
//   - chatadmin/retention: deletes what is older than a domain keeps it, but for what is held
//   - chatadmin/smtpmail: sends the library's mail through an SMTP server
//   - chatadmin/keyring: seals secrets before they are stored
//   - chatadmin/sqlstore: the store on SQLite and PostgreSQL; its tests and benchmarks are a module of their own
//   - chatadmin/memstore: the store in memory
//   - chatadmin/storetest: proves a store against the contract
//   - chatadmin/chatadmintest: fakes for a host's own tests
//   - csvimport: users in from a CSV file, and out again
//   - twofa: two-factor authentication
//   - devices: native clients, disabled and wiped
//   - integrations: connections to Slack, Mailchimp, AFAS and whatever else is added
//   - examples: runnable programs (a module of its own)
package sdk
