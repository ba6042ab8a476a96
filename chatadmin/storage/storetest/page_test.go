package storetest_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The page lists every mutant under the test that finds it. Its snippets are
// run by the tests of sqlstoretest and of its package ownusers.
func TestPage(t *testing.T) {
	byTest := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(mutants)) {
		test, says := mutants[name].test, name
		if alike[name] != "" {
			says = alike[name]
		}
		if !slices.Contains(byTest[test], says) {
			byTest[test] = append(byTest[test], says)
		}
	}
	var rows []string
	for _, test := range slices.Sorted(maps.Keys(byTest)) {
		rows = append(rows, fmt.Sprintf("| %s | %s |", test, strings.Join(byTest[test], "; ")))
	}
	page, err := os.ReadFile("IMPLEMENTING.md")
	require.NoError(t, err)
	require.Contains(t, string(page), "|---|---|\n"+strings.Join(rows, "\n")+"\n\n", "the table should be:\n%s", strings.Join(rows, "\n"))
}
