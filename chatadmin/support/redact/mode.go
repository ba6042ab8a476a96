package redact

// mode is what is being taken out beyond the decision that began it, however
// long it is.
type mode struct {
	// ends says how many bytes at s.at are taken out next, or that the secret
	// is over there. nil: nothing is being taken out.
	ends  func(*scanner, *mode) (n int, over bool)
	taken int // so far, in bytes

	open    char // the quote that began it
	percent int  // how often its separator is URL-encoded
	colon   bool // the separator is a colon
	dots    bool // dots are part of it
	depth   int  // of brackets
	inside  char // the quote within brackets
	last    bool // what is taken out next is the end
}

// mostTaken is where a secret ends for which no end is found: at the next line
// or, in a private key, at once.
const mostTaken = 64 << 10

// swallow takes out what belongs to the mode. It reports false if more must be
// read first.
func (s *scanner) swallow() bool {
	for s.at < len(s.buf) {
		s.short = false
		m := s.mode
		n, over := m.ends(s, &m)
		if s.short && !s.end {
			return false
		}
		if over {
			s.mode = mode{}
			return true
		}
		s.at += max(n, 1)
		m.taken += max(n, 1)
		s.copied, s.mode = s.at, m
	}
	return true
}

// endOfRun ends what consists of characters of base64.
func endOfRun(s *scanner, m *mode) (int, bool) {
	c := s.char(s.at)
	if classes[c.c]&word != 0 || c.c == '=' || m.dots && (c.c == '.' || c.c == '~') {
		return c.width, false
	}
	return 0, true
}

// endOfToken ends what follows Bearer and the like.
func endOfToken(s *scanner, m *mode) (int, bool) {
	c := s.char(s.at)
	if classes[c.c]&word != 0 || c.c == '=' || c.c == '.' || c.c == '~' || c.c == ':' || c.percent > 0 && c.c > ' ' && !quote(c.c) && c.c != '&' {
		return c.width, false
	}
	return 0, true
}

// endOfURI ends a URI.
func endOfURI(s *scanner, m *mode) (int, bool) {
	c := s.char(s.at)
	if c.percent == 0 && (c.c <= ' ' || quote(c.c) || c.c == '<' || c.c == '>') {
		return 0, true
	}
	return c.width, false
}

// endOfElement ends the text of an element of XML.
func endOfElement(s *scanner, m *mode) (int, bool) {
	c := s.char(s.at)
	return c.width, c.c == '<' || m.taken > mostTaken && c.c == '\n'
}

// endOfLine ends the value of a header.
func endOfLine(s *scanner, m *mode) (int, bool) {
	c := s.char(s.at)
	switch {
	case c.percent > m.percent:
	case newline(c.c):
		return 0, true
	case c.c == '"' || c.c == '\'':
		// A quote ends the string in which the header stands, but not a value
		// of a cookie, which goes on with a semicolon.
		at := s.at + c.width
		next := s.char(at)
		if next.c == ',' { // in a list of strings, and not of parameters
			if at += next.width; blank(s.char(at).c) {
				at++
			}
			return c.width, quote(s.char(at).c)
		}
		return c.width, next.width == 0 || next.c <= ' ' || closes(next.c)
	}
	return c.width, false
}

func closes(c byte) bool { return c == '}' || c == ']' || c == ')' }

// endOfWord ends a value without quotes.
func endOfWord(s *scanner, m *mode) (int, bool) {
	c := s.char(s.at)
	if c.percent > m.percent {
		return c.width, false // it is part of the value, and would be bare if it ended it
	}
	next := func() char { return s.char(s.at + c.width) }
	switch c.c {
	case ' ', '\t', '\n', '\r', '"', '`', '<':
		return 0, true
	case '+':
		return c.width, m.percent > 0
	case '\'':
		n := next()
		return c.width, n.width == 0 || classes[n.c]&alnum == 0
	case '&':
		return c.width, !m.colon && s.parameter(s.at+c.width)
	case ',', ';', ')', ']', '}':
		n := next()
		return c.width, n.width == 0 || n.c <= ' ' || quote(n.c) || n.c == ',' || n.c == ';' || closes(n.c)
	}
	return c.width, false
}

// parameter reports whether the next parameter of a form, or nothing, stands at
// i.
func (s *scanner) parameter(i int) bool {
	for range 64 {
		c := s.char(i)
		switch {
		case c.width == 0, c.c == '=', c.c <= ' ', c.c == '&', quote(c.c):
			return true
		case classes[c.c]&word == 0 && c.c != '.' && c.c != '[' && c.c != ']':
			return false
		}
		i += c.width
	}
	return false
}

// endOfQuoted ends a value in quotes, at the quote that is encoded as the
// opening one is.
func endOfQuoted(s *scanner, m *mode) (int, bool) {
	switch {
	case m.taken > mostTaken && s.buf[s.at] == '\n':
		return 0, true
	case m.open.percent > 0:
		return endOfPercent(s, m)
	case m.open.slashes == 0 && m.open.width > 1: // an entity
		c := s.char(s.at)
		return c.width, c.c == m.open.c || c.c == '<' || newline(c.c)
	}
	return endOfSlashed(s, m)
}

// endOfPercent ends at %22 or the like, unless an odd number of backslashes
// stands before it. What cannot stand in a URL ends it, too.
func endOfPercent(s *scanner, m *mode) (int, bool) {
	c := s.char(s.at)
	switch {
	case c.percent == 0:
		if c.c <= ' ' || quote(c.c) || c.c == '&' || c.c == '<' {
			return 0, true
		}
	case c.percent == m.open.percent && c.c == m.open.c && m.depth%2 == 0:
		return 0, true
	case c.c == '\\':
		m.depth++
		return c.width, false
	}
	m.depth = 0
	return c.width, false
}

// endOfSlashed ends at a quote with backslashes before it. JSON that lies n
// deep in JSON has quotes with 2^n-1 backslashes. A backslash that is part of
// the value doubles with each level, as does the one that escapes a quote.
func endOfSlashed(s *scanner, m *mode) (int, bool) {
	n, k := m.open.slashes, 0
	for k < mostSlashes {
		if c, ok := s.peek(s.at + k); !ok || c != '\\' {
			break
		}
		k++
	}
	width := 1
	c, _ := s.peek(s.at + k)
	unicode := m.open.width-n == len("u0022")
	if unicode && k > 0 && s.has(s.at+k, "u00") {
		if b, ok := s.hexByte(s.at+k+1, 4); ok && b == m.open.c {
			c, width = b, len("u0022")
		}
	}
	switch {
	case c != m.open.c:
		return k + 1, false
	case unicode && width == 1 || k < n: // the string around it ends
		return 0, true
	case unicode && k == n:
		return 0, true
	case !unicode && k%(2*(n+1)) == n:
		if k == n {
			return 0, true
		}
		return k - n, false // they are part of the value
	}
	return k + width, false
}

// endOfBrackets ends a list or an object.
func endOfBrackets(s *scanner, m *mode) (int, bool) {
	c := s.char(s.at)
	if m.taken > mostTaken && c.c == '\n' {
		return 0, true
	}
	if m.inside.width > 0 {
		if c.c == m.inside.c && c.slashes == m.inside.slashes && c.percent == m.inside.percent {
			m.inside = char{}
		}
		return c.width, false
	}
	switch c.c {
	case '"', '`':
		m.inside = c
	case '\'':
		if s.at > 0 && (s.buf[s.at-1] <= ' ' || s.buf[s.at-1] == ',' || s.buf[s.at-1] == ':' || s.buf[s.at-1] == '[' || s.buf[s.at-1] == '{') {
			m.inside = c
		}
	case '[', '{':
		m.depth++
	case ']', '}':
		if m.depth == 0 {
			return 0, true
		}
		m.depth--
	}
	return c.width, false
}

// endOfPrivateKey ends a PEM block behind its last line, or where a line is
// none of PEM.
func endOfPrivateKey(s *scanner, m *mode) (int, bool) {
	c := s.char(s.at)
	switch {
	case m.last, m.taken > mostTaken, c.c == '[', c.c == ']', c.c == '{', c.c == '}', c.c == '<', c.c == '(', c.c == '&', quote(c.c):
		return 0, true
	case c.c == '-' && s.has(s.at, "-----END"):
		m.last = true
		at := s.at + len("-----END")
		for range 64 {
			if s.has(at, "-----") {
				return at + len("-----") - s.at, false
			}
			at += max(s.char(at).width, 1)
		}
		return len("-----END"), false
	case c.c == '\n' && !s.pemLine(s.at+c.width):
		return 0, true
	}
	return c.width, false
}

// pemLine reports whether a line of a PEM block begins at i.
func (s *scanner) pemLine(i int) bool {
	for blank(s.char(i).c) {
		i++
	}
	if s.has(i, "-----END") || s.has(i, "Proc-Type:") || s.has(i, "DEK-Info:") {
		return true
	}
	for range 80 {
		c := s.char(i)
		switch {
		case c.width == 0 || newline(c.c) || quote(c.c):
			return true
		case classes[c.c]&word == 0 && c.c != '=' || c.c == '-':
			return false
		}
		i += c.width
	}
	return true
}
