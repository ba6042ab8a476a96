package preferences

import (
	"fmt"
	"net/mail"
	"net/url"
	"strings"
	"unicode"

	"chatadmin.example/sdk/chatadmin"
)

// Message is a customer's message that a user forwards.
type Message struct {
	Author   string // as the platform shows them
	Platform Platform
	Text     string
	Link     string // to the message in the product: absolute, http or https
	// To is the recipient, one bare address. With OwnClient it may be "".
	To string
	// Comment is what the user adds; it may be "".
	Comment string
}

const (
	mostForwarded = 50_000 // bytes of a text or comment
	mostMailto    = 2_000  // bytes of a mailto link that common programs open
)

// Forwarded is a message that is to be forwarded: a mail, or, with OwnClient, a
// link.
type Forwarded struct {
	Mode Forward
	// Mail is for the host's Mailer. Its ID is "": the host sets one if it may
	// send the mail twice.
	Mail chatadmin.Mail
	// Mailto opens the user's own e-mail program (RFC 6068).
	Mailto string
}

// Forward composes the mail by which u forwards a message, as v, which InForce
// has returned, says:
//
//	mode         From                 Reply-To         what is sent
//	can_respond  the Mailer's sender  the user         comment, message and link
//	no_reply     Options.NoReply      -                comment, message and link
//	own_client   the user             the user's       a mailto link that holds comment and link
//
// The words are in the user's language. All that is wrong with m comes at once,
// as *chatadmin.FieldErrors. No line of m becomes a header.
func (p *Preferences) Forward(v *Values, u *chatadmin.User, m Message) (Forwarded, error) {
	wrong := m.faults(v.Forward)
	switch {
	case v.Forward == CanRespond && u.Email == "":
		wrong = append(wrong, &chatadmin.FieldError{Field: "email", Code: chatadmin.CodeMissing,
			Reason: "the recipient answers to the address of the user, who has none: add it, or forward without an answer"})
	case v.Forward == NoReply && p.o.NoReply == "":
		wrong = append(wrong, &chatadmin.FieldError{Field: "forward", Value: string(v.Forward), Code: CodeBadChoice,
			Reason: "this program has no address that nobody reads: choose " + list(p.forwards())})
	}
	if len(wrong) > 0 {
		return Forwarded{}, &chatadmin.FieldErrors{Fields: wrong}
	}
	words := p.admin.Texts().Printer(p.Speaks(v).String())
	f := Forwarded{Mode: v.Forward}
	subject := oneLine(words.Sprintf("forward.subject", m.Author, string(m.Platform)))
	if v.Forward == OwnClient {
		f.Mailto = Mailto(m.To, subject, joined(m.Comment, m.Link))
		if len(f.Mailto) > mostMailto {
			return Forwarded{}, &chatadmin.FieldErrors{Fields: []*chatadmin.FieldError{{Field: "comment", Code: chatadmin.CodeTooLong,
				Reason: "an e-mail program does not open so long a link: write the comment in the program"}}}
		}
		return f, nil
	}
	from := chatadmin.Cut(u.DisplayName)
	f.Mail = chatadmin.Mail{To: m.To, Subject: subject,
		Text: joined(words.Sprintf("forward.intro", from), m.Comment, quoted(m.Text), m.Link)}
	if v.Forward == NoReply {
		f.Mail.From = p.o.NoReply
		f.Mail.Text = joined(f.Mail.Text, words.Sprintf("forward.no_reply"))
	} else {
		f.Mail.ReplyTo = u.Email
	}
	return f, f.Mail.Check()
}

// faults are all that is wrong with a message.
func (m *Message) faults(mode Forward) (wrong []*chatadmin.FieldError) {
	bad := func(field, value, code, reason string) {
		wrong = append(wrong, &chatadmin.FieldError{Field: field, Value: chatadmin.Cut(value), Code: code, Reason: reason})
	}
	switch {
	case m.To == "" && mode == OwnClient:
	case m.To == "":
		bad("to", "", chatadmin.CodeMissing, "give the address of the recipient")
	default:
		a, err := mail.ParseAddress(m.To)
		if chatadmin.CheckEmail(m.To) != nil || err != nil || a.Address != m.To {
			bad("to", m.To, chatadmin.CodeBadEmail, "this is not an e-mail address such as ann@example.com")
		}
	}
	link, err := url.Parse(m.Link)
	if err != nil || link.Host == "" || link.Scheme != "http" && link.Scheme != "https" || strings.ContainsFunc(m.Link, func(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) }) {
		bad("link", m.Link, CodeBadLink, "give the whole link to the message, which begins with https://")
	}
	for _, f := range [][2]string{{"author", m.Author}, {"text", m.Text}, {"comment", m.Comment}} {
		if len(f[1]) > mostForwarded {
			bad(f[0], f[1], chatadmin.CodeTooLong, fmt.Sprintf("at most %d bytes fit here", mostForwarded))
		}
	}
	return wrong
}

// CodeBadLink is the code of a link that is not absolute, or neither http nor
// https.
const CodeBadLink = "bad_link"

// oneLine makes a subject of at most 150 bytes, without control characters.
func oneLine(s string) string {
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "\ufffd"), func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }), " ")
	const most = 150
	if len(s) <= most {
		return s
	}
	s = s[:most]
	return strings.ToValidUTF8(s, "") + "…"
}

// joined puts what is not blank into paragraphs, with line feeds as line ends.
func joined(parts ...string) string {
	var kept []string
	for _, part := range parts {
		if part = strings.TrimSpace(lines(part)); part != "" {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "\n\n")
}

// lines makes every line end a line feed, and takes other control characters
// away.
func lines(s string) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.ToValidUTF8(s, "\ufffd"))
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, s)
}

// quoted marks a text as somebody else's.
func quoted(text string) string {
	text = strings.TrimSpace(lines(text))
	if text == "" {
		return ""
	}
	return "> " + strings.ReplaceAll(text, "\n", "\n> ")
}

// Mailto makes a mailto link with one recipient or none, as RFC 6068 says: UTF-8
// and whatever separates is percent-encoded, a space is %20, and lines end in
// %0D%0A. to is a bare address.
func Mailto(to, subject, body string) string {
	return "mailto:" + encode(to, "@") + "?subject=" + encode(oneLine(subject), "") + "&body=" + encode(strings.ReplaceAll(lines(body), "\n", "\r\n"), "")
}

// encode percent-encodes what is neither unreserved in RFC 3986 nor among more.
func encode(s, more string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~"+more, c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}
