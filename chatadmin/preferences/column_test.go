package preferences_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/preferences"
	"chatadmin.example/sdk/csvimport"
)

func (w *world) imports() *csvimport.Imports {
	w.T.Helper()
	x, err := csvimport.New(w.Admin, nil)
	require.NoError(w.T, err)
	return x
}

// imported imports a file, and returns the codes of its only row.
func (w *world) imported(file string) (codes []string) {
	w.T.Helper()
	in := strings.NewReader(file)
	r, err := w.imports().Import(ctx, w.S, in, csvimport.UpdateExisting, nil)
	require.NoError(w.T, err)
	require.NoError(w.T, r.Outcomes(ctx, w.S, strings.NewReader(file), func(o csvimport.Outcome) error {
		for _, n := range o.Notes {
			codes = append(codes, strings.ReplaceAll(n.Column, " ", "_")+" "+n.Code)
		}
		return nil
	}))
	return slices.Sorted(slices.Values(codes))
}

// pool are values of each key, right and wrong.
var pool = map[string][]string{
	"language":           {"", "de", "nl-BE", "sv"},
	"landing":            {"", "home", "webcare", "publishing", "nowhere"},
	"availability":       {"", "manual", "Online", "online and available for live chat", "away"},
	"live_chat":          {"", "chat-7", strings.Repeat("x", 250)},
	"avatar":             {"", "blob/7"},
	"notify_assigned":    {"", "on", "OFF", "perhaps"},
	"notify_unpublished": {"", "on", "2"},
	"forward":            {"", "no_reply", "own_client", "fax"},
	"suffix.twitter":     {"", "^AR", "^Ann Ames", strings.Repeat("y", 101)},
	"account.whatsapp":   {"", "w-1"},
}

// The form and a file come to the same verdicts, and keep the same.
func TestFormAndFileAgree(t *testing.T) {
	w := newWorld(t)
	rnd := rand.New(rand.NewPCG(7, 7))
	keys := w.p.Keys()
	for n := range 150 {
		var names, cells []string
		var pairs []string
		for _, key := range keys {
			values := pool[key]
			if len(values) == 0 || rnd.IntN(3) == 0 {
				continue
			}
			value := values[rnd.IntN(len(values))]
			names, cells = append(names, strings.NewReplacer(".", " ", "_", " ").Replace(key)), append(cells, value)
			pairs = append(pairs, key, value)
		}
		form := person(fmt.Sprintf("form%d", n))
		form.Parts = []chatadmin.UserPart{w.p.Part(setter(pairs...))}
		u, err := w.S.CreateUser(ctx, form)
		var want []string
		var many *chatadmin.FieldErrors
		if errors.As(err, &many) {
			for _, f := range many.Fields {
				want = append(want, strings.ReplaceAll(f.Field, ".", "_")+" "+f.Code)
			}
		} else {
			require.NoError(t, err)
		}
		var file bytes.Buffer
		out := csv.NewWriter(&file)
		login := fmt.Sprintf("file%d", n)
		require.NoError(t, out.Write(append([]string{"login", "email", "first name", "last name"}, names...)))
		require.NoError(t, out.Write(append([]string{login, login + "@acme.example", "A", "Person"}, cells...)))
		out.Flush()
		require.Equal(t, slices.Sorted(slices.Values(want)), w.imported(file.String()), "%s", file.String())
		if err == nil {
			is, err := w.S.UserByLogin(ctx, login)
			require.NoError(t, err)
			require.Equal(t, string(u.Attrs), string(is.Attrs))
		}
	}
}

// An export holds the preferences, and importing it changes nothing.
func TestExport(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.set(w.S, "language", "nl", "landing", "webcare", "availability", "none", "suffix.twitter", "=^A", "account.whatsapp", "+31612345678", "forward", "own_client", "live_chat", "7", "avatar", "b"))
	before := w.Row(w.ann)
	var b bytes.Buffer
	_, err := csvimport.Export(ctx, w.S, &b, csvimport.ImportFormat, nil)
	require.NoError(t, err)
	head, _, _ := strings.Cut(b.String(), "\n")
	require.Contains(t, head, ",language,landing,availability,live chat,avatar,notify assigned,notify unpublished,forward,suffix twitter,suffix facebook,suffix whatsapp,account twitter")
	r, err := w.imports().Import(ctx, w.S, bytes.NewReader(b.Bytes()), csvimport.UpdateExisting, nil)
	require.NoError(t, err)
	require.EqualValues(t, 2, r.Counts.Unchanged)
	require.Equal(t, before, w.Row(w.ann))

	require.Contains(t, b.String(), ",manual,", "none would be a blank cell")

	// Blank cells keep, and other headings mean the same.
	require.Empty(t, w.imported("username,Landing page,Default availability\nann,,online\n"))
	is := w.shown().Own
	require.Equal(t, []any{"webcare", preferences.Online}, []any{is.Landing, is.Availability})
	require.Equal(t, []string{"Landing_page bad_landing"}, w.imported("username,Landing page\nann,publishing\n"))

	// Other presets have other columns.
	d, _, err := w.Admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Office", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example"}})
	require.NoError(t, err)
	b.Reset()
	_, err = csvimport.Export(ctx, w.Admin.AsHost(d.ID), &b, csvimport.ImportFormat, nil)
	require.NoError(t, err)
	require.NotContains(t, b.String(), "landing")
}
