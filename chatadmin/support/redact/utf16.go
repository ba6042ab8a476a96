package redact

import (
	"bytes"
	"io"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// sniffed is how much of a text tells whether it is UTF-16.
const sniffed = 512

// utf8Reader returns text as UTF-8, also if it is UTF-16.
type utf8Reader struct {
	src     io.Reader
	sniffed bool
}

func (u *utf8Reader) Read(p []byte) (int, error) {
	if !u.sniffed {
		u.sniffed = true
		head := make([]byte, sniffed)
		n, err := fill(u.src, head)
		head = head[:n]
		if err != nil {
			u.src = failed{err}
		}
		u.src = io.MultiReader(bytes.NewReader(head), u.src)
		if endian, ok := utf16Of(head); ok {
			u.src = transform.NewReader(u.src, unicode.UTF16(endian, unicode.UseBOM).NewDecoder())
		}
	}
	return u.src.Read(p)
}

// failed is a reader that has failed.
type failed struct{ err error }

func (f failed) Read([]byte) (int, error) { return 0, f.err }

// utf16Of reports whether a text is UTF-16, by its byte-order mark or since
// nearly every other byte is zero.
func utf16Of(head []byte) (endian unicode.Endianness, ok bool) {
	switch known := len(head) < 16 || bytes.IndexByte(head, 0) >= 0; {
	case known && bytes.HasPrefix(head, []byte{0xff, 0xfe}):
		return unicode.LittleEndian, true
	case known && bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		return unicode.BigEndian, true
	}
	var zeros [2]int // at even and at odd places
	for i, c := range head {
		if c == 0 {
			zeros[i%2]++
		}
	}
	most := len(head) / 2 * 3 / 4
	switch {
	case most == 0:
		return endian, false
	case zeros[1] >= most && zeros[0] == 0:
		return unicode.LittleEndian, true
	case zeros[0] >= most && zeros[1] == 0:
		return unicode.BigEndian, true
	}
	return endian, false
}

// packed is how files begin that are compressed, or hold other files.
var packed = [][]byte{[]byte("PK\x03\x04"), []byte("PK\x05\x06"), {0x1f, 0x8b}, []byte("BZh"), []byte("\xfd7zXZ"), []byte("7z\xbc\xaf"), {0x28, 0xb5, 0x2f, 0xfd}, []byte("Rar!"), {0x04, 0x22, 0x4d, 0x18}}

// IsText reports whether a file that begins with head, its first 512 bytes, is
// text from which secrets can be taken. It is false for files that are
// compressed or have zero bytes, except UTF-16.
func IsText(head []byte) bool {
	for _, p := range packed {
		if bytes.HasPrefix(head, p) {
			return false
		}
	}
	_, wide := utf16Of(head)
	return wide || bytes.IndexByte(head, 0) < 0
}
