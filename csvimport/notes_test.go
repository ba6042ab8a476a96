package csvimport

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// Notes come out as they went in, packed and as JSON.
func TestNotes(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	args := []string{"", "7", "007", "4294967295", "4294967296", "-1", "the login is blank", "at most 250 bytes fit here", "\x00", "é"}
	var want []note
	for row := range 500 {
		for range r.IntN(4) {
			n := note{Row: row, Code: "of the host's own", Col: int16(r.IntN(int(columns)+1) - 1), Arg: args[r.IntN(len(args))]}
			if i := r.IntN(len(knownCodes) + 1); i < len(knownCodes) {
				n.Code = knownCodes[i]
			}
			want = append(want, n)
		}
	}
	var ns notes
	for _, n := range want {
		ns.add(n)
	}
	ns.pack()
	require.Equal(t, want, slices.Collect(ns.all()))
	data, err := json.Marshal(chunk{Notes: ns})
	require.NoError(t, err)
	var again chunk
	require.NoError(t, json.Unmarshal(data, &again))
	require.Equal(t, want, slices.Collect(again.Notes.all()))
	listed, err := json.Marshal(want)
	require.NoError(t, err)
	require.Contains(t, string(data), string(listed), "as it was kept before")
	data, err = json.Marshal(chunk{Letters: "c"})
	require.NoError(t, err)
	require.Equal(t, `{"l":"c"}`, string(data))

	again.Notes.insert(note{Row: 499, Code: CodeNoManager}, note{Row: 0, Code: CodeOwnManager})
	all := slices.Collect(again.Notes.all())
	require.Len(t, all, len(want)+2)
	require.True(t, slices.IsSortedFunc(all, func(a, b note) int { return a.Row - b.Row }))
}

// A plan in which every row has six faults holds some bytes for each, and tells
// of every one.
func TestManyFaults(t *testing.T) {
	const rows = 20000
	ctx := t.Context()
	var b strings.Builder
	b.WriteString("login,name,title,mobile,enabled,role\n")
	long := strings.Repeat("x", 300)
	for n := range rows {
		fmt.Fprintf(&b, "bad%d,%s,%s,%s,maybe,nothing\n", n, long, long, long)
	}
	file := b.String()
	a := chatadmintest.Must(chatadmin.New(memstore.New(nil), nil))
	d, boss, err := a.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example"}})
	require.NoError(t, err)
	s := a.As(d.ID, boss.ID)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	p, err := ImportsOf(s).Plan(ctx, s, strings.NewReader(file), SkipExisting, nil)
	require.NoError(t, err)
	runtime.GC()
	runtime.ReadMemStats(&after)
	require.EqualValues(t, rows, p.Counts.Failed)
	held := float64(after.HeapAlloc) - float64(before.HeapAlloc)
	require.Less(t, held/rows, 100.0, "bytes a row of six faults")
	told := 0
	require.NoError(t, p.Outcomes(ctx, s, strings.NewReader(file), func(o Outcome) error {
		told += len(o.Notes)
		return nil
	}))
	require.Equal(t, 6*rows, told)
}
