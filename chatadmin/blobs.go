package chatadmin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin/storage"
)

// Blobs deletes the contents of files, which lie outside the store. The library
// calls Delete when no row of the store names the keys any more, at least once
// for each key: deleting what is not there is no error. An error means that at
// least one of the keys was refused; Delete is then called again with fewer of
// them.
//
// Several rows may name one key, such as those of a forwarded file. Whether a
// row still does is looked up right before Delete is called. A host that adds a
// row for a key that exists must make sure that its bytes stay: it reads a row
// that names the key in the transaction that adds the new one, and has Delete
// and that transaction exclude each other, or it copies the bytes to a new key.
// The rows of Options.Sources are looked at as those of the store are. Rows in
// other places are unknown here: Delete must spare what they name.
type Blobs interface {
	Delete(ctx context.Context, keys []string) error
}

const (
	blobPage = 20 // records of up to MaxBatch keys

	firstBlobPause = time.Minute
	maxBlobPause   = 24 * time.Hour

	recordRefusals = 32  // of Delete, for one record in one call of ReleaseBlobs
	callRefusals   = 256 // of Delete, in one call of ReleaseBlobs
)

// blobData is a record of keys to release. A bare list of keys, which earlier
// versions wrote, is one that was not refused yet.
type blobData struct {
	Keys   []string  `json:"keys"`
	Tries  int       `json:"tries,omitempty"` // how often some of them were refused
	First  time.Time `json:"first,omitzero"`  // when that was first
	Reason string    `json:"reason,omitempty"`
}

var blobRecords = RecordKind[blobData]{
	Name: "blobs",
	Page: blobPage,
	Check: func(d *blobData) error {
		if len(d.Keys) == 0 || len(d.Keys) > MaxBatch || d.Tries < 0 {
			return errors.New("it holds no keys")
		}
		return nil
	},
	Old: func(_ int, data []byte) (d blobData, err error) {
		return d, json.Unmarshal(data, &d.Keys)
	},
}

// queueBlobs keeps the keys of file contents until ReleaseBlobs has deleted
// them. It does not ask whether other rows name them: two transactions that
// delete the last two rows would each see the other's.
func (w *Writer) queueBlobs(ctx context.Context, keys []string) error {
	var queued []*Entry[blobData]
	for batch := range slices.Chunk(keys, MaxBatch) {
		e := blobRecords.New(w.scope.domain, string(w.scope.admin.NewID()), "", blobData{Keys: batch})
		e.Due = w.now
		queued = append(queued, &e)
	}
	return blobRecords.Put(ctx, w, queued...)
}

// ReleaseBlobs deletes the contents of files whose rows are gone through
// Options.Blobs, at least once, and returns how many. Contents that a row of
// any domain still names stay; they come up again when that row is deleted.
// Without Blobs it does nothing.
//
// Contents that Blobs refuses do not keep the others. They are logged, listed
// by RefusedBlobs, and tried again after a pause that grows from a minute to a
// day; the error counts those refused in this call and wraps the first refusal.
// A record of contents that cannot be read is such an error as well.
func (a *Admin) ReleaseBlobs(ctx context.Context, domain ID) (int, error) {
	if err := a.alone("file contents cannot be released"); err != nil {
		return 0, err
	}
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
		page, next, err := c.admin.store.ListRecords(ctx, storage.RecordQuery{Kind: blobRecords.Name, Domain: c.domain}, p)
		if err != nil {
			return err
		}
		for _, r := range page {
			e, _ := blobRecords.entry(r)
			if (e.Damaged != nil || e.Value.Tries > 0) && !blobsDue(r, c.admin.Now()) {
				continue
			}
			if err := c.record(ctx, &e); err != nil {
				return err
			}
			if c.left <= 0 {
				// the store of contents seems to be away: the next call goes on
				// with others
				return nil
			}
		}
		if p.After = next; next == "" {
			return nil
		}
	}
}

// blobsDue reports whether a record that was tried before, or could not be
// read, is to be tried again: what was never refused waits for no clock. A time further ahead than
// any pause was written by a clock that was wrong.
func blobsDue(r storage.Record, now time.Time) bool {
	return !r.Due.After(now) || r.Due.After(now.Add(maxBlobPause))
}

// record releases the keys of one record and writes down which are left.
func (c *blobRelease) record(ctx context.Context, e *Entry[blobData]) error {
	d := &e.Value
	if e.Damaged != nil { // it stays unchanged until an admin repairs it
		if c.log(e.ID, 0, e.Damaged); c.unreadable == nil {
			c.unreadable = e.Damaged
		}
		return c.keep(ctx, func(ctx context.Context, w *Writer) error {
			aside := []storage.Write[storage.Record]{e.aside(c.admin.Now().Add(maxBlobPause))}
			if err := w.newRevs(aside); err != nil {
				return err
			}
			_, err := w.ChangeRecords(ctx, aside)
			return err
		})
	}
	try := blobTry{c: c, left: min(recordRefusals, c.left)}
	failed := try.delete(ctx, d.Keys)
	c.gone += try.gone
	if failed != nil {
		return failed
	}
	if len(try.kept) == 0 {
		return c.keep(ctx, func(ctx context.Context, w *Writer) error {
			_, err := blobRecords.TryDelete(ctx, w, e)
			return err
		})
	}
	c.left -= try.refusals
	if c.log(e.ID, len(try.kept), try.first); c.first == nil {
		c.first = try.first
	}
	c.refused += len(try.kept)
	if d.Tries++; d.First.IsZero() {
		d.First = c.admin.Now()
	}
	d.Keys, d.Reason = try.kept, Cut(try.first.Error())
	e.Due = c.admin.Now().Add(blobPause(d.Tries))
	return c.keep(ctx, func(ctx context.Context, w *Writer) error {
		again := *e
		_, err := blobRecords.TryPut(ctx, w, &again)
		return err
	})
}

// keep writes down what became of a record. Where it has changed meanwhile,
// another worker has tried its keys as well.
func (c *blobRelease) keep(ctx context.Context, f func(context.Context, *Writer) error) error {
	return c.admin.Bookkeep(ctx, c.domain, f)
}

// blobPause is how long keys wait that were refused so many times.
func blobPause(tries int) time.Duration {
	pause := firstBlobPause
	for ; tries > 1 && pause < maxBlobPause; tries-- {
		pause *= 2
	}
	return min(pause, maxBlobPause)
}

func (c *blobRelease) log(record string, keys int, err error) {
	c.admin.o.Logger.Warn("file contents cannot be deleted", "domain", c.domain, "record", record, "keys", keys, "error", err)
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
	used, err := t.c.admin.blobsInUse(ctx, keys)
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

// RefusedBlobs are contents of files that could not be deleted and wait until
// they are tried again.
type RefusedBlobs struct {
	ID     ID        // for ForgetBlobs
	Keys   []string  // none where the record of them cannot be read
	Tries  int       // so far
	First  time.Time // when they were first refused
	Next   time.Time // ReleaseBlobs tries them again
	Reason string    // what Blobs said last, cut to 64 bytes
}

// RefusedBlobs lists the contents of files that ReleaseBlobs could not delete,
// and the records of them that cannot be read. Only the host can call it.
func (a *Admin) RefusedBlobs(ctx context.Context, domain ID) iter.Seq2[RefusedBlobs, error] {
	return func(yield func(RefusedBlobs, error) bool) {
		for e, err := range blobRecords.Each(ctx, a.store, storage.RecordQuery{Domain: domain}) {
			b := RefusedBlobs{ID(e.ID), e.Value.Keys, e.Value.Tries, e.Value.First, e.Due, e.Value.Reason}
			switch {
			case e.Damaged != nil:
				b.Reason = e.Damaged.Error()
			case err != nil:
				yield(RefusedBlobs{}, err)
				return
			case b.Tries == 0:
				continue
			}
			if !yield(b, nil) {
				return
			}
		}
	}
}

// ForgetBlobs gives up contents of files that RefusedBlobs lists, by their IDs,
// at most MaxBatch: ReleaseBlobs does not try them any more, and their bytes
// stay where they are. It returns how many records it has dropped. Only the
// host can call it.
func (a *Admin) ForgetBlobs(ctx context.Context, domain ID, ids ...ID) (n int, err error) {
	if len(ids) > MaxBatch {
		return 0, fmt.Errorf("forgetting file contents: give at most %d IDs: %w", MaxBatch, ErrInvalid)
	}
	var records []string
	for _, id := range unique(ids) {
		records = append(records, string(id))
	}
	err = a.AsHost(domain).Change(ctx, Op{Kind: KindBlobsForget, Targets: ids, closes: true}, func(ctx context.Context, w *Writer) error {
		found, err := blobRecords.GetMany(ctx, w, domain, records...)
		if err != nil {
			return err
		}
		var gone []*Entry[blobData]
		var dropped []ID
		for _, id := range records {
			if e, ok := found[id]; ok && (e.Damaged != nil || e.Value.Tries > 0) {
				gone = append(gone, &e)
				dropped = append(dropped, ID(id))
			}
		}
		if n = len(dropped); n > 0 {
			w.Audit(KindBlobsForget, dropped, nil, nil)
		}
		return blobRecords.Delete(ctx, w, gone...)
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}
