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
	d, err := w.s.RenameDomain(ctx, "Acme & Söhne")
	require.NoError(t, err)
	require.Equal(t, "Acme & Söhne", d.Name)
	again, err := w.s.RenameDomain(ctx, "Acme & Söhne")
	require.NoError(t, err)
	require.Equal(t, d.Rev, again.Rev, "asking again changes nothing")
	events := w.events(chatadmin.KindDomainRename)
	require.Len(t, events, 1)
	require.Equal(t, "Acme & Söhne", events[0].Changes[w.domain][0].After)
	for _, name := range []string{"", " ", "a\nb", strings.Repeat("x", 251), "\u200b"} {
		_, err := w.s.RenameDomain(ctx, name)
		require.ErrorIs(t, err, chatadmin.ErrInvalid, "%q", name)
	}
	stays, _, err := w.s.View(ctx, "")
	require.NoError(t, err)
	require.Equal(t, "Acme & Söhne", stays.Name)
}

// Every change of a domain's state: by the host's calls, by its settings, and
// by what a package could try.
func TestDomainStates(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	state := func() chatadmin.DomainState {
		_, set, err := w.host.View(ctx, "")
		require.NoError(t, err)
		return set.State
	}
	for range 2 {
		require.NoError(t, w.admin.SuspendDomain(ctx, w.domain))
		require.Equal(t, chatadmin.DomainSuspended, state())
	}
	require.Len(t, w.events(chatadmin.KindDomainSuspend), 1)
	_, err := w.s.RenameDomain(ctx, "Mine")
	require.ErrorIs(t, err, chatadmin.ErrSuspended)
	for range 2 {
		require.NoError(t, w.admin.ResumeDomain(ctx, w.domain))
		require.Equal(t, chatadmin.DomainActive, state())
	}
	require.Len(t, w.events(chatadmin.KindDomainResume), 1)
	require.ErrorIs(t, w.admin.SuspendDomain(ctx, "none"), chatadmin.ErrNotFound)

	set := func(s *chatadmin.Scope, fence storage.Mode, to chatadmin.DomainState) error {
		return s.Change(ctx, chatadmin.Op{Kind: "test", Fence: fence}, func(ctx context.Context, w *chatadmin.Writer) error {
			return w.SetDomainState(ctx, "test", to)
		})
	}
	require.ErrorIs(t, set(w.s, storage.Exclusive, chatadmin.DomainSuspended), chatadmin.ErrForbidden)
	require.ErrorIs(t, set(w.host, storage.Shared, chatadmin.DomainSuspended), chatadmin.ErrNeedsExclusive)
	require.ErrorIs(t, set(w.host, storage.Exclusive, chatadmin.DomainClosing), chatadmin.ErrTransition)
	require.ErrorIs(t, set(w.host, storage.Exclusive, "lost"), chatadmin.ErrTransition)
	require.ErrorIs(t, w.host.Change(ctx, chatadmin.Op{Kind: "test", Fence: storage.Exclusive}, func(ctx context.Context, w *chatadmin.Writer) error {
		return w.DeleteDomain(ctx, "test")
	}), chatadmin.ErrTransition)
	_, err = w.host.ChangeSettings(ctx, func(s *chatadmin.Settings) error { s.State = chatadmin.DomainClosing; return nil })
	require.ErrorIs(t, err, chatadmin.ErrTransition)
	require.Equal(t, chatadmin.DomainActive, state())
}
