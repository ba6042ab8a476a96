package memstore

import (
	"iter"
	"strings"
)

// gather puts texts into one string, of which each becomes a part. So rows hold on to nothing of the caller's, such as the lines of a file, and the garbage collector
// finds one object where a batch of users has ten thousand. A text that equals the one before it, as the key of a login often does, is shared.
func gather(texts iter.Seq[*string]) {
	size, last := 0, ""
	for s := range texts {
		if *s != last {
			size += len(*s)
		}
		last = *s
	}
	var b strings.Builder
	b.Grow(size)
	last = ""
	for s := range texts {
		if *s != last {
			from := b.Len()
			b.WriteString(*s)
			last = b.String()[from:]
		}
		*s = last
	}
}
