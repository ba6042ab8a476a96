package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestQuickstart(t *testing.T) {
	var out bytes.Buffer
	result := filepath.Join(t.TempDir(), "result.csv")
	require.NoError(t, run(context.Background(), &out, "", "", result))
	for _, part := range []string{"rows  200\n", "created  193\n", "skipped    1\n", "failed    6\n", "warnings    8\n", "line 14, failed", "All Of Us: 194 members (", result} {
		require.Contains(t, out.String(), part)
	}
	info, err := os.Stat(result)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.Error(t, run(context.Background(), &out, "", filepath.Join(t.TempDir(), "none.csv"), result))
}
