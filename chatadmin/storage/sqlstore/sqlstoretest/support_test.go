package sqlstoretest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/support"
)

// helpdesk is one process of a host with problem reports.
type helpdesk struct {
	admin *chatadmin.Admin
	x     *support.Support
	mails *chatadmintest.Mailbox
}

func supportOptions() *support.Options {
	to := map[support.Platform]string{}
	for _, p := range support.Platforms() {
		to[p] = "help@vendor.example"
	}
	return &support.Options{Recipients: to}
}

// newHelpdesks opens two processes over one database, with a domain and Ann.
func newHelpdesks(t testing.TB, db database) (two [2]helpdesk, domain, boss, ann chatadmin.ID) {
	t.Helper()
	for i := range two {
		mails := &chatadmintest.Mailbox{}
		a := chatadmintest.Must(chatadmin.New(db.open(t), &chatadmin.Options{Mailer: mails}))
		two[i] = helpdesk{a, chatadmintest.Must(support.New(a, supportOptions())), mails}
	}
	d, admin, err := two[0].admin.CreateDomain(t.Context(), chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat,
		Admin: chatadmin.NewUser{Login: "boss@acme.example", NoInvitation: true}})
	require.NoError(t, err)
	u, err := two[0].admin.AsHost(d.ID).CreateUser(t.Context(), chatadmin.NewUser{Login: "ann@acme.example", NoInvitation: true})
	require.NoError(t, err)
	return two, d.ID, admin.ID, u.ID
}

// report sends a report with a log that is packed into several pieces.
func (h helpdesk) report(t testing.TB, s *chatadmin.Scope, p support.Platform, ticket string, user chatadmin.ID) chatadmin.ID {
	t.Helper()
	log := make([]byte, 0, 1<<20) // of words, since other text is taken out
	for n := range 90_000 {
		log = fmt.Appendf(log, "line %d\n", n*n%7919)
	}
	b, err := h.x.Prepare(t.Context(), s, support.Draft{Platform: p, User: user, Ticket: ticket, Description: "It hangs.", Logs: []support.Log{
		{Name: "client.log", Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(log)), nil }}}})
	require.NoError(t, err)
	r, err := h.x.Send(t.Context(), s, b)
	require.NoError(t, err)
	return r.ID
}

// On every database reports are listed and filtered, of two administrators who
// acknowledge one at once the sender gets one mail, and reports go with their
// user.
func TestSupport(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		two, domain, boss, ann := newHelpdesks(t, db)
		s, annScope := two[1].admin.As(domain, boss), two[0].admin.As(domain, ann)
		var ids []chatadmin.ID
		for n := range 6 {
			ids = append(ids, two[0].report(t, annScope, support.Platforms()[n%4], fmt.Sprint(n%2), ann))
		}
		own := two[0].report(t, two[0].admin.As(domain, boss), support.Mac, "", boss)
		_, err := two[0].x.SetClientLevel(t.Context(), annScope, support.Client{User: ann, Platform: support.IOS, ID: "phone"}, support.Debug)
		require.NoError(t, err)
		// A hundred workers send each report once.
		for _, err := range chatadmintest.AtOnce(100, func(n int) error {
			_, err := two[n%2].x.Deliver(t.Context(), domain)
			return err
		}) {
			require.NoError(t, err)
		}
		require.Len(t, append(two[0].mails.Mails(), two[1].mails.Mails()...), 7)

		// So do a hundred administrators acknowledge it.
		for _, err := range chatadmintest.AtOnce(100, func(n int) error {
			_, err := two[n%2].x.Acknowledge(t.Context(), two[n%2].admin.As(domain, boss), ids[0])
			return err
		}) {
			require.NoError(t, err)
		}
		for _, h := range two {
			_, err := h.x.Deliver(t.Context(), domain)
			require.NoError(t, err)
		}
		require.Len(t, append(two[0].mails.Mails(), two[1].mails.Mails()...), 8)
		events := 0
		for _, err := range s.Events(t.Context(), chatadmin.EventQuery{Kind: support.KindAcknowledge}) {
			require.NoError(t, err)
			events++
		}
		require.Equal(t, 1, events)

		list := func(q support.Query) (found []chatadmin.ID) {
			for p := (chatadmin.Page{Limit: 2}); ; {
				page, next, err := two[1].x.ReportsPage(t.Context(), s, q, p)
				require.NoError(t, err)
				for _, r := range page {
					found = append(found, r.ID)
				}
				if p.After = next; next == "" {
					return found
				}
			}
		}
		require.Equal(t, append(ids[:6:6], own), list(support.Query{}), "the oldest first")
		require.Equal(t, ids, list(support.Query{User: ann}))
		require.Equal(t, ids[:1], list(support.Query{States: []support.State{support.Received}}))
		require.Equal(t, []chatadmin.ID{ids[0], ids[4]}, list(support.Query{Platforms: []support.Platform{support.Platforms()[0]}}))
		require.Equal(t, []chatadmin.ID{ids[1], ids[3], ids[5]}, list(support.Query{Ticket: "1", User: ann}))
		require.Empty(t, list(support.Query{To: time.Now().Add(-time.Hour)}))

		// One that waits goes with its zip, too.
		two[0].report(t, annScope, support.IOS, "", ann)
		eraser := chatadmintest.Must(erase.New(two[1].admin, nil))
		plan, err := eraser.Plan(t.Context(), s, []chatadmin.ID{ann}, nil)
		require.NoError(t, err)
		_, err = eraser.Apply(t.Context(), s, plan, "has left", nil)
		require.NoError(t, err)
		require.Equal(t, []chatadmin.ID{own}, list(support.Query{}))
		for _, kind := range []string{"report", "report-part", "report-count", "reporting-level"} {
			left, _, err := two[0].admin.Store().ListRecords(t.Context(), storage.RecordQuery{Kind: kind, Domain: domain}, storage.Page{Limit: 10})
			require.NoError(t, err)
			for _, r := range left {
				require.Equal(t, boss, r.Owner, kind)
			}
		}
	})
}

const reporterArg = "-reporter"

// postbox is a mail server: a file with a line for each mail that it took, with
// the number of the process and the Message-ID.
type postbox struct{ path, process string }

func (p postbox) Send(ctx context.Context, m chatadmin.Mail) error {
	for _, a := range m.Attachments {
		content, err := a.Open(ctx)
		if err != nil {
			return err
		}
		n, err := io.Copy(io.Discard, content)
		if err != nil || n != a.Size {
			return fmt.Errorf("%d bytes of %d: %w", n, a.Size, err)
		}
	}
	return p.line(m.ID)
}

func (p postbox) line(text string) error {
	f, err := os.OpenFile(p.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(f, p.process, text); err != nil {
		return err
	}
	return f.Close()
}

// exit is the exit code of a process.
func exit(err error) int {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// taken are the lines of a file, by what they say, each with its processes.
func taken(t *testing.T, path string) map[string][]string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	all := map[string][]string{}
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		process, text, _ := strings.Cut(line, " ")
		all[text] = append(all[text], process)
	}
	return all
}

// later is the clock of the process with this number: twenty minutes later than
// that of the one before, so that what that one has claimed is free again.
func later(process string) (func() time.Time, error) {
	n, err := strconv.Atoi(process)
	return func() time.Time { return time.Now().Add(time.Duration(n) * 20 * time.Minute) }, err
}

// reporter is the process that is killed: it sends the report that waits.
func reporter(args []string) int { return exit(sendReport(args)) }

func sendReport(args []string) error {
	domain, id, path, process := storage.ID(args[3]), storage.ID(args[4]), args[5], args[6]
	store, err := mortal(args, process)
	if err != nil {
		return err
	}
	now, err := later(process)
	if err != nil {
		return err
	}
	a, err := chatadmin.New(store, &chatadmin.Options{Mailer: postbox{path, process}, Now: now})
	if err != nil {
		return err
	}
	x, err := support.New(a, supportOptions())
	if err != nil {
		return err
	}
	ctx := context.Background()
	if _, err := x.Deliver(ctx, domain); err != nil {
		return err
	}
	r, err := x.Report(ctx, a.AsHost(domain), id)
	if err == nil && r.State != support.Sent {
		err = fmt.Errorf("the report is %q", r.State)
	}
	if err == nil {
		fmt.Println("done", id)
	}
	return err
}

// The process that sends a report is killed at every statement. The mail is not
// lost. It is sent once more, under the same ID, only for a process that died
// after the mail server had taken it.
func TestKilledReport(t *testing.T) {
	t.Parallel()
	databases(t, func(t *testing.T, db database) {
		t.Parallel()
		two, domain, _, ann := newHelpdesks(t, db)
		id := two[0].report(t, two[0].admin.As(domain, ann), support.Windows, "", ann)
		path := filepath.Join(t.TempDir(), "mails")
		_, kills := db.killed(t, 5, func(n int) int { return n + 1 }, reporterArg, domain, id, storage.ID(path))
		mails := taken(t, path)
		require.Len(t, mails, 1, "one mail")
		sent := mails["report-"+string(id)]
		require.NotEmpty(t, sent)
		require.Greater(t, len(sent), 1, "some died in between")
		require.LessOrEqual(t, len(sent), kills+1)
		for i, process := range sent[1:] {
			require.NotEqual(t, sent[i], process, "no process sends it twice")
		}
		left, _, err := two[0].admin.Store().ListRecords(t.Context(), storage.RecordQuery{Kind: "report-part", Domain: domain}, storage.Page{Limit: 10})
		require.NoError(t, err)
		require.Empty(t, left)
	})
}
