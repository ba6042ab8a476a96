package redact

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"chatadmin.example/sdk/chatadmin/class"
)

// Mark is what stands in place of a secret.
const Mark = "[redacted]"

// Kind is a kind of secret. The package documentation describes each.
type Kind string

// The kinds that the package knows.
const (
	Password   Kind = "password"
	Token      Kind = "token"
	Cookie     Kind = "cookie"
	OTPAuth    Kind = "otpauth"
	PrivateKey Kind = "private key"
	LongValue  Kind = "long value"
	Email      Kind = "email"
	Phone      Kind = "phone"
)

// Rule takes out what a host knows to be secret.
type Rule struct {
	Kind Kind // by which Found counts, such as "patient number"
	// Pattern matches at most MaxMatch bytes. If it has a group, only what the
	// first group matches is taken out. Patterns see the text before anything
	// else is taken out of it.
	Pattern *regexp.Regexp
}

// MaxMatch is how many bytes a match of a Rule has at most. Of a longer one
// the rest can stay.
const MaxMatch = 4 << 10

// Options of a Redactor; nil means defaults.
type Options struct {
	Emails bool   // take out e-mail addresses
	Phones bool   // take out phone numbers
	Rules  []Rule // in addition to the rules of the package
}

// Redactor takes secrets out of text. It is safe for many goroutines.
type Redactor struct{ o Options }

// New returns a Redactor. It returns an error of class Invalid if a rule has no
// kind, or no pattern.
func New(o *Options) (*Redactor, error) {
	r := &Redactor{}
	if o != nil {
		r.o = *o
	}
	for _, rule := range r.o.Rules {
		if rule.Kind == "" || rule.Pattern == nil {
			return nil, fmt.Errorf("a rule for redaction has no kind or no pattern: give both: %w", class.Invalid)
		}
	}
	return r, nil
}

// Default returns a Redactor with the default options.
func Default() *Redactor { return &Redactor{} }

// Reader returns the text of src without its secrets. It reads src in large
// pieces.
func (r *Redactor) Reader(src io.Reader) *Reader {
	found := map[Kind]int{}
	src = &utf8Reader{src: src}
	for _, rule := range r.o.Rules {
		src = &ruleReader{rule: rule, src: src, found: found}
	}
	return &Reader{s: scanner{o: &r.o, src: src, buf: make([]byte, 0, bufferSize), found: found}}
}

// String returns a short text, such as a line of a log, without its secrets.
func (r *Redactor) String(text string) string {
	if len(text) < shortest && len(r.o.Rules) == 0 {
		return text
	}
	if len(r.o.Rules) > 0 || len(text) > bufferSize {
		var b strings.Builder
		_, _ = io.Copy(&b, r.Reader(strings.NewReader(text))) // neither can fail
		return b.String()
	}
	s := scanner{o: &r.o, buf: []byte(text), end: true}
	s.scan()
	if s.out == nil && s.copied == 0 {
		return text
	}
	return string(append(s.out, s.buf[s.copied:s.at]...))
}

// shortest is the length below which nothing can be a secret with its name:
// pin=1 is the shortest.
const shortest = 5

// Reader is text without its secrets.
type Reader struct {
	s   scanner
	out []byte // redacted, not yet read
	err error
}

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	for len(r.out) == 0 && len(p) > 0 {
		if r.err != nil {
			return 0, r.err
		}
		r.out, r.err = r.s.next()
	}
	n := copy(p, r.out)
	r.out = r.out[n:]
	return n, nil
}

// WriteTo implements io.WriterTo, so that io.Copy needs no buffer of its own.
func (r *Reader) WriteTo(w io.Writer) (total int64, err error) {
	for {
		n, err := w.Write(r.out)
		total += int64(n)
		r.out = r.out[n:]
		if err != nil {
			return total, err
		}
		if r.err != nil {
			if r.err == io.EOF {
				return total, nil
			}
			return total, r.err
		}
		r.out, r.err = r.s.next()
	}
}

// Found returns how many secrets of each kind have been taken out so far.
func (r *Reader) Found() map[Kind]int {
	found := make(map[Kind]int, len(r.s.found))
	for k, n := range r.s.found {
		found[k] = n
	}
	return found
}

// ruleReader applies one rule of a host.
type ruleReader struct {
	rule  Rule
	src   io.Reader
	found map[Kind]int
	buf   []byte // buf[:at] was returned already, and is context for the pattern
	at    int
	out   []byte
	end   error
}

func (r *ruleReader) Read(p []byte) (int, error) {
	for len(r.out) == 0 {
		if r.end != nil && r.at == len(r.buf) {
			return 0, r.end
		}
		r.fill()
		r.apply()
	}
	n := copy(p, r.out)
	r.out = r.out[n:]
	return n, nil
}

// fill reads until the buffer holds many matches.
func (r *ruleReader) fill() {
	if drop := r.at - contextSize; drop > 0 {
		r.buf = append(r.buf[:0], r.buf[drop:]...)
		r.at -= drop
	}
	if r.end == nil {
		from := len(r.buf)
		r.buf = slices.Grow(r.buf, bufferSize)[:from+bufferSize]
		var n int
		n, r.end = fill(r.src, r.buf[from:])
		r.buf = r.buf[:from+n]
	}
}

// apply takes matches out of what is far enough from the end of the buffer.
func (r *ruleReader) apply() {
	safe := len(r.buf)
	if r.end == nil {
		safe -= MaxMatch
	}
	var out bytes.Buffer
	for from := 0; ; {
		m := r.rule.Pattern.FindSubmatchIndex(r.buf[from:])
		if m == nil || from+m[0] >= safe {
			break
		}
		start, stop := from+m[0], from+m[1]
		from = max(stop, start+1)
		if len(m) > 2 && m[2] >= 0 {
			start, stop = start-m[0]+m[2], start-m[0]+m[3]
		}
		if start < r.at || stop == start {
			if from > len(r.buf) {
				break
			}
			continue
		}
		out.Write(r.buf[r.at:start])
		out.WriteString(Mark)
		r.found[r.rule.Kind]++
		r.at = stop
		if from > len(r.buf) {
			break
		}
	}
	if r.at < safe {
		out.Write(r.buf[r.at:safe])
		r.at = safe
	}
	r.out = out.Bytes()
}
