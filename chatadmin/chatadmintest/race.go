package chatadmintest

import "sync"

// AtOnce calls f n times at the same moment, each in a goroutine of its own
// with its number, and returns the errors by number. What must hold when two
// things happen at once is tested with it: of a hundred uses of a link one is
// right.
func AtOnce(n int, f func(n int) error) []error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range errs {
		wg.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}
