package csvfile

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/unicode"
)

// readAll renders every record as "line: a|b", or "line! code".
func readAll(t testing.TB, r *Reader) []string {
	t.Helper()
	var got []string
	var row Row
	for {
		err := r.Read(&row)
		if err == io.EOF {
			return got
		}
		require.NoError(t, err)
		if row.Err != nil {
			require.Equal(t, row.Line, row.Err.Line)
			require.NotEmpty(t, row.Err.Reason)
			got = append(got, fmt.Sprintf("%d! %s", row.Line, row.Err.Code))
			continue
		}
		got = append(got, fmt.Sprintf("%d: %s", row.Line, bytes.Join(row.Fields, []byte("|"))))
	}
}

func read(t testing.TB, file string, lim Limits) (*Reader, []string) {
	t.Helper()
	r, err := NewReader(strings.NewReader(file), lim)
	require.NoError(t, err)
	return r, readAll(t, r)
}

func TestRecords(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		want []string
	}{
		"plain":                     {"a,b\n1,2\n3,4\n", []string{"2: 1|2", "3: 3|4"}},
		"no last line end":          {"a,b\n1,2", []string{"2: 1|2"}},
		"crlf":                      {"a,b\r\n1,2\r\n\r\n3,4\r\n", []string{"2: 1|2", "4: 3|4"}},
		"cr":                        {"a,b\r1,2\r\r3,4", []string{"2: 1|2", "4: 3|4"}},
		"blank lines first":         {"\n  \na,b\n1,2\n", []string{"4: 1|2"}},
		"semicolon":                 {"a;b\n1,5;2\n", []string{"2: 1,5|2"}},
		"tab":                       {"a\tb\n1\t2\n\t3\n", []string{"2: 1|2", "3: |3"}},
		"delimiter in the header":   {"\"a;x\",b\n1,2\n", []string{"2: 1|2"}},
		"one column":                {"login\nann\n", []string{"2: ann"}},
		"quoted":                    {"a,b\n\"1\",\"2,3\"\n", []string{"2: 1|2,3"}},
		"space before a quote":      {"a,b\n\"1\", \"2\"\n 1, x \n", []string{"2: 1|2", "3:  1| x "}},
		"space behind a quote":      {"a,b\n\"1\" ,\"2\" \n", []string{"2: 1|2"}},
		"doubled quotes":            {"a,b\n\"say \"\"hi\"\"\",\"\"\n", []string{"2: say \"hi\"|"}},
		"quoted line breaks":        {"a,b\n\"1\r\n2\r3\n4\",x\n5,6\n", []string{"2: 1\n2\n3\n4|x", "6: 5|6"}},
		"quote within a field":      {"a,b\n1,2\"3\n4\"\",5\n", []string{"2: 1|2\"3", "3: 4\"\"|5"}},
		"cut, but for what counts":  {"a,b\n1,2, ,\n3,4,5\n", []string{"2: 1|2", "3! field_count"}},
		"quoted as a whole":         {"a,b\n\"1,2\"\n3,4\n", []string{"2! quoted_line", "3: 3|4"}},
		"another separator":         {"a,b,c\n1;2;3\n4,5,6\n", []string{"2! field_count", "3: 4|5|6"}},
		"bars":                      {"a|b\n1|2,3\n", []string{"2: 1|2,3"}},
		"a tie":                     {"a, x;b\n1;2\n3;4,5\n", []string{"2: 1|2", "3: 3|4,5"}},
		"comments":                  {"# from me\n#\na,b\n1,2\n#3,4\n\"#5\",6\n# end\n", []string{"4: 1|2", "5! comment", "6: #5|6", "7! comment"}},
		"a heading #":               {"#,b\n#1,2\n", []string{"2: #1|2"}},
		"the version of a template": {"version:v1.0,,\na,b\n1,2\n", []string{"3: 1|2"}},
		"headings of two lines":     {"\"a,\nx\";b\n1;2\n", []string{"3: 1|2"}},
		"records in a field":        {"a,b\n1,\"2\n" + strings.Repeat("3,4\n", 5) + "5,6\"\n", append(append([]string{"2! unclosed_quote"}, repeat("3|4", 3, 5)...), "8: 5|6\"")},
		"behind a closing quote":    {"a,b\n\"1\"x,2\n4,5\n", []string{"2! stray_quote", "3: 4|5"}},
		"unclosed at the end":       {"a,b\n1,2\n\"3,4\n5,6\n", []string{"2: 1|2", "3! unclosed_quote", "4: 5|6"}},
		"unclosed before quotes":    {"a,b\n\"1,2\n\"3\",\"4\"\n5,6\n", []string{"2! stray_quote", "3: 3|4", "4: 5|6"}},
		"too few and too many":      {"a,b\n1\n1,2,3\n,4\n", []string{"2: 1|", "3! field_count", "4: |4"}},
		"nul":                       {"a,b\n" + strings.Repeat("x,y\n", 300) + "1,\x002\n3,4\n", append(repeat("x|y", 2, 300), "302! nul_byte", "303: 3|4")},
		"curly quotes are data":     {"a,b\n“1”,2\n", []string{"2: “1”|2"}},
		"curly":                     {"“a”,”b”\n“1”,”2″\n»x«, „y“\n\"p\",“q”\n", []string{"2: 1|2", "3: x|y", "4: p|q"}},
		"curly within":              {"“a”,”b”\n“say “hi” now”,x\n”no end,x\n“a”b,x\n", []string{"2: say “hi” now|x", "3: ”no end|x", "4: “a”b|x"}},
		"curly keeps commas":        {"“a”,”b”\n“1,5”,2\n", []string{"2: 1,5|2"}},
		"separators alone":          {"a,b\n,\n1,2\n, \n,,,\n\"\",\"\"\n3,4\n", []string{"3: 1|2", "7: 3|4"}},
		"separator named":           {"sep=;\r\na;b,c\r\n1;2,3\r\n", []string{"3: 1|2,3"}},
		"separator named quoted":    {"\"SEP=\t\"\n\na,b\tc\n1\t2\n", []string{"4: 1|2"}},
		"separators first":          {",\nlogin,name\n1,2\n", []string{"3: 1|2"}},
		"separators after sep":      {"sep=;\n;\na;b\n1;2\n", []string{"4: 1|2"}},
		"no separator named":        {"sep=x;b\n1;2\n", []string{"2: 1|2"}},
		"not utf-8":                 {"\ufeffa,b\n\xe9,1\n2,é\n", []string{"2! bad_encoding", "3: 2|é"}},
		"header again":              {"a,b\na,b\n", []string{"2: a|b"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, got := read(t, c.file, Limits{})
			require.Equal(t, c.want, got)
		})
	}
}

func repeat(s string, from, n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("%d: %s", from+i, s))
	}
	return out
}

func TestHelpPageSample(t *testing.T) {
	f, err := os.Open("testdata/help-page-sample.csv")
	require.NoError(t, err)
	defer f.Close()
	r, err := NewReader(f, Limits{})
	require.NoError(t, err)
	require.True(t, r.Format().Typographic)
	require.Equal(t, []string{"name", "firstname", "lastname", "email/login", "title", "mobile", "manager", "Enabled"}, r.Header())
	require.Equal(t, []string{
		"2: Will Smith|Will|Smith|willsmith@gmail.com|Director|(+91)1234123411|johnny_depp@yahoo.com|TRUE",
		"3: JohnnyDepp|Johnny|Depp|johnny_depp@yahoo.com|Manager|(+91)1234123411|ashton@yahoo.com|FALSE",
	}, readAll(t, r))
}

func TestEncodings(t *testing.T) {
	text := "name,city\r\nJosé,Zürich\r\n"
	utf16 := func(e unicode.Endianness) string {
		s, err := unicode.UTF16(e, unicode.UseBOM).NewEncoder().String(text)
		require.NoError(t, err)
		return s
	}
	for name, c := range map[string]struct {
		file string
		want Format
	}{
		"utf-8":          {text, Format{Encoding: "utf-8", Delimiter: ',', Clean: true}},
		"utf-8 with BOM": {"\ufeff" + text, Format{Encoding: "utf-8", BOM: true, Delimiter: ',', Clean: true}},
		"utf-16le":       {utf16(unicode.LittleEndian), Format{Encoding: "utf-16le", BOM: true, Delimiter: ','}},
		"utf-16be":       {utf16(unicode.BigEndian), Format{Encoding: "utf-16be", BOM: true, Delimiter: ','}},
		"windows-1252":   {"name,city\r\nJos\xe9,Z\xfcrich\r\n", Format{Encoding: "windows-1252", Delimiter: ',', Clean: true, Guessed: true}},
	} {
		t.Run(name, func(t *testing.T) {
			r, got := read(t, c.file, Limits{})
			require.Equal(t, c.want, r.Format())
			require.Equal(t, []string{"name", "city"}, r.Header())
			require.Equal(t, []string{"2: José|Zürich"}, got)
		})
	}
}

// The one accent that tells the encoding may stand at the end, and at the seam
// of two reads.
func TestEncodingIsThatOfTheWholeFile(t *testing.T) {
	for _, n := range []int{1<<18 - 3, 1<<18 - 2, 1<<18 - 1, 1 << 18, 1<<18 + 1} {
		body := "a\n" + strings.Repeat("x\n", (n-2)/2) + strings.Repeat("y", n%2)
		r, err := NewReader(strings.NewReader(body+"€\n"), Limits{})
		require.NoError(t, err)
		require.Equal(t, "utf-8", r.Format().Encoding, n)
		r, err = NewReader(strings.NewReader(body+"\xe9\n"), Limits{})
		require.NoError(t, err)
		require.Equal(t, "windows-1252", r.Format().Encoding, n)
	}
}

func TestRefusedFiles(t *testing.T) {
	for name, c := range map[string]struct{ file, code string }{
		"empty":        {"", CodeEmpty},
		"blank":        {" \r\n\n \n", CodeEmpty},
		"only BOM":     {"\ufeff", CodeEmpty},
		"png":          {"\x89PNG\r\n\x1a\n\x00\x00", CodeNotCSV},
		"excel":        {"PK\x03\x04\x14\x00", CodeNotCSV},
		"gzip":         {"\x1f\x8b\x08", CodeNotCSV},
		"pdf":          {"%PDF-1.7", CodeNotCSV},
		"nul":          {"a,b\n\x00,1\n", CodeNotCSV},
		"broken head":  {"a,\"b\n1,2\n", CodeHeader},
		"many columns": {strings.Repeat("x,", 300) + "\n", CodeHeader},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewReader(strings.NewReader(c.file), Limits{})
			var fe *FileError
			require.ErrorAs(t, err, &fe)
			require.Equal(t, c.code, fe.Code)
			require.NotEmpty(t, fe.Reason)
		})
	}
	_, err := NewReader(strings.NewReader(strings.Repeat("a,b\n", 100)), Limits{FileBytes: 200})
	var fe *FileError
	require.ErrorAs(t, err, &fe)
	require.Equal(t, CodeTooLarge, fe.Code)

	dir, err := os.Open(t.TempDir())
	require.NoError(t, err)
	defer dir.Close()
	_, err = NewReader(dir, Limits{})
	require.ErrorAs(t, err, &fe)
	require.Equal(t, CodeNotCSV, fe.Code)
}

func TestLimits(t *testing.T) {
	lim := Limits{RowBytes: 1000, FieldBytes: 100, Columns: 4, QuotedRows: 3}
	long := strings.Repeat("x", 101)
	_, got := read(t, "a,b\n"+long+",1\n\""+long+"\",1\n1,2,3,4,5\n"+strings.Repeat("y", 5000)+"\n\"1\n2\n3\n4\n5\",x\n7,8\n", lim)
	require.Equal(t, []string{"2! field_too_long", "3! field_too_long", "4! too_many_columns", "5! row_too_long", "6! unclosed_quote",
		"7: 2|", "8: 3|", "9: 4|", "10: 5\"|x", "11: 7|8"}, got)
}

// endless is a file of one line that goes on and on.
type endless struct {
	head string
	size int64
	pos  int64
}

func (e *endless) Read(p []byte) (int, error) {
	if e.pos >= e.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), e.size-e.pos))
	for i := range p[:n] {
		if at := e.pos + int64(i); at < int64(len(e.head)) {
			p[i] = e.head[at]
		} else {
			p[i] = 'x'
		}
	}
	e.pos += int64(n)
	return n, nil
}

func (e *endless) Seek(to int64, _ int) (int64, error) {
	e.pos = to
	return to, nil
}

// A line of a gigabyte, in the header or behind it, in quotes or not, costs no
// more memory than a row may have.
func TestGiantLine(t *testing.T) {
	size := int64(1 << 30)
	if testing.Short() {
		size = 1 << 27
	}
	for _, c := range []struct{ head, code string }{{"", CodeHeader}, {"a,b\n1,", ""}, {"a,b\n1,\"", ""}} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r, err := NewReader(&endless{head: c.head, size: size}, Limits{})
		if c.code != "" {
			var fe *FileError
			require.ErrorAs(t, err, &fe)
			require.Equal(t, c.code, fe.Code)
		} else {
			require.NoError(t, err)
			got := readAll(t, r)
			require.Len(t, got, 1)
			require.Regexp(t, "^2! ", got[0])
		}
		runtime.ReadMemStats(&after)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20), c.head)
	}
	_, err := NewReader(&endless{size: 5 << 30}, Limits{FileBytes: 1 << 26})
	var fe *FileError
	require.ErrorAs(t, err, &fe)
	require.Equal(t, CodeTooLarge, fe.Code)
}

// Every line opens a quote that is never closed: what one record is allowed to
// look ahead bounds the work.
func TestManyUnclosedQuotes(t *testing.T) {
	const lines = 20000
	_, got := read(t, "a,b\n"+strings.Repeat("\"\"\"x,y\n", lines), Limits{})
	require.Len(t, got, lines)
}

func FuzzReader(f *testing.F) {
	for _, seed := range []string{"a,b\n1,2\n", "“a”,”b”\n“1”, “2”\n", "a;b\r\n\"1\"\"2\";3\r", "a\tb\n\"x", "\xff\xfea\x00,\x00", "a,b\n\"1\"x\n", "a\r\r\n\"\r\n\"\r"} {
		f.Add([]byte(seed))
	}
	lim := Limits{RowBytes: 512, FieldBytes: 128, Columns: 8, QuotedRows: 4, FileBytes: 1 << 20}
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := NewReader(bytes.NewReader(file), lim)
		if err != nil {
			return
		}
		lines := 2 + bytes.Count(file, []byte("\n")) + bytes.Count(file, []byte("\r"))
		last := 0
		var row Row
		for {
			err := r.Read(&row)
			if err == io.EOF {
				return
			}
			require.NoError(t, err)
			require.Greater(t, row.Line, last)
			require.LessOrEqual(t, row.Line, lines)
			last = row.Line
			if row.Err != nil {
				require.NotEmpty(t, row.Err.Code)
			}
		}
	})
}

func BenchmarkReader(b *testing.B) {
	var file bytes.Buffer
	file.WriteString("name,firstname,lastname,login,title,mobile,manager,enabled\n")
	for i := range 50000 {
		fmt.Fprintf(&file, "\"Ann Example %d\",\"Ann\",\"Example %d\",\"ann.example%d@company.example\",\"Head of Example\",\"+31 6 1234 %04d\",\"\",\"TRUE\"\n", i, i, i, i%10000)
	}
	start, floors := time.Now(), 0
	for ; floors < 5; floors++ {
		r := csv.NewReader(bytes.NewReader(file.Bytes()))
		r.ReuseRecord = true
		for {
			if _, err := r.Read(); err == io.EOF {
				break
			}
		}
	}
	floor := float64(time.Since(start).Nanoseconds()) / float64(floors)
	var row Row
	for b.Loop() {
		r, err := NewReader(bytes.NewReader(file.Bytes()), Limits{})
		require.NoError(b, err)
		for r.Read(&row) != io.EOF {
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/floor, "x-encoding/csv")
}

func TestManyRows(t *testing.T) {
	r, err := NewReader(strings.NewReader("a\n1\n\n2\n3\n"), Limits{Rows: 2})
	require.NoError(t, err)
	var row Row
	require.NoError(t, r.Read(&row))
	require.NoError(t, r.Read(&row))
	var fe *FileError
	require.ErrorAs(t, r.Read(&row), &fe)
	require.Equal(t, CodeManyRows, fe.Code)
}

func TestOnlyASeparatorIsNamed(t *testing.T) {
	var fe *FileError
	_, err := NewReader(strings.NewReader("sep=;\n"), Limits{})
	require.ErrorAs(t, err, &fe)
	require.Equal(t, CodeEmpty, fe.Code)
}

// The encoding is what is more plausible over the whole file, wherever it is
// cut into reads.
func TestDetector(t *testing.T) {
	for name, c := range map[string]struct {
		text, encoding string
		guessed, clean bool
	}{
		"ascii":                       {"Ann", "utf-8", false, true},
		"utf-8":                       {"José Müller €", "utf-8", false, true},
		"one byte wrong":              {"José Müller Andr\xe9", "utf-8", false, false},
		"cut within a character":      {"José Müller \xc3", "utf-8", false, false},
		"latin-1":                     {"Jos\xe9 M\xfcller", "windows-1252", true, true},
		"bytes windows does not have": {"Jos\xe9 M\x81ller \x8d\xfc", "utf-8", false, false},
		"ms-dos":                      {"Andr\x82 B\x84r", "utf-8", false, false},
		"quotes of windows":           {"\x84Bob\x93 \x82x\x91", "windows-1252", true, true},
		"a mark":                      {"\ufeffJos\xe9", "utf-8", false, false},
		"replacement characters":      {"Jos\ufffd", "utf-8", false, false},
		"cyrillic of windows":         {"\xc8\xe2\xe0\xed", "windows-1252", true, true},
		"latin-1 that ends so":        {"x Andr\xe9", "windows-1252", true, true},
	} {
		for size := 1; size <= len(c.text); size++ {
			d := &Detector{}
			for from := 0; from < len(c.text); from += size {
				_, err := d.Write([]byte(c.text[from:min(from+size, len(c.text))]))
				require.NoError(t, err)
			}
			f := d.Format("")
			require.Equal(t, c.encoding, f.Encoding, "%s by %d", name, size)
			require.Equal(t, c.guessed, f.Guessed, name)
			require.Equal(t, c.clean, f.Clean, name)
		}
	}
}

func TestFindEncoding(t *testing.T) {
	for label, want := range map[string]string{"": "", "UTF-8": "utf-8", "latin1": "windows-1252", "Windows-1251": "windows-1251", "cp1251": "windows-1251", "sjis": "shift_jis", "cp850": "ibm850",
		"IBM850": "ibm850", "850": "ibm850", "ibm866": "ibm866", "iso-8859-15": "iso-8859-15"} {
		got, err := FindEncoding(label)
		require.NoError(t, err, label)
		require.Equal(t, want, got)
	}
	for _, label := range []string{"x", "replacement", "iso-2022-kr", "utf-9", strings.Repeat("x", 1000), "\xff"} {
		_, err := FindEncoding(label)
		require.Error(t, err, label)
		require.Less(t, len(err.Error()), 200)
	}
}

// What stands in a column that is not read makes no record broken.
func TestUnreadColumns(t *testing.T) {
	notes := "\"" + strings.Repeat("a line of notes\n", 80) + "\""
	long := "\"" + strings.Repeat("x", 70<<10) + "\""
	file := "a,n,b\n1," + notes + ",2\n3," + long + ",4\n5,\xff\x00,6\n7,37\"x,8\n"
	r, err := NewReader(strings.NewReader(file), Limits{Known: Format{Encoding: "utf-8"}})
	require.NoError(t, err)
	r.ReadOnly([]int{0, 2})
	var row Row
	for _, want := range []string{"12", "34", "56", "78"} {
		require.NoError(t, r.Read(&row))
		require.Nil(t, row.Err)
		require.Equal(t, want, string(row.Fields[0])+string(row.Fields[2]))
	}
	require.Equal(t, io.EOF, r.Read(&row))
}

// BenchmarkDetector measures what finding out the encoding adds to reading a
// file with encoding/csv.
func BenchmarkDetector(b *testing.B) {
	var file bytes.Buffer
	for i := range 50000 {
		fmt.Fprintf(&file, "\"Zoë Example %d\",\"Zoë\",\"Example %d\",\"zoe.example%d@company.example\",\"Head of Example\",\"+31 6 1234 %04d\"\n", i, i, i, i%10000)
	}
	start, floors := time.Now(), 0
	for ; floors < 5; floors++ {
		r := csv.NewReader(bytes.NewReader(file.Bytes()))
		r.ReuseRecord = true
		for {
			if _, err := r.Read(); err == io.EOF {
				break
			}
		}
	}
	floor := float64(time.Since(start).Nanoseconds()) / float64(floors)
	for b.Loop() {
		d := &Detector{}
		for chunk := range slices.Chunk(file.Bytes(), 1<<18) {
			_, _ = d.Write(chunk)
		}
		require.Equal(b, "utf-8", d.Format("").Encoding)
	}
	b.ReportMetric(100*float64(b.Elapsed().Nanoseconds())/float64(b.N)/floor, "%-of-encoding/csv")
}
