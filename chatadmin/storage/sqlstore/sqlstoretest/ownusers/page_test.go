package ownusers

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The page for authors of stores quotes this package: every snippet in Go, and the trigger
// for SQLite, stand here as they stand there. The one for PostgreSQL is run by
// the tests of sqlstoretest.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../../storetest/IMPLEMENTING.md")
	require.NoError(t, err)
	source := ""
	for _, name := range []string{"store.go", "store_test.go", "chat.sql"} {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		source += string(text)
	}
	n := 0
	for _, block := range strings.Split(string(page), "\n```")[1:] {
		kind, snippet, _ := strings.Cut(block, "\n")
		switch {
		case kind == "sql" && strings.Contains(snippet, "plpgsql"):
		case kind == "go" || kind == "sql":
			n++
			require.Contains(t, source, snippet+"\n")
		default:
			require.Empty(t, kind, "a snippet that no test knows")
		}
	}
	require.Equal(t, 4, n)
}
