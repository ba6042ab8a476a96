package signin

import (
	"context"
	"errors"
	"sync"
	"time"

	"chatadmin.example/sdk/chatadmin/storage"
)

// queues is where attempts of this process wait for a place: one queue for each
// user, of which the first alone looks whether there is one, so that a hundred
// attempts at once ask the store no more often than one. Attempts that wait in
// other processes are not known here; hence the first one looks again from time
// to time, too.
type queues struct {
	mu   sync.Mutex
	at   map[storage.Key]*queueHead
	most int
}

type queueHead struct {
	waiting int
	first   chan struct{} // holds one token: who has put it in is first
	freed   chan struct{} // gets one when a place was freed by this process
}

// waiter is one attempt's place in a queue.
type waiter struct {
	queues *queues
	key    storage.Key
	head   *queueHead
	outer  context.Context
	ctx    context.Context // ends when the attempt has waited long enough
	stop   context.CancelFunc
	pause  time.Duration
}

const (
	shortPause = 10 * time.Millisecond
	longPause  = 320 * time.Millisecond
)

var errBusy = errors.New("waited long enough for a place")

// join waits until the attempt is the first in its line, at most for wait. It
// is errBusy where that was not enough or the queue is too long. Who finds it
// empty looks once, however short the wait. Whoever was first leaves.
func (d *queues) join(ctx context.Context, key storage.Key, wait time.Duration) (*waiter, error) {
	d.mu.Lock()
	at := d.at[key]
	if at == nil {
		if d.at == nil {
			d.at = map[storage.Key]*queueHead{}
		}
		at = &queueHead{first: make(chan struct{}, 1), freed: make(chan struct{}, 1)}
		d.at[key] = at
	}
	if at.waiting >= d.most {
		d.mu.Unlock()
		return nil, errBusy
	}
	at.waiting++
	d.mu.Unlock()
	l := &waiter{queues: d, key: key, head: at, outer: ctx, pause: shortPause}
	l.ctx, l.stop = context.WithTimeout(ctx, wait)
	select {
	case at.first <- struct{}{}:
		return l, nil
	default:
	}
	select {
	case at.first <- struct{}{}:
		return l, nil
	case <-l.ctx.Done():
		l.quit()
		return nil, l.late()
	}
}

// wait waits until a place was freed, or may have been.
func (l *waiter) wait() error {
	timer := time.NewTimer(l.pause)
	defer timer.Stop()
	select {
	case <-l.head.freed:
		l.pause = shortPause
		return nil
	case <-timer.C:
		l.pause = min(2*l.pause, longPause)
		return nil
	case <-l.ctx.Done():
		return l.late()
	}
}

func (l *waiter) late() error {
	if err := l.outer.Err(); err != nil {
		return err
	}
	return errBusy
}

// leave lets the next one look.
func (l *waiter) leave() {
	<-l.head.first
	l.quit()
}

func (l *waiter) quit() {
	l.stop()
	l.queues.mu.Lock()
	defer l.queues.mu.Unlock()
	if l.head.waiting--; l.head.waiting == 0 {
		delete(l.queues.at, l.key)
	}
}

// free tells the first in the queue that a place was freed.
func (d *queues) free(key storage.Key) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if at := d.at[key]; at != nil {
		select {
		case at.freed <- struct{}{}:
		default:
		}
	}
}
