package twofa_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/csvimport"
	"chatadmin.example/sdk/twofa"
)

// Everything that leaves the library while people sign in, by every way there
// is, is gathered and searched for every secret and code that was in use.
func TestNothingLeaks(t *testing.T) {
	// what left: logs, errors, events, rows, exports, plans, values printed in
	// every way
	var out bytes.Buffer
	show := func(vs ...any) {
		for _, v := range vs {
			fmt.Fprintf(&out, "%v %+v %#v %s\n", v, v, v, v)
			slog.New(slog.NewJSONHandler(&out, nil)).Info("value", "v", v)
			slog.New(slog.NewTextHandler(&out, nil)).Info("value", "v", v)
		}
	}
	store := memstore.New(nil)
	w := newWorldOn(t, store, twofa.Policy{Mode: twofa.Authenticator, Validity: 30 * days, Recovery: true}, nil, nil, func(o *chatadmin.Options) {
		o.Logger = slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
		o.Outbox = true
		o.Before = func(_ context.Context, i chatadmin.Intent) error { show(i); return nil }
	})
	secrets := map[string]string{} // what it is, by value
	keep := func(what string, values ...string) {
		for _, v := range values {
			require.GreaterOrEqual(t, len(v), 6, what)
			secrets[v] = what
		}
	}
	verifier := func(token string) string { _, v, _ := strings.Cut(token, "."); return v }
	keepChallenge := func(c *signin.Challenge) {
		keep("challenge", verifier(c.ID))
		if e := c.Enrolment; e != nil {
			keep("seed", e.Secret.Reveal())
			keep("uri", e.URI.Reveal())
			show(*e, e)
		}
	}
	fail := func(c *signin.Challenge, code string) {
		o, err := w.twofa.Open(ctx, w.Domain, c.ID)
		if err != nil {
			show(err)
			return
		}
		a, err := w.twofa.Answer(ctx, o, code, true)
		show(err)
		require.False(t, a.Right)
	}
	ann := w.User("ann@acme.example")

	// Authenticator: enrolment, wrong and right codes, remembering, replay,
	// recovery codes.
	c := w.challenged(ann)
	keepChallenge(c)
	enrolled := c.Enrolment.Secret.Reveal()
	code := w.code(enrolled)
	keep("code", code)
	fail(c, another(code))
	fail(c, "1"+code)
	token := w.right(c.ID, code, true)
	keep("trust", verifier(token))
	fail(c, code)
	_, next := w.passes(ann, token)
	keep("trust", verifier(next))
	replayed, err := w.ask(ann, token)
	require.NoError(t, err)
	keepChallenge(replayed.Challenge)
	recovery, err := w.twofa.RecoveryCodes(ctx, w.S, ann.ID)
	require.NoError(t, err)
	keep("recovery", recovery...)
	for _, r := range recovery {
		keep("recovery", strings.ReplaceAll(r, "-", ""))
	}
	w.right(replayed.Challenge.ID, recovery[0])
	c = w.challenged(ann)
	keepChallenge(c)
	fail(c, recovery[0])

	// What is broken or missing: rows of other people, other keys, a store that
	// fails.
	bob := w.User("bob@acme.example")
	keep("seed", w.enrol(bob))
	mine := w.record(ann)
	stolen := mine
	stolen.Data = w.record(bob).Data
	w.PutRecord(stolen)
	c = w.challenged(ann)
	keepChallenge(c)
	fail(c, w.code(enrolled))
	keep("code", w.code(enrolled))
	w.PutRecord(mine)
	_, other := w.process(&lossy{Store: store, failFrom: 1}, ringOf(t, "k9"), nil)
	_, err = other.Ask(ctx, w.Settings(), ann, signin.Attempt{Client: signin.Web, Trust: secret.Hide(next)})
	require.Error(t, err)
	show(err)
	for _, id := range []string{c.ID + "x", next, token, enrolled} {
		_, err := w.twofa.Open(ctx, w.Domain, id)
		show(err)
		_, err = w.twofa.Resend(ctx, w.Domain, id)
		show(err)
	}
	require.Error(t, w.twofa.RevokeTrusted(ctx, w.S, ann.ID, "nobody"))

	// By mail: sent, sent anew, refused by the mail server.
	w.mode(twofa.Policy{Mode: twofa.Email, Validity: 30 * days})
	c = w.challenged(ann)
	keepChallenge(c)
	keep("mailed", w.mailed(ann))
	fail(c, another(w.mailed(ann)))
	_, err = w.twofa.Resend(ctx, w.Domain, c.ID)
	require.NoError(t, err)
	keep("mailed", w.mailed(ann))
	keep("trust", verifier(w.right(c.ID, w.mailed(ann), true)))
	w.Mail.FailNext(errors.New("refused"))
	_, err = w.ask(ann, "")
	require.Error(t, err)
	show(err)

	// Administration.
	plan, err := w.twofa.Plan(ctx, w.S, twofa.Policy{Mode: twofa.Off})
	require.NoError(t, err)
	show(plan)
	e, err := w.twofa.Explain(ctx, w.S, ann.ID, signin.Web, signin.Password)
	require.NoError(t, err)
	cs, err := w.twofa.Trusted(ctx, w.S, ann.ID)
	require.NoError(t, err)
	require.Len(t, cs, 1)
	show(e, cs, w.twofa)
	require.NoError(t, w.twofa.RevokeAllTrusted(ctx, w.S, ann.ID))
	require.NoError(t, w.twofa.Reset(ctx, w.S, ann.ID, bob.ID))
	admin, resealing := w.process(store, ringOf(t, "k2", "k1"), nil)
	j, err := resealing.Reseal(ctx, admin.AsHost(w.Domain), nil)
	require.NoError(t, err)
	show(j)
	_, err = csvimport.Export(ctx, w.S, &out, csvimport.Overview, nil)
	require.NoError(t, err)

	// Everything that is stored, and everything that goes to the host or by
	// mail as a notice.
	_, err = w.twofa.SendNotices(ctx, w.Domain)
	require.NoError(t, err)
	for _, m := range w.Mail.Mails() {
		// the one place where a code belongs: cut out of the body, nowhere else
		if strings.HasPrefix(m.ID, "twofa-code-") {
			m.Text = sixDigits.ReplaceAllString(m.Text, "")
		}
		show(m)
		out.WriteString(m.Text)
	}
	require.NoError(t, w.Admin.DeliverEvents(ctx, func(_ context.Context, e chatadmin.OutboxEvent) error { show(e); return nil }))
	for _, ev := range w.Events("") {
		show(ev)
		out.Write(ev.Data)
	}
	records := 0
	for _, q := range []storage.RecordQuery{{Domain: w.Domain}} {
		rs, _, err := store.ListRecords(ctx, q, chatadmin.Page{Limit: 1000})
		require.NoError(t, err)
		for _, r := range rs {
			records++
			out.Write(r.Data)
			out.WriteString(r.ID)
		}
	}
	require.Positive(t, records)
	d, err := json.Marshal(w.Settings())
	require.NoError(t, err)
	out.Write(d)

	text := out.String()
	require.Greater(t, len(text), 20_000)
	require.Contains(t, text, "enrolment (secret)")
	for _, kind := range []string{"seed", "uri", "challenge", "code", "mailed", "trust", "recovery"} {
		n := 0
		for value, what := range secrets {
			if what == kind {
				n++
				// digits stand in hashes, times and sizes by chance: look for
				// them as a word
				if what == "code" || what == "mailed" {
					require.NotRegexp(t, `(^|[^0-9A-Za-z.])`+value+`([^0-9A-Za-z]|$)`, text, what)
				} else {
					require.False(t, strings.Contains(text, value), "a %s has leaked", what)
				}
			}
		}
		require.Positive(t, n, kind)
	}
}
