package csvfile

import (
	"bytes"
	"fmt"
	"io"
)

var delimiters = []byte(",;\t")

// findDialect finds the delimiter and the kind of quotes from the first line, or the delimiter from a line before it that names it, as Excel writes and reads them: sep=;
func (r *Reader) findDialect() error {
	line, err := r.nextLine()
	if err != nil {
		return err
	}
	r.format.Delimiter = ','
	if named := bytes.Trim(line, "\" "); len(named) == 5 && bytes.EqualFold(named[:4], []byte("sep=")) && bytes.IndexByte(delimiters, named[4]) >= 0 {
		r.format.Delimiter = named[4]
		if err := r.skipLine(); err != nil {
			return err
		}
		if line, err = r.nextLine(); err != nil {
			return err
		}
	} else {
		best := 0
		for _, d := range delimiters {
			if n := outside(line, d); n > best {
				best, r.format.Delimiter = n, d
			}
		}
	}
	for cell := range bytes.SplitSeq(line, []byte{r.format.Delimiter}) {
		cell = bytes.TrimSpace(cell)
		if size := curly(cell); size > 0 && len(cell) > size && endsCurly(cell[size:]) {
			r.format.Typographic = true
		}
	}
	r.p = parser{r.format.Delimiter, r.format.Typographic, r.lim}
	return nil
}

// nextLine goes to the next line with something in it, beside separators, and returns it without going on.
func (r *Reader) nextLine() ([]byte, error) {
	for {
		if err := r.skipBlank(); err == io.EOF {
			return nil, &FileError{CodeEmpty, "the file is empty"}
		} else if err != nil {
			return nil, err
		}
		line, err := r.peekLine()
		if err != nil || len(bytes.Trim(line, ",;\t\" ")) > 0 {
			return line, err
		}
		if err := r.skipLine(); err != nil {
			return nil, err
		}
	}
}

func endsCurly(b []byte) bool {
	for i := range b {
		if size := curly(b[i:]); size > 0 && i+size == len(b) {
			return true
		}
	}
	return len(b) > 0 && b[len(b)-1] == '"'
}

// peekLine returns the line at r.pos without going on.
func (r *Reader) peekLine() ([]byte, error) {
	for {
		if n := bytes.IndexAny(r.buf[r.pos:r.end], "\r\n"); n >= 0 {
			return r.buf[r.pos : r.pos+n], nil
		}
		more, err := r.fill()
		if err != nil {
			return nil, err
		}
		if more {
			continue
		}
		if !r.eof {
			return nil, &FileError{CodeHeader, fmt.Sprintf("the first line has more than %d KiB: the file has no line breaks, or is no CSV file", r.lim.RowBytes>>10)}
		}
		return r.buf[r.pos:r.end], nil
	}
}

// outside counts a delimiter outside of quotes.
func outside(line []byte, d byte) (n int) {
	quoted := false
	for _, c := range line {
		switch {
		case c == '"':
			quoted = !quoted
		case c == d && !quoted:
			n++
		}
	}
	return n
}
