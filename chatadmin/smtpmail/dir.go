package smtpmail

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

// Dir is a chatadmin.Mailer that writes each mail into a folder as an .eml
// file, with mode 0600: for trying things out. The file is named after the
// mail's ID, so that a mail that is sent twice is one file.
type Dir struct {
	path string
	from sender
}

// NewDir returns a Mailer that writes to the folder, which it creates where it
// is missing. now may be nil.
func NewDir(path, from string, now func() time.Time) (*Dir, error) {
	s, err := newSender(from, "", now)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("folder for mails: %w", err)
	}
	return &Dir{path, s}, nil
}

// Send implements chatadmin.Mailer.
func (d *Dir) Send(ctx context.Context, m chatadmin.Mail) error {
	msg, err := d.from.message(ctx, m)
	if err != nil {
		return err
	}
	name := messageID(m.ID)
	if name == "" { // a name of its own, so that it replaces no other mail
		name = "mail-" + rand.Text()
	}
	f, err := os.OpenFile(filepath.Join(d.path, name+".eml"), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("writing a mail: %w", err)
	}
	_, err = msg.WriteTo(f)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}
