package sqlstore

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/storage"
)

// line enters one after the other, each when those before it wait or are in,
// and logs who got in; a letter is one transaction, a capital an exclusive one.
type line struct {
	t     *testing.T
	q     queues
	mu    sync.Mutex
	in    string
	leave map[byte]func()
}

func (l *line) enter(ctx context.Context, name byte) {
	go func() {
		leave, err := l.q.enter(ctx, "acme", name < 'a')
		if err != nil {
			assert.ErrorIs(l.t, err, context.Canceled)
			return
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.in += string(name)
		l.leave[name] = leave
	}()
	synctest.Wait()
}

func (l *line) wants(in string) {
	l.t.Helper()
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	require.ElementsMatch(l.t, []byte(in), []byte(l.in))
}

// Shared ones are inside together, an exclusive one alone, and everybody in the
// order of their coming.
func TestQueueOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &line{t: t, leave: map[byte]func(){}}
		for _, name := range []byte("abCdeFGh") {
			l.enter(t.Context(), name)
		}
		l.wants("ab")
		l.leave['a']()
		l.leave['a']() // once is enough
		l.wants("ab")
		l.leave['b']()
		l.wants("abC")
		l.leave['C']()
		l.wants("abCde")
		l.leave['d']()
		l.leave['e']()
		l.wants("abCdeF")
		l.leave['F']()
		l.wants("abCdeFG")
		l.leave['G']()
		l.wants("abCdeFGh")
		l.leave['h']()
		require.Empty(t, l.q.of, "nothing is kept of a domain that nobody is in")
	})
}

// Who gives up lets those behind go on, wherever they stood.
func TestQueueGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &line{t: t, leave: map[byte]func(){}}
		ctx, cancel := context.WithCancel(t.Context())
		l.enter(t.Context(), 'a')
		l.enter(ctx, 'B')
		l.enter(t.Context(), 'c')
		l.wants("a")
		cancel()
		l.wants("ac")
		ctx, cancel = context.WithCancel(t.Context())
		l.enter(t.Context(), 'D')
		l.enter(ctx, 'e')
		l.enter(t.Context(), 'f')
		cancel()
		l.leave['a']()
		l.leave['c']()
		l.wants("acD")
		l.leave['D']()
		l.wants("acDf")
		l.leave['f']()
		require.Empty(t, l.q.of)
	})
}

// Domains do not wait for each other, and no two transactions are inside that
// may not be.
func TestQueueRace(t *testing.T) {
	var q queues
	var inside [2]sync.RWMutex
	var wg sync.WaitGroup
	for n := range 400 {
		wg.Go(func() {
			d := n % 2
			leave, err := q.enter(t.Context(), []storage.ID{"a", "b"}[d], n%5 == 0)
			if !assert.NoError(t, err) {
				return
			}
			defer leave()
			if n%5 == 0 {
				assert.True(t, inside[d].TryLock())
				inside[d].Unlock()
			} else {
				assert.True(t, inside[d].TryRLock())
				inside[d].RUnlock()
			}
		})
	}
	wg.Wait()
	require.Empty(t, q.of)
}
