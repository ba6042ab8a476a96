package signin

import (
	"context"
	"errors"
	"sync"
	"time"

	"chatadmin.example/sdk/chatadmin/storage"
)

// doors is where attempts of this process wait for a place: one line for each user, of which the first alone looks whether there is one, so that a hundred attempts at once ask the store
// no more often than one. Attempts that wait in other processes are not known here; hence the first one looks again from time to time, too.
type doors struct {
	mu   sync.Mutex
	at   map[storage.Key]*door
	most int
}

type door struct {
	waiting int
	first   chan struct{} // holds one token: who has put it in is first
	freed   chan struct{} // gets one when a place was freed by this process
}

// line is one attempt's place in a line.
type line struct {
	doors *doors
	key   storage.Key
	door  *door
	outer context.Context
	ctx   context.Context // ends when the attempt has waited long enough
	stop  context.CancelFunc
	pause time.Duration
}

const (
	shortPause = 10 * time.Millisecond
	longPause  = 320 * time.Millisecond
)

var errBusy = errors.New("waited long enough for a place")

// join waits until the attempt is the first in its line, at most for wait. It is errBusy where that was not enough or the line is too long. Whoever was first leaves.
func (d *doors) join(ctx context.Context, key storage.Key, wait time.Duration) (*line, error) {
	d.mu.Lock()
	at := d.at[key]
	if at == nil {
		if d.at == nil {
			d.at = map[storage.Key]*door{}
		}
		at = &door{first: make(chan struct{}, 1), freed: make(chan struct{}, 1)}
		d.at[key] = at
	}
	if at.waiting >= d.most {
		d.mu.Unlock()
		return nil, errBusy
	}
	at.waiting++
	d.mu.Unlock()
	l := &line{doors: d, key: key, door: at, outer: ctx, pause: shortPause}
	l.ctx, l.stop = context.WithTimeout(ctx, wait)
	select {
	case at.first <- struct{}{}:
		return l, nil
	case <-l.ctx.Done():
		l.quit()
		return nil, l.late()
	}
}

// wait waits until a place was freed, or may have been.
func (l *line) wait() error {
	timer := time.NewTimer(l.pause)
	defer timer.Stop()
	select {
	case <-l.door.freed:
		l.pause = shortPause
		return nil
	case <-timer.C:
		l.pause = min(2*l.pause, longPause)
		return nil
	case <-l.ctx.Done():
		return l.late()
	}
}

func (l *line) late() error {
	if err := l.outer.Err(); err != nil {
		return err
	}
	return errBusy
}

// leave lets the next one look.
func (l *line) leave() {
	<-l.door.first
	l.quit()
}

func (l *line) quit() {
	l.stop()
	l.doors.mu.Lock()
	defer l.doors.mu.Unlock()
	if l.door.waiting--; l.door.waiting == 0 {
		delete(l.doors.at, l.key)
	}
}

// free tells the first in the line that a place was freed.
func (d *doors) free(key storage.Key) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if at := d.at[key]; at != nil {
		select {
		case at.freed <- struct{}{}:
		default:
		}
	}
}
