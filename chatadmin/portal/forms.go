package portal

import (
	"errors"
	"net/url"
	"strconv"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/texts"
)

// field is one field of a form, for the template "field".
type field struct {
	Name, Label, Value string
	Type               string // of the input, or "textarea", "checkbox"; "" is text
	Help, Error        string
	Required           bool
	Max                int // bytes that it may have
	Autocomplete       string
	Options            []option // a choice
	Checks             []check  // several choices, of the type "checks"
	Heading            string   // above the field
}

// ID is the ID of the input. Names that a domain has chosen may hold blanks,
// which no ID may.
func (f field) ID() string { return "f-" + url.PathEscape(f.Name) }

// check is one of several choices.
type check struct {
	Value, Name string
	Chosen      bool
}

// option is one entry of a choice.
type option struct{ Value, Name string }

// complain puts what is wrong with fields beside them, and returns the rest as
// one sentence; nil is nothing.
func (v *view) complain(fields []field, err error) string {
	var all *chatadmin.FieldErrors
	var one *chatadmin.FieldError
	var wrong []*chatadmin.FieldError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &all):
		wrong = all.Fields
	case errors.As(err, &one):
		wrong = []*chatadmin.FieldError{one}
	default:
		return v.sentence(err)
	}
	rest := ""
	for _, w := range wrong {
		text := v.Say(w.Message())
		found := false
		for i := range fields {
			// If logins are e-mail addresses, one field is both.
			if fields[i].Name == w.Field || fields[i].Name == ownField+w.Field || fields[i].Name == "login" && fields[i].Type == "email" && w.Field == "email" ||
				fields[i].Name == "phone" && w.Field == "mobile" {
				fields[i].Error, found = text, true
			}
		}
		switch {
		case !found && len(wrong) > 1:
			rest += " " + v.fieldName(w.Field) + ": " + text
		case !found:
			rest += " " + text
		}
	}
	if rest == "" {
		return v.T("error.fields", len(wrong))
	}
	return rest[1:]
}

// badge says something in a word, with a tone: good, bad, warn or mute.
type badge struct{ Text, Tone string }

// count is a number with its name.
type count struct {
	Name   string
	Number string
}

func (v *view) count(key string, n int64) count {
	return count{v.T(key), v.words.Sprintf("%d", n)}
}

// messages are sentences in a box, with the tone of a badge.
type messages struct {
	Heading, Tone string
	List          []string
}

// warnings are what a plan says beside its counts.
func (v *view) warnings(of []texts.Message) messages {
	m := messages{Heading: v.T("plan.warnings"), Tone: "warn"}
	for _, w := range of {
		m.List = append(m.List, v.Say(w))
	}
	return m
}

// number reads a whole number of a form.
func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return -1
	}
	return n
}

// ids are IDs as a form or an address gives them, each once, at most
// maxSelected.
func ids(given []string) []chatadmin.ID {
	var out []chatadmin.ID
	seen := map[string]bool{}
	for _, s := range given {
		if s != "" && !seen[s] && len(out) < maxSelected {
			seen[s] = true
			out = append(out, chatadmin.ID(s))
		}
	}
	return out
}

// maxSelected is how many rows of a list are selected at most: what a page
// shows.
const maxSelected = 100
