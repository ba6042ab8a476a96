package texts

import (
	"fmt"
	"strconv"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// Printer says texts in one language. It is safe for many goroutines.
type Printer struct {
	c   *Catalogue
	tag language.Tag
	p   *message.Printer
}

// Sprintf is the text of a key with its values. A key that does not exist is
// the text itself.
func (p *Printer) Sprintf(key string, values ...any) string { return p.p.Sprintf(key, values...) }

// Has reports whether there is a text.
func (p *Printer) Has(key string) bool { return p.c.langs["en"][key] != nil }

// Language is the language that the printer speaks.
func (p *Printer) Language() language.Tag { return p.tag }

// Message is a message in words. A code that does not exist is said in English,
// and so is what was made for English and is more exact than the text of its
// code.
func (p *Printer) Message(m Message) string {
	if !p.Has(m.Code) || p.tag == language.English && m.Text != "" && !p.c.replaced[m.Code] {
		return m.Text
	}
	return p.Sprintf(m.Code, m.Values...)
}

// Time is a moment to the minute, in UTC, such as "2 January 2006, 15:04 UTC".
func (p *Printer) Time(t time.Time) string {
	t = t.UTC()
	return p.Sprintf("date.time", strconv.Itoa(t.Day()), p.month(t), strconv.Itoa(t.Year()), t.Format("15:04 MST"))
}

// Day is a day of the year, such as "2 January".
func (p *Printer) Day(t time.Time) string {
	t = t.UTC()
	return p.Sprintf("date.day", strconv.Itoa(t.Day()), p.month(t))
}

func (p *Printer) month(t time.Time) string {
	return p.Sprintf(fmt.Sprintf("date.month_%02d", int(t.Month())))
}
