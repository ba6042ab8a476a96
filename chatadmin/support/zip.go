package support

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/support/redact"
)

// Limits of the logs of one report.
const (
	maxFiles = 20

	defaultMaxBytes = 256 << 20
	defaultMaxZip   = 8 << 20
	sampleSize      = 2 << 10
)

// ErrTooLarge is returned if the logs are larger than a report may be. Choose
// fewer or shorter files.
var ErrTooLarge = chatadmin.ErrInvalid.New("too_large", "the logs are too large: choose fewer or shorter files")

// ZipOptions say how logs are packed; nil means defaults.
type ZipOptions struct {
	Redact   *redact.Redactor // default redact.Default
	MaxBytes int64            // of all logs before they are packed; default 256 MiB
	// MaxZip is how many bytes the zip has at most; default 8 MiB, which as a
	// mail has 11 MB.
	MaxZip int64
	Now    func() time.Time // the time of the files in the zip; default time.Now
}

func (o *ZipOptions) filled() ZipOptions {
	var z ZipOptions
	if o != nil {
		z = *o
	}
	if z.Redact == nil {
		z.Redact = redact.Default()
	}
	z.MaxBytes = cmp.Or(z.MaxBytes, defaultMaxBytes)
	z.MaxZip = cmp.Or(z.MaxZip, defaultMaxZip)
	if z.Now == nil {
		z.Now = time.Now
	}
	return z
}

// File is a log as it leaves: packed, without its secrets.
type File struct {
	Name     string              `json:"name"`
	Bytes    int64               `json:"bytes"`              // before packing
	Redacted map[redact.Kind]int `json:"redacted,omitempty"` // how many secrets of each kind were taken out
	// Sample is the beginning of the file, at most 2 KiB. It is for a preview,
	// and is not kept.
	Sample string `json:"sample,omitempty"`
}

// Zip packs at most 20 logs into one zip file without their secrets. Files are
// read once, in a few hundred KiB of memory.
//
// It returns ErrTooLarge if a limit is exceeded, and an error of class Invalid
// if a file is no text, such as a zip file: secrets cannot be taken out of it.
// What was written to w until then is no zip file.
func Zip(ctx context.Context, w io.Writer, logs []Log, o *ZipOptions) ([]File, error) {
	p := newPacker(ctx, w, o)
	for _, l := range logs {
		if err := p.addLog(l); err != nil {
			return nil, err
		}
	}
	return p.close()
}

// packer makes a zip of logs, one after the other.
type packer struct {
	ctx   context.Context
	o     ZipOptions
	to    io.Writer
	zip   *zip.Writer
	left  int64 // bytes of logs
	names map[string]bool
	files []File
}

func newPacker(ctx context.Context, w io.Writer, o *ZipOptions) *packer {
	z := o.filled()
	return &packer{ctx: ctx, o: z, to: w, left: z.MaxBytes, names: map[string]bool{},
		zip: zip.NewWriter(&limitedWriter{w, z.MaxZip})}
}

func (p *packer) addLog(l Log) error {
	if l.Open == nil {
		return fmt.Errorf("the log %q has no content: %w", chatadmin.Cut(l.Name), chatadmin.ErrInvalid)
	}
	r, err := l.Open()
	if err != nil {
		return err
	}
	return errors.Join(p.add(l.Name, r), r.Close())
}

// add packs one log.
func (p *packer) add(name string, r io.Reader) error {
	if len(p.files) == maxFiles {
		return fmt.Errorf("more than %d files: %w", maxFiles, ErrTooLarge)
	}
	head := make([]byte, 512)
	n, err := io.ReadFull(r, head)
	if head = head[:n]; err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("reading %q: %w", chatadmin.Cut(name), err)
	}
	if !redact.IsText(head) {
		return fmt.Errorf("%q is no text, so that secrets cannot be taken out of it: choose log files, and unpack those that are packed: %w",
			chatadmin.Cut(name), chatadmin.ErrInvalid)
	}
	f := File{Name: fileName(name, p.names)}
	out, err := p.zip.CreateHeader(&zip.FileHeader{Name: f.Name, Method: zip.Deflate, Modified: p.o.Now().UTC()})
	if err != nil {
		return err
	}
	source := &limitedReader{ctx: p.ctx, r: io.MultiReader(bytes.NewReader(head), r), left: &p.left}
	clean := p.o.Redact.Reader(source)
	sample := &sampler{w: out}
	if f.Bytes, err = io.Copy(sample, clean); err != nil {
		if errors.Is(err, ErrTooLarge) || p.ctx.Err() != nil {
			return err
		}
		return fmt.Errorf("packing %q: %w", f.Name, err)
	}
	f.Redacted, f.Sample = clean.Found(), strings.ToValidUTF8(string(sample.begin), "\uFFFD")
	p.files = append(p.files, f)
	return nil
}

func (p *packer) close() ([]File, error) {
	if err := p.zip.Close(); err != nil {
		return nil, err
	}
	return p.files, nil
}

// limitedReader fails where all logs together are too large, and when ctx ends.
type limitedReader struct {
	ctx  context.Context
	r    io.Reader
	left *int64
}

func (l *limitedReader) Read(b []byte) (int, error) {
	if err := l.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := l.r.Read(b)
	if *l.left -= int64(n); *l.left < 0 {
		return 0, ErrTooLarge
	}
	return n, err
}

// limitedWriter fails where a zip is too large.
type limitedWriter struct {
	w    io.Writer
	left int64
}

func (l *limitedWriter) Write(b []byte) (int, error) {
	if l.left -= int64(len(b)); l.left < 0 {
		return 0, ErrTooLarge
	}
	return l.w.Write(b)
}

// sampler remembers the beginning of what is written.
type sampler struct {
	w     io.Writer
	begin []byte
}

func (s *sampler) Write(b []byte) (int, error) {
	s.begin = append(s.begin, b[:min(len(b), sampleSize-len(s.begin))]...)
	return s.w.Write(b)
}

// pieces keeps what is written in pieces of at most pieceSize bytes, each of
// which fits into a record.
type pieces struct {
	all  [][]byte
	size int64
}

const pieceSize = 512 << 10

func (p *pieces) Write(b []byte) (int, error) {
	n := len(b)
	for p.size += int64(n); len(b) > 0; {
		last := len(p.all) - 1
		if last < 0 || len(p.all[last]) == pieceSize {
			p.all = append(p.all, make([]byte, 0, pieceSize))
			last++
		}
		k := min(len(b), pieceSize-len(p.all[last]))
		p.all[last] = append(p.all[last], b[:k]...)
		b = b[k:]
	}
	return n, nil
}

// reader reads all pieces.
func (p *pieces) reader() io.Reader {
	rs := make([]io.Reader, len(p.all))
	for i, b := range p.all {
		rs[i] = bytes.NewReader(b)
	}
	return io.MultiReader(rs...)
}
