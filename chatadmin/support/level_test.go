package support_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/support"
)

var allLevels = []support.Level{support.None, support.ErrorsOnly, support.Warnings, support.Info, support.Debug}

// Which level each platform can have, for a domain and for a client.
func TestLevels(t *testing.T) {
	can := map[support.Platform][]support.Level{
		support.IOS: allLevels, support.Android: {support.ErrorsOnly}, support.Windows: {support.ErrorsOnly, support.Debug}, support.Mac: {support.Info, support.Debug},
	}
	w := newWorld(t, func(o *support.Options) {
		o.Levels = map[support.Platform]support.Choice{support.Mac: {Default: support.Info, Levels: can[support.Mac]}}
	})
	levels, err := w.x.Levels(ctx, w.ann)
	require.NoError(t, err)
	require.Len(t, levels, 4)
	for i, p := range support.Platforms() {
		first := support.ErrorsOnly
		if p == support.Mac {
			first = support.Info
		}
		require.Equal(t, support.Reporting{Platform: p, Level: first, Levels: can[p]}, levels[i], "the default")
	}
	for _, p := range support.Platforms() {
		c := support.Client{User: w.ann.Actor(), Platform: p, ID: "phone-1"}
		for _, l := range append(allLevels, "loud", "") {
			wanted := false
			for _, k := range can[p] {
				wanted = wanted || k == l
			}
			for name, set := range map[string]func() (support.Reporting, error){
				"domain": func() (support.Reporting, error) { return w.x.SetLevel(ctx, w.S, p, l) },
				"client": func() (support.Reporting, error) { return w.x.SetClientLevel(ctx, w.ann, c, l) },
			} {
				r, err := set()
				if !wanted {
					require.ErrorIs(t, err, chatadmin.ErrInvalid, "%s %s %s", p, l, name)
					continue
				}
				require.NoError(t, err, "%s %s %s", p, l, name)
				require.Equal(t, l, r.Level)
				require.Equal(t, l == support.None, r.Warning != "", "only none is advised against")
			}
		}
	}
}

// A client's own level comes before that of the domain, and that before the
// default.
func TestLevelOfClient(t *testing.T) {
	w := newWorld(t)
	phone := support.Client{User: w.ann.Actor(), Platform: support.IOS, ID: "phone"}
	tablet := phone
	tablet.ID = "tablet"
	level := func(c support.Client) support.Level {
		r, err := w.x.Level(ctx, w.ann, c)
		require.NoError(t, err)
		return r.Level
	}
	require.Equal(t, support.ErrorsOnly, level(phone))
	_, err := w.x.SetLevel(ctx, w.desk, support.IOS, support.Info)
	require.NoError(t, err)
	require.Equal(t, support.Info, level(phone))
	for range 2 { // the second time changes nothing
		r, err := w.x.SetClientLevel(ctx, w.ann, phone, support.None)
		require.NoError(t, err)
		require.Contains(t, r.Warning, "support cannot see what went wrong")
	}
	require.Equal(t, support.None, level(phone))
	require.Equal(t, support.Info, level(tablet))
	bob := w.user("bob", "")
	other, err := w.x.Level(ctx, bob, support.Client{User: bob.Actor(), Platform: support.IOS, ID: "phone"})
	require.NoError(t, err)
	require.Equal(t, support.Info, other.Level, "another person's phone of that ID")
	_, err = w.x.Level(ctx, bob, phone)
	require.ErrorIs(t, err, chatadmin.ErrForbidden)

	n := 0
	for e, err := range w.S.Events(ctx, chatadmin.EventQuery{Kind: support.KindClientLevel}) {
		require.NoError(t, err)
		require.Equal(t, []chatadmin.ID{w.ann.Actor()}, e.Targets)
		n++
	}
	require.Equal(t, 1, n)
}

func TestClients(t *testing.T) {
	w := newWorld(t)
	for _, id := range []string{"", "a b", "a\nb", "\xff", string(make([]byte, 129))} {
		_, err := w.x.SetClientLevel(ctx, w.ann, support.Client{User: w.ann.Actor(), Platform: support.IOS, ID: id}, support.Debug)
		require.ErrorIs(t, err, chatadmin.ErrInvalid, "%q", id)
	}
	client := func(n int) support.Client {
		return support.Client{User: w.ann.Actor(), Platform: support.IOS, ID: fmt.Sprint(n)}
	}
	for n := range 50 {
		_, err := w.x.SetClientLevel(ctx, w.ann, client(n), support.Debug)
		require.NoError(t, err)
	}
	_, err := w.x.SetClientLevel(ctx, w.ann, client(50), support.Debug)
	require.ErrorIs(t, err, chatadmin.ErrThrottled)
	_, err = w.x.SetClientLevel(ctx, w.ann, client(49), support.Info)
	require.NoError(t, err)
}

func TestOptions(t *testing.T) {
	admin := newWorld(t).Admin
	for name, o := range map[string]support.Options{
		"address":  {Recipients: map[support.Platform]string{support.IOS: "Help <help@vendor.example>"}},
		"platform": {Recipients: map[support.Platform]string{"beos": helpdesk}},
		"level":    {Levels: map[support.Platform]support.Choice{support.Mac: {Default: "loud", Levels: []support.Level{"loud"}}}},
		"default":  {Levels: map[support.Platform]support.Choice{support.Mac: {Default: support.Debug, Levels: []support.Level{support.Info}}}},
		"none":     {Levels: map[support.Platform]support.Choice{support.Mac: {}}},
		"zip":      {MaxZip: chatadmin.MaxAttachments + 1},
		"bytes":    {MaxBytes: -1},
		"per day":  {PerDay: -1},
	} {
		_, err := support.New(admin, &o)
		require.ErrorIs(t, err, chatadmin.ErrInvalid, name)
	}
	for p, folder := range support.OfficeChatFolders() {
		require.NotEmpty(t, support.OfficeChatRecipients()[p])
		t.Setenv("HOME", "/home/ann")
		t.Setenv("APPDATA", "/users/ann/roaming")
		got, err := support.LogFolder(folder)
		require.NoError(t, err)
		require.Equal(t, map[support.Platform]string{support.Mac: "/home/ann/Library/Application Support/com.mangoapps.officechat/log", support.Windows: "/users/ann/roaming/Office Chat/Logs"}[p], got)
	}
	_, err := support.LogFolder("%no such name%/x")
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
	_, err = support.New(admin, &support.Options{Recipients: support.OfficeChatRecipients()})
	require.NoError(t, err)
}
