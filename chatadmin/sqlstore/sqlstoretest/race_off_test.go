//go:build !race

package sqlstoretest

const (
	slow     = false
	messages = 20000
)
