package sqlstoretest

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// cost is what something took: on the clock, and of the processors, which says more where others use them too.
type cost struct{ wall, client, server time.Duration }

// measure runs f and adds what it took.
func (c *cost) measure(f func()) {
	start, client, server := time.Now(), clientTime(), serverTime()
	f()
	c.wall += time.Since(start)
	c.client += clientTime() - client
	c.server += serverTime() - server
}

func (c *cost) add(d cost) {
	c.wall, c.client, c.server = c.wall+d.wall, c.client+d.client, c.server+d.server
}

func (c cost) cpu() time.Duration { return c.client + c.server }

// report reports the ratio to a floor.
func (c cost) report(b *testing.B, floor cost, unit string) {
	b.Helper()
	b.ReportMetric(c.wall.Seconds()/floor.wall.Seconds(), "x-"+unit)
	b.ReportMetric(c.cpu().Seconds()/floor.cpu().Seconds(), "x-"+unit+"-cpu")
}

func clientTime() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// serverTime is the processor time of the cluster and its processes, where /proc tells it; in steps of 10 ms.
func serverTime() time.Duration {
	if shared == nil {
		return 0
	}
	text, _ := os.ReadFile(filepath.Join(shared.dir, "data", "postmaster.pid"))
	postmaster, _, _ := strings.Cut(string(text), "\n")
	all, _ := filepath.Glob("/proc/[0-9]*/stat")
	ticks := 0
	for _, path := range all {
		text, _ := os.ReadFile(path)
		_, rest, _ := strings.Cut(string(text), ") ")
		f := strings.Fields(rest) // from the state on
		switch {
		case len(f) < 15:
		case filepath.Base(filepath.Dir(path)) == postmaster: // with those that have ended
			ticks += number10(f[11]) + number10(f[12]) + number10(f[13]) + number10(f[14])
		case f[1] == postmaster:
			ticks += number10(f[11]) + number10(f[12])
		}
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

func number10(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

// peak runs f and returns the most memory that the client had at once: MiB, resident, with the program itself; 0 where /proc does not tell.
func peak(b *testing.B, f func()) (most float64) {
	b.Helper()
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		f()
		return 0
	}
	f()
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(b, err)
	_, line, _ := strings.Cut(string(status), "VmHWM:")
	_, err = fmt.Sscan(line, &most)
	require.NoError(b, err)
	return most / (1 << 10)
}
