package storage

import (
	"context"
	"time"
)

// NextRev makes the revision that follows was. It grows with each change of a row and, by the clock and 10 random bits,
// does not repeat when the row is deleted and made again.
func NextRev(was Rev, now time.Time, rnd uint16) Rev {
	return max(was, Rev(now.UnixMicro()<<10)) + 1 + Rev(rnd&1023)
}

// Made is when the revision was made, by the clock of then.
func (r Rev) Made() time.Time { return time.UnixMicro(int64(r) >> 10) }

// UpdateValue calls Store.Update for a function with a result. The result is returned only if the transaction is known
// to be committed; otherwise it is the zero value, whatever f had computed.
func UpdateValue[T any](ctx context.Context, s Store, fence Fence, f func(context.Context, Tx) (T, error)) (T, error) {
	var v, zero T
	err := s.Update(ctx, fence, func(ctx context.Context, tx Tx) (err error) {
		v, err = f(ctx, tx)
		return err
	})
	if err != nil {
		return zero, err
	}
	return v, nil
}
