package csvimport_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/csvimport"
)

// watchedFile knows whether it is read when nobody may read it any more, and
// does something at a certain place.
type watchedFile struct {
	io.ReadSeeker
	at    int64 // how much has been read since the start
	place int64
	do    func() error
	ended atomic.Bool
	late  atomic.Bool
}

func (f *watchedFile) Read(p []byte) (int, error) {
	defer func() {
		if f.ended.Load() {
			f.late.Store(true)
		}
	}()
	n, err := f.ReadSeeker.Read(p[:min(len(p), 1<<12)])
	if f.at += int64(n); f.do != nil && f.at > f.place {
		if broken := f.do(); broken != nil {
			err = broken
		}
	}
	return n, err
}

func (f *watchedFile) Seek(offset int64, whence int) (int64, error) {
	f.at = 0
	return f.ReadSeeker.Seek(offset, whence)
}

func manyLines(n int) string {
	var b strings.Builder
	b.WriteString("login,name\n")
	for i := range n {
		fmt.Fprintf(&b, "user%06d@acme.example,User %d\n", i, i)
	}
	return b.String()
}

// However an import ends, nothing reads the file afterwards, and what went
// wrong while reading ahead meets the caller.
func TestReadingAheadEndsWithTheCall(t *testing.T) {
	errDisk := errors.New("the disk is gone")
	const rows = 20000
	text := manyLines(rows)
	for name, c := range map[string]struct {
		do    func(cancel context.CancelFunc) error // in the middle of the import, when it has begun
		want  error
		panic string
	}{
		"to the end":       {},
		"a broken disk":    {do: func(context.CancelFunc) error { return errDisk }, want: errDisk},
		"cancelled":        {do: func(cancel context.CancelFunc) error { cancel(); time.Sleep(time.Minute); return nil }, want: context.Canceled},
		"a panicking file": {do: func(context.CancelFunc) error { panic("a bug of the host") }, panic: "a bug of the host"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, chatadmin.OfficeChat)
				c2, cancel := context.WithCancel(ctx)
				defer cancel()
				file := &watchedFile{ReadSeeker: strings.NewReader(text), place: int64(len(text)) / 2}
				var id chatadmin.ID
				run := func() error {
					_, err := csvimport.ImportsOf(w.S).Import(c2, w.S, file, csvimport.SkipExisting, &csvimport.ImportOptions{Begun: func(i chatadmin.ID) {
						id = i
						if c.do != nil {
							file.do = func() error { return c.do(cancel) }
						}
					}})
					return err
				}
				if c.panic != "" {
					require.PanicsWithValue(t, c.panic, func() { _ = run() })
				} else {
					require.ErrorIs(t, run(), c.want)
				}
				file.ended.Store(true)
				time.Sleep(time.Hour) // of the bubble: whatever goes on without the call has ended
				require.False(t, file.late.Load(), "read after the call")

				r, err := csvimport.ImportsOf(w.S).Resume(ctx, w.S, id, strings.NewReader(text), nil)
				require.NoError(t, err)
				require.EqualValues(t, rows, r.Counts.Created)
			})
		})
	}
}

// The host's file may end the goroutine that reads it, as a failed check of a
// test does: then the call ends likewise, and does not take what it has for the
// whole file.
func TestReadingAheadEndsTheGoroutine(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	text := manyLines(20000)
	file := &watchedFile{ReadSeeker: strings.NewReader(text), place: int64(len(text)) / 2}
	returned, ended := false, make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = csvimport.ImportsOf(w.S).Import(ctx, w.S, file, csvimport.SkipExisting, &csvimport.ImportOptions{Begun: func(chatadmin.ID) {
			file.do = func() error {
				runtime.Goexit()
				return nil
			}
		}})
		returned = true
	}()
	<-ended
	require.False(t, returned)
}
