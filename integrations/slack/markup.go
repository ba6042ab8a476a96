package slack

import "strings"

// maxText is what Slack keeps of a message: it cuts longer ones itself, without
// a sign.
const maxText = 40000

// maxEdit is what chat.update takes: it refuses more than 4,000 with
// msg_too_long. Bytes of the escaped text are counted, which is never more than
// what Slack counts. See https://docs.slack.dev/reference/methods/chat.update.
const maxEdit = 4000

// longEdit ends an edit that was cut.
const longEdit = "… [the edited message is too long for Slack: the rest is missing here]"

// Escape makes Slack's markup of plain text: every "&", "<" and ">" is escaped,
// so that no text of a member becomes a mention, a channel-wide ping or a link
// with another name. Text beyond 40,000 bytes is cut, with "…". It takes linear
// time. See https://docs.slack.dev/messaging/formatting-message-text.
func Escape(text string) string {
	text = clean(text)
	var b strings.Builder
	b.Grow(len(text) + 4*strings.Count(text, "&") + 3*(strings.Count(text, "<")+strings.Count(text, ">")))
	from := 0 // what is not copied yet
	for i := 0; i < len(text); i++ {
		with := ""
		switch text[i] {
		case '&':
			with = "&amp;"
		case '<':
			with = "&lt;"
		case '>':
			with = "&gt;"
		default:
			continue
		}
		if from < i {
			b.WriteString(text[from:i])
		}
		b.WriteString(with)
		from = i + 1
	}
	b.WriteString(text[from:])
	return shorten(b.String(), maxText, "…")
}

// shorten cuts markup without references to a number of bytes, behind a whole
// character or escape, and says so at its end.
func shorten(markup string, most int, end string) string {
	if len(markup) <= most {
		return markup
	}
	cut := strings.ToValidUTF8(markup[:most-len(end)], "")
	if i := strings.LastIndexByte(cut, '&'); i >= 0 && i > len(cut)-len("&amp;") && !strings.Contains(cut[i:], ";") {
		cut = cut[:i]
	}
	return cut + end
}

// Names tells what mentions are called: the display name of a user, and the
// name of a channel; "" where it is not known.
type Names struct {
	User    func(id string) string
	Channel func(id string) string
}

// Plain makes plain text of Slack's markup: mentions become "@name" and
// "#name", links "name (address)", and escapes the characters they stand for.
// Marks of emphasis stay as they are, since they read well. What looks like
// markup and is none stays too. It takes linear time, however deep it is
// nested.
func Plain(markup string, n Names) string {
	markup = clean(markup)
	b := make([]byte, 0, len(markup)+16)
	from := 0 // what is not copied yet
	for i := 0; i < len(markup); {
		switch markup[i] {
		case '<':
			end := i + 1
			for end < len(markup) && markup[end] != '<' && markup[end] != '>' && markup[end] != '\n' {
				end++
			}
			if end > i+1 && end < len(markup) && markup[end] == '>' {
				b = n.reference(append(b, markup[from:i]...), markup[i+1:end])
				from, i = end+1, end+1
				continue
			}
			i++ // an escape behind it is one
		case '&':
			char, size := entity(markup[i:])
			if size > 1 { // else it stands for itself
				b = append(append(b, markup[from:i]...), char)
				from = i + size
			}
			i += size
		default:
			i++
		}
	}
	return clean(string(append(b, markup[from:]...)))
}

// clean is valid UTF-8 without NUL.
func clean(s string) string {
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "")
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// entity reads one of the three escapes that there are.
func entity(s string) (char byte, size int) {
	if len(s) < 4 {
		return '&', 1
	}
	switch s[1] {
	case 'a':
		if strings.HasPrefix(s, "&amp;") {
			return '&', 5
		}
	case 'l':
		if s[:4] == "&lt;" {
			return '<', 4
		}
	case 'g':
		if s[:4] == "&gt;" {
			return '>', 4
		}
	}
	return '&', 1
}

// unescape reads the escapes in a text without references.
func unescape(s string) string {
	if !strings.Contains(s, "&") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		if s[i] != '&' {
			b = append(b, s[i])
			i++
			continue
		}
		char, size := entity(s[i:])
		b = append(b, char)
		i += size
	}
	return string(b)
}

// reference appends what stands for the inside of <…>.
func (n Names) reference(b []byte, in string) []byte {
	target, label, named := in, "", false
	if i := strings.IndexByte(in, '|'); i >= 0 {
		target, label, named = in[:i], unescape(in[i+1:]), true
	}
	sign, name := byte('@'), ""
	switch {
	case target == "":
	case target[0] == '@':
		name = first(label, call(n.User, target[1:]), target[1:])
	case target[0] == '#':
		sign, name = '#', first(label, call(n.Channel, target[1:]), target[1:])
	case strings.HasPrefix(target, "!date^"):
		return append(b, first(label, "a date")...)
	case target[0] == '!':
		name = first(strings.TrimPrefix(label, "@"), strings.TrimPrefix(unescape(target[1:]), "subteam^"))
	}
	if name != "" || target == "@" || target == "#" || target == "!" {
		return append(append(b, sign), name...)
	}
	address := unescape(strings.TrimPrefix(target, "mailto:"))
	if !named || label == "" || label == address || label == strings.TrimPrefix(strings.TrimPrefix(address, "https://"), "http://") {
		return append(b, address...)
	}
	return append(append(append(append(b, label...), " ("...), address...), ')')
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
