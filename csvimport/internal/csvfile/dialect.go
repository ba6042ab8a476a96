package csvfile

import (
	"bytes"
	"fmt"
	"io"
)

var delimiters = []byte(",;\t|")

// findDialect finds the delimiter and the kind of quotes from the headings, or
// the delimiter from a line before them that names it, as Excel writes and
// reads them: sep=; Other lines that introduce a file are skipped: comments,
// and the version of a template.
func (r *Reader) findDialect() error {
	r.format.Delimiter = 0
	for {
		line, err := r.nextLine()
		if err != nil {
			return err
		}
		named := bytes.Trim(line, "\" ")
		isSep := len(named) == 5 && bytes.EqualFold(named[:4], []byte("sep=")) && bytes.IndexByte(delimiters, named[4]) >= 0
		if isSep {
			r.format.Delimiter = named[4]
		}
		if !isSep && !introduces(line) {
			break
		}
		if err := r.skipLine(); err != nil {
			return err
		}
	}
	head := r.headings()
	if r.format.Delimiter == 0 {
		r.format.Delimiter = r.bestDelimiter(head)
	}
	for cell := range bytes.SplitSeq(head, []byte{r.format.Delimiter}) {
		cell = bytes.TrimSpace(cell)
		if size := curly(cell); size > 0 && len(cell) > size && endsCurly(cell[size:]) {
			r.format.Typographic = true
		}
	}
	r.p = parser{delimiter: r.format.Delimiter, typographic: r.format.Typographic, lim: r.lim}
	return nil
}

// introduces reports whether a line before the headings is a comment or the
// version of a template. A column that is itself named "#" is none.
func introduces(line []byte) bool {
	line = bytes.TrimLeft(line, "\" ")
	if len(line) > 8 && bytes.EqualFold(line[:8], []byte("version:")) {
		return true
	}
	return len(line) > 0 && line[0] == '#' && (len(line) == 1 || bytes.IndexByte(delimiters, line[1]) < 0)
}

// bestDelimiter is the one that stands in the headings most often; of two that
// stand there as often, the one that the rows have as often, too.
func (r *Reader) bestDelimiter(head []byte) byte {
	best, most, rows := byte(','), 0, -1
	for _, d := range delimiters {
		n := outside(head, d)
		if n == 0 || n < most {
			continue
		}
		like := r.rowsLike(len(head), d, n)
		if n > most || like > rows {
			best, most, rows = d, n, like
		}
	}
	return best
}

// rowsLike counts the lines behind the headings, of those that are read
// already, that have a delimiter so often.
func (r *Reader) rowsLike(head int, d byte, n int) (like int) {
	const most = 50
	rest := r.buf[min(r.pos+head, r.end):r.end]
	for range most {
		rest = bytes.TrimLeft(rest, "\r\n")
		end := bytes.IndexAny(rest, "\r\n")
		if end < 0 && !r.eof || len(rest) == 0 {
			return like
		}
		if end < 0 {
			end = len(rest)
		}
		if outside(rest[:end], d) == n {
			like++
		}
		rest = rest[end:]
	}
	return like
}

// headings returns what the record at r.pos has, which may be several lines in
// quotes, as far as it is read.
func (r *Reader) headings() []byte {
	b := r.buf[r.pos:r.end]
	quoted, lines := false, 0
	first := len(b)
	for i, c := range b {
		switch {
		case c == '"':
			quoted = !quoted
		case c == '\r' || c == '\n':
			if !quoted {
				return b[:i]
			}
			if first = min(first, i); lines > r.lim.QuotedRows {
				return b[:first]
			}
			lines++
		}
	}
	if quoted {
		return b[:first]
	}
	return b
}

// nextLine goes to the next line with something in it, beside separators, and
// returns it without going on.
func (r *Reader) nextLine() ([]byte, error) {
	for {
		if err := r.skipBlank(); err == io.EOF {
			return nil, &FileError{Code: CodeEmpty, Reason: "the file is empty"}
		} else if err != nil {
			return nil, err
		}
		line, err := r.peekLine()
		if err != nil || len(bytes.Trim(line, ",;|\t\" ")) > 0 {
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
			return nil, &FileError{Code: CodeHeader, Reason: fmt.Sprintf("the first line has more than %d KiB: the file has no line breaks, or is no CSV file", r.lim.RowBytes>>10)}
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
