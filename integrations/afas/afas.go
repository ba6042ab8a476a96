package afas

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/texts"
	"chatadmin.example/sdk/integrations"
)

// Name is the service's name in addresses and settings.
const Name = "afas"

const title = "AFAS"

// Options of the service; nil means defaults.
type Options struct {
	// API is where a fake AFAS listens, such as afastest.Server.URL. Then
	// nothing is ever sent to AFAS itself.
	API string
	// Transport carries the requests; default: one of its own.
	Transport http.RoundTripper
}

// Service is AFAS for integrations.New.
type Service struct {
	integrations.Refuse
	api *api
}

// New returns the service.
func New(o *Options) (*Service, error) {
	if o == nil {
		o = &Options{}
	}
	client, err := integrations.Client(integrations.Hosts{Names: []string{`\d{1,10}\.rest(test|accept)?\.afas\.online`}, Fake: o.API}, o.Transport)
	if err != nil {
		return nil, fmt.Errorf("afas: %w", err)
	}
	return &Service{api: &api{client, strings.TrimSuffix(o.API, "/")}}, nil
}

// domain is what a domain admin sets.
type domain struct {
	Environment string `json:"environment"`
	Kind        string `json:"kind"`
}

var isNumber = regexp.MustCompile(`^\d{1,10}$`)

// hosts by kind of environment.
var hosts = map[string]string{"production": "rest", "test": "resttest", "accept": "restaccept"}

func (d domain) check() error {
	if !isNumber.MatchString(d.Environment) || hosts[d.Kind] == "" {
		return fmt.Errorf("settings: give environment, the number before .rest.afas.online, and kind: production, test or accept: %w", chatadmin.ErrInvalid)
	}
	return nil
}

// Info implements integrations.Service.
func (s *Service) Info() integrations.Info {
	return integrations.Info{Name: Name, Title: title, PerUser: true}
}

// CheckDomain takes the environment's number and kind; kind is production where
// it is left out.
func (s *Service) CheckDomain(settings json.RawMessage) (json.RawMessage, error) {
	var d domain
	if err := strict(settings, &d); err != nil {
		return nil, domain{}.check()
	}
	if d.Kind == "" {
		d.Kind = "production"
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	return json.Marshal(d)
}

func strict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// keys are what a code is requested and redeemed with.
type keys struct {
	API         string `json:"apiKey"`
	Environment string `json:"apiToken"` // AFAS calls it so here, and environment key in its pages
	User        string `json:"userId"`
	Code        string `json:"otp,omitempty"`
}

// account is whom the token is for.
type account struct {
	User string `json:"user"`
}

// The answers that Connect asks for.
const (
	AnswerAPIKey         = "api_key"
	AnswerEnvironmentKey = "environment_key"
	AnswerUser           = "user" // the user's name or e-mail address at AFAS
	AnswerCode           = "code" // that AFAS has mailed
)

// Connect requests a code, which AFAS mails, and then a token.
func (s *Service) Connect(ctx context.Context, c *integrations.Connection, step integrations.Step) (integrations.Next, error) {
	a := func(name string) string { return strings.TrimSpace(step.Answers[name].Reveal()) }
	if a(AnswerCode) != "" {
		return s.redeem(ctx, c, a(AnswerCode))
	}
	k := keys{API: a(AnswerAPIKey), Environment: a(AnswerEnvironmentKey), User: a(AnswerUser)}
	if k.API == "" || k.Environment == "" || k.User == "" {
		return integrations.Next{Ask: []string{AnswerAPIKey, AnswerEnvironmentKey, AnswerUser}, Hint: "The administrator of AFAS finds both keys in the properties of the app connector."}, nil
	}
	if len(k.API) > 128 || len(k.Environment) > 128 || len(k.User) > 128 {
		return integrations.Next{}, fmt.Errorf("%s: give at most 128 bytes each: %w", strings.Join([]string{AnswerAPIKey, AnswerEnvironmentKey, AnswerUser}, ", "), chatadmin.ErrInvalid)
	}
	if err := s.api.call(ctx, c, call{method: http.MethodPost, path: "/OtpRequest", body: k, hide: []string{k.API, k.Environment}}, nil); err != nil {
		return integrations.Next{}, err
	}
	keep, err := json.Marshal(k)
	return integrations.Next{Ask: []string{AnswerCode}, Hint: "AFAS has mailed a code to " + k.User + ".", Keep: integrations.Hide(string(keep))}, err
}

func (s *Service) redeem(ctx context.Context, c *integrations.Connection, code string) (integrations.Next, error) {
	var k keys
	if json.Unmarshal([]byte(c.Kept.Reveal()), &k) != nil || k.API == "" {
		return integrations.Next{}, fmt.Errorf("request a code first: %w", chatadmin.ErrInvalid)
	}
	if len(code) > 32 || strings.Trim(code, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return integrations.Next{}, fmt.Errorf("%s: copy it from the mail as it stands there: %w", AnswerCode, chatadmin.ErrInvalid)
	}
	k.Code = code
	var got struct{ Token string }
	if err := s.api.call(ctx, c, call{method: http.MethodPost, path: "/OtpValidation", body: k, hide: []string{k.API, k.Environment, code}}, &got); err != nil {
		return integrations.Next{}, err
	}
	token := strings.TrimSpace(got.Token) // a line break follows it
	if token == "" {
		return integrations.Next{}, &integrations.ProviderError{Service: title, Sentence: "the answer holds no token: request another code"}
	}
	data, err := json.Marshal(account{k.User})
	return integrations.Next{Grant: &integrations.Grant{Token: integrations.Hide(token), ID: k.User, Label: k.User, Account: data}}, err
}

// Choices lists the types of dossier items.
func (s *Service) Choices(ctx context.Context, c *integrations.Connection) ([]integrations.Choice, error) {
	return s.api.subjectTypes(ctx, c)
}

// settings of a user.
type settings struct {
	Type string `json:"type,omitempty"`
}

// Save checks that the app connector has what is needed, and the type of
// dossier items, if one is chosen.
func (s *Service) Save(ctx context.Context, c *integrations.Connection) error {
	var set settings
	if err := strict(c.Settings, &set); err != nil {
		return fmt.Errorf("settings: give the type of dossier items, or {}: %w", chatadmin.ErrInvalid)
	}
	if err := s.api.check(ctx, c); err != nil {
		return err
	}
	if set.Type != "" {
		list, err := s.Choices(ctx, c)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(list, func(ch integrations.Choice) bool { return ch.ID == set.Type }) {
			return texts.Explain(fmt.Errorf("type %q: there is no such type of dossier items: %w", chatadmin.Cut(set.Type), chatadmin.ErrInvalid), "why.dossier_type", chatadmin.Cut(set.Type))
		}
	}
	var err error
	c.Settings, err = json.Marshal(set)
	return err
}

// The fields of Link.
const (
	FieldType    = "type"    // of the dossier item; by default that of the settings
	FieldSubject = "subject" // its title
	// what kind of thing it is about (SfTp), such as "17"; optional, with
	// FieldLinkID
	FieldLinkType = "link_type"
	FieldLinkID   = "link_id" // which one (SfId)
)

// Send makes a dossier item of a message, by the update connector KnSubject.
func (s *Service) Send(ctx context.Context, c *integrations.Connection, o integrations.Outgoing) (integrations.Sent, error) {
	set := settings{}
	if len(c.Settings) > 0 {
		if err := json.Unmarshal(c.Settings, &set); err != nil {
			return integrations.Sent{}, err
		}
	}
	f := o.Fields
	if f[FieldType] != "" {
		set.Type = f[FieldType]
	}
	kind, err := strconv.Atoi(set.Type)
	if err != nil {
		return integrations.Sent{}, fmt.Errorf("%s %q: give the number of a type of dossier items: %w", FieldType, chatadmin.Cut(set.Type), chatadmin.ErrInvalid)
	}
	if f[FieldSubject] == "" || len(f[FieldSubject]) > 250 || (f[FieldLinkType] == "") != (f[FieldLinkID] == "") || len(f[FieldLinkType]) > 16 || len(f[FieldLinkID]) > 64 {
		return integrations.Sent{}, fmt.Errorf("give %s of at most 250 bytes, and both or neither of %s and %s: %w", FieldSubject, FieldLinkType, FieldLinkID, chatadmin.ErrInvalid)
	}
	for name := range f {
		if !slices.Contains([]string{FieldType, FieldSubject, FieldLinkType, FieldLinkID}, name) {
			return integrations.Sent{}, fmt.Errorf("field %q is not known: %w", chatadmin.Cut(name), chatadmin.ErrInvalid)
		}
	}
	text := o.Text
	if o.Author != "" {
		text = o.Author + ": " + text
	}
	id, err := s.api.createSubject(ctx, c, newSubject(kind, f[FieldSubject], text, o.Queued, f[FieldLinkType], f[FieldLinkID]))
	if err != nil {
		return integrations.Sent{}, err
	}
	return integrations.Sent{ID: id}, nil
}

// Form implements integrations.Former.
func (s *Service) Form() integrations.Form {
	kinds := []integrations.Choice{{ID: "production", Name: "Production"}, {ID: "test", Name: "Test"}, {ID: "accept", Name: "Acceptance"}}
	return integrations.Form{
		Domain: []integrations.Setting{
			{Name: "environment", Label: "Environment number", Kind: integrations.Line, Max: 10, Required: true},
			{Name: "kind", Label: "Kind of environment", Kind: integrations.One, Choices: kinds},
		},
		Own: []integrations.Setting{{Name: "type", Label: "Type of dossier items", Kind: integrations.One}},
		Steps: []integrations.Questions{
			{Button: "Request code", Ask: []integrations.Setting{
				{Name: AnswerAPIKey, Label: "API key", Kind: integrations.Hidden, Max: 128, Required: true},
				{Name: AnswerEnvironmentKey, Label: "Environment key", Kind: integrations.Hidden, Max: 128, Required: true},
				{Name: AnswerUser, Label: "User name or e-mail address at AFAS", Kind: integrations.Line, Max: 128, Required: true},
			}},
			{Button: "Request token", Ask: []integrations.Setting{
				{Name: AnswerCode, Label: "Code", Kind: integrations.Line, Max: 32, Required: true},
			}},
		},
	}
}
