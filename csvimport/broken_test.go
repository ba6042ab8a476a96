package csvimport_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gocarina/gocsv"
	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/csvimport"
)

// Lines that spreadsheets leave behind, and names of columns.
func TestSpreadsheets(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	r, lines := w.run(w.S, "sep=;\r\nlogin;name;;\r\nann@acme.example;Ann;;\r\n;;;\r\n;;;\r\n", csvimport.SkipExisting, &csvimport.ImportOptions{AllOrNothing: true})
	require.Equal(t, []string{"3 created"}, lines)
	require.Empty(t, r.Warnings)
	r, lines = w.run(w.S, "\ufefflogin,name\nzoe@acme.example,Zoë\neve@acme.example,\xc8ve\nbob\xe9@acme.example,Bob\n", csvimport.SkipExisting, nil)
	require.Equal(t, []string{"2 created", "3 failed bad_encoding", "4 failed bad_encoding"}, lines)
	require.Empty(t, r.Warnings)
	require.Equal(t, "Zoë", w.is("zoe@acme.example").DisplayName)
}

// asking is a store that is asked for nothing but text.
type asking struct {
	chatadmin.Store
	t *testing.T
}

func (s asking) UsersByLogin(ctx context.Context, d chatadmin.ID, keys []string) ([]chatadmin.User, error) {
	for _, k := range keys {
		require.True(s.t, utf8.ValidString(k) && !strings.Contains(k, "\x00"), "%q", k)
	}
	return s.Store.UsersByLogin(ctx, d, keys)
}

// A line that is no text fails by itself: a database would refuse the whole
// lookup.
func TestNothingIsLookedUpForBrokenLines(t *testing.T) {
	w := newWorldOn(t, asking{memstore.New(nil), t}, chatadmin.OfficeChat)
	file := "\ufefflogin,manager\n" + strings.Repeat("\n", 1100) + "a\x00nn@acme.example,b@acme.example\ncarl@acme.example,b\x00@acme.example\nd\xff@acme.example,\nbob@acme.example,boss@acme.example\n"
	_, lines := w.run(w.S, file, csvimport.UpdateExisting, nil)
	require.Equal(t, []string{"1102 failed nul_byte", "1103 failed nul_byte", "1104 failed bad_encoding", "1105 created"}, lines)
}

// The result has the line as it stood, whatever was wrong with it and wherever
// it ends.
func TestBrokenLinesAreKept(t *testing.T) {
	for _, file := range []string{"login,name\nann@acme.example,\"Ann\n", "login,name\nann@acme.example,\"Ann", "login,name\nann@acme.example,Ann" + strings.Repeat(",", 300) + "\n"} {
		w := newWorld(t, chatadmin.OfficeChat)
		r, err := csvimport.ImportsOf(w.S).Import(ctx, w.S, strings.NewReader(file), csvimport.SkipExisting, nil)
		require.NoError(t, err)
		var out strings.Builder
		require.NoError(t, r.WriteCSV(ctx, w.S, strings.NewReader(file), &out))
		require.Contains(t, out.String(), "ann@acme.example", "%q", file)
	}
}

// However many spaces stand before what a cell says.
func TestLeadingSpaces(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	_, lines := w.run(w.S, "login,Enabled\nann@acme.example,\""+strings.Repeat(" ", 1100)+"FALSE\"\n", csvimport.SkipExisting, nil)
	require.Equal(t, []string{"2 skipped not_created"}, lines)
}

// A host that uses gocsv as well has set how it normalises headings.
func TestHostUsesGocsv(t *testing.T) {
	gocsv.SetHeaderNormalizer(strings.ToUpper)
	gocsv.FailIfDoubleHeaderNames = true
	t.Cleanup(func() {
		gocsv.SetHeaderNormalizer(gocsv.DefaultNameNormalizer())
		gocsv.FailIfDoubleHeaderNames = false
	})
	w := newWorld(t, chatadmin.OfficeChat)
	_, lines := w.run(w.S, "login,name,Enabled\nann@acme.example,Ann,TRUE\n", csvimport.SkipExisting, nil)
	require.Equal(t, []string{"2 created"}, lines)
}

// wide is a file of lines with seven cells of 60 KiB, made as it is read.
type wide struct{ at, size int64 }

const (
	wideHead = "login,name,firstname,lastname,title,mobile,manager\n"
	wideCell = 60 << 10
	wideRow  = 7 * (wideCell + 1)
)

func (f *wide) Seek(to int64, whence int) (int64, error) {
	if f.at = to; whence == io.SeekEnd {
		f.at += f.size
	}
	return f.at, nil
}

func (f *wide) Read(p []byte) (int, error) {
	if f.at >= f.size {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), f.size-f.at)]
	for i := range p {
		switch at := f.at - int64(len(wideHead)); {
		case at < 0:
			p[i] = wideHead[f.at]
		case at%wideRow == wideRow-1:
			p[i] = '\n'
		case at%(wideCell+1) == wideCell:
			p[i] = ','
		default:
			p[i] = 'x'
		}
		f.at++
	}
	return len(p), nil
}

// Of cells that are too long for anything only the beginning is held.
func TestWideLines(t *testing.T) {
	var most float64
	w := newWorldOn(t, &interrupted{Store: memstore.New(nil), before: func(int) { most = max(most, live()) }}, chatadmin.OfficeChat)
	before := live()
	p, err := csvimport.ImportsOf(w.S).Plan(ctx, w.S, &wide{size: int64(len(wideHead)) + 60*wideRow}, csvimport.SkipExisting, nil)
	require.NoError(t, err)
	require.EqualValues(t, 60, p.Counts.Failed)
	require.Positive(t, most)
	require.Less(t, most-before, 8.0, "MiB, of a file of 25")
}

// cancelled is a file during whose nth reading from its beginning the context
// is cancelled.
type cancelled struct {
	io.ReadSeeker
	cancel  func()
	reading int
	after   int64 // bytes read since
}

func (c *cancelled) Seek(to int64, whence int) (int64, error) {
	if whence == io.SeekStart {
		c.reading--
	}
	return c.ReadSeeker.Seek(to, whence)
}

func (c *cancelled) Read(p []byte) (int, error) {
	n, err := c.ReadSeeker.Read(p)
	if c.reading <= 0 {
		c.cancel()
		c.after += int64(n)
	}
	return n, err
}

// Whatever the file is looked through for, cancelling ends it.
func TestCancelledWhileReading(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	for n := 1; ; n++ {
		c, cancel := context.WithCancel(ctx)
		f := &cancelled{ReadSeeker: &giant{head: "login\n", size: 8 << 20}, cancel: cancel, reading: n}
		_, err := csvimport.ImportsOf(w.S).Plan(c, w.S, f, csvimport.SkipExisting, nil)
		cancel()
		if f.reading > 0 { // it is not read as often as that
			require.Greater(t, n, 3)
			return
		}
		require.ErrorIs(t, err, context.Canceled)
		require.LessOrEqual(t, f.after, int64(1<<20), "reading %d", n)
	}
}
