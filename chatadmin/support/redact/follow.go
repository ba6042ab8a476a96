package redact

import "bytes"

// follows looks at what stands behind a run: the value that it names, the rest
// of a URL, or a token after its scheme.
func (s *scanner) follows(r run) (decision, bool) {
	if d, ok := s.plus(r); ok {
		return d, ok
	}
	next := s.char(r.stop)
	switch next.c {
	case ':':
		if s.slashed(r.stop + next.width) {
			return s.url(r, next)
		}
	case ' ', '\t', '\n', '\r':
		if d, ok := s.scheme(r.text, r.stop+next.width); ok {
			return d, ok
		}
		if bytes.HasSuffix(r.text, []byte(pemBegin)) {
			return s.pemBody(r.stop)
		}
		if r.text[0] == '-' && next.c == ' ' { // --password x
			if c, _ := s.peek(r.stop + 1); c != '-' && c != ' ' {
				if n, ok := s.lookup(r.text); ok && !n.query {
					return s.value(r.stop+1, n, separator{}, r)
				}
			}
		}
	case '=', '"', '\'', '`', ']', '>', ',':
	default:
		return decision{}, false
	}
	sep, ok := s.separator(r, next)
	if !ok {
		return decision{}, false
	}
	n, ok := s.lookup(r.text)
	if !ok && s.before(r.start, `\t`) { // C:\token is no tab
		n, ok = s.lookup(append([]byte{'t'}, r.text...))
	}
	if !ok || n.query && !s.inQuery(r.start) {
		return decision{}, false
	}
	return s.value(sep.at, n, sep, r)
}

// plus looks at a run in which each + may be an encoded blank.
func (s *scanner) plus(r run) (decision, bool) {
	for k := range r.text {
		if r.text[k] != '+' || k < len("NTLM") || k+1 == len(r.text) {
			continue
		}
		if d, ok := s.scheme(r.text[:k], r.place(k+1)); ok {
			return d, ok
		}
		if bytes.HasSuffix(r.text[:k], []byte(pemBegin)) {
			if d, ok := s.pemBody(r.place(k)); ok {
				return d, ok
			}
		}
	}
	return decision{}, false
}

// separator is what stands between a name and its value.
type separator struct {
	at      int // where the value begins
	percent int // how often it is URL-encoded
	colon   bool
	quoted  bool // a quote closes the name
	element bool // <name>value</name>
	part    bool // of a form as multipart/form-data
}

// separator reads what stands behind a name.
func (s *scanner) separator(r run, c char) (sep separator, ok bool) {
	at := r.stop
	next := func() { at += c.width; c = s.char(at) }
	if c.c == '>' {
		e := s.before(r.start, "<") || s.before(r.start, "&lt;") || s.before(r.start, "u003c") || s.before(r.start, "u003C")
		return separator{at: at + c.width, percent: c.percent, element: true}, e && r.text[0] != '/'
	}
	for range 2 {
		if quote(c.c) || c.c == ']' {
			sep.quoted = sep.quoted || quote(c.c)
			next()
		}
	}
	if sep.quoted && newline(c.c) && (s.before(r.start-1, "name=") || s.before(r.start-2, "name=")) {
		return s.multipart(at)
	}
	if sep.quoted && c.c == ',' {
		return s.pair(at + c.width)
	}
	for range 4 {
		if blank(c.c) {
			next()
		}
	}
	if c.c != '=' && c.c != ':' {
		return sep, false
	}
	sep.percent, sep.colon = c.percent, c.c == ':'
	next()
	if c.c == '=' || c.c == '>' { // := and =>
		next()
	}
	for range 8 {
		if blank(c.c) || c.c == '+' && sep.percent > 0 {
			next()
		}
	}
	sep.at = at
	return sep, true
}

// multipart finds the value of a field of a form behind its headers.
func (s *scanner) multipart(at int) (separator, bool) {
	lines := 0
	for range 4 {
		c := s.char(at)
		if !newline(c.c) {
			break
		}
		if c.c == '\n' {
			lines++
		}
		at += c.width
	}
	return separator{at: at, part: true}, lines == 2
}

// pair finds the value in {"name":"password","value":"x"}.
func (s *scanner) pair(at int) (separator, bool) {
	const rest = `"value":`
	for k := 0; k < len(rest); {
		c := s.char(at)
		switch {
		case blank(c.c), newline(c.c):
		case c.c == rest[k] || c.c == rest[k]-'a'+'A':
			k++
		default:
			return separator{}, false
		}
		at += c.width
	}
	for range 4 {
		if c := s.char(at); blank(c.c) {
			at += c.width
		}
	}
	return separator{at: at, quoted: true, colon: true}, true
}

// inQuery reports whether a name stands in the query of a URL or in a form.
func (s *scanner) inQuery(start int) bool {
	if start == 0 {
		return false
	}
	switch s.buf[start-1] {
	case '?', '&':
		return true
	}
	for _, e := range []string{"&amp;", "%26", "%3F", "%3f", "u0026"} {
		if s.before(start, e) {
			return true
		}
	}
	return false
}

// value takes out the value at at.
func (s *scanner) value(at int, n name, sep separator, r run) (decision, bool) {
	c := s.char(at)
	if c.width == 0 {
		return decision{}, false
	}
	marked := s.has(at, Mark)
	if marked && classes[s.char(at+len(Mark)).c]&word == 0 {
		return stays(at + len(Mark) - s.at), true
	}
	m := mode{percent: sep.percent, colon: sep.colon}
	from := at
	switch {
	case quote(c.c):
		from += c.width
		if next := s.char(from); next.c == c.c || s.has(from, Mark+string(s.buf[at:from])) {
			return decision{}, false // it is empty, or taken out
		}
		m.ends, m.open = endOfQuoted, c
	case sep.element:
		m.ends = endOfElement
	case sep.part:
		m.ends = endOfLine
	case !marked && (c.c == '[' || c.c == '{'):
		from += c.width
		m.ends = endOfBrackets
	case c.c <= ' ' || c.c == '&' || c.c == ',' || c.c == ';' || closes(c.c):
		return decision{}, false
	case sep.quoted && (s.has(at, "null") || s.has(at, "true") || s.has(at, "false")):
		return decision{}, false
	case n.line && !sep.quoted:
		m.ends = endOfLine
		if open, ok := s.quoteBefore(r.start); ok { // 'Cookie: a=b'
			m.ends, m.open = endOfQuoted, open
		}
	default:
		m.ends = endOfWord
	}
	return decision{kind: n.kind, from: from, to: from, mode: m}, true
}

// quoteBefore returns the quote right before i.
func (s *scanner) quoteBefore(i int) (char, bool) {
	if i == 0 || !quote(s.buf[i-1]) {
		return char{}, false
	}
	slashes := 0
	for k := i - 2; k >= 0 && s.buf[k] == '\\' && slashes < mostSlashes; k-- {
		slashes++
	}
	return char{c: s.buf[i-1], width: 1 + slashes, slashes: slashes}, true
}

// schemes are those of an Authorization header, and whether what follows must
// look like a token: "basic usage" is no secret.
var schemes = []struct {
	name   string
	sure   bool
	shaped bool
}{{"bearer", true, false}, {"basic", false, true}, {"digest", false, true}, {"negotiate", false, true}, {"ntlm", false, true}, {"ssws", true, false}}

// scheme takes out the token that stands at at, behind its scheme.
func (s *scanner) scheme(text []byte, at int) (decision, bool) {
	for i := range schemes {
		sch := &schemes[i]
		if len(text) < len(sch.name) || !bytes.EqualFold(text[len(text)-len(sch.name):], []byte(sch.name)) {
			continue
		}
		for range 4 {
			if c := s.char(at); blank(c.c) {
				at += c.width
			}
		}
		to, shaped := s.token(at)
		if to == at || sch.shaped && !shaped {
			return decision{}, false
		}
		return decision{kind: Token, from: at, to: at, mode: mode{ends: endOfToken}}, true
	}
	return decision{}, false
}

// plainWords follow Bearer in sentences.
var plainWords = [][]byte{[]byte("token"), []byte("tokens"), []byte("auth"), []byte("authentication"), []byte("authorization"), []byte("scheme"), []byte("realm"), []byte("error")}

// token looks at the beginning of a token, and reports whether it looks like
// one that was made by a machine. It returns at if there is none.
func (s *scanner) token(at int) (to int, shaped bool) {
	to = at
	var seen [16]byte
	text := seen[:0]
	for range 64 {
		c := s.char(to)
		if classes[c.c]&word == 0 && c.c != '=' && c.c != '.' && c.c != '~' {
			break
		}
		shaped = shaped || classes[c.c]&(digit|upper) != 0 || c.c == '='
		if len(text) < cap(text) {
			text = append(text, c.c)
		}
		to += c.width
	}
	for _, w := range plainWords {
		if bytes.EqualFold(text, w) {
			return at, false
		}
	}
	return to, shaped && to-at >= 6
}

// slashed reports whether // stands at i.
func (s *scanner) slashed(i int) bool {
	c := s.char(i)
	return c.c == '/' && s.char(i+c.width).c == '/'
}

// url takes out the user and the password of a URL, and the whole of an
// otpauth URI.
func (s *scanner) url(r run, colon char) (decision, bool) {
	at := r.stop + colon.width
	for range 2 {
		at += s.char(at).width
	}
	if k := bytes.Index(bytes.ToLower(r.text), []byte("otpauth")); k >= 0 {
		if s.has(at, Mark) {
			return stays(at + len(Mark) - s.at), true
		}
		return decision{kind: OTPAuth, from: at, to: at, mode: mode{ends: endOfURI}}, true
	}
	// The user ends at the last @ before the path. A password may hold a slash
	// that should have been encoded.
	end, host, inPath := -1, true, false
	for i := at; i < at+512; {
		c := s.char(i)
		if c.width == 0 || c.percent <= colon.percent && (c.c <= ' ' || quote(c.c) || c.c == '<' || c.c == '>') {
			break
		}
		switch {
		case c.percent > colon.percent:
		case c.c == '@' && (!inPath || !host):
			end = i
		case c.c == ':' && !inPath:
			host = s.port(i + c.width)
		case c.c == '/' || c.c == '?' || c.c == '#':
			if inPath = true; host || end >= 0 {
				i = at + 512
			}
		}
		i += c.width
	}
	if end <= at || s.has(at, Mark) {
		return decision{}, false
	}
	return decision{kind: Password, from: at, to: end}, true
}

// port reports whether the number of a port stands at i, and not a password.
func (s *scanner) port(i int) bool {
	for range 6 {
		c := s.char(i)
		switch {
		case classes[c.c]&digit != 0:
		default:
			return c.width == 0 || c.c <= ' ' || c.c == '/' || c.c == '?' || c.c == '#' || quote(c.c) || c.c == ',' || c.c == ';' || closes(c.c) || c.c == '.'
		}
		i += c.width
	}
	return false
}

const pemBegin = "-----BEGIN"

// pemBody begins a private key, if one is named between BEGIN and the dashes.
func (s *scanner) pemBody(at int) (decision, bool) {
	var label [80]byte
	n := 0
	for n < len(label) && !s.has(at, "-----") {
		c := s.char(at)
		if c.width == 0 || newline(c.c) {
			return decision{}, false
		}
		label[n] = c.c
		n++
		at += c.width
	}
	if n == len(label) || !bytes.Contains(label[:n], []byte("PRIVATE")) {
		return decision{}, false
	}
	at += len("-----")
	if s.has(at, Mark) {
		return stays(at + len(Mark) - s.at), true
	}
	return decision{kind: PrivateKey, from: at, to: at, mode: mode{ends: endOfPrivateKey}}, true
}
