package csvimport

import (
	"context"
	"runtime"
)

// readahead reads a source in a goroutine of its own, one batch further than the
// one that is worked on: to read a batch takes as long as to decide it, and to
// store it is mostly waiting for a database. The source, and the file, belong
// to that goroutine until close has returned.
type readahead struct {
	batches chan batch
	stop    context.CancelFunc
	next    int  // number of the batch that read returns next
	ended   bool // there is none any more
}

// batch are some rows of the file, valid until the next one is read.
type batch struct {
	rows  []entry
	bytes int64 // of the file, read so far
	err   error
	// Raised again where the batch is taken, so that it meets whoever called us
	// and not the process
	panic any
}

func readAhead(ctx context.Context, src *source) *readahead {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx)) // ends by close, or else by the end of the file
	a := &readahead{batches: make(chan batch), stop: stop, next: src.next}
	go func() {
		defer close(a.batches)
		for more := true; more; {
			b := src.tryRead(ctx)
			more = b.err == nil && b.panic == nil && len(b.rows) > 0
			select {
			case a.batches <- b:
			case <-ctx.Done():
				return
			}
		}
	}()
	return a
}

func (s *source) tryRead(ctx context.Context) (b batch) {
	defer func() { b.panic = recover() }()
	b.rows, b.err = s.read(ctx)
	b.bytes = s.file.Bytes()
	return b
}

// read returns the next batch; it is empty at the end of the file.
func (a *readahead) read(ctx context.Context) (batch, error) {
	select {
	case <-ctx.Done():
		return batch{}, ctx.Err()
	case b, ok := <-a.batches:
		switch {
		case b.panic != nil:
			panic(b.panic)
		case !ok && !a.ended:
			// As the host's file has done: a test of the host that has failed,
			// for instance
			runtime.Goexit()
		}
		a.ended = len(b.rows) == 0
		a.next++
		return b, b.err
	}
}

// close ends the reading. It may be called more than once.
func (a *readahead) close() {
	a.stop()
	for range a.batches {
	}
}
