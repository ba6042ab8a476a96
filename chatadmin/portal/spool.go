package portal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"chatadmin.example/sdk/chatadmin"
)

// Spool keeps uploaded files, and the results of imports, until they are no
// longer needed. All programs that call chatadmin.Admin.Work for the same store
// share one. Names are letters, digits, "." and "-". The files hold personal
// data: nobody else may read them.
type Spool interface {
	// Create begins a file. What is written is kept when Close has returned
	// nil. A file of the same name is replaced.
	Create(ctx context.Context, name string) (io.WriteCloser, error)
	// Open opens a file. One that does not exist is fs.ErrNotExist.
	Open(ctx context.Context, name string) (io.ReadSeekCloser, error)
	// Remove deletes a file. One that does not exist is no error.
	Remove(ctx context.Context, name string) error
}

// Dir is a Spool in a folder. Its files have the mode 0600.
type Dir struct{ path string }

// NewDir returns the spool in a folder, which it makes with mode 0700 if there
// is none.
func NewDir(path string) (*Dir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	return &Dir{path}, nil
}

var spoolName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

func (d *Dir) file(name string) (string, error) {
	if !spoolName.MatchString(name) {
		return "", fmt.Errorf("spool: %q is no name of a file: %w", chatadmin.Cut(name), chatadmin.ErrInvalid)
	}
	return filepath.Join(d.path, name), nil
}

// Create implements Spool.
func (d *Dir) Create(_ context.Context, name string) (io.WriteCloser, error) {
	at, err := d.file(name)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(at, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	return synced{f}, nil
}

// synced is a file that is on the disk when it was closed.
type synced struct{ *os.File }

func (s synced) Close() error { return errors.Join(s.Sync(), s.File.Close()) }

// Open implements Spool.
func (d *Dir) Open(_ context.Context, name string) (io.ReadSeekCloser, error) {
	at, err := d.file(name)
	if err != nil {
		return nil, err
	}
	return os.Open(at)
}

// Remove implements Spool.
func (d *Dir) Remove(_ context.Context, name string) error {
	at, err := d.file(name)
	if err != nil {
		return err
	}
	if err := os.Remove(at); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
