package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"chatadmin.example/sdk/chatadmin/storage"
)

// Options of a store; nil means defaults.
type Options struct {
	// of the table names: letters, digits and "_", at most 30, not a digit
	// first; default "chatadmin_"
	Prefix string
	// PostgreSQL: transactions at SERIALIZABLE instead of READ COMMITTED, no
	// use of physical places (ctid), and none of column storage
	Serializable bool
	// how often a transaction is tried before storage.ErrBusy; default 12
	Attempts  int
	NoMigrate bool             // Open checks the tables instead of making them
	Now       func() time.Time // default time.Now; revisions of fences come from it

	// CommitTimeout limits how long Update waits for an answer to COMMIT;
	// default 0, as long as the connection lasts. At its end Update returns
	// storage.ErrCommitUnknown, and the transaction may be kept all the
	// same. If PostgreSQL waits for a synchronous standby, the limit ends the
	// wait, not the commit: the rows are then there on this server, and are
	// lost if the standby takes over. Set it only if a late answer is worse
	// than that.
	CommitTimeout time.Duration
}

// Store is a storage.Store in an SQL database. It is safe for many goroutines,
// and for many processes.
type Store struct {
	reader
	db            *sql.DB
	d             Dialect
	prefix        string
	serializable  bool
	attempts      int
	now           func() time.Time
	growth        growth
	search        [3]atomic.Pointer[search] // of users, groups and devices; nil until somebody searches
	commitTimeout time.Duration
	turns         queues // of transactions, before they take a connection
	// PostgreSQL: of those with a connection, for the locks of other processes
	waits queues
	// SQLite: one writer of this process at a time, in the order of their
	// coming
	writer chan struct{}
}

var _ storage.Store = (*Store)(nil)

// conn is what statements run on: a pool, a connection, or a transaction.
type conn interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// Open returns the store in db, whose tables it creates or brings up to date
// first; with NoMigrate it checks them instead. Tables of another version are a
// *SchemaError. On PostgreSQL it first tries whether locks are held between two
// connections, and returns ErrNoFence if not.
func Open(ctx context.Context, db *sql.DB, d Dialect, o *Options) (*Store, error) {
	s, err := newStore(db, d, o)
	if err != nil {
		return nil, err
	}
	if err := s.probe(ctx); err != nil {
		return nil, err
	}
	if o != nil && o.NoMigrate {
		return s, s.Check(ctx)
	}
	return s, s.Migrate(ctx)
}

func newStore(db *sql.DB, d Dialect, o *Options) (*Store, error) {
	if d != PostgreSQL && d != SQLite {
		return nil, fmt.Errorf("sqlstore: %s", d)
	}
	s := &Store{db: db, d: d, prefix: "chatadmin_", attempts: 12, now: time.Now, writer: make(chan struct{}, 1)}
	if o != nil {
		if o.Prefix != "" {
			s.prefix = o.Prefix
		}
		if o.Attempts > 0 {
			s.attempts = o.Attempts
		}
		if o.Now != nil {
			s.now = o.Now
		}
		s.serializable, s.commitTimeout = o.Serializable, o.CommitTimeout
	}
	if len(s.prefix) > 30 || strings.Trim(s.prefix, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" || strings.ContainsAny(s.prefix[:1], "0123456789") {
		return nil, fmt.Errorf("%q: %w", s.prefix, errPrefix)
	}
	s.reader = reader{s: s, c: db}
	return s, nil
}

func (s *Store) begin() string {
	switch {
	case s.d == SQLite:
		return "BEGIN IMMEDIATE"
	case s.serializable:
		return "BEGIN ISOLATION LEVEL SERIALIZABLE"
	}
	return "BEGIN ISOLATION LEVEL READ COMMITTED"
}

// inTx marks the context of a transaction, so that a nested call of the store
// is seen.
type inTx struct{ s *Store }

// Update implements storage.Store.
func (s *Store) Update(ctx context.Context, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	for n := 0; ; n++ {
		err := s.attempt(ctx, fence, f)
		switch {
		case !s.d.again(err) || errors.Is(err, storage.ErrCommitUnknown):
			return err
		case n+1 == s.attempts:
			return fmt.Errorf("%d attempts lost their race (%w): %w", s.attempts, err, storage.ErrBusy)
		}
		if err := pause(ctx, n); err != nil {
			return err
		}
	}
}

// pause waits after the n-th attempt, a random time that grows to half a
// second, or until the context ends.
func pause(ctx context.Context, n int) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(rand.N(2 * time.Millisecond << min(n, 8))):
		return nil
	}
}

func (s *Store) attempt(ctx context.Context, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	leave, err := s.turn(ctx, fence)
	if err != nil {
		return err
	}
	defer leave()
	if s.d == SQLite {
		select {
		case s.writer <- struct{}{}:
			defer func() { <-s.writer }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	c, err := s.start(ctx, fence)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	var inserted map[string]int64 // what was committed
	defer func(ctx context.Context) {
		leave() // the fence is free again
		s.analyze(ctx, c, inserted)
	}(ctx)
	x := s.newTx(c)
	ended := false
	defer func() { // f failed or panicked
		x.close()
		if !ended {
			s.rollback(ctx, c)
		}
	}()
	if err := x.run(ctx, fence, f); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	x.close()
	// From here on a cancelled context changes nothing: the commit is carried
	// out and its outcome reported.
	ctx = context.WithoutCancel(ctx)
	if s.commitTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.commitTimeout)
		defer cancel()
	}
	if _, err := c.ExecContext(ctx, "COMMIT"); err != nil {
		if s.d.notKept(err) {
			return while(ctx, "committing", err)
		}
		ended = true
		discard(c)
		return fmt.Errorf("%w: %w", storage.ErrCommitUnknown, err)
	}
	ended, inserted = true, x.inserted
	return nil
}

// run checks the fence, runs f, and changes the fence's revision after an
// exclusive one.
func (x *tx) run(ctx context.Context, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	s := x.s
	if fence.Mode != storage.NoFence {
		there, err := x.Domains(ctx, []storage.ID{fence.Domain})
		if err != nil {
			return err
		}
		if len(there) == 0 {
			return storage.ErrNoDomain
		}
		x.fenced = &there[0]
	}
	err := f(context.WithValue(ctx, inTx{s}, true), x)
	if x.failed != nil && (err == nil || s.d.again(x.failed)) {
		err = x.failed // an error that f swallowed, or made unrecognisable
	}
	if err == nil {
		err = x.intact(ctx)
	}
	if err != nil {
		return err
	}
	if fence.Mode == storage.Exclusive {
		_, err = x.exec(ctx, "UPDATE {{p}}domains SET fence = "+s.d.greatest()+"(fence + 1, ?) WHERE id = ?",
			[]any{int64(storage.NextRev(0, s.now(), uint16(rand.Uint32()))), string(fence.Domain)})
	}
	return err
}

func (s *Store) rollback(ctx context.Context, c *sql.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if _, err := c.ExecContext(ctx, "ROLLBACK"); err != nil && !s.d.says(err, "no transaction is active") {
		discard(c)
	}
}

// discard closes the connection instead of giving it back to the pool.
func discard(c *sql.Conn) {
	_ = c.Raw(func(any) error { return driver.ErrBadConn })
}
