package redact

// Classes of bytes.
const (
	digit = 1 << iota
	upper
	lower
	joint    // + / _ -
	inHex    // hexadecimal digits
	inBase32 // A to Z and 2 to 7
	starter  // % and \ and &, which can begin an escape

	alnum = digit | upper | lower
	word  = alnum | joint // the alphabets of base64
)

var classes = func() (t [256]uint8) {
	for c := range 256 {
		switch b := byte(c); {
		case '0' <= b && b <= '9':
			t[c] = digit | inHex
			if '2' <= b && b <= '7' {
				t[c] |= inBase32
			}
		case 'A' <= b && b <= 'Z':
			t[c] = upper | inBase32
			if b <= 'F' {
				t[c] |= inHex
			}
		case 'a' <= b && b <= 'z':
			t[c] = lower
			if b <= 'f' {
				t[c] |= inHex
			}
		case b == '+' || b == '/' || b == '_' || b == '-':
			t[c] = joint
		case b == '%' || b == '\\' || b == '&':
			t[c] = starter
		}
	}
	return t
}()

// char is a character as it is meant, whatever its encoding.
type char struct {
	c       byte
	width   int // in bytes of the text; 0 at its end
	percent int // how often it is URL-encoded
	slashes int // how many backslashes stand before it, as part of it
}

// mostSlashes is how deep JSON may lie in JSON: 15 backslashes are four times.
const mostSlashes = 15

// peek is the byte at i, and whether there is one. A look beyond what was read
// makes a decision void: see scanner.next.
func (s *scanner) peek(i int) (byte, bool) {
	if i < len(s.buf) {
		return s.buf[i], true
	}
	s.short = true
	return 0, false
}

// char reads the character at i.
func (s *scanner) char(i int) char {
	c, ok := s.peek(i)
	if !ok {
		return char{}
	}
	if classes[c]&starter == 0 {
		return char{c: c, width: 1}
	}
	switch c {
	case '%':
		return s.percentChar(i)
	case '\\':
		return s.slashChar(i)
	}
	return s.entityChar(i)
}

// percentChar reads %41, also as %2541 and deeper.
func (s *scanner) percentChar(i int) char {
	c, at := byte('%'), i+1
	for depth := 1; depth <= 4; depth++ {
		v, ok := s.hexByte(at, 2)
		if !ok {
			break
		}
		c, at = v, at+2
		if c != '%' {
			return char{c: c, width: at - i, percent: depth}
		}
	}
	return char{c: '%', width: 1}
}

// hexByte reads n hexadecimal digits that make one byte.
func (s *scanner) hexByte(i, n int) (byte, bool) {
	v := 0
	for k := range n {
		c, _ := s.peek(i + k)
		switch {
		case '0' <= c && c <= '9':
			v = v<<4 | int(c-'0')
		case 'a' <= c && c <= 'f':
			v = v<<4 | int(c-'a'+10)
		case 'A' <= c && c <= 'F':
			v = v<<4 | int(c-'A'+10)
		default:
			return 0, false
		}
	}
	return byte(v), v < 256
}

// slashChar reads \", \n, \/, \u0022, \x22 and the like, with as many
// backslashes as stand before them.
func (s *scanner) slashChar(i int) char {
	at := i
	for at-i < mostSlashes {
		if c, ok := s.peek(at); !ok || c != '\\' {
			break
		}
		at++
	}
	c, _ := s.peek(at)
	slashes := at - i
	escape := func(c byte, width int) char {
		return char{c: c, width: slashes + width, slashes: slashes}
	}
	switch c {
	case 'n':
		return escape('\n', 1)
	case 'r':
		return escape('\r', 1)
	case 't':
		return escape('\t', 1)
	case '"', '\'', '/':
		return escape(c, 1)
	case 'u':
		if v, ok := s.hexByte(at+1, 4); ok {
			return escape(v, 5)
		}
	case 'x':
		if v, ok := s.hexByte(at+1, 2); ok {
			return escape(v, 3)
		}
	}
	return char{c: '\\', width: slashes}
}

// entities are those of XML and HTML that stand for what ends a value.
var entities = []struct {
	text string
	c    byte
}{{"&quot;", '"'}, {"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&apos;", '\''}, {"&#34;", '"'}, {"&#39;", '\''}}

func (s *scanner) entityChar(i int) char {
	for _, e := range entities {
		if s.has(i, e.text) {
			return char{c: e.c, width: len(e.text)}
		}
	}
	return char{c: '&', width: 1}
}

// has reports whether a text stands at i.
func (s *scanner) has(i int, text string) bool {
	for k := range len(text) {
		if c, _ := s.peek(i + k); c != text[k] {
			return false
		}
	}
	return true
}

// before reports whether a text stands right before i.
func (s *scanner) before(i int, text string) bool {
	return i >= len(text) && string(s.buf[i-len(text):i]) == text
}

func blank(c byte) bool   { return c == ' ' || c == '\t' }
func newline(c byte) bool { return c == '\n' || c == '\r' }
func quote(c byte) bool   { return c == '"' || c == '\'' || c == '`' }
