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
	page := failure{view: v, Heading: v.T("error.heading"), Message: v.sentence(err), Back: v.p.o.Path + v.back}
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
func (v *view) sentence(err error) string { return v.Say(v.p.problem(err)) }

// problem is an error as a message: the text of the portal for its code, or
// what the library says, with the code or class by which that is said in other
// languages than English. Errors of the server say only that they are.
func (p *Portal) problem(err error) texts.Message {
	words, is, code := p.texts.Printer(), class.Of(err), chatadmin.Code(err)
	if is == class.Internal {
		code = is.ErrorCode()
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
