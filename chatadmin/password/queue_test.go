package password

import (
	"context"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// Beyond Queue the answer is busy at once, for users and for nobody alike, and
// whoever gives up waiting leaves the queue.
func TestQueue(t *testing.T) {
	ctx := t.Context()
	admin := chatadmintest.Must(chatadmin.New(memstore.New(nil), nil))
	_, boss, err := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example"}})
	require.NoError(t, err)
	p, err := New(admin, &Options{Params: Params{Memory: 8, Time: 1, Threads: 1}, Concurrent: 2, Queue: 3})
	require.NoError(t, err)
	require.NoError(t, p.Set(ctx, boss, "correct horse"))
	require.Equal(t, 5, cap(p.line))
	for range cap(p.line) {
		p.line <- struct{}{}
	}
	for _, u := range []chatadmin.User{boss, {}} {
		_, err = p.Verify(ctx, u, "correct horse")
		require.ErrorIs(t, err, ErrBusy)
		require.ErrorIs(t, err, chatadmin.ErrBusy)
	}
	require.ErrorIs(t, p.Set(ctx, boss, "another horse"), ErrBusy)
	<-p.line
	ok, err := p.Verify(ctx, boss, "correct horse")
	require.NoError(t, err)
	require.True(t, ok)
	require.Len(t, p.line, 4)

	p.slots <- struct{}{}
	p.slots <- struct{}{}
	short, cancel := context.WithCancel(ctx)
	cancel()
	_, err = p.Verify(short, boss, "correct horse")
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, p.line, 4)

	p, err = New(admin, nil)
	require.NoError(t, err)
	require.Equal(t, 33*runtime.GOMAXPROCS(0), cap(p.line))
	_, err = New(nil, nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
}
