package csvfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/bits"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
)

// Format is what was found out about a file.
type Format struct {
	// "utf-8", "utf-16le", "utf-16be", "windows-1252", or the one that was
	// named
	Encoding string
	BOM      bool // it began with a byte-order mark
	Guessed  bool // the encoding is what the file looks like; nothing says so
	ASCII    bool // it has no byte above 0x7f
	// the whole of it is UTF-8, without any replacement character
	Clean     bool
	Delimiter byte // ',', ';', '\t' or '|'
	// its header has curly quotes, so they delimit fields in all of it
	Typographic bool
}

// Names of the encodings that are found out.
const (
	utf8Name    = "utf-8"
	utf16leName = "utf-16le"
	utf16beName = "utf-16be"
	windowsName = "windows-1252"
)

// codePages are those of MS-DOS that the WHATWG does not list.
var codePages = map[string]encoding.Encoding{"437": charmap.CodePage437, "850": charmap.CodePage850, "852": charmap.CodePage852, "855": charmap.CodePage855, "858": charmap.CodePage858,
	"860": charmap.CodePage860, "862": charmap.CodePage862, "863": charmap.CodePage863, "865": charmap.CodePage865}

// FindEncoding returns the canonical name of an encoding that was named by a
// label of the WHATWG, or as a code page such as "cp850" or "ibm850"; "" is "".
func FindEncoding(label string) (name string, err error) {
	name, _, err = find(label)
	return name, err
}

func find(label string) (name string, e encoding.Encoding, err error) {
	l := strings.ToLower(strings.TrimSpace(label))
	if l == "" {
		return "", nil, nil
	}
	number := strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(l, "cp"), "ibm"), "-")
	if e, ok := codePages[number]; ok {
		return "ibm" + number, e, nil
	}
	if e, err = htmlindex.Get(l); err == nil {
		if name, err = htmlindex.Name(e); err == nil && name != "replacement" {
			return name, e, nil
		}
	}
	if len(l) > 40 {
		l = l[:40]
	}
	return "", nil, fmt.Errorf("there is no encoding %q: choose one such as utf-8, windows-1252, windows-1251, iso-8859-15, shift_jis or ibm850", strings.ToValidUTF8(l, "?"))
}

// Detector is given the bytes of a file, in their order, and tells its
// encoding.
type Detector struct {
	head []byte // the first bytes
	// the beginning of a character at the end of what was written last
	carry []byte
	last  byte  // before what is looked at
	good  int64 // characters of several bytes that are UTF-8
	bad   int64 // bytes that are not
	lost  bool  // there are replacement characters
	// bytes where Windows-1252 has a sign that does not follow a letter
	odd  int64
	has  [256]bool
	high bool // there are bytes above 0x7f
}

// Write never fails.
func (d *Detector) Write(p []byte) (int, error) {
	n := len(p)
	if missing := 3 - len(d.head); missing > 0 {
		d.head = append(d.head, p[:min(missing, len(p))]...)
	}
	for len(d.carry) > 0 && len(p) > 0 {
		d.carry = append(d.carry, p[0])
		p = p[1:]
		if utf8.FullRune(d.carry) {
			whole := d.carry
			d.carry = nil
			d.look(whole)
		}
	}
	d.look(p)
	return n, nil
}

// look goes through some bytes, of which those may be left that a character
// begins with.
func (d *Detector) look(p []byte) {
	for i := 0; i < len(p); {
		for i+8 <= len(p) {
			high := binary.LittleEndian.Uint64(p[i:]) & 0x8080808080808080
			if high != 0 {
				i += bits.TrailingZeros64(high) / 8
				break
			}
			i += 8
		}
		if i == len(p) {
			break
		}
		c := p[i]
		if c < utf8.RuneSelf {
			i++
			continue
		}
		d.high = true
		if !utf8.FullRune(p[i:]) && len(p)-i < utf8.UTFMax {
			d.carry = append(d.carry[:0:0], p[i:]...)
			return
		}
		before := d.last
		if i > 0 {
			before = p[i-1]
		}
		r, size := utf8.DecodeRune(p[i:])
		switch {
		case size > 1:
			d.good++
			d.lost = d.lost || r == utf8.RuneError
		default:
			d.bad++
		}
		for _, b := range p[i : i+size] {
			d.has[b] = true
			if isOdd(b) && (before|0x20 >= 'a' && before|0x20 <= 'z') {
				d.odd++
			}
			before = b
		}
		i += size
	}
	if len(p) > 0 {
		d.last = p[len(p)-1]
	}
}

// isOdd reports whether Windows-1252 has an opening quote or the like for a
// byte, which never stands behind a letter.
func isOdd(b byte) bool {
	switch b {
	case 0x82, 0x83, 0x84, 0x86, 0x87, 0x88, 0x8b, 0x98:
		return true
	}
	return false
}

// Format is what was found, if nobody has named the encoding. A file is taken
// for Windows-1252 where more bytes are wrong than right as UTF-8, and each of
// them is a character there that can stand where it does. Otherwise the lines
// that are not UTF-8 fail by themselves.
func (d *Detector) Format(named string) Format {
	bad := d.bad + int64(min(len(d.carry), 1))
	for _, b := range d.carry { // the file ends within a character, or with a letter
		d.has[b] = true
	}
	f := Format{Encoding: utf8Name, ASCII: !d.high}
	switch {
	case bytes.HasPrefix(d.head, []byte{0xff, 0xfe}):
		return Format{Encoding: utf16leName, BOM: true}
	case bytes.HasPrefix(d.head, []byte{0xfe, 0xff}):
		return Format{Encoding: utf16beName, BOM: true}
	case bytes.HasPrefix(d.head, []byte("\xef\xbb\xbf")):
		f.BOM = true
	case named != "":
		f.Encoding, _ = FindEncoding(named)
	case bad > d.good && d.odd == 0 && !d.has[0x81] && !d.has[0x8d] && !d.has[0x8f] && !d.has[0x90] && !d.has[0x9d]:
		f.Encoding, f.Guessed, f.Clean = windowsName, true, true
		return f
	}
	f.Clean = f.Encoding == utf8Name && bad == 0 && !d.lost || f.ASCII && f.Encoding == utf8Name
	return f
}

// decoded returns a reader of UTF-8 without byte-order mark. Where the format
// is not known, the whole file is looked through first, since one encoding
// holds for all of it, and where the first accent stands does not matter.
func decoded(f io.ReadSeeker, lim Limits) (io.Reader, Format, error) {
	head := make([]byte, 1024)
	n, err := io.ReadFull(f, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, Format{}, unreadable(err)
	}
	head = head[:n]
	if what := binaryKind(head); what != "" {
		return nil, Format{}, &FileError{Code: CodeNotCSV, Reason: fmt.Sprintf("this is %s, not a CSV file: save or export the list as CSV and import that", what)}
	}
	known := lim.Known
	if known.Encoding == "" {
		if known, err = lookThrough(f, lim.FileBytes); err != nil {
			return nil, Format{}, err
		}
	}
	known.Delimiter, known.Typographic = 0, false
	skip := int64(0)
	if known.BOM && known.Encoding == utf8Name {
		skip = 3
	}
	if _, err := f.Seek(skip, io.SeekStart); err != nil {
		return nil, Format{}, unreadable(err)
	}
	if known.Encoding == utf8Name {
		return f, known, nil
	}
	if known.BOM {
		endian := unicode.LittleEndian
		if known.Encoding == utf16beName {
			endian = unicode.BigEndian
		}
		return unicode.UTF16(endian, unicode.UseBOM).NewDecoder().Reader(f), known, nil
	}
	_, e, err := find(known.Encoding)
	if err != nil {
		return nil, Format{}, &FileError{Code: CodeEncodingName, Reason: err.Error()}
	}
	return e.NewDecoder().Reader(f), known, nil
}

// lookThrough finds out the encoding of a file.
func lookThrough(f io.ReadSeeker, most int64) (Format, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return Format{}, unreadable(err)
	}
	d := &Detector{}
	n, err := io.CopyBuffer(d, io.LimitReader(struct{ io.Reader }{f}, most+1), make([]byte, 1<<18))
	if err != nil {
		return Format{}, unreadable(err)
	}
	if n > most {
		return Format{}, tooLarge(most)
	}
	return d.Format(""), nil
}

func tooLarge(most int64) error {
	return &FileError{CodeTooLarge, fmt.Sprintf("the file is larger than %d MiB: split it and import the parts one after the other", most>>20), int(most >> 20)}
}

func unreadable(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) && pe.Err.Error() == "is a directory" {
		return &FileError{Code: CodeNotCSV, Reason: "this is a folder, not a CSV file: name the file in it"}
	}
	return err
}

// binaryKind names what a file is that is no text.
func binaryKind(head []byte) string {
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
