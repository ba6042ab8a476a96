package chatadmin

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// CheckEmail refuses what is not one bare address: local@domain with a dotted
// domain, at most 254 bytes, the local part (at most 64 bytes) a dot-atom of
// RFC 5322 or its UTF-8 extension of RFC 6531. Quoted local parts, comments,
// display names and address literals are refused: they are legal, hardly ever
// meant, and a way to smuggle a second address in. The error wraps ErrInvalid.
func CheckEmail(s string) error {
	at := strings.LastIndexByte(s, '@')
	switch {
	case s == "":
		return fmt.Errorf("the e-mail address is empty: %w", ErrInvalid)
	case at < 1 || !dotAtom(s[:at]):
		return fmt.Errorf("%q is not an e-mail address: write it like ann@example.com: %w", Cut(s), ErrInvalid)
	case len(s) > 254 || at > 64:
		return fmt.Errorf("the e-mail address %q is too long: %w", Cut(s), ErrInvalid)
	case !hostName(s[at+1:]):
		return fmt.Errorf("%q is not an e-mail address: after the @ comes a domain such as example.com: %w", Cut(s), ErrInvalid)
	}
	return nil
}

func dotAtom(s string) bool {
	last, ascii := byte('.'), true
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '.':
			if last == '.' {
				return false
			}
		case letterOrDigit(c):
		case c >= utf8.RuneSelf:
			ascii = false
		case strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0:
		default:
			return false
		}
		last = c
	}
	return last != '.' && (ascii || distinct(s))
}

func hostName(s string) bool {
	dots, label, ascii := 0, 0, true
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '.':
			if label == 0 || s[i-1] == '-' {
				return false
			}
			dots, label = dots+1, 0
			continue
		case c == '-':
			if label == 0 {
				return false
			}
		case c >= utf8.RuneSelf:
			ascii = false
		case letterOrDigit(c):
		default:
			return false
		}
		if label++; label > 63 {
			return false
		}
	}
	return dots > 0 && label > 0 && s[len(s)-1] != '-' && (ascii || distinct(s))
}

func letterOrDigit(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
