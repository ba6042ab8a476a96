package chatadmin_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/class"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/chatadmin/texts"
)

// A mail is in the language that its reader prefers, or else in that of the
// domain, or else in that of the host. A host replaces its texts.
func TestLanguageOfMails(t *testing.T) {
	mails := &chatadmintest.Mailbox{}
	admin, err := chatadmin.New(memstore.New(nil), &chatadmin.Options{Mailer: mails, Language: "es", Texts: []texts.Language{
		{Tag: "nl", Texts: map[string]texts.Text{"invite.subject": {"": "Welkom bij %s"}}},
	}})
	require.NoError(t, err)
	french := false
	admin.Extend(chatadmin.Extension{Language: func(set *chatadmin.Settings) string {
		if french {
			return "fr-CA"
		}
		return ""
	}})
	d, boss, err := admin.CreateDomain(t.Context(), chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example", NoInvitation: true}})
	require.NoError(t, err)
	s := admin.As(d.ID, boss.ID)
	for _, x := range []struct {
		login, prefers string
		french         bool
		subject        string
	}{
		{"a@acme.example", "", false, "Invitación a Acme"},
		{"b@acme.example", "de-CH", false, "Einladung zu Acme"},
		{"c@acme.example", "", true, "Invitation à rejoindre Acme"},
		{"d@acme.example", "en", true, "You are invited to Acme"},
		{"e@acme.example", "nl", true, "Welkom bij Acme"},
		{"f@acme.example", "ja", true, "Invitation à rejoindre Acme"},
	} {
		french = x.french
		prefers := func(_ *chatadmin.Settings, _ *chatadmin.User, a *chatadmin.Attributes) []*chatadmin.FieldError {
			a.Language = x.prefers
			return nil
		}
		_, err := s.CreateUser(t.Context(), chatadmin.NewUser{Login: x.login, Parts: []chatadmin.UserPart{prefers}})
		require.NoError(t, err)
		_, err = admin.SendInvitations(t.Context(), d.ID)
		require.NoError(t, err)
		sent := mails.To(x.login)
		require.Len(t, sent, 1)
		require.Equal(t, x.subject, sent[0].Subject)
		require.NotContains(t, sent[0].Text, "%!")
	}
	_, err = chatadmin.New(memstore.New(nil), &chatadmin.Options{Texts: []texts.Language{{Tag: "en", Texts: map[string]texts.Text{"no.such": {"": "x"}}}}})
	require.ErrorIs(t, err, class.Invalid)
}
