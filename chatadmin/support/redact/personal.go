package redact

// email returns where the e-mail address that begins at i ends, or 0.
func (s *scanner) email(i int) int {
	at := i
	for range 64 {
		c := s.char(at)
		if c.c == '@' {
			return s.mailDomain(at + c.width)
		}
		if c.width == 0 || !local(c.c) {
			return 0
		}
		at += c.width
	}
	return 0
}

// local reports whether a character stands in the local part of an address
// without quotes.
func local(c byte) bool {
	return classes[c]&word != 0 || c >= 0x80 || c == '.' || c == '!' || c == '#' || c == '$' || c == '*' || c == '~' || c == '^' || c == '{' || c == '}' || c == '|'
}

// mailDomain returns where the domain that begins at i ends, or 0 if it has no
// dot.
func (s *scanner) mailDomain(i int) int {
	end, label, dots := 0, 0, 0
	for range 255 {
		c := s.char(i)
		switch {
		case classes[c.c]&alnum != 0 || c.c >= 0x80 || c.c == '-' && label > 0:
			label++
			i += c.width
			if dots > 0 && c.c != '-' {
				end = i
			}
			continue
		case c.c == '.' && label > 0:
			dots, label = dots+1, 0
			i += c.width
			continue
		}
		break
	}
	return end
}

// phone returns where the phone number that begins at i ends, or 0: + or 00,
// then 7 to 15 digits, among them blanks, hyphens, dots and parentheses.
func (s *scanner) phone(i int) int {
	c := s.char(i)
	switch {
	case c.c == '+':
		i += c.width
	case c.c == '0' && s.has(i, "00"):
		i += 2
	default:
		return 0
	}
	digits, end := 0, 0 // end: behind the last group with which it is long enough
	for at := i; digits <= 15; {
		c := s.char(at)
		if classes[c.c]&digit != 0 {
			digits++
			at += c.width
			if digits >= 7 && digits <= 15 && classes[s.char(at).c]&alnum == 0 {
				end = at
			}
			continue
		}
		switch c.c {
		case ' ', '-', '.', '(', ')', '/':
			if at += c.width; at < i+40 {
				continue
			}
		}
		break
	}
	return end
}
