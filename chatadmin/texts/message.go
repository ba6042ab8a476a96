package texts

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// Message is a sentence of the library. It prints as English.
type Message struct {
	Code string `json:"code,omitempty"` // the key of its text; "" has none
	// Values are those of the text: strings, and numbers as int64.
	Values []any  `json:"values,omitempty"`
	Text   string `json:"text"` // in English
}

// NewMessage makes the message of a code of the library with its values:
// strings, whole numbers, and times, which are written as
// 2006-01-02 15:04 UTC.
func NewMessage(code string, values ...any) Message {
	m := Message{Code: code}
	for _, v := range values {
		switch v := v.(type) {
		case int:
			m.Values = append(m.Values, int64(v))
		case time.Time:
			m.Values = append(m.Values, v.UTC().Format("2006-01-02 15:04 MST"))
		case int64, string:
			m.Values = append(m.Values, v)
		default:
			m.Values = append(m.Values, fmt.Sprint(v))
		}
	}
	if c, err := own(); err == nil {
		m.Text = c.Printer().Sprintf(code, m.Values...)
	}
	return m
}

// String is the sentence in English.
func (m Message) String() string { return m.Text }

// UnmarshalJSON reads a message, or a sentence alone.
func (m *Message) UnmarshalJSON(data []byte) error {
	*m = Message{}
	if json.Unmarshal(data, &m.Text) == nil {
		return nil
	}
	type plain Message
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode((*plain)(m)); err != nil {
		return err
	}
	for i, v := range m.Values {
		switch v := v.(type) {
		case string:
		case json.Number:
			n, err := v.Int64()
			if err != nil {
				return fmt.Errorf("a value of the message %q: %w", m.Code, err)
			}
			m.Values[i] = n
		default:
			return fmt.Errorf("a value of the message %q is neither a string nor a number", m.Code)
		}
	}
	return nil
}

// Sentences are messages in English.
func Sentences(ms []Message) []string {
	all := make([]string, len(ms))
	for i, m := range ms {
		all[i] = m.Text
	}
	return all
}
