package chatadmin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"
)

// Blobs deletes the contents of files, which lie outside the store. The library
// calls Delete when no row of the store names the keys any more, at least once for
// each key: deleting what is not there is no error. An error means that at least
// one of the keys was refused; Delete is then called again with fewer of them.
//
// Several rows may name one key, such as those of a forwarded file. Whether a row
// still does is looked up right before Delete is called. A host that adds a row
// for a key that exists must make sure that its bytes stay: it reads a row that
// names the key in the transaction that adds the new one, and has Delete and that
// transaction exclude each other, or it copies the bytes to a new key. Rows that a
// host keeps outside the library's store are unknown here: Delete must spare what
// they name.
type Blobs interface {
	Delete(ctx context.Context, keys []string) error
}

const (
	blobKind    = "blobs"
	blobVersion = 1
	blobPage    = 20 // records of up to MaxBatch keys

	firstBlobPause = time.Minute
	maxBlobPause   = 24 * time.Hour

	recordRefusals = 32  // of Delete, for one record in one call of ReleaseBlobs
	callRefusals   = 256 // of Delete, in one call of ReleaseBlobs
)

// blobData is a record of keys to release. A bare list of keys, which earlier
// versions wrote, is one that was not refused yet.
type blobData struct {
	Version int       `json:"v"`
	Keys    []string  `json:"keys"`
	Tries   int       `json:"tries,omitempty"` // how often some of them were refused
	First   time.Time `json:"first,omitzero"`  // when that was first
	Reason  string    `json:"reason,omitempty"`
}

func decodeBlobs(r Record) (d blobData, err error) {
	if len(r.Data) > 0 && r.Data[0] == '[' {
		d.Version, err = blobVersion, json.Unmarshal(r.Data, &d.Keys)
	} else {
		err = json.Unmarshal(r.Data, &d)
	}
	if err == nil && (d.Version != blobVersion || len(d.Keys) == 0 || len(d.Keys) > MaxBatch || d.Tries < 0) {
		err = errors.New("it holds no keys, or was written by a newer version of the library")
	}
	if err != nil {
		return blobData{}, fmt.Errorf("the record %s of file contents to delete cannot be read: %w", r.ID, err)
	}
	return d, nil
}

// queueBlobs keeps the keys of file contents until ReleaseBlobs has deleted them.
// It does not ask whether other rows name them: two transactions that delete the
// last two rows would each see the other's.
func (w *Work) queueBlobs(ctx context.Context, keys []string) error {
	var changes []Change[Record]
	for batch := range slices.Chunk(keys, MaxBatch) {
		data, err := json.Marshal(blobData{Version: blobVersion, Keys: batch})
		if err != nil {
			return err
		}
		key := Key{Kind: blobKind, Domain: w.scope.domain, ID: string(w.scope.admin.NewID())}
		changes = append(changes, Change[Record]{Row: Record{Key: key, Due: w.now, Data: data}})
	}
	return w.PutRecords(ctx, changes)
}

// ReleaseBlobs deletes the contents of files whose rows are gone through
// Options.Blobs, at least once, and returns how many. Contents that a row of any
// domain still names stay; they come up again when that row is deleted. Without
// Blobs it does nothing.
//
// Contents that Blobs refuses do not keep the others. They are logged, listed by
// RefusedBlobs, and tried again after a pause that grows from a minute to a day;
// the error counts those refused in this call and wraps the first refusal. A
// record of contents that cannot be read is such an error as well.
func (a *Admin) ReleaseBlobs(ctx context.Context, domain ID) (int, error) {
	if a.o.Blobs == nil {
		return 0, nil
	}
	c := blobRelease{admin: a, domain: domain, left: callRefusals}
	err := c.run(ctx)
	if err == nil && c.first != nil {
		err = fmt.Errorf("deleting file contents: %d refused, to be tried again later: %w", c.refused, c.first)
	}
	if err == nil {
		err = c.unreadable
	} else if c.unreadable != nil {
		err = errors.Join(err, c.unreadable)
	}
	return c.gone, err
}

// blobRelease is one call of ReleaseBlobs.
type blobRelease struct {
	admin         *Admin
	domain        ID
	gone, refused int
	left          int   // refusals until the call ends
	first         error // refusal
	unreadable    error // the first one
}

func (c *blobRelease) run(ctx context.Context) error {
	for p := (Page{Limit: blobPage}); ; {
		page, next, err := c.admin.store.ListRecords(ctx, RecordQuery{Kind: blobKind, Domain: c.domain}, p)
		if err != nil {
			return err
		}
		for _, r := range page {
			if !blobsDue(r, c.admin.Now()) {
				continue
			}
			if err := c.record(ctx, r); err != nil {
				return err
			}
			if c.left <= 0 {
				return nil // the store of contents seems to be away: the next call goes on with others
			}
		}
		if p.After = next; next == "" {
			return nil
		}
	}
}

// blobsDue reports whether a record is to be tried. A time further ahead than any
// pause was written by a clock that was wrong.
func blobsDue(r Record, now time.Time) bool {
	return !r.Due.After(now) || r.Due.After(now.Add(maxBlobPause))
}

// record releases the keys of one record and writes down which are left.
func (c *blobRelease) record(ctx context.Context, r Record) error {
	d, err := decodeBlobs(r)
	if err != nil { // it stays as it is, for whoever repairs it
		if c.log(r, 0, err); c.unreadable == nil {
			c.unreadable = err
		}
		r.Due = c.admin.Now().Add(maxBlobPause)
		return c.put(ctx, r, false)
	}
	try := blobTry{c: c, left: min(recordRefusals, c.left)}
	failed := try.delete(ctx, d.Keys)
	c.gone += try.gone
	if failed != nil {
		return failed
	}
	if len(try.kept) == 0 {
		return c.put(ctx, r, true)
	}
	c.left -= try.refusals
	if c.log(r, len(try.kept), try.first); c.first == nil {
		c.first = try.first
	}
	c.refused += len(try.kept)
	if d.Tries++; d.First.IsZero() {
		d.First = c.admin.Now()
	}
	d.Keys, d.Reason = try.kept, Cut(try.first.Error())
	r.Due = c.admin.Now().Add(blobPause(d.Tries))
	if r.Data, err = json.Marshal(d); err != nil {
		return err
	}
	return c.put(ctx, r, false)
}

// blobPause is how long keys wait that were refused so many times.
func blobPause(tries int) time.Duration {
	pause := firstBlobPause
	for ; tries > 1 && pause < maxBlobPause; tries-- {
		pause *= 2
	}
	return min(pause, maxBlobPause)
}

func (c *blobRelease) log(r Record, keys int, err error) {
	c.admin.o.Logger.Warn("file contents cannot be deleted", "domain", c.domain, "record", r.ID, "keys", keys, "error", err)
}

// put writes a record, or deletes it. Where it has changed meanwhile, another
// worker has tried its keys as well.
func (c *blobRelease) put(ctx context.Context, r Record, done bool) error {
	return c.admin.Keep(ctx, c.domain, func(ctx context.Context, w *Work) error {
		change := Change[Record]{Row: r, Was: r.Rev, Delete: done}
		var err error
		if change.Row.Rev, err = w.NextRev(r.Rev); err == nil {
			_, err = w.ChangeRecords(ctx, []Change[Record]{change})
		}
		return err
	})
}

// blobTry is one attempt to delete the keys of a record.
type blobTry struct {
	c              *blobRelease
	gone, refusals int
	left           int // refusals until the rest is kept untried
	kept           []string
	first          error // refusal
}

// delete deletes keys that no row names, and halves what is refused until the
// refused ones are alone. It returns an error if the store fails or ctx ends.
func (t *blobTry) delete(ctx context.Context, keys []string) error {
	if t.left <= 0 {
		t.kept = append(t.kept, keys...)
		return nil
	}
	used, err := t.c.admin.store.BlobsInUse(ctx, keys)
	if err != nil {
		return err
	}
	free := slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return key == "" || slices.Contains(used, key) })
	if len(free) == 0 {
		return nil
	}
	if err := t.c.admin.o.Blobs.Delete(ctx, free); err == nil {
		t.gone += len(free)
		return nil
	} else if ctx.Err() != nil {
		return ctx.Err()
	} else if t.first == nil {
		t.first = err
	}
	t.left, t.refusals = t.left-1, t.refusals+1
	if len(free) == 1 {
		t.kept = append(t.kept, free...)
		return nil
	}
	if err := t.delete(ctx, free[:len(free)/2]); err != nil {
		return err
	}
	return t.delete(ctx, free[len(free)/2:])
}

// RefusedBlobs are contents of files that could not be deleted and wait until they
// are tried again.
type RefusedBlobs struct {
	ID     ID        // for ForgetBlobs
	Keys   []string  // none where the record of them cannot be read
	Tries  int       // so far
	First  time.Time // when they were first refused
	Next   time.Time // ReleaseBlobs tries them again
	Reason string    // what Blobs said last, cut to 64 bytes
}

// RefusedBlobs lists the contents of files that ReleaseBlobs could not delete, and
// the records of them that cannot be read. Only the host can call it.
func (a *Admin) RefusedBlobs(ctx context.Context, domain ID) iter.Seq2[RefusedBlobs, error] {
	return func(yield func(RefusedBlobs, error) bool) {
		for p := (Page{Limit: blobPage}); ; {
			page, next, err := a.store.ListRecords(ctx, RecordQuery{Kind: blobKind, Domain: domain}, p)
			if err != nil {
				yield(RefusedBlobs{}, err)
				return
			}
			for _, r := range page {
				d, err := decodeBlobs(r)
				b := RefusedBlobs{ID(r.ID), d.Keys, d.Tries, d.First, r.Due, d.Reason}
				if err != nil {
					b.Reason = err.Error()
				}
				if (err != nil || d.Tries > 0) && !yield(b, nil) {
					return
				}
			}
			if p.After = next; next == "" {
				return
			}
		}
	}
}

// ForgetBlobs gives up contents of files that RefusedBlobs lists, by their IDs, at
// most MaxBatch: ReleaseBlobs does not try them any more, and their bytes stay
// where they are. It returns how many records it has dropped. Only the host can
// call it.
func (a *Admin) ForgetBlobs(ctx context.Context, domain ID, ids ...ID) (n int, err error) {
	if len(ids) > MaxBatch {
		return 0, fmt.Errorf("forgetting file contents: give at most %d IDs: %w", MaxBatch, ErrInvalid)
	}
	var keys []Key
	for _, id := range unique(ids) {
		keys = append(keys, Key{Kind: blobKind, Domain: domain, ID: string(id)})
	}
	err = a.AsHost(domain).Change(ctx, Op{Kind: KindBlobsForget, Targets: ids}, func(ctx context.Context, w *Work) error {
		rs, err := w.Records(ctx, keys)
		if err != nil {
			return err
		}
		var changes []Change[Record]
		var dropped []ID
		for _, r := range rs {
			if d, err := decodeBlobs(r); err != nil || d.Tries > 0 {
				changes = append(changes, Change[Record]{Row: r, Was: r.Rev, Delete: true})
				dropped = append(dropped, ID(r.ID))
			}
		}
		if n = len(dropped); n > 0 {
			w.Record(KindBlobsForget, dropped, nil, nil)
		}
		return w.PutRecords(ctx, changes)
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}
