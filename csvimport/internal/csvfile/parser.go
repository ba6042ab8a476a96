package csvfile

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// parser parses one record of a given dialect.
type parser struct {
	delimiter   byte
	typographic bool
	lim         Limits
	read        []bool // the columns that count; all if it is nil
	want        int    // delimiters of a whole line, once the headings are read
}

// reads reports whether a column counts. In the others nothing is a fault that
// harms no other column.
func (p *parser) reads(column int) bool {
	return p.read == nil || column < len(p.read) && p.read[column]
}

// parsed is what parse found: a record of size bytes over some lines, or what
// is wrong with it, or that more bytes are needed.
type parsed struct {
	fields       [][]byte
	size, lines  int
	more         bool
	code, reason string
}

// parse parses the record that b begins with. eof says that nothing follows b.
func (p *parser) parse(b []byte, eof bool, fields [][]byte) parsed {
	at, lines := 0, 1
	until := calm(b)
	bad := func(code, reason string) parsed { return parsed{fields: fields, code: code, reason: reason} }
	for {
		if len(fields) == p.lim.Columns {
			return bad(CodeManyColumns, fmt.Sprintf("the line has more than %d columns", p.lim.Columns))
		}
		reads := p.reads(len(fields))
		field, n, breaks, code := p.field(b[at:], until-at, reads, eof)
		switch code {
		case "":
		case needMore:
			return parsed{fields: fields, more: true}
		case CodeStrayQuote:
			return bad(code, fmt.Sprintf(`something stands behind the closing quote of field %d: write a quote within a value twice ("")`, len(fields)+1))
		case CodeUnclosedQuote:
			return bad(code, fmt.Sprintf("the quote that opens field %d is not closed", len(fields)+1))
		}
		if reads && len(field) > p.lim.FieldBytes {
			return bad(CodeFieldTooLong, fmt.Sprintf("field %d has more than %d KiB", len(fields)+1, p.lim.FieldBytes>>10))
		}
		if reads && at+n > until && bytes.IndexByte(field, 0) >= 0 {
			return bad(CodeNUL, fmt.Sprintf("field %d has a NUL byte", len(fields)+1))
		}
		fields = append(fields, field)
		lines += breaks
		at += n
		if at == len(b) {
			if !eof {
				return parsed{fields: fields, more: true}
			}
			return parsed{fields: fields, size: at, lines: lines}
		}
		switch b[at] {
		case p.delimiter:
			at++
			continue
		case '\r':
			if at+1 == len(b) && !eof {
				return parsed{fields: fields, more: true}
			}
			if at+1 < len(b) && b[at+1] == '\n' {
				at++
			}
		}
		return parsed{fields: fields, size: at + 1, lines: lines}
	}
}

const needMore = "more"

// calm is how far b begins with neither line break nor NUL, as far as it is
// worth looking: the fields up to there need not be searched for them one by
// one.
func calm(b []byte) int {
	b = b[:min(len(b), 1024)]
	for _, c := range []byte("\n\r\x00") {
		if n := bytes.IndexByte(b, c); n >= 0 {
			b = b[:n]
		}
	}
	return len(b)
}

// field parses the field that b begins with, up to its delimiter or line end.
// breaks counts the line breaks within; there are none before calm.
func (p *parser) field(b []byte, calm int, reads, eof bool) (field []byte, n, breaks int, code string) {
	open := 0
	for open < len(b) && b[open] == ' ' {
		open++
	}
	if open == len(b) && !eof {
		return nil, 0, 0, needMore
	}
	if open < len(b) && b[open] == '"' {
		return p.quoted(b, open+1, calm, reads, eof)
	}
	if p.typographic && open < len(b) {
		if size := curly(b[open:]); size > 0 {
			if field, n, ok := p.curlyQuoted(b, open+size, eof); ok || n < 0 {
				if n < 0 {
					return nil, 0, 0, needMore
				}
				return field, n, 0, ""
			}
		} else if !eof && !utf8.FullRune(b[open:]) {
			return nil, 0, 0, needMore
		}
	}
	for i, c := range b {
		switch c {
		case p.delimiter, '\r', '\n':
			return b[:i], i, 0, ""
		}
	}
	if !eof {
		return nil, 0, 0, needMore
	}
	return b, len(b), 0, ""
}

// quoted parses a field whose opening quote stands before from.
func (p *parser) quoted(b []byte, from, calm int, reads, eof bool) (field []byte, n, breaks int, code string) {
	most, mostBreaks := p.lim.FieldBytes, p.lim.QuotedRows
	if !reads {
		most, mostBreaks = p.lim.RowBytes, p.lim.RowBytes
	}
	plain := true // nothing to be undone: the field is a part of b
	for i := from; ; {
		q := bytes.IndexByte(b[i:], '"')
		inside := b[i:]
		if q >= 0 {
			inside = b[i : i+q]
		}
		if i+len(inside) > calm && (bytes.IndexByte(inside, '\n') >= 0 || bytes.IndexByte(inside, '\r') >= 0) {
			plain = false
			if breaks += lineBreaks(inside); breaks > mostBreaks {
				return nil, 0, 0, CodeUnclosedQuote
			}
		}
		if q < 0 {
			if len(b)-from > most {
				return nil, 0, 0, CodeUnclosedQuote
			}
			if eof {
				return nil, 0, 0, CodeUnclosedQuote
			}
			return nil, 0, 0, needMore
		}
		i += q + 1
		if i == len(b) && !eof {
			return nil, 0, 0, needMore
		}
		if i < len(b) && b[i] == '"' { // a doubled quote is one
			plain = false
			i++
			if i-from > 2*most {
				return nil, 0, 0, CodeUnclosedQuote
			}
			continue
		}
		field = b[from : i-1]
		if breaks > 3 && p.holdsRecords(field) {
			return nil, 0, 0, CodeUnclosedQuote
		}
		if !plain {
			field = unquote(field)
		}
		for i < len(b) && b[i] == ' ' {
			i++
		}
		if i == len(b) && !eof {
			return nil, 0, 0, needMore
		}
		if i < len(b) && b[i] != p.delimiter && b[i] != '\r' && b[i] != '\n' {
			return nil, 0, 0, CodeStrayQuote
		}
		return field, i, breaks, ""
	}
}

// holdsRecords reports whether every line within a field, the first and the
// last part aside, has as many delimiters as a record: then its closing quote
// is that of another record, and its own is missing.
func (p *parser) holdsRecords(field []byte) bool {
	if p.want == 0 {
		return false
	}
	lines := 0
	for line := range bytes.FieldsFuncSeq(field, func(r rune) bool { return r == '\r' || r == '\n' }) {
		if lines++; lines == 1 {
			continue
		}
		if len(line) > 0 && &line[len(line)-1] == &field[len(field)-1] {
			break // the part before the quote
		}
		if bytes.Count(line, []byte{p.delimiter}) != p.want {
			return false
		}
	}
	return lines > 4
}

// unquote undoes doubled quotes and makes every line break \n.
func unquote(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		switch c := b[i]; c {
		case '"':
			i++ // the second of a pair
		case '\r':
			if i+1 < len(b) && b[i+1] == '\n' {
				i++
			}
			out = append(out, '\n')
			continue
		}
		out = append(out, b[i])
	}
	return out
}

func lineBreaks(b []byte) (n int) {
	for i, c := range b {
		if c == '\n' && (i == 0 || b[i-1] != '\r') || c == '\r' {
			n++
		}
	}
	return n
}

// curly is the size of the typographic quote that b begins with, or 0.
func curly(b []byte) int {
	r, size := utf8.DecodeRune(b)
	switch r {
	case '“', '”', '„', '‟', '″', '«', '»':
		return size
	}
	return 0
}

// curlyQuoted parses a field opened by a typographic quote before from. It ends
// at the first quote before a delimiter or line end; without one in this line
// (ok is false) the quote is data. n < 0 asks for more.
func (p *parser) curlyQuoted(b []byte, from int, eof bool) (field []byte, n int, ok bool) {
	for i := from; i < len(b); {
		if b[i] == '\r' || b[i] == '\n' {
			return nil, 0, false
		}
		size := curly(b[i:])
		if b[i] == '"' {
			size = 1
		}
		if size == 0 {
			_, size = utf8.DecodeRune(b[i:])
			i += size
			continue
		}
		end := i + size
		for end < len(b) && b[end] == ' ' {
			end++
		}
		if end == len(b) && !eof {
			return nil, -1, false
		}
		if end == len(b) || b[end] == p.delimiter || b[end] == '\r' || b[end] == '\n' {
			return b[from:i], end, true
		}
		i += size
	}
	if eof {
		return nil, 0, false
	}
	return nil, -1, false
}
