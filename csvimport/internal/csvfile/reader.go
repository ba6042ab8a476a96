package csvfile

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

const mostBytes = 2 << 30

// MostRows is the default of Limits.Rows.
const MostRows = 10_000_000

// CheckSize refuses a file that the default limit refuses, before any of it is
// read. UTF-16 takes twice the bytes.
func CheckSize(bytes int64) error {
	if bytes > 2*mostBytes {
		return tooLarge(mostBytes)
	}
	return nil
}

// Limits bound what a file may hold; zero fields take the defaults.
type Limits struct {
	FileBytes  int64 // default 2 GiB
	Rows       int   // default ten million
	RowBytes   int   // default 1 MiB; also the memory that reading takes at most
	FieldBytes int   // default 64 KiB
	Columns    int   // default 256
	// line breaks in one quoted field, default 64: more, and the quote is taken
	// as unclosed
	QuotedRows int
	// as a Detector or a reader of the same file has told; without Encoding the
	// file is looked through to find out
	Known Format
}

func (l Limits) withDefaults() Limits {
	set := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	if l.FileBytes == 0 {
		l.FileBytes = mostBytes
	}
	set(&l.Rows, MostRows)
	set(&l.RowBytes, 1<<20)
	set(&l.FieldBytes, 64<<10)
	set(&l.Columns, 256)
	set(&l.QuotedRows, 64)
	return l
}

// Row is one record. It is valid until the next call of Read.
type Row struct {
	Line int // of the file, from 1, where the record begins
	// UTF-8, line breaks as \n; of a broken record as far as they can be told
	Fields [][]byte
	// nil if the record is whole and has as many fields as the header
	Err   *RowError
	Short bool // cells were missing at its end; they are blank
}

// Reader reads the records of a file.
type Reader struct {
	src    io.Reader
	lim    Limits
	format Format
	header []string

	buf  []byte
	pos  int // of the next record
	end  int // of what is in buf
	eof  bool
	line int // of the next record
	rows int
	read int64
	p    parser

	hash  bool // the first heading begins with #, so that a row may
	count int  // of fields, when it was wrong last
	// what was said of it then: a file may have it wrong in each of a million
	// lines
	reason string
}

// NewReader finds out how the file is written and reads its header, the first
// line that is not blank. The errors are *FileError, or those of f.
func NewReader(f io.ReadSeeker, lim Limits) (*Reader, error) {
	r := &Reader{lim: lim.withDefaults(), line: 1}
	var err error
	if r.src, r.format, err = decoded(f, r.lim); err != nil {
		return nil, err
	}
	r.buf = make([]byte, min(64<<10, r.lim.RowBytes))
	if err := r.findDialect(); err != nil {
		return nil, err
	}
	var head Row
	if err := r.record(&head); err != nil {
		return nil, err
	}
	if head.Err != nil {
		return nil, &FileError{CodeHeader, fmt.Sprintf("the headings in line %d cannot be read: %s", head.Line, head.Err.Reason), head.Line}
	}
	for _, name := range head.Fields {
		r.header = append(r.header, strings.ToValidUTF8(string(bytes.TrimSpace(name)), "\uFFFD"))
	}
	r.p.want = len(r.header) - 1
	r.hash = strings.HasPrefix(r.header[0], "#")
	return r, nil
}

// ReadOnly says which columns count. What stands in the others makes no record
// broken, as long as the record fits into Limits.RowBytes.
func (r *Reader) ReadOnly(columns []int) {
	r.p.read = make([]bool, len(r.header))
	for _, c := range columns {
		r.p.read[c] = true
	}
}

// Format is how the file is written.
func (r *Reader) Format() Format { return r.format }

// Header is the first record, trimmed.
func (r *Reader) Header() []string { return r.header }

// Bytes is how much of the file (as UTF-8) the records take that have been
// read.
func (r *Reader) Bytes() int64 { return r.read - int64(r.end-r.pos) }

// Read reads the next record, or returns io.EOF. Blank lines are skipped, and
// those of which spreadsheets have left the separators alone. A broken record
// is no error: row.Err says what is wrong with it.
func (r *Reader) Read(row *Row) error {
	for blank := true; blank; {
		if err := r.skipBlank(); err != nil {
			return err
		}
		if err := r.record(row); err != nil {
			return err
		}
		blank = row.Err == nil && !slices.ContainsFunc(row.Fields, func(f []byte) bool { return len(bytes.TrimSpace(f)) > 0 })
	}
	if r.rows++; r.rows > r.lim.Rows {
		return &FileError{CodeManyRows, fmt.Sprintf("the file has more than %d lines: split it and import the parts one after the other", r.lim.Rows), r.lim.Rows}
	}
	r.fit(row)
	r.text(row)
	return nil
}

// fit gives a record as many fields as the header has, if it has fewer, or more
// of which the surplus is blank.
func (r *Reader) fit(row *Row) {
	n, want := len(row.Fields), len(r.header)
	if row.Err != nil || n == want {
		return
	}
	surplus := func(f []byte) bool { return len(bytes.TrimSpace(f)) > 0 }
	switch {
	case n > want && !slices.ContainsFunc(row.Fields[want:], surplus):
		row.Fields = row.Fields[:want]
	case n > want:
		if n != r.count {
			r.count, r.reason = n, fmt.Sprintf("the line has %d fields, the header has %d", n, want)
		}
		row.Err = &RowError{row.Line, CodeFieldCount, r.reason}
	case n == 1 && r.cause(row):
	default:
		for len(row.Fields) < want {
			row.Fields = append(row.Fields, nil)
		}
		row.Short = true
	}
}

// cause finds out why a line has one field, where several were expected.
func (r *Reader) cause(row *Row) bool {
	only := row.Fields[0]
	if bytes.Count(only, []byte{r.format.Delimiter}) >= r.p.want {
		row.Err = &RowError{row.Line, CodeQuotedLine, "the line as a whole stands in quotes: take them off, and write quotes within it once"}
		return true
	}
	for _, d := range delimiters {
		if bytes.Count(only, []byte{d}) == r.p.want {
			row.Err = &RowError{row.Line, CodeFieldCount, fmt.Sprintf("the line is separated by %q, the header by %q", d, r.format.Delimiter)}
			return true
		}
	}
	return false
}

// text looks whether the fields of a record that count are text.
func (r *Reader) text(row *Row) {
	if row.Err != nil || r.format.Clean {
		return
	}
	for i, f := range row.Fields {
		switch {
		case !r.p.reads(i):
		case !utf8.Valid(f):
			row.Err = &RowError{row.Line, CodeEncoding, "the line has bytes that are not UTF-8: save the file as UTF-8, or name its encoding, such as windows-1252 or ibm850"}
			return
		case bytes.Contains(f, []byte("\uFFFD")):
			row.Err = &RowError{row.Line, CodeEncoding, "the line has characters that were lost when it was saved, or that its encoding does not have: export it anew, or name its encoding"}
			return
		}
	}
}

// fill reads more behind what is there, making room first. It returns false
// where there is no more, or no more room.
func (r *Reader) fill() (bool, error) {
	if r.eof {
		return false, nil
	}
	if r.pos > 0 {
		r.end = copy(r.buf, r.buf[r.pos:r.end])
		r.pos = 0
	}
	if r.end == len(r.buf) {
		if len(r.buf) > r.lim.RowBytes {
			return false, nil
		}
		r.buf = append(r.buf, make([]byte, min(len(r.buf), r.lim.RowBytes+1-len(r.buf)))...)
	}
	for {
		n, err := r.src.Read(r.buf[r.end:])
		r.end += n
		if r.read += int64(n); r.read > 2*r.lim.FileBytes {
			return false, tooLarge(r.lim.FileBytes)
		}
		if err == io.EOF {
			r.eof = true
			return n > 0, nil
		}
		if err != nil || n > 0 {
			return n > 0, err
		}
	}
}

// skipBlank goes to the next line that is not blank.
func (r *Reader) skipBlank() error {
	for i := r.pos; ; i++ {
		if i == r.end {
			at := i - r.pos
			more, err := r.fill()
			if err != nil {
				return err
			}
			if i = r.pos + at; !more {
				if r.eof {
					r.pos = i
					return io.EOF
				}
				return r.skipLine() // a line of nothing but spaces, longer than a row may be
			}
		}
		switch c := r.buf[i]; c {
		case ' ', '\t':
			if c == '\t' && r.format.Delimiter == '\t' {
				return nil
			}
		case '\r', '\n':
			if c == '\r' {
				if i+1 == r.end {
					at := i - r.pos
					if _, err := r.fill(); err != nil {
						return err
					}
					i = r.pos + at
				}
				if i+1 < r.end && r.buf[i+1] == '\n' {
					i++
				}
			}
			r.line++
			r.pos = i + 1
		default:
			return nil
		}
	}
}

// record parses the record at r.pos.
func (r *Reader) record(row *Row) error {
	*row = Row{Line: r.line, Fields: row.Fields[:0]}
	comment := len(r.header) > 0 && !r.hash && r.pos < r.end && r.buf[r.pos] == '#'
	for {
		res := r.p.parse(r.buf[r.pos:r.end], r.eof, row.Fields[:0])
		row.Fields = res.fields
		switch {
		case res.more:
			atEnd := r.eof
			more, err := r.fill()
			if err != nil {
				return err
			}
			if more || r.eof != atEnd {
				continue
			}
			if !r.eof {
				return r.broken(row, CodeRowTooLong, fmt.Sprintf("the line is longer than %d KiB, or a quote in it is not closed", r.lim.RowBytes>>10))
			}
			return r.broken(row, CodeUnclosedQuote, "a quote is opened and never closed")
		case res.code != "":
			return r.broken(row, res.code, res.reason)
		}
		if comment {
			return r.broken(row, CodeComment, "the line begins with #, as comments do: no login begins with it, nor any value that does not stand in quotes")
		}
		r.pos += res.size
		r.line += res.lines
		return nil
	}
}

// broken reports a record and goes on behind its first line: whatever a quote
// in it has swallowed gets its own chance.
func (r *Reader) broken(row *Row, code, reason string) error {
	row.Err = &RowError{row.Line, code, reason}
	row.Fields = row.Fields[:0]
	const most = 64 << 10 // of what is shown, where it is as long as that
	line := r.buf[r.pos:min(r.end, r.pos+most)]
	if n := bytes.IndexAny(line, "\r\n"); n >= 0 {
		line = line[:n]
	}
	for cell := range bytes.SplitSeq(bytes.Clone(line), []byte{r.format.Delimiter}) {
		if row.Fields = append(row.Fields, cell); len(row.Fields) > r.lim.Columns {
			break
		}
	}
	return r.skipLine()
}

// skipLine goes behind the next line end, however far it is.
func (r *Reader) skipLine() error {
	for {
		if n := bytes.IndexAny(r.buf[r.pos:r.end], "\r\n"); n >= 0 {
			r.pos += n
			if r.buf[r.pos] == '\r' && r.pos+1 == r.end {
				if _, err := r.fill(); err != nil {
					return err
				}
			}
			if r.buf[r.pos] == '\r' && r.pos+1 < r.end && r.buf[r.pos+1] == '\n' {
				r.pos++
			}
			r.pos++
			r.line++
			return nil
		}
		r.pos = r.end
		if more, err := r.fill(); err != nil || !more {
			return err
		}
	}
}
