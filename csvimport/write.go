package csvimport

import (
	"bufio"
	"io"
	"strings"
)

// csvWriter writes CSV. It quotes what the importer would take for something
// else, too: a first cell that begins with #.
type csvWriter struct {
	out       *bufio.Writer
	separator byte
	end       string // of a line
	err       error
}

func newCSVWriter(w io.Writer, separator byte, end string) *csvWriter {
	return &csvWriter{out: bufio.NewWriter(w), separator: separator, end: end}
}

// write writes one line.
func (w *csvWriter) write(cells []string) error {
	for i, cell := range cells {
		if i > 0 {
			w.put(string(rune(w.separator)))
		}
		if w.needsQuotes(cell) {
			cell = `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
		}
		w.put(cell)
	}
	w.put(w.end)
	return w.err
}

func (w *csvWriter) put(s string) {
	if w.err == nil {
		_, w.err = w.out.WriteString(s)
	}
}

func (w *csvWriter) needsQuotes(cell string) bool {
	if cell == "" {
		return false
	}
	return cell[0] == ' ' || cell[0] == '\t' || cell[0] == '#' || strings.IndexByte(cell, w.separator) >= 0 || strings.ContainsAny(cell, "\"\r\n")
}

// close writes out what is buffered.
func (w *csvWriter) close() error {
	if w.err == nil {
		w.err = w.out.Flush()
	}
	return w.err
}
