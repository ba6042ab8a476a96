// Package chatadmintest has fakes for tests of hosts: a clock that is set by
// hand, randomness that repeats, and mailboxes, phones, devices and blob stores
// that remember what they got, all safe for many goroutines; a race to start;
// and the proof that a call keeps to its permission.
package chatadmintest

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

// Clock tells the time it was set to: use its Now for Options.Now.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that stands at t.
func NewClock(t time.Time) *Clock { return &Clock{now: t} }

// Now is the time on the clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock on, or back.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Rand reads the same bytes for the same seed: use it for Options.Rand. It is
// not random at all.
type Rand struct {
	mu  sync.Mutex
	rnd *rand.ChaCha8
}

// NewRand returns the bytes of a seed.
func NewRand(seed byte) *Rand { return &Rand{rnd: rand.NewChaCha8([32]byte{seed})} }

// Read never fails.
func (r *Rand) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rnd.Read(p)
}

// box remembers what it got, and fails as long as it is told to.
type box[T any] struct {
	mu   sync.Mutex
	got  []T
	errs []error
}

func (b *box[T]) put(ctx context.Context, v T) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(b.errs) > 0 {
		err := b.errs[0]
		b.errs = b.errs[1:]
		if err != nil {
			return err
		}
	}
	b.got = append(b.got, v)
	return nil
}

// FailNext makes the next calls return these errors, one each; nil lets one
// pass.
func (b *box[T]) FailNext(errs ...error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.errs = append(b.errs, errs...)
}

func (b *box[T]) all() []T {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.got)
}

// Mailbox is a chatadmin.Mailer that keeps every mail.
type Mailbox struct{ box[chatadmin.Mail] }

// Send implements chatadmin.Mailer. A mail that does not pass its Check is
// refused, as a real server would.
func (m *Mailbox) Send(ctx context.Context, mail chatadmin.Mail) error {
	if err := mail.Check(); err != nil {
		return err
	}
	return m.put(ctx, mail)
}

// Mails are all mails so far.
func (m *Mailbox) Mails() []chatadmin.Mail { return m.all() }

// To are the mails to one address.
func (m *Mailbox) To(addr string) []chatadmin.Mail {
	return slices.DeleteFunc(m.all(), func(mail chatadmin.Mail) bool { return mail.To != addr })
}

// Phones is a chatadmin.SMSSender that keeps every message.
type Phones struct{ box[chatadmin.SMS] }

// SendSMS implements chatadmin.SMSSender.
func (p *Phones) SendSMS(ctx context.Context, m chatadmin.SMS) error { return p.put(ctx, m) }

// Messages are all messages so far.
func (p *Phones) Messages() []chatadmin.SMS { return p.all() }

// Pushes is a chatadmin.Pusher that keeps every push.
type Pushes struct{ box[chatadmin.Push] }

// Push implements chatadmin.Pusher.
func (p *Pushes) Push(ctx context.Context, push chatadmin.Push) error { return p.put(ctx, push) }

// All are all pushes so far.
func (p *Pushes) All() []chatadmin.Push { return p.all() }

// Blobs is a chatadmin.Blobs that remembers what was deleted.
type Blobs struct{ box[[]string] }

// Delete implements chatadmin.Blobs.
func (b *Blobs) Delete(ctx context.Context, keys []string) error {
	return b.put(ctx, slices.Clone(keys))
}

// Deleted are all keys so far, in order.
func (b *Blobs) Deleted() []string { return slices.Concat(b.all()...) }
