package chatadmin

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"chatadmin.example/sdk/chatadmin/storage"
)

// The kinds under which plans and receipts count the store's content. What the
// host keeps of its own is counted under storage.Source.Kind.
const (
	CountedChats    = "private_chats"
	CountedMessages = "messages"
	CountedFiles    = "files"
)

// SourceError is returned by New if a source cannot be used, and by calls that
// use one if its answer cannot be true: a count below 0 or above MaxCount, more
// rows deleted than asked for, a cursor that does not move, rows that were
// deleted and are there. It wraps ErrInvalid.
type SourceError struct {
	Name   string // of the source, cut to 64 bytes
	Reason string
}

func (e *SourceError) Error() string {
	return fmt.Sprintf("the host's source %q: %s", e.Name, e.Reason)
}

// Unwrap is ErrInvalid.
func (e *SourceError) Unwrap() error { return ErrInvalid }

var sourceName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

// sources are what the host keeps of its own.
type sources struct {
	inside, outside []storage.Source
	content         bool // the store's table of content is one as well
}

func newSources(o *Options) (s sources, err error) {
	s.content = !o.NoContent
	for i, src := range o.Sources {
		sameName := func(other storage.Source) bool { return other.Name == src.Name }
		switch {
		case !sourceName.MatchString(src.Name):
			return s, &SourceError{Cut(src.Name), `give a name of 1 to 64 of a-z, 0-9 and "_" that begins with a letter`}
		case slices.ContainsFunc(o.Sources[:i], sameName):
			return s, &SourceError{src.Name, "two sources have this name: give each its own"}
		case (src.Inside == nil) == (src.Outside == nil):
			return s, &SourceError{src.Name, "set either Inside or Outside"}
		case src.Inside != nil:
			s.inside = append(s.inside, src)
		default:
			s.outside = append(s.outside, src)
		}
	}
	return s, nil
}

// DataKinds are the kinds that plans and receipts count of what is written:
// those of the store's content, unless Options.NoContent is set, and those of
// the host's sources.
func (a *Admin) DataKinds() []string {
	var kinds []string
	if a.sources.content {
		kinds = append(kinds, CountedChats, CountedMessages, CountedFiles)
	}
	for _, src := range a.o.Sources {
		kinds = append(kinds, src.Kind())
	}
	return kinds
}

// CountData counts what q selects of all that is written, by kind: in the
// store's table of content and in the sources inside its database. r is the
// store or a transaction of it.
func (a *Admin) CountData(ctx context.Context, r storage.Reader, q storage.ContentQuery) (map[string]int64, error) {
	n := map[string]int64{}
	if a.sources.content {
		c, err := r.CountContent(ctx, q)
		if err != nil {
			return nil, err
		}
		addContent(n, c)
	}
	for _, src := range a.sources.inside {
		err := countSource(n, src, q, func(q storage.ContentQuery) (int64, error) { return src.Inside.Count(ctx, bareReader(r), q) })
		if err != nil {
			return nil, err
		}
	}
	return n, nil
}

// countSource adds what a source counts.
func countSource(sum map[string]int64, src storage.Source, q storage.ContentQuery, count func(storage.ContentQuery) (int64, error)) error {
	var n int64
	if contentQueryPossible(&q) {
		var err error
		if n, err = count(q); err != nil {
			return fmt.Errorf("counting %s: %w", src.Name, err)
		}
	}
	if n < 0 || n > MaxCount {
		return &SourceError{src.Name, fmt.Sprintf("it counts %d, which cannot be", n)}
	}
	sum[src.Kind()] = n
	return nil
}

func addContent(n map[string]int64, c storage.ContentCount) {
	n[CountedChats] += c.Chats
	n[CountedMessages] += c.Messages
	n[CountedFiles] += c.Files
}

// DeleteData deletes a page of all that q selects, from the sources inside the
// store's database in their order, and then from the store's table of content.
// It returns how many rows went, by kind, and where the next page begins. Keys
// of file contents are queued for ReleaseBlobs.
func (w *Writer) DeleteData(ctx context.Context, q storage.ContentQuery, p Page) (map[string]int64, Cursor, error) {
	a := w.scope.admin
	n := map[string]int64{}
	at, after, err := a.sources.place(a.sources.inside, p.After)
	if err != nil {
		return nil, "", err
	}
	possible := contentQueryPossible(&q)
	for left := p.Limit; at < len(a.sources.inside); at, after = at+1, "" {
		src := a.sources.inside[at]
		for possible {
			gone, blobs, next, err := src.Inside.Delete(ctx, bareTx(w.Tx), q, Page{After: after, Limit: left})
			if err != nil {
				return nil, "", fmt.Errorf("deleting from %s: %w", src.Name, err)
			}
			if err := answered(src, gone, left, after, next); err != nil {
				return nil, "", err
			}
			if err := w.queueBlobs(ctx, blobs); err != nil {
				return nil, "", err
			}
			n[src.Kind()] += gone
			left -= int(gone)
			if after = next; next == "" {
				break
			}
			if gone > 0 {
				return n, placeOf(src.Name, next), nil
			}
		}
		if p.Limit = left; left == 0 {
			return n, a.sources.from(at + 1), nil
		}
	}
	if !a.sources.content {
		return n, "", nil
	}
	c, next, err := w.DeleteContent(ctx, q, Page{After: after, Limit: p.Limit})
	if addContent(n, c); next != "" {
		next = placeOf("", next)
	}
	return n, next, err
}

// unfinished is the error of a source of which something is left although it
// has told that nothing is.
func (a *Admin) unfinished(left map[string]int64) error {
	for _, src := range a.o.Sources {
		if n := left[src.Kind()]; n > 0 {
			return &SourceError{src.Name, fmt.Sprintf("%d are left at the end, but it finds none to delete", n)}
		}
	}
	return fmt.Errorf("something is left at the end, but the store finds none of it to delete: %v", left)
}

// answered refuses what a source cannot have deleted.
func answered(src storage.Source, gone int64, limit int, after, next Cursor) error {
	switch {
	case gone < 0 || gone > int64(limit):
		return &SourceError{src.Name, fmt.Sprintf("asked for at most %d rows it deleted %d, which cannot be", limit, gone)}
	case gone == 0 && next != "" && next == after:
		return &SourceError{src.Name, "it has deleted nothing, and its cursor does not move"}
	}
	return nil
}

// A cursor over several sources is "host.", the name of one and "/", and the
// cursor of that. The store's own content has the name "". A cursor of another
// form is one of the store's content, as earlier versions kept it.
const placePrefix = "host."

func placeOf(name string, c Cursor) Cursor { return Cursor(placePrefix+name+"/") + c }

// from is the place where the source of a number begins.
func (s *sources) from(n int) Cursor {
	switch {
	case n < len(s.inside):
		return placeOf(s.inside[n].Name, "")
	case s.content:
		return placeOf("", "")
	}
	return ""
}

// place finds the source that a cursor names. len(in) is the store's content.
func (s *sources) place(in []storage.Source, c Cursor) (n int, after Cursor, err error) {
	if c == "" {
		return 0, "", nil
	}
	rest, ok := strings.CutPrefix(string(c), placePrefix)
	name, cursor, found := strings.Cut(rest, "/")
	if !ok || !found {
		return len(in), c, nil
	}
	if name == "" {
		return len(in), Cursor(cursor), nil
	}
	n = slices.IndexFunc(in, func(src storage.Source) bool { return src.Name == name })
	if n < 0 {
		return 0, "", &SourceError{Cut(name), "the run had come to it, but this program does not have it: give all processes the same sources"}
	}
	return n, Cursor(cursor), nil
}

// blobsInUse are those of some keys that a row of the store or of a source
// names.
func (a *Admin) blobsInUse(ctx context.Context, keys []string) (used []string, err error) {
	if a.sources.content {
		if used, err = a.store.BlobsInUse(ctx, keys); err != nil {
			return nil, err
		}
	}
	for _, src := range a.o.Sources {
		var more []string
		if src.Inside != nil {
			more, err = src.Inside.BlobsInUse(ctx, bareReader(a.store), keys)
		} else {
			more, err = src.Outside.BlobsInUse(ctx, keys)
		}
		if err != nil {
			return nil, fmt.Errorf("asking %s for file contents: %w", src.Name, err)
		}
		used = append(used, more...)
	}
	return used, nil
}

// bareReader is the reader that the store itself has given, so that a source
// finds its connection.
func bareReader(r storage.Reader) storage.Reader {
	switch r := r.(type) {
	case guardedStore:
		return r.store
	case guardedTx:
		return r.Tx
	case *Writer:
		return bareReader(r.Tx)
	}
	return r
}

func bareTx(tx storage.Tx) storage.Tx {
	if g, ok := tx.(guardedTx); ok {
		return g.Tx
	}
	return tx
}
