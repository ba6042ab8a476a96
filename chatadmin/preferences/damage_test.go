package preferences_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/preferences"
	"chatadmin.example/sdk/chatadmin/storage"
)

// keep puts JSON under the package's name in Ann's attributes.
func (w *world) keep(data string) {
	w.T.Helper()
	u := w.Row(w.ann)
	was := u.Rev
	u.Rev++
	u.Attrs = []byte(`{"v":1,"language":"nl","fields":{"team":"blue"},"preferences":{"preferences":` + data + `}}`)
	require.NoError(w.T, w.Store.Update(ctx, storage.Fence{Domain: w.Domain, Mode: storage.Shared}, func(ctx context.Context, tx storage.Tx) error {
		_, err := tx.ChangeUsers(ctx, []storage.Write[chatadmin.User]{{Row: u, Was: was}})
		return err
	}))
}

// Values that cannot be read are as if they had never been chosen; they are
// listed and forgotten, and harm nothing else of the user.
func TestDamagedValues(t *testing.T) {
	for _, data := range []string{`7`, `[]`, `{"v":2,"forward":"own_client"}`, `{"forward":"own_client"}`, `{"v":1,"forward":"fax"}`, `{"v":1,"suffix":3}`, `{"v":1,"availability":"x"}`, `{"v":1,"notify_assigned":"x"}`} {
		t.Run(data, func(t *testing.T) {
			w := newWorld(t)
			w.keep(data)
			is := w.shown()
			require.Equal(t, []any{"nl", preferences.CanRespond}, []any{is.InForce.Language, is.InForce.Forward})
			require.ErrorIs(t, w.set(w.S, "language", "de"), chatadmin.ErrDamaged, "it may be of a newer version")
			_, err := w.S.EditUser(ctx, w.ann, chatadmin.UserEdit{Parts: []chatadmin.UserPart{w.p.Part(setter("forward", "own_client"))}})
			require.ErrorIs(t, err, chatadmin.ErrInvalid)

			var found []string
			for bad, err := range w.S.Damaged(ctx) {
				require.NoError(t, err)
				found = append(found, bad.Kind+" "+bad.ID)
			}
			require.Equal(t, []string{"preferences " + string(w.ann)}, found)
			require.NoError(t, w.S.Repair(ctx, "preferences", string(w.ann)))
			require.NoError(t, w.S.Repair(ctx, "preferences", string(w.ann)), "nothing is left to repair")
			require.ErrorIs(t, w.S.Repair(ctx, "preferences", "nobody"), chatadmin.ErrNotFound)
			require.NoError(t, w.set(w.S, "forward", "own_client"))
			a, err := chatadmin.AttributesOf(w.Row(w.ann))
			require.NoError(t, err)
			require.Equal(t, map[string]string{"team": "blue"}, a.Fields, "what else the user has stays")
			require.Equal(t, "nl", a.Language)
		})
	}
}

func TestDamagedPolicy(t *testing.T) {
	w := newWorld(t)
	d, _, err := w.Admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Office", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example"}})
	require.NoError(t, err)
	chatadmintest.CheckPolicy(t, w.Admin, w.Store, d.ID, "preferences", `{"v":1,"defaults":{"language":"nl"}}`,
		[]string{`{"v":2}`, `{"v":1,"defaults":{"forward":"fax"}}`, `{"v":1,"defaults":7}`}, func() error {
			_, err := w.p.Policy(ctx, w.Admin.AsHost(d.ID))
			return err
		})
	chatadmintest.PutSettings(t, w.Store, w.Domain, func(set *chatadmin.Settings) {
		set.Policies = map[string]json.RawMessage{"preferences": []byte(`{"v":9}`)}
	})
	require.Equal(t, preferences.CanRespond, w.shown().InForce.Forward, "as without defaults")
	_, err = w.p.SetDefaults(ctx, w.S, setter("language", "nl"))
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
}

func TestNew(t *testing.T) {
	w := newWorld(t)
	for name, o := range map[string]preferences.Options{
		"page twice":      {Pages: []preferences.Page{{Name: "a"}, {Name: "a"}}},
		"page's name":     {Pages: []preferences.Page{{Name: "A b"}}},
		"no name":         {Pages: []preferences.Page{{}}},
		"platform twice":  {Platforms: []preferences.Platform{"a", "a"}},
		"platform's name": {Platforms: []preferences.Platform{"a.b"}},
		"address":         {NoReply: "noreply@desk.example\nBcc: x@y.example"},
		"many platforms":  {Platforms: make([]preferences.Platform, 21)},
	} {
		_, err := preferences.New(w.Admin, &o)
		require.ErrorIs(t, err, chatadmin.ErrInvalid, name)
	}
	_, err := preferences.New(nil, nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
}
