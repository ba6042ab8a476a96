package main

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestErase(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(context.Background(), &out, filepath.Join(t.TempDir(), "chat.db")))
	// Two records are Ann's: her invitation, and how many groups she has
	// created.
	const counts = "  files: 1\n  groups: 1\n  host.scheduled_publications: 2\n  memberships: 4\n  messages: 2\n  records: 2\n  users: 1\n"
	for _, part := range []string{"would go:\n" + counts, `group "Sales" with 2 members`, "warning: 2 of scheduled_publications", "done, because she left the company; gone:\n" + counts, "contents deleted: [figures.xlsx]"} {
		require.Contains(t, out.String(), part)
	}
	require.NotContains(t, out.String(), "in the way")
}
