// Package examples_test checks what holds for all examples.
package examples_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each example has a test that runs it.
func TestEachExampleIsTested(t *testing.T) {
	dirs, err := os.ReadDir(".")
	require.NoError(t, err)
	for _, dir := range dirs {
		if !dir.IsDir() || dir.Name() == "internal" {
			continue
		}
		tests, err := filepath.Glob(filepath.Join(dir.Name(), "*_test.go"))
		require.NoError(t, err)
		require.NotEmpty(t, tests, dir.Name())
	}
}

// A server without timeouts waits for ever for a client that stays silent.
func TestServersHaveTimeouts(t *testing.T) {
	files, err := filepath.Glob("*/*.go")
	require.NoError(t, err)
	found := 0
	for _, name := range files {
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			literal, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			typ, ok := literal.Type.(*ast.SelectorExpr)
			if !ok || typ.Sel.Name != "Server" {
				return true
			}
			found++
			var fields []string
			for _, e := range literal.Elts {
				fields = append(fields, e.(*ast.KeyValueExpr).Key.(*ast.Ident).Name)
			}
			for _, field := range []string{"ReadHeaderTimeout", "ReadTimeout", "WriteTimeout", "IdleTimeout"} {
				require.True(t, slices.Contains(fields, field), "%s: no %s", set.Position(literal.Pos()), field)
			}
			return true
		})
	}
	require.Equal(t, 6, found, "admincli, device, host, login2fa, portal, signin")
}
