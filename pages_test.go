package sdk_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the pages link to, and the files that CONTRIBUTING.md names, are there.
func TestPagesNameFiles(t *testing.T) {
	pages, err := filepath.Glob("*.md")
	require.NoError(t, err)
	require.Contains(t, pages, "README.md")
	link := regexp.MustCompile(`\]\(([\w./:-]+)\)`)
	named := regexp.MustCompile("`((?:chatadmin|csvimport|twofa|devices|integrations|examples)/[\\w./-]+)`")
	for _, page := range pages {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		found := link.FindAllStringSubmatch(string(text), -1)
		if page == "CONTRIBUTING.md" {
			found = append(found, named.FindAllStringSubmatch(string(text), -1)...)
		}
		for _, m := range found {
			if !strings.Contains(m[1], "://") {
				require.FileExists(t, exists(m[1]), "%s names %s", page, m[1])
			}
		}
	}
}

// exists is a file of a folder, or the path itself.
func exists(path string) string {
	if files, err := os.ReadDir(path); err == nil && len(files) > 0 {
		for _, f := range files {
			if !f.IsDir() {
				return filepath.Join(path, f.Name())
			}
		}
	}
	return path
}

// Each package and each example has its line in the README.
func TestReadmeListsPackages(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, p := range packages(t) {
		name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		if name == "" || strings.Contains(name, "internal") || strings.HasSuffix(name, "test") && name != "chatadmin/chatadmintest" && name != "chatadmin/storage/storetest" {
			continue
		}
		require.Contains(t, string(readme), "]("+name+"/", name)
	}
	examples, err := os.ReadDir("examples")
	require.NoError(t, err)
	for _, e := range examples {
		if e.IsDir() && e.Name() != "internal" {
			require.Contains(t, string(readme), "](examples/"+e.Name()+"/", e.Name())
		}
	}
}
