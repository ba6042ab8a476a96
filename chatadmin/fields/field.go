package fields

import (
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/texts"
)

// Kind says what the values of a field are.
type Kind string

// The kinds of fields.
const (
	Text   Kind = "text"
	Number Kind = "number" // decimal, such as -1.5
	Date   Kind = "date"   // a day, such as 2026-03-01
	Choice Kind = "choice" // one of Field.Choices
)

// Field is a field that a domain has declared for its users.
type Field struct {
	// Name is what forms and files call it: 1 to 64 bytes with a letter. Names
	// that differ in case, spaces or punctuation alone are one.
	Name string `json:"name"`
	Kind Kind   `json:"kind"`
	// Choices are what a Choice can be: 1 to 100, each of at most 100 bytes.
	Choices []string `json:"choices,omitempty"`
}

// Codes of what can be wrong with a field or a value, beside
// chatadmin.CodeTooLong, CodeBadText and CodeTaken.
const (
	CodeBadField  = "bad_field"  // no such field in the domain
	CodeBadName   = "bad_name"   // of a field
	CodeBadKind   = "bad_kind"   // neither text, number, date nor choice
	CodeBadNumber = "bad_number" // a value
	CodeBadDate   = "bad_date"   // a value
	CodeBadChoice = "bad_choice" // a value, or the choices of a field
)

const (
	mostName    = 64  // bytes
	mostValue   = 250 // bytes
	mostChoices = 100
	mostChoice  = 100 // bytes
	mostDigits  = 40
)

// key is what two names have in common that mean the same field.
func key(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) {
			return r
		}
		return -1
	}, chatadmin.Fold(name))
}

// reserved are keys of what users have anyway, and what files call it.
var reserved = strings.Fields(`name fullname displayname firstname lastname surname login username email emaillogin loginemail title jobtitle mobile phone
	manager enabled status role department kind groups language newlogin newemail password line`)

// faults tidies a field, and says all that is wrong with it.
func (f *Field) faults() (wrong []*chatadmin.FieldError) {
	bad := func(field, value, code, reason string) {
		wrong = append(wrong, &chatadmin.FieldError{Field: field, Value: chatadmin.Cut(value), Code: code, Reason: reason})
	}
	tell := func(field, value, code string, why texts.Message) {
		wrong = append(wrong, &chatadmin.FieldError{Field: field, Value: chatadmin.Cut(value), Code: code, Reason: why.Text, Detail: why})
	}
	f.Name = strings.TrimSpace(f.Name)
	switch k := key(f.Name); {
	case !strings.ContainsFunc(f.Name, unicode.IsLetter) || len(f.Name) > mostName || !graphic(f.Name) || strings.HasPrefix(f.Name, "_"):
		tell("name", f.Name, CodeBadName, texts.NewMessage("why.field_name", mostName))
	case slices.Contains(reserved, k):
		tell("name", f.Name, CodeBadName, texts.NewMessage("why.field_reserved", f.Name))
	}
	if !slices.Contains([]Kind{Text, Number, Date, Choice}, f.Kind) {
		bad("kind", string(f.Kind), CodeBadKind, "choose text, number, date or choice")
	}
	switch {
	case f.Kind != Choice && len(f.Choices) > 0:
		bad("choices", f.Choices[0], CodeBadChoice, "only a field of the kind choice has choices")
	case f.Kind == Choice && (len(f.Choices) == 0 || len(f.Choices) > mostChoices):
		tell("choices", "", CodeBadChoice, texts.NewMessage("why.choices", mostChoices))
	}
	seen := map[string]bool{}
	f.Choices = slices.Clone(f.Choices)
	for i, c := range f.Choices {
		c = strings.TrimSpace(c)
		f.Choices[i] = c
		switch k := chatadmin.Fold(c); {
		case c == "" || len(c) > mostChoice || !graphic(c):
			tell("choices", c, CodeBadChoice, texts.NewMessage("why.choice", mostChoice))
		case seen[k]:
			tell("choices", c, CodeBadChoice, texts.NewMessage("why.twice", chatadmin.Cut(c)))
		default:
			seen[k] = true
		}
	}
	return wrong
}

func (f *Field) same(other *Field) bool {
	return f.Name == other.Name && f.Kind == other.Kind && slices.Equal(f.Choices, other.Choices)
}

// graphic reports whether a text is valid and a person can see all of it.
func graphic(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return r == utf8.RuneError || !unicode.IsGraphic(r) && !unicode.Is(unicode.Join_Control, r)
	})
}

// Check brings a value into the form in which it is kept. "" is no value, and
// right. Anything that the field does not take is a *chatadmin.FieldError.
func (f *Field) Check(value string) (string, error) {
	kept, code, why := f.check(value)
	if code != "" {
		return "", f.fault(value, code, why)
	}
	return kept, nil
}

func (f *Field) fault(value, code string, why texts.Message) *chatadmin.FieldError {
	return &chatadmin.FieldError{Field: f.Name, Value: chatadmin.Cut(value), Code: code, Reason: why.Text, Detail: why}
}

func (f *Field) check(value string) (kept, code string, why texts.Message) {
	value = strings.TrimSpace(value)
	switch {
	case value == "":
		return "", "", why
	case len(value) > mostValue:
		return "", chatadmin.CodeTooLong, texts.NewMessage("why.at_most_bytes", mostValue)
	case !graphic(value):
		return "", chatadmin.CodeBadText, texts.Message{Text: "this has control or invisible characters, or is not valid text"}
	}
	switch f.Kind {
	case Number:
		if kept = number(value); kept == "" {
			return "", CodeBadNumber, texts.NewMessage("why.number", mostDigits)
		}
		return kept, "", why
	case Date:
		if t, err := time.Parse(time.DateOnly, value); err != nil || t.Year() < 1 {
			return "", CodeBadDate, texts.Message{Text: "this is not a day such as 2026-03-01: write year, month and day"}
		}
		return value, "", why
	case Choice:
		for _, c := range f.Choices {
			if chatadmin.Fold(c) == chatadmin.Fold(value) {
				return c, "", why
			}
		}
		return "", CodeBadChoice, texts.NewMessage("why.none_of", someChoices(f.Choices))
	}
	return value, "", why
}

// someChoices lists choices, the first ten of many.
func someChoices(all []string) string {
	if len(all) > 10 {
		return strings.Join(all[:10], ", ") + ", …"
	}
	return strings.Join(all, ", ")
}

var decimal = regexp.MustCompile(`^([+-]?)([0-9]+)(?:\.([0-9]+))?$`)

// number is the one form of a decimal number; "" if it is none.
func number(s string) string {
	m := decimal.FindStringSubmatch(s)
	if m == nil || len(m[2])+len(m[3]) > mostDigits {
		return ""
	}
	whole, fraction := strings.TrimLeft(m[2], "0"), strings.TrimRight(m[3], "0")
	if whole == "" {
		whole = "0"
	}
	if fraction != "" {
		whole += "." + fraction
	}
	if m[1] == "-" && whole != "0" {
		whole = "-" + whole
	}
	return whole
}
