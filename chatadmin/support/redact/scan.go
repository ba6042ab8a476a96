package redact

import (
	"bytes"
	"errors"
	"io"
)

const (
	bufferSize  = 64 << 10
	contextSize = 128     // bytes that are kept before what is scanned next
	maxRun      = 8 << 10 // a longer run of letters and digits is looked at in pieces
	overlap     = 64      // of those pieces
)

// scanner is the state of one text. buf[:copied] is in out already or was
// taken out; buf[copied:at] stays as it is; buf[at:] is still to be scanned.
//
// Each decision looks at what stands at buf[at] and a bounded piece behind it.
// If it had to look beyond what was read so far (short), it is void, and is
// made again when more was read. So it does not matter how the text is cut.
type scanner struct {
	o     *Options
	src   io.Reader
	buf   []byte
	at    int
	end   bool // nothing follows buf
	err   error
	short bool

	copied int
	out    []byte
	found  map[Kind]int
	mode   mode // what is being taken out, if anything

	plain  []byte // a run without its escapes
	places []int  // where each of its characters begins
}

// next returns more redacted text, and an error if nothing follows.
func (s *scanner) next() ([]byte, error) {
	if err := s.fill(); err != nil {
		s.err, s.end = err, true
	}
	s.scan()
	s.out = append(s.out, s.buf[s.copied:s.at]...)
	s.copied = s.at
	out := s.out
	s.out = s.out[:0]
	if s.end && s.at == len(s.buf) {
		if s.err == nil {
			s.err = io.EOF
		}
		return out, s.err
	}
	return out, nil
}

// fill moves what is left to the beginning of the buffer, and reads.
func (s *scanner) fill() error {
	drop := max(s.at-contextSize, 0)
	s.buf = append(s.buf[:0], s.buf[drop:]...)
	s.at -= drop
	s.copied -= drop
	if s.end {
		return nil
	}
	from := len(s.buf)
	n, err := fill(s.src, s.buf[from:cap(s.buf)])
	s.buf = s.buf[:from+n]
	if bytes.IndexByte(s.buf[from:], 0) >= 0 { // text has none; they could tear a secret apart
		s.buf = append(s.buf[:from], bytes.ReplaceAll(s.buf[from:], []byte{0}, nil)...)
	}
	if errors.Is(err, io.EOF) {
		s.end, err = true, nil
	}
	return err
}

// fill reads until p is full or the source ends.
func fill(src io.Reader, p []byte) (n int, err error) {
	for tries := 0; n < len(p) && err == nil; tries++ {
		var k int
		k, err = src.Read(p[n:])
		if n += k; k > 0 {
			tries = 0
		} else if err == nil && tries == 100 {
			err = io.ErrNoProgress
		}
	}
	return n, err
}

// scan decides about as much of the buffer as it can.
func (s *scanner) scan() {
	for s.at < len(s.buf) {
		if s.mode.ends != nil {
			if !s.swallow() {
				return
			}
			continue
		}
		c := s.buf[s.at]
		if classes[c]&(word|starter) == 0 {
			s.at++
			continue
		}
		s.short = false
		d := s.decide()
		if s.short && !s.end {
			return // again, when more was read
		}
		if d.kind == "" {
			s.at += d.skip
			continue
		}
		s.out = append(s.out, s.buf[s.copied:d.from]...)
		s.out = append(s.out, Mark...)
		s.copied, s.at = d.to, d.to
		s.mode = d.mode
		if s.found != nil {
			s.found[d.kind]++
		}
	}
}

// decision is what becomes of the text at s.at: skip bytes stay or, with a
// kind, those from from to to are taken out, and whatever mode takes out behind
// them.
type decision struct {
	skip     int
	kind     Kind
	from, to int
	mode     mode
}

func stays(n int) decision { return decision{skip: n} }

// decide looks at a run of characters of base64, and at what stands before and
// behind it.
func (s *scanner) decide() decision {
	start := s.at
	stop, escaped := s.runFrom(start)
	if stop == start { // an escape of something else
		return stays(max(s.char(start).width, 1))
	}
	if s.o.Emails {
		if to := s.email(start); to > 0 {
			return decision{kind: Email, from: start, to: to}
		}
	}
	if s.o.Phones {
		if to := s.phone(start); to > 0 {
			return decision{kind: Phone, from: start, to: to}
		}
	}
	r := run{start, stop, s.buf[start:stop], nil}
	if escaped {
		r = s.unescape(r)
	}
	if d, ok := s.shape(r); ok {
		return d
	}
	if stop-start >= maxRun { // it goes on
		return stays(stop - start - overlap)
	}
	if d, ok := s.follows(r); ok {
		return d
	}
	return stays(stop - start)
}

// run is a run of characters of base64. Its text has no escapes.
type run struct {
	start, stop int
	text        []byte
	places      []int // where each character of text begins, if some were escaped
}

// place is where the character k of the text begins.
func (r *run) place(k int) int {
	if r.places == nil {
		return r.start + k
	}
	return r.places[k]
}

func (s *scanner) unescape(r run) run {
	s.plain, s.places = s.plain[:0], s.places[:0]
	for i := r.start; i < r.stop; {
		c := s.char(i)
		s.plain, s.places = append(s.plain, c.c), append(s.places, i)
		i += max(c.width, 1)
	}
	r.text, r.places = s.plain, s.places
	return r
}

// runFrom returns where the run that begins at start ends, and whether any of its
// characters is escaped.
func (s *scanner) runFrom(start int) (stop int, escaped bool) {
	most := start + maxRun
	for stop = start; stop < most; {
		if stop == len(s.buf) {
			s.short = true
			return stop, escaped
		}
		c := s.buf[stop]
		if classes[c]&word != 0 {
			stop++
			continue
		}
		if classes[c]&starter == 0 {
			return stop, escaped
		}
		e := s.char(stop)
		if classes[e.c]&word == 0 {
			return stop, escaped
		}
		stop += e.width
		escaped = true
	}
	return stop, escaped
}
