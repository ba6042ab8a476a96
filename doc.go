// Package sdk is the root of the chatadmin module. It holds no code, only this
// map:
//
//   - chatadmin: users, groups, roles, legal holds, audit log, events, runs,
//     and the storage contract
//   - chatadmin/signin: decides every sign-in, and locks out those who guess
//   - chatadmin/password: argon2id passwords, for hosts without a table of them
//   - chatadmin/erase: deletes users for good, with a plan and a receipt
//   - chatadmin/closing: closes domains, and deletes all that is in them
//   - chatadmin/provisioning, chatadmin/floor: push-to-talk users, and who of them
//     may speak
//   - chatadmin/retention: deletes messages and files by age
//   - chatadmin/fields: fields that a company declares for its users
//   - chatadmin/preferences: what users of a help desk prefer
//   - chatadmin/smtpmail: sends mail through an SMTP server, or into a folder
//   - chatadmin/keyring: seals secrets before they are stored
//   - chatadmin/secret: holds secrets in memory so that nothing prints them
//   - chatadmin/storage/sqlstore: the store on SQLite and PostgreSQL; its tests and
//     benchmarks are a module of their own
//   - chatadmin/storage/memstore: the store in memory
//   - chatadmin/storage/storetest: proves a store against the contract
//   - chatadmin/chatadmintest: fakes for a host's own tests
//   - csvimport: imports users from a CSV file, and exports them
//   - twofa: two-factor authentication
//   - devices: native clients, their disabling and wiping
//   - integrations: connections to Slack, Mailchimp, AFAS and other services
//   - examples: runnable programs, a module of their own
package sdk
