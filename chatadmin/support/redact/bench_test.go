package redact_test

import (
	"archive/zip"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"chatadmin.example/sdk/chatadmin/support/redact"
)

// logReader makes a log of a given size, the same each time.
type logReader struct {
	rnd  *rand.Rand
	left int
	line []byte
}

func newLog(size int) *logReader {
	return &logReader{rnd: rand.New(rand.NewPCG(1, 2)), left: size}
}

func (l *logReader) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, io.EOF
	}
	if len(l.line) == 0 {
		l.line = appendLogLine(l.line, l.rnd)
	}
	n := copy(p, l.line)
	l.line, l.left = l.line[n:], l.left-n
	return n, nil
}

// appendLogLine writes a line such as clients write it: words, IDs, numbers,
// paths and JSON, and now and then a secret.
func appendLogLine(b []byte, r *rand.Rand) []byte {
	at := time.UnixMilli(1767323045000 + r.Int64N(1e9)).UTC().Format("2006-01-02T15:04:05.000Z")
	uuid := fmt.Sprintf("%08x-%04x-7%03x-a%03x-%012x", r.Uint32(), r.Uint32()&0xffff, r.Uint32()&0xfff, r.Uint32()&0xfff, r.Uint64()&0xffffffffffff)
	switch r.IntN(8) {
	case 0:
		return fmt.Appendf(b, `{"time":"%s","level":"INFO","msg":"message delivered","user":"%s","group":"All Of Us","bytes":%d,"path":"/v1/groups/%s/messages"}`+"\n", at, uuid, r.IntN(1e6), uuid)
	case 1:
		return fmt.Appendf(b, "%s GET https://chat.example.com/api/v1/users/%s?page=%d&limit=100 HTTP/1.1 200 %dms\n", at, uuid, r.IntN(100), r.IntN(3000))
	case 2:
		return fmt.Appendf(b, "%s DEBUG [NSURLSession] connection %d: received %d bytes, queue length %d, thread main\n", at, r.IntN(1000), r.IntN(1e6), r.IntN(30))
	case 3:
		return fmt.Appendf(b, "    at com.example.officechat.sync.MessageStore.applyChanges(MessageStore.java:%d)\n", r.IntN(900))
	case 4:
		return fmt.Appendf(b, "%s WARN could not write C:\\Users\\ann\\AppData\\Roaming\\Office Chat\\Logs\\client-%d.log: the disk is full, trying again in %d s\n", at, r.IntN(90), r.IntN(60))
	case 5:
		if r.IntN(20) == 0 {
			return fmt.Appendf(b, "%s DEBUG request headers: Authorization: Bearer %016x%016x\n", at, r.Uint64(), r.Uint64())
		}
		return fmt.Appendf(b, "%s INFO the device registered for notifications and the server has accepted it\n", at)
	case 6:
		return fmt.Appendf(b, "%s ERROR sync failed: status=%d domain=NSURLErrorDomain code=-%d request_id=%s\n", at, 400+r.IntN(200), r.IntN(2000), uuid)
	default:
		return fmt.Appendf(b, "%s TRACE layout pass took %d.%03d ms for %d rows (%d visible, %d reused)\n", at, r.IntN(16), r.IntN(1000), r.IntN(500), r.IntN(40), r.IntN(40))
	}
}

// BenchmarkZip is redacting and zipping a log, in multiples of zipping it
// alone.
func BenchmarkZip(b *testing.B) {
	const size = 20 << 20
	data, err := io.ReadAll(newLog(size))
	if err != nil {
		b.Fatal(err)
	}
	_ = data
	b.SetBytes(size)
	zipped := func(r io.Reader) time.Duration {
		begun := time.Now()
		z := zip.NewWriter(io.Discard)
		w, err := z.Create("log")
		if err == nil {
			_, err = io.Copy(w, r)
		}
		if err == nil {
			err = z.Close()
		}
		if err != nil {
			b.Fatal(err)
		}
		return time.Since(begun)
	}
	var alone, both time.Duration
	for b.Loop() {
		alone += zipped(&bytesReader{data})
		both += zipped(redact.Default().Reader(&bytesReader{data}))
	}
	b.ReportMetric(float64(both)/float64(alone), "x-zip")
	b.ReportMetric(alone.Seconds()/float64(b.N), "alone-s")
}

type bytesReader struct{ b []byte }

func (r *bytesReader) Read(p []byte) (int, error) {
	if len(r.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.b)
	r.b = r.b[n:]
	return n, nil
}
