package password_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/password"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// A password set by an activation link uses the link up and is told by mail
// once. One that is set otherwise ends the link, but not an invitation that
// waits.
func TestSettingEndsLinks(t *testing.T) {
	mail := &chatadmintest.Mailbox{}
	clock := chatadmintest.NewClock(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC))
	admin := chatadmintest.Must(chatadmin.New(memstore.New(nil), &chatadmin.Options{Mailer: mail, Now: clock.Now}))
	d, boss, err := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example"}})
	require.NoError(t, err)
	passwords, err := password.New(admin, &password.Options{Params: cheap})
	require.NoError(t, err)
	host := admin.AsHost(d.ID)
	link := func() string {
		t.Helper()
		n, err := admin.SendInvitations(ctx, d.ID)
		require.NoError(t, err)
		require.Equal(t, 1, n)
		mails := mail.To("boss@acme.example")
		words := strings.Fields(mails[len(mails)-1].Text)
		return words[len(words)-1]
	}
	require.NoError(t, passwords.Set(ctx, boss, "correct horse"))
	first := link()
	_, err = admin.Invited(ctx, first)
	require.NoError(t, err, "it was sent after the password was set")
	require.NoError(t, passwords.Set(ctx, boss, "correct horse"))
	_, err = admin.Invited(ctx, first)
	require.ErrorIs(t, err, chatadmin.ErrLink)

	clock.Advance(time.Hour)
	require.NoError(t, host.ResendInvitation(ctx, boss.ID))
	second := link()
	_, err = admin.AcceptInvitation(ctx, second, nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	_, err = admin.AcceptInvitation(ctx, second, passwords.Setter("short"))
	require.ErrorIs(t, err, password.ErrTooShort)
	_, err = admin.Invited(ctx, second)
	require.NoError(t, err, "the link goes on working")
	u, err := admin.AcceptInvitation(ctx, second, passwords.Setter("correct horse"))
	require.NoError(t, err)
	require.Equal(t, boss.ID, u.ID)
	inv, err := host.Invitation(ctx, boss.ID)
	require.NoError(t, err)
	require.Equal(t, chatadmin.InvitationUsed, inv.State)
	require.Empty(t, inv.Claim)
	_, err = admin.AcceptInvitation(ctx, second, passwords.Setter("correct horse"))
	require.ErrorIs(t, err, chatadmin.ErrLink)
	before := len(mail.Mails())
	n, err := admin.SendNotices(ctx, d.ID)
	require.NoError(t, err)
	require.Equal(t, 3, n, "one for each time")
	for _, m := range mail.Mails()[before:] {
		require.Equal(t, "Your password was changed: Acme", m.Subject)
		require.NotContains(t, m.Text, "horse")
	}
}
