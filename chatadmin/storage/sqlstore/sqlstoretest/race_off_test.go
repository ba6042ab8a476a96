//go:build !race

package sqlstoretest

const slow = false
