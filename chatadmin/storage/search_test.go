package storage_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

func TestFoldSearch(t *testing.T) {
	for s, want := range map[string]string{
		"":                     "",
		"ann@acme.example":     "ann@acme.example",
		"Ann":                  "ann",
		"  Mary\t Ann  ":       "mary ann",
		"José García":          "jose garcia",
		"Jose\u0301":           "jose",
		"ＪＯＳÉ":                 "jose",
		"Łukasz Øverår":        "lukasz overar",
		"Ömer Yılmaz":          "omer yilmaz",
		"İpek":                 "ipek",
		"Straße":               "strasse",
		"Æsir Œuvre Þór":       "aesir oeuvre thor",
		"Νίκος":                "νικοσ",
		"Ёлкин":                "елкин",
		"한국":                   "한국",
		"山田":                   "山田",
		"O'Neil":               "o'neil",
		"50%_\\":               "50%_\\",
		"a\u00a0b\u2003c":      "a b c",
		"ﬁnn":                  "finn",
		"\u0301":               "",
		"mary ann ":            "mary ann",
		"कि":                   "कि", // no accents, but vowels
		"user\u200d@x.example": "user\u200d@x.example",
	} {
		require.Equal(t, want, storage.FoldSearch(s), "%q", s)
	}
}

func TestSearchText(t *testing.T) {
	for want, u := range map[string]storage.User{
		"ann smith\nann@acme.example":      {NameKey: "ann smith", LoginKey: "ann@acme.example", Email: "Ann@Acme.example"},
		"ann smith\nann\nann@acme.example": {NameKey: "ann smith", LoginKey: "ann", Email: "Ann@Acme.example"},
		"ann smith\nann":                   {NameKey: "ann smith", LoginKey: "ann"},
		"ann\nann@acme.example":            {NameKey: "ann", LoginKey: "ann", Email: "ann@acme.example"},
	} {
		require.Equal(t, want, u.SearchText())
	}
	u := storage.User{NameKey: "josé", LoginKey: "josé"}
	require.Equal(t, "jose", u.SearchText(), "a login that is the name stands there once")
}

// Folding twice, or folding a key of the library, is folding once.
func FuzzFoldSearch(f *testing.F) {
	for _, s := range []string{"", "Ann", "José", "İI", "ǅ", "ﬁ", "Ω Å", "  a  b ", "\u0345\u0301", "ẞ", "ⅷ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return
		}
		once := storage.FoldSearch(s)
		require.Equal(t, once, storage.FoldSearch(once), "%q", s)
		require.Equal(t, once, storage.FoldSearch(chatadmin.Fold(s)), "%q", s)
		require.False(t, strings.ContainsAny(once, "\n\x00") || strings.Contains(once, "  "), "%q", s)
	})
}
