package afas

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"chatadmin.example/sdk/integrations"
)

// api talks to the Profit REST API (https://docs.afas.help/profit/en).
type api struct {
	client *http.Client
	fake   string // "" for the real one
}

// call is one request.
type call struct {
	method, path string
	body         any
	signed       bool     // with the token
	creates      bool     // doing it twice makes two
	hide         []string // what no error may repeat
}

func (a *api) base(c *integrations.Connection) (string, error) {
	var d domain
	if err := json.Unmarshal(c.DomainSettings, &d); err != nil {
		return "", domain{}.check()
	}
	if err := d.check(); err != nil {
		// what was stored is checked again before it becomes a host's name
		return "", err
	}
	if a.fake != "" {
		return a.fake + "/ProfitRestServices", nil
	}
	return "https://" + d.Environment + "." + hosts[d.Kind] + ".afas.online/ProfitRestServices", nil
}

func (a *api) call(ctx context.Context, c *integrations.Connection, q call, into any) error {
	base, err := a.base(c)
	if err != nil {
		return err
	}
	var in io.Reader
	if q.body != nil {
		b, err := json.Marshal(q.body)
		if err != nil {
			return err
		}
		in = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, q.method, base+q.path, in)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "application/json")
	if q.body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if q.signed {
		token := base64.StdEncoding.EncodeToString([]byte(c.Token.Reveal()))
		r.Header.Set("Authorization", "AfasToken "+token)
		q.hide = append(q.hide, c.Token.Reveal(), token)
	}
	res, err := a.client.Do(r)
	if err != nil {
		return unreachable(err, q.creates)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode/100 != 2 {
		return refusal(res, &q)
	}
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(res.Body).Decode(into); err != nil {
		return &integrations.ProviderError{Service: title, Sentence: "the answer cannot be read", Again: true, Unsure: q.creates}
	}
	return nil
}

// unreachable makes an error of a request without an answer; nothing of its own
// text is kept.
func unreachable(err error, creates bool) error {
	if errors.Is(err, integrations.ErrHost) {
		return integrations.ErrHost
	}
	var dial *net.OpError
	return &integrations.ProviderError{Service: title, Sentence: "it cannot be reached", Again: true, Unsure: creates && !(errors.As(err, &dial) && dial.Op == "dial")}
}

// said is an error of AFAS, in either of its forms.
type said struct {
	External string `json:"externalMessage"`
	Error    struct {
		Message message `json:"message"`
	} `json:"error"`
	RetryAfter json.Number `json:"retry_after"` // seconds
}

// message is a text, or an object that holds it as an example.
type message string

// UnmarshalJSON reads both.
func (m *message) UnmarshalJSON(b []byte) error {
	var text string
	if json.Unmarshal(b, &text) != nil {
		var o struct{ Example string }
		_ = json.Unmarshal(b, &o)
		text = o.Example
	}
	*m = message(text)
	return nil
}

// refusal makes an error of an answer, with AFAS's own words.
func refusal(res *http.Response, q *call) error {
	var s said
	text, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	_ = json.Unmarshal(text, &s)
	p := &integrations.ProviderError{Service: title, Code: strconv.Itoa(res.StatusCode), Sentence: words(s.External, q.hide)}
	if p.Sentence == "" {
		p.Sentence = words(string(s.Error.Message), q.hide)
	}
	wait := res.Header.Get("Retry-After")
	if s.RetryAfter != "" {
		wait = s.RetryAfter.String()
	}
	if sec, err := strconv.ParseInt(wait, 10, 32); err == nil && sec > 0 {
		p.After = time.Duration(sec) * time.Second
	}
	other := "the request was refused"
	switch {
	case res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden:
		p.SignIn = q.signed
		if other = "the keys or the user are not accepted: check them in the properties of the app connector"; q.signed {
			other = "the token is no longer valid: request a new one"
		}
	case res.StatusCode == http.StatusTooManyRequests:
		p.Again, other = true, "too many requests"
	case res.StatusCode >= 500 && s.External == "": // with such a message it is what AFAS says of wrong values
		p.Again, p.Unsure, other = true, q.creates && res.StatusCode != http.StatusServiceUnavailable, "it is not available"
	}
	if p.Sentence == "" {
		p.Sentence = other
	}
	return p
}

// words are a provider's own words: on one line, of a bearable length, without
// what must not be repeated.
func words(s string, hide []string) string {
	slices.SortFunc(hide, func(a, b string) int { return len(b) - len(a) }) // one may stand in another
	for _, secret := range hide {
		if len(secret) > 3 { // less is none, and would make holes in words
			s = strings.ReplaceAll(s, secret, "***")
		}
	}
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD")))
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:297], "") + "…"
	}
	return s
}

const pageSize = 100

// subjectTypes reads the types of dossier items, page by page.
func (a *api) subjectTypes(ctx context.Context, c *integrations.Connection) ([]integrations.Choice, error) {
	list := []integrations.Choice{}
	for skip := 0; skip < 100*pageSize; skip += pageSize {
		var page struct {
			Rows []struct {
				ID          int64 `json:"SubjectTypeId"`
				Description string
			} `json:"rows"`
		}
		if err := a.call(ctx, c, call{method: http.MethodGet, path: fmt.Sprintf("/connectors/%s?skip=%d&take=%d", getTypes, skip, pageSize), signed: true}, &page); err != nil {
			return nil, err
		}
		for _, r := range page.Rows {
			list = append(list, integrations.Choice{ID: strconv.FormatInt(r.ID, 10), Name: words(r.Description, nil)})
		}
		if len(page.Rows) < pageSize {
			break
		}
	}
	return list, nil
}

const (
	getTypes = "Profit_SubjectTypes"
	update   = "KnSubject"
)

// check looks whether the app connector has what is needed.
func (a *api) check(ctx context.Context, c *integrations.Connection) error {
	type connector struct {
		ID string `json:"id"`
	}
	var meta struct {
		Update []connector `json:"updateConnectors"`
		Get    []connector `json:"getConnectors"`
	}
	if err := a.call(ctx, c, call{method: http.MethodGet, path: "/metainfo", signed: true}, &meta); err != nil {
		return err
	}
	for name, list := range map[string][]connector{update: meta.Update, getTypes: meta.Get} {
		if !slices.Contains(list, connector{name}) {
			return &integrations.ProviderError{Service: title, Sentence: "the app connector lacks " + name + ": ask the administrator of AFAS to add it"}
		}
	}
	return nil
}

// subject is the body by which a dossier item is made.
type subject struct {
	KnSubject element[subjectFields] `json:"KnSubject"`
}

type element[T any] struct {
	Element struct {
		Fields  T        `json:"Fields"`
		Objects []object `json:"Objects,omitempty"`
	} `json:"Element"`
}

type subjectFields struct {
	Type    int    `json:"StId"`
	Subject string `json:"Ds"`
	Text    string `json:"SbTx"`
	Date    string `json:"Da"`
}

type object struct {
	Link struct {
		Element []linkElement `json:"Element"`
	} `json:"KnSubjectLink"`
}

type linkElement struct {
	Fields linkFields `json:"Fields"`
}

type linkFields struct {
	CRM  bool   `json:"DoCRM"`
	Type string `json:"SfTp"`
	ID   string `json:"SfId"`
}

func newSubject(kind int, title, text string, at time.Time, linkType, linkID string) subject {
	var s subject
	e := &s.KnSubject.Element
	e.Fields = subjectFields{kind, title, text, at.Format("2006-01-02T15:04:05")}
	if linkID != "" {
		var o object
		o.Link.Element = []linkElement{{linkFields{true, linkType, linkID}}}
		e.Objects = []object{o}
	}
	return s
}

// createSubject makes a dossier item and returns its number.
func (a *api) createSubject(ctx context.Context, c *integrations.Connection, s subject) (string, error) {
	var made struct {
		Results struct {
			KnSubject struct {
				ID string `json:"SbId"`
			}
		} `json:"results"`
	}
	if err := a.call(ctx, c, call{method: http.MethodPost, path: "/connectors/" + update, body: s, signed: true, creates: true}, &made); err != nil {
		return "", err
	}
	id := made.Results.KnSubject.ID
	if id == "" || len(id) > 64 {
		return "", &integrations.ProviderError{Service: title, Sentence: "the answer names no dossier item", Unsure: true}
	}
	return id, nil
}
