package main

import (
	"io"
	"os"
)

// spooled is a file that can be read several times.
type spooled struct {
	*os.File
	temporary bool
}

// file opens a file. Standard input, or a pipe, is kept in a temporary one
// (mode 0600).
func (c *cli) file(name string) (spooled, error) {
	in := c.in
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return spooled{}, err
		}
		if info, err := f.Stat(); err != nil || info.Mode()&(os.ModeNamedPipe|os.ModeCharDevice) == 0 {
			return spooled{f, false}, err
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	f, err := os.CreateTemp("", "admincli-*.csv")
	if err != nil {
		return spooled{}, err
	}
	s := spooled{f, true}
	if _, err := io.Copy(f, in); err != nil {
		s.close()
		return spooled{}, err
	}
	return s, nil
}

func (s spooled) close() {
	_ = s.File.Close()
	if s.temporary {
		_ = os.Remove(s.Name())
	}
}

// resultFile is private for what became of the rows of a file, which it must
// not be itself.
func resultFile(name string, of *os.File) (*os.File, error) {
	imported, err := of.Stat()
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(name); err == nil && os.SameFile(info, imported) {
		return nil, usage("--result would overwrite the file that is imported: %s", name)
	}
	return private(name)
}

// private creates a file that its owner alone can read, for what holds people's
// data or secrets. A file that is there is emptied, and is private from then
// on.
func private(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Mode().IsRegular() { // no terminal, no pipe
		err = f.Chmod(0o600)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}
