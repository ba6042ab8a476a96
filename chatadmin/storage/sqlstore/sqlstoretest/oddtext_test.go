package sqlstoretest

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/twofa"
)

// What no database can hold belongs to nobody: whoever types it, or puts it
// into a URL, is answered like anybody who asks for what is not there.
func TestTextThatNoRowHas(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		ctx := t.Context()
		a := chatadmintest.Must(chatadmin.New(db.open(t), nil))
		ring, err := keyring.New(rand.Reader, keyring.Key{ID: "k", Secret: secret.HideBytes(bytes.Repeat([]byte{1}, keyring.KeySize))})
		require.NoError(t, err)
		second := chatadmintest.Must(twofa.New(a, &twofa.Options{Keys: ring}))
		gate, err := signin.New(a, &signin.Options{SecondFactor: second})
		require.NoError(t, err)
		d, boss, err := a.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example"}})
		require.NoError(t, err)
		s := a.As(d.ID, boss.ID)
		g, err := s.CreateGroup(ctx, "G")
		require.NoError(t, err)
		for _, text := range []string{"a\x00b", "a\xffb"} {
			bad := storage.ID(text)
			for name, err := range map[string]error{
				"user":           errOf(s.User(ctx, bad)),
				"login":          errOf(s.UserByLogin(ctx, text)),
				"edit":           errOf(s.EditUser(ctx, bad, chatadmin.UserEdit{})),
				"deactivate":     errOf(s.DeactivateUsers(ctx, boss.ID, bad)),
				"role":           errOf(s.AssignRole(ctx, text, boss.ID)),
				"invitation":     errOf(s.Invitation(ctx, bad)),
				"resend":         s.ResendInvitation(ctx, bad),
				"revoke links":   errOf(s.RevokeInvitations(ctx, bad)),
				"group":          errOf(s.Group(ctx, bad)),
				"rename":         errOf(s.RenameGroup(ctx, bad, "New")),
				"delete group":   errOf(s.PlanDeleteGroup(ctx, bad)),
				"default group":  errOf(s.PlanDefaultGroup(ctx, bad)),
				"member":         errOf(s.AddMembers(ctx, g.ID, bad)),
				"member of it":   errOf(s.AddMembers(ctx, bad, boss.ID)),
				"job":            func() error { _, _, err := s.Run(ctx, bad); return err }(),
				"resume":         errOf(s.ResumeDeleteGroup(ctx, bad, nil)),
				"hold":           errOf(s.AddHold(ctx, chatadmin.Hold{User: bad, Reason: "lawsuit"})),
				"release":        errOf(s.ReleaseHold(ctx, bad)),
				"domain":         errOf(a.AsHost(bad).AdminsInForce(ctx)),
				"behind a fence": errOf(a.AsHost(bad).CreateGroup(ctx, "G")),
				"unlock":         gate.Unlock(ctx, s, bad),
				"locks":          errOf(gate.Locks(ctx, s, bad)),
				"reset":          second.Reset(ctx, s, bad),
				"trusted":        errOf(second.Trusted(ctx, s, bad)),
				"revoke":         second.RevokeTrusted(ctx, s, bad),
				"revoke all":     second.RevokeAllTrusted(ctx, s, bad),
				"challenge":      errOf(second.Open(ctx, d.ID, text+"."+strings.Repeat("A", 32))),
				"sign-in":        errOf(gate.SignIn(ctx, bad, signin.Attempt{Login: "ann@acme.example"}, nobody)),
				"link":           errOf(a.Invited(ctx, text+".x."+strings.Repeat("A", 43))),
				"accepted link":  errOf(a.AcceptInvitation(ctx, string(d.ID)+"."+text+"."+strings.Repeat("A", 43), func(context.Context, chatadmin.User) error { return nil })),
			} {
				require.ErrorIs(t, err, chatadmin.ErrNotFound, "%s %q", name, text)
				require.NotContains(t, err.Error(), "SQLSTATE", "%s %q", name, text)
			}
			require.ErrorIs(t, errOf(a.As(d.ID, bad).User(ctx, boss.ID)), chatadmin.ErrForbidden, "%q", text)
			_, err := s.CreateUser(ctx, chatadmin.NewUser{Login: "ann@acme.example", Manager: bad})
			var field *chatadmin.FieldError
			require.ErrorAs(t, err, &field, "%q", text)
			require.Equal(t, chatadmin.CodeBadManager, field.Code, "%q", text)
			for _, login := range []string{text, text + "@acme.example", strings.Repeat("ä", 600)} {
				decision, err := gate.SignIn(ctx, d.ID, signin.Attempt{Login: login, Device: text, Trust: secret.Hide(text)}, nobody)
				require.NoError(t, err, "%q", login)
				require.Equal(t, signin.Denied, decision.Outcome, "%q", login)
			}
			decision, err := gate.Complete(ctx, d.ID, text+"."+strings.Repeat("A", 32), "123456", false)
			require.NoError(t, err, "%q", text)
			require.Equal(t, signin.Denied, decision.Outcome, "%q", text)

			for name, n := range map[string]int{
				"users by login":      length(t, s.Users(ctx, storage.UserQuery{Prefix: text})),
				"users by name":       length(t, s.Users(ctx, storage.UserQuery{Prefix: text, ByName: true})),
				"users by manager":    length(t, s.Users(ctx, storage.UserQuery{Manager: bad})),
				"users by department": length(t, s.Users(ctx, storage.UserQuery{Department: text})),
				"users by role":       length(t, s.Users(ctx, storage.UserQuery{Role: text})),
				"groups by name":      length(t, s.Groups(ctx, storage.GroupQuery{Prefix: text})),
				"groups by creator":   length(t, s.Groups(ctx, storage.GroupQuery{Creator: bad})),
				"members":             length(t, s.Members(ctx, bad)),
				"groups of a user":    length(t, s.GroupsOf(ctx, bad)),
				"events by actor":     length(t, s.Events(ctx, storage.EventQuery{Actor: bad})),
				"events by target":    length(t, s.Events(ctx, storage.EventQuery{Target: bad})),
				"events by kind":      length(t, s.Events(ctx, storage.EventQuery{Kind: text + "."})),
			} {
				require.Zero(t, n, "%s %q", name, text)
			}
			require.Equal(t, 1, length(t, s.Users(ctx, storage.UserQuery{NotMemberOf: bad})), "nobody is in such a group")
			n, err := s.CountMembers(ctx, bad)
			require.NoError(t, err, "%q", text)
			require.Zero(t, n, "%q", text)
			sent, err := a.SendInvitations(ctx, bad)
			require.NoError(t, err, "%q", text)
			require.Zero(t, sent, "%q", text)
		}
	})
}

func errOf[T any](_ T, err error) error {
	if err == nil {
		return fmt.Errorf("nothing was wrong")
	}
	return err
}

func nobody(_ context.Context, u storage.User) (bool, error) { return u.ID != "", nil }

func length[T any](t *testing.T, list iter.Seq2[T, error]) (n int) {
	t.Helper()
	for _, err := range list {
		require.NoError(t, err)
		n++
	}
	return n
}
