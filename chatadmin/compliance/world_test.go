package compliance_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/closing"
	"chatadmin.example/sdk/chatadmin/compliance"
	"chatadmin.example/sdk/chatadmin/retention"
	"chatadmin.example/sdk/chatadmin/smtpmail"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

var ctx = context.Background()

const vendor = "support@vendor.example"

// lease is how long a step that was begun keeps others from it.
const lease = 5 * time.Minute

// world is a domain with an administrator and a member, and the host of it.
type world struct {
	t        testing.TB
	admin    *chatadmin.Admin
	x        *compliance.Agreements
	retain   *retention.Retention
	closings *closing.Closings
	host     *host
	clock    *chatadmintest.Clock
	store    chatadmin.Store
	mails    *chatadmintest.Mailbox
	letters  string // the folder in which each mail lies as it is sent
	domain   chatadmin.ID
	operator *chatadmin.Scope // sees all domains
	boss     *chatadmin.Scope
	ann      *chatadmin.Scope
}

// host carries out steps, and remembers them.
type host struct {
	mu   sync.Mutex
	did  []string // keys, in their order
	last compliance.Effect
	fail error
	give string
	meet func(compliance.Effect) // called while a step is carried out
}

func (h *host) Do(_ context.Context, e compliance.Effect) (string, error) {
	h.mu.Lock()
	h.did, h.last = append(h.did, e.Key), e
	meet, fail, give := h.meet, h.fail, h.give
	h.mu.Unlock()
	if meet != nil {
		meet(e)
	}
	return give, fail
}

func (h *host) count(step compliance.Step) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, key := range h.did {
		if key == "baa-"+string(h.last.Agreement.ID)+"-"+string(step) {
			n++
		}
	}
	return n
}

func newWorld(t testing.TB, o ...any) *world {
	t.Helper()
	w := &world{t: t, clock: chatadmintest.NewClock(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)), mails: &chatadmintest.Mailbox{},
		store: memstore.New(nil), letters: t.TempDir(), host: &host{}}
	dir, err := smtpmail.NewDir(w.letters, "chat@acme.example", w.clock.Now)
	require.NoError(t, err)
	w.open(&mailer{w.mails, dir}, o...)
	d, boss, err := w.admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat,
		Subscription: chatadmin.Subscription{Plan: chatadmin.Business}, Admin: chatadmin.NewUser{Login: "boss@acme.example", NoInvitation: true}})
	require.NoError(t, err)
	w.domain, w.boss, w.operator = d.ID, w.admin.As(d.ID, boss.ID), w.admin.AsHost("")
	u, err := w.admin.AsHost(d.ID).CreateUser(ctx, chatadmin.NewUser{Login: "ann@acme.example", NoInvitation: true})
	require.NoError(t, err)
	w.ann = w.admin.As(d.ID, u.ID)
	return w
}

// open is a process over the store of the world. Functions change the options
// of the library or of the agreements.
func (w *world) open(m chatadmin.Mailer, change ...any) {
	w.t.Helper()
	var err error
	library := &chatadmin.Options{Now: w.clock.Now, Mailer: m}
	options := &compliance.Options{Recipient: vendor, Host: w.host}
	for _, f := range change {
		switch f := f.(type) {
		case func(*chatadmin.Options):
			f(library)
		case func(*compliance.Options):
			f(options)
		}
	}
	w.admin, err = chatadmin.New(w.store, library)
	require.NoError(w.t, err)
	w.retain, err = retention.New(w.admin, nil)
	require.NoError(w.t, err)
	w.closings, err = closing.New(w.admin, nil)
	require.NoError(w.t, err)
	options.Retention, options.Closings = w.retain, w.closings
	w.x, err = compliance.New(w.admin, options)
	require.NoError(w.t, err)
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

func form() compliance.Form {
	return compliance.Form{NewDomain: "Acme Health", SignerEmail: "lawyer@acme.example", Seats: 60, Acknowledge: "Yes"}
}

// request requests an agreement, of the customer or, without a domain, of the
// operator.
func (w *world) request(old bool) compliance.Agreement {
	w.t.Helper()
	s, f := w.boss, form()
	if !old {
		s, f.AdminEmail = w.operator, "boss@new.example"
	}
	a, err := w.x.Request(ctx, s, f)
	require.NoError(w.t, err)
	return a
}

// inputs of the steps that need one.
func input(step compliance.Step) compliance.Input {
	switch step {
	case compliance.Send:
		return compliance.Input{Document: "envelope-1"}
	case compliance.Sign:
		return compliance.Input{Document: "envelope-1/signed"}
	case compliance.Countersign:
		return compliance.Input{Document: "envelope-1/completed"}
	case compliance.Settle:
		return compliance.Input{Funds: compliance.Refunded}
	}
	return compliance.Input{}
}

// in brings an agreement into a state, as the operator.
func (w *world) in(state compliance.State, old bool) compliance.Agreement {
	w.t.Helper()
	a := w.request(old)
	if state == compliance.Cancelled {
		return w.advance(a.ID, compliance.Cancel)
	}
	for a.State != state {
		require.NotEmpty(w.t, a.Next, "no way to %q", state)
		if a.Next == compliance.Finish {
			a = w.finish(a)
		} else {
			a = w.advance(a.ID, a.Next)
		}
	}
	return a
}

// finish lets the grace period of the old domain pass.
func (w *world) finish(a compliance.Agreement) compliance.Agreement {
	w.t.Helper()
	for range 31 {
		w.clock.Advance(24 * time.Hour)
		w.work()
	}
	return w.agreement(a.ID)
}

func (w *world) advance(id chatadmin.ID, step compliance.Step) compliance.Agreement {
	w.t.Helper()
	a, err := w.x.Advance(ctx, w.operator, id, step, input(step))
	require.NoError(w.t, err, step)
	return a
}

func (w *world) agreement(id chatadmin.ID) compliance.Agreement {
	w.t.Helper()
	a, err := w.x.Agreement(ctx, w.operator, id)
	require.NoError(w.t, err)
	return a
}

func (w *world) work() map[string]int {
	w.t.Helper()
	did, err := w.admin.Work(ctx)
	require.NoError(w.t, err)
	return did
}

// newBoss is the administrator of the new domain.
func (w *world) newBoss(a compliance.Agreement) *chatadmin.Scope {
	w.t.Helper()
	u, err := w.admin.AsHost(a.New).UserByLogin(ctx, a.Form.AdminEmail)
	require.NoError(w.t, err)
	return w.admin.As(a.New, u.ID)
}

func (w *world) settings(domain chatadmin.ID) chatadmin.Settings {
	w.t.Helper()
	_, set, err := w.admin.AsHost(domain).View(ctx, "")
	require.NoError(w.t, err)
	return set
}

// log are the kinds of events about agreements in a domain, the oldest first.
func (w *world) log(domain chatadmin.ID) (kinds []string) {
	w.t.Helper()
	for e, err := range w.admin.AsHost(domain).Events(ctx, chatadmin.EventQuery{Kind: "baa."}) {
		require.NoError(w.t, err)
		kinds = append(kinds, e.Kind)
	}
	slices.Reverse(kinds)
	return kinds
}
