package integrations_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/integrationstest"
)

// counting counts what a store is asked, in and out of transactions.
type counting struct {
	chatadmin.Store
	mu                       sync.Mutex
	transactions, statements int
}

func (c *counting) count() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.statements++
}

func (c *counting) Records(ctx context.Context, keys []storage.Key) ([]storage.Record, error) {
	c.count()
	return c.Store.Records(ctx, keys)
}

func (c *counting) Domains(ctx context.Context, ids []chatadmin.ID) ([]chatadmin.Domain, error) {
	c.count()
	return c.Store.Domains(ctx, ids)
}

func (c *counting) ListRecords(ctx context.Context, q storage.RecordQuery, p chatadmin.Page) ([]storage.Record, chatadmin.Cursor, error) {
	c.count()
	return c.Store.ListRecords(ctx, q, p)
}

func (c *counting) Update(ctx context.Context, f storage.Fence, do func(context.Context, storage.Tx) error) error {
	c.mu.Lock()
	c.transactions++
	c.mu.Unlock()
	return c.Store.Update(ctx, f, func(ctx context.Context, tx storage.Tx) error { return do(ctx, countingTx{tx, c}) })
}

type countingTx struct {
	storage.Tx
	c *counting
}

func (t countingTx) Records(ctx context.Context, keys []storage.Key) ([]storage.Record, error) {
	t.c.count()
	return t.Tx.Records(ctx, keys)
}

func (t countingTx) Domains(ctx context.Context, ids []chatadmin.ID) ([]chatadmin.Domain, error) {
	t.c.count()
	return t.Tx.Domains(ctx, ids)
}

func (t countingTx) ListRecords(ctx context.Context, q storage.RecordQuery, p chatadmin.Page) ([]storage.Record, chatadmin.Cursor, error) {
	t.c.count()
	return t.Tx.ListRecords(ctx, q, p)
}

func (t countingTx) ChangeRecords(ctx context.Context, c []storage.Write[storage.Record]) ([]storage.Conflict, error) {
	t.c.count()
	return t.Tx.ChangeRecords(ctx, c)
}

// From the webhook to durable acceptance: one transaction and three statements;
// for what is refused no transaction at all.
func TestAcceptingIsShort(t *testing.T) {
	store := &counting{Store: memstore.New(nil)}
	pager, err := NewPager("http://127.0.0.1:1")
	require.NoError(t, err)
	w := integrationstest.New(t, &integrationstest.Options{Store: store}, pager)
	require.NoError(t, w.X.EnableService(t.Context(), w.Boss, "pager", nil))
	ready(t, w)
	st, err := w.X.Status(t.Context(), w.Ann, w.Of("pager"))
	require.NoError(t, err)
	hook := st.Webhook.Reveal()
	for _, c := range []struct {
		address, body            string
		code                     int
		transactions, statements int
	}{
		{hook, `{"id":"1","text":"x"}`, 200, 1, 3},
		{hook, `{"id":"1","text":"x"}`, 200, 1, 3},
		{hook, `not an alarm`, 401, 0, 1},
		{hook[:len(hook)-4] + "AAAA", `{"id":"2","text":"x"}`, 404, 0, 1},
		{hook + "x", `{"id":"2","text":"x"}`, 404, 0, 0},
	} {
		store.transactions, store.statements = 0, 0
		require.Equal(t, c.code, post(t, w.X, c.address, c.body).Code)
		require.Equal(t, []int{c.transactions, c.statements}, []int{store.transactions, store.statements}, c.body)
	}
}

// A hundred requests with one event at once, to two processes: it is kept once.
// A hundred different ones: each is.
func TestAcceptingAtOnce(t *testing.T) {
	store := memstore.New(nil)
	pager, err := NewPager("http://127.0.0.1:1")
	require.NoError(t, err)
	w := integrationstest.New(t, &integrationstest.Options{Store: store}, pager)
	second := w.Integrations(chatadmintest.Must(chatadmin.New(store.Handle(nil), &chatadmin.Options{Now: w.Clock.Now})), pager)
	require.NoError(t, w.X.EnableService(t.Context(), w.Boss, "pager", nil))
	ready(t, w)
	st, err := w.X.Status(t.Context(), w.Ann, w.Of("pager"))
	require.NoError(t, err)
	codes := make([]int, 100)
	var wg sync.WaitGroup
	start := make(chan struct{})
	for n := range codes {
		wg.Go(func() {
			<-start
			x := []*integrations.Integrations{w.X, second}[n%2]
			codes[n] = post(t, x, st.Webhook.Reveal(), `{"id":"same","text":"once"}`).Code
			if code := post(t, x, st.Webhook.Reveal(), fmt.Sprintf(`{"id":"%d","text":"each"}`, n)).Code; code != http.StatusOK {
				codes[n] = code
			}
		})
	}
	close(start)
	wg.Wait()
	for _, code := range codes {
		require.Equal(t, http.StatusOK, code)
	}
	errs := make([]error, 20)
	for n := range errs {
		wg.Go(func() { errs[n] = []*integrations.Integrations{w.X, second}[n%2].Deliver(t.Context()) })
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	require.NoError(t, w.X.Deliver(t.Context()))
	require.Len(t, w.Groups.Messages(w.Group), 101)
	for _, m := range w.Groups.Messages(w.Group) {
		require.Equal(t, 1, m.Posts, "a line has one worker at a time")
	}
}
