package csvimport_test

import (
	"bytes"
	"errors"
	"image"
	"image/png"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/csvimport"
)

// Headings in any order, case and spelling, quoted, aliased.
func TestHeadings(t *testing.T) {
	for _, head := range []string{
		"name,firstname,lastname,email/login,title,mobile,manager,Enabled",
		" NAME , First Name,LAST_NAME,E-Mail/Login,job title,Phone,reports to,ENABLED",
		"Enabled;manager;mobile;title;email/login;lastname;firstname;name",
		"display name\tgiven-name\tsurname\temail\tposition\tcell phone\tsupervisor\tactive",
		"\ufeff“name”,“firstname”,“lastname”,“login”,“title”,“mobile”,“manager”,“Enabled”",
	} {
		w := newWorld(t, chatadmin.OfficeChat)
		sep := ","
		for _, s := range []string{";", "\t"} {
			if strings.Contains(head, s) {
				sep = s
			}
		}
		cells := []string{"AS", "Ann", "Smith", "ann@acme.example", "Head", "+31612345678", "boss@acme.example", "TRUE"}
		if strings.HasPrefix(head, "Enabled") {
			for i, j := 0, len(cells)-1; i < j; i, j = i+1, j-1 {
				cells[i], cells[j] = cells[j], cells[i]
			}
		}
		r, _ := w.run(w.S, head+"\r\n"+strings.Join(cells, sep)+"\r\n", csvimport.SkipExisting, nil)
		require.EqualValues(t, 1, r.Counts.Created, head)
		require.Empty(t, r.Warnings)
		u := w.is("ann@acme.example")
		require.Equal(t, "AS Ann Smith Head +31612345678", strings.Join([]string{u.DisplayName, u.FirstName, u.LastName, u.Title, u.Phone}, " "), head)
		require.Equal(t, w.Boss.ID, u.Manager)
	}
}

// An unknown column is a warning and not read; those of an earlier result are
// ignored.
func TestUnknownColumns(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	r, lines := w.run(w.S, "login,salary,_line,_status,title\nann@acme.example,1000000,7,failed,Head\n", csvimport.SkipExisting, nil)
	require.Equal(t, []string{"2 created"}, lines)
	require.Len(t, r.Warnings, 1)
	require.Contains(t, r.Warnings[0].Text, "salary")
	require.EqualValues(t, 1, r.Counts.Warnings)
	require.Equal(t, "Head", w.is("ann@acme.example").Title)
}

// What cannot be imported at all is refused with one clear sentence, and
// nothing is changed.
func TestRefusedFiles(t *testing.T) {
	var picture bytes.Buffer
	require.NoError(t, png.Encode(&picture, image.NewGray(image.Rect(0, 0, 9, 9))))
	seed := "Will Smith,Will,Smith,,Director,(+91)1234123411,johnny_depp@yahoo.com,TRUE\nJohnny Depp,Johnny,Depp,,Actor,1234,,FALSE\n"
	w := newWorld(t, chatadmin.OfficeChat)
	engage := newWorld(t, chatadmin.Engage)
	for name, c := range map[string]struct {
		file, code string
		in         *world
	}{
		"empty":                     {"", "empty_file", w},
		"blank":                     {"\n\r\n  \n", "empty_file", w},
		"only a byte-order mark":    {"\ufeff", "empty_file", w},
		"a header alone":            {"login,name\n", "no_rows", w},
		"no header":                 {"ann@acme.example,Ann\n", "no_header", w},
		"the help page's other":     {seed, "no_header", w},
		"no login column":           {"name,title\nAnn,Head\n", "missing_column", w},
		"only an address in Engage": {"email,name\na@b.example,Ann\n", "missing_column", engage},
		"the same heading twice":    {"login,name,NAME *\na@b.example,A,B\n", "double_column", w},
		"e-mail and e-mail":         {"e-mail,Email\na@b.example,a@b.example\n", "double_column", w},
		"a status nobody knows":     {"login,Badge enabled\na@b.example,no\n", "status_column", w},
		"a picture":                 {picture.String(), "", w},
		"a spreadsheet":             {"PK\x03\x04" + strings.Repeat("\x00\x01binary", 300), "", w},
		"NUL bytes":                 {"login,name\nann@acme.example,A\x00nn\n", "", w},
		"columns without end":       {"login" + strings.Repeat(",x", 100000) + "\n", "", w},
	} {
		t.Run(name, func(t *testing.T) {
			before := c.in.dump()
			_, err := csvimport.ImportsOf(c.in.S).Plan(ctx, c.in.S, strings.NewReader(c.file), csvimport.SkipExisting, nil)
			var refused *csvimport.FileError
			require.True(t, errors.As(err, &refused), "%v", err)
			require.ErrorIs(t, err, chatadmin.ErrInvalid)
			if c.code != "" {
				require.Equal(t, c.code, refused.Code)
			}
			require.NotContains(t, refused.Reason, "\n")
			require.Less(t, len(refused.Reason), 400)
			_, err = csvimport.ImportsOf(c.in.S).Import(ctx, c.in.S, strings.NewReader(c.file), csvimport.SkipExisting, nil)
			require.Error(t, err)
			require.Equal(t, before, c.in.dump())
		})
	}
	dir, err := os.Open(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { _ = dir.Close() })
	_, err = csvimport.ImportsOf(w.S).Plan(ctx, w.S, dir, csvimport.SkipExisting, nil)
	require.ErrorContains(t, err, "directory")
}

// A file of five gigabytes is refused before it is read, and a line of half a
// gigabyte before it is in memory.
func TestGiantLine(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	size := int64(1 << 29)
	if testing.Short() {
		size = 1 << 25
	}
	head := "login,name\nann@acme.example,\""
	file := &giant{head: head, size: 5 << 30}
	_, err := csvimport.ImportsOf(w.S).Plan(ctx, w.S, file, csvimport.SkipExisting, nil)
	var refused *csvimport.FileError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "file_too_large", refused.Code)
	require.Less(t, file.read, int64(1<<20))

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	p, err := csvimport.ImportsOf(w.S).Plan(ctx, w.S, &giant{head: head, size: size}, csvimport.SkipExisting, nil)
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	require.EqualValues(t, 1, p.Counts.Failed)
	require.EqualValues(t, 1, p.Counts.Rows)
	require.Less(t, (after.TotalAlloc-before.TotalAlloc)>>20, uint64(16))
}

// giant is a file that begins with head and goes on with x.
type giant struct {
	head           string
	size, at, read int64
}

func (g *giant) Read(p []byte) (int, error) {
	if g.at >= g.size {
		return 0, io.EOF
	}
	n := 0
	if g.at < int64(len(g.head)) {
		n = copy(p, g.head[g.at:])
	} else {
		n = int(min(int64(len(p)), g.size-g.at))
		for i := range p[:n] {
			p[i] = 'x'
		}
	}
	g.at += int64(n)
	g.read += int64(n)
	return n, nil
}

func (g *giant) Seek(to int64, whence int) (int64, error) {
	if g.at = to; whence == io.SeekEnd {
		g.at += g.size
	}
	return g.at, nil
}

// The same users, however the file was saved.
func TestEncodings(t *testing.T) {
	text := "name,login,title\r\nZoë Müller,zoe@acme.example,Café\r\nJosé,jose@acme.example,“Head”\r\n"
	wide := func(big bool) string {
		var b []byte
		for _, u := range utf16.Encode([]rune("\ufeff" + text)) {
			if big {
				b = append(b, byte(u>>8), byte(u))
			} else {
				b = append(b, byte(u), byte(u>>8))
			}
		}
		return string(b)
	}
	windows := strings.NewReplacer("ë", "\xeb", "ü", "\xfc", "é", "\xe9", "“", "\x93", "”", "\x94").Replace(text)
	for name, file := range map[string]string{"UTF-8": text, "with a mark": "\ufeff" + text, "UTF-16 LE": wide(false), "UTF-16 BE": wide(true), "Windows-1252": windows,
		"CR": strings.ReplaceAll(text, "\r\n", "\r"), "LF": strings.ReplaceAll(text, "\r\n", "\n"), "semicolons": strings.ReplaceAll(text, ",", ";"), "tabs": strings.ReplaceAll(text, ",", "\t")} {
		w := newWorld(t, chatadmin.OfficeChat)
		r, lines := w.run(w.S, file, csvimport.SkipExisting, nil)
		require.Equal(t, []string{"2 created", "3 created"}, lines, name)
		require.Equal(t, "Zoë Müller", w.is("zoe@acme.example").DisplayName, name)
		require.Equal(t, "Head", w.is("jose@acme.example").Title, name)
		require.Equal(t, name == "Windows-1252", len(r.Warnings) == 1, name)
	}
}
