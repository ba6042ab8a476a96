package support_test

import (
	"archive/zip"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"chatadmin.example/sdk/chatadmin/support"
)

var megabytes = flag.Int("megabytes", 20, "the size of the log in benchmarks")

// endless is a log of a given size, made of one block again and again, which is
// larger than what packing looks back at. peak is the most memory in use while
// it is read.
type endless struct {
	block    []byte
	at, left int
	reads    int
	peak     uint64
}

func (e *endless) Read(p []byte) (int, error) {
	if e.reads++; e.reads%64 == 1 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		e.peak = max(e.peak, m.HeapAlloc)
	}
	if e.left == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), e.left)], e.block[e.at:])
	e.at, e.left = (e.at+n)%len(e.block), e.left-n
	return n, nil
}

// logBlock is 4 MB of lines such as clients write: words, IDs, numbers, paths
// and JSON, and now and then a secret.
func logBlock() (b []byte) {
	r := rand.New(rand.NewPCG(1, 2))
	for len(b) < 4<<20 {
		at := time.UnixMilli(1767323045000 + r.Int64N(1e9)).UTC().Format("2006-01-02T15:04:05.000Z")
		id := fmt.Sprintf("%08x-%04x-7%03x-a%03x-%012x", r.Uint32(), r.Uint32()&0xffff, r.Uint32()&0xfff, r.Uint32()&0xfff, r.Uint64()&0xffffffffffff)
		switch r.IntN(8) {
		case 0:
			b = fmt.Appendf(b, `{"time":"%s","level":"INFO","msg":"message delivered","user":"%s","group":"All Of Us","bytes":%d,"path":"/v1/groups/%s/messages"}`+"\n", at, id, r.IntN(1e6), id)
		case 1:
			b = fmt.Appendf(b, "%s GET https://chat.example.com/api/v1/users/%s?page=%d&limit=100 HTTP/1.1 200 %dms\n", at, id, r.IntN(100), r.IntN(3000))
		case 2:
			b = fmt.Appendf(b, "%s DEBUG [NSURLSession] connection %d: received %d bytes, queue length %d\n", at, r.IntN(1000), r.IntN(1e6), r.IntN(30))
		case 3:
			b = fmt.Appendf(b, "    at com.example.officechat.sync.MessageStore.applyChanges(MessageStore.java:%d)\n", r.IntN(900))
		case 4:
			b = fmt.Appendf(b, "%s WARN could not write C:\\Users\\ann\\AppData\\Roaming\\Office Chat\\Logs\\client-%d.log: the disk is full\n", at, r.IntN(90))
		case 5:
			if r.IntN(20) == 0 {
				b = fmt.Appendf(b, "%s DEBUG request headers: Authorization: Bearer %016x%016x\n", at, r.Uint64(), r.Uint64())
			}
		case 6:
			b = fmt.Appendf(b, "%s ERROR sync failed: status=%d domain=NSURLErrorDomain code=-%d request_id=%s\n", at, 400+r.IntN(200), r.IntN(2000), id)
		default:
			b = fmt.Appendf(b, "%s TRACE layout pass took %d.%03d ms for %d rows (%d visible)\n", at, r.IntN(16), r.IntN(1000), r.IntN(500), r.IntN(40))
		}
	}
	return b
}

// Packing a log without its secrets, in multiples of packing it as it is; and
// the memory that it takes.
func BenchmarkZip(b *testing.B) {
	block := logBlock()
	size := *megabytes << 20
	b.SetBytes(int64(size))
	var floor, took time.Duration
	var peak uint64
	for b.Loop() {
		begun := time.Now()
		z := zip.NewWriter(io.Discard)
		w, err := z.Create("log")
		if err == nil {
			_, err = io.Copy(w, &endless{block: block, left: size})
		}
		if err == nil {
			err = z.Close()
		}
		if err != nil {
			b.Fatal(err)
		}
		floor += time.Since(begun)

		runtime.GC()
		var before runtime.MemStats
		runtime.ReadMemStats(&before)
		begun = time.Now()
		log := &endless{block: block, left: size}
		if _, err := support.Zip(ctx, io.Discard, []support.Log{{Name: "log", Open: func() (io.ReadCloser, error) { return io.NopCloser(log), nil }}},
			&support.ZipOptions{MaxZip: 1 << 30}); err != nil {
			b.Fatal(err)
		}
		took += time.Since(begun)
		peak = max(peak, log.peak-min(log.peak, before.HeapAlloc))
	}
	b.ReportMetric(float64(took)/float64(floor), "x-zip-alone")
	b.ReportMetric(float64(peak)/(1<<20), "MiB")
}
