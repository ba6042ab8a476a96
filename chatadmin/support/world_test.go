package support_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/smtpmail"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/chatadmin/support"
)

var ctx = context.Background()

const helpdesk = "help@vendor.example"

// world is a domain with an administrator, somebody of its support, and Ann.
type world struct {
	t      testing.TB
	admin  *chatadmin.Admin
	x      *support.Support
	clock  *chatadmintest.Clock
	store  chatadmin.Store
	mails  *chatadmintest.Mailbox
	letter string // the folder in which each mail lies as it is sent
	domain chatadmin.ID
	host   *chatadmin.Scope
	boss   *chatadmin.Scope
	desk   *chatadmin.Scope // may do nothing but support
	ann    *chatadmin.Scope
}

func recipients() map[support.Platform]string {
	all := map[support.Platform]string{}
	for _, p := range support.Platforms() {
		all[p] = helpdesk
	}
	return all
}

func newWorld(t testing.TB, o ...func(*support.Options)) *world {
	t.Helper()
	options := &support.Options{Recipients: recipients()}
	for _, f := range o {
		f(options)
	}
	w := &world{t: t, clock: chatadmintest.NewClock(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)), mails: &chatadmintest.Mailbox{},
		store: memstore.New(nil), letter: t.TempDir()}
	dir, err := smtpmail.NewDir(w.letter, "chat@acme.example", w.clock.Now)
	require.NoError(t, err)
	w.admin, err = chatadmin.New(w.store, &chatadmin.Options{Now: w.clock.Now, Mailer: &mailer{w.mails, dir}})
	require.NoError(t, err)
	w.x, err = support.New(w.admin, options)
	require.NoError(t, err)
	d, boss, err := w.admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example", NoInvitation: true}})
	require.NoError(t, err)
	w.domain, w.host, w.boss = d.ID, w.admin.AsHost(d.ID), w.admin.As(d.ID, boss.ID)
	_, err = w.host.SetRole(ctx, chatadmin.Role{Name: "Desk", Level: 10, Permissions: []chatadmin.Permission{chatadmin.PermSupport}})
	require.NoError(t, err)
	w.desk, w.ann = w.user("desk", "desk"), w.user("ann", "")
	return w
}

// mailer puts mails into a mailbox, and composes each as it would be sent.
type mailer struct {
	*chatadmintest.Mailbox
	dir *smtpmail.Dir
}

func (m *mailer) Send(ctx context.Context, mail chatadmin.Mail) error {
	if err := m.dir.Send(ctx, mail); err != nil {
		return err
	}
	return m.Mailbox.Send(ctx, mail)
}

func (w *world) user(name, role string) *chatadmin.Scope {
	w.t.Helper()
	u, err := w.host.CreateUser(ctx, chatadmin.NewUser{Login: name + "@acme.example", DisplayName: strings.ToUpper(name[:1]) + name[1:], Role: role, NoInvitation: true})
	require.NoError(w.t, err)
	return w.admin.As(w.domain, u.ID)
}

// text is a log with this text in it.
func text(name, content string) support.Log {
	return support.Log{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil }}
}

func draft() support.Draft {
	return support.Draft{Platform: support.Windows, Ticket: "#42", Client: "Office Chat 7.1 on Windows 11", Description: "It hangs.\nMy token=abc123 is no help.",
		Logs: []support.Log{text("client.log", "started\npassword=hunter2 for ann\n"), text("sync.log", "Authorization: Bearer abc\n")}}
}

// sent is a report of Ann's that has left.
func (w *world) sent() support.Report {
	w.t.Helper()
	b, err := w.x.Prepare(ctx, w.ann, draft())
	require.NoError(w.t, err)
	r, err := w.x.Send(ctx, w.ann, b)
	require.NoError(w.t, err)
	require.Equal(w.t, support.Waiting, r.State)
	require.Equal(w.t, 1, w.work())
	r, err = w.x.Report(ctx, w.ann, r.ID)
	require.NoError(w.t, err)
	require.Equal(w.t, support.Sent, r.State)
	return r
}

// work is how many mails about reports a round of work sends.
func (w *world) work() int {
	w.t.Helper()
	did, err := w.admin.Work(ctx)
	require.NoError(w.t, err)
	return did["problem reports"]
}
