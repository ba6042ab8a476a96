package twofa_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/twofa"
)

// counting is a store that writes down the calls that a sign-in makes of it.
type counting struct {
	chatadmin.Store
	calls []string
}

func (c *counting) Domains(ctx context.Context, ids []chatadmin.ID) ([]chatadmin.Domain, error) {
	c.calls = append(c.calls, "read domain")
	return c.Store.Domains(ctx, ids)
}

func (c *counting) Users(ctx context.Context, domain chatadmin.ID, ids []chatadmin.ID) ([]chatadmin.User, error) {
	c.calls = append(c.calls, "read user")
	return c.Store.Users(ctx, domain, ids)
}

func (c *counting) Records(ctx context.Context, keys []storage.Key) ([]storage.Record, error) {
	c.calls = append(c.calls, "read record")
	return c.Store.Records(ctx, keys)
}

func (c *counting) Update(ctx context.Context, f storage.Fence, do func(context.Context, storage.Tx) error) error {
	return c.Store.Update(ctx, f, func(ctx context.Context, tx storage.Tx) error { return do(ctx, &countingTx{tx, c}) })
}

type countingTx struct {
	storage.Tx
	c *counting
}

func (x *countingTx) Domains(ctx context.Context, ids []chatadmin.ID) ([]chatadmin.Domain, error) {
	x.c.calls = append(x.c.calls, "tx: read domain")
	return x.Tx.Domains(ctx, ids)
}

func (x *countingTx) Users(ctx context.Context, domain chatadmin.ID, ids []chatadmin.ID) ([]chatadmin.User, error) {
	x.c.calls = append(x.c.calls, "tx: read user")
	return x.Tx.Users(ctx, domain, ids)
}

func (x *countingTx) Records(ctx context.Context, keys []storage.Key) ([]storage.Record, error) {
	x.c.calls = append(x.c.calls, "tx: read record")
	return x.Tx.Records(ctx, keys)
}

func (x *countingTx) ChangeRecords(ctx context.Context, ch []storage.Write[storage.Record]) ([]storage.Conflict, error) {
	x.c.calls = append(x.c.calls, fmt.Sprintf("tx: write %d record", len(ch)))
	return x.Tx.ChangeRecords(ctx, ch)
}

func (x *countingTx) ChangeEvents(ctx context.Context, ch []storage.Write[chatadmin.Event]) ([]storage.Conflict, error) {
	x.c.calls = append(x.c.calls, "tx: write event")
	return x.Tx.ChangeEvents(ctx, ch)
}

// What a sign-in costs: a code is one read and one write of one row, by the
// policy that was read with its challenge. A remembered browser is one read,
// with one more read and one write where its token is replaced, in a
// transaction that reads the domain again, since verifying the password takes
// long.
func TestStatements(t *testing.T) {
	w := newWorld(t, twofa.Policy{Mode: twofa.Authenticator, Validity: 30 * days})
	ann := w.User("ann@acme.example")
	enrolled := w.enrol(ann)
	set := w.Settings()
	c := w.challenged(ann)
	wrong, right := w.challenged(ann), w.challenged(ann)
	counted := &counting{Store: w.Store}
	_, f := w.process(counted, ringOf(t, "k1"), &twofa.Options{TrustGrace: time.Minute})
	calls := func() []string {
		got := counted.calls
		counted.calls = nil
		return got
	}
	o, err := f.Open(ctx, w.Domain, c.ID)
	require.NoError(t, err)
	require.Equal(t, []string{"read domain", "read record"}, calls())
	a, err := f.Answer(ctx, o, "12345 ", false)
	require.NoError(t, err)
	require.Equal(t, signin.Answer{Malformed: true}, a)
	require.Equal(t, []string{"tx: read record", "tx: write 1 record"}, calls(), "what cannot be a code is bounded, and so counted")
	for _, x := range []struct {
		challenge, code string
		right           bool
	}{{wrong.ID, another(w.code(enrolled)), false}, {right.ID, w.code(enrolled), true}} {
		o, err := f.Open(ctx, w.Domain, x.challenge)
		require.NoError(t, err)
		calls()
		a, err := f.Answer(ctx, o, x.code, false)
		require.NoError(t, err)
		require.Equal(t, x.right, a.Right)
		require.Equal(t, []string{"tx: read record", "tx: write 1 record"}, calls())
	}

	w.Clock.Advance(30 * time.Second)
	trust := w.right(c.ID, w.code(enrolled), true)
	asked, err := f.Ask(ctx, set, ann, signin.Attempt{Client: signin.Web, Trust: secret.Hide(trust)})
	require.NoError(t, err)
	require.NotEmpty(t, asked.Trust)
	require.Equal(t, []string{"read record", "tx: read domain", "tx: read record", "tx: write 1 record"}, calls())
	asked, err = f.Ask(ctx, set, ann, signin.Attempt{Client: signin.Web, Trust: secret.Hide(trust)})
	require.NoError(t, err)
	require.Equal(t, signin.Asked{}, asked, "a moment later the old token lets in, and is not replaced again")
	require.Equal(t, []string{"read record"}, calls())
}

// between does something once, behind the first read of a record outside a
// transaction.
type between struct {
	chatadmin.Store
	do func()
}

func (b *between) Records(ctx context.Context, keys []storage.Key) ([]storage.Record, error) {
	rs, err := b.Store.Records(ctx, keys)
	if do := b.do; do != nil {
		b.do = nil
		do()
	}
	return rs, err
}
