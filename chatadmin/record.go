package chatadmin

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"time"

	"chatadmin.example/sdk/chatadmin/storage"
)

// DamagedError names a row of the store that cannot be read. It wraps
// ErrDamaged. Its text holds nothing of the data.
type DamagedError struct {
	// of the record, or "domain", "user", "group", "policy", "device", "event"
	Kind   string
	Domain ID
	ID     string
	Why    string
}

func (e *DamagedError) Error() string {
	do := "list it with Damaged, and repair it"
	if e.Kind == "domain" {
		do = "repair it with RepairSettings"
	}
	return fmt.Sprintf("%s %q cannot be read (%s): %s", e.Kind, Cut(e.ID), e.Why, do)
}

// Unwrap is ErrDamaged.
func (e *DamagedError) Unwrap() error { return ErrDamaged }

// RecordKind declares a kind of record: its values are of type T, kept as
// versioned JSON. All reading and writing of the kind goes through it, so that
// the version and the values are checked in one place. Register it with
// [Extension.Records], so that damaged records of the kind are listed and can
// be repaired.
//
// A record that cannot be read is a *DamagedError. The caller decides what
// follows: what protects somebody (a legal hold, a lock) stays in force,
// anything else is passed over.
type RecordKind[T any] struct {
	// Name is the Kind of the records' keys.
	Name string
	// Version is the version that Put writes; 0 means 1. Records of a higher
	// version are damaged.
	Version int
	// Check refuses values that the type allows but the kind does not have.
	// nil allows all of them.
	Check func(*T) error
	// ID returns the ID in the value, for kinds whose values hold the ID of
	// their record. A value with the ID of another record is damaged.
	ID func(*T) ID
	// Old reads what earlier versions wrote; version is 0 where the data names
	// none. nil refuses everything but the current version.
	Old func(version int, data []byte) (T, error)
	// Repair is called by [Scope.Repair] to replace or delete a damaged record.
	// nil deletes it.
	Repair func(context.Context, *Writer, storage.Record) error
	// Page is how many records Each reads at a time; 0 means MaxBatch. Kinds
	// with large values read fewer.
	Page int
	// Need is the permission for Repair; "" means PermDomain.
	Need Permission
}

// Entry is a record with its value decoded.
type Entry[T any] struct {
	storage.Key
	Owner ID
	Due   time.Time
	Value T
	// Damaged says that the stored value cannot be read: Value is zero then.
	// Put replaces it.
	Damaged *DamagedError

	rev  storage.Rev // as stored; 0: not stored yet
	data []byte
}

// New returns an entry of the kind that is not stored yet.
func (k *RecordKind[T]) New(domain ID, id string, owner ID, v T) Entry[T] {
	return Entry[T]{Key: k.Key(domain, id), Owner: owner, Value: v}
}

// aside is the change that puts an entry off that cannot be read, and keeps its
// data; a zero time is for ever.
func (e *Entry[T]) aside(due time.Time) storage.Write[storage.Record] {
	return storage.Write[storage.Record]{Row: storage.Record{Key: e.Key, Owner: e.Owner, Due: due, Data: e.data}, Was: e.rev}
}

// Stored reports whether the entry was read from the store or written to it.
func (e *Entry[T]) Stored() bool { return e.rev != 0 }

// Key returns the key of a record of the kind.
func (k *RecordKind[T]) Key(domain ID, id string) storage.Key {
	return storage.Key{Kind: k.Name, Domain: domain, ID: id}
}

func (k *RecordKind[T]) version() int { return max(k.Version, 1) }

// Decode reads the value of a record. Its error is a *DamagedError.
func (k *RecordKind[T]) Decode(r storage.Record) (T, error) {
	v, err := k.decode(r.Data)
	if err == nil && k.Check != nil {
		err = k.Check(&v)
	}
	if err == nil && k.ID != nil && string(k.ID(&v)) != r.ID {
		err = errOtherID
	}
	if err != nil {
		var zero T
		return zero, &DamagedError{k.Name, r.Domain, r.ID, why(err)}
	}
	return v, nil
}

// why says what is wrong with data without repeating any of it.
func why(err error) string {
	var syntax *json.SyntaxError
	var typ *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return "it is not JSON, or was cut off"
	case errors.As(err, &typ):
		return fmt.Sprintf("the field %q has a wrong type", Cut(typ.Field))
	case errors.Is(err, errVersion), errors.Is(err, errOtherID):
		return err.Error()
	}
	return "it holds values that cannot be"
}

var (
	errVersion = errors.New("it has another version than this library knows")
	errOtherID = errors.New("it holds the ID of another record")
)

func (k *RecordKind[T]) decode(data []byte) (v T, err error) {
	version, err := dataVersion(data)
	switch {
	case err != nil:
		return v, err
	case version == k.version():
		err = json.Unmarshal(data, &v)
		return v, err
	case k.Old != nil && version < k.version():
		return k.Old(version, data)
	}
	return v, errVersion
}

// dataVersion reads the "v" of a JSON object; 0 if there is none.
func dataVersion(data []byte) (int, error) {
	// What Encode wrote begins with it.
	if rest, ok := bytes.CutPrefix(data, []byte(`{"v":`)); ok {
		if end := bytes.IndexAny(rest, ",}"); end > 0 {
			if n, err := strconv.Atoi(string(rest[:end])); err == nil {
				return n, nil
			}
		}
	}
	if len(data) > 0 && data[0] != '{' { // older kinds wrote lists
		return 0, nil
	}
	var head struct {
		Version int `json:"v"`
	}
	err := json.Unmarshal(data, &head)
	return head.Version, err
}

// Encode writes a value as Decode reads it. T must encode as a JSON object.
func (k *RecordKind[T]) Encode(v *T) ([]byte, error) {
	var b bytes.Buffer
	// Escaped for HTML, a text could grow sixfold and beyond what a record
	// holds.
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	data := bytes.TrimRight(b.Bytes(), "\n")
	head := append([]byte(`{"v":`), strconv.Itoa(k.version())...)
	switch {
	case len(data) < 2 || data[0] != '{':
		return nil, fmt.Errorf("a %s is not a JSON object", k.Name)
	case len(data) > 2:
		head = append(head, ',')
	}
	return append(head, data[1:]...), nil
}

func (k *RecordKind[T]) entry(r storage.Record) (Entry[T], error) {
	v, err := k.Decode(r)
	e := Entry[T]{Key: r.Key, Owner: r.Owner, Due: r.Due, Value: v, rev: r.Rev, data: r.Data}
	errors.As(err, &e.Damaged)
	return e, err
}

// Get reads one record. It returns ErrNotFound if there is none. With a
// *DamagedError the entry has all but its value, and Put replaces it.
func (k *RecordKind[T]) Get(ctx context.Context, r storage.Reader, domain ID, id string) (Entry[T], error) {
	rs, err := r.Records(ctx, []storage.Key{k.Key(domain, id)})
	if err != nil {
		return Entry[T]{}, err
	}
	if len(rs) == 0 {
		return Entry[T]{Key: k.Key(domain, id)}, fmt.Errorf("%s %q: %w", k.Name, Cut(id), ErrNotFound)
	}
	return k.entry(rs[0])
}

// GetMany reads records by their IDs, at most MaxBatch. What is missing is left
// out. A record that cannot be read has Entry.Damaged set, and is no error.
func (k *RecordKind[T]) GetMany(ctx context.Context, r storage.Reader, domain ID, ids ...string) (map[string]Entry[T], error) {
	if len(ids) == 0 {
		return nil, nil
	}
	keys := make([]storage.Key, len(ids))
	for i, id := range ids {
		keys[i] = k.Key(domain, id)
	}
	rs, err := r.Records(ctx, keys)
	if err != nil {
		return nil, err
	}
	found := make(map[string]Entry[T], len(rs))
	for _, rec := range rs {
		found[rec.ID], _ = k.entry(rec)
	}
	return found, nil
}

// List returns a page of records, as Reader.ListRecords does; q.Kind is set.
// Records that cannot be read are returned apart.
func (k *RecordKind[T]) List(ctx context.Context, r storage.Reader, q storage.RecordQuery, p Page) (page []Entry[T], damaged []*DamagedError, next Cursor, err error) {
	q.Kind = k.Name
	rs, next, err := r.ListRecords(ctx, q, p)
	if err != nil {
		return nil, nil, "", err
	}
	page = make([]Entry[T], 0, len(rs))
	for _, rec := range rs {
		e, err := k.entry(rec)
		var bad *DamagedError
		if errors.As(err, &bad) {
			damaged = append(damaged, bad)
			continue
		}
		page = append(page, e)
	}
	return page, damaged, next, nil
}

// Each yields the records of q; q.Kind is set. A record that cannot be read is
// yielded as an entry without a value, with a *DamagedError, and the list goes
// on. Any other error ends it.
func (k *RecordKind[T]) Each(ctx context.Context, r storage.Reader, q storage.RecordQuery) iter.Seq2[Entry[T], error] {
	q.Kind = k.Name
	return func(yield func(Entry[T], error) bool) {
		for p := (Page{Limit: cmp.Or(k.Page, MaxBatch)}); ; {
			rs, next, err := r.ListRecords(ctx, q, p)
			if err != nil {
				yield(Entry[T]{}, err)
				return
			}
			for _, rec := range rs {
				if !yield(k.entry(rec)) {
					return
				}
			}
			if p.After = next; next == "" {
				return
			}
		}
	}
}

// Put writes entries, new ones and those read in this transaction. It loses
// the race (ErrRetry) if one was changed meanwhile, and returns ErrNotFound if
// an owner is missing.
func (k *RecordKind[T]) Put(ctx context.Context, w *Writer, entries ...*Entry[T]) error {
	changes, err := k.changes(entries)
	if err != nil {
		return err
	}
	if err := w.PutRecords(ctx, changes); err != nil {
		return err
	}
	for i, e := range entries {
		e.rev, e.Damaged = changes[i].Row.Rev, nil
	}
	return nil
}

// TryPut is Put for callers for whom a lost race is no error. It returns how
// many of at most MaxBatch entries were written; the others have changed
// meanwhile, are there already, or their owner is gone.
func (k *RecordKind[T]) TryPut(ctx context.Context, w *Writer, entries ...*Entry[T]) (int, error) {
	changes, err := k.changes(entries)
	if err != nil {
		return 0, err
	}
	return k.try(ctx, w, changes, entries)
}

// Delete deletes entries that were read in this transaction.
func (k *RecordKind[T]) Delete(ctx context.Context, w *Writer, entries ...*Entry[T]) error {
	return w.PutRecords(ctx, deletions(entries))
}

// TryDelete is Delete for callers for whom a lost race is no error. It returns
// how many of at most MaxBatch entries were deleted.
func (k *RecordKind[T]) TryDelete(ctx context.Context, w *Writer, entries ...*Entry[T]) (int, error) {
	return k.try(ctx, w, deletions(entries), entries)
}

// changes are the changes that write entries.
func (k *RecordKind[T]) changes(entries []*Entry[T]) ([]storage.Write[storage.Record], error) {
	changes := make([]storage.Write[storage.Record], len(entries))
	for i, e := range entries {
		data, err := k.Encode(&e.Value)
		if err != nil {
			return nil, err
		}
		changes[i] = storage.Write[storage.Record]{Row: storage.Record{Key: e.Key, Owner: e.Owner, Due: e.Due, Data: data}, Was: e.rev}
	}
	return changes, nil
}

func deletions[T any](entries []*Entry[T]) []storage.Write[storage.Record] {
	changes := make([]storage.Write[storage.Record], len(entries))
	for i, e := range entries {
		changes[i] = storage.Write[storage.Record]{Row: storage.Record{Key: e.Key, Rev: e.rev}, Was: e.rev, Delete: true}
	}
	return changes
}

// try makes those changes that are in no conflict.
func (k *RecordKind[T]) try(ctx context.Context, w *Writer, changes []storage.Write[storage.Record], entries []*Entry[T]) (int, error) {
	if len(changes) == 0 {
		return 0, nil
	}
	if err := w.newRevs(changes); err != nil {
		return 0, err
	}
	conflicts, err := w.ChangeRecords(ctx, changes)
	if err != nil {
		return 0, err
	}
	lost := map[int]bool{}
	for _, c := range conflicts {
		lost[c.Index] = true
	}
	for i, e := range entries {
		if !lost[i] && !changes[i].Delete {
			e.rev, e.Damaged = changes[i].Row.Rev, nil
			w.wroteFirst(&changes[i])
		}
	}
	return len(changes) - len(conflicts), nil
}

// damage makes the kind one of the places that Scope.Damaged looks through.
func (k *RecordKind[T]) damage() DamageSource {
	return DamageSource{
		Kind: k.Name,
		Need: k.Need,
		Each: func(ctx context.Context, r storage.Reader, domain ID) iter.Seq2[*DamagedError, error] {
			return func(yield func(*DamagedError, error) bool) {
				for e, err := range k.Each(ctx, r, storage.RecordQuery{Domain: domain}) {
					if err != nil && e.Damaged == nil {
						yield(nil, err)
						return
					}
					if e.Damaged != nil && !yield(e.Damaged, nil) {
						return
					}
				}
			}
		},
		Repair: func(ctx context.Context, w *Writer, id string) (bool, error) {
			e, err := k.Get(ctx, w, w.scope.domain, id)
			switch {
			case err == nil:
				return false, nil
			case e.Damaged == nil:
				return false, err
			case k.Repair != nil:
				return true, k.Repair(ctx, w, storage.Record{Key: e.Key, Owner: e.Owner, Due: e.Due, Rev: e.rev})
			}
			return true, k.Delete(ctx, w, &e)
		},
	}
}

// Damageable is a *RecordKind, whatever its type, or a DamageSource.
type Damageable interface{ damage() DamageSource }

// Damaged lists what the library keeps in the domain and cannot read: records
// that were truncated, or were written by a newer version. Nobody but their
// owner is affected by them; what protects stays in force meanwhile. It needs
// PermDomain.
func (s *Scope) Damaged(ctx context.Context) iter.Seq2[*DamagedError, error] {
	return func(yield func(*DamagedError, error) bool) {
		for _, src := range s.admin.damageable {
			if _, _, err := s.View(ctx, PermDomain); err != nil {
				yield(nil, err)
				return
			}
			for bad, err := range src.Each(ctx, s.admin.store, s.domain) {
				if !yield(bad, err) || err != nil {
					return
				}
			}
		}
	}
}

// Repair deletes a damaged record, or puts a safe one in its place, as its kind
// says: afterwards it is as if the record had never been, so that a legal hold
// must be placed again, for example. It does nothing to a record that can be
// read, and returns ErrNotFound if there is none. It needs PermDomain and the
// permission of the kind.
func (s *Scope) Repair(ctx context.Context, kind, id string) error {
	i := slices.IndexFunc(s.admin.damageable, func(d DamageSource) bool { return d.Kind == kind })
	if i < 0 {
		if _, _, err := s.View(ctx, PermDomain); err != nil {
			return err
		}
		return fmt.Errorf("kind %q of records: %w", Cut(kind), ErrNotFound)
	}
	src := s.admin.damageable[i]
	op := Op{Kind: KindRepair, Need: PermDomain, Fence: storage.Exclusive, Targets: []ID{s.domain}, closes: true}
	return s.Change(ctx, op, func(ctx context.Context, w *Writer) error {
		if src.Need != "" {
			if err := w.Require(src.Need); err != nil {
				return err
			}
		}
		repaired, err := src.Repair(ctx, w, id)
		if repaired {
			w.Audit(KindRepair, []ID{s.domain}, nil, map[string]string{"kind": kind, "id": Cut(id)})
		}
		return err
	})
}
