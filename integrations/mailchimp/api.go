package mailchimp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"chatadmin.example/sdk/integrations"
)

// isDC is the form of a data centre's name, such as "us21". Whatever the
// metadata say, nothing else becomes a part of a host's name.
var isDC = regexp.MustCompile(`^[a-z]{2}\d{1,3}$`)

// api talks to the Marketing API 3.0
// (https://mailchimp.com/developer/marketing/api).
type api struct {
	client *http.Client
	fake   string // "" for the real one
	oauth  oauth2.Config
	secret integrations.Secret
}

func newAPI(o Options) (*api, error) {
	client, err := integrations.Client(integrations.Hosts{Names: []string{`login\.mailchimp\.com`, `[a-z]{2}\d{1,3}\.api\.mailchimp\.com`}, Fake: o.API}, o.Transport)
	if err != nil {
		return nil, fmt.Errorf("mailchimp: %w", err)
	}
	a := &api{client: client, fake: strings.TrimSuffix(o.API, "/"), secret: o.ClientSecret}
	a.oauth = oauth2.Config{ClientID: o.ClientID, Endpoint: oauth2.Endpoint{AuthURL: a.login() + "/oauth2/authorize", TokenURL: a.login() + "/oauth2/token", AuthStyle: oauth2.AuthStyleInParams}}
	return a, nil
}

func (a *api) login() string {
	if a.fake != "" {
		return a.fake
	}
	return "https://login.mailchimp.com"
}

func (a *api) base(dc string) (string, error) {
	switch {
	case !isDC.MatchString(dc):
		return "", &integrations.ProviderError{Service: title, Sentence: "the account names no data centre that we know: authenticate again"}
	case a.fake != "":
		return a.fake + "/3.0", nil
	}
	return "https://" + dc + ".api.mailchimp.com/3.0", nil
}

// exchange redeems a code and asks for the account that it belongs to.
func (a *api) exchange(ctx context.Context, code, redirect string) (*integrations.Grant, error) {
	conf := a.oauth
	conf.RedirectURL, conf.ClientSecret = redirect, a.secret.Reveal()
	t, err := conf.Exchange(context.WithValue(ctx, oauth2.HTTPClient, a.client), code)
	if err != nil {
		var said *oauth2.RetrieveError
		if errors.As(err, &said) {
			return nil, &integrations.ProviderError{Service: title, Code: said.ErrorCode, Again: said.Response != nil && said.Response.StatusCode >= 500, Sentence: "the sign-in was not accepted: authenticate again"}
		}
		return nil, unreachable(err, false)
	}
	var meta struct {
		DC      string `json:"dc"`
		ID      int64  `json:"user_id"`
		Account string `json:"accountname"`
	}
	if err := a.do(ctx, http.MethodGet, a.login()+"/oauth2/metadata", "OAuth "+t.AccessToken, nil, &meta); err != nil {
		return nil, err
	}
	if _, err := a.base(meta.DC); err != nil {
		return nil, err
	}
	if meta.ID <= 0 { // it tells accounts apart
		return nil, &integrations.ProviderError{Service: title, Sentence: "the answer names no account: authenticate again"}
	}
	data, err := json.Marshal(account{meta.DC})
	return &integrations.Grant{Token: integrations.Hide(t.AccessToken), ID: strconv.FormatInt(meta.ID, 10), Label: line(meta.Account), Account: data}, err
}

// call calls the API of the connection's data centre.
func (a *api) call(ctx context.Context, c *integrations.Connection, method, path string, body, into any) error {
	var acc account
	if err := json.Unmarshal(c.Account, &acc); err != nil {
		return err
	}
	base, err := a.base(acc.DC)
	if err != nil {
		return err
	}
	// the provider may repeat what it was sent, and an address of ours is a
	// secret
	var hide []string
	for _, h := range c.Hooks {
		hide = append(hide, h.URL.Reveal())
	}
	return a.do(ctx, method, base+path, "Bearer "+c.Token.Reveal(), body, into, hide...)
}

func (a *api) do(ctx context.Context, method, address, authorization string, body, into any, hide ...string) error {
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		in = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, address, in)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", authorization)
	r.Header.Set("Accept", "application/json, application/problem+json")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	res, err := a.client.Do(r)
	if err != nil {
		return unreachable(err, method == http.MethodPost)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode/100 != 2 {
		return problem(res, hide)
	}
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(res.Body).Decode(into); err != nil {
		return &integrations.ProviderError{Service: title, Sentence: "the answer cannot be read", Again: true, Unsure: method == http.MethodPost}
	}
	return nil
}

// unreachable makes an error of a request without an answer; nothing of its own
// text is kept, for it holds addresses.
func unreachable(err error, writes bool) error {
	if errors.Is(err, integrations.ErrHost) {
		return integrations.ErrHost
	}
	var dial *net.OpError
	return &integrations.ProviderError{Service: title, Sentence: "it cannot be reached", Again: true, Unsure: writes && !(errors.As(err, &dial) && dial.Op == "dial")}
}

// problem makes an error of an answer in the form of RFC 7807, with Mailchimp's
// own words, but for what is to be hidden.
func problem(res *http.Response, hide []string) error {
	var said struct {
		Title, Detail string
		Errors        []struct{ Field, Message string }
	}
	text, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	known := json.Unmarshal(text, &said) == nil && said.Title != ""
	p := &integrations.ProviderError{Service: title, Code: strconv.Itoa(res.StatusCode), Sentence: "the request was refused"}
	if known {
		p.Sentence = said.Detail
		if len(said.Errors) > 0 {
			p.Sentence = said.Errors[0].Message
		}
		for _, secret := range hide {
			p.Sentence = strings.ReplaceAll(p.Sentence, secret, "(the webhook's address)")
		}
		p.Sentence = strings.TrimSuffix(line(p.Sentence), ".")
	}
	if sec, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && sec > 0 {
		p.After = time.Duration(sec) * time.Second
	}
	switch {
	case res.StatusCode == http.StatusUnauthorized:
		p.SignIn, p.Sentence = true, "the authorisation is no longer valid: authenticate with Mailchimp again"
	case res.StatusCode == http.StatusTooManyRequests, res.StatusCode == http.StatusForbidden && !known:
		// it throttles in both ways
		p.Again, p.Sentence = true, "too many requests at once"
	case res.StatusCode >= 500:
		p.Again = true
		if !known {
			p.Sentence = "it is not available"
		}
	}
	return p
}

const pageSize = 500

// audiences lists all audiences of the account.
func (a *api) audiences(ctx context.Context, c *integrations.Connection) ([]integrations.Choice, error) {
	list := []integrations.Choice{}
	for offset := 0; ; {
		var page struct {
			Lists []struct {
				ID, Name string
				Stats    struct {
					Members int64 `json:"member_count"`
				}
			}
			Total int `json:"total_items"`
		}
		q := url.Values{"count": {strconv.Itoa(pageSize)}, "offset": {strconv.Itoa(offset)}, "fields": {"lists.id,lists.name,lists.stats.member_count,total_items"}}
		if err := a.call(ctx, c, http.MethodGet, "/lists?"+q.Encode(), nil, &page); err != nil {
			return nil, err
		}
		for _, l := range page.Lists {
			list = append(list, integrations.Choice{ID: l.ID, Name: line(l.Name), Note: fmt.Sprintf("%d contacts", l.Stats.Members)})
		}
		if offset += len(page.Lists); len(page.Lists) == 0 || offset >= page.Total {
			return list, nil
		}
	}
}

// webhook is one of an audience, as the API has it.
type webhook struct {
	ID      string          `json:"id,omitempty"`
	URL     string          `json:"url"`
	Events  map[string]bool `json:"events"`
	Sources map[string]bool `json:"sources"`
	Signing bool            `json:"signing_enabled,omitempty"`
	Secret  string          `json:"signing_secret,omitempty"` // told once, when it is made
}

func wanted(address string) webhook {
	return webhook{URL: address, Events: map[string]bool{subscribe: true, unsubscribe: true, profile: true, cleaned: true, upemail: true, campaign: true},
		Sources: map[string]bool{"user": true, "admin": true, "api": true}}
}

// complete reports whether it tells of everything.
func (w *webhook) complete() bool {
	want := wanted("")
	for e := range want.Events {
		if !w.Events[e] {
			return false
		}
	}
	for s := range want.Sources {
		if !w.Sources[s] {
			return false
		}
	}
	return true
}

func hooksPath(list string) string { return "/lists/" + url.PathEscape(list) + "/webhooks" }

func (a *api) webhooks(ctx context.Context, c *integrations.Connection, list string) ([]webhook, error) {
	var page struct{ Webhooks []webhook }
	err := a.call(ctx, c, http.MethodGet, hooksPath(list), nil, &page)
	return page.Webhooks, err
}

func (a *api) create(ctx context.Context, c *integrations.Connection, list, address string) (webhook, error) {
	var made webhook
	err := a.call(ctx, c, http.MethodPost, hooksPath(list), wanted(address), &made)
	if err == nil && made.ID == "" {
		err = &integrations.ProviderError{Service: title, Sentence: "the answer names no webhook: save again", Again: true, Unsure: true}
	}
	return made, err
}

func (a *api) mend(ctx context.Context, c *integrations.Connection, list string, w webhook) error {
	want := wanted(w.URL)
	return a.call(ctx, c, http.MethodPatch, hooksPath(list)+"/"+url.PathEscape(w.ID), want, nil)
}

// remove deletes a webhook; one that is gone already, with its audience or
// without, is no error.
func (a *api) remove(ctx context.Context, c *integrations.Connection, list, id string) error {
	return ignoreMissing(a.call(ctx, c, http.MethodDelete, hooksPath(list)+"/"+url.PathEscape(id), nil, nil))
}

func ignoreMissing(err error) error {
	var p *integrations.ProviderError
	if errors.As(err, &p) && p.Code == "404" {
		return nil
	}
	return err
}
