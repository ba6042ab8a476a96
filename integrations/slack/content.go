package slack

import (
	"encoding/json"
	"strings"
)

// unshown stands for a message of which nothing can be shown, so that the group
// sees that there is one.
const unshown = "[a message that cannot be shown here: look at it in Slack]"

const (
	mostContent = maxText // bytes of one message's content
	mostDepth   = 12      // of blocks within blocks
)

// text is what can be read of a message, as Slack's markup: its text or, where
// it has none, its blocks; then its attachments, such as forwarded messages,
// and a line for each file. It is empty if there is nothing of these.
func (e *event) text() string {
	c := &content{}
	if c.line(e.Text); c.empty() {
		c.blocks(list(e.Blocks), 0)
	}
	for _, v := range list(e.Attachments) {
		c.attachment(fields(v))
	}
	c.files(list(e.Files))
	return c.b.String()
}

// content collects lines, up to mostContent bytes.
type content struct{ b strings.Builder }

func (c *content) empty() bool { return c.b.Len() == 0 }

// line adds a line of markup that is not blank.
func (c *content) line(s string) {
	if strings.TrimSpace(s) == "" || c.b.Len()+len(s) > mostContent && !c.empty() {
		return
	}
	if !c.empty() {
		c.b.WriteByte('\n')
	}
	c.b.WriteString(s)
}

// list, fields and word read JSON of whatever form: what has another form than
// expected is empty.
func list(v any) []any {
	if raw, ok := v.(json.RawMessage); ok {
		v = nil
		if len(raw) > 0 && json.Unmarshal(raw, &v) != nil {
			return nil
		}
	}
	l, _ := v.([]any)
	return l
}

func fields(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

func word(m map[string]any, name string) string {
	s, _ := m[name].(string)
	return s
}

// files adds a line for each file, with its name where it has one.
func (c *content) files(files []any) {
	for _, v := range files {
		f := fields(v)
		if f == nil {
			continue
		}
		if name := first(word(f, "name"), word(f, "title")); name != "" {
			c.line("[file: " + Escape(name) + "]")
		} else {
			c.line("[file]")
		}
	}
}

// attachment adds a forwarded message, or what an app has attached. Previews of
// links are left out of a message that has a text. See
// https://docs.slack.dev/legacy/legacy-messaging/legacy-secondary-message-attachments.
func (c *content) attachment(a map[string]any) {
	shared, _ := a["is_share"].(bool)
	if a == nil || !shared && !c.empty() && first(word(a, "from_url"), word(a, "original_url")) != "" {
		return
	}
	before := c.b.Len()
	if shared {
		c.line("[forwarded from " + first(Escape(first(word(a, "author_name"), word(a, "author_subname"))), "somebody") + "]")
	} else {
		c.line(word(a, "pretext"))
		c.line(link(word(a, "title_link"), word(a, "title")))
	}
	text := &content{}
	if text.line(word(a, "text")); text.empty() {
		text.blocks(list(a["blocks"]), 0)
		for _, m := range list(a["message_blocks"]) {
			text.blocks(list(fields(fields(m)["message"])["blocks"]), 0)
		}
	}
	c.line(text.b.String())
	for _, v := range list(a["fields"]) {
		f := fields(v)
		c.line(strings.TrimPrefix(word(f, "title")+": "+word(f, "value"), ": "))
	}
	c.files(list(a["files"]))
	if first(word(a, "image_url"), word(a, "thumb_url")) != "" && c.b.Len() == before {
		c.line("[image]")
	}
	if fallback := word(a, "fallback"); c.b.Len() == before && fallback != "[no preview available]" {
		c.line(fallback)
	}
}

// blocks adds a line for each block that says something.
// See https://docs.slack.dev/reference/block-kit/blocks.
func (c *content) blocks(blocks []any, depth int) {
	if depth > mostDepth {
		return
	}
	for _, v := range blocks {
		b := fields(v)
		switch word(b, "type") {
		case "rich_text", "rich_text_list":
			c.blocks(list(b["elements"]), depth+1)
		case "rich_text_section", "rich_text_quote", "rich_text_preformatted":
			var line strings.Builder
			for _, e := range list(b["elements"]) {
				line.WriteString(inline(fields(e)))
			}
			c.line(line.String())
		case "section", "header", "markdown":
			c.line(object(b["text"]))
			for _, f := range list(b["fields"]) {
				c.line(object(f))
			}
		case "context":
			var parts []string
			for _, e := range list(b["elements"]) {
				if text := first(object(e), picture(fields(e))); text != "" {
					parts = append(parts, text)
				}
			}
			c.line(strings.Join(parts, " "))
		case "image":
			c.line(picture(b))
		case "video":
			c.line("[video: " + first(object(b["title"]), Escape(word(b, "alt_text"))) + "]")
		case "file":
			c.line("[file]")
		}
	}
}

// object is a text object of Block Kit, or a bare text, as markup.
func object(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	o := fields(v)
	switch word(o, "type") {
	case "mrkdwn":
		return word(o, "text")
	case "plain_text":
		return Escape(word(o, "text"))
	}
	return ""
}

func picture(b map[string]any) string {
	if word(b, "type") != "image" {
		return ""
	}
	if alt := first(object(b["title"]), Escape(word(b, "alt_text"))); alt != "" {
		return "[image: " + alt + "]"
	}
	return "[image]"
}

// inline is one element of rich text as markup.
func inline(e map[string]any) string {
	switch word(e, "type") {
	case "text":
		return Escape(word(e, "text"))
	case "link":
		return link(word(e, "url"), Escape(word(e, "text")))
	case "user":
		return mention("@", word(e, "user_id"))
	case "channel":
		return mention("#", word(e, "channel_id"))
	case "usergroup":
		return mention("!subteam^", word(e, "usergroup_id"))
	case "broadcast":
		return mention("!", word(e, "range"))
	case "emoji":
		return ":" + Escape(word(e, "name")) + ":"
	case "date":
		return Escape(word(e, "fallback"))
	}
	return ""
}

func mention(sign, id string) string {
	if id == "" || strings.ContainsAny(id, "<>|&\n") {
		return ""
	}
	return "<" + sign + id + ">"
}

// link is an address with a label, or one of the two.
func link(address, label string) string {
	if address == "" || strings.ContainsAny(label, "<>\n") {
		return label
	}
	address = strings.NewReplacer("|", "%7C", "\n", "", "<", "%3C", ">", "%3E", "&", "&amp;").Replace(address)
	if label == "" {
		return "<" + address + ">"
	}
	return "<" + address + "|" + label + ">"
}
