package portal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/portal"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

const people = "name,email/login,title,Enabled\nAnn,ann@acme.example,Head,\nBen,ben@acme.example,,TRUE\nNobody,not an address,,\n"

// uploaded sends a file as the boss and returns the page of its review.
func (w *world) uploaded(file string, fields ...string) string {
	w.T.Helper()
	a := w.upload(w.Boss.ID, "people.csv", file, append([]string{"mode", "update"}, fields...)...)
	require.Equal(w.T, http.StatusSeeOther, a.Code, "%s", plain(a.text))
	return strings.TrimPrefix(a.Header().Get("Location"), "/admin")
}

func (w *world) start(at string) {
	w.T.Helper()
	require.Equal(w.T, at, w.post(at+"/start", "plan", w.get(at).hidden(w.T, "plan")))
}

func (w *world) spooled() []os.DirEntry {
	w.T.Helper()
	files, err := os.ReadDir(w.dir)
	require.NoError(w.T, err)
	return files
}

// The way of the help page, from the file to the invited people.
func TestImport(t *testing.T) {
	w := newWorld(t)
	form := plain(w.get("/imports").text)
	for _, want := range []string{"Skip existing users", "Update existing users", "Auto send invites to all newly created users", "Choose file"} {
		require.Contains(t, form, want)
	}
	at := w.uploaded(people)
	review := w.get(at)
	for _, want := range []string{"3 rows", "2 created", "1 failed", "Import Now", "line 4", "email/login"} {
		require.Contains(t, plain(review.text), want)
	}
	_, err := w.S.UserByLogin(ctx, "ann@acme.example")
	require.ErrorIs(t, err, chatadmin.ErrNotFound, "a review changes nothing")

	w.start(at)
	require.Contains(t, plain(w.get(at).text), "begins in a moment")
	require.Equal(t, at, w.post(at+"/start", "plan", ""), "a second click")
	w.work()
	done := w.get(at)
	require.Contains(t, plain(done.text), "The import is done.")
	require.Contains(t, plain(done.text), "2 created")
	result := w.get(at + "/result")
	require.Contains(t, result.text, "_status")
	require.Contains(t, result.text, "created")
	require.Empty(t, w.Mail.To("ann@acme.example"), "nobody is invited without being asked for")
	require.Len(t, w.spooled(), 1, "the uploaded file is removed")
	info, err := w.spooled()[0].Info()
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode())

	mail := w.Mail.To("boss@acme.example")
	link := regexp.MustCompile(`https://chat\.example(/admin/import\?token=\S+)`).FindStringSubmatch(mail[len(mail)-1].Text)
	require.NotNil(t, link, mail[len(mail)-1].Text)
	held := w.get(strings.TrimPrefix(link[1], "/admin"))
	require.Contains(t, plain(held.text), "2 users were created by the import")
	require.Empty(t, w.Mail.To("ann@acme.example"), "opening the link sends nothing")
	require.Equal(t, "/users", w.post("/import", "token", held.hidden(t, "token")))
	w.work()
	require.Len(t, w.Mail.To("ann@acme.example"), 1)
	used := w.do(w.Boss.ID, http.MethodPost, "/admin/import", values("token", held.hidden(t, "token")))
	require.Equal(t, http.StatusConflict, used.Code)

	require.Equal(t, "/imports", w.post(at+"/discard"))
	require.Empty(t, w.spooled())
	require.Equal(t, http.StatusNotFound, w.do(w.Boss.ID, "GET", "/admin"+at, nil).Code)
}

// With the box for it, created users are invited at once. The button of the
// result invites them later.
func TestImportInvites(t *testing.T) {
	w := newWorld(t)
	at := w.uploaded(people, "invite", "1")
	require.Contains(t, plain(w.get(at).text), "invited when their rows are saved")
	w.start(at)
	w.work()
	require.Len(t, w.Mail.To("ann@acme.example"), 1)
	require.NotContains(t, w.get(at).text, "/invite")

	at = w.uploaded("email/login\ncid@acme.example\n")
	w.start(at)
	w.work()
	require.Contains(t, plain(w.get(at).text), "Invite 1 created user")
	w.post(at + "/invite")
	w.work()
	require.Len(t, w.Mail.To("cid@acme.example"), 1)
}

// What is missing in the form is told, and the rest of it is kept.
func TestImportForm(t *testing.T) {
	w := newWorld(t)
	a := w.upload(w.Boss.ID, "people.csv", people, "invite", "1")
	require.Equal(t, http.StatusBadRequest, a.Code)
	require.Contains(t, plain(a.text), "Choose whether existing users are skipped or updated.")
	require.Contains(t, a.text, `name="invite" value="1" checked`)
	a = w.upload(w.Boss.ID, "", "", "mode", "skip")
	require.Equal(t, http.StatusBadRequest, a.Code)
	require.Contains(t, plain(a.text), "Choose a file.")
	require.Equal(t, http.StatusBadRequest, w.do(w.Boss.ID, "POST", "/admin/imports", values("mode", "skip")).Code)
	require.Empty(t, w.spooled())
}

// The meaning of columns and the encoding are corrected on the review.
func TestImportColumns(t *testing.T) {
	w := newWorld(t)
	at := w.uploaded("Mail,Wer,Schuhgröße\nann@acme.example,Ann,39\n")
	review := w.get(at)
	require.Contains(t, plain(review.text), "Schuhgröße")
	require.Contains(t, review.text, `<option value="" selected>unknown</option>`)
	require.Equal(t, at, w.post(at+"/plan", "columns", "1", "encoding", "", "column0", "email/login", "column1", "name", "column2", "title"))
	w.start(at)
	w.work()
	u, err := w.S.UserByLogin(ctx, "ann@acme.example")
	require.NoError(t, err)
	require.Equal(t, []string{"Ann", "39"}, []string{u.DisplayName, u.Title})

	at = w.uploaded("email/login,title\nben@acme.example,\xc4\xee\xec\n", "encoding", "")
	w.post(at+"/plan", "encoding", "windows-1251")
	require.Contains(t, plain(w.get(at).text), "Дом")

	at = w.uploaded("no heading here\n")
	refused := w.get(at)
	require.Contains(t, refused.text, `role="alert"`)
	require.NotContains(t, refused.text, "Import Now")
	require.Equal(t, at, w.post(at+"/resume"), "there is nothing to resume")
}

// What was reviewed is what is imported: another plan made meanwhile, or users
// changed meanwhile, are told.
func TestImportStale(t *testing.T) {
	w := newWorld(t)
	at := w.uploaded(people)
	reviewed := w.get(at).hidden(t, "plan")
	w.post(at+"/plan", "columns", "1", "column2", "-")
	stale := w.do(w.Boss.ID, http.MethodPost, "/admin"+at+"/start", values("plan", reviewed))
	require.Equal(t, http.StatusConflict, stale.Code)

	w.start(at)
	w.user("ann@acme.example")
	w.work()
	failed := w.get(at)
	require.Contains(t, failed.text, `role="alert"`)
	w.post(at + "/plan")
	require.Contains(t, plain(w.get(at).text), "1 created")
	w.start(at)
	w.work()
	require.Contains(t, plain(w.get(at).text), "The import is done.")
}

// An upload belongs to the user who made it.
func TestImportOfSomebodyElse(t *testing.T) {
	w := newWorld(t)
	at := w.uploaded(people)
	other := w.user("other@acme.example", func(n *chatadmin.NewUser) { n.Role = chatadmin.RoleAdmin })
	for _, path := range []string{"", "/result"} {
		require.Equal(t, http.StatusNotFound, w.do(other.ID, "GET", "/admin"+at+path, nil).Code)
	}
	for _, path := range []string{"/plan", "/start", "/resume", "/discard", "/invite"} {
		require.Equal(t, http.StatusNotFound, w.do(other.ID, "POST", "/admin"+at+path, values("plan", "")).Code, path)
	}
	require.NotContains(t, w.do(other.ID, "GET", "/admin/imports", nil).text, "people.csv")
}

// A file that is too large is refused and removed, and so is one whose upload
// breaks off. Nobody fills the spool.
func TestImportBounds(t *testing.T) {
	w := newWorld(t)
	w.options.MaxUpload = 1000
	w.Restart()
	a := w.upload(w.Boss.ID, "people.csv", "email/login\n"+strings.Repeat("ann@acme.example\n", 100), "mode", "skip")
	require.Equal(t, http.StatusRequestEntityTooLarge, a.Code)
	require.Empty(t, w.spooled())

	broken := strings.NewReader("--x\r\nContent-Disposition: form-data; name=\"mode\"\r\n\r\nskip\r\n--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\nemail/login\nann@")
	r, err := http.NewRequest(http.MethodPost, "/admin/imports", broken)
	require.NoError(t, err)
	r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	require.Equal(t, http.StatusBadRequest, w.send(w.Boss.ID, r).Code)
	require.Empty(t, w.spooled())

	for range 20 {
		w.uploaded(people)
	}
	require.Equal(t, http.StatusTooManyRequests, w.upload(w.Boss.ID, "people.csv", people, "mode", "skip").Code)
	require.Len(t, w.spooled(), 20)
	w.Clock.Advance(8 * 24 * time.Hour)
	w.work()
	require.Empty(t, w.spooled(), "files that nobody imports are removed")
	w.uploaded(people)
}

// crashing is a store that fails after some transactions.
type crashing struct {
	chatadmin.Store
	left int // transactions; negative is no end
	died bool
}

var errCrash = errors.New("the process has died")

func (c *crashing) Update(ctx context.Context, f storage.Fence, do func(context.Context, storage.Tx) error) error {
	if c.left == 0 {
		c.died = true
		return errCrash
	}
	c.left--
	return c.Store.Update(ctx, f, do)
}

// Wherever the worker dies, the next one goes on, and the import is as one that
// was not interrupted: each user is there once, with one invitation.
func TestImportAfterCrash(t *testing.T) {
	var file strings.Builder
	file.WriteString("name,email/login\n")
	for i := range 1100 {
		fmt.Fprintf(&file, "P%d,p%d@acme.example\n", i, i)
	}
	for crash := 0; ; crash++ {
		store := &crashing{Store: memstore.New(nil), left: -1}
		w := newWorldOn(t, store, chatadmin.OfficeChat)
		at := w.uploaded(file.String())
		w.start(at)
		store.left = crash
		_, err := w.Admin.Work(ctx)
		died := store.died
		store.left = -1
		w.Restart() // the program starts again
		if died {
			require.Error(t, err, "after %d transactions", crash)
			w.Clock.Advance(11 * time.Minute)
			w.work()
		}
		require.Contains(t, plain(w.get(at).text), "The import is done.", "after %d transactions", crash)
		n := 0
		for _, err := range w.S.Users(ctx, chatadmin.UserQuery{}) {
			require.NoError(t, err)
			n++
		}
		require.Equal(t, 1101, n)
		runs := 0
		for run, err := range w.S.Runs(ctx, chatadmin.RunQuery{Kind: "import"}) {
			require.NoError(t, err)
			require.Equal(t, chatadmin.RunDone, run.State, "after %d transactions", crash)
			runs++
		}
		require.Equal(t, 1, runs, "after %d transactions", crash)
		if !died {
			require.Greater(t, crash, 5)
			return
		}
	}
}

// large is a file that is not looked through in the request that brings it.
func large() string {
	var file strings.Builder
	file.WriteString("name,email/login\n")
	for i := 0; file.Len() <= 1<<20; i++ {
		fmt.Fprintf(&file, "Person %d with a long name,person%d@acme.example\n", i, i)
	}
	return file.String()
}

// The worker looks a large file through. Several at once, and one that dies
// meanwhile, show one review.
func TestLargeImport(t *testing.T) {
	w := newWorld(t)
	at := w.uploaded(large())
	page := w.get(at)
	require.Contains(t, plain(page.text), "The file is being looked through.")
	require.NotContains(t, page.text, "Import Now")
	require.Equal(t, at, w.post(at+"/start", "plan", ""), "nobody has seen a review")

	dying, cancel := context.WithCancel(ctx)
	cancel()
	_, err := w.Admin.Work(dying)
	require.ErrorIs(t, err, context.Canceled)
	require.Contains(t, plain(w.get(at).text), "The file is being looked through.")
	for _, err := range chatadmintest.AtOnce(4, func(int) error { _, err := w.Admin.Work(ctx); return err }) {
		require.NoError(t, err)
	}
	require.Contains(t, plain(w.get(at).text), "Import Now")

	require.Equal(t, at, w.post(at+"/plan", "encoding", "windows-1252"))
	require.Contains(t, plain(w.get(at).text), "The file is being looked through.")
	w.work()
	w.start(at)
	w.work()
	require.Contains(t, plain(w.get(at).text), "The import is done.")
	require.Len(t, w.spooled(), 1)
}

// meanwhile opens a file of the spool after something else has happened.
type meanwhile struct {
	portal.Spool
	do func()
}

func (m *meanwhile) Open(ctx context.Context, name string) (io.ReadSeekCloser, error) {
	if do := m.do; do != nil {
		m.do = nil
		do()
	}
	return m.Spool.Open(ctx, name)
}

// What happens while a large file is looked through is not undone: a file that
// is discarded stays away, one that is to be read in another way is looked
// through again, and the demoted see no review.
func TestLargeImportMeanwhile(t *testing.T) {
	file := large()
	for name, c := range map[string]struct {
		do    func(w *world, at string)
		check func(w *world, at string)
	}{
		"discarded": {
			func(w *world, at string) { require.Equal(w.T, "/imports", w.post(at+"/discard")) },
			func(w *world, at string) {
				require.Equal(w.T, http.StatusNotFound, w.do(w.Boss.ID, "GET", "/admin"+at, nil).Code)
				require.Empty(w.T, w.spooled())
			},
		},
		"read in another way": {
			func(w *world, at string) { w.post(at+"/plan", "encoding", "ibm850") },
			func(w *world, at string) {
				require.Contains(w.T, w.get(at).text, `<option value="ibm850" selected>`)
				require.Contains(w.T, plain(w.get(at).text), "Import Now")
			},
		},
		"demoted": {
			func(w *world, at string) {
				other := w.user("other.admin@acme.example", func(n *chatadmin.NewUser) { n.Role = chatadmin.RoleAdmin })
				_, err := w.Admin.As(w.Domain, other.ID).AssignRole(ctx, chatadmin.RoleMember, w.Boss.ID)
				require.NoError(w.T, err)
			},
			func(w *world, at string) {
				require.Equal(w.T, http.StatusForbidden, w.do(w.Boss.ID, "GET", "/admin"+at, nil).Code)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			spool := &meanwhile{Spool: w.options.Spool}
			w.options.Spool = spool
			w.Restart()
			at := w.uploaded(file)
			spool.do = func() { c.do(w, at) }
			w.work()
			require.Nil(t, spool.do, "the file was looked through")
			w.Clock.Advance(11 * time.Minute) // the one that was overtaken has had its time
			w.work()
			c.check(w, at)
		})
	}
}

// A second program that works at the same time doubles nothing.
func TestImportByTwoWorkers(t *testing.T) {
	store := memstore.New(nil)
	w := newWorldOn(t, store, chatadmin.OfficeChat)
	at := w.uploaded(people)
	w.start(at)
	for _, err := range chatadmintest.AtOnce(8, func(int) error { _, err := w.Admin.Work(ctx); return err }) {
		require.NoError(t, err)
	}
	w.work()
	require.Contains(t, plain(w.get(at).text), "2 created")
}

// Whoever was demoted while their import waits imports nothing. Another
// administrator takes the run over.
func TestImportOfTheDemoted(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann2@acme.example", func(n *chatadmin.NewUser) { n.Role = chatadmin.RoleAdmin })
	a := w.upload(ann.ID, "people.csv", people, "mode", "update")
	at := a.Header().Get("Location")
	page := w.do(ann.ID, "GET", at, nil)
	require.Equal(t, http.StatusSeeOther, w.do(ann.ID, "POST", at+"/start", values("plan", page.hidden(t, "plan"))).Code)
	_, err := w.S.AssignRole(ctx, chatadmin.RoleMember, ann.ID)
	require.NoError(t, err)
	w.work()
	_, err = w.S.UserByLogin(ctx, "ann@acme.example")
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
	require.Equal(t, http.StatusForbidden, w.do(ann.ID, "GET", at, nil).Code)
}

// A Dir takes no name that leads out of its folder, and removing twice is once.
func TestDir(t *testing.T) {
	dir, err := portal.NewDir(t.TempDir() + "/a/b")
	require.NoError(t, err)
	for _, name := range []string{"", ".", "..", "../x", "a/b", `a\b`, "a\x00", ".hidden", strings.Repeat("a", 101)} {
		_, err := dir.Create(ctx, name)
		require.ErrorIs(t, err, chatadmin.ErrInvalid, "%q", name)
		_, err = dir.Open(ctx, name)
		require.ErrorIs(t, err, chatadmin.ErrInvalid)
		require.ErrorIs(t, dir.Remove(ctx, name), chatadmin.ErrInvalid)
	}
	out, err := dir.Create(ctx, "a.csv")
	require.NoError(t, err)
	_, err = out.Write([]byte("one"))
	require.NoError(t, err)
	require.NoError(t, out.Close())
	in, err := dir.Open(ctx, "a.csv")
	require.NoError(t, err)
	data, err := io.ReadAll(in)
	require.NoError(t, errors.Join(err, in.Close()))
	require.True(t, bytes.Equal([]byte("one"), data))
	require.NoError(t, dir.Remove(ctx, "a.csv"))
	require.NoError(t, dir.Remove(ctx, "a.csv"))
	_, err = dir.Open(ctx, "a.csv")
	require.ErrorIs(t, err, fs.ErrNotExist)
}
