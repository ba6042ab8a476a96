package support

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"chatadmin.example/sdk/chatadmin"
)

// Log is a log file that goes with a report.
type Log struct {
	Name string // of the file; a folder in it is left out
	Open func() (io.ReadCloser, error)
}

// FileLog is a file of this machine. Of a file that grows meanwhile, what was
// there when it was opened is read.
func FileLog(name string) Log {
	return Log{Name: filepath.Base(name), Open: func() (io.ReadCloser, error) {
		// A pipe would wait for its other end.
		if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%q is no file: %w", chatadmin.Cut(name), chatadmin.ErrInvalid)
		}
		f, err := os.Open(name)
		if err != nil {
			return nil, fileError(name, err)
		}
		info, err := f.Stat()
		if err != nil {
			return nil, errors.Join(fileError(name, err), f.Close())
		}
		return struct {
			io.Reader
			io.Closer
		}{io.LimitReader(f, info.Size()), f}, nil
	}}
}

// FolderLogs are the files of a folder, the latest first, at most as many as a
// report may have. Folders in it, links and hidden files are left out.
func FolderLogs(folder string) ([]Log, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fileError(folder, err)
	}
	var files []fs.FileInfo
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && !strings.HasPrefix(e.Name(), ".") {
			files = append(files, info)
		}
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int {
		return cmp.Or(b.ModTime().Compare(a.ModTime()), cmp.Compare(a.Name(), b.Name()))
	})
	var logs []Log
	for _, info := range files[:min(len(files), maxFiles)] {
		logs = append(logs, FileLog(filepath.Join(folder, info.Name())))
	}
	return logs, nil
}

func fileError(name string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no %q: %w", chatadmin.Cut(name), chatadmin.ErrNotFound)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%q may not be read: %w", chatadmin.Cut(name), chatadmin.ErrForbidden)
	}
	return fmt.Errorf("reading %q: %w", chatadmin.Cut(name), err)
}

// reserved are names that Windows does not take for files.
var reserved = []string{"con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "lpt1", "lpt2", "lpt3"}

const maxFileName = 100 // bytes

// fileName makes the name of a file in a zip: that of the file alone, of
// characters that every system takes, and different from those in used, also
// where case does not matter.
func fileName(name string, used map[string]bool) string {
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	name = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) || strings.ContainsRune(`<>:"|?*/`, r) {
			return '_'
		}
		return r
	}, name)
	name = strings.Trim(name, ". ")
	for len(name) > maxFileName {
		_, size := utf8.DecodeRuneInString(name) // the end tells more: it has the date
		name = name[size:]
	}
	base, ext := name, path.Ext(name)
	if base = strings.TrimSuffix(name, ext); base == "" || slices.Contains(reserved, strings.ToLower(base)) {
		base = "log" + base
	}
	unique := base + ext
	for n := 2; used[strings.ToLower(unique)]; n++ {
		unique = fmt.Sprintf("%s (%d)%s", base, n, ext)
	}
	used[strings.ToLower(unique)] = true
	return unique
}
