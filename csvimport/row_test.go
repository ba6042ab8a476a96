package csvimport

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A long cell is cut between two characters, and what it says behind many
// spaces counts.
func TestCut(t *testing.T) {
	for cell, want := range map[string]int{
		strings.Repeat("x", mostCell):                              mostCell,
		strings.Repeat("x", 5000):                                  mostCell,
		"x" + strings.Repeat("é", 5000):                            mostCell - 1,
		strings.Repeat(" ", 5000) + "FALSE":                        5,
		strings.Repeat(" ", 5000) + "x" + strings.Repeat("é", 999): mostCell - 1,
	} {
		got := cut([]byte(cell))
		require.Len(t, got, want)
		require.True(t, strings.HasPrefix(strings.TrimSpace(cell), string(got)))
	}
}
