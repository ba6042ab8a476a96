// Package sqlstoretest holds the tests of sqlstore with real databases, in a module of its own, so that who embeds the library gets no database driver. PostgreSQL is a private
// cluster that the tests start themselves, from the installed binaries, on a socket in a temporary folder. Where there are none its tests are skipped, which is an error where CI is
// set in the environment.
package sqlstoretest
