package csvfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// Format is what was found out about a file.
type Format struct {
	Encoding    string // "utf-8", "utf-16le", "utf-16be" or "windows-1252"
	BOM         bool   // it began with a byte-order mark
	Delimiter   byte   // ',', ';' or '\t'
	Typographic bool   // its header has curly quotes, so they delimit fields in all of it
}

// decoded finds the encoding and returns a reader of UTF-8 without byte-order mark. A file that is not UTF-8 from beginning to end is taken as Windows-1252: the whole file is looked
// through first, since one encoding holds for all of it, and where the first accent stands does not matter.
func decoded(f io.ReadSeeker, lim Limits) (io.Reader, Format, error) {
	head := make([]byte, 1024)
	n, err := io.ReadFull(f, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, Format{}, unreadable(err)
	}
	head = head[:n]
	if what := binary(head); what != "" {
		return nil, Format{}, &FileError{CodeNotCSV, fmt.Sprintf("this is %s, not a CSV file: save or export the list as CSV and import that", what)}
	}
	skip := func(n int64) error {
		_, err := f.Seek(n, io.SeekStart)
		return err
	}
	switch {
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}):
		return unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder().Reader(f), Format{Encoding: "utf-16le", BOM: true}, skip(0)
	case bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		return unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewDecoder().Reader(f), Format{Encoding: "utf-16be", BOM: true}, skip(0)
	}
	if bytes.HasPrefix(head, []byte("\xef\xbb\xbf")) { // it says so itself: what is not UTF-8 is an error of its line
		return f, Format{Encoding: "utf-8", BOM: true}, skip(3)
	}
	if err := skip(0); err != nil {
		return nil, Format{}, unreadable(err)
	}
	valid := lim.Encoding == "utf-8"
	if lim.Encoding == "" {
		if valid, err = isUTF8(f, lim.FileBytes); err != nil {
			return nil, Format{}, err
		}
	}
	if !valid {
		return charmap.Windows1252.NewDecoder().Reader(f), Format{Encoding: "windows-1252"}, skip(0)
	}
	return f, Format{Encoding: "utf-8"}, skip(0)
}

// isUTF8 looks through the whole file.
func isUTF8(r io.Reader, most int64) (bool, error) {
	buf := make([]byte, 1<<18)
	kept, total, valid := 0, int64(0), true
	for {
		n, err := r.Read(buf[kept:])
		if total += int64(n); total > most {
			return false, tooLarge(most)
		}
		part := buf[:kept+n]
		kept = 0
		if err == nil { // a character may be cut at the end of the buffer
			for i := len(part) - 1; i >= max(0, len(part)-utf8.UTFMax); i-- {
				if utf8.RuneStart(part[i]) {
					if !utf8.FullRune(part[i:]) {
						kept = len(part) - i
					}
					break
				}
			}
		}
		whole := part[:len(part)-kept]
		valid = valid && utf8.Valid(whole)
		if kept > 0 {
			copy(buf, part[len(whole):])
		}
		if err == io.EOF {
			return valid, nil
		}
		if err != nil {
			return false, unreadable(err)
		}
	}
}

func tooLarge(most int64) error {
	return &FileError{CodeTooLarge, fmt.Sprintf("the file is larger than %d MiB: split it and import the parts one after the other", most>>20)}
}

func unreadable(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) && pe.Err.Error() == "is a directory" {
		return &FileError{CodeNotCSV, "this is a folder, not a CSV file: name the file in it"}
	}
	return err
}

// binary names what a file is that is no text.
func binary(head []byte) string {
	for _, m := range []struct{ magic, name string }{
		{"\x89PNG", "a PNG picture"}, {"\xff\xd8\xff", "a JPEG picture"}, {"GIF8", "a GIF picture"}, {"%PDF", "a PDF document"},
		{"PK\x03\x04", "an Excel workbook or a zip archive"}, {"\xd0\xcf\x11\xe0", "an old Excel workbook"}, {"\x1f\x8b", "a gzip archive"},
		{"BZh", "a bzip2 archive"}, {"7z\xbc\xaf", "a 7z archive"}, {"\xfd7zXZ", "an xz archive"}, {"SQLite format 3", "a SQLite database"}, {"{\\rtf", "an RTF document"},
	} {
		if bytes.HasPrefix(head, []byte(m.magic)) {
			return m.name
		}
	}
	if !bytes.HasPrefix(head, []byte{0xff, 0xfe}) && !bytes.HasPrefix(head, []byte{0xfe, 0xff}) && bytes.IndexByte(head, 0) >= 0 {
		return "a binary file (or UTF-16 without its byte-order mark)"
	}
	return ""
}
