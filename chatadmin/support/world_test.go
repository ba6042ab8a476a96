package support_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/smtpmail"
	"chatadmin.example/sdk/chatadmin/support"
)

var ctx = context.Background()

const helpdesk = "help@vendor.example"

// world is a domain with an administrator, somebody of its support, and Ann.
type world struct {
	*chatadmintest.World
	x      *support.Support
	letter string           // the folder in which each mail lies as it is sent
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
	w := &world{letter: t.TempDir()}
	w.World = chatadmintest.NewWorld(t, &chatadmintest.WorldOptions{Admin: func(o *chatadmin.Options) {
		dir := chatadmintest.Must(smtpmail.NewDir(w.letter, "chat@acme.example", o.Now))
		o.Mailer = &mailer{o.Mailer.(*chatadmintest.Mailbox), dir}
	}, Extend: func(a *chatadmin.Admin) {
		w.x = chatadmintest.Must(support.New(a, options))
	}})
	w.Role("Desk", 10, chatadmin.PermSupport)
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
	w.T.Helper()
	u, err := w.Host.CreateUser(ctx, chatadmin.NewUser{Login: name + "@acme.example", DisplayName: strings.ToUpper(name[:1]) + name[1:], Role: role, NoInvitation: true})
	require.NoError(w.T, err)
	return w.Admin.As(w.Domain, u.ID)
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
	w.T.Helper()
	b, err := w.x.Prepare(ctx, w.ann, draft())
	require.NoError(w.T, err)
	r, err := w.x.Send(ctx, w.ann, b)
	require.NoError(w.T, err)
	require.Equal(w.T, support.Waiting, r.State)
	require.Equal(w.T, 1, w.work())
	r, err = w.x.Report(ctx, w.ann, r.ID)
	require.NoError(w.T, err)
	require.Equal(w.T, support.Sent, r.State)
	return r
}

// work is how many mails about reports a round of work sends.
func (w *world) work() int {
	w.T.Helper()
	did, err := w.Admin.Work(ctx)
	require.NoError(w.T, err)
	return did["problem reports"]
}
