package sdk_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// A line of a comment has at most maxComment columns; a tab counts as four. A
// comment behind code that is longer than maxTrailing stands above its line if
// the whole is wider than that.
const (
	maxComment  = 100
	maxTrailing = 60
)

// TestCommentWidth looks at the comments of all modules. Left out are links,
// tables, directives such as //go:embed, and the expected output of examples.
func TestCommentWidth(t *testing.T) {
	var wide []string
	require.NoError(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "." && strings.HasPrefix(d.Name(), "."), d.IsDir() && d.Name() == "testdata":
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go":
			return nil
		}
		text, err := os.ReadFile(path)
		for _, n := range wideComments(string(text)) {
			wide = append(wide, fmt.Sprintf("%s:%d", path, n))
		}
		return err
	}))
	if len(wide) > 0 {
		t.Errorf("%d lines of comments have more than %d columns; wrap them at 80:\n%s", len(wide), maxComment, strings.Join(wide, "\n"))
	}
}

// wideComments returns the numbers of the lines whose comment is too wide.
func wideComments(source string) (lines []int) {
	output := false // within the expected output of an example
	for i, line := range strings.Split(source, "\n") {
		code, comment, found := cutComment(line)
		whole := found && strings.TrimSpace(code) == ""
		switch text := strings.TrimSpace(comment); {
		case !whole:
			output = false
		case strings.HasPrefix(text, "Output:"), strings.HasPrefix(text, "Unordered output:"):
			output = true
		}
		exempt := output || strings.HasPrefix(comment, "go:") || strings.Contains(comment, "://") || strings.HasPrefix(comment, "\t") || strings.HasPrefix(strings.TrimSpace(comment), "|")
		if found && !exempt && columns(line) > maxComment && (whole || columns(comment)+2 > maxTrailing) {
			lines = append(lines, i+1)
		}
	}
	return lines
}

// cutComment cuts a line at "//", but not within a string or a rune.
func cutComment(line string) (code, comment string, found bool) {
	quote := byte(0)
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quote != 0 && quote != '`' && c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'' || c == '`':
			quote = c
		case strings.HasPrefix(line[i:], "//"):
			return line[:i], line[i+2:], true
		}
	}
	return line, "", false
}

func columns(line string) int {
	return utf8.RuneCountInString(line) + 3*strings.Count(line, "\t")
}

// What the check takes for a wide comment.
func TestWideComments(t *testing.T) {
	long := strings.Repeat("word ", 25)
	for source, want := range map[string][]int{
		"// " + long:                           {1},
		"var x = 1\n\tvar y = 2 // " + long:    {2},
		"// short\n\n//" + long + "\n":         {3},
		strings.Repeat("\t", 23) + "// at 102": {1},
		"//go:generate " + long:                nil,
		"// see https://example.com/" + long:   nil,
		"//\tcolumn  " + long:                  nil,
		"// | a table | " + long:               nil,
		"// Output:\n// " + long:               nil,
		`x := "` + long + `// no comment"`:     nil,
		"x := `http://" + long + "`":           nil,
		"f('\"') // " + long:                   {1},
		"f(" + long + ") // short":             nil,
	} {
		require.Equal(t, want, wideComments(source), "%q", source)
	}
}
