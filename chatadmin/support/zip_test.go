package support_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/support"
	"chatadmin.example/sdk/chatadmin/support/redact"
)

// unzip are the files of a zip by their names.
func unzip(t testing.TB, data []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	require.NoError(t, err)
	files := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		require.NoError(t, err)
		content, err := io.ReadAll(r)
		require.NoError(t, err)
		files[f.Name] = string(content)
	}
	require.Len(t, files, len(z.File), "no name twice")
	return files
}

func TestZip(t *testing.T) {
	var out bytes.Buffer
	files, err := support.Zip(ctx, &out, []support.Log{text("a.log", "password=hunter2\n"+strings.Repeat("words\n", 1000)), text("b.log", "")}, nil)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"a.log": "password=[redacted]\n" + strings.Repeat("words\n", 1000), "b.log": ""}, unzip(t, out.Bytes()))
	require.Equal(t, int64(6020), files[0].Bytes)
	require.Equal(t, map[redact.Kind]int{redact.Password: 1}, files[0].Redacted)
	require.True(t, strings.HasPrefix(files[0].Sample, "password=[redacted]\nwords\n"))
	require.Len(t, files[0].Sample, 2<<10)
}

// No name leads out of a folder, breaks a line or is there twice.
func TestFileNames(t *testing.T) {
	names := []string{"client.log", "CLIENT.log", "client.log", "../../etc/passwd", `..\..\x.log`, `C:\Users\ann\y.log`, "", ".", "..", "...", "a\r\nBcc: b.log", "con.log", "NUL",
		"tab\there", "\xff\xfe", strings.Repeat("é", 100) + ".log", "/", "a/", "nul\x00.log", "a:b|c?.log", " x ", "日本.log"}
	for start := 0; start < len(names); start += 20 {
		var logs []support.Log
		for _, name := range names[start:min(start+20, len(names))] {
			logs = append(logs, text(name, "x"))
		}
		var out bytes.Buffer
		files, err := support.Zip(ctx, &out, logs, nil)
		require.NoError(t, err)
		require.Len(t, unzip(t, out.Bytes()), len(logs))
		seen := map[string]bool{}
		for _, f := range files {
			require.True(t, filepath.IsLocal(f.Name) && filepath.Base(f.Name) == f.Name && utf8.ValidString(f.Name), "%q", f.Name)
			require.False(t, strings.ContainsAny(f.Name, "\r\n\x00\\/:"), "%q", f.Name)
			require.LessOrEqual(t, len(f.Name), 120)
			require.False(t, seen[strings.ToLower(f.Name)], "%q twice", f.Name)
			seen[strings.ToLower(f.Name)] = true
		}
	}
}

func TestZipRefuses(t *testing.T) {
	var inner, packed bytes.Buffer
	_, err := support.Zip(ctx, &inner, []support.Log{text("a.log", "password=hunter2")}, nil)
	require.NoError(t, err)
	g := gzip.NewWriter(&packed)
	_, err = g.Write([]byte("password=hunter2"))
	require.NoError(t, err)
	require.NoError(t, g.Close())
	many := make([]support.Log, 21)
	for i := range many {
		many[i] = text("a.log", "x")
	}
	var noise strings.Builder
	for i := range 20000 {
		fmt.Fprintf(&noise, "%d ", i*i%7919)
	}
	for name, c := range map[string]struct {
		logs []support.Log
		o    support.ZipOptions
		want error
	}{
		"a zip within a zip": {[]support.Log{text("logs.log", inner.String())}, support.ZipOptions{}, chatadmin.ErrInvalid},
		"packed":             {[]support.Log{text("a.log.gz", packed.String())}, support.ZipOptions{}, chatadmin.ErrInvalid},
		"a database":         {[]support.Log{text("a.db", "SQLite format 3\x00\x10\x00")}, support.ZipOptions{}, chatadmin.ErrInvalid},
		"too many":           {many, support.ZipOptions{}, support.ErrTooLarge},
		"too many bytes":     {[]support.Log{text("a", "12345"), text("b", "67890")}, support.ZipOptions{MaxBytes: 9}, support.ErrTooLarge},
		"a large zip":        {[]support.Log{text("a", noise.String())}, support.ZipOptions{MaxZip: 5000}, support.ErrTooLarge},
		"nothing":            {[]support.Log{{Name: "a"}}, support.ZipOptions{}, chatadmin.ErrInvalid},
		"no such file":       {[]support.Log{support.FileLog(filepath.Join(t.TempDir(), "a"))}, support.ZipOptions{}, chatadmin.ErrNotFound},
		"a folder":           {[]support.Log{support.FileLog(t.TempDir())}, support.ZipOptions{}, chatadmin.ErrInvalid},
	} {
		_, err := support.Zip(ctx, io.Discard, c.logs, &c.o)
		require.ErrorIs(t, err, c.want, name)
	}
	_, err = support.Zip(ctx, io.Discard, []support.Log{text("a", "12345"), text("b", "67890")}, &support.ZipOptions{MaxBytes: 10})
	require.NoError(t, err)
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	_, err = support.Zip(cancelled, io.Discard, []support.Log{text("a", "x")}, nil)
	require.ErrorIs(t, err, context.Canceled)
	_, err = support.FolderLogs(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
}

// A file that grows while it is read ends where it was when it was opened.
func TestGrowingFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.log")
	require.NoError(t, os.WriteFile(name, []byte("first\n"), 0o600))
	r, err := support.FileLog(name).Open()
	require.NoError(t, err)
	defer r.Close()
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString("second\n")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	content, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, "first\n", string(content))
}

// Of a folder, its files are taken: no folder, link, pipe or hidden file.
func TestFolderLogs(t *testing.T) {
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(outside, []byte("x"), 0o600))
	for i := range 22 {
		name := filepath.Join(dir, fmt.Sprintf("%02d.log", i))
		require.NoError(t, os.WriteFile(name, []byte("x"), 0o600))
		at := time.Date(2026, 1, 1, i, 0, 0, 0, time.UTC)
		require.NoError(t, os.Chtimes(name, at, at))
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "old"), 0o700))
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "link.log")))
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".hidden"), []byte("x"), 0o600))
	logs, err := support.FolderLogs(dir)
	require.NoError(t, err)
	require.Len(t, logs, 20)
	require.Equal(t, "21.log", logs[0].Name, "the latest first")
	require.Equal(t, "02.log", logs[19].Name)
	_, err = support.FileLog(filepath.Join(dir, "pipe")).Open()
	require.ErrorIs(t, err, chatadmin.ErrInvalid, "it is not waited for")
}
