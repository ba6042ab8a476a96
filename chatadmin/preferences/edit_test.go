package preferences_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/language"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/preferences"
)

// told are the wrong fields of an error, each with its code.
func told(t *testing.T, err error) (all []string) {
	t.Helper()
	var many *chatadmin.FieldErrors
	require.True(t, errors.As(err, &many), "%v", err)
	for _, f := range many.Fields {
		require.NotEmpty(t, f.Reason)
		all = append(all, f.Field+" "+f.Code)
	}
	return slices.Sorted(slices.Values(all))
}

// Every field with values at its bounds, and what is kept of them; "!" is
// refused with the code behind it.
func TestValues(t *testing.T) {
	for _, c := range [][3]string{
		{"language", "de", "de"}, {"language", "de-ch", "de-CH"}, {"language", " nl ", "nl"}, {"language", "es-419", "es-419"}, {"language", "en-GB", "en-GB"},
		{"language", "sv", "!bad_language"}, {"language", "und", "!bad_language"}, {"language", "klingon", "!bad_language"}, {"language", "pt-BR", "!bad_language"}, {"language", "d\ne", "!bad_text"},
		{"landing", "home", "home"}, {"landing", "webcare", "webcare"}, {"landing", "publishing", "!bad_landing"}, {"landing", "Home", "!bad_landing"},
		{"availability", "none", "none"}, {"availability", "online", "online"}, {"availability", "Online_Live_Chat", "online_live_chat"}, {"availability", "offline", "!bad_choice"},
		{"notify_assigned", "on", "on"}, {"notify_assigned", "off", "off"}, {"notify_assigned", "ON", "on"}, {"notify_assigned", "yes", "!bad_choice"},
		{"notify_unpublished", "on", "on"}, {"notify_unpublished", "1", "!bad_choice"},
		{"forward", "can_respond", "can_respond"}, {"forward", "no_reply", "no_reply"}, {"forward", "own_client", "own_client"}, {"forward", "fax", "!bad_choice"},
		{"live_chat", "chat-7", "chat-7"}, {"live_chat", strings.Repeat("x", 250), strings.Repeat("x", 250)}, {"live_chat", strings.Repeat("x", 251), "!too_long"},
		{"avatar", "blob/7", "!no_live_chat"},
		{"suffix.twitter", "^AR", "^AR"}, {"suffix.twitter", " ^Ann  Ames ", "^Ann  Ames"}, {"suffix.twitter", strings.Repeat("x", 100), strings.Repeat("x", 100)},
		{"suffix.twitter", strings.Repeat("x", 101), "!too_long"}, {"suffix.twitter", "a\nb", "!bad_text"}, {"suffix.twitter", "a\u200bb", "!bad_text"}, {"suffix.myspace", "^AR", "!bad_platform"},
		{"account.facebook", "page-1", "page-1"}, {"account.whatsapp", "x", "x"}, {"account.myspace", "x", "!bad_platform"},
	} {
		t.Run(c[0]+"="+chatadmin.Cut(c[1]), func(t *testing.T) {
			w := newWorld(t)
			err := w.set(w.S, c[0], c[1])
			if code, refused := strings.CutPrefix(c[2], "!"); refused {
				require.Equal(t, []string{c[0] + " " + code}, told(t, err))
				require.Empty(t, w.Row(w.ann).Attrs)
				return
			}
			require.NoError(t, err)
			is := w.shown()
			require.Equal(t, c[2], is.Own.Get(c[0]))
			require.NoError(t, w.set(w.S, c[0], ""))
			is = w.shown()
			require.Empty(t, is.Own.Get(c[0]))
			require.Empty(t, w.Row(w.ann).Attrs, "nothing is left behind")
		})
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	w := newWorld(t)
	err := w.set(w.S, "language", "sv", "landing", "nowhere", "suffix.myspace", "x", "forward", "fax", "availability", "online")
	require.Equal(t, []string{"forward bad_choice", "landing bad_landing", "language bad_language", "suffix.myspace bad_platform"}, told(t, err))
	require.Empty(t, w.Events(preferences.KindEdit))

	// In the form of a user together with the rest.
	n := person("bob")
	n.Email, n.LastName = "nowhere", ""
	n.Parts = []chatadmin.UserPart{w.p.Part(setter("language", "sv", "notify_assigned", "maybe"))}
	_, err = w.S.CreateUser(ctx, n)
	require.Equal(t, []string{"email bad_email", "language bad_language", "last_name missing", "notify_assigned bad_choice"}, told(t, err))
	n.Email, n.LastName, n.Parts = "bob@acme.example", "Bobson", []chatadmin.UserPart{w.p.Part(setter("language", "fr", "notify_assigned", "on", "live_chat", "c", "avatar", "blob/1"))}
	bob, err := w.S.CreateUser(ctx, n)
	require.NoError(t, err)
	is := w.p.InForce(w.Settings(), &bob)
	require.Equal(t, []any{"fr", preferences.On, "blob/1"}, []any{is.Language, is.NotifyAssigned, is.Avatar})
	bob, err = w.S.EditUser(ctx, bob.ID, chatadmin.UserEdit{Parts: []chatadmin.UserPart{w.p.Part(setter("live_chat", ""))}})
	require.NoError(t, err)
	require.Empty(t, w.p.InForce(w.Settings(), &bob).Avatar, "it is shown in the live chat alone")
}

func TestAudit(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.set(w.S, "language", "nl", "suffix.twitter", "^A"))
	require.NoError(t, w.set(w.S, "language", "nl", "suffix.twitter", "^B", "forward", "own_client"))
	require.NoError(t, w.set(w.S, "suffix.twitter", " ^B "))
	events := w.Events(preferences.KindEdit)
	require.Len(t, events, 2, "twice is once")
	require.Equal(t, []chatadmin.FieldChange{{Field: "forward", After: "own_client"}, {Field: "suffix.twitter", Before: "^A", After: "^B"}}, events[0].Changes[w.ann])
	require.ElementsMatch(t, []chatadmin.FieldChange{{Field: "language", After: "nl"}, {Field: "suffix.twitter", After: "^A"}}, events[1].Changes[w.ann])
}

// Each key set by the user themselves: language and availability pass, the rest
// is an administrator's.
func TestOwnValues(t *testing.T) {
	values := map[string]string{"language": "es", "availability": "online", "landing": "webcare", "live_chat": "c", "notify_assigned": "on", "notify_unpublished": "on", "forward": "own_client"}
	for _, p := range []string{"twitter", "facebook", "whatsapp"} {
		values["suffix."+p], values["account."+p] = "^A", "a"
	}
	w := newWorld(t)
	for _, key := range w.p.Keys() {
		self := w.Admin.As(w.Domain, w.ann)
		switch err := w.set(self, key, values[key]); key {
		case "language", "availability":
			require.NoError(t, err, key)
		case "avatar":
		default:
			require.ErrorIs(t, err, chatadmin.ErrForbidden, key)
			require.NoError(t, w.set(self, key, ""), "nothing changes")
		}
	}
	// Who may edit users edits themselves.
	require.NoError(t, w.set(w.S, "landing", "webcare"))
	_, err := w.p.Edit(ctx, w.S, w.S.Actor(), setter("landing", "webcare", "suffix.twitter", "^B"))
	require.NoError(t, err)
}

// What the domain has decided is in force where the user has not.
func TestDefaults(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, "home", w.shown().Lands)
	require.Equal(t, preferences.CanRespond, w.shown().InForce.Forward)
	p, err := w.p.SetDefaults(ctx, w.S, setter("language", "nl", "landing", "webcare", "availability", "online", "notify_assigned", "on",
		"account.twitter", "@acme", "forward", "no_reply"))
	require.NoError(t, err)
	require.Equal(t, "nl", p.Defaults.Language)
	is := w.shown()
	require.Equal(t, preferences.Values{}, is.Own)
	require.Equal(t, p.Defaults, is.InForce)
	require.Equal(t, []any{"webcare", language.Dutch}, []any{is.Lands, is.Speaks})
	require.NoError(t, w.set(w.S, "notify_assigned", "off", "account.facebook", "page", "language", "de-AT", "landing", "home"))
	is = w.shown()
	require.Equal(t, preferences.Off, is.InForce.NotifyAssigned)
	require.Equal(t, map[preferences.Platform]string{preferences.Twitter: "@acme", preferences.Facebook: "page"}, is.InForce.Account)
	require.Equal(t, []any{"home", language.German}, []any{is.Lands, is.Speaks})

	_, err = w.p.SetDefaults(ctx, w.S, setter("suffix.twitter", "^A", "live_chat", "c", "avatar", "b", "language", "sv"))
	require.Equal(t, []string{"avatar bad_choice", "language bad_language", "live_chat bad_choice", "suffix.twitter bad_choice"}, told(t, err))
	_, err = w.p.SetDefaults(ctx, w.Admin.As(w.Domain, w.ann), setter("language", "nl"))
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	_, err = w.p.SetDefaults(ctx, w.S, setter("language", "nl"))
	require.NoError(t, err)
	require.Len(t, w.Events(preferences.KindDefaults), 1, "twice is once")
	_, err = w.Host.ChangeSettings(ctx, func(set *chatadmin.Settings) error { delete(set.Policies, "preferences"); return nil })
	require.ErrorIs(t, err, chatadmin.ErrInvalid, "the policy has a call of its own")
}

// The page of a module that goes is no page any more, and is one again when the
// module comes back.
func TestLandingOfLostModule(t *testing.T) {
	w := newWorld(t)
	w.modules("webcare", "publishing")
	require.NoError(t, w.set(w.S, "landing", "publishing"))
	_, err := w.p.SetDefaults(ctx, w.S, setter("landing", "webcare"))
	require.NoError(t, err)
	for _, c := range []struct {
		modules []string
		lands   string
	}{{[]string{"webcare", "publishing"}, "publishing"}, {[]string{"publishing"}, "publishing"}, {[]string{"webcare"}, "webcare"}, {nil, "home"}, {[]string{"publishing"}, "publishing"}} {
		w.modules(c.modules...)
		require.Equal(t, c.lands, w.shown().Lands, "%v", c.modules)
		// What was chosen is not in the way of other changes.
		require.NoError(t, w.set(w.S, "suffix.twitter", "^"+strings.Join(c.modules, "")+"x"))
	}
	p, err := preferences.New(w.Admin, nil)
	require.NoError(t, err)
	require.Empty(t, p.Lands(w.Settings(), &preferences.Values{Landing: "home"}), "a program without pages")
}

func TestNotFound(t *testing.T) {
	w := newWorld(t)
	other, boss, err := w.Admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Bolt", Preset: chatadmin.Engage, Admin: person("boss")})
	require.NoError(t, err)
	for _, id := range []chatadmin.ID{"", "nobody", boss.ID, other.ID} {
		_, err := w.p.Edit(ctx, w.S, id, setter("language", "de"))
		require.ErrorIs(t, err, chatadmin.ErrNotFound, "%q", id)
		_, err = w.p.Of(ctx, w.S, id)
		require.ErrorIs(t, err, chatadmin.ErrNotFound, "%q", id)
	}
	_, err = w.p.Edit(ctx, w.S, w.ann, nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	_, err = w.p.SetDefaults(ctx, w.S, nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
}
