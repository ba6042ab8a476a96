package slack

import "strings"

// maxText is what Slack keeps of a message: it cuts longer ones itself, without a sign.
const maxText = 40000

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\x00", "")

// Escape makes Slack's markup of plain text: every "&", "<" and ">" is escaped, so that no text of a member becomes a mention, a channel-wide ping or a link with another name. Text
// beyond 40,000 bytes is cut, with "…". It takes linear time. See https://docs.slack.dev/messaging/formatting-message-text.
func Escape(text string) string {
	escaped := escaper.Replace(strings.ToValidUTF8(text, "\uFFFD"))
	if len(escaped) <= maxText {
		return escaped
	}
	cut := strings.ToValidUTF8(escaped[:maxText-len("…")], "")
	if i := strings.LastIndexByte(cut, '&'); i >= 0 && i > len(cut)-len("&amp;") && !strings.Contains(cut[i:], ";") {
		cut = cut[:i]
	}
	return cut + "…"
}

// Names tells what mentions are called: the display name of a user, and the name of a channel; "" where it is not known.
type Names struct {
	User    func(id string) string
	Channel func(id string) string
}

// Plain makes plain text of Slack's markup: mentions become "@name" and "#name", links "name (address)", and escapes the characters they stand for. Marks of emphasis stay as they
// are, since they read well. What looks like markup and is none stays too. It takes linear time, however deep it is nested.
func Plain(markup string, n Names) string {
	var b strings.Builder
	b.Grow(len(markup))
	for i := 0; i < len(markup); {
		switch markup[i] {
		case '<':
			end := strings.IndexAny(markup[i+1:], "<>\n") // stops at the next "<": what was looked at once is not looked at again
			if end > 0 && markup[i+1+end] == '>' {
				b.WriteString(n.reference(markup[i+1 : i+1+end]))
				i += end + 2
				continue
			}
			b.WriteByte('<')
			i++
		case '&':
			char, size := entity(markup[i:])
			b.WriteByte(char)
			i += size
		default:
			end := strings.IndexAny(markup[i:], "<&")
			if end < 0 {
				end = len(markup) - i
			}
			b.WriteString(markup[i : i+end])
			i += end
		}
	}
	return strings.ReplaceAll(strings.ToValidUTF8(b.String(), "\uFFFD"), "\x00", "")
}

// entity reads one of the three escapes that there are.
func entity(s string) (char byte, size int) {
	switch {
	case strings.HasPrefix(s, "&amp;"):
		return '&', 5
	case strings.HasPrefix(s, "&lt;"):
		return '<', 4
	case strings.HasPrefix(s, "&gt;"):
		return '>', 4
	}
	return '&', 1
}

func unescape(s string) string {
	return Plain(strings.ReplaceAll(s, "<", "&lt;"), Names{})
}

// reference is what stands for the inside of <…>.
func (n Names) reference(in string) string {
	target, label, named := strings.Cut(in, "|")
	label = unescape(label)
	switch {
	case strings.HasPrefix(target, "@"):
		return "@" + first(label, call(n.User, target[1:]), target[1:])
	case strings.HasPrefix(target, "#"):
		return "#" + first(label, call(n.Channel, target[1:]), target[1:])
	case strings.HasPrefix(target, "!subteam^"):
		return "@" + first(strings.TrimPrefix(label, "@"), target[len("!subteam^"):])
	case strings.HasPrefix(target, "!date^"):
		return first(label, "a date")
	case strings.HasPrefix(target, "!"):
		return "@" + first(strings.TrimPrefix(label, "@"), unescape(target[1:]))
	}
	address := unescape(strings.TrimPrefix(target, "mailto:"))
	if !named || label == "" || label == address || label == strings.TrimPrefix(strings.TrimPrefix(address, "https://"), "http://") {
		return address
	}
	return label + " (" + address + ")"
}

func call(f func(string) string, id string) string {
	if f == nil {
		return ""
	}
	return f(id)
}

func first(options ...string) string {
	for _, s := range options {
		if s != "" {
			return s
		}
	}
	return ""
}
