package csvimport

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/texts"
	"chatadmin.example/sdk/csvimport/internal/csvfile"
)

// batchRows is how many rows of the file one transaction takes. Batches are
// counted from the start of the file, so that a resumed import cuts it into the
// same ones.
const batchRows = chatadmin.MaxBatch

// mostRows is how many rows a file has at most.
const mostRows = csvfile.MostRows

// entry is one line of the file: a row, or what is wrong with it.
type entry struct {
	line                 int
	row                  *row // never nil
	bad                  *csvfile.RowError
	short                bool // cells are missing at its end
	loginKey, managerKey string
	newKey               string // of the login that the user shall have
}

// source reads the file batch by batch.
type source struct {
	file   *csvfile.Reader
	header *header
	// Used in turn, so that one batch can be read while the one before is
	// worked on
	rooms [2]room
	raw   csvfile.Row
	next  int // number of the batch that read returns next
	empty row
	// Where set, the other rows stay empty: reading over them costs half
	only rowSet
}

// room is where a batch is read to.
type room struct {
	rows []entry
	dec  *decoder
}

// open starts at the beginning of the file. What was found out about its format
// before need not be found out again.
func open(ctx context.Context, f io.ReadSeeker, login chatadmin.LoginPolicy, set settings, known csvfile.Format) (*source, error) {
	f = cancellable{f, ctx}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("reading the file: %w", err)
	}
	file, err := csvfile.NewReader(f, csvfile.Limits{Known: known})
	if err != nil {
		return nil, refused(err)
	}
	s := &source{file: file}
	if s.header, err = readHeader(file.Header(), login, set); err != nil {
		return nil, err
	}
	file.ReadOnly(s.header.columns())
	for i := range s.rooms {
		s.rooms[i].dec = newDecoder(s.header)
	}
	return s, nil
}

// cancellable is a file that cannot be read any more when its context is done.
type cancellable struct {
	io.ReadSeeker
	ctx context.Context
}

func (c cancellable) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.ReadSeeker.Read(p)
}

// explained are the texts of errors with a number.
var explained = map[string]string{csvfile.CodeHeader: "why.csv_header", csvfile.CodeManyRows: "why.csv_lines", csvfile.CodeTooLarge: "why.csv_size"}

func refused(err error) error {
	var fe *csvfile.FileError
	if errors.As(err, &fe) {
		err := &FileError{fe.Code, fe.Reason}
		if key := explained[fe.Code]; key != "" && fe.Number > 0 {
			return texts.Explain(err, key, fe.Number)
		}
		return err
	}
	return fmt.Errorf("reading the file: %w", err)
}

// read returns the next batch, valid until the call after the next; it is empty
// at the end of the file.
func (s *source) read(ctx context.Context) ([]entry, error) {
	room := &s.rooms[s.next%len(s.rooms)]
	rows, dec := room.rows[:0], room.dec
	dec.reset()
	for len(rows) < batchRows {
		e, err := s.scan()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		switch {
		case s.only != nil && !s.only.has(uint32(s.next*batchRows+len(rows))):
			e.row = &s.empty
		case e.bad != nil:
			e.row = s.salvage()
		default:
			dec.add(s.raw.Fields)
		}
		rows = append(rows, e)
	}
	good, err := dec.decode()
	if err != nil {
		return nil, err
	}
	for i := range rows {
		e := &rows[i]
		if e.row == nil {
			e.row, good = good[0].Row, good[1:]
		}
		// Nothing is looked up for a broken line, whose cells are no text,
		// perhaps
		if e.bad == nil {
			e.loginKey, e.managerKey = chatadmin.Fold(e.row.Login), chatadmin.Fold(e.row.Manager)
			if e.newKey = ""; e.row.NewLogin != "" && e.row.marks[colNewLogin]&(markRuined|markDamaged) == 0 {
				e.newKey = chatadmin.Fold(e.row.NewLogin)
			}
		}
	}
	s.next++
	room.rows = rows
	return rows, ctx.Err()
}

// entry reads one line, for a report, which looks at s.raw as well. The keys
// are not set.
func (s *source) entry() (entry, error) {
	e, err := s.scan()
	if err == nil {
		e.row = s.salvage()
	}
	return e, err
}

// scan reads one line into s.raw.
func (s *source) scan() (entry, error) {
	if err := s.file.Read(&s.raw); err != nil {
		if err == io.EOF {
			return entry{}, err
		}
		return entry{}, refused(err)
	}
	return entry{line: s.raw.Line, bad: s.raw.Err, short: s.raw.Short}, nil
}

// salvage takes what can be told of the line at hand, broken or not.
func (s *source) salvage() *row {
	r := &row{}
	for c, i := range s.header.at {
		if i >= 0 && i < len(s.raw.Fields) {
			r.set(column(c), string(cut(s.raw.Fields[i])))
		}
	}
	return r
}

// shown is a cell of the line at hand as the file has it, cut.
func (s *source) shown(c column) string {
	if int(c) >= len(s.header.at) {
		return ""
	}
	if i := s.header.at[c]; i >= 0 && i < len(s.raw.Fields) {
		return chatadmin.Cut(strings.TrimSpace(asText(s.raw.Fields[i])))
	}
	return ""
}

// skipTo reads on until the batch with the given number is next.
func (s *source) skipTo(ctx context.Context, batch int) error {
	wanted := s.only
	defer func() { s.only = wanted }()
	s.only = rowSet{}
	for s.next < batch {
		if rows, err := s.read(ctx); err != nil || len(rows) == 0 {
			return err
		}
	}
	return nil
}

// warnings are those of the file as a whole. sample is a cell as it would be
// stored, if there is one that shows whether the encoding is right.
func (s *source) warnings(sample string) []texts.Message {
	w := s.header.warnings()
	switch guessed := s.file.Format().Guessed; {
	case guessed && sample != "":
		w = append(w, texts.NewMessage("warn.csv_encoding_sample", chatadmin.Cut(sample)))
	case guessed:
		w = append(w, texts.NewMessage("warn.csv_encoding"))
	}
	return w
}

// fileprint is what is found out about a file by reading it once.
type fileprint struct {
	hash   []byte // SHA-256
	format csvfile.Format
}

// fingerprint reads the whole file, unless it is too large. named is the
// encoding that was named, if one was.
func fingerprint(ctx context.Context, f io.ReadSeeker, named string) (fileprint, error) {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return fileprint{}, fmt.Errorf("reading the file: %w", err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fileprint{}, fmt.Errorf("reading the file: %w", err)
	}
	h, d, buf := sha256.New(), csvfile.Detector{}, make([]byte, 1<<18)
	for {
		n, err := f.Read(buf)
		_, _ = h.Write(buf[:n])
		_, _ = d.Write(buf[:n])
		if err == io.EOF {
			return fileprint{h.Sum(nil), d.Format(named)}, nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return fileprint{}, fmt.Errorf("reading the file: %w", err)
		}
		if err := csvfile.CheckSize(size); err != nil { // not before: a folder that cannot be read may say any size
			return fileprint{}, refused(err)
		}
	}
}
