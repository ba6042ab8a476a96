package memstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"chatadmin.example/sdk/chatadmin/storage"
)

// Store is a storage.Store in memory. It is safe for many goroutines.
type Store struct {
	data  *data
	now   func() time.Time
	chaos *chaos
}

var _ storage.Store = (*Store)(nil)

// Options of a store; nil means defaults.
type Options struct {
	Now   func() time.Time // default time.Now; revisions of fences come from it
	Chaos *Chaos           // default: reliable
}

// Chaos says how often a store does on purpose what the contract allows. Rates lie between 0 (never) and 1.
type Chaos struct {
	Seed        uint64
	Rerun       float64 // the function runs, is undone, and runs again
	UnknownKept float64 // the transaction is committed, and ErrCommitUnknown reported
	UnknownLost float64 // the transaction is undone, and ErrCommitUnknown reported
	ShortPage   float64 // a page of a list has fewer rows than it could, or none at all, and a cursor that leads on
}

type chaos struct {
	Chaos
	mu  sync.Mutex
	rnd *rand.Rand
}

func (c *chaos) roll(rate float64) bool {
	if c == nil || rate == 0 {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rnd.Float64() < rate
}

// shorten rolls for a page that could have n rows, and says how many it has instead.
func (c *chaos) shorten(n int) (int, bool) {
	if c == nil || !c.roll(c.ShortPage) {
		return n, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if n < 2 || c.rnd.IntN(2) == 0 { // often, since readers that take an empty page for the end are many
		return 0, true
	}
	return 1 + c.rnd.IntN(n-1), true
}

// New returns an empty store.
func New(o *Options) *Store { return newHandle(newData(), o) }

// Handle returns another handle on the same data, as a second process would have on one database.
func (s *Store) Handle(o *Options) *Store { return newHandle(s.data, o) }

func newHandle(d *data, o *Options) *Store {
	s := &Store{data: d, now: time.Now}
	if o != nil && o.Now != nil {
		s.now = o.Now
	}
	if o != nil && o.Chaos != nil {
		s.chaos = &chaos{Chaos: *o.Chaos, rnd: rand.New(rand.NewPCG(o.Chaos.Seed, 1))}
	}
	return s
}

// inTx marks the context of a transaction on some data, so that a nested call is seen.
type inTx struct{ data *data }

const attempts = 20

// Update implements storage.Store.
func (s *Store) Update(ctx context.Context, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	for n := range attempts {
		err := s.attempt(ctx, fence, f)
		if !errors.Is(err, storage.ErrRetry) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(rand.Int64N(int64(100*time.Microsecond) << min(n, 8)))):
		}
	}
	return fmt.Errorf("%d attempts lost their race: %w", attempts, storage.ErrBusy)
}

// attempt runs f once; under chaos, an undone time before.
func (s *Store) attempt(ctx context.Context, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	switch fence.Mode {
	case storage.Shared:
		s.data.fence.RLock()
		defer s.data.fence.RUnlock()
	case storage.Exclusive:
		s.data.fence.Lock()
		defer s.data.fence.Unlock()
	}
	s.data.mu.Lock()
	defer s.data.mu.Unlock()
	if s.chaos != nil && s.chaos.roll(s.chaos.Rerun) {
		s.undone(ctx, fence, f)
	}
	t := s.begin()
	done := false
	defer func() {
		if t.over = true; !done { // f failed or panicked
			t.rollback()
		}
	}()
	if err := t.run(ctx, fence, f); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.chaos != nil && s.chaos.roll(s.chaos.UnknownLost) {
		return storage.ErrCommitUnknown
	}
	done = true
	t.commit()
	if s.chaos != nil && s.chaos.roll(s.chaos.UnknownKept) {
		return storage.ErrCommitUnknown
	}
	return nil
}

// undone runs f and undoes it, even where f panics.
func (s *Store) undone(ctx context.Context, fence storage.Fence, f func(context.Context, storage.Tx) error) {
	t := s.begin()
	defer func() {
		t.over = true
		t.rollback()
	}()
	_ = t.run(ctx, fence, f)
}

func (s *Store) begin() *tx { return &tx{reader: reader{s.data, s.chaos}, now: s.now} }

// run checks the fence, runs f, and changes the fence's revision after an exclusive one.
func (t *tx) run(ctx context.Context, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	if fence.Mode != storage.NoFence && t.data.domains.get(fence.Domain) == nil {
		return storage.ErrNoDomain
	}
	if err := f(context.WithValue(ctx, inTx{t.data}, true), t); err != nil {
		return err
	}
	if t.failed != nil {
		return t.failed
	}
	if fence.Mode == storage.Exclusive {
		if d := t.data.domains.get(fence.Domain); d != nil {
			changed := *d
			changed.Fence = storage.NextRev(d.Fence, t.now(), uint16(rand.Uint32()))
			t.data.domains.put(t, d.ID, d, &changed)
		}
	}
	return nil
}

// enter refuses a call from within a transaction, which would wait for itself for ever.
func (s *Store) enter(ctx context.Context) error {
	if ctx.Value(inTx{s.data}) != nil {
		return storage.ErrNested
	}
	return ctx.Err()
}

// tx is one transaction: it changes the data in place and knows how to undo it.
type tx struct {
	reader
	now     func() time.Time
	touched []interface {
		rollback()
		commit()
	} // tables
	over   bool
	failed error // an error that f has swallowed still fails the transaction
}

func (t *tx) rollback() {
	for _, table := range t.touched {
		table.rollback()
	}
}

func (t *tx) commit() {
	for _, table := range t.touched {
		table.commit()
	}
}

var errOver = errors.New("the transaction is over")

// writable refuses a call that is too late, too large, or made under a cancelled context.
func (t *tx) writable(ctx context.Context, items int) error {
	err := ctx.Err()
	switch {
	case t.over:
		return errOver
	case err == nil && items > storage.MaxBatch:
		err = storage.ErrBatch
	}
	if err != nil {
		t.failed = err
	}
	return err
}
