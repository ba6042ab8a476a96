package csvimport_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/csvimport"
)

func file(n int) string {
	var b strings.Builder
	b.WriteString("login\n")
	for i := range n {
		fmt.Fprintf(&b, "user%d@acme.example\n", i)
	}
	return b.String()
}

// token is that of the link in the newest mail to the boss.
func (w *world) token() string {
	w.T.Helper()
	mails := w.Mail.To("boss@acme.example")
	require.NotEmpty(w.T, mails)
	m := regexp.MustCompile(`https://chat\.example/admin/import\?token=(\S+)`).FindStringSubmatch(mails[len(mails)-1].Text)
	require.NotNil(w.T, m, mails[len(mails)-1].Text)
	return m[1]
}

// Off, the default: nobody is invited, the admin gets one mail with a summary
// and a link, and the link invites when it is confirmed.
func TestInvitationsHeldBack(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	_, err := w.Host.ChangeSettings(ctx, func(s *chatadmin.Settings) error { return nil })
	require.NoError(t, err)
	r, err := csvimport.ImportsOf(w.S).Import(ctx, w.S, strings.NewReader(file(1200)), csvimport.SkipExisting, &csvimport.ImportOptions{FileName: "people.csv"})
	require.NoError(t, err)
	require.Zero(t, r.Invited)
	require.Len(t, w.Mail.Mails(), 1)
	summary := w.Mail.Mails()[0]
	for _, part := range []string{"people.csv", "1,200 rows", "1,200 created", "0 failed"} {
		require.Contains(t, summary.Text, part)
	}
	token := w.token()
	before := w.eventCount("")
	for range 3 { // a mail scanner opens the link
		id, n, err := csvimport.ImportsOf(w.S).Unsent(ctx, w.S, token)
		require.NoError(t, err)
		require.Equal(t, r.ImportID, id)
		require.EqualValues(t, 1200, n)
	}
	require.Equal(t, before, w.eventCount(""))
	require.Len(t, w.Mail.Mails(), 1)

	// Users who left or came in meanwhile need no invitation.
	_, err = w.S.DeactivateUsers(ctx, w.is("user1@acme.example").ID)
	require.NoError(t, err)
	w.signIn(w.is("user2@acme.example").ID)
	sent, err := csvimport.ImportsOf(w.S).Release(ctx, w.S, token)
	require.NoError(t, err)
	require.Equal(t, 1198, sent)
	require.Len(t, w.Mail.Mails(), 1199)
	require.Len(t, w.Mail.To("user3@acme.example"), 1)
	require.Empty(t, w.Mail.To("user1@acme.example"))

	_, err = csvimport.ImportsOf(w.S).Release(ctx, w.S, token)
	require.ErrorIs(t, err, csvimport.ErrLinkUsed)
	_, _, err = csvimport.ImportsOf(w.S).Unsent(ctx, w.S, token)
	require.ErrorIs(t, err, csvimport.ErrLinkUsed)
	require.Len(t, w.Mail.Mails(), 1199)
}

// All that imports hold back is released in one call, once, by whoever may
// import; one that was released before stays as it is.
func TestReleaseImports(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	x := csvimport.ImportsOf(w.S)
	imported := func(s *chatadmin.Scope, logins string, o *csvimport.ImportOptions) chatadmin.ID {
		r, err := x.Import(ctx, s, strings.NewReader("login\n"+logins), csvimport.SkipExisting, o)
		require.NoError(t, err)
		return r.ImportID
	}
	first := imported(w.S, "ann@acme.example\n", nil)
	imported(w.Host, "bob@acme.example\neve@acme.example\n", nil)
	imported(w.S, "eve@acme.example\n", nil) // creates nobody
	imported(w.S, "dan@acme.example\n", &csvimport.ImportOptions{SendInvitations: true})
	interrupted, stop := context.WithCancel(ctx)
	_, err := x.Import(interrupted, w.S, strings.NewReader(file(1200)), csvimport.SkipExisting, &csvimport.ImportOptions{Progress: func(chatadmin.Progress) { stop() }})
	require.ErrorIs(t, err, context.Canceled)
	_, err = x.ReleaseImport(ctx, w.S, first)
	require.NoError(t, err)

	role, err := w.Host.CreateRole(ctx, chatadmin.Role{Name: "clerk", Level: 1, Permissions: []chatadmin.Permission{chatadmin.PermUsersImport}})
	require.NoError(t, err)
	clerk := w.Admin.As(w.Domain, w.User("clerk@acme.example", withRole(role.ID)).ID)
	other := w.Admin.As(w.Domain, w.User("member@acme.example").ID)
	_, err = x.ReleaseImports(ctx, other)
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	sent, err := x.ReleaseImports(ctx, clerk)
	require.NoError(t, err)
	require.Equal(t, 2, sent)
	for _, name := range []string{"ann", "bob", "eve", "dan"} {
		require.Len(t, w.Mail.To(name+"@acme.example"), 1, name)
	}
	sent, err = x.ReleaseImports(ctx, w.S)
	require.NoError(t, err)
	require.Zero(t, sent)
	_, err = x.ReleaseImports(ctx, nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
}

// The link is bound to its admin, its import and its time.
func TestReleaseLinkIsBound(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	second := w.User("second@acme.example", withRole(chatadmin.RoleAdmin))
	_, err := csvimport.ImportsOf(w.S).Import(ctx, w.S, strings.NewReader(file(3)), csvimport.SkipExisting, nil)
	require.NoError(t, err)
	token := w.token()
	other, otherBoss, err := w.Admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "B", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "b@b.example", NoInvitation: true}})
	require.NoError(t, err)
	last := byte('A')
	if token[len(token)-1] == last {
		last = 'E'
	}
	for name, c := range map[string]struct {
		s     *chatadmin.Scope
		token string
		want  error
	}{
		"another admin":  {w.Admin.As(w.Domain, second.ID), token, chatadmin.ErrNotFound},
		"the host":       {w.Host, token, chatadmin.ErrNotFound},
		"another domain": {w.Admin.As(other.ID, otherBoss.ID), token, chatadmin.ErrNotFound},
		"changed":        {w.S, token[:len(token)-1] + string(last), chatadmin.ErrNotFound},
		"cut":            {w.S, token[:len(token)-1], chatadmin.ErrInvalid},
		"nothing":        {w.S, "", chatadmin.ErrInvalid},
		"huge":           {w.S, strings.Repeat("x", 1<<20), chatadmin.ErrInvalid},
	} {
		_, err := csvimport.ImportsOf(c.s).Release(ctx, c.s, c.token)
		require.ErrorIs(t, err, c.want, name)
		_, _, err = csvimport.ImportsOf(c.s).Unsent(ctx, c.s, c.token)
		require.ErrorIs(t, err, c.want, name)
		if err != nil && len(c.token) > 50 && len(c.token) < 1000 {
			require.NotContains(t, err.Error(), c.token[len(c.token)-40:], "no secret in an error")
		}
	}
	w.Clock.Advance(7*24*time.Hour + time.Second)
	_, err = csvimport.ImportsOf(w.S).Release(ctx, w.S, token)
	require.ErrorIs(t, err, csvimport.ErrLinkExpired)
	require.Len(t, w.Mail.Mails(), 1)
}

// A hundred confirmations of one link, over an unreliable store: each user is
// invited once.
func TestReleaseRace(t *testing.T) {
	good := memstore.New(nil)
	w := newWorldOn(t, good, chatadmin.OfficeChat)
	_, err := csvimport.ImportsOf(w.S).Import(ctx, w.S, strings.NewReader(file(130)), csvimport.SkipExisting, nil)
	require.NoError(t, err)
	token := w.token()
	other := chatadmintest.Must(chatadmin.New(good.Handle(&memstore.Options{Chaos: &memstore.Chaos{Seed: 3, Rerun: 0.2, UnknownKept: 0.2}}), &chatadmin.Options{Now: w.Clock.Now, Mailer: w.Mail}))
	done := make(chan error, 100)
	for n := range 100 {
		a := w.Admin
		if n%2 == 0 {
			a = other
		}
		go func() {
			_, err := csvimport.ImportsOf(a.As(w.Domain, w.Boss.ID)).Release(ctx, a.As(w.Domain, w.Boss.ID), token)
			done <- err
		}()
	}
	for range 100 {
		if err := <-done; err != nil && !errors.Is(err, csvimport.ErrLinkUsed) && !errors.Is(err, chatadmin.ErrBusy) && !errors.Is(err, chatadmin.ErrCommitUnknown) {
			require.NoError(t, err)
		}
	}
	_, _ = csvimport.ImportsOf(w.S).Release(ctx, w.S, token)
	_, err = w.Admin.SendInvitations(ctx, w.Domain)
	require.NoError(t, err)
	for i := range 130 {
		require.Len(t, w.Mail.To(fmt.Sprintf("user%d@acme.example", i)), 1)
	}
}

// A release that died after the link was used is finished by following it
// again.
func TestReleaseAfterCrash(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	_, err := csvimport.ImportsOf(w.S).Import(ctx, w.S, strings.NewReader(file(2300)), csvimport.SkipExisting, nil)
	require.NoError(t, err)
	token := w.token()
	for n := range 4 { // it is cut off behind each of its transactions
		c, cancel := context.WithCancel(ctx)
		calls := 0
		dying := chatadmintest.Must(chatadmin.New(w.Store, &chatadmin.Options{Now: w.Clock.Now, Mailer: w.Mail, Before: func(_ context.Context, i chatadmin.Intent) error {
			if calls++; calls > n+1 {
				cancel()
			}
			return c.Err()
		}}))
		_, err := csvimport.ImportsOf(dying.As(w.Domain, w.Boss.ID)).Release(c, dying.As(w.Domain, w.Boss.ID), token)
		require.Error(t, err)
		cancel()
	}
	if _, err = csvimport.ImportsOf(w.S).Release(ctx, w.S, token); err != nil {
		require.ErrorIs(t, err, csvimport.ErrLinkUsed)
	}
	for i := range 2300 {
		require.Len(t, w.Mail.To(fmt.Sprintf("user%d@acme.example", i)), 1)
	}
}

// On: every created user is invited, existing ones are not, and the admin is
// told without a link.
func TestInvitationsAtOnce(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	w.User("user1@acme.example")
	r, err := csvimport.ImportsOf(w.S).Import(ctx, w.S, strings.NewReader(file(1200)), csvimport.SkipExisting, &csvimport.ImportOptions{SendInvitations: true})
	require.NoError(t, err)
	require.Equal(t, 1199, r.Invited)
	require.Empty(t, w.Mail.To("user1@acme.example"))
	require.Len(t, w.Mail.To("boss@acme.example"), 1)
	require.NotContains(t, w.Mail.To("boss@acme.example")[0].Text, "token=")
}

// The mail to the admin is sent again by Resume where it could not be sent, and
// only then.
func TestNoticeIsMadeUpFor(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	w.Mail.FailNext(errors.New("the mail server is away"))
	r, err := csvimport.ImportsOf(w.S).Import(ctx, w.S, strings.NewReader(file(3)), csvimport.SkipExisting, nil)
	require.ErrorContains(t, err, "the import is complete")
	require.EqualValues(t, 3, r.Counts.Created)
	for range 2 {
		_, err = csvimport.ImportsOf(w.S).Resume(ctx, w.S, r.ImportID, strings.NewReader(file(3)), nil)
		require.NoError(t, err)
	}
	require.Len(t, w.Mail.Mails(), 1)
	_, err = csvimport.ImportsOf(w.S).Release(ctx, w.S, w.token())
	require.NoError(t, err)
	require.Len(t, w.Mail.Mails(), 4)
}

// A mail that a crash has left unknown is made up for by another one, with
// another link: a mail server must not take it for the same.
func TestNoticeIsSentAgain(t *testing.T) {
	crash := true
	w := newWorld(t, chatadmin.OfficeChat, func(o *chatadmin.Options) {
		mails := 0
		o.Before = func(_ context.Context, i chatadmin.Intent) error {
			if i.Kind == csvimport.KindImportEnd {
				if mails++; crash && mails == 2 {
					return errors.New("the process dies when the mail is sent")
				}
			}
			return nil
		}
	})
	r, err := csvimport.ImportsOf(w.S).Import(ctx, w.S, strings.NewReader(file(3)), csvimport.SkipExisting, nil)
	require.ErrorContains(t, err, "the process dies")
	crash = false
	_, err = csvimport.ImportsOf(w.S).Resume(ctx, w.S, r.ImportID, strings.NewReader(file(3)), nil)
	require.NoError(t, err)
	mails := w.Mail.To("boss@acme.example")
	require.Len(t, mails, 2)
	require.NotEqual(t, mails[0].ID, mails[1].ID)
	n, err := csvimport.ImportsOf(w.S).Release(ctx, w.S, w.token())
	require.NoError(t, err, "the last link works")
	require.Equal(t, 3, n)
}
