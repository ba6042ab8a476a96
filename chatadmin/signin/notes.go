package signin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

// notes are what a process has noted of users, and not written down yet.
type notes[T any] struct {
	merge func(before, now T) T // before is zero for the first note of a user
	mu    sync.Mutex
	by    map[chatadmin.ID]map[chatadmin.ID]T // by domain and user
	n     int
}

// maxNoted bounds the memory of notes that are never flushed. Users beyond it
// are noted at a later request.
const maxNoted = 100_000

func (n *notes[T]) add(domain, user chatadmin.ID, note T) {
	n.mu.Lock()
	defer n.mu.Unlock()
	before, ok := n.by[domain][user]
	if !ok && n.n >= maxNoted {
		return
	}
	if n.by == nil {
		n.by = map[chatadmin.ID]map[chatadmin.ID]T{}
	}
	if n.by[domain] == nil {
		n.by[domain] = map[chatadmin.ID]T{}
	}
	if !ok {
		n.n++
	}
	n.by[domain][user] = n.merge(before, note)
}

func (n *notes[T]) take() map[chatadmin.ID]map[chatadmin.ID]T {
	n.mu.Lock()
	defer n.mu.Unlock()
	by := n.by
	n.by, n.n = nil, 0
	return by
}

// later is the later of two times.
func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// flush writes notes down, of at most chatadmin.MaxBatch users at a time, and
// returns of how many users. What cannot be written is noted again, unless the
// domain goes, and its users with it.
func flush[T any](ctx context.Context, n *notes[T],
	write func(ctx context.Context, domain chatadmin.ID, users []chatadmin.ID, by map[chatadmin.ID]T) (int, error),
) (total int, err error) {
	var errs []error
	for domain, by := range n.take() {
		users := make([]chatadmin.ID, 0, len(by))
		for id := range by {
			users = append(users, id)
		}
		for part := range slices.Chunk(users, chatadmin.MaxBatch) {
			wrote, err := write(ctx, domain, part, by)
			if total += wrote; err == nil {
				continue
			}
			errs = append(errs, fmt.Errorf("domain %s: %w", chatadmin.Cut(string(domain)), err))
			if errors.Is(err, chatadmin.ErrNotFound) || errors.Is(err, chatadmin.ErrClosing) {
				continue
			}
			for _, id := range part {
				n.add(domain, id, by[id])
			}
		}
	}
	return total, errors.Join(errs...)
}
