package slack_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/integrations/slack"
)

var names = slack.Names{
	User: func(id string) string {
		switch id {
		case "U1":
			return "ann"
		case "U2":
			return "<!channel>"
		}
		return ""
	},
	Channel: func(id string) string {
		if id == "C1" {
			return "general"
		}
		return ""
	},
}

func TestPlain(t *testing.T) {
	for markup, want := range map[string]string{
		"":                                      "",
		"plain":                                 "plain",
		"a &amp; b &lt;c&gt; &amp;lt;":          "a & b <c> &lt;",
		"&nbsp; &AMP; & &amp":                   "&nbsp; &AMP; & &amp",
		"<@U1> <@U1|x> <@U9> <@U9|bob>":         "@ann @x @U9 @bob",
		"<@U2>":                                 "@<!channel>",
		"<#C1> <#C9|random> <#C9>":              "#general #random #C9",
		"<!channel> <!here|here> <!everyone>":   "@channel @here @everyone",
		"<!subteam^S1|@ops> <!subteam^S2>":      "@ops @S2",
		"<!date^1392734382^{date}|18 Feb>":      "18 Feb",
		"<!date^1>":                             "a date",
		"<https://a.example/?b=1&amp;c=2>":      "https://a.example/?b=1&c=2",
		"<https://a.example|our &lt;site&gt;>":  "our <site> (https://a.example)",
		"<http://a.example|a.example>":          "http://a.example",
		"<https://a.example|https://a.example>": "https://a.example",
		"<mailto:b@a.example|b@a.example>":      "b@a.example",
		"<mailto:b@a.example|Bob>":              "Bob (b@a.example)",
		"*bold* _it_ ~no~ `code` ```x```":       "*bold* _it_ ~no~ `code` ```x```",
		"< <a <b>":                              "< <a b",
		"<>":                                    "<>",
		"<a\nb>":                                "<a\nb>",
		"x <":                                   "x <",
		"<@>":                                   "@",
		"<|x>":                                  "x ()",
		"bad \xff utf-8 \x00":                   "bad \uFFFD utf-8 ",
	} {
		require.Equal(t, want, slack.Plain(markup, names), markup)
	}
}

func TestEscape(t *testing.T) {
	for text, want := range map[string]string{
		"<!channel> & <@U1>":          "&lt;!channel&gt; &amp; &lt;@U1&gt;",
		"&lt;!channel&gt;":            "&amp;lt;!channel&amp;gt;",
		"<https://evil|https://bank>": "&lt;https://evil|https://bank&gt;",
		"a\x00b\xff":                  "ab\uFFFD",
	} {
		require.Equal(t, want, slack.Escape(text))
	}
	for _, long := range []string{strings.Repeat("&", 50000), strings.Repeat("é", 30000), "x" + strings.Repeat("é", 30000)} {
		cut := slack.Escape(long)
		require.LessOrEqual(t, len(cut), 40000)
		require.Greater(t, len(cut), 39980)
		require.True(t, utf8.ValidString(cut))
		require.True(t, strings.HasSuffix(cut, "…"))
		back := slack.Plain(strings.TrimSuffix(cut, "…"), names)
		require.True(t, strings.HasPrefix(long, back), "no escape is cut in two")
	}
}

// safe: no control character of the markup is left but in the three escapes.
func safe(t *testing.T, markup string) {
	t.Helper()
	require.NotContains(t, markup, "<")
	require.NotContains(t, markup, ">")
	rest := strings.NewReplacer("&amp;", "", "&lt;", "", "&gt;", "").Replace(markup)
	require.NotContains(t, rest, "&")
}

func FuzzEscape(f *testing.F) {
	for _, s := range []string{"<!channel>", "<@U1>", "&lt;!here&gt;", "a & b", "\x00<\x00!here>", "＜!channel＞"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		out := slack.Escape(text)
		safe(t, out)
		require.True(t, utf8.ValidString(out))
		if clean := strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "\uFFFD"); len(out) < 39000 {
			require.Equal(t, clean, slack.Plain(out, names), "there and back")
		}
	})
}

func FuzzPlain(f *testing.F) {
	for _, s := range []string{"<@U1>", "<<<<>>>>", "<!subteam^S|@x>", "<mailto:a|b>", "&amp;lt;", "<#C1|&lt;>", "<@U2>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, markup string) {
		plain := slack.Plain(markup, names)
		require.True(t, utf8.ValidString(plain))
		require.NotContains(t, plain, "\x00")
		require.LessOrEqual(t, len(plain), 16*len(markup)+16)
		safe(t, slack.Escape(plain))
	})
}

// Nothing that is nested, opened and never closed, or escaped many times costs
// more than plain text: benchmarks of 4,000 bytes each.
func BenchmarkMarkup(b *testing.B) {
	for name, s := range map[string]string{"plain": "hello world, ", "open": "<", "nested": "<@<!<#", "closed": ">", "entities": "&amp;", "ampersands": "&", "mentions": "<@U1>", "links": "<https://a.example|b&amp;c>", "labels": "<a|", "emphasis": "*_~`"} {
		text := strings.Repeat(s, 4000/len(s)+1)[:4000]
		b.Run("plain/"+name, func(b *testing.B) {
			for b.Loop() {
				slack.Plain(text, names)
			}
		})
		b.Run("escape/"+name, func(b *testing.B) {
			for b.Loop() {
				slack.Escape(text)
			}
		})
	}
}

// Twenty times the text takes about twenty times as long, whatever the text;
// the square would be four hundred.
func TestMarkupIsLinear(t *testing.T) {
	for _, s := range []string{"<", "<@<", "<a|", "&", "&amp", "<@U1", "<|<"} {
		cost := func(n int) time.Duration {
			text := strings.Repeat(s, n)
			best := time.Hour // the best of several: others work on this machine too
			for range 9 {
				begin := time.Now()
				slack.Plain(text, names)
				best = min(best, time.Since(begin))
			}
			return best
		}
		small, large := cost(5000), cost(100000)
		require.Less(t, large, 150*small, "%q", s)
	}
}
