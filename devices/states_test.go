package devices

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the tables of README.md anew")

var (
	wipes  = []Wipe{None, Requested, Delivered, Acknowledged, Failed, Cancelled}
	events = []Event{Register, Disable, DisableOwn, Enable, UserOut, UserIn, AskWipe, CancelWipe, DeliverWipe, WipeDone, WipeFailed}
)

// implied are the reasons that the state of the wipe brings along.
func implied(w Wipe) Reasons {
	switch {
	case w.Pending():
		return ByWipe
	case w == Acknowledged:
		return Wiped
	}
	return 0
}

// README.md shows what step does, event by event.
func TestTablesOfREADME(t *testing.T) {
	var b strings.Builder
	b.WriteString("```mermaid\nstateDiagram-v2\n    [*] --> none: register\n")
	for _, w := range wipes {
		for _, e := range events {
			if to, _, err := step(e, w, implied(w)); err == nil && to != w {
				fmt.Fprintf(&b, "    %s --> %s: %s\n", w, to, e)
			}
		}
	}
	b.WriteString("```\n\n| the wipe is | " + join(events, " | ") + " |\n|---" + strings.Repeat("|---", len(events)) + "|\n")
	for _, w := range wipes {
		b.WriteString("| " + w.String())
		for _, e := range events {
			switch to, _, err := step(e, w, implied(w)); {
			case err != nil:
				b.WriteString(" | refused")
			case to == w:
				b.WriteString(" | =")
			default:
				b.WriteString(" | " + to.String())
			}
		}
		b.WriteString(" |\n")
	}
	b.WriteString("\n| | refused while disabled by | takes away | adds |\n|---|---|---|---|\n")
	for _, rule := range rules {
		if rule.refuse|rule.clear|rule.set != 0 {
			what := rule.on.String()
			if rule.from != nil {
				what += " (" + join(rule.from, ", ") + ")"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", what, rule.refuse, rule.clear, rule.set)
		}
	}
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	const begin, end = "<!-- begin of the tables -->\n", "<!-- end of the tables -->\n"
	before, rest, ok := strings.Cut(string(text), begin)
	require.True(t, ok)
	_, after, ok := strings.Cut(rest, end)
	require.True(t, ok)
	want := before + begin + b.String() + end + after
	if *update {
		require.NoError(t, os.WriteFile("README.md", []byte(want), 0o644))
	}
	require.Equal(t, want, string(text), "run go test ./devices -run TestTablesOfREADME -update")
}

func join[T fmt.Stringer](all []T, sep string) string {
	names := make([]string, len(all))
	for i, v := range all {
		names[i] = v.String()
	}
	return strings.Join(names, sep)
}

// What must hold whatever happens, from every state that can be reached.
func TestReachableStates(t *testing.T) {
	type state struct {
		w Wipe
		r Reasons
	}
	seen := map[state]bool{{}: true}
	for queue := []state{{}}; len(queue) > 0; queue = queue[1:] {
		s := queue[0]
		require.Equal(t, s.w.Pending(), s.r&ByWipe != 0, "%s, disabled by %q", s.w, s.r)
		require.False(t, s.w.Pending() && s.r.status() == Enabled)
		for _, e := range events {
			w, r, err := step(e, s.w, s.r)
			if err != nil {
				require.True(t, errors.Is(err, ErrState))
				require.Equal(t, s, state{w, r}, "what is refused changes nothing")
				continue
			}
			again, reasons, err := step(e, w, r)
			if err == nil {
				require.Equal(t, state{w, r}, state{again, reasons}, "%s twice", e)
			}
			if s.w.Pending() && !w.Pending() {
				require.Contains(t, []Event{CancelWipe, WipeDone, WipeFailed}, e, "only these end a wipe")
			}
			if s.w == Delivered {
				require.NotEqual(t, Cancelled, w, "delivered is not cancelled")
			}
			if s.r&ByUser != 0 && r&ByUser == 0 {
				require.Equal(t, UserIn, e, "only the user's access brings back what its loss took")
			}
			if s.r&ByAdmin != 0 && r&ByAdmin == 0 {
				require.Equal(t, Enable, e, "only an administrator enables what one disabled")
			}
			if s.r&ByOwner != 0 && r&ByOwner == 0 {
				require.Equal(t, Enable, e, "nor does a device come back by itself that its user disabled")
			}
			if next := (state{w, r}); !seen[next] {
				seen[next] = true
				queue = append(queue, next)
			}
		}
	}
	require.Greater(t, len(seen), 12)
}

func TestTexts(t *testing.T) {
	for r := range Reasons(32) {
		text, err := r.MarshalText()
		require.NoError(t, err)
		var back Reasons
		require.NoError(t, back.UnmarshalText(text))
		require.Equal(t, r, back)
	}
	for _, w := range wipes {
		var back Wipe
		require.NoError(t, back.UnmarshalText([]byte(w.String())))
		require.Equal(t, w, back)
	}
	var r Reasons
	var w Wipe
	require.Error(t, r.UnmarshalText([]byte("admin,x")))
	require.Error(t, w.UnmarshalText([]byte("x")))
	require.Equal(t, []string{"unknown", "unknown", "unknown", "unknown"}, []string{Wipe(9).String(), Status(9).String(), Type(0).String(), Event(99).String()})
	for typ := IOS; typ <= OtherType; typ++ {
		back, err := ParseType(typ.String())
		require.NoError(t, err)
		require.Equal(t, typ, back)
	}
	for _, s := range []string{"", "IOS", "phone", "unknown"} {
		_, err := ParseType(s)
		require.Error(t, err)
		_, err = ParseStatus(s)
		require.Error(t, err)
	}
	require.False(t, slices.Contains(typeNames[1:], ""))
}
