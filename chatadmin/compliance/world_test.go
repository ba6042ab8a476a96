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
)

var ctx = context.Background()

const vendor = "support@vendor.example"

// lease is how long a step that was begun keeps others from it.
const lease = 5 * time.Minute

// world is a domain with an administrator and a member, and the host of it.
type world struct {
	*chatadmintest.World
	x        *compliance.Agreements
	retain   *retention.Retention
	closings *closing.Closings
	effects  *host
	letters  string           // the folder in which each mail lies as it is sent
	operator *chatadmin.Scope // sees all domains
	ann      chatadmin.User
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

func newWorld(t testing.TB, change ...func(*compliance.Options)) *world {
	t.Helper()
	w := &world{letters: t.TempDir(), effects: &host{}}
	w.World = chatadmintest.NewWorld(t, &chatadmintest.WorldOptions{Admin: func(o *chatadmin.Options) {
		dir := chatadmintest.Must(smtpmail.NewDir(w.letters, "chat@acme.example", o.Now))
		o.Mailer = &mailer{o.Mailer.(*chatadmintest.Mailbox), dir}
	}, Extend: func(a *chatadmin.Admin) {
		w.retain, w.closings = chatadmintest.Must(retention.New(a, nil)), chatadmintest.Must(closing.New(a, nil))
		o := &compliance.Options{Recipient: vendor, Host: w.effects, Retention: w.retain, Closings: w.closings}
		for _, f := range change {
			f(o)
		}
		w.x, w.operator = chatadmintest.Must(compliance.New(a, o)), a.AsHost("")
	}, Domain: func(n *chatadmin.NewDomain) { n.Subscription.Plan = chatadmin.Business }})
	w.ann = w.User("ann@acme.example")
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

func form() compliance.Form {
	return compliance.Form{NewDomain: "Acme Health", SignerEmail: "lawyer@acme.example", Seats: 60, Acknowledge: "Yes"}
}

// request requests an agreement, of the customer or, without a domain, of the
// operator.
func (w *world) request(old bool) compliance.Agreement {
	w.T.Helper()
	s, f := w.S, form()
	if !old {
		s, f.AdminEmail = w.operator, "boss@new.example"
	}
	a, err := w.x.Request(ctx, s, f)
	require.NoError(w.T, err)
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
	w.T.Helper()
	a := w.request(old)
	if state == compliance.Cancelled {
		return w.advance(a.ID, compliance.Cancel)
	}
	for a.State != state {
		require.NotEmpty(w.T, a.Next, "no way to %q", state)
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
	w.T.Helper()
	for range 31 {
		w.Clock.Advance(24 * time.Hour)
		w.Work()
	}
	return w.agreement(a.ID)
}

func (w *world) advance(id chatadmin.ID, step compliance.Step) compliance.Agreement {
	w.T.Helper()
	a, err := w.x.Advance(ctx, w.operator, id, step, input(step))
	require.NoError(w.T, err, step)
	return a
}

func (w *world) agreement(id chatadmin.ID) compliance.Agreement {
	w.T.Helper()
	a, err := w.x.Agreement(ctx, w.operator, id)
	require.NoError(w.T, err)
	return a
}

// newBoss is the administrator of the new domain.
func (w *world) newBoss(a compliance.Agreement) *chatadmin.Scope {
	w.T.Helper()
	u, err := w.Admin.AsHost(a.New).UserByLogin(ctx, a.Form.AdminEmail)
	require.NoError(w.T, err)
	return w.Admin.As(a.New, u.ID)
}

func (w *world) settings(domain chatadmin.ID) chatadmin.Settings {
	w.T.Helper()
	_, set, err := w.Admin.AsHost(domain).View(ctx, "")
	require.NoError(w.T, err)
	return set
}

// log are the kinds of events about agreements in a domain, the oldest first.
func (w *world) log(domain chatadmin.ID) (kinds []string) {
	w.T.Helper()
	for e, err := range w.Admin.AsHost(domain).Events(ctx, chatadmin.EventQuery{Kind: "baa."}) {
		require.NoError(w.T, err)
		kinds = append(kinds, e.Kind)
	}
	slices.Reverse(kinds)
	return kinds
}
