package devices

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// What is known by sight to give no reason against a device gives none when it
// is decoded, and what the library writes of a device that is let in is known
// by sight.
func FuzzPlain(f *testing.F) {
	hash := chatadmin.Token{}.Hash(wipePurpose)
	for _, d := range []data{{}, {Push: "token"}, {Wipe: hash}, {Push: "token", Wipe: hash}, {Reasons: ByAdmin, Wipe: hash}, {Push: `a"b\c<d>`, Wipe: hash}} {
		text, err := datas.Encode(&d)
		require.NoError(f, err)
		require.Equal(f, d.Reasons == 0 && !strings.Contains(d.Push, `"`), plain(text), "%s", text)
		f.Add(text)
		f.Add(text[:len(text)-1])
		f.Add(append(text, '}'))
	}
	for _, text := range []string{``, `{}`, `null`, `{"v":1}`, `{"v":2}`, `{"v":11}`, `{"v":1,"disabled_by":"admin"}`, `{"v":1,"push":"x","disabled_by":"admin"}`, `{"v":1,"push":"x","push":"y"}`, `{"v":1,"wipe":"x"}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		row := storage.Device{ID: "x", Domain: "y", Status: uint8(Enabled), Data: text}
		d, bad := decodeData(&row)
		if plain(text) {
			require.Nil(t, bad)
			require.Zero(t, d.Reasons)
		}
		require.Equal(t, bad == nil && d.Reasons == 0, letsIn(&row))
	})
}
