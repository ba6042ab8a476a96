package portal

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/class"
	"chatadmin.example/sdk/chatadmin/texts"
	"chatadmin.example/sdk/integrations"
)

// failure is the page of an error.
type failure struct {
	*view
	Heading string
	Message string
	Back    string
}

// fail answers with an error. An error of the server is logged, and its text is
// not shown.
func (v *view) fail(err error) {
	ctx := v.r.Context()
	status := chatadmin.HTTPStatus(err)
	var tooLarge *http.MaxBytesError
	switch {
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return // the browser has gone
	case errors.As(err, &tooLarge):
		status = http.StatusRequestEntityTooLarge
	case errors.Is(err, errSignIn) && v.r.Method == http.MethodGet && v.signInPage() != "":
		http.Redirect(v.w, v.r, v.signInPage()+"?"+url.Values{"next": {v.r.URL.RequestURI()}}.Encode(), http.StatusSeeOther)
		return
	case status >= http.StatusInternalServerError:
		v.p.o.Logger.ErrorContext(ctx, "a page of the portal failed", "page", v.r.Pattern, "error", err)
	}
	page := failure{view: v, Heading: v.T("error.heading"), Message: v.sentence(err), Back: v.Back()}
	if status == http.StatusRequestEntityTooLarge {
		page.Message = v.T("error.too_large")
	}
	if status == http.StatusUnauthorized && v.signInPage() != "" {
		page.Back = v.signInPage()
	}
	if err := v.renderStatus(status, "failure", page); err != nil {
		v.p.o.Logger.ErrorContext(ctx, "the page of an error failed", "error", err)
		http.Error(v.w, v.T("error.heading"), http.StatusInternalServerError)
	}
}

// signInPage is where people sign in, or "".
func (v *view) signInPage() string {
	if v.p.o.SignInURL == "" && v.p.o.SignIn != nil {
		return v.Path("signin")
	}
	return v.p.o.SignInURL
}

// sentence is an error in words for the reader.
func (v *view) sentence(err error) string {
	var own *spoken
	if errors.As(err, &own) {
		return own.text
	}
	var all *chatadmin.FieldErrors
	if errors.As(err, &all) && len(all.Fields) > 1 {
		return v.faults(all.Fields)
	}
	return v.Say(v.p.problem(err))
}

// spoken is an error that the portal has said in the language of the reader.
type spoken struct {
	text string
	err  error
}

func said(text string, err error) error { return &spoken{text, err} }

func (s *spoken) Error() string { return s.text }

func (s *spoken) Unwrap() error { return s.err }

// faults says what is wrong with fields that the page has no input for.
func (v *view) faults(wrong []*chatadmin.FieldError) string {
	said := make([]string, len(wrong))
	for i, w := range wrong {
		said[i] = v.fieldName(w.Field) + ": " + v.Say(w.Message())
	}
	return strings.Join(said, " ")
}

// fieldName is the name of a field in words, if it has one.
func (v *view) fieldName(field string) string {
	if field == "mobile" {
		field = "phone"
	}
	if key := "user." + field; v.Has(key) {
		return v.T(key)
	}
	return field
}

// problem is an error as a message: the text of the portal for its code, or
// what the library says, with the text and values by which that is said as
// exactly in other languages than English, or else with the code or class.
// Errors of the server say only that they are.
func (p *Portal) problem(err error) texts.Message {
	words, is, code := p.texts.Printer(), class.Of(err), chatadmin.Code(err)
	if is == class.Internal {
		code = is.ErrorCode()
	} else if m, ok := texts.Explanation(err); ok {
		return m
	} else if at := (*integrations.ProviderError)(nil); errors.As(err, &at) {
		return at.Message()
	} else if one := (*chatadmin.FieldError)(nil); errors.As(err, &one) && one.Detail.Code != "" {
		m := one.Message()
		m.Text = err.Error()
		return m
	}
	switch own, said := "error."+code, "fault."+code; {
	case words.Has(own):
		return texts.Message{Code: own, Text: words.Sprintf(own)}
	case words.Has(said):
		return texts.Message{Code: said, Text: err.Error()}
	}
	return texts.Message{Code: "fault." + is.ErrorCode(), Text: err.Error()}
}

// Say is a message of the library, as a sentence.
func (v *view) Say(m texts.Message) string { return capital(v.words.Message(m)) }

// Sentence is a few words of the library as a sentence.
func (v *view) Sentence(words string) string { return capital(words) }

// capital makes the first letter of a sentence a capital one, and ends it with
// a full stop.
func capital(s string) string {
	if first, n := utf8.DecodeRuneInString(s); n > 0 && first != utf8.RuneError {
		s = string(unicode.ToUpper(first)) + s[n:]
	}
	if s == "" || strings.ContainsAny(s[len(s)-1:], ".!?") {
		return s
	}
	return s + "."
}
