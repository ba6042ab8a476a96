package chatadmin_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// A domain gets another name, once, with an event that tells both.
func TestRenameDomain(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	d, err := w.S.RenameDomain(ctx, "Acme & Söhne")
	require.NoError(t, err)
	require.Equal(t, "Acme & Söhne", d.Name)
	again, err := w.S.RenameDomain(ctx, "Acme & Söhne")
	require.NoError(t, err)
	require.Equal(t, d.Rev, again.Rev, "asking again changes nothing")
	events := w.Events(chatadmin.KindDomainRename)
	require.Len(t, events, 1)
	require.Equal(t, "Acme & Söhne", events[0].Changes[w.Domain][0].After)
	for _, name := range []string{"", " ", "a\nb", strings.Repeat("x", 251), "\u200b"} {
		_, err := w.S.RenameDomain(ctx, name)
		require.ErrorIs(t, err, chatadmin.ErrInvalid, "%q", name)
	}
	stays, _, err := w.S.View(ctx, "")
	require.NoError(t, err)
	require.Equal(t, "Acme & Söhne", stays.Name)
}

// Every change of a domain's state: by the host's calls, by its settings, and
// by what a package could try.
func TestDomainStates(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	state := func() chatadmin.DomainState {
		_, set, err := w.Host.View(ctx, "")
		require.NoError(t, err)
		return set.State
	}
	for range 2 {
		require.NoError(t, w.Admin.SuspendDomain(ctx, w.Domain))
		require.Equal(t, chatadmin.DomainSuspended, state())
	}
	require.Len(t, w.Events(chatadmin.KindDomainSuspend), 1)
	_, err := w.S.RenameDomain(ctx, "Mine")
	require.ErrorIs(t, err, chatadmin.ErrSuspended)
	for range 2 {
		require.NoError(t, w.Admin.ResumeDomain(ctx, w.Domain))
		require.Equal(t, chatadmin.DomainActive, state())
	}
	require.Len(t, w.Events(chatadmin.KindDomainResume), 1)
	require.ErrorIs(t, w.Admin.SuspendDomain(ctx, "none"), chatadmin.ErrNotFound)

	set := func(s *chatadmin.Scope, fence storage.Mode, to chatadmin.DomainState) error {
		return s.Change(ctx, chatadmin.Op{Kind: "test", Fence: fence}, func(ctx context.Context, w *chatadmin.Writer) error {
			return w.SetDomainState(ctx, "test", to)
		})
	}
	require.ErrorIs(t, set(w.S, storage.Exclusive, chatadmin.DomainSuspended), chatadmin.ErrForbidden)
	require.ErrorIs(t, set(w.Host, storage.Shared, chatadmin.DomainSuspended), chatadmin.ErrNeedsExclusive)
	require.ErrorIs(t, set(w.Host, storage.Exclusive, chatadmin.DomainClosing), chatadmin.ErrTransition)
	require.ErrorIs(t, set(w.Host, storage.Exclusive, "lost"), chatadmin.ErrTransition)
	require.ErrorIs(t, w.Host.Change(ctx, chatadmin.Op{Kind: "test", Fence: storage.Exclusive}, func(ctx context.Context, w *chatadmin.Writer) error {
		return w.DeleteDomain(ctx, "test")
	}), chatadmin.ErrTransition)
	_, err = w.Host.ChangeSettings(ctx, func(s *chatadmin.Settings) error { s.State = chatadmin.DomainClosing; return nil })
	require.ErrorIs(t, err, chatadmin.ErrTransition)
	require.Equal(t, chatadmin.DomainActive, state())
}
