package sqlstore

import (
	"context"
	"slices"
	"sync"

	"chatadmin.example/sdk/chatadmin/storage"
)

// queues let the transactions of this process into their domains, each domain
// by itself and in the order of arrival. A transaction waits here before it
// takes a connection, so that a busy domain cannot hold all of them. Other
// processes are kept out by the fence in the database.
type queues struct {
	mu sync.Mutex
	of map[storage.ID]*queue // those that somebody is in
}

type queue struct {
	shared    int  // transactions inside
	exclusive bool // one is inside, alone
	waiting   []*ticket
}

// ticket is one transaction, which waits until admitted is closed.
type ticket struct {
	exclusive bool
	admitted  chan struct{}
}

// enter waits until the domain has room: for a shared transaction while no
// exclusive one is inside or ahead, for an exclusive one when nobody is. The
// caller calls leave; calling it again does nothing.
func (q *queues) enter(ctx context.Context, domain storage.ID, exclusive bool) (leave func(), err error) {
	t := &ticket{exclusive, make(chan struct{})}
	q.mu.Lock()
	if q.of == nil {
		q.of = map[storage.ID]*queue{}
	}
	d := q.of[domain]
	if d == nil {
		d = &queue{}
		q.of[domain] = d
	}
	d.waiting = append(d.waiting, t)
	d.admit()
	q.mu.Unlock()
	leave = sync.OnceFunc(func() { q.leave(domain, t) })
	select {
	case <-t.admitted: // even if the context has ended: that is seen later
		return leave, nil
	default:
	}
	select {
	case <-t.admitted:
		return leave, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}

func (q *queues) leave(domain storage.ID, t *ticket) {
	q.mu.Lock()
	defer q.mu.Unlock()
	d := q.of[domain]
	select {
	case <-t.admitted:
		if t.exclusive {
			d.exclusive = false
		} else {
			d.shared--
		}
	default: // it has given up
		d.waiting = slices.DeleteFunc(d.waiting, func(w *ticket) bool { return w == t })
	}
	d.admit()
	if !d.exclusive && d.shared == 0 && len(d.waiting) == 0 {
		delete(q.of, domain)
	}
}

// admit lets in those at the head of the queue who fit.
func (d *queue) admit() {
	for len(d.waiting) > 0 {
		t := d.waiting[0]
		switch {
		case d.exclusive || t.exclusive && d.shared > 0:
			return
		case t.exclusive:
			d.exclusive = true
		default:
			d.shared++
		}
		d.waiting = d.waiting[1:]
		close(t.admitted)
	}
}
